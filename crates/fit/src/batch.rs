//! Trials that are integrated side by side, with what is observed of them.

mod pieces;
mod stride;

pub use pieces::{TapeLimit, Walk};
pub use stride::{Intervals, StepError, Stride};

use crate::dataset::Dataset;
use nalgebra::DMatrix;
use std::sync::Arc;
use tauscope_adjoint::{Integrator, Refinement, Trajectory};
use tauscope_dynamics::{InputSignal, Interpolation, ModelError};

/// A target as a weighted sum of predictions at evaluation times.
///
/// Every readout is affine and the weights sum to one: weighing rates and reading them out is the same as reading out and
/// weighing.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Index of the target time in the dataset.
    pub target: usize,
    /// Index of the evaluation time, weight.
    pub parts: Vec<(usize, f64)>,
    /// Targets (output, trial); NaN = not observed.
    pub values: DMatrix<f64>,
    /// Length of the target's bin, in the dataset's time unit.
    pub width: f64,
}

impl Observation {
    /// Calls `read` with the rates (unit, trial) of `trajectory`, which has the evaluation times of the batch, as this observation
    /// weighs them.
    pub fn with_rates<T>(&self, trajectory: &Trajectory, read: impl FnOnce(&[f64]) -> T) -> T {
        if let Some(j) = self.point() {
            return read(trajectory.rates(j));
        }
        let (first, weight) = self.parts[0];
        let mut sum: Vec<f64> = trajectory.rates(first).iter().map(|r| r * weight).collect();
        for &(j, weight) in &self.parts[1..] {
            let rates = sum.iter_mut().zip(trajectory.rates(j));
            rates.for_each(|(sum, rate)| *sum += rate * weight);
        }
        read(&sum)
    }

    /// As [`with_rates`](Self::with_rates), a copy.
    pub fn weighted_rates(&self, trajectory: &Trajectory) -> DMatrix<f64> {
        let trials = self.values.ncols();
        self.with_rates(trajectory, |rates| {
            DMatrix::from_column_slice(rates.len() / trials, trials, rates)
        })
    }

    /// The transpose of [`with_rates`](Self::with_rates): the first of the blocks in `on_parts`, one an evaluation time of this
    /// observation, is the cotangent of the weighted rates; afterwards each is that of its own rates.
    pub fn spread(&self, on_parts: &mut [f64]) {
        if self.point().is_some() {
            return;
        }
        let block = on_parts.len() / self.parts.len().max(1);
        let (cotangent, others) = on_parts.split_at_mut(block);
        let weights = self.parts.iter().map(|&(_, weight)| weight);
        for (on_rates, weight) in others.chunks_exact_mut(block).zip(weights.skip(1)) {
            let rates = on_rates.iter_mut().zip(&*cotangent);
            rates.for_each(|(on_rate, cotangent)| *on_rate = weight * cotangent);
        }
        let weight = self.parts[0].1;
        cotangent.iter_mut().for_each(|on_rate| *on_rate *= weight);
    }

    /// The evaluation time whose rates are compared as they are, if it is one.
    pub fn point(&self) -> Option<usize> {
        match self.parts[..] {
            [(j, 1.0)] => Some(j),
            _ => None,
        }
    }

    /// The evaluation times at start, middle and end of a bin, if its mean is taken by Simpson's rule.
    fn bin(&self) -> Option<[usize; 3]> {
        match self.parts[..] {
            [(start, _), (middle, _), (end, _)] => Some([start, middle, end]),
            _ => None,
        }
    }
}

/// How many trials exponential methods integrate together. The number of threads has no part in it, so that it changes no bit of a sum.
///
/// Measured: passes over a step shall be long where units are few, and what a step reads shall stay in the cache where they are many.
/// Where sample intervals differ, the weights of a step are those of no other, and more trials share them. Of 1000 units 8 trials are
/// a fourth faster than 16, of 256 a fourth slower; of 2000, whose W no cache holds, 16 read it half as often and are a third faster.
pub fn trials_together(n_units: usize, dataset: &Dataset) -> usize {
    let pairs = match Intervals::of(dataset).are_equal() {
        true => 512,
        false => 4096,
    };
    let least = if (513..IN_NO_CACHE).contains(&n_units) {
        8
    } else {
        16
    };
    (pairs / n_units.max(1)).clamp(least, 32)
}

/// Of so many units W takes 16 MiB.
const IN_NO_CACHE: usize = 1449;

/// Trials of equal length that are integrated together.
#[derive(Debug, Clone)]
pub struct TrialBatch {
    /// Their indices in the dataset.
    pub trials: Vec<usize>,
    /// Their inputs.
    pub input: InputSignal,
    /// Where the network is evaluated.
    pub t_eval: Vec<f64>,
    /// What is observed, in order of target time.
    pub observations: Arc<Vec<Observation>>,
}

/// Batches with more samples, and what makes of two gradients an error.
#[derive(Debug)]
pub struct RefinedBatches {
    /// The batches, in their order.
    pub batches: Vec<TrialBatch>,
    /// The refinement of the first of them: the integrator is that of all.
    pub refinement: Refinement,
}

