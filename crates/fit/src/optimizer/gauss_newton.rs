//! Gauss-Newton with Levenberg-Marquardt damping on a bounded problem.

mod bounded_step;
mod conjugate_gradient;
mod local_model;

use argmin::core::{Error, KV, Problem, Solver};
use serde::{Deserialize, Serialize};

use self::bounded_step::{DampedModel, Proposal, Unsolved};
pub(super) use self::local_model::LocalModel;
use super::problem::Evaluation;
use super::settings::GaussNewtonSettings;
use super::state::{Point, RunState};
use super::watched::{self, Iterate, Step, Watched};
use super::{SolveFailure, vector};

/// A step is accepted when it brings at least this fraction of the predicted reduction.
const LEAST_GAIN: f64 = 1e-4;
/// The damping falls by at most this factor an iteration: one that rushes lands in the nearest
/// minimum.
const FASTEST_FALL: f64 = 1.0 / 3.0;
const LEAST_DAMPING: f64 = 1e-15;
const MOST_DAMPING: f64 = 1e30;
/// Diagonal entries of H below this fraction of the largest are raised to it, so that a parameter
/// which the data do not see yet is damped as well.
const SCALE_FLOOR: f64 = 1e-6;

/// argmin's `Solver` for Gauss-Newton with Levenberg-Marquardt damping.
///
/// Each iteration solves (H + lambda D) p = -gradient with H the Gauss-Newton matrix and D its
/// diagonal, over the parameters that no bound holds; lambda follows the ratio of actual to
/// predicted reduction. Up to `dense_limit` parameters by Cholesky, above by truncated conjugate
/// gradients. A failed solve counts as a rejected step.
///
/// # Reference
/// Marquardt, J. SIAM 11 (1963), doi:10.1137/0111030; the control of lambda: Nielsen, Damping
/// parameter in Marquardt's method, IMM-REP-1999-05, Technical University of Denmark; truncation:
/// Nash & Sofer, Oper. Res. Lett. 9 (1990), doi:10.1016/0167-6377(90)90065-D.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaussNewton {
    settings: GaussNewtonSettings,
    damping: f64,
    growth: f64,
    /// Largest diagonal of H seen so far, entry by entry (Moré's scaling).
    scale: Vec<f64>,
}

impl GaussNewton {
    /// A solver at its initial damping.
    pub fn new(settings: GaussNewtonSettings) -> Self {
        Self {
            damping: settings.initial_damping,
            growth: 2.0,
            scale: Vec::new(),
            settings,
        }
    }

    fn is_dense(&self, n_parameters: usize) -> bool {
        n_parameters <= self.settings.dense_limit
    }

    fn lower_damping(&mut self, gain: f64) {
        let factor = 1.0 - (2.0 * gain - 1.0).powi(3);
        self.damping = (self.damping * factor.max(FASTEST_FALL)).max(LEAST_DAMPING);
        self.growth = 2.0;
    }

    fn raise_damping(&mut self) {
        self.damping = (self.damping * self.growth).min(MOST_DAMPING);
        self.growth *= 2.0;
    }

    fn update_scale(
        &mut self,
        watched: &mut Watched<'_>,
        model: &LocalModel<'_>,
    ) -> Result<(), SolveFailure> {
        let Some(diagonal) = model.diagonal() else {
            if self.scale.is_empty() {
                let curvature = model.curvature_along_gradient(watched)?;
                self.scale = vec![curvature; model.evaluation().gradient.len()];
            }
            return Ok(());
        };
        let floor = SCALE_FLOOR * vector::largest(&diagonal);
        let floor = if floor > 0.0 { floor } else { 1.0 };
        self.scale.resize(diagonal.len(), 0.0);
        for (scale, entry) in self.scale.iter_mut().zip(diagonal) {
            *scale = entry.max(floor);
        }
        Ok(())
    }

