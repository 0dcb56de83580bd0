//! Cases run in a process of their own: it may crash, hang or run out of memory, and the parent says so and goes on.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::mutate::Seed;
use crate::readers::Reader;

/// KiB of addresses that a process of cases may have: sound files need a tenth. Where there are more, a damaged file lets the library
/// clear gigabytes, which is slow and tells nothing. A configuration may ask for thousands of units, and an export writes 64 MiB of
/// numbers in 500 MiB of text.
fn addresses(reader: Reader) -> u64 {
    match reader {
        Reader::Program | Reader::Csv | Reader::Config | Reader::Specification => 2 << 20,
        _ => 512 << 10,
    }
}

/// A case that takes longer hangs: the slowest takes a few hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Cases of one reader.
#[derive(Debug, Clone)]
pub struct Job {
    pub reader: Reader,
    pub seed: u64,
    pub first: u64,
    pub end: u64,
    /// Where sound files lie, in a folder for each reader.
    pub corpus: PathBuf,
    pub dataset: PathBuf,
}

/// What went wrong with a case.
#[derive(Debug)]
pub struct Failure {
    pub index: u64,
    pub what: String,
    pub bytes: Vec<u8>,
}

/// Seconds of a processor that the program may take with one file.
const ALONE: u64 = 30;
/// A crash of the library may show itself only this many cases later.
const LATER: u64 = 60;

/// What the program says of a file that another process did not outlive.
const TELLING: &str =
    "told.h5 is damaged, cut short or still being written (the HDF5 library does not survive it: ";

/// The sound files of the reader, in the order of their names.
fn seeds(job: &Job) -> Vec<Seed> {
    let folder = job.corpus.join(job.reader.name());
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    let seed = |path: &PathBuf| Seed::read(path, job.reader.is_text());
    paths.iter().map(seed).collect()
}

/// The case `index`: the first are the sound files as they are, each in all ways to read it.
fn case(job: &Job, seeds: &[Seed], index: u64) -> Vec<u8> {
    if let Some(seed) = seeds.get((index / job.reader.ways()) as usize) {
        return seed.bytes.clone();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(job.seed);
    rng.set_stream(index);
    let which = rng.random_range(0..seeds.len());
    seeds[which].changed(&mut rng)
}

/// Crashes of the library that the program told.
pub static TOLD: AtomicU64 = AtomicU64::new(0);
/// Crashes of the library in a process that had read many files, where the program outlives each file alone.
pub static SURVIVED: AtomicU64 = AtomicU64::new(0);
/// Files on which the library ends the program although another process had outlived them.
pub static DIED: AtomicU64 = AtomicU64::new(0);

/// What the program makes of files on which the library crashed.
enum Alone {
    Told,
    Survived,
    Died,
}

/// What the child does: reads case after case, and writes down which.
pub fn work(words: &str) {
    let words: Vec<&str> = words.split('\n').collect();
    let number = |i: usize| words[i].parse().unwrap();
    let job = Job {
        reader: Reader::find(words[0]),
        seed: number(1),
        first: number(2),
        end: number(3),
        corpus: words[4].into(),
        dataset: std::env::var_os("TAUSCOPE_FUZZ_DATASET").unwrap().into(),
    };
    let folder = Path::new(words[5]);
    let seeds = seeds(&job);
    let progress = File::create(folder.join("progress")).unwrap();
    let mut panics = OpenOptions::new()
        .append(true)
        .create(true)
        .open(folder.join("panics"))
        .unwrap();
    static WHERE: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|info| *WHERE.lock().unwrap() = info.to_string()));
    let path = folder.join(format!(
        "case.{}",
        if job.reader == Reader::Csv {
            "csv"
        } else {
            "h5"
        }
    ));
    for index in job.first..job.end {
        fs::write(&path, case(&job, &seeds, index)).unwrap();
        progress.write_all_at(&index.to_le_bytes(), 0).unwrap();
        if catch_unwind(AssertUnwindSafe(|| job.reader.read(&path, index))).is_err() {
            let message = WHERE.lock().unwrap().replace('\n', " ");
            writeln!(panics, "{index} {message}").unwrap();
        }
    }
    progress.write_all_at(&u64::MAX.to_le_bytes(), 0).unwrap();
}

