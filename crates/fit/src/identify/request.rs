//! What is asked of a judgement, how it is watched, and why there may be none.

use super::names::ProfileTarget;
use crate::dataset::DatasetError;
use crate::optimizer::{MinimizeError, SolveFailure};
use crate::plan::{DENSE_LIMIT, PlanError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use thiserror::Error;

/// How much is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Fisher information at the minimum.
    Curvature,
    /// The swapped twin of each unit too.
    Twins,
    /// And profiles near tau_s = tau_r.
    Full,
}

/// What is judged, and how far.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The point, in the flat order of the plan.
    pub theta: &'a [f64],
    /// How much is computed.
    pub depth: Depth,
    /// Time constants to profile.
    pub profiles: Vec<ProfileTarget>,
    /// Most iterations of a refit.
    pub most_iterations: u64,
}

/// How far a judgement is.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// What is being done.
    pub task: String,
    /// Parts done, of `total`.
    pub done: usize,
    /// All parts.
    pub total: usize,
}

/// How a judgement is watched and stopped.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Set to end with what has been judged.
    pub stop: &'a AtomicBool,
    /// When to end likewise.
    pub deadline: Option<Instant>,
    /// Called when a part begins.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

impl Control<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|at| Instant::now() >= at)
    }
}

/// Why nothing can be judged.
#[derive(Debug, Error)]
pub enum IdentifyError {
    /// The plan does not fit the dataset.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Nothing to judge.
    #[error("the method {0} has no time constants")]
    NoTimeConstants(&'static str),
    /// Too many parameters for the matrix.
    #[error(
        "{n} parameters are too many for the Fisher information, which is computed up to {DENSE_LIMIT}; share time constants or weights, or fit fewer units"
    )]
    TooLarge {
        /// How many.
        n: usize,
    },
    /// Everything lies on a bound.
    #[error("every parameter of the network lies on a bound: there is nothing to judge")]
    NothingFree,
    /// The refit cannot begin.
    #[error("the refit without penalty failed: {0}")]
    Refit(MinimizeError),
    /// The noise of outputs, as estimated, is no noise.
    #[error("outputs cannot be weighted by their own noise: {0}")]
    Noise(DatasetError),
    /// The network cannot be integrated at the point.
    #[error("the network could not be integrated: {0}")]
    Solve(SolveFailure),
}

/// Where the judgement stands: intervals belong to a minimum without penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The point was such a minimum.
    Given,
    /// A refit without penalty and early stopping from the point reached one.
    Refitted,
    /// That refit did not reach one: no intervals.
    Unconverged,
    /// That refit was interrupted: no intervals.
    Interrupted,
}

impl Basis {
    /// Whether it is a minimum, from which intervals count.
    pub fn is_minimum(self) -> bool {
        matches!(self, Basis::Given | Basis::Refitted)
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Given => "unpenalised fit",
            Basis::Refitted => "unpenalised refit",
            Basis::Unconverged => "unpenalised refit, not converged",
            Basis::Interrupted => "unpenalised refit, interrupted",
        }
    }
}
