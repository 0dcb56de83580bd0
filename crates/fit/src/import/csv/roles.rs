//! Which column plays which part.

use super::{CsvOptions, TableLayout};
use crate::import::ChoiceError;

/// Names by which a column is known without being named, in any case.
const TIME: [&str; 6] = ["time", "t", "timestamp", "timestamps", "frame", "frames"];
const TRIAL: [&str; 1] = ["trial"];
const UNIT: [&str; 5] = ["unit", "neuron", "cell", "channel", "roi"];
const VALUE: [&str; 1] = ["value"];
const SPLIT: [&str; 1] = ["split"];

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub index: usize,
    pub name: String,
}

/// Where the values of a row are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cells {
    /// One column a channel.
    Wide {
        inputs: Vec<Column>,
        targets: Vec<Column>,
    },
    /// A unit and its value; some inputs may be columns of their own.
    Long {
        unit: Column,
        value: Column,
        inputs: Vec<Column>,
    },
}

/// Which column plays which part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Roles {
    pub time: Column,
    pub trial: Option<Column>,
    pub split: Option<Column>,
    pub trial_variables: Vec<Column>,
    pub cells: Cells,
    pub time_units: String,
    pub notes: Vec<String>,
}

impl Roles {
    /// Finds the columns that `options` name, and by their usual names those that they do not.
    pub(super) fn new(columns: &[String], options: &CsvOptions) -> Result<Self, ChoiceError> {
        let finder = Finder { columns };
        let time = match finder.find("--time", options.time.as_deref(), &TIME)? {
            Some(column) => column,
            None => return Err(finder.missing("--time", "the column of times")),
        };
        let trial = finder.find("--trial", options.trial.as_deref(), &TRIAL)?;
        let split = finder.find("--split", options.split.as_deref(), &SPLIT)?;
        let trial_variables = finder.all("--trial-variables", &options.trial_variables)?;
        let (time_units, note) = time_units(options.time_units.as_deref(), &time.name);
        let taken: Vec<&Column> = [Some(&time), trial.as_ref(), split.as_ref()]
            .into_iter()
            .flatten()
            .chain(&trial_variables)
            .collect();
        let cells = match finder.long(options)? {
            Some((unit, value)) => {
                let inputs = options
                    .inputs
                    .iter()
                    .filter_map(|name| finder.exact(name))
                    .collect();
                Cells::Long {
                    unit,
                    value,
                    inputs,
                }
            }
            None => finder.wide(options, &taken)?,
        };
        let roles = Self {
            time,
            trial,
            split,
            trial_variables,
            cells,
            time_units,
            notes: note.into_iter().collect(),
        };
        roles.check_once()?;
        Ok(roles)
    }

    /// No column plays two parts.
    fn check_once(&self) -> Result<(), ChoiceError> {
        let mut seen: Vec<(&'static str, &Column)> = vec![("--time", &self.time)];
        seen.extend(self.trial.iter().map(|c| ("--trial", c)));
        seen.extend(self.split.iter().map(|c| ("--split", c)));
        seen.extend(
            self.trial_variables
                .iter()
                .map(|c| ("--trial-variables", c)),
        );
        match &self.cells {
            Cells::Wide { inputs, targets } => {
                seen.extend(inputs.iter().map(|c| ("--inputs", c)));
                seen.extend(targets.iter().map(|c| ("--targets", c)));
            }
            Cells::Long {
                unit,
                value,
                inputs,
            } => {
                seen.extend([("--unit", unit), ("--value", value)]);
                seen.extend(inputs.iter().map(|c| ("--inputs", c)));
            }
        }
        for (k, (second, column)) in seen.iter().enumerate() {
            if let Some((first, _)) = seen[..k]
                .iter()
                .find(|(_, other)| other.index == column.index)
            {
                return Err(ChoiceError::Twice {
                    name: column.name.clone(),
                    first,
                    second,
                });
            }
        }
        Ok(())
    }
}

struct Finder<'a> {
    columns: &'a [String],
}