impl TrialBatch {
    /// Cuts `trials` into batches of at most `size` trials of equal length, in order of length, then of index: always
    /// the same, whatever the number of threads. With `keep_unobserved`, every target time within a trial is evaluated,
    /// observed or not.
    ///
    /// # Errors
    /// [`ModelError`] where the inputs are no signal; a checked dataset has none such.
    pub fn cut(
        dataset: &Dataset,
        trials: &[usize],
        size: usize,
        integrator: &Integrator,
        stride: Stride,
        keep_unobserved: bool,
    ) -> Result<Vec<TrialBatch>, ModelError> {
        groups(dataset, trials, size)
            .iter()
            .map(|batch| TrialBatch::new(dataset, batch, integrator, stride, keep_unobserved))
            .collect()
    }

    /// As [`cut`](Self::cut), of all trials of a dataset that is needed no more: each batch takes the place of its trials, so that large
    /// data are never held twice.
    ///
    /// # Errors
    /// As [`cut`](Self::cut).
    pub fn cut_up(
        mut dataset: Dataset,
        size: usize,
        integrator: &Integrator,
        stride: Stride,
    ) -> Result<Vec<TrialBatch>, ModelError> {
        let trials: Vec<usize> = (0..dataset.n_trials()).collect();
        groups(&dataset, &trials, size)
            .iter()
            .map(|batch| {
                let made = TrialBatch::new(&dataset, batch, integrator, stride, false);
                dataset.release(batch);
                made
            })
            .collect()
    }

    fn new(
        dataset: &Dataset,
        trials: &[usize],
        integrator: &Integrator,
        stride: Stride,
        keep_unobserved: bool,
    ) -> Result<TrialBatch, ModelError> {
        let length = dataset.trial_length()[trials[0]];
        let samples: Vec<usize> = (0..length).step_by(stride.0).collect();
        let time: Vec<f64> = samples.iter().map(|&k| dataset.time()[k]).collect();
        let observers = observers(dataset, length, &time, stride, integrator);
        let wanted: Vec<_> = observers
            .into_iter()
            .filter(|(j, _)| {
                keep_unobserved
                    || trials
                        .iter()
                        .any(|&k| dataset.targets()[k].column(*j).iter().any(|v| !v.is_nan()))
            })
            .collect();
        let t_eval = sorted_once(
            wanted
                .iter()
                .flat_map(|(_, parts)| parts.iter().map(|p| p.0))
                .collect(),
        );
        let at = |t: f64| position(&t_eval, t);
        let widths = bin_widths(dataset.target_time(), last_interval(dataset, length));
        let observations = wanted
            .iter()
            .map(|(target, parts)| Observation {
                width: widths[*target],
                target: *target,
                parts: parts.iter().map(|&(t, weight)| (at(t), weight)).collect(),
                values: DMatrix::from_fn(dataset.n_outputs(), trials.len(), |output, k| {
                    dataset.targets()[trials[k]][(output, *target)]
                }),
            })
            .collect::<Vec<_>>();
        let end = t_eval
            .last()
            .copied()
            .unwrap_or(time[0])
            .max(time[time.len() - 1]);
        let k = trials.len();
        let matrix = DMatrix::from_fn(dataset.n_inputs(), time.len() * k, |input, column| {
            dataset.inputs()[trials[column % k]][(input, samples[column / k])]
        });
        let input = InputSignal::new(time, end, matrix, k, dataset.interpolation())?;
        Ok(TrialBatch {
            trials: trials.to_vec(),
            input,
            t_eval,
            observations: observations.into(),
        })
    }

    /// The same batches for a finer solve, from which the error of a gradient is estimated; see [`Refinement`]. `None` without
    /// batches, or where the steps of the integrator cannot be refined.
    pub fn refined(batches: &[TrialBatch], integrator: &Integrator) -> Option<RefinedBatches> {
        let refine = |batch: &TrialBatch| {
            let refinement = Refinement::new(&batch.input, &batch.t_eval, integrator)?;
            let batch = TrialBatch {
                input: refinement.input.clone(),
                ..batch.clone()
            };
            Some((batch, refinement))
        };
        let refined: Option<Vec<_>> = batches.iter().map(refine).collect();
        let (batches, refinements): (Vec<_>, Vec<_>) = refined?.into_iter().unzip();
        Some(RefinedBatches {
            batches,
            refinement: refinements.into_iter().next()?,
        })
    }

    /// The same batch evaluated at its input samples too.
    pub fn with_samples(self) -> TrialBatch {
        let samples = self.input.time().to_vec();
        self.also_at(&samples)
    }

    /// The same batch also evaluated at `times`.
    fn also_at(mut self, times: &[f64]) -> TrialBatch {
        let t_eval = sorted_once([times, &self.t_eval].concat());
        let observations = Arc::make_mut(&mut self.observations);
        for (j, _) in observations.iter_mut().flat_map(|o| &mut o.parts) {
            *j = position(&t_eval, self.t_eval[*j]);
        }
        self.t_eval = t_eval;
        self
    }

