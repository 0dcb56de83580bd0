use crate::bench::Bench;
use tauscope_fit::store::{Group, StoredFile, Variable, write_file};

const UNITS: usize = 2;
const SAMPLES: usize = 30;

/// A gradient problem with two units, an input and two trials.
struct Written<'a> {
    /// The first recurrent weight.
    w00: f64,
    sampling: &'a str,
    tau_s: [f64; 2],
    tau_r: [f64; 2],
    first_target: f64,
}

const WRITTEN: Written<'static> = Written {
    w00: 1.2,
    sampling: "point",
    tau_s: [0.05, 0.02],
    tau_r: [0.03, 0.1],
    first_target: 0.6,
};

fn write_problem(bench: &Bench, name: &str, problem: &Written<'_>) {
    let time: Vec<f64> = (0..SAMPLES).map(|k| 0.01 * k as f64).collect();
    let wave = |phase: f64| (0..SAMPLES).map(move |k| (0.3 * k as f64 + phase).sin());
    let inputs: Vec<f64> = wave(0.0).chain(wave(1.0)).collect();
    let mut targets: Vec<f64> = (0..2 * SAMPLES * UNITS)
        .map(|k| 0.5 + 0.1 * (0.7 * k as f64).cos())
        .collect();
    targets[0] = problem.first_target;
    let one = |name: &str, values: &[f64]| Variable::new(name, &["unit"], values.to_vec());
    let parameters = Group::new()
        .variable(Variable::new(
            "W",
            &["unit", "source_unit"],
            vec![problem.w00, -0.5, 0.8, 0.3],
        ))
        .variable(Variable::new("U", &["unit", "input"], vec![1.0, -0.5]))
        .variable(one("b", &[0.1, -0.2]))
        .variable(one("tau_s", &problem.tau_s))
        .variable(one("tau_r", &problem.tau_r));
    let state = |name: &str| Variable::new(name, &["trial", "unit"], vec![0.5, 0.4, 0.3, 0.6]);
    let root = Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", "s")
        .attribute("interpolation", "linear")
        .attribute("target_sampling", problem.sampling)
        .attribute("model", "two-constant")
        .attribute("activation", "sigmoid")
        .dimension("trial", 2)
        .dimension("input", 1)
        .dimension("output", UNITS)
        .dimension("unit", UNITS)
        .dimension("source_unit", UNITS)
        .coordinate(Variable::new("time", &["time"], time))
        .variable(Variable::new("inputs", &["trial", "time", "input"], inputs))
        .variable(Variable::new(
            "targets",
            &["trial", "time", "output"],
            targets,
        ))
        .group("parameters", parameters)
        .group(
            "initial_state",
            Group::new().variable(state("I")).variable(state("r")),
        );
    write_file(&bench.path(name), &root).unwrap();
}

fn gradient_of_w(bench: &Bench, name: &str) -> Vec<f64> {
    let file = StoredFile::open(&bench.path(name)).unwrap();
    file.group("gradient")
        .unwrap()
        .read_f64("W")
        .unwrap()
        .values
}

#[test]
fn the_gradient_is_the_slope_of_the_cost() {
    const H: f64 = 1e-4;
    let bench = Bench::new();
    let mut costs = Vec::new();
    for (method, sampling) in [
        ("tsit45", "point"),
        ("auto", "point"),
        ("auto", "bin_mean"),
        ("rk4", "point"),
        ("tsit45", "bin_mean"),
        ("rk4", "bin_mean"),
    ] {
        let cost = |w00: f64| {
            write_problem(
                &bench,
                "p.h5",
                &Written {
                    w00,
                    sampling,
                    ..WRITTEN
                },
            );
            let run = bench.run(&format!(
                "gradient p.h5 --method {method} --rtol 1e-10 --out a.h5 --force --json"
            ));
            run.json()["cost"].as_f64().unwrap()
        };
        let slope = (cost(1.2 + H) - cost(1.2 - H)) / (2.0 * H);
        costs.push(cost(1.2));
        let gradient = gradient_of_w(&bench, "a.h5")[0];
        // a central difference is off by H^2 and by the tolerance over H
        assert!(
            (gradient / slope - 1.0).abs() < 1e-5,
            "{method}, {sampling}: {gradient} {slope}"
        );
    }
    assert!(
        (costs[0] / costs[2] - 1.0).abs() > 1e-4,
        "a mean over bins is not a point: {costs:?}"
    );
}

