//! What can be written on the command line.

mod booleans;
mod help;
mod import;
mod keys;

pub use import::{ImportCsvOptions, ImportFormat, ImportNwbOptions};
pub use keys::{CompareKeys, FitKeys, GradientKeys, KeyOptions, SolverKeys};

use crate::export::Format;
use crate::report::Kind;
use clap::builder::{ArgAction, PossibleValuesParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use tauscope_fit::compare::Contender;

/// Fit continuous-time rate networks with learned time constants to neural recordings.
#[derive(Debug, Parser)]
#[command(name = "tauscope", version, about, after_help = help::TOP, arg_required_else_help = true)]
#[command(
    subcommand_required = true,
    disable_help_subcommand = false,
    propagate_version = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Worker threads; results do not depend on it [default: all cores; `gradient`: 1]
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "T",
        allow_negative_numbers = true
    )]
    pub threads: Option<String>,
    /// Seed of everything random [default: 0]
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "S",
        allow_negative_numbers = true
    )]
    pub seed: Option<String>,
    /// Nothing but errors on stderr
    #[arg(long, global = true, help_heading = "Options of every command", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    quiet: Option<bool>,
    /// One JSON object on stdout instead of a table
    #[arg(long, global = true, help_heading = "Options of every command", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    json: Option<bool>,
}

impl Global {
    /// Whether only errors go to stderr.
    pub fn quiet(&self) -> bool {
        self.quiet.unwrap_or(false)
    }

    /// Whether stdout gets JSON.
    pub fn json(&self) -> bool {
        self.json.unwrap_or(false)
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit a network to a recording
    #[command(after_help = help::FIT, after_long_help = help::FIT_LONG)]
    Fit(FitOptions),
    /// Make a dataset from a network with known parameters
    #[command(after_help = help::GENERATE, after_long_help = help::GENERATE_LONG)]
    Generate(GenerateOptions),
    /// Make a dataset of a table of text or of an NWB file
    #[command(after_help = help::IMPORT)]
    Import(ImportOptions),
    /// Run a fitted network and store its rates, currents and predictions
    #[command(after_help = help::SIMULATE)]
    Simulate(SimulateOptions),
    /// Compare gradients of the objective on your data, computed in three ways
    #[command(after_help = help::CHECK, after_long_help = help::CHECK_LONG)]
    Check(CheckOptions),
    /// Compare adaptive with fixed-step integration: what a time step does to the time constants
    #[command(after_help = help::COMPARE, after_long_help = help::COMPARE_LONG)]
    Compare(CompareOptions),
    /// Compute the experiments of Quax et al. 2020 anew
    #[command(after_help = help::REPRODUCE)]
    Reproduce(ReproduceOptions),

    /// Judge the time constants of a result: intervals, which is which, what the data do not tell
    #[command(after_help = help::IDENTIFY, after_long_help = help::IDENTIFY_LONG)]
    Identify(IdentifyOptions),
    /// Show what a file holds
    #[command(after_help = help::INSPECT)]
    Inspect(InspectOptions),
    /// Cost and gradient of a gradient problem, with times
    #[command(after_help = help::GRADIENT)]
    Gradient(GradientOptions),
    /// Show a result as one HTML page
    #[command(after_help = help::REPORT)]
    Report(ReportOptions),
    /// Draw one figure of a result
    #[command(after_help = help::PLOT)]
    Plot(PlotOptions),
    /// Write what a file holds as CSV, JSON or NPZ
    #[command(after_help = help::EXPORT, after_long_help = help::EXPORT_LONG)]
    Export(ExportOptions),
}

/// Where the output goes.
#[derive(Debug, Args)]
pub struct OutputOptions {
    /// File to write; an existing one is refused [default: a new file in results/]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing --out
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true, action = ArgAction::Set)]
    force: Option<bool>,
}

impl OutputOptions {
    /// Whether an existing `--out` is replaced.
    pub fn force(&self) -> bool {
        self.force.unwrap_or(false)
    }
}

/// Which configuration files are read.
#[derive(Debug, Args)]
pub struct ConfigOptions {
    /// Configuration file; wins over DATASET.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Do not read DATASET.toml beside the dataset
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    no_config: Option<bool>,
    /// Print the whole configuration as it takes effect, and stop
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    print_config: Option<bool>,
}

impl ConfigOptions {
    /// Whether `DATASET.toml` is skipped.
    pub fn no_config(&self) -> bool {
        self.no_config.unwrap_or(false)
    }

    /// Whether the configuration is printed instead of used.
    pub fn print_config(&self) -> bool {
        self.print_config.unwrap_or(false)
    }
}

/// `fit`
#[derive(Debug, Args)]
pub struct FitOptions {
    /// A dataset file, or the name of one in data/ here or in a folder above
    pub dataset: String,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Go on with a fit that was stopped or killed, to the same result: that of --out, else the newest of this dataset in results/
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true, action = ArgAction::Set)]
    resume: Option<bool>,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub keys: KeyOptions<FitKeys>,
}

impl FitOptions {
    /// Whether a fit goes on that was stopped or killed.
    pub fn resume(&self) -> bool {
        self.resume.unwrap_or(false)
    }
}

