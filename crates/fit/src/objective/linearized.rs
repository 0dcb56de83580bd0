use super::{FitObjective, Solved, failure};
use crate::batch::TrialBatch;
use crate::optimizer::{Evaluation, Linearization, SolveFailure};
use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;
use tauscope_adjoint::{Direction, Integrator, sensitivities};

/// The quadratic model at one theta by products: its trajectories are kept, and each product is one tangent-linear
/// and one adjoint solve.
pub(super) struct Linearized<'a> {
    objective: &'a FitObjective<'a>,
    theta: Vec<f64>,
    solved: Vec<Solved>,
    evaluation: Evaluation,
}

impl<'a> Linearized<'a> {
    pub(super) fn new(
        objective: &'a FitObjective<'a>,
        theta: &[f64],
    ) -> Result<Linearized<'a>, SolveFailure> {
        let at = objective.unpack(theta)?;
        let solved = objective.solve_all(&at, &objective.train)?;
        let evaluation = objective.evaluate_solved(theta, &at, &solved)?;
        Ok(Linearized {
            objective,
            theta: theta.to_vec(),
            solved,
            evaluation,
        })
    }
}

impl Linearization for Linearized<'_> {
    fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    fn product(&self, v: &[f64]) -> Result<Vec<f64>, SolveFailure> {
        let objective = self.objective;
        let at = objective.unpack(&self.theta)?;
        let weight = objective.residual_weight();
        let parts: Vec<_> = objective
            .train
            .par_iter()
            .zip(&self.solved)
            .map(|(batch, solved)| {
                let tangents =
                    objective.tangent(&self.theta, v, batch, solved, &objective.integrator)?;
                let cotangents: Vec<_> = tangents.iter().map(|t| t * weight).collect();
                objective.pull_back(&at, batch, solved, &cotangents)
            })
            .collect();
        let mut out = vec![0.0; v.len()];
        for part in parts {
            let (part, _) = part?;
            out.iter_mut().zip(&part).for_each(|(o, p)| *o += p);
        }
        objective.add_penalty_gradient(v, &mut out);
        Ok(out)
    }

    fn rhs_evaluations_per_product(&self) -> u64 {
        // state and tangent forwards, adjoint backwards: what one gradient took, and its forward part again
        let forward: u64 = self
            .solved
            .iter()
            .map(|s| s.trajectory.statistics.rhs_evaluations)
            .sum();
        self.evaluation.rhs_evaluations + forward
    }
}

impl FitObjective<'_> {
    /// Change of the residuals of a batch along the direction `v` of theta, one matrix (output, trial) an observation.
    pub(crate) fn tangent(
        &self,
        theta: &[f64],
        v: &[f64],
        batch: &TrialBatch,
        solved: &Solved,
        integrator: &Integrator,
    ) -> Result<Vec<DMatrix<f64>>, SolveFailure> {
        let at = self.unpack(theta)?;
        let layout = self.layout;
        let parameters = layout.network.expand(&v[layout.network_range()]);
        let initial_state = layout.initial_state.tangent(
            &at.network,
            &batch.input,
            &solved.start,
            &v[layout.initial_range()],
            Some(&parameters),
        );
        let direction = Direction::Dense {
            parameters: Box::new(parameters),
            initial_state,
        };
        let along = sensitivities(
            &at.network,
            &batch.input,
            &solved.start.state,
            &[direction],
            &batch.t_eval,
            integrator,
        )
        .map_err(|e| failure(&e, batch))?;
        let (n, k) = (layout.n_units, batch.trials.len());
        let readout_v = &v[layout.readout_range()];
        Ok(batch
            .observations
            .iter()
            .map(|observation| {
                let rates = observation.weighted_rates(&solved.trajectory);
                let mut d_rates = DMatrix::zeros(n, k);
                for &(j, weight) in &observation.parts {
                    d_rates += DMatrixView::from_slice(&along.at(j)[n * k..], n, k) * weight;
                }
                let mut z = layout.readout.gain_times(&at.readout, d_rates.as_view())
                    + layout.readout.parameter_tangent(readout_v, rates.as_view());
                for (at, value) in z.iter_mut().enumerate() {
                    let (o, t) = (
                        at % observation.values.nrows(),
                        at / observation.values.nrows(),
                    );
                    *value = if observation.values[(o, t)].is_nan() {
                        0.0
                    } else {
                        *value / self.noise[o]
                    };
                }
                z
            })
            .collect())
    }

    /// Derivative of the objective along each of `directions`, by forward sensitivities: independent of every
    /// backward solve.
    ///
    /// # Errors
    /// [`SolveFailure`] where a solve fails.
    pub fn directional_derivatives(
        &self,
        theta: &[f64],
        directions: &[Vec<f64>],
    ) -> Result<Vec<f64>, SolveFailure> {
        let at = self.unpack(theta)?;
        let independent = self.integrator.second_opinion();
        let solved = self.solve_all_by(&at, &self.train, &independent)?;
        let weight = self.residual_weight();
        directions
            .iter()
            .map(|v| {
                let parts: Vec<_> = self
                    .train
                    .par_iter()
                    .zip(&solved)
                    .map(|(batch, solved)| -> Result<f64, SolveFailure> {
                        let tangents = self.tangent(theta, v, batch, solved, &independent)?;
                        Ok(tangents
                            .iter()
                            .zip(&solved.residuals)
                            .map(|(t, r)| t.dot(r))
                            .sum())
                    })
                    .collect();
                let mut total = 0.0;
                for part in parts {
                    total += weight * part?;
                }
                let mut penalty = vec![0.0; theta.len()];
                self.add_penalty_gradient(theta, &mut penalty);
                Ok(total + penalty.iter().zip(v).map(|(p, v)| p * v).sum::<f64>())
            })
            .collect()
    }
}
