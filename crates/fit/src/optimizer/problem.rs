//! What an optimizer asks of the problem.

use super::arrow::Arrow;
use super::bounds::Bounds;
use super::failure::SolveFailure;

/// The objective without its gradient, from one forward solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// What is minimised: normalised cost plus penalty.
    pub objective: f64,
    /// Cost on the train trials, without penalty.
    pub cost: f64,
    /// Evaluations of the network's right-hand side that it took.
    pub rhs_evaluations: u64,
}

/// The objective and its gradient, both from one and the same solve.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What is minimised: normalised cost plus penalty.
    pub objective: f64,
    /// Cost on the train trials, without penalty.
    pub cost: f64,
    /// Gradient of `objective`, one entry a parameter.
    pub gradient: Vec<f64>,
    /// Evaluations of the network's right-hand side that it took, backward ones included.
    pub rhs_evaluations: u64,
}

/// The quadratic model of the objective, with its matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalEquations {
    /// Objective and gradient at the point.
    pub evaluation: Evaluation,
    /// H (P x P, symmetric, positive semidefinite), the Gauss-Newton approximation of the second
    /// derivative of `objective` in the scaling of its gradient:
    /// objective(theta + p) ~ objective + g.p + p.Hp/2, penalty included. For a mean of M squared
    /// residuals that is (2/M) J^T J.
    pub hessian: Arrow,
}

/// The same quadratic model where its matrix is too large to be held.
pub trait Linearization {
    /// Objective and gradient at the point.
    fn evaluation(&self) -> &Evaluation;

    /// H v, with H as in [`NormalEquations::hessian`]: one tangent-linear and one adjoint solve.
    ///
    /// # Errors
    /// [`SolveFailure`] where one of the two solves fails.
    fn product(&self, v: &[f64]) -> Result<Vec<f64>, SolveFailure>;

    /// The diagonal of H, or any positive estimate of it, where one is cheap to have. It scales the
    /// damping and preconditions the inner iteration.
    fn diagonal(&self) -> Option<Vec<f64>> {
        None
    }

    /// Evaluations of the right-hand side spent on one [`Linearization::product`].
    fn rhs_evaluations_per_product(&self) -> u64 {
        0
    }
}

/// A bounded minimisation problem in P parameters whose evaluation may fail.
///
/// Equal `theta` must give equal bits, whatever the number of threads. All parameters are expected
/// to be of order one (weights, log tau).
pub trait Objective: Sync {
    /// Number of parameters P.
    fn n_parameters(&self) -> usize;

    /// Bounds on the parameters, P of each side.
    fn bounds(&self) -> &Bounds;

    /// The objective alone, which is cheaper than with its gradient.
    ///
    /// # Errors
    /// [`SolveFailure`] where the network cannot be integrated.
    fn value(&self, theta: &[f64]) -> Result<Value, SolveFailure>;

    /// The objective and its gradient from one solve.
    ///
    /// # Errors
    /// [`SolveFailure`] where the network cannot be integrated, forward or backward.
    fn evaluate(&self, theta: &[f64]) -> Result<Evaluation, SolveFailure>;

    /// The quadratic model with its matrix, asked for up to
    /// [`GaussNewtonSettings::dense_limit`](super::GaussNewtonSettings::dense_limit) parameters.
    ///
    /// # Errors
    /// [`SolveFailure`] where the network or its sensitivities cannot be integrated.
    fn normal_equations(&self, theta: &[f64]) -> Result<NormalEquations, SolveFailure>;

    /// The quadratic model by products, asked for above that number of parameters.
    ///
    /// # Errors
    /// [`SolveFailure`] where the network cannot be integrated, forward or backward.
    fn linearize<'a>(&'a self, theta: &[f64]) -> Result<Box<dyn Linearization + 'a>, SolveFailure>;

    /// Cost on the validation trials, without penalty; `None` where there are none. A failure is
    /// counted and never scored as if it were a number.
    fn valid_cost(&self, theta: &[f64]) -> Option<Result<f64, SolveFailure>>;

    /// The same objective computed more accurately, where there is such: an optimizer begins with this one and goes over to that
    /// one where this one is no longer good enough.
    fn finer(&self) -> Option<&dyn Objective> {
        None
    }

    /// Estimated error of `gradient`, the one of [`evaluate`](Self::evaluate) at `theta`, relative to its norm.
    ///
    /// # Errors
    /// [`SolveFailure`] where the solves of the estimate fail.
    fn gradient_error(&self, _theta: &[f64], _gradient: &[f64]) -> Result<f64, SolveFailure> {
        Ok(0.0)
    }

    /// tau_s and tau_r by unit, in the data set's time unit, for the history; empty where the model
    /// has none.
    fn time_constants(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>);
}
