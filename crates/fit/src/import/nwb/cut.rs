//! Trials cut out of continuous series.

use std::ops::Range;

use nalgebra::DMatrix;

use super::NwbError;
use super::clock::{ROUNDING, Window};
use super::intervals::Interval;
use super::series::Series;
use super::units::Units;
use crate::import::assemble::{Block, LARGEST, TrialBlocks};
use crate::import::error::{Problem, RecordingError};

/// Channels of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesPart<'a> {
    pub series: &'a Series,
    pub first: usize,
    pub count: usize,
}

/// Channels to fit.
#[derive(Debug, Clone)]
pub(super) enum TargetPart<'a> {
    Series(SeriesPart<'a>),
    /// Counts of some units in bins.
    Units {
        units: &'a Units,
        chosen: Range<usize>,
        bin: f64,
    },
}

/// What is cut out of a file.
#[derive(Debug, Clone)]
pub(super) struct Cutter<'a> {
    pub inputs: Vec<SeriesPart<'a>>,
    pub targets: Vec<TargetPart<'a>>,
}

/// The part of the recording that a trial is.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// `None`: the whole recording, whose times stay as they are.
    pub interval: Option<Interval>,
    pub label: String,
}

/// The sample from which the times of a trial count.
#[derive(Debug, Clone, Copy)]
enum Origin<'a> {
    /// Times stay as they are.
    File,
    /// From this sample of this series.
    Sample(&'a Series, usize),
    /// From this time.
    Time(f64),
}

impl Origin<'_> {
    /// The time of sample `k` of `series`.
    fn time(&self, series: &Series, k: usize) -> f64 {
        match self {
            Self::File => series.clock.time(k),
            Self::Sample(from, origin) if from.clock == series.clock => {
                series.clock.time_from(k, *origin)
            }
            Self::Sample(from, origin) => series.clock.time(k) - from.clock.time(*origin),
            Self::Time(t) => series.clock.time(k) - t,
        }
    }

    /// The origin in the file's time.
    fn zero(&self) -> f64 {
        match self {
            Self::File => 0.0,
            Self::Sample(series, k) => series.clock.time(*k),
            Self::Time(t) => *t,
        }
    }
}

