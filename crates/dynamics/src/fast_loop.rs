use crate::RateNetwork;
use nalgebra::{DMatrix, DVector};

/// Units that follow within a step and may drive each other: steps of that length do not resolve what goes on between them.
///
/// Where f saturates, all steps that are too long may lie on one wrong solution, and finer ones agree with them, so that no
/// comparison of steps tells.
#[derive(Debug, Clone, PartialEq)]
pub struct FastLoop {
    /// The units whose time constants add up to less than the step, but for those through which no way round leads.
    pub units: Vec<usize>,
    /// Longest of these sums, in the unit of the time constants.
    pub follows_within: f64,
    /// Most that a signal among these units grows by on its way round, where f is steepest everywhere: an upper bound of the
    /// spectral radius of `|W| max f'` among them.
    pub gain: f64,
}

/// From here on a loop of that gain may be unstable in time, or stable in time and not in steps.
const GAIN: f64 = 1.0;
/// Rounds of the power iteration: each one lowers the bound.
const ROUNDS: usize = 60;

impl RateNetwork {
    /// The loop that steps of length `step` miss, if there may be one.
    pub fn fast_loop(&self, step: f64) -> Option<FastLoop> {
        let within: Vec<f64> = (0..self.n_units())
            .map(|unit| {
                let tau = |decays: &[f64]| decays.get(unit).map_or(0.0, |decay| decay.recip());
                tau(self.decay_s()) + tau(self.decay_r())
            })
            .collect();
        let w = &self.parameters().w;
        let fast = (0..within.len()).filter(|&unit| within[unit] < step);
        let units = on_the_way_round(w, fast.collect());
        let steepest = self.activation().steepest();
        let among = DMatrix::from_fn(units.len(), units.len(), |i, j| {
            steepest * w[(units[i], units[j])].abs()
        });
        let gain = spectral_radius(&among);
        (gain > GAIN).then(|| FastLoop {
            follows_within: units.iter().map(|&unit| within[unit]).fold(0.0, f64::max),
            units,
            gain,
        })
    }
}

/// Leaves out of `units` again and again those that none of them drives and those that drive none of them: what is left contains every
/// loop. A chain has none, of whatever length, while a bound by powers falls by one unit a round.
fn on_the_way_round(w: &DMatrix<f64>, units: Vec<usize>) -> Vec<usize> {
    let drives = |source: usize, target: usize| w[(target, source)] != 0.0;
    let mut is_left = vec![false; w.nrows()];
    units.iter().for_each(|&unit| is_left[unit] = true);
    let count = |is_one: &dyn Fn(usize) -> bool| units.iter().filter(|&&u| is_one(u)).count();
    let all = 0..w.nrows();
    let mut sources: Vec<usize> = all
        .clone()
        .map(|unit| count(&|u| drives(u, unit)))
        .collect();
    let mut targets: Vec<usize> = all.map(|unit| count(&|u| drives(unit, u))).collect();
    let mut leave: Vec<usize> = units.clone();
    leave.retain(|&unit| sources[unit] == 0 || targets[unit] == 0);
    while let Some(gone) = leave.pop() {
        if !std::mem::replace(&mut is_left[gone], false) {
            continue;
        }
        for &unit in units.iter().filter(|&&unit| is_left[unit]) {
            sources[unit] -= usize::from(drives(gone, unit));
            targets[unit] -= usize::from(drives(unit, gone));
            if sources[unit] == 0 || targets[unit] == 0 {
                leave.push(unit);
            }
        }
    }
    units.into_iter().filter(|&unit| is_left[unit]).collect()
}

/// Upper bound of the spectral radius of a matrix without negative entries: `max_i (A v)_i / v_i` for any positive v (Collatz
/// 1942, doi:10.1007/BF01180013), here for v that a power iteration with `A + shift` has made.
fn spectral_radius(a: &DMatrix<f64>) -> f64 {
    let largest = a.iter().fold(0.0, |m: f64, v| m.max(*v));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let mut v = DVector::from_element(a.nrows(), 1.0);
    let mut bound = f64::INFINITY;
    for _ in 0..ROUNDS {
        let next = a * &v;
        let worst = next.iter().zip(&v).map(|(n, v)| n / v).fold(0.0, f64::max);
        bound = bound.min(worst);
        // a shift keeps v positive, and from turning round between two vectors
        v = next + v * (0.1 * largest);
        v /= v.amax();
        v.apply(|v| *v = v.max(f64::MIN_POSITIVE.sqrt()));
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, ModelKind, Parameters};

    fn network(activation: Activation, w: [f64; 9], tau: [f64; 3]) -> RateNetwork {
        of(activation, DMatrix::from_row_slice(3, 3, &w), &tau)
    }

    fn of(activation: Activation, w: DMatrix<f64>, tau: &[f64]) -> RateNetwork {
        let log_tau: Vec<f64> = tau.iter().map(|tau| (0.5 * tau).ln()).collect();
        let parameters = Parameters {
            w,
            u: DMatrix::zeros(tau.len(), 0),
            b: vec![0.0; tau.len()].into(),
            log_tau_s: log_tau.clone().into(),
            log_tau_r: log_tau.into(),
        };
        RateNetwork::new(ModelKind::TwoConstant, activation, parameters).unwrap()
    }

    #[test]
    fn a_loop_counts_among_units_that_follow_within_the_step() {
        // 0 and 1 drive each other: the radius is the root of the product
        let w = [0.0, -8.0, 3.0, 2.0, 0.0, 0.0, 50.0, 50.0, 0.5];
        let fast = network(Activation::Tanh, w, [1e-3, 2e-3, 0.1]);
        let found = fast.fast_loop(0.01).unwrap();
        assert_eq!(found.units, [0, 1]);
        assert!((found.gain - 4.0).abs() < 1e-3, "{}", found.gain);
        assert!((found.follows_within - 2e-3).abs() < 1e-15);
        assert_eq!(fast.fast_loop(1.5e-3), None);
        // sigmoid is a quarter as steep: just the border
        let weak = network(Activation::Sigmoid, w, [1e-3, 2e-3, 0.1]);
        assert!(weak.fast_loop(0.01).is_none_or(|found| found.gain < 1.001));
        // what drives others and is driven by none is no loop
        let chain = network(
            Activation::Relu,
            [0.0, 0.0, 0.0, 90.0, 0.0, 0.0, 90.0, 90.0, 0.0],
            [1e-3; 3],
        );
        assert_eq!(chain.fast_loop(0.01), None);
    }

    #[test]
    fn a_chain_of_any_length_is_no_loop_and_what_hangs_on_a_loop_is_not_in_it() {
        let (n, tau) = (200, [1e-3; 200]);
        let chain = DMatrix::from_fn(n, n, |i, j| if i == j + 1 { 30.0 } else { 0.0 });
        assert_eq!(
            of(Activation::Tanh, chain.clone(), &tau).fast_loop(0.01),
            None
        );
        let mut with_loop = chain;
        with_loop[(100, 102)] = -1.0;
        let found = of(Activation::Tanh, with_loop, &tau)
            .fast_loop(0.01)
            .unwrap();
        assert_eq!(found.units, [100, 101, 102]);
        assert!(
            (found.gain - 900.0_f64.cbrt()).abs() < 1e-3,
            "{}",
            found.gain
        );
    }
}
