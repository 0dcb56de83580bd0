//! What a fixed step does to the time constant of a pure decay, exactly.

use tauscope_adjoint::FixedStepMethod;

/// The time constant that a scheme must take to pass through the samples of a pure decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// `tau_hat / tau`.
    Ratio(f64),
    /// No time constant passes through the samples.
    NoTau,
}

impl Law {
    /// The ratio, where there is one.
    pub fn ratio(self) -> Option<f64> {
        match self {
            Law::Ratio(ratio) => Some(ratio),
            Law::NoTau => None,
        }
    }
}

/// `tau_hat / tau` for a pure decay `exp(-t / tau)` sampled once a step, `q = step / tau > 0`: the root of
/// `R(z) = exp(-q)` on the branch `z = step / tau_hat -> 0`, R being the factor of one step of `method`.
///
/// Exact for a decay; for driven units a guide. `None` for a method without time constants.
pub fn law(method: FixedStepMethod, q: f64) -> Option<Law> {
    // 1 - exp(-q), without the loss of digits at small q
    let lost = -(-q).exp_m1();
    Some(match method {
        FixedStepMethod::Euler | FixedStepMethod::EulerSequential => Law::Ratio(q / lost),
        FixedStepMethod::ExponentialEuler => Law::Ratio(1.0),
        FixedStepMethod::BackwardEuler => Law::Ratio(q / q.exp_m1()),
        FixedStepMethod::ImplicitMidpoint => Law::Ratio(q / (2.0 * (0.5 * q).tanh())),
        FixedStepMethod::Heun => heun(q, lost),
        FixedStepMethod::Rk4 => rk4(q, lost),
        FixedStepMethod::Elman => return None,
    })
}

/// The largest `q` at which a time constant exists, where there is a limit: ln 2 for `heun`, 1.3079 for `rk4`.
pub fn step_limit(method: FixedStepMethod) -> Option<f64> {
    match method {
        FixedStepMethod::Heun => Some(std::f64::consts::LN_2),
        FixedStepMethod::Rk4 => Some(-(-rk4_lost(rk4_turn())).ln_1p()),
        _ => None,
    }
}

/// `1 - z + z^2/2 = exp(-q)`: `z = 1 - sqrt(1 - 2 lost)`.
fn heun(q: f64, lost: f64) -> Law {
    let root = 1.0 - 2.0 * lost;
    if root < 0.0 {
        return Law::NoTau;
    }
    Law::Ratio(q * (1.0 + root.sqrt()) / (2.0 * lost))
}

/// `1 - R(z)` of the classical Runge-Kutta method, for a decay of rate `z` a step.
fn rk4_lost(z: f64) -> f64 {
    z * (1.0 - z / 2.0 * (1.0 - z / 3.0 * (1.0 - z / 4.0)))
}

/// Where [`rk4_lost`] is largest: the real root of `1 - z + z^2/2 - z^3/6`.
fn rk4_turn() -> f64 {
    bisect(1.0, 2.0, |z| {
        1.0 - z * (1.0 - z / 2.0 * (1.0 - z / 3.0)) < 0.0
    })
}

fn rk4(q: f64, lost: f64) -> Law {
    let turn = rk4_turn();
    if lost > rk4_lost(turn) {
        return Law::NoTau;
    }
    Law::Ratio(q / bisect(0.0, turn, |z| rk4_lost(z) > lost))
}

/// The point between `low` and `high` from which on `beyond` holds, to the last digit.
fn bisect(mut low: f64, mut high: f64, beyond: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if beyond(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table that was derived for this project: q = 0.1, 0.5, 1, 2.
    const TABLE: [(FixedStepMethod, [Option<f64>; 4]); 6] = [
        (
            FixedStepMethod::Euler,
            [Some(1.051), Some(1.271), Some(1.582), Some(2.313)],
        ),
        (
            FixedStepMethod::BackwardEuler,
            [Some(0.951), Some(0.771), Some(0.582), Some(0.313)],
        ),
        (
            FixedStepMethod::ImplicitMidpoint,
            [Some(1.001), Some(1.021), Some(1.082), Some(1.313)],
        ),
        (
            FixedStepMethod::Heun,
            [Some(0.9982), Some(0.9287), None, None],
        ),
        (
            FixedStepMethod::Rk4,
            [Some(0.9999991), Some(0.99921), Some(0.97875), None],
        ),
        (
            FixedStepMethod::ExponentialEuler,
            [Some(1.0), Some(1.0), Some(1.0), Some(1.0)],
        ),
    ];

    #[test]
    fn the_law_is_that_of_the_table() {
        for (method, expected) in TABLE {
            for (q, expected) in [0.1, 0.5, 1.0, 2.0].into_iter().zip(expected) {
                let found = law(method, q).and_then(Law::ratio);
                assert_eq!(found.is_some(), expected.is_some(), "{method:?} {q}");
                if let (Some(found), Some(expected)) = (found, expected) {
                    assert!((found - expected).abs() < 5.1e-4, "{method:?} {q}: {found}");
                }
            }
        }
    }

    #[test]
    fn the_scheme_with_that_time_constant_decays_as_the_samples_do() {
        let factor = |method, z: f64| match method {
            FixedStepMethod::Euler => 1.0 - z,
            FixedStepMethod::BackwardEuler => 1.0 / (1.0 + z),
            FixedStepMethod::ImplicitMidpoint => (1.0 - z / 2.0) / (1.0 + z / 2.0),
            FixedStepMethod::Heun => 1.0 - z + z * z / 2.0,
            _ => 1.0 - rk4_lost(z),
        };
        for (method, _) in &TABLE[..5] {
            for q in [1e-6, 0.01, 0.3, 0.69, 1.3] {
                if let Some(Law::Ratio(ratio)) = law(*method, q) {
                    let error = (factor(*method, q / ratio) - (-q).exp()).abs();
                    assert!(error < 1e-15, "{method:?} {q}: {error:.1e}");
                }
            }
        }
    }

    #[test]
    fn beyond_its_limit_a_scheme_has_no_time_constant() {
        for (method, expected) in [
            (FixedStepMethod::Heun, std::f64::consts::LN_2),
            (FixedStepMethod::Rk4, 1.3079),
        ] {
            let limit = step_limit(method).unwrap();
            assert!((limit - expected).abs() < 1e-4);
            assert_eq!(law(method, limit * 1.0001), Some(Law::NoTau));
            assert!(matches!(law(method, limit * 0.9999), Some(Law::Ratio(_))));
        }
        assert_eq!(law(FixedStepMethod::Elman, 1.0), None);
    }
}
