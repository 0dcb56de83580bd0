//! Where output goes: decided, refused or reserved before any work.

use crate::args::OutputOptions;
use jiff::Zoned;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tauscope_fit::store::{StoreError, check_writable};
use thiserror::Error;

/// An output that is refused before any work.
#[derive(Debug, Error)]
pub enum OutputError {
    /// There is such a file.
    #[error("{} exists already; choose another --out, or give --force to replace it", .0.display())]
    Exists(PathBuf),
    /// There is a folder of that name.
    #[error("{} is a folder; name a file in it with --out", .0.display())]
    IsFolder(PathBuf),
    /// There is a file in place of the folder for results.
    #[error("{} is a file, so no folder for results can be made; rename it, or choose where to write with --out", .0.display())]
    NoFolder(PathBuf),
    /// It would replace what the command reads.
    #[error("--out {} is the file that is read; choose another", .0.display())]
    IsInput(PathBuf),
    /// Two files of one command have the same name.
    #[error("{} is where the data go as well; choose another name for the report", .0.display())]
    IsOutput(PathBuf),
    /// Another run is about to write it.
    #[error("{} is being written by another run; choose another --out, or delete {} if that run was killed", .path.display(), .mark.display())]
    Reserved {
        /// The output.
        path: PathBuf,
        /// The file that reserves it.
        mark: PathBuf,
    },
    /// The folder for results cannot be made, or no mark can be left in it.
    #[error("{} cannot be written: {reason}; choose where to write with --out", .path.display())]
    Unwritable {
        /// The output, or its folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The store refuses it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Marks of this process, so that a signal can remove them.
static MARKS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A path that no other run will write as long as this lives.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    mark: PathBuf,
}

impl Output {
    /// The file to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn reserve(path: PathBuf) -> Result<Output, OutputError> {
        let mark = beside(&path, ".reserved");
        match OpenOptions::new().write(true).create_new(true).open(&mark) {
            Ok(_) => {}
            Err(reason) if reason.kind() == ErrorKind::AlreadyExists => {
                return Err(OutputError::Reserved { path, mark });
            }
            Err(reason) => return Err(OutputError::Unwritable { path, reason }),
        }
        MARKS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(mark.clone());
        Ok(Output { path, mark })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        MARKS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.mark);
        // a mark that stays behind costs the next run a number, not its result
        let _ = fs::remove_file(&self.mark);
    }
}

