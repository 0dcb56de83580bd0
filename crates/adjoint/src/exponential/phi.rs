use super::kernels::fma;
use pulp::{Simd, WithSimd};
use tauscope_dynamics::vector_unit;

/// Highest power of `s` that is integrated: the polynomials have one less, the rest serves the derivative.
const POWERS: usize = 7;
/// Where the recurrence upwards takes over from the series.
const SERIES_BELOW: f64 = 3.0;
/// Terms of the series: at [`SERIES_BELOW`] the first one left out is below 1e-17 of the sum.
const TERMS: usize = 28;

/// The integrals of a first-order filter over part of a step, by unit:
/// `p_j(y) = integral_0^1 exp(-y (1 - s)) s^j ds`, with `y` the length of that part over the time constant.
///
/// `y p_j = 1 - j p_(j-1)` upwards for large `y`; the series of the highest and the same recurrence downwards for
/// small. `d p_j / dy = p_(j+1) - p_j`.
///
/// # Reference
/// Hochbruck & Ostermann, *Exponential integrators*, Acta Numerica 19 (2010), doi:10.1017/S0962492910000048.
#[derive(Debug, Clone, Default)]
pub(super) struct FilterIntegrals {
    y: Vec<f64>,
    keep: Vec<f64>,
    /// (power, unit)
    p: [Vec<f64>; POWERS],
}

impl FilterIntegrals {
    /// For units that decay at rate `decay`, over a time `length`; what was there is forgotten.
    pub(super) fn fill(&mut self, decay: &[f64], length: f64) {
        self.y.clear();
        self.y.extend(decay.iter().map(|d| d * length));
        self.keep.clear();
        self.keep.extend(self.y.iter().map(|y| (-y).exp()));
        for p in &mut self.p {
            p.resize(decay.len(), 0.0);
        }
        vector_unit().dispatch(Integrals {
            y: &self.y,
            keep: &self.keep,
            p: self.p.each_mut().map(|p| p.as_mut_slice()),
        });
    }

    /// The weights `exp(-y)` of the state at the start, and their derivatives with respect to log tau, `-y d/dy`.
    pub(super) fn keep(&self, weights: &mut [f64], by_log_tau: &mut [f64]) {
        weights.copy_from_slice(&self.keep);
        for ((out, y), keep) in by_log_tau.iter_mut().zip(&self.y).zip(&self.keep) {
            *out = y * keep;
        }
    }

    /// Adds the weights `y sum_j c_j p_j(y)` of a polynomial forcing `sum_j c_j s^j`, and their derivatives with respect to log tau,
    /// `-y d(y p_j)/dy = -y (p_j + y (p_(j+1) - p_j))`.
    pub(super) fn add_weights(
        &self,
        coefficients: &[f64],
        weights: &mut [f64],
        by_log_tau: &mut [f64],
    ) {
        macro_rules! call {
            ($count:literal) => {
                if let Ok(coefficients) = coefficients.try_into() {
                    vector_unit().dispatch(OfPolynomial::<$count> {
                        integrals: self,
                        coefficients,
                        weights,
                        by_log_tau,
                    });
                }
            };
        }
        match coefficients.len() {
            0 => {}
            1 => call!(1),
            2 => call!(2),
            3 => call!(3),
            4 => call!(4),
            5 => call!(5),
            6 => call!(6),
            more => unreachable!(
                "{more} coefficients of a polynomial, at most {}",
                POWERS - 1
            ),
        }
    }
}

/// See [`FilterIntegrals::add_weights`].
struct OfPolynomial<'a, const K: usize> {
    integrals: &'a FilterIntegrals,
    coefficients: &'a [f64; K],
    weights: &'a mut [f64],
    by_log_tau: &'a mut [f64],
}

impl<const K: usize> WithSimd for OfPolynomial<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let FilterIntegrals { y, p, .. } = self.integrals;
        let n = y.len();
        let (weights, by_log_tau) = (&mut self.weights[..n], &mut self.by_log_tau[..n]);
        let mut lower = [&[][..]; K];
        let mut upper = [&[][..]; K];
        for j in 0..K {
            (lower[j], upper[j]) = (&p[j][..n], &p[j + 1][..n]);
        }
        for unit in 0..n {
            let (mut of_lower, mut of_upper) = (0.0, 0.0);
            for j in 0..K {
                let c = self.coefficients[j];
                of_lower = fma::<S>(c, lower[j][unit], of_lower);
                of_upper = fma::<S>(c, upper[j][unit], of_upper);
            }
            let y = y[unit];
            weights[unit] = fma::<S>(y, of_lower, weights[unit]);
            by_log_tau[unit] -= y * fma::<S>(y, of_upper - of_lower, of_lower);
        }
    }
}

