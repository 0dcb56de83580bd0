//! A variable of an open file.

use std::path::Path;

use hdf5::Dataset;
use hdf5::plist::dataset_create::Layout;

use super::raw::{self, Kind, Source};
use super::{AttributeValue, StoreError, Values, attributes};

/// Values of a variable never filled (the library makes them up) are believed up to this many bytes.
const UNSTORED: u64 = 1 << 26;
/// Deflate makes data at most 1032 times smaller; shuffling before it changes nothing in that.
const COMPRESSION: u64 = 1100;

/// Real numbers with their shape, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct RealArray {
    /// Lengths of the axes, slowest first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values; NaN where one is missing.
    pub values: Vec<f64>,
}

/// A variable of an open file, whose claims have been compared with what the file holds.
#[derive(Debug)]
pub struct StoredVariable<'a> {
    path: &'a Path,
    name: String,
    dataset: Dataset,
    shape: Vec<usize>,
    kind: Kind,
    bytes: u64,
}

impl<'a> StoredVariable<'a> {
    pub(super) fn new(
        path: &'a Path,
        name: String,
        dataset: Dataset,
        file_size: u64,
    ) -> Result<Self, StoreError> {
        let fail = |e: hdf5::Error| StoreError::reading(path, &name, &e);
        let space = dataset.space().map_err(fail)?;
        let (kind, size) = raw::kind(Source::Variable(&dataset)).map_err(fail)?;
        let shape = if space.is_null() {
            vec![0]
        } else {
            space.shape()
        };
        let bytes = check_claim(path, &name, &dataset, &shape, size, file_size)?;
        Ok(Self {
            path,
            name,
            dataset,
            shape,
            kind,
            bytes,
        })
    }

    /// The bytes that its values need in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The error of a file of `stored` bytes whose variables, up to this one, claim more than it can hold.
    pub(super) fn too_large(&self, stored: u64) -> StoreError {
        StoreError::TooLarge {
            path: self.path.to_owned(),
            variable: self.name.clone(),
            shape: self.shape.clone(),
            claimed: format!("{} bytes, which with all before it is too much", self.bytes),
            stored,
        }
    }

