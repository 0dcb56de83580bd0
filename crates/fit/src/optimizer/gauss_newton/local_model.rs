//! The quadratic model of the objective around one point, with its matrix or by products.

use crate::optimizer::failure::SolveFailure;
use crate::optimizer::problem::{Evaluation, Linearization, NormalEquations, Objective};
use crate::optimizer::vector;
use crate::optimizer::watched::Watched;

/// objective(theta + p) ~ objective + g.p + p.Hp/2
pub(in crate::optimizer) enum LocalModel<'a> {
    Dense(Box<NormalEquations>),
    Products(Box<dyn Linearization + 'a>),
}

impl<'a> LocalModel<'a> {
    pub(in crate::optimizer) fn at(
        objective: &'a dyn Objective,
        theta: &[f64],
        dense: bool,
    ) -> Result<Self, SolveFailure> {
        if dense {
            let equations = objective.normal_equations(theta)?;
            Ok(Self::Dense(Box::new(equations)))
        } else {
            Ok(Self::Products(objective.linearize(theta)?))
        }
    }

    pub(in crate::optimizer) fn evaluation(&self) -> &Evaluation {
        match self {
            Self::Dense(equations) => &equations.evaluation,
            Self::Products(linearization) => linearization.evaluation(),
        }
    }

    pub(super) fn diagonal(&self) -> Option<Vec<f64>> {
        match self {
            Self::Dense(equations) => Some(equations.hessian.diagonal()),
            Self::Products(linearization) => linearization.diagonal(),
        }
    }

    /// H v
    pub(super) fn product(
        &self,
        watched: &mut Watched<'_>,
        v: &[f64],
    ) -> Result<Vec<f64>, SolveFailure> {
        match self {
            Self::Dense(equations) => Ok(equations.hessian.product(v)),
            Self::Products(linearization) => {
                watched.count_rhs(linearization.rhs_evaluations_per_product());
                let product = linearization.product(v);
                if let Err(failure) = &product {
                    watched.count_failure(failure);
                }
                product
            }
        }
    }

    /// g.Hg / g.g, the unit of damping where no diagonal is known; 1 where it vanishes.
    pub(super) fn curvature_along_gradient(
        &self,
        watched: &mut Watched<'_>,
    ) -> Result<f64, SolveFailure> {
        let gradient = &self.evaluation().gradient;
        let product = self.product(watched, gradient)?;
        let curvature = vector::dot(gradient, &product) / vector::dot(gradient, gradient);
        let usable = curvature.is_finite() && curvature > 0.0;
        Ok(if usable { curvature } else { 1.0 })
    }
}
