//! The damped step within the bounds, by a projected active set.

use super::conjugate_gradient;
use super::local_model::LocalModel;
use crate::optimizer::bounds::Bounds;
use crate::optimizer::memory::{Memory, Pair};
use crate::optimizer::state::Point;
use crate::optimizer::termination::Termination;
use crate::optimizer::vector;
use crate::optimizer::watched::Watched;

/// Rounds in which parameters that would cross a bound are held at it and the rest solved anew;
/// what still crosses after them is cut off.
const ROUNDS: usize = 8;

/// A step that moves no parameter by more than this, relative to 1 + |theta|, changes nothing that
/// data can tell; at the floor of a noiseless fit only rounding would still be chased.
const LEAST_MOVE: f64 = 1e-14;

/// A step to try, and what the quadratic model expects of it.
pub(super) struct Proposal {
    pub(super) theta: Vec<f64>,
    pub(super) predicted_reduction: f64,
    /// Curvature met in the solve, where it went by products.
    pub(super) learnt: Vec<Pair>,
}

impl Proposal {
    /// Whether the point or its objective is, within rounding, the current one.
    pub(super) fn is_negligible(&self, point: &Point) -> bool {
        let resolved = f64::EPSILON * point.objective.abs();
        let moves = self
            .theta
            .iter()
            .zip(&point.theta)
            .any(|(new, old)| (new - old).abs() > LEAST_MOVE * (1.0 + old.abs()));
        !moves || self.predicted_reduction <= resolved
    }
}

/// Why there is no step.
pub(super) enum Unsolved {
    /// H + lambda D is not positive definite in floating point, or the step does not descend:
    /// more damping cures both.
    NotPositive,
    /// A product with H failed to solve.
    Failed,
    /// The caller asked to stop midway.
    Stopped(Termination),
}

/// H + damping diag(scale)
pub(super) struct DampedModel<'m, 'a> {
    pub(super) model: &'m LocalModel<'a>,
    pub(super) scale: &'m [f64],
    pub(super) damping: f64,
    pub(super) max_products: usize,
    /// Curvature from an earlier solve by products: its preconditioner.
    pub(super) memory: &'m Memory,
}

impl DampedModel<'_, '_> {
    /// The step from `point`, held within the bounds; its reduction is predicted for the step as it
    /// is after the projection.
    pub(super) fn propose(
        &self,
        watched: &mut Watched<'_>,
        point: &Point,
    ) -> Result<Proposal, Unsolved> {
        let bounds = watched.objective().bounds();
        let gradient = &self.model.evaluation().gradient;
        let mut learnt = Vec::new();
        let raw = self.step_in_box(watched, bounds, point, gradient, &mut learnt)?;
        let theta = bounds.project(&vector::moved(&point.theta, 1.0, &raw));
        let step = vector::difference(&theta, &point.theta);
        let curvature = vector::dot(&step, &self.product(watched, &step)?);
        let predicted_reduction = -(vector::dot(gradient, &step) + 0.5 * curvature);
        let moves = vector::largest(&step) > 0.0;
        if moves && (predicted_reduction.is_nan() || predicted_reduction <= 0.0) {
            return Err(Unsolved::NotPositive);
        }
        Ok(Proposal {
            theta,
            predicted_reduction,
            learnt,
        })
    }

    fn step_in_box(
        &self,
        watched: &mut Watched<'_>,
        bounds: &Bounds,
        point: &Point,
        gradient: &[f64],
        learnt: &mut Vec<Pair>,
    ) -> Result<Vec<f64>, Unsolved> {
        let n = gradient.len();
        let mut free: Vec<bool> = (0..n)
            .map(|i| !bounds.blocks(i, point.theta[i], -gradient[i]))
            .collect();
        let mut held = vec![0.0; n];
        let mut rhs: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        for _ in 0..ROUNDS {
            let mut step = self.solve(watched, &free, &rhs, learnt)?;
            vector::add(&mut step, 1.0, &held);
            if !hold_crossing(bounds, &point.theta, &step, &mut free, &mut held) {
                return Ok(step);
            }
            let pull = self.product(watched, &held)?;
            rhs = vector::moved(gradient, 1.0, &pull)
                .iter()
                .map(|slope| -slope)
                .collect();
        }
        let mut step = self.solve(watched, &free, &rhs, learnt)?;
        vector::add(&mut step, 1.0, &held);
        Ok(step)
    }

    fn product(&self, watched: &mut Watched<'_>, v: &[f64]) -> Result<Vec<f64>, Unsolved> {
        self.model.product(watched, v).map_err(|_| Unsolved::Failed)
    }

    /// Solves (H + damping D) p = rhs over the free parameters; p is zero elsewhere.
    fn solve(
        &self,
        watched: &mut Watched<'_>,
        free: &[bool],
        rhs: &[f64],
        learnt: &mut Vec<Pair>,
    ) -> Result<Vec<f64>, Unsolved> {
        match self.model {
            LocalModel::Dense(equations) => equations
                .hessian
                .solve(|i| self.damping * self.scale[i], free, rhs)
                .ok_or(Unsolved::NotPositive),
            LocalModel::Products(_) => conjugate_gradient::solve(self, watched, free, rhs, learnt),
        }
    }
}

/// Holds at their bound the free parameters that `step` takes beyond it; false when there is none.
fn hold_crossing(
    bounds: &Bounds,
    theta: &[f64],
    step: &[f64],
    free: &mut [bool],
    held: &mut [f64],
) -> bool {
    let mut any = false;
    for i in 0..theta.len() {
        let target = theta[i] + step[i];
        let nearest = target.clamp(bounds.lower()[i], bounds.upper()[i]);
        if free[i] && nearest != target {
            free[i] = false;
            held[i] = nearest - theta[i];
            any = true;
        }
    }
    any
}
