//! Networks that predict the same.

use super::super::canonical::canonical;
use super::super::equivalence::{Whole, equivalences};
use super::super::names::unit_labels;
use super::teacher::*;
use nalgebra::DMatrix;

/// Predictions of two solves, relative to those of order one.
const SAME: f64 = 1e-6;

/// Two of four units hidden behind a direct or scaled readout, or all behind a linear one.
fn teacher(activation: &'static str, readout: &'static str) -> Teacher {
    let recipe = Recipe {
        units: 4,
        outputs: 2,
        trials: 2,
        ..SMALL
    };
    let options = [
        ("activation", activation),
        ("readout", readout),
        ("rtol", "1e-9"),
    ];
    Teacher::new(recipe, &options)
}

fn predicted(teacher: &Teacher, theta: &[f64]) -> Vec<DMatrix<f64>> {
    predictions(&teacher.plan, &teacher.dataset, theta)
}

fn difference(teacher: &Teacher, other: &[f64]) -> f64 {
    let (here, there) = (
        predicted(teacher, &teacher.theta),
        predicted(teacher, other),
    );
    let apart = here.iter().zip(&there).map(|(a, b)| (a - b).amax());
    apart.fold(0.0, f64::max)
}

#[test]
fn hidden_units_can_be_permuted() {
    for activation in ["sigmoid", "tanh", "softplus", "relu", "identity"] {
        let teacher = teacher(activation, "direct");
        let whole = Whole::of(&teacher.plan.layout, &teacher.theta);
        let other = whole.permuted(&[0, 1, 3, 2]).unwrap().theta().unwrap();
        assert!(difference(&teacher, &other) < SAME, "{activation}");
        // an observed one cannot
        let other = whole.permuted(&[1, 0, 2, 3]).unwrap().theta().unwrap();
        assert!(difference(&teacher, &other) > 1e-3, "{activation}");
    }
}

#[test]
fn hidden_odd_units_change_sign_and_hidden_sigmoid_units_are_reflected() {
    for readout in ["direct", "linear"] {
        for activation in ["sigmoid", "tanh", "identity"] {
            let teacher = teacher(activation, readout);
            let whole = Whole::of(&teacher.plan.layout, &teacher.theta);
            let once = whole.turned(3).unwrap();
            let other = once.theta().unwrap();
            assert_ne!(other, teacher.theta);
            let off = difference(&teacher, &other);
            assert!(off < SAME, "{activation} {readout}: {off:e}");
            let twice = once.turned(3).unwrap().theta().unwrap();
            let back = twice.iter().zip(&teacher.theta).map(|(a, b)| (a - b).abs());
            assert!(back.fold(0.0, f64::max) < 1e-12, "{activation} {readout}");
        }
        for activation in ["softplus", "relu"] {
            let teacher = teacher(activation, readout);
            let whole = Whole::of(&teacher.plan.layout, &teacher.theta);
            assert!(whole.turned(3).is_none(), "{activation}");
        }
    }
}

#[test]
fn a_scaled_readout_undoes_the_sign_of_its_units() {
    for activation in ["sigmoid", "tanh", "identity"] {
        let teacher = teacher(activation, "scaled");
        let layout = &teacher.plan.layout;
        let whole = Whole::of(layout, &teacher.theta);
        let labels = unit_labels(layout, &teacher.dataset);
        let words = equivalences(layout, &teacher.theta, &labels).join("\n");
        assert!(
            words.contains("units 0, 1, hidden-2, hidden-3: can "),
            "{words}"
        );
        for unit in 0..4 {
            let other = whole.turned(unit).unwrap().theta().unwrap();
            let off = difference(&teacher, &other);
            assert!(off < SAME, "{activation} {unit}: {off:e}");
            let (a, b) = (
                canonical(layout, &teacher.theta).unwrap(),
                canonical(layout, &other).unwrap(),
            );
            let apart = a.theta.iter().zip(&b.theta).map(|(a, b)| (a - b).abs());
            let apart = apart.fold(0.0, f64::max);
            assert!(apart < 1e-12, "{activation} {unit}: {apart:e}");
            assert_ne!(a.is_turned, b.is_turned, "{activation} {unit}");
            assert!(
                a.theta[layout.readout_range()][..2]
                    .iter()
                    .all(|c| *c > 0.0)
            );
        }
    }
    // a reflection needs biases to take up the rest
    let without = Teacher::new(
        SMALL,
        &[
            ("activation", "sigmoid"),
            ("readout", "scaled"),
            ("bias", "false"),
        ],
    );
    let labels = unit_labels(&without.plan.layout, &without.dataset);
    let words = equivalences(&without.plan.layout, &without.theta, &labels).join("\n");
    assert!(!words.contains("can be reflected"), "{words}");
}

