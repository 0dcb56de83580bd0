use anyhow::{Context, Result};
use nalgebra::{DMatrix, DVector};
use tauscope_adjoint::Trajectory;
use tauscope_dynamics::{
    InputSignal, ModelError, ModelKind, Parameters, RateNetwork, steady_state,
};
use tauscope_fit::batch::Observation;
use tauscope_fit::config::{EffectiveConfig, InitialStateChoice};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::observation::ObservationModel;
use tauscope_fit::store::{RealArray, StoredFile, StoredGroup};
use thiserror::Error;

/// A result and a dataset that do not belong together.
#[derive(Debug, Error)]
enum Mismatch {
    #[error(
        "the network has {network} inputs but the dataset {dataset}; give the dataset that was fitted with --dataset"
    )]
    Inputs { network: usize, dataset: usize },
    #[error(
        "the result has outputs for {result} of the dataset's {dataset}; give the dataset that was fitted with --dataset"
    )]
    Outputs { result: usize, dataset: usize },
    #[error(
        "parameters/{name} has the shape {shape:?}, expected {expected:?}; the file is no result of fit"
    )]
    Shape {
        name: &'static str,
        shape: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error(
        "the fit took the initial states of its dataset, but this one has no initial_state/{name} of {n_units} units"
    )]
    NoInitialState { name: &'static str, n_units: usize },
}

/// How units become outputs.
#[derive(Debug)]
enum Readout {
    /// The first units.
    Direct,
    /// `z_p = c_p r_p + d_p`
    Scaled {
        gain: DVector<f64>,
        offset: DVector<f64>,
    },
    /// `z = C r + d`
    Linear {
        weights: DMatrix<f64>,
        offset: DVector<f64>,
    },
}

/// Where trials start.
#[derive(Debug)]
enum Start {
    Shared(Vec<f64>),
    Steady,
    /// One state a trial.
    Given(Vec<Vec<f64>>),
}

/// A network as a result holds it.
#[derive(Debug)]
pub struct Fitted {
    pub network: RateNetwork,
    pub n_outputs: usize,
    readout: Readout,
    observation: ObservationModel,
    start: Start,
}

impl Fitted {
    /// Reads the parameters of a result, to be used on `dataset`.
    ///
    /// # Errors
    /// Parameters that are missing or do not fit each other or the dataset.
    pub fn read(file: &StoredFile, config: &EffectiveConfig, dataset: &Dataset) -> Result<Fitted> {
        let group = file.group("parameters")?;
        let has_tau = config
            .integrator(config.model, config.activation, dataset)
            .has_time_constants();
        let parameters = read_parameters(&group, config.model, has_tau)?;
        let network = RateNetwork::new(config.model, config.activation, parameters)?;
        if network.n_inputs() != dataset.n_inputs() {
            let (network, dataset) = (network.n_inputs(), dataset.n_inputs());
            return Err(Mismatch::Inputs { network, dataset }.into());
        }
        let n_outputs = dataset.n_outputs();
        let readout = read_readout(&group, network.n_units(), n_outputs)?;
        let start = read_start(&group, config, &network, dataset)?;
        Ok(Fitted {
            network,
            n_outputs,
            readout,
            observation: config.observation_model(),
            start,
        })
    }

    /// The state in which `trial` starts.
    ///
    /// # Errors
    /// When there is no steady state.
    pub fn initial_state(&self, trial: usize, input: &InputSignal) -> Result<Vec<f64>> {
        Ok(match &self.start {
            Start::Shared(state) => state.clone(),
            Start::Steady => {
                let steady = steady_state(&self.network, input.sample(0));
                // the error counts within the batch, which has this trial alone
                let named = steady.map_err(|error| match error {
                    ModelError::SteadyState {
                        residual,
                        iterations,
                        ..
                    } => ModelError::SteadyState {
                        trial,
                        residual,
                        iterations,
                    },
                    other => other,
                });
                named?.state
            }
            Start::Given(states) => states[trial].clone(),
        })
    }

    /// What is expected of one observation of a trial: outputs, or mean counts.
    pub fn expected(&self, trajectory: &Trajectory, observation: &Observation) -> Vec<f64> {
        let ObservationModel::Poisson(link) = self.observation else {
            let rates = observation.weighted_rates(trajectory);
            return self.outputs(rates.as_slice());
        };
        let mut means = vec![0.0; self.n_outputs];
        for &(j, weight) in &observation.parts {
            let outputs = self.outputs(trajectory.rates(j));
            for (mean, z) in means.iter_mut().zip(outputs) {
                *mean += weight * observation.width * link.rate(z);
            }
        }
        means
    }

    /// Outputs from rates.
    fn outputs(&self, rates: &[f64]) -> Vec<f64> {
        match &self.readout {
            Readout::Direct => rates[..self.n_outputs].to_vec(),
            Readout::Scaled { gain, offset } => {
                let scaled = rates.iter().zip(gain.iter().zip(offset.iter()));
                scaled
                    .map(|(rate, (gain, offset))| gain * rate + offset)
                    .collect()
            }
            Readout::Linear { weights, offset } => (weights * DVector::from_column_slice(rates)
                + offset)
                .iter()
                .copied()
                .collect(),
        }
    }
}

/// A variable of a known shape, row by row.
fn shaped(group: &StoredGroup, name: &'static str, expected: &[usize]) -> Result<Vec<f64>> {
    let RealArray { shape, values } = group.read_f64(name)?;
    if shape != expected {
        return Err(Mismatch::Shape {
            name,
            shape,
            expected: expected.to_vec(),
        }
        .into());
    }
    Ok(values)
}