    /// Why its values are not all in the open file, if they are not: then the library makes up what is missing, and the checksum of
    /// the file knows nothing of them.
    pub(super) fn lies_elsewhere(&self) -> Option<&'static str> {
        let made = self.dataset.dcpl().ok();
        if self.dataset.layout() == Layout::Virtual {
            Some("is a virtual dataset, whose values lie in other files")
        } else if made.is_some_and(|made| !made.external().is_empty()) {
            Some("has its values in another file (external storage)")
        } else if !is_same_file(Path::new(&self.dataset.filename()), self.path) {
            Some("is a link to another file")
        } else if self.dataset.storage_size() == 0 && !self.shape.contains(&0) {
            Some("was created and never written")
        } else {
            None
        }
    }

    /// Its name, with the groups it lies in.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lengths of its axes, slowest first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The kind of its values in a word or two, for people.
    pub fn kind_name(&self) -> &'static str {
        kind_name(self.kind)
    }

    /// True when it holds text.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::FixedText | Kind::VariableText)
    }

    /// The names of its dimensions, as far as the file tells them.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn dims(&self) -> Result<Vec<Option<String>>, StoreError> {
        let fail = |e: hdf5::Error| StoreError::reading(self.path, &self.name, &e);
        if self.shape.len() == 1 && self.dataset.attr("CLASS").is_ok() {
            let own = self.name.rsplit('/').next().unwrap_or_default();
            return Ok(vec![Some(own.to_owned())]);
        }
        raw::axis_names(&self.dataset).map_err(fail)
    }

    /// The value of attribute `name`.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attribute(&self, name: &str) -> Result<Option<AttributeValue>, StoreError> {
        if self.dataset.attr(name).is_err() {
            return Ok(None);
        }
        attributes::read(&self.dataset, name)
            .map_err(|e| StoreError::reading(self.path, &format!("{}@{name}", self.name), &e))
    }

    /// Reads every attribute, whatever comes of it.
    pub(super) fn try_attributes(&self) {
        for name in attributes::names(&self.dataset).unwrap_or_default() {
            let _ = attributes::read(&self.dataset, &name);
        }
    }

    /// The text of attribute `name`, where it is text.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attribute_text(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(match self.attribute(name)? {
            Some(AttributeValue::Text(text)) => Some(text),
            _ => None,
        })
    }

    /// All attributes by name, but those by which HDF5 describes dimensions.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attributes(&self) -> Result<Vec<(String, AttributeValue)>, StoreError> {
        let names = attributes::names(&self.dataset)
            .map_err(|e| StoreError::reading(self.path, &self.name, &e))?;
        let mut all = Vec::new();
        for name in names {
            if let Some(value) = self.attribute(&name)? {
                all.push((name, value));
            }
        }
        Ok(all)
    }

    /// All values as real numbers, with the conventions of netCDF applied: `_FillValue` and `missing_value` become
    /// NaN, `scale_factor` and `add_offset` are undone.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] for text and other things that are no numbers, [`StoreError::Read`] when damaged.
    pub fn read_f64(&self) -> Result<RealArray, StoreError> {
        if !matches!(self.kind, Kind::Real | Kind::Integer | Kind::Flag) {
            return Err(self.wrong_kind("numbers"));
        }
        let mut values: Vec<f64> = raw::read_numbers(Source::Variable(&self.dataset))
            .map_err(|e| StoreError::reading(self.path, &self.name, &e))?;
        self.unpack(&mut values)?;
        Ok(RealArray {
            shape: self.shape.clone(),
            values,
        })
    }

    /// All values as integers.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] where the variable does not hold integers, [`StoreError::Read`] when damaged.
    pub fn read_i64(&self) -> Result<Vec<i64>, StoreError> {
        if !matches!(self.kind, Kind::Integer | Kind::Flag) {
            return Err(self.wrong_kind("integers"));
        }
        raw::read_numbers(Source::Variable(&self.dataset))
            .map_err(|e| StoreError::reading(self.path, &self.name, &e))
    }

    /// All values as text. Text that netCDF keeps as single characters along a last axis of its own is joined.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] where the variable does not hold text, [`StoreError::Read`] when damaged.
    pub fn read_text(&self) -> Result<Vec<String>, StoreError> {
        if !self.is_text() {
            return Err(self.wrong_kind("text"));
        }
        let texts = raw::read_texts(Source::Variable(&self.dataset), self.kind)
            .map_err(|e| StoreError::reading(self.path, &self.name, &e))?;
        Ok(match self.shape.as_slice() {
            [_, width]
                if self.kind == Kind::FixedText
                    && *width > 0
                    && texts.iter().all(|t| t.chars().count() <= 1) =>
            {
                texts.chunks(*width).map(|row| row.concat()).collect()
            }
            _ => texts,
        })
    }

    /// All values, in the kind that the file has.
    ///
    /// # Errors
    /// [`StoreError::WrongKind`] for references, compounds and the like, [`StoreError::Read`] when damaged.
    pub fn read(&self) -> Result<Values, StoreError> {
        match self.kind {
            Kind::Flag => Ok(Values::Flag(
                self.read_i64()?.into_iter().map(|v| v != 0).collect(),
            )),
            Kind::Integer if self.attribute_text("dtype")?.as_deref() == Some("bool") => Ok(
                Values::Flag(self.read_i64()?.into_iter().map(|v| v != 0).collect()),
            ),
            Kind::Integer if !self.is_packed()? => Ok(Values::Integer(self.read_i64()?)),
            Kind::Real | Kind::Integer => Ok(Values::Real(self.read_f64()?.values)),
            Kind::FixedText | Kind::VariableText => Ok(Values::Text(self.read_text()?)),
            Kind::Other(_) => Err(self.wrong_kind("numbers or text")),
        }
    }

    pub(super) fn wrong_kind(&self, expected: &'static str) -> StoreError {
        StoreError::WrongKind {
            path: self.path.to_owned(),
            name: self.name.clone(),
            found: self.kind_name(),
            expected,
        }
    }

    pub(super) fn wrong_axes(&self, expected: &'static str) -> StoreError {
        StoreError::WrongAxes {
            path: self.path.to_owned(),
            variable: self.name.clone(),
            found: self.shape.clone(),
            expected,
        }
    }

    fn is_packed(&self) -> Result<bool, StoreError> {
        for name in ["_FillValue", "missing_value", "scale_factor", "add_offset"] {
            if self.attribute(name)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn unpack(&self, values: &mut [f64]) -> Result<(), StoreError> {
        for name in ["_FillValue", "missing_value"] {
            if let Some(missing) = self.attribute_number(name)?.filter(|m| !m.is_nan()) {
                values
                    .iter_mut()
                    .filter(|v| **v == missing)
                    .for_each(|v| *v = f64::NAN);
            }
        }
        let scale = self.attribute_number("scale_factor")?;
        let offset = self.attribute_number("add_offset")?;
        if scale.is_some() || offset.is_some() {
            let (scale, offset) = (scale.unwrap_or(1.0), offset.unwrap_or(0.0));
            values.iter_mut().for_each(|v| *v = *v * scale + offset);
        }
        Ok(())
    }

    fn attribute_number(&self, name: &str) -> Result<Option<f64>, StoreError> {
        Ok(match self.attribute(name)? {
            Some(AttributeValue::Real(value)) => Some(value),
            Some(AttributeValue::Integer(value)) => Some(value as f64),
            _ => None,
        })
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Real => "real numbers",
        Kind::Integer => "integers",
        Kind::Flag => "booleans",
        Kind::FixedText | Kind::VariableText => "text",
        Kind::Other(name) => name,
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Refuses a shape whose values cannot come from the bytes that the file holds, before anything is allocated for it.
fn check_claim(
    path: &Path,
    name: &str,
    dataset: &Dataset,
    shape: &[usize],
    size: usize,
    file_size: u64,
) -> Result<u64, StoreError> {
    let stored = dataset.storage_size().min(file_size);
    let claimed = claim(shape, size);
    match claimed {
        Some(bytes) if bytes <= largest(stored, dataset.is_chunked()) => Ok(bytes),
        _ => Err(StoreError::TooLarge {
            path: path.to_owned(),
            variable: name.to_owned(),
            shape: shape.to_vec(),
            claimed: claimed.map_or_else(
                || "more bytes than can be counted".to_owned(),
                |bytes| format!("{bytes} bytes"),
            ),
            stored,
        }),
    }
}

/// The bytes that values of this shape need in memory; none where they cannot be counted. An axis of length 0 makes the
/// others no shorter: whoever goes along them takes as long, and makes as many labels.
fn claim(shape: &[usize], size: usize) -> Option<u64> {
    // A file's text may be a byte wide and a value's memory eight: count what will be allocated.
    let size = size.max(8) as u64;
    let mut lengths = shape.iter();
    lengths.try_fold(size, |bytes, &n| bytes.checked_mul(n.max(1) as u64))
}

/// The most bytes that can come of `stored` ones.
pub(super) fn largest(stored: u64, may_be_compressed: bool) -> u64 {
    let ratio = if may_be_compressed { COMPRESSION } else { 8 };
    stored.saturating_mul(ratio).saturating_add(UNSTORED)
}
