use super::fitted::Fitted;
use anyhow::Result;
use nalgebra::DMatrix;
use rayon::prelude::*;
use tauscope_adjoint::{Integrator, forward};
use tauscope_fit::batch::{Stride, TrialBatch};
use tauscope_fit::dataset::Dataset;
use thiserror::Error;

/// What a network does, trial by trial, row by row; NaN beyond the end of a trial, and at times that a step of several sample
/// intervals leaps over.
#[derive(Debug)]
pub struct Simulation {
    /// (trial, time, unit)
    pub rates: Vec<f64>,
    /// (trial, time, unit); empty where the model has none.
    pub currents: Vec<f64>,
    /// (trial, target_time, output)
    pub prediction: Vec<f64>,
    pub rhs_evaluations: u64,
}

/// A trial that could not be simulated.
#[derive(Debug, Error)]
#[error(
    "trial {trial} (label {label}): {reason}; choose another --method or --rtol, or fit again where the network grows without bound"
)]
struct TrialFailed {
    trial: usize,
    label: String,
    reason: anyhow::Error,
}

/// Simulates all trials, each on its own, and predicts every target as a fit does.
///
/// # Errors
/// The first trial whose solve fails.
pub fn all_trials(
    fitted: &Fitted,
    dataset: &Dataset,
    integrator: &Integrator,
    stride: Stride,
) -> Result<Simulation> {
    let labels = dataset.trial_labels().texts();
    let one = |trial: usize| {
        trial_alone(fitted, dataset, trial, integrator, stride).map_err(|reason| TrialFailed {
            trial,
            label: labels[trial].clone(),
            reason,
        })
    };
    // collected before the first failure is returned: which one that is does not depend on threads
    let parts: Vec<_> = (0..dataset.n_trials()).into_par_iter().map(one).collect();
    let mut all = Simulation {
        rates: Vec::new(),
        currents: Vec::new(),
        prediction: Vec::new(),
        rhs_evaluations: 0,
    };
    for part in parts {
        let part = part?;
        all.rates.extend(part.rates);
        all.currents.extend(part.currents);
        all.prediction.extend(part.prediction);
        all.rhs_evaluations += part.rhs_evaluations;
    }
    Ok(all)
}

fn trial_alone(
    fitted: &Fitted,
    dataset: &Dataset,
    trial: usize,
    integrator: &Integrator,
    stride: Stride,
) -> Result<Simulation> {
    let blank = |rows: usize, columns: usize| DMatrix::from_element(rows, columns, f64::NAN);
    let (times, currents_at) = (dataset.time(), fitted.network.shape(1).currents());
    let mut rates = blank(fitted.network.n_units(), times.len());
    let mut currents = blank(currents_at.len(), times.len());
    let mut prediction = blank(fitted.n_outputs, dataset.target_time().len());
    let mut rhs_evaluations = 0;
    for batch in TrialBatch::cut(dataset, &[trial], 1, integrator, stride, true)? {
        let batch = batch.with_samples();
        let y0 = fitted.initial_state(trial, &batch.input)?;
        let trajectory = forward(
            &fitted.network,
            &batch.input,
            &y0,
            &batch.t_eval,
            integrator,
        )?;
        for sample in batch.input.time() {
            let (j, k) = (position(&batch.t_eval, *sample), position(times, *sample));
            rates.column_mut(k).copy_from_slice(trajectory.rates(j));
            currents
                .column_mut(k)
                .copy_from_slice(&trajectory.state(j)[currents_at.clone()]);
        }
        for observation in batch.observations.iter() {
            prediction
                .column_mut(observation.target)
                .copy_from_slice(&fitted.expected(&trajectory, observation));
        }
        rhs_evaluations += trajectory.statistics.rhs_evaluations;
    }
    Ok(Simulation {
        rates: rates.data.into(),
        currents: currents.data.into(),
        prediction: prediction.data.into(),
        rhs_evaluations,
    })
}

/// Where `time`, which is one of the sorted `times`, lies.
fn position(times: &[f64], time: f64) -> usize {
    times.partition_point(|before| *before < time)
}
