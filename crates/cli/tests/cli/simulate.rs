use crate::bench::Bench;
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::store::{
    AttributeValue, Group, StoredFile, Values, Variable, read_dataset, write_file,
};

const SPLITS: [&str; 3] = ["train", "valid", "test"];

/// A result as files.md has it, whose parameters are the truth of the generated dataset `tiny.h5`.
fn write_result(bench: &Bench, name: &str) {
    let dataset = read_dataset(&bench.path("tiny.h5")).unwrap();
    let options = Layer::from_options([("activation", "sigmoid"), ("rtol", "1e-9")]).unwrap();
    let config = EffectiveConfig::merge(&[options]).unwrap();
    let provenance = Group::new()
        .attribute("configuration", config.to_toml())
        .attribute("dataset", bench.path("tiny.h5").display().to_string())
        .attribute("dataset_sha256", dataset.sha256().unwrap())
        .attribute("method", "tsit45")
        .attribute("optimizer", "gauss-newton")
        .attribute("l2", 0.0)
        .attribute("seed", 0_i64)
        .attribute("threads", 2_i64)
        .attribute("seconds", 1.5)
        .attribute(
            "warnings",
            vec![
                "there is no test trial".to_owned(),
                "a second one".to_owned(),
            ],
        );
    let certificate = Group::new()
        .attribute("converged", AttributeValue::Flag(true))
        .attribute("termination", "gradient")
        .attribute("iterations", 12_i64);
    let by_split = |name: &str, values: [f64; 3]| Variable::new(name, &["split"], values.to_vec());
    let metrics = Group::new()
        .coordinate(Variable::new(
            "split",
            &["split"],
            SPLITS.map(str::to_owned).to_vec(),
        ))
        .coordinate(Variable::new("signal", &["signal"], vec![1_i64, 2]))
        .variable(by_split("cost", [0.25, 0.5, f64::NAN]))
        .variable(by_split("r2", [0.75, 0.5, f64::NAN]))
        .variable(Variable::new(
            "r2_by_signal",
            &["signal", "split"],
            vec![0.8, 0.6, f64::NAN, 0.7, 0.4, f64::NAN],
        ));
    let starts = Group::new().indices("start", 4).variable(Variable::new(
        "objective",
        &["start"],
        vec![1.0; 4],
    ));
    let root = Group::new()
        .attribute("tauscope_format", "result")
        .attribute("schema_version", 1_i64)
        .group("parameters", dataset.truth().unwrap().clone())
        .group("provenance", provenance)
        .group("certificate", certificate)
        .group("metrics", metrics)
        .group("starts", starts);
    write_file(&bench.path(name), &root).unwrap();
}

#[test]
fn a_network_with_the_true_parameters_predicts_the_noiseless_targets() {
    let bench = Bench::with_dataset();
    write_result(&bench, "fit.h5");
    let run = bench.run("simulate fit.h5 --out s.h5 --json");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json = run.json();
    assert_eq!(json["simulation"], "s.h5");
    assert!(
        json["rhs_evaluations"]
            .as_u64()
            .is_some_and(|count| count > 0)
            && json["seconds"].is_f64()
    );
    let file = StoredFile::open(&bench.path("s.h5")).unwrap();
    let prediction = file.root().read_f64("prediction").unwrap();
    assert_eq!(prediction.shape, [4, 20, 3]);
    let dataset = read_dataset(&bench.path("tiny.h5")).unwrap();
    let targets = dataset.targets().iter().flat_map(|trial| trial.as_slice());
    for (prediction, target) in prediction.values.iter().zip(targets) {
        // both are within their tolerance, 1e-9 and 1e-10
        assert!((prediction - target).abs() < 1e-7, "{prediction} {target}");
    }
    let rates = file.root().read_f64("rates").unwrap();
    assert_eq!(rates.values, prediction.values);
    assert_eq!(file.root().read_f64("currents").unwrap().shape, [4, 20, 3]);
}

