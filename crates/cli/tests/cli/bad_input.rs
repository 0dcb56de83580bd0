//! What is wrong with a file is said once, with the file, the place in it and the way out; nothing is left behind.

use crate::bench::{Bench, Run};
use std::fs;
use tauscope_fit::store::{Group, StoredFile, Values, Variable, write_file};

const TRIALS: usize = 3;
const SAMPLES: usize = 5;
const OUTPUTS: usize = 2;

/// A dataset that is a gradient problem too.
fn valid() -> Group {
    let one = |name: &str, values: [f64; 2]| Variable::new(name, &["unit"], values.to_vec());
    let state = |name: &str| Variable::new(name, &["trial", "unit"], vec![0.5; TRIALS * OUTPUTS]);
    let parameters = Group::new()
        .variable(Variable::new(
            "W",
            &["unit", "source_unit"],
            vec![0.5, -0.5, 0.8, 0.3],
        ))
        .variable(Variable::new("U", &["unit", "input"], vec![1.0, -0.5]))
        .variable(one("b", [0.1, -0.2]))
        .variable(one("tau_s", [0.05, 0.02]))
        .variable(one("tau_r", [0.03, 0.1]));
    let wave = |n: usize| (0..n).map(|k| 0.5 + 0.1 * (0.7 * k as f64).sin()).collect();
    let inputs: Vec<f64> = wave(TRIALS * SAMPLES);
    let targets: Vec<f64> = wave(TRIALS * SAMPLES * OUTPUTS);
    Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", "s")
        .attribute("interpolation", "hold")
        .attribute("model", "two-constant")
        .attribute("activation", "sigmoid")
        .indices("trial", TRIALS)
        .dimension("unit", OUTPUTS)
        .dimension("source_unit", OUTPUTS)
        .coordinate(Variable::new(
            "time",
            &["time"],
            (0..SAMPLES).map(|k| 0.01 * k as f64).collect::<Vec<_>>(),
        ))
        .indices("input", 1)
        .indices("output", OUTPUTS)
        .variable(Variable::new("inputs", &["trial", "time", "input"], inputs))
        .variable(Variable::new(
            "targets",
            &["trial", "time", "output"],
            targets,
        ))
        .group("parameters", parameters)
        .group(
            "initial_state",
            Group::new().variable(state("I")).variable(state("r")),
        )
}

fn real<'a>(tree: &'a mut Group, name: &str) -> &'a mut Vec<f64> {
    let variable = tree.variables.iter_mut().find(|v| v.name == name);
    match &mut variable.unwrap().values {
        Values::Real(values) => values,
        _ => panic!("{name} is not real"),
    }
}

/// A folder with `x.h5`, the valid dataset after `change`.
fn bench_with(change: impl FnOnce(&mut Group)) -> Bench {
    let bench = Bench::new();
    let mut tree = valid();
    change(&mut tree);
    write_file(&bench.path("x.h5"), &tree).unwrap();
    bench
}

/// Multiplies the recurrent weights of the result `name`.
fn scale_weights(bench: &Bench, name: &str, factor: f64) {
    let path = bench.path(name);
    let mut tree = StoredFile::open(&path).unwrap().root().load().unwrap();
    let parameters = tree
        .groups
        .iter_mut()
        .find(|(group, _)| group == "parameters");
    real(&mut parameters.unwrap().1, "W")
        .iter_mut()
        .for_each(|w| *w = factor * w.abs().max(1.0));
    write_file(&path, &tree).unwrap();
}

const QUICK: &str = "--starts 1 --max-iterations 2 --l2 0";

#[track_caller]
fn failed(run: &Run, start: &str) {
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(1), ""),
        "{}",
        run.stderr
    );
    let complaint = complaint(&run.stderr);
    assert!(
        complaint.starts_with(&format!("error: {start}")),
        "{complaint}"
    );
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

