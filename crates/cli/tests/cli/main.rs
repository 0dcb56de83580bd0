//! The program as a person runs it: what it prints, where, and how it ends.

mod bench;
mod config;
mod fit;
mod generate;
mod gradient;
mod options;
mod simulate;
