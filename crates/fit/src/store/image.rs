//! From a tree in memory to a file that netCDF-4 readers accept.
//!
//! The HDF5 library builds the file in memory and the image is written in one go: the library, whose state after a
//! failed write is not to be trusted, never sees a disk that fills up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use hdf5::file::{FileCloseDegree, LibraryVersion};
use hdf5::plist::file_create::AttrCreationOrder;
use hdf5::plist::group_create::LinkCreationOrder;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type};

use super::replace::replace_file;
use super::{Dimension, Group, StoreError, Values, Variable, attributes, raw};

/// Variables of at least this many bytes are cut into chunks and deflated.
const LARGE: usize = 1 << 16;
/// The values of one chunk, at most.
const CHUNK_VALUES: usize = 1 << 17;
const DEFLATE_LEVEL: u8 = 4;
/// The file in memory grows by this many bytes.
const INCREMENT: usize = 1 << 20;

/// Writes `root` as the file `path`, which appears complete or not at all; an existing file is replaced.
///
/// # Errors
/// [`StoreError::Layout`] when the tree does not hold together (a variable whose values do not fill its dimensions,
/// a name given twice); [`StoreError::NoFolder`] or [`StoreError::Unwritable`] when the file cannot be written.
pub fn write_file(path: &Path, root: &Group) -> Result<(), StoreError> {
    if let Some(fault) = root.fault("/", &[]) {
        return Err(StoreError::Layout {
            path: path.to_owned(),
            fault,
        });
    }
    let image = build_image(root).map_err(|e| StoreError::laying_out(path, &e))?;
    replace_file(path, &image)
}

fn build_image(root: &Group) -> hdf5::Result<Vec<u8>> {
    // Two images under construction at once would be one open file to the library: the lock spans the whole work.
    let _lock = hdf5_sys::LOCK.lock();
    let file = File::with_options()
        .with_fapl(|p| {
            // An open handle would otherwise keep the closed file half open; readers of 1.10 must open what is written.
            p.core_options(INCREMENT, false)
                .fclose_degree(FileCloseDegree::Strong)
                .libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110)
        })
        .with_fcpl(|p| {
            p.obj_track_times(false)
                .link_creation_order(LinkCreationOrder::Indexed)
                .attr_creation_order(AttrCreationOrder::Indexed)
        })
        .create("image")?;
    write_group(&file, root, &Scales::new())?;
    let image = raw::file_image(&file)?;
    file.close()?;
    Ok(image)
}

/// A dimension as the file holds it, and the variables along it so far.
struct Scale {
    dataset: Dataset,
    uses: RefCell<Vec<(Dataset, usize)>>,
}

/// The dimensions in sight, by name.
type Scales<'a> = HashMap<&'a str, Rc<Scale>>;

fn write_group<'a>(handle: &hdf5::Group, tree: &'a Group, outer: &Scales<'a>) -> hdf5::Result<()> {
    for (name, value) in &tree.attributes {
        attributes::write(handle, name, value)?;
    }
    let mut scales = outer.clone();
    let mut own = Vec::new();
    for dimension in &tree.dimensions {
        let scale = Rc::new(write_scale(handle, dimension, tree.find(&dimension.name))?);
        scales.insert(&dimension.name, Rc::clone(&scale));
        own.push(scale);
    }
    let is_coordinate = |v: &&Variable| tree.dimensions.iter().any(|d| d.name == v.name);
    for variable in tree.variables.iter().filter(|v| !is_coordinate(v)) {
        write_attached(handle, variable, &scales)?;
    }
    for (name, group) in &tree.groups {
        let child = handle
            .create_group_builder()
            .obj_track_times(false)
            .with_gcpl(|p| {
                p.link_creation_order(LinkCreationOrder::Indexed)
                    .attr_creation_order(AttrCreationOrder::Indexed)
            })
            .create(name.as_str())?;
        write_group(&child, group, &scales)?;
    }
    own.iter().try_for_each(|scale| list_uses(scale))
}

