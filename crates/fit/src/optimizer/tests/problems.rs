//! Small least-squares problems with known answers.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::optimizer::{
    Arrow, Bounds, Evaluation, Linearization, NormalEquations, Objective, SolveFailure, Value,
};

type Residuals = dyn Fn(&[f64]) -> Vec<f64> + Sync;
type Jacobian = dyn Fn(&[f64]) -> DMatrix<f64> + Sync;
type Refusal = dyn Fn(&[f64]) -> bool + Sync;
type Halting = dyn Fn() -> bool + Send + Sync;
type Validation = dyn Fn(&[f64]) -> Result<f64, SolveFailure> + Sync;

/// objective = cost = mean of the squared residuals.
pub struct LeastSquares {
    pub bounds: Bounds,
    residuals: Box<Residuals>,
    jacobian: Box<Jacobian>,
    fails: Box<Refusal>,
    halts: Arc<Halting>,
    validation: Option<Box<Validation>>,
    knows_diagonal: bool,
    finer: Option<Box<LeastSquares>>,
}

impl LeastSquares {
    pub fn new(
        n: usize,
        residuals: impl Fn(&[f64]) -> Vec<f64> + Sync + 'static,
        jacobian: impl Fn(&[f64]) -> DMatrix<f64> + Sync + 'static,
    ) -> Self {
        Self {
            bounds: Bounds::none(n),
            residuals: Box::new(residuals),
            jacobian: Box::new(jacobian),
            fails: Box::new(|_| false),
            halts: Arc::new(|| false),
            validation: None,
            knows_diagonal: false,
            finer: None,
        }
    }

    /// Goes over to `finer`; the error of a gradient is known from there.
    pub fn refined_by(mut self, finer: LeastSquares) -> Self {
        self.finer = Some(Box::new(finer));
        self
    }

    pub fn within(mut self, lower: &[f64], upper: &[f64]) -> Self {
        self.bounds = Bounds::new(lower.to_vec(), upper.to_vec()).unwrap();
        self
    }

    pub fn failing_where(mut self, fails: impl Fn(&[f64]) -> bool + Sync + 'static) -> Self {
        self.fails = Box::new(fails);
        self
    }

    /// Every solve, those of the finer problem too, asks `halts` whether it is ended by the caller.
    pub fn halting_where(mut self, halts: Arc<Halting>) -> Self {
        self.finer = self
            .finer
            .map(|finer| Box::new(finer.halting_where(Arc::clone(&halts))));
        self.halts = halts;
        self
    }

    pub fn validated_by(
        mut self,
        validation: impl Fn(&[f64]) -> Result<f64, SolveFailure> + Sync + 'static,
    ) -> Self {
        self.validation = Some(Box::new(validation));
        self
    }

    pub fn with_known_diagonal(mut self) -> Self {
        self.knows_diagonal = true;
        self
    }

    fn unless_halted(&self) -> Result<(), SolveFailure> {
        if (self.halts)() {
            return Err(SolveFailure::halted());
        }
        Ok(())
    }

    fn residuals(&self, theta: &[f64]) -> Result<DVector<f64>, SolveFailure> {
        self.unless_halted()?;
        if (self.fails)(theta) {
            return Err(SolveFailure::new("step size fell below its minimum"));
        }
        Ok(DVector::from_vec((self.residuals)(theta)))
    }
}

struct Products<'a> {
    problem: &'a LeastSquares,
    evaluation: Evaluation,
    jacobian: DMatrix<f64>,
    knows_diagonal: bool,
}

impl Linearization for Products<'_> {
    fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    fn product(&self, v: &[f64]) -> Result<Vec<f64>, SolveFailure> {
        self.problem.unless_halted()?;
        let tangent = &self.jacobian * DVector::from_row_slice(v);
        let product = self.jacobian.tr_mul(&tangent) * (2.0 / self.jacobian.nrows() as f64);
        Ok(product.as_slice().to_vec())
    }

    fn diagonal(&self) -> Option<Vec<f64>> {
        let scale = 2.0 / self.jacobian.nrows() as f64;
        let columns = self.jacobian.column_iter();
        self.knows_diagonal
            .then(|| columns.map(|c| scale * c.norm_squared()).collect())
    }

    fn rhs_evaluations_per_product(&self) -> u64 {
        2
    }
}

