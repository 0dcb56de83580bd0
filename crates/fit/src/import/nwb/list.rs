//! What is in an NWB file.

use std::path::Path;

use super::clock::Clock;
use super::error::NwbError;
use super::series::{self, Scaling};
use super::units::{self, Units};
use super::{intervals, open};
use crate::import::ImportError;
use crate::import::error::Problem;
use crate::store::{AttributeValue, StoredGroup};

/// What is in an NWB file.
#[derive(Debug, Clone, PartialEq)]
pub struct NwbSummary {
    /// The time series.
    pub series: Vec<SeriesSummary>,
    /// The sorted units.
    pub units: Option<UnitsSummary>,
    /// The tables of intervals, trials among them.
    pub intervals: Vec<IntervalsSummary>,
}

/// A time series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesSummary {
    /// Its path in the file.
    pub path: String,
    /// Its type, as `ElectricalSeries`.
    pub kind: String,
    /// Lengths of the axes of its data, time first.
    pub shape: Vec<usize>,
    /// Samples a second; `None` where it has timestamps.
    pub rate: Option<f64>,
    /// The first time, in seconds.
    pub start: Option<f64>,
    /// The last time, in seconds.
    pub end: Option<f64>,
    /// The unit of the values after conversion.
    pub unit: Option<String>,
    /// The factor to that unit.
    pub conversion: Option<f64>,
    /// What is added then.
    pub offset: Option<f64>,
    /// Why it cannot be imported.
    pub problem: Option<String>,
}

/// The sorted units.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitsSummary {
    /// How many.
    pub units: usize,
    /// How many spikes in all.
    pub spikes: usize,
    /// The first spike, in seconds.
    pub start: Option<f64>,
    /// The last spike, in seconds.
    pub end: Option<f64>,
}

/// A table of intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalsSummary {
    /// Its name.
    pub name: String,
    /// How many intervals.
    pub intervals: usize,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Lists what the file `path` has to import.
///
/// # Errors
/// A file that is no NWB file or cannot be read. What is wrong with one series is said in its entry.
pub fn list(path: &Path) -> Result<NwbSummary, ImportError> {
    let file = open(path)?;
    summary(&file.root()).map_err(|problem| ImportError::new(path, problem))
}

fn summary(root: &StoredGroup<'_>) -> Result<NwbSummary, Problem> {
    let paths = series::paths(root)?;
    let units = if units::has_units(root) {
        let units = Units::read(root)?;
        let extent = units.extent();
        Some(UnitsSummary {
            units: units.len(),
            spikes: units.spikes.iter().map(Vec::len).sum(),
            start: extent.map(|e| e.start),
            end: extent.map(|e| e.stop),
        })
    } else {
        None
    };
    Ok(NwbSummary {
        series: paths.iter().map(|path| one(root, path)).collect(),
        units,
        intervals: tables(root)?,
    })
}

fn one(root: &StoredGroup<'_>, path: &str) -> SeriesSummary {
    let mut summary = SeriesSummary {
        path: path.to_owned(),
        ..SeriesSummary::default()
    };
    summary.problem = summary.fill(root).err().map(|problem| problem.to_string());
    summary
}

impl SeriesSummary {
    fn fill(&mut self, root: &StoredGroup<'_>) -> Result<(), Problem> {
        let group = root.group(&self.path)?;
        self.kind = group.attribute_text("neurodata_type")?.unwrap_or_default();
        let data = group.variable("data")?;
        self.shape = data.shape().to_vec();
        self.unit = data.attribute_text("unit")?;
        let (samples, channels) = match *self.shape {
            [samples] => (samples, 1),
            [samples, channels] => (samples, channels),
            _ => {
                let (series, shape) = (self.path.clone(), self.shape.clone());
                return Err(NwbError::Shape { series, shape }.into());
            }
        };
        let clock = Clock::read(&group, &self.path, samples)?;
        self.rate = match &clock {
            Clock::Rate { rate, .. } => Some(*rate),
            Clock::Timestamps(_) => None,
        };
        if samples > 0 {
            self.start = Some(clock.time(0));
            self.end = Some(clock.time(samples - 1));
        }
        let scaling = Scaling::read(&group, &self.path, channels)?;
        self.conversion = Some(scaling.conversion);
        self.offset = Some(scaling.offset);
        if data.kind_name() == "text" {
            data.read_f64()?;
        }
        Ok(())
    }
}

fn tables(root: &StoredGroup<'_>) -> Result<Vec<IntervalsSummary>, Problem> {
    let mut tables = Vec::new();
    for name in intervals::names(root)? {
        let group = root.group("intervals")?.group(&name)?;
        let intervals = group
            .variable("start_time")?
            .shape()
            .first()
            .copied()
            .unwrap_or(0);
        let columns = match group.attribute("colnames")? {
            Some(AttributeValue::Texts(names)) => names,
            Some(AttributeValue::Text(name)) => vec![name],
            _ => Vec::new(),
        };
        tables.push(IntervalsSummary {
            name,
            intervals,
            columns,
        });
    }
    Ok(tables)
}
