//! S1: the differential equation of the synaptic current is the convolution with the exponential kernel.

use crate::kernel::{convolved, currents, difference, nodes};
use crate::problem::{TAUS, input, network};
use tauscope_adjoint::{AdaptiveMethod, ExponentialMethod, Integrator, StepControl, Tolerances};
use tauscope_dynamics::{Activation, RateNetwork, steady_state};

/// Errors of a solve may add up to this many tolerances over its steps.
const SOLVE: f64 = 20.0;

fn integrators(rtol: f64) -> [Integrator; 3] {
    let tolerances = Tolerances::from_rtol(rtol);
    [
        Integrator::Adaptive {
            method: AdaptiveMethod::Tsit45,
            tolerances,
        },
        Integrator::Adaptive {
            method: AdaptiveMethod::Bdf,
            tolerances,
        },
        Integrator::Exponential {
            method: ExponentialMethod::ExpHermite,
            control: StepControl::Tolerances(tolerances),
        },
    ]
}

/// Before the start every unit was driven by `a + c exp(s/theta)`, which leaves `a + c theta/(theta + tau_s)`.
fn past_of_a_growing_drive(network: &RateNetwork) -> Vec<f64> {
    let (a, c, theta) = (0.4, -0.9, 0.07);
    let tau = network.parameters().log_tau_s.map(f64::exp);
    tau.iter()
        .map(|tau| a + c * theta / (theta + tau))
        .collect()
}

#[test]
fn a_current_is_the_convolution_of_its_drive_to_solver_tolerance() {
    let input = input();
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Identity] {
        let network = network(activation, &TAUS);
        let steady = steady_state(&network, input.sample(0)).unwrap().state;
        let (at_rest, r0) = steady.split_at(network.n_units());
        let growing = past_of_a_growing_drive(&network);
        for past in [at_rest, &growing] {
            for rtol in [1e-6, 1e-8, 1e-10] {
                for integrator in integrators(rtol) {
                    let found = currents(&network, &input, [past, r0], &integrator).unwrap();
                    let off = difference(&found.solved, &found.convolved);
                    assert!(
                        off < SOLVE * rtol,
                        "{activation:?} {} {rtol:e}: {off:e}",
                        integrator.name()
                    );
                }
            }
        }
    }
}

#[test]
fn a_start_without_the_past_is_off_by_what_the_past_has_left() {
    let (input, rtol) = (input(), 1e-10);
    // nobody listens, so that the rates that drive are the same
    let mut parameters = network(Activation::Sigmoid, &TAUS).parameters().clone();
    parameters.w.fill(0.0);
    let model = tauscope_dynamics::ModelKind::TwoConstant;
    let network = RateNetwork::new(model, Activation::Sigmoid, parameters).unwrap();
    let steady = steady_state(&network, input.sample(0)).unwrap().state;
    let (past, r0) = steady.split_at(network.n_units());
    let nothing = vec![0.0; past.len()];
    let [integrator, ..] = integrators(rtol);
    let with = currents(&network, &input, [past, r0], &integrator).unwrap();
    let without = currents(&network, &input, [&nothing, r0], &integrator).unwrap();
    let nodes = nodes(&input);
    let zeros = vec![0.0; nodes.len()];
    for (n, [tau_s, _]) in TAUS.into_iter().enumerate() {
        let left = convolved(&nodes, &zeros, tau_s, past[n]);
        assert!(left[0].abs() > 0.1, "{left:?}");
        for (k, left) in left.iter().enumerate() {
            let missing = with.convolved[n][k] - without.solved[n][k];
            assert!((missing - left).abs() < SOLVE * rtol, "{missing} {left}");
        }
    }
}
