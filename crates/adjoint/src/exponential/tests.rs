//! What a solve from outside cannot see: which programs its steps ran.

use super::scheme::StepKind;
use super::tape::StepTape;
use crate::forward::Tape;
use crate::{
    AdaptiveMethod, Direction, ExponentialMethod, Integrator, Refinement, StepControl, Tolerances,
    Trajectory, backward, forward, sensitivities,
};
use nalgebra::DMatrix;
use tauscope_dynamics::{
    Activation, Coordinate, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

const UNITS: usize = 3;
const TRIALS: usize = 2;
const SAMPLES: usize = 160;

fn network() -> RateNetwork {
    let wave = |i: usize, j: usize| (1.3 * i as f64 + 2.1 * j as f64).sin();
    let parameters = Parameters {
        w: DMatrix::from_fn(UNITS, UNITS, wave),
        u: DMatrix::from_fn(UNITS, 1, |i, j| 2.0 * wave(i + 1, j)),
        b: vec![0.1, -0.2, 0.3].into(),
        log_tau_s: [0.1_f64, 0.2, 0.05].map(f64::ln).to_vec().into(),
        log_tau_r: [0.07_f64, 0.15, 0.3].map(f64::ln).to_vec().into(),
    };
    RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters).unwrap()
}

/// A slow wave, and a pulse of a few samples that no long step passes.
fn input() -> InputSignal {
    let time: Vec<f64> = (0..SAMPLES).map(|k| 0.01 * k as f64).collect();
    let end = time[SAMPLES - 1];
    let x = DMatrix::from_fn(1, TRIALS * SAMPLES, |_, column| {
        let (trial, k) = (column % TRIALS, column / TRIALS);
        let pulse = if (80..84).contains(&k) { 400.0 } else { 0.0 };
        (0.02 * k as f64 + trial as f64).sin() + pulse
    });
    InputSignal::new(time, end, x, TRIALS, Interpolation::Linear).unwrap()
}

fn loose() -> Integrator {
    Integrator::Exponential {
        method: ExponentialMethod::ExpAdams,
        control: StepControl::Tolerances(Tolerances::from_rtol(3e-4)),
    }
}

fn tape(trajectory: &Trajectory) -> &StepTape {
    match &trajectory.tape {
        Tape::Exponential(tape) => tape,
        _ => unreachable!("the tape of an exponential method"),
    }
}

#[test]
fn slow_stretches_are_extrapolated_two_at_once_and_a_pulse_is_corrected() {
    let (network, input) = (network(), input());
    let t_eval = input.time().to_vec();
    let y0 = vec![0.2; 2 * UNITS * TRIALS];
    let trajectory = forward(&network, &input, &y0, &t_eval, &loose()).unwrap();
    let steps = &tape(&trajectory).steps;
    let kinds = |from: f64, to: f64| -> Vec<StepKind> {
        let within = steps.iter().filter(|s| s.t1 > from && s.t1 < to);
        within.map(|s| s.geometry.kind).collect()
    };
    // one sample at a time comes first
    assert!(kinds(0.0, 0.5).contains(&StepKind::Extrapolated));
    let slow = kinds(0.5, 0.79);
    assert_eq!(slow, vec![StepKind::Double; slow.len()]);
    assert!(slow.len() <= 15);
    let pulse = kinds(0.79, 0.85);
    assert!(
        pulse.contains(&StepKind::AdamsAfterExtrapolated),
        "{pulse:?}"
    );
    assert!(pulse.contains(&StepKind::Adams));
}