impl Finder<'_> {
    fn column(&self, index: usize) -> Column {
        Column {
            index,
            name: self.columns[index].clone(),
        }
    }

    fn exact(&self, name: &str) -> Option<Column> {
        self.columns
            .iter()
            .position(|c| c == name)
            .map(|index| self.column(index))
    }

    /// The column named by `option`, else the only one with one of the usual names.
    fn find(
        &self,
        option: &'static str,
        name: Option<&str>,
        usual: &[&str],
    ) -> Result<Option<Column>, ChoiceError> {
        if let Some(name) = name {
            return self
                .exact(name)
                .map(Some)
                .ok_or_else(|| self.no_such(option, name));
        }
        let is = |column: &String, word: &str| bare_name(column).eq_ignore_ascii_case(word);
        let found = usual
            .iter()
            .find_map(|word| self.columns.iter().position(|c| is(c, word)));
        Ok(found.map(|index| self.column(index)))
    }

    /// The columns named by `option`, in its order; `*` at the end stands for any rest.
    fn all(&self, option: &'static str, names: &[String]) -> Result<Vec<Column>, ChoiceError> {
        let mut found: Vec<Column> = Vec::new();
        for name in names {
            let matching = matching(name, self.columns);
            if matching.is_empty() {
                return Err(self.no_such(option, name));
            }
            found.extend(matching.into_iter().map(|index| self.column(index)));
        }
        Ok(found)
    }

    /// The columns of units and values of a long table; `None` for a wide one.
    fn long(&self, options: &CsvOptions) -> Result<Option<(Column, Column)>, ChoiceError> {
        if options.layout == Some(TableLayout::Wide) {
            return Ok(None);
        }
        let is_said = options.layout == Some(TableLayout::Long)
            || options.unit.is_some()
            || options.value.is_some();
        let unit = self.find("--unit", options.unit.as_deref(), &UNIT)?;
        let value = self.find("--value", options.value.as_deref(), &VALUE)?;
        match (unit, value) {
            (Some(unit), Some(value)) => Ok(Some((unit, value))),
            _ if !is_said => Ok(None),
            (None, _) => {
                Err(self.missing("--unit", "the column that tells whose value a row holds"))
            }
            (_, None) => Err(self.missing("--value", "the column of values")),
        }
    }

    fn wide(&self, options: &CsvOptions, taken: &[&Column]) -> Result<Cells, ChoiceError> {
        let inputs = self.all("--inputs", &options.inputs)?;
        let targets = if options.targets.is_empty() {
            let is_free = |index: &usize| {
                !self.columns[*index].is_empty()
                    && taken
                        .iter()
                        .copied()
                        .chain(&inputs)
                        .all(|c| c.index != *index)
            };
            (0..self.columns.len())
                .filter(is_free)
                .map(|index| self.column(index))
                .collect()
        } else {
            self.all("--targets", &options.targets)?
        };
        if targets.is_empty() {
            return Err(self.missing("--targets", "the columns to fit"));
        }
        Ok(Cells::Wide { inputs, targets })
    }

    fn no_such(&self, option: &'static str, name: &str) -> ChoiceError {
        ChoiceError::NoSuch {
            option,
            name: name.to_owned(),
            what: "column",
            present: self.present(),
        }
    }

    fn missing(&self, option: &'static str, what: &'static str) -> ChoiceError {
        ChoiceError::Missing {
            option,
            what,
            present: self.present(),
        }
    }

    fn present(&self) -> String {
        format!("columns: {}", some_of(self.columns))
    }
}

/// The first names of a list that may be long.
pub(in crate::import) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        0 => "none".to_owned(),
        _ => shown,
    }
}

/// The indices of the names that `pattern` stands for: itself, or what begins as it does before a `*` at its end.
pub(in crate::import) fn matching(pattern: &str, names: &[String]) -> Vec<usize> {
    if let Some(index) = names.iter().position(|name| name == pattern) {
        return vec![index];
    }
    let Some(beginning) = pattern.strip_suffix('*') else {
        return Vec::new();
    };
    (0..names.len())
        .filter(|&k| names[k].starts_with(beginning))
        .collect()
}

/// The name of a column without the unit behind it: `time` of `time (ms)`, `time [ms]` and `time_ms`.
fn bare_name(column: &str) -> &str {
    unit_in(column).map_or(column, |(bare, _)| bare)
}

/// The unit of time behind the name of a column, and the name before it.
fn unit_in(column: &str) -> Option<(&str, &'static str)> {
    let (bare, unit) = match column.rsplit_once(['(', '[']) {
        Some((bare, unit)) => (bare, unit.trim_end_matches([')', ']'])),
        None => column.rsplit_once('_')?,
    };
    Some((bare.trim(), time_unit(unit.trim())?))
}

/// The unit that a word stands for.
fn time_unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" | "msec" | "millisecond" | "milliseconds" => "ms",
        "us" | "µs" | "usec" | "microseconds" => "us",
        "min" | "minutes" => "min",
        "h" | "hours" => "h",
        "frame" | "frames" => "frames",
        _ => return None,
    })
}

/// The unit of time, and what to say where it was not said.
fn time_units(said: Option<&str>, column: &str) -> (String, Option<String>) {
    if let Some(units) = said {
        return (units.to_owned(), None);
    }
    let is_frames = ["frame", "frames"]
        .iter()
        .any(|word| column.eq_ignore_ascii_case(word));
    match unit_in(column)
        .map(|(_, unit)| unit)
        .or(is_frames.then_some("frames"))
    {
        Some(unit) => (unit.to_owned(), None),
        None => {
            let note = format!(
                "times were taken to be in seconds, which the column {column:?} does not say; --time-units names another unit"
            );
            ("s".to_owned(), Some(note))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_unit_of_time_is_read_from_the_name_of_the_column() {
        for (name, unit) in [
            ("time (ms)", "ms"),
            ("Time [s]", "s"),
            ("t_ms", "ms"),
            ("frame", "frames"),
        ] {
            assert_eq!(time_units(None, name), (unit.to_owned(), None), "{name}");
        }
        assert!(time_units(None, "time").1.is_some());
        assert_eq!(
            time_units(Some("frames"), "t_ms"),
            ("frames".to_owned(), None)
        );
    }

    #[test]
    fn what_is_not_named_is_found_by_its_usual_name_and_the_rest_are_targets() {
        let roles = Roles::new(
            &columns("Trial time_ms x a b split"),
            &CsvOptions {
                inputs: vec!["x".to_owned()],
                ..CsvOptions::default()
            },
        );
        let roles = roles.unwrap();
        assert_eq!(
            (
                roles.time.index,
                roles.trial.map(|c| c.index),
                roles.split.map(|c| c.index)
            ),
            (1, Some(0), Some(5))
        );
        let Cells::Wide { targets, .. } = roles.cells else {
            panic!("wide")
        };
        assert_eq!(
            targets.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn a_column_that_plays_two_parts_is_refused() {
        let options = CsvOptions {
            inputs: columns("a"),
            targets: columns("a b"),
            ..CsvOptions::default()
        };
        let error = Roles::new(&columns("time a b"), &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"a\" is named by --inputs and by --targets: name it once"
        );
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_name() {
        assert_eq!(matching("cell*", &columns("cell1 time cell2")), [0, 2]);
        assert_eq!(matching("a*", &columns("a* ab")), [0]);
    }
}
