//! How the program ends.

use crate::generate::SpecError;
use std::process::ExitCode;
use tauscope_fit::config::ConfigError;
use tauscope_fit::identify::NoSuchConstant;
use tauscope_fit::import::ImportError;
use thiserror::Error;

/// An option with a value that cannot be used.
#[derive(Debug, Error)]
pub enum OptionError {
    /// The format does not follow from the name of the file.
    #[error("{option} {value} must end in {expected}")]
    Ending {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// Endings that it can have.
        expected: &'static str,
    },
    /// The file has nothing of that name.
    #[error(
        "option {option}: there is no `{value}`; it can be a label or an index from 0: {known}"
    )]
    Unknown {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// The labels that there are.
        known: String,
    },
}

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With its result.
    Done,
    /// With a result that says no, as a check that does not pass.
    Failed,
    /// Early, on request, with the best result so far.
    Interrupted,
}

impl Outcome {
    /// The exit code: 0, 1 or 130.
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Interrupted => INTERRUPTED,
        })
    }
}

/// Exit code after Ctrl-C or SIGTERM: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// The exit code of an error: 2 where options or configuration are wrong, else 1.
pub fn code(error: &anyhow::Error) -> ExitCode {
    let is_usage = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause
                .downcast_ref::<ImportError>()
                .is_some_and(ImportError::is_choice)
            || cause.is::<SpecError>()
            || cause.is::<OptionError>()
            || cause.is::<NoSuchConstant>()
    });
    ExitCode::from(if is_usage { USAGE } else { FAILURE })
}

/// Prints what clap has to say: help and version to stdout with 0, errors to stderr with 2.
pub fn refused(error: &clap::Error) -> ExitCode {
    // nothing is left to be done about a closed stream
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}
