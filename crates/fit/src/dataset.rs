//! A recording, checked once and trusted ever after.
//!
//! [`RawDataset`] is what a file or a generator says; [`Dataset::new`] checks it, and only the checked type goes further.

mod check;
mod error;
mod observed;
mod raw;
mod split;

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;
use tauscope_dynamics::Interpolation;

pub use error::DatasetError;
pub use raw::{CarriedVariable, InitialState, RawDataset, TargetSampling};
pub use split::Split;

use crate::store::{Group, Values};

/// A checked recording of several trials over the same sample times.
///
/// Times are finite and strictly increasing, inputs finite, every trial has at least one observed target, and all
/// shapes agree. Matrices have one column a sample.
#[derive(Debug, Clone)]
pub struct Dataset {
    raw: RawDataset,
    /// Always there after the check.
    target_time: Vec<f64>,
    trial_length: Vec<usize>,
    trial_labels: Values,
    input_labels: Values,
    output_labels: Values,
    file: Option<SourceFile>,
}

/// The file that a dataset was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as given.
    pub path: PathBuf,
    /// The SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// One trial of a dataset.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Its index.
    pub index: usize,
    /// Inputs (input, time). Beyond [`Trial::length`] the last valid sample is repeated.
    pub inputs: &'a DMatrix<f64>,
    /// Targets (output, target_time); NaN = not observed, which includes all beyond the end of the trial.
    pub targets: &'a DMatrix<f64>,
    /// Number of valid samples of `time`, at least 2.
    pub length: usize,
}

impl Dataset {
    /// Checks `raw`. Beyond the end of a shorter trial, inputs are replaced by its last sample and targets and spike
    /// counts by NaN, so that nothing there is used.
    ///
    /// # Errors
    /// [`DatasetError`], which names the variable, the index, the value and the remedy.
    pub fn new(raw: RawDataset) -> Result<Self, DatasetError> {
        check::shapes(&raw)?;
        check::times(&raw)?;
        check::names(&raw)?;
        let target_time = raw.target_time.clone().unwrap_or_else(|| raw.time.clone());
        let trial_length = raw
            .trial_length
            .clone()
            .unwrap_or_else(|| vec![raw.time.len(); raw.targets.len()]);
        let label =
            |given: &Option<Values>, count| given.clone().unwrap_or_else(|| Values::indices(count));
        let mut dataset = Self {
            trial_labels: label(&raw.trial_labels, raw.targets.len()),
            input_labels: label(&raw.input_labels, raw.n_inputs()),
            output_labels: label(&raw.output_labels, raw.n_outputs()),
            target_time,
            trial_length,
            raw,
            file: None,
        };
        dataset.close_ends();
        check::values(&dataset)?;
        Ok(dataset)
    }

    /// The dataset, with the file that it came from.
    pub(crate) fn with_file(mut self, file: SourceFile) -> Self {
        self.file = Some(file);
        self
    }

    /// The stem of the file's name, or the name given by the generator.
    pub fn name(&self) -> &str {
        &self.raw.name
    }

