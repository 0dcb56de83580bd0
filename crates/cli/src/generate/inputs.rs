//! Inputs of generated data.

use super::spec::{InputKind, Spec};
use nalgebra::DMatrix;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, StandardNormal};
use std::f64::consts::TAU;
use tauscope_paper::smoothed;

/// Inputs of one trial, (input, time), at the samples `time`.
pub fn draw(spec: &Spec, time: &[f64], rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let mut inputs = DMatrix::zeros(spec.inputs, time.len());
    for mut row in inputs.row_iter_mut() {
        let values = match spec.input.kind {
            InputKind::Sinusoids => sinusoids(time, spec.interval, rng),
            InputKind::White => time.iter().map(|_| rng.sample(StandardNormal)).collect(),
            InputKind::Smoothed => smoothed(time.len(), rng),
            InputKind::Steps => steps(time, rng),
        };
        for (entry, value) in row.iter_mut().zip(values) {
            *entry = spec.input.amplitude * value;
        }
    }
    inputs
}

/// Three sinusoids of equal power and sum 1, from one cycle a trial to ten samples a cycle, and two pulses of normal
/// height, a twentieth to a fifth of the trial long.
fn sinusoids(time: &[f64], interval: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let start = time[0];
    let span = time[time.len() - 1] - start;
    let slowest = (1.0 / span).ln();
    let fastest = (0.1 / interval).ln().max(slowest);
    let mut values = vec![0.0; time.len()];
    for _ in 0..3 {
        let frequency = (slowest + (fastest - slowest) * rng.random::<f64>()).exp();
        let phase: f64 = rng.random();
        for (value, t) in values.iter_mut().zip(time) {
            *value += (2.0_f64 / 3.0).sqrt() * (TAU * (frequency * (t - start) + phase)).sin();
        }
    }
    for _ in 0..2 {
        let length = span * rng.random_range(0.05..0.2);
        let onset = start + (span - length) * rng.random::<f64>();
        let height: f64 = rng.sample(StandardNormal);
        for (value, t) in values.iter_mut().zip(time) {
            *value += if (onset..onset + length).contains(t) {
                height
            } else {
                0.0
            };
        }
    }
    values
}

/// Normal levels, each held for a time that is exponential with a tenth of the trial as its mean.
fn steps(time: &[f64], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mean = (time[time.len() - 1] - time[0]) / 10.0;
    let mut level: f64 = rng.sample(StandardNormal);
    let mut until = time[0] + mean * rng.sample::<f64, _>(Exp1);
    let hold = |t: &f64| {
        while *t >= until {
            level = rng.sample(StandardNormal);
            until += mean * rng.sample::<f64, _>(Exp1);
        }
        level
    };
    time.iter().map(hold).collect()
}
