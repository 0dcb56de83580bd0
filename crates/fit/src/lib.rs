//! fit

pub mod config;
pub mod dataset;
pub mod optimizer;
pub mod store;
