use crate::bench::Bench;
use std::path::Path;
use tauscope_fit::store::{StoredFile, read_dataset};

fn variable(path: &Path, group: &str, name: &str) -> Vec<f64> {
    StoredFile::open(path)
        .unwrap()
        .group(group)
        .unwrap()
        .read_f64(name)
        .unwrap()
        .values
}

#[test]
fn the_same_seed_makes_the_same_file() {
    let bench = Bench::with_dataset();
    for (seed, name) in [(0, "again.h5"), (1, "other.h5")] {
        let run = bench.run(&format!(
            "generate spec.toml --seed {seed} --out {name} --json"
        ));
        assert_eq!(run.json()["seed"], seed);
    }
    let targets = |name| read_dataset(&bench.path(name)).unwrap().targets().to_vec();
    assert_eq!(targets("again.h5"), targets("tiny.h5"));
    assert_ne!(targets("other.h5"), targets("tiny.h5"));
}

#[test]
fn json_is_one_object_with_the_keys_of_the_contract() {
    let bench = Bench::new();
    bench.write(
        "s.toml",
        "units = 4\ninputs = 2\ntrials = 5\nduration = 0.3\ninterval = 0.02\nseed = 9\n",
    );
    let run = bench.run("generate s.toml --json --quiet");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json = run.json();
    for (key, value) in [("units", 4), ("trials", 5), ("samples", 15), ("seed", 9)] {
        assert_eq!(json[key], value, "{key}");
    }
    let path = json["dataset"].as_str().unwrap();
    assert!(
        path.starts_with("results/s-") && path.ends_with("-generate.h5"),
        "{path}"
    );
    assert_eq!(read_dataset(&bench.path(path)).unwrap().n_outputs(), 4);
}

#[test]
fn a_noise_of_zero_leaves_the_network_that_a_larger_one_hides() {
    let bench = Bench::new();
    let spec = "units = 3\ninputs = 1\ntrials = 4\nduration = 0.5\n";
    bench.write("clean.toml", spec);
    bench.write("noisy.toml", &format!("{spec}noise = 0.1\n"));
    for name in ["clean", "noisy"] {
        assert_eq!(
            bench
                .run(&format!("generate {name}.toml --out {name}.h5"))
                .code,
            Some(0)
        );
    }
    let [clean, noisy] =
        ["clean.h5", "noisy.h5"].map(|name| read_dataset(&bench.path(name)).unwrap());
    assert_eq!(
        variable(&bench.path("clean.h5"), "truth", "W"),
        variable(&bench.path("noisy.h5"), "truth", "W")
    );
    let std = variable(&bench.path("noisy.h5"), "truth", "noise_std");
    let (mut squares, mut count) = (vec![0.0; 3], 0.0);
    for (a, b) in clean.targets().iter().zip(noisy.targets()) {
        for (x, y) in a.column_iter().zip(b.column_iter()) {
            (0..3).for_each(|output| squares[output] += (x[output] - y[output]).powi(2));
            count += 1.0;
        }
    }
    for (squares, std) in squares.iter().zip(std) {
        // 200 samples: the standard error of a standard deviation is 5 %
        assert!(((squares / count).sqrt() / std - 1.0).abs() < 0.2);
    }
}

#[test]
fn time_constants_keep_their_range_and_their_distance() {
    let bench = Bench::new();
    let spec = "units = 20\ninputs = 1\ntrials = 1\nduration = 0.1\n[tau]\ns = [0.02, 0.2]\nr = [0.01, 0.1]\nmin_log_ratio = 0.5\n";
    bench.write("s.toml", spec);
    assert_eq!(bench.run("generate s.toml --out s.h5").code, Some(0));
    let [s, r] = ["tau_s", "tau_r"].map(|name| variable(&bench.path("s.h5"), "truth", name));
    for (s, r) in s.iter().zip(&r) {
        assert!(
            (0.02..=0.2).contains(s) && (0.01..=0.1).contains(r) && (s / r).ln().abs() >= 0.5,
            "{s} {r}"
        );
    }
}

