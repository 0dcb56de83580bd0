//! Where trials start, and how that depends on parameters.

use crate::optimizer::SolveFailure;
use nalgebra::DMatrix;
use tauscope_dynamics::{
    Activation, Gradient, InputSignal, ModelError, ModelKind, Parameters, RateNetwork, SteadyState,
    steady_state,
};

/// Where the trials of a fit start.
#[derive(Debug, Clone, PartialEq)]
pub enum InitialStateKind {
    /// One state for all trials, fitted. Parameters: I0 (unit), with `r0 = f(I0)`; in the `rate` model r0 (unit).
    Learned,
    /// The same with rates of their own: I0 (unit), then r0 (unit). Only the two-constant model has both.
    LearnedFree,
    /// Equilibrium at the first input sample.
    Steady,
    /// `I = r = 0`.
    Zero,
    /// From the dataset, (unit, trial); what the model lacks is empty.
    Given {
        /// Currents.
        currents: DMatrix<f64>,
        /// Rates.
        rates: DMatrix<f64>,
    },
}

/// The initial state of a batch, with what its derivative needs.
pub(crate) struct Start {
    /// State-shaped, see `StateShape`.
    pub(crate) state: Vec<f64>,
    steady: Option<SteadyState>,
}

/// Names the trial as the dataset counts it: the error knows its place in the batch.
fn no_steady_state(error: &ModelError, trials: &[usize]) -> SolveFailure {
    match error {
        ModelError::SteadyState {
            trial,
            residual,
            iterations,
        } => {
            let mut failure = SolveFailure::new(format!(
                "no steady state found: residual {residual:.3e} after {iterations} Newton steps"
            ));
            failure.trial = trials.get(*trial).copied();
            failure
        }
        other => SolveFailure::new(other.to_string()),
    }
}

impl InitialStateKind {
    /// Number of parameters.
    pub fn n_parameters(&self, model: ModelKind, n_units: usize) -> usize {
        match self {
            InitialStateKind::Learned => n_units,
            InitialStateKind::LearnedFree if model == ModelKind::TwoConstant => 2 * n_units,
            InitialStateKind::LearnedFree => n_units,
            _ => 0,
        }
    }

    /// The state in which `trials` start.
    pub(crate) fn start(
        &self,
        network: &RateNetwork,
        input: &InputSignal,
        trials: &[usize],
        theta: &[f64],
    ) -> Result<Start, SolveFailure> {
        let shape = network.shape(trials.len());
        let state = match self {
            InitialStateKind::Zero => vec![0.0; shape.len()],
            InitialStateKind::Steady => {
                let steady = steady_state(network, input.sample(0))
                    .map_err(|error| no_steady_state(&error, trials))?;
                return Ok(Start {
                    state: steady.state.clone(),
                    steady: Some(steady),
                });
            }
            InitialStateKind::Given { currents, rates } => {
                let pick = |m: &DMatrix<f64>| -> Vec<f64> {
                    let columns = trials.iter().filter(|_| m.ncols() > 0);
                    columns
                        .flat_map(|&k| m.column(k).iter().copied().collect::<Vec<_>>())
                        .collect()
                };
                [pick(currents), pick(rates)].concat()
            }
            InitialStateKind::Learned | InitialStateKind::LearnedFree => {
                let one = self.learned_state(network.model(), network.activation(), theta);
                let n = network.n_units();
                one.chunks_exact(n)
                    .flat_map(|block| block.repeat(trials.len()))
                    .collect()
            }
        };
        Ok(Start {
            state,
            steady: None,
        })
    }

    /// The fitted state of one trial, `[I | r]`.
    pub(crate) fn learned_state(
        &self,
        model: ModelKind,
        activation: Activation,
        theta: &[f64],
    ) -> Vec<f64> {
        let tied = model == ModelKind::TwoConstant && *self == InitialStateKind::Learned;
        let rates: Vec<f64> = if tied {
            theta.iter().map(|&v| activation.value(v)).collect()
        } else {
            Vec::new()
        };
        [theta, &rates].concat()
    }

    /// Adds to `on_theta` and `on_parameters` what a cotangent of the initial state says.
    pub(crate) fn vjp(
        &self,
        network: &RateNetwork,
        input: &InputSignal,
        start: &Start,
        cotangent: &[f64],
        on_theta: &mut [f64],
        on_parameters: &mut Gradient,
    ) {
        if let Some(steady) = &start.steady {
            steady.param_vjp(network, input.sample(0), cotangent, on_parameters);
            return;
        }
        let shape = network.shape(input.n_trials());
        let n = network.n_units();
        let tied = network.model() == ModelKind::TwoConstant && *self == InitialStateKind::Learned;
        if on_theta.is_empty() {
            return;
        }
        for (block, at) in [
            (shape.currents(), 0),
            (shape.rates(), shape.currents().end / shape.n_columns),
        ] {
            let chained = tied && at > 0;
            for (i, &c) in cotangent[block].iter().enumerate() {
                let unit = i % n;
                if chained {
                    on_theta[unit] += c * network.activation().slope(start.state[unit]);
                } else {
                    on_theta[at + unit] += c;
                }
            }
        }
    }

    /// Change of the initial state along a direction of its own parameters and of the network's.
    pub(crate) fn tangent(
        &self,
        network: &RateNetwork,
        input: &InputSignal,
        start: &Start,
        v: &[f64],
        direction: Option<&Parameters>,
    ) -> Vec<f64> {
        if let (Some(steady), Some(direction)) = (&start.steady, direction) {
            return steady.param_jac_mul(network, input.sample(0), direction);
        }
        let shape = network.shape(input.n_trials());
        let n = network.n_units();
        if v.is_empty() {
            return vec![0.0; shape.len()];
        }
        let tied = network.model() == ModelKind::TwoConstant && *self == InitialStateKind::Learned;
        let slope = |unit: usize| network.activation().slope(start.state[unit]);
        let rates: Vec<f64> = if tied {
            (0..n).map(|u| v[u] * slope(u)).collect()
        } else {
            Vec::new()
        };
        [v, &rates]
            .concat()
            .chunks_exact(n)
            .flat_map(|block| block.repeat(shape.n_columns))
            .collect()
    }

    /// Whether the initial state depends on the parameters of the network.
    pub(crate) fn follows_network(&self) -> bool {
        *self == InitialStateKind::Steady
    }
}
