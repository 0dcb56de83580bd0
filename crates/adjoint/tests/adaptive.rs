//! The continuous adjoint against forward sensitivities, which share neither trajectory nor backward solve
//! with it, and both against tighter tolerances.

use nalgebra::{DMatrix, DVector};
use tauscope_adjoint::{
    AdaptiveMethod, Direction, ExponentialMethod, Integrator, StepControl, Tolerances, backward,
    forward, sensitivities,
};
use tauscope_dynamics::{
    Activation, Coordinate, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// Numbers in [-1, 1), reproducible: a linear congruential sequence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }
}

struct Case {
    network: RateNetwork,
    input: InputSignal,
    y0: Vec<f64>,
    t_eval: Vec<f64>,
    cotangents: Vec<f64>,
}

const UNITS: usize = 4;
const INPUTS: usize = 2;
const TRIALS: usize = 3;

/// Irregular samples over 0.6 s, time constants from 20 ms to 0.3 s, evaluation times on and off the samples.
fn case(model: ModelKind, activation: Activation, interpolation: Interpolation, seed: u64) -> Case {
    let mut numbers = Numbers(seed);
    let tau = |present: bool, numbers: &mut Numbers| {
        let n = if present { UNITS } else { 0 };
        DVector::from_fn(n, |_, _| (0.08 * (1.3 * numbers.next()).exp()).ln())
    };
    let parameters = Parameters {
        w: DMatrix::from_fn(UNITS, UNITS, |_, _| 0.8 * numbers.next()),
        u: DMatrix::from_fn(UNITS, INPUTS, |_, _| numbers.next()),
        // relu: far from its kink, which the inputs do not reach
        b: DVector::from_fn(UNITS, |_, _| {
            if activation == Activation::Relu {
                6.0
            } else {
                0.3 * numbers.next()
            }
        }),
        log_tau_s: tau(model.has_tau_s(), &mut numbers),
        log_tau_r: tau(model.has_tau_r(), &mut numbers),
    };
    let mut time = vec![0.0];
    for _ in 0..12 {
        time.push(time[time.len() - 1] + 0.05 * (1.0 + 0.6 * numbers.next()));
    }
    let end = time[time.len() - 1] + 0.02;
    let samples = DMatrix::from_vec(
        INPUTS,
        TRIALS * time.len(),
        numbers.vec(INPUTS * TRIALS * time.len()),
    );
    let mut t_eval = vec![0.0, 0.013, time[3], 0.5 * (time[5] + time[6]), time[9], end];
    t_eval.sort_by(f64::total_cmp);
    let input = InputSignal::new(time, end, samples, TRIALS, interpolation).expect("valid input");
    let network = RateNetwork::new(model, activation, parameters).expect("valid network");
    let start = if activation == Activation::Relu {
        4.0
    } else {
        0.0
    };
    let y0 = (0..network.shape(TRIALS).len())
        .map(|_| start + 0.5 * numbers.next())
        .collect();
    let cotangents = numbers.vec(UNITS * TRIALS * t_eval.len());
    Case {
        network,
        input,
        y0,
        t_eval,
        cotangents,
    }
}

fn coordinates(network: &RateNetwork) -> Vec<Vec<Coordinate>> {
    let units = || 0..network.n_units();
    let mut blocks = vec![
        units()
            .flat_map(|source| units().map(move |unit| Coordinate::Weight { unit, source }))
            .collect(),
        (0..network.n_inputs())
            .flat_map(|input| units().map(move |unit| Coordinate::InputWeight { unit, input }))
            .collect(),
        units().map(|unit| Coordinate::Bias { unit }).collect(),
    ];
    if network.model().has_tau_s() {
        blocks.push(units().map(|unit| Coordinate::LogTauS { unit }).collect());
    }
    if network.model().has_tau_r() {
        blocks.push(units().map(|unit| Coordinate::LogTauR { unit }).collect());
    }
    blocks
}

