//! A network with known parameters, and what it does.

use super::spec::{InitialState, Sampling, Scheme, Spec, SpecError};
use super::spike_rule::Observation;
use super::spikes::{self, Spikes};
use super::{inputs, network};
use anyhow::{Context, Result};
use nalgebra::{DMatrix, DVector};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::path::Path;
use tauscope_adjoint::{AdaptiveMethod, Integrator, Tolerances, forward};
use tauscope_dynamics::{InputSignal, Parameters, RateNetwork, steady_state};
use tauscope_fit::dataset::Split;

/// Tolerances of the simulation in continuous time.
const TOLERANCES: Tolerances = Tolerances {
    rtol: 1e-10,
    atol: 1e-12,
};

/// Standard deviation of the logarithm of irregular intervals.
const IRREGULARITY: f64 = 0.5;

/// A generated network with its data.
#[derive(Debug)]
pub struct Teacher {
    pub parameters: Parameters,
    /// Sample times.
    pub time: Vec<f64>,
    /// Inputs of each trial, (input, time).
    pub inputs: Vec<DMatrix<f64>>,
    /// Initial currents, (unit, trial).
    pub current: DMatrix<f64>,
    /// Initial rates, (unit, trial).
    pub rate: DMatrix<f64>,
    /// What is observed of each trial, (output, time), with noise.
    pub targets: Vec<DMatrix<f64>>,
    /// Standard deviation of the noise, by output.
    pub noise: Vec<f64>,
    /// What each trial is for.
    pub split: Vec<Split>,
    /// Where spikes are observed: then targets are counts over the length of their bin.
    pub spikes: Option<Spikes>,
}

/// A stream of random numbers for each purpose: another input leaves the network as it is.
fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

/// Draws network, inputs and noise from `seed`, and simulates.
///
/// # Errors
/// [`SpecError`] where the specification cannot be met; a network that has no steady state or cannot be simulated.
pub fn make(spec: &Spec, path: &Path, seed: u64) -> Result<Teacher> {
    let parameters = parameters(spec, path, seed)?;
    let time = sample_times(spec, &mut stream(seed, 3));
    let mut rng = stream(seed, 4);
    let inputs: Vec<_> = (0..spec.trials)
        .map(|_| inputs::draw(spec, &time, &mut rng))
        .collect();
    let network = RateNetwork::new(spec.model, spec.activation, parameters.clone())?;
    let signal = signal(spec, &time, &inputs)?;
    let (current, rate) = initial_state(spec, &network, &signal, &mut stream(seed, 5))?;
    let rates = match spec.method {
        Scheme::Continuous => continuous(&network, &signal, &current, &rate)?,
        Scheme::EulerSequential => euler_sequential(spec, &network, &signal, &current, &rate),
    };
    let mut targets = by_trial(&rates, spec.trials, spec.n_outputs());
    let noise = add_noise(spec, &mut targets, &mut stream(seed, 6));
    let spikes = match spec.observation {
        Observation::Gaussian => None,
        Observation::Poisson => {
            let drawn = spikes::draw(
                spec,
                &network,
                &signal,
                &[&current, &rate],
                &targets,
                &mut stream(seed, 8),
            )?;
            targets = drawn.rates(&time);
            Some(drawn)
        }
    };
    let split = draw_split(spec, &mut stream(seed, 7));
    Ok(Teacher {
        parameters,
        time,
        inputs,
        current,
        rate,
        targets,
        noise,
        split,
        spikes,
    })
}

fn parameters(spec: &Spec, path: &Path, seed: u64) -> Result<Parameters, SpecError> {
    let mut parameters = network::draw(spec, path, &mut stream(seed, 1), &mut stream(seed, 2))?;
    if let (Some(s), Some(r)) = (&spec.tau.alpha_s, &spec.tau.alpha_r) {
        let log_tau = |alpha: Vec<f64>| {
            DVector::from_iterator(alpha.len(), alpha.iter().map(|a| (spec.interval / a).ln()))
        };
        parameters.log_tau_s = log_tau(s.by_unit(spec.units));
        parameters.log_tau_r = log_tau(r.by_unit(spec.units));
    }
    Ok(parameters)
}

