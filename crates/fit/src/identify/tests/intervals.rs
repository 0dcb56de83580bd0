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
    let point = refit::refit(&penalised, &teacher.theta, 100, 1e-9, &control)
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

/// One constant a unit, far longer than the trials of 0.6 s.
fn slow(noise: f64) -> Teacher {
    let recipe = Recipe {
        noise,
        strength: 2.0,
        taus: Some([0.05, 3.0]),
        ..SMALL
    };
    let rate = [
        &SIGMOID[..],
        &[("model", "rate"), ("tau_bounds", "1e-6,1e9")],
    ]
    .concat();
    Teacher::new(recipe, &rate)
}

#[test]
fn a_constant_that_the_recording_cannot_tell_from_infinity_has_no_upper_end() {
    let mut open = 0;
    for noise in [0.1, 0.3, 0.6, 1.0] {
        let teacher = slow(noise);
        let [shortest, longest] = crate::plan::tau_reach(&teacher.dataset);
        for unit in teacher.judged(Depth::Curvature).units {
            let tau = unit.tau_r.unwrap();
            let Some([low, high]) = tau.interval else {
                assert!(!unit.reason.is_empty(), "{unit:?}");
                assert_eq!(
                    (unit.source, unit.pair_intervals),
                    (IntervalSource::Refused, None)
                );
                continue;
            };
            assert!(low == 0.0 || low >= shortest, "{unit:?}");
            assert!(high.is_infinite() || high <= longest, "{unit:?}");
            assert_eq!(
                high.is_infinite(),
                unit.reason.contains("the data do not bound tau_r above"),
                "{unit:?}"
            );
            open += usize::from(high.is_infinite());
        }
    }
    assert!(open > 0);
}

#[test]
fn a_profile_without_an_end_is_open_there() {
    let found = slow(0.6);
    let found = found.judged_at(&found.theta, Depth::Curvature, &["tau_r[0]", "tau_r[1]"]);
    for profile in &found.profiles {
        for [low, high] in &profile.intervals {
            // no bound of 1e-6 or 1e9 is printed as if it were an end
            assert!(
                (*low == 0.0 || *low >= 1e-3) && (*high < 5.9001 || high.is_infinite()),
                "{profile:?}"
            );
        }
        assert_eq!(
            profile.intervals.is_empty(),
            !profile.reason.is_empty(),
            "{profile:?}"
        );
    }
}

#[test]
fn nothing_is_told_of_noise_where_parameters_are_as_many_as_targets() {
    let noise = |count, n_parameters, is_known| {
        let residuals = information::Residuals {
            squares: vec![1.0],
            counts: vec![count],
            autocorrelation: 0.0,
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
