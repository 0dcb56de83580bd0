//! Effective decay times: how fast a perturbation of the network dies out, recurrence included.

use crate::linalg::eigenvalues;
use crate::objective::FitObjective;
use crate::optimizer::SolveFailure;
use nalgebra::{DMatrix, DVector};
use tauscope_dynamics::{ModelKind, RateNetwork};

/// A mode of the network linearised about its mean state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecayTime {
    /// `-1 / Re(eigenvalue)`, in the dataset's time unit; negative where the mode grows.
    pub time: f64,
    /// `2 pi / |Im(eigenvalue)|`; infinite where it does not oscillate.
    pub period: f64,
}

/// The Jacobian of the state (I, then r) at currents `current`.
fn jacobian(network: &RateNetwork, current: &DVector<f64>) -> DMatrix<f64> {
    let n = network.n_units();
    let slope = current.map(|v| network.activation().slope(v));
    let w = &network.parameters().w;
    let (s, r) = (network.decay_s(), network.decay_r());
    match network.model() {
        ModelKind::TwoConstant => DMatrix::from_fn(2 * n, 2 * n, |i, j| match (i < n, j < n) {
            (true, true) if i == j => -s[i],
            (true, false) => s[i] * w[(i, j - n)],
            (false, true) if i - n == j => r[j] * slope[j],
            (false, false) if i == j => -r[i - n],
            _ => 0.0,
        }),
        ModelKind::Rate => DMatrix::from_fn(n, n, |i, j| {
            r[i] * (slope[i] * w[(i, j)] - f64::from(u8::from(i == j)))
        }),
        ModelKind::Current => DMatrix::from_fn(n, n, |i, j| {
            s[i] * (w[(i, j)] * slope[j] - f64::from(u8::from(i == j)))
        }),
    }
}

/// The network, and its currents at the mean rates and inputs of the train trials: `I = W r + U x + b` on average.
pub(super) fn mean_current(
    objective: &FitObjective<'_>,
    theta: &[f64],
) -> Result<(RateNetwork, DVector<f64>), SolveFailure> {
    let at = objective.unpack(theta)?;
    let n = at.network.n_units();
    let (mut rates, mut count) = (DVector::zeros(n), 0.0);
    let (mut inputs, mut samples) = (DVector::zeros(at.network.n_inputs()), 0.0);
    for (batch, solved) in objective
        .train
        .iter()
        .zip(objective.solve_all(&at, &objective.train)?)
    {
        for observation in batch.observations.iter() {
            let of_batch = observation.weighted_rates(&solved.trajectory);
            rates += of_batch.column_sum();
            count += of_batch.ncols() as f64;
        }
        for k in 0..batch.input.time().len() {
            let x = batch.input.sample(k);
            inputs += x.column_sum();
            samples += x.ncols() as f64;
        }
    }
    let p = at.network.parameters();
    let current =
        &p.w * (rates / f64::max(count, 1.0)) + &p.u * (inputs / f64::max(samples, 1.0)) + &p.b;
    Ok((at.network, current))
}

/// The modes about the mean state with currents `current`, slowest first; none where their eigenvalues are not to be found.
pub(super) fn decay_times(network: &RateNetwork, current: &DVector<f64>) -> Vec<DecayTime> {
    let eigenvalues = eigenvalues(&jacobian(network, current)).unwrap_or_default();
    let mut modes: Vec<DecayTime> = eigenvalues
        .iter()
        .map(|value| DecayTime {
            time: -1.0 / value.re,
            period: std::f64::consts::TAU / value.im.abs(),
        })
        .collect();
    let rate = |mode: &DecayTime| 1.0 / mode.time;
    modes.sort_by(|a, b| {
        rate(a)
            .total_cmp(&rate(b))
            .then(a.period.total_cmp(&b.period))
    });
    modes
}
