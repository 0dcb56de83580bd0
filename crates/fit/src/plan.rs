//! From a configuration and a dataset to a plan that can be carried out: everything is checked here, once.

mod masks;
mod scale;
mod starts;
mod tying;

use crate::batch::{Stride, TapeLimit, TrialBatch, trials_together};
use crate::config::{
    Auto, ConfigError, EffectiveConfig, InitialStateChoice, OptimizerChoice, OwnRate, Problem,
    ReadoutChoice, SelectBy, SignConstraint,
};
use crate::dataset::{Dataset, Split, TargetSampling};
use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use crate::objective::FitObjective;
use crate::observation::{NoisePrecision, ObservationModel};
use crate::optimizer::{Algorithm, Optimizer, OptimizerSettings};
use crate::readout::{Readout, ReadoutKind, output_moments};
use nalgebra::DMatrix;
use std::sync::Arc;
use tauscope_adjoint::{Halt, Integrator};
use tauscope_dynamics::{
    Activation, Connectivity, ModelError, ModelKind, ParameterLayout, Sign, TauBounds,
};
use thiserror::Error;

/// Trials that are integrated together, at least. The number of threads has no part in it, so that it changes no bit of a sum.
const BATCH: usize = 8;
/// Doubles that the sensitivities of one batch may take: 256 MiB.
const SENSITIVITY_DOUBLES: usize = 32 << 20;
/// Units of a network that is fitted, at most: what is known of each of its weights takes 2 GiB.
const MOST_UNITS: usize = 4096;
/// Up to this number of parameters Gauss-Newton holds its matrix, and is the default optimizer.
pub const DENSE_LIMIT: usize = 2000;
/// The penalties that `l2 = "auto"` tries, on the normalised objective.
pub const L2_LADDER: [f64; 4] = [0.0, 1e-4, 1e-3, 3e-3];

/// Why a plan cannot be made.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The configuration does not fit the dataset.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is nothing to fit to.
    #[error(
        "the dataset has no train trial: mark at least one trial as train in the variable `split`"
    )]
    NoTrainTrials,
    /// Numbers whose square is beyond what a number can hold.
    #[error(
        "{variable}[{trial}, {sample}, {channel}] = {value:e} is too large to be squared: divide {variable} by their scale"
    )]
    TooLarge {
        /// The variable of the dataset.
        variable: &'static str,
        /// Trial.
        trial: usize,
        /// Sample.
        sample: usize,
        /// Input or output.
        channel: usize,
        /// The largest of all.
        value: f64,
    },
    /// The model cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A result to start from does not fit.
    #[error("{path}: {reason}")]
    Init {
        /// The result.
        path: String,
        /// What does not fit.
        reason: String,
    },
    /// A result to start from cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// A fit that can be carried out.
#[derive(Debug, Clone)]
pub struct FitPlan {
    pub(crate) config: EffectiveConfig,
    pub(crate) layout: ModelLayout,
    pub(crate) integrator: Integrator,
    pub(crate) split: Vec<Split>,
    pub(crate) optimizer: OptimizerSettings,
    pub(crate) stride: Stride,
    pub(crate) observation: ObservationModel,
    pub(crate) noise: Vec<f64>,
    /// Cost of predicting each output's train mean.
    pub(crate) scale: f64,
    pub(crate) target_mean: Vec<f64>,
    /// Spikes per time unit of each output over the train trials; of counts alone.
    pub(crate) mean_rate: Vec<f64>,
    pub(crate) init: Option<Vec<f64>>,
    pub(crate) warnings: Vec<String>,
}

