//! The objective of a fit over its train trials: value, gradient, and the quadratic model of Gauss-Newton.

mod graded;
mod linearized;
mod normal;
mod observed;

use crate::batch::{Observation, TapeLimit, TrialBatch, Walk};
use crate::initial_state::Start;
use crate::layout::ModelLayout;
use crate::observation::{NoisePrecision, ObservationModel};
use crate::optimizer::{
    Bounds, Evaluation, Linearization, NormalEquations, Objective, SolveFailure, Value,
};
use crate::readout::ReadoutValues;
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use tauscope_adjoint::{Adjoint, Halt, Integrator, SolveError, Trajectory, backward_from, forward};
use tauscope_dynamics::RateNetwork;

/// `objective = cost / V + l2 (sum W^2 + sum U^2)`: cost is the mean over observed train targets of the loss, the squared
/// residual in units of the known noise or the [deviance](crate::observation), V the cost of predicting each output's train mean.
///
/// Equal theta gives equal bits for any number of threads: batches are fixed and summed in their order.
pub struct FitObjective<'a> {
    pub(crate) layout: &'a ModelLayout,
    pub(crate) integrator: Integrator,
    /// The same objective at tighter tolerances, to which an optimizer goes over near the optimum.
    pub(crate) finer: Option<Box<FitObjective<'a>>>,
    pub(crate) train: Arc<Vec<TrialBatch>>,
    pub(crate) valid: Arc<Vec<TrialBatch>>,
    /// The train trials again in smaller batches, which bound the memory of all sensitivities.
    pub(crate) small: Arc<Vec<TrialBatch>>,
    pub(crate) observation: ObservationModel,
    /// Known noise by output of a Gaussian observation; 1 of another.
    pub(crate) noise: Vec<f64>,
    pub(crate) precision: NoisePrecision,
    pub(crate) scale: f64,
    pub(crate) l2: f64,
    pub(crate) n_train: usize,
    pub(crate) n_valid: usize,
    /// Of the steps that wait for a backward solve.
    pub(crate) limit: TapeLimit,
    pub(crate) bounds: Bounds,
    /// Ends solves early.
    pub(crate) halt: Halt,
}

/// A solved batch.
pub(crate) struct Solved {
    pub(crate) start: Start,
    pub(crate) trajectory: Trajectory,
    /// Residual in units of the noise at each observation, (output, trial); 0 where nothing was observed.
    pub(crate) residuals: Vec<DMatrix<f64>>,
    /// Sum of the loss.
    pub(crate) loss: f64,
}

/// What one batch adds to value and gradient.
struct Part {
    loss: f64,
    gradient: Vec<f64>,
    rhs_evaluations: u64,
}

/// theta, unpacked.
pub(crate) struct Unpacked<'t> {
    pub(crate) network: RateNetwork,
    pub(crate) readout: ReadoutValues,
    pub(crate) initial: &'t [f64],
}

impl<'a> FitObjective<'a> {
    /// The same objective, whose solves fail as [`SolveFailure::halted`] once `halt` asks.
    pub(crate) fn watched_by(self, halt: &Halt) -> FitObjective<'a> {
        FitObjective {
            halt: halt.clone(),
            ..self
        }
    }

    /// A copy without a finer level, for one that differs in a field.
    pub(crate) fn alike(&self) -> FitObjective<'a> {
        FitObjective {
            finer: None,
            train: Arc::clone(&self.train),
            valid: Arc::clone(&self.valid),
            small: Arc::clone(&self.small),
            noise: self.noise.clone(),
            precision: self.precision.clone(),
            bounds: self.bounds.clone(),
            halt: self.halt.clone(),
            ..*self
        }
    }
}

