//! Bins that are long against a time constant, whose mean the rule of three nodes does not tell.

use crate::batch::bin_widths;
use crate::dataset::Dataset;
use crate::plan::FitPlan;

/// A warning where the mean over a bin is wrong by more than this for a decay with the shortest time constant.
const TOLERATED: f64 = 1e-3;

/// What to be said of means over bins at `theta`.
pub(super) fn warning(plan: &FitPlan, dataset: &Dataset, theta: &[f64]) -> Option<String> {
    if !dataset.target_sampling().is_over_bin() {
        return None;
    }
    let network = plan.layout.network(theta).ok()?;
    let decays = network.decay_s().iter().chain(network.decay_r());
    let fastest = decays.copied().fold(0.0, f64::max);
    let widths = bin_widths(dataset.target_time(), 0.0);
    let widest = widths.into_iter().fold(0.0, f64::max);
    let error = error_of_mean(widest * fastest, plan.integrator.has_fixed_steps());
    (error > TOLERATED).then(|| {
        format!(
            "bins of {widest:.4} are long against the shortest time constant, {:.4}: the mean over a bin is computed from {}, which is {:.2} % off for such a decay, and time constants are biased by as much; give shorter bins",
            fastest.recip(),
            if plan.integrator.has_fixed_steps() { "its two ends" } else { "its ends and its middle" },
            100.0 * error
        )
    })
}

/// Relative error of the rule for the mean of `exp(-t / tau)` over a bin of `q` tau: Simpson's, or the trapezoid.
fn error_of_mean(q: f64, two_nodes: bool) -> f64 {
    if q == 0.0 {
        return 0.0;
    }
    let exact = -(-q).exp_m1() / q;
    let rule = if two_nodes {
        0.5 * (1.0 + (-q).exp())
    } else {
        (1.0 + 4.0 * (-0.5 * q).exp() + (-q).exp()) / 6.0
    };
    rule / exact - 1.0
}

#[cfg(test)]
mod tests {
    use super::error_of_mean;

    #[test]
    fn the_error_is_that_of_the_rule() {
        // (1 + 4 exp(-1) + exp(-2)) / 6 against (1 - exp(-2)) / 2
        assert!((error_of_mean(2.0, false) - 0.004_960).abs() < 1e-5);
        // the trapezoid: q^2 / 12 for short bins
        assert!((error_of_mean(0.01, true) / (1e-4 / 12.0) - 1.0).abs() < 1e-3);
        assert_eq!(error_of_mean(0.0, false), 0.0);
    }
}
