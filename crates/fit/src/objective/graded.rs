//! Tolerances that follow the optimum: loose far from it, those of the user near it.

use super::FitObjective;
use crate::batch::TrialBatch;
use crate::optimizer::{Objective, SolveFailure};
use std::sync::Arc;
use tauscope_adjoint::{Integrator, Refinement, StepControl, Tolerances};

/// Tolerance far from the optimum: gradients are right to about a thousandth, for a third of the time that 1e-6 takes (`fit
/// zebrafish --rtol 1e-3`: 3.5 CPU s, with all of the fit at 1e-6: 10.9). Tolerances that are not tighter than a third of this stay.
const LOOSE_RTOL: f64 = 1e-3;
const WORTH_A_LEVEL: f64 = 3.0;

impl<'a> FitObjective<'a> {
    /// The same objective at loose tolerances, with this one as the finer; itself where there is nothing to loosen.
    pub(crate) fn graded(self) -> FitObjective<'a> {
        let Some(integrator) = loosened(&self.integrator) else {
            return self;
        };
        FitObjective {
            integrator,
            finer: Some(Box::new(self.alike())),
            ..self
        }
    }

    /// The same objective with finer steps: what a derivative changes by is the estimate of its error. `None` where steps cannot
    /// be refined.
    pub fn refined(&self) -> Option<(FitObjective<'a>, Refinement)> {
        let refined = TrialBatch::refined(&self.train, &self.integrator)?;
        let finer = FitObjective {
            integrator: refined.refinement.integrator,
            train: Arc::new(refined.batches),
            valid: Arc::default(),
            small: Arc::default(),
            ..self.alike()
        };
        Some((finer, refined.refinement))
    }
}

/// Steps from tolerances can be fewer; continuous adjoint gradients of a loose solve would not be those of its cost, which fools
/// a line search, so only exponential methods are loosened: their gradient is that of the steps that were taken.
fn loosened(integrator: &Integrator) -> Option<Integrator> {
    match *integrator {
        Integrator::Exponential {
            method,
            control: StepControl::Tolerances(tolerances),
        } if tolerances.rtol * WORTH_A_LEVEL < LOOSE_RTOL => {
            let factor = LOOSE_RTOL / tolerances.rtol;
            Some(Integrator::Exponential {
                method,
                control: StepControl::Tolerances(Tolerances {
                    rtol: LOOSE_RTOL,
                    atol: tolerances.atol * factor,
                }),
            })
        }
        _ => None,
    }
}

/// Estimated error of `gradient`, that of `objective` at `theta`, relative to its norm; see [`tauscope_adjoint::Refinement`].
pub(super) fn gradient_error(
    objective: &FitObjective<'_>,
    theta: &[f64],
    gradient: &[f64],
) -> Result<f64, SolveFailure> {
    let Some((finer, refinement)) = objective.refined() else {
        return Ok(0.0);
    };
    let fine = finer.evaluate(theta)?.gradient;
    Ok(refinement.relative_error(gradient, &fine))
}
