//! What can go wrong with a file.

use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::DatasetError;

/// What can go wrong with a file. Each message names the file, the place in it and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file of that name.
    #[error("{} does not exist: check the name and the folder", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or read by the operating system.
    #[error("{} cannot be read: {reason}{}", path.display(), read_remedy(reason))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The file is of another kind.
    #[error("{} is not an HDF5 file: {remedy}", path.display())]
    NotHdf5 {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        remedy: String,
    },
    /// The file begins as HDF5 but cannot be opened.
    #[error("{} is damaged, cut short or still being written ({detail}): write or copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        detail: String,
    },
    /// A group is missing.
    #[error("{}: the group {group} is missing: write the file anew by the command that made it", path.display())]
    MissingGroup {
        /// The file.
        path: PathBuf,
        /// The group.
        group: String,
    },
    /// A variable is missing.
    #[error("{}: the variable {variable} is missing; variables there: {present}. Rename the one that it is, or write the file anew with it", path.display())]
    MissingVariable {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// Those that are there.
        present: String,
    },
    /// An attribute is missing.
    #[error("{}: the attribute {attribute} is missing: set it to {expected}", path.display())]
    MissingAttribute {
        /// The file.
        path: PathBuf,
        /// The attribute, with the group or variable it belongs to.
        attribute: String,
        /// What it should be.
        expected: String,
    },
    /// An attribute has a value that means nothing here.
    #[error("{}: the attribute {attribute} is {found}: set it to {expected}", path.display())]
    BadAttribute {
        /// The file.
        path: PathBuf,
        /// The attribute, with the group or variable it belongs to.
        attribute: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A variable or attribute has values of the wrong kind.
    #[error("{}: {name} holds {found}: store it as {expected}", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The variable or attribute.
        name: String,
        /// What it holds.
        found: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A variable has the wrong number of axes.
    #[error("{}: {variable} has the shape {found:?}: it must have the axes {expected}", path.display())]
    WrongAxes {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// Its shape.
        found: Vec<usize>,
        /// The axes, in order.
        expected: &'static str,
    },
    /// A variable claims more values than its bytes in the file can hold.
    #[error(
        "{}: {variable} claims the shape {shape:?}, {claimed}, but {stored} bytes are stored for it: the file is damaged, or the variable was never filled",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The variable or attribute.
        variable: String,
        /// The shape that it claims.
        shape: Vec<usize>,
        /// The bytes that this shape needs, in words.
        claimed: String,
        /// The bytes that the file holds for it.
        stored: u64,
    },
    /// A variable or attribute cannot be read.
    #[error("{}: {name} cannot be read ({detail}): the file is damaged: write or copy it again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The variable, attribute or group.
        name: String,
        /// The library's reason.
        detail: String,
    },
    /// A variable has a value or a shape that it must not have.
    #[error("{}: {variable}{fault}", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// The index, what is wanted there and what was found.
        fault: String,
    },
    /// A variable is compressed by a method that is not built in.
    #[error("{}: {variable} is compressed by a method that is not built in: write it again with gzip or without compression", path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
    },
    /// The contents are readable but not a valid dataset.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: DatasetError,
    },
    /// The folder of a file to write does not exist.
    #[error("{} cannot be written: the folder {} does not exist: create it, or name another file", path.display(), folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// What should be the folder of a file to write is itself a file.
    #[error("{} cannot be written: {} is a file, not a folder: name another file", path.display(), folder.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
        /// What stands where its folder should be.
        folder: PathBuf,
    },
    /// The operating system refuses to write.
    #[error("{} cannot be written: {reason}{}", path.display(), write_remedy(reason))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The contents cannot be laid out as a file; nothing was written.
    #[error("{} cannot be written: {fault}", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// What is wrong with the contents.
        fault: String,
    },
}

/// What a person can do about a failed write.
fn write_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ": free some space, or name a file on another disk with --out"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": name a file in a folder that you may write to with --out"
        }
        io::ErrorKind::IsADirectory => ": name a file in it",
        _ => "",
    }
}

/// What a person can do about a failed read.
fn read_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::IsADirectory => ": name a file in it",
        io::ErrorKind::PermissionDenied => ": ask for the right to read it, or copy it",
        _ => "",
    }
}

// A reason that is part of the message is not also a `source`: whoever prints the chain would say it twice.
impl StoreError {
    pub(super) fn reading(path: &Path, name: &str, error: &hdf5::Error) -> Self {
        let (path, name, detail) = (path.to_owned(), name.to_owned(), reason(error));
        // The library looks for a plug-in only where a filter is unknown to it.
        if detail.contains("plugin") {
            return Self::Compression {
                path,
                variable: name,
            };
        }
        Self::Read { path, name, detail }
    }

    pub(super) fn laying_out(path: &Path, error: &hdf5::Error) -> Self {
        Self::Layout {
            path: path.to_owned(),
            fault: reason(error),
        }
    }

    pub(super) fn unwritable(path: &Path, reason: io::Error) -> Self {
        Self::Unwritable {
            path: path.to_owned(),
            reason,
        }
    }

    pub(super) fn invalid(path: &Path, problem: DatasetError) -> Self {
        Self::Invalid {
            path: path.to_owned(),
            problem,
        }
    }
}

/// The innermost reason of an HDF5 error on one line: the outer ones only say which call failed.
pub(super) fn reason(error: &hdf5::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
