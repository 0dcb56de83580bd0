//! fit

pub mod config;
pub mod dataset;
pub mod store;
