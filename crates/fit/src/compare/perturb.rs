use crate::layout::ModelLayout;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Standard deviation of log tau about the optimum.
const LOG_TAU_STD: f64 = 0.2;
/// Standard deviation of every other parameter, relative to itself.
const RELATIVE_STD: f64 = 0.05;
/// Stream of the random numbers, apart from those of starts.
const STREAM: u64 = 1 << 40;

/// A point near `theta`, always the same for a seed: time constants off by about 20 %, all else by about 5 %.
pub(super) fn perturbed(theta: &[f64], layout: &ModelLayout, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut point = theta.to_vec();
    for (block, range) in layout.blocks() {
        let is_log_tau = block.starts_with("log_tau");
        for value in &mut point[range] {
            let normal: f64 = rng.sample(StandardNormal);
            *value += match is_log_tau {
                true => LOG_TAU_STD * normal,
                false => RELATIVE_STD * value.abs() * normal,
            };
        }
    }
    layout.optimizer_bounds().project(&point)
}

/// `theta` with every time constant at least `least`; `None` where all are.
pub(super) fn with_slow_time_constants(
    theta: &[f64],
    layout: &ModelLayout,
    least: f64,
) -> Option<Vec<f64>> {
    let mut point = theta.to_vec();
    let blocks = layout.blocks().into_iter();
    for (_, range) in blocks.filter(|(block, _)| block.starts_with("log_tau")) {
        for value in &mut point[range] {
            *value = value.max(least.ln());
        }
    }
    let point = layout.optimizer_bounds().project(&point);
    (point != theta).then_some(point)
}