impl Objective for LeastSquares {
    fn n_parameters(&self) -> usize {
        self.bounds.len()
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn value(&self, theta: &[f64]) -> Result<Value, SolveFailure> {
        let residuals = self.residuals(theta)?;
        let cost = residuals.norm_squared() / residuals.len() as f64;
        Ok(Value {
            objective: cost,
            cost,
            rhs_evaluations: 1,
        })
    }

    fn evaluate(&self, theta: &[f64]) -> Result<Evaluation, SolveFailure> {
        let residuals = self.residuals(theta)?;
        let scale = 1.0 / residuals.len() as f64;
        let cost = residuals.norm_squared() * scale;
        let gradient = (self.jacobian)(theta).tr_mul(&residuals) * (2.0 * scale);
        Ok(Evaluation {
            objective: cost,
            cost,
            gradient: gradient.as_slice().to_vec(),
            rhs_evaluations: 2,
        })
    }

    fn normal_equations(&self, theta: &[f64]) -> Result<NormalEquations, SolveFailure> {
        let evaluation = self.evaluate(theta)?;
        let jacobian = (self.jacobian)(theta);
        let scale = 2.0 / jacobian.nrows() as f64;
        Ok(NormalEquations {
            evaluation,
            hessian: Arrow::dense(jacobian.tr_mul(&jacobian) * scale),
        })
    }

    fn linearize<'a>(&'a self, theta: &[f64]) -> Result<Box<dyn Linearization + 'a>, SolveFailure> {
        Ok(Box::new(Products {
            problem: self,
            evaluation: self.evaluate(theta)?,
            jacobian: (self.jacobian)(theta),
            knows_diagonal: self.knows_diagonal,
        }))
    }

    fn valid_cost(&self, theta: &[f64]) -> Option<Result<f64, SolveFailure>> {
        let validate = self.validation.as_ref()?;
        Some(self.unless_halted().and_then(|()| validate(theta)))
    }

    fn finer(&self) -> Option<&dyn Objective> {
        self.finer.as_deref().map(|finer| finer as &dyn Objective)
    }

    fn gradient_error(&self, theta: &[f64], gradient: &[f64]) -> Result<f64, SolveFailure> {
        let Some(finer) = &self.finer else {
            return Ok(0.0);
        };
        let (found, fine) = (
            DVector::from_row_slice(gradient),
            DVector::from_vec(finer.evaluate(theta)?.gradient),
        );
        Ok((&found - &fine).norm() / fine.norm())
    }

    fn time_constants(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        (vec![theta[0].exp()], Vec::new())
    }
}

/// Rosenbrock's valley as residuals 10 (y - x^2) and 1 - x; minimum 0 at (1, 1).
pub fn rosenbrock() -> LeastSquares {
    LeastSquares::new(
        2,
        |p| vec![10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0]],
        |p| DMatrix::from_row_slice(2, 2, &[-20.0 * p[0], 10.0, -1.0, 0.0]),
    )
}

/// Time constants and amplitudes of the decays in [`decays`].
pub const TAU: [f64; 2] = [0.03, 0.4];
pub const AMPLITUDE: [f64; 2] = [2.0, -1.0];

/// Two decays a_k exp(-t/tau_k), each sampled by itself without noise;
/// theta = (log tau_0, log tau_1, a_0, a_1).
pub fn decays() -> LeastSquares {
    let times: Vec<f64> = (0..40).map(|k| 0.02 * k as f64).collect();
    let of_jacobian = times.clone();
    LeastSquares::new(
        4,
        move |p| {
            let one = |k: usize, t: f64| {
                p[2 + k] * (-t / p[k].exp()).exp() - AMPLITUDE[k] * (-t / TAU[k]).exp()
            };
            times.iter().flat_map(|&t| [one(0, t), one(1, t)]).collect()
        },
        move |p| {
            let mut jacobian = DMatrix::zeros(2 * of_jacobian.len(), 4);
            for (row, &t) in of_jacobian.iter().enumerate() {
                for k in 0..2 {
                    let q = t / p[k].exp();
                    jacobian[(2 * row + k, k)] = p[2 + k] * (-q).exp() * q;
                    jacobian[(2 * row + k, 2 + k)] = (-q).exp();
                }
            }
            jacobian
        },
    )
}

/// The same as a rough integrator would have it: both time constants are off by a hundredth.
pub fn rough_decays() -> LeastSquares {
    let exact = decays();
    let (residuals, jacobian) = (exact.residuals, exact.jacobian);
    let moved = |p: &[f64]| [p[0] + 0.01, p[1] - 0.01, p[2], p[3]];
    LeastSquares::new(
        4,
        move |p| residuals(&moved(p)),
        move |p| jacobian(&moved(p)),
    )
}

/// Start of [`decays`] from which every optimizer can get to the answer.
pub const DECAYS_START: [f64; 4] = [-2.0, -2.0, 1.0, -0.5];

/// Residuals A theta - b.
pub fn linear(matrix: DMatrix<f64>, rhs: DVector<f64>) -> LeastSquares {
    let of_jacobian = matrix.clone();
    LeastSquares::new(
        matrix.ncols(),
        move |p| {
            (&matrix * DVector::from_row_slice(p) - &rhs)
                .as_slice()
                .to_vec()
        },
        move |_| of_jacobian.clone(),
    )
}