fn norm(v: impl IntoIterator<Item = f64>) -> f64 {
    v.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The gradient by forward sensitivities, block by block, the initial state last.
fn by_sensitivities(case: &Case, integrator: &Integrator) -> Vec<Vec<f64>> {
    let blocks = coordinates(&case.network);
    let mut directions: Vec<Direction> = blocks
        .iter()
        .flatten()
        .map(|&c| Direction::Entries(vec![(c, 1.0)]))
        .collect();
    for i in 0..case.y0.len() {
        let mut unit = vec![0.0; case.y0.len()];
        unit[i] = 1.0;
        directions.push(Direction::InitialState(unit));
    }
    let s = sensitivities(
        &case.network,
        &case.input,
        &case.y0,
        &directions,
        &case.t_eval,
        integrator,
    )
    .expect("solves");
    let len = UNITS * TRIALS;
    let derivative = |q: usize| -> f64 {
        (0..case.t_eval.len())
            .map(|j| {
                let tangent = &s.at(j)[(1 + q) * len..][..len];
                tangent
                    .iter()
                    .zip(&case.cotangents[j * len..])
                    .map(|(s, c)| s * c)
                    .sum::<f64>()
            })
            .sum()
    };
    let mut next = 0..directions.len();
    let sizes = blocks.iter().map(Vec::len).chain([case.y0.len()]);
    sizes
        .map(|n| next.by_ref().take(n).map(derivative).collect())
        .collect()
}

fn by_adjoint(case: &Case, integrator: &Integrator) -> Vec<Vec<f64>> {
    let trajectory = forward(
        &case.network,
        &case.input,
        &case.y0,
        &case.t_eval,
        integrator,
    )
    .expect("solves");
    let adjoint = backward(
        &case.network,
        &case.input,
        &trajectory,
        &case.cotangents,
        integrator,
    )
    .expect("solves");
    let blocks = coordinates(&case.network);
    let mut gradient: Vec<Vec<f64>> = blocks
        .iter()
        .map(|b| b.iter().map(|&c| adjoint.gradient.get(c)).collect())
        .collect();
    gradient.push(adjoint.initial_state);
    gradient
}

fn worst_block(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| norm(a.iter().zip(b).map(|(a, b)| a - b)) / norm(b.iter().copied()))
        .fold(0.0, f64::max)
}

fn adaptive(method: AdaptiveMethod, rtol: f64) -> Integrator {
    Integrator::Adaptive {
        method,
        tolerances: Tolerances::from_rtol(rtol),
    }
}

const AGREEMENT: f64 = 1e-7;

/// Every method that takes tolerances.
fn all(rtol: f64) -> Vec<Integrator> {
    let exponential = ExponentialMethod::ALL.map(|method| Integrator::Exponential {
        method,
        control: StepControl::Tolerances(Tolerances::from_rtol(rtol)),
    });
    let adaptive = AdaptiveMethod::ALL.map(|method| adaptive(method, rtol));
    adaptive.into_iter().chain(exponential).collect()
}

#[test]
fn adjoint_agrees_with_forward_sensitivities_for_every_model_activation_and_interpolation() {
    let explicit = all(1e-10).into_iter().filter(|integrator| {
        !matches!(integrator, Integrator::Adaptive { method, .. } if method.is_implicit())
    });
    for integrator in explicit {
        for model in ModelKind::ALL {
            for activation in Activation::ALL {
                for interpolation in [Interpolation::Hold, Interpolation::Linear] {
                    let case = case(model, activation, interpolation, 7);
                    let error = worst_block(
                        &by_adjoint(&case, &integrator),
                        &by_sensitivities(&case, &integrator.second_opinion()),
                    );
                    assert!(
                        error < AGREEMENT,
                        "{} {model:?} {activation:?} {interpolation:?}: {error:.1e}",
                        integrator.name()
                    );
                }
            }
        }
    }
}

#[test]
fn every_method_reaches_the_same_gradient() {
    for model in ModelKind::ALL {
        let case = case(model, Activation::Tanh, Interpolation::Linear, 3);
        let reference = by_sensitivities(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-11));
        for integrator in all(1e-10) {
            let error = worst_block(&by_adjoint(&case, &integrator), &reference);
            assert!(
                error < AGREEMENT,
                "{model:?} {}: {error:.1e}",
                integrator.name()
            );
        }
    }
}

#[test]
fn the_error_of_the_gradient_falls_with_the_tolerance_over_four_decades() {
    let case = case(
        ModelKind::TwoConstant,
        Activation::Sigmoid,
        Interpolation::Linear,
        5,
    );
    let reference = by_sensitivities(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-12));
    for (loose, tight) in all(1e-4).into_iter().zip(all(1e-8)) {
        let name = loose.name();
        let error = |integrator| worst_block(&by_adjoint(&case, &integrator), &reference);
        let (loose, tight) = (error(loose), error(tight));
        assert!(
            tight < loose / 100.0 && tight < 1e-5,
            "{name}: {loose:.1e} to {tight:.1e}"
        );
    }
}

