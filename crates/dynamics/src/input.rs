use crate::ModelError;
use nalgebra::{DMatrix, DMatrixView};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What an input does between its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Sample k acts on `[t_k, t_k+1)`.
    Hold,
    /// Straight lines between samples.
    Linear,
}

/// The inputs of a batch of trials that share their sample times, which need not be regular.
///
/// Samples are kept as one matrix (input, sample x trial), so that the drive of one sample over all
/// trials, or of all samples, is one product with U.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSignal {
    time: Vec<f64>,
    end: f64,
    samples: DMatrix<f64>,
    n_trials: usize,
    interpolation: Interpolation,
    knots: Vec<usize>,
    /// Samples that every step ends at, increasing.
    firm: Vec<usize>,
}

impl Segment<'_> {
    /// Inputs at `t`, (input, trial), as this segment continues: at its borders the limits from inside.
    pub fn at(&self, t: f64) -> DMatrix<f64> {
        let s = (t - self.t0) / (self.t1 - self.t0);
        self.x0 * (1.0 - s) + self.x1 * s
    }
}

/// A stretch of time on which the inputs are smooth: from one knot to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment<'a> {
    /// Start.
    pub t0: f64,
    /// End.
    pub t1: f64,
    /// Inputs at the start, (input, trial).
    pub x0: DMatrixView<'a, f64>,
    /// Inputs towards the end, (input, trial): the left limit.
    pub x1: DMatrixView<'a, f64>,
}