    /// The same batch with Simpson's rule over each half of a bin in place of one over the whole: their difference is the error
    /// of the rule.
    pub fn with_halved_bins(self) -> TrialBatch {
        let between = |i: usize, j: usize| 0.5 * (self.t_eval[i] + self.t_eval[j]);
        let quarters: Vec<f64> = self
            .observations
            .iter()
            .filter_map(Observation::bin)
            .flat_map(|[start, middle, end]| [between(start, middle), between(middle, end)])
            .collect();
        if quarters.is_empty() {
            return self;
        }
        let mut batch = self.also_at(&quarters);
        let t_eval = &batch.t_eval;
        let halfway = |i: usize, j: usize| position(t_eval, 0.5 * (t_eval[i] + t_eval[j]));
        for observation in Arc::make_mut(&mut batch.observations) {
            if let Some([start, middle, end]) = observation.bin() {
                observation.parts = vec![
                    (start, 1.0 / 12.0),
                    (halfway(start, middle), 1.0 / 3.0),
                    (middle, 1.0 / 6.0),
                    (halfway(middle, end), 1.0 / 3.0),
                    (end, 1.0 / 12.0),
                ];
            }
        }
        batch
    }

    /// Number of observed targets.
    pub fn n_observed(&self) -> usize {
        self.observations
            .iter()
            .flat_map(|o| o.values.iter())
            .filter(|v| !v.is_nan())
            .count()
    }
}

/// At most `size` trials of equal length each, in order of length, then of index.
fn groups(dataset: &Dataset, trials: &[usize], size: usize) -> Vec<Vec<usize>> {
    let length = |k: usize| dataset.trial_length()[k];
    let mut by_length = trials.to_vec();
    by_length.sort_by_key(|&k| (length(k), k));
    by_length
        .chunk_by(|&a, &b| length(a) == length(b))
        .flat_map(|equal| equal.chunks(size).map(<[usize]>::to_vec))
        .collect()
}

fn sorted_once(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// Where `time`, which is one of the sorted `times`, lies.
fn position(times: &[f64], time: f64) -> usize {
    times.partition_point(|before| *before < time)
}

/// For every usable target time within a trial of `length` samples: its index, and evaluation times with weights.
///
/// A point is the prediction at its time. A mean over a bin is Simpson's rule over its start, middle and end; of a
/// fixed-step method, which has no middle without another step, the trapezoid rule.
fn observers(
    dataset: &Dataset,
    length: usize,
    time: &[f64],
    stride: Stride,
    integrator: &Integrator,
) -> Vec<(usize, Vec<(f64, f64)>)> {
    let targets = dataset.target_time();
    let end = dataset.time()[length - 1];
    let last_interval = last_interval(dataset, length);
    let widths = bin_widths(targets, last_interval);
    let over_bin = dataset.target_sampling().is_over_bin();
    let on_grid =
        |t: f64| stride.0 == 1 || time.iter().any(|s| (s - t).abs() <= 1e-9 * last_interval);
    let mut out = Vec::new();
    for (j, &t) in targets.iter().enumerate() {
        let h = widths[j];
        let parts = match (over_bin, integrator.has_fixed_steps()) {
            (false, _) => vec![(t, 1.0)],
            (true, false) => {
                vec![
                    (t, 1.0 / 6.0),
                    (t + 0.5 * h, 2.0 / 3.0),
                    (bin_end(targets, j, h), 1.0 / 6.0),
                ]
            }
            (true, true) => vec![(t, 0.5), (bin_end(targets, j, h), 0.5)],
        };
        // times computed twice differ by round-off
        let slack = 1e-9 * last_interval;
        let beyond = match (over_bin, dataset.interpolation()) {
            (true, _) => h,
            (false, Interpolation::Hold) => last_interval,
            (false, Interpolation::Linear) => 0.0,
        };
        let within = parts.iter().all(|&(s, _)| s <= end + beyond + slack);
        if within && on_grid(t) {
            out.push((j, parts));
        }
    }
    out
}

/// The last sample interval of a trial of `length` samples.
fn last_interval(dataset: &Dataset, length: usize) -> f64 {
    dataset.time()[length - 1] - dataset.time()[length - 2]
}

/// Length of the bin of each of `targets`: to the next one, the last as long as the one before; of a single one `of_single`.
pub(crate) fn bin_widths(targets: &[f64], of_single: f64) -> Vec<f64> {
    let width = |j: usize| match targets.get(j + 1) {
        Some(next) => next - targets[j],
        None if j > 0 => targets[j] - targets[j - 1],
        None => of_single,
    };
    (0..targets.len()).map(width).collect()
}

/// The next target time itself, where there is one: `t + h` would miss it by round-off.
fn bin_end(targets: &[f64], j: usize, width: f64) -> f64 {
    targets.get(j + 1).copied().unwrap_or(targets[j] + width)
}
