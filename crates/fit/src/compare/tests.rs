//! The closed forms, through whole comparisons.

use super::*;
use crate::config::{EffectiveConfig, Layer};
use crate::dataset::{Dataset, InitialState, RawDataset};
use nalgebra::DMatrix;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tauscope_adjoint::FixedStepMethod;

const TAU: f64 = 0.7;
const SAMPLES: usize = 16;
/// Of a recovered time constant against its law, relative.
const AGAINST_LAW: f64 = 1e-6;

/// One unit that decays from 1 with `TAU`, sampled at `times` (in units of `TAU`).
fn decay(times: impl Iterator<Item = f64>) -> Dataset {
    let time: Vec<f64> = times.map(|t| t * TAU).collect();
    let target = DMatrix::from_fn(1, time.len(), |_, k| (-time[k] / TAU).exp());
    let mut raw = RawDataset::new("decay", "s", time, Vec::new(), vec![target]);
    raw.initial_state = Some(InitialState {
        current: None,
        rate: Some(DMatrix::from_element(1, 1, 1.0)),
    });
    Dataset::new(raw).expect("valid")
}

fn config() -> EffectiveConfig {
    let options = [
        ("model", "rate"),
        ("activation", "identity"),
        ("connectivity", "none"),
        ("bias", "false"),
        ("initial_state", "given"),
    ];
    EffectiveConfig::merge(&[Layer::from_options(options).expect("valid")]).expect("valid")
}

fn setup(contenders: &[&str]) -> Setup {
    let named = contenders
        .iter()
        .map(|name| Contender::from_name(name).expect("known"));
    Setup {
        config: config(),
        from_result: false,
        contenders: Some(named.collect()),
        steps: None,
        tolerances: None,
        refit: Some(true),
        budget: 60.0,
    }
}

fn run(setup: &Setup, dataset: &Dataset, stopped: bool) -> Comparison {
    let stop = Arc::new(AtomicBool::new(stopped));
    let control = Control {
        stop: &stop,
        progress: &|_| {},
    };
    compare(setup, dataset, &control).expect("a comparison")
}

const SCHEMES: [&str; 7] = [
    "euler",
    "euler-sequential",
    "exponential-euler",
    "backward-euler",
    "heun",
    "implicit-midpoint",
    "rk4",
];

#[test]
fn the_fit_of_a_decay_takes_the_time_constant_that_the_law_says() {
    for q in [0.1, 0.5, 1.0, 2.0] {
        let dataset = decay((0..SAMPLES).map(|k| k as f64 * q));
        let comparison = run(&setup(&SCHEMES), &dataset, false);
        assert_eq!(comparison.law_role, LawRole::Exact);
        let mut judged = 0;
        for refit in &comparison.refits {
            let name = refit.contender.name();
            let fitted = refit.fitted().expect("fitted");
            let expected = match FixedStepMethod::from_name(name) {
                Some(method) => law(method, q).expect("all of these have a law"),
                None => Law::Ratio(1.0),
            };
            let none_fits = comparison.units_without_tau(refit);
            match expected {
                Law::NoTau => {
                    assert_eq!(none_fits, [true], "{name} {q}");
                    assert!(fitted.cost > 1e-6, "{name} {q}: {}", fitted.cost);
                }
                Law::Ratio(ratio) => {
                    assert_eq!(none_fits, [false], "{name} {q}");
                    let error = fitted.tau_r[0] / TAU / ratio - 1.0;
                    assert!(
                        error.abs() < AGAINST_LAW,
                        "{name} {q} {:?}: {error:.1e}",
                        refit.start
                    );
                    judged += 1;
                }
            }
        }
        // both starts of the adaptive fit and of every scheme that has a time constant
        let without = [0, 0, 1, 2][[0.1, 0.5, 1.0, 2.0]
            .iter()
            .position(|v| *v == q)
            .expect("listed")];
        assert_eq!(judged, 2 * (1 + SCHEMES.len() - without), "{q}");
    }
}

#[test]
fn every_adaptive_method_at_a_tight_tolerance_finds_the_time_constant_itself() {
    let dataset = decay((0..SAMPLES).map(|k| k as f64 * 0.5));
    let all = [
        "tsit45",
        "tr-bdf2",
        "esdirk34",
        "bdf",
        "exp-adams",
        "exp-bashforth",
        "exp-hermite",
    ];
    let tight = Setup {
        tolerances: Some(vec![1e-9]),
        ..setup(&all)
    };
    let comparison = run(&tight, &dataset, false);
    let at_tight = comparison
        .refits
        .iter()
        .filter(|refit| refit.resolution == Resolution::Tolerance(1e-9));
    let mut judged = 0;
    for refit in at_tight {
        let error = refit.fitted().expect("fitted").tau_r[0] / TAU - 1.0;
        assert!(
            error.abs() < AGAINST_LAW,
            "{}: {error:.1e}",
            refit.contender.name()
        );
        judged += 1;
    }
    assert_eq!(judged, 2 * all.len());
}

