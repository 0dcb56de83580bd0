use super::{FitObjective, Solved, Unpacked};
use crate::batch::{Observation, TrialBatch};
use crate::observation::{Link, ObservationModel};
use crate::optimizer::{Evaluation, Linearization, SolveFailure};
use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;
use tauscope_adjoint::{Direction, Integrator, Sensitivities, sensitivities};

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
                    objective.tangents(&self.theta, &[v], batch, solved, &objective.integrator)?;
                let cotangents: Vec<_> = tangents.iter().flatten().map(|t| t * weight).collect();
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
    /// Change of the residuals of a batch along each of `directions` of theta, all from one solve: for each direction one
    /// matrix (output, trial) an observation.
    pub(crate) fn tangents(
        &self,
        theta: &[f64],
        directions: &[&[f64]],
        batch: &TrialBatch,
        solved: &Solved,
        integrator: &Integrator,
    ) -> Result<Vec<Vec<DMatrix<f64>>>, SolveFailure> {
        let at = self.unpack(theta)?;
        let dense: Vec<Direction> = directions
            .iter()
            .map(|v| self.direction(&at, v, batch, solved))
            .collect();
        let along = self.until_halted(batch, || {
            sensitivities(
                &at.network,
                &batch.input,
                &solved.start.state,
                &dense,
                &batch.t_eval,
                integrator,
            )
        })?;
        let of_direction = |(index, v): (usize, &&[f64])| {
            let readout_v = &v[self.layout.readout_range()];
            let observations = batch.observations.iter();
            observations
                .map(|observation| {
                    self.unless_halted()?;
                    if let ObservationModel::Poisson(link) = self.observation {
                        return Ok(self.count_tangent(
                            link,
                            &at,
                            readout_v,
                            solved,
                            &along,
                            index,
                            observation,
                        ));
                    }
                    let rates = observation.weighted_rates(&solved.trajectory);
                    let d_rates = self.weighted_tangent(&along, index, batch, observation);
                    let readout = &self.layout.readout;
                    let mut z = readout.gain_times(&at.readout, d_rates.as_slice())
                        + readout.parameter_tangent(readout_v, rates.as_slice());
                    self.to_residuals(observation, &mut z);
                    Ok(z)
                })
                .collect()
        };
        directions.iter().enumerate().map(of_direction).collect()
    }

    /// Where the network and the initial state go along the direction `v` of theta.
    fn direction(
        &self,
        at: &Unpacked<'_>,
        v: &[f64],
        batch: &TrialBatch,
        solved: &Solved,
    ) -> Direction {
        let layout = self.layout;
        let parameters = layout.network.expand(&v[layout.network_range()]);
        let initial_state = layout.initial_state.tangent(
            &at.network,
            &batch.input,
            &solved.start,
            &v[layout.initial_range()],
            Some(&parameters),
        );
        Direction::Dense {
            parameters: Box::new(parameters),
            initial_state,
        }
    }

    /// Change of the rates (unit, trial) along direction number `index`, as `observation` weighs them.
    fn weighted_tangent(
        &self,
        along: &Sensitivities,
        index: usize,
        batch: &TrialBatch,
        observation: &Observation,
    ) -> DMatrix<f64> {
        let (n, k) = (self.layout.n_units, batch.trials.len());
        let mut d_rates = DMatrix::zeros(n, k);
        for &(j, weight) in &observation.parts {
            let block = &along.at(j)[(1 + index) * n * k..];
            d_rates += DMatrixView::from_slice(block, n, k) * weight;
        }
        d_rates
    }

    /// Change of the residuals of counts along direction number `index`, `readout_v` for the readout: by evaluation time, since a
    /// link bends.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, all of it what that call knows"
    )]
    fn count_tangent(
        &self,
        link: Link,
        at: &Unpacked<'_>,
        readout_v: &[f64],
        solved: &Solved,
        along: &Sensitivities,
        index: usize,
        observation: &Observation,
    ) -> DMatrix<f64> {
        let (n, k) = (self.layout.n_units, observation.values.ncols());
        let readout = &self.layout.readout;
        let counts = self.counts(link, at, &solved.trajectory, observation);
        let mut sum = DMatrix::zeros(observation.values.nrows(), k);
        for (part, &(j, _)) in observation.parts.iter().enumerate() {
            let block = &along.at(j)[(1 + index) * n * k..][..n * k];
            let z = readout.gain_times(&at.readout, block)
                + readout.parameter_tangent(readout_v, solved.trajectory.rates(j));
            sum += z.component_mul(&counts.factors(part, &observation.values));
        }
        sum
    }

    /// From a change of outputs to one of residuals, which are 0 where nothing was observed.
    fn to_residuals(&self, observation: &Observation, z: &mut DMatrix<f64>) {
        for (mut change, values) in z.column_iter_mut().zip(observation.values.column_iter()) {
            for (o, value) in change.iter_mut().enumerate() {
                *value = if values[o].is_nan() {
                    0.0
                } else {
                    *value / self.noise[o]
                };
            }
        }
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
        let directions: Vec<&[f64]> = directions.iter().map(Vec::as_slice).collect();
        let parts: Vec<_> = self
            .train
            .par_iter()
            .zip(&solved)
            .map(|(batch, solved)| {
                self.residual_derivatives(theta, &directions, batch, solved, &independent)
            })
            .collect();
        let mut out = vec![0.0; directions.len()];
        let weight = self.residual_weight();
        for part in parts {
            out.iter_mut()
                .zip(part?)
                .for_each(|(o, p)| *o += weight * p);
        }
        let mut penalty = vec![0.0; theta.len()];
        self.add_penalty_gradient(theta, &mut penalty);
        for (o, v) in out.iter_mut().zip(directions) {
            *o += penalty.iter().zip(v).map(|(p, v)| p * v).sum::<f64>();
        }
        Ok(out)
    }

    /// The objective by the [second opinion](Integrator::second_opinion), whose differences a gradient by any method must meet:
    /// free of what the steps of the method itself leave in each value.
    ///
    /// # Errors
    /// [`SolveFailure`] where a solve fails.
    pub fn independent_value(&self, theta: &[f64]) -> Result<f64, SolveFailure> {
        let at = self.unpack(theta)?;
        let solved = self.solve_all_by(&at, &self.train, &self.integrator.second_opinion())?;
        let sum: f64 = solved.iter().map(|solved| solved.loss).sum();
        Ok(self.value_of(theta, sum, 0).objective)
    }

    /// Half the derivative of the sum of the loss of a batch along each of `directions`.
    fn residual_derivatives(
        &self,
        theta: &[f64],
        directions: &[&[f64]],
        batch: &TrialBatch,
        solved: &Solved,
        integrator: &Integrator,
    ) -> Result<Vec<f64>, SolveFailure> {
        let tangents = self.tangents(theta, directions, batch, solved, integrator)?;
        let along_residuals = |tangents: &Vec<DMatrix<f64>>| {
            let pairs = tangents.iter().zip(&solved.residuals);
            pairs.map(|(t, r)| t.dot(r)).sum()
        };
        Ok(tangents.iter().map(along_residuals).collect())
    }
}
