//! A folder to run the program in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A fresh folder in which the program runs.
pub struct Bench {
    folder: TempDir,
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs the program in this folder with the words of `line`.
    pub fn run(&self, line: &str) -> Run {
        self.run_in("", line)
    }

    /// As [`run`](Self::run), in a folder below.
    pub fn run_in(&self, below: &str, line: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_tauscope"))
            .args(line.split_whitespace())
            .current_dir(self.path(below))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A small dataset, `tiny.h5`.
    pub fn with_dataset() -> Bench {
        let bench = Bench::new();
        bench.write(
            "spec.toml",
            "units = 3\ninputs = 1\ntrials = 4\nduration = 0.2\n",
        );
        assert_eq!(bench.run("generate spec.toml --out tiny.h5").code, Some(0));
        bench
    }

    /// Names of the files and folders in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Run {
    /// The JSON object that is all of stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The run must have been refused: this code, this line on stderr, nothing on stdout.
    #[track_caller]
    pub fn refused(&self, code: i32, message: &str) {
        assert_eq!(self.stderr.trim_end(), message);
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""));
    }
}
