//! The numbers that a part of an experiment leaves, and their file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tauscope_fit::store::{AttributeValue, Group, StoreError, StoredFile, Variable, write_file};
use thiserror::Error;

/// The kind of a part's file.
const FORMAT: &str = "reproduction-part";

/// Lists of numbers by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbers(BTreeMap<String, Vec<f64>>);

impl Numbers {
    /// With another list.
    pub fn with(mut self, name: &str, values: impl IntoIterator<Item = f64>) -> Numbers {
        self.0.insert(name.to_owned(), values.into_iter().collect());
        self
    }

    /// The list `name`; empty where there is none.
    pub fn all(&self, name: &str) -> &[f64] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first number of the list `name`; NaN where there is none.
    pub fn one(&self, name: &str) -> f64 {
        self.all(name).first().copied().unwrap_or(f64::NAN)
    }

    /// The first two numbers of the list `name`.
    pub fn pair(&self, name: &str) -> [f64; 2] {
        [0, 1].map(|k| self.all(name).get(k).copied().unwrap_or(f64::NAN))
    }
}

/// A part's file that cannot be used.
#[derive(Debug, Error)]
pub enum PartFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was computed with other settings.
    #[error(
        "{} was computed with other settings; choose another --out, or delete its folder to compute it again",
        .0.display()
    )]
    OtherSettings(PathBuf),
}

/// Writes the numbers of a part of an experiment with `settings`.
///
/// # Errors
/// [`StoreError`]
pub fn write(path: &Path, settings: &str, numbers: &Numbers) -> Result<(), StoreError> {
    let mut group = Group::new()
        .attribute("tauscope_format", FORMAT)
        .attribute("schema_version", 1_i64)
        .attribute("settings", settings);
    for (name, values) in &numbers.0 {
        let dimension = format!("{name}_index");
        group = group.indices(&dimension, values.len()).variable(
            Variable::new(name, &[&dimension], values.clone())
                .units("1")
                .long_name(name),
        );
    }
    write_file(path, &group)
}

/// Reads them back; `None` where the file does not exist.
///
/// # Errors
/// [`PartFileError`] where it is damaged, or was computed with others.
pub fn read(path: &Path, settings: &str) -> Result<Option<Numbers>, PartFileError> {
    if !path.exists() {
        return Ok(None);
    }
    let file = StoredFile::open(path)?;
    let root = file.root();
    match root.attribute("settings")? {
        Some(AttributeValue::Text(stored)) if stored == settings => {}
        _ => return Err(PartFileError::OtherSettings(path.to_owned())),
    }
    let mut numbers = Numbers::default();
    for name in root.variable_names()? {
        if !name.ends_with("_index") {
            let values = root.variable(&name)?.read_f64()?.values;
            numbers.0.insert(name, values);
        }
    }
    Ok(Some(numbers))
}
