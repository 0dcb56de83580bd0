//! The rows of a table, by trial and channel.

use std::collections::HashMap;

use super::TableError;
use super::number::decimals;
use super::reader::{Row, TableReader};
use super::roles::{Cells, Column, Roles};
use crate::dataset::Split;
use crate::import::ImportError;

/// Samples taken together, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    pub times: Vec<f64>,
    /// Row-major: all values of the first time, and so on; NaN where there is none.
    pub values: Vec<f64>,
    last_line: u64,
}

/// A value of a column that stays the same, with the line where it was first.
#[derive(Debug, Clone)]
struct Constant {
    value: String,
    line: u64,
}

/// One trial.
#[derive(Debug, Clone, Default)]
pub(super) struct TrialRows {
    pub label: String,
    /// Wide: one, with all channels. Long: one a unit of the table, by its index there; empty where the trial lacks it.
    pub samples: Vec<Samples>,
    /// Long: inputs that are columns, each by time.
    pub input_columns: Vec<Vec<Timed>>,
    pub split: Option<Split>,
    pub variables: Vec<String>,
    constants: Vec<Constant>,
}

/// A value at a time, with its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    pub time: f64,
    pub value: f64,
    line: u64,
}

/// A whole table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub trials: Vec<TrialRows>,
    /// Long: the units in order of appearance.
    pub units: Vec<String>,
    /// The most decimals of a time, where none has an exponent.
    pub decimals: Option<usize>,
}

/// Reads all rows.
pub(super) fn read(reader: &mut TableReader, roles: &Roles) -> Result<Table, ImportError> {
    let mut builder = Builder {
        roles,
        table: Table {
            decimals: Some(0),
            ..Table::default()
        },
        trials: HashMap::new(),
        units: HashMap::new(),
    };
    let format = reader.format().clone();
    let mut record = csv::StringRecord::new();
    while let Some(row) = reader.next(&mut record)? {
        let line = row.line;
        if let Err(problem) = builder.add(&row, &format) {
            return Err(reader.at(line, problem));
        }
    }
    if builder.table.trials.is_empty() {
        return Err(reader.failure(TableError::Empty {
            what: "only its header",
        }));
    }
    Ok(builder.table)
}

struct Builder<'a> {
    roles: &'a Roles,
    table: Table,
    trials: HashMap<String, usize>,
    units: HashMap<String, usize>,
}

type Format = super::number::NumberFormat;

