//! Recordings of other formats as datasets: tables of text ([`csv`]) and Neurodata Without Borders ([`nwb`]).
//!
//! Each reader makes one [`assemble::Recording`]: trials of sampled channels, with whatever times they have.
//! [`assemble::assemble`] lays them on the common times that a dataset has, without changing a number.

pub mod assemble;
pub mod csv;
mod error;
mod grid;
pub mod nwb;

pub use assemble::Signals;
pub use error::{ChoiceError, ImportError};

use crate::dataset::Dataset;

/// A recording read from another format.
#[derive(Debug)]
pub struct Imported {
    /// The dataset, checked.
    pub dataset: Dataset,
    /// What was decided, and what the person should know before trusting the numbers.
    pub notes: Vec<String>,
}