impl InputSignal {
    /// The signal of `n_trials` trials.
    ///
    /// `time`: sample times, at least one, strictly increasing. `end`: where the integration ends, at
    /// least the last sample time; beyond that the last sample is kept. `samples`: (input, sample x
    /// trial), column `sample * n_trials + trial`; zero rows make an autonomous network.
    ///
    /// # Errors
    /// [`ModelError::Empty`] without a trial, [`ModelError::Time`] where time does not increase, [`ModelError::Shape`] where the samples do
    /// not fit it, [`ModelError::NotFinite`] for a NaN or infinite sample.
    pub fn new(
        time: Vec<f64>,
        end: f64,
        samples: DMatrix<f64>,
        n_trials: usize,
        interpolation: Interpolation,
    ) -> Result<InputSignal, ModelError> {
        if n_trials == 0 {
            return Err(ModelError::Empty { name: "trials" });
        }
        for (index, pair) in time.windows(2).enumerate() {
            if pair[1] <= pair[0] || !pair[1].is_finite() {
                return Err(ModelError::Time {
                    index: index + 1,
                    value: pair[1],
                    previous: pair[0],
                });
            }
        }
        let last = time.last().copied().unwrap_or(f64::NAN);
        if !(last <= end && end.is_finite()) {
            return Err(ModelError::Time {
                index: time.len(),
                value: end,
                previous: last,
            });
        }
        let expected = time.len().saturating_mul(n_trials);
        if samples.ncols() != expected {
            return Err(ModelError::Shape {
                name: "input samples",
                got: samples.ncols(),
                expected,
            });
        }
        if let Some(index) = samples.iter().position(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite {
                name: "inputs",
                index,
                value: samples[index],
            });
        }
        let mut signal = InputSignal {
            time,
            end,
            samples,
            n_trials,
            interpolation,
            knots: Vec::new(),
            firm: Vec::new(),
        };
        signal.knots = signal.find_knots();
        Ok(signal)
    }

    /// Sample times.
    pub fn time(&self) -> &[f64] {
        &self.time
    }

    /// Where the integration starts: the first sample time.
    pub fn start(&self) -> f64 {
        self.time[0]
    }

    /// Where the integration ends.
    pub fn end(&self) -> f64 {
        self.end
    }

    /// Number of trials in the batch.
    pub fn n_trials(&self) -> usize {
        self.n_trials
    }

    /// Number of input channels.
    pub fn n_inputs(&self) -> usize {
        self.samples.nrows()
    }

    /// What the inputs do between samples.
    pub fn interpolation(&self) -> Interpolation {
        self.interpolation
    }

    /// Inputs at sample `k`, (input, trial).
    pub fn sample(&self, k: usize) -> DMatrixView<'_, f64> {
        self.samples.columns(k * self.n_trials, self.n_trials)
    }

    /// Inputs at consecutive samples, (input, sample x trial), column-major.
    pub fn samples(&self, range: Range<usize>) -> &[f64] {
        let len = self.samples.nrows() * self.n_trials;
        &self.samples.as_slice()[range.start * len..range.end * len]
    }

    /// Inputs at time `t`, (input, trial); before the first sample and after the last they are kept.
    /// At a jump of a held input, the right limit.
    pub fn at(&self, t: f64) -> DMatrix<f64> {
        let after = self.time.partition_point(|&s| s <= t);
        let k = after.saturating_sub(1);
        match (self.interpolation, self.time.get(after)) {
            (Interpolation::Linear, Some(&next)) if after > 0 => {
                let s = (t - self.time[k]) / (next - self.time[k]);
                self.sample(k) * (1.0 - s) + self.sample(after) * s
            }
            _ => self.sample(k).clone_owned(),
        }
    }

    /// Whether every step ends at sample `k`, also one of a method that may pass over samples.
    pub fn is_firm(&self, k: usize) -> bool {
        self.firm.binary_search(&k).is_ok()
    }

    /// The same function of time, with samples at `times` (increasing, from the first sample to the end) that every step ends
    /// at: those that are not there yet are added.
    pub fn with_samples_at(&self, times: &[f64]) -> InputSignal {
        let mut time = [&self.time[..], times].concat();
        time.sort_by(f64::total_cmp);
        time.dedup();
        let blocks: Vec<DMatrix<f64>> = time.iter().map(|&t| self.at(t)).collect();
        let samples = DMatrix::from_fn(self.n_inputs(), time.len() * self.n_trials, |i, column| {
            blocks[column / self.n_trials][(i, column % self.n_trials)]
        });
        let were_firm = self.firm.iter().map(|&k| self.time[k]);
        let mut ends: Vec<f64> = were_firm.chain(times.iter().copied()).collect();
        ends.sort_by(f64::total_cmp);
        let is_firm = |t: &f64| ends.binary_search_by(|end| end.total_cmp(t)).is_ok();
        let mut signal = InputSignal {
            firm: (0..time.len()).filter(|&k| is_firm(&time[k])).collect(),
            time,
            samples,
            knots: Vec::new(),
            ..self.clone()
        };
        signal.knots = signal.find_knots();
        signal
    }

    /// The signal from the sample `samples.start` to the sample `samples.end - 1`, both included; with the last sample, to the end.
    pub fn part(&self, samples: Range<usize>) -> InputSignal {
        let time = self.time[samples.clone()].to_vec();
        let end = match time.last() {
            Some(&last) if samples.end < self.time.len() => last,
            _ => self.end,
        };
        let columns = samples.start * self.n_trials..samples.end * self.n_trials;
        let mut signal = InputSignal {
            time,
            end,
            samples: self.samples.columns_range(columns).into_owned(),
            knots: Vec::new(),
            firm: samples
                .clone()
                .filter(|&k| self.is_firm(k))
                .map(|k| k - samples.start)
                .collect(),
            ..*self
        };
        signal.knots = signal.find_knots();
        signal
    }

    /// Number of smooth segments: knots cut the signal into this many.
    pub fn n_segments(&self) -> usize {
        self.knots.len() - 1
    }

    /// Segment `i`, `0 <= i < n_segments()`. Consecutive segments share a border, where an
    /// integrator must stop: the right-hand side is not smooth across it.
    pub fn segment(&self, i: usize) -> Segment<'_> {
        let (first, last) = (self.knots[i], self.knots[i + 1]);
        let x0 = self.sample(first);
        let x1 = match self.interpolation {
            Interpolation::Linear if last < self.time.len() => self.sample(last),
            _ => x0,
        };
        Segment {
            t0: self.time[first],
            t1: self.time_or_end(last),
            x0,
            x1,
        }
    }

    fn time_or_end(&self, k: usize) -> f64 {
        self.time.get(k).copied().unwrap_or(self.end)
    }

    /// Indices of the samples at which the signal kinks or jumps and of those that every step ends at, with both ends; `time.len()` stands
    /// for [`end`](Self::end) where that lies beyond the last sample.
    fn find_knots(&self) -> Vec<usize> {
        let n = self.time.len();
        let last = if self.end > self.time[n - 1] {
            n
        } else {
            n - 1
        };
        let mut knots = vec![0];
        knots.extend((1..last).filter(|&k| self.is_firm(k) || self.kinks_at(k)));
        knots.push(last);
        knots
    }

    fn kinks_at(&self, k: usize) -> bool {
        if self.samples.nrows() == 0 {
            return false;
        }
        match self.interpolation {
            Interpolation::Hold => self.sample(k) != self.sample(k - 1),
            // A line is recognised only where it is constant: slopes of equal lines differ by round-off.
            Interpolation::Linear => {
                k + 1 >= self.time.len()
                    || self.sample(k) != self.sample(k - 1)
                    || self.sample(k + 1) != self.sample(k)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(values: &[f64], interpolation: Interpolation) -> InputSignal {
        let time: Vec<f64> = (0..values.len()).map(|k| k as f64).collect();
        let end = time[time.len() - 1];
        InputSignal::new(
            time,
            end,
            DMatrix::from_row_slice(1, values.len(), values),
            1,
            interpolation,
        )
        .expect("valid signal")
    }

    #[test]
    fn a_held_input_jumps_at_the_sample() {
        let x = signal(&[0.0, 1.0, 1.0, 2.0], Interpolation::Hold);
        assert_eq!(
            [0.5, 1.0, 2.9, 3.0, 9.0].map(|t| x.at(t)[0]),
            [0.0, 1.0, 1.0, 2.0, 2.0]
        );
    }

    #[test]
    fn a_linear_input_has_no_knot_where_it_is_constant() {
        let x = signal(&[0.0, 1.0, 1.0, 1.0, 2.0], Interpolation::Linear);
        let borders: Vec<f64> = (0..x.n_segments()).map(|i| x.segment(i).t1).collect();
        assert_eq!(borders, [1.0, 3.0, 4.0]);
        assert_eq!(x.at(3.25)[0], 1.25);
    }

    #[test]
    fn a_held_input_is_kept_to_the_end_of_the_last_bin() {
        let samples = DMatrix::from_row_slice(1, 2, &[3.0, 4.0]);
        let x =
            InputSignal::new(vec![0.0, 1.0], 2.0, samples, 1, Interpolation::Hold).expect("valid");
        assert_eq!(x.n_segments(), 2);
        let last = x.segment(1);
        assert_eq!(
            (last.t0, last.t1, last.x0[0], last.x1[0]),
            (1.0, 2.0, 4.0, 4.0)
        );
    }

    #[test]
    fn an_autonomous_network_has_one_segment() {
        let samples = DMatrix::zeros(0, 6);
        let x = InputSignal::new(vec![0.0, 0.1, 0.5], 0.5, samples, 2, Interpolation::Linear)
            .expect("valid");
        assert_eq!((x.n_segments(), x.segment(0).t1), (1, 0.5));
    }

    #[test]
    fn further_samples_change_no_value() {
        for interpolation in [Interpolation::Hold, Interpolation::Linear] {
            let x = signal(&[0.0, 1.0, -3.0], interpolation);
            let finer = x.with_samples_at(&[0.25, 1.0, 1.5]);
            let firm: Vec<f64> = (0..finer.time().len())
                .filter(|&k| finer.is_firm(k))
                .map(|k| finer.time()[k])
                .collect();
            assert_eq!(firm, [0.25, 1.0, 1.5]);
            assert!(!x.is_firm(0) && finer.part(1..3).is_firm(0));
            assert_eq!(finer.time(), [0.0, 0.25, 1.0, 1.5, 2.0]);
            for t in [0.0, 0.1, 0.25, 0.9, 1.0, 1.3, 1.5, 1.9, 2.0] {
                assert!((finer.at(t)[0] - x.at(t)[0]).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn no_trial_is_refused() {
        let error = InputSignal::new(vec![0.0], 1.0, DMatrix::zeros(1, 0), 0, Interpolation::Hold);
        assert_eq!(error, Err(ModelError::Empty { name: "trials" }));
    }

    #[test]
    fn time_that_stands_still_is_refused() {
        let samples = DMatrix::zeros(1, 3);
        let error = InputSignal::new(vec![0.0, 1.0, 1.0], 1.0, samples, 1, Interpolation::Hold);
        assert_eq!(
            error,
            Err(ModelError::Time {
                index: 2,
                value: 1.0,
                previous: 1.0
            })
        );
    }
}
