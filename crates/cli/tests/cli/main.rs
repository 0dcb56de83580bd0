//! The program as a person runs it: what it prints, where, and how it ends.

mod bad_input;
mod bench;
mod bits;
mod compare;
mod config;
mod counts;
mod crash;
mod export;
mod fit;
mod generate;
mod gradient;
mod hard_input;
mod identify;
mod import;
mod options;
mod recovery;
mod report;
mod reproduce;
mod resume;
mod simulate;
mod threads;