/// `p_j(y)` and `exp(-y)` are known from `y`; both branches are computed, so that the loop has none.
struct Integrals<'a> {
    y: &'a [f64],
    keep: &'a [f64],
    p: [&'a mut [f64]; POWERS],
}

/// `highest! / (highest + 1 + i)!` with alternating sign: the series of the highest integral, last term first.
const SERIES: [f64; TERMS] = {
    let mut terms = [0.0; TERMS];
    let mut term = 1.0 / POWERS as f64;
    let mut i = 0;
    while i < TERMS {
        terms[TERMS - 1 - i] = term;
        term /= -((POWERS + i + 1) as f64);
        i += 1;
    }
    terms
};

impl WithSimd for Integrals<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let n = self.y.len();
        let (y, keep) = (self.y, &self.keep[..n]);
        let p = self.p.map(|p| &mut p[..n]);
        for unit in 0..n {
            let (y, keep) = (y[unit], keep[unit]);
            let upwards = y > SERIES_BELOW;
            let small = if upwards { SERIES_BELOW } else { y };
            let mut series = SERIES[0];
            for term in &SERIES[1..] {
                series = series * small + term;
            }
            let mut down = [series; POWERS];
            for j in (1..POWERS).rev() {
                down[j - 1] = (1.0 - small * down[j]) / j as f64;
            }
            let inverse = 1.0 / y;
            let mut up = [(1.0 - keep) * inverse; POWERS];
            for j in 1..POWERS {
                up[j] = (1.0 - j as f64 * up[j - 1]) * inverse;
            }
            for j in 0..POWERS {
                p[j][unit] = if upwards { up[j] } else { down[j] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gauss-Legendre with 5 nodes on many panels: independent of both recurrences.
    fn by_quadrature(y: f64, j: i32) -> f64 {
        const NODES: [(f64, f64); 5] = [
            (0.0, 0.568_888_888_888_888_9),
            (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
            (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
            (0.906_179_845_938_664, 0.236_926_885_056_189_08),
            (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
        ];
        let panels = 400;
        let width = 1.0 / f64::from(panels);
        (0..panels)
            .flat_map(|k| {
                NODES
                    .iter()
                    .map(move |&(x, w)| ((f64::from(k) + 0.5 + 0.5 * x) * width, 0.5 * w * width))
            })
            .map(|(s, w)| w * (-y * (1.0 - s)).exp() * s.powi(j))
            .sum()
    }

    fn over(decay: &[f64], length: f64) -> FilterIntegrals {
        let mut integrals = FilterIntegrals::default();
        integrals.fill(decay, length);
        integrals
    }

    fn integrals(y: f64) -> [f64; POWERS] {
        over(&[1.0], y).p.map(|p| p[0])
    }

    #[test]
    fn integrals_agree_with_quadrature_on_both_sides_of_the_switch() {
        for y in [1e-9, 1e-3, 0.3, 1.0, 2.9, 3.1, 10.0, 50.0] {
            let p = integrals(y);
            for (j, &p) in p.iter().enumerate() {
                let wanted = by_quadrature(y, j as i32);
                assert!(
                    (p / wanted - 1.0).abs() < 1e-13,
                    "p_{j}({y}) = {p}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn a_constant_forcing_and_the_state_share_all_weight() {
        let filter = over(&[0.01, 1.0, 1e4], 1.0);
        let (mut keep, mut by_log_tau, mut weights) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        filter.keep(&mut keep, &mut by_log_tau);
        filter.add_weights(&[1.0], &mut weights, &mut [0.0; 3]);
        for unit in 0..3 {
            assert!((keep[unit] + weights[unit] - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn derivatives_by_log_tau_agree_with_differences() {
        const H: f64 = 1e-6;
        const C: [f64; 4] = [0.3, -1.0, 2.0, 0.7];
        /// The weight and its derivative, then those of the state at the start.
        fn at(log_tau: f64) -> [f64; 4] {
            let filter = over(&[(-log_tau).exp()], 1.0);
            let mut out = [[0.0]; 4];
            let [weight, by_log_tau, keep, keep_by_log_tau] = &mut out;
            filter.add_weights(&C, weight, by_log_tau);
            filter.keep(keep, keep_by_log_tau);
            out.map(|v| v[0])
        }
        for log_tau in [-3.0, -1.05, 0.0, 4.0] {
            let (low, high, here) = (at(log_tau - H), at(log_tau + H), at(log_tau));
            for value in [0, 2] {
                let difference = (high[value] - low[value]) / (2.0 * H);
                assert!((difference - here[value + 1]).abs() < 1e-8);
            }
        }
    }
}
