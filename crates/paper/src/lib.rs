//! The experiments of Quax, D'Asaro & van Gerven, *Adaptive time scales in recurrent neural networks*, Sci. Rep. 10:11360
//! (2020), doi:10.1038/s41598-020-68169-x, with the discrete model as published and with the continuous one.
//!
//! The discrete model is the fixed-step method `euler-sequential` with a step of 1, whose rate constants are
//! `alpha = 1 / tau`; its Elman network is the method `elman`. [`run`] computes an experiment part by part, skips
//! what is written, and leaves HDF5, figures and a page with claim, number and verdict.

mod adam;
mod converge;
mod effort;
mod experiment;
mod name;
mod page;
mod part;
mod run;
mod smoothing;
mod statistics;
mod student;
mod teacher;

pub use adam::{Recipe, Trained, train};
pub use converge::{ConvergeError, Converged, gauss_newton};
pub use effort::{Effort, Model, student, teacher};
pub use experiment::{Claim, PartError, Verdict};
pub use name::Name;
pub use part::PartFileError;
pub use run::{Control, Origin, Position, Ran, RunError, run};
pub use smoothing::smoothed;
pub use statistics::{Welch, welch};
pub use student::{Constants, Masks, Student, StudentError};
pub use teacher::{Sequence, Teacher, TeacherSpec};
