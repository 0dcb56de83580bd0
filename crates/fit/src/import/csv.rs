//! Tables of text: one row a time (wide), or one row a time and unit (long).
//!
//! Commas, semicolons, tabs or bars between the cells, found from the first lines; quoted cells; either line end; an UTF-8
//! mark at the beginning is skipped. An empty cell of a target is NaN: not observed.

mod dialect;
mod error;
mod list;
mod number;
mod reader;
mod roles;
mod rows;
mod trials;

pub use dialect::{Decimal, Dialect};
pub use error::TableError;
pub use list::{ColumnSummary, TableSummary, list};

use std::path::Path;

use super::assemble::{Signals, assemble};
use super::error::Problem;
use super::{ImportError, Imported};
use crate::dataset::Dataset;
use reader::TableReader;
use roles::Roles;
pub(super) use roles::some_of;

/// Whether a row holds all units at a time, or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableLayout {
    /// One row a time, one column a unit.
    Wide,
    /// One row a time and unit.
    Long,
}

/// Times as they are, or from the beginning of each trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrigin {
    /// As in the file.
    File,
    /// From the first sample of the trial.
    Trial,
}

/// What is what in a table. `None` and empty: by the usual names, and by the first lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CsvOptions {
    /// The layout; `None`: long where there is a column of units and one of values.
    pub layout: Option<TableLayout>,
    /// The column of times.
    pub time: Option<String>,
    /// The column that tells trials apart.
    pub trial: Option<String>,
    /// Long: the column that names the unit of a row.
    pub unit: Option<String>,
    /// Long: the column of values.
    pub value: Option<String>,
    /// The column of the words train, valid, test.
    pub split: Option<String>,
    /// Columns (long: units or columns) that drive the network; `*` at the end of a name stands for any rest.
    pub inputs: Vec<String>,
    /// Columns (long: units) to be fitted; empty: all that are nothing else.
    pub targets: Vec<String>,
    /// Columns of one value a trial to carry along.
    pub trial_variables: Vec<String>,
    /// The unit of the times; `None`: as the name of the column says, else s.
    pub time_units: Option<String>,
    /// The unit of the inputs.
    pub input_units: Option<String>,
    /// The unit of the targets.
    pub target_units: Option<String>,
    /// Where times count from; `None`: from each trial's start where trials follow each other on one clock.
    pub time_origin: Option<TimeOrigin>,
    /// How cells are separated and numbers written.
    pub dialect: Dialect,
    /// What is common to all formats.
    pub signals: Signals,
}

/// Reads the table `path` as a dataset.
///
/// # Errors
/// [`ImportError`], which names the file, the line, the value and the way out.
pub fn import(path: &Path, options: &CsvOptions) -> Result<Imported, ImportError> {
    let fail = |problem: Problem| ImportError::new(path, problem);
    let mut reader = TableReader::open(path, &options.dialect)?;
    let roles = Roles::new(reader.columns(), options).map_err(|e| fail(e.into()))?;
    let table = rows::read(&mut reader, &roles)?;
    let mut notes = roles.notes.clone();
    notes.extend(reader.notes());
    let recording = trials::recording(path, table, &roles, options, &mut notes).map_err(fail)?;
    let assembled = assemble(recording, &options.signals).map_err(fail)?;
    notes.extend(assembled.notes);
    let dataset = Dataset::new(assembled.raw).map_err(|e| fail(e.into()))?;
    Ok(Imported { dataset, notes })
}
