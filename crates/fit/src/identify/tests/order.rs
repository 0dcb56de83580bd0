//! Which of two constants is which.

use super::super::*;
use super::teacher::*;

#[test]
fn both_orders_of_identity_units_are_reported_as_indistinguishable() {
    for initial in ["learned", "steady", "zero"] {
        let options = [&IDENTITY[..], &[("initial_state", initial)]].concat();
        let found = Teacher::new(
            Recipe {
                strength: 0.6,
                ..SMALL
            },
            &options,
        )
        .judged(Depth::Twins);
        assert_eq!(found.units.len(), 3);
        for unit in &found.units {
            let twin = unit.twin.as_ref().unwrap();
            assert!(
                twin.difference_as_swapped.abs() < INDISTINGUISHABLE,
                "{initial}: {twin:?}"
            );
            assert!(
                twin.difference_refitted.abs() < INDISTINGUISHABLE,
                "{initial}: {twin:?}"
            );
            assert_eq!(
                (unit.verdict, unit.order_probability),
                (Verdict::OrderUnknown, Some(0.5))
            );
            assert!(unit.pair_intervals.is_some(), "{initial}: {}", unit.reason);
        }
    }
}

#[test]
fn a_free_initial_rate_of_identity_units_is_mapped_when_they_are_exchanged() {
    let options = [&IDENTITY[..], &[("r0", "free")]].concat();
    let found = Teacher::new(
        Recipe {
            strength: 0.6,
            ..SMALL
        },
        &options,
    )
    .judged(Depth::Twins);
    for unit in &found.units {
        let twin = unit.twin.as_ref().unwrap();
        assert!(
            twin.difference_as_swapped.abs() < INDISTINGUISHABLE,
            "{twin:?}"
        );
    }
}

#[test]
fn the_true_order_of_sigmoid_units_is_preferred() {
    let mut told = 0;
    for seed in 1..=3 {
        let found = Teacher::new(
            Recipe {
                seed,
                noise: 0.02,
                strength: 3.0,
                ..SMALL
            },
            &SIGMOID,
        )
        .judged(Depth::Twins);
        for unit in &found.units {
            let (s, r) = (unit.tau_s.unwrap(), unit.tau_r.unwrap());
            assert!(s.value < r.value, "{unit:?}");
            told += usize::from(
                unit.verdict == Verdict::Ordered && unit.order_probability.unwrap() > 0.95,
            );
        }
    }
    assert_eq!(told, 9);
}

#[test]
fn a_fit_in_the_reversed_order_is_judged_at_the_better_minimum_and_said_to_be_in_the_wrong_one() {
    let teacher = Teacher::new(
        Recipe {
            strength: 0.12,
            noise: 0.005,
            ..SMALL
        },
        &TANH,
    );
    let truth = teacher.judged(Depth::Twins);
    // a twin that is a minimum of its own: elsewhere a fit walks back
    let is_minimum = |unit: &&UnitJudgement| {
        let twin = unit.twin.as_ref().unwrap();
        twin.tau_s > 1.1 * twin.tau_r && unit.order_probability.unwrap() > 0.99
    };
    let unit = truth.units.iter().find(is_minimum).unwrap();
    let theta = &unit.twin.as_ref().unwrap().theta;
    let found = teacher.judged_at(theta, Depth::Twins, &[]);
    assert_eq!(found.moves, [unit.unit.as_str()]);
    for words in [found.judged_at(), found.warnings.concat()] {
        assert!(words.contains("better minimum"), "{words}");
    }
    let (there, unit) = (&found.units[unit.index], unit);
    assert!(
        there.tau_s.unwrap().value < there.tau_r.unwrap().value,
        "{there:?}"
    );
    assert_eq!(there.verdict, Verdict::Ordered);
    assert!(there.order_probability.unwrap() > 0.95, "{there:?}");
    assert!(there.is_reversed && !unit.is_reversed);
    assert!(
        there
            .reason
            .contains("the result has them in the other order"),
        "{}",
        there.reason
    );
    let apart = (there.tau_s.unwrap().value / unit.tau_s.unwrap().value).ln();
    assert!(apart.abs() < 0.1 * unit.tau_s.unwrap().log_error.unwrap());
}

#[test]
fn an_order_that_the_data_reject_is_never_called_ordered() {
    for p in [0.0, 0.035, 0.2, 0.949] {
        let (verdict, reason) = words::order(Some(p), None, tauscope_dynamics::Activation::Tanh);
        assert_eq!(verdict, Verdict::OrderUnknown, "{p}");
        assert_eq!(reason.contains("the reversed order fits better"), p <= 0.05);
    }
}

#[test]
fn units_that_stay_in_the_straight_part_of_f_have_no_order() {
    let found = Teacher::new(
        Recipe {
            strength: 0.03,
            noise: 0.1,
            ..SMALL
        },
        &TANH,
    )
    .judged(Depth::Twins);
    let unknown = found
        .units
        .iter()
        .filter(|unit| unit.verdict == Verdict::OrderUnknown);
    assert_eq!(unknown.count(), 3, "{:?}", found.units);
    for unit in &found.units {
        assert!(!unit.reason.is_empty());
        // each constant is told as the smaller or the larger one
        for tau in [unit.tau_s.unwrap(), unit.tau_r.unwrap()] {
            let place = usize::from(tau.value == unit.pair[1]);
            let intervals = unit.pair_intervals.as_ref().unwrap();
            assert_eq!(tau.interval, Some(intervals[place]));
        }
        // whatever the order: the pair of the estimate and that of the twin
        let intervals = unit.pair_intervals.as_ref().unwrap();
        let twin = unit.twin.as_ref().unwrap();
        let other = [twin.tau_s.min(twin.tau_r), twin.tau_s.max(twin.tau_r)];
        for (interval, tau) in intervals
            .iter()
            .zip(&unit.pair)
            .chain(intervals.iter().zip(&other))
        {
            assert!(
                interval[0] < *tau && *tau < interval[1],
                "{interval:?} {tau}"
            );
        }
    }
}

#[test]
fn relu_is_named_and_has_no_intervals() {
    let relu = [
        ("activation", "relu"),
        ("readout", "direct"),
        ("connectivity", "no-self"),
    ];
    let found = Teacher::new(
        Recipe {
            noise: 0.02,
            ..SMALL
        },
        &relu,
    )
    .judged(Depth::Twins);
    for unit in found
        .units
        .iter()
        .filter(|u| u.verdict != Verdict::NotIdentifiable)
    {
        assert!(unit.reason.contains("relu"), "{unit:?}");
        assert_eq!(
            (unit.source, &unit.pair_intervals),
            (IntervalSource::Refused, &None)
        );
    }
    assert!(
        found
            .units
            .iter()
            .any(|u| u.verdict != Verdict::NotIdentifiable)
    );
}
