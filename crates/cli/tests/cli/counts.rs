//! Spike counts: generated, fitted, scored, and taken by every command.

use crate::bench::Bench;
use serde_json::Value;
use tauscope_fit::store::{StoredFile, Variable, write_file};

/// Three units that fire 400 spikes/s, ten trials of two seconds.
const TEACHER: &str = "units = 3\ninputs = 2\ntrials = 10\nduration = 2.0\nseed = 4\nsplit = [0.8, 0.1, 0.1]\nobservation = \"poisson\"\n\
    [tau]\nmin_log_ratio = 0.5\n[spikes]\nlink = \"LINK\"\nrate = 400.0\nmodulation = 0.4\n";

fn taught(link: &str) -> Bench {
    let bench = Bench::new();
    bench.write("teacher.toml", &TEACHER.replace("LINK", link));
    let run = bench.run("generate teacher.toml --out t.h5");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    bench
}

fn fitted(link: &str) -> (Bench, Value) {
    let bench = taught(link);
    let run = bench.run(&format!(
        "fit t.h5 --observation poisson --link {link} --activation sigmoid --l2 0 --early-stopping false --select-by train --starts 2 --identify false --out fit.h5 --json"
    ));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let json = run.json();
    (bench, json)
}

fn values(bench: &Bench, file: &str, group: &str, name: &str) -> Vec<f64> {
    let file = StoredFile::open(&bench.path(file)).unwrap();
    file.group(group).unwrap().read_f64(name).unwrap().values
}

/// Sixteen seconds of spikes tell a time constant within a factor of two: whether the truth lies there is what is judged.
/// Of six intervals of 95 % fewer than five hold it once in thirty times.
#[test]
fn intervals_hold_the_time_constants_of_spikes() {
    let (bench, _) = fitted("softplus");
    let run = bench.run("identify fit.h5 --out judged.h5 --json");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut held = Vec::new();
    for (index, unit) in run.json()["units"].as_array().unwrap().iter().enumerate() {
        for tau in ["tau_s", "tau_r"] {
            let truth = values(&bench, "t.h5", "truth", tau)[index];
            let end = |at: usize| unit[tau]["interval"][at].as_f64();
            let above = end(0).is_none_or(|low| low < truth);
            let below = end(1).is_none_or(|high| truth < high);
            let is_told = end(0).is_some() || end(1).is_some();
            held.push(is_told && above && below);
        }
    }
    assert_eq!(held.len(), 6);
    let count = held.iter().filter(|held| **held).count();
    assert!(count >= 5, "{count} of 6 intervals hold the truth");
}

#[test]
fn deviance_and_bits_per_spike_are_those_of_the_predictions_in_the_file() {
    let (bench, json) = fitted("softplus");
    let split = |name: &str, of: &str| values(&bench, "fit.h5", &format!("predictions/{name}"), of);
    let outputs = 3;
    let (train, mut mean) = (split("train", "target"), vec![0.0; outputs]);
    for (at, count) in train.iter().enumerate() {
        mean[at % outputs] += count / (train.len() / outputs) as f64;
    }
    for name in ["train", "valid", "test"] {
        let (counts, expected) = (split(name, "target"), split(name, "prediction"));
        // twice the log-likelihood ratio with the means that counts have of themselves
        let log_likelihood = |mu: &dyn Fn(usize) -> f64| -> f64 {
            let of = |(at, y): (usize, &f64)| y * mu(at).ln() - mu(at);
            counts.iter().enumerate().map(of).sum()
        };
        let full: f64 = counts
            .iter()
            .map(|&y| if y > 0.0 { y * y.ln() - y } else { 0.0 })
            .sum();
        let of_fit = log_likelihood(&|at| expected[at]);
        let of_mean = log_likelihood(&|at| mean[at % outputs]);
        let spikes: f64 = counts.iter().sum();
        let deviance = 2.0 * (full - of_fit);
        let bits = (of_fit - of_mean) / (spikes * 2.0_f64.ln());
        let found = |key: &str| json[key][name].as_f64().unwrap();
        assert!((found("deviance") / deviance - 1.0).abs() < 1e-9);
        assert!((found("bits_per_spike") - bits).abs() < 1e-9);
        let cost = deviance / counts.len() as f64;
        assert!((found("cost") / cost - 1.0).abs() < 1e-9);
        assert!(bits > 0.0, "{name}: {bits}");
        // the deviance of a true Poisson mean of 4 has the mean 1.1 a count
        assert!((0.9..1.3).contains(&cost), "{name}: {cost}");
    }
}

