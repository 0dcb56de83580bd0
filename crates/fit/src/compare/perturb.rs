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

/// Part of the full perturbation, largest first: a network near its border of stability bears less.
pub(super) const SIZES: [f64; 6] = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125];

/// A point near `theta`, always the same for a seed: at a size of 1 time constants off by about 20 %, all else by about 5 %.
pub(super) fn perturbed(theta: &[f64], layout: &ModelLayout, seed: u64, size: f64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut point = theta.to_vec();
    for (block, range) in layout.blocks() {
        let is_log_tau = block.starts_with("log_tau");
        for value in &mut point[range] {
            let normal: f64 = rng.sample(StandardNormal);
            *value += match is_log_tau {
                true => size * LOG_TAU_STD * normal,
                false => size * RELATIVE_STD * value.abs() * normal,
            };
        }
    }
    layout.optimizer_bounds().project(&point)
}

/// `theta` with every time constant at least `least` and recurrent weights times `factor`.
pub(super) fn calmed(theta: &[f64], layout: &ModelLayout, least: f64, factor: f64) -> Vec<f64> {
    let mut point = theta.to_vec();
    for (block, range) in layout.blocks() {
        for value in &mut point[range] {
            if block.starts_with("log_tau") {
                *value = value.max(least.ln());
            } else if block == "W" {
                *value *= factor;
            }
        }
    }
    layout.optimizer_bounds().project(&point)
}
