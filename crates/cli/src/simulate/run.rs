use super::fitted::Fitted;
use crate::trials::{evaluation_times, signal};
use anyhow::{Context, Result};
use rayon::prelude::*;
use tauscope_adjoint::{Integrator, Trajectory, forward};
use tauscope_dynamics::Interpolation;
use tauscope_fit::dataset::Dataset;

/// What a network does, trial by trial, row by row; NaN beyond the end of a trial.
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

/// Simulates all trials, each on its own.
///
/// # Errors
/// The first trial whose solve fails.
pub fn all_trials(
    fitted: &Fitted,
    dataset: &Dataset,
    integrator: &Integrator,
) -> Result<Simulation> {
    let labels = dataset.trial_labels().texts();
    let one = |trial: usize| {
        trial_alone(fitted, dataset, trial, integrator)
            .with_context(|| format!("trial {}", labels[trial]))
    };
    let parts = (0..dataset.n_trials())
        .into_par_iter()
        .map(one)
        .collect::<Result<Vec<_>>>()?;
    let mut all = Simulation {
        rates: Vec::new(),
        currents: Vec::new(),
        prediction: Vec::new(),
        rhs_evaluations: 0,
    };
    for part in parts {
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
) -> Result<Simulation> {
    let targets_at = evaluation_times(dataset);
    let input = signal(dataset, &[trial], &targets_at)?;
    let y0 = fitted.initial_state(trial, &input)?;
    let times = union(dataset.time(), &targets_at);
    let trajectory = forward(&fitted.network, &input, &y0, &times, integrator)?;
    let end = end_of_trial(dataset, trial);
    let mut simulation = Simulation {
        rates: Vec::new(),
        currents: Vec::new(),
        prediction: Vec::new(),
        rhs_evaluations: trajectory.statistics.rhs_evaluations,
    };
    let length = dataset.trial(trial).length;
    for (k, time) in dataset.time().iter().enumerate() {
        let j = position(&times, *time);
        simulation.rates.extend(if k < length {
            trajectory.rates(j).to_vec()
        } else {
            missing(fitted.network.n_units())
        });
        simulation
            .currents
            .extend(currents(fitted, &trajectory, j, k < length));
    }
    for time in &targets_at {
        let rates = trajectory.rates(position(&times, *time));
        simulation.prediction.extend(if *time < end {
            fitted.outputs(rates)
        } else {
            missing(fitted.n_outputs)
        });
    }
    Ok(simulation)
}

fn missing(count: usize) -> Vec<f64> {
    vec![f64::NAN; count]
}

fn currents(fitted: &Fitted, trajectory: &Trajectory, j: usize, exists: bool) -> Vec<f64> {
    let range = fitted.network.shape(1).currents();
    if exists {
        trajectory.state(j)[range].to_vec()
    } else {
        missing(range.len())
    }
}

/// The first time at which nothing is known of the trial any more.
fn end_of_trial(dataset: &Dataset, trial: usize) -> f64 {
    let length = dataset.trial(trial).length;
    match (dataset.time().get(length), dataset.interpolation()) {
        (None, _) => f64::INFINITY,
        (Some(next), Interpolation::Hold) => *next,
        (Some(_), Interpolation::Linear) => dataset.time()[length - 1].next_up(),
    }
}

/// All times of both sorted lists, once each.
fn union(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut times = [a, b].concat();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// Where `time`, which is one of `times`, lies.
fn position(times: &[f64], time: f64) -> usize {
    times.partition_point(|before| *before < time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_union_has_every_time_once_and_finds_it() {
        let times = union(&[0.0, 1.0, 2.0], &[0.5, 1.0, 2.5]);
        assert_eq!(times, [0.0, 0.5, 1.0, 2.0, 2.5]);
        assert_eq!((position(&times, 0.5), position(&times, 2.5)), (1, 4));
    }
}
