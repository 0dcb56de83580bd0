//! What can be wrong with a recording of another format. Each message names the place and the way out.

use std::path::{Path, PathBuf};

use super::csv::TableError;
use super::nwb::NwbError;
use crate::dataset::DatasetError;
use crate::store::StoreError;

/// Why a file could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// An HDF5 file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is wrong with the file as a whole.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<Problem>,
    },
    /// Something is wrong in a line of a table.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: Box<TableError>,
    },
    /// What was asked for does not fit the file.
    #[error("{}: {problem}", path.display())]
    Choice {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: Box<ChoiceError>,
    },
}

impl ImportError {
    /// True where the request is wrong, not the file.
    pub fn is_choice(&self) -> bool {
        matches!(self, Self::Choice { .. })
    }

    /// Names the file.
    pub(super) fn new(path: &Path, problem: impl Into<Problem>) -> Self {
        let path = path.to_owned();
        match problem.into() {
            Problem::Choice(problem) => Self::Choice {
                path,
                problem: Box::new(problem),
            },
            Problem::Store(error) => Self::Store(error),
            problem => Self::File {
                path,
                problem: Box::new(problem),
            },
        }
    }
}

/// What is wrong with a file, which whoever read it names.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Problem {
    /// With a table of text.
    Table(#[from] TableError),
    /// With an NWB file.
    Nwb(#[from] NwbError),
    /// With the trials or their times.
    Recording(#[from] RecordingError),
    /// With the dataset that it would make.
    Dataset(#[from] DatasetError),
    /// With what was asked for.
    Choice(#[from] ChoiceError),
    /// With HDF5.
    Store(#[from] StoreError),
}

/// What was asked for does not fit the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// A name that the file does not have.
    #[error("{option} names {name:?}, but there is no such {what}; {present}")]
    NoSuch {
        /// The option.
        option: &'static str,
        /// Its value.
        name: String,
        /// What should have that name.
        what: &'static str,
        /// What is there, in words.
        present: String,
    },
    /// A name that several things have.
    #[error(
        "{option} names {name:?}, which is the name of several: {candidates}; write one of these"
    )]
    Ambiguous {
        /// The option.
        option: &'static str,
        /// Its value.
        name: String,
        /// The whole names.
        candidates: String,
    },
    /// Nothing was named where no name suggests itself.
    #[error("{option} is missing: name {what}; {present}")]
    Missing {
        /// The option.
        option: &'static str,
        /// What it should name.
        what: &'static str,
        /// What is there, in words.
        present: String,
    },
    /// Something plays two parts.
    #[error("{name:?} is named by {first} and by {second}: name it once")]
    Twice {
        /// The name.
        name: String,
        /// The option that names it.
        first: &'static str,
        /// The other, or the same again.
        second: &'static str,
    },
    /// An option whose value cannot be used.
    #[error("{option} is {value}: {expected}")]
    Value {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// What is wrong with the trials of a recording or their times.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// No trial.
    #[error("there is no trial to import: {remedy}")]
    NoTrial {
        /// The way out.
        remedy: &'static str,
    },
    /// A trial that is a single sample or none.
    #[error(
        "trial {label} has {samples} sample times: at least 2 are needed: remove the trial, or name the column of trials that is meant"
    )]
    ShortTrial {
        /// Its label.
        label: String,
        /// How many it has.
        samples: usize,
    },
    /// A trial without input where others have one.
    #[error("trial {label} has no input sample: give it one at its start, or remove the trial")]
    TrialWithoutInput {
        /// Its label.
        label: String,
    },
    /// An input that is not known at one of its times.
    #[error(
        "the input {input:?} has no value at {time} in trial {label}: an input must be known at every time: fill it, or leave that input out"
    )]
    MissingInput {
        /// The input.
        input: String,
        /// The trial's label.
        label: String,
        /// The time.
        time: f64,
    },
    /// Inputs of one trial with different times.
    #[error(
        "the inputs {first:?} and {second:?} have different times in trial {label}: a dataset has one list of times for all inputs: \
         import only those of one rate, or resample them to common times"
    )]
    InputTimes {
        /// An input.
        first: String,
        /// Another.
        second: String,
        /// The trial's label.
        label: String,
    },
    /// A trial whose inputs begin after those of others.
    #[error(
        "the inputs of trial {label} begin at {first}, those of another trial at {start}: a dataset starts all trials at one time: \
         add the samples that are missing, or count each trial's times from its own first sample (--time-origin trial)"
    )]
    LateInput {
        /// The trial's label.
        label: String,
        /// Its first time.
        first: f64,
        /// The first time of all.
        start: f64,
    },
    /// A tolerance that would merge samples of one channel.
    #[error(
        "--time-tolerance is {tolerance}, but two samples of one trial are {shortest} apart: name less than half of that"
    )]
    Tolerance {
        /// The tolerance.
        tolerance: f64,
        /// The shortest interval.
        shortest: f64,
    },
    /// More values than fit.
    #[error(
        "the dataset would have {values} values ({trials} trials, {times} times), more than {limit}: import fewer channels or shorter trials, \
         or, where the times of the trials differ, take close ones as the same with --time-tolerance"
    )]
    TooLarge {
        /// How many there would be.
        values: u128,
        /// How many are allowed.
        limit: u128,
        /// The number of trials.
        trials: usize,
        /// The number of common times.
        times: usize,
    },
    /// Means over bins where the times are no bins.
    #[error(
        "the targets have different times, so they are no bins: targets that are means over bins must share their bins: \
         import {first:?} without {second:?}, or bin both alike"
    )]
    UnlikeBins {
        /// A target.
        first: String,
        /// Another.
        second: String,
    },
}
