//! Trials of sampled channels, with whatever times they have, on the common times of a dataset.
//!
//! A dataset has one list of times for its inputs and one for its targets. Both are the union over the trials. No target
//! is changed: where a channel has no sample the target is NaN, not observed. An input at a time that only another trial
//! has is the value of its own signal there, held or linear, which leaves that signal as it was.

use nalgebra::DMatrix;
use tauscope_dynamics::Interpolation;

use super::error::{Problem, RecordingError};
use super::grid::{Grid, shortest_interval};
use crate::dataset::{CarriedVariable, RawDataset, Split, TargetSampling};
use crate::store::{DATASET_VARIABLES, Values};

/// Values of a dataset beyond this many are refused: 2^28 of them are 2 GiB.
pub(super) const LARGEST: u128 = 1 << 28;
/// Times closer than this share of the shortest interval differ by rounding alone.
const ROUNDING: f64 = 1e-6;
/// A union of times with this many times as many as any one channel has is worth a warning.
const CROWDED: f64 = 1.5;

/// How signals are to be understood, whatever the format.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// What inputs do between their samples; `None`: held.
    pub interpolation: Option<Interpolation>,
    /// What targets are compared with; `None`: points, and means over bins for spike counts.
    pub target_sampling: Option<TargetSampling>,
    /// Times of different trials that are closer are the same; `None`: a millionth of the shortest interval.
    pub time_tolerance: Option<f64>,
}

/// Channels sampled together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// Strictly increasing.
    pub times: Vec<f64>,
    /// (channel, time).
    pub values: DMatrix<f64>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrialBlocks {
    /// All inputs, sampled together; `None` where there are none.
    pub inputs: Option<Block>,
    /// The targets; channels of all blocks in order are the outputs.
    pub targets: Vec<Block>,
}

impl TrialBlocks {
    /// Leaves out targets at times at which the inputs are not known, and counts their values. Held inputs act for one last
    /// interval more.
    fn leave_out_unknown(&mut self, interpolation: Interpolation) -> usize {
        let times = self
            .inputs
            .as_ref()
            .map_or(&[] as &[f64], |block| &block.times);
        let [first, .., last] = *times else {
            return 0;
        };
        let before = times[times.len() - 2];
        let beyond = if interpolation == Interpolation::Hold {
            last - before
        } else {
            0.0
        };
        let slack = ROUNDING * (last - before) + 4.0 * f64::EPSILON * first.abs().max(last.abs());
        self.targets
            .iter_mut()
            .map(|block| block.keep(first - slack, last + beyond + slack))
            .sum()
    }
}

impl Block {
    /// Keeps the samples from `start` to `end`, and counts the values of the others.
    fn keep(&mut self, start: f64, end: f64) -> usize {
        let count = |values: &DMatrix<f64>| values.iter().filter(|v| !v.is_nan()).count();
        let from = self.times.partition_point(|&t| t < start);
        let to = self.times.partition_point(|&t| t <= end).max(from);
        if from == 0 && to == self.times.len() {
            return 0;
        }
        let before = count(&self.values);
        self.times = self.times[from..to].to_vec();
        self.values = self.values.columns(from, to - from).into_owned();
        before - count(&self.values)
    }
}

/// A recording before its trials have common times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recording {
    pub name: String,
    pub title: Option<String>,
    pub source: Option<String>,
    pub licence: Option<String>,
    pub time_units: String,
    pub input_units: Option<String>,
    pub target_units: Option<String>,
    pub trials: Vec<TrialBlocks>,
    pub trial_labels: Option<Values>,
    pub input_labels: Vec<String>,
    pub output_labels: Vec<String>,
    pub split: Option<Vec<Split>>,
    pub trial_variables: Vec<CarriedVariable>,
    /// The outputs, by index, that are counts of spikes in bins; empty where none is.
    pub counts: Vec<bool>,
    /// By how much times may be off by rounding.
    pub time_rounding: f64,
}