impl SeriesPart<'_> {
    fn window(&self, cut: &Cut) -> Window {
        match cut.interval {
            Some(Interval { start, stop }) => self.series.window(start, stop),
            None => Window {
                from: 0,
                to: self.series.samples,
            },
        }
    }

    fn block(&self, window: Window, origin: Origin<'_>) -> Block {
        let samples = window.to - window.from;
        let values = self
            .series
            .values
            .view((self.first, window.from), (self.count, samples));
        Block {
            times: (window.from..window.to)
                .map(|k| origin.time(self.series, k))
                .collect(),
            values: values.into_owned(),
        }
    }

    /// Refuses a value of an input that is no number.
    fn check_finite(&self, window: Window) -> Result<(), NwbError> {
        for sample in window.from..window.to {
            for channel in self.first..self.first + self.count {
                let value = self.series.values[(channel, sample)];
                if !value.is_finite() {
                    let series = self.series.path.clone();
                    return Err(NwbError::MissingInput {
                        series,
                        sample,
                        channel,
                        value,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Cutter<'_> {
    /// Cuts one trial.
    pub(super) fn trial(&self, cut: &Cut) -> Result<TrialBlocks, Problem> {
        let origin = self.origin(cut)?;
        let inputs = self.input_block(cut, origin)?;
        let target = |part: &TargetPart<'_>| match part {
            TargetPart::Series(part) => Ok(part.block(part.window(cut), origin)),
            TargetPart::Units { units, chosen, bin } => {
                self.counts(units, chosen, *bin, cut, origin)
            }
        };
        let targets = self
            .targets
            .iter()
            .map(target)
            .collect::<Result<_, Problem>>()?;
        Ok(TrialBlocks { inputs, targets })
    }

    /// The first sample of the inputs, else of the first target series, else the trial's start.
    fn origin(&self, cut: &Cut) -> Result<Origin<'_>, Problem> {
        let Some(interval) = cut.interval else {
            return Ok(Origin::File);
        };
        let window = |part: &SeriesPart<'_>| Some(part.window(cut)).filter(|w| w.from < w.to);
        if let Some(input) = self.inputs.first() {
            let window = window(input).ok_or_else(|| RecordingError::TrialWithoutInput {
                label: cut.label.clone(),
            })?;
            return Ok(Origin::Sample(input.series, window.from));
        }
        let first_series = self
            .target_series()
            .find_map(|part| Some((part.series, window(part)?.from)));
        Ok(
            first_series.map_or(Origin::Time(interval.start), |(series, k)| {
                Origin::Sample(series, k)
            }),
        )
    }

    fn target_series(&self) -> impl Iterator<Item = &SeriesPart<'_>> {
        self.targets.iter().filter_map(|part| match part {
            TargetPart::Series(part) => Some(part),
            TargetPart::Units { .. } => None,
        })
    }

    fn input_block(&self, cut: &Cut, origin: Origin<'_>) -> Result<Option<Block>, Problem> {
        let mut joined: Option<Block> = None;
        for part in &self.inputs {
            let window = part.window(cut);
            let block = part.block(window, origin);
            joined = Some(match joined {
                None => block,
                Some(first) => {
                    self.check_same_times(&first, &block, part, cut)?;
                    stacked(first, &block)
                }
            });
        }
        for part in &self.inputs {
            part.check_finite(part.window(cut))?;
        }
        Ok(joined)
    }

    fn check_same_times(
        &self,
        first: &Block,
        block: &Block,
        part: &SeriesPart<'_>,
        cut: &Cut,
    ) -> Result<(), RecordingError> {
        let series = self.inputs[0].series;
        let slack = ROUNDING * series.interval_at(0).abs();
        let agree = first.times.len() == block.times.len()
            && first
                .times
                .iter()
                .zip(&block.times)
                .all(|(a, b)| (a - b).abs() <= slack);
        if agree {
            return Ok(());
        }
        Err(RecordingError::InputTimes {
            first: series.path.clone(),
            second: part.series.path.clone(),
            label: cut.label.clone(),
        })
    }

    /// Spikes in whole bins from the origin.
    fn counts(
        &self,
        units: &Units,
        chosen: &Range<usize>,
        bin: f64,
        cut: &Cut,
        origin: Origin<'_>,
    ) -> Result<Block, Problem> {
        let extent = self.extent(units, bin, cut, origin)?;
        let length = extent.stop - extent.start;
        let bins = (length / bin + ROUNDING).floor();
        if bins.is_nan() || bins < 2.0 {
            let label = cut.label.clone();
            return Err(NwbError::ShortForBins {
                label,
                extent: length,
                bin,
            }
            .into());
        }
        if bins * chosen.len().max(1) as f64 > LARGEST as f64 {
            return Err(NwbError::TooManyBins { bins, bin }.into());
        }
        let n = bins as usize;
        let edges: Vec<f64> = (0..=n).map(|k| extent.start + k as f64 * bin).collect();
        let counts: Vec<Vec<f64>> = chosen
            .clone()
            .map(|unit| units.counts(unit, &edges))
            .collect();
        let shift = extent.start - origin.zero();
        Ok(Block {
            times: (0..n).map(|k| shift + k as f64 * bin).collect(),
            values: DMatrix::from_fn(chosen.len(), n, |row, k| counts[row][k]),
        })
    }

    /// Where bins may lie: in the trial, while the inputs or else the other targets are known.
    fn extent(
        &self,
        units: &Units,
        bin: f64,
        cut: &Cut,
        origin: Origin<'_>,
    ) -> Result<Interval, Problem> {
        let known = self
            .inputs
            .first()
            .or_else(|| self.target_series().next())
            .and_then(|part| {
                let Window { from, to } = part.window(cut);
                let series = part.series;
                (from < to).then(|| Interval {
                    start: series.clock.time(from),
                    stop: series.clock.time(to - 1) + series.interval_at(to - 1),
                })
            });
        match (cut.interval, known) {
            (Some(trial), known) => Ok(Interval {
                start: origin.zero(),
                stop: known.map_or(trial.stop, |known| known.stop.min(trial.stop)),
            }),
            (None, Some(known)) => Ok(known),
            (None, None) => {
                let Interval { start, stop } = units.extent().ok_or(NwbError::NoExtent)?;
                let whole = |t: f64| (t / bin).floor() * bin;
                Ok(Interval {
                    start: whole(start),
                    stop: whole(stop) + bin,
                })
            }
        }
    }
}

/// The channels of both.
fn stacked(first: Block, second: &Block) -> Block {
    let (above, below) = (first.values.nrows(), second.values.nrows());
    let mut values = first.values.resize_vertically(above + below, 0.0);
    values
        .view_mut((above, 0), (below, second.values.ncols()))
        .copy_from(&second.values);
    Block {
        times: first.times,
        values,
    }
}