/// A drive that bends is taken exactly: without recurrence, currents are those of steps that end at every sample, at the ends of
/// double steps and in their middles.
#[test]
fn currents_of_double_steps_are_exact_without_recurrence() {
    let mut parameters = network().parameters().clone();
    parameters.w.fill(0.0);
    let network =
        RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters).unwrap();
    let input = input();
    let t_eval = input.time().to_vec();
    let y0 = vec![0.2; 2 * UNITS * TRIALS];
    let solve = |control| {
        let integrator = Integrator::Exponential {
            method: ExponentialMethod::ExpAdams,
            control,
        };
        forward(&network, &input, &y0, &t_eval, &integrator).unwrap()
    };
    let single = solve(StepControl::Step(None));
    let currents = UNITS * TRIALS;
    for (rtol, double) in [(1e-2, StepKind::Double), (1e-3, StepKind::AdamsDouble)] {
        let loose = solve(StepControl::Tolerances(Tolerances::from_rtol(rtol)));
        assert!(count(&loose, double) > SAMPLES / 4);
        for j in 0..t_eval.len() {
            let (a, b) = (&loose.state(j)[..currents], &single.state(j)[..currents]);
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= 1e-13 * (1.0 + b.abs()), "{j}: {a} {b}");
            }
        }
    }
}

/// Steps of that kind.
fn count(trajectory: &Trajectory, kind: StepKind) -> usize {
    let steps = tape(trajectory).steps.iter();
    steps.filter(|step| step.geometry.kind == kind).count()
}

/// The steps are the same ones, so both are derivatives of the same numbers.
fn assert_transpose(network: &RateNetwork, input: &InputSignal, integrator: &Integrator) {
    let t_eval = input.time().to_vec();
    let y0 = vec![0.2; network.shape(TRIALS).len()];
    let block = UNITS * TRIALS;
    let cotangents: Vec<f64> = (0..block * t_eval.len())
        .map(|i| (0.7 * i as f64).cos())
        .collect();
    let trajectory = forward(network, input, &y0, &t_eval, integrator).unwrap();
    let adjoint = backward(network, input, &trajectory, &cotangents, integrator).unwrap();
    let by_unit = |of: fn(usize) -> Coordinate| (0..UNITS).map(of).collect::<Vec<_>>();
    let weights = (0..UNITS).flat_map(|s| (0..UNITS).map(move |u| (u, s)));
    let blocks: [Vec<Coordinate>; 5] = [
        weights
            .map(|(unit, source)| Coordinate::Weight { unit, source })
            .collect(),
        by_unit(|unit| Coordinate::InputWeight { unit, input: 0 }),
        by_unit(|unit| Coordinate::Bias { unit }),
        by_unit(|unit| Coordinate::LogTauS { unit }),
        by_unit(|unit| Coordinate::LogTauR { unit }),
    ];
    for (coordinates, gradient) in blocks.iter().zip(adjoint.gradient.blocks()) {
        if gradient.is_empty() {
            continue;
        }
        let directions: Vec<_> = coordinates
            .iter()
            .map(|&c| Direction::Entries(vec![(c, 1.0)]))
            .collect();
        let s = sensitivities(network, input, &y0, &directions, &t_eval, integrator).unwrap();
        let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for (q, gradient) in gradient.iter().enumerate() {
            let derivative: f64 = (0..t_eval.len())
                .map(|j| {
                    let tangent = &s.at(j)[(1 + q) * block..][..block];
                    let weights = &cotangents[j * block..][..block];
                    tangent.iter().zip(weights).map(|(t, c)| t * c).sum::<f64>()
                })
                .sum();
            assert!((derivative - gradient).abs() <= 1e-12 * scale);
        }
    }
}

#[test]
fn the_gradient_over_all_kinds_of_steps_is_the_transpose_of_the_tangent() {
    assert_transpose(&network(), &input(), &loose());
    // double steps that are corrected, single ones where the pulse begins and ends
    let corrected = exp_adams(1e-3);
    let y0 = vec![0.2; 2 * UNITS * TRIALS];
    let trajectory = forward(&network(), &input(), &y0, input().time(), &corrected).unwrap();
    assert!(count(&trajectory, StepKind::AdamsDouble) > SAMPLES / 4);
    assert!(count(&trajectory, StepKind::Adams) > 8);
    assert_transpose(&network(), &input(), &corrected);
}

