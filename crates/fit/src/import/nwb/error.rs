//! What can be wrong with an NWB file.

/// What can be wrong with an NWB file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NwbError {
    /// HDF5, but not NWB.
    #[error(
        "the attribute nwb_version is missing, so this is no NWB file: a dataset of tauscope needs no import"
    )]
    NotNwb,
    /// Version 1.
    #[error("the file is of NWB version {version}: convert it to version 2 (pynwb)")]
    OldVersion {
        /// The version.
        version: String,
    },
    /// More groups than any recording has.
    #[error("there are more than {limit} groups: links in the file may go round in a circle")]
    TooManyGroups {
        /// How many were looked at.
        limit: usize,
    },
    /// A series of another shape.
    #[error(
        "{series}/data has the shape {shape:?}: only (time) and (time, channel) can be imported"
    )]
    Shape {
        /// The series.
        series: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// As many times as samples.
    #[error(
        "{series} has {timestamps} timestamps for {samples} samples: the file is incomplete, write it again"
    )]
    Length {
        /// The series.
        series: String,
        /// How many timestamps.
        timestamps: usize,
        /// How many samples.
        samples: usize,
    },
    /// Neither rate nor timestamps.
    #[error(
        "{series} has neither timestamps nor a starting time with a rate: add one of them (pynwb: rate= or timestamps=)"
    )]
    NoClock {
        /// The series.
        series: String,
    },
    /// A number that cannot be one of its kind.
    #[error("{variable} is {value}: it must be {expected}; correct it in the file")]
    Number {
        /// The variable or attribute.
        variable: String,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// Times that do not increase.
    #[error(
        "{series}/timestamps[{index}] = {value} does not come after {previous}: sort the samples and remove repeated ones"
    )]
    Timestamps {
        /// The series.
        series: String,
        /// The index of the later one.
        index: usize,
        /// Its value.
        value: f64,
        /// The one before.
        previous: f64,
    },
    /// A table whose columns do not agree.
    #[error(
        "{variable} has {found} values where {other} has {expected}: the table is damaged, write it again"
    )]
    Column {
        /// The variable.
        variable: String,
        /// How many it has.
        found: usize,
        /// What it should agree with.
        other: String,
        /// How many that has.
        expected: usize,
    },
    /// An index into a ragged column that points nowhere.
    #[error(
        "{variable}[{index}] = {value} must lie between {low} and {high}: the table is damaged, write it again"
    )]
    RaggedIndex {
        /// The variable.
        variable: String,
        /// Which entry.
        index: usize,
        /// Its value.
        value: i64,
        /// The entry before.
        low: i64,
        /// The number of values.
        high: usize,
    },
    /// A trial that ends before it starts, or has no times.
    #[error(
        "trial {label} lasts from {start} to {stop}: correct its times in the file, or choose another table with --trials"
    )]
    TrialTimes {
        /// Its label.
        label: String,
        /// Its start.
        start: f64,
        /// Its end.
        stop: f64,
    },
    /// A word of the split that means nothing.
    #[error(
        "{variable}[{index}] is {value:?}: write train, valid or test, or name another column with --split"
    )]
    SplitWord {
        /// The variable.
        variable: String,
        /// The trial's index.
        index: usize,
        /// The word.
        value: String,
    },
    /// An input that is not known everywhere.
    #[error(
        "{series}/data[{sample}, {channel}] is {value}, but an input must be known at every time: fill it, choose other channels, or leave that input out"
    )]
    MissingInput {
        /// The series.
        series: String,
        /// The sample.
        sample: usize,
        /// The channel.
        channel: usize,
        /// The value.
        value: f64,
    },
    /// No spike and no trial to say how long the recording was.
    #[error(
        "there is no spike, no input and no trial, so nothing says how long the units were observed: name inputs or trials"
    )]
    NoExtent,
    /// A bin that does not fit.
    #[error(
        "trial {label} lasts {extent} s, which is less than two bins of {bin} s: choose a shorter --bin"
    )]
    ShortForBins {
        /// The trial's label.
        label: String,
        /// How long it is.
        extent: f64,
        /// The width of a bin.
        bin: f64,
    },
    /// More bins than fit.
    #[error("{bins:e} bins of {bin} s: choose a longer --bin")]
    TooManyBins {
        /// How many there would be.
        bins: f64,
        /// The width of a bin.
        bin: f64,
    },
}