#[test]
fn every_command_takes_counts() {
    let (bench, _) = fitted("exp");
    // not at the optimum: a gradient that is zero has no relative error
    let run = bench.run("check t.h5 --observation poisson --link exp --activation sigmoid --json");
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let run = bench.run("simulate fit.h5 --out s.h5 --json");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let simulated = values(&bench, "s.h5", "/", "prediction");
    let predicted = values(&bench, "fit.h5", "predictions/test", "prediction");
    let of_trial = simulated.chunks(predicted.len());
    let closest = of_trial.map(|trial| {
        let differences = trial.iter().zip(&predicted);
        differences.fold(0.0, |worst: f64, (a, b)| worst.max((a / b - 1.0).abs()))
    });
    assert!(closest.fold(f64::INFINITY, f64::min) < 1e-6);
    let run = bench.run("inspect fit.h5");
    assert!(run.stdout.contains("bits per spike"), "{}", run.stdout);
    let run = bench.run("report fit.h5 --out fit-again.html --json");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let page = std::fs::read_to_string(bench.path("fit-again.html")).unwrap();
    for words in [
        "bits per spike",
        "mean deviance of a count",
        "integral over the bin of exp",
        "spikes a bin",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let run = bench.run(
        "compare t.h5 --from fit.h5 --methods euler --steps 0.01 --tolerances 1e-6 --refit false --out c.h5 --json",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_fit_of_counts_goes_on_to_the_same_bits() {
    let bench = taught("softplus");
    let options = "--observation poisson --activation sigmoid --l2 0 --starts 1 --identify false --report false";
    let fit = |more: &str| bench.run(&format!("fit t.h5 {options} {more}"));
    assert_eq!(fit("--out whole.h5").code, Some(0));
    assert_eq!(fit("--out cut.h5 --max-time 0.05").code, Some(0));
    assert_eq!(fit("--out cut.h5 --resume").code, Some(0));
    for name in ["W", "tau_s", "tau_r", "c", "d"] {
        let [whole, cut] =
            ["whole.h5", "cut.h5"].map(|file| values(&bench, file, "parameters", name));
        assert_eq!(whole, cut, "{name}");
    }
}

#[test]
fn a_dataset_without_counts_is_refused() {
    let bench = Bench::with_dataset();
    for command in ["fit", "check", "compare"] {
        let run = bench.run(&format!("{command} tiny.h5 --observation poisson"));
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(
            run.stderr
                .contains("poisson needs the variable spike_counts"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn an_output_without_a_spike_is_refused_by_its_label() {
    let bench = Bench::new();
    let dims = ["trial", "time", "output"];
    let counts: Vec<f64> = (0..2 * 8 * 2).map(|at| f64::from(at % 2 == 0)).collect();
    let root = tauscope_fit::store::Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", "s")
        .attribute("interpolation", "hold")
        .indices("trial", 2)
        .coordinate(Variable::new(
            "time",
            &["time"],
            (0..8).map(f64::from).collect::<Vec<_>>(),
        ))
        .indices("output", 2)
        .variable(Variable::new("targets", &dims, counts.clone()))
        .variable(Variable::new("spike_counts", &dims, counts));
    write_file(&bench.path("silent.h5"), &root).unwrap();
    let run = bench.run("fit silent.h5 --observation poisson");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("output 1 (label 1) has no spike in any train trial"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_specification_of_spikes_that_cannot_be_is_refused() {
    let bench = Bench::new();
    let spec = "units = 2\ninputs = 1\nobservation = \"poisson\"\n";
    for (more, message) in [
        ("noise = 0.1\n", "key `noise`: must be 0 for observation"),
        (
            "[spikes]\nrate = 0.0\n",
            "key `spikes.rate`: must be a number above 0, got 0",
        ),
        ("[spikes]\nlink = \"log\"\n", "line 5"),
    ] {
        bench.write("s.toml", &format!("{spec}{more}"));
        let run = bench.run("generate s.toml --out s.h5");
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}