impl Recording {
    /// The label of a trial, for people.
    fn label(&self, trial: usize) -> String {
        let given = self
            .trial_labels
            .as_ref()
            .and_then(|labels| labels.text(trial));
        given.unwrap_or_else(|| trial.to_string())
    }
}

/// A dataset that is not checked yet, with what there is to say about it.
pub(super) struct Assembled {
    pub raw: RawDataset,
    pub notes: Vec<String>,
}

/// Lays the trials of `recording` on common times.
pub(super) fn assemble(mut recording: Recording, signals: &Signals) -> Result<Assembled, Problem> {
    if recording.trials.is_empty() {
        let remedy = "add samples, or name other trials";
        return Err(RecordingError::NoTrial { remedy }.into());
    }
    let interpolation = signals.interpolation.unwrap_or(Interpolation::Hold);
    let outside: usize = recording
        .trials
        .iter_mut()
        .map(|trial| trial.leave_out_unknown(interpolation))
        .sum();
    let layout = Layout::new(&recording, signals)?;
    let lengths = layout.lengths(&recording)?;
    let mut notes = layout.notes(&recording);
    let inputs = layout.inputs(&recording, interpolation)?;
    let targets = layout.targets(&recording);
    if outside > 0 {
        notes.push(format!(
            "{outside} target values lie before the first or after the last sample of their trial's inputs, and were left out"
        ));
    }
    let sampling = signals
        .target_sampling
        .unwrap_or(if recording.counts.contains(&true) {
            TargetSampling::BinMean
        } else {
            TargetSampling::Point
        });
    if sampling == TargetSampling::BinMean {
        layout.check_bins(&recording)?;
    }
    let target_time = layout.target_time();
    let raw = RawDataset {
        title: recording.title,
        source: recording.source,
        licence: recording.licence,
        input_units: recording.input_units,
        target_units: recording.target_units,
        interpolation,
        target_sampling: sampling,
        trial_length: lengths
            .iter()
            .any(|&n| n < layout.time.times().len())
            .then_some(lengths),
        target_time,
        spike_counts: spike_counts(&targets, &recording.counts),
        split: recording.split,
        trial_labels: recording.trial_labels,
        input_labels: labels(&recording.input_labels),
        output_labels: labels(&recording.output_labels),
        trial_variables: carried(recording.trial_variables, &mut notes),
        ..RawDataset::new(
            &recording.name,
            &recording.time_units,
            layout.time.times().to_vec(),
            inputs,
            targets,
        )
    };
    Ok(Assembled { raw, notes })
}

/// Names that nothing else in a dataset may have, beside those of its own variables.
const ALSO_TAKEN: [&str; 4] = ["initial_state", "truth", "parameters", "unit"];

/// Variables over the trials under names that a dataset can have.
fn carried(variables: Vec<CarriedVariable>, notes: &mut Vec<String>) -> Vec<CarriedVariable> {
    let taken = DATASET_VARIABLES.iter().chain(&ALSO_TAKEN);
    let mut used: Vec<String> = taken.map(|&name| name.to_owned()).collect();
    let rename = |mut variable: CarriedVariable| {
        let mut name = variable.name.replace(['/', '\0'], "_");
        while name.is_empty() || name == "." || used.contains(&name) {
            name = format!("trial_{name}");
        }
        if name != variable.name {
            notes.push(format!(
                "the variable {:?} over trials is stored as {name:?}",
                variable.name
            ));
        }
        used.push(name.clone());
        variable.name = name;
        variable
    };
    variables.into_iter().map(rename).collect()
}

fn labels(names: &[String]) -> Option<Values> {
    (!names.is_empty()).then(|| Values::Text(names.to_vec()))
}

/// The targets that are counts; NaN, not observed, for other outputs. `None` where no output is one.
fn spike_counts(targets: &[DMatrix<f64>], counts: &[bool]) -> Option<Vec<DMatrix<f64>>> {
    let mut spikes = counts.contains(&true).then(|| targets.to_vec())?;
    for trial in &mut spikes {
        for (mut row, _) in trial
            .row_iter_mut()
            .zip(counts)
            .filter(|(_, is_count)| !**is_count)
        {
            row.fill(f64::NAN);
        }
    }
    Some(spikes)
}

