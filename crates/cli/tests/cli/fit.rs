use crate::bench::Bench;
use serde_json::Value;
use std::process::{Command, Stdio};
use tauscope_fit::store::{Group, StoredFile, write_file};

const QUICK: &str = "fit tiny.h5 --activation sigmoid --starts 2 --max-iterations 5";

fn weights(bench: &Bench, name: &str) -> Vec<f64> {
    let file = StoredFile::open(&bench.path(name)).unwrap();
    file.group("parameters")
        .unwrap()
        .read_f64("W")
        .unwrap()
        .values
}

#[test]
fn json_is_one_object_with_the_keys_of_the_contract() {
    let bench = Bench::with_dataset();
    let run = bench.run(&format!("{QUICK} --quiet --json"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json = run.json();
    let keys = [
        "result",
        "dataset",
        "method",
        "optimizer",
        "l2",
        "seed",
        "starts",
        "termination",
        "converged",
        "iterations",
        "seconds",
        "threads",
        "cost",
        "r2",
        "tau_s",
        "tau_r",
        "warnings",
    ];
    for key in keys {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
    assert_eq!(
        (&json["method"], &json["starts"]),
        (&"exp-adams".into(), &2.into())
    );
    assert_eq!(json["tau_s"]["units"], "s");
    assert!(json["r2"]["train"].as_f64().is_some_and(|r2| r2 <= 1.0));
    let path = json["result"].as_str().unwrap();
    assert!(
        path.starts_with("results/tiny-") && bench.path(path).is_file(),
        "{path}"
    );
}

#[test]
fn inspect_says_what_fit_said() {
    let bench = Bench::with_dataset();
    let fit = bench.run(&format!("{QUICK} --out fit.h5 --json")).json();
    let inspect = bench.run("inspect fit.h5 --json").json();
    for (key, value) in fit.as_object().unwrap() {
        assert_eq!(&inspect[key], value, "{key}");
    }
}

#[test]
fn the_table_names_cost_scores_time_constants_reason_and_file() {
    let bench = Bench::with_dataset();
    let text = bench.run(&format!("{QUICK} --out fit.h5")).stdout;
    for word in [
        "cost",
        "R2",
        "train",
        "valid",
        "test",
        "tau_s",
        "tau_r",
        "stopped",
        "result: fit.h5",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_fit_without_time_writes_where_it_stands_and_says_so() {
    let bench = Bench::with_dataset();
    let run = bench.run("fit tiny.h5 --activation sigmoid --max-time 1e-9 --out fit.h5 --json");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let json = run.json();
    assert_eq!(
        (&json["termination"], &json["converged"]),
        (&"time_limit".into(), &false.into())
    );
    assert!(weights(&bench, "fit.h5").iter().all(|w| w.is_finite()));
}

#[cfg(unix)]
#[test]
fn an_interrupted_fit_writes_its_best_point_and_ends_with_130() {
    for signal in ["-INT", "-TERM"] {
        let bench = Bench::with_dataset();
        let line = "fit tiny.h5 --activation sigmoid --starts 100000 --out fit.h5 --json";
        let program = Command::new(env!("CARGO_BIN_EXE_tauscope"))
            .args(line.split_whitespace())
            .current_dir(bench.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // the output is reserved after the signals are caught
        while !bench.path("fit.h5.reserved").exists() {
            std::thread::yield_now();
        }
        let id = program.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let output = program.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(130),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["termination"], "interrupted");
        assert!(weights(&bench, "fit.h5").iter().all(|w| w.is_finite()));
        assert_eq!(
            bench.names(),
            [
                "fit.h5",
                "fit.h5.checkpoint",
                "fit.html",
                "spec.toml",
                "tiny.h5"
            ]
        );
    }
}

#[test]
fn what_does_not_fit_the_dataset_ends_with_2_and_names_the_option() {
    let bench = Bench::with_dataset();
    for words in [
        "--signs 1,-1",
        "--units 2 --readout direct",
        "--score-by nothing",
        "--time-constants group:nothing",
    ] {
        let run = bench.run(&format!("fit tiny.h5 {words} --out fit.h5"));
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(2), ""),
            "{words}: {}",
            run.stderr
        );
        assert!(run.stderr.starts_with("error: option --"), "{}", run.stderr);
        assert_eq!(bench.names(), ["spec.toml", "tiny.h5"]);
    }
}

#[test]
fn check_passes_at_a_random_start_and_at_a_result() {
    let bench = Bench::with_dataset();
    let json = bench
        .run("check tiny.h5 --activation sigmoid --json")
        .json();
    assert_eq!(json["passed"], true);
    for block in ["W", "U", "b", "log_tau_s", "log_tau_r", "I0"] {
        assert!(
            json["blocks"][block]["adjoint_vs_forward"].as_f64() <= json["tolerance"].as_f64(),
            "{json}"
        );
    }
    assert_eq!(bench.run(&format!("{QUICK} --out fit.h5")).code, Some(0));
    let run = bench.run("check tiny.h5 --from fit.h5");
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("passed: tolerance"), "{}", run.stdout);
}

#[test]
fn check_does_not_take_what_cancels_at_an_optimum_for_a_fault() {
    let bench = Bench::new();
    bench.write(
        "spec.toml",
        "units = 2\ninputs = 1\ntrials = 3\nduration = 0.3\nnoise = 0.1\n",
    );
    assert_eq!(bench.run("generate spec.toml --out noisy.h5").code, Some(0));
    let fit = "fit noisy.h5 --units 2 --activation sigmoid --starts 1 --report false --out fit.h5";
    assert_eq!(bench.run(fit).code, Some(0));
    let run = bench.run("check noisy.h5 --from fit.h5");
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("within the errors of the solves")
            || run.stdout.contains("too small to tell"),
        "{}",
        run.stdout
    );
}

/// The predictions that `simulate` makes of the train trials of a fit, and those of the fit.
fn simulated_and_fitted(bench: &Bench, dataset: &str, options: &str) -> (Vec<f64>, Vec<f64>) {
    let fit = format!("fit {dataset} --activation sigmoid --starts 1 --max-iterations 3 {options}");
    let run = bench.run(&format!("{fit} --out fit.h5 --force"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = bench.run("simulate fit.h5 --out s.h5 --force");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let load = |file: &str, group: &str| {
        let file = StoredFile::open(&bench.path(file)).unwrap();
        let group = if group.is_empty() {
            Ok(file.root())
        } else {
            file.group(group)
        };
        group.unwrap().load().unwrap()
    };
    let (simulation, fit) = (load("s.h5", ""), load("fit.h5", "predictions/train"));
    let reals = |group: &Group, name: &str| group.find(name).unwrap().values.as_real().unwrap();
    let all = reals(&simulation, "prediction");
    let trials = reals(&fit, "trial");
    let one = all.len() / 4;
    let simulated = trials
        .iter()
        .flat_map(|trial| all[*trial as usize * one..][..one].to_vec())
        .collect();
    (simulated, reals(&fit, "prediction"))
}

#[test]
fn a_simulation_repeats_the_predictions_of_the_fit() {
    let bench = Bench::with_dataset();
    let mut tree = StoredFile::open(&bench.path("tiny.h5"))
        .unwrap()
        .root()
        .load()
        .unwrap();
    tree.attributes
        .retain(|(name, _)| name != "target_sampling");
    let tree = tree.attribute("target_sampling", "bin_mean");
    write_file(&bench.path("bins.h5"), &tree).unwrap();
    for (dataset, options) in [
        ("tiny.h5", ""),
        ("bins.h5", ""),
        ("bins.h5", "--method rk4"),
        ("tiny.h5", "--method euler --step 0.02"),
    ] {
        let (simulated, fitted) = simulated_and_fitted(&bench, dataset, options);
        assert!(fitted.iter().any(|v| v.is_finite()));
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&simulated), bits(&fitted), "{dataset} {options}");
    }
}

#[test]
fn a_result_names_the_commit_of_the_program_where_it_is_known() {
    let bench = Bench::with_dataset();
    assert_eq!(bench.run(&format!("{QUICK} --out fit.h5")).code, Some(0));
    let file = StoredFile::open(&bench.path("fit.h5")).unwrap();
    let commit = file
        .group("provenance")
        .unwrap()
        .attribute_text("git_commit");
    // the build script tells it to the tests as well
    let expected = option_env!("TAUSCOPE_GIT_COMMIT").unwrap_or("unknown");
    assert_eq!(commit.unwrap().as_deref(), Some(expected));
}
