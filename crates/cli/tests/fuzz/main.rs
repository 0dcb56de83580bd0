//! Every reader on files that are wrong: none panics, hangs, crashes or takes more memory than a small machine has.
//!
//! Where the HDF5 library itself crashes, the program must find that out before it reads the file (`store::probe`).
//! Sound files (the shipped recordings, results, comparisons, judgements and checkpoints of the program, tables,
//! configurations; with `just fuzz` also files of pynwb and files changed by h5py) are changed by bytes, the checksums of
//! HDF5 made right again, and read in a process with a limit of addresses. `just fuzz 1000000` runs many cases; cargo
//! runs few.
#![cfg(target_os = "linux")]

mod checksums;
mod child;
mod corpus;
mod mutate;
mod readers;

use child::{Failure, Job};
use readers::Reader;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Cases where nothing else is asked for.
const FEW: u64 = 2500;
/// What the library writes over is a matter of chance: a file may spare the process that reads it first and not the program.
const CASES_A_DEATH: u64 = 1000;
/// Cases of one process: a leak of the library, or what the allocator keeps, ends with it.
const BATCH: u64 = 5000;

/// Not a test of its own: what the processes run that [`no_file_breaks_a_reader`] begins.
#[test]
fn cases_of_a_child() {
    if let Ok(job) = std::env::var("TAUSCOPE_FUZZ_JOB") {
        child::work(&job);
    }
}

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// The readers with their shares of the cases, or those of them that are named: a long run can be made of several.
fn asked_for() -> Vec<(Reader, u64)> {
    let names = std::env::var("TAUSCOPE_FUZZ_READERS").unwrap_or_default();
    let names = names.split_terminator(',').map(Reader::find);
    let named: Vec<Reader> = names.collect();
    let is_asked = |(reader, _): &(Reader, u64)| named.is_empty() || named.contains(reader);
    Reader::SHARES.into_iter().filter(is_asked).collect()
}

#[test]
fn no_file_breaks_a_reader() {
    let cases = number("TAUSCOPE_FUZZ_CASES", FEW);
    let seed = number("TAUSCOPE_FUZZ_SEED", 0);
    let folder = tempfile::tempdir().unwrap();
    let dataset = corpus::make(folder.path());
    let files = folder.path().join("corpus");
    if let Some(more) = std::env::var_os("TAUSCOPE_FUZZ_CORPUS") {
        add(Path::new(&more), &files);
    }
    let asked = asked_for();
    for (reader, _) in asked.iter().filter(|(reader, _)| !reader.is_text()) {
        let entries = fs::read_dir(files.join(reader.name())).unwrap();
        entries.for_each(|entry| mutate::Seed::index(&entry.unwrap().path()));
    }
    let mut jobs = Vec::new();
    for (reader, share) in asked {
        let n_files = fs::read_dir(files.join(reader.name())).unwrap().count() as u64;
        let end = (cases * share).div_ceil(1000).max(n_files * reader.ways());
        for first in (0..end).step_by(BATCH as usize) {
            let end = end.min(first + BATCH);
            jobs.push(Job {
                reader,
                seed,
                first,
                end,
                corpus: files.clone(),
                dataset: dataset.clone(),
            });
        }
    }
    let total: u64 = jobs.iter().map(|job| job.end - job.first).sum();
    let failures = run(jobs);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let died = count(&child::DIED);
    println!(
        "{total} cases; the HDF5 library crashed on {}, which the program found out beforehand, on {} only after many others, and \
         ended the program on {died}; {} failures",
        count(&child::TOLD),
        count(&child::SURVIVED),
        failures.len()
    );
    let kept = failures
        .iter()
        .map(|(reader, failure)| keep(*reader, failure));
    let said: Vec<String> = kept.collect();
    assert!(
        died * CASES_A_DEATH <= total,
        "the HDF5 library ended the program on {died} of {total} files"
    );
    assert!(
        said.is_empty(),
        "{} of {total} cases failed:\n{}",
        said.len(),
        said.join("\n")
    );
}

/// Runs the jobs on all processors.
fn run(mut jobs: Vec<Job>) -> Vec<(Reader, Failure)> {
    jobs.reverse();
    let n_jobs = jobs.len();
    let (jobs, failures) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(job) = jobs.lock().unwrap().pop() else {
                break;
            };
            let found = job.run();
            let left = jobs.lock().unwrap().len();
            println!(
                "{} of {n_jobs}: {} {}..{}, {} failures",
                n_jobs - left,
                job.reader.name(),
                job.first,
                job.end,
                found.len()
            );
            failures
                .lock()
                .unwrap()
                .extend(found.into_iter().map(|failure| (job.reader, failure)));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    failures.into_inner().unwrap()
}

/// Adds the files below `from`, in a folder for each reader.
fn add(from: &Path, to: &Path) {
    for reader in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        for file in fs::read_dir(reader.path())
            .unwrap()
            .map(|entry| entry.unwrap())
        {
            fs::copy(
                file.path(),
                to.join(reader.file_name()).join(file.file_name()),
            )
            .unwrap();
        }
    }
}

/// Writes the file of a failure where it can be looked at; what is to be said of it.
fn keep(reader: Reader, failure: &Failure) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-failures");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{}", reader.name(), failure.index));
    fs::write(&path, &failure.bytes).unwrap();
    let what: String = failure.what.chars().take(400).collect();
    format!("{}: {what}", path.display())
}
