//! fit

pub mod config;
