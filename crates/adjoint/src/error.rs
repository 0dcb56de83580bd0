use std::fmt;
use thiserror::Error;

/// Which solve failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The network itself, forwards.
    Forward,
    /// The adjoint equation, backwards.
    Backward,
    /// Forward sensitivities.
    Sensitivities,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Forward => "forward",
            Phase::Backward => "backward",
            Phase::Sensitivities => "sensitivity",
        })
    }
}

/// A solve that did not reach its end.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SolveError {
    /// The state is no longer finite.
    #[error("{phase} solve diverged at time {time}: unit {unit} is not finite")]
    NotFinite {
        /// Which solve.
        phase: Phase,
        /// Where.
        time: f64,
        /// First unit concerned.
        unit: usize,
    },
    /// The step size collapsed or the method gave up.
    #[error("{phase} solve failed at time {time} with step {step:.3e}: {reason}")]
    Stalled {
        /// Which solve.
        phase: Phase,
        /// Where.
        time: f64,
        /// Last step size.
        step: f64,
        /// What the integrator said.
        reason: String,
    },
    /// More steps than any sensible solve takes.
    #[error(
        "{phase} solve took {steps} steps and reached only time {time}: loosen the tolerance or raise the lower bound of the time constants"
    )]
    TooManySteps {
        /// Which solve.
        phase: Phase,
        /// Steps taken.
        steps: usize,
        /// Where it was.
        time: f64,
    },
    /// Whoever watches the solve asked it to end; see [`Halt`](crate::Halt).
    #[error("the solve was stopped before its end")]
    Halted,
    /// Evaluation times outside the integration or not increasing.
    #[error(
        "evaluation time {time} (index {index}) must increase and lie between {start} and {end}"
    )]
    EvaluationTime {
        /// Which.
        index: usize,
        /// Its value.
        time: f64,
        /// Start of the integration.
        start: f64,
        /// End of the integration.
        end: f64,
    },
}
