//! `SPEC.toml`: what is to be generated.

use super::spike_rule::{self, Observation, SpikeRule};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use tauscope_dynamics::{Activation, Interpolation, ModelKind};
use thiserror::Error;

/// What can be wrong with a specification.
#[derive(Debug, Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("specification {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is not TOML, or a key or a value is none that there is.
    #[error("{}: line {line}: {reason}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value that cannot be.
    #[error("{}: key `{key}`: {reason}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: &'static str,
        /// What it must be, and what it is.
        reason: String,
    },
}

/// What is to be generated; see `generate --help` for the meaning of the keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub units: usize,
    pub inputs: usize,
    pub outputs: Option<usize>,
    #[serde(default = "two_constant")]
    pub model: ModelKind,
    #[serde(default = "sigmoid")]
    pub activation: Activation,
    #[serde(default)]
    pub connectivity: Recurrence,
    #[serde(default = "default_trials")]
    pub trials: usize,
    #[serde(default = "one")]
    pub duration: f64,
    #[serde(default = "default_interval")]
    pub interval: f64,
    #[serde(default = "seconds")]
    pub time_units: String,
    #[serde(default)]
    pub sampling: Sampling,
    #[serde(default = "default_split")]
    pub split: [f64; 3],
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub noise: f64,
    #[serde(default)]
    pub initial_state: InitialState,
    #[serde(default)]
    pub method: Scheme,
    #[serde(default)]
    pub weights: Weights,
    #[serde(default)]
    pub tau: Tau,
    #[serde(default)]
    pub input: Input,
    #[serde(default)]
    pub observation: Observation,
    #[serde(default)]
    pub spikes: SpikeRule,
}

/// Which recurrent weights exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recurrence {
    #[default]
    Full,
    NoSelf,
    None,
}

/// How samples lie in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    #[default]
    Regular,
    Irregular,
}

/// Where a trial starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialState {
    #[default]
    Shared,
    Steady,
    Zero,
}

/// Continuous time, or the discrete model of Quax et al. 2020.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    #[default]
    Continuous,
    EulerSequential,
}

/// `[weights]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Standard deviation of W times the root of the number of units.
    pub std: f64,
    /// Standard deviation of U.
    pub input_std: f64,
    pub bias: Bias,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            std: 4.0,
            input_std: 2.0,
            bias: Bias::Word(Centred::Centred),
        }
    }
}

/// `weights.bias`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "bias must be \"centred\" or a number")]
pub enum Bias {
    Word(Centred),
    /// Normal with this standard deviation.
    Normal(f64),
}

/// The word of [`Bias`]: minus half the row sum of W.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Centred {
    Centred,
}

/// `[tau]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tau {
    pub s: Option<TauRule>,
    pub r: Option<TauRule>,
    /// `|log(tau_s / tau_r)|` of every unit is at least this.
    #[serde(default)]
    pub min_log_ratio: f64,
    pub alpha_s: Option<Alpha>,
    pub alpha_r: Option<Alpha>,
}

/// How time constants are drawn.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a time constant must be [low, high], { global = number or [low, high] } or { units = [..] }"
)]
pub enum TauRule {
    /// Log-uniform, one draw a unit.
    Range([f64; 2]),
    Global(Global),
    Units(Units),
}

/// `{ global = .. }`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    pub global: GlobalTau,
}

/// One value for all units.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "global must be a number or [low, high]")]
pub enum GlobalTau {
    Value(f64),
    /// Log-uniform, one draw.
    Range([f64; 2]),
}

/// `{ units = [..] }`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    pub units: Vec<f64>,
}

/// A rate constant `alpha = dt / tau` for all units, or one a unit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "alpha must be a number or a list of one number a unit"
)]
pub enum Alpha {
    Global(f64),
    Units(Vec<f64>),
}

impl Alpha {
    /// One value a unit.
    pub fn by_unit(&self, n_units: usize) -> Vec<f64> {
        match self {
            Alpha::Global(alpha) => vec![*alpha; n_units],
            Alpha::Units(alpha) => alpha.clone(),
        }
    }
}

/// `[input]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    pub kind: InputKind,
    pub amplitude: f64,
    pub interpolation: Interpolation,
}

impl Default for Input {
    fn default() -> Self {
        Input {
            kind: InputKind::Sinusoids,
            amplitude: 1.0,
            interpolation: Interpolation::Linear,
        }
    }
}