impl FitObjective<'_> {
    /// The blocks of theta by name.
    pub fn blocks(&self) -> Vec<(String, Range<usize>)> {
        self.layout.blocks()
    }

    pub(crate) fn unpack<'t>(&self, theta: &'t [f64]) -> Result<Unpacked<'t>, SolveFailure> {
        let network = self
            .layout
            .network(theta)
            .map_err(|e| SolveFailure::new(e.to_string()))?;
        let readout = self
            .layout
            .readout
            .values(&theta[self.layout.readout_range()]);
        Ok(Unpacked {
            network,
            readout,
            initial: &theta[self.layout.initial_range()],
        })
    }

    pub(crate) fn solve(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
        integrator: &Integrator,
    ) -> Result<Solved, SolveFailure> {
        let start = self.start(at, batch)?;
        let trajectory = self.until_halted(batch, || {
            forward(
                &at.network,
                &batch.input,
                &start.state,
                &batch.t_eval,
                integrator,
            )
        })?;
        let mut loss = 0.0;
        let residuals = batch
            .observations
            .iter()
            .map(|observation| {
                self.unless_halted()?;
                let mut e = self.room(batch);
                loss += self.hold(at, &trajectory, observation, &mut e, 1.0);
                Ok(e)
            })
            .collect::<Result<Vec<_>, SolveFailure>>()?;
        Ok(Solved {
            start,
            trajectory,
            residuals,
            loss,
        })
    }

    fn start(&self, at: &Unpacked<'_>, batch: &TrialBatch) -> Result<Start, SolveFailure> {
        let initial_state = &self.layout.initial_state;
        initial_state.start(&at.network, &batch.input, &batch.trials, at.initial)
    }

    /// Does one solve of `batch`, unless or until the halt asks otherwise.
    pub(crate) fn until_halted<T>(
        &self,
        batch: &TrialBatch,
        solve: impl FnOnce() -> Result<T, SolveError>,
    ) -> Result<T, SolveFailure> {
        self.unless_halted()?;
        self.halt.during(solve).map_err(|e| failure(&e, batch))
    }

    /// A failure once the halt asks to end.
    pub(crate) fn unless_halted(&self) -> Result<(), SolveFailure> {
        match self.halt.asks() {
            Some(_) => Err(SolveFailure::halted()),
            None => Ok(()),
        }
    }

    /// What cotangents of the residuals (one matrix an observation) of a solved batch say.
    pub(crate) fn pull_back(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
        solved: &Solved,
        cotangents: &[DMatrix<f64>],
    ) -> Result<(Vec<f64>, u64), SolveFailure> {
        let mut gradient = vec![0.0; self.layout.len()];
        let on_readout = &mut gradient[self.layout.readout_range()];
        let (network, trajectory) = (&at.network, &solved.trajectory);
        let mut e = self.room(batch);
        let write = |n: usize, on_parts: &mut [f64]| {
            e.copy_from(&cotangents[n]);
            let observation = &batch.observations[n];
            self.on_rates(at, trajectory, observation, &mut e, on_readout, on_parts);
        };
        let adjoint = self.until_halted(batch, || {
            batch.with_cotangents(network.n_units(), write, |rates| {
                let (input, integrator) = (&batch.input, &self.integrator);
                backward_from(network, input, trajectory, rates, None, integrator)
            })
        })?;
        let evaluations = adjoint.statistics.rhs_evaluations;
        self.on_theta(at, batch, &solved.start, adjoint, &mut gradient);
        Ok((gradient, evaluations))
    }

    /// Writes what an adjoint says of initial state and network to `gradient`.
    fn on_theta(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
        start: &Start,
        adjoint: Adjoint,
        gradient: &mut [f64],
    ) {
        let mut on_parameters = adjoint.gradient;
        self.layout.initial_state.vjp(
            &at.network,
            &batch.input,
            start,
            &adjoint.initial_state,
            &mut gradient[self.layout.initial_range()],
            &mut on_parameters,
        );
        let reduced = self.layout.network.reduce(&on_parameters);
        gradient[self.layout.network_range()].copy_from_slice(&reduced);
    }

    /// What one batch adds to value and gradient. No more steps than [`Self::limit`] allows are kept.
    fn part(&self, at: &Unpacked<'_>, batch: &TrialBatch) -> Result<Part, SolveFailure> {
        let start = self.start(at, batch)?;
        let (network, integrator) = (&at.network, &self.integrator);
        let (y0, limit) = (&start.state, self.limit);
        let walk = self.until_halted(batch, || {
            Walk::forward(network, batch, y0, integrator, limit, |_, _| {})
        })?;
        let mut rhs_evaluations = walk.statistics.rhs_evaluations;
        let weight = self.residual_weight();
        let mut gradient = vec![0.0; self.layout.len()];
        let on_readout = &mut gradient[self.layout.readout_range()];
        let mut e = self.room(batch);
        let hold = |observation: &Observation, trajectory: &Trajectory, on_parts: &mut [f64]| {
            let loss = self.hold(at, trajectory, observation, &mut e, weight);
            self.on_rates(at, trajectory, observation, &mut e, on_readout, on_parts);
            loss
        };
        let (adjoint, loss) =
            self.until_halted(batch, || walk.backward(network, integrator, hold))?;
        rhs_evaluations += adjoint.statistics.rhs_evaluations;
        self.on_theta(at, batch, &start, adjoint, &mut gradient);
        Ok(Part {
            loss,
            gradient,
            rhs_evaluations,
        })
    }

    /// Sum of the loss of one batch, and evaluations of the right-hand side.
    fn value_part(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
    ) -> Result<(f64, u64), SolveFailure> {
        let start = self.start(at, batch)?;
        let mut sums = Vec::new();
        let mut e = self.room(batch);
        let sum = |piece: &TrialBatch, trajectory: &Trajectory| {
            let losses = piece.observations.iter();
            let losses = losses.map(|o| self.hold(at, trajectory, o, &mut e, 1.0));
            sums.push(losses.sum::<f64>());
        };
        let (network, y0) = (&at.network, &start.state);
        let walk = self.until_halted(batch, || {
            Walk::forward(network, batch, y0, &self.integrator, self.limit, sum)
        })?;
        Ok((sums.iter().sum(), walk.statistics.rhs_evaluations))
    }

    /// Sum of the loss over batches, and evaluations of the right-hand side.
    fn sum_over(
        &self,
        at: &Unpacked<'_>,
        batches: &[TrialBatch],
    ) -> Result<(f64, u64), SolveFailure> {
        // collected before the first failure is returned: which one that is does not depend on threads
        let parts: Vec<_> = batches
            .par_iter()
            .map(|batch| self.value_part(at, batch))
            .collect();
        let parts: Vec<_> = parts.into_iter().collect::<Result<_, _>>()?;
        Ok((
            parts.iter().map(|part| part.0).sum(),
            parts.iter().map(|part| part.1).sum(),
        ))
    }

    /// d objective / d residual, for a residual of 1. The gradient of a deviance is that of half the squares of its residuals
    /// where these are held, so that it holds for both.
    pub(crate) fn residual_weight(&self) -> f64 {
        2.0 / (self.n_train as f64 * self.scale)
    }

    fn penalty(&self, theta: &[f64]) -> f64 {
        self.l2
            * theta[self.layout.penalised()]
                .iter()
                .map(|w| w * w)
                .sum::<f64>()
    }

    pub(crate) fn add_penalty_gradient(&self, theta: &[f64], gradient: &mut [f64]) {
        for p in self.layout.penalised() {
            gradient[p] += 2.0 * self.l2 * theta[p];
        }
    }

    pub(crate) fn value_of(&self, theta: &[f64], loss: f64, rhs_evaluations: u64) -> Value {
        let cost = loss / self.n_train as f64;
        Value {
            objective: cost / self.scale + self.penalty(theta),
            cost,
            rhs_evaluations,
        }
    }

    /// Gradient and value from solved batches.
    pub(crate) fn evaluate_solved(
        &self,
        theta: &[f64],
        at: &Unpacked<'_>,
        solved: &[Solved],
    ) -> Result<Evaluation, SolveFailure> {
        let weight = self.residual_weight();
        let parts = self
            .train
            .par_iter()
            .zip(solved)
            .map(|(batch, solved)| {
                let cotangents: Vec<_> = solved.residuals.iter().map(|r| r * weight).collect();
                let (gradient, evaluations) = self.pull_back(at, batch, solved, &cotangents)?;
                Ok(Part {
                    loss: solved.loss,
                    gradient,
                    rhs_evaluations: evaluations + solved.trajectory.statistics.rhs_evaluations,
                })
            })
            .collect();
        self.gather(theta, parts)
    }

    /// Value and gradient from what each train batch adds, in their order. The parts are collected before the first failure is
    /// returned: which one that is does not depend on threads.
    fn gather(
        &self,
        theta: &[f64],
        parts: Vec<Result<Part, SolveFailure>>,
    ) -> Result<Evaluation, SolveFailure> {
        let parts: Vec<Part> = parts.into_iter().collect::<Result<_, _>>()?;
        let mut gradient = vec![0.0; theta.len()];
        for part in &parts {
            let sums = gradient.iter_mut().zip(&part.gradient);
            sums.for_each(|(g, p)| *g += p);
        }
        self.add_penalty_gradient(theta, &mut gradient);
        let sum = parts.iter().map(|part| part.loss).sum();
        let evaluations = parts.iter().map(|part| part.rhs_evaluations).sum();
        let value = self.value_of(theta, sum, evaluations);
        Ok(Evaluation {
            objective: value.objective,
            cost: value.cost,
            gradient,
            rhs_evaluations: value.rhs_evaluations,
        })
    }

    pub(crate) fn solve_all(
        &self,
        at: &Unpacked<'_>,
        batches: &[TrialBatch],
    ) -> Result<Vec<Solved>, SolveFailure> {
        self.solve_all_by(at, batches, &self.integrator)
    }

    fn solve_all_by(
        &self,
        at: &Unpacked<'_>,
        batches: &[TrialBatch],
        integrator: &Integrator,
    ) -> Result<Vec<Solved>, SolveFailure> {
        // collected before the first failure is returned: which one that is does not depend on threads
        let all: Vec<_> = batches
            .par_iter()
            .map(|batch| self.solve(at, batch, integrator))
            .collect();
        all.into_iter().collect()
    }
}

