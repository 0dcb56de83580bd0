//! The calls of the HDF5 C library that hdf5-metno does not offer: dimension scales as netCDF wants them, text of
//! any length, the image of a file in memory, and names alone, of files that may be damaged.
//!
//! Every function takes objects of hdf5-metno, which are valid by construction, holds the process-wide lock for
//! all its calls, and gives back owned values. Nothing outside this file is unsafe.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;

use hdf5::{Attribute, Container, Dataset, File, Group, Location, h5check};
use hdf5_sys::LOCK;
use hdf5_sys::h5::{H5_index_t, H5_iter_order_t, herr_t};
use hdf5_sys::h5a::{H5Aclose, H5Acreate2, H5Aiterate2, H5Aread, H5Awrite};
use hdf5_sys::h5d::H5Dread;
use hdf5_sys::h5f::H5Fget_file_image;
use hdf5_sys::h5i::{H5Idec_ref, H5Iget_name, hid_t};
use hdf5_sys::h5l::H5Literate2;
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5r::{H5R_OBJECT1, H5Rcreate, H5Rdereference, hobj_ref_t};
use hdf5_sys::h5s::{H5S_ALL, H5Screate, H5Screate_simple, H5Sget_simple_extent_npoints};
use hdf5_sys::h5t::{
    H5T_C_S1, H5T_NATIVE_DOUBLE, H5T_NATIVE_INT, H5T_NATIVE_INT64, H5T_STD_REF_OBJ, H5T_class_t,
    H5T_str_t, H5Tcopy, H5Tcreate, H5Tget_class, H5Tget_cset, H5Tget_nmembers, H5Tget_size,
    H5Tget_strpad, H5Tget_super, H5Tinsert, H5Tis_variable_str, H5Treclaim, H5Tset_cset,
    H5Tset_size, H5Tset_strpad, H5Tvlen_create, hvl_t,
};

/// What kind of values an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Floating point.
    Real,
    /// Integers, signed or not.
    Integer,
    /// An enumeration of two values, as h5py writes booleans.
    Flag,
    /// Text of fixed length.
    FixedText,
    /// Text of variable length.
    VariableText,
    /// Anything else, by name.
    Other(&'static str),
}

/// A variable or an attribute: they are read by different calls.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Variable(&'a Dataset),
    Attribute(&'a Attribute),
}

impl Source<'_> {
    fn container(&self) -> &Container {
        match self {
            Self::Variable(dataset) => dataset,
            Self::Attribute(attribute) => attribute,
        }
    }

    /// Reads all values as `memory_type` to `buffer`.
    ///
    /// # Safety
    /// `buffer` must take as many values of `memory_type` as the object has.
    unsafe fn read_to(&self, memory_type: hid_t, buffer: *mut c_void) -> hdf5::Result<()> {
        let id = self.container().id();
        // SAFETY: the object is open, the caller vouches for the buffer.
        let status = unsafe {
            match self {
                Self::Variable(_) => {
                    H5Dread(id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer)
                }
                Self::Attribute(_) => H5Aread(id, memory_type, buffer),
            }
        };
        h5check(status).map(drop)
    }
}

/// An identifier that this file made and must give back.
struct Owned(hid_t);

impl Owned {
    fn new(id: hid_t) -> hdf5::Result<Self> {
        h5check(id).map(Self)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the identifier was counted once when it was made, and the lock is held by whoever made it.
        unsafe { H5Idec_ref(self.0) };
    }
}

/// The number types that values are read as.
pub(super) trait Number: Copy + Default {
    fn memory_type() -> hid_t;
}

impl Number for f64 {
    fn memory_type() -> hid_t {
        *H5T_NATIVE_DOUBLE
    }
}

impl Number for i64 {
    fn memory_type() -> hid_t {
        *H5T_NATIVE_INT64
    }
}

