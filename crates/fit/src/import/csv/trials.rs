//! The rows of a table as a recording.

use std::path::Path;

use nalgebra::DMatrix;

use super::roles::{Cells, Column, Roles, matching, some_of};
use super::rows::{Samples, Table, TrialRows};
use super::{CsvOptions, TimeOrigin};
use crate::dataset::CarriedVariable;
use crate::import::ChoiceError;
use crate::import::assemble::{Block, Recording, TrialBlocks};
use crate::import::error::{Problem, RecordingError};
use crate::store::Values;

/// The recording that the table holds.
pub(super) fn recording(
    path: &Path,
    table: Table,
    roles: &Roles,
    options: &CsvOptions,
    notes: &mut Vec<String>,
) -> Result<Recording, Problem> {
    let channels = Channels::new(&table, roles, options)?;
    let mut trials = table
        .trials
        .iter()
        .map(|rows| channels.blocks(rows))
        .collect::<Result<Vec<_>, Problem>>()?;
    // Exactly written numbers differ by rounding only where they are subtracted.
    let time_rounding = 8.0
        * f64::EPSILON
        * trials
            .iter()
            .flat_map(all_times)
            .fold(0.0_f64, |m, t| m.max(t.abs()));
    if counts_from_trials(&trials, options.time_origin) {
        trials
            .iter_mut()
            .for_each(|trial| shift(trial, table.decimals));
        if options.time_origin.is_none() {
            notes.push("the trials follow each other on one clock: times count from the first sample of each (--time-origin file keeps them)".to_owned());
        }
    }
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let labels: Vec<String> = table.trials.iter().map(|t| t.label.clone()).collect();
    Ok(Recording {
        title: Some(name.clone()),
        name,
        source: path
            .file_name()
            .map(|f| format!("imported from {}", f.to_string_lossy())),
        licence: None,
        time_units: roles.time_units.clone(),
        input_units: options.input_units.clone(),
        target_units: options.target_units.clone(),
        trials,
        trial_labels: roles.trial.is_some().then(|| values(labels)),
        input_labels: channels.input_labels,
        output_labels: channels.output_labels,
        split: table.trials.iter().map(|t| t.split).collect(),
        trial_variables: variables(&table, roles),
        counts: Vec::new(),
        time_rounding,
    })
}

fn variables(table: &Table, roles: &Roles) -> Vec<CarriedVariable> {
    let carry = |(k, column): (usize, &Column)| CarriedVariable {
        name: column.name.clone(),
        values: values(
            table
                .trials
                .iter()
                .map(|t| t.variables[k].clone())
                .collect(),
        ),
        units: None,
        long_name: None,
    };
    roles
        .trial_variables
        .iter()
        .enumerate()
        .map(carry)
        .collect()
}

/// Numbers where all texts are written as such, else text.
fn values(texts: Vec<String>) -> Values {
    let integers: Option<Vec<i64>> = texts
        .iter()
        .map(|t| t.parse().ok().filter(|n: &i64| n.to_string() == *t))
        .collect();
    let reals = || {
        texts
            .iter()
            .map(|t| t.parse().ok())
            .collect::<Option<Vec<f64>>>()
    };
    match integers {
        Some(integers) => Values::Integer(integers),
        None => reals().map_or(Values::Text(texts.clone()), Values::Real),
    }
}

/// Where the channels of the recording are in the table.
struct Channels {
    source: Source,
    input_labels: Vec<String>,
    output_labels: Vec<String>,
}

enum Source {
    /// The first values of a row are inputs.
    Wide,
    Long {
        inputs: Vec<InputSource>,
        targets: Vec<usize>,
    },
}

enum InputSource {
    Column(usize),
    Unit(usize),
}

impl Channels {
    fn new(table: &Table, roles: &Roles, options: &CsvOptions) -> Result<Self, ChoiceError> {
        let names = |columns: &[Column]| columns.iter().map(|c| c.name.clone()).collect();
        match &roles.cells {
            Cells::Wide { inputs, targets } => Ok(Self {
                source: Source::Wide,
                input_labels: names(inputs),
                output_labels: names(targets),
            }),
            Cells::Long { inputs, .. } => Self::long(&table.units, inputs, options),
        }
    }

    fn long(
        units: &[String],
        columns: &[Column],
        options: &CsvOptions,
    ) -> Result<Self, ChoiceError> {
        let (mut inputs, mut input_labels, mut used) = (Vec::new(), Vec::new(), Vec::new());
        for name in &options.inputs {
            if let Some(k) = columns.iter().position(|c| c.name == *name) {
                inputs.push(InputSource::Column(k));
                input_labels.push(name.clone());
                continue;
            }
            for unit in named("--inputs", name, units)? {
                inputs.push(InputSource::Unit(unit));
                input_labels.push(units[unit].clone());
                used.push(unit);
            }
        }
        let mut targets = Vec::new();
        for name in &options.targets {
            targets.extend(named("--targets", name, units)?);
        }
        if options.targets.is_empty() {
            targets = (0..units.len())
                .filter(|unit| !used.contains(unit))
                .collect();
        }
        check_once(units, &used, &targets)?;
        Ok(Self {
            source: Source::Long {
                inputs,
                targets: targets.clone(),
            },
            input_labels,
            output_labels: targets
                .into_iter()
                .map(|unit| units[unit].clone())
                .collect(),
        })
    }

