//! Opening a file and finding one's way in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hdf5::{LocationToken, LocationType};

use super::error::reason;
use super::foreign::{self, Wanted};
use super::heaps::endless_heap;
use super::probe;
use super::variable::largest;
use super::{
    AttributeValue, Dimension, Group, RealArray, StoreError, StoredVariable, Values, Variable,
    attributes, raw,
};

/// Groups deeper than this are not loaded: links may go round in a circle.
pub(super) const DEEPEST: usize = 8;

/// An HDF5 file open for reading.
#[derive(Debug)]
pub struct StoredFile {
    path: PathBuf,
    file: hdf5::File,
    size: u64,
}

impl StoredFile {
    /// Opens the file `path`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unreadable`], [`StoreError::NotHdf5`] or [`StoreError::Damaged`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_as(path, Wanted::Any)
    }

    /// Opens the file `path`; `wanted` decides what a file that is no HDF5 is told to do.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as(path: &Path, wanted: Wanted) -> Result<Self, StoreError> {
        let fail = |reason: io::Error| match reason.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound {
                path: path.to_owned(),
            },
            _ => StoreError::Unreadable {
                path: path.to_owned(),
                reason,
            },
        };
        let (mut bytes, size, start) = read_start(path).map_err(fail)?;
        if let Some(at) = endless_heap(&mut bytes, size).map_err(fail)? {
            let detail = format!("the text heap at byte {at} has no end");
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                detail,
            });
        }
        if foreign::remedy(path, &start, wanted).is_none() {
            probe::survive(path, &bytes.metadata().map_err(fail)?)?;
        }
        let file =
            hdf5::File::open(path).map_err(|e| match foreign::remedy(path, &start, wanted) {
                Some(remedy) => StoreError::NotHdf5 {
                    path: path.to_owned(),
                    remedy,
                },
                None => StoreError::Damaged {
                    path: path.to_owned(),
                    detail: reason(&e),
                },
            })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
        })
    }

    /// Opens a result of a fit.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`require_format`](Self::require_format).
    pub fn open_result(path: &Path) -> Result<Self, StoreError> {
        Self::open_format(path, "result")
    }

    /// Opens a file that says to be a `format` that this version reads.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`require_format`](Self::require_format).
    pub fn open_format(path: &Path, format: &str) -> Result<Self, StoreError> {
        let file = Self::open_as(path, Wanted::of_format(format))?;
        file.require_format(format)?;
        Ok(file)
    }

    /// Checks that the file says to be a `format` ("dataset", "result") that this version reads.
    ///
    /// # Errors
    /// [`StoreError::MissingAttribute`] and [`StoreError::BadAttribute`].
    pub fn require_format(&self, format: &str) -> Result<(), StoreError> {
        let root = self.root();
        let expected = format!("{format:?}");
        let found = root.required_text("tauscope_format", &expected)?;
        if found != format {
            let remedy = format!("{expected} if it is one, or name a {format}");
            return Err(root.bad_attribute("tauscope_format", &format!("{found:?}"), &remedy));
        }
        match root.attribute("schema_version")? {
            Some(AttributeValue::Integer(1) | AttributeValue::Real(1.0)) => Ok(()),
            Some(other) => Err(root.bad_attribute(
                "schema_version",
                &other.to_string(),
                "1, or use a newer version of tauscope",
            )),
            None => Err(root.missing_attribute("schema_version", "1")),
        }
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The outermost group.
    pub fn root(&self) -> StoredGroup<'_> {
        StoredGroup {
            path: &self.path,
            name: String::new(),
            group: (*self.file).clone(),
            size: self.size,
        }
    }

    /// The group `name`, with slashes between the levels.
    ///
    /// # Errors
    /// [`StoreError::MissingGroup`].
    pub fn group(&self, name: &str) -> Result<StoredGroup<'_>, StoreError> {
        self.root().group(name)
    }
}

/// What was loaded so far.
struct Loading {
    seen: Vec<GroupPlace>,
    /// Bytes that the variables need in memory.
    claimed: u64,
}

/// Where a group lies, to tell whether two links lead to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupPlace(u64, LocationToken);

/// A group of an open file.
#[derive(Debug)]
pub struct StoredGroup<'a> {
    path: &'a Path,
    /// Empty for the outermost, else ends in a slash.
    name: String,
    group: hdf5::Group,
    size: u64,
}