/// The kind of the values, and the bytes of one.
pub(super) fn kind(source: Source<'_>) -> hdf5::Result<(Kind, usize)> {
    let _lock = LOCK.lock();
    let file_type = source.container().dtype()?;
    let id = file_type.id();
    // SAFETY: the type is open.
    let (class, size, variable, members) = unsafe {
        (
            H5Tget_class(id),
            H5Tget_size(id),
            H5Tis_variable_str(id),
            H5Tget_nmembers(id),
        )
    };
    let kind = match class {
        H5T_class_t::H5T_FLOAT => Kind::Real,
        H5T_class_t::H5T_INTEGER => Kind::Integer,
        H5T_class_t::H5T_ENUM if members == 2 => Kind::Flag,
        H5T_class_t::H5T_ENUM => Kind::Integer,
        H5T_class_t::H5T_STRING if variable > 0 => Kind::VariableText,
        H5T_class_t::H5T_STRING => Kind::FixedText,
        H5T_class_t::H5T_COMPOUND => Kind::Other("compound values"),
        H5T_class_t::H5T_REFERENCE => Kind::Other("references"),
        H5T_class_t::H5T_VLEN => Kind::Other("lists of variable length"),
        _ => Kind::Other("values of an unknown type"),
    };
    Ok((kind, size))
}

/// A buffer of `count` defaults; too large a one is an error, not an abort.
fn buffer<T: Clone>(count: usize, fill: T) -> hdf5::Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| format!("no memory for {count} values"))?;
    values.resize(count, fill);
    Ok(values)
}

/// How many values the object has, as the library counts them when it reads.
fn count(source: Source<'_>) -> hdf5::Result<usize> {
    let space = source.container().space()?;
    // SAFETY: the dataspace is open.
    let points = unsafe { H5Sget_simple_extent_npoints(space.id()) };
    usize::try_from(points).map_err(|_| "the number of values is unknown".into())
}

/// All values as numbers, row-major.
pub(super) fn read_numbers<T: Number>(source: Source<'_>) -> hdf5::Result<Vec<T>> {
    let _lock = LOCK.lock();
    let mut values = buffer(count(source)?, T::default())?;
    if !values.is_empty() {
        // SAFETY: the buffer has as many values as the object, of the size of the memory type.
        unsafe { source.read_to(T::memory_type(), values.as_mut_ptr().cast())? };
    }
    Ok(values)
}

/// All values as text, row-major; bytes that are not UTF-8 are replaced.
pub(super) fn read_texts(source: Source<'_>, kind: Kind) -> hdf5::Result<Vec<String>> {
    let _lock = LOCK.lock();
    match kind {
        Kind::VariableText => read_variable_texts(source),
        _ => read_fixed_texts(source),
    }
}

fn read_fixed_texts(source: Source<'_>) -> hdf5::Result<Vec<String>> {
    let file_type = source.container().dtype()?;
    // SAFETY: the type is open.
    let (size, padding) = unsafe { (H5Tget_size(file_type.id()), H5Tget_strpad(file_type.id())) };
    let count = count(source)?;
    let length = count.checked_mul(size).ok_or("the text is too long")?;
    let mut bytes = buffer(length, 0_u8)?;
    if bytes.is_empty() {
        return buffer(count, String::new());
    }
    // SAFETY: read as the type of the file itself, whose size the buffer was made for.
    unsafe { source.read_to(file_type.id(), bytes.as_mut_ptr().cast())? };
    let spaces = matches!(padding, H5T_str_t::H5T_STR_SPACEPAD);
    Ok(bytes
        .chunks_exact(size)
        .map(|chunk| fixed_text(chunk, spaces))
        .collect())
}

fn fixed_text(bytes: &[u8], padded_with_spaces: bool) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    if padded_with_spaces {
        text.trim_end_matches(' ').to_owned()
    } else {
        text.into_owned()
    }
}

