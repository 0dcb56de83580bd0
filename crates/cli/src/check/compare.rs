use crate::gradient::is_unresolved;
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

/// How well three ways to the gradient agree on one block of parameters. All are relative to the derivatives.
#[derive(Debug, Clone)]
pub struct Agreement {
    pub block: String,
    pub n_parameters: usize,
    /// Difference of derivatives in random directions, by the adjoint and by forward sensitivities.
    pub adjoint_vs_forward: Difference,
    /// The same, by the adjoint and by central differences.
    pub adjoint_vs_differences: Difference,
}

/// How far two ways are apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct Difference {
    pub value: f64,
    /// What the errors of the two solves explain, where it has been estimated. Near an optimum the parts of a gradient cancel,
    /// and what is left is known no better than the tolerance allows.
    pub explained: f64,
}

/// What becomes of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Agrees,
    /// The derivatives are smaller than what they are known to: nothing can be said.
    Lost,
    Disagrees,
}

/// Beyond this the errors of the solves drown a derivative; where they may be as large as itself, any difference means nothing.
const DROWNED: f64 = 0.1;

impl Difference {
    /// A number that does not exist disagrees.
    fn verdict(self, tolerance: f64) -> Verdict {
        if self.value <= tolerance {
            Verdict::Agrees
        } else if self.explained >= 1.0 && !self.value.is_nan()
            || self.value <= self.explained && self.explained > DROWNED
        {
            Verdict::Lost
        } else if self.value <= self.explained {
            Verdict::Agrees
        } else {
            Verdict::Disagrees
        }
    }
}

impl Agreement {
    /// The worse of both.
    pub fn verdict(&self, tolerance: f64) -> Verdict {
        let forward = self.adjoint_vs_forward.verdict(tolerance);
        forward.max(self.adjoint_vs_differences.verdict(tolerance))
    }

    /// As in `check --json`.
    pub fn json(&self, tolerance: f64) -> Value {
        json!({
            "verdict": match self.verdict(tolerance) {
                Verdict::Agrees => "agrees",
                Verdict::Lost => "too small to tell",
                Verdict::Disagrees => "disagrees",
            },
            "adjoint_vs_forward": self.adjoint_vs_forward.value,
            "adjoint_vs_differences": self.adjoint_vs_differences.value,
            "explained_vs_forward": self.adjoint_vs_forward.explained,
            "explained_vs_differences": self.adjoint_vs_differences.explained,
        })
    }
}

/// What a comparison by block found.
#[derive(Debug)]
pub struct Comparison {
    pub blocks: Vec<Agreement>,
    /// Estimated error of the whole gradient, relative to its norm, where a block made it necessary to look.
    pub gradient_error: Option<f64>,
}

impl Comparison {
    /// Whether the solves drown the gradient itself. At an optimum they do, and nothing is wrong.
    pub fn is_drowned(&self) -> bool {
        self.gradient_error.is_some_and(is_unresolved)
    }
}

/// Compares the three on `directions` random unit vectors of each block, at the start of the plan. Where they differ by more than
/// `tolerance`, finer solves tell how much of it the errors of the solves explain.
///
/// # Errors
/// A solve that fails.
pub fn by_block(
    plan: &FitPlan,
    dataset: &Dataset,
    config: &EffectiveConfig,
    directions: NonZeroU32,
    tolerance: f64,
) -> Result<Comparison> {
    let objective = plan.objective(dataset, config.l2.set().map_or(0.0, |l2| l2.get()))?;
    let theta = plan.start(dataset, 0)?;
    let gradient = |objective: &FitObjective<'_>| -> Result<Vec<f64>> {
        let evaluated = objective
            .evaluate(&theta)
            .map_err(|failure| locate_failure(plan, dataset, &theta, failure, &Halt::default()));
        Ok(evaluated.context("the adjoint solve")?.gradient)
    };
    let forward = |objective: &FitObjective<'_>, directions: &[Vec<f64>]| {
        objective
            .directional_derivatives(&theta, directions)
            .context("the forward sensitivities")
    };
    let coarse = gradient(&objective)?;
    let floor = 1e-4 * norm(&coarse);
    let mut finer: Option<(FitObjective<'_>, Vec<f64>)> = None;
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut agreements = Vec::new();
    for (block, range) in objective.blocks() {
        let directions: Vec<_> = (0..directions.get())
            .map(|_| direction(theta.len(), &range, &mut rng))
            .collect();
        let scale = typical(&coarse[range.clone()], directions.len()).max(floor);
        let by_adjoint = along(&coarse, &directions);
        let by_forward = forward(&objective, &directions)?;
        let differences = directions.iter().map(|v| difference(&objective, &theta, v));
        let differences = differences.collect::<Result<Vec<Derivative>>>()?;
        let by_differences: Vec<f64> = differences.iter().map(|d| d.value).collect();
        let mut agreement = Agreement {
            block,
            n_parameters: range.len(),
            adjoint_vs_forward: relative(&by_adjoint, &by_forward, scale).into(),
            adjoint_vs_differences: relative(&by_adjoint, &by_differences, scale).into(),
        };
        // the derivatives of steps of given length are exact, whatever those steps are worth
        if agreement.verdict(tolerance) != Verdict::Agrees && !plan.integrator().has_fixed_steps() {
            if finer.is_none()
                && let Some((objective, _)) = objective.refined()
            {
                let fine = gradient(&objective)?;
                finer = Some((objective, fine));
            }
            if let Some((objective, fine)) = &finer {
                let of_adjoint = relative(&by_adjoint, &along(fine, &directions), scale);
                let of_forward = relative(&by_forward, &forward(objective, &directions)?, scale);
                // the cost that differences are taken of is solved as the forward sensitivities are
                let explained = BELIEVED * (of_adjoint + of_forward);
                agreement.adjoint_vs_forward.explained = explained;
                agreement.adjoint_vs_differences.explained = explained;
            }
        }
        let unsure: Vec<f64> = differences.iter().map(|d| d.unsure).collect();
        agreement.adjoint_vs_differences.explained +=
            SURE * norm(&unsure) / norm(&by_adjoint).max(scale).max(f64::MIN_POSITIVE);
        agreements.push(agreement);
    }
    Ok(Comparison {
        blocks: agreements,
        gradient_error: finer.map(|(_, fine)| relative(&coarse, &fine, 0.0)),
    })
}

