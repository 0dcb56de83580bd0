//! S2: of linear units only tau_s tau_r and tau_s + tau_r act.

use crate::kernel::{convolved, difference, nodes};
use crate::problem::{TAUS, input, network};
use nalgebra::DVector;
use tauscope_adjoint::{AdaptiveMethod, Integrator, Tolerances, backward, forward};
use tauscope_dynamics::{Activation, InputSignal, RateNetwork, steady_state};

const TIGHT: Integrator = Integrator::Adaptive {
    method: AdaptiveMethod::Tsit45,
    tolerances: Tolerances {
        rtol: 1e-12,
        atol: 1e-14,
    },
};
/// Of two solves at 1e-12, relative to the largest rate.
const SAME: f64 = 1e-10;
const N: usize = TAUS.len();

/// Where a trial begins.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    Zero,
    Steady,
    /// Currents and rates that belong to nothing.
    Anywhere,
}

fn start(kind: Start, network: &RateNetwork, input: &InputSignal) -> Vec<f64> {
    match kind {
        Start::Zero => vec![0.0; 2 * N],
        Start::Steady => steady_state(network, input.sample(0)).unwrap().state,
        Start::Anywhere => (0..2 * N).map(|i| (2.0 + 5.0 * i as f64).sin()).collect(),
    }
}

/// Rates at the samples of the input, (unit) by (sample).
fn rates(network: &RateNetwork, input: &InputSignal, y0: &[f64]) -> Vec<Vec<f64>> {
    let solved = forward(network, input, y0, input.time(), &TIGHT).unwrap();
    let unit = |n: usize| {
        (0..input.time().len())
            .map(|j| solved.rates(j)[n])
            .collect()
    };
    (0..N).map(unit).collect()
}

/// The taus with the pairs of `units` exchanged.
fn exchanged(units: &[usize]) -> [[f64; 2]; N] {
    let mut taus = TAUS;
    units.iter().for_each(|&n| taus[n].swap(0, 1));
    taus
}

/// `I(0) = r(0) + tau_r r'(0)` keeps `r'(0) = (I(0) - r(0)) / tau_r` when tau_r becomes what tau_s was.
fn mapped(y0: &[f64], units: &[usize]) -> Vec<f64> {
    let mut other = y0.to_vec();
    for &n in units {
        let [tau_s, tau_r] = TAUS[n];
        other[n] = y0[N + n] + tau_s * (y0[n] - y0[N + n]) / tau_r;
    }
    other
}

#[test]
fn any_linear_units_may_exchange_their_constants() {
    let input = input();
    let network_of = |taus: &[[f64; 2]]| network(Activation::Identity, taus);
    let before = network_of(&TAUS);
    for units in [&[0][..], &[1], &[2], &[3], &[0, 2], &[0, 1, 2, 3]] {
        let after = network_of(&exchanged(units));
        for kind in [Start::Zero, Start::Steady, Start::Anywhere] {
            let y0 = start(kind, &before, &input);
            let as_before = rates(&before, &input, &y0);
            let off = difference(&as_before, &rates(&after, &input, &mapped(&y0, units)));
            assert!(off < SAME, "{units:?} {kind:?}: {off:e}");
            if kind == Start::Anywhere {
                let unmapped = difference(&as_before, &rates(&after, &input, &y0));
                assert!(unmapped > 1e-3, "{units:?}: {unmapped:e}");
            }
        }
    }
}

#[test]
fn curved_units_may_not() {
    let input = input();
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
        let before = rates(&network(activation, &TAUS), &input, &[0.0; 2 * N]);
        let after = rates(
            &network(activation, &exchanged(&[1])),
            &input,
            &[0.0; 2 * N],
        );
        let off = difference(&before, &after);
        assert!(off > 1e-3, "{activation:?}: {off:e}");
    }
}

/// `product r'' + sum r' = -r + W r + U x + b` from r(0) and r'(0), by the classical Runge-Kutta method with short steps.
fn second_order(
    network: &RateNetwork,
    input: &InputSignal,
    [r0, v0]: [DVector<f64>; 2],
) -> Vec<Vec<f64>> {
    const STEPS: usize = 200;
    let p = network.parameters();
    let (tau_s, tau_r) = (p.log_tau_s.map(f64::exp), p.log_tau_r.map(f64::exp));
    let (product, sum) = (tau_s.component_mul(&tau_r), &tau_s + &tau_r);
    let acceleration = |t: f64, r: &DVector<f64>, v: &DVector<f64>| {
        let x = input.at(t);
        let force = &p.w * r - r + &p.u * x.column(0) + &p.b - sum.component_mul(v);
        force.component_div(&product)
    };
    let (mut r, mut v) = (r0, v0);
    let mut all: Vec<Vec<f64>> = r.iter().map(|value| vec![*value]).collect();
    for pair in input.time().windows(2) {
        let h = (pair[1] - pair[0]) / STEPS as f64;
        for step in 0..STEPS {
            let t = pair[0] + step as f64 * h;
            let a1 = acceleration(t, &r, &v);
            let (r2, v2) = (&r + &v * (0.5 * h), &v + &a1 * (0.5 * h));
            let a2 = acceleration(t + 0.5 * h, &r2, &v2);
            let (r3, v3) = (&r + &v2 * (0.5 * h), &v + &a2 * (0.5 * h));
            let a3 = acceleration(t + 0.5 * h, &r3, &v3);
            let (r4, v4) = (&r + &v3 * h, &v + &a3 * h);
            let a4 = acceleration(t + h, &r4, &v4);
            r += (&v + (&v2 + &v3) * 2.0 + &v4) * (h / 6.0);
            v += (a1 + (a2 + a3) * 2.0 + a4) * (h / 6.0);
        }
        all.iter_mut()
            .zip(r.iter())
            .for_each(|(all, r)| all.push(*r));
    }
    all
}