#[test]
fn a_step_of_several_samples_has_the_law_of_that_step() {
    let dataset = decay((0..33).map(|k| f64::from(k) * 0.25));
    let step = 0.25 * TAU;
    let longer = Setup {
        steps: Some(vec![step, 2.0 * step, 4.0 * step]),
        ..setup(&["euler"])
    };
    let comparison = run(&longer, &dataset, false);
    for (factor, q) in [(1.0, 0.25), (2.0, 0.5), (4.0, 1.0)] {
        let found = comparison.refits.iter().find(|refit| {
            refit.contender.name() == "euler" && refit.resolution == Resolution::Step(factor * step)
        });
        let tau = found.and_then(Refit::fitted).expect("fitted").tau_r[0];
        let law = law(FixedStepMethod::Euler, q)
            .and_then(Law::ratio)
            .expect("exists");
        assert!(
            (tau / TAU / law - 1.0).abs() < AGAINST_LAW,
            "{q}: {}",
            tau / TAU
        );
    }
}

#[test]
fn errors_fall_with_the_order_of_a_method_down_its_ladder() {
    let dataset = decay((0..SAMPLES).map(|k| k as f64 * 0.5));
    let ladder = Setup {
        refit: Some(false),
        ..setup(&["euler", "heun", "rk4"])
    };
    let comparison = run(&ladder, &dataset, false);
    for (name, order) in [("euler", 1.0), ("heun", 2.0), ("rk4", 4.0)] {
        let errors: Vec<f64> = comparison
            .cells
            .iter()
            .filter(|cell| cell.contender.name() == name)
            .filter_map(|cell| Some(cell.state.measure()?.trajectory_error))
            .collect();
        let last = errors.len() - 1;
        let measured = (errors[last - 1] / errors[last]).log2();
        assert!((measured - order).abs() < 0.2, "{name}: {measured}");
    }
    assert!(comparison.refits.is_empty() && comparison.certificate.len() == 3);
}

#[test]
fn elman_on_irregular_samples_is_refused_with_the_reason_and_the_rest_goes_on() {
    let irregular = [0.0, 0.2, 0.5, 0.6, 1.0, 1.3, 1.9];
    let comparison = run(
        &setup(&["elman", "exponential-euler"]),
        &decay(irregular.into_iter()),
        false,
    );
    for refit in &comparison.refits {
        match refit.contender.name() {
            "elman" => {
                assert_eq!(refit.state_name(), "refused");
                let reason = refit.reason().expect("a reason");
                assert!(
                    reason.starts_with("elman takes one step a sample"),
                    "{reason}"
                );
            }
            _ => {
                assert!((refit.fitted().expect("fitted").tau_r[0] / TAU - 1.0).abs() < AGAINST_LAW)
            }
        }
    }
    assert_eq!(comparison.refits.len(), 6);
}

#[test]
fn a_comparison_that_is_stopped_keeps_what_it_has_and_says_so() {
    let dataset = decay((0..SAMPLES).map(|k| k as f64 * 0.5));
    let comparison = run(&setup(&["euler", "rk4"]), &dataset, true);
    assert!(comparison.interrupted);
    assert!(
        comparison
            .refits
            .iter()
            .all(|refit| refit.state_name() == "not-run")
    );
    assert!(
        comparison
            .notes
            .iter()
            .any(|sentence| sentence.contains("stopped"))
    );
}

#[test]
fn the_certificate_of_an_exact_fit_moves_nothing() {
    let dataset = decay((0..SAMPLES).map(|k| k as f64 * 0.5));
    let comparison = run(&setup(&["euler"]), &dataset, false);
    let tolerances: Vec<f64> = comparison
        .certificate
        .iter()
        .map(|row| row.tolerance)
        .collect();
    assert_eq!(tolerances, [1e-6, 1e-7, 1e-8]);
    for row in &comparison.certificate {
        let refit = row.refit.as_ref().expect("refitted");
        assert!(refit.largest_drift() < 1e-6);
    }
    let bias = &comparison.verdict[0];
    assert!(
        bias.contains("euler at a step of 0.35 s overestimates 1 of 1 time constants"),
        "{bias}"
    );
}