fn sample_times(spec: &Spec, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n = spec.n_samples();
    if spec.sampling == Sampling::Regular {
        return (0..n).map(|k| k as f64 * spec.interval).collect();
    }
    // minus half the variance of the logarithm: the mean interval stays as given
    let shift = -0.5 * IRREGULARITY * IRREGULARITY;
    let mut time = vec![0.0];
    while time.len() < n {
        let factor = (shift + IRREGULARITY * rng.sample::<f64, _>(StandardNormal)).exp();
        time.push(time[time.len() - 1] + spec.interval * factor);
    }
    time
}

fn signal(spec: &Spec, time: &[f64], inputs: &[DMatrix<f64>]) -> Result<InputSignal> {
    let (n, trials) = (time.len(), inputs.len());
    let samples = DMatrix::from_fn(spec.inputs, n * trials, |i, column| {
        inputs[column % trials][(i, column / trials)]
    });
    // counts go on for one bin, for which the last input lasts
    let end = match spec.observation {
        Observation::Gaussian => time[n - 1],
        Observation::Poisson => 2.0 * time[n - 1] - time[n - 2],
    };
    Ok(InputSignal::new(
        time.to_vec(),
        end,
        samples,
        trials,
        spec.input.interpolation,
    )?)
}

/// Currents and rates, (unit, trial).
fn initial_state(
    spec: &Spec,
    network: &RateNetwork,
    signal: &InputSignal,
    rng: &mut ChaCha8Rng,
) -> Result<(DMatrix<f64>, DMatrix<f64>)> {
    let zeros = DMatrix::zeros(spec.units, spec.trials);
    let current = match spec.initial_state {
        InitialState::Zero => return Ok((zeros.clone(), zeros)),
        InitialState::Shared => {
            let std = (2.0 / spec.units as f64).sqrt();
            let shared = DVector::from_fn(spec.units, |_, _| {
                std * rng.sample::<f64, _>(StandardNormal)
            });
            DMatrix::from_fn(spec.units, spec.trials, |unit, _| shared[unit])
        }
        InitialState::Steady => {
            let context = "the network has no steady state that Newton's method finds; take initial_state = \"zero\" or another seed";
            let steady = steady_state(network, signal.sample(0)).context(context)?;
            let rates = network_rates(network, &steady.state, spec.trials);
            // at an equilibrium the current is what drives the unit, in all three models
            let drive =
                &network.parameters().w * &rates + &network.parameters().u * signal.sample(0);
            DMatrix::from_fn(spec.units, spec.trials, |unit, trial| {
                drive[(unit, trial)] + network.parameters().b[unit]
            })
        }
    };
    let rate = current.map(|current| spec.activation.value(current));
    Ok((current, rate))
}

fn network_rates(network: &RateNetwork, state: &[f64], trials: usize) -> DMatrix<f64> {
    let mut rates = DMatrix::zeros(network.n_units(), trials);
    network.rates(state, rates.as_mut_slice());
    rates
}

/// Rates at all samples, (unit, trial) each.
fn continuous(
    network: &RateNetwork,
    signal: &InputSignal,
    current: &DMatrix<f64>,
    rate: &DMatrix<f64>,
) -> Result<Vec<DMatrix<f64>>> {
    simulated(network, signal, current, rate, signal.time())
}

/// Rates at the times `t_eval` in continuous time, (unit, trial) each.
pub(super) fn simulated(
    network: &RateNetwork,
    signal: &InputSignal,
    current: &DMatrix<f64>,
    rate: &DMatrix<f64>,
    t_eval: &[f64],
) -> Result<Vec<DMatrix<f64>>> {
    let shape = network.shape(signal.n_trials());
    let mut y0 = vec![0.0; shape.len()];
    if network.model().has_tau_s() {
        y0[shape.currents()].copy_from_slice(current.as_slice());
    }
    if network.model().has_tau_r() {
        y0[shape.rates()].copy_from_slice(rate.as_slice());
    }
    let integrator = Integrator::Adaptive {
        method: AdaptiveMethod::Tsit45,
        tolerances: TOLERANCES,
    };
    let trajectory =
        forward(network, signal, &y0, t_eval, &integrator).context("the generated network")?;
    let block =
        |j| DMatrix::from_column_slice(network.n_units(), signal.n_trials(), trajectory.rates(j));
    Ok((0..t_eval.len()).map(block).collect())
}

