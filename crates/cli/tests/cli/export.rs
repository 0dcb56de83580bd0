use crate::bench::Bench;
use serde_json::Value;
use std::fs;

fn read_json(bench: &Bench, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(bench.path(name)).unwrap()).unwrap()
}

#[test]
fn every_format_is_written_and_named() {
    let bench = Bench::with_dataset();
    let run = bench.run("export tiny.h5 --format json --out t.json");
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(0), "export: t.json\n", "")
    );
    let tree = read_json(&bench, "t.json");
    assert_eq!(tree["attributes"]["tauscope_format"], "dataset");
    assert_eq!(
        tree["variables"]["targets"]["dims"],
        serde_json::json!(["trial", "time", "output"])
    );
    assert_eq!(
        tree["variables"]["targets"]["values"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let json = bench
        .run("export tiny.h5 --format npz --out t.npz --json")
        .json();
    assert_eq!(
        (&json["export"], &json["files"]),
        (&"t.npz".into(), &serde_json::json!(["t.npz"]))
    );
    assert!(fs::read(bench.path("t.npz")).unwrap().starts_with(b"PK"));
    let run = bench.run("export tiny.h5 --format csv --out tables");
    assert!(run.stdout.starts_with("export: tables ("), "{}", run.stdout);
    let targets = fs::read_to_string(bench.path("tables/trial-time-output.csv")).unwrap();
    assert!(
        targets.starts_with("trial,time,output,targets\n0,0.0,0,"),
        "{targets}"
    );
}

#[test]
fn without_out_the_name_says_what_it_is() {
    let bench = Bench::with_dataset();
    for (format, ending) in [
        ("csv", "-export"),
        ("json", "-export.json"),
        ("npz", "-export.npz"),
    ] {
        let json = bench
            .run(&format!("export tiny.h5 --format {format} --json"))
            .json();
        let path = json["export"].as_str().unwrap();
        assert!(
            path.starts_with("results/tiny-")
                && path.ends_with(ending)
                && bench.path(path).exists(),
            "{path}"
        );
    }
}

#[test]
fn what_exists_is_kept_unless_forced() {
    let bench = Bench::with_dataset();
    bench.write("tables/mine.csv", "a,b");
    bench.write("t.json", "mine");
    for (format, out) in [("csv", "tables"), ("json", "t.json"), ("npz", "t.json")] {
        let message = format!(
            "error: {out} exists already; choose another --out, or give --force to replace it"
        );
        bench
            .run(&format!("export tiny.h5 --format {format} --out {out}"))
            .refused(1, &message);
        assert_eq!(
            bench
                .run(&format!(
                    "export tiny.h5 --format {format} --out {out} --force"
                ))
                .code,
            Some(0)
        );
    }
    assert_eq!(
        fs::read_to_string(bench.path("tables/mine.csv")).unwrap(),
        "a,b"
    );
    assert!(bench.path("tables/variables.csv").is_file());
    let message =
        "error: t.json exists already; choose another --out, or give --force to replace it";
    bench
        .run("export tiny.h5 --format csv --out t.json --force")
        .refused(1, message);
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let bench = Bench::with_dataset();
    bench.write("text.h5", "no HDF5");
    for format in ["csv", "json", "npz"] {
        let run = bench.run(&format!("export text.h5 --format {format} --out out"));
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(1), ""),
            "{}",
            run.stderr
        );
        assert!(!bench.path("out").exists());
    }
    assert_eq!(
        bench.run("export tiny.h5 --format xml --out out").code,
        Some(2)
    );
    assert_eq!(bench.run("export tiny.h5 --out out").code, Some(2));
}

#[test]
fn a_table_of_another_export_is_told() {
    let bench = Bench::with_dataset();
    let export = "export tiny.h5 --format csv --out tables --force";
    assert_eq!(bench.run(export).code, Some(0));
    // the same one again is no mixture
    assert_eq!(bench.run(export).stderr, "");
    bench.write("tables/notes.txt", "mine");
    bench.write("tables/tau.csv", "of another export");
    let run = bench.run(export);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            Some(0),
            "warning: tables holds tau.csv, a table that is not of this export\n"
        )
    );
    assert_eq!(
        fs::read_to_string(bench.path("tables/tau.csv")).unwrap(),
        "of another export"
    );
}
