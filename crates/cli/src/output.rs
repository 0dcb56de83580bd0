//! Where output goes: decided, refused or reserved before any work.

use crate::args::OutputOptions;
use jiff::Zoned;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tauscope_fit::checkpoint;
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
    /// There is something of that name that cannot be replaced by a file: a device, a pipe, a socket.
    #[error("{} is no regular file, and would be replaced by one; choose another --out", .0.display())]
    IsSpecial(PathBuf),
    /// It would replace what the command reads.
    #[error("--out {} is the file that is read; choose another", .0.display())]
    IsInput(PathBuf),
    /// Two files of one command have the same name.
    #[error("{} is where the data go as well; choose another name for the report", .0.display())]
    IsOutput(PathBuf),
    /// Another run writes it.
    #[error("{} is being written by another run; wait for its end, or choose another --out", .0.display())]
    Reserved(PathBuf),
    /// A fit was stopped or killed that was to write it.
    #[error("{} holds the state of a fit that has not ended; go on with it by --resume, begin anew with --force, or choose another --out", .0.display())]
    Unfinished(PathBuf),
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

/// A path that no other run will write as long as this lives: a mark beside it is locked. The system takes the lock away when
/// a process ends, however it does; a mark that a killed run left behind is nobody's.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    mark: PathBuf,
    /// The folder, where it was made for this.
    made: Option<PathBuf>,
    /// Holds the lock.
    _lock: File,
}

impl Output {
    /// The file to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reserves `path` for this run, whatever is there.
    ///
    /// # Errors
    /// [`OutputError`] where it is `input` or a folder, another run has it, or nothing can be written beside it.
    pub fn claim(path: &Path, input: &Path) -> Result<Output, OutputError> {
        must_differ(path, input)?;
        match path.metadata() {
            Ok(about) if about.is_dir() => return Err(OutputError::IsFolder(path.to_owned())),
            Ok(about) if !about.is_file() => return Err(OutputError::IsSpecial(path.to_owned())),
            _ => {}
        }
        Output::reserve(path.to_owned())
    }

    fn reserve(path: PathBuf) -> Result<Output, OutputError> {
        let mark = beside(&path, ".reserved");
        loop {
            let lock = open_mark(&path, &mark)?;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(OutputError::Reserved(path)),
                // a file system without locks cannot tell
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // whoever had the lock before may have removed the mark since it was opened
            if is_at(&lock, &mark) {
                MARKS
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(mark.clone());
                return Ok(Output {
                    path,
                    mark,
                    made: None,
                    _lock: lock,
                });
            }
        }
    }

    /// Refuses a path at which something is already.
    ///
    /// # Errors
    /// [`OutputError::Exists`].
    pub fn must_be_new(&self) -> Result<(), OutputError> {
        if self.exists() {
            return Err(OutputError::Exists(self.path.clone()));
        }
        Ok(())
    }

    /// Whether there is a file at the path.
    pub fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }
}

/// Refuses an output that is the file `input`.
///
/// # Errors
/// [`OutputError::IsInput`].
pub fn must_differ(path: &Path, input: &Path) -> Result<(), OutputError> {
    if is_same_file(path, input) {
        return Err(OutputError::IsInput(path.to_owned()));
    }
    Ok(())
}

/// The same for several files, and an output that may not have been named.
///
/// # Errors
/// [`OutputError::IsInput`].
pub fn spare<'p>(
    out: Option<&Path>,
    inputs: impl IntoIterator<Item = &'p Path>,
) -> Result<(), OutputError> {
    let Some(out) = out else { return Ok(()) };
    inputs
        .into_iter()
        .try_for_each(|input| must_differ(out, input))
}

fn open_mark(path: &Path, mark: &Path) -> Result<File, OutputError> {
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(mark);
    opened.map_err(|reason| match (reason.kind(), check_writable(path)) {
        // says more of a folder that is missing
        (ErrorKind::NotFound | ErrorKind::NotADirectory, Err(error)) => error.into(),
        _ => StoreError::Unwritable {
            path: path.to_owned(),
            reason,
        }
        .into(),
    })
}

/// Whether `path` is still the open `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |about: fs::Metadata| (about.dev(), about.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => place(open) == place(there),
        _ => false,
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

impl Drop for Output {
    fn drop(&mut self) {
        MARKS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.mark);
        // removed while locked; a mark that stays behind does no harm
        let _ = fs::remove_file(&self.mark);
        if let Some(folder) = &self.made {
            // goes only where it is empty: nothing was written after all
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Removes what this process would leave behind if it ended now.
pub fn abandon_all() {
    let marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
    for mark in marks.iter() {
        let path = mark.with_extension("");
        for unfinished in [&path, &checkpoint::path_of(&path)] {
            let _ = fs::remove_file(beside(unfinished, ".partial"));
        }
        let _ = fs::remove_file(mark);
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

/// Whether the folder is there and holds nothing.
pub fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn reserve_given(path: &Path, force: bool, input: &Path) -> Result<Output, OutputError> {
    let output = Output::claim(path, input)?;
    if !force {
        output.must_be_new()?;
    }
    check_writable(path)?;
    Ok(output)
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
    let made = (!folder.exists()).then(|| folder.to_owned());
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
            Err(OutputError::Reserved(_)) => {}
            // looked at after the reservation: a run that ended in between has left its file
            Ok(output) if output.path.exists() => {}
            Ok(output) if checkpoint::path_of(&output.path).exists() => {}
            Ok(mut output) => {
                output.made = made;
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
    fn a_mark_that_a_killed_run_left_behind_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        fs::write(beside(&path, ".reserved"), "").unwrap();
        drop(given(&path, false).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_with_a_checkpoint_is_not_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let new =
            || reserve_new(folder.path(), ".h5", Path::new("x.h5"), "20250102-030405").unwrap();
        fs::write(folder.path().join("x-20250102-030405.h5.checkpoint"), "").unwrap();
        assert_eq!(new().path(), folder.path().join("x-20250102-030405-2.h5"));
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
        assert!(matches!(given(&path, false), Err(OutputError::Reserved(_))));
    }
}
