use crate::bench::{Bench, Run};
use std::fs;
use tauscope_fit::store::{Group, StoredFile};

const TINY: &str = "--small --epochs 1 --repetitions 2 --quiet --json";

fn reproduce(bench: &Bench, line: &str) -> Run {
    let run = bench.run(&format!("reproduce {line} {TINY}"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{line}");
    run
}

/// What a result file holds, but for the command line and the day.
fn data(bench: &Bench, file: &str) -> Group {
    let file = StoredFile::open(&bench.path(file)).unwrap();
    file.require_format("reproduction").unwrap();
    file.group("data").unwrap().load().unwrap()
}

#[test]
fn every_experiment_leaves_numbers_figures_and_its_row_of_the_page() {
    let bench = Bench::new();
    let run = reproduce(&bench, "all --out all");
    let page = fs::read_to_string(bench.path("all/README.md")).unwrap();
    let json = run.json();
    let claims = json["claims"].as_array().unwrap();
    for (name, claim) in [
        ("limits", "C7"),
        ("exchange", "C6"),
        ("recovery", "C3"),
        ("recovery-continuous", "C3"),
        ("elman", "C4"),
        ("relu", "C5"),
        ("local", "C9"),
        ("memory", "C8"),
        ("hierarchy", "C10"),
        ("grid", "C1"),
        ("grid-converged", "C2"),
    ] {
        let own = |c: &&serde_json::Value| c["experiment"] == name && c["claim"] == claim;
        assert!(claims.iter().any(|c| own(&c)), "{name}: {json}");
        assert!(page.contains(&format!("\n| {claim} | ")), "{page}");
        assert!(page.contains(&format!("\n## {name}\n")), "{page}");
        assert!(
            !data(&bench, &format!("all/{name}.h5")).variables.is_empty()
                || !data(&bench, &format!("all/{name}.h5")).groups.is_empty()
        );
        let figure = |entry: fs::DirEntry| {
            let file = entry.file_name().into_string().unwrap();
            file.starts_with(&format!("{name}-")) && file.ends_with(".svg")
        };
        assert!(
            fs::read_dir(bench.path("all"))
                .unwrap()
                .any(|e| figure(e.unwrap())),
            "{name}"
        );
    }
}

#[test]
fn alpha_of_one_is_the_elman_network_bit_for_bit() {
    let bench = Bench::new();
    reproduce(&bench, "limits --out out");
    let differ = data(&bench, "out/limits.h5");
    let differ = differ.find("differ").unwrap().values.as_real().unwrap();
    assert_eq!(differ, [0.0; 5]);
}

#[test]
fn exchanged_constants_of_linear_units_change_nothing() {
    let bench = Bench::new();
    reproduce(&bench, "exchange --out out");
    let change = data(&bench, "out/exchange.h5");
    let change = change.find("change").unwrap().values.as_real().unwrap();
    // (model, activation, amplitude): identity comes first; the continuous one at rtol 1e-12
    assert!(change[..6].iter().all(|c| *c < 1e-12), "{change:?}");
    assert!(change[18..24].iter().all(|c| *c < 1e-10), "{change:?}");
    assert!(change[12..18].iter().all(|c| *c > 1e-3), "relu: {change:?}");
}

#[test]
fn an_experiment_that_lost_parts_goes_on_and_has_the_same_bits_for_any_number_of_threads() {
    let bench = Bench::new();
    reproduce(&bench, "elman --out one --threads 1");
    reproduce(&bench, "elman --out two --threads 3");
    assert_eq!(data(&bench, "one/elman.h5"), data(&bench, "two/elman.h5"));
    let part = bench.path("two/parts/elman/discrete-1-0.h5");
    let kept = bench.path("two/parts/elman/discrete-0-0.h5");
    let written = fs::metadata(&kept).unwrap().modified().unwrap();
    fs::remove_file(&part).unwrap();
    reproduce(&bench, "elman --out two");
    assert_eq!(data(&bench, "one/elman.h5"), data(&bench, "two/elman.h5"));
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);
}

#[test]
fn parts_of_other_settings_are_refused_and_stay() {
    let bench = Bench::new();
    reproduce(&bench, "memory --out out");
    let run =
        bench.run("reproduce memory --out out --small --epochs 2 --repetitions 2 --threads 1");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("was computed with other settings; choose another --out"),
        "{run:?}"
    );
    reproduce(&bench, "memory --out out");
}
