//! Why an optimizer stopped.

use std::fmt;

use argmin::core::TerminationReason;
use serde::{Deserialize, Serialize};

/// Why an optimizer stopped, in the words of the result file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// The projected gradient fell below its tolerance: a stationary point.
    Gradient,
    /// The objective no longer falls, or no step lowers it that doubles can tell apart.
    Cost,
    /// The allowed number of iterations was used up.
    MaxIterations,
    /// The validation cost has not improved for as many iterations as `patience`.
    EarlyStopping,
    /// The caller's flag asked to stop.
    Interrupted,
    /// The deadline has passed.
    TimeLimit,
    /// Every step, however short, led to a failed solve.
    SolverFailure,
}

impl Termination {
    /// Whether the run ended because there was nothing left to gain on the objective.
    pub fn converged(self) -> bool {
        matches!(self, Self::Gradient | Self::Cost)
    }

    /// The word of the result file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::Cost => "cost",
            Self::MaxIterations => "max_iterations",
            Self::EarlyStopping => "early_stopping",
            Self::Interrupted => "interrupted",
            Self::TimeLimit => "time_limit",
            Self::SolverFailure => "solver_failure",
        }
    }
}

impl fmt::Display for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Termination> for TerminationReason {
    fn from(termination: Termination) -> Self {
        match termination {
            Termination::Gradient | Termination::Cost => Self::SolverConverged,
            Termination::MaxIterations => Self::MaxItersReached,
            Termination::Interrupted => Self::Interrupt,
            Termination::TimeLimit => Self::Timeout,
            Termination::EarlyStopping | Termination::SolverFailure => {
                Self::SolverExit(termination.to_string())
            }
        }
    }
}

/// The reasons that argmin itself may give; ours are set before it looks.
impl From<&TerminationReason> for Termination {
    fn from(reason: &TerminationReason) -> Self {
        match reason {
            TerminationReason::MaxItersReached => Self::MaxIterations,
            TerminationReason::Interrupt => Self::Interrupted,
            TerminationReason::Timeout => Self::TimeLimit,
            TerminationReason::SolverConverged | TerminationReason::TargetCostReached => Self::Cost,
            TerminationReason::SolverExit(_) => Self::SolverFailure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_and_display_use_the_same_words() {
        for termination in [
            Termination::Gradient,
            Termination::Cost,
            Termination::MaxIterations,
            Termination::EarlyStopping,
            Termination::Interrupted,
            Termination::TimeLimit,
            Termination::SolverFailure,
        ] {
            let written = toml::Value::try_from(termination).unwrap();
            assert_eq!(written.as_str(), Some(termination.as_str()));
        }
    }
}
