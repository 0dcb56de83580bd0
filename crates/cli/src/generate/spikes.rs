//! Spikes of generated networks.

use super::spec::Spec;
use super::spike_rule::LinkWord;
use super::teacher::{moments, simulated};
use anyhow::Result;
use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use tauscope_dynamics::{InputSignal, RateNetwork};
use tauscope_fit::observation::Link;

/// Panels of Simpson's rule in a bin: more than a fit takes, so that what it leaves out is in the data.
const PANELS: usize = 4;

/// Counts, and the readout `z = c r + d` of the log rate or rate that made them.
#[derive(Debug)]
pub struct Spikes {
    /// Of each trial, (output, time).
    pub counts: Vec<DMatrix<f64>>,
    /// c by output.
    pub gain: Vec<f64>,
    /// d by output.
    pub offset: Vec<f64>,
}

impl Spikes {
    /// Counts over the length of their bin.
    pub fn rates(&self, time: &[f64]) -> Vec<DMatrix<f64>> {
        let widths = widths(time);
        let over = |counts: &DMatrix<f64>| {
            DMatrix::from_fn(counts.nrows(), counts.ncols(), |output, k| {
                counts[(output, k)] / widths[k]
            })
        };
        self.counts.iter().map(over).collect()
    }
}

/// Of each sample: to the next one, the last as long as the one before.
fn widths(time: &[f64]) -> Vec<f64> {
    let mut widths: Vec<f64> = time.windows(2).map(|pair| pair[1] - pair[0]).collect();
    widths.extend(widths.last().copied());
    widths
}

/// Draws the spikes of each output in the bin that begins at each sample, Poisson about the integral of its rate; `noiseless`:
/// the rates of the network at the samples, (output, time) of each trial.
///
/// # Errors
/// A network that cannot be simulated.
pub fn draw(
    spec: &Spec,
    network: &RateNetwork,
    signal: &InputSignal,
    [current, rate]: &[&DMatrix<f64>; 2],
    noiseless: &[DMatrix<f64>],
    rng: &mut ChaCha8Rng,
) -> Result<Spikes> {
    let (gain, offset) = readout(spec, noiseless);
    let link = link(spec);
    let time = signal.time();
    let widths = widths(time);
    let nodes = 2 * PANELS;
    let node = |k: usize, at: usize| time[k] + widths[k] * at as f64 / nodes as f64;
    let mut t_eval: Vec<f64> = (0..time.len())
        .flat_map(|k| (0..nodes).map(move |at| (k, at)))
        .map(|(k, at)| node(k, at))
        .collect();
    t_eval.push(signal.end());
    let rates = simulated(network, signal, current, rate, &t_eval)?;
    let lambda = |at: usize, output: usize, trial: usize| {
        link.rate(gain[output] * rates[at][(output, trial)] + offset[output])
    };
    let mean = |k: usize, output: usize, trial: usize| {
        let sum: f64 = (0..=nodes)
            .map(|at| simpson(at, nodes) * lambda(k * nodes + at, output, trial))
            .sum();
        sum * widths[k] / (3.0 * nodes as f64)
    };
    let mut counts = Vec::with_capacity(spec.trials);
    for trial in 0..spec.trials {
        let mut of_trial = DMatrix::zeros(spec.n_outputs(), time.len());
        for k in 0..time.len() {
            for output in 0..spec.n_outputs() {
                // a mean of 0 has no distribution of its own
                if let Ok(poisson) = Poisson::new(mean(k, output, trial)) {
                    of_trial[(output, k)] = poisson.sample(rng);
                }
            }
        }
        counts.push(of_trial);
    }
    Ok(Spikes {
        counts,
        gain,
        offset,
    })
}

/// Weight of a node of Simpson's rule, in units of a third of their distance.
fn simpson(at: usize, nodes: usize) -> f64 {
    match at {
        0 => 1.0,
        _ if at == nodes => 1.0,
        _ if at % 2 == 1 => 4.0,
        _ => 2.0,
    }
}

fn link(spec: &Spec) -> Link {
    match spec.spikes.link {
        LinkWord::Softplus => Link::Softplus,
        LinkWord::Exp => Link::Exp,
    }
}

/// c and d such that the rate is the one wished for where a unit is at its mean, and that one standard deviation of the unit
/// changes it by `modulation`, of its logarithm or of the rate itself.
fn readout(spec: &Spec, noiseless: &[DMatrix<f64>]) -> (Vec<f64>, Vec<f64>) {
    let link = link(spec);
    let centre = link.inverse(spec.spikes.rate);
    let change = spec.spikes.modulation * link.scale(spec.spikes.rate);
    (0..spec.n_outputs())
        .map(|output| {
            let (mean, std) = moments(noiseless, output);
            let gain = if std > 0.0 { change / std } else { 0.0 };
            (gain, centre - gain * mean)
        })
        .unzip()
}