#[test]
fn many_directions_are_those_that_each_is_alone() {
    let (network, input) = (network(), input());
    let t_eval = [0.3, 0.85, 1.5];
    let y0 = vec![0.2; 2 * UNITS * TRIALS];
    let block = UNITS * TRIALS;
    let direction = |k: usize| match k % 3 {
        0 => Direction::Entries(vec![(
            Coordinate::Weight {
                unit: k % UNITS,
                source: (k / 3) % UNITS,
            },
            1.0 + k as f64,
        )]),
        1 => Direction::Entries(vec![(Coordinate::LogTauS { unit: k % UNITS }, 1.0)]),
        _ => Direction::InitialState((0..2 * block).map(|i| ((i + k) as f64).sin()).collect()),
    };
    // several groups of those that are carried together
    let all: Vec<Direction> = (0..500).map(direction).collect();
    let found = |directions: &[Direction]| {
        sensitivities(&network, &input, &y0, directions, &t_eval, &loose()).unwrap()
    };
    let together = found(&all);
    for k in [0, 1, 250, 498, 499] {
        let alone = found(&all[k..=k]);
        for j in 0..t_eval.len() {
            let (one, of_many) = (
                &alone.at(j)[block..],
                &together.at(j)[(1 + k) * block..][..block],
            );
            let largest = one.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            assert!(largest > 0.0);
            for (a, b) in one.iter().zip(of_many) {
                assert!((a - b).abs() <= 1e-13 * largest, "{k} at {j}: {a} {b}");
            }
        }
    }
}

/// A slow wave over equal sample intervals, or over intervals that differ by up to a factor of three; with `inputs` 0 none at all.
fn wave(inputs: usize, interpolation: Interpolation, is_regular: bool) -> InputSignal {
    let jitter = |k: usize| {
        if is_regular {
            0.0
        } else {
            0.5 * (2.4 * k as f64).sin()
        }
    };
    let time: Vec<f64> = (0..SAMPLES)
        .map(|k| 0.01 * (k as f64 + 0.5 * jitter(k)))
        .collect();
    let at = |column: usize| time[column / TRIALS] + (column % TRIALS) as f64;
    let x = DMatrix::from_fn(inputs, TRIALS * SAMPLES, |_, column| {
        (3.0 * at(column)).sin()
    });
    InputSignal::new(time.clone(), time[SAMPLES - 1], x, TRIALS, interpolation).unwrap()
}

fn with_inputs(inputs: usize) -> RateNetwork {
    let mut parameters = network().parameters().clone();
    parameters.u = parameters.u.columns(0, inputs).into_owned();
    RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters).unwrap()
}

fn exp_adams(rtol: f64) -> Integrator {
    Integrator::Exponential {
        method: ExponentialMethod::ExpAdams,
        control: StepControl::Tolerances(Tolerances::from_rtol(rtol)),
    }
}

fn relative(a: &[f64], b: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    difference / norm(&mut b.iter().copied()).max(f64::MIN_POSITIVE)
}

/// Rates at all samples and the gradient, against a tight solve by another method.
fn errors(network: &RateNetwork, input: &InputSignal, integrator: &Integrator) -> [f64; 2] {
    let t_eval = input.time().to_vec();
    let y0: Vec<f64> = (0..network.shape(TRIALS).len())
        .map(|i| 0.2 + 0.1 * (i as f64).sin())
        .collect();
    let cotangents: Vec<f64> = (0..UNITS * TRIALS * t_eval.len())
        .map(|i| 1.0 + 0.5 * (0.01 * i as f64).cos())
        .collect();
    let solve = |integrator: &Integrator| {
        let trajectory = forward(network, input, &y0, &t_eval, integrator).unwrap();
        let adjoint = backward(network, input, &trajectory, &cotangents, integrator).unwrap();
        let rates: Vec<f64> = (0..t_eval.len())
            .flat_map(|j| trajectory.rates(j).to_vec())
            .collect();
        let blocks = adjoint.gradient.blocks();
        (
            rates,
            blocks.into_iter().map(<[f64]>::to_vec).collect::<Vec<_>>(),
        )
    };
    let exact = Integrator::Adaptive {
        method: AdaptiveMethod::Tsit45,
        tolerances: Tolerances::from_rtol(1e-11),
    };
    let ((rates, gradient), (exact_rates, exact_gradient)) = (solve(integrator), solve(&exact));
    let blocks = gradient.iter().zip(&exact_gradient);
    let worst = blocks.map(|(a, b)| relative(a, b)).fold(0.0, f64::max);
    [relative(&rates, &exact_rates), worst]
}