fn read_variable_texts(source: Source<'_>) -> hdf5::Result<Vec<String>> {
    let file_type = source.container().dtype()?;
    let space = source.container().space()?;
    let mut pointers: Vec<*mut c_char> = buffer(count(source)?, ptr::null_mut())?;
    if pointers.is_empty() {
        return Ok(Vec::new());
    }
    // SAFETY: the memory type is variable-length text, a pointer a value, in the character set of the file; the
    // library fills each pointer with null or text that ends in NUL, and takes them back by H5Treclaim.
    unsafe {
        let memory_type = Owned::new(H5Tcopy(*H5T_C_S1))?;
        h5check(H5Tset_size(memory_type.0, hdf5_sys::h5t::H5T_VARIABLE))?;
        h5check(H5Tset_cset(memory_type.0, H5Tget_cset(file_type.id())))?;
        source.read_to(memory_type.0, pointers.as_mut_ptr().cast())?;
        let texts = pointers.iter().map(|&p| variable_text(p)).collect();
        H5Treclaim(
            memory_type.0,
            space.id(),
            H5P_DEFAULT,
            pointers.as_mut_ptr().cast(),
        );
        Ok(texts)
    }
}

/// # Safety
/// `pointer` must be null or point to text that ends in NUL.
unsafe fn variable_text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: by contract.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

/// The name of the dimension scale on each axis of `dataset`, where `DIMENSION_LIST` names one.
pub(super) fn axis_names(dataset: &Dataset) -> hdf5::Result<Vec<Option<String>>> {
    let _lock = LOCK.lock();
    let rank = dataset.space()?.ndim();
    let Ok(list) = dataset.attr("DIMENSION_LIST") else {
        return Ok(vec![None; rank]);
    };
    let space = list.space()?;
    if rank == 0 || count(Source::Attribute(&list))? != rank || !is_list_of_references(&list)? {
        return Ok(vec![None; rank]);
    }
    let mut rows = buffer(
        rank,
        hvl_t {
            len: 0,
            p: ptr::null_mut(),
        },
    )?;
    // SAFETY: the memory type is a list of 8-byte object references, one list an axis; the lists are the library's
    // and go back to it by H5Treclaim.
    unsafe {
        let memory_type = Owned::new(H5Tvlen_create(*H5T_STD_REF_OBJ))?;
        Source::Attribute(&list).read_to(memory_type.0, rows.as_mut_ptr().cast())?;
        let names = rows
            .iter()
            .map(|row| {
                (row.len > 0 && !row.p.is_null())
                    .then(|| referenced_name(dataset, row.p))
                    .flatten()
            })
            .collect();
        H5Treclaim(
            memory_type.0,
            space.id(),
            H5P_DEFAULT,
            rows.as_mut_ptr().cast(),
        );
        Ok(names)
    }
}

fn is_list_of_references(list: &Attribute) -> hdf5::Result<bool> {
    let file_type = list.dtype()?;
    // SAFETY: the types are open.
    unsafe {
        if H5Tget_class(file_type.id()) != H5T_class_t::H5T_VLEN {
            return Ok(false);
        }
        let element = Owned::new(H5Tget_super(file_type.id()))?;
        Ok(H5Tget_class(element.0) == H5T_class_t::H5T_REFERENCE
            && H5Tget_size(element.0) == size_of::<hobj_ref_t>())
    }
}

/// The last part of the path of the object that `reference` points to.
///
/// # Safety
/// `reference` must point to an object reference.
unsafe fn referenced_name(dataset: &Dataset, reference: *const c_void) -> Option<String> {
    // SAFETY: the dataset is open, the reference valid memory by contract; the name is asked for its length first.
    unsafe {
        let object = Owned::new(H5Rdereference(
            dataset.id(),
            H5P_DEFAULT,
            H5R_OBJECT1,
            reference,
        ))
        .ok()?;
        let length = usize::try_from(H5Iget_name(object.0, ptr::null_mut(), 0)).ok()?;
        let mut path = buffer(length + 1, 0_u8).ok()?;
        H5Iget_name(object.0, path.as_mut_ptr().cast(), path.len());
        let path = String::from_utf8_lossy(&path[..length]).into_owned();
        path.rsplit('/')
            .next()
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
    }
}

/// Makes `dataset` a dimension scale: `CLASS`, and `NAME` set to `name`.
pub(super) fn mark_scale(dataset: &Dataset, name: &str) -> hdf5::Result<()> {
    let _lock = LOCK.lock();
    // netCDF and h5py compare CLASS as text that ends in NUL, 16 bytes with it.
    write_fixed_text(dataset, c"CLASS", c"DIMENSION_SCALE")?;
    let name = CString::new(name).map_err(|_| format!("the name {name:?} contains NUL"))?;
    write_fixed_text(dataset, c"NAME", &name)
}