fn failure(error: &SolveError, batch: &TrialBatch) -> SolveFailure {
    if *error == SolveError::Halted {
        return SolveFailure::halted();
    }
    let mut failure = SolveFailure::new(error.to_string());
    if let [trial] = batch.trials[..] {
        failure.trial = Some(trial);
    }
    failure
}

impl Objective for FitObjective<'_> {
    fn n_parameters(&self) -> usize {
        self.layout.len()
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn value(&self, theta: &[f64]) -> Result<Value, SolveFailure> {
        let at = self.unpack(theta)?;
        let (sum, evaluations) = self.sum_over(&at, &self.train)?;
        Ok(self.value_of(theta, sum, evaluations))
    }

    fn evaluate(&self, theta: &[f64]) -> Result<Evaluation, SolveFailure> {
        let at = self.unpack(theta)?;
        let train = self.train.par_iter();
        self.gather(theta, train.map(|batch| self.part(&at, batch)).collect())
    }

    fn normal_equations(&self, theta: &[f64]) -> Result<NormalEquations, SolveFailure> {
        normal::normal_equations(self, theta)
    }

    fn linearize<'a>(&'a self, theta: &[f64]) -> Result<Box<dyn Linearization + 'a>, SolveFailure> {
        Ok(Box::new(linearized::Linearized::new(self, theta)?))
    }

    fn valid_cost(&self, theta: &[f64]) -> Option<Result<f64, SolveFailure>> {
        if self.n_valid == 0 {
            return None;
        }
        let cost = || -> Result<f64, SolveFailure> {
            let at = self.unpack(theta)?;
            let (sum, _) = self.sum_over(&at, &self.valid)?;
            Ok(sum / self.n_valid as f64)
        };
        Some(cost())
    }

    fn finer(&self) -> Option<&dyn Objective> {
        self.finer.as_deref().map(|finer| finer as &dyn Objective)
    }

    fn gradient_error(&self, theta: &[f64], gradient: &[f64]) -> Result<f64, SolveFailure> {
        graded::gradient_error(self, theta, gradient)
    }

    fn time_constants(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.layout.time_constants(theta)
    }
}
