//! A file appears under its name complete, or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The unfinished file; removed on drop unless it was renamed.
struct Partial {
    path: PathBuf,
    finished: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: the error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes `bytes` to `<name>.partial` in the same folder, flushes them to the disk and renames: a reader sees
/// the old file or the new one, and a killed run leaves the old one.
///
/// # Errors
/// [`StoreError::NoFolder`], [`StoreError::NotAFolder`] and [`StoreError::Unwritable`]; then no new file is left, and the old one is untouched.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut partial = create_partial(path)?;
    write_synced(&partial.0, bytes).map_err(|e| StoreError::unwritable(path, e))?;
    fs::rename(&partial.1.path, path).map_err(|e| StoreError::unwritable(path, e))?;
    partial.1.finished = true;
    sync_folder(&folder_of(path)).map_err(|e| StoreError::unwritable(path, e))
}

/// Finds out before long work whether `path` can be written: its folder exists and takes a file. Leaves nothing behind.
///
/// # Errors
/// [`StoreError::NoFolder`], [`StoreError::NotAFolder`] and [`StoreError::Unwritable`].
pub fn check_writable(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Err(StoreError::unwritable(
            path,
            io::Error::from(io::ErrorKind::IsADirectory),
        ));
    }
    create_partial(path).map(drop)
}

fn create_partial(path: &Path) -> Result<(File, Partial), StoreError> {
    let Some(name) = path.file_name() else {
        return Err(StoreError::unwritable(
            path,
            io::Error::from(io::ErrorKind::InvalidFilename),
        ));
    };
    let folder = folder_of(path);
    if !folder.is_dir() {
        let path = path.to_owned();
        return Err(if folder.exists() {
            StoreError::NotAFolder { path, folder }
        } else {
            StoreError::NoFolder { path, folder }
        });
    }
    let mut partial_name = OsString::from(name);
    partial_name.push(".partial");
    let partial = folder.join(partial_name);
    let file = File::create(&partial).map_err(|e| StoreError::unwritable(path, e))?;
    Ok((
        file,
        Partial {
            path: partial,
            finished: false,
        },
    ))
}

fn write_synced(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.flush()?;
    file.sync_all()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The rename itself must reach the disk. Some file systems refuse to sync a folder: then there is nothing to wait for.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{check_writable, replace_file};

    #[test]
    fn a_file_is_replaced_whole_and_no_partial_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.h5");
        replace_file(&path, b"old").unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("x.h5");
        let message = replace_file(&path, b"x").unwrap_err().to_string();
        let expected = format!(
            "{} cannot be written: the folder {} does not exist: create it, or name another file",
            path.display(),
            folder.path().join("none").display()
        );
        assert_eq!(message, expected);
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_refused_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        fs::create_dir(&path).unwrap();
        assert!(check_writable(&path).is_err());
        assert!(replace_file(&path, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn checking_that_a_file_can_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("x.h5")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
