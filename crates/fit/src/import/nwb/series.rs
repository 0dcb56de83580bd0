//! Time series: where they are in a file, and their values.

use nalgebra::DMatrix;

use super::NwbError;
use super::clock::Clock;
use crate::import::error::Problem;
use crate::store::{AttributeValue, StoredGroup};

/// Groups of the file that hold no recording.
const ELSEWHERE: [&str; 4] = ["general", "specifications", "units", "intervals"];
/// Groups deeper than this, or more than this many, are not looked at: links may go round in a circle.
const DEEPEST: usize = 8;
const MOST_GROUPS: usize = 20_000;

/// A time series with its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub path: String,
    pub clock: Clock,
    pub samples: usize,
    pub unit: Option<String>,
    /// True where the data have an axis of channels.
    pub has_channels: bool,
    /// (channel, time), in `unit`.
    pub values: DMatrix<f64>,
}

/// The paths of all time series below `root`.
pub(super) fn paths(root: &StoredGroup<'_>) -> Result<Vec<String>, Problem> {
    let mut search = Search {
        paths: Vec::new(),
        groups: 0,
    };
    search.visit(root, "", 0)?;
    Ok(search.paths)
}

struct Search {
    paths: Vec<String>,
    groups: usize,
}

impl Search {
    fn visit(
        &mut self,
        group: &StoredGroup<'_>,
        prefix: &str,
        depth: usize,
    ) -> Result<(), Problem> {
        for name in group.group_names()? {
            if depth == 0 && ELSEWHERE.contains(&name.as_str()) {
                continue;
            }
            self.groups += 1;
            if self.groups > MOST_GROUPS {
                return Err(NwbError::TooManyGroups { limit: MOST_GROUPS }.into());
            }
            let (path, inner) = (format!("{prefix}{name}"), group.group(&name)?);
            if inner.has("data") && (inner.has("timestamps") || inner.has("starting_time")) {
                self.paths.push(path);
            } else if depth < DEEPEST {
                self.visit(&inner, &(path + "/"), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// How stored values become values in the series' unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    pub conversion: f64,
    pub offset: f64,
    /// One factor more for each channel.
    pub channels: Option<Vec<f64>>,
}

impl Scaling {
    pub(super) fn read(
        group: &StoredGroup<'_>,
        path: &str,
        channels: usize,
    ) -> Result<Self, Problem> {
        let data = group.variable("data")?;
        let number = |name: &str, otherwise: f64| -> Result<f64, Problem> {
            let value = match data.attribute(name)? {
                Some(AttributeValue::Real(value)) => value,
                Some(AttributeValue::Integer(value)) => value as f64,
                _ => otherwise,
            };
            if value.is_finite() {
                return Ok(value);
            }
            let (variable, expected) = (format!("{path}/data@{name}"), "finite");
            Err(NwbError::Number {
                variable,
                value,
                expected,
            }
            .into())
        };
        let factors = match group.optional("channel_conversion")? {
            Some(variable) => Some(variable.read_f64()?.values),
            None => None,
        };
        if let Some(factors) = factors.as_ref().filter(|f| f.len() != channels) {
            return Err(NwbError::Column {
                variable: format!("{path}/channel_conversion"),
                found: factors.len(),
                other: format!("{path}/data (channels)"),
                expected: channels,
            }
            .into());
        }
        Ok(Self {
            conversion: number("conversion", 1.0)?,
            offset: number("offset", 0.0)?,
            channels: factors,
        })
    }

    /// data * conversion * `channel_conversion` + offset, in the order in which pynwb multiplies.
    fn apply(&self, value: f64, channel: usize) -> f64 {
        let factor = self
            .channels
            .as_ref()
            .map_or(1.0, |factors| factors[channel]);
        value * self.conversion * factor + self.offset
    }
}

impl Series {
    /// Reads the series at `path`.
    pub(super) fn read(root: &StoredGroup<'_>, path: &str) -> Result<Self, Problem> {
        let group = root.group(path)?;
        let data = group.variable("data")?;
        let shape = data.shape();
        let (samples, channels) = match *shape {
            [samples] => (samples, 1),
            [samples, channels] => (samples, channels),
            _ => {
                let (series, shape) = (path.to_owned(), shape.to_vec());
                return Err(NwbError::Shape { series, shape }.into());
            }
        };
        let clock = Clock::read(&group, path, samples)?;
        let scaling = Scaling::read(&group, path, channels)?;
        let stored = data.read_f64()?.values;
        // Row-major (time, channel) is column-major (channel, time).
        let values = DMatrix::from_fn(channels, samples, |c, k| {
            scaling.apply(stored[k * channels + c], c)
        });
        Ok(Self {
            path: path.to_owned(),
            clock,
            samples,
            unit: data.attribute_text("unit")?,
            has_channels: shape.len() == 2,
            values,
        })
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
