use super::drive::{Drives, HeldEnd, Place};
use super::forcing::Forcing;
use super::grid::Step;
use super::implicit::Implicit;
use super::relaxation::{Gain, Relaxation};
use super::runge_kutta::{EULER, HEUN, RK4, RungeKutta};
use crate::FixedStepMethod;
use tauscope_dynamics::{Gradient, Linearization, PanelAccumulator, RateNetwork};
use thiserror::Error;

/// One step of a method, its tangent and its transpose, for a batch of trials.
///
/// States are state-shaped slices (see `StateShape`), `y0` at the start of the step and `y1` at its end.
pub(super) trait Scheme {
    /// Writes `y1`.
    fn advance(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
    ) -> Result<(), NewtonFailure>;

    /// Writes `y1` and carries `tangent` along, in place.
    fn advance_tangent(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
        forcing: &mut Forcing<'_>,
        tangent: &mut [f64],
    ) -> Result<(), NewtonFailure>;

    /// Turns the cotangent of `y1` into that of `y0`, in place, and adds the step's part of the gradient.
    fn pull_back(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &[f64],
        adjoint: &mut [f64],
        sum: &mut GradientSum<'_>,
    ) -> Result<(), NewtonFailure>;

    /// Evaluations of the right-hand side, and of its transpose, so far.
    fn evaluations(&self) -> u64;
}

/// Newton's method found no end of an implicit step.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error(
    "newton's method still changed the state by {change:.1e} of its size after {iterations} iterations; shorten the step"
)]
pub(super) struct NewtonFailure {
    pub(super) iterations: usize,
    /// Last change of the state, relative to its size.
    pub(super) change: f64,
}

/// The scheme of a method.
pub(super) fn scheme<'a>(
    method: FixedStepMethod,
    network: &'a RateNetwork,
    n_trials: usize,
) -> Box<dyn Scheme + 'a> {
    let runge_kutta = |tableau| Box::new(RungeKutta::new(network, n_trials, tableau));
    match method {
        FixedStepMethod::Euler => runge_kutta(&EULER),
        FixedStepMethod::Heun => runge_kutta(&HEUN),
        FixedStepMethod::Rk4 => runge_kutta(&RK4),
        FixedStepMethod::EulerSequential => {
            Box::new(Relaxation::new(network, n_trials, Gain::Sequential))
        }
        FixedStepMethod::Elman => Box::new(Relaxation::new(network, n_trials, Gain::Whole)),
        FixedStepMethod::ExponentialEuler => {
            Box::new(Relaxation::new(network, n_trials, Gain::Exponential))
        }
        FixedStepMethod::BackwardEuler => Box::new(Implicit::new(network, n_trials, 1.0)),
        FixedStepMethod::ImplicitMidpoint => Box::new(Implicit::new(network, n_trials, 0.5)),
    }
}

/// Which value of a held input a method meets where its step ends at a sample.
pub(super) fn held_end(method: FixedStepMethod) -> HeldEnd {
    match method {
        FixedStepMethod::EulerSequential | FixedStepMethod::Elman => HeldEnd::Right,
        _ => HeldEnd::Left,
    }
}

/// The gradient of a backward pass while it is summed.
pub(super) struct GradientSum<'a> {
    network: &'a RateNetwork,
    panel: PanelAccumulator,
    gradient: Gradient,
}

/// Columns of the products that make the gradient: wide enough for their full speed, and small enough
/// for the cache.
const PANEL_COLUMNS: usize = 256;

impl<'a> GradientSum<'a> {
    pub(super) fn new(network: &'a RateNetwork, n_trials: usize) -> Self {
        let capacity = PANEL_COLUMNS.div_ceil(n_trials.max(1));
        GradientSum {
            network,
            panel: PanelAccumulator::new(network, n_trials, capacity),
            gradient: network.parameters().zeros_like(),
        }
    }

    /// Adds `(d rhs / d parameters)^T w` at a state whose derivative is `dy`.
    pub(super) fn add(&mut self, at: &Linearization, place: &Place<'_>, dy: &[f64], w: &[f64]) {
        self.panel
            .push(self.network, at, place.x, dy, w, 1.0, &mut self.gradient);
    }

    pub(super) fn finish(mut self) -> Gradient {
        self.panel.flush(&mut self.gradient);
        self.gradient
    }
}