impl Job {
    /// Runs all cases, in as many processes as crashes make necessary.
    pub fn run(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut first = self.first;
        let seeds = seeds(self);
        while first < self.end {
            let folder = tempfile::tempdir_in(scratch()).unwrap();
            let mut child = self.spawn(first, folder.path());
            let fatal = watch(&mut child, &folder.path().join("progress"));
            let failure = |index, what| Failure {
                index,
                what,
                bytes: case(self, &seeds, index),
            };
            let panics = fs::read_to_string(folder.path().join("panics")).unwrap_or_default();
            failures.extend(panics.lines().filter_map(|line| {
                let (index, what) = line.split_once(' ')?;
                Some(failure(index.parse().ok()?, what.to_owned()))
            }));
            let Some((index, what)) = fatal else { break };
            // before the first case there is nothing to skip
            let index = index.unwrap_or_else(|| panic!("no case was begun: {what}"));
            let said = fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
            let said = said.lines().last().unwrap_or_default().to_owned();
            let crashed = what.starts_with("killed") && !said.contains("memory allocation");
            match self.alone(index, &seeds, folder.path()) {
                Some(Alone::Told) => _ = TOLD.fetch_add(1, Ordering::Relaxed),
                Some(Alone::Survived) if crashed => _ = SURVIVED.fetch_add(1, Ordering::Relaxed),
                Some(Alone::Died) if crashed => {
                    println!("{} {index}: {what}: {said}", self.reader.name());
                    DIED.fetch_add(1, Ordering::Relaxed);
                }
                _ => failures.push(failure(index, format!("{what}: {said}"))),
            }
            first = index + 1;
        }
        failures
    }

    /// What the program makes of the case `index` and of those shortly before it, whose harm may have shown itself later;
    /// `None` where the library has no part in it.
    fn alone(&self, index: u64, seeds: &[Seed], folder: &Path) -> Option<Alone> {
        if self.reader.is_text() || self.reader == Reader::Program {
            return None;
        }
        let path = folder.join("told.h5");
        let earliest = self.first.max(index.saturating_sub(LATER));
        let mut verdict = Alone::Survived;
        for index in (earliest..=index).rev() {
            fs::write(&path, case(self, seeds, index)).unwrap();
            let output = self
                .limited(env!("CARGO_BIN_EXE_tauscope").as_ref(), ALONE)
                .arg("inspect")
                .arg(&path)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            if output.status.code() == Some(1) && stderr.contains(TELLING) {
                return Some(Alone::Told);
            }
            if output.status.code().is_none() {
                verdict = Alone::Died;
            }
        }
        Some(verdict)
    }

    /// A program with few addresses and seconds of a processor, as are those that it begins.
    fn limited(&self, program: &Path, seconds: u64) -> Command {
        let time = match seconds {
            u64::MAX => String::new(),
            seconds => format!("ulimit -t {seconds}; "),
        };
        let memory = addresses(self.reader);
        let script = format!("{time}ulimit -v {memory}; ulimit -c 0; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(program);
        command
    }

    fn spawn(&self, first: u64, folder: &Path) -> Child {
        let words = [
            self.reader.name(),
            self.seed.to_string(),
            first.to_string(),
            self.end.to_string(),
            self.corpus.display().to_string(),
            folder.display().to_string(),
        ];
        self.limited(&std::env::current_exe().unwrap(), u64::MAX)
            .args([
                "--exact",
                "cases_of_a_child",
                "--nocapture",
                "--test-threads",
                "1",
            ])
            .env("TAUSCOPE_FUZZ_JOB", words.join("\n"))
            .env("TAUSCOPE_FUZZ_DATASET", &self.dataset)
            .env("RAYON_NUM_THREADS", "1")
            .env("HDF5_USE_FILE_LOCKING", "FALSE")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("stderr")).unwrap())
            .spawn()
            .unwrap()
    }
}

/// A folder in memory, where the system has one.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Waits for the end; the case at which the process died or hung, and how.
fn watch(child: &mut Child, progress: &Path) -> Option<(Option<u64>, String)> {
    let at = || {
        let bytes = fs::read(progress).ok()?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let (mut last, mut since) = (None, Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            if at() == Some(u64::MAX) {
                return None;
            }
            let how = match status.signal() {
                Some(signal) => format!("killed by signal {signal}"),
                None => format!("ended early ({status})"),
            };
            return Some((at(), how));
        }
        let now = at();
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-9", "--", &group]).status();
            child.wait().unwrap();
            return Some((now, format!("hung for {} s", PATIENCE.as_secs())));
        }
        sleep(Duration::from_millis(20));
    }
}