/// Removes what this process would leave behind if it ended now.
pub fn abandon_all() {
    let marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
    for mark in marks.iter() {
        let _ = fs::remove_file(mark);
        let _ = fs::remove_file(beside(&mark.with_extension(""), ".partial"));
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Decides where the output of `command` on `input` goes.
///
/// `--out` as given; else `results/<stem>-<time>.h5`, with the command's name at the end for all but `fit`, and a counter
/// where that exists.
///
/// # Errors
/// [`OutputError`] where the file exists, is the input, or cannot be written.
pub fn reserve(
    options: &OutputOptions,
    command: &str,
    input: &Path,
) -> Result<Output, OutputError> {
    reserve_as(options, command, "h5", input)
}

/// As [`reserve`], for a file that is no HDF5: `results/<stem>-<time>-<command>.<extension>`.
///
/// # Errors
/// As [`reserve`].
pub fn reserve_as(
    options: &OutputOptions,
    command: &str,
    extension: &str,
    input: &Path,
) -> Result<Output, OutputError> {
    match &options.out {
        Some(path) => reserve_given(path, options.force(), input),
        None => {
            let ending = match command {
                "fit" => format!(".{extension}"),
                command => format!("-{command}.{extension}"),
            };
            reserve_new(Path::new("results"), &ending, input, &stamp(&Zoned::now()))
        }
    }
}

/// Decides where a second file of a command goes: `given`, or the name of `output` with another ending.
///
/// # Errors
/// As [`reserve`].
pub fn reserve_beside(
    given: Option<&Path>,
    output: &Output,
    ending: &str,
    force: bool,
    input: &Path,
) -> Result<Output, OutputError> {
    let path = given.map_or_else(|| output.path.with_extension(ending), Path::to_owned);
    if path == output.path {
        return Err(OutputError::IsOutput(path));
    }
    reserve_given(&path, force, input)
}

/// As [`reserve_as`], for a folder of files: with `--force` files of the same names in it are replaced.
///
/// # Errors
/// As [`reserve`].
pub fn reserve_folder(
    options: &OutputOptions,
    command: &str,
    input: &Path,
) -> Result<Output, OutputError> {
    match &options.out {
        Some(path) if !path.is_dir() => reserve_given(path, false, input),
        Some(path) if options.force() || is_empty(path) => Output::reserve(path.clone()),
        Some(path) => Err(OutputError::Exists(path.clone())),
        None => reserve_new(
            Path::new("results"),
            &format!("-{command}"),
            input,
            &stamp(&Zoned::now()),
        ),
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn reserve_given(path: &Path, force: bool, input: &Path) -> Result<Output, OutputError> {
    if is_same_file(path, input) {
        return Err(OutputError::IsInput(path.to_owned()));
    }
    if path.is_dir() {
        return Err(OutputError::IsFolder(path.to_owned()));
    }
    if path.symlink_metadata().is_ok() && !force {
        return Err(OutputError::Exists(path.to_owned()));
    }
    check_writable(path)?;
    Output::reserve(path.to_owned())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn stamp(now: &Zoned) -> String {
    now.strftime("%Y%m%d-%H%M%S").to_string()
}

/// The first name, counting up, that neither exists nor is reserved.
fn reserve_new(
    folder: &Path,
    ending: &str,
    input: &Path,
    stamp: &str,
) -> Result<Output, OutputError> {
    if folder.is_file() {
        return Err(OutputError::NoFolder(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(|reason| OutputError::Unwritable {
        path: folder.to_owned(),
        reason,
    })?;
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    loop {
        let counter = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        let path = folder.join(format!("{stem}-{stamp}{counter}{ending}"));
        number += 1;
        match Output::reserve(path) {
            Err(OutputError::Reserved { .. }) => {}
            // looked at after the reservation: a run that ended in between has left its file
            Ok(output) if output.path.exists() => {}
            Ok(output) => {
                check_writable(&output.path)?;
                return Ok(output);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(path: &Path, force: bool) -> Result<Output, OutputError> {
        reserve_given(path, force, Path::new("input.h5"))
    }

    #[test]
    fn runs_in_the_same_second_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let new = |ending| {
            reserve_new(
                folder.path(),
                ending,
                Path::new("data/a b.h5"),
                "20250102-030405",
            )
            .unwrap()
        };
        let (first, second, other) = (new(".h5"), new(".h5"), new("-simulate.h5"));
        assert_eq!(first.path(), folder.path().join("a b-20250102-030405.h5"));
        assert_eq!(
            second.path(),
            folder.path().join("a b-20250102-030405-2.h5")
        );
        assert_eq!(
            other.path(),
            folder.path().join("a b-20250102-030405-simulate.h5")
        );
    }

    #[test]
    fn a_name_that_has_been_written_is_not_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let new =
            || reserve_new(folder.path(), ".h5", Path::new("x.h5"), "20250102-030405").unwrap();
        let first = new();
        fs::write(first.path(), "result").unwrap();
        drop(first);
        assert_eq!(new().path(), folder.path().join("x-20250102-030405-2.h5"));
    }

    #[test]
    fn no_mark_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        drop(given(&folder.path().join("x.h5"), false).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_existing_output_needs_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(given(&path, false), Err(OutputError::Exists(_))));
        assert!(given(&path, true).is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn the_input_is_not_replaced_even_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        fs::write(&path, "precious").unwrap();
        let roundabout = folder.path().join(".").join("x.h5");
        assert!(matches!(
            reserve_given(&roundabout, true, &path),
            Err(OutputError::IsInput(_))
        ));
    }

    #[test]
    fn two_runs_do_not_share_one_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let _first = given(&path, false).unwrap();
        assert!(matches!(
            given(&path, false),
            Err(OutputError::Reserved { .. })
        ));
    }
}