/// The common times.
struct Layout {
    time: Grid,
    targets: Grid,
    has_inputs: bool,
}

impl Layout {
    fn new(recording: &Recording, signals: &Signals) -> Result<Self, Problem> {
        let inputs = || input_times(&recording.trials);
        let targets = || target_times(&recording.trials);
        let shortest = shortest_interval(inputs().chain(targets()));
        let rounding = (shortest * ROUNDING).max(recording.time_rounding);
        let tolerance =
            signals
                .time_tolerance
                .unwrap_or(if shortest.is_finite() { rounding } else { 0.0 });
        if tolerance >= 0.5 * shortest {
            return Err(RecordingError::Tolerance {
                tolerance,
                shortest,
            }
            .into());
        }
        let has_inputs = inputs().next().is_some();
        let targets = Grid::union(targets(), tolerance);
        let time = if has_inputs {
            Grid::union(inputs(), tolerance)
        } else {
            targets.clone()
        };
        let layout = Self {
            targets: targets.snapped_to(&time),
            time,
            has_inputs,
        };
        layout.check_size(recording)?;
        Ok(layout)
    }

    /// Refuses by arithmetic what would not fit, before anything is allocated for it.
    fn check_size(&self, recording: &Recording) -> Result<(), Problem> {
        let trials = recording.trials.len() as u128;
        let size = |times: usize, channels: usize| trials * times as u128 * channels as u128;
        let values = size(self.time.times().len(), recording.input_labels.len())
            + size(self.targets.times().len(), recording.output_labels.len());
        if values <= LARGEST {
            return Ok(());
        }
        Err(RecordingError::TooLarge {
            values,
            limit: LARGEST,
            trials: recording.trials.len(),
            times: self.time.times().len().max(self.targets.times().len()),
        }
        .into())
    }

    /// Targets that are means over bins must share them: another channel's times would cut their bins.
    fn check_bins(&self, recording: &Recording) -> Result<(), Problem> {
        let indices = |block: &Block| {
            block
                .times
                .iter()
                .map(|&t| self.targets.index(t))
                .collect::<Vec<_>>()
        };
        for trial in &recording.trials {
            let mut row = 0;
            let mut first: Option<(usize, Vec<Option<usize>>)> = None;
            for block in &trial.targets {
                let bins = indices(block);
                match &first {
                    Some((row_of_first, expected)) if !bins.is_empty() && bins != *expected => {
                        let name = |row: usize| {
                            recording
                                .output_labels
                                .get(row)
                                .cloned()
                                .unwrap_or_default()
                        };
                        let (first, second) = (name(*row_of_first), name(row));
                        return Err(RecordingError::UnlikeBins { first, second }.into());
                    }
                    None if !bins.is_empty() => first = Some((row, bins)),
                    _ => {}
                }
                row += block.values.nrows();
            }
        }
        Ok(())
    }

    fn target_time(&self) -> Option<Vec<f64>> {
        (self.targets.times() != self.time.times()).then(|| self.targets.times().to_vec())
    }

    fn notes(&self, recording: &Recording) -> Vec<String> {
        let mut notes = Vec::new();
        if self.target_time().is_some() {
            notes.push("targets and inputs were sampled at different times: the targets lie on target_time".to_owned());
        }
        let grids = [self.time.times(), self.targets.times()];
        let longest = input_times(&recording.trials)
            .chain(target_times(&recording.trials))
            .map(<[f64]>::len)
            .max();
        let longest = longest.unwrap_or(0);
        let union = grids.iter().map(|times| times.len()).max().unwrap_or(0);
        if union as f64 > CROWDED * longest as f64 {
            notes.push(format!(
                "the times of the {} trials or their channels differ: the dataset has all {union} of them, where one has at most {longest}, as close as {} {}; \
                 the default of tau_bounds begins at a tenth of that interval; --time-tolerance takes close times of different trials as the same",
                recording.trials.len(),
                shortest_interval(grids.into_iter()),
                recording.time_units
            ));
        }
        notes
    }

