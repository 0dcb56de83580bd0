use crate::bench::Bench;
use serde_json::Value;
use tauscope_fit::store::StoredFile;

const TEACHER: &str = "units = 3\ninputs = 2\ntrials = 8\nduration = 0.6\nnoise = 0.05\nseed = 4\nsplit = [1.0, 0.0, 0.0]\n[tau]\nmin_log_ratio = 0.5\n";

fn fitted(options: &str) -> Bench {
    let bench = Bench::new();
    bench.write("teacher.toml", TEACHER);
    let made = bench.run("generate teacher.toml --out teacher.h5");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let fit = bench.run(&format!(
        "fit teacher.h5 --activation sigmoid --starts 2 --report false --out fit.h5 {options}"
    ));
    assert_eq!(fit.code, Some(0), "{}", fit.stderr);
    bench
}

#[test]
fn json_has_the_keys_of_the_contract_and_the_file_is_an_identification() {
    let bench = fitted("--identify false");
    let run = bench.run("identify fit.h5 --profile tau_s[1] --out judged.h5 --quiet --json");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json = run.json();
    for key in [
        "identification",
        "units",
        "sloppiest",
        "advice",
        "equivalences",
    ] {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
    let units = json["units"].as_array().unwrap();
    assert_eq!(units.len(), 3);
    for unit in units {
        for key in [
            "unit",
            "pair",
            "intervals",
            "open",
            "order_probability",
            "verdict",
        ] {
            assert!(unit.get(key).is_some(), "{key}: {unit}");
        }
        let pair: Vec<f64> = serde_json::from_value(unit["pair"].clone()).unwrap();
        assert!(pair.len() == 2 && pair[0] <= pair[1], "{unit}");
        let words = ["ordered", "order-unknown", "not-identifiable"];
        assert!(words.contains(&unit["verdict"].as_str().unwrap()), "{unit}");
    }
    assert_eq!(json["profiles"].as_array().unwrap().len(), 1);
    let file = StoredFile::open(&bench.path("judged.h5")).unwrap();
    assert_eq!(
        file.root().attribute_text("tauscope_format").unwrap(),
        Some("identification".to_owned())
    );
    let interval = file
        .group("uncertainty")
        .unwrap()
        .read_f64("tau_s_interval");
    assert_eq!(interval.unwrap().shape, [3, 2]);
    let interval = file.group("uncertainty").unwrap();
    let interval = interval.variable("larger_interval").unwrap();
    let meaning = interval.attribute_text("open_end").unwrap().unwrap();
    assert!(meaning.contains("do not bound"), "{meaning}");
}

#[test]
fn a_fit_stores_what_was_judged_and_one_without_does_not() {
    let with = fitted("--identify true");
    let file = StoredFile::open(&with.path("fit.h5")).unwrap();
    let stored = file.group("uncertainty").unwrap();
    for name in ["tau_s", "tau_r_interval", "order_probability", "verdict"] {
        assert!(stored.has(name), "{name}");
    }
    let without = fitted("--identify false");
    let file = StoredFile::open(&without.path("fit.h5")).unwrap();
    assert!(!file.root().has_group("uncertainty"));
}

#[test]
fn a_constant_that_is_named_twice_is_profiled_once() {
    let bench = fitted("--identify false");
    let run = bench.run(
        "identify fit.h5 --profile tau_s[1] --profile tau_r[0] --profile tau_s[1] --out judged.h5 --quiet --json",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let profiles = run.json()["profiles"].clone();
    let names: Vec<&Value> = profiles
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["tau_s[1]", "tau_r[0]"]);
    assert!(bench.path("judged.h5").exists());
}

#[test]
fn terminal_json_and_file_give_the_same_intervals() {
    let bench = fitted("--identify false");
    let text = bench.run("identify fit.h5 --out text.h5 --quiet");
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    let run = bench.run("identify fit.h5 --out judged.h5 --quiet --json");
    let json = run.json();
    let judged_at = json["judged_at"].as_str().unwrap();
    assert!(judged_at.starts_with("unpenalised"), "{judged_at}");
    let file = StoredFile::open(&bench.path("judged.h5")).unwrap();
    let mut told = 0;
    for tau in ["tau_s", "tau_r"] {
        let group = file.group("uncertainty").unwrap();
        let stored = group.read_f64(&format!("{tau}_interval")).unwrap().values;
        let rows = text.stdout.lines().skip(1);
        let units = json["units"].as_array().unwrap().iter();
        for ((unit, stored), row) in units.zip(stored.chunks(2)).zip(rows) {
            let interval: Result<[f64; 2], _> =
                serde_json::from_value(unit[tau]["interval"].clone());
            let Ok(interval) = interval else { continue };
            // the reader of JSON is off by the last bit at times
            let same = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-14;
            assert!(
                interval.iter().zip(stored).all(same),
                "{interval:?} {stored:?}"
            );
            let is_low = |word: &str| {
                let shown = word.parse::<f64>();
                shown.is_ok_and(|shown| (shown / interval[0] - 1.0).abs() < 1e-3)
            };
            assert!(row.split_whitespace().any(is_low), "{row} {interval:?}");
            told += 1;
        }
    }
    assert!(told > 0, "{}", text.stdout);
}

#[test]
fn a_time_constant_that_there_is_not_is_refused_by_name() {
    let bench = fitted("--identify false");
    let run = bench.run("identify fit.h5 --profile tau_x[1] --json");
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("option --profile: tau_x[1] names no time constant of this result: give one of tau_s, tau_r"),
        "{}",
        run.stderr
    );
    let null: Result<Value, _> = serde_json::from_str(&run.stdout);
    assert!(null.is_err());
}
