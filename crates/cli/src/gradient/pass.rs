use anyhow::{Context, Result, ensure};
use nalgebra::DVector;
use rayon::prelude::*;
use tauscope_adjoint::{Integrator, Statistics, Trajectory};
use tauscope_dynamics::{Activation, Gradient, ModelKind, Parameters, RateNetwork};
use tauscope_fit::batch::{
    Observation, StepError, Stride, TapeLimit, TrialBatch, Walk, trials_together,
};
use tauscope_fit::config::EffectiveConfig;
use tauscope_fit::dataset::InitialState;
use tauscope_fit::fast_loop;
use tauscope_fit::observation::NoisePrecision;
use tauscope_fit::store::{GradientProblem, NetworkArrays};

/// A gradient problem, ready to be solved.
#[derive(Debug)]
pub struct Problem {
    pub model: ModelKind,
    network: RateNetwork,
    batches: Vec<TrialBatch>,
    /// Initial state of each batch, see `StateShape`.
    initial_states: Vec<Vec<f64>>,
    n_observed: usize,
    /// No noise is known: residuals are differences.
    precision: NoisePrecision,
    integrator: Integrator,
    /// Of the steps that wait for the backward solve.
    limit: TapeLimit,
    /// That steps of given length may miss a loop.
    pub warning: Option<String>,
}

/// Cost and gradient.
#[derive(Debug)]
pub struct Pass {
    /// Mean squared residual over the observed targets.
    pub cost: f64,
    pub gradient: Gradient,
    pub forward: Statistics,
    pub backward: Statistics,
}

impl Problem {
    /// Sets up everything that does not depend on the parameters.
    ///
    /// # Errors
    /// An activation or a model that does not exist, parameters that are no network, a step that does not fit the samples.
    pub fn new(file: GradientProblem, config: &EffectiveConfig) -> Result<Problem> {
        let known = "the attribute `activation` must be identity, sigmoid, tanh, relu or softplus";
        let model = ModelKind::from_name(&file.model)
            .context("the attribute `model` must be two-constant, rate or current")?;
        let activation = Activation::from_name(&file.activation)
            .with_context(|| format!("{known}, got {:?}", file.activation))?;
        let network = RateNetwork::new(model, activation, parameters(&file.parameters))?;
        let dataset = &file.dataset;
        let integrator = config.integrator(model, activation, dataset);
        let unfit = |error: StepError| config.unfit(error.key(), error);
        let stride = Stride::new(dataset, &integrator).map_err(unfit)?;
        let warning = fast_loop::warning(&network, &integrator, dataset);
        let states = dataset.initial_state().cloned();
        let precision = NoisePrecision::new(&vec![1.0; dataset.n_outputs()]);
        let size = trials_together(network.n_units(), &file.dataset);
        let batches = TrialBatch::cut_up(file.dataset, size, &integrator, stride)?;
        let n_observed = batches.iter().map(TrialBatch::n_observed).sum();
        if n_observed == 0 {
            let step = config.step.set().map_or(0.0, |step| step.get());
            return Err(unfit(StepError::NoTargets { step }).into());
        }
        let initial_states = batches
            .iter()
            .map(|batch| initial_state(states.as_ref(), &network, &batch.trials))
            .collect();
        Ok(Problem {
            model,
            network,
            batches,
            initial_states,
            n_observed,
            precision,
            integrator,
            limit: TapeLimit::of_mebibytes(config.memory.get()),
            warning,
        })
    }

    /// The integrator that is used.
    pub fn integrator(&self) -> &Integrator {
        &self.integrator
    }

    /// Estimated relative error of the gradient of `pass`, that of its worst block, what the rule for means over bins leaves
    /// included; `None` for a method whose steps cannot be refined.
    ///
    /// # Errors
    /// A solve with finer steps that fails.
    pub fn error_estimate(&self, pass: &Pass) -> Result<Option<f64>> {
        let Some(refined) = TrialBatch::refined(&self.batches, &self.integrator) else {
            return Ok(None);
        };
        let refinement = refined.refinement;
        let finer = Problem {
            integrator: refinement.integrator,
            batches: refined
                .batches
                .into_iter()
                .map(TrialBatch::with_halved_bins)
                .collect(),
            network: self.network.clone(),
            initial_states: self.initial_states.clone(),
            precision: self.precision.clone(),
            warning: None,
            ..*self
        };
        let fine = finer
            .pass()
            .context("estimating the error of the gradient")?;
        let blocks = pass
            .gradient
            .blocks()
            .into_iter()
            .zip(fine.gradient.blocks());
        let errors = blocks.map(|(coarse, fine)| refinement.relative_error(coarse, fine));
        Ok(Some(errors.fold(0.0, f64::max)))
    }

