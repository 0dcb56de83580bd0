//! What is named, read and cut into a recording.

use std::collections::BTreeMap;
use std::ops::Range;

use super::NwbOptions;
use super::cut::{Cut, Cutter, SeriesPart, TargetPart};
use super::intervals::{self, Intervals};
use super::selection::{Selection, Source};
use super::series::{self, Series};
use super::units::{self, Units};
use crate::import::ChoiceError;
use crate::import::assemble::{Block, LARGEST, Recording, TrialBlocks};
use crate::import::csv::some_of;
use crate::import::error::{Problem, RecordingError};
use crate::store::{StoredFile, StoredGroup};

/// Everything that is named, read once.
struct Contents {
    series: BTreeMap<String, Series>,
    units: Option<Units>,
    inputs: Vec<Selection>,
    targets: Vec<Selection>,
    bin: Option<f64>,
}

/// The recording that `options` name.
pub(super) fn recording(
    file: &StoredFile,
    options: &NwbOptions,
    notes: &mut Vec<String>,
) -> Result<Recording, Problem> {
    let root = file.root();
    let contents = Contents::read(&root, options)?;
    let intervals = intervals::read(&root, &options.trials, options.split.as_deref())?;
    let cutter = contents.cutter()?;
    let trials = cut(&cutter, intervals.as_ref())?;
    let name = file
        .path()
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let outputs = contents.outputs()?;
    let unobserved = trials
        .iter()
        .flat_map(|t| &t.targets)
        .flat_map(|b| b.values.iter())
        .filter(|v| v.is_nan())
        .count();
    if unobserved > 0 {
        notes.push(format!(
            "{unobserved} target values are NaN, or bins outside of obs_intervals: not observed"
        ));
    }
    let (split, labels, trial_variables) = match intervals {
        Some(Intervals {
            split,
            labels,
            variables,
            ..
        }) => (split, Some(labels), variables),
        None => (None, None, Vec::new()),
    };
    Ok(Recording {
        title: text(&root, "session_description")?.or_else(|| Some(name.clone())),
        source: Some(source(file, &root)?),
        licence: None,
        name,
        time_units: "s".to_owned(),
        input_units: common(contents.inputs.iter().map(|s| contents.unit_of(s))),
        target_units: common(contents.targets.iter().map(|s| contents.unit_of(s))),
        trials,
        trial_labels: labels,
        input_labels: contents.labels(&contents.inputs)?,
        output_labels: outputs.labels,
        split,
        trial_variables,
        counts: outputs.counts,
        time_rounding: contents.rounding(),
    })
}

fn cut(cutter: &Cutter<'_>, intervals: Option<&Intervals>) -> Result<Vec<TrialBlocks>, Problem> {
    let cuts: Vec<Cut> = match intervals {
        None => vec![Cut {
            interval: None,
            label: "0".to_owned(),
        }],
        Some(table) => {
            let label = |k| table.labels.text(k).unwrap_or_default();
            let one = |(k, &interval)| Cut {
                interval: Some(interval),
                label: label(k),
            };
            table.trials.iter().enumerate().map(one).collect()
        }
    };
    let mut trials = Vec::new();
    let mut values = 0_u128;
    for cut in &cuts {
        let trial = cutter.trial(cut)?;
        let size = |block: &Block| block.values.len() as u128;
        values += trial
            .inputs
            .iter()
            .chain(&trial.targets)
            .map(size)
            .sum::<u128>();
        if values > LARGEST {
            let times = trial
                .targets
                .iter()
                .map(|b| b.times.len())
                .max()
                .unwrap_or(0);
            return Err(RecordingError::TooLarge {
                values,
                limit: LARGEST,
                trials: cuts.len(),
                times,
            }
            .into());
        }
        trials.push(trial);
    }
    Ok(trials)
}

/// The outputs, and which of them are counts.
struct Outputs {
    labels: Vec<String>,
    counts: Vec<bool>,
}