impl Builder<'_> {
    fn add(&mut self, row: &Row<'_>, format: &Format) -> Result<(), TableError> {
        let time = self.time(row, format)?;
        let trial = self.trial(row, format)?;
        self.constants(trial, row)?;
        let roles = self.roles;
        match &roles.cells {
            Cells::Wide { inputs, targets } => {
                self.add_wide(trial, time, row, format, inputs, targets)
            }
            Cells::Long {
                unit,
                value,
                inputs,
            } => {
                self.add_input_columns(trial, time, row, format, inputs)?;
                let name = row.cells[unit.index].trim();
                if name.is_empty() {
                    return Err(missing(unit, "name the unit"));
                }
                let number = format.parse(&row.cells[value.index], &value.name)?;
                let index = self.unit(name);
                self.push(trial, index, time, row.line)?
                    .values
                    .push(number.unwrap_or(f64::NAN));
                Ok(())
            }
        }
    }

    fn time(&mut self, row: &Row<'_>, format: &Format) -> Result<f64, TableError> {
        let column = &self.roles.time;
        let cell = &row.cells[column.index];
        let time = format.parse(cell, &column.name)?;
        self.table.decimals = self
            .table
            .decimals
            .and_then(|n| Some(n.max(decimals(cell)?)));
        time.ok_or_else(|| missing(column, "give the time, or remove the line"))
    }

    fn trial(&mut self, row: &Row<'_>, format: &Format) -> Result<usize, TableError> {
        let label = match &self.roles.trial {
            Some(column) => {
                let cell = row.cells[column.index].trim();
                if format.is_missing(cell) {
                    return Err(missing(column, "name the trial, or remove the line"));
                }
                cell
            }
            None => "",
        };
        if let Some(&trial) = self.trials.get(label) {
            return Ok(trial);
        }
        let trial = self.table.trials.len();
        self.trials.insert(label.to_owned(), trial);
        self.table.trials.push(TrialRows {
            label: label.to_owned(),
            ..TrialRows::default()
        });
        Ok(trial)
    }

    fn unit(&mut self, name: &str) -> usize {
        if let Some(&unit) = self.units.get(name) {
            return unit;
        }
        let unit = self.table.units.len();
        self.units.insert(name.to_owned(), unit);
        self.table.units.push(name.to_owned());
        unit
    }

    fn add_wide(
        &mut self,
        trial: usize,
        time: f64,
        row: &Row<'_>,
        format: &Format,
        inputs: &[Column],
        targets: &[Column],
    ) -> Result<(), TableError> {
        let samples = self.push(trial, 0, time, row.line)?;
        for column in inputs {
            let number = format.parse(&row.cells[column.index], &column.name)?;
            samples
                .values
                .push(number.ok_or_else(|| missing(column, MISSING_INPUT))?);
        }
        for column in targets {
            let number = format.parse(&row.cells[column.index], &column.name)?;
            samples.values.push(number.unwrap_or(f64::NAN));
        }
        Ok(())
    }

    /// Inputs that are columns of a long table say the same on every row of a time.
    fn add_input_columns(
        &mut self,
        trial: usize,
        time: f64,
        row: &Row<'_>,
        format: &Format,
        inputs: &[Column],
    ) -> Result<(), TableError> {
        let lists = &mut self.table.trials[trial].input_columns;
        lists.resize(inputs.len(), Vec::new());
        for (column, list) in inputs.iter().zip(lists) {
            let cell = &row.cells[column.index];
            let value = format
                .parse(cell, &column.name)?
                .ok_or_else(|| missing(column, MISSING_INPUT))?;
            let at = list.partition_point(|s| s.time < time);
            match list.get(at).filter(|s| s.time == time) {
                None => list.insert(
                    at,
                    Timed {
                        time,
                        value,
                        line: row.line,
                    },
                ),
                Some(sample) if sample.value == value => {}
                Some(sample) => {
                    return Err(TableError::Changes {
                        column: column.name.clone(),
                        value: cell.trim().to_owned(),
                        previous: sample.value.to_string(),
                        line: sample.line,
                        within: "time and trial",
                        remedy: "an input has one value at a time",
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds a time to the samples `index` of the trial, and gives them back for its values.
    fn push(
        &mut self,
        trial: usize,
        index: usize,
        time: f64,
        line: u64,
    ) -> Result<&mut Samples, TableError> {
        let lists = &mut self.table.trials[trial].samples;
        if lists.len() <= index {
            lists.resize(index + 1, Samples::default());
        }
        if let Some(&previous) = lists[index].times.last()
            && time <= previous
        {
            let last_line = lists[index].last_line;
            return Err(self.not_increasing(trial, index, time, previous, last_line));
        }
        let samples = &mut self.table.trials[trial].samples[index];
        samples.times.push(time);
        samples.last_line = line;
        Ok(samples)
    }

    fn not_increasing(
        &self,
        trial: usize,
        index: usize,
        value: f64,
        previous: f64,
        line: u64,
    ) -> TableError {
        let mut of = String::new();
        if let Some(unit) = self.table.units.get(index) {
            of += &format!(" of unit {unit:?}");
        }
        if self.roles.trial.is_some() {
            of += &format!(" of trial {:?}", self.table.trials[trial].label);
        }
        let remedy = if self.roles.trial.is_some() {
            "sort the rows of a trial by time, and remove repeated ones"
        } else {
            "sort the rows by time and remove repeated ones; if these are several trials, name the column that tells them apart with --trial"
        };
        TableError::NotIncreasing {
            value,
            of,
            previous,
            line,
            remedy,
        }
    }

    /// What belongs to a trial stays the same in it.
    fn constants(&mut self, trial: usize, row: &Row<'_>) -> Result<(), TableError> {
        let columns: Vec<&Column> = self
            .roles
            .split
            .iter()
            .chain(&self.roles.trial_variables)
            .collect();
        let trial = &mut self.table.trials[trial];
        if trial.constants.is_empty() {
            let constant = |c: &&Column| Constant {
                value: row.cells[c.index].trim().to_owned(),
                line: row.line,
            };
            trial.constants = columns.iter().map(constant).collect();
            if let Some(column) = &self.roles.split {
                trial.split = Some(split(column, row)?);
            }
            trial.variables = trial.constants[self.roles.split.iter().count()..]
                .iter()
                .map(|c| c.value.clone())
                .collect();
        }
        for (column, constant) in columns.into_iter().zip(&trial.constants) {
            let cell = row.cells[column.index].trim();
            if cell != constant.value {
                return Err(TableError::Changes {
                    column: column.name.clone(),
                    value: cell.to_owned(),
                    previous: constant.value.clone(),
                    line: constant.line,
                    within: "trial",
                    remedy: if self.roles.trial.is_some() {
                        "a trial has one value of it"
                    } else {
                        "a trial has one value of it; name the column that tells trials apart with --trial"
                    },
                });
            }
        }
        Ok(())
    }
}

const MISSING_INPUT: &str =
    "an input must be known at every time: fill the cell, or leave that input out";

fn missing(column: &Column, remedy: &'static str) -> TableError {
    TableError::MissingCell {
        column: column.name.clone(),
        remedy,
    }
}

fn split(column: &Column, row: &Row<'_>) -> Result<Split, TableError> {
    let value = row.cells[column.index].trim();
    let known = match value.to_ascii_lowercase().as_str() {
        "validation" => Some(Split::Valid),
        word => Split::from_name(word),
    };
    known.ok_or_else(|| TableError::SplitWord {
        column: column.name.clone(),
        value: value.to_owned(),
    })
}