#[test]
fn a_dense_direction_is_the_sum_of_its_entries() {
    let case = case(
        ModelKind::TwoConstant,
        Activation::Softplus,
        Interpolation::Linear,
        9,
    );
    let integrator = adaptive(AdaptiveMethod::Tsit45, 1e-9);
    let mut numbers = Numbers(1);
    let mut parameters = case.network.parameters().zeros_like();
    for c in coordinates(&case.network).into_iter().flatten() {
        parameters.set(c, numbers.next());
    }
    let initial_state = numbers.vec(case.y0.len());
    let adjoint = by_adjoint(&case, &integrator);
    let expected: f64 = coordinates(&case.network)
        .iter()
        .zip(&adjoint)
        .flat_map(|(b, g)| b.iter().zip(g).map(|(&c, g)| parameters.get(c) * g))
        .sum::<f64>()
        + adjoint[adjoint.len() - 1]
            .iter()
            .zip(&initial_state)
            .map(|(g, v)| g * v)
            .sum::<f64>();
    let direction = Direction::Dense {
        parameters: Box::new(parameters),
        initial_state,
    };
    let s = sensitivities(
        &case.network,
        &case.input,
        &case.y0,
        &[direction],
        &case.t_eval,
        &integrator,
    )
    .expect("solves");
    let len = UNITS * TRIALS;
    let along: f64 = (0..case.t_eval.len())
        .flat_map(|j| {
            s.at(j)[len..]
                .iter()
                .zip(&case.cotangents[j * len..])
                .map(|(s, c)| s * c)
        })
        .sum();
    assert!(
        (along - expected).abs() < 1e-6 * expected.abs(),
        "{along} {expected}"
    );
}

/// The two halves of an interval differ by round-off of the time since the start, not of their own length: a step of the length
/// of one ends that much before the end of the other, where no further step is possible.
#[test]
fn equal_intervals_are_solved_backwards() {
    let mut case = case(
        ModelKind::TwoConstant,
        Activation::Sigmoid,
        Interpolation::Linear,
        4,
    );
    // with these a step ended 1.1e-16 before the end of an interval
    for seed in [7, 14, 124, 180, 242] {
        let mut numbers = Numbers(seed);
        numbers.next();
        let mut time = vec![0.0];
        for _ in 0..40 {
            let start = time[time.len() - 1];
            let interval = 0.01 * (1.5 * numbers.next()).exp();
            time.extend([start + 0.5 * interval, start + interval]);
        }
        let samples = DMatrix::from_vec(INPUTS, TRIALS * 81, numbers.vec(INPUTS * TRIALS * 81));
        case.t_eval = time.iter().copied().step_by(4).collect();
        let (end, linear) = (time[80], Interpolation::Linear);
        case.input = InputSignal::new(time, end, samples, TRIALS, linear).unwrap();
        case.cotangents = numbers.vec(UNITS * TRIALS * case.t_eval.len());
        let wanted = by_adjoint(&case, &adaptive(AdaptiveMethod::Tsit45, 1e-8));
        for method in [AdaptiveMethod::TrBdf2, AdaptiveMethod::Esdirk34] {
            let found = by_adjoint(&case, &adaptive(method, 1e-5));
            let difference = worst_block(&found, &wanted);
            assert!(difference < 1e-2, "{seed} {method:?}: {difference:e}");
        }
    }
}

#[test]
fn repeated_gradients_have_the_same_bits() {
    let case = case(
        ModelKind::TwoConstant,
        Activation::Sigmoid,
        Interpolation::Hold,
        2,
    );
    let integrator = adaptive(AdaptiveMethod::Tsit45, 1e-6);
    assert_eq!(
        by_adjoint(&case, &integrator),
        by_adjoint(&case, &integrator)
    );
}

#[test]
fn a_network_that_blows_up_is_a_failure_with_time_and_unit() {
    let mut parameters = Parameters::zeros(ModelKind::Rate, 1, 0);
    parameters.w[(0, 0)] = 2e4;
    let network =
        RateNetwork::new(ModelKind::Rate, Activation::Identity, parameters).expect("valid");
    let input = InputSignal::new(
        vec![0.0, 1.0],
        1.0,
        DMatrix::zeros(0, 2),
        1,
        Interpolation::Hold,
    )
    .expect("valid");
    for method in AdaptiveMethod::ALL {
        let error = forward(&network, &input, &[1.0], &[1.0], &adaptive(method, 1e-6))
            .expect_err("exp(20000) is no number");
        let message = error.to_string();
        assert!(message.contains("forward solve"), "{method:?}: {message}");
    }
}
