//! Attributes, written and read.

use hdf5::types::VarLenUnicode;
use hdf5::{Attribute, Location};

use super::AttributeValue;
use super::raw::{self, Kind, Source};

/// An attribute longer than this many bytes is not one of ours: configurations are stored as text of variable length.
const LARGEST_ATTRIBUTE: usize = 1 << 26;

/// Attributes by which HDF5 and netCDF describe dimensions: not contents.
const MACHINERY: [&str; 9] = [
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
];

/// Writes attribute `name` to `object`.
pub(super) fn write(object: &Location, name: &str, value: &AttributeValue) -> hdf5::Result<()> {
    match value {
        AttributeValue::Text(value) => write_scalar(object, name, &text(value)?),
        AttributeValue::Real(value) => write_scalar(object, name, value),
        AttributeValue::Integer(value) => write_scalar(object, name, value),
        AttributeValue::Flag(value) => write_scalar(object, name, &i64::from(*value)),
        AttributeValue::Reals(values) => write_list(object, name, values),
        AttributeValue::Integers(values) => write_list(object, name, values),
        AttributeValue::Texts(values) => write_list(
            object,
            name,
            &values
                .iter()
                .map(|v| text(v))
                .collect::<hdf5::Result<Vec<_>>>()?,
        ),
    }
}

/// `value` as the library takes it; text with a NUL would be cut there.
pub(super) fn text(value: &str) -> hdf5::Result<VarLenUnicode> {
    value
        .parse()
        .map_err(|_| format!("the text {value:?} contains NUL").into())
}

fn write_scalar<T: hdf5::H5Type>(object: &Location, name: &str, value: &T) -> hdf5::Result<()> {
    object.new_attr::<T>().create(name)?.write_scalar(value)
}

fn write_list<T: hdf5::H5Type>(object: &Location, name: &str, values: &[T]) -> hdf5::Result<()> {
    object
        .new_attr::<T>()
        .shape(values.len())
        .create(name)?
        .write_raw(values)
}

/// The names of the attributes of `object` in the order of their creation, where the file tells it.
pub(super) fn names(object: &Location) -> hdf5::Result<Vec<String>> {
    Ok(raw::attribute_names(object)?
        .into_iter()
        .filter(|name| !MACHINERY.contains(&name.as_str()))
        .collect())
}

/// The value of attribute `name`; `None` where it has none that can be said (references, compounds, no value at all).
pub(super) fn read(object: &Location, name: &str) -> hdf5::Result<Option<AttributeValue>> {
    let attribute = object.attr(name)?;
    let space = attribute.space()?;
    let shape = space.shape();
    let (kind, size) = raw::kind(Source::Attribute(&attribute))?;
    let claimed = shape
        .iter()
        .try_fold(size.max(1), |bytes, &n| bytes.checked_mul(n));
    if space.is_null() || claimed.is_none_or(|bytes| bytes > LARGEST_ATTRIBUTE) {
        return Ok(None);
    }
    read_values(&attribute, kind)
}

fn read_values(attribute: &Attribute, kind: Kind) -> hdf5::Result<Option<AttributeValue>> {
    let source = Source::Attribute(attribute);
    Ok(match kind {
        Kind::Real => single(
            raw::read_numbers(source)?,
            AttributeValue::Real,
            AttributeValue::Reals,
        ),
        Kind::Integer => single(
            raw::read_numbers(source)?,
            AttributeValue::Integer,
            AttributeValue::Integers,
        ),
        Kind::Flag => {
            let flag = |value: i64| AttributeValue::Flag(value != 0);
            single(raw::read_numbers(source)?, flag, AttributeValue::Integers)
        }
        Kind::FixedText | Kind::VariableText => single(
            raw::read_texts(source, kind)?,
            AttributeValue::Text,
            AttributeValue::Texts,
        ),
        Kind::Other(_) => None,
    })
}

/// netCDF writes a single value as a list of one, so the two cannot be told apart and are both read as the value.
fn single<T: Clone>(
    values: Vec<T>,
    one: impl Fn(T) -> AttributeValue,
    many: impl Fn(Vec<T>) -> AttributeValue,
) -> Option<AttributeValue> {
    match values.as_slice() {
        [value] => Some(one(value.clone())),
        _ => Some(many(values)),
    }
}