#[test]
fn a_dataset_that_has_changed_is_refused_unless_it_is_named() {
    let bench = Bench::with_dataset();
    write_result(&bench, "fit.h5");
    assert_eq!(
        bench
            .run("generate spec.toml --seed 1 --out tiny.h5 --force")
            .code,
        Some(0)
    );
    let run = bench.run("simulate fit.h5 --out s.h5");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr
            .contains("is not the file that was fitted (SHA-256 "),
        "{}",
        run.stderr
    );
    assert!(!bench.path("s.h5").exists());
    assert_eq!(
        bench
            .run("simulate fit.h5 --dataset tiny.h5 --out s.h5")
            .code,
        Some(0)
    );
}

#[test]
fn a_dataset_with_other_inputs_or_outputs_is_refused() {
    let bench = Bench::with_dataset();
    write_result(&bench, "fit.h5");
    for (units, inputs, message) in [
        (3, 2, "the network has 1 inputs but the dataset 2"),
        (4, 1, "the result has outputs for 3 of the dataset's 4"),
    ] {
        bench.write(
            "o.toml",
            &format!("units = {units}\ninputs = {inputs}\ntrials = 3\nduration = 0.1\n"),
        );
        assert_eq!(
            bench.run("generate o.toml --out o.h5 --force").code,
            Some(0)
        );
        let run = bench.run("simulate fit.h5 --dataset o.h5 --out s.h5");
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.starts_with(&format!("error: fit.h5: {message}")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_time_constant_that_cannot_be_is_named_with_its_value() {
    let bench = Bench::with_dataset();
    write_result(&bench, "fit.h5");
    let sound = StoredFile::open(&bench.path("fit.h5")).unwrap();
    let tree = sound.root().load().unwrap();
    drop(sound);
    for (value, shown) in [(-1.0, "-1"), (0.0, "0"), (f64::NAN, "NaN")] {
        let mut changed = tree.clone();
        let of = |name: &str, groups: &[(String, Group)]| {
            groups.iter().position(|(n, _)| n == name).unwrap()
        };
        let at = of("parameters", &changed.groups);
        let parameters = &mut changed.groups[at].1;
        let tau = parameters.variables.iter_mut().find(|v| v.name == "tau_r");
        let Values::Real(values) = &mut tau.unwrap().values else {
            panic!("tau_r is real");
        };
        values[1] = value;
        write_file(&bench.path("wrong.h5"), &changed).unwrap();
        let run = bench.run("simulate wrong.h5 --dataset tiny.h5 --out s.h5");
        assert_eq!(run.code, Some(1));
        let wanted = format!(
            "error: wrong.h5: time constant tau_r of unit 1 must be positive and finite, got {shown}"
        );
        assert_eq!(run.stderr.trim_end(), wanted);
        assert!(!bench.path("s.h5").exists());
    }
}

#[test]
fn inspect_sums_up_a_result_as_fit_does() {
    let bench = Bench::with_dataset();
    write_result(&bench, "fit.h5");
    let json = bench.run("inspect fit.h5 --json").json();
    assert_eq!(
        json["cost"],
        serde_json::json!({"train": 0.25, "valid": 0.5, "test": null})
    );
    assert_eq!(
        json["r2_by"]["2"],
        serde_json::json!({"train": 0.7, "valid": 0.4, "test": null})
    );
    assert_eq!(
        (&json["converged"], &json["starts"]),
        (&true.into(), &4.into())
    );
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(2));
    let tau = &json["tau_s"];
    assert_eq!(tau["units"], "s");
    assert!(
        tau["min"].as_f64() <= tau["median"].as_f64()
            && tau["median"].as_f64() <= tau["max"].as_f64()
    );
    let text = bench.run("inspect fit.h5").stdout;
    for line in [
        "converged (gradient)",
        "12, best of 4 starts",
        "R2 [1]  0.8000  0.6000     -",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
