//! `fit --resume`: what goes on, what is refused, and what is left alone.

use crate::bench::Bench;
use crate::bits::assert_same;
use std::fs;
use std::fs::File;

const FIT: &str = "fit tiny.h5 --activation sigmoid --starts 2 --report false";

/// A fit that was stopped before its end, in `x.h5`.
fn stopped(options: &str) -> Bench {
    let bench = Bench::with_dataset();
    let run = bench.run(&format!("{FIT} {options} --max-time 1e-9 --out x.h5"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(bench.path("x.h5").exists() && bench.path("x.h5.checkpoint").exists());
    bench
}

#[test]
fn a_stopped_fit_is_neither_overwritten_nor_begun_anew_without_a_word() {
    let bench = stopped("");
    let run = bench.run(&format!("{FIT} --out x.h5"));
    run.refused(1, "error: x.h5.checkpoint holds the state of a fit that has not ended; go on with it by --resume, begin anew with --force, or choose another --out");
    let run = bench.run(&format!(
        "{FIT} --max-iterations 2 --out x.h5 --force --json"
    ));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.json()["checkpoint"], serde_json::Value::Null);
    assert!(!bench.path("x.h5.checkpoint").exists());
}

#[test]
fn a_file_that_the_fit_reads_is_not_where_it_writes() {
    let bench = Bench::with_dataset();
    let fit = format!("{FIT} --max-iterations 2");
    assert_eq!(bench.run(&format!("{fit} --out x.h5")).code, Some(0));
    bench.write("mask.csv", "1,1,0\n1,1,1\n0,1,1\n");
    let names = bench.names();
    for (option, file) in [
        ("init", "x.h5"),
        ("connectivity", "mask.csv"),
        ("input-connectivity", "mask.csv"),
    ] {
        for more in ["--force", "--resume", ""] {
            let run = bench.run(&format!("{fit} --{option} {file} --out {file} {more}"));
            run.refused(
                1,
                &format!("error: --out {file} is the file that is read; choose another"),
            );
            assert_eq!(bench.names(), names);
        }
    }
}

#[test]
fn a_fit_that_has_ended_is_not_gone_on_with() {
    let bench = Bench::with_dataset();
    let fit = format!("{FIT} --max-iterations 2 --out x.h5 --resume");
    // nothing is there yet: it begins
    let run = bench.run(&fit);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .starts_with("there is no x.h5.checkpoint to go on from: the fit begins\n"),
        "{}",
        run.stderr
    );
    let result = fs::read(bench.path("x.h5")).unwrap();
    let run = bench.run(&format!("{fit} --threads 1"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let note = "x.h5 is there and complete: nothing is left to do\n";
    assert!(run.stderr.starts_with(note), "{}", run.stderr);
    assert_eq!(fs::read(bench.path("x.h5")).unwrap(), result);
    for other in [
        fit.replace("--max-iterations 2", "--max-iterations 3"),
        format!("{fit} --seed 5"),
    ] {
        bench.run(&other).refused(1, "error: x.h5 is there, and no x.h5.checkpoint to go on from: that fit has ended; choose another --out, or begin anew with --force");
    }
}

#[test]
fn a_report_that_a_killed_run_did_not_come_to_write_is_written_by_the_same_command() {
    let bench = Bench::with_dataset();
    let fit = "fit tiny.h5 --activation sigmoid --starts 1 --max-iterations 2 --out x.h5 --resume";
    assert_eq!(bench.run(fit).code, Some(0));
    fs::remove_file(bench.path("x.html")).unwrap();
    assert_eq!(bench.run(fit).code, Some(0));
    assert!(bench.path("x.html").exists());
}

#[test]
fn a_judgement_ends_with_the_time_and_is_made_by_a_run_that_goes_on() {
    let bench = Bench::new();
    bench.write(
        "spec.toml",
        "units = 10\ninputs = 2\ntrials = 8\nduration = 2.0\nnoise = 0.05\n",
    );
    assert_eq!(bench.run("generate spec.toml --out t.h5").code, Some(0));
    let fit = "fit t.h5 --activation sigmoid --starts 1 --max-iterations 1 --l2 0 --report false --identify true --out x.h5";
    // the judgement takes many times as long as the iteration, so on any machine one of the limits ends within it
    let ends_within = |limit: f64| {
        let run = bench.run(&format!("{fit} --max-time {limit} --force"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.contains("were not judged within --max-time")
    };
    assert!((0..12).any(|doubled| ends_within(0.4 * f64::from(1 << doubled))));
    assert!(bench.path("x.h5.checkpoint").exists());
}

#[test]
fn a_fit_writes_into_none_of_its_settings() {
    let bench = Bench::with_dataset();
    bench.write("mine.toml", "max_iterations = 2\n");
    bench.write("tiny.toml", "starts = 1\n");
    let fit = format!("{FIT} --config mine.toml --force --quiet");
    for file in ["mine.toml", "tiny.toml"] {
        let said = format!("error: --out {file} is the file that is read; choose another");
        bench.run(&format!("{fit} --out {file}")).refused(1, &said);
    }
    assert_eq!(bench.run(&format!("{fit} --out x.h5")).code, Some(0));
    for line in [
        "simulate x.h5 --out tiny.h5 --force",
        "simulate x.h5 --dataset tiny.h5 --out tiny.h5 --force",
        "identify x.h5 --out tiny.h5 --force",
    ] {
        bench.run(line).refused(
            1,
            "error: --out tiny.h5 is the file that is read; choose another",
        );
    }
    bench.write("mask.csv", "1,1,0\n1,1,1\n0,1,1\n");
    bench
        .run("compare tiny.h5 --activation sigmoid --connectivity mask.csv --out mask.csv --force --quiet")
        .refused(1, "error: --out mask.csv is the file that is read; choose another");
    bench
        .run("compare tiny.h5 --from x.h5 --out x.h5 --force --quiet")
        .refused(
            1,
            "error: --out x.h5 is the file that is read; choose another",
        );
}

#[test]
fn a_result_of_another_run_is_not_replaced_by_the_one_that_goes_on() {
    let bench = stopped("--max-iterations 3");
    let other = bench.run(&format!("{FIT} --max-iterations 2 --out other.h5"));
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    fs::copy(bench.path("other.h5"), bench.path("x.h5")).unwrap();
    let fit = format!("{FIT} --max-iterations 3 --out x.h5 --resume");
    bench.run(&fit).refused(1, "error: x.h5 is not of the run that x.h5.checkpoint goes on with; move it away, or give --force to replace it");
    assert_eq!(bench.run(&format!("{fit} --force")).code, Some(0));
}

#[test]
fn whatever_changes_numbers_is_refused_with_the_difference() {
    let bench = stopped("--max-iterations 5");
    let before = fs::read(bench.path("x.h5.checkpoint")).unwrap();
    for (options, difference) in [
        ("--seed 1", "seed was 0 and is 1"),
        (
            "--units 4 --readout linear",
            "units was \"auto\" and is 4, readout was \"auto\" and is \"linear\"",
        ),
        (
            "--optimizer lbfgs",
            "optimizer was \"auto\" and is \"lbfgs\"",
        ),
        ("--l2 0.5", "l2 was \"auto\" and is 0.5"),
        ("--rtol 1e-5", "rtol was 0.000001 and is 0.00001"),
    ] {
        let run = bench.run(&format!(
            "{FIT} --max-iterations 5 {options} --out x.h5 --resume"
        ));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let message = format!(
            "error: x.h5.checkpoint is of a fit with other settings: {difference}; give them as they were, or begin anew with --force\n"
        );
        assert!(run.stderr.ends_with(&message), "{}", run.stderr);
    }
    assert_eq!(
        bench
            .run("generate spec.toml --seed 5 --out tiny.h5 --force")
            .code,
        Some(0)
    );
    let run = bench.run(&format!("{FIT} --max-iterations 5 --out x.h5 --resume"));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("SHA-256 of the dataset was "),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(bench.path("x.h5.checkpoint")).unwrap(), before);
}

#[test]
fn what_changes_no_number_may_differ() {
    let bench = stopped("--max-iterations 5 --threads 1");
    let run = bench.run(&format!("{FIT} --max-iterations 5 --out x.h5 --resume --threads 2 --max-time 1000 --checkpoint-interval 1"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        bench
            .run(&format!("{FIT} --max-iterations 5 --out r.h5"))
            .code,
        Some(0)
    );
    assert_same(
        &bench.path("x.h5"),
        &bench.path("r.h5"),
        "other threads and times",
    );
}

#[test]
fn the_schedule_of_adam_is_part_of_its_fit() {
    let bench = stopped("--optimizer adam --max-iterations 5");
    let run = bench.run(&format!(
        "{FIT} --optimizer adam --max-iterations 6 --out x.h5 --resume"
    ));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("max_iterations was 5 and is 6"),
        "{}",
        run.stderr
    );
}

#[test]
fn without_a_name_the_newest_fit_of_the_dataset_goes_on_and_is_named() {
    let bench = Bench::with_dataset();
    let fit = format!("{FIT} --max-iterations 3");
    bench.run(&format!("{fit} --resume")).refused(1, "error: no checkpoint of tiny.h5 in results; name the result of the fit that is to go on with --out");
    assert_eq!(
        bench.run("generate spec.toml --seed 9 --out other.h5").code,
        Some(0)
    );
    for (dataset, name) in [("tiny", "a"), ("tiny", "b"), ("other", "c")] {
        fs::create_dir_all(bench.path("results")).unwrap();
        let line = fit.replace("tiny", dataset);
        let run = bench.run(&format!("{line} --max-time 1e-9 --out results/{name}.h5"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    fs::write(bench.path("results/d.h5.checkpoint"), "no checkpoint").unwrap();
    let run = bench.run(&format!("{fit} --resume --json"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("going on from results/b.h5.checkpoint\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("warning: not looked at further: results/d.h5.checkpoint"),
        "{}",
        run.stderr
    );
    assert_eq!(run.json()["result"], "results/b.h5");
    assert!(bench.path("results/a.h5.checkpoint").exists());
    assert!(!bench.path("results/b.h5.checkpoint").exists());
}

#[test]
fn a_second_run_with_the_same_output_is_refused_and_one_that_was_killed_is_not_waited_for() {
    let bench = stopped("");
    let before = fs::read(bench.path("x.h5")).unwrap();
    let mark = File::create(bench.path("x.h5.reserved")).unwrap();
    mark.lock().unwrap();
    for option in ["", "--force", "--resume"] {
        let run = bench.run(&format!("{FIT} --out x.h5 {option}"));
        run.refused(1, "error: x.h5 is being written by another run; wait for its end, or choose another --out");
    }
    assert_eq!(fs::read(bench.path("x.h5")).unwrap(), before);
    // as the system does when a process is killed
    drop(mark);
    let run = bench.run(&format!("{FIT} --max-iterations 2 --out x.h5 --force"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!bench.path("x.h5.reserved").exists());
}

#[test]
fn inspect_says_what_a_checkpoint_is() {
    let bench = stopped("");
    let run = bench.run("inspect x.h5.checkpoint");
    for word in [
        "checkpoint",
        "state of a fit that has not ended",
        "runs/iterations",
        "dataset = tiny.h5",
        "command_line = ",
    ] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_with_the_way_out() {
    let bench = stopped("");
    let path = bench.path("x.h5.checkpoint");
    let sound = fs::read(&path).unwrap();
    fs::write(&path, &sound[..sound.len() / 2]).unwrap();
    let run = bench.run(&format!("{FIT} --out x.h5 --resume"));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with(
            "error: no fit can go on from this checkpoint: begin anew with --force: x.h5.checkpoint is damaged, cut short"
        ),
        "{}",
        run.stderr
    );
    let run = bench.run(&format!("{FIT} --max-iterations 2 --out x.h5 --force"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}