#[test]
fn threads_and_repeats_do_not_change_a_bit() {
    let bench = Bench::new();
    write_problem(&bench, "p.h5", &WRITTEN);
    let json = bench.run("gradient p.h5 --out a.h5 --json").json();
    assert_eq!(
        (json["threads"].as_u64(), json["method"].as_str()),
        (Some(1), Some("exp-adams"))
    );
    for key in [
        "seconds_median",
        "cpu_seconds_median",
        "rhs_evaluations",
        "rhs_evaluations_backward",
    ] {
        assert!(json[key].as_f64().is_some_and(|value| value > 0.0), "{key}");
    }
    assert_eq!(
        bench
            .run("gradient p.h5 --out b.h5 --threads 2 --repeat 3")
            .code,
        Some(0)
    );
    assert_eq!(gradient_of_w(&bench, "a.h5"), gradient_of_w(&bench, "b.h5"));
}

/// Simpson's rule over a bin that is much longer than the time constants is no mean, and the estimate says so.
#[test]
fn the_estimated_error_counts_the_rule_for_means_over_bins() {
    let bench = Bench::new();
    let estimate = |tau: [f64; 2]| {
        let problem = Written {
            sampling: "bin_mean",
            tau_s: tau,
            tau_r: tau,
            ..WRITTEN
        };
        write_problem(&bench, "p.h5", &problem);
        let run = bench.run("gradient p.h5 --rtol 1e-9 --out a.h5 --force --json");
        run.json()["error_estimate"].as_f64().unwrap()
    };
    let (short_bins, long_bins) = (estimate([0.2, 0.3]), estimate([5e-4, 1e-3]));
    assert!(
        short_bins < 1e-5 && long_bins > 1e-3,
        "{short_bins:e} {long_bins:e}"
    );
}

#[test]
fn a_step_longer_than_the_recording_and_a_cost_that_overflows_are_refused() {
    let bench = Bench::new();
    write_problem(&bench, "p.h5", &WRITTEN);
    bench
        .run("gradient p.h5 --method rk4 --step 0.5 --out a.h5")
        .refused(
            2,
            "error: p.h5: option --step: step 0.5 is longer than the whole recording, 0.29: choose a step of at most a sample interval, or leave --step out",
        );
    let huge = Written {
        first_target: 1e200,
        ..WRITTEN
    };
    write_problem(&bench, "huge.h5", &huge);
    bench
        .run("gradient huge.h5 --out a.h5")
        .refused(1, "error: huge.h5: the cost is inf: a target or an initial state is too large for its square to be a number; look for values such as 1e200 that stand for \"missing\" (NaN means not observed)");
    assert_eq!(bench.names(), ["huge.h5", "p.h5"]);
}

#[test]
fn a_dataset_without_parameters_is_refused() {
    let bench = Bench::with_dataset();
    let run = bench.run("gradient tiny.h5 --out a.h5");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.starts_with("error: tiny.h5"), "{}", run.stderr);
    assert_eq!(bench.names(), ["spec.toml", "tiny.h5"]);
}

/// Units that drive each other far faster than the samples: every step that is too long may lie on one wrong solution.
#[test]
fn a_loop_that_is_faster_than_the_step_is_named() {
    let bench = Bench::new();
    let fast = Written {
        w00: -300.0,
        tau_s: [1e-3, 0.02],
        tau_r: [1e-3, 0.1],
        ..WRITTEN
    };
    write_problem(&bench, "loop.h5", &fast);
    let warned = |options: &str| {
        let run = bench.run(&format!("gradient loop.h5 {options} --out a.h5 --force"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.contains("warning: unit 0 follows within 2.00e-3 s, less than the step of 1.00e-2 s, and may drive itself with a gain of up to 75.0")
    };
    assert!(warned("--method exp-hermite --step 0.01"));
    assert!(warned("--method rk4"));
    // what finds such steps too long itself, or follows the equilibrium of the loop
    assert!(!warned("--method auto"));
    assert!(!warned("--method backward-euler"));
    assert!(!warned("--method exp-hermite --step 0.001"));
}