/// What is left beside the line that says which method was chosen.
fn complaint(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| !line.starts_with("method: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn more_units_than_memory_has_room_for_are_refused_by_their_number() {
    let bench = bench_with(|_| ());
    for units in ["4097", "10008", "4000000000"] {
        let run = bench.run(&format!("fit x.h5 --units {units} --out fit.h5"));
        let message = format!("error: option --units: {units} are too many: choose at most 4096");
        assert!(
            complaint(&run.stderr).starts_with(&message),
            "{}",
            run.stderr
        );
        assert_eq!(run.code, Some(2));
    }
}

#[test]
fn the_valid_dataset_is_fitted_checked_and_differentiated() {
    let bench = bench_with(|_| ());
    for line in [
        &format!("fit x.h5 {QUICK} --out fit.h5 --report false"),
        "check x.h5",
        "gradient x.h5 --out g.h5",
    ] {
        let run = bench.run(line);
        assert_eq!(run.code, Some(0), "{line}: {}", run.stderr);
    }
}

#[test]
fn a_dataset_that_cannot_be_used_ends_with_1_and_one_line() {
    type Change = fn(&mut Group);
    let cases: [(Change, &str); 5] = [
        (
            |t| t.variables.retain(|v| v.name != "targets"),
            "the variable targets is missing; variables there: trial, time, input, output, inputs. Rename the one that it is, or write the file anew with it",
        ),
        (
            |t| {
                let inputs = Variable::new("inputs", &["time", "input"], vec![0.0; SAMPLES]);
                *t.variables.iter_mut().find(|v| v.name == "inputs").unwrap() = inputs;
            },
            "inputs has the shape [5, 1]: it must have the axes (trial, time, input)",
        ),
        (
            |t| real(t, "time")[3] = 0.015,
            "time[3] must be later than time[2] = 0.02, got 0.015: sort the samples and remove repeated ones",
        ),
        (
            |t| real(t, "inputs")[SAMPLES + 2] = f64::INFINITY,
            "inputs[1, 2, 0] must be finite, got inf: interpolate it, or end the trial before it with trial_length",
        ),
        (
            |t| real(t, "targets")[..SAMPLES * OUTPUTS].fill(f64::NAN),
            "targets of trial 0 (label 0) are all NaN or beyond its end: remove the trial, or give it at least one observed target",
        ),
    ];
    for (change, message) in cases {
        let bench = bench_with(change);
        for command in [
            "fit x.h5 --out o.h5",
            "check x.h5",
            "gradient x.h5 --out o.h5",
        ] {
            bench
                .run(command)
                .refused(1, &format!("error: x.h5: {message}"));
            assert_eq!(bench.names(), ["x.h5"]);
        }
    }
}

#[test]
fn numbers_too_large_to_be_squared_are_named_before_any_solve() {
    for (variable, at, place) in [
        ("inputs", SAMPLES + 3, "[1, 3, 0]"),
        ("targets", SAMPLES * OUTPUTS + 3, "[1, 1, 1]"),
    ] {
        let bench = bench_with(|t| real(t, variable)[at] = -1e200);
        let message = format!(
            "error: x.h5: {variable}{place} = -1e200 is too large to be squared: divide {variable} by their scale"
        );
        for command in ["fit x.h5 --out o.h5", "check x.h5"] {
            bench.run(command).refused(1, &message);
        }
        assert_eq!(bench.names(), ["x.h5"]);
    }
}

#[test]
fn a_solve_that_fails_at_the_starting_point_names_dataset_trial_unit_and_the_way_out() {
    let bench = bench_with(|_| ());
    let fit = format!("fit x.h5 --activation identity {QUICK}");
    assert_eq!(bench.run(&format!("{fit} --out huge.h5")).code, Some(0));
    scale_weights(&bench, "huge.h5", 1e6);
    let names = bench.names();
    for method in ["tsit45", "tr-bdf2", "rk4 --step 0.0001"] {
        let run = bench.run(&format!(
            "{fit} --init huge.h5 --method {method} --out o.h5"
        ));
        failed(
            &run,
            "x.h5: every one of 1 starts failed; the first: the solve failed at the starting point: ",
        );
        for word in [" (trial ", "start from another point"] {
            assert!(run.stderr.contains(word), "{method}: {}", run.stderr);
        }
        assert_eq!(bench.names(), names, "{method}");
    }
    let run = bench.run("check x.h5 --from huge.h5");
    failed(&run, "x.h5: the adjoint solve: forward solve failed at ");
    assert!(run.stderr.contains(" (trial "), "{}", run.stderr);
    let run = bench.run("simulate huge.h5 --out o.h5");
    failed(&run, "huge.h5: trial 0 (label 0): forward solve failed at ");
    assert!(run.stderr.contains("choose another"), "{}", run.stderr);
    assert_eq!(bench.names(), names);
}

#[test]
fn a_missing_steady_state_names_the_trial_as_the_dataset_counts_it() {
    let bench = bench_with(|t| {
        t.variables.push(Variable::new(
            "split",
            &["trial"],
            vec!["train".to_owned(); TRIALS],
        ));
        // silent networks rest; the last trial is driven, and its positive feedback has no equilibrium
        real(t, "inputs").fill(-10.0);
        real(t, "inputs")[(TRIALS - 1) * SAMPLES] = 10.0;
    });
    let fit = format!("fit x.h5 --activation relu --initial-state steady {QUICK}");
    assert_eq!(bench.run(&format!("{fit} --out fit.h5")).code, Some(0));
    let path = bench.path("fit.h5");
    let mut tree = StoredFile::open(&path).unwrap().root().load().unwrap();
    for (group, parameters) in &mut tree.groups {
        if group == "parameters" {
            real(parameters, "W").fill(3.0);
            real(parameters, "U").fill(1.0);
            real(parameters, "b").fill(0.0);
        }
    }
    write_file(&path, &tree).unwrap();
    for (line, start) in [
        (
            format!("{fit} --init fit.h5 --out o.h5"),
            "x.h5: every one of 1 starts failed; the first: the solve failed at the starting point: no steady state found",
        ),
        (
            "check x.h5 --from fit.h5".to_owned(),
            "x.h5: the adjoint solve: no steady state found",
        ),
    ] {
        let run = bench.run(&line);
        failed(&run, start);
        assert!(run.stderr.contains(" (trial 2)"), "{}", run.stderr);
    }
    failed(
        &bench.run("simulate fit.h5 --out o.h5"),
        "fit.h5: trial 2 (label 2): no steady state found for trial 2: ",
    );
}

#[test]
fn a_damaged_result_to_start_from_names_the_variable_the_value_and_the_way_out() {
    let bench = bench_with(|_| ());
    let fit = format!("fit x.h5 {QUICK}");
    assert_eq!(bench.run(&format!("{fit} --out fit.h5")).code, Some(0));
    let path = bench.path("fit.h5");
    let whole = StoredFile::open(&path).unwrap().root().load().unwrap();
    for (name, value, wanted) in [
        (
            "tau_s",
            0.0,
            "1 (counted from 0), is 0 and must be positive",
        ),
        (
            "W",
            f64::NAN,
            "1 (counted from 0), is NaN and must be finite",
        ),
    ] {
        let mut damaged = whole.clone();
        for (group, parameters) in &mut damaged.groups {
            if group == "parameters" {
                real(parameters, name)[1] = value;
            }
        }
        write_file(&path, &damaged).unwrap();
        let names = bench.names();
        for line in [
            format!("{fit} --init fit.h5 --out o.h5"),
            "compare x.h5 --from fit.h5 --out o.h5".to_owned(),
        ] {
            let run = bench.run(&line);
            let message = format!("parameters/{name}, value {wanted}");
            for word in ["fit.h5", &message, "start from an undamaged result"] {
                assert!(run.stderr.contains(word), "{line}: {}", run.stderr);
            }
            assert_ne!(run.code, Some(0));
            assert_eq!(bench.names(), names, "{line}");
        }
    }
}

#[test]
fn one_start_that_fails_is_a_warning_while_another_succeeds() {
    let bench = bench_with(|_| ());
    let fit = "fit x.h5 --activation identity --max-iterations 2 --l2 0";
    assert_eq!(bench.run(&format!("{fit} --out huge.h5")).code, Some(0));
    scale_weights(&bench, "huge.h5", 1e6);
    let run = bench.run(&format!("{fit} --starts 2 --init huge.h5 --out o.h5"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("warning: 1 of 2 starts failed; start 0: the solve failed at the"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_gradient_problem_that_explodes_is_named_with_its_trials() {
    let bench = bench_with(|t| {
        t.attributes
            .iter_mut()
            .find(|(name, _)| name == "activation")
            .unwrap()
            .1 = "identity".into();
        real(&mut t.groups[0].1, "W").fill(1e9);
    });
    failed(
        &bench.run("gradient x.h5 --out o.h5"),
        "x.h5: one of the trials [0, 1, 2]: forward solve failed at ",
    );
    assert_eq!(bench.names(), ["x.h5"]);
}

#[test]
fn a_file_of_another_kind_is_named_for_what_it_is() {
    let bench = bench_with(|_| ());
    let quick = format!("{QUICK} --out fit.h5");
    assert_eq!(bench.run(&format!("fit x.h5 {quick}")).code, Some(0));
    fs::create_dir(bench.path("folder")).unwrap();
    let no_result = "the attribute tauscope_format is \"dataset\": set it to \"result\" if it is one, or name a result";
    let no_dataset = "the attribute tauscope_format is \"result\": set it to \"dataset\" if it is one, or name a dataset";
    for (line, message) in [
        ("simulate x.h5", format!("x.h5: {no_result}")),
        ("check x.h5 --from x.h5", format!("x.h5: {no_result}")),
        ("fit fit.h5", format!("fit.h5: {no_dataset}")),
        ("check fit.h5", format!("fit.h5: {no_dataset}")),
        ("gradient fit.h5", format!("fit.h5: {no_dataset}")),
        (
            "fit folder",
            "folder cannot be read: is a directory: name a file in it".to_owned(),
        ),
        (
            "simulate nothing.h5",
            "nothing.h5 does not exist: check the name and the folder".to_owned(),
        ),
    ] {
        bench.run(line).refused(1, &format!("error: {message}"));
    }
    let run = bench.run("fit x.h5 --init x.h5");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains(no_result), "{}", run.stderr);
}

/// Every way to read a file, with `{}` for its name.
const READERS: [&str; 9] = [
    "fit {} --starts 1 --max-iterations 1 --l2 0 --out o.h5",
    "check {} --directions 1",
    "gradient {} --out o.h5",
    "inspect {}",
    "simulate {} --dataset x.h5 --out o.h5",
    "fit x.h5 --init {} --starts 1 --max-iterations 1 --l2 0 --out o.h5",
    "report {} --out o.h5",
    "plot {} weights --out o.svg",
    "export {} --format npz --out o.npz",
];

fn bench_with_result() -> Bench {
    let bench = bench_with(|_| ());
    let run = bench.run(&format!("fit x.h5 {QUICK} --out fit.h5 --report false"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    bench
}

#[test]
fn a_file_cut_short_is_said_to_be_damaged_by_every_command() {
    let bench = bench_with_result();
    for source in ["x.h5", "fit.h5"] {
        let bytes = fs::read(bench.path(source)).unwrap();
        for keep in [bytes.len() / 4, bytes.len() / 2, bytes.len() - 1] {
            fs::write(bench.path("cut.h5"), &bytes[..keep]).unwrap();
            for line in READERS {
                let run = bench.run(&line.replace("{}", "cut.h5"));
                assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{line}");
                assert!(
                    run.stderr
                        .contains("cut.h5 is damaged, cut short or still being written ("),
                    "{line}: {}",
                    run.stderr
                );
            }
        }
    }
    assert_eq!(bench.names(), ["cut.h5", "fit.h5", "x.h5"]);
}

#[test]
fn a_file_with_a_wrong_bit_is_read_or_refused_but_never_a_crash() {
    let bench = bench_with_result();
    for source in ["x.h5", "fit.h5"] {
        let bytes = fs::read(bench.path(source)).unwrap();
        for k in 0..5 {
            let mut wrong = bytes.clone();
            // spread over the file, more of them in its first half, where the structure lies; the fuzz test tries thousands
            let at = (k * k * bytes.len() / 26 + 37 * k) % bytes.len();
            wrong[at] ^= 1 << (k % 8);
            fs::write(bench.path("wrong.h5"), &wrong).unwrap();
            for line in READERS {
                let run = bench.run(&line.replace("{}", "wrong.h5"));
                assert!(
                    matches!(run.code, Some(0..=2)) && !run.stderr.contains("panicked"),
                    "byte {at} of {source}, {line}: {run:?}"
                );
                if run.code != Some(0) {
                    assert_eq!(run.stdout, "", "byte {at} of {source}, {line}");
                    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
                    assert!(!bench.path("o.h5").exists(), "{line}: {}", run.stderr);
                }
                for out in ["o.h5", "o.html", "o.svg", "o.npz"] {
                    let _ = fs::remove_file(bench.path(out));
                }
            }
        }
    }
    assert_eq!(bench.names(), ["fit.h5", "wrong.h5", "x.h5"]);
}

#[test]
fn an_output_that_cannot_be_a_file_is_refused_before_any_work() {
    let bench = bench_with(|_| ());
    fs::create_dir(bench.path("folder")).unwrap();
    bench.write("plain", "");
    for (out, message) in [
        (
            "folder",
            "folder is a folder; name a file in it with --out".to_owned(),
        ),
        (
            "folder --force",
            "folder is a folder; name a file in it with --out".to_owned(),
        ),
        (
            "plain/o.h5",
            "plain/o.h5 cannot be written: plain is a file, not a folder: name another file"
                .to_owned(),
        ),
        (
            "nowhere/o.h5",
            "nowhere/o.h5 cannot be written: the folder nowhere does not exist: create it, or name another file"
                .to_owned(),
        ),
    ] {
        for command in ["fit", "gradient"] {
            bench
                .run(&format!("{command} x.h5 --out {out}"))
                .refused(1, &format!("error: {message}"));
        }
    }
    assert_eq!(bench.names(), ["folder", "plain", "x.h5"]);
}

#[test]
fn a_file_in_place_of_the_folder_for_results_is_named() {
    let bench = bench_with(|_| ());
    bench.write("results", "mine");
    bench.run("fit x.h5").refused(
        1,
        "error: results is a file, so no folder for results can be made; rename it, or choose where to write with --out",
    );
    assert_eq!(bench.names(), ["results", "x.h5"]);
}

/// The system ends each write beyond 4 KiB, as a full disk would: the file that was there stays, and no part of the new one.
#[cfg(unix)]
#[test]
fn a_write_that_fails_half_way_leaves_the_old_file_and_no_part_of_the_new_one() {
    let bench = bench_with_result();
    let before = fs::read(bench.path("fit.h5")).unwrap();
    for command in [
        "fit x.h5 --starts 1 --max-iterations 1 --l2 0",
        "simulate fit.h5",
    ] {
        for out in ["fit.h5", "new.h5"] {
            if command.starts_with("simulate") && out == "fit.h5" {
                continue;
            }
            let script =
                format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" {command} --out {out} --force");
            let output = std::process::Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_tauscope")])
                .current_dir(bench.folder())
                .output()
                .unwrap();
            let stderr = complaint(&String::from_utf8(output.stderr).unwrap());
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(
                stderr.starts_with(&format!("error: {out} cannot be written: File too large"))
                    && stderr.contains("--out"),
                "{stderr}"
            );
            assert!(output.stdout.is_empty());
            assert_eq!(bench.names(), ["fit.h5", "x.h5"]);
        }
    }
    assert_eq!(fs::read(bench.path("fit.h5")).unwrap(), before);
}
