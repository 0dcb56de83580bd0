//! Adaptive against fixed-step integration: what a time step does to a trajectory, a gradient and the time constants that are
//! fitted with it.
//!
//! [`compare`] takes a checked configuration and a dataset. It fits, or starts from a result; integrates with every method over a
//! ladder of steps or tolerances and measures against a reference at 1e-12; refits with every method; and fits the adaptive optimum
//! again at tighter tolerances. What was measured before it is stopped is kept.

mod budget;
mod carry;
mod certificate;
mod closed_form;
mod contender;
mod given;
mod integration;
mod ladder;
mod perturb;
mod reference;
mod refit;
mod run;
mod verdict;
mod write;

pub use certificate::{CertificateRefit, CertificateRow};
pub use closed_form::{Law, law, step_limit};
pub use contender::{Contender, Resolution};
pub use given::Given;
pub use integration::{Cell, CellState, Measure};
pub(crate) use reference::plan as reference_plan;
pub use refit::{Fitted, Refit, RefitState, Start};
pub use run::{Comparison, Control, LawRole, Position, Setup, compare};
pub use write::write_comparison;

#[cfg(test)]
mod tests;
