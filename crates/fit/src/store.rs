//! Files: everything that enters or leaves is HDF5, and every file written here is also valid netCDF-4.
//!
//! Writing is two steps. A [`Group`] tree is built in memory, with named dimensions, units and attributes;
//! [`write_file`] turns it into a file that appears under its name complete or not at all. Reading is
//! lazy: [`StoredFile`] opens a file, and each variable is checked against the size of the file before
//! anything is allocated for it.
//!
//! These are the only files of the project that name hdf5. The C library is not concurrent: hdf5-metno
//! serialises its calls by one process-wide lock, and the calls in `raw` hold the same lock.

mod attributes;
mod error;
mod foreign;
mod gradient_problem;
mod heaps;
mod image;
mod probe;
mod raw;
mod read;
mod read_dataset;
mod replace;
mod tree;
mod values;
mod variable;
mod write_dataset;

pub use error::StoreError;
pub use foreign::Wanted;
pub use gradient_problem::{GradientProblem, NetworkArrays, read_gradient_problem};
pub use image::write_file;
pub use probe::{PROBE, probe, probe_by};
pub use read::{GroupPlace, StoredFile, StoredGroup};
pub(crate) use read_dataset::DATASET_VARIABLES;
pub use read_dataset::read_dataset;
pub use replace::{check_writable, replace_file};
pub use tree::{AttributeValue, Dimension, Group, Variable};
pub use values::Values;
pub use variable::{RealArray, StoredVariable};
pub use write_dataset::write_dataset;