#[test]
fn hidden_relu_units_have_a_scale() {
    for readout in ["direct", "linear"] {
        let teacher = teacher("relu", readout);
        let whole = Whole::of(&teacher.plan.layout, &teacher.theta);
        let other = whole.scaled(2, 3.7).unwrap().theta().unwrap();
        let off = difference(&teacher, &other);
        assert!(off < SAME, "{readout}: {off:e}");
    }
}

#[test]
fn the_canonical_form_is_the_same_for_fits_that_are_the_same_but_for_names_signs_and_scales() {
    for readout in ["direct", "linear"] {
        for activation in ["sigmoid", "tanh", "relu"] {
            let teacher = teacher(activation, readout);
            let layout = &teacher.plan.layout;
            let mut other = Whole::of(layout, &teacher.theta)
                .permuted(&[0, 1, 3, 2])
                .unwrap();
            for unit in [2, 3] {
                other = match activation {
                    "relu" => other.scaled(unit, 0.3 + unit as f64).unwrap(),
                    _ if unit == 2 => other.turned(unit).unwrap(),
                    _ => other,
                };
            }
            let other = other.theta().unwrap();
            let (a, b) = (
                canonical(layout, &teacher.theta).unwrap(),
                canonical(layout, &other).unwrap(),
            );
            let apart = a.theta.iter().zip(&b.theta).map(|(a, b)| (a - b).abs());
            let apart = apart.fold(0.0, f64::max);
            assert!(apart < 1e-12, "{activation} {readout}: {apart:e}");
            assert_ne!(a.source, b.source, "{activation} {readout}");
            let off = difference(&teacher, &a.theta);
            assert!(off < SAME, "{activation} {readout}: {off:e}");
        }
    }
}

#[test]
fn equivalences_are_told_in_words_where_there_are_any() {
    let words = |activation, readout| {
        let teacher = teacher(activation, readout);
        let labels = unit_labels(&teacher.plan.layout, &teacher.dataset);
        equivalences(&teacher.plan.layout, &teacher.theta, &labels).join("\n")
    };
    let sigmoid = words("sigmoid", "direct");
    assert!(sigmoid.contains("their order means nothing"), "{sigmoid}");
    assert!(sigmoid.contains("can be reflected"), "{sigmoid}");
    assert!(words("tanh", "linear").contains("can change sign"));
    assert!(words("relu", "direct").contains("have a scale"));
    // all observed, and each drives the others
    let observed = Teacher::new(SMALL, &SIGMOID);
    let labels = unit_labels(&observed.plan.layout, &observed.dataset);
    let none = equivalences(&observed.plan.layout, &observed.theta, &labels);
    assert_eq!(none, Vec::<String>::new());
    assert!(canonical(&observed.plan.layout, &observed.theta).is_none());
    let alone = Teacher::new(SMALL, &[&SIGMOID[..], &[("connectivity", "none")]].concat());
    let silent = equivalences(&alone.plan.layout, &alone.theta, &labels).join("\n");
    assert!(silent.contains("exponential filter"), "{silent}");
}