/// What the inputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Three sinusoids of random frequency and phase, with two pulses.
    Sinusoids,
    /// Independent normal numbers.
    White,
    /// The paper's: uniform, Savitzky-Golay 7/2, times 10.
    Smoothed,
    /// Random levels, each held for a while.
    Steps,
}

fn two_constant() -> ModelKind {
    ModelKind::TwoConstant
}

fn sigmoid() -> Activation {
    Activation::Sigmoid
}

fn default_trials() -> usize {
    20
}

fn one() -> f64 {
    1.0
}

fn default_interval() -> f64 {
    0.01
}

fn seconds() -> String {
    "s".to_owned()
}

fn default_split() -> [f64; 3] {
    [0.7, 0.15, 0.15]
}

/// The range from which time constants are drawn where the specification is silent.
pub const DEFAULT_TAU: TauRule = TauRule::Range([0.02, 0.2]);

/// Largest number of samples of one trial, and of values of one array: beyond it a slip of the pen, not a dataset.
const LARGEST: f64 = 1e9;

impl Spec {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// [`SpecError`] with line or key.
    pub fn read(path: &Path) -> Result<Spec, SpecError> {
        let text = std::fs::read_to_string(path).map_err(|reason| SpecError::Unreadable {
            path: path.to_owned(),
            reason,
        })?;
        let spec: Spec = toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text
                .bytes()
                .take(start)
                .filter(|byte| *byte == b'\n')
                .count()
                + 1;
            SpecError::Syntax {
                path: path.to_owned(),
                line,
                reason: error.message().to_owned(),
            }
        })?;
        match spec.fault() {
            None => Ok(spec),
            Some((key, reason)) => Err(SpecError::Value {
                path: path.to_owned(),
                key,
                reason,
            }),
        }
    }

    /// Outputs: the first units.
    pub fn n_outputs(&self) -> usize {
        self.outputs.unwrap_or(self.units)
    }

    /// Samples of a trial.
    pub fn n_samples(&self) -> usize {
        // a whole number between 2 and LARGEST after the check
        (self.duration / self.interval).round() as usize
    }

    /// The first key whose value cannot be, and why.
    fn fault(&self) -> Option<(&'static str, String)> {
        self.size_fault()
            .or_else(|| self.number_fault())
            .or_else(|| self.tau_fault())
            .or_else(|| self.scheme_fault())
            .or_else(|| spike_rule::fault(self))
    }

    fn size_fault(&self) -> Option<(&'static str, String)> {
        let outputs = self.n_outputs();
        if self.units == 0 {
            return Some(("units", "must be at least 1, got 0".to_owned()));
        }
        if outputs == 0 || outputs > self.units {
            return Some((
                "outputs",
                format!("must be from 1 to units = {}, got {outputs}", self.units),
            ));
        }
        if self.trials == 0 {
            return Some(("trials", "must be at least 1, got 0".to_owned()));
        }
        if !(self.interval > 0.0 && self.interval.is_finite()) {
            return Some((
                "interval",
                format!("must be a number above 0, got {}", self.interval),
            ));
        }
        let samples = (self.duration / self.interval).round();
        if !(2.0..=LARGEST).contains(&samples) {
            return Some((
                "duration",
                format!(
                    "must be at least two intervals of {}, got {}",
                    self.interval, self.duration
                ),
            ));
        }
        let values = samples * self.trials as f64 * self.units.max(self.inputs) as f64;
        let too_many = values > LARGEST || (self.units as f64).powi(2) > LARGEST;
        too_many.then(|| {
            (
                "trials",
                format!(
                    "{} trials of {samples} samples of {} units are too many",
                    self.trials, self.units
                ),
            )
        })
    }

    fn number_fault(&self) -> Option<(&'static str, String)> {
        let not_negative = [
            ("noise", self.noise),
            ("weights.std", self.weights.std),
            ("weights.input_std", self.weights.input_std),
            ("tau.min_log_ratio", self.tau.min_log_ratio),
            ("input.amplitude", self.input.amplitude),
            (
                "weights.bias",
                if let Bias::Normal(std) = self.weights.bias {
                    std
                } else {
                    0.0
                },
            ),
        ];
        let negative = not_negative
            .iter()
            .find(|(_, value)| !(*value >= 0.0 && value.is_finite()));
        if let Some((key, value)) = negative {
            return Some((key, format!("must be a number of at least 0, got {value}")));
        }
        let sum: f64 = self.split.iter().sum();
        if self.split.iter().any(|part| !(0.0..=1.0).contains(part))
            || (sum - 1.0).abs() > 1e-9
            || self.split[0] == 0.0
        {
            return Some((
                "split",
                format!(
                    "must be three fractions with sum 1, the first above 0, got {:?}",
                    self.split
                ),
            ));
        }
        let smoothed_too_short = self.input.kind == InputKind::Smoothed && self.n_samples() < 7;
        smoothed_too_short.then(|| {
            (
                "input.kind",
                "smoothed inputs need at least 7 samples".to_owned(),
            )
        })
    }

    fn tau_fault(&self) -> Option<(&'static str, String)> {
        let rules = [("tau.s", &self.tau.s), ("tau.r", &self.tau.r)];
        rules
            .into_iter()
            .find_map(|(key, rule)| Some((key, rule.as_ref()?.fault(self.units)?)))
    }

    fn scheme_fault(&self) -> Option<(&'static str, String)> {
        let alphas = [
            ("tau.alpha_s", &self.tau.alpha_s),
            ("tau.alpha_r", &self.tau.alpha_r),
        ];
        if self.method == Scheme::Continuous {
            let given = alphas.into_iter().find(|(_, alpha)| alpha.is_some())?;
            return Some((
                given.0,
                "belongs to method = \"euler-sequential\"; give s and r".to_owned(),
            ));
        }
        if self.model != ModelKind::TwoConstant {
            return Some((
                "model",
                "must be two-constant for method = \"euler-sequential\"".to_owned(),
            ));
        }
        if self.sampling != Sampling::Regular {
            return Some((
                "sampling",
                "must be regular for method = \"euler-sequential\"".to_owned(),
            ));
        }
        if self.initial_state == InitialState::Steady {
            return Some((
                "initial_state",
                "must be shared or zero for method = \"euler-sequential\"".to_owned(),
            ));
        }
        if self.tau.s.is_some() || self.tau.r.is_some() {
            return Some((
                "tau",
                "method = \"euler-sequential\" takes alpha_s and alpha_r in place of s and r"
                    .to_owned(),
            ));
        }
        alphas
            .into_iter()
            .find_map(|(key, alpha)| Some((key, alpha_fault(alpha.as_ref(), self.units)?)))
    }
}

