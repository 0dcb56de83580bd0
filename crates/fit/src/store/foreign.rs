//! Files that are not HDF5: what they are, and what to do about it.

use std::path::Path;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Anything that tauscope writes.
    Any,
    /// A recording to fit.
    Dataset,
    /// A result of a fit.
    Result,
    /// An NWB file.
    Nwb,
}

impl Wanted {
    /// What `format` is as an attribute of a file.
    pub(super) fn of_format(format: &str) -> Wanted {
        match format {
            "dataset" => Wanted::Dataset,
            "result" => Wanted::Result,
            _ => Wanted::Any,
        }
    }
}

/// For a file that does not begin as HDF5: what to do to have what is wanted.
pub(super) fn remedy(path: &Path, start: &[u8], wanted: Wanted) -> Option<String> {
    let (kind, as_dataset) = match start {
        [0x89, b'H', b'D', b'F', ..] => return None,
        [] => return Some("it is empty: write or copy it again".to_owned()),
        [b'C', b'D', b'F', ..] => (
            "it is netCDF-3: ",
            "write it again as netCDF-4 (xarray: to_netcdf(format=\"NETCDF4\"))",
        ),
        [b'M', b'A', b'T', b'L', b'A', b'B', ..] => (
            "it is a MATLAB file of version 5: ",
            "save it again with -v7.3",
        ),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] | [b'P', b'K', ..] => (
            "it is a NumPy file: ",
            "write its arrays with h5py or xarray",
        ),
        _ => (
            "",
            "write the data with h5py or xarray, one variable each for time, inputs and targets",
        ),
    };
    let table = is_text(start).then(|| format!("`tauscope import csv {} --list`", path.display()));
    Some(match (wanted, table) {
        (Wanted::Dataset, Some(import)) => format!(
            "where it is a table, {import} shows how it becomes a dataset; else {as_dataset}"
        ),
        (Wanted::Dataset, None) => format!("{kind}{as_dataset}"),
        (Wanted::Result, _) => format!("{kind}name a result of `tauscope fit`"),
        (Wanted::Nwb, Some(import)) => {
            format!("name an NWB file; for a table of text there is {import}")
        }
        (Wanted::Nwb, None) => format!("{kind}name an NWB file"),
        (Wanted::Any, _) => format!("{kind}name a file that tauscope wrote"),
    })
}

/// Whether a file that begins so may be text: nothing in it that no text has. Its end may be cut within a letter.
fn is_text(start: &[u8]) -> bool {
    let complete = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    complete.is_some_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()))
}
