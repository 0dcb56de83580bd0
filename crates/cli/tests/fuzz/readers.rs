//! Every way to read a file.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tauscope_fit::checkpoint::Checkpoint;
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::import::Signals;
use tauscope_fit::import::csv::{self, CsvOptions, Dialect};
use tauscope_fit::import::nwb::{self, NwbOptions, Trials};
use tauscope_fit::plan::FitPlan;
use tauscope_fit::store::{StoredFile, read_dataset, read_gradient_problem};

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Dataset,
    Result,
    Comparison,
    Identification,
    Checkpoint,
    Nwb,
    Csv,
    Config,
    /// The program itself: commands that read any file of ours.
    Program,
    /// The same, with a specification.
    Specification,
}

impl Reader {
    /// Each reader with its part of a thousand cases.
    pub const SHARES: [(Reader, u64); 10] = [
        (Reader::Dataset, 190),
        (Reader::Result, 140),
        (Reader::Comparison, 80),
        (Reader::Identification, 60),
        (Reader::Checkpoint, 80),
        (Reader::Nwb, 128),
        (Reader::Csv, 160),
        (Reader::Config, 150),
        (Reader::Program, 10),
        (Reader::Specification, 2),
    ];

    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub fn find(name: &str) -> Reader {
        let known = Self::SHARES
            .into_iter()
            .find(|(reader, _)| reader.name() == name);
        known
            .unwrap_or_else(|| {
                panic!(
                    "no reader {name}: choose of {:?}",
                    Self::SHARES.map(|(r, _)| r.name())
                )
            })
            .0
    }

    /// In how many ways it reads a file, by the index of the case.
    pub fn ways(self) -> u64 {
        match self {
            Reader::Program => COMMANDS.len() as u64,
            Reader::Nwb => 4,
            Reader::Csv => 3,
            _ => 1,
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self, Reader::Csv | Reader::Config | Reader::Specification)
    }

    /// Reads the file; `index` chooses among options. What is refused must name the file.
    pub fn read(self, path: &Path, index: u64) {
        match self {
            Reader::Dataset => dataset(path),
            Reader::Result => result(path),
            Reader::Comparison | Reader::Identification => tree(path),
            Reader::Checkpoint => checkpoint(path),
            Reader::Nwb => session(path, index),
            Reader::Csv => table(path, index),
            Reader::Config => configuration(path),
            Reader::Program => program(path, index),
            Reader::Specification => generate(path),
        }
    }
}

#[track_caller]
fn names<T, E: std::fmt::Display>(path: &Path, outcome: Result<T, E>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            let (error, name) = (error.to_string(), path.display().to_string());
            assert!(
                error.contains(&name),
                "the error does not name the file: {error}"
            );
            None
        }
    }
}

fn tree(path: &Path) {
    if let Some(file) = names(path, StoredFile::open(path)) {
        names(path, file.root().load());
    }
}

fn dataset(path: &Path) {
    tree(path);
    names(path, read_gradient_problem(path));
    if let Some(dataset) = names(path, read_dataset(path)) {
        let _ = FitPlan::check(&EffectiveConfig::default(), &dataset);
    }
}

/// The dataset that configurations and results are tried on.
static SOUND: LazyLock<Dataset> = LazyLock::new(|| {
    let path = std::env::var_os("TAUSCOPE_FUZZ_DATASET").expect("the parent names it");
    read_dataset(Path::new(&path)).unwrap()
});

fn result(path: &Path) {
    tree(path);
    let Some(file) = names(path, StoredFile::open_result(path)) else {
        return;
    };
    let group = file.group("provenance");
    let Ok(Some(text)) = group.and_then(|group| group.attribute_text("configuration")) else {
        return;
    };
    let init = Layer::from_options([("init", path.to_string_lossy().as_ref())]).unwrap();
    let stored = names(path, Layer::from_toml(&text, path));
    if let Some(config) = stored.and_then(|layer| EffectiveConfig::merge(&[init, layer]).ok()) {
        let _ = FitPlan::check(&config, &SOUND);
    }
}

