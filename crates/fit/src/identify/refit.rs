//! Short refits next to a minimum: unpenalised, to the end.

use super::request::Control;
use crate::optimizer::{
    self, Algorithm, MinimizeError, Objective, Optimizer, OptimizerSettings, Termination, minimize,
};

/// A fall of the cost by less than this fraction of itself, over three iterations, ends a refit: with 1e5 targets, hardly a tenth
/// of what is a standard error, and a hundredth of that for the minimum that all else counts from.
pub(super) const OF_COMPARISON: f64 = 1e-6;
pub(super) const OF_MINIMUM: f64 = 1e-9;
/// Little damping: refits begin next to a minimum.
const DAMPING: f64 = 1e-2;

/// Where a refit ended.
#[derive(Debug, Clone)]
pub(super) struct Refitted {
    pub(super) point: Vec<f64>,
    pub(super) cost: f64,
    pub(super) converged: bool,
    pub(super) interrupted: bool,
}

/// Minimises from `start` with Gauss-Newton, for `max_iterations` at most, until the cost falls by less than `cost_tolerance` of itself.
pub(super) fn refit(
    objective: &dyn Objective,
    start: &[f64],
    max_iterations: u64,
    cost_tolerance: f64,
    control: &Control<'_>,
) -> Result<Refitted, MinimizeError> {
    let mut settings = OptimizerSettings::new(Optimizer::GaussNewton);
    if let Algorithm::GaussNewton(own) = &mut settings.algorithm {
        own.initial_damping = DAMPING;
        own.dense_limit = usize::MAX;
    }
    settings.stopping.max_iterations = max_iterations;
    settings.stopping.early_stopping = false;
    settings.stopping.cost_tolerance = cost_tolerance;
    settings.stopping.cost_window = Some(3);
    let watch = optimizer::Control {
        stop: Some(control.stop),
        deadline: control.deadline,
        on_iteration: None,
        on_state: None,
    };
    let outcome = minimize(objective, start, &settings, &watch)?;
    Ok(Refitted {
        interrupted: matches!(
            outcome.termination,
            Termination::Interrupted | Termination::TimeLimit
        ),
        point: outcome.theta,
        cost: outcome.cost,
        converged: outcome.converged,
    })
}
