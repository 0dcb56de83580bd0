//! The objective in coordinates in which the order of one pair of time constants can be held.

use crate::objective::FitObjective;
use crate::optimizer::{
    Arrow, Bounds, BoundsError, Evaluation, Linearization, NormalEquations, Objective,
    SolveFailure, Value,
};

/// Where the two constants of one unit (or group) lie in theta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) s: usize,
    pub(super) r: usize,
}

impl Pair {
    /// `log(tau_s / tau_r)`.
    pub(super) fn log_ratio(self, theta: &[f64]) -> f64 {
        theta[self.s] - theta[self.r]
    }

    /// theta with the two exchanged.
    pub(super) fn exchanged(self, theta: &[f64]) -> Vec<f64> {
        let mut other = theta.to_vec();
        other.swap(self.s, self.r);
        other
    }

    fn to_ordered(self, theta: &[f64]) -> Vec<f64> {
        let mut ordered = theta.to_vec();
        ordered[self.s] -= theta[self.r];
        ordered
    }

    /// `J^T J` in coordinates in which `log(tau_s / tau_r)` stands in the place of log tau_s: columns by log tau_r become the sum of both.
    pub(super) fn into_ordered(self, hessian: &mut Arrow) {
        let place = |parameter| hessian.places.shared.iter().position(|&p| p == parameter);
        let (Some(s), Some(r)) = (place(self.s), place(self.r)) else {
            return;
        };
        let column = hessian.corner.column(s).into_owned();
        let mut into = hessian.corner.column_mut(r);
        into += column;
        let row = hessian.corner.row(s).into_owned();
        let mut into = hessian.corner.row_mut(r);
        into += row;
        let side = hessian.sides.column(s).into_owned();
        let mut into = hessian.sides.column_mut(r);
        into += side;
    }

    fn to_theta(self, ordered: &[f64]) -> Vec<f64> {
        let mut theta = ordered.to_vec();
        theta[self.s] += ordered[self.r];
        theta
    }
}

/// What the log ratio of a pair may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    /// At least 0, if positive, else at most 0.
    Sign {
        /// Which.
        positive: bool,
    },
    /// One value.
    At(f64),
}

/// The objective over `d = log(tau_s / tau_r)` in the place of log tau_s; all else is as it was.
///
/// With `log tau_s = log tau_r + d`, derivatives by log tau_r become the sum of both, derivatives by d those by log tau_s.
pub(super) struct Ordered<'a> {
    inner: &'a FitObjective<'a>,
    pair: Pair,
    bounds: Bounds,
}

impl<'a> Ordered<'a> {
    pub(super) fn new(
        inner: &'a FitObjective<'a>,
        pair: Pair,
        held: Held,
    ) -> Result<Ordered<'a>, BoundsError> {
        let (mut lower, mut upper) = (
            inner.bounds().lower().to_vec(),
            inner.bounds().upper().to_vec(),
        );
        let most = upper[pair.s] - lower[pair.r];
        (lower[pair.s], upper[pair.s]) = match held {
            Held::Sign { positive: true } => (0.0, most),
            Held::Sign { positive: false } => (-most, 0.0),
            Held::At(value) => (value, value),
        };
        Ok(Ordered {
            inner,
            pair,
            bounds: Bounds::new(lower, upper)?,
        })
    }

    /// The point in these coordinates.
    pub(super) fn point_of(&self, theta: &[f64]) -> Vec<f64> {
        self.bounds.project(&self.pair.to_ordered(theta))
    }

    /// theta of a point in these coordinates.
    pub(super) fn theta(&self, ordered: &[f64]) -> Vec<f64> {
        self.pair.to_theta(ordered)
    }

    fn evaluation(&self, mut evaluation: Evaluation) -> Evaluation {
        evaluation.gradient[self.pair.r] += evaluation.gradient[self.pair.s];
        evaluation
    }
}

impl Objective for Ordered<'_> {
    fn n_parameters(&self) -> usize {
        self.inner.n_parameters()
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn value(&self, ordered: &[f64]) -> Result<Value, SolveFailure> {
        self.inner.value(&self.theta(ordered))
    }

    fn evaluate(&self, ordered: &[f64]) -> Result<Evaluation, SolveFailure> {
        Ok(self.evaluation(self.inner.evaluate(&self.theta(ordered))?))
    }

    fn normal_equations(&self, ordered: &[f64]) -> Result<NormalEquations, SolveFailure> {
        let NormalEquations {
            evaluation,
            mut hessian,
        } = self.inner.normal_equations(&self.theta(ordered))?;
        self.pair.into_ordered(&mut hessian);
        Ok(NormalEquations {
            evaluation: self.evaluation(evaluation),
            hessian,
        })
    }

    fn linearize<'b>(&'b self, _: &[f64]) -> Result<Box<dyn Linearization + 'b>, SolveFailure> {
        Err(SolveFailure::new(
            "a refit that keeps the order of two time constants needs its matrix",
        ))
    }

    fn valid_cost(&self, _: &[f64]) -> Option<Result<f64, SolveFailure>> {
        None
    }

    fn time_constants(&self, ordered: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.inner.time_constants(&self.theta(ordered))
    }
}