fn write_fixed_text(dataset: &Dataset, name: &CStr, text: &CStr) -> hdf5::Result<()> {
    // SAFETY: the buffer is as long as the type says, its NUL included.
    unsafe {
        let text_type = Owned::new(H5Tcopy(*H5T_C_S1))?;
        h5check(H5Tset_size(text_type.0, text.to_bytes_with_nul().len()))?;
        h5check(H5Tset_strpad(text_type.0, H5T_str_t::H5T_STR_NULLTERM))?;
        let space = Owned::new(H5Screate(hdf5_sys::h5s::H5S_class_t::H5S_SCALAR))?;
        write_attribute(dataset, name, &text_type, &space, text.as_ptr().cast())
    }
}

/// # Safety
/// `values` must hold what `value_type` and `space` say.
unsafe fn write_attribute(
    dataset: &Dataset,
    name: &CStr,
    value_type: &Owned,
    space: &Owned,
    values: *const c_void,
) -> hdf5::Result<()> {
    // SAFETY: by contract; the attribute is closed whether or not the write succeeds.
    unsafe {
        let attribute = h5check(H5Acreate2(
            dataset.id(),
            name.as_ptr(),
            value_type.0,
            space.0,
            H5P_DEFAULT,
            H5P_DEFAULT,
        ))?;
        let written = h5check(H5Awrite(attribute, value_type.0, values)).map(drop);
        let closed = h5check(H5Aclose(attribute)).map(drop);
        written.and(closed)
    }
}

/// Attaches one scale to each axis of `dataset` (`DIMENSION_LIST`).
pub(super) fn attach_scales(dataset: &Dataset, scales: &[&Dataset]) -> hdf5::Result<()> {
    let _lock = LOCK.lock();
    let mut references = scales
        .iter()
        .map(|&scale| reference(scale))
        .collect::<hdf5::Result<Vec<_>>>()?;
    let rows: Vec<_> = references
        .iter_mut()
        .map(|r| hvl_t {
            len: 1,
            p: ptr::from_mut(r).cast(),
        })
        .collect();
    let lengths = [rows.len() as u64];
    // SAFETY: one list of one reference an axis; the references outlive the call.
    unsafe {
        let row_type = Owned::new(H5Tvlen_create(*H5T_STD_REF_OBJ))?;
        let space = Owned::new(H5Screate_simple(1, lengths.as_ptr(), ptr::null()))?;
        write_attribute(
            dataset,
            c"DIMENSION_LIST",
            &row_type,
            &space,
            rows.as_ptr().cast(),
        )
    }
}

/// One row of `REFERENCE_LIST`, as the library's own dimension scales lay it out.
#[repr(C)]
struct Use {
    dataset: hobj_ref_t,
    axis: i32,
}

/// Tells the dimension scale `scale` which datasets use it, and on which axis (`REFERENCE_LIST`).
pub(super) fn list_uses(scale: &Dataset, uses: &[(&Dataset, usize)]) -> hdf5::Result<()> {
    let _lock = LOCK.lock();
    let row = |&(dataset, axis): &(&Dataset, usize)| {
        let axis = i32::try_from(axis).map_err(|_| format!("axis {axis} is too large"))?;
        Ok(Use {
            dataset: reference(dataset)?,
            axis,
        })
    };
    let rows = uses.iter().map(row).collect::<hdf5::Result<Vec<_>>>()?;
    let lengths = [rows.len() as u64];
    // SAFETY: the compound type has the layout of `Use`; the rows outlive the call.
    unsafe {
        let row_type = Owned::new(H5Tcreate(H5T_class_t::H5T_COMPOUND, size_of::<Use>()))?;
        let dataset_at = std::mem::offset_of!(Use, dataset);
        h5check(H5Tinsert(
            row_type.0,
            c"dataset".as_ptr(),
            dataset_at,
            *H5T_STD_REF_OBJ,
        ))?;
        h5check(H5Tinsert(
            row_type.0,
            c"dimension".as_ptr(),
            std::mem::offset_of!(Use, axis),
            *H5T_NATIVE_INT,
        ))?;
        let space = Owned::new(H5Screate_simple(1, lengths.as_ptr(), ptr::null()))?;
        write_attribute(
            scale,
            c"REFERENCE_LIST",
            &row_type,
            &space,
            rows.as_ptr().cast(),
        )
    }
}

