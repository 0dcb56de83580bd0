//! The process that reads a file before the program does: it may crash, the program must not.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tauscope_fit::store;

/// Seconds of a processor that a file may take, and bytes for each further one.
const SECONDS: u64 = 10;
const BYTES_A_SECOND: u64 = 8 << 20;
/// Bytes of memory that it may take beyond its own size.
const MEMORY: u64 = 4 << 30;

/// Whether this process was started to read a file for another one, which it has done then. Otherwise such processes are
/// started from now on.
pub fn is_asked_for() -> bool {
    let mut words = std::env::args_os().skip(1);
    match (words.next(), words.next(), words.next()) {
        (Some(word), Some(path), None) if word == OsStr::new(store::PROBE) => {
            let path = PathBuf::from(path);
            limit(&path);
            store::probe(&path);
            true
        }
        _ => {
            if let Ok(program) = std::env::current_exe() {
                store::probe_by(program);
            }
            false
        }
    }
}

/// Ends this process where a file takes longer or more memory than a sound one.
#[cfg(unix)]
fn limit(path: &Path) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let size = path.metadata().map_or(0, |about| about.len());
    let at_most = |resource, amount: u64| {
        let before = getrlimit(resource);
        let current = before.current.map_or(amount, |given| given.min(amount));
        // where the system does not take a limit, there is none
        let _ = setrlimit(
            resource,
            Rlimit {
                current: Some(current),
                maximum: before.maximum,
            },
        );
    };
    at_most(Resource::Cpu, SECONDS + size / BYTES_A_SECOND);
    at_most(Resource::As, MEMORY.saturating_add(size.saturating_mul(2)));
    // a crash is expected: it leaves no image of its memory behind
    at_most(Resource::Core, 0);
}

#[cfg(not(unix))]
fn limit(_path: &Path) {}
