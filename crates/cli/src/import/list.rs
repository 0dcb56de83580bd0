//! What `--list` shows.

use crate::table::{Table, optional};
use serde::Serialize;
use std::path::Path;
use tauscope_fit::import::csv::{ColumnSummary, TableSummary};
use tauscope_fit::import::nwb::{IntervalsSummary, NwbSummary, SeriesSummary, UnitsSummary};

/// The columns of a table.
#[derive(Debug, Serialize)]
pub struct Columns {
    file: String,
    delimiter: String,
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Column {
    name: String,
    numbers: usize,
    missing: usize,
    words: usize,
    min: Option<f64>,
    max: Option<f64>,
    some_words: Vec<String>,
}

impl Columns {
    pub fn new(file: &Path, summary: TableSummary) -> Self {
        let column = |c: ColumnSummary| Column {
            name: c.name,
            numbers: c.numbers,
            missing: c.missing,
            words: c.words,
            min: c.min,
            max: c.max,
            some_words: c.some_words,
        };
        Self {
            file: file.display().to_string(),
            delimiter: summary.delimiter,
            rows: summary.rows,
            columns: summary.columns.into_iter().map(column).collect(),
        }
    }

    pub fn text(&self) -> String {
        let mut table = Table::new(&["column", "numbers", "missing", "min", "max", "words"]);
        for c in &self.columns {
            table.row([
                c.name.clone(),
                c.numbers.to_string(),
                c.missing.to_string(),
                optional(c.min),
                optional(c.max),
                c.some_words.join(", "),
            ]);
        }
        format!(
            "{}: {} rows, separated by {}\n\n{}",
            self.file,
            self.rows,
            self.delimiter,
            table.text()
        )
    }
}

/// The contents of an NWB file.
#[derive(Debug, Serialize)]
pub struct Contents {
    file: String,
    series: Vec<Series>,
    units: Option<Units>,
    intervals: Vec<Intervals>,
}

#[derive(Debug, Serialize)]
struct Series {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    shape: Vec<usize>,
    rate: Option<f64>,
    start: Option<f64>,
    end: Option<f64>,
    unit: Option<String>,
    conversion: Option<f64>,
    offset: Option<f64>,
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Units {
    units: usize,
    spikes: usize,
    start: Option<f64>,
    end: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Intervals {
    name: String,
    intervals: usize,
    columns: Vec<String>,
}

impl Contents {
    pub fn new(file: &Path, summary: NwbSummary) -> Self {
        let series = |s: SeriesSummary| Series {
            path: s.path,
            kind: s.kind,
            shape: s.shape,
            rate: s.rate,
            start: s.start,
            end: s.end,
            unit: s.unit,
            conversion: s.conversion,
            offset: s.offset,
            problem: s.problem,
        };
        let units = |u: UnitsSummary| Units {
            units: u.units,
            spikes: u.spikes,
            start: u.start,
            end: u.end,
        };
        let intervals = |i: IntervalsSummary| Intervals {
            name: i.name,
            intervals: i.intervals,
            columns: i.columns,
        };
        Self {
            file: file.display().to_string(),
            series: summary.series.into_iter().map(series).collect(),
            units: summary.units.map(units),
            intervals: summary.intervals.into_iter().map(intervals).collect(),
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.file, self.series_text());
        if let Some(units) = &self.units {
            let (start, end) = (optional(units.start), optional(units.end));
            text += &format!(
                "\nunits: {}, with {} spikes from {start} to {end} s\n",
                units.units, units.spikes
            );
        }
        for table in &self.intervals {
            text += &format!(
                "\n{}: {} intervals; columns: {}\n",
                table.name,
                table.intervals,
                table.columns.join(", ")
            );
        }
        text
    }

    fn series_text(&self) -> String {
        if self.series.is_empty() {
            return "no time series\n".to_owned();
        }
        let mut table = Table::new(&[
            "series",
            "shape",
            "rate (1/s)",
            "from (s)",
            "to (s)",
            "unit",
            "type",
        ]);
        let mut problems = String::new();
        for s in &self.series {
            let shape: Vec<String> = s.shape.iter().map(usize::to_string).collect();
            let rate = s
                .rate
                .map_or_else(|| "-".to_owned(), |rate| rate.to_string());
            table.row([
                s.path.clone(),
                shape.join(" x "),
                rate,
                optional(s.start),
                optional(s.end),
                s.unit.clone().unwrap_or_default(),
                s.kind.clone(),
            ]);
            if let Some(problem) = &s.problem {
                problems += &format!("{}: {problem}\n", s.path);
            }
        }
        let gap = if problems.is_empty() { "" } else { "\n" };
        table.text() + gap + &problems
    }
}
