//! Fits rate networks with learned time constants to recorded activity.
//!
//! A [`dataset::Dataset`] and a [`config::EffectiveConfig`] make a [`plan::FitPlan`]; [`driver::fit`] carries it out and
//! [`driver::write_result`] leaves an HDF5 file that netCDF tools read. The only crate that names argmin and hdf5.

pub mod batch;
pub mod checkpoint;
pub mod compare;
pub mod config;
pub mod dataset;
pub mod driver;
pub mod fast_loop;
pub mod identify;
pub mod import;
pub mod initial_state;
pub mod layout;
mod linalg;
pub mod objective;
pub mod observation;
pub mod optimizer;
pub mod plan;
pub mod readout;
pub mod store;