/// A dimension: its coordinate values, or a placeholder of its length that netCDF knows by its `NAME`.
fn write_scale(
    handle: &hdf5::Group,
    dimension: &Dimension,
    coordinate: Option<&Variable>,
) -> hdf5::Result<Scale> {
    let Dimension { name, length } = dimension;
    let (dataset, label) = match coordinate {
        Some(variable) => (write_variable(handle, variable, &[*length])?, name.clone()),
        None => {
            let dataset = builder::<f32>(handle, &[*length]).create(name.as_str())?;
            (
                dataset,
                format!("This is a netCDF dimension but not a netCDF variable.{length:10}"),
            )
        }
    };
    raw::mark_scale(&dataset, &label)?;
    Ok(Scale {
        dataset,
        uses: RefCell::default(),
    })
}

fn write_attached(
    handle: &hdf5::Group,
    variable: &Variable,
    scales: &Scales<'_>,
) -> hdf5::Result<()> {
    let axes = variable
        .dims
        .iter()
        .map(|d| {
            scales
                .get(d.as_str())
                .ok_or_else(|| format!("{} lies along {d}, which is no dimension", variable.name))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let shape: Vec<_> = axes
        .iter()
        .flat_map(|scale| scale.dataset.shape())
        .collect();
    let dataset = write_variable(handle, variable, &shape)?;
    if !axes.is_empty() {
        raw::attach_scales(
            &dataset,
            &axes.iter().map(|scale| &scale.dataset).collect::<Vec<_>>(),
        )?;
    }
    for (axis, scale) in axes.iter().enumerate() {
        scale.uses.borrow_mut().push((dataset.clone(), axis));
    }
    Ok(())
}

fn list_uses(scale: &Scale) -> hdf5::Result<()> {
    let uses = scale.uses.borrow();
    if uses.is_empty() {
        return Ok(());
    }
    raw::list_uses(
        &scale.dataset,
        &uses
            .iter()
            .map(|(dataset, axis)| (dataset, *axis))
            .collect::<Vec<_>>(),
    )
}

fn write_variable(
    handle: &hdf5::Group,
    variable: &Variable,
    shape: &[usize],
) -> hdf5::Result<Dataset> {
    let name = &variable.name;
    let dataset = match &variable.values {
        Values::Real(values) => write_values(handle, name, shape, values)?,
        Values::Integer(values) => write_values(handle, name, shape, values)?,
        Values::Flag(values) => {
            let bytes: Vec<_> = values.iter().map(|&v| u8::from(v)).collect();
            let dataset = write_values(handle, name, shape, &bytes)?;
            attributes::write(&dataset, "dtype", &"bool".into())?;
            dataset
        }
        Values::Text(values) => {
            let texts = values
                .iter()
                .map(|v| attributes::text(v))
                .collect::<hdf5::Result<Vec<_>>>()?;
            write_values::<VarLenUnicode>(handle, name, shape, &texts)?
        }
    };
    for (attribute, value) in &variable.attributes {
        attributes::write(&dataset, attribute, value)?;
    }
    Ok(dataset)
}

fn write_values<T: H5Type>(
    handle: &hdf5::Group,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> hdf5::Result<Dataset> {
    let dataset = builder::<T>(handle, shape).create(name)?;
    if !values.is_empty() {
        dataset.write_raw(values)?;
    }
    Ok(dataset)
}

fn builder<T: H5Type>(handle: &hdf5::Group, shape: &[usize]) -> hdf5::DatasetBuilderEmptyShape {
    let bytes = shape
        .iter()
        .product::<usize>()
        .saturating_mul(size_of::<T>());
    // Text lies in the heap of the file, where the filters do not reach.
    let deflated = bytes >= LARGE
        && !matches!(
            T::type_descriptor(),
            hdf5::types::TypeDescriptor::VarLenUnicode
        );
    let builder = handle
        .new_dataset::<T>()
        .obj_track_times(false)
        .attr_creation_order(AttrCreationOrder::Indexed);
    let builder = if deflated {
        builder
            .shuffle()
            .deflate(DEFLATE_LEVEL)
            .chunk(chunk_of(shape))
    } else {
        builder
    };
    builder.shape(shape)
}

/// Whole rows of the fastest axes, and as much of the slowest ones as fits in a chunk.
fn chunk_of(shape: &[usize]) -> Vec<usize> {
    let mut left = CHUNK_VALUES;
    let mut chunk: Vec<_> = shape
        .iter()
        .rev()
        .map(|&length| {
            let taken = length.clamp(1, left);
            left = (left / taken).max(1);
            taken
        })
        .collect();
    chunk.reverse();
    chunk
}
