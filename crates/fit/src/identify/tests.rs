//! Networks of which it is known what can be told.

use super::*;
use crate::config::{EffectiveConfig, Layer};
use crate::dataset::{Dataset, RawDataset, Split};
use crate::driver::Names;
use crate::plan::FitPlan;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::sync::atomic::AtomicBool;

const SAMPLES: usize = 60;
const INTERVAL: f64 = 0.01;

/// A teacher with its recording.
struct Teacher {
    dataset: Dataset,
    plan: FitPlan,
    theta: Vec<f64>,
}

/// What a teacher is made of.
#[derive(Clone, Copy)]
struct Recipe {
    units: usize,
    outputs: usize,
    trials: usize,
    noise: f64,
    seed: u64,
    /// tau_s and tau_r of every unit; none: random ones, apart by at least a factor of 1.5.
    taus: Option<[f64; 2]>,
    /// Of all weights.
    strength: f64,
}

const SMALL: Recipe = Recipe {
    units: 3,
    outputs: 3,
    trials: 6,
    noise: 0.0,
    seed: 1,
    taus: None,
    strength: 1.0,
};

fn config(options: &[(&'static str, &str)]) -> EffectiveConfig {
    let always = [
        ("initial_state", "learned"),
        ("tau_bounds", "0.002,3"),
        ("l2", "0"),
    ];
    let given = Layer::from_options(options.iter().copied()).unwrap();
    EffectiveConfig::merge(&[given, Layer::from_options(always).unwrap()]).unwrap()
}

fn blank(recipe: Recipe, rng: &mut ChaCha8Rng) -> Dataset {
    let time: Vec<f64> = (0..SAMPLES).map(|k| k as f64 * INTERVAL).collect();
    let mut input = || {
        let phases: Vec<f64> = (0..8).map(|_| 6.0 * rng.random::<f64>()).collect();
        DMatrix::from_fn(2, SAMPLES, |i, k| {
            let wave = |f: usize| {
                (phases[4 * i + f]
                    + (3.0 + 7.0 * f as f64) * (1.0 + 0.3 * i as f64) * k as f64 * INTERVAL)
                    .sin()
            };
            (0..4).map(wave).sum::<f64>()
        })
    };
    let inputs: Vec<_> = (0..recipe.trials).map(|_| input()).collect();
    let targets = (0..recipe.trials).map(|t| {
        DMatrix::from_fn(recipe.outputs, SAMPLES, |o, k| {
            ((1 + o + t) as f64 * k as f64 * 0.1).sin()
        })
    });
    let mut raw = RawDataset::new("teacher", "s", time, inputs, targets.collect());
    raw.interpolation = tauscope_dynamics::Interpolation::Linear;
    raw.split = Some(vec![Split::Train; recipe.trials]);
    Dataset::new(raw).unwrap()
}

impl Teacher {
    fn new(recipe: Recipe, options: &[(&'static str, &str)]) -> Teacher {
        let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
        let units = recipe.units.to_string();
        let config = config(&[options, &[("units", units.as_str())]].concat());
        let empty = blank(recipe, &mut rng);
        let mut tight = config.clone();
        tight.rtol = crate::config::Fraction::new(1e-11).unwrap();
        let plan = FitPlan::check(&tight, &empty).unwrap();
        let mut theta: Vec<f64> = (0..plan.layout.len())
            .map(|_| rng.sample::<f64, _>(StandardNormal))
            .collect();
        let scale = recipe.strength / (recipe.units as f64).sqrt();
        for (name, range) in plan.layout.blocks() {
            for (at, value) in theta[range].iter_mut().enumerate() {
                *value = match (name.as_str(), recipe.taus) {
                    ("log_tau_s", Some([s, _])) => s.ln(),
                    ("log_tau_r", Some([_, r])) => r.ln(),
                    ("log_tau_s", None) => (0.03 * (1.0 + 0.3 * at as f64)).ln(),
                    ("log_tau_r", None) => (0.1 * (1.0 + 0.2 * at as f64)).ln(),
                    ("W", _) => scale * *value,
                    ("b" | "I0" | "r0", _) => 0.3 * recipe.strength.min(1.0) * *value,
                    _ => recipe.strength * (*value + 0.5 * value.signum()),
                };
            }
        }
        let targets = predictions(&plan, &empty, &theta);
        let noisy = targets
            .into_iter()
            .map(|m| with_noise(m, recipe.noise, &mut rng))
            .collect();
        let dataset = empty.with_targets(noisy).unwrap();
        let values = plan
            .layout
            .readout
            .values(&theta[plan.layout.readout_range()]);
        let plan = FitPlan::check(&config, &dataset).unwrap();
        let readout = plan.layout.readout.theta(&values);
        theta[plan.layout.readout_range()].copy_from_slice(&readout);
        Teacher {
            dataset,
            plan,
            theta,
        }
    }

    fn judged(&self, depth: Depth) -> Identification {
        self.judged_at(&self.theta, depth, &[])
    }

    fn judged_at(&self, theta: &[f64], depth: Depth, profiles: &[&str]) -> Identification {
        let stop = AtomicBool::new(false);
        let control = Control {
            stop: &stop,
            deadline: None,
            progress: &|_| {},
        };
        let find =
            |name: &&str| ProfileTarget::find(name, &self.plan.layout, &self.dataset).unwrap();
        let request = Request {
            theta,
            depth,
            profiles: profiles.iter().map(find).collect(),
            most_iterations: 100,
        };
        identify(&self.plan, &self.dataset, &request, &control).unwrap()
    }
}

fn predictions(plan: &FitPlan, dataset: &Dataset, theta: &[f64]) -> Vec<DMatrix<f64>> {
    let objective = plan.objective(dataset, 0.0).unwrap();
    let at = objective.unpack(theta).unwrap();
    let mut out = dataset.targets().to_vec();
    for batch in objective.train.iter() {
        let solved = objective.solve(&at, batch, &objective.integrator).unwrap();
        for observation in batch.observations.iter() {
            let z = objective.prediction(&at, &solved.trajectory, observation);
            for (k, &trial) in batch.trials.iter().enumerate() {
                out[trial].set_column(observation.target, &z.column(k));
            }
        }
    }
    out
}

fn with_noise(clean: DMatrix<f64>, noise: f64, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let mut noisy = clean.clone();
    for (mut row, clean) in noisy.row_iter_mut().zip(clean.row_iter()) {
        let std = clean.variance().sqrt();
        row.iter_mut()
            .for_each(|v| *v += noise * std * rng.sample::<f64, _>(StandardNormal));
    }
    noisy
}

const SIGMOID: [(&str, &str); 2] = [("activation", "sigmoid"), ("readout", "direct")];
const IDENTITY: [(&str, &str); 3] = [
    ("activation", "identity"),
    ("readout", "direct"),
    ("connectivity", "no-self"),
];

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

const TANH: [(&str, &str); 3] = [
    ("activation", "tanh"),
    ("readout", "direct"),
    ("connectivity", "no-self"),
];

#[test]
fn a_fit_in_the_reversed_order_is_said_to_be_in_the_wrong_one() {
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
    let unit = &found.units[unit.index];
    assert!(
        unit.tau_s.unwrap().value > unit.tau_r.unwrap().value,
        "{unit:?}"
    );
    assert!(unit.order_probability.unwrap() < 0.05, "{unit:?}");
    assert!(
        unit.reason.contains("the reversed order fits better"),
        "{}",
        unit.reason
    );
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

#[test]
fn unknown_constants_are_refused_by_name() {
    let teacher = Teacher::new(SMALL, &SIGMOID);
    for name in ["tau_s[9]", "tau_x[0]", "tau_s", "tau_s[]", ""] {
        let error = ProfileTarget::find(name, &teacher.plan.layout, &teacher.dataset).unwrap_err();
        assert!(
            error.to_string().contains("names no time constant"),
            "{error}"
        );
    }
}

#[test]
fn the_judgement_is_the_same_for_any_number_of_threads() {
    let teacher = Teacher::new(
        Recipe {
            noise: 0.02,
            strength: 3.0,
            trials: 12,
            ..SMALL
        },
        &SIGMOID,
    );
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| teacher.judged(Depth::Twins))
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one.units, three.units);
    assert_eq!(
        (one.eigenvalues, one.decay_times),
        (three.eigenvalues, three.decay_times)
    );
}

#[test]
fn decay_times_without_recurrence_are_the_time_constants() {
    let options = [&SIGMOID[..], &[("connectivity", "none")]].concat();
    let teacher = Teacher::new(
        Recipe {
            noise: 0.02,
            strength: 3.0,
            ..SMALL
        },
        &options,
    );
    let found = teacher.judged(Depth::Curvature);
    let mut taus: Vec<f64> = found.units.iter().flat_map(|u| u.pair.clone()).collect();
    taus.sort_by(|a, b| b.total_cmp(a));
    for (mode, tau) in found.decay_times.iter().zip(&taus) {
        assert!(
            (mode.time / tau - 1.0).abs() < 1e-10 && mode.period.is_infinite(),
            "{mode:?} {tau}"
        );
    }
}

#[test]
fn what_is_stored_of_a_unit_has_units_and_coordinates() {
    let teacher = Teacher::new(
        Recipe {
            noise: 0.02,
            strength: 3.0,
            ..SMALL
        },
        &SIGMOID,
    );
    let group = uncertainty(
        &teacher.judged(Depth::Twins),
        &Names::new(&teacher.plan.layout, &teacher.dataset),
    );
    for name in [
        "tau_s",
        "tau_r_interval",
        "smaller_interval",
        "order_probability",
        "verdict",
        "reason",
        "twin_difference_refitted",
    ] {
        assert!(group.find(name).is_some(), "{name}");
    }
    assert_eq!(
        group.find("tau_s").unwrap().attribute_text("units"),
        Some("s")
    );
    assert_eq!(
        group.find("log_tau_s").unwrap().attribute_text("units"),
        Some("1")
    );
}
