//! Inputs that were not given, made of those that were.

use crate::dataset::{Dataset, DatasetError};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A change of the inputs of a recording; sample times, trials and what is observed stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// Deviations of each channel from its mean, times a factor.
    Amplitude(f64),
    /// Each channel jumps between its mean plus and minus this many of its standard deviations, and stays there between two
    /// samples and a quarter of a trial, log-uniform.
    Steps(f64),
}

/// Mean and standard deviation of each channel.
struct Moments {
    mean: DVector<f64>,
    std: DVector<f64>,
}

impl Moments {
    fn of(dataset: &Dataset, trials: &[usize]) -> Moments {
        let n = dataset.n_inputs();
        let (mut sum, mut squares, mut count) = (DVector::zeros(n), DVector::zeros(n), 0.0);
        for &trial in trials {
            let trial = dataset.trial(trial);
            for x in trial.inputs.columns(0, trial.length).column_iter() {
                sum += x;
                squares += x.component_mul(&x);
                count += 1.0;
            }
        }
        let mean: DVector<f64> = sum / f64::max(count, 1.0);
        let variance = squares / f64::max(count, 1.0) - mean.component_mul(&mean);
        Moments {
            std: variance.map(|v: f64| v.max(0.0).sqrt()),
            mean,
        }
    }
}

impl Change {
    /// Those that are tried, the least change first.
    pub(super) const TRIED: [Change; 6] = [
        Change::Steps(1.0),
        Change::Amplitude(2.0),
        Change::Steps(2.0),
        Change::Amplitude(4.0),
        Change::Steps(4.0),
        Change::Amplitude(8.0),
    ];

    /// The word in files.
    pub(super) fn shape(self) -> &'static str {
        match self {
            Change::Amplitude(_) => "amplitude",
            Change::Steps(_) => "steps",
        }
    }

    /// How many times the deviation of the recording.
    pub(super) fn factor(self) -> f64 {
        match self {
            Change::Amplitude(factor) | Change::Steps(factor) => factor,
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Change::Amplitude(factor) => {
                format!("the same inputs, {factor} times as far from their mean")
            }
            Change::Steps(1.0) => {
                "steps between the mean of each input plus and minus its standard deviation, of random length".to_owned()
            }
            Change::Steps(factor) => format!(
                "steps between the mean of each input plus and minus {factor} of its standard deviations, of random length"
            ),
        }
    }

    /// The dataset with the inputs of `trials` changed.
    pub(super) fn of(
        self,
        dataset: &Dataset,
        trials: &[usize],
        seed: u64,
    ) -> Result<Dataset, DatasetError> {
        let moments = Moments::of(dataset, trials);
        let mut inputs = dataset.inputs().to_vec();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for &trial in trials {
            match self {
                Change::Amplitude(factor) => {
                    for mut x in inputs[trial].column_iter_mut() {
                        let changed = &moments.mean + (&x - &moments.mean) * factor;
                        x.copy_from(&changed);
                    }
                }
                Change::Steps(factor) => {
                    let times = &dataset.time()[..dataset.trial_length()[trial]];
                    steps(&mut inputs[trial], times, &moments, factor, &mut rng);
                }
            }
        }
        dataset.with_inputs(inputs)
    }
}

fn steps(
    x: &mut DMatrix<f64>,
    times: &[f64],
    moments: &Moments,
    factor: f64,
    rng: &mut ChaCha8Rng,
) {
    let duration = times[times.len() - 1] - times[0];
    let shortest = 2.0 * duration / (times.len() - 1) as f64;
    let longest = (0.25 * duration).max(shortest);
    for channel in 0..x.nrows() {
        let mut side = if rng.random::<f64>() < 0.5 { -1.0 } else { 1.0 };
        let mut until = times[0];
        for k in 0..x.ncols() {
            let t = times[k.min(times.len() - 1)];
            while t >= until {
                side = -side;
                until += shortest * (longest / shortest).powf(rng.random::<f64>());
            }
            x[(channel, k)] = moments.mean[channel] + side * factor * moments.std[channel];
        }
    }
}