impl Contents {
    fn read(root: &StoredGroup<'_>, options: &NwbOptions) -> Result<Self, Problem> {
        let paths = series::paths(root)?;
        let has_units = units::has_units(root);
        let parse = |option, names: &[String]| -> Result<Vec<Selection>, ChoiceError> {
            names
                .iter()
                .map(|name| Selection::parse(option, name, &paths, has_units))
                .collect()
        };
        let (inputs, targets) = (
            parse("--inputs", &options.inputs)?,
            parse("--targets", &options.targets)?,
        );
        if targets.is_empty() {
            return Err(nothing_to_fit(&paths, has_units).into());
        }
        if let Some(units) = inputs.iter().find(|s| s.source == Source::Units) {
            return Err(ChoiceError::Value {
                option: "--inputs",
                value: units.written.clone(),
                expected: "spikes can be targets only; name a time series",
            }
            .into());
        }
        let mut series = BTreeMap::new();
        let mut units = None;
        for selection in inputs.iter().chain(&targets) {
            match &selection.source {
                Source::Units if units.is_none() => units = Some(Units::read(root)?),
                Source::Series(path) if !series.contains_key(path) => {
                    series.insert(path.clone(), Series::read(root, path)?);
                }
                _ => {}
            }
        }
        let contents = Self {
            series,
            units,
            inputs,
            targets,
            bin: options.bin,
        };
        contents.check_once()?;
        Ok(contents)
    }

    /// No channel plays two parts.
    fn check_once(&self) -> Result<(), Problem> {
        let mut seen: Vec<(&Selection, Range<usize>)> = Vec::new();
        for selection in self.inputs.iter().chain(&self.targets) {
            let channels = selection.channels(self.count(selection))?;
            let twice = |other: &(&Selection, Range<usize>)| {
                other.0.source == selection.source
                    && other.1.start < channels.end
                    && channels.start < other.1.end
            };
            if let Some((first, _)) = seen.iter().find(|other| twice(other)) {
                return Err(ChoiceError::Twice {
                    name: selection.written.clone(),
                    first: first.option,
                    second: selection.option,
                }
                .into());
            }
            seen.push((selection, channels));
        }
        Ok(())
    }

    /// How many channels the source of a selection has.
    fn count(&self, selection: &Selection) -> usize {
        match &selection.source {
            Source::Series(path) => self.series[path].values.nrows(),
            Source::Units => self.units.as_ref().map_or(0, Units::len),
        }
    }