#[test]
fn a_discrete_teacher_with_rate_constants_of_one_is_an_elman_network() {
    let bench = Bench::new();
    bench.write(
        "s.toml",
        "units = 3\ninputs = 1\ntrials = 1\nduration = 0.1\nmethod = \"euler-sequential\"\n[tau]\nalpha_s = 1.0\nalpha_r = 1.0\n",
    );
    assert_eq!(bench.run("generate s.toml --out s.h5").code, Some(0));
    let path = bench.path("s.h5");
    let dataset = read_dataset(&path).unwrap();
    let [w, u, b] = ["W", "U", "b"].map(|name| variable(&path, "truth", name));
    let (r, x) = (&dataset.targets()[0], &dataset.inputs()[0]);
    for k in 1..r.ncols() {
        for unit in 0..3 {
            let recurrent: f64 = (0..3)
                .map(|source| w[3 * unit + source] * r[(source, k - 1)])
                .sum();
            let current = recurrent + u[unit] * x[(0, k)] + b[unit];
            assert!((r[(unit, k)] - 1.0 / (1.0 + (-current).exp())).abs() < 1e-14);
        }
    }
    assert!(
        variable(&path, "truth", "tau_s")
            .iter()
            .all(|tau| tau.is_nan())
    );
}

#[test]
fn every_kind_of_input_and_start_can_be_generated() {
    let bench = Bench::new();
    for kind in ["sinusoids", "white", "smoothed", "steps"] {
        for (start, model) in [
            ("shared", "two-constant"),
            ("steady", "rate"),
            ("zero", "current"),
        ] {
            bench.write(
                "s.toml",
                &format!(
                    "units = 2\ninputs = 2\ntrials = 3\nduration = 0.2\nsampling = \"irregular\"\ninitial_state = \"{start}\"\nmodel = \"{model}\"\n[weights]\nstd = 1.0\n[input]\nkind = \"{kind}\"\ninterpolation = \"hold\"\n"
                ),
            );
            let run = bench.run("generate s.toml --out s.h5 --force");
            assert_eq!(run.code, Some(0), "{kind} {start} {model}: {}", run.stderr);
        }
    }
}

#[test]
fn a_wrong_specification_ends_with_2_and_its_place() {
    let bench = Bench::new();
    for (text, message) in [
        (
            "units = 2\ninputs = 1\nunit = 3\n",
            "s.toml: line 3: unknown field `unit`, expected one of",
        ),
        ("inputs = 1\n", "s.toml: line 1: missing field `units`"),
        (
            "units = 0\ninputs = 1\n",
            "s.toml: key `units`: must be at least 1, got 0",
        ),
        (
            "units = 2\ninputs = 1\noutputs = 3\n",
            "s.toml: key `outputs`: must be from 1 to units = 2, got 3",
        ),
        (
            "units = 2\ninputs = 1\nduration = 0.01\n",
            "s.toml: key `duration`: must be at least two intervals of 0.01, got 0.01",
        ),
        (
            "units = 2\ninputs = 1\n[tau]\ns = [0.2, 0.1]\n",
            "s.toml: key `tau.s`: must be [low, high] with 0 < low <= high",
        ),
        (
            "units = 2\ninputs = 1\nactivation = \"selu\"\n",
            "s.toml: line 3: unknown variant `selu`, expected one of",
        ),
        (
            "units = 2\ninputs = 1\ntrials = 1000000000000\n",
            "s.toml: key `trials`: ",
        ),
    ] {
        bench.write("s.toml", text);
        let run = bench.run("generate s.toml --out s.h5");
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(2), ""),
            "{text}: {}",
            run.stderr
        );
        assert!(
            run.stderr.starts_with(&format!("error: {message}")),
            "{}",
            run.stderr
        );
    }
    assert_eq!(bench.names(), ["s.toml"]);
}

#[test]
fn inspect_shows_what_was_generated() {
    let bench = Bench::with_dataset();
    let json = bench.run("inspect tiny.h5 --json").json();
    assert_eq!(json["format"], "dataset");
    assert_eq!(json["shapes"]["targets"], serde_json::json!([4, 20, 3]));
    assert_eq!(json["units"]["truth/tau_s"], "s");
    assert_eq!(json["attributes"]["time_units"], "s");
    let text = bench.run("inspect tiny.h5").stdout;
    assert!(text.starts_with("tiny.h5: dataset\n"), "{text}");
}