#[test]
fn double_steps_keep_their_tolerance_with_inputs_and_without() {
    for (inputs, interpolation) in [
        (1, Interpolation::Linear),
        (0, Interpolation::Linear),
        (0, Interpolation::Hold),
    ] {
        let (network, input) = (with_inputs(inputs), wave(inputs, interpolation, true));
        let y0 = vec![0.2; 2 * UNITS * TRIALS];
        for (rtol, double) in [(1e-3, StepKind::AdamsDouble), (1e-4, StepKind::Double)] {
            let trajectory =
                forward(&network, &input, &y0, input.time(), &exp_adams(rtol)).unwrap();
            assert!(count(&trajectory, double) > SAMPLES / 4);
            // what holds each step to the tolerance leaves the rates well below it; a gradient gathers the errors of all steps
            let [rates, gradient] = errors(&network, &input, &exp_adams(rtol));
            assert!(
                rates < 0.3 * rtol && gradient < 4.0 * rtol,
                "{inputs} {interpolation:?} {rtol}: {rates:e} {gradient:e}"
            );
        }
    }
}

/// Halves of an interval that a double step took together would be the coarse step again, and no error would be seen.
#[test]
fn finer_steps_are_finer_where_samples_are_irregular() {
    for is_regular in [true, false] {
        let input = wave(1, Interpolation::Linear, is_regular);
        let network = with_inputs(1);
        for rtol in [1e-2, 1e-3, 1e-4] {
            let coarse = exp_adams(rtol);
            let refinement = Refinement::new(&input, input.time(), &coarse).unwrap();
            let y0 = vec![0.2; 2 * UNITS * TRIALS];
            let solve = |input: &InputSignal, integrator: &Integrator| {
                let t_eval = &wave(1, Interpolation::Linear, is_regular).time().to_vec();
                let trajectory = forward(&network, input, &y0, t_eval, integrator).unwrap();
                (0..SAMPLES)
                    .flat_map(|j| trajectory.rates(j).to_vec())
                    .collect::<Vec<f64>>()
            };
            let exact = Integrator::Adaptive {
                method: AdaptiveMethod::Tsit45,
                tolerances: Tolerances::from_rtol(1e-11),
            };
            let (found, exact) = (solve(&input, &coarse), solve(&input, &exact));
            let finer = solve(&refinement.input, &refinement.integrator);
            let (estimated, error) = (relative(&found, &finer), relative(&found, &exact));
            let ratio = estimated / error;
            assert!(
                (0.3..3.0).contains(&ratio),
                "regular {is_regular}, {rtol}: {estimated:e} of {error:e}"
            );
        }
    }
}

/// A slow wave over equal intervals, but for two of every six, which are shorter by `gap`.
fn close_samples(gap: f64, interpolation: Interpolation) -> InputSignal {
    let mut time = vec![0.0];
    for k in 1..48 {
        let interval = if k % 6 < 2 { 0.02 * gap } else { 0.02 };
        time.push(time[k - 1] + interval);
    }
    let x = DMatrix::from_fn(1, TRIALS * time.len(), |_, column| {
        (6.0 * time[column / TRIALS] + (column % TRIALS) as f64).sin()
    });
    let end = time[time.len() - 1];
    InputSignal::new(time, end, x, TRIALS, interpolation).unwrap()
}

fn of_model(model: ModelKind) -> RateNetwork {
    let mut parameters = network().parameters().clone();
    match model {
        ModelKind::TwoConstant => {}
        ModelKind::Rate => parameters.log_tau_s = Vec::new().into(),
        ModelKind::Current => parameters.log_tau_r = Vec::new().into(),
    }
    RateNetwork::new(model, Activation::Sigmoid, parameters).unwrap()
}

