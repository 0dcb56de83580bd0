//! Intervals of time constants, and where there are none.

use super::super::*;
use super::teacher::*;
use crate::plan::FitPlan;
use std::sync::atomic::AtomicBool;

#[test]
fn equal_constants_are_a_ridge_whose_intervals_come_from_the_profile() {
    let recipe = Recipe {
        noise: 0.02,
        strength: 2.0,
        taus: Some([0.06, 0.06]),
        trials: 4,
        ..SMALL
    };
    let found = Teacher::new(recipe, &SIGMOID).judged(Depth::Full);
    let profiled: Vec<_> = found
        .units
        .iter()
        .filter(|u| u.source == IntervalSource::Profile)
        .collect();
    assert!(!profiled.is_empty(), "{:?}", found.units);
    for unit in profiled {
        let intervals = unit.pair_intervals.as_ref().unwrap();
        assert!(
            intervals[0][0] <= unit.pair[0] && unit.pair[1] <= intervals[1][1],
            "{unit:?}"
        );
        assert!(intervals[0][0] < 0.06 && 0.06 < intervals[1][1], "{unit:?}");
    }
}

#[test]
fn intervals_of_a_penalised_point_are_those_of_the_minimum_without_penalty() {
    let teacher = Teacher::new(
        Recipe {
            noise: 0.05,
            strength: 3.0,
            ..SMALL
        },
        &SIGMOID,
    );
    let unpenalised = teacher.judged(Depth::Curvature);
    let stop = AtomicBool::new(false);
    let control = Control {
        stop: &stop,
        deadline: None,
        progress: &|_| {},
    };
    let penalised = teacher.plan.objective(&teacher.dataset, 1e-2).unwrap();
    let point = refit::refit(
        &penalised,
        &teacher.theta,
        refit::Search::to_the_end(100),
        &control,
    )
    .unwrap()
    .point;
    let found = teacher.judged_at(&point, Depth::Curvature, &[]);
    assert_eq!(found.basis, Basis::Refitted);
    for (a, b) in found.units.iter().zip(&unpenalised.units) {
        let (a, b) = (a.tau_s.unwrap(), b.tau_s.unwrap());
        assert!(
            (a.value / b.value - 1.0).abs() < 1e-3 * b.log_error.unwrap().max(0.1),
            "{a:?} {b:?}"
        );
    }
    let moved = (point[penalised.layout.network.len() - 1]
        - found.theta[penalised.layout.network.len() - 1])
        .abs();
    assert!(moved > 1e-3, "{moved}");
}

#[test]
fn a_constant_on_a_bound_is_refused_with_the_reason() {
    let bounded = [&SIGMOID[..], &[("tau_bounds", "0.05,3")]].concat();
    let found = Teacher::new(
        Recipe {
            noise: 0.02,
            strength: 3.0,
            ..SMALL
        },
        &[&SIGMOID[..], &[]].concat(),
    );
    let teacher = Teacher {
        plan: FitPlan::check(
            &config(&[&bounded[..], &[("units", "3")]].concat()),
            &found.dataset,
        )
        .unwrap(),
        ..found
    };
    let found = teacher.judged_at(
        &teacher
            .plan
            .layout
            .optimizer_bounds()
            .project(&teacher.theta),
        Depth::Curvature,
        &[],
    );
    let unit = &found.units[0];
    assert_eq!(unit.verdict, Verdict::NotIdentifiable);
    assert!(
        unit.reason.contains("lies on its lower bound"),
        "{}",
        unit.reason
    );
}

#[test]
fn a_profile_agrees_with_curvature_where_the_cost_is_a_parabola() {
    let teacher = Teacher::new(
        Recipe {
            noise: 0.02,
            strength: 3.0,
            ..SMALL
        },
        &SIGMOID,
    );
    let found = teacher.judged_at(&teacher.theta, Depth::Curvature, &["tau_r[1]"]);
    let [low, high] = found.profiles[0].intervals[0];
    let [a, b] = found.units[1]
        .tau_r
        .unwrap()
        .interval
        .unwrap_or([f64::NAN; 2]);
    let width = (b / a).ln();
    assert!(
        (low / a).ln().abs() < 0.15 * width && (high / b).ln().abs() < 0.15 * width,
        "{low} {high} {a} {b}"
    );
}

