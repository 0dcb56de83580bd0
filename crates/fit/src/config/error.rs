use super::value::ValueError;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Where a configuration key was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An option of the command line.
    CommandLine,
    /// A configuration file.
    File(PathBuf),
    /// Nowhere: the built-in default.
    Default,
}

/// A key together with where it was set, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the key.
    pub key: String,
    /// Where it was set.
    pub source: Source,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::CommandLine => write!(f, "option --{}", self.key.replace('_', "-")),
            Source::File(path) => write!(f, "{}: key `{}`", path.display(), self.key),
            Source::Default => write!(f, "key `{}` (default)", self.key),
        }
    }
}

/// What can be wrong with a configuration, wherever it is written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {}: {reason}; name a text file with --config", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: line {line}: {reason}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line number, counted from 1.
        line: usize,
        /// What the parser expected.
        reason: String,
    },
    /// There is no such key.
    #[error("{}: unknown key `{key}`{}; --print-config lists all keys", .path.display(), did_you_mean(.nearest))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key as written.
        key: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A value that is not among those that the key takes.
    #[error("{place}: {reason}")]
    Value {
        /// Key and source.
        place: Place,
        /// What is wrong.
        reason: ValueError,
    },
    /// A value that is valid on its own but does not fit the data or another key.
    #[error("{place}: {reason}")]
    Unfit {
        /// Key and source.
        place: Place,
        /// What does not fit.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |key| format!(", did you mean `{key}`"))
}