/// `generate`
#[derive(Debug, Args)]
pub struct GenerateOptions {
    /// Specification of the network, its inputs and its sampling
    #[arg(value_name = "SPEC.toml")]
    pub spec: PathBuf,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `import`
#[derive(Debug, Args)]
pub struct ImportOptions {
    #[command(subcommand)]
    pub format: ImportFormat,
}

/// `simulate`
#[derive(Debug, Args)]
pub struct SimulateOptions {
    /// A result of `fit`
    #[arg(value_name = "RESULT.h5")]
    pub result: PathBuf,
    /// Dataset whose inputs are used [default: the one that was fitted, refused when it has changed]
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub keys: KeyOptions<SolverKeys>,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// A dataset file, or the name of one in data/ here or in a folder above
    pub dataset: String,
    /// Check at the parameters of this result, with its model, instead of at a random start
    #[arg(long, value_name = "RESULT.h5")]
    pub from: Option<PathBuf>,
    /// Random directions of the central differences, by block
    #[arg(long, value_name = "K", default_value = "3")]
    pub directions: NonZeroU32,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub keys: KeyOptions<FitKeys>,
}

/// `compare`
#[derive(Debug, Args)]
pub struct CompareOptions {
    /// A dataset file, or the name of one in data/ here or in a folder above
    pub dataset: String,
    /// Compare at the parameters of this result, with its model, instead of fitting first
    #[arg(long, value_name = "RESULT.h5")]
    pub from: Option<PathBuf>,
    /// Integration methods, separated by commas; `rate` and `current` are the limits of one time constant [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = contender())]
    pub methods: Option<Vec<String>>,
    /// Steps, in the dataset's time unit, separated by commas; each is refitted too [default: 2, 1, 1/2, 1/4 and 1/8 sample intervals; refits at 1]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true, value_parser = positive)]
    pub steps: Option<Vec<f64>>,
    /// Relative tolerances, separated by commas, each with an absolute one of a hundredth; each is refitted too [default: 1e-3,1e-4,1e-5,1e-6,1e-8; refits at the fit's own]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true, value_parser = fraction)]
    pub tolerances: Option<Vec<f64>>,
    /// Fit with every method too [default: true for models of up to 2000 parameters and up to a million units x samples x trials]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub refit: Option<bool>,
    /// Seconds for all refits together, shared equally
    #[arg(long, value_name = "SECONDS", default_value = "300", allow_negative_numbers = true, value_parser = positive)]
    pub budget: f64,
    /// HTML report to write; an existing one is refused [default: beside the output]
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub config: ConfigOptions,
    #[command(flatten)]
    pub keys: KeyOptions<CompareKeys>,
}

fn contender() -> PossibleValuesParser {
    PossibleValuesParser::new(Contender::names())
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a positive number".to_owned()),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}

/// `reproduce`
#[derive(Debug, Args)]
pub struct ReproduceOptions {
    /// Experiment, or all of them
    #[arg(value_name = "NAME", value_parser = experiment())]
    pub name: String,
    /// Folder for files, figures and README.md; parts that it has are not computed again
    #[arg(long, value_name = "DIR", default_value = "results/reproduction")]
    pub out: PathBuf,
    /// Few short runs, in seconds
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    small: Option<bool>,
    /// Repetitions of each condition [default: by experiment]
    #[arg(long, value_name = "N")]
    pub repetitions: Option<NonZeroUsize>,
    /// Epochs of each training [default: by experiment]
    #[arg(long, value_name = "N")]
    pub epochs: Option<NonZeroUsize>,
}

impl ReproduceOptions {
    /// Whether few short runs will do.
    pub fn small(&self) -> bool {
        self.small.unwrap_or(false)
    }
}

fn experiment() -> PossibleValuesParser {
    let names = tauscope_paper::Name::ALL.map(tauscope_paper::Name::as_str);
    PossibleValuesParser::new(names.into_iter().chain(["all"]))
}

/// `identify`
#[derive(Debug, Args)]
pub struct IdentifyOptions {
    /// A result of `fit`
    #[arg(value_name = "RESULT.h5")]
    pub result: PathBuf,
    /// Dataset that it is judged on [default: the one that was fitted, refused when it has changed]
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// Time constants whose likelihood is profiled, as `tau_s` and an index or a label in brackets.
    #[arg(
        long,
        value_name = "NAME[i]",
        help = "Profile the likelihood of this time constant, as tau_s[3] or tau_r[LABEL]; can be given again"
    )]
    pub profile: Vec<String>,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub keys: KeyOptions<SolverKeys>,
}

/// `inspect`
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// A dataset, result, simulation or gradient problem
    #[arg(value_name = "FILE")]
    pub file: String,
}

/// `gradient`
#[derive(Debug, Args)]
pub struct GradientOptions {
    /// A dataset that also holds the parameters
    #[arg(value_name = "PROBLEM.h5")]
    pub problem: PathBuf,
    /// Timed repeats, after one that is not counted
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub keys: KeyOptions<GradientKeys>,
}

/// Which data are shown against their prediction.
#[derive(Debug, Args)]
pub struct ShownOptions {
    /// Trials whose data are shown, by label or index [default: by rank]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub trials: Vec<String>,
    /// Outputs whose data are shown, by label or index [default: by rank]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub outputs: Vec<String>,
}

/// `report`
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// A result of `fit`
    #[arg(value_name = "RESULT.h5")]
    pub result: PathBuf,
    #[command(flatten)]
    pub shown: ShownOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// A result, dataset or simulation
    #[arg(value_name = "RESULT.h5")]
    pub file: PathBuf,
    /// csv: a folder of tables; json, npz: one file
    #[arg(long)]
    pub format: Format,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `plot`
#[derive(Debug, Args)]
pub struct PlotOptions {
    /// A result of `fit`
    #[arg(value_name = "RESULT.h5")]
    pub result: PathBuf,
    /// Which figure
    #[arg(value_name = "KIND")]
    pub kind: Kind,
    #[command(flatten)]
    pub shown: ShownOptions,
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Reads the command line.
///
/// # Errors
/// clap's, which also stand for `--help` and `--version`.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    command.build();
    let arguments = booleans::spell_out(&command, arguments);
    let matches = Cli::command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}
