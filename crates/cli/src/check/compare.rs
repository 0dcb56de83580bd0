use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::ops::Range;
use tauscope_adjoint::Halt;
use tauscope_fit::config::EffectiveConfig;
use tauscope_fit::dataset::Dataset;
use tauscope_fit::driver::locate_failure;
use tauscope_fit::objective::FitObjective;
use tauscope_fit::optimizer::Objective;
use tauscope_fit::plan::FitPlan;

/// Steps of the central differences, in units of the parameters.
const STEPS: [f64; 5] = [6.4e-2, 1.6e-2, 4e-3, 1e-3, 2.5e-4];

/// How well three ways to the gradient agree on one block of parameters.
#[derive(Debug, Clone)]
pub struct Agreement {
    pub block: String,
    pub n_parameters: usize,
    /// Relative difference of derivatives in random directions, by the adjoint and by forward sensitivities.
    pub adjoint_vs_forward: f64,
    /// The same, by the adjoint and by central differences.
    pub adjoint_vs_differences: f64,
}

impl Agreement {
    /// Whether both differences are within `tolerance`; a number that does not exist is not.
    pub fn holds(&self, tolerance: f64) -> bool {
        self.adjoint_vs_forward <= tolerance && self.adjoint_vs_differences <= tolerance
    }

    /// As in `check --json`.
    pub fn json(&self) -> Value {
        json!({
            "adjoint_vs_forward": self.adjoint_vs_forward,
            "adjoint_vs_differences": self.adjoint_vs_differences,
        })
    }
}

/// Compares the three on `directions` random unit vectors of each block, at the start of the plan.
///
/// # Errors
/// A solve that fails.
pub fn by_block(
    plan: &FitPlan,
    dataset: &Dataset,
    config: &EffectiveConfig,
    directions: NonZeroU32,
) -> Result<Vec<Agreement>> {
    let objective = plan.objective(dataset, config.l2.set().map_or(0.0, |l2| l2.get()))?;
    let theta = plan.start(dataset, 0)?;
    let gradient = objective
        .evaluate(&theta)
        .map_err(|failure| locate_failure(plan, dataset, &theta, failure, &Halt::default()))
        .context("the adjoint solve")?
        .gradient;
    let floor = 1e-4 * norm(&gradient);
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut agreements = Vec::new();
    for (block, range) in objective.blocks() {
        let directions: Vec<_> = (0..directions.get())
            .map(|_| direction(theta.len(), &range, &mut rng))
            .collect();
        let adjoint: Vec<f64> = directions.iter().map(|v| dot(&gradient, v)).collect();
        let forward = objective
            .directional_derivatives(&theta, &directions)
            .context("the forward sensitivities")?;
        let differences = directions.iter().map(|v| difference(&objective, &theta, v));
        let differences = differences.collect::<Result<Vec<f64>>>()?;
        let scale = typical(&gradient[range.clone()], directions.len()).max(floor);
        agreements.push(Agreement {
            block,
            n_parameters: range.len(),
            adjoint_vs_forward: relative(&adjoint, &forward, scale),
            adjoint_vs_differences: relative(&adjoint, &differences, scale),
        });
    }
    Ok(agreements)
}

/// A random unit vector in one block.
fn direction(n: usize, block: &Range<usize>, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut v = vec![0.0; n];
    v[block.clone()].fill_with(|| rng.sample(StandardNormal));
    let length = norm(&v).max(f64::MIN_POSITIVE);
    v.iter_mut().for_each(|entry| *entry /= length);
    v
}

/// Derivative along `v` by central differences, with the step at which the next smaller one changes it least: large steps
/// suffer from truncation, small ones from the noise that a tolerance leaves in each value.
fn difference(objective: &FitObjective<'_>, theta: &[f64], v: &[f64]) -> Result<f64> {
    let mut value = central_difference(objective, theta, v, STEPS[0])?;
    let (mut best, mut least_change) = (value, f64::INFINITY);
    for h in &STEPS[1..] {
        let next = central_difference(objective, theta, v, *h)?;
        let change = (next - value).abs();
        if change < least_change {
            (best, least_change) = (next, change);
        }
        value = next;
    }
    Ok(best)
}

/// Central difference of fourth order:
/// `(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / (12 h)`.
fn central_difference(
    objective: &FitObjective<'_>,
    theta: &[f64],
    v: &[f64],
    h: f64,
) -> Result<f64> {
    let at = |s: f64| -> Result<f64> {
        let moved: Vec<f64> = theta
            .iter()
            .zip(v)
            .map(|(theta, v)| theta + s * h * v)
            .collect();
        objective
            .independent_value(&moved)
            .context("a forward solve for the central differences")
    };
    Ok((8.0 * (at(1.0)? - at(-1.0)?) - (at(2.0)? - at(-2.0)?)) / (12.0 * h))
}

/// Root mean square over random directions of the norm of as many derivatives: `|g| sqrt(k / n)` for `k` unit vectors in
/// `n` dimensions. What happens to lie across the gradient must not make round-off look like a disagreement.
fn typical(gradient: &[f64], n_directions: usize) -> f64 {
    norm(gradient) * (n_directions as f64 / gradient.len().max(1) as f64).sqrt()
}

/// Distance of `b` from `a`, relative to `a`, or to `scale` where `a` is smaller: a block that the data do not touch has a
/// derivative of zero in all three.
fn relative(a: &[f64], b: &[f64], scale: f64) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&difference) / norm(a).max(scale).max(f64::MIN_POSITIVE)
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_unit_vectors_of_their_block() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let v = direction(6, &(2..5), &mut rng);
        assert!((norm(&v) - 1.0).abs() < 1e-14);
        assert!(v[..2].iter().chain(&v[5..]).all(|entry| *entry == 0.0));
    }

    #[test]
    fn a_difference_is_relative_to_the_derivatives_themselves() {
        assert!((relative(&[3.0, 4.0], &[3.0, 4.5], 1.0) - 0.1).abs() < 1e-14);
        assert_eq!(relative(&[0.0], &[0.0], 1.0), 0.0);
        assert!(relative(&[1.0], &[f64::NAN], 1.0).is_nan());
    }
}
