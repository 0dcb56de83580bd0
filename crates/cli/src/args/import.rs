//! The options of `import`.

use super::{OutputOptions, help, positive};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use tauscope_dynamics::Interpolation;
use tauscope_fit::dataset::TargetSampling;
use tauscope_fit::import::Signals;
use tauscope_fit::import::csv::{CsvOptions, Decimal, Dialect, TableLayout, TimeOrigin};
use tauscope_fit::import::nwb::{NwbOptions, Trials};

/// What is imported.
#[derive(Debug, Subcommand)]
pub enum ImportFormat {
    /// A table of text: one row a time, or one row a time and unit
    #[command(after_help = help::IMPORT_CSV, after_long_help = help::IMPORT_CSV_LONG)]
    Csv(Box<ImportCsvOptions>),
    /// Neurodata Without Borders: time series, spike times of units, trials
    #[command(after_help = help::IMPORT_NWB, after_long_help = help::IMPORT_NWB_LONG)]
    Nwb(Box<ImportNwbOptions>),
}

/// `import csv`
#[derive(Debug, Args)]
pub struct ImportCsvOptions {
    /// The table: comma, semicolon, tab or bar separated, UTF-8, with a line of column names
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Show the columns, and stop
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    list: Option<bool>,
    /// Column of the times [default: time, t, timestamp or frame]
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Column that tells trials apart [default: trial, where it is there]
    #[arg(long, value_name = "COLUMN", visible_alias = "trials")]
    trial: Option<String>,
    /// Columns to be fitted; in a long table units [default: all that are nothing else]
    #[arg(long, value_name = "LIST", visible_alias = "outputs")]
    targets: Vec<String>,
    /// Columns that drive the network; in a long table units or columns [default: none]
    #[arg(long, value_name = "LIST")]
    inputs: Vec<String>,
    /// Long table: column that names the unit of a row [default: unit, neuron, cell, channel or roi]
    #[arg(long, value_name = "COLUMN", visible_alias = "units")]
    unit: Option<String>,
    /// Long table: column of the values [default: value]
    #[arg(long, value_name = "COLUMN", visible_alias = "values")]
    value: Option<String>,
    /// Whether a row holds all units at a time, or one [default: long where there are columns of units and of values]
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// Column of the words train, valid, test [default: split, where it is there]
    #[arg(long, value_name = "COLUMN")]
    split: Option<String>,
    /// Columns of one value a trial to carry along, for --score-by [default: none]
    #[arg(long, value_name = "LIST")]
    trial_variables: Vec<String>,
    /// Unit of the times, as s, ms or frames [default: as in `time_ms` or `time (ms)`, else s]
    #[arg(long, value_name = "UNIT")]
    time_units: Option<String>,
    /// Whether times count from each trial's first sample [default: trial where trials follow each other on one clock]
    #[arg(long, value_name = "ORIGIN")]
    time_origin: Option<Origin>,
    /// Unit of the targets
    #[arg(long, value_name = "UNIT")]
    target_units: Option<String>,
    /// Unit of the inputs
    #[arg(long, value_name = "UNIT")]
    input_units: Option<String>,
    /// What separates cells: comma, semicolon, tab, bar or a character [default: found from the first lines]
    #[arg(long, value_name = "WHAT", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Decimal sign [default: found from the first lines]
    #[arg(long, value_name = "SIGN")]
    decimal: Option<Sign>,
    /// Further words for no value, beside NaN, NA, n/a, null, none and nothing
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    missing: Vec<String>,
    #[command(flatten)]
    signals: SignalOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `import nwb`
#[derive(Debug, Args)]
pub struct ImportNwbOptions {
    /// An NWB file of version 2
    #[arg(value_name = "FILE.nwb")]
    pub file: PathBuf,
    /// Show the time series, units and trials, and stop
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    list: Option<bool>,
    /// Time series that drive the network, by name or path, channels chosen as the examples show [default: none]
    #[arg(long, value_name = "LIST")]
    inputs: Vec<String>,
    /// Time series to be fitted, and `units` for spike counts
    #[arg(long, value_name = "LIST", visible_alias = "outputs")]
    targets: Vec<String>,
    /// Width of the bins of spikes, in seconds [default: the sample interval of the inputs]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = positive)]
    bin: Option<f64>,
    /// Table of intervals that are the trials; none: the recording is one [default: trials, where it is there]
    #[arg(long, value_name = "NAME", visible_alias = "trial")]
    trials: Option<String>,
    /// Column of the trials with the words train, valid, test [default: split, where it is there]
    #[arg(long, value_name = "COLUMN")]
    split: Option<String>,
    #[command(flatten)]
    signals: SignalOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// What every format takes.
#[derive(Debug, Args)]
pub struct SignalOptions {
    /// What inputs do between samples [default: hold]
    #[arg(long, value_name = "HOW")]
    interpolation: Option<Between>,
    /// What targets are: values at their times, or means over bins that begin there [default: point; bin_mean for spike counts]
    #[arg(long, value_name = "WHAT")]
    target_sampling: Option<Sampling>,
    /// Times of different trials closer than this are the same [default: a millionth of the shortest interval]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = positive)]
    time_tolerance: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Layout {
    Wide,
    Long,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Origin {
    File,
    Trial,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sign {
    Point,
    Comma,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Between {
    Hold,
    Linear,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sampling {
    Point,
    #[value(name = "bin_mean", alias = "bin-mean")]
    BinMean,
}

impl SignalOptions {
    fn signals(&self) -> Signals {
        Signals {
            interpolation: self.interpolation.map(|between| match between {
                Between::Hold => Interpolation::Hold,
                Between::Linear => Interpolation::Linear,
            }),
            target_sampling: self.target_sampling.map(|sampling| match sampling {
                Sampling::Point => TargetSampling::Point,
                Sampling::BinMean => TargetSampling::BinMean,
            }),
            time_tolerance: self.time_tolerance,
        }
    }
}

impl ImportCsvOptions {
    /// Whether only the columns are shown.
    pub fn list(&self) -> bool {
        self.list.unwrap_or(false)
    }

    /// How the table is written.
    pub fn dialect(&self) -> Dialect {
        Dialect {
            delimiter: self.delimiter,
            decimal: self.decimal.map(|sign| match sign {
                Sign::Point => Decimal::Point,
                Sign::Comma => Decimal::Comma,
            }),
            missing: names(&self.missing),
        }
    }

    /// What is what in the table.
    pub fn columns(&self) -> CsvOptions {
        CsvOptions {
            layout: self.layout.map(|layout| match layout {
                Layout::Wide => TableLayout::Wide,
                Layout::Long => TableLayout::Long,
            }),
            time: self.time.clone(),
            trial: self.trial.clone(),
            unit: self.unit.clone(),
            value: self.value.clone(),
            split: self.split.clone(),
            inputs: names(&self.inputs),
            targets: names(&self.targets),
            trial_variables: names(&self.trial_variables),
            time_units: self.time_units.clone(),
            input_units: self.input_units.clone(),
            target_units: self.target_units.clone(),
            time_origin: self.time_origin.map(|origin| match origin {
                Origin::File => TimeOrigin::File,
                Origin::Trial => TimeOrigin::Trial,
            }),
            dialect: self.dialect(),
            signals: self.signals.signals(),
        }
    }
}

impl ImportNwbOptions {
    /// Whether only the contents are shown.
    pub fn list(&self) -> bool {
        self.list.unwrap_or(false)
    }

    /// What is what in the file.
    pub fn contents(&self) -> NwbOptions {
        NwbOptions {
            inputs: names(&self.inputs),
            targets: names(&self.targets),
            bin: self.bin,
            trials: match self.trials.as_deref() {
                None => Trials::Auto,
                Some("none") => Trials::Whole,
                Some(name) => Trials::Named(name.to_owned()),
            },
            split: self.split.clone(),
            signals: self.signals.signals(),
        }
    }
}

/// The names in lists separated by commas; a name that contains a comma stands in double quotes, as in a table.
fn names(lists: &[String]) -> Vec<String> {
    let one = |list: &String| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(list.as_bytes());
        let record = reader
            .records()
            .next()
            .and_then(Result::ok)
            .unwrap_or_default();
        record.iter().map(str::to_owned).collect::<Vec<_>>()
    };
    lists.iter().flat_map(one).collect()
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "comma" => Ok(b','),
        "semicolon" => Ok(b';'),
        "tab" | "\\t" => Ok(b'\t'),
        "bar" | "pipe" => Ok(b'|'),
        "space" => Ok(b' '),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n.+-".contains(byte) => Ok(*byte),
            _ => Err("expected comma, semicolon, tab, bar or one character that is no letter, digit, quote, point or sign".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_contain_a_comma_stand_in_quotes() {
        let lists = ["a,\"left, deep\",b c".to_owned(), "d".to_owned()];
        assert_eq!(names(&lists), ["a", "left, deep", "b c", "d"]);
        assert!(names(&[String::new()]).is_empty());
    }

    #[test]
    fn a_delimiter_is_a_word_or_a_character_that_is_in_no_number() {
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        assert_eq!(delimiter(";"), Ok(b';'));
        for wrong in ["", "x", ".", "::", "é", "5"] {
            assert!(delimiter(wrong).is_err(), "{wrong}");
        }
    }
}
