use super::error::{ConfigError, Place, Source};
use super::layer::Layer;
use super::method::Method;
use super::settings::{Groups, Init, InputMask, Mask, SignConstraint, TauTying};
use super::value::{Auto, Form, Fraction, NonNegative, Positive, Setting, ValueError};
use super::words::{
    InitialStateChoice, LinkChoice, ObservationChoice, OptimizerChoice, OwnRate, ReadoutChoice,
    SelectBy,
};
use crate::dataset::{Dataset, TargetSampling};
use crate::observation::{Link, ObservationModel};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use tauscope_dynamics::{Activation, ModelKind, TauBounds};
use toml::Value;

/// What the command line and a printed configuration need to know about a key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in a file; the option has `-` for `_`.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// How its text on the command line is read.
    pub form: Form,
    /// All its words if it takes words only.
    pub words: fn() -> Vec<&'static str>,
}

/// The table of keys: documentation, name, type, default.
macro_rules! keys {
    ($(#[doc = $doc:literal] $name:ident: $type:ty = $default:expr;)+) => {
        /// All keys, in the order in which they are printed.
        pub const KEYS: &[Key] = &[$(Key {
            name: stringify!($name),
            help: $doc,
            form: <$type as Setting>::FORM,
            words: <$type as Setting>::words,
        }),+];

        /// A configuration as written: what one source says.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct FitConfig {
            $(#[doc = $doc] pub $name: Option<$type>,)+
        }

        impl FitConfig {
            /// Sets a key that is in [`KEYS`]; another is left for the caller to refuse.
            pub(super) fn set(&mut self, key: &str, value: &Value, base: &Path) -> Result<(), ValueError> {
                match key {
                    $(stringify!($name) => self.$name = Some(Setting::parse(value, base)?),)+
                    _ => {}
                }
                Ok(())
            }
        }

        /// A configuration in which every key is set.
        #[derive(Debug, Clone, PartialEq)]
        pub struct EffectiveConfig {
            $(#[doc = $doc] pub $name: $type,)+
            sources: BTreeMap<&'static str, Source>,
        }

        impl Default for EffectiveConfig {
            fn default() -> Self {
                EffectiveConfig { $($name: $default,)+ sources: BTreeMap::new() }
            }
        }

        impl EffectiveConfig {
            /// Replaces what `layer` sets.
            fn overlay(&mut self, layer: &Layer) {
                $(if let Some(value) = &layer.config.$name {
                    self.$name = value.clone();
                    self.sources.insert(stringify!($name), layer.source.clone());
                })+
            }

            /// Name and value of every key, in the order of [`KEYS`].
            pub fn values(&self) -> Vec<(&'static Key, Value)> {
                KEYS.iter().zip([$(self.$name.to_value()),+]).collect()
            }
        }
    };
}

const fn count(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(count) => count,
        None => NonZeroUsize::MIN,
    }
}

fn learning_rate() -> Positive {
    Positive::new(0.01).expect("a positive literal")
}

fn half_a_minute() -> NonNegative {
    NonNegative::new(30.0).expect("a literal of at least 0")
}

fn rtol() -> Fraction {
    Fraction::new(1e-6).expect("a literal between 0 and 1")
}

keys! {
    /// network model: two-constant (synaptic and membrane), rate (tau_s = 0) or current (tau_r = 0)
    model: ModelKind = ModelKind::TwoConstant;
    /// activation f, from current to rate
    activation: Activation = Activation::Softplus;
    /// number of units, hidden ones included; auto: as many as outputs
    units: Auto<NonZeroUsize> = Auto::Auto;
    /// units to outputs: direct (z = r), scaled (z = c r + d), linear (z = C r + d); auto: direct where units >= outputs and every train target lies in f's range, scaled where only the first holds, else linear
    readout: ReadoutChoice = ReadoutChoice::Auto;
    /// whether each unit has a bias current
    bias: bool = true;
    /// recurrent weights that exist: full, no-self, none, or a CSV or HDF5 file of zeros and ones, row = target unit
    connectivity: Mask = Mask::Full;
    /// input weights that exist: full, none, or a CSV or HDF5 file of zeros and ones, row = target unit
    input_connectivity: InputMask = InputMask::Full;
    /// sign of the weights out of each source unit: free, or a list of 1, -1 and 0 (free), one a unit
    signs: SignConstraint = SignConstraint::Free;
    /// units that share a time constant: unit (none), global (all), group:NAME (equal in that variable over output), groups (the table `groups`)
    time_constants: TauTying = TauTying::Unit;
    /// low, high bound of every time constant, in the dataset's time unit; auto: a tenth of the shortest sample interval, ten times the longest trial
    tau_bounds: Auto<TauBounds> = Auto::Auto;
    /// start of a trial: learned (one state for all), steady (equilibrium at the first input), zero, given (in the dataset)
    initial_state: InitialStateChoice = InitialStateChoice::Learned;
    /// rate of a learned initial state: tied (r0 = f(I0)) or free
    r0: OwnRate = OwnRate::Tied;
    /// distribution of the observations: gaussian (of the targets), poisson (of the dataset's spike_counts)
    observation: ObservationChoice = ObservationChoice::Gaussian;
    /// poisson: from an output z to the firing rate, in spikes per time unit of the dataset: softplus (log(1 + exp z)) or exp
    link: LinkChoice = LinkChoice::Softplus;
    /// time integrator; auto: exp-hermite for held inputs or relu and two time constants, else exp-adams; adaptive: tsit45, tr-bdf2, esdirk34, bdf, exp-adams, exp-bashforth, exp-hermite (the last three at a fixed step where `step` is given); fixed step: euler, euler-sequential, exponential-euler, backward-euler, heun, implicit-midpoint, rk4; without time constants: elman
    method: Method = Method::Auto;
    /// relative tolerance of an adaptive method
    rtol: Fraction = rtol();
    /// absolute tolerance of an adaptive method; auto: rtol / 100
    atol: Auto<Positive> = Auto::Auto;
    /// step of a fixed-step method, or of exp-adams, exp-bashforth and exp-hermite in place of tolerances, in the dataset's time unit; auto: one sample interval
    step: Auto<Positive> = Auto::Auto;
    /// optimizer; auto: gauss-newton up to 2000 parameters, lbfgs beyond
    optimizer: OptimizerChoice = OptimizerChoice::Auto;
    /// adam: learning rate at the start; it falls to 0 as a cosine
    learning_rate: Positive = learning_rate();
    /// number of random starts
    starts: NonZeroUsize = count(4);
    /// most iterations of a start; auto: by optimizer
    max_iterations: Auto<NonZeroUsize> = Auto::Auto;
    /// seconds after which the fit stops at the best point so far, or none
    max_time: Option<Positive> = None;
    /// seconds between two saves of the state from which --resume goes on; 0: after every iteration
    checkpoint_interval: NonNegative = half_a_minute();
    /// where the first start begins: random, or a result file
    init: Init = Init::Random;
    /// penalty on the sum of squared weights; auto: chosen on the validation trials from a small ladder, 0 without any
    l2: Auto<NonNegative> = Auto::Auto;
    /// keep the iterate that is best on the validation trials; auto: true where there are any
    early_stopping: Auto<bool> = Auto::Auto;
    /// which cost chooses among starts: valid or train; auto: valid where there are validation trials
    select_by: SelectBy = SelectBy::Auto;
    /// judge the time constants at the end: intervals, which is which, what the data do not tell; auto: what trials x target times x units x parameters allow, never by the clock
    identify: Auto<bool> = Auto::Auto;
    /// write an HTML report beside the result
    report: bool = true;
    /// also score by the values of this variable over trials, or none
    score_by: Option<String> = None;
    /// seed of everything random
    seed: u64 = 0;
    /// worker threads; auto: all cores; results do not depend on it
    threads: Auto<NonZeroUsize> = Auto::Auto;
    /// MiB that the steps kept for backward solves may take, on up to eight threads together; where they would take more, checkpoints are kept and one more forward solve is made; gauss-newton keeps the steps of its tangents beside that
    memory: NonZeroUsize = count(2048);
    /// for time_constants = "groups": lines NAME = [unit, unit, ..], each unit once, by index from 0 or label
    groups: Groups = Groups::default();
}

impl EffectiveConfig {
    /// Lays `layers`, strongest first, over the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when keys that are valid alone do not fit each other.
    pub fn merge(layers: &[Layer]) -> Result<EffectiveConfig, ConfigError> {
        let mut config = EffectiveConfig::default();
        for layer in layers.iter().rev() {
            config.overlay(layer);
        }
        if config.time_constants == TauTying::Groups && config.groups.is_empty() {
            return Err(ConfigError::Value {
                place: config.place("time_constants"),
                reason: ValueError::NoGroups,
            });
        }
        Ok(config)
    }

    /// Where `key` was set, for messages.
    pub fn place(&self, key: &str) -> Place {
        let source = self.sources.get(key).cloned().unwrap_or(Source::Default);
        Place {
            key: key.to_owned(),
            source,
        }
    }

    /// True where `key` was set by some layer, false where it has its default.
    pub fn is_set(&self, key: &str) -> bool {
        self.sources.contains_key(key)
    }

    /// The error for a value of `key` that does not fit the data or another key.
    pub fn unfit(
        &self,
        key: &str,
        reason: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ConfigError {
        ConfigError::Unfit {
            place: self.place(key),
            reason: reason.into(),
        }
    }

    /// How outputs are observed.
    pub fn observation_model(&self) -> ObservationModel {
        match (self.observation, self.link) {
            (ObservationChoice::Gaussian, _) => ObservationModel::Gaussian,
            (ObservationChoice::Poisson, LinkChoice::Softplus) => {
                ObservationModel::Poisson(Link::Softplus)
            }
            (ObservationChoice::Poisson, LinkChoice::Exp) => ObservationModel::Poisson(Link::Exp),
        }
    }

    /// What of `dataset` is observed: its targets, or its spike counts in their place.
    ///
    /// # Errors
    /// [`ConfigError::Unfit`] where counts are needed and there are none, or none in some trial.
    pub fn observed(&self, dataset: Dataset) -> Result<Dataset, ConfigError> {
        let is_counted = dataset.target_sampling() == TargetSampling::BinCount;
        if !self.observation_model().is_poisson() || is_counted {
            return Ok(dataset);
        }
        match dataset.of_counts() {
            Some(Ok(counts)) => Ok(counts),
            Some(Err(error)) => {
                let reason = format!("of spike_counts in the place of targets: {error}");
                Err(self.unfit("observation", reason))
            }
            None => Err(self.unfit(
                "observation",
                "poisson needs the variable spike_counts (trial, target_time, output), whole numbers of spikes in each bin, and the dataset has none: store them beside the targets, or choose gaussian",
            )),
        }
    }

    /// Absolute tolerance: as set, else `rtol / 100`.
    pub fn atol(&self) -> f64 {
        self.atol
            .set()
            .map_or(self.rtol.get() / 100.0, |atol| atol.get())
    }
}