    fn inputs(
        &self,
        recording: &Recording,
        interpolation: Interpolation,
    ) -> Result<Vec<DMatrix<f64>>, Problem> {
        if !self.has_inputs {
            return Ok(Vec::new());
        }
        let one = |(trial, blocks): (usize, &TrialBlocks)| match &blocks.inputs {
            Some(block) => self.resampled(block, interpolation, &recording.label(trial)),
            None => Err(RecordingError::TrialWithoutInput {
                label: recording.label(trial),
            }
            .into()),
        };
        recording.trials.iter().enumerate().map(one).collect()
    }

    /// The signal of `block` at all common times up to its end; its last value beyond, where the trial is over.
    fn resampled(
        &self,
        block: &Block,
        interpolation: Interpolation,
        label: &str,
    ) -> Result<DMatrix<f64>, Problem> {
        let (grid, times) = (self.time.times(), &block.times);
        if block.values.iter().any(|v| !v.is_finite()) || times.is_empty() {
            return Err(RecordingError::TrialWithoutInput {
                label: label.to_owned(),
            }
            .into());
        }
        if self.time.index(times[0]) != Some(0) {
            return Err(RecordingError::LateInput {
                label: label.to_owned(),
                first: times[0],
                start: grid[0],
            }
            .into());
        }
        let mut values = DMatrix::zeros(block.values.nrows(), grid.len());
        let mut k = 0;
        for (g, &t) in grid.iter().enumerate() {
            while k + 1 < times.len() && self.time.index(times[k + 1]).is_some_and(|at| at <= g) {
                k += 1;
            }
            let mut column = block.values.column(k).clone_owned();
            let is_sample = self.time.index(times[k]) == Some(g);
            if interpolation == Interpolation::Linear && !is_sample && k + 1 < times.len() {
                let share = (t - times[k]) / (times[k + 1] - times[k]);
                column += (block.values.column(k + 1) - block.values.column(k)) * share;
            }
            values.set_column(g, &column);
        }
        Ok(values)
    }

    /// Targets of each trial (output, target_time).
    fn targets(&self, recording: &Recording) -> Vec<DMatrix<f64>> {
        let one = |trial: &TrialBlocks| {
            let (rows, columns) = (recording.output_labels.len(), self.targets.times().len());
            let mut values = DMatrix::from_element(rows, columns, f64::NAN);
            let mut row = 0;
            for block in &trial.targets {
                let channels = block.values.nrows();
                for (k, &t) in block.times.iter().enumerate() {
                    if let Some(at) = self.targets.index(t) {
                        values
                            .view_mut((row, at), (channels, 1))
                            .copy_from(&block.values.column(k));
                    }
                }
                row += channels;
            }
            values
        };
        recording.trials.iter().map(one).collect()
    }

    /// How many of the common times each trial lasts.
    fn lengths(&self, recording: &Recording) -> Result<Vec<usize>, Problem> {
        let last = |trial: &TrialBlocks| match &trial.inputs {
            Some(block) => block.times.last().copied(),
            None => trial
                .targets
                .iter()
                .filter_map(|b| b.times.last().copied())
                .reduce(f64::max),
        };
        let length = |(index, trial): (usize, &TrialBlocks)| match last(trial)
            .map_or(0, |t| self.time.count_to(t))
        {
            samples @ (0 | 1) => Err(RecordingError::ShortTrial {
                label: recording.label(index),
                samples,
            }
            .into()),
            samples => Ok(samples),
        };
        recording.trials.iter().enumerate().map(length).collect()
    }
}

fn input_times(trials: &[TrialBlocks]) -> impl Iterator<Item = &[f64]> {
    trials
        .iter()
        .filter_map(|trial| trial.inputs.as_ref())
        .map(|block| block.times.as_slice())
}

fn target_times(trials: &[TrialBlocks]) -> impl Iterator<Item = &[f64]> {
    trials
        .iter()
        .flat_map(|trial| &trial.targets)
        .map(|block| block.times.as_slice())
}