#[test]
fn the_equation_of_second_order_has_the_same_trajectories() {
    let input = input();
    let network = network(Activation::Identity, &TAUS);
    for kind in [Start::Zero, Start::Steady, Start::Anywhere] {
        let y0 = start(kind, &network, &input);
        let r0 = DVector::from_column_slice(&y0[N..]);
        let v0 = DVector::from_fn(N, |n, _| (y0[n] - y0[N + n]) / TAUS[n][1]);
        let off = difference(
            &rates(&network, &input, &y0),
            &second_order(&network, &input, [r0, v0]),
        );
        assert!(off < SAME, "{kind:?}: {off:e}");
    }
}

/// `d cost / d log tau_s` and `d cost / d log tau_r` for a cost that weighs every rate differently.
fn gradient(network: &RateNetwork, input: &InputSignal, y0: &[f64]) -> [Vec<f64>; 2] {
    let times = input.time();
    let solved = forward(network, input, y0, times, &TIGHT).unwrap();
    let weights: Vec<f64> = (0..N * times.len())
        .map(|i| (1.0 + 0.37 * i as f64).sin())
        .collect();
    let found = backward(network, input, &solved, &weights, &TIGHT)
        .unwrap()
        .gradient;
    [found.log_tau_s, found.log_tau_r].map(|v| v.iter().copied().collect())
}

#[test]
fn the_gradient_along_the_exchange_vanishes_where_the_constants_are_equal() {
    let input = input();
    let equal = [[0.05, 0.05], [0.08, 0.08], [0.03, 0.03], [0.1, 0.1]];
    let along = |activation: Activation, taus: &[[f64; 2]], kind: Start| -> Vec<f64> {
        let network = network(activation, taus);
        let [s, r] = gradient(&network, &input, &start(kind, &network, &input));
        let part = |(s, r): (&f64, &f64)| (s - r).abs() / (s.abs() + r.abs());
        s.iter().zip(&r).map(part).collect()
    };
    for kind in [Start::Zero, Start::Steady] {
        for (unit, part) in along(Activation::Identity, &equal, kind).iter().enumerate() {
            assert!(*part < 1e-8, "{kind:?} unit {unit}: {part:e}");
        }
        // and neither where they differ nor where f is curved
        let apart = along(Activation::Identity, &TAUS, kind);
        let curved = along(Activation::Tanh, &equal, kind);
        for part in apart.iter().chain(&curved) {
            assert!(*part > 1e-4, "{kind:?}: {apart:?} {curved:?}");
        }
    }
}

/// What an exponential filter of time constant `tau` makes of the rate of `unit`, from rest.
fn filtered(network: &RateNetwork, input: &InputSignal, unit: usize, tau: f64) -> Vec<f64> {
    let nodes = nodes(input);
    let times: Vec<f64> = nodes.iter().map(|node| node.time).collect();
    let solved = forward(network, input, &[0.0; 2 * N], &times, &TIGHT).unwrap();
    let rate: Vec<f64> = (0..times.len()).map(|j| solved.rates(j)[unit]).collect();
    convolved(&nodes, &rate, tau, 0.0)
}

/// The network with other constants and another filter of unit 0, which drives nobody where `is_silent`.
fn observed(activation: Activation, is_silent: bool, [s, r, filter]: [f64; 3]) -> Vec<Vec<f64>> {
    let mut taus = TAUS;
    taus[0] = [s, r];
    let full = network(activation, &taus);
    let mut parameters = full.parameters().clone();
    if is_silent {
        parameters.w.column_mut(0).fill(0.0);
    }
    let network = RateNetwork::new(full.model(), activation, parameters).unwrap();
    vec![filtered(&network, &input(), 0, filter)]
}

#[test]
fn an_exponential_filter_of_what_is_observed_is_a_third_pole_where_the_unit_drives_nobody() {
    let (a, b, c) = (0.02, 0.09, 0.05);
    let linear = |is_silent, taus| observed(Activation::Identity, is_silent, taus);
    let orders = [[a, c, b], [b, a, c], [c, b, a], [c, a, b], [b, c, a]];
    for order in orders {
        let off = difference(&linear(true, [a, b, c]), &linear(true, order));
        assert!(off < SAME, "{order:?}: {off:e}");
    }
    let off = difference(&linear(false, [a, b, c]), &linear(false, [c, b, a]));
    assert!(off > 1e-4, "{off:e}");
    // behind a curved f the filter and tau_r are exchanged, tau_s is not
    let curved = |taus| observed(Activation::Sigmoid, true, taus);
    let off = difference(&curved([a, b, c]), &curved([a, c, b]));
    assert!(off < SAME, "{off:e}");
    let off = difference(&curved([a, b, c]), &curved([c, b, a]));
    assert!(off > 1e-4, "{off:e}");
}