/// An estimated error may be wrong by this factor.
const BELIEVED: f64 = 10.0;
/// Factor on what neighbouring steps of a central difference differ by.
const SURE: f64 = 3.0;

impl From<f64> for Difference {
    fn from(value: f64) -> Difference {
        Difference {
            value,
            explained: 0.0,
        }
    }
}

fn along(gradient: &[f64], directions: &[Vec<f64>]) -> Vec<f64> {
    directions.iter().map(|v| dot(gradient, v)).collect()
}

/// A random unit vector in one block.
fn direction(n: usize, block: &Range<usize>, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut v = vec![0.0; n];
    v[block.clone()].fill_with(|| rng.sample(StandardNormal));
    let length = norm(&v).max(f64::MIN_POSITIVE);
    v.iter_mut().for_each(|entry| *entry /= length);
    v
}

/// A derivative, and what it may be wrong by.
struct Derivative {
    value: f64,
    unsure: f64,
}

/// Derivative along `v` by central differences, with the step at which the next smaller one changes it least: large steps
/// suffer from truncation, small ones from the noise that a tolerance leaves in each value.
fn difference(objective: &FitObjective<'_>, theta: &[f64], v: &[f64]) -> Result<Derivative> {
    let mut before = central_difference(objective, theta, v, STEPS[0])?;
    let mut best = Derivative {
        value: before,
        unsure: f64::INFINITY,
    };
    for h in &STEPS[1..] {
        let value = central_difference(objective, theta, v, *h)?;
        let unsure = (value - before).abs();
        if unsure < best.unsure {
            best = Derivative { value, unsure };
        }
        before = value;
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
    fn a_difference_is_a_disagreement_unless_the_errors_of_the_solves_explain_it() {
        let verdict = |value, explained| Difference { value, explained }.verdict(1e-3);
        assert_eq!(verdict(9e-4, 0.0), Verdict::Agrees);
        assert_eq!(verdict(2e-3, 0.0), Verdict::Disagrees);
        assert_eq!(verdict(2e-3, 1e-3), Verdict::Disagrees);
        assert_eq!(verdict(2e-3, 3e-3), Verdict::Agrees);
        assert_eq!(verdict(0.5, 0.9), Verdict::Lost);
        assert_eq!(verdict(30.0, 2.0), Verdict::Lost);
        assert_eq!(verdict(0.95, 0.9), Verdict::Disagrees);
        assert_eq!(verdict(f64::NAN, f64::INFINITY), Verdict::Disagrees);
        assert_eq!(verdict(2e-3, f64::NAN), Verdict::Disagrees);
    }

    #[test]
    fn a_gradient_is_drowned_by_an_error_that_is_a_part_of_it_and_by_one_that_is_no_number() {
        let drowned = |gradient_error| {
            let blocks = Vec::new();
            Comparison {
                blocks,
                gradient_error,
            }
            .is_drowned()
        };
        assert!(!drowned(None) && !drowned(Some(0.02)));
        assert!(drowned(Some(0.4)) && drowned(Some(f64::NAN)));
    }

    #[test]
    fn a_difference_is_relative_to_the_derivatives_themselves() {
        assert!((relative(&[3.0, 4.0], &[3.0, 4.5], 1.0) - 0.1).abs() < 1e-14);
        assert_eq!(relative(&[0.0], &[0.0], 1.0), 0.0);
        assert!(relative(&[1.0], &[f64::NAN], 1.0).is_nan());
    }
}