impl<'a> StoredGroup<'a> {
    /// The file that it belongs to.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The group `name` below this one, with slashes between the levels.
    ///
    /// # Errors
    /// [`StoreError::MissingGroup`].
    pub fn group(&self, name: &str) -> Result<StoredGroup<'a>, StoreError> {
        let full = format!("{}{name}", self.name);
        let group = self
            .group
            .group(name)
            .map_err(|_| StoreError::MissingGroup {
                path: self.path.to_owned(),
                group: full.clone(),
            })?;
        Ok(StoredGroup {
            path: self.path,
            name: full + "/",
            group,
            size: self.size,
        })
    }

    /// True when there is a group of that name.
    pub fn has_group(&self, name: &str) -> bool {
        self.is(name, LocationType::Group)
    }

    /// True when there is a variable of that name.
    pub fn has(&self, name: &str) -> bool {
        self.is(name, LocationType::Dataset)
    }

    fn is(&self, name: &str, kind: LocationType) -> bool {
        self.group
            .loc_type_by_name(name)
            .is_ok_and(|found| found == kind)
    }

    /// The names of the variables, in the order of their creation where the file tells it; those that only stand for
    /// a dimension without values are left out.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn variable_names(&self) -> Result<Vec<String>, StoreError> {
        let names = self.members(LocationType::Dataset)?;
        Ok(names
            .into_iter()
            .filter(|name| !self.is_bare_dimension(name))
            .collect())
    }

    /// The names of the groups, in the order of their creation where the file tells it.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn group_names(&self) -> Result<Vec<String>, StoreError> {
        self.members(LocationType::Group)
    }

    fn members(&self, kind: LocationType) -> Result<Vec<String>, StoreError> {
        let names = raw::link_names(&self.group).map_err(|e| self.failure("", &e))?;
        Ok(names
            .into_iter()
            .filter(|name| self.is(name, kind))
            .collect())
    }

    fn is_bare_dimension(&self, name: &str) -> bool {
        let label = self
            .group
            .dataset(name)
            .ok()
            .and_then(|d| attributes::read(&d, "NAME").ok().flatten());
        matches!(label, Some(AttributeValue::Text(text)) if text.starts_with("This is a netCDF dimension but not a netCDF variable"))
    }

    /// The variable `name`.
    ///
    /// # Errors
    /// [`StoreError::MissingVariable`]; [`StoreError::TooLarge`] when it claims more than the file can hold;
    /// [`StoreError::Read`] when the file is damaged.
    pub fn variable(&self, name: &str) -> Result<StoredVariable<'a>, StoreError> {
        if !self.has(name) && self.group.link_exists(name) && !self.has_group(name) {
            let fault =
                " is a link to something that is not there: write its values into this file";
            return Err(self.bad_value(name, fault.to_owned()));
        }
        if !self.has(name) {
            let present = self.variable_names().unwrap_or_default();
            let present = if present.is_empty() {
                "none".to_owned()
            } else {
                present.join(", ")
            };
            return Err(StoreError::MissingVariable {
                path: self.path.to_owned(),
                variable: self.full(name),
                present,
            });
        }
        let dataset = self
            .group
            .dataset(name)
            .map_err(|e| self.failure(name, &e))?;
        StoredVariable::new(self.path, self.full(name), dataset, self.size)
    }

    /// The variable `name`, or `None` where there is none.
    ///
    /// # Errors
    /// As [`StoredGroup::variable`], but for a missing one.
    pub fn optional(&self, name: &str) -> Result<Option<StoredVariable<'a>>, StoreError> {
        if self.has(name) {
            self.variable(name).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The variable `name` as real numbers, see [`StoredVariable::read_f64`].
    ///
    /// # Errors
    /// As [`StoredGroup::variable`] and [`StoredVariable::read_f64`].
    pub fn read_f64(&self, name: &str) -> Result<RealArray, StoreError> {
        self.variable(name)?.read_f64()
    }

    /// The variable `name` as integers.
    ///
    /// # Errors
    /// As [`StoredGroup::variable`] and [`StoredVariable::read_i64`].
    pub fn read_i64(&self, name: &str) -> Result<Vec<i64>, StoreError> {
        self.variable(name)?.read_i64()
    }

    /// The variable `name` as text.
    ///
    /// # Errors
    /// As [`StoredGroup::variable`] and [`StoredVariable::read_text`].
    pub fn read_text(&self, name: &str) -> Result<Vec<String>, StoreError> {
        self.variable(name)?.read_text()
    }

    /// The value of attribute `name`.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attribute(&self, name: &str) -> Result<Option<AttributeValue>, StoreError> {
        if self.group.attr(name).is_err() {
            return Ok(None);
        }
        attributes::read(&self.group, name).map_err(|e| self.failure(&format!("@{name}"), &e))
    }

    /// The text of attribute `name`; `None` where it is absent or not text.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attribute_text(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(match self.attribute(name)? {
            Some(AttributeValue::Text(text)) => Some(text),
            _ => None,
        })
    }

    /// The text of attribute `name`, which must be there; `expected` says in the error what it should be.
    ///
    /// # Errors
    /// [`StoreError::MissingAttribute`], or [`StoreError::BadAttribute`] where it is not text.
    pub fn required_text(&self, name: &str, expected: &str) -> Result<String, StoreError> {
        match self.attribute(name)? {
            Some(AttributeValue::Text(text)) => Ok(text),
            Some(other) => Err(self.bad_attribute(name, &other.to_string(), expected)),
            None => Err(self.missing_attribute(name, expected)),
        }
    }

    /// All attributes by name.
    ///
    /// # Errors
    /// [`StoreError::Read`] when the file is damaged.
    pub fn attributes(&self) -> Result<Vec<(String, AttributeValue)>, StoreError> {
        let names = attributes::names(&self.group).map_err(|e| self.failure("", &e))?;
        let mut all = Vec::new();
        for name in names {
            if let Some(value) = self.attribute(&name)? {
                all.push((name, value));
            }
        }
        Ok(all)
    }

    /// Reads every attribute, whatever comes of it.
    pub(super) fn try_attributes(&self) {
        for name in attributes::names(&self.group).unwrap_or_default() {
            let _ = attributes::read(&self.group, &name);
        }
    }

    /// Everything in this group and below, as a tree. What is neither number nor text is left out, and so is a group
    /// that was there before: links may go round in a circle.
    ///
    /// # Errors
    /// As [`StoredGroup::variable`]; [`StoreError::TooLarge`] also where all variables together claim more than the file can hold.
    pub fn load(&self) -> Result<Group, StoreError> {
        let mut loading = Loading {
            seen: Vec::new(),
            claimed: 0,
        };
        self.load_to(DEEPEST, &mut loading)
    }

    fn load_to(&self, depth: usize, loading: &mut Loading) -> Result<Group, StoreError> {
        loading.seen.extend(self.place());
        let mut tree = Group {
            attributes: self.attributes()?,
            ..Group::default()
        };
        for name in self.variable_names()? {
            let stored = self.variable(&name)?;
            loading.claimed = loading.claimed.saturating_add(stored.bytes());
            if loading.claimed > largest(self.size, true) {
                return Err(stored.too_large(self.size));
            }
            let values = match stored.read() {
                Err(StoreError::WrongKind { .. }) => continue,
                values => values?,
            };
            tree.variables.push(load_variable(name, &stored, values)?);
        }
        tree.dimensions = dimensions_of(&tree.variables);
        if depth > 0 {
            for name in self.group_names()? {
                let group = self.group(&name)?;
                if group
                    .place()
                    .is_none_or(|place| !loading.seen.contains(&place))
                {
                    tree.groups.push((name, group.load_to(depth - 1, loading)?));
                }
            }
        }
        Ok(tree)
    }

    /// Where the group lies: the same by whatever link it is reached.
    pub fn place(&self) -> Option<GroupPlace> {
        let info = self.group.loc_info().ok()?;
        Some(GroupPlace(info.fileno, info.token))
    }

    pub(super) fn missing_attribute(&self, name: &str, expected: &str) -> StoreError {
        StoreError::MissingAttribute {
            path: self.path.to_owned(),
            attribute: self.full(name),
            expected: expected.to_owned(),
        }
    }

    pub(super) fn bad_attribute(&self, name: &str, found: &str, expected: &str) -> StoreError {
        let (attribute, found) = (self.full(name), found.to_owned());
        StoreError::BadAttribute {
            path: self.path.to_owned(),
            attribute,
            found,
            expected: expected.to_owned(),
        }
    }

    pub(super) fn bad_value(&self, name: &str, fault: String) -> StoreError {
        StoreError::BadValue {
            path: self.path.to_owned(),
            variable: self.full(name),
            fault,
        }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.name)
    }

    fn failure(&self, name: &str, error: &hdf5::Error) -> StoreError {
        let full = self.full(name);
        StoreError::reading(self.path, if full.is_empty() { "/" } else { &full }, error)
    }
}

