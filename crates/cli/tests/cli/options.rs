use crate::bench::Bench;
use tauscope_fit::config::KEYS;
use tauscope_fit::plan::DENSE_LIMIT;

const HELP: &str = "\
Fit continuous-time rate networks with learned time constants to neural recordings

Usage: tauscope [OPTIONS] <COMMAND>

Commands:
  fit        Fit a network to a recording
  generate   Make a dataset from a network with known parameters
  import     Make a dataset of a table of text or of an NWB file
  simulate   Run a fitted network and store its rates, currents and predictions
  check      Compare gradients of the objective on your data, computed in three ways
  compare    Compare adaptive with fixed-step integration: what a time step does to the time
             constants
  reproduce  Compute the experiments of Quax et al. 2020 anew
  identify   Judge the time constants of a result: intervals, which is which, what the data do not
             tell
  inspect    Show what a file holds
  gradient   Cost and gradient of a gradient problem, with times
  report     Show a result as one HTML page
  plot       Draw one figure of a result
  export     Write what a file holds as CSV, JSON or NPZ
  help       Print this message or the help of the given subcommand(s)
";

#[test]
fn help_lists_the_commands() {
    let run = Bench::new().run("--help");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.starts_with(HELP), "{}", run.stdout);
}

#[test]
fn the_version_is_that_of_the_package() {
    let run = Bench::new().run("--version");
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (
            Some(0),
            concat!("tauscope ", env!("CARGO_PKG_VERSION"), "\n")
        )
    );
}

#[test]
fn help_of_fit_has_every_key_the_objective_and_the_scores() {
    let run = Bench::new().run("fit --help");
    for key in KEYS.iter().filter(|key| key.name != "groups") {
        let option = format!("--{}", key.name.replace('_', "-"));
        assert!(run.stdout.contains(&option), "{option}");
    }
    let rule = format!(
        "auto takes gauss-newton for a model of up to {DENSE_LIMIT} parameters and lbfgs beyond"
    );
    for text in [
        rule.as_str(),
        "objective = cost / V + l2 (sum W^2 + sum U^2)",
        "R2 = 1 - SSE / SST",
        "Examples:",
    ] {
        assert!(run.stdout.contains(text), "{text}");
    }
}

#[test]
fn every_command_has_examples() {
    for command in [
        "fit",
        "generate",
        "simulate",
        "check",
        "inspect",
        "gradient",
        "reproduce",
    ] {
        let run = Bench::new().run(&format!("{command} --help"));
        assert!(
            run.stdout
                .contains(&format!("Examples:\n  tauscope {command} ")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn an_unknown_option_ends_with_2() {
    let run = Bench::new().run("fit x.h5 --taus 3");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(
        run.stderr
            .starts_with("error: unexpected argument '--taus' found"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_unknown_activation_ends_with_2_and_the_list() {
    let run = Bench::new().run("fit x.h5 --activation softmax");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(
        run.stderr
            .contains("[possible values: identity, sigmoid, tanh, relu, softplus]"),
        "{}",
        run.stderr
    );
}

#[test]
fn reversed_bounds_end_with_2_and_name_the_option() {
    let bench = Bench::with_dataset();
    bench.run("fit tiny.h5 --tau-bounds 3,0.002").refused(
        2,
        "error: option --tau-bounds: the low bound 3 must lie below the high bound 0.002; write low first",
    );
}

#[test]
fn wrong_numbers_end_with_2_and_name_the_option() {
    let bench = Bench::with_dataset();
    for (words, message) in [
        (
            "--rtol 0",
            "option --rtol: expected a number from 1e-13 (doubles can meet no less) to 1 (excluded), got 0",
        ),
        (
            "--rtol 1e-16",
            "option --rtol: expected a number from 1e-13 (doubles can meet no less) to 1 (excluded), got 0.0000000000000001",
        ),
        (
            "--starts 0",
            "option --starts: expected a whole number of at least 1, got 0",
        ),
        (
            "--seed -1",
            "option --seed: expected a whole number from 0 to 9223372036854775807, got -1",
        ),
        (
            "--units many",
            "option --units: expected a whole number of at least 1, or \"auto\", got \"many\"",
        ),
        (
            "--signs 1,2",
            "option --signs: sign 1 must be 1, -1 or 0 (free), got 2",
        ),
        (
            "--threads 0",
            "option --threads: expected a whole number of at least 1, or \"auto\", got 0",
        ),
    ] {
        bench
            .run(&format!("fit tiny.h5 {words}"))
            .refused(2, &format!("error: {message}"));
    }
}

#[test]
fn a_missing_dataset_ends_with_1_and_what_was_looked_for() {
    let bench = Bench::new();
    bench.write("a/here", "");
    for command in ["fit", "check", "inspect"] {
        let run = bench.run_in("a", &format!("{command} moth"));
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert!(
            run.stderr
                .starts_with("error: no dataset `moth`; looked for "),
            "{}",
            run.stderr
        );
        for place in ["a/moth", "a/data/moth.h5", "data/moth.h5"] {
            assert!(
                run.stderr
                    .contains(&bench.path(place).display().to_string()),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn a_dataset_is_found_by_name_from_a_folder_below() {
    let bench = Bench::with_dataset();
    std::fs::create_dir_all(bench.path("data")).unwrap();
    std::fs::rename(bench.path("tiny.h5"), bench.path("data/tiny.h5")).unwrap();
    bench.write("deep/er/here", "");
    let run = bench.run_in("deep/er", "inspect tiny --json");
    assert_eq!(run.json()["format"], "dataset");
}

#[test]
fn an_existing_output_is_refused_before_any_work() {
    let bench = Bench::with_dataset();
    bench.write("fit.h5", "precious");
    bench.run("fit tiny.h5 --out fit.h5").refused(
        1,
        "error: fit.h5 exists already; choose another --out, or give --force to replace it",
    );
    assert_eq!(
        std::fs::read_to_string(bench.path("fit.h5")).unwrap(),
        "precious"
    );
    assert_eq!(bench.names(), ["fit.h5", "spec.toml", "tiny.h5"]);
}

#[test]
fn an_output_in_a_missing_folder_is_refused_before_any_work() {
    let bench = Bench::with_dataset();
    let run = bench.run("fit tiny.h5 --out nowhere/fit.h5");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("the folder nowhere does not exist"),
        "{}",
        run.stderr
    );
    assert_eq!(bench.names(), ["spec.toml", "tiny.h5"]);
}

#[test]
fn the_dataset_is_never_its_own_output() {
    let bench = Bench::with_dataset();
    let before = std::fs::read(bench.path("tiny.h5")).unwrap();
    bench.run("fit tiny.h5 --out tiny.h5 --force").refused(
        1,
        "error: --out tiny.h5 is the file that is read; choose another",
    );
    assert_eq!(std::fs::read(bench.path("tiny.h5")).unwrap(), before);
}

#[test]
fn a_file_that_is_not_hdf5_is_named() {
    let bench = Bench::new();
    bench.write("x.h5", "time,rate\n0,1\n");
    let run = bench.run("fit x.h5");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr.starts_with("error: x.h5 is not an HDF5 file: "),
        "{}",
        run.stderr
    );
}

#[test]
fn output_that_is_no_terminal_has_no_escape_codes() {
    let bench = Bench::with_dataset();
    for line in [
        "--help",
        "fit --nonsense",
        "inspect tiny.h5",
        "inspect nothing",
    ] {
        let run = bench.run(line);
        assert!(
            !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
            "{line}"
        );
    }
}
