//! Whether the estimated error of a gradient can be believed.

use crate::problem::{Case, Numbers, Spec, spec};
use crate::{adaptive, by_adjoint};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tauscope_adjoint::{
    AdaptiveMethod, ExponentialMethod, FixedStepMethod, Integrator, Refinement, StepControl, Stops,
    Tolerances,
};

const PROBLEMS: usize = 200;
/// How many of them the estimate may miss by more than [`FACTOR`].
const MISSED: usize = PROBLEMS / 20;
const FACTOR: f64 = 10.0;
/// The reference is wrong by less than this; below, there is nothing to estimate.
const NEGLIGIBLE: f64 = 1e-9;

/// A third each ordinary, with relu units that cross their kink, and with a loop up to thirty times faster than its units.
fn problem(runner: &mut TestRunner, index: usize) -> Spec {
    let mut spec = spec().new_tree(runner).expect("a value").current();
    // the reference takes time
    spec.n_units = spec.n_units.min(24);
    match index % 3 {
        1 => (spec.activation, spec.kinked) = (tauscope_dynamics::Activation::Relu, true),
        2 => spec.gain = 10_f64.powf(0.75 * (Numbers(spec.seed ^ 2).next() + 1.0)),
        _ => {}
    }
    if spec.activation == tauscope_dynamics::Activation::Identity {
        // a linear loop that is fast grows beyond all numbers
        spec.gain = 1.0;
    }
    spec
}

/// Every kind of method, at loose and tight tolerances and with steps.
fn integrator(numbers: &mut Numbers) -> Integrator {
    let mut below = |n: usize| (0.5 * (numbers.next() + 1.0) * n as f64) as usize;
    let tolerances = Tolerances::from_rtol([1e-2, 1e-3, 1e-4, 1e-6][below(4)]);
    let step = Some([0.04, 0.01][below(2)]);
    match below(12) {
        0..=2 => Integrator::Exponential {
            method: ExponentialMethod::ExpAdams,
            control: StepControl::Tolerances(tolerances),
        },
        10 => Integrator::Exponential {
            method: ExponentialMethod::ExpBashforth,
            control: StepControl::Tolerances(tolerances),
        },
        11 => Integrator::Exponential {
            method: ExponentialMethod::ExpBashforth,
            control: StepControl::Step(step),
        },
        3..=5 => Integrator::Exponential {
            method: ExponentialMethod::ExpHermite,
            control: StepControl::Tolerances(tolerances),
        },
        6 => Integrator::Exponential {
            method: ExponentialMethod::ExpHermite,
            control: StepControl::Step(step),
        },
        7 => Integrator::FixedStep {
            method: [
                FixedStepMethod::BackwardEuler,
                FixedStepMethod::ExponentialEuler,
            ][below(2)],
            step,
            stops: Stops::Knots,
        },
        _ => Integrator::Adaptive {
            method: AdaptiveMethod::ALL[below(4)],
            tolerances,
        },
    }
}

fn norm(v: impl Iterator<Item = f64>) -> f64 {
    v.map(|v| v * v).sum::<f64>().sqrt()
}

#[test]
fn the_estimated_error_is_within_a_factor_of_ten_for_nineteen_problems_of_twenty() {
    let mut runner = TestRunner::deterministic();
    let mut missed = Vec::new();
    for index in 0..PROBLEMS {
        let spec = problem(&mut runner, index);
        let case = Case::new(&spec);
        let integrator = integrator(&mut Numbers(spec.seed ^ 3));
        let refinement = Refinement::new(&case.input, &case.t_eval, &integrator).expect("one");
        let finer = Case {
            input: refinement.input.clone(),
            ..case.clone()
        };
        let coarse = by_adjoint(&case, &integrator);
        let fine = by_adjoint(&finer, &refinement.integrator);
        let reference = by_adjoint(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-11));
        let (mut estimate, mut error) = (0.0_f64, 0.0_f64);
        for (((_, coarse), (_, fine)), (_, reference)) in coarse.iter().zip(&fine).zip(&reference) {
            estimate = estimate.max(refinement.relative_error(coarse, fine));
            let difference = norm(coarse.iter().zip(reference).map(|(c, r)| c - r));
            if difference > 0.0 {
                error = error.max(difference / norm(reference.iter().copied()));
            }
        }
        let negligible = error < NEGLIGIBLE && estimate < NEGLIGIBLE;
        if !negligible && !(error / FACTOR..=error * FACTOR).contains(&estimate) {
            missed.push(format!(
                "{estimate:.1e} for {error:.1e}: {integrator:?} {spec:?}"
            ));
        }
    }
    println!("{} of {PROBLEMS} missed: {missed:#?}", missed.len());
    assert!(missed.len() <= MISSED, "{missed:#?}");
}