    fn blocks(&self, rows: &TrialRows) -> Result<TrialBlocks, Problem> {
        match &self.source {
            Source::Wide => Ok(self.wide(&rows.samples[0])),
            Source::Long { inputs, targets } => {
                let empty = Samples::default();
                let samples = |unit: usize| rows.samples.get(unit).unwrap_or(&empty);
                let target =
                    |&unit: &usize| block(&samples(unit).times, 1, |k, _| samples(unit).values[k]);
                let inputs = inputs.iter().map(|source| match source {
                    InputSource::Unit(unit) => {
                        block(&samples(*unit).times, 1, |k, _| samples(*unit).values[k])
                    }
                    InputSource::Column(k) => {
                        let list = &rows.input_columns[*k];
                        let times: Vec<f64> = list.iter().map(|s| s.time).collect();
                        block(&times, 1, |k, _| list[k].value)
                    }
                });
                Ok(TrialBlocks {
                    inputs: self.joined(inputs.collect(), &rows.label)?,
                    targets: targets.iter().map(target).collect(),
                })
            }
        }
    }

    fn wide(&self, samples: &Samples) -> TrialBlocks {
        let (n_inputs, n_outputs) = (self.input_labels.len(), self.output_labels.len());
        let width = n_inputs + n_outputs;
        let part = |from: usize, count: usize| {
            block(&samples.times, count, |k, c| {
                samples.values[k * width + from + c]
            })
        };
        TrialBlocks {
            inputs: (n_inputs > 0).then(|| part(0, n_inputs)),
            targets: vec![part(n_inputs, n_outputs)],
        }
    }

    /// One block of inputs that have the same times.
    fn joined(&self, blocks: Vec<Block>, label: &str) -> Result<Option<Block>, Problem> {
        let Some(first) = blocks.first() else {
            return Ok(None);
        };
        if first.times.is_empty() {
            return Err(RecordingError::TrialWithoutInput {
                label: label.to_owned(),
            }
            .into());
        }
        if let Some(k) = blocks.iter().position(|b| b.times != first.times) {
            return Err(RecordingError::InputTimes {
                first: self.input_labels[0].clone(),
                second: self.input_labels[k].clone(),
                label: label.to_owned(),
            }
            .into());
        }
        if let Some((input, k)) = blocks
            .iter()
            .enumerate()
            .find_map(|(i, b)| Some((i, b.values.iter().position(|v| v.is_nan())?)))
        {
            return Err(RecordingError::MissingInput {
                input: self.input_labels[input].clone(),
                label: label.to_owned(),
                time: first.times[k],
            }
            .into());
        }
        Ok(Some(block(&first.times, blocks.len(), |k, channel| {
            blocks[channel].values[k]
        })))
    }
}

/// `channels` values at each of `times`, as `value(time, channel)` gives them.
fn block(times: &[f64], channels: usize, value: impl Fn(usize, usize) -> f64) -> Block {
    Block {
        times: times.to_vec(),
        values: DMatrix::from_fn(channels, times.len(), |channel, k| value(k, channel)),
    }
}

/// The units that `name` stands for.
fn named(option: &'static str, name: &str, units: &[String]) -> Result<Vec<usize>, ChoiceError> {
    let found = matching(name, units);
    if found.is_empty() {
        return Err(ChoiceError::NoSuch {
            option,
            name: name.to_owned(),
            what: "unit",
            present: format!("units: {}", some_of(units)),
        });
    }
    Ok(found)
}

fn check_once(units: &[String], inputs: &[usize], targets: &[usize]) -> Result<(), ChoiceError> {
    let all: Vec<_> = inputs
        .iter()
        .map(|u| ("--inputs", u))
        .chain(targets.iter().map(|u| ("--targets", u)))
        .collect();
    for (k, (second, unit)) in all.iter().enumerate() {
        if let Some((first, _)) = all[..k].iter().find(|(_, other)| other == unit) {
            return Err(ChoiceError::Twice {
                name: units[**unit].clone(),
                first,
                second,
            });
        }
    }
    if targets.is_empty() {
        return Err(ChoiceError::Missing {
            option: "--targets",
            what: "the units to fit",
            present: format!("units: {}", some_of(units)),
        });
    }
    Ok(())
}

/// Whether times count from the beginning of each trial: as said, else where each trial begins after the one before ended.
fn counts_from_trials(trials: &[TrialBlocks], said: Option<TimeOrigin>) -> bool {
    match said {
        Some(origin) => origin == TimeOrigin::Trial,
        None => {
            trials.len() > 1
                && trials
                    .windows(2)
                    .all(|pair| first(&pair[1]) > last(&pair[0]))
        }
    }
}

fn all_times(trial: &TrialBlocks) -> impl Iterator<Item = f64> {
    trial
        .inputs
        .iter()
        .chain(&trial.targets)
        .flat_map(|block| block.times.iter().copied())
}

/// The first sample of the inputs, else of the targets.
fn first(trial: &TrialBlocks) -> f64 {
    let input = trial
        .inputs
        .as_ref()
        .and_then(|block| block.times.first().copied());
    input.unwrap_or_else(|| all_times(trial).fold(f64::INFINITY, f64::min))
}

fn last(trial: &TrialBlocks) -> f64 {
    all_times(trial).fold(f64::NEG_INFINITY, f64::max)
}

/// Counts the times of a trial from its first sample, with as many decimals as the file has: 10.1 - 10 is 0.1.
fn shift(trial: &mut TrialBlocks, decimals: Option<usize>) {
    let start = first(trial);
    let shifted = |t: f64| {
        let difference = t - start;
        let written = decimals.and_then(|n| format!("{difference:.n$}").parse().ok());
        written.unwrap_or(difference)
    };
    for block in trial.inputs.iter_mut().chain(&mut trial.targets) {
        block.times.iter_mut().for_each(|t| *t = shifted(*t));
    }
}
