//! Inputs of generated data.

use super::spec::{InputKind, Spec};
use nalgebra::DMatrix;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, StandardNormal};
use std::f64::consts::TAU;

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

/// Independent uniform numbers in [0, 1), smoothed along time by Savitzky-Golay with window 7 and order 2, times 10.
///
/// # Reference
/// Quax et al. 2020, doi:10.1038/s41598-020-68169-x.
fn smoothed(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let raw: Vec<f64> = (0..n).map(|_| rng.random()).collect();
    savitzky_golay(&raw)
        .into_iter()
        .map(|value| 10.0 * value)
        .collect()
}

/// At every sample the value of the parabola fitted to the seven around it; at both ends, to the outermost seven.
fn savitzky_golay(raw: &[f64]) -> Vec<f64> {
    let smooth = |k: usize| {
        let first = k.saturating_sub(3).min(raw.len() - 7);
        let window = &raw[first..first + 7];
        window
            .iter()
            .enumerate()
            .map(|(j, value)| parabola_weight(k - first, j) * value)
            .sum()
    };
    (0..raw.len()).map(smooth).collect()
}

/// Weight of sample `j` in the fitted parabola's value at sample `i` of seven, from the orthogonal polynomials
/// 1, m and m^2 - 4 on m = -3 .. 3, whose squares sum to 7, 28 and 84.
fn parabola_weight(i: usize, j: usize) -> f64 {
    let (a, b) = (i as f64 - 3.0, j as f64 - 3.0);
    1.0 / 7.0 + a * b / 28.0 + (a * a - 4.0) * (b * b - 4.0) / 84.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_has_the_published_central_weights_and_keeps_parabolas() {
        let central: Vec<f64> = (0..7).map(|j| 21.0 * parabola_weight(3, j)).collect();
        for (weight, published) in central.iter().zip([-2.0, 3.0, 6.0, 7.0, 6.0, 3.0, -2.0]) {
            assert!((weight - published).abs() < 1e-12);
        }
        let parabola: Vec<f64> = (0..12)
            .map(|k| 3.0 - 2.0 * k as f64 + 0.5 * (k * k) as f64)
            .collect();
        for (smooth, exact) in savitzky_golay(&parabola).iter().zip(&parabola) {
            assert!((smooth - exact).abs() < 1e-10);
        }
    }
}
