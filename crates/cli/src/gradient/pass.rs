use crate::trials::{evaluation_times, signal};
use anyhow::{Context, Result};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use tauscope_adjoint::{Integrator, Statistics, backward, forward};
use tauscope_dynamics::{Activation, Gradient, InputSignal, ModelKind, Parameters, RateNetwork};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::store::{GradientProblem, NetworkArrays};

/// Trials that are integrated together. Fixed, so that the number of threads changes no bit of the sum.
const BATCH: usize = 16;

/// A batch of trials.
#[derive(Debug)]
struct Batch {
    input: InputSignal,
    y0: Vec<f64>,
    /// Targets at every evaluation time, (output, trial); NaN = not observed.
    targets: Vec<DMatrix<f64>>,
}

/// A gradient problem, ready to be solved.
#[derive(Debug)]
pub struct Problem {
    pub model: ModelKind,
    network: RateNetwork,
    batches: Vec<Batch>,
    t_eval: Vec<f64>,
    n_observed: usize,
    integrator: Integrator,
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
    /// An activation or a model that does not exist, parameters that are no network.
    pub fn new(file: &GradientProblem, integrator: Integrator) -> Result<Problem> {
        let known = "the attribute `activation` must be identity, sigmoid, tanh, relu or softplus";
        let model = ModelKind::from_name(&file.model)
            .context("the attribute `model` must be two-constant, rate or current")?;
        let activation = Activation::from_name(&file.activation)
            .with_context(|| format!("{known}, got {:?}", file.activation))?;
        let network = RateNetwork::new(model, activation, parameters(&file.parameters))?;
        let dataset = &file.dataset;
        let trials: Vec<usize> = (0..dataset.n_trials()).collect();
        let t_eval = evaluation_times(dataset);
        let batches = trials
            .chunks(BATCH)
            .map(|trials| Batch::new(dataset, &network, trials, &t_eval));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let observed = dataset
            .targets()
            .iter()
            .flat_map(|trial| trial.iter())
            .filter(|target| !target.is_nan());
        Ok(Problem {
            model,
            network,
            batches,
            t_eval,
            n_observed: observed.count(),
            integrator,
        })
    }

    /// One forward and one backward solve of every trial, with nothing reused.
    ///
    /// # Errors
    /// A solve that fails.
    pub fn pass(&self) -> Result<Pass> {
        let parts = self
            .batches
            .par_iter()
            .map(|batch| self.part(batch))
            .collect::<Result<Vec<_>>>()?;
        let mut total = Pass {
            cost: 0.0,
            gradient: self.network.parameters().zeros_like(),
            forward: Statistics::default(),
            backward: Statistics::default(),
        };
        for part in parts {
            total.cost += part.cost;
            total.gradient.add_scaled(1.0, &part.gradient);
            total.forward += part.forward;
            total.backward += part.backward;
        }
        Ok(total)
    }

    /// What one batch adds.
    fn part(&self, batch: &Batch) -> Result<Pass> {
        let (network, input) = (&self.network, &batch.input);
        let trajectory = forward(network, input, &batch.y0, &self.t_eval, &self.integrator)?;
        let block = network.n_units() * input.n_trials();
        let mut cotangents = vec![0.0; block * self.t_eval.len()];
        let mut cost = 0.0;
        for (j, targets) in batch.targets.iter().enumerate() {
            let rates = trajectory.rates(j);
            let cotangents = &mut cotangents[j * block..(j + 1) * block];
            for (trial, column) in targets.column_iter().enumerate() {
                let first = trial * network.n_units();
                for (output, target) in column
                    .iter()
                    .enumerate()
                    .filter(|(_, target)| !target.is_nan())
                {
                    let residual = rates[first + output] - target;
                    cost += residual * residual / self.n_observed as f64;
                    cotangents[first + output] = 2.0 * residual / self.n_observed as f64;
                }
            }
        }
        let adjoint = backward(network, input, &trajectory, &cotangents, &self.integrator)?;
        Ok(Pass {
            cost,
            gradient: adjoint.gradient,
            forward: trajectory.statistics,
            backward: adjoint.statistics,
        })
    }
}

impl Batch {
    fn new(
        dataset: &Dataset,
        network: &RateNetwork,
        trials: &[usize],
        t_eval: &[f64],
    ) -> Result<Batch> {
        let input = signal(dataset, trials, t_eval)?;
        let shape = network.shape(trials.len());
        let mut y0 = vec![0.0; shape.len()];
        let state = dataset.initial_state();
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
        let at = |j: usize| {
            DMatrix::from_fn(dataset.n_outputs(), trials.len(), |output, k| {
                dataset.targets()[trials[k]][(output, j)]
            })
        };
        let targets = (0..t_eval.len()).map(at).collect();
        Ok(Batch { input, y0, targets })
    }
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