    /// The quadratic model at the current point; formed anew only after a resume, where it was
    /// counted before.
    fn current_model<'a>(
        &self,
        watched: &mut Watched<'a>,
        point: &Point,
    ) -> Result<LocalModel<'a>, SolveFailure> {
        if let Some(model) = watched.model.take() {
            return Ok(model);
        }
        let model = watched.local_model(&point.theta, self.is_dense(point.theta.len()));
        watched.forget_counts();
        model
    }

    fn propose(
        &self,
        watched: &mut Watched<'_>,
        model: &LocalModel<'_>,
        point: &Point,
    ) -> Result<Proposal, Unsolved> {
        let damped = DampedModel {
            model,
            scale: &self.scale,
            damping: self.damping,
            max_products: self.settings.max_products,
        };
        damped.propose(watched, point)
    }

    /// Tries a proposal: the new point and the gain ratio, or the gain ratio alone of a step that
    /// is to be rejected.
    fn attempt(
        &self,
        watched: &mut Watched<'_>,
        point: &Point,
        proposal: &Proposal,
    ) -> Result<Attempt, SolveFailure> {
        let value = watched.value(&proposal.theta)?;
        let gain = (point.objective - value.objective) / proposal.predicted_reduction;
        if gain < LEAST_GAIN || value.objective >= point.objective {
            return Ok(Attempt::Rejected);
        }
        let model = watched.local_model(&proposal.theta, self.is_dense(point.theta.len()))?;
        // Steps are judged by values from `value` alone: with an adaptive integrator the solve that
        // carries the sensitivities takes other steps and differs within its tolerance.
        let evaluation = Evaluation {
            objective: value.objective,
            cost: value.cost,
            ..model.evaluation().clone()
        };
        watched.model = Some(model);
        let point = Point::new(proposal.theta.clone(), evaluation);
        Ok(Attempt::Accepted { point, gain })
    }
}

enum Attempt {
    Accepted { point: Point, gain: f64 },
    Rejected,
}

impl Iterate for GaussNewton {
    fn evaluate_start(
        &mut self,
        watched: &mut Watched<'_>,
        theta: &[f64],
    ) -> Result<Evaluation, SolveFailure> {
        let value = watched.value(theta)?;
        let model = watched.local_model(theta, self.is_dense(theta.len()))?;
        let evaluation = Evaluation {
            objective: value.objective,
            cost: value.cost,
            ..model.evaluation().clone()
        };
        watched.model = Some(model);
        Ok(evaluation)
    }

    fn iterate(&mut self, watched: &mut Watched<'_>, point: &Point) -> Step {
        let Ok(model) = self.current_model(watched, point) else {
            return Step::Failed;
        };
        if self.update_scale(watched, &model).is_err() {
            return Step::Failed;
        }
        let mut only_failures = true;
        loop {
            if let Some(termination) = watched.asks_to_stop() {
                return Step::Stopped(termination);
            }
            let proposal = match self.propose(watched, &model, point) {
                Ok(proposal) => proposal,
                Err(Unsolved::Stopped(termination)) => return Step::Stopped(termination),
                Err(Unsolved::Failed) => return Step::Failed,
                Err(Unsolved::NotPositive) if self.damping < MOST_DAMPING => {
                    self.raise_damping();
                    continue;
                }
                Err(Unsolved::NotPositive) => return Step::Stalled,
            };
            if proposal.is_negligible(point) {
                return if only_failures && self.growth > 2.0 {
                    Step::Failed
                } else {
                    Step::Stalled
                };
            }
            match self.attempt(watched, point, &proposal) {
                Ok(Attempt::Accepted { point, gain }) => {
                    self.lower_damping(gain);
                    return Step::Moved(point);
                }
                Ok(Attempt::Rejected) => only_failures = false,
                Err(_) => {}
            }
            self.raise_damping();
        }
    }
}

impl Solver<Watched<'_>, RunState> for GaussNewton {
    fn name(&self) -> &str {
        "gauss-newton"
    }

    fn init(
        &mut self,
        problem: &mut Problem<Watched<'_>>,
        state: RunState,
    ) -> Result<(RunState, Option<KV>), Error> {
        watched::begin(self, problem, state)
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<Watched<'_>>,
        state: RunState,
    ) -> Result<(RunState, Option<KV>), Error> {
        watched::advance(self, problem, state)
    }
}
