//! What no prediction depends on: model by model.

use super::super::*;
use super::teacher::*;
use crate::plan::FitPlan;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Names of null directions, and whether one touches time constants.
struct Nothing {
    count: usize,
    touches: bool,
}

fn nothing(recipe: Recipe, options: &[(&'static str, &str)]) -> Nothing {
    let found = Teacher::new(recipe, options).judged(Depth::Curvature);
    let null = found
        .eigenvalues
        .iter()
        .filter(|v| **v <= information::NULL)
        .count();
    let known = found.null_directions.len();
    assert_eq!(
        known,
        null,
        "{:?} {:?}",
        found.null_directions,
        &found.eigenvalues[..8.min(found.eigenvalues.len())]
    );
    Nothing {
        count: null,
        touches: found
            .null_directions
            .iter()
            .any(NullDirection::touches_time_constants),
    }
}

#[test]
fn the_self_connection_of_a_linear_unit_is_confounded_with_its_time_constants() {
    let full = [("activation", "identity"), ("readout", "direct")];
    let calm = Recipe {
        strength: 0.5,
        ..SMALL
    };
    for model in ["two-constant", "rate", "current"] {
        let with =
            |more: &[(&'static str, &'static str)]| [&full[..], &[("model", model)], more].concat();
        let each = nothing(calm, &with(&[]));
        assert_eq!((each.count, each.touches), (3, true), "{model}");
        let global = nothing(calm, &with(&[("time_constants", "global")]));
        assert_eq!((global.count, global.touches), (1, true), "{model}");
        let without = nothing(calm, &with(&[("connectivity", "no-self")]));
        assert_eq!(without.count, 0, "{model}");
    }
    let found = Teacher::new(calm, &full).judged(Depth::Curvature);
    for unit in &found.units {
        assert_eq!(unit.verdict, Verdict::NotIdentifiable);
        assert!(unit.reason.contains("self-connection"), "{}", unit.reason);
        assert_eq!(unit.pair_intervals, None);
    }
}

#[test]
fn sigmoid_tanh_and_softplus_networks_are_of_full_rank() {
    let strong = Recipe {
        strength: 2.0,
        trials: 10,
        ..SMALL
    };
    for activation in ["sigmoid", "tanh", "softplus"] {
        let found = nothing(strong, &[("activation", activation), ("readout", "direct")]);
        assert_eq!(found.count, 0, "{activation}");
    }
    let hidden = nothing(
        Recipe {
            outputs: 2,
            ..strong
        },
        &SIGMOID,
    );
    assert_eq!(hidden.count, 0);
}

#[test]
fn the_scale_of_hidden_relu_units_does_not_touch_time_constants() {
    let relu = [
        ("activation", "relu"),
        ("readout", "direct"),
        ("connectivity", "no-self"),
    ];
    let driven = Recipe {
        outputs: 2,
        seed: 3,
        trials: 10,
        ..SMALL
    };
    let hidden = nothing(driven, &relu);
    assert_eq!((hidden.count, hidden.touches), (1, false));
    let scaled = [
        ("activation", "relu"),
        ("readout", "scaled"),
        ("connectivity", "no-self"),
    ];
    let behind = nothing(
        Recipe {
            outputs: 3,
            ..driven
        },
        &scaled,
    );
    assert_eq!((behind.count, behind.touches), (3, false));
}

#[test]
fn hidden_identity_units_touch_time_constants_in_the_rate_model_and_behind_few_outputs() {
    let calm = Recipe {
        strength: 0.5,
        outputs: 2,
        trials: 10,
        ..SMALL
    };
    let no_self = ("connectivity", "no-self");
    let rate = nothing(
        calm,
        &[
            ("activation", "identity"),
            ("readout", "direct"),
            no_self,
            ("model", "rate"),
        ],
    );
    assert!(rate.touches && rate.count > 0);
    for model in ["rate", "current"] {
        let linear = nothing(
            calm,
            &[
                ("activation", "identity"),
                ("readout", "linear"),
                no_self,
                ("model", model),
            ],
        );
        assert!(linear.touches && linear.count > 0, "{model}");
    }
    let linear = Teacher::new(
        calm,
        &[("activation", "identity"), ("readout", "linear"), no_self],
    )
    .judged(Depth::Curvature);
    // two constants a unit without self-connections are told: scale and level of each unit is all that is lost
    assert_eq!(linear.null_directions.len(), 6);
    assert!(
        !linear
            .null_directions
            .iter()
            .any(NullDirection::touches_time_constants)
    );
}

#[test]
fn learning_both_initial_states_does_not_free_a_self_connection() {
    let calm = Recipe {
        strength: 0.5,
        ..SMALL
    };
    let free = [
        ("activation", "identity"),
        ("readout", "direct"),
        ("r0", "free"),
    ];
    let found = nothing(calm, &free);
    assert_eq!((found.count, found.touches), (3, true));
}

#[test]
fn hidden_identity_units_with_self_connections_touch_time_constants_and_scaled_ones_without_do_not()
{
    let calm = Recipe {
        strength: 0.5,
        outputs: 2,
        trials: 10,
        ..SMALL
    };
    let hidden = nothing(calm, &[("activation", "identity"), ("readout", "direct")]);
    // each self-connection, and scale and level of the hidden unit
    assert_eq!((hidden.count, hidden.touches), (5, true));
    let scaled = nothing(
        Recipe { outputs: 3, ..calm },
        &[
            ("activation", "identity"),
            ("readout", "scaled"),
            ("connectivity", "no-self"),
        ],
    );
    assert_eq!((scaled.count, scaled.touches), (6, false));
}

/// Unit 1 of three rests so deep in saturation that f' is 1e-20 there.
fn saturated() -> Teacher {
    let recipe = Recipe {
        strength: 2.0,
        ..SMALL
    };
    let steady = [&SIGMOID[..], &[("initial_state", "steady")]].concat();
    let mut teacher = Teacher::new(recipe, &steady);
    let blocks = teacher.plan.layout.blocks();
    let (_, biases) = blocks.iter().find(|(name, _)| name == "b").unwrap();
    teacher.theta[biases.start + 1] = -45.0;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let targets = predictions(&teacher.plan, &teacher.dataset, &teacher.theta);
    let noisy = targets.into_iter().map(|m| with_noise(m, 0.02, &mut rng));
    let dataset = teacher.dataset.with_targets(noisy.collect()).unwrap();
    Teacher {
        plan: FitPlan::check(&teacher.plan.config, &dataset).unwrap(),
        dataset,
        theta: teacher.theta,
    }
}

#[test]
fn a_weight_that_the_readout_undoes_alone_is_one_null_direction() {
    let recipe = Recipe {
        units: 2,
        outputs: 2,
        noise: 0.02,
        ..SMALL
    };
    let alone = [
        ("activation", "relu"),
        ("readout", "scaled"),
        ("connectivity", "none"),
        ("input_connectivity", "full"),
        ("bias", "false"),
        ("initial_state", "zero"),
    ];
    let mut teacher = Teacher::new(recipe, &alone);
    let blocks = teacher.plan.layout.blocks();
    let (_, inputs) = blocks.iter().find(|(name, _)| name == "U").unwrap();
    // one input alone drives the unit, by a weight that acts as c does
    let theta = &mut teacher.theta;
    theta[inputs.start + 1] = 0.0;
    let found = teacher.judged_within(0, &teacher.theta, Depth::Curvature, &[]);
    let scales = |null: &&NullDirection| null.name.starts_with("the scale of");
    assert_eq!(found.null_directions.iter().filter(scales).count(), 2);
    assert_eq!(
        found.null_directions.len(),
        2,
        "{:?}",
        found.null_directions
    );
    let alone = |told: &&Combination| told.weights.len() == 1;
    let mut names: Vec<&str> = found
        .sloppiest
        .iter()
        .filter(alone)
        .map(|told| told.weights[0].0.as_str())
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{:?}", found.sloppiest);
}

#[test]
fn a_parameter_without_effect_is_named_once_and_is_part_of_no_combination() {
    let teacher = saturated();
    // where it is: the refit would fit noise with what hardly acts
    let found = teacher.judged_within(0, &teacher.theta, Depth::Curvature, &[]);
    let name = |null: &NullDirection| null.name.clone();
    let mut names: Vec<String> = found.null_directions.iter().map(name).collect();
    // weights to and from the unit, inputs, bias, and both time constants
    assert_eq!(names.len(), 5 + 2 + 1 + 2, "{names:?}");
    for parameter in ["W[1,1]", "W[0,1]", "U[1,0]", "b[1]", "tau_s[1]", "tau_r[1]"] {
        let alone = format!("no prediction depends on {parameter}");
        assert!(names.contains(&alone), "{parameter}: {names:?}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10, "{names:?}");
    for null in &found.null_directions {
        assert_eq!(null.touches_time_constants(), null.name.contains("tau_"));
    }
    for told in &found.sloppiest {
        for (name, _) in &told.weights {
            let is_of_it = name.contains("[1") || name.starts_with('W') && name.ends_with(",1]");
            assert!(!is_of_it, "{}", told.words());
        }
    }
    assert_eq!(found.units[1].verdict, Verdict::NotIdentifiable);
    assert!(
        found.units[1]
            .reason
            .contains("no prediction depends on tau_s")
    );
}

/// Small inputs keep units where f is nearly straight; large ones visit its curvature.
#[test]
fn a_unit_that_stays_where_f_is_straight_trades_its_time_constants_with_its_self_connection() {
    // f bends at I of about 2 or 1
    for (activation, weak) in [("sigmoid", 0.1), ("tanh", 0.05)] {
        let judged = |strength: f64, connectivity: &str| {
            let recipe = Recipe {
                strength,
                noise: 0.1,
                trials: 10,
                ..SMALL
            };
            let options = [
                ("activation", activation),
                ("readout", "direct"),
                ("connectivity", connectivity),
            ];
            Teacher::new(recipe, &options).judged(Depth::Curvature)
        };
        let named = |found: &Identification| {
            let nearly = found
                .equivalences
                .iter()
                .filter(|e| e.starts_with("nearly"));
            let units = found
                .units
                .iter()
                .filter(|u| u.reason.contains("nearly straight"));
            (nearly.count(), units.count())
        };
        // of the third the noise hides even that
        let (directions, units) = named(&judged(weak, "full"));
        assert!(
            directions >= 2 && units == directions,
            "{activation}: {directions}"
        );
        assert_eq!(named(&judged(2.0, "full")), (0, 0), "{activation}");
        assert_eq!(named(&judged(weak, "no-self")), (0, 0), "{activation}");
    }
}

/// Relu is the identity where all currents stay positive.
#[test]
fn the_self_connection_of_relu_units_that_never_meet_their_bend_is_confounded() {
    let calm = Recipe {
        strength: 0.2,
        trials: 10,
        ..SMALL
    };
    let options = [("activation", "relu"), ("readout", "direct")];
    let driven = |bias: f64| {
        let Teacher {
            dataset,
            plan,
            mut theta,
        } = Teacher::new(calm, &options);
        for (name, range) in plan.layout.blocks() {
            if matches!(name.as_str(), "b" | "I0") {
                theta[range].fill(bias);
            }
        }
        let targets = predictions(&plan, &dataset, &theta);
        let dataset = dataset.with_targets(targets).unwrap();
        let plan = FitPlan::check(&plan.config, &dataset).unwrap();
        let found = Teacher {
            dataset,
            plan,
            theta,
        }
        .judged(Depth::Curvature);
        let named = |null: &&NullDirection| null.name.contains("against its self-connection");
        found.null_directions.iter().filter(named).count()
    };
    assert_eq!(driven(5.0), 3);
    assert_eq!(driven(0.3), 0);
}
