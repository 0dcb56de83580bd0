//! What is in a table.

use std::path::Path;

use super::reader::TableReader;
use super::{Dialect, TableError};
use crate::import::ImportError;

/// Distinct words of a column that are kept.
const WORDS: usize = 8;

/// What is in a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSummary {
    /// What separates the cells.
    pub delimiter: String,
    /// Lines behind the header that are not empty.
    pub rows: usize,
    /// The columns in order.
    pub columns: Vec<ColumnSummary>,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Cells that hold a number.
    pub numbers: usize,
    /// Cells that hold no value.
    pub missing: usize,
    /// Cells that hold something else.
    pub words: usize,
    /// The smallest number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The first different words.
    pub some_words: Vec<String>,
}

/// Lists the columns of the table `path`.
///
/// # Errors
/// As [`super::import`], but for what depends on the parts that columns play.
pub fn list(path: &Path, dialect: &Dialect) -> Result<TableSummary, ImportError> {
    let mut reader = TableReader::open(path, dialect)?;
    let format = reader.format().clone();
    let summary = |name: &String| ColumnSummary {
        name: name.clone(),
        ..ColumnSummary::default()
    };
    let mut columns: Vec<ColumnSummary> = reader.columns().iter().map(summary).collect();
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    while let Some(row) = reader.next(&mut record)? {
        rows += 1;
        for (column, cell) in columns.iter_mut().zip(row.cells) {
            column.add(cell, format.parse(cell, ""));
        }
    }
    Ok(TableSummary {
        delimiter: reader.delimiter(),
        rows,
        columns,
    })
}

impl ColumnSummary {
    fn add(&mut self, cell: &str, parsed: Result<Option<f64>, TableError>) {
        match parsed {
            Ok(Some(number)) => {
                self.numbers += 1;
                self.min = Some(self.min.map_or(number, |m| m.min(number)));
                self.max = Some(self.max.map_or(number, |m| m.max(number)));
            }
            Ok(None) => self.missing += 1,
            Err(_) => {
                self.words += 1;
                let word = cell.trim();
                if self.some_words.len() < WORDS && !self.some_words.iter().any(|w| w == word) {
                    self.some_words.push(word.to_owned());
                }
            }
        }
    }
}