    /// One forward and one backward solve of every trial, with nothing reused.
    ///
    /// # Errors
    /// A solve that fails.
    pub fn pass(&self) -> Result<Pass> {
        // collected before the first failure is returned: which one that is does not depend on threads
        let parts: Vec<_> = self
            .batches
            .par_iter()
            .zip(&self.initial_states)
            .map(|(batch, y0)| {
                let trials = &batch.trials;
                self.part(batch, y0)
                    .with_context(|| format!("one of the trials {trials:?}"))
            })
            .collect();
        let mut total = Pass {
            cost: 0.0,
            gradient: self.network.parameters().zeros_like(),
            forward: Statistics::default(),
            backward: Statistics::default(),
        };
        for part in parts {
            let part = part?;
            total.cost += part.cost;
            total.gradient.add_scaled(1.0, &part.gradient);
            total.forward += part.forward;
            total.backward += part.backward;
        }
        ensure!(
            total.cost.is_finite(),
            "the cost is {}: a target or an initial state is too large for its square to be a number; look for values such as 1e200 that stand for \"missing\" (NaN means not observed)",
            total.cost
        );
        Ok(total)
    }

    /// What one batch adds.
    fn part(&self, batch: &TrialBatch, y0: &[f64]) -> Result<Pass> {
        let (network, integrator) = (&self.network, &self.integrator);
        let walk = Walk::forward(network, batch, y0, integrator, self.limit, |_, _| {})?;
        let forward = walk.statistics;
        let hold = |observation: &Observation, trajectory: &Trajectory, on_parts: &mut [f64]| {
            self.hold(observation, trajectory, on_parts)
        };
        let (adjoint, sum) = walk.backward(network, integrator, hold)?;
        Ok(Pass {
            cost: sum / self.n_observed as f64,
            gradient: adjoint.gradient,
            forward,
            backward: adjoint.statistics,
        })
    }

    /// The sum of the squared residuals of `observation`, and their `d cost / d rates`. The first units are the outputs.
    fn hold(
        &self,
        observation: &Observation,
        trajectory: &Trajectory,
        on_parts: &mut [f64],
    ) -> f64 {
        let (outputs, trials) = observation.values.shape();
        let units = self.network.n_units();
        let on_rates = &mut on_parts[..units * trials];
        observation.with_rates(trajectory, |rates| on_rates.copy_from_slice(rates));
        let weight = 2.0 / self.n_observed as f64;
        let sum = self.precision.hold(on_rates, &observation.values, weight);
        let hidden = on_rates.chunks_exact_mut(units);
        hidden.for_each(|column| column[outputs..].fill(0.0));
        observation.spread(on_parts);
        sum
    }
}

/// The state in which `trials` start, as the file has it.
fn initial_state(
    state: Option<&InitialState>,
    network: &RateNetwork,
    trials: &[usize],
) -> Vec<f64> {
    let shape = network.shape(trials.len());
    let mut y0 = vec![0.0; shape.len()];
    let parts = [
        (
            shape.currents(),
            state.and_then(|state| state.current.as_ref()),
        ),
        (shape.rates(), state.and_then(|state| state.rate.as_ref())),
    ];
    for (range, matrix) in parts {
        if let Some(matrix) = matrix.filter(|_| !range.is_empty()) {
            let columns = trials
                .iter()
                .flat_map(|&trial| matrix.column(trial).iter().copied().collect::<Vec<_>>());
            y0[range]
                .iter_mut()
                .zip(columns)
                .for_each(|(entry, value)| *entry = value);
        }
    }
    y0
}

fn parameters(arrays: &NetworkArrays) -> Parameters {
    let log = |tau: &Option<DVector<f64>>| {
        tau.as_ref()
            .map_or_else(|| DVector::zeros(0), |tau| tau.map(f64::ln))
    };
    Parameters {
        w: arrays.w.clone(),
        u: arrays.u.clone(),
        b: arrays
            .b
            .clone()
            .unwrap_or_else(|| DVector::zeros(arrays.w.nrows())),
        log_tau_s: log(&arrays.tau_s),
        log_tau_r: log(&arrays.tau_r),
    }
}
