//! A dataset as a file or a generator says it, before it is checked.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use tauscope_dynamics::Interpolation;

use super::Split;
use crate::store::{Group, Values};

/// What a target is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetSampling {
    /// The value at that time.
    #[default]
    Point,
    /// The mean over `[t_k, t_k+1)` of the target times, the last bin as long as the one before.
    BinMean,
    /// The number of spikes in that bin: what [`super::Dataset::of_counts`] makes of `spike_counts`; no file has it.
    BinCount,
}

impl TargetSampling {
    /// Whether a target belongs to a bin, not to a point in time.
    pub fn is_over_bin(self) -> bool {
        self != Self::Point
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::BinMean => "bin_mean",
            Self::BinCount => "bin_count",
        }
    }
}

/// A further variable over trials or over outputs: groups of units, conditions to score by.
#[derive(Debug, Clone, PartialEq)]
pub struct CarriedVariable {
    /// Its name.
    pub name: String,
    /// One value a trial, or one an output.
    pub values: Values,
    /// Its unit.
    pub units: Option<String>,
    /// Its name in words.
    pub long_name: Option<String>,
}

/// Known initial states (unit, trial); a model without that state has `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InitialState {
    /// Synaptic currents.
    pub current: Option<DMatrix<f64>>,
    /// Firing rates.
    pub rate: Option<DMatrix<f64>>,
}

/// A dataset before it is checked; see [`super::Dataset`] for the meaning and `Dataset::new` for the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RawDataset {
    /// A short name.
    pub name: String,
    /// Title in words.
    pub title: Option<String>,
    /// Where the data come from.
    pub source: Option<String>,
    /// Under which terms they may be used.
    pub licence: Option<String>,
    /// The unit of time.
    pub time_units: String,
    /// The unit of the targets.
    pub target_units: Option<String>,
    /// The unit of the inputs.
    pub input_units: Option<String>,
    /// What inputs do between samples.
    pub interpolation: Interpolation,
    /// What targets are compared with.
    pub target_sampling: TargetSampling,
    /// Sample times.
    pub time: Vec<f64>,
    /// Times of the targets; `None`: they lie on `time`.
    pub target_time: Option<Vec<f64>>,
    /// Inputs of each trial (input, time); matrices without rows for an autonomous network.
    pub inputs: Vec<DMatrix<f64>>,
    /// Targets of each trial (output, target_time); NaN = not observed.
    pub targets: Vec<DMatrix<f64>>,
    /// Known noise of each output.
    pub target_std: Option<Vec<f64>>,
    /// Spike counts of each trial (output, target_time).
    pub spike_counts: Option<Vec<DMatrix<f64>>>,
    /// Number of valid samples of each trial; `None`: all of them.
    pub trial_length: Option<Vec<usize>>,
    /// The part that each trial plays; `None`: to be drawn.
    pub split: Option<Vec<Split>>,
    /// Labels of the trials; `None`: 0, 1, .. .
    pub trial_labels: Option<Values>,
    /// Labels of the inputs; `None`: 0, 1, .. .
    pub input_labels: Option<Values>,
    /// Labels of the outputs; `None`: 0, 1, .. .
    pub output_labels: Option<Values>,
    /// Known initial states.
    pub initial_state: Option<InitialState>,
    /// Further variables over the trials.
    pub trial_variables: Vec<CarriedVariable>,
    /// Further variables over the outputs.
    pub output_variables: Vec<CarriedVariable>,
    /// The parameters that made synthetic data.
    pub truth: Option<Group>,
}

impl RawDataset {
    /// A dataset of `targets` (output, time) on the samples `time`, driven by `inputs` (input, time), with nothing
    /// else given; fill in the rest by its fields. `inputs` may be empty: an autonomous network.
    pub fn new(
        name: &str,
        time_units: &str,
        time: Vec<f64>,
        inputs: Vec<DMatrix<f64>>,
        targets: Vec<DMatrix<f64>>,
    ) -> Self {
        let inputs = if inputs.is_empty() {
            vec![DMatrix::zeros(0, time.len()); targets.len()]
        } else {
            inputs
        };
        Self {
            name: name.to_owned(),
            title: None,
            source: None,
            licence: None,
            time_units: time_units.to_owned(),
            target_units: None,
            input_units: None,
            interpolation: Interpolation::Hold,
            target_sampling: TargetSampling::Point,
            time,
            target_time: None,
            inputs,
            targets,
            target_std: None,
            spike_counts: None,
            trial_length: None,
            split: None,
            trial_labels: None,
            input_labels: None,
            output_labels: None,
            initial_state: None,
            trial_variables: Vec::new(),
            output_variables: Vec::new(),
            truth: None,
        }
    }

    pub(super) fn n_inputs(&self) -> usize {
        self.inputs.first().map_or(0, DMatrix::nrows)
    }

    pub(super) fn n_outputs(&self) -> usize {
        self.targets.first().map_or(0, DMatrix::nrows)
    }
}