#[test]
fn a_profile_that_stays_low_up_to_a_bound_has_an_open_end_there() {
    let profile = |taus, noise, target| {
        let recipe = Recipe {
            units: 1,
            outputs: 1,
            taus: Some(taus),
            noise,
            strength: 3.0,
            ..SMALL
        };
        let teacher = Teacher::new(recipe, &SIGMOID);
        let found = teacher.judged_at(&teacher.theta, Depth::Curvature, &[target]);
        let profile = found.profiles[0].clone();
        assert_eq!(profile.reason, "", "{profile:?}");
        let [interval] = profile.intervals[..] else {
            panic!("{profile:?}")
        };
        (interval, profile.points)
    };
    // bounds of tau: 0.002 and 3
    let ([low, high], points) = profile([0.03, 2.7], 2.0, "tau_r[0]");
    assert!(0.1 < low && low < 2.7 && high.is_infinite(), "{low} {high}");
    let last = points.last().unwrap();
    assert!(
        (last.tau / 3.0 - 1.0).abs() < 1e-9 && last.chi2 < CHI2_95,
        "{last:?}"
    );
    let ([low, high], points) = profile([0.0022, 0.2], 0.05, "tau_s[0]");
    assert!(low == 0.0 && 0.0022 < high && high < 0.1, "{low} {high}");
    let first = points[0];
    assert!(
        (first.tau / 0.002 - 1.0).abs() < 1e-9 && first.chi2 < CHI2_95,
        "{first:?}"
    );
}

#[test]
fn an_end_that_the_recording_cannot_tell_is_open_and_said_to_be() {
    let teacher = slow();
    let told = |error: f64| {
        let found = teacher.with_error(error).judged(Depth::Curvature);
        let unit = found.units[0].clone();
        let tau = unit.tau_r.unwrap();
        assert!(
            (tau.log_error.unwrap() / error - 1.0).abs() < 1e-3,
            "{tau:?}"
        );
        (tau.interval, unit.pair_intervals, unit.reason)
    };
    let (closed, _, reason) = told(0.05);
    let [low, high] = closed.unwrap();
    assert!(
        2.7 < low && low < 3.0 && 3.0 < high && high < 3.4,
        "{closed:?}"
    );
    assert_eq!(reason, "");
    // 3 exp(1.96 x 0.8) s is beyond ten times 0.59 s
    let (open, of_pair, reason) = told(0.8);
    let [low, high] = open.unwrap();
    assert!((0.6..0.65).contains(&low) && high.is_infinite(), "{open:?}");
    assert_eq!(of_pair, Some(vec![[low, high]]));
    assert!(
        reason.contains("the data do not bound tau_r above"),
        "{reason}"
    );
    let (none, of_pair, reason) = told(1.5);
    assert_eq!((none, of_pair), (None, None));
    assert!(
        reason.contains("beyond what curvature can tell"),
        "{reason}"
    );
}

#[test]
fn nothing_is_told_of_noise_where_parameters_are_as_many_as_targets() {
    let noise = |count, n_parameters, is_known| {
        let residuals = super::super::noise::Residuals {
            squares: vec![1.0],
            counts: vec![count],
            autocorrelation: 0.0,
            inefficiency: 1.0,
        };
        residuals.noise(n_parameters, is_known).is_exhausted
    };
    assert!(noise(10, 10, false) && noise(10, 12, false));
    assert!(!noise(10, 9, false) && !noise(10, 12, true));
    // 27 parameters, 24 targets
    let teacher = Teacher::new(
        Recipe {
            noise: 0.05,
            trials: 1,
            ..SMALL
        },
        &SIGMOID,
    );
    let mut targets = teacher.dataset.targets().to_vec();
    targets[0].columns_mut(8, 52).fill(f64::NAN);
    let dataset = teacher.dataset.with_targets(targets).unwrap();
    let plan = FitPlan::check(&teacher.plan.config, &dataset).unwrap();
    let teacher = Teacher {
        dataset,
        plan,
        ..teacher
    };
    let found = teacher.judged_at(&teacher.theta, Depth::Full, &["tau_s[0]"]);
    for unit in &found.units {
        assert_eq!(
            (&unit.pair_intervals, unit.order_probability),
            (&None, None)
        );
        assert_eq!(unit.tau_s.unwrap().log_error, None);
    }
    assert!(found.profiles[0].intervals.is_empty() && !found.profiles[0].reason.is_empty());
    assert_eq!(found.advice, None);
}