fn checkpoint(path: &Path) {
    tree(path);
    names(path, Checkpoint::dataset_sha256(path));
    if let Some(checkpoint) = names(path, Checkpoint::read(path)) {
        assert!(checkpoint.runs().count() < 1000);
    }
}

fn configuration(path: &Path) {
    let Some(layer) = names(path, Layer::read(path)) else {
        return;
    };
    if let Ok(config) = EffectiveConfig::merge(&[layer])
        && FitPlan::check(&config, &SOUND).is_ok()
    {
        let again = EffectiveConfig::from_toml(&config.to_toml(), path);
        assert!(
            again.is_ok(),
            "the printed configuration is refused: {again:?}"
        );
    }
}

fn table(path: &Path, index: u64) {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|&word| word.to_owned())
            .collect::<Vec<_>>()
    };
    let options = match index % 3 {
        0 => CsvOptions::default(),
        1 => CsvOptions {
            inputs: words(&["stimulus"]),
            ..CsvOptions::default()
        },
        _ => CsvOptions {
            targets: words(&["l*", "middle"]),
            trial_variables: words(&["split"]),
            ..CsvOptions::default()
        },
    };
    names(path, csv::import(path, &options));
    names(path, csv::list(path, &Dialect::default()));
}

fn session(path: &Path, index: u64) {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|&word| word.to_owned())
            .collect::<Vec<_>>()
    };
    names(path, nwb::list(path));
    let (inputs, targets, bin, trials): (&[&str], &[&str], _, _) = match index % 4 {
        0 => (&["light"], &["calcium"], None, Trials::Auto),
        1 => (&["light[0]"], &["units"], Some(0.02), Trials::Auto),
        2 => (&[], &["lfp"], None, Trials::Whole),
        _ => (
            &["place"],
            &["units"],
            None,
            Trials::Named("trials".to_owned()),
        ),
    };
    let options = NwbOptions {
        inputs: words(inputs),
        targets: words(targets),
        bin,
        trials,
        split: None,
        signals: Signals::default(),
    };
    names(path, nwb::import(path, &options));
}

/// Commands that read a file of ours, with `{}` for its name and `{out}` for what they write.
const COMMANDS: [&str; 12] = [
    "inspect {}",
    "inspect {} --json",
    "report {} --out {out}",
    "export {} --format json --out {out}",
    "export {} --format csv --out {out}",
    "export {} --format npz --out {out}",
    "plot {} tau --out {out}.svg",
    "plot {} prediction --out {out}.svg",
    "plot {} residuals --out {out}.svg",
    "plot {} starts --out {out}.png",
    "simulate {} --dataset {dataset} --out {out}",
    "import nwb {} --list",
];

fn program(path: &Path, index: u64) {
    run(path, COMMANDS[(index % COMMANDS.len() as u64) as usize]);
}

fn generate(path: &Path) {
    run(path, "generate {} --out {out}");
}

/// Runs the program, which must end by itself, with a code of its own, and leave nothing where it failed.
pub fn run(path: &Path, command: &str) {
    let folder = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
    let dataset = std::env::var("TAUSCOPE_FUZZ_DATASET").unwrap();
    let words = command.split_whitespace().map(|word| {
        let out = folder.path().join("o").display().to_string();
        word.replace("{out}", &out)
            .replace("{dataset}", &dataset)
            .replace("{}", &path.display().to_string())
    });
    let output = Command::new(env!("CARGO_BIN_EXE_tauscope"))
        .args(words)
        .args(["--threads", "1"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0..=2)) && !stderr.contains("panicked"),
        "{command}: {} {stderr}",
        output.status
    );
    if output.status.success() {
        return;
    }
    assert!(output.stdout.is_empty(), "{command}: {stderr}");
    assert!(stderr.contains("error: "), "{command}: {stderr}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "{command} left something: {stderr}");
}
