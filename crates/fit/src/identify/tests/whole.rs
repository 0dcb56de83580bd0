//! A judgement as a whole: names, threads, what is stored.

use super::super::*;
use super::teacher::*;
use crate::driver::Names;

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
fn a_constant_that_is_named_twice_is_profiled_once() {
    let teacher = Teacher::new(SMALL, &SIGMOID);
    let mut raw = crate::dataset::RawDataset::new(
        "labelled",
        "s",
        teacher.dataset.time().to_vec(),
        teacher.dataset.inputs().to_vec(),
        teacher.dataset.targets().to_vec(),
    );
    raw.output_labels = Some(vec!["left".to_owned(), "mid".to_owned(), "right".to_owned()].into());
    let dataset = crate::dataset::Dataset::new(raw).unwrap();
    let names = [
        "tau_s[0]",
        "tau_r[0]",
        "tau_s[left]",
        "tau_s[0]",
        "tau_s[1]",
    ]
    .map(String::from);
    let found = ProfileTarget::find_all(&names, &teacher.plan.layout, &dataset).unwrap();
    let names: Vec<&str> = found.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["tau_s[0]", "tau_r[0]", "tau_s[1]"]);
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
