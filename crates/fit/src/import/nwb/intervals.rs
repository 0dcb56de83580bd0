//! Tables of intervals: the trials.

use super::{NwbError, Trials};
use crate::dataset::{CarriedVariable, Split};
use crate::import::ChoiceError;
use crate::import::csv::some_of;
use crate::import::error::Problem;
use crate::store::{StoreError, StoredGroup, Values};

/// Where a trial begins and ends, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub start: f64,
    pub stop: f64,
}

/// A table of intervals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Intervals {
    pub trials: Vec<Interval>,
    pub labels: Values,
    pub split: Option<Vec<Split>>,
    /// The other columns that have one value a trial.
    pub variables: Vec<CarriedVariable>,
}

/// The names of the tables of intervals in the file.
pub(super) fn names(root: &StoredGroup<'_>) -> Result<Vec<String>, Problem> {
    if !root.has_group("intervals") {
        return Ok(Vec::new());
    }
    let group = root.group("intervals")?;
    let mut names = group.group_names()?;
    names.retain(|name| {
        group
            .group(name)
            .is_ok_and(|g| g.has("start_time") && g.has("stop_time"))
    });
    Ok(names)
}

/// The trials that are asked for; `None`: the whole recording is one.
pub(super) fn read(
    root: &StoredGroup<'_>,
    trials: &Trials,
    split: Option<&str>,
) -> Result<Option<Intervals>, Problem> {
    let names = names(root)?;
    let name = match trials {
        Trials::Whole => None,
        Trials::Auto => names.iter().find(|name| *name == "trials").cloned(),
        Trials::Named(name) => Some(name.clone()),
    };
    let Some(name) = name else {
        return match split {
            None => Ok(None),
            Some(split) => Err(no_such(
                "--split",
                split,
                "column: there is no table of trials",
                &names,
            )),
        };
    };
    if !names.contains(&name) {
        return Err(no_such("--trials", &name, "table of intervals", &names));
    }
    let group = root.group("intervals")?.group(&name)?;
    table(&group, &format!("intervals/{name}"), split).map(Some)
}

fn no_such(option: &'static str, name: &str, what: &'static str, names: &[String]) -> Problem {
    ChoiceError::NoSuch {
        option,
        name: name.to_owned(),
        what,
        present: format!("tables of intervals: {}", some_of(names)),
    }
    .into()
}

fn table(group: &StoredGroup<'_>, path: &str, split: Option<&str>) -> Result<Intervals, Problem> {
    let (starts, stops) = (
        group.read_f64("start_time")?.values,
        group.read_f64("stop_time")?.values,
    );
    same_length(path, "stop_time", stops.len(), starts.len())?;
    let labels = match group.optional("id")? {
        Some(id) => id.read()?,
        None => Values::indices(starts.len()),
    };
    same_length(path, "id", labels.len(), starts.len())?;
    let trials: Vec<Interval> = starts
        .iter()
        .zip(&stops)
        .map(|(&start, &stop)| Interval { start, stop })
        .collect();
    for (k, &Interval { start, stop }) in trials.iter().enumerate() {
        if !(start.is_finite() && stop.is_finite() && stop > start) {
            let label = labels.text(k).unwrap_or_default();
            return Err(NwbError::TrialTimes { label, start, stop }.into());
        }
    }
    let column = split.unwrap_or("split");
    let split = match split {
        Some(name) if !group.has(name) => {
            return Err(no_such(
                "--split",
                name,
                "column of the trials",
                &group.variable_names()?,
            ));
        }
        _ => read_split(group, path, column, trials.len())?,
    };
    Ok(Intervals {
        variables: variables(group, column, trials.len())?,
        trials,
        labels,
        split,
    })
}

fn same_length(path: &str, column: &str, found: usize, expected: usize) -> Result<(), NwbError> {
    if found == expected {
        return Ok(());
    }
    Err(NwbError::Column {
        variable: format!("{path}/{column}"),
        found,
        other: format!("{path}/start_time"),
        expected,
    })
}

fn read_split(
    group: &StoredGroup<'_>,
    path: &str,
    column: &str,
    trials: usize,
) -> Result<Option<Vec<Split>>, Problem> {
    let Some(variable) = group.optional(column)? else {
        return Ok(None);
    };
    let words = variable.read_text()?;
    same_length(path, column, words.len(), trials)?;
    let part = |(index, value): (usize, &String)| {
        let word = value.trim().to_ascii_lowercase();
        Split::from_name(&word).ok_or_else(|| NwbError::SplitWord {
            variable: format!("{path}/{column}"),
            index,
            value: value.clone(),
        })
    };
    Ok(Some(
        words
            .iter()
            .enumerate()
            .map(part)
            .collect::<Result<_, _>>()?,
    ))
}

/// Columns with one number or text a trial. Ragged ones, references and tables in tables are left out.
fn variables(
    group: &StoredGroup<'_>,
    split: &str,
    trials: usize,
) -> Result<Vec<CarriedVariable>, Problem> {
    let mut variables = Vec::new();
    for name in group.variable_names()? {
        if name == "id"
            || name == split
            || name.ends_with("_index")
            || group.has(&format!("{name}_index"))
        {
            continue;
        }
        let variable = group.variable(&name)?;
        if variable.shape() != [trials] {
            continue;
        }
        let values = match variable.read() {
            Err(StoreError::WrongKind { .. }) => continue,
            values => values?,
        };
        let is_time = ["start_time", "stop_time"].contains(&name.as_str());
        variables.push(CarriedVariable {
            units: is_time.then(|| "s".to_owned()),
            long_name: variable.attribute_text("description")?,
            values,
            name,
        });
    }
    Ok(variables)
}
