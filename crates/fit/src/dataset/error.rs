//! What can be wrong with a dataset.

/// What can be wrong with a dataset. The file's name is added by whoever read it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing to fit.
    #[error("{variable} has no {what}: at least one is needed")]
    Empty {
        /// The variable.
        variable: &'static str,
        /// What it has none of.
        what: &'static str,
    },
    /// Too few samples to integrate over.
    #[error("time has {found} samples: at least 2 are needed")]
    TooFewSamples {
        /// The number of samples.
        found: usize,
    },
    /// A length does not agree with another.
    #[error("{variable} has {found} {what} where {other} has {expected}: make them agree")]
    Length {
        /// The variable.
        variable: String,
        /// What is counted.
        what: &'static str,
        /// How many it has.
        found: usize,
        /// The variable that it must agree with.
        other: &'static str,
        /// How many that one has.
        expected: usize,
    },
    /// A value that must be finite is not.
    #[error("{variable}{index} must be finite, got {value}: {remedy}")]
    NotFinite {
        /// The variable.
        variable: &'static str,
        /// Where, as `[trial, time, input]`.
        index: String,
        /// The value.
        value: f64,
        /// The way out.
        remedy: &'static str,
    },
    /// Times that do not increase.
    #[error("{variable}[{index}] must be later than {variable}[{}] = {previous}, got {value}: sort the samples and remove repeated ones", index - 1)]
    NotIncreasing {
        /// The variable.
        variable: &'static str,
        /// The index of the later sample.
        index: usize,
        /// The sample before it.
        previous: f64,
        /// Its value.
        value: f64,
    },
    /// A target outside the span of the inputs.
    #[error(
        "target_time[{index}] = {value} lies outside the span of the inputs, {start} to {end}: remove it, or extend time and inputs"
    )]
    OutsideSpan {
        /// The index of the target time.
        index: usize,
        /// The target time.
        value: f64,
        /// The first time allowed.
        start: f64,
        /// The last time allowed.
        end: f64,
    },
    /// A trial that says nothing.
    #[error(
        "targets of trial {trial} (label {label}) are all NaN or beyond its end: remove the trial, or give it at least one observed target"
    )]
    TrialWithoutTarget {
        /// The index of the trial.
        trial: usize,
        /// Its label.
        label: String,
    },
    /// A length of a trial that cannot be one.
    #[error(
        "trial_length[{index}] must be a whole number from 2 to {samples}, the number of samples of time, got {value}"
    )]
    TrialLength {
        /// The index of the trial.
        index: usize,
        /// The value.
        value: f64,
        /// The number of samples of time.
        samples: usize,
    },
    /// Noise that is not positive.
    #[error(
        "target_std[{index}] must be positive and finite, got {value}: give the known noise of that output, or leave target_std out"
    )]
    TargetStd {
        /// The index of the output.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A count that is not one.
    #[error(
        "spike_counts{index} must be a whole number from 0, or NaN where not observed, got {value}: store counts a bin, not rates"
    )]
    SpikeCount {
        /// Where.
        index: String,
        /// The value.
        value: f64,
    },
    /// A word of the split that means nothing.
    #[error("split[{index}] must be train, valid or test, got {value:?}")]
    SplitWord {
        /// The index of the trial.
        index: usize,
        /// The word.
        value: String,
    },
    /// Nothing to train on.
    #[error("split marks no trial as train: mark at least one")]
    NoTrainTrial,
    /// A unit of time that is no unit.
    #[error(
        "the attribute time_units is empty: set it to the unit of time, for instance s, ms or frames"
    )]
    NoTimeUnits,
    /// Times stored as dates.
    #[error(
        "{variable} is stored as dates or durations ({found}): store plain numbers in {time_units}"
    )]
    Dates {
        /// The variable.
        variable: &'static str,
        /// What its attributes say.
        found: String,
        /// The unit to store it in.
        time_units: String,
    },
}
