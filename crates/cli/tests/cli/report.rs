use crate::bench::Bench;
use std::fs;
use tauscope_fit::store::{Group, StoredFile, Values, Variable, write_file};

const FIT: &str =
    "fit tiny.h5 --activation sigmoid --starts 2 --max-iterations 4 --l2 0 --out fit.h5";

const KINDS: [&str; 11] = [
    "prediction",
    "scores",
    "tau",
    "tau-history",
    "tau-starts",
    "convergence",
    "starts",
    "penalties",
    "weights",
    "residuals",
    "autocorrelation",
];

fn fitted(words: &str) -> Bench {
    let bench = Bench::with_dataset();
    let run = bench.run(&format!("{FIT} {words}"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    bench
}

fn load(bench: &Bench, name: &str) -> Group {
    StoredFile::open(&bench.path(name))
        .unwrap()
        .root()
        .load()
        .unwrap()
}

fn page(bench: &Bench, result: &str) -> String {
    let run = bench.run(&format!("report {result} --out page.html --force"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.stdout, "report: page.html\n");
    fs::read_to_string(bench.path("page.html")).unwrap()
}

#[test]
fn fit_leaves_a_page_beside_its_result_and_says_so() {
    let bench = fitted("");
    assert!(bench.path("fit.html").is_file());
    assert_eq!(
        bench.run("inspect fit.h5 --json").json()["report"],
        "fit.html"
    );
    let bench = fitted("--report false --json");
    assert_eq!(bench.names(), ["fit.h5", "spec.toml", "tiny.h5"]);
}

#[test]
fn a_page_that_somebody_else_wrote_is_kept_and_the_fit_succeeds() {
    let bench = Bench::with_dataset();
    bench.write("fit.html", "mine");
    let run = bench.run(&format!("{FIT} --json"));
    assert!(run.json()["report"].is_null());
    fs::remove_file(bench.path("fit.h5")).unwrap();
    let run = bench.run(FIT);
    assert_eq!(run.code, Some(0));
    let warning = "warning: no report was written: fit.html exists already and was not made by tauscope; the result is complete, and `tauscope report fit.h5` writes one elsewhere";
    assert!(
        run.stderr.lines().any(|line| line == warning),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_to_string(bench.path("fit.html")).unwrap(), "mine");
    // --force is for what --out names
    let run = bench.run(&format!("{FIT} --force"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fs::read_to_string(bench.path("fit.html")).unwrap(), "mine");
}

#[test]
fn a_page_tells_what_was_fitted_how_well_and_how_far_to_trust_it() {
    let bench = fitted("--identify false");
    let page = page(&bench, "fit.h5");
    for text in [
        "In short",
        "What was fitted",
        "Data against prediction",
        "Time constants by unit",
        "time constant (s)",
        "Waterfall of the starts",
        "Cost and gradient norm over iterations",
        "Time constants over iterations",
        "recurrent weight W",
        "Autocorrelation of the residuals",
        "Certificate",
        "log_tau_s",
        "tau_s dI/dt",
        "test: R²",
        "The file holds no intervals",
        "Not converged (max_iterations, after 4 iterations)",
    ] {
        assert!(page.contains(text), "{text}");
    }
    for forbidden in [
        "<script",
        "http://www.w3.org/1999/xlink",
        "src=",
        "@import",
        "NaN",
        "inf<",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_report_is_refused_like_any_output() {
    let bench = fitted("");
    let exists =
        "error: fit.html exists already; choose another --out, or give --force to replace it";
    bench.run("report fit.h5 --out fit.html").refused(1, exists);
    let itself = "error: --out fit.h5 is the file that is read; choose another";
    bench
        .run("report fit.h5 --out fit.h5 --force")
        .refused(1, itself);
    let run = bench.run("report tiny.h5 --out new.html");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.contains("tauscope_format"), "{}", run.stderr);
    let run = bench.run("report fit.h5 --json");
    let json = run.json();
    let path = json["report"].as_str().unwrap();
    assert!(
        path.starts_with("results/fit-") && path.ends_with("-report.html"),
        "{path}"
    );
}

#[test]
fn trials_and_outputs_can_be_named() {
    let bench = fitted("");
    let line = "plot fit.h5 prediction --trials 3,0 --outputs 2 --out p.svg --force";
    assert_eq!(bench.run(line).code, Some(0));
    let svg = fs::read_to_string(bench.path("p.svg")).unwrap();
    assert_eq!(svg.matches("activity of 2, trial ").count(), 2);
    assert!(svg.contains("activity of 2, trial 0") && svg.contains("activity of 2, trial 3"));
    let unknown =
        "error: option --outputs: there is no `x`; it can be a label or an index from 0: 0, 1, 2";
    bench
        .run("report fit.h5 --outputs x --out p.html")
        .refused(2, unknown);
    assert_eq!(
        bench.run("report fit.h5 --trials 4 --out p.html").code,
        Some(2)
    );
}

#[test]
fn every_kind_of_figure_is_drawn_as_svg_and_png() {
    let bench = Bench::with_dataset();
    let run = bench.run(&FIT.replace("--l2 0", ""));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for kind in KINDS {
        let run = bench.run(&format!("plot fit.h5 {kind} --out {kind}.svg"));
        assert_eq!(
            (run.code, run.stderr.as_str(), run.stdout),
            (Some(0), "", format!("plot: {kind}.svg\n")),
            "{kind}"
        );
        let svg = fs::read_to_string(bench.path(&format!("{kind}.svg"))).unwrap();
        assert!(
            svg.starts_with("<svg xmlns=") && svg.contains("<text"),
            "{kind}"
        );
        assert_eq!(
            bench
                .run(&format!("plot fit.h5 {kind} --out {kind}.png"))
                .code,
            Some(0)
        );
        assert!(
            fs::read(bench.path(&format!("{kind}.png")))
                .unwrap()
                .starts_with(b"\x89PNG\r\n")
        );
    }
}

#[test]
fn a_figure_that_cannot_be_is_refused_with_what_can() {
    let bench = fitted("");
    bench
        .run("plot fit.h5 tau --out tau.pdf")
        .refused(2, "error: --out tau.pdf must end in .svg or .png");
    let run = bench.run("plot fit.h5 penalties --out p.svg");
    assert_eq!(run.code, Some(1));
    let message =
        "error: fit.h5 holds nothing for the figure `penalties`; it has prediction, scores, tau, ";
    assert!(run.stderr.starts_with(message), "{}", run.stderr);
    assert_eq!(bench.run("plot fit.h5 nothing --out p.svg").code, Some(2));
}

/// The tree without what `keep` refuses, by path.
fn reduced(tree: &Group, here: &str, gone: &str) -> Group {
    let mut tree = tree.clone();
    tree.variables
        .retain(|v| format!("{here}{}", v.name) != gone);
    tree.groups
        .retain(|(name, _)| format!("{here}{name}") != gone);
    for (name, group) in &mut tree.groups {
        *group = reduced(group, &format!("{here}{name}/"), gone);
    }
    tree
}

fn paths(tree: &Group, here: &str) -> Vec<String> {
    let variables = tree.variables.iter().map(|v| format!("{here}{}", v.name));
    let below = tree.groups.iter().flat_map(|(name, group)| {
        let mut all = vec![format!("{here}{name}")];
        all.extend(paths(group, &format!("{here}{name}/")));
        all
    });
    variables.chain(below).collect()
}

#[test]
fn whatever_a_file_lacks_the_page_shows_the_rest() {
    let bench = fitted("");
    let whole = load(&bench, "fit.h5");
    for gone in paths(&whole, "") {
        write_file(&bench.path("less.h5"), &reduced(&whole, "", &gone)).unwrap();
        let page = page(&bench, "less.h5");
        let missing = match gone.as_str() {
            "predictions" => "The file holds no predictions",
            "history" => "Waterfall",
            "certificate" => "The file does not say how the fit ended",
            "provenance" => "The file holds no provenance",
            "parameters" => "The file holds no weights",
            _ => "What was fitted",
        };
        assert!(page.contains(missing), "without {gone}");
        assert!(!page.contains("NaN"), "without {gone}");
    }
}

#[test]
fn intervals_of_the_file_are_drawn() {
    let bench = fitted("--identify false");
    let mut tree = load(&bench, "fit.h5");
    let tau = tree
        .find_group("parameters")
        .unwrap()
        .find("tau_s")
        .unwrap()
        .values
        .as_real()
        .unwrap();
    let ends: Vec<f64> = tau.iter().flat_map(|t| [0.5 * t, 2.0 * t]).collect();
    let interval = Variable::new("tau_s", &["unit", "bound"], ends).units("s");
    tree.groups.push((
        "uncertainty".to_owned(),
        Group::new()
            .dimension("unit", tau.len())
            .dimension("bound", 2)
            .variable(interval),
    ));
    write_file(&bench.path("with.h5"), &tree).unwrap();
    let page = page(&bench, "with.h5");
    assert!(page.contains("Bars are the intervals that the file holds"));
    assert!(!page.contains("The file holds no intervals"));
}

#[test]
fn a_page_says_which_time_constants_the_data_do_not_bound() {
    let bench = fitted("--identify true");
    let mut tree = load(&bench, "fit.h5");
    let (_, uncertainty) = tree
        .groups
        .iter_mut()
        .find(|(name, _)| name == "uncertainty")
        .unwrap();
    let stored = uncertainty
        .variables
        .iter_mut()
        .find(|v| v.name == "tau_r_interval")
        .unwrap();
    let mut ends = stored.values.as_real().unwrap();
    (ends[0], ends[1]) = (0.01, f64::INFINITY);
    stored.values = ends.into();
    write_file(&bench.path("open.h5"), &tree).unwrap();
    let page = page(&bench, "open.h5");
    assert!(page.contains("The data do not bound these above: tau_r["));
    assert!(!page.contains("NaN"));
}

#[test]
fn a_page_tells_what_was_judged_of_the_time_constants() {
    let bench = fitted("--identify true");
    let page = page(&bench, "fit.h5");
    assert!(!page.contains("which is which was not judged"));
    assert!(page.contains("of 3 units"), "{page}");
    assert!(!page.contains("NaN"));
}

#[test]
fn a_page_says_that_a_time_constant_is_none() {
    let bench = fitted("--identify false");
    let says = "Not positive finite numbers: ";
    assert!(!page(&bench, "fit.h5").contains(says));
    for (value, name) in [
        (0.0, "zero"),
        (-0.1, "negative"),
        (f64::NAN, "none"),
        (f64::INFINITY, "endless"),
    ] {
        let mut tree = load(&bench, "fit.h5");
        let parameters = tree
            .groups
            .iter_mut()
            .find(|(group, _)| group == "parameters");
        let variables = &mut parameters.unwrap().1.variables;
        let tau = variables.iter_mut().find(|v| v.name == "tau_r").unwrap();
        let Values::Real(values) = &mut tau.values else {
            panic!("tau_r is not real");
        };
        values[1] = value;
        let file = format!("{name}.h5");
        write_file(&bench.path(&file), &tree).unwrap();
        let page = page(&bench, &file);
        assert!(page.contains(&format!("{says}tau_r[1]. ")), "{value}");
        assert!(!page.contains("NaN"), "{value}");
    }
}

#[test]
fn every_model_and_readout_has_its_page() {
    for words in [
        "--model rate",
        "--model current --init random --starts 1",
        "--readout linear --units 2 --time-constants global",
        "--method rk4",
        "--connectivity none --bias false --readout scaled",
    ] {
        let bench = Bench::with_dataset();
        let run = bench.run(&format!("{FIT} {words}").replace("--starts 2", ""));
        assert_eq!(
            (run.code, run.stderr.contains("no report")),
            (Some(0), false),
            "{words}: {}",
            run.stderr
        );
        let page = page(&bench, "fit.h5");
        assert!(
            page.contains("What was fitted") && !page.contains("NaN"),
            "{words}"
        );
    }
}

#[test]
fn labels_with_markup_are_shown_as_they_are() {
    let bench = Bench::with_dataset();
    let mut tree = load(&bench, "tiny.h5");
    let evil = ["<script>alert(1)</script>", "a & b \"c\"", "ΔF/F 漢字"]
        .map(str::to_owned)
        .to_vec();
    tree.variables.retain(|v| v.name != "output");
    tree.variables
        .push(Variable::new("output", &["output"], Values::Text(evil)));
    write_file(&bench.path("tiny.h5"), &tree).unwrap();
    assert_eq!(bench.run(FIT).code, Some(0));
    let page = page(&bench, "fit.h5");
    assert!(
        !page.contains("<script")
            && page.contains("a &amp; b &quot;c&quot;")
            && page.contains("漢字")
    );
    assert_eq!(bench.run("plot fit.h5 tau --out tau.png").code, Some(0));
}

#[test]
fn one_trial_with_gaps_and_a_constant_output_has_its_page() {
    let bench = Bench::new();
    let n = 30;
    let time: Vec<f64> = (0..n)
        .map(|k| f64::from(k) * 0.01 + if k > 10 { 0.003 } else { 0.0 })
        .collect();
    let target = |k: usize| {
        if k % 7 == 3 {
            f64::NAN
        } else {
            0.3 + 0.1 * (k as f64 / 3.0).sin()
        }
    };
    let targets: Vec<f64> = (0..n as usize).flat_map(|k| [target(k), 0.5]).collect();
    let dataset = Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", "s")
        .dimension("trial", 1)
        .dimension("output", 2)
        .coordinate(Variable::new("time", &["time"], time))
        .variable(Variable::new(
            "targets",
            &["trial", "time", "output"],
            targets,
        ));
    write_file(&bench.path("tiny.h5"), &dataset).unwrap();
    let run = bench.run(FIT);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let page = page(&bench, "fit.h5");
    assert!(page.contains("no trial was held out") && !page.contains("NaN"));
    assert!(page.contains("lag (samples; their intervals differ)"));
}