fn load_variable(
    name: String,
    stored: &StoredVariable<'_>,
    values: Values,
) -> Result<Variable, StoreError> {
    let dims = dimension_names(stored)?;
    let mut attributes = stored.attributes()?;
    // Already applied to the values.
    attributes.retain(|(n, _)| {
        !["_FillValue", "missing_value", "scale_factor", "add_offset"].contains(&n.as_str())
    });
    if matches!(values, Values::Flag(_)) {
        attributes.retain(|(n, _)| n != "dtype");
    }
    Ok(Variable {
        name,
        dims,
        shape: stored.shape().to_vec(),
        values,
        attributes,
    })
}

/// The names of the dimensions; one that the file does not name is named after its length, and its axis where that is
/// not enough: a tree has no dimension twice in a variable.
fn dimension_names(stored: &StoredVariable<'_>) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = Vec::new();
    for (axis, (name, length)) in stored.dims()?.into_iter().zip(stored.shape()).enumerate() {
        let name = name.unwrap_or_else(|| format!("size_{length}"));
        names.push(if names.contains(&name) {
            format!("{name}_axis_{axis}")
        } else {
            name
        });
    }
    Ok(names)
}

fn dimensions_of(variables: &[Variable]) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for (name, &length) in variables.iter().flat_map(|v| v.dims.iter().zip(&v.shape)) {
        if dimensions.iter().all(|d| d.name != *name) {
            dimensions.push(Dimension {
                name: name.clone(),
                length,
            });
        }
    }
    dimensions
}

/// The open file, its size and its first bytes.
fn read_start(path: &Path) -> io::Result<(File, u64, Vec<u8>)> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // to open a pipe is to wait for whoever writes to it
    if !metadata.is_file() {
        let reason = "it is a pipe or a device, not a file: write its bytes to a file";
        return Err(io::Error::other(reason));
    }
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(128).read_to_end(&mut start)?;
    Ok((file, metadata.len(), start))
}