impl FitPlan {
    /// Checks that `config` fits `dataset`.
    ///
    /// # Errors
    /// [`PlanError`], which names key, source and value, or variable and index.
    pub fn check(config: &EffectiveConfig, dataset: &Dataset) -> Result<FitPlan, PlanError> {
        let split = dataset.resolve_split(config.seed);
        let train = trials_of(&split, Split::Train);
        if train.is_empty() {
            return Err(PlanError::NoTrainTrials);
        }
        check_scale("inputs", dataset.inputs())?;
        check_scale("targets", dataset.targets())?;
        let observation = config.observation_model();
        let are_counts = dataset.target_sampling() == TargetSampling::BinCount;
        if are_counts != observation.is_poisson() {
            let reason = "the targets of the dataset are not what it observes: make them with EffectiveConfig::observed";
            return Err(config.unfit("observation", reason).into());
        }
        let (target_mean, target_std) = output_moments(dataset, &train);
        let mean_rate = match observation {
            ObservationModel::Gaussian => Vec::new(),
            ObservationModel::Poisson(_) => {
                scale::rates(dataset, &train).map_err(|e| config.unfit("observation", e))?
            }
        };
        let (mean, std) = match observation {
            ObservationModel::Gaussian => (target_mean.clone(), target_std),
            ObservationModel::Poisson(link) => scale::of_outputs(link, &mean_rate),
        };
        let mut layout = layout(config, dataset, &train, &mean, &std)?;
        let integrator = config.integrator(config.model, config.activation, dataset);
        if !integrator.has_time_constants() {
            layout.network = layout.network.without_time_constants();
        }
        let stride = Stride::new(dataset, &integrator).map_err(|e| config.unfit(e.key(), e))?;
        let noise = dataset
            .target_std()
            .map_or_else(|| vec![1.0; dataset.n_outputs()], <[f64]>::to_vec);
        let mut plan = FitPlan {
            optimizer: optimizer(config, layout.len(), &split)?,
            config: config.clone(),
            layout,
            integrator,
            split,
            stride,
            observation,
            noise,
            scale: 1.0,
            target_mean,
            mean_rate,
            init: None,
            warnings: Vec::new(),
        };
        plan.scale = plan.mean_prediction_cost(dataset, &train)?;
        plan.init = starts::from_result(&plan, dataset)?;
        plan.note_warnings();
        if let Some(variable) = &plan.config.score_by
            && dataset.trial_variable(variable).is_none()
        {
            let known: Vec<_> = dataset
                .trial_variables()
                .iter()
                .map(|v| v.name.as_str())
                .collect();
            let reason = format!(
                "the dataset has no variable `{variable}` over trial; it has: {}",
                known.join(", ")
            );
            return Err(plan.config.unfit("score_by", reason).into());
        }
        Ok(plan)
    }

    /// The objective with the penalty `l2`.
    ///
    /// # Errors
    /// [`PlanError::Model`] where the inputs are no signal; a checked dataset has none such.
    pub fn objective<'a>(
        &'a self,
        dataset: &Dataset,
        l2: f64,
    ) -> Result<FitObjective<'a>, PlanError> {
        let cut = |split, size| self.batches(dataset, split, size, false);
        let train = cut(Split::Train, self.batch(dataset))?;
        let valid = cut(Split::Valid, self.batch(dataset))?;
        let observed = |batches: &[TrialBatch]| batches.iter().map(TrialBatch::n_observed).sum();
        Ok(FitObjective {
            layout: &self.layout,
            integrator: self.integrator,
            finer: None,
            small: Arc::new(cut(Split::Train, self.sensitivity_batch(&train))?),
            n_train: observed(&train),
            n_valid: observed(&valid),
            limit: TapeLimit::of_mebibytes(self.config.memory.get()),
            train: Arc::new(train),
            valid: Arc::new(valid),
            observation: self.observation,
            precision: NoisePrecision::new(&self.noise),
            noise: self.noise.clone(),
            scale: self.scale,
            l2,
            bounds: self.layout.optimizer_bounds(),
            halt: Halt::default(),
        })
    }

    /// Batches of one split.
    pub(crate) fn batches(
        &self,
        dataset: &Dataset,
        split: Split,
        size: usize,
        keep_unobserved: bool,
    ) -> Result<Vec<TrialBatch>, ModelError> {
        let trials = trials_of(&self.split, split);
        TrialBatch::cut(
            dataset,
            &trials,
            size,
            &self.integrator,
            self.stride,
            keep_unobserved,
        )
    }

    /// Trials that are integrated together.
    fn batch(&self, dataset: &Dataset) -> usize {
        match self.integrator {
            Integrator::Exponential { .. } => trials_together(self.layout.n_units, dataset),
            _ => BATCH,
        }
    }

    fn sensitivity_batch(&self, train: &[TrialBatch]) -> usize {
        let times = train.iter().map(|b| b.t_eval.len()).max().unwrap_or(1);
        let per_trial = times * self.layout.n_units * (1 + self.layout.len());
        (SENSITIVITY_DOUBLES / per_trial.max(1)).clamp(1, BATCH)
    }

    /// The starting point number `index`: that of `init` for number 0 where given, else random.
    ///
    /// # Errors
    /// [`PlanError::Model`] as [`objective`](Self::objective).
    pub fn start(&self, dataset: &Dataset, index: usize) -> Result<Vec<f64>, PlanError> {
        Ok(starts::start(self, dataset, index))
    }

    /// The integrator that is used.
    pub fn integrator(&self) -> &Integrator {
        &self.integrator
    }

    /// Why the method was chosen, where `auto` chose it.
    pub fn method_reason(&self, dataset: &Dataset) -> Option<&'static str> {
        let problem = Problem::new(self.layout.model, self.config.activation, dataset);
        self.config.method.resolve(problem).1
    }

    /// The model that is fitted.
    pub fn layout(&self) -> &ModelLayout {
        &self.layout
    }

    fn note_warnings(&mut self) {
        let count = |split| self.split.iter().filter(|s| **s == split).count();
        for (split, consequence) in [
            (
                Split::Valid,
                "no penalty is chosen, nothing stops early, and the best start is the one with the lowest train cost",
            ),
            (Split::Test, "its scores are not available"),
        ] {
            if count(split) == 0 {
                self.warnings
                    .push(format!("there is no {} trial: {consequence}", split.name()));
            }
        }
    }

    /// Whether the cost on the validation trials chooses among starts and penalties.
    pub(crate) fn selects_by_valid(&self) -> bool {
        let has_valid = self.split.contains(&Split::Valid);
        has_valid && self.config.select_by != SelectBy::Train
    }
}