    /// The path of the file that it was read from.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|f| f.path.as_path())
    }

    /// The SHA-256 of the file that it was read from, in hexadecimal digits.
    pub fn sha256(&self) -> Option<&str> {
        self.file.as_ref().map(|f| f.sha256.as_str())
    }

    /// Title, where the file has one.
    pub fn title(&self) -> Option<&str> {
        self.raw.title.as_deref()
    }

    /// Where the data come from.
    pub fn source(&self) -> Option<&str> {
        self.raw.source.as_deref()
    }

    /// Under which terms the data may be used.
    pub fn licence(&self) -> Option<&str> {
        self.raw.licence.as_deref()
    }

    /// The unit of all times and time constants: "s", "ms", "frames".
    pub fn time_units(&self) -> &str {
        &self.raw.time_units
    }

    /// The unit of the targets, where the file says it.
    pub fn target_units(&self) -> Option<&str> {
        self.raw.target_units.as_deref()
    }

    /// The unit of the inputs, where the file says it.
    pub fn input_units(&self) -> Option<&str> {
        self.raw.input_units.as_deref()
    }

    /// What the inputs do between their samples.
    pub fn interpolation(&self) -> Interpolation {
        self.raw.interpolation
    }

    /// Whether a target is a value at its time or a mean over its bin.
    pub fn target_sampling(&self) -> TargetSampling {
        self.raw.target_sampling
    }

    /// Number of trials.
    pub fn n_trials(&self) -> usize {
        self.raw.targets.len()
    }

    /// Number of input channels; 0 for an autonomous network.
    pub fn n_inputs(&self) -> usize {
        self.raw.n_inputs()
    }

    /// Number of observed outputs.
    pub fn n_outputs(&self) -> usize {
        self.raw.n_outputs()
    }

    /// Sample times of the inputs; integration starts at the first.
    pub fn time(&self) -> &[f64] {
        &self.raw.time
    }

    /// Times of the targets.
    pub fn target_time(&self) -> &[f64] {
        &self.target_time
    }

    /// True when the targets have times of their own, false when they lie on [`Dataset::time`].
    pub fn has_target_time(&self) -> bool {
        self.raw.target_time.is_some()
    }

    /// Trial `index`.
    ///
    /// # Panics
    /// If there is no trial of that index, as indexing a slice does.
    pub fn trial(&self, index: usize) -> Trial<'_> {
        Trial {
            index,
            inputs: &self.raw.inputs[index],
            targets: &self.raw.targets[index],
            length: self.trial_length[index],
        }
    }

    /// All trials in order.
    pub fn trials(&self) -> impl ExactSizeIterator<Item = Trial<'_>> {
        (0..self.n_trials()).map(|index| self.trial(index))
    }

    /// Inputs of each trial (input, time).
    pub fn inputs(&self) -> &[DMatrix<f64>] {
        &self.raw.inputs
    }

    /// Targets of each trial (output, target_time); NaN = not observed.
    pub fn targets(&self) -> &[DMatrix<f64>] {
        &self.raw.targets
    }

    /// Known noise of each output, in units of the targets, positive.
    pub fn target_std(&self) -> Option<&[f64]> {
        self.raw.target_std.as_deref()
    }

    /// Spike counts of each trial (output, target_time); NaN = not observed.
    pub fn spike_counts(&self) -> Option<&[DMatrix<f64>]> {
        self.raw.spike_counts.as_deref()
    }

    /// Number of valid samples of [`Dataset::time`] of each trial, at least 2.
    pub fn trial_length(&self) -> &[usize] {
        &self.trial_length
    }

    /// The split that the file gives.
    pub fn split(&self) -> Option<&[Split]> {
        self.raw.split.as_deref()
    }

    /// The split to use: the one given, else 70/15/15 drawn from `seed` with at least one trial each; fewer than three
    /// trials are all train.
    pub fn resolve_split(&self, seed: u64) -> Vec<Split> {
        self.raw
            .split
            .clone()
            .unwrap_or_else(|| Split::draw(self.n_trials(), seed))
    }

    /// Labels of the trials (0, 1, .. where the file has none).
    pub fn trial_labels(&self) -> &Values {
        &self.trial_labels
    }

    /// Labels of the inputs (0, 1, .. where the file has none).
    pub fn input_labels(&self) -> &Values {
        &self.input_labels
    }

    /// Labels of the outputs (0, 1, .. where the file has none).
    pub fn output_labels(&self) -> &Values {
        &self.output_labels
    }

    /// Known initial states.
    pub fn initial_state(&self) -> Option<&InitialState> {
        self.raw.initial_state.as_ref()
    }

    /// Further variables over the trials.
    pub fn trial_variables(&self) -> &[CarriedVariable] {
        &self.raw.trial_variables
    }

    /// Further variables over the outputs.
    pub fn output_variables(&self) -> &[CarriedVariable] {
        &self.raw.output_variables
    }

    /// The further variable `name` over the trials.
    pub fn trial_variable(&self, name: &str) -> Option<&CarriedVariable> {
        self.raw.trial_variables.iter().find(|v| v.name == name)
    }

    /// The further variable `name` over the outputs.
    pub fn output_variable(&self, name: &str) -> Option<&CarriedVariable> {
        self.raw.output_variables.iter().find(|v| v.name == name)
    }

    /// The parameters that made synthetic data, named as in a result's `parameters`.
    pub fn truth(&self) -> Option<&Group> {
        self.raw.truth.as_ref()
    }

    /// A copy with other targets, for instance with noise added, or predictions in their place.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn with_targets(&self, targets: Vec<DMatrix<f64>>) -> Result<Self, DatasetError> {
        let checked = Self::new(RawDataset {
            targets,
            ..self.raw.clone()
        })?;
        Ok(Self {
            file: self.file.clone(),
            ..checked
        })
    }

    /// A copy with other inputs.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub(crate) fn with_inputs(&self, inputs: Vec<DMatrix<f64>>) -> Result<Self, DatasetError> {
        Self::new(RawDataset {
            inputs,
            ..self.raw.clone()
        })
    }

    /// A copy with the noise of each output.
    ///
    /// # Errors
    /// As [`Dataset::new`]: noise that is not positive and finite.
    pub(crate) fn with_target_std(&self, std: Vec<f64>) -> Result<Self, DatasetError> {
        Self::new(RawDataset {
            target_std: Some(std),
            ..self.raw.clone()
        })
    }

    /// The same recording with its spike counts in the place of the targets; `None` where it has none.
    ///
    /// # Errors
    /// As [`Dataset::new`]: a trial in which no bin was observed.
    pub fn of_counts(&self) -> Option<Result<Self, DatasetError>> {
        let counts = self.raw.spike_counts.clone()?;
        let checked = Self::new(RawDataset {
            targets: counts,
            target_sampling: TargetSampling::BinCount,
            target_units: Some("1".to_owned()),
            target_std: None,
            ..self.raw.clone()
        });
        Some(checked.map(|checked| Self {
            file: self.file.clone(),
            ..checked
        }))
    }

    /// Length of the bin of each target time: to the next one, the last as long as the one before; of a single one the last
    /// sample interval.
    pub fn bin_widths(&self) -> Vec<f64> {
        let of_last =
            self.raw.time[self.raw.time.len() - 1] - self.raw.time[self.raw.time.len() - 2];
        crate::batch::bin_widths(&self.target_time, of_last)
    }

    /// Gives back the memory of inputs, targets and counts of `trials`, which nobody reads any more.
    pub(crate) fn release(&mut self, trials: &[usize]) {
        let counts = self.raw.spike_counts.iter_mut();
        for variable in [&mut self.raw.inputs, &mut self.raw.targets]
            .into_iter()
            .chain(counts)
        {
            for &k in trials {
                // the number of channels is still asked for
                variable[k] = DMatrix::zeros(variable[k].nrows(), 0);
            }
        }
    }

    /// Makes what lies beyond the end of a shorter trial harmless.
    fn close_ends(&mut self) {
        for trial in 0..self.n_trials() {
            let length = self.trial_length[trial];
            let inputs = &mut self.raw.inputs[trial];
            let last = inputs.column(length - 1).clone_owned();
            (length..inputs.ncols()).for_each(|k| inputs.set_column(k, &last));
            for (k, &t) in self.target_time.iter().enumerate() {
                if observed::is_within(&self.raw, length, t, k) {
                    continue;
                }
                self.raw.targets[trial].column_mut(k).fill(f64::NAN);
                if let Some(counts) = &mut self.raw.spike_counts {
                    counts[trial].column_mut(k).fill(f64::NAN);
                }
            }
        }
    }
}