    fn cutter(&self) -> Result<Cutter<'_>, Problem> {
        let part = |selection: &Selection, path: &str| -> Result<SeriesPart<'_>, ChoiceError> {
            let channels = selection.channels(self.count(selection))?;
            Ok(SeriesPart {
                series: &self.series[path],
                first: channels.start,
                count: channels.len(),
            })
        };
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for selection in &self.inputs {
            if let Source::Series(path) = &selection.source {
                inputs.push(part(selection, path)?);
            }
        }
        for selection in &self.targets {
            targets.push(match (&selection.source, &self.units) {
                (Source::Series(path), _) => TargetPart::Series(part(selection, path)?),
                (Source::Units, None) => continue,
                (Source::Units, Some(units)) => TargetPart::Units {
                    units,
                    chosen: selection.channels(units.len())?,
                    bin: self.bin()?,
                },
            });
        }
        Ok(Cutter { inputs, targets })
    }

    /// The width of a bin: given, else the interval of the first series that has a rate, inputs first.
    fn bin(&self) -> Result<f64, ChoiceError> {
        if let Some(bin) = self.bin {
            if bin.is_finite() && bin > 0.0 {
                return Ok(bin);
            }
            return Err(ChoiceError::Value {
                option: "--bin",
                value: bin.to_string(),
                expected: "it must be a positive number of seconds",
            });
        }
        let first = self
            .inputs
            .iter()
            .chain(&self.targets)
            .find_map(|s| match &s.source {
                Source::Series(path) => Some(&self.series[path]),
                Source::Units => None,
            });
        first
            .and_then(|series| series.clock.interval())
            .ok_or(ChoiceError::Missing {
                option: "--bin",
                what: "the width of the bins in which spikes are counted, in seconds",
                present: "no rate of the inputs suggests one".to_owned(),
            })
    }

    fn outputs(&self) -> Result<Outputs, ChoiceError> {
        let mut counts = Vec::new();
        for selection in &self.targets {
            let channels = selection.channels(self.count(selection))?.len();
            counts.extend(vec![selection.source == Source::Units; channels]);
        }
        Ok(Outputs {
            labels: self.labels(&self.targets)?,
            counts,
        })
    }

    fn labels(&self, selections: &[Selection]) -> Result<Vec<String>, ChoiceError> {
        let mut labels = Vec::new();
        for selection in selections {
            for channel in selection.channels(self.count(selection))? {
                labels.push(self.label(selection, channel, selections));
            }
        }
        Ok(labels)
    }

    /// `speed` or `speed-3`, with the whole path where another series has that name; `unit-7` by the unit's id.
    fn label(&self, selection: &Selection, channel: usize, all: &[Selection]) -> String {
        match &selection.source {
            Source::Units => {
                let id = self
                    .units
                    .as_ref()
                    .and_then(|units| units.labels.text(channel));
                format!("unit-{}", id.unwrap_or_else(|| channel.to_string()))
            }
            Source::Series(path) => {
                let series = &self.series[path];
                let is_shared = all.iter().any(|other| match &other.source {
                    Source::Series(p) => p != path && self.series[p].name() == series.name(),
                    Source::Units => false,
                });
                let name = if is_shared { path } else { series.name() };
                if series.has_channels {
                    format!("{name}-{channel}")
                } else {
                    name.to_owned()
                }
            }
        }
    }

    fn unit_of(&self, selection: &Selection) -> Option<String> {
        match &selection.source {
            Source::Series(path) => self.series[path].unit.clone(),
            Source::Units => Some("1".to_owned()),
        }
    }

    /// The rounding of times as long as the longest of the recording.
    fn rounding(&self) -> f64 {
        let ends = self
            .series
            .values()
            .filter(|s| s.samples > 0)
            .flat_map(|s| [s.clock.time(0), s.clock.time(s.samples - 1)]);
        let spikes = self
            .units
            .iter()
            .filter_map(Units::extent)
            .flat_map(|e| [e.start, e.stop]);
        8.0 * f64::EPSILON * ends.chain(spikes).fold(0.0_f64, |m, t| m.max(t.abs()))
    }
}

fn nothing_to_fit(paths: &[String], has_units: bool) -> ChoiceError {
    let units = if has_units { "; units" } else { "" };
    ChoiceError::Missing {
        option: "--targets",
        what: "what is to be fitted",
        present: format!("series: {}{units} (--list shows more)", some_of(paths)),
    }
}

/// The unit that all have.
fn common(mut units: impl Iterator<Item = Option<String>>) -> Option<String> {
    let first = units.next()??;
    units
        .all(|unit| unit.as_deref() == Some(&first))
        .then_some(first)
}

fn text(root: &StoredGroup<'_>, name: &str) -> Result<Option<String>, Problem> {
    match root.optional(name)?.filter(|v| v.is_text()) {
        Some(variable) => Ok(variable.read_text()?.into_iter().next()),
        None => Ok(None),
    }
}

fn source(file: &StoredFile, root: &StoredGroup<'_>) -> Result<String, Problem> {
    let name = file
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    Ok(match text(root, "identifier")? {
        Some(identifier) => format!("imported from {name}, NWB identifier {identifier}"),
        None => format!("imported from {name}"),
    })
}