/// The sum of all squares in `trials`, (channel, sample) each, about any mean must be a number.
fn check_scale(variable: &'static str, trials: &[DMatrix<f64>]) -> Result<(), PlanError> {
    let count: usize = trials.iter().map(DMatrix::len).sum();
    let mut largest = (f64::MAX / (4 * count.max(1)) as f64).sqrt();
    let mut checked = Ok(());
    for (trial, values) in trials.iter().enumerate() {
        for (sample, column) in values.column_iter().enumerate() {
            for (channel, &value) in column.iter().enumerate() {
                if value.abs() > largest {
                    largest = value.abs();
                    checked = Err(PlanError::TooLarge {
                        variable,
                        trial,
                        sample,
                        channel,
                        value,
                    });
                }
            }
        }
    }
    checked
}

pub(crate) fn trials_of(split: &[Split], wanted: Split) -> Vec<usize> {
    split
        .iter()
        .enumerate()
        .filter(|(_, s)| **s == wanted)
        .map(|(k, _)| k)
        .collect()
}

fn layout(
    config: &EffectiveConfig,
    dataset: &Dataset,
    train: &[usize],
    mean: &[f64],
    std: &[f64],
) -> Result<ModelLayout, PlanError> {
    let n_units = config.units.set().map_or(dataset.n_outputs(), |n| n.get());
    if n_units > MOST_UNITS {
        let reason = format!(
            "{n_units} are too many: choose at most {MOST_UNITS}; fewer units than outputs need a linear readout"
        );
        return Err(config.unfit("units", reason).into());
    }
    let n_inputs = dataset.n_inputs();
    let readout = readout(config, dataset, train, n_units)?;
    let connectivity = Connectivity::new(
        masks::recurrent(config, n_units)?,
        masks::input(config, n_units, n_inputs)?,
        signs(config, n_units)?,
    )?;
    let tying = tying::tying(config, dataset, n_units)?;
    let tau_bounds = tau_bounds(config, dataset)?;
    let network =
        ParameterLayout::new(config.model, &connectivity, config.bias, &tying, tau_bounds)?;
    Ok(ModelLayout {
        model: config.model,
        activation: config.activation,
        n_units,
        n_inputs,
        with_bias: config.bias,
        network,
        readout: Readout::new(readout, n_units, mean.to_vec(), std.to_vec()),
        initial_state: initial_state(config, dataset, n_units)?,
    })
}

/// `auto`: direct where every train target lies in the range of the activation, scaled where there are enough units,
/// else linear.
fn readout(
    config: &EffectiveConfig,
    dataset: &Dataset,
    train: &[usize],
    n_units: usize,
) -> Result<ReadoutKind, ConfigError> {
    let enough = n_units >= dataset.n_outputs();
    let too_few = || {
        let reason = format!(
            "{n_units} units cannot be {} outputs: choose linear",
            dataset.n_outputs()
        );
        config.unfit("readout", reason)
    };
    let (low, high) = config.activation.range();
    let in_range = || {
        let targets = train.iter().flat_map(|&k| dataset.targets()[k].iter());
        targets
            .filter(|v| !v.is_nan())
            .all(|&v| (low..=high).contains(&v))
    };
    match config.readout {
        ReadoutChoice::Linear => Ok(ReadoutKind::Linear),
        ReadoutChoice::Direct if enough => Ok(ReadoutKind::Direct),
        ReadoutChoice::Scaled if enough => Ok(ReadoutKind::Scaled),
        ReadoutChoice::Direct | ReadoutChoice::Scaled => Err(too_few()),
        ReadoutChoice::Auto if !enough => Ok(ReadoutKind::Linear),
        // outputs are then no targets but what a link makes rates of, over any range
        ReadoutChoice::Auto if config.observation_model().is_poisson() => Ok(ReadoutKind::Scaled),
        ReadoutChoice::Auto if in_range() => Ok(ReadoutKind::Direct),
        ReadoutChoice::Auto => Ok(ReadoutKind::Scaled),
    }
}

