//! Neurodata Without Borders, version 2: time series, spike times of sorted units, trials.
//!
//! Times are seconds. Without trials they stay as in the file. With trials, each trial is cut out as `[start, stop)`, and its
//! times count from the first sample of its inputs, or from its start where nothing drives the network.
//!
//! # Reference
//! Rübel et al. 2022, doi:10.7554/eLife.78362

mod clock;
mod cut;
mod error;
mod intervals;
mod list;
mod recording;
mod selection;
mod series;
mod units;

pub use error::NwbError;
pub use list::{IntervalsSummary, NwbSummary, SeriesSummary, UnitsSummary, list};

use std::path::Path;

use super::assemble::{Signals, assemble};
use super::error::Problem;
use super::{ImportError, Imported};
use crate::dataset::Dataset;
use crate::store::{AttributeValue, StoredFile, Wanted};

/// Which intervals are the trials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trials {
    /// The table of trials, where the file has one.
    #[default]
    Auto,
    /// The whole recording is one trial.
    Whole,
    /// A table of intervals by name.
    Named(String),
}

/// What is what in an NWB file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NwbOptions {
    /// Time series that drive the network, by name, or by path where a name is not enough; `NAME[3]` and `NAME[0:8]`
    /// choose channels.
    pub inputs: Vec<String>,
    /// Time series to be fitted, and `units` for spike counts.
    pub targets: Vec<String>,
    /// Width of the bins of spikes in seconds; `None`: the interval of the inputs, where they have a rate.
    pub bin: Option<f64>,
    /// Which intervals are the trials.
    pub trials: Trials,
    /// The column of the trials with the words train, valid, test; `None`: `split`, where it is there.
    pub split: Option<String>,
    /// What is common to all formats.
    pub signals: Signals,
}

/// Reads what `options` name of the file `path` as a dataset.
///
/// # Errors
/// [`ImportError`], which names the file, the variable, the value and the way out.
pub fn import(path: &Path, options: &NwbOptions) -> Result<Imported, ImportError> {
    let fail = |problem: Problem| ImportError::new(path, problem);
    let file = open(path)?;
    let mut notes = Vec::new();
    let recording = recording::recording(&file, options, &mut notes).map_err(fail)?;
    let assembled = assemble(recording, &options.signals).map_err(fail)?;
    notes.extend(assembled.notes);
    let dataset = Dataset::new(assembled.raw).map_err(|e| fail(e.into()))?;
    Ok(Imported { dataset, notes })
}

/// Opens a file that says to be NWB 2.
fn open(path: &Path) -> Result<StoredFile, ImportError> {
    let file = StoredFile::open_as(path, Wanted::Nwb)?;
    let version = match file.root().attribute("nwb_version")? {
        Some(AttributeValue::Text(version)) => version,
        _ => return Err(ImportError::new(path, Problem::from(NwbError::NotNwb))),
    };
    if version.trim_start_matches("NWB-").starts_with("1.") {
        return Err(ImportError::new(
            path,
            Problem::from(NwbError::OldVersion { version }),
        ));
    }
    Ok(file)
}
