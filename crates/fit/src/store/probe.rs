//! A guard against files on which the HDF5 library crashes, or does not come to an end.
//!
//! The library (2.2.0) trusts what a file says of itself: of damaged files whose checksums are right again, about four in a
//! thousand overwrite its memory, divide by zero or go round in a circle. No look at the bytes tells them apart, so a
//! process of its own reads a file first. What that process survives is read here; else the file is refused.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::read::DEEPEST;
use super::variable::largest;
use super::{GroupPlace, StoreError, StoredFile, StoredGroup, StoredVariable};

/// The word that asks a program to be such a process; the file follows.
pub const PROBE: &str = "probe-file";
/// Of larger files the numbers are not read beforehand, only what describes them.
const LARGE: u64 = 1 << 26;

/// The code with which a Rust program ends that panics: what the library gave back was nonsense.
const PANICKED: i32 = 101;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
/// Files that were survived, as they were then.
static SURVIVED: Mutex<Vec<(PathBuf, u64, Option<SystemTime>)>> = Mutex::new(Vec::new());

/// From now on `program`, called with [`PROBE`] and a file, reads every file before this process does.
pub fn probe_by(program: PathBuf) {
    // the first one stays
    let _ = PROGRAM.set(program);
}

/// What the other process does: reads all of the file, and forgets it. What is wrong with it is no matter here; what comes after it is
/// read all the same, since commands read different parts of a file.
pub fn probe(path: &Path) {
    let Ok(file) = StoredFile::open(path) else {
        return;
    };
    let mut walk = Walk {
        seen: Vec::new(),
        reads_numbers: file.size() <= LARGE,
        left: largest(file.size(), true),
    };
    walk.group(&file.root(), DEEPEST);
}

/// A walk through a file that nothing stops but its end.
struct Walk {
    seen: Vec<GroupPlace>,
    reads_numbers: bool,
    /// Bytes that variables may still claim.
    left: u64,
}

impl Walk {
    fn group(&mut self, group: &StoredGroup<'_>, depth: usize) {
        self.seen.extend(group.place());
        group.try_attributes();
        for name in group.variable_names().unwrap_or_default() {
            if let Ok(variable) = group.variable(&name) {
                self.variable(&variable);
            }
        }
        for name in group.group_names().unwrap_or_default() {
            let Ok(below) = group.group(&name) else {
                continue;
            };
            let is_new = below
                .place()
                .is_none_or(|place| !self.seen.contains(&place));
            if depth > 0 && is_new {
                self.group(&below, depth - 1);
            }
        }
    }

    fn variable(&mut self, variable: &StoredVariable<'_>) {
        let _ = variable.dims();
        variable.try_attributes();
        let is_read = (self.reads_numbers || variable.is_text()) && variable.bytes() <= self.left;
        if is_read {
            self.left -= variable.bytes();
            let _ = variable.read();
        }
    }
}

/// Refuses a file that another process did not survive. Where none can be started the file is read as it is.
pub(super) fn survive(path: &Path, about: &Metadata) -> Result<(), StoreError> {
    let Some(program) = PROGRAM.get() else {
        return Ok(());
    };
    let known = (path.to_owned(), about.len(), about.modified().ok());
    let mut survived = SURVIVED.lock().unwrap_or_else(PoisonError::into_inner);
    if survived.contains(&known) {
        return Ok(());
    }
    let status = Command::new(program)
        .arg(PROBE)
        .arg(path)
        // an allocator that keeps no lists of its own notices more of what was overwritten
        .env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if matches!(status.code(), None | Some(PANICKED)) => Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: format!("the HDF5 library does not survive it: {status}"),
        }),
        _ => {
            survived.push(known);
            Ok(())
        }
    }
}