fn alpha_fault(alpha: Option<&Alpha>, n_units: usize) -> Option<String> {
    let Some(alpha) = alpha else {
        return Some("is needed for method = \"euler-sequential\"".to_owned());
    };
    let alpha = alpha.by_unit(n_units);
    if alpha.len() != n_units {
        return Some(format!(
            "must have one value for each of the {n_units} units, got {}",
            alpha.len()
        ));
    }
    let bad = alpha
        .iter()
        .find(|alpha| !(**alpha > 0.0 && **alpha < 2.0))?;
    Some(format!(
        "must lie between 0 and 2, where the decay is stable, got {bad}"
    ))
}

impl TauRule {
    fn fault(&self, n_units: usize) -> Option<String> {
        match self {
            TauRule::Range(range)
            | TauRule::Global(Global {
                global: GlobalTau::Range(range),
            }) => range_fault(range),
            TauRule::Global(Global {
                global: GlobalTau::Value(tau),
            }) => positive_fault(*tau),
            TauRule::Units(Units { units }) if units.len() != n_units => Some(format!(
                "must have one value for each of the {n_units} units, got {}",
                units.len()
            )),
            TauRule::Units(Units { units }) => units.iter().find_map(|tau| positive_fault(*tau)),
        }
    }
}

fn range_fault([low, high]: &[f64; 2]) -> Option<String> {
    let fits = *low > 0.0 && low <= high && high.is_finite();
    (!fits).then(|| format!("must be [low, high] with 0 < low <= high, got [{low}, {high}]"))
}

pub(super) fn positive_fault(tau: f64) -> Option<String> {
    let fits = tau > 0.0 && tau.is_finite();
    (!fits).then(|| format!("must be a number above 0, got {tau}"))
}

/// Whether `path` has the keys that only a specification has: then it is no configuration of a fit.
pub fn is_specification(path: &Path) -> bool {
    let table = std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| table.contains_key("units") && table.contains_key("inputs"))
}