fn reference(dataset: &Dataset) -> hdf5::Result<hobj_ref_t> {
    let mut reference: hobj_ref_t = 0;
    // SAFETY: an object reference is written to a variable of its type.
    h5check(unsafe {
        H5Rcreate(
            ptr::from_mut(&mut reference).cast(),
            dataset.id(),
            c".".as_ptr(),
            H5R_OBJECT1,
            -1,
        )
    })?;
    Ok(reference)
}

/// The orders in which names are asked for: that of their creation, or, where the file does not tell it, their own.
const ORDERS: [H5_index_t; 2] = [H5_index_t::H5_INDEX_CRT_ORDER, H5_index_t::H5_INDEX_NAME];

/// The names of all attributes, in the order of their creation where the file tells it.
pub(super) fn attribute_names(object: &Location) -> hdf5::Result<Vec<String>> {
    let _lock = LOCK.lock();
    in_order(|order, names| {
        // SAFETY: the callback casts its last argument back to the list that is given here.
        h5check(unsafe {
            H5Aiterate2(
                object.id(),
                order,
                H5_iter_order_t::H5_ITER_INC,
                ptr::null_mut(),
                Some(take_name),
                ptr::from_mut(names).cast(),
            )
        })
    })
}

/// The names of all links of a group, in the order of their creation where the file tells it.
pub(super) fn link_names(group: &Group) -> hdf5::Result<Vec<String>> {
    let _lock = LOCK.lock();
    in_order(|order, names| {
        // SAFETY: as above.
        h5check(unsafe {
            H5Literate2(
                group.id(),
                order,
                H5_iter_order_t::H5_ITER_INC,
                ptr::null_mut(),
                Some(take_name),
                ptr::from_mut(names).cast(),
            )
        })
    })
}

fn in_order(
    iterate: impl Fn(H5_index_t, &mut Vec<String>) -> hdf5::Result<herr_t>,
) -> hdf5::Result<Vec<String>> {
    let asked = |order| {
        let mut names = Vec::new();
        iterate(order, &mut names).map(|_| names)
    };
    let [created, named] = ORDERS;
    asked(created).or_else(|_| asked(named))
}

/// Keeps the name that an iteration has come to. What else the library tells of it (hdf5-metno makes Rust enums of it) may be no
/// value of its type where the file is damaged, and is not looked at.
unsafe extern "C" fn take_name<T>(
    _object: hid_t,
    name: *const c_char,
    _about: *const T,
    names: *mut c_void,
) -> herr_t {
    // SAFETY: the name is a text that ends in NUL, and the list is that of the call that iterates.
    unsafe {
        let Some(names) = names.cast::<Vec<String>>().as_mut() else {
            return -1;
        };
        if name.is_null() {
            return -1;
        }
        names.push(CStr::from_ptr(name).to_string_lossy().into_owned());
    }
    0
}

/// The bytes of an open file, as they would lie on the disk.
pub(super) fn file_image(file: &File) -> hdf5::Result<Vec<u8>> {
    let _lock = LOCK.lock();
    file.flush()?;
    // SAFETY: the image is asked for its length first; the buffer has that length.
    unsafe {
        let length = h5check(H5Fget_file_image(file.id(), ptr::null_mut(), 0))?;
        let length = usize::try_from(length).map_err(|_| "the file has no length")?;
        let mut image = buffer(length, 0_u8)?;
        h5check(H5Fget_file_image(
            file.id(),
            image.as_mut_ptr().cast(),
            image.len(),
        ))?;
        Ok(image)
    }
}
