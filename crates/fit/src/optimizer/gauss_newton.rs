//! Gauss-Newton with Levenberg-Marquardt damping on a bounded problem.

mod bounded_step;
mod conjugate_gradient;
mod local_model;

use argmin::core::{Error, KV, Problem, Solver};
use serde::{Deserialize, Serialize};

use self::bounded_step::{DampedModel, Proposal, Unsolved};
pub(super) use self::local_model::LocalModel;
use super::memory::Memory;
use super::problem::Evaluation;
use super::settings::GaussNewtonSettings;
use super::state::{Point, RunState};
use super::watched::{self, Iterate, Step, Watched};
use super::{AnySolver, SolveFailure};

/// A step is accepted when it brings at least this fraction of the predicted reduction.
const LEAST_GAIN: f64 = 1e-4;
/// The damping falls by at most this factor an iteration: one that rushes lands in the nearest
/// minimum.
const FASTEST_FALL: f64 = 1.0 / 3.0;
const LEAST_DAMPING: f64 = 1e-15;
const MOST_DAMPING: f64 = 1e30;
/// Fraction of the median of diag H that the damping adds to every entry of it.
const SCALE_FLOOR: f64 = 0.05;
/// Steps of one conjugate-gradient solve that precondition the next (Morales & Nocedal).
const PRECONDITIONER_PAIRS: usize = 20;

/// argmin's `Solver` for Gauss-Newton with Levenberg-Marquardt damping.
///
/// Each iteration solves (H + lambda D) p = -gradient with H the Gauss-Newton matrix and D its
/// diagonal plus a fraction of its median, over the parameters that no bound holds; lambda follows
/// the ratio of actual to predicted reduction. Up to `dense_limit` parameters by Cholesky, above by
/// truncated conjugate gradients. A failed solve counts as a rejected step.
///
/// # Reference
/// Marquardt, J. SIAM 11 (1963), doi:10.1137/0111030; the control of lambda: Nielsen, Damping
/// parameter in Marquardt's method, IMM-REP-1999-05, Technical University of Denmark; truncation:
/// Nash & Sofer, Oper. Res. Lett. 9 (1990), doi:10.1016/0167-6377(90)90065-D; the preconditioner:
/// Morales & Nocedal, SIAM J. Optim. 10 (2000), doi:10.1137/S1052623497327854.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaussNewton {
    settings: GaussNewtonSettings,
    damping: f64,
    growth: f64,
    /// Curvature along the gradient at the start: the unit of damping where H has no known diagonal.
    first_curvature: Option<f64>,
    /// Curvature met by the last accepted solve by products.
    memory: Memory,
}

impl GaussNewton {
    /// A solver at its initial damping.
    pub fn new(settings: GaussNewtonSettings) -> Self {
        Self {
            damping: settings.initial_damping,
            growth: 2.0,
            first_curvature: None,
            memory: Memory::new(PRECONDITIONER_PAIRS),
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

    /// D: the diagonal of H plus a fraction of its median; without a diagonal, the curvature along
    /// the first gradient for all parameters.
    ///
    /// Marquardt's bare diagonal damps least what the data see least, and the long steps in there
    /// can end in chaotic networks; a large fraction damps all alike and lands in the nearest
    /// minimum more often.
    fn scale(
        &mut self,
        watched: &mut Watched<'_>,
        model: &LocalModel<'_>,
    ) -> Result<Vec<f64>, SolveFailure> {
        let n_parameters = model.evaluation().gradient.len();
        let Some(diagonal) = model.diagonal() else {
            let curvature = match self.first_curvature {
                Some(curvature) => curvature,
                None => model.curvature_along_gradient(watched)?,
            };
            self.first_curvature = Some(curvature);
            return Ok(vec![curvature; n_parameters]);
        };
        let mut sorted = diagonal.clone();
        sorted.sort_by(f64::total_cmp);
        let floor = SCALE_FLOOR * sorted.get(n_parameters / 2).copied().unwrap_or(0.0);
        let floor = if floor > 0.0 { floor } else { SCALE_FLOOR };
        Ok(diagonal.iter().map(|entry| entry + floor).collect())
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
        scale: &[f64],
        point: &Point,
    ) -> Result<Proposal, Unsolved> {
        let damped = DampedModel {
            model,
            scale,
            damping: self.damping,
            max_products: self.settings.max_products,
            memory: &self.memory,
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
    fn stored(self) -> AnySolver {
        AnySolver::GaussNewton(self)
    }

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
        let Ok(scale) = self.scale(watched, &model) else {
            return Step::Failed;
        };
        let mut rejections = Rejections::default();
        loop {
            if let Some(termination) = watched.asks_to_stop() {
                return Step::Stopped(termination);
            }
            let proposal = match self.propose(watched, &model, &scale, point) {
                Ok(proposal) => proposal,
                Err(Unsolved::Stopped(termination)) => return Step::Stopped(termination),
                Err(Unsolved::Failed) => return Step::Failed,
                Err(Unsolved::NotPositive) if self.damping < MOST_DAMPING => {
                    self.raise_damping();
                    continue;
                }
                Err(Unsolved::NotPositive) => return rejections.verdict(),
            };
            if proposal.is_negligible(point) {
                return rejections.verdict();
            }
            match self.attempt(watched, point, &proposal) {
                Ok(Attempt::Accepted { point, gain }) => {
                    self.lower_damping(gain);
                    if !proposal.learnt.is_empty() {
                        self.memory.relearn(proposal.learnt);
                    }
                    return Step::Moved(point);
                }
                Ok(Attempt::Rejected) => rejections.by_value = true,
                Err(_) => rejections.by_failure = true,
            }
            self.raise_damping();
        }
    }
}

/// Why the steps of an iteration were rejected.
#[derive(Default)]
struct Rejections {
    by_value: bool,
    by_failure: bool,
}

impl Rejections {
    /// What it means that no step is left to try.
    fn verdict(&self) -> Step {
        if self.by_failure && !self.by_value {
            Step::Failed
        } else {
            Step::Stalled
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn damping_falls_by_no_more_than_a_factor_of_three_and_a_rejection_raises_it(
            gain in LEAST_GAIN..1e6f64, rejections in 1usize..6
        ) {
            let mut solver = GaussNewton::new(GaussNewtonSettings {
                dense_limit: 10,
                initial_damping: 1.0,
                max_products: 1,
            });
            solver.lower_damping(gain);
            prop_assert!(solver.damping >= FASTEST_FALL);
            let before = solver.damping;
            for _ in 0..rejections {
                solver.raise_damping();
            }
            prop_assert!(solver.damping >= before * 2f64.powi(rejections as i32));
        }
    }
}
