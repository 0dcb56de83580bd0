//! A solve that failed: an answer of the objective, not a large number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the network could not be integrated, or its cost not be evaluated, at one point.
///
/// An optimizer that meets it shortens its step and counts it; only at the starting point, where
/// there is nothing to shorten, does it end the run. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolveFailure {
    /// What went wrong, lower case and without a full stop.
    pub message: String,
    /// Time of the failure, in the data set's time unit.
    pub time: Option<f64>,
    /// Step that the integrator had come down to, in the data set's time unit.
    pub step: Option<f64>,
    /// Unit whose state failed, counted from 0.
    pub unit: Option<usize>,
    /// Trial in which it failed, counted from 0.
    pub trial: Option<usize>,
    /// True where nothing is wrong but that the caller asked to stop: it says nothing of the point.
    #[serde(default)]
    pub halted: bool,
}

impl SolveFailure {
    /// A failure known only by its message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            time: None,
            step: None,
            unit: None,
            trial: None,
            halted: false,
        }
    }

    /// The caller asked to stop before the solve had ended.
    pub fn halted() -> Self {
        Self {
            halted: true,
            ..Self::new("stopped before the end of the solve")
        }
    }
}

impl fmt::Display for SolveFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let places = [
            self.trial.map(|trial| format!("trial {trial}")),
            self.time.map(|time| format!("time {time}")),
            self.step.map(|step| format!("step {step:e}")),
            self.unit.map(|unit| format!("unit {unit}")),
        ];
        let known: Vec<String> = places.into_iter().flatten().collect();
        if known.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", known.join(", "))
    }
}

impl std::error::Error for SolveFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_only_the_places_that_are_known() {
        let mut failure = SolveFailure::new("step size fell below its minimum");
        assert_eq!(failure.to_string(), "step size fell below its minimum");
        failure.time = Some(0.25);
        failure.unit = Some(7);
        assert_eq!(
            failure.to_string(),
            "step size fell below its minimum (time 0.25, unit 7)"
        );
    }
}
