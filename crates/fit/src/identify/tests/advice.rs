//! Inputs that would tell more: what is predicted, and what comes of it.

use super::super::inputs::Change;
use super::super::*;
use super::teacher::*;
use crate::plan::FitPlan;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// tanh units that stay in its straight part.
fn straight() -> Teacher {
    let recipe = Recipe {
        strength: 0.03,
        noise: 0.1,
        ..SMALL
    };
    Teacher::new(recipe, &TANH)
}

/// The same network recorded again, with other inputs and the same noise.
fn recorded(teacher: &Teacher, change: Change, std: f64) -> Teacher {
    let trials: Vec<usize> = (0..teacher.dataset.n_trials()).collect();
    let dataset = change.of(&teacher.dataset, &trials, 0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut noisy =
        |clean: DMatrix<f64>| clean.map(|v| v + std * rng.sample::<f64, _>(StandardNormal));
    let clean = predictions(&teacher.plan, &dataset, &teacher.theta);
    let targets = clean.into_iter().map(&mut noisy).collect();
    let dataset = dataset.with_targets(targets).unwrap();
    let plan = FitPlan::check(&teacher.plan.config, &dataset).unwrap();
    Teacher {
        dataset,
        plan,
        theta: teacher.theta.clone(),
    }
}

#[test]
fn an_order_that_is_not_told_is_told_with_the_inputs_that_are_advised() {
    let teacher = straight();
    let found = teacher.judged(Depth::Full);
    let advice = found.advice.as_ref().unwrap();
    let orders: Vec<usize> = (0..advice.concerns.len())
        .filter(|&k| advice.concerns[k].is_order)
        .collect();
    assert_eq!(orders.len(), 3, "{:?}", advice.concerns);
    let best = advice.best.unwrap();
    let tried = &advice.tried[best];
    for &k in &orders {
        assert!(advice.gains(best)[k] > 10.0, "{advice:?}");
        assert!(advice.concerns[k].now < 5.9, "{advice:?}");
    }
    let change = Change::TRIED[best];
    assert_eq!(
        (tried.shape, tried.factor),
        (change.shape(), change.factor())
    );
    let again = recorded(&teacher, change, found.noise_variance.sqrt()).judged(Depth::Twins);
    let mut told = 0;
    for (unit, &k) in again.units.iter().zip(&orders) {
        // well beyond what tells an order, since the prediction is an expectation
        if tried.then[k] > 20.0 {
            assert_eq!(unit.verdict, Verdict::Ordered, "{unit:?} {tried:?}");
            assert!(
                unit.tau_s.unwrap().value < unit.tau_r.unwrap().value,
                "{unit:?}"
            );
            told += 1;
        }
    }
    assert!(told > 0, "{tried:?}");
}

#[test]
fn what_is_predicted_of_the_recording_itself_is_what_curvature_says() {
    let found = slow().with_error(0.8).judged(Depth::Full);
    let advice = found.advice.as_ref().unwrap();
    let concern = advice.concerns.iter().find(|c| c.what == "tau_r[0]");
    let (concern, error) = (
        concern.unwrap(),
        found.units[0].tau_r.unwrap().log_error.unwrap(),
    );
    assert!(
        (concern.now.sqrt() * error - 1.0).abs() < 1e-2,
        "{concern:?} {error}"
    );
}

#[test]
fn nothing_is_advised_where_all_is_told_or_no_input_can() {
    let strong = Recipe {
        noise: 0.02,
        strength: 3.0,
        ..SMALL
    };
    assert_eq!(
        Teacher::new(strong, &SIGMOID).judged(Depth::Full).advice,
        None
    );
    let linear = Recipe {
        noise: 0.01,
        strength: 0.6,
        ..SMALL
    };
    let found = Teacher::new(linear, &IDENTITY).judged(Depth::Full);
    let asked = found.advice.map_or_else(Vec::new, |advice| advice.concerns);
    assert!(asked.iter().all(|concern| !concern.is_order), "{asked:?}");
}

#[test]
fn changed_inputs_keep_their_mean_and_have_the_deviation_that_they_say() {
    let teacher = straight();
    let trials: Vec<usize> = (0..teacher.dataset.n_trials()).collect();
    let moments = |inputs: &[DMatrix<f64>]| {
        let all: Vec<f64> = inputs
            .iter()
            .flat_map(|x| x.row(0).iter().copied().collect::<Vec<_>>())
            .collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    };
    let (mean, std) = moments(teacher.dataset.inputs());
    let larger = Change::Amplitude(4.0)
        .of(&teacher.dataset, &trials, 0)
        .unwrap();
    let (m, s) = moments(larger.inputs());
    assert!(
        (m - mean).abs() < 1e-12 && (s / std - 4.0).abs() < 1e-12,
        "{m} {s}"
    );
    let steps = Change::Steps(2.0).of(&teacher.dataset, &trials, 0).unwrap();
    for value in steps
        .inputs()
        .iter()
        .flat_map(|x| x.row(0).iter().copied().collect::<Vec<_>>())
    {
        assert!(((value - mean).abs() / std - 2.0).abs() < 1e-9, "{value}");
    }
    let jumps = steps.inputs()[0]
        .row(0)
        .iter()
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|w| w[0] != w[1])
        .count();
    assert!(jumps > 0);
}
