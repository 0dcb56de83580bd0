//! `kill -9` at random moments, and whatever else ends a fit before its end: it goes on to the same bits.
//!
//! `TAUSCOPE_KILLS=100 cargo test -p tauscope --test cli killed -- --nocapture` (or `just kills 100`) kills as often as it says.

#![cfg(unix)]

use crate::bench::Bench;
use crate::bits::assert_same;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tauscope_fit::checkpoint::Checkpoint;
use tauscope_fit::store::StoredFile;

/// The first run, its goings-on and the reference all have another number of threads.
const FITS: [&str; 3] = [
    "fit tiny.h5 --activation sigmoid --starts 2 --optimizer gauss-newton --max-iterations 20",
    "fit tiny.h5 --activation sigmoid --starts 2 --optimizer lbfgs --max-iterations 70",
    "fit tiny.h5 --activation sigmoid --starts 2 --optimizer adam --max-iterations 40",
];

struct Case {
    fit: &'static str,
    reference: PathBuf,
    seconds: f64,
}

/// Uninterrupted fits, and how long they take.
fn cases(bench: &Bench) -> Vec<Case> {
    let case = |(index, fit): (usize, &'static str)| {
        let name = format!("reference-{index}.h5");
        let begin = Instant::now();
        let run = bench.run(&format!(
            "{fit} --report false --threads 2 --checkpoint-interval 0 --out {name}"
        ));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        Case {
            fit,
            reference: bench.path(&name),
            seconds: begin.elapsed().as_secs_f64(),
        }
    };
    FITS.into_iter().enumerate().map(case).collect()
}