fn signs(config: &EffectiveConfig, n_units: usize) -> Result<Vec<Sign>, ConfigError> {
    match &config.signs {
        SignConstraint::Free => Ok(vec![Sign::Free; n_units]),
        SignConstraint::BySource(signs) if signs.len() == n_units => Ok(signs.clone()),
        SignConstraint::BySource(signs) => {
            let reason = format!(
                "{} signs for {n_units} units: give one a unit (1, -1 or 0)",
                signs.len()
            );
            Err(config.unfit("signs", reason))
        }
    }
}

/// Default: a tenth of the shortest sample interval to ten times the longest trial.
fn tau_bounds(config: &EffectiveConfig, dataset: &Dataset) -> Result<TauBounds, ModelError> {
    if let Some(bounds) = config.tau_bounds.set() {
        return Ok(*bounds);
    }
    let [shortest, longest] = tau_reach(dataset);
    TauBounds::new(shortest, longest)
}

/// The time constants that a recording can tell at most from 0 and from infinity: a tenth of the shortest sample interval, ten times
/// the longest trial.
pub(crate) fn tau_reach(dataset: &Dataset) -> [f64; 2] {
    let time = dataset.time();
    let shortest = time
        .windows(2)
        .map(|w| w[1] - w[0])
        .fold(f64::INFINITY, f64::min);
    let longest = dataset
        .trial_length()
        .iter()
        .map(|&n| time[n - 1] - time[0])
        .fold(0.0, f64::max);
    [0.1 * shortest, 10.0 * longest]
}

fn initial_state(
    config: &EffectiveConfig,
    dataset: &Dataset,
    n_units: usize,
) -> Result<InitialStateKind, ConfigError> {
    Ok(match config.initial_state {
        InitialStateChoice::Learned
            if config.r0 == OwnRate::Free && config.model == ModelKind::TwoConstant =>
        {
            InitialStateKind::LearnedFree
        }
        InitialStateChoice::Learned => InitialStateKind::Learned,
        InitialStateChoice::Steady => InitialStateKind::Steady,
        InitialStateChoice::Zero => InitialStateKind::Zero,
        InitialStateChoice::Given => {
            let stored = dataset.initial_state();
            let part = |name: &str, wanted: bool, m: Option<&DMatrix<f64>>| match (wanted, m) {
                (false, _) => Ok(DMatrix::zeros(0, 0)),
                (true, Some(m)) if m.nrows() == n_units => Ok(m.clone()),
                (true, Some(m)) => Err(config.unfit(
                    "initial_state",
                    format!(
                        "initial_state/{name} of the dataset has {} units, the network {n_units}",
                        m.nrows()
                    ),
                )),
                (true, None) => Err(config.unfit(
                    "initial_state",
                    format!(
                        "the dataset has no initial_state/{name}: choose learned, steady or zero"
                    ),
                )),
            };
            InitialStateKind::Given {
                currents: part(
                    "I",
                    config.model.has_tau_s(),
                    stored.and_then(|s| s.current.as_ref()),
                )?,
                rates: part(
                    "r",
                    config.model.has_tau_r(),
                    stored.and_then(|s| s.rate.as_ref()),
                )?,
            }
        }
    })
}

/// A fixed rule: Gauss-Newton while its matrix is small, L-BFGS beyond.
fn optimizer(
    config: &EffectiveConfig,
    n_parameters: usize,
    split: &[Split],
) -> Result<OptimizerSettings, ConfigError> {
    let chosen = match config.optimizer {
        OptimizerChoice::Auto if n_parameters <= DENSE_LIMIT => Optimizer::GaussNewton,
        OptimizerChoice::Auto | OptimizerChoice::Lbfgs => Optimizer::Lbfgs,
        OptimizerChoice::GaussNewton => Optimizer::GaussNewton,
        OptimizerChoice::Adam => Optimizer::Adam,
    };
    let mut settings = OptimizerSettings::new(chosen);
    if let Algorithm::Adam(adam) = &mut settings.algorithm {
        adam.learning_rate = config.learning_rate.get();
    }
    if let Algorithm::GaussNewton(own) = &mut settings.algorithm {
        own.dense_limit = DENSE_LIMIT;
    }
    if let Some(n) = config.max_iterations.set() {
        settings.stopping.max_iterations = n.get() as u64;
    }
    let has_valid = split.contains(&Split::Valid);
    settings.stopping.early_stopping = match config.early_stopping {
        Auto::Auto => has_valid,
        Auto::Set(wanted) => wanted && has_valid,
    };
    Ok(settings)
}

/// The current whose rate is `rate`, for a start: within reach of the activation.
pub(crate) fn current_of(activation: Activation, rate: f64) -> f64 {
    activation.inverse_clamped(rate)
}
