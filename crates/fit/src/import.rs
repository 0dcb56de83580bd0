//! Recordings of other formats as datasets: tables of text ([`csv`]) and Neurodata Without Borders ([`nwb`]).
//!
//! Each reader makes trials of sampled channels, with whatever times they have; `assemble` lays them on the common times
//! that a dataset has, without changing a number.

mod assemble;
pub mod csv;
mod error;
mod grid;
pub mod nwb;

pub use assemble::Signals;
pub use error::{ChoiceError, ImportError, Problem, RecordingError};

use crate::dataset::Dataset;

/// A recording read from another format.
#[derive(Debug)]
pub struct Imported {
    /// The dataset, checked.
    pub dataset: Dataset,
    /// What was decided, and what the person should know before trusting the numbers.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::csv::{self, CsvOptions, Dialect};

    proptest! {
        #[test]
        fn whatever_a_table_holds_it_is_read_or_refused(
            header in "(t|trial|unit|value|split|time_ms|\"a,b\"|x)([,;\t|](t|trial|unit|value|split|a|x)){0,5}",
            body in "([0-9.,;\t|\r\n\"eE+ xuna-]{0,12}[,;\n]){0,40}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.csv");
            fs::write(&path, format!("{header}\n{body}")).unwrap();
            let inputs = if body.len() % 2 == 0 { vec!["x".to_owned()] } else { Vec::new() };
            let options = CsvOptions { inputs, ..CsvOptions::default() };
            if let Err(error) = csv::import(&path, &options) {
                prop_assert!(error.to_string().starts_with(&path.display().to_string()));
            }
            let _ = csv::list(&path, &Dialect::default());
        }
    }
}
