//! Synaptic currents by direct convolution with the exponential kernel, and currents by their differential equation.
//!
//! `I_n(t) = integral_{-inf}^t K_n(t-s) g_n(s) ds` with `K_n(t) = exp(-t/tau_s)/tau_s` and `g = W r + U x + b`, against
//! `tau_s dI_n/dt = -I_n + g_n` (appendix S1 of Quax, D'Asaro & van Gerven 2020, doi:10.1038/s41598-020-68169-x).

use nalgebra::DVector;
use tauscope_adjoint::{Integrator, SolveError, Trajectory, forward};
use tauscope_dynamics::{InputSignal, RateNetwork};

/// Gauss-Legendre nodes on [-1, 1] with their weights; each stands for both signs.
const GAUSS: [[f64; 2]; 4] = [
    [0.183_434_642_495_649_8, 0.362_683_783_378_362],
    [0.525_532_409_916_329, 0.313_706_645_877_887_3],
    [0.796_666_477_413_626_7, 0.222_381_034_453_374_5],
    [0.960_289_856_497_536_3, 0.101_228_536_290_376_3],
];

/// A time of the quadrature with its weight.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// When.
    pub time: f64,
    /// Its share of an integral, in the time unit.
    pub weight: f64,
}

/// The nodes between neighbouring samples of `input`, where the rates are smooth, and the samples themselves with weight 0.
pub fn nodes(input: &InputSignal) -> Vec<Node> {
    let first = Node {
        time: input.start(),
        weight: 0.0,
    };
    let panel = |pair: &[f64]| {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        let at = |sign: f64, [x, w]: [f64; 2]| Node {
            time: middle + sign * half * x,
            weight: half * w,
        };
        let mut all: Vec<Node> = GAUSS.iter().rev().map(|&g| at(-1.0, g)).collect();
        all.extend(GAUSS.iter().map(|&g| at(1.0, g)));
        all.push(Node {
            time: pair[1],
            weight: 0.0,
        });
        all
    };
    let panels = input.time().windows(2).flat_map(panel);
    std::iter::once(first).chain(panels).collect()
}

/// `exp(-(t - t_0)/tau) past + integral_{t_0}^t exp(-(t - s)/tau)/tau g(s) ds` at every sample of the input, where `values`
/// holds g at `nodes` and `past` is what the time before t_0 has left.
pub fn convolved(nodes: &[Node], values: &[f64], tau: f64, past: f64) -> Vec<f64> {
    let start = nodes[0].time;
    let at = |t: f64| -> f64 {
        let part = |(node, value): (&Node, &f64)| {
            node.weight * value * (-(t - node.time) / tau).exp() / tau
        };
        let until = nodes.iter().zip(values).take_while(|(n, _)| n.time <= t);
        past * (-(t - start) / tau).exp() + until.map(part).sum::<f64>()
    };
    let samples = nodes.iter().filter(|node| node.weight == 0.0);
    samples.map(|node| at(node.time)).collect()
}

/// The currents of one trial at every sample of its input: (unit) by (sample).
pub struct Currents {
    /// By the differential equation.
    pub solved: Vec<Vec<f64>>,
    /// By convolution of what the same rates drive.
    pub convolved: Vec<Vec<f64>>,
}

/// Integrates one trial from the currents `past`, which the time before has left, and rates `r0`; convolves what the rates drive.
///
/// # Errors
/// [`SolveError`] where the network cannot be integrated.
pub fn currents(
    network: &RateNetwork,
    input: &InputSignal,
    [past, r0]: [&[f64]; 2],
    integrator: &Integrator,
) -> Result<Currents, SolveError> {
    let nodes = nodes(input);
    let times: Vec<f64> = nodes.iter().map(|node| node.time).collect();
    let trajectory = forward(network, input, &[past, r0].concat(), &times, integrator)?;
    let drives: Vec<DVector<f64>> = (0..times.len())
        .map(|j| drive(network, input, &trajectory, j))
        .collect();
    let unit = |n: usize| {
        let g: Vec<f64> = drives.iter().map(|drive| drive[n]).collect();
        convolved(&nodes, &g, network.parameters().log_tau_s[n].exp(), past[n])
    };
    let samples = || (0..times.len()).filter(|&j| nodes[j].weight == 0.0);
    let n_units = network.n_units();
    Ok(Currents {
        solved: (0..n_units)
            .map(|n| samples().map(|j| trajectory.state(j)[n]).collect())
            .collect(),
        convolved: (0..n_units).map(unit).collect(),
    })
}

/// `W r + U x + b` at evaluation time `j`.
fn drive(
    network: &RateNetwork,
    input: &InputSignal,
    trajectory: &Trajectory,
    j: usize,
) -> DVector<f64> {
    let p = network.parameters();
    let x = input.at(trajectory.t_eval()[j]);
    &p.w * DVector::from_column_slice(trajectory.rates(j)) + &p.u * x.column(0) + &p.b
}

/// The largest difference, over the largest current.
pub fn difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let all = || a.iter().flatten().zip(b.iter().flatten());
    let largest = all().fold(0.0, |most: f64, (a, _)| most.max(a.abs()));
    all().fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / largest
}
