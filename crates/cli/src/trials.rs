//! Trials of a dataset as the integrator takes them.

use anyhow::Result;
use nalgebra::DMatrix;
use tauscope_dynamics::InputSignal;
use tauscope_fit::dataset::{Dataset, TargetSampling};

/// The inputs of `trials`, integrated to the last evaluation time.
pub fn signal(dataset: &Dataset, trials: &[usize], t_eval: &[f64]) -> Result<InputSignal> {
    let (time, k) = (dataset.time(), trials.len());
    let end = t_eval.iter().copied().fold(time[time.len() - 1], f64::max);
    let samples = DMatrix::from_fn(dataset.n_inputs(), time.len() * k, |input, column| {
        dataset.inputs()[trials[column % k]][(input, column / k)]
    });
    Ok(InputSignal::new(
        time.to_vec(),
        end,
        samples,
        k,
        dataset.interpolation(),
    )?)
}

/// Where predictions are compared with targets: at their times, or in the middle of their bins.
pub fn evaluation_times(dataset: &Dataset) -> Vec<f64> {
    let time = dataset.target_time();
    let width = |k: usize| match (time.get(k + 1), k.checked_sub(1)) {
        (Some(next), _) => next - time[k],
        (None, Some(before)) => time[k] - time[before],
        (None, None) => 0.0,
    };
    match dataset.target_sampling() {
        TargetSampling::Point => time.to_vec(),
        TargetSampling::BinMean => time
            .iter()
            .enumerate()
            .map(|(k, t)| t + 0.5 * width(k))
            .collect(),
    }
}
