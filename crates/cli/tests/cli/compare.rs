use crate::bench::Bench;
use serde_json::Value;
use std::process::{Command, Stdio};
use tauscope_fit::store::StoredFile;

const QUICK: &str = "compare tiny.h5 --activation sigmoid --starts 1 --max-iterations 3 --methods euler,rk4,elman,rate,exp-adams --budget 20";

fn fits_with<'a>(json: &'a Value, method: &str) -> Vec<&'a Value> {
    let fits = json["fits"].as_array().unwrap();
    fits.iter().filter(|fit| fit["method"] == method).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

#[test]
fn json_has_the_keys_of_the_contract_and_both_files_are_there() {
    let bench = Bench::with_dataset();
    let run = bench.run(&format!("{QUICK} --quiet --json"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json = run.json();
    for key in ["comparison", "report", "verdict", "fits"] {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
    for fit in json["fits"].as_array().unwrap() {
        for key in [
            "method",
            "step_or_tolerance",
            "start",
            "converged",
            "no_tau_fits",
            "tau_s",
            "tau_r",
            "tau_s_drift",
            "tau_r_drift",
            "cost",
            "cost_reference",
            "r2",
        ] {
            assert!(fit.get(key).is_some(), "{key}: {fit}");
        }
    }
    for elman in fits_with(&json, "elman") {
        assert_eq!(
            (&elman["tau_s"], &elman["cost_reference"]),
            (&Value::Null, &Value::Null)
        );
    }
    for rate in fits_with(&json, "rate") {
        assert_eq!(
            (&rate["tau_s"], numbers(&rate["tau_r"]).len()),
            (&Value::Null, 3)
        );
    }
    let path = |key: &str| bench.path(json[key].as_str().unwrap());
    assert!(path("report").is_file());
    let file = StoredFile::open(&path("comparison")).unwrap();
    assert_eq!(
        file.root()
            .attribute_text("tauscope_format")
            .unwrap()
            .as_deref(),
        Some("comparison")
    );
}

#[test]
fn the_file_has_named_dimensions_and_what_json_says() {
    let bench = Bench::with_dataset();
    let json = bench.run(&format!("{QUICK} --out c.h5 --json")).json();
    let file = StoredFile::open(&bench.path("c.h5")).unwrap();
    let fits = file.group("fits").unwrap();
    let tau_r = fits.variable("tau_r").unwrap();
    let dims: Vec<_> = tau_r.dims().unwrap().into_iter().flatten().collect();
    assert_eq!(dims, ["start", "method", "step_or_tolerance", "unit"]);
    let stored = tau_r.read_f64().unwrap().values;
    for fit in json["fits"].as_array().unwrap() {
        if fit["tau_r"].is_array() {
            for value in numbers(&fit["tau_r"]) {
                // JSON is read to the last digit but one
                let is_same = |other: &f64| (other - value).abs() <= 1e-14 * value;
                assert!(stored.iter().any(is_same), "{value}");
            }
        }
    }
    let error = file
        .group("integration")
        .unwrap()
        .variable("gradient_error")
        .unwrap();
    let dims: Vec<_> = error.dims().unwrap().into_iter().flatten().collect();
    assert_eq!(dims, ["method", "step_or_tolerance", "block"]);
}

#[test]
fn inspect_says_what_the_comparison_says() {
    let bench = Bench::with_dataset();
    let json = bench.run(&format!("{QUICK} --out c.h5 --json")).json();
    let shown = bench.run("inspect c.h5 --json").json();
    assert_eq!(shown["verdict"], json["verdict"]);
    assert_eq!(shown["interrupted"], json["interrupted"]);
    let (shown, said) = (
        shown["fits"].as_array().unwrap(),
        json["fits"].as_array().unwrap(),
    );
    assert_eq!(shown.len(), said.len());
    assert!(!said.is_empty());
    for fit in said {
        let is_same = |other: &&Value| {
            ["method", "start", "control", "step_or_tolerance"]
                .iter()
                .all(|key| other[key] == fit[key])
        };
        let found = shown.iter().find(is_same).unwrap();
        for key in ["state", "converged"] {
            assert_eq!(found[key], fit[key], "{key} of {fit}");
        }
        if let Some(termination) = fit["termination"].as_str() {
            assert_eq!(found["termination"], termination);
            for key in ["cost", "tau_r_drift"] {
                let numbers = |value: &Value| match value {
                    Value::Array(_) => numbers(value),
                    other => other.as_f64().into_iter().collect(),
                };
                let (stored, given) = (numbers(&found[key]), numbers(&fit[key]));
                assert_eq!(stored.len(), given.len(), "{key} of {fit}");
                for (a, b) in stored.iter().zip(given) {
                    assert!((a - b).abs() <= 1e-14 * b.abs(), "{key} of {fit}");
                }
            }
        }
    }
    let text = bench.run("inspect c.h5").stdout;
    for word in [
        "drift: median (largest) over the units",
        json["verdict"][0].as_str().unwrap(),
    ] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn from_a_result_its_model_and_parameters_are_taken() {
    let bench = Bench::with_dataset();
    let fit =
        "fit tiny.h5 --model rate --activation sigmoid --starts 1 --max-iterations 3 --out fit.h5";
    assert_eq!(bench.run(fit).code, Some(0));
    let json = bench
        .run("compare tiny.h5 --from fit.h5 --methods euler --refit false --out c.h5 --json")
        .json();
    let stored = StoredFile::open(&bench.path("fit.h5")).unwrap();
    let tau_r = stored
        .group("parameters")
        .unwrap()
        .read_f64("tau_r")
        .unwrap()
        .values;
    // through the logarithm and back, where the last bit may be lost
    let taken = numbers(&json["adaptive"]["tau_r"]);
    assert_eq!(taken.len(), tau_r.len());
    for (taken, stored) in taken.iter().zip(&tau_r) {
        assert!(
            (taken / stored - 1.0).abs() < 1e-15,
            "{taken} is not {stored}"
        );
    }
    assert_eq!(
        (&json["adaptive"]["fitted_here"], &json["adaptive"]["tau_s"]),
        (&Value::Bool(false), &Value::Null)
    );
    assert_eq!(json["fits"].as_array().unwrap().len(), 0);
}

#[test]
fn the_report_loads_nothing_and_shows_the_verdict() {
    let bench = Bench::with_dataset();
    let json = bench
        .run(&format!("{QUICK} --out c.h5 --report r.html --json"))
        .json();
    let html = std::fs::read_to_string(bench.path("r.html")).unwrap();
    for word in [
        "<svg",
        "Verdict",
        "Work and precision",
        "step / time constant",
        "Is it a fit of the differential equation?",
    ] {
        assert!(html.contains(word), "{word}");
    }
    for word in ["<script", "src=\"http", "href=\"http", "@import"] {
        assert!(!html.contains(word), "{word}");
    }
    let sentences = json["verdict"].as_array().unwrap().len();
    assert!((2..=3).contains(&sentences), "{}", json["verdict"]);
}

#[test]
fn an_unknown_method_a_bad_step_and_an_existing_report_are_refused_before_any_work() {
    let bench = Bench::with_dataset();
    for (options, code) in [
        ("--methods leapfrog", 2),
        ("--steps 0", 2),
        ("--tolerances 2", 2),
        ("--budget -1", 2),
        ("--method euler", 2),
        ("--report tiny.h5", 1),
        ("--out c.h5 --report c.h5", 1),
    ] {
        let run = bench.run(&format!("compare tiny.h5 {options}"));
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(code), ""),
            "{options}: {}",
            run.stderr
        );
    }
    // not even an empty folder for results
    assert_eq!(bench.names(), ["spec.toml", "tiny.h5"]);
}

/// A generated teacher with smooth inputs and one time constant a unit, dt / tau from 0.1 to 1.
#[test]
fn the_adaptive_fit_recovers_a_teacher_and_euler_is_biased_as_the_law_says() {
    let bench = Bench::new();
    bench.write(
        "teacher.toml",
        "units = 4\ninputs = 2\nmodel = \"rate\"\ntrials = 12\ninterval = 0.02\nseed = 3\nsplit = [1.0, 0.0, 0.0]\n[tau]\nr = [0.03, 0.2]\n[input]\nkind = \"sinusoids\"\ninterpolation = \"linear\"\n",
    );
    assert_eq!(bench.run("generate teacher.toml --out t.h5").code, Some(0));
    let run = bench.run("compare t.h5 --model rate --activation sigmoid --methods euler,backward-euler --starts 4 --out c.h5 --json");
    let json = run.json();
    let truth = StoredFile::open(&bench.path("t.h5")).unwrap();
    let truth = truth
        .group("truth")
        .unwrap()
        .read_f64("tau_r")
        .unwrap()
        .values;
    let adaptive = numbers(&json["adaptive"]["tau_r"]);
    for (found, truth) in adaptive.iter().zip(&truth) {
        assert!((found / truth - 1.0).abs() < 0.01, "{found} {truth}");
    }
    let q: Vec<f64> = truth.iter().map(|tau| 0.02 / tau).collect();
    for (method, law) in [
        ("euler", (|q| q / (1.0 - f64::exp(-q))) as fn(f64) -> f64),
        ("backward-euler", |q| q / (f64::exp(q) - 1.0)),
    ] {
        let drift = numbers(&fits_with(&json, method)[0]["tau_r_drift"]);
        let mean = |of: &dyn Fn(usize) -> f64| (0..q.len()).map(of).sum::<f64>() / q.len() as f64;
        let (found, expected) = (mean(&|unit| drift[unit]), mean(&|unit| law(q[unit]) - 1.0));
        assert!(
            found / expected > 0.5 && found / expected < 2.0,
            "{method}: {found} {expected} {drift:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_valid_partial_comparison_and_exits_with_130() {
    let bench = Bench::new();
    bench.write(
        "spec.toml",
        "units = 12\ninputs = 2\ntrials = 30\nduration = 2.0\n",
    );
    assert_eq!(bench.run("generate spec.toml --out t.h5").code, Some(0));
    let child = Command::new(env!("CARGO_BIN_EXE_tauscope"))
        .args(
            "compare t.h5 --activation sigmoid --starts 1 --max-iterations 5 --out c.h5 --json"
                .split(' '),
        )
        .current_dir(bench.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // the output is reserved after the signals are caught
    while !bench.path("c.h5.reserved").exists() {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["interrupted"], true);
    let file = StoredFile::open(&bench.path("c.h5")).unwrap();
    assert!(file.group("adaptive").unwrap().has("tau_s"));
    assert!(bench.path("c.html").is_file());
}

#[test]
fn both_limits_are_compared_whatever_the_model_of_the_fit() {
    let bench = Bench::with_dataset();
    for model in ["rate", "current", "two-constant"] {
        let line = format!(
            "compare tiny.h5 --model {model} --activation sigmoid --starts 1 --max-iterations 2 --methods rate,current,rk4 --budget 3 --out {model}.h5 --report {model}.html --json"
        );
        let run = bench.run(&line);
        assert_eq!(run.code, Some(0), "{model}: {}", run.stderr);
        assert!(bench.path(&format!("{model}.h5")).exists());
    }
}
