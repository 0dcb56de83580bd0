//! Short refits next to a minimum: unpenalised, to the end.

use super::request::Control;
use crate::optimizer::{
    self, Algorithm, MinimizeError, Objective, Optimizer, OptimizerSettings, Termination, minimize,
};

/// How far a refit goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    max_iterations: u64,
    /// A fall of the cost by less than this fraction of itself, over three iterations, ends it.
    cost_tolerance: f64,
    damping: f64,
    /// See [`Stopping::goal`](crate::optimizer::Stopping).
    goal: Option<f64>,
}

impl Search {
    /// To the minimum that all else counts from.
    pub(super) fn to_the_end(max_iterations: u64) -> Search {
        Search {
            max_iterations,
            cost_tolerance: 1e-9,
            damping: 1e-2,
            goal: None,
        }
    }

    /// To a cost that is compared with the minimum: with 1e5 targets, to hardly a tenth of what is a standard error. What stays above
    /// `goal` is no longer of interest.
    pub(super) fn to_compare(max_iterations: u64, goal: f64) -> Search {
        Search {
            cost_tolerance: 1e-6,
            goal: Some(goal),
            ..Search::to_the_end(max_iterations)
        }
    }

    /// The same from a start that lies close: with little damping a step goes straight to where the valley is expected, and one that goes
    /// too far costs one value.
    pub(super) fn along_a_path(max_iterations: u64) -> Search {
        Search {
            cost_tolerance: 1e-6,
            damping: 1e-6,
            ..Search::to_the_end(max_iterations)
        }
    }

    /// What stays above `goal` is of no interest.
    pub(super) fn down_to(self, goal: f64) -> Search {
        Search {
            goal: Some(goal),
            ..self
        }
    }
}

/// Where a path of refits that has been at `a` and `b`, (place, theta), will be at the place `at`, were it straight.
pub(super) fn on_line(a: (f64, &[f64]), b: (f64, &[f64]), at: f64) -> Vec<f64> {
    let part = (at - a.0) / (b.0 - a.0);
    let pairs = a.1.iter().zip(b.1);
    pairs.map(|(a, b)| a + part * (b - a)).collect()
}

/// The start with the lowest objective: a path may bend, so that where it would go straight on is worse than where it was.
pub(super) fn lowest(objective: &dyn Objective, starts: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let bounds = objective.bounds();
    let inside = starts.into_iter().map(|start| bounds.project(&start));
    let valued = inside.filter_map(|start| {
        let value = objective.value(&start).ok()?.objective;
        Some((value, start))
    });
    valued
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, start)| start)
}

/// Where a refit ended.
#[derive(Debug, Clone)]
pub(super) struct Refitted {
    pub(super) point: Vec<f64>,
    pub(super) cost: f64,
    pub(super) converged: bool,
    pub(super) interrupted: bool,
}

/// Minimises from `start` with Gauss-Newton.
pub(super) fn refit(
    objective: &dyn Objective,
    start: &[f64],
    search: Search,
    control: &Control<'_>,
) -> Result<Refitted, MinimizeError> {
    let mut settings = OptimizerSettings::new(Optimizer::GaussNewton);
    if let Algorithm::GaussNewton(own) = &mut settings.algorithm {
        own.initial_damping = search.damping;
        own.dense_limit = usize::MAX;
    }
    settings.stopping.max_iterations = search.max_iterations;
    settings.stopping.early_stopping = false;
    settings.stopping.cost_tolerance = search.cost_tolerance;
    settings.stopping.goal = search.goal;
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