fn begin(bench: &Bench, line: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tauscope"))
        .args(line.split_whitespace())
        .current_dir(bench.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills `child` after `seconds`, unless it has ended.
fn kill_after(mut child: Child, seconds: f64) {
    sleep(Duration::from_secs_f64(seconds));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whatever a killed run leaves is complete, or bears a name that says that it is not.
fn assert_nothing_half_written(bench: &Bench, name: &str, reference: &Path, what: &str) {
    let result = bench.path(name);
    if result.exists() {
        assert_same(&result, reference, what);
    }
    let checkpoint = bench.path(&format!("{name}.checkpoint"));
    if checkpoint.exists() {
        Checkpoint::read(&checkpoint).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    for other in bench.names().iter().filter(|other| other.starts_with(name)) {
        let ending = &other[name.len()..];
        let known = [
            "",
            ".checkpoint",
            ".reserved",
            ".partial",
            ".checkpoint.partial",
        ];
        assert!(known.contains(&ending), "{what}: {other}");
    }
}

#[test]
fn a_killed_fit_goes_on_to_the_same_bits() {
    let kills: usize =
        std::env::var("TAUSCOPE_KILLS").map_or(6, |text| text.parse().expect("a number of kills"));
    let bench = Bench::with_dataset();
    let cases = cases(&bench);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut done, mut before_the_first_save, mut in_time) = (0, 0, 0);
    while done < kills {
        let case = &cases[done % cases.len()];
        let interval = [0.0, 0.05][done / cases.len() % 2];
        let fit = format!(
            "{} --report false --checkpoint-interval {interval} --out k.h5",
            case.fit
        );
        let moment = |rng: &mut ChaCha8Rng| rng.random::<f64>() * case.seconds;
        let what = format!("kill {done} of {}", case.fit);
        kill_after(
            begin(&bench, &format!("{fit} --threads 1")),
            moment(&mut rng),
        );
        assert_nothing_half_written(&bench, "k.h5", &case.reference, &what);
        done += 1;
        let has_saved = bench.path("k.h5.checkpoint").exists();
        before_the_first_save += usize::from(!has_saved);
        // every other one is killed again while it goes on
        if done % 2 == 0 && done < kills {
            kill_after(
                begin(&bench, &format!("{fit} --threads 3 --resume")),
                moment(&mut rng),
            );
            assert_nothing_half_written(&bench, "k.h5", &case.reference, &what);
            done += 1;
        }
        if bench.path("k.h5.checkpoint").exists() || !bench.path("k.h5").exists() {
            in_time += 1;
            let run = bench.run(&format!("{fit} --resume"));
            assert_eq!(run.code, Some(0), "{what}: {}", run.stderr);
        }
        assert_same(&bench.path("k.h5"), &case.reference, &what);
        std::fs::remove_file(bench.path("k.h5")).unwrap();
        let left: Vec<_> = bench
            .names()
            .into_iter()
            .filter(|n| n.starts_with("k.h5.c"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    println!(
        "{done} kills, {before_the_first_save} before the first save; {in_time} fits went on, all to the same bits"
    );
}

/// Sessions of `case`, the first as long as `limit` (s) and each a little longer than the one before, so that there is an end however
/// busy the machine is; how many it took.
fn sessions(bench: &Bench, case: &Case, mut limit: f64) -> usize {
    for session in 1..500 {
        let run = bench.run(&format!(
            "{} --report false --max-time {limit} --out s.h5 --resume --threads {}",
            case.fit,
            1 + session % 3
        ));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(bench.path("s.h5").exists());
        if !bench.path("s.h5.checkpoint").exists() {
            return session;
        }
        let said = "stopped by --max-time; s.h5.checkpoint";
        assert!(run.stderr.contains(said), "{}", run.stderr);
        limit *= 1.1;
    }
    panic!("{}: no end after 500 sessions", case.fit);
}

#[test]
fn a_fit_in_many_short_sessions_has_the_same_bits() {
    let bench = Bench::with_dataset();
    for case in cases(&bench) {
        let mut limit = case.seconds / 50.0;
        while sessions(&bench, &case, limit) == 1 {
            std::fs::remove_file(bench.path("s.h5")).unwrap();
            limit /= 4.0;
            assert!(limit > 1e-6, "{} ends without time", case.fit);
        }
        assert_same(&bench.path("s.h5"), &case.reference, case.fit);
        let file = StoredFile::open(&bench.path("s.h5")).unwrap();
        let seconds = file.group("history").unwrap().read_f64("seconds").unwrap();
        assert!(seconds.values.windows(2).all(|pair| pair[0] <= pair[1]));
        std::fs::remove_file(bench.path("s.h5")).unwrap();
    }
}

#[test]
fn a_signal_leaves_a_state_to_go_on_from() {
    let bench = Bench::with_dataset();
    let fit = format!("{} --report false --out t.h5", FITS[0]);
    let reference = bench.run(&format!("{} --report false --out r.h5", FITS[0]));
    assert_eq!(reference.code, Some(0), "{}", reference.stderr);
    // where the machine is so busy that the fit ends before the signal comes, it is begun anew
    let said = (0..20)
        .find_map(|_| {
            let program = begin(&bench, &fit);
            // the output is reserved after the signals are caught
            while !bench.path("t.h5.reserved").exists() && !bench.path("t.h5").exists() {
                std::thread::yield_now();
            }
            let id = program.id().to_string();
            let kill = Command::new("kill").args(["-TERM", &id]).status().unwrap();
            assert!(kill.success());
            let output = program.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() == Some(130) {
                return Some(said);
            }
            assert_eq!(output.status.code(), Some(0), "{said}");
            std::fs::remove_file(bench.path("t.h5")).unwrap();
            None
        })
        .expect("one of twenty fits meets its signal");
    let command = format!("{fit} --resume");
    let how = "stopped on request; t.h5.checkpoint holds the state, and this goes on from it:\n  ";
    assert!(said.contains(how), "{said}");
    assert!(said.contains(&command), "{said}");
    let run = bench.run(&command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_same(&bench.path("t.h5"), &bench.path("r.h5"), "after SIGTERM");
    assert!(!bench.path("t.h5.checkpoint").exists());
}

#[test]
fn an_input_that_vanishes_meanwhile_does_no_harm() {
    let bench = Bench::with_dataset();
    let program = begin(
        &bench,
        &format!(
            "{} --report false --checkpoint-interval 0 --out v.h5",
            FITS[1]
        ),
    );
    while !bench.path("v.h5.checkpoint").exists() && !bench.path("v.h5").exists() {
        std::thread::yield_now();
    }
    std::fs::rename(bench.path("tiny.h5"), bench.path("gone.h5")).unwrap();
    kill_after(program, 0.0);
    if bench.path("v.h5.checkpoint").exists() {
        let run = bench.run(&format!("{} --out v.h5 --resume", FITS[1]));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(
            run.stderr.starts_with("error: no dataset `tiny.h5`"),
            "{}",
            run.stderr
        );
        assert!(bench.path("v.h5.checkpoint").exists());
    }
    std::fs::rename(bench.path("gone.h5"), bench.path("tiny.h5")).unwrap();
    let program = begin(
        &bench,
        &format!(
            "{} --report false --checkpoint-interval 0 --out w.h5",
            FITS[1]
        ),
    );
    while !bench.path("w.h5.checkpoint").exists() && !bench.path("w.h5").exists() {
        std::thread::yield_now();
    }
    std::fs::remove_file(bench.path("tiny.h5")).unwrap();
    let output = program.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(StoredFile::open_result(&bench.path("w.h5")).is_ok());
}

/// Runs the program with files of at most `blocks` times 512 bytes, which to it is a full disk.
fn run_on_a_full_disk(bench: &Bench, blocks: u32, line: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_tauscope");
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' {line}"),
        ])
        .current_dir(bench.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_full_disk_is_said_and_the_former_result_stays() {
    let bench = Bench::with_dataset();
    let fit = format!(
        "{} --report false --checkpoint-interval 0 --out d.h5",
        FITS[0]
    );
    assert_eq!(bench.run(&fit).code, Some(0));
    let former = std::fs::read(bench.path("d.h5")).unwrap();
    let (code, said) = run_on_a_full_disk(&bench, 4, &format!("{fit} --force"));
    assert_eq!(code, Some(1), "{said}");
    let of = |file: &str| {
        format!(
            "{file} cannot be written: File too large (os error 27): free some space, or name a file on another disk with --out"
        )
    };
    assert!(
        said.contains(&format!(
            "warning: the state could not be saved: {}",
            of("d.h5.checkpoint")
        )),
        "{said}"
    );
    assert!(said.contains(&format!("error: {}", of("d.h5"))), "{said}");
    assert_eq!(std::fs::read(bench.path("d.h5")).unwrap(), former);
    assert_eq!(bench.names(), ["d.h5", "spec.toml", "tiny.h5"]);
}