/// `has_tau`: whether the method uses time constants; where it does not, a result has none and their value is of no account.
fn read_parameters(group: &StoredGroup, model: ModelKind, has_tau: bool) -> Result<Parameters> {
    let n = group.variable("W")?.shape().first().copied().unwrap_or(0);
    let w = DMatrix::from_row_slice(n, n, &shaped(group, "W", &[n, n])?);
    // a network without inputs has no U
    let m = group
        .optional("U")?
        .and_then(|u| u.shape().get(1).copied())
        .unwrap_or(0);
    let u = if m > 0 {
        DMatrix::from_row_slice(n, m, &shaped(group, "U", &[n, m])?)
    } else {
        DMatrix::zeros(n, 0)
    };
    let b = if group.has("b") {
        DVector::from_vec(shaped(group, "b", &[n])?)
    } else {
        DVector::zeros(n)
    };
    let log_tau = |name, exists| -> Result<DVector<f64>> {
        Ok(match (exists, has_tau) {
            (true, true) => {
                let tau = shaped(group, name, &[n])?;
                // the logarithm of a negative one would hide it
                if let Some(unit) = tau.iter().position(|&tau| tau < 0.0) {
                    let value = tau[unit];
                    return Err(ModelError::TimeConstant { name, unit, value }.into());
                }
                DVector::from_vec(tau).map(f64::ln)
            }
            (true, false) => DVector::zeros(n),
            (false, _) => DVector::zeros(0),
        })
    };
    let (log_tau_s, log_tau_r) = (
        log_tau("tau_s", model.has_tau_s())?,
        log_tau("tau_r", model.has_tau_r())?,
    );
    Ok(Parameters {
        w,
        u,
        b,
        log_tau_s,
        log_tau_r,
    })
}

fn read_readout(group: &StoredGroup, n_units: usize, n_outputs: usize) -> Result<Readout> {
    let name = ["C", "c"].into_iter().find(|name| group.has(name));
    let stored = match name {
        Some(name) => group.variable(name)?.shape().first().copied().unwrap_or(0),
        None => n_outputs,
    };
    if stored != n_outputs || (name != Some("C") && n_outputs > n_units) {
        return Err(Mismatch::Outputs {
            result: stored.min(n_units),
            dataset: n_outputs,
        }
        .into());
    }
    let offset = || shaped(group, "d", &[n_outputs]).map(DVector::from_vec);
    Ok(match name {
        Some("C") => {
            let weights = shaped(group, "C", &[n_outputs, n_units])?;
            Readout::Linear {
                weights: DMatrix::from_row_slice(n_outputs, n_units, &weights),
                offset: offset()?,
            }
        }
        Some(_) => {
            let gain = DVector::from_vec(shaped(group, "c", &[n_outputs])?);
            Readout::Scaled {
                gain,
                offset: offset()?,
            }
        }
        None => Readout::Direct,
    })
}

fn read_start(
    group: &StoredGroup,
    config: &EffectiveConfig,
    network: &RateNetwork,
    dataset: &Dataset,
) -> Result<Start> {
    let n = network.n_units();
    match config.initial_state {
        InitialStateChoice::Zero => Ok(Start::Shared(vec![0.0; network.shape(1).len()])),
        InitialStateChoice::Steady => Ok(Start::Steady),
        InitialStateChoice::Learned => learned(group, network, n)
            .map(Start::Shared)
            .context("the fitted initial state"),
        InitialStateChoice::Given => given(network, dataset, n).map(Start::Given),
    }
}

/// `I0` and `r0`, `r0 = f(I0)` where it was not fitted.
fn learned(group: &StoredGroup, network: &RateNetwork, n: usize) -> Result<Vec<f64>> {
    let model = network.model();
    let mut state = Vec::new();
    if model.has_tau_s() {
        state = shaped(group, "I0", &[n])?;
    }
    if model.has_tau_r() {
        let rates = if group.has("r0") || state.is_empty() {
            shaped(group, "r0", &[n])?
        } else {
            state
                .iter()
                .map(|&current| network.activation().value(current))
                .collect()
        };
        state.extend(rates);
    }
    Ok(state)
}

fn given(network: &RateNetwork, dataset: &Dataset, n_units: usize) -> Result<Vec<Vec<f64>>> {
    let stored = dataset.initial_state();
    let find = |name, exists: bool, matrix: Option<&DMatrix<f64>>| match (exists, matrix) {
        (false, _) => Ok(None),
        (true, Some(matrix)) if matrix.nrows() == n_units => Ok(Some(matrix.clone())),
        _ => Err(Mismatch::NoInitialState { name, n_units }),
    };
    let current = find(
        "I",
        network.model().has_tau_s(),
        stored.and_then(|state| state.current.as_ref()),
    )?;
    let rate = find(
        "r",
        network.model().has_tau_r(),
        stored.and_then(|state| state.rate.as_ref()),
    )?;
    let column = |matrix: &Option<DMatrix<f64>>, trial: usize| {
        matrix.as_ref().map_or_else(Vec::new, |matrix| {
            matrix.column(trial).iter().copied().collect()
        })
    };
    let state = |trial| [column(&current, trial), column(&rate, trial)].concat();
    Ok((0..dataset.n_trials()).map(state).collect())
}