/// The discrete model: `I_t = (1 - alpha_s) I_{t-1} + alpha_s (W r_{t-1} + U x_t + b)`, then
/// `r_t = (1 - alpha_r) r_{t-1} + alpha_r f(I_t)` with the new current.
///
/// # Reference
/// Quax et al. 2020, doi:10.1038/s41598-020-68169-x.
fn euler_sequential(
    spec: &Spec,
    network: &RateNetwork,
    signal: &InputSignal,
    current: &DMatrix<f64>,
    rate: &DMatrix<f64>,
) -> Vec<DMatrix<f64>> {
    let alpha = |decay: &[f64]| {
        DVector::from_iterator(decay.len(), decay.iter().map(|d| spec.interval * d))
    };
    let (alpha_s, alpha_r) = (alpha(network.decay_s()), alpha(network.decay_r()));
    let p = network.parameters();
    let (mut current, mut rate) = (current.clone(), rate.clone());
    let mut rates = vec![rate.clone()];
    for k in 1..signal.time().len() {
        let drive = &p.w * &rate + &p.u * signal.sample(k);
        for trial in 0..spec.trials {
            for unit in 0..spec.units {
                let at = (unit, trial);
                current[at] += alpha_s[unit] * (drive[at] + p.b[unit] - current[at]);
                rate[at] += alpha_r[unit] * (spec.activation.value(current[at]) - rate[at]);
            }
        }
        rates.push(rate.clone());
    }
    rates
}

/// From (unit, trial) at every sample to (output, time) of every trial.
fn by_trial(rates: &[DMatrix<f64>], trials: usize, n_outputs: usize) -> Vec<DMatrix<f64>> {
    let of = |trial| {
        DMatrix::from_fn(n_outputs, rates.len(), |output, k: usize| {
            rates[k][(output, trial)]
        })
    };
    (0..trials).map(of).collect()
}

/// Adds normal noise and says its standard deviation by output.
fn add_noise(spec: &Spec, targets: &mut [DMatrix<f64>], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let std: Vec<f64> = (0..spec.n_outputs())
        .map(|output| spec.noise * deviation(targets, output))
        .collect();
    if spec.noise > 0.0 {
        for target in targets.iter_mut() {
            for mut sample in target.column_iter_mut() {
                for (value, std) in sample.iter_mut().zip(&std) {
                    *value += std * rng.sample::<f64, _>(StandardNormal);
                }
            }
        }
    }
    std
}

/// Standard deviation of an output over all trials and samples.
fn deviation(targets: &[DMatrix<f64>], output: usize) -> f64 {
    moments(targets, output).1
}

/// Mean and standard deviation of an output over all trials and samples.
pub(super) fn moments(targets: &[DMatrix<f64>], output: usize) -> (f64, f64) {
    let values = || {
        targets
            .iter()
            .flat_map(|target| target.row(output).iter().copied().collect::<Vec<_>>())
    };
    let n = values().count() as f64;
    let mean = values().sum::<f64>() / n;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// Parts of the trials by their fractions, in random order; from three trials on, a part that is wanted has one at least.
fn draw_split(spec: &Spec, rng: &mut ChaCha8Rng) -> Vec<Split> {
    let n = spec.trials;
    let count = |fraction: f64| {
        let rounded = (fraction * n as f64).round() as usize;
        if fraction > 0.0 && n >= 3 {
            rounded.max(1)
        } else {
            rounded
        }
    };
    let valid = count(spec.split[1]).min(n - 1);
    let test = count(spec.split[2]).min(n - 1 - valid);
    let mut split = vec![Split::Train; n];
    split[..valid].fill(Split::Valid);
    split[valid..valid + test].fill(Split::Test);
    split.shuffle(rng);
    split
}