/// A history of steps a thousand times shorter than the next one says nothing about it.
#[test]
fn a_step_after_much_shorter_ones_begins_anew_and_keeps_the_tolerance() {
    for model in ModelKind::ALL {
        let network = of_model(model);
        for interpolation in [Interpolation::Linear, Interpolation::Hold] {
            for gap in [1e-2, 1e-5, 1e-9] {
                let input = close_samples(gap, interpolation);
                for rtol in [1e-3, 1e-5] {
                    let [rates, gradient] = errors(&network, &input, &exp_adams(rtol));
                    assert!(
                        rates < 2.0 * rtol && gradient < 10.0 * rtol,
                        "{model:?} {interpolation:?} {gap} {rtol}: {rates:e} {gradient:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_gradient_over_steps_that_begin_anew_is_the_transpose_of_the_tangent() {
    for model in ModelKind::ALL {
        let network = of_model(model);
        let input = close_samples(1e-4, Interpolation::Linear);
        let one_step_a_sample = Integrator::Exponential {
            method: ExponentialMethod::ExpAdams,
            control: StepControl::Step(None),
        };
        for integrator in [exp_adams(1e-3), one_step_a_sample] {
            assert_transpose(&network, &input, &integrator);
            let y0 = vec![0.2; network.shape(TRIALS).len()];
            let trajectory = forward(&network, &input, &y0, input.time(), &integrator).unwrap();
            let mut kinds = tape(&trajectory).steps.iter().map(|s| s.geometry.kind);
            assert!(kinds.any(|kind| kind == StepKind::Restart));
        }
    }
}

/// What extrapolated steps leave out at their start would stay in a unit of 20 s, long after all others have settled.
#[test]
fn a_slow_unit_keeps_nothing_of_what_the_first_extrapolated_steps_leave_out() {
    let mut parameters = with_inputs(0).parameters().clone();
    parameters.log_tau_s[2] = 20.0_f64.ln();
    let network =
        RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters).unwrap();
    let input = wave(0, Interpolation::Linear, true);
    let y0: Vec<f64> = (0..network.shape(TRIALS).len())
        .map(|i| (i as f64).sin())
        .collect();
    let slow_current = |integrator: &Integrator, j: usize| {
        let trajectory = forward(&network, &input, &y0, input.time(), integrator).unwrap();
        trajectory.state(j)[2]
    };
    let exact = Integrator::Adaptive {
        method: AdaptiveMethod::Tsit45,
        tolerances: Tolerances::from_rtol(1e-12),
    };
    let error =
        |integrator: &Integrator, j| (slow_current(integrator, j) - slow_current(&exact, j)).abs();
    for integrator in [bashforth(None), bashforth(Some(0.005)), exp_adams(4e-4)] {
        let soon = (5..12).map(|j| error(&integrator, j)).fold(0.0, f64::max);
        let late = error(&integrator, SAMPLES - 1);
        assert!(
            late < 0.1 * soon,
            "{integrator:?}: {soon:e}, later {late:e}"
        );
    }
}

fn bashforth(step: Option<f64>) -> Integrator {
    Integrator::Exponential {
        method: ExponentialMethod::ExpBashforth,
        control: StepControl::Step(step),
    }
}

#[test]
fn extrapolated_steps_of_given_length_take_whole_intervals_and_look_closer_within_them() {
    for (step, kind) in [
        (None, StepKind::Extrapolated),
        (Some(0.005), StepKind::Bashforth),
    ] {
        let (network, input) = (network(), input());
        let y0 = vec![0.2; 2 * UNITS * TRIALS];
        let trajectory = forward(&network, &input, &y0, input.time(), &bashforth(step)).unwrap();
        let kinds = tape(&trajectory).steps.iter().map(|s| s.geometry.kind);
        let after_the_start: Vec<StepKind> = kinds.skip(5).collect();
        assert_eq!(after_the_start, vec![kind; after_the_start.len()]);
        assert_transpose(&network, &input, &bashforth(step));
    }
}
