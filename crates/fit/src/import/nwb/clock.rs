//! When the samples of a series were taken.

use super::NwbError;
use super::series::Series;
use crate::import::error::Problem;
use crate::store::{AttributeValue, StoredGroup};

/// When the samples were taken, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clock {
    /// Sample k at `start + k / rate`.
    Rate { start: f64, rate: f64 },
    /// At these times.
    Timestamps(Vec<f64>),
}

/// Two times this close, as a share of a sample interval, are the same.
pub(super) const ROUNDING: f64 = 1e-6;

impl Clock {
    /// The clock of a series of `samples` samples.
    pub(super) fn read(
        group: &StoredGroup<'_>,
        path: &str,
        samples: usize,
    ) -> Result<Self, Problem> {
        if group.has("timestamps") {
            let times = group.read_f64("timestamps")?.values;
            check_timestamps(path, &times, samples)?;
            return Ok(Self::Timestamps(times));
        }
        let Some(variable) = group.optional("starting_time")? else {
            return Err(NwbError::NoClock {
                series: path.to_owned(),
            }
            .into());
        };
        let number = |what: &str, value: f64, expected: &'static str| NwbError::Number {
            variable: format!("{path}/{what}"),
            value,
            expected,
        };
        let start = variable
            .read_f64()?
            .values
            .first()
            .copied()
            .unwrap_or(f64::NAN);
        let rate = match variable.attribute("rate")? {
            Some(AttributeValue::Real(rate)) => rate,
            Some(AttributeValue::Integer(rate)) => rate as f64,
            _ => {
                return Err(NwbError::NoClock {
                    series: path.to_owned(),
                }
                .into());
            }
        };
        if !start.is_finite() {
            return Err(number("starting_time", start, "a finite time").into());
        }
        if !(rate.is_finite() && rate > 0.0 && (1.0 / rate).is_finite()) {
            return Err(number("starting_time@rate", rate, "positive and finite").into());
        }
        Ok(Self::Rate { start, rate })
    }

    /// The time of sample `k`.
    pub(super) fn time(&self, k: usize) -> f64 {
        match self {
            Self::Rate { start, rate } => k as f64 / rate + start,
            Self::Timestamps(times) => times[k],
        }
    }

    /// The time of sample `k` from sample `origin`, without the rounding of two long times.
    pub(super) fn time_from(&self, k: usize, origin: usize) -> f64 {
        match self {
            Self::Rate { rate, .. } => (k as f64 - origin as f64) / rate,
            Self::Timestamps(times) => times[k] - times[origin],
        }
    }

    /// The interval of a regular clock.
    pub(super) fn interval(&self) -> Option<f64> {
        match self {
            Self::Rate { rate, .. } => Some(1.0 / rate),
            Self::Timestamps(_) => None,
        }
    }
}

fn check_timestamps(path: &str, times: &[f64], samples: usize) -> Result<(), NwbError> {
    let series = path.to_owned();
    if times.len() != samples {
        return Err(NwbError::Length {
            series,
            timestamps: times.len(),
            samples,
        });
    }
    if let Some(index) = times.iter().position(|t| !t.is_finite()) {
        return Err(NwbError::Number {
            variable: format!("{path}/timestamps[{index}]"),
            value: times[index],
            expected: "a finite time",
        });
    }
    match times.windows(2).position(|pair| pair[1] <= pair[0]) {
        Some(at) => Err(NwbError::Timestamps {
            series,
            index: at + 1,
            value: times[at + 1],
            previous: times[at],
        }),
        None => Ok(()),
    }
}

/// Samples `from..to` of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub from: usize,
    pub to: usize,
}

impl Series {
    /// The samples in `[start, stop)`; a sample that is at a border but for rounding is at it.
    pub(super) fn window(&self, start: f64, stop: f64) -> Window {
        Window {
            from: self.first_from(start),
            to: self.first_from(stop),
        }
    }

    /// The first sample at or after `t`.
    fn first_from(&self, t: f64) -> usize {
        let is_before = |k: usize| {
            let slack = ROUNDING * self.interval_at(k);
            self.clock.time(k) < t - slack
        };
        let (mut low, mut high) = (0, self.samples);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The interval after sample `k`, or before the last.
    pub(super) fn interval_at(&self, k: usize) -> f64 {
        match self.samples {
            0 | 1 => self.clock.interval().unwrap_or(0.0),
            n if k + 1 < n => self.clock.time_from(k + 1, k),
            n => self.clock.time_from(n - 1, n - 2),
        }
    }
}
