//! A small network with a smooth input.

use nalgebra::{DMatrix, DVector};
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// tau_s and tau_r of each unit, in s.
pub const TAUS: [[f64; 2]; 4] = [[0.02, 0.09], [0.15, 0.05], [0.06, 0.03], [0.04, 0.2]];

/// All units drive each other and themselves.
pub fn network(activation: Activation, taus: &[[f64; 2]]) -> RateNetwork {
    let n = taus.len();
    let wave = |i: usize, j: usize| (1.0 + 3.0 * i as f64 + 7.0 * j as f64).sin();
    let parameters = Parameters {
        w: DMatrix::from_fn(n, n, |i, j| 0.4 * wave(i, j)),
        u: DMatrix::from_fn(n, 2, |i, j| wave(i + 5, j)),
        b: DVector::from_fn(n, |i, _| 0.3 * wave(i, 4)),
        log_tau_s: DVector::from_fn(n, |i, _| taus[i][0].ln()),
        log_tau_r: DVector::from_fn(n, |i, _| taus[i][1].ln()),
    };
    RateNetwork::new(ModelKind::TwoConstant, activation, parameters)
        .expect("finite parameters of one shape")
}

/// One trial of two inputs, 1 s at 10 ms, straight between samples; they do not begin at zero.
pub fn input() -> InputSignal {
    let time: Vec<f64> = (0..=100).map(|k| 0.01 * f64::from(k)).collect();
    let samples = DMatrix::from_fn(2, time.len(), |i, k| {
        (1.0 + 9.0 * time[k] * (1.0 + i as f64)).sin()
            + 0.5 * (23.0 * time[k] + 2.0 * i as f64).cos()
    });
    let end = time[time.len() - 1];
    InputSignal::new(time, end, samples, 1, Interpolation::Linear).expect("a regular signal")
}
