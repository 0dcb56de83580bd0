//! A recurrent loop that is fast against the samples: nothing but its own speed limits the steps of exponential methods.

use crate::problem::{Case, Numbers};
use crate::{adaptive, by_adjoint};
use nalgebra::{DMatrix, DVector};
use tauscope_adjoint::{
    AdaptiveMethod, ExponentialMethod, Integrator, Refinement, StepControl, Tolerances,
};
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// Samples of 10 ms for half a second.
const INTERVAL: f64 = 0.01;
const SAMPLES: usize = 51;

/// Two units of 2 ms that inhibit each other and themselves; f' is at most 1 (identity) or 1/4 (sigmoid).
fn case(activation: Activation, gain: f64) -> Case {
    let mut numbers = Numbers(5);
    let log_tau = DVector::from_element(2, 0.002_f64.ln());
    let parameters = Parameters {
        w: DMatrix::from_row_slice(2, 2, &[-gain, -0.2 * gain, 0.1 * gain, -gain]),
        u: DMatrix::from_row_slice(2, 1, &[1.0, -0.5]),
        b: DVector::from_row_slice(&[0.3, 0.6]),
        log_tau_s: log_tau.clone(),
        log_tau_r: log_tau,
    };
    let time: Vec<f64> = (0..SAMPLES).map(|k| k as f64 * INTERVAL).collect();
    let end = time[SAMPLES - 1];
    let x = DMatrix::from_fn(1, SAMPLES, |_, k| (0.4 * k as f64).sin());
    let input = InputSignal::new(time.clone(), end, x, 1, Interpolation::Linear).expect("valid");
    let t_eval = time[1..].to_vec();
    Case {
        network: RateNetwork::new(ModelKind::TwoConstant, activation, parameters).expect("valid"),
        input,
        y0: vec![0.1; 4],
        cotangents: (0..2 * t_eval.len()).map(|_| numbers.next()).collect(),
        t_eval,
    }
}

fn worst(got: &crate::Gradient, wanted: &crate::Gradient) -> f64 {
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let errors = got.iter().zip(wanted).map(|((_, got), (_, wanted))| {
        let difference: Vec<f64> = got.iter().zip(wanted).map(|(g, w)| g - w).collect();
        norm(&difference) / norm(wanted)
    });
    errors.fold(0.0, f64::max)
}

/// Error of the worst block over the tolerance, as for every method elsewhere: 1e-6 at 1e-8.
const MARGIN: f64 = 100.0;

const CASES: [(Activation, f64); 4] = [
    (Activation::Identity, 1.0),
    (Activation::Identity, 8.0),
    (Activation::Identity, 50.0),
    (Activation::Sigmoid, 100.0),
];

#[test]
fn tolerances_resolve_a_loop_that_is_faster_than_the_samples() {
    for (activation, gain) in CASES {
        let case = case(activation, gain);
        let wanted = by_adjoint(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-11));
        for method in ExponentialMethod::ALL {
            for rtol in [1e-3, 1e-5] {
                let control = StepControl::Tolerances(Tolerances::from_rtol(rtol));
                let got = by_adjoint(&case, &Integrator::Exponential { method, control });
                let error = worst(&got, &wanted);
                println!("{activation:?} {gain} {method:?} {rtol:e}: {error:.1e}");
                assert!(
                    error < MARGIN * rtol,
                    "{activation:?}, gain {gain}, {method:?}, rtol {rtol:e}: {error:e}"
                );
            }
        }
    }
}

/// Steps of one sample cannot resolve it, but the estimate of the gradient's error says so.
#[test]
fn a_step_that_is_too_long_for_the_loop_is_told_by_the_estimated_error() {
    for (activation, gain) in [(Activation::Identity, 1.0), (Activation::Sigmoid, 100.0)] {
        let case = case(activation, gain);
        let wanted = by_adjoint(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-11));
        for method in ExponentialMethod::ALL {
            let integrator = Integrator::Exponential {
                method,
                control: StepControl::Step(None),
            };
            let coarse = by_adjoint(&case, &integrator);
            let error = worst(&coarse, &wanted);
            let refinement =
                Refinement::new(&case.input, &case.t_eval, &integrator).expect("there is one");
            let finer = Case {
                input: refinement.input.clone(),
                ..case.clone()
            };
            let fine = by_adjoint(&finer, &refinement.integrator);
            let estimates = coarse
                .iter()
                .zip(&fine)
                .map(|((_, coarse), (_, fine))| refinement.relative_error(coarse, fine));
            let estimate = estimates.fold(0.0, f64::max);
            println!("{activation:?} {gain} {method:?}: {error:.1e}, estimated {estimate:.1e}");
            assert!(error > 1e-3, "the example resolves the loop: {error:e}");
            assert!(
                estimate > 0.1 * error.min(1.0),
                "{method:?}: {error:e}, estimated {estimate:e}"
            );
        }
    }
}
