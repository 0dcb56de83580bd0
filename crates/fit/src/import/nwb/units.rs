//! Sorted units: ragged lists of spike times, counted in bins.

use std::ops::Range;

use super::NwbError;
use super::clock::ROUNDING;
use super::intervals::Interval;
use crate::import::error::Problem;
use crate::store::{StoredGroup, Values};

/// The units of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Units {
    pub labels: Values,
    /// Spike times of each unit, sorted.
    pub spikes: Vec<Vec<f64>>,
    /// When each unit was observed; `None`, and an empty list: not said, so always.
    observed: Option<Vec<Vec<Interval>>>,
}

/// True where the file has units with spike times.
pub(super) fn has_units(root: &StoredGroup<'_>) -> bool {
    root.group("units")
        .is_ok_and(|group| group.has("spike_times") && group.has("spike_times_index"))
}

impl Units {
    /// Reads the table of units.
    pub(super) fn read(root: &StoredGroup<'_>) -> Result<Self, Problem> {
        let group = root.group("units")?;
        let times = group.read_f64("spike_times")?.values;
        if let Some(index) = times.iter().position(|t| !t.is_finite()) {
            return Err(NwbError::Number {
                variable: format!("units/spike_times[{index}]"),
                value: times[index],
                expected: "a finite time",
            }
            .into());
        }
        let rows = ragged(&group, "spike_times_index", times.len())?;
        let labels = match group.optional("id")? {
            Some(id) => id.read()?,
            None => Values::indices(rows.len()),
        };
        same_length("units/id", labels.len(), rows.len())?;
        let sorted = |row: &Range<usize>| {
            let mut spikes = times[row.clone()].to_vec();
            spikes.sort_by(f64::total_cmp);
            spikes
        };
        Ok(Self {
            spikes: rows.iter().map(sorted).collect(),
            observed: observed(&group, rows.len())?,
            labels,
        })
    }

    /// How many units there are.
    pub(super) fn len(&self) -> usize {
        self.spikes.len()
    }

    /// The spikes of `unit` in the bins between neighbours of `edges`, NaN where it was not observed throughout a bin. A spike on an
    /// edge, but for round-off of either, lies in the bin that begins there.
    pub(super) fn counts(&self, unit: usize, edges: &[f64]) -> Vec<f64> {
        let spikes = &self.spikes[unit];
        let narrow = edges.windows(2).map(|pair| pair[1] - pair[0]);
        let slack = ROUNDING * narrow.fold(f64::INFINITY, f64::min);
        let before: Vec<usize> = edges
            .iter()
            .map(|&edge| spikes.partition_point(|&t| t < edge - slack))
            .collect();
        let is_observed = |bin: usize| {
            let (start, stop) = (edges[bin], edges[bin + 1]);
            let slack = ROUNDING * (stop - start);
            self.observed.as_ref().is_none_or(|all| {
                all[unit].is_empty()
                    || all[unit]
                        .iter()
                        .any(|i| i.start <= start + slack && i.stop >= stop - slack)
            })
        };
        let count = |(bin, pair): (usize, &[usize])| {
            if is_observed(bin) {
                (pair[1] - pair[0]) as f64
            } else {
                f64::NAN
            }
        };
        before.windows(2).enumerate().map(count).collect()
    }

    /// The first and the last spike of all.
    pub(super) fn extent(&self) -> Option<Interval> {
        let start = self
            .spikes
            .iter()
            .filter_map(|s| s.first().copied())
            .reduce(f64::min)?;
        let stop = self
            .spikes
            .iter()
            .filter_map(|s| s.last().copied())
            .reduce(f64::max)?;
        Some(Interval { start, stop })
    }
}

/// The rows of a ragged column, from the ends that its index holds.
fn ragged(
    group: &StoredGroup<'_>,
    index: &str,
    values: usize,
) -> Result<Vec<Range<usize>>, Problem> {
    let variable = format!("units/{index}");
    let mut rows = Vec::new();
    let mut low = 0_i64;
    for (k, value) in group.read_i64(index)?.into_iter().enumerate() {
        if value < low || value as u64 > values as u64 {
            return Err(NwbError::RaggedIndex {
                variable,
                index: k,
                value,
                low,
                high: values,
            }
            .into());
        }
        rows.push(low as usize..value as usize);
        low = value;
    }
    Ok(rows)
}

fn same_length(variable: &str, found: usize, expected: usize) -> Result<(), NwbError> {
    if found == expected {
        return Ok(());
    }
    Err(NwbError::Column {
        variable: variable.to_owned(),
        found,
        other: "units/spike_times_index".to_owned(),
        expected,
    })
}

/// When each unit was observed; intervals that touch are one.
fn observed(group: &StoredGroup<'_>, units: usize) -> Result<Option<Vec<Vec<Interval>>>, Problem> {
    if !(group.has("obs_intervals") && group.has("obs_intervals_index")) {
        return Ok(None);
    }
    let borders = group.read_f64("obs_intervals")?;
    let [count, 2] = *borders.shape.as_slice() else {
        return Ok(None);
    };
    let rows = ragged(group, "obs_intervals_index", count)?;
    same_length("units/obs_intervals_index", rows.len(), units)?;
    let merge = |row: Range<usize>| {
        let mut intervals: Vec<Interval> = row
            .map(|k| Interval {
                start: borders.values[2 * k],
                stop: borders.values[2 * k + 1],
            })
            .collect();
        intervals.sort_by(|a, b| a.start.total_cmp(&b.start));
        intervals.dedup_by(|later, kept| {
            let touches = later.start <= kept.stop;
            if touches {
                kept.stop = kept.stop.max(later.stop);
            }
            touches
        });
        intervals
    };
    Ok(Some(rows.into_iter().map(merge).collect()))
}

#[cfg(test)]
mod tests {
    use super::{Interval, Units};
    use crate::store::Values;

    #[test]
    fn a_spike_on_an_edge_is_counted_in_the_bin_that_begins_there() {
        let units = Units {
            labels: Values::indices(1),
            spikes: vec![vec![0.0, 0.5, 0.5, 0.99, 1.0, 1.5]],
            observed: None,
        };
        assert_eq!(units.counts(0, &[0.0, 0.5, 1.0, 1.5]), [1.0, 3.0, 1.0]);
    }

    #[test]
    fn round_off_moves_no_spike_over_an_edge() {
        // a clock of 1 ms, and bins of 0.1 s made of products: 0.3 < 3 * 0.1
        let units = Units {
            labels: Values::indices(1),
            spikes: vec![(0..1000).map(|k| f64::from(k) / 1000.0).collect()],
            observed: None,
        };
        let edges: Vec<f64> = (0..=10).map(|k| f64::from(k) * 0.1).collect();
        assert!(edges[3] > 0.3);
        assert_eq!(units.counts(0, &edges), [100.0; 10]);
    }

    #[test]
    fn a_bin_in_which_the_unit_was_not_observed_throughout_is_not_observed() {
        let units = Units {
            labels: Values::indices(1),
            spikes: vec![vec![0.1, 0.6, 1.1]],
            observed: Some(vec![vec![Interval {
                start: 0.4,
                stop: 1.2,
            }]]),
        };
        let counts = units.counts(0, &[0.0, 0.5, 1.0, 1.5]);
        assert!(counts[0].is_nan() && counts[1] == 1.0 && counts[2].is_nan());
    }
}
