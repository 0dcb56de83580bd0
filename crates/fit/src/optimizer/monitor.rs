//! What is kept of a run: its history, the iterate to write, and when to stop.

use serde::{Deserialize, Serialize};

use super::settings::Stopping;
use super::state::Point;
use super::termination::Termination;

/// One row of the history; row 0 is the starting point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Number of the iteration; 0 is the starting point.
    pub iteration: u64,
    /// What is minimised, after this iteration.
    pub objective: f64,
    /// Cost on the train trials, without penalty.
    pub cost: f64,
    /// Cost on the validation trials; `None` where there are none or their solve failed.
    pub cost_valid: Option<f64>,
    /// Largest absolute component of the projected gradient of the objective.
    pub gradient_norm: f64,
    /// Euclidean length of the step in parameter space.
    pub step_length: f64,
    /// Wall-clock seconds since the start of the run.
    pub seconds: f64,
    /// Evaluations of the right-hand side since the start of the run.
    pub rhs_evaluations: u64,
    /// Failed solves since the start of the run, each answered by a shorter step.
    pub rejected_solves: u64,
    /// Synaptic time constants by unit, in the data set's time unit.
    pub tau_s: Vec<f64>,
    /// Rate time constants by unit, in the data set's time unit.
    pub tau_r: Vec<f64>,
}

/// The best iterate so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Iteration that it came from.
    pub iteration: u64,
    /// Parameters.
    pub theta: Vec<f64>,
    /// What is minimised.
    pub objective: f64,
    /// Cost on the train trials.
    pub cost: f64,
    /// Cost on the validation trials; `None` where there are none or their solve failed.
    pub cost_valid: Option<f64>,
    /// Largest absolute component of the projected gradient.
    pub gradient_norm: f64,
}

impl Kept {
    /// A point that was never evaluated.
    pub(super) fn unevaluated(theta: Vec<f64>) -> Self {
        Self {
            iteration: 0,
            theta,
            objective: f64::NAN,
            cost: f64::NAN,
            cost_valid: None,
            gradient_norm: f64::NAN,
        }
    }

    fn beats(&self, other: &Self, early_stopping: bool) -> bool {
        match (self.cost_valid, other.cost_valid) {
            (Some(new), Some(old)) if early_stopping => new < old,
            (Some(_), None) if early_stopping => true,
            (None, Some(_)) if early_stopping => false,
            _ => self.objective < other.objective,
        }
    }
}

/// Where a monitor stood; only the last row of a history is ever changed.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    rows: usize,
    last: Option<IterationRecord>,
    rest: Monitor,
}

/// History, best iterate and counters of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// One record an iteration, the starting point first.
    pub history: Vec<IterationRecord>,
    /// The iterate to write: best on the validation trials under early stopping, else the one with
    /// the lowest objective.
    pub kept: Option<Kept>,
    /// Failed solves of the validation trials.
    pub validation_failures: u64,
    has_validation: bool,
    /// The first row of `history` whose objective may be compared with the last one's.
    #[serde(default)]
    comparable_from: usize,
}

impl Monitor {
    /// Takes in the point that an iteration ended at.
    pub fn record(
        &mut self,
        record: IterationRecord,
        theta: &[f64],
        validated: bool,
        early_stopping: bool,
    ) {
        self.has_validation |= validated;
        let candidate = Kept {
            iteration: record.iteration,
            theta: theta.to_vec(),
            objective: record.objective,
            cost: record.cost,
            cost_valid: record.cost_valid,
            gradient_norm: record.gradient_norm,
        };
        let better = match &self.kept {
            Some(kept) => candidate.beats(kept, early_stopping),
            None => true,
        };
        if better {
            self.kept = Some(candidate);
        }
        self.history.push(record);
    }

    /// Where it stands, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            rows: self.history.len(),
            last: self.history.last().cloned(),
            rest: Monitor {
                history: Vec::new(),
                kept: self.kept.clone(),
                ..*self
            },
        }
    }

    /// Comes back to where it stood.
    pub(super) fn return_to(&mut self, mark: Mark) {
        let mut history = std::mem::take(&mut self.history);
        history.truncate(mark.rows);
        if let (Some(row), Some(last)) = (history.last_mut(), mark.last) {
            *row = last;
        }
        *self = Monitor {
            history,
            ..mark.rest
        };
    }

    /// Replaces the values of the last row by those of a finer objective, with which earlier rows cannot be compared.
    pub(super) fn correct_last(
        &mut self,
        point: &Point,
        cost_valid: Option<f64>,
        gradient_norm: f64,
    ) {
        self.comparable_from = self.history.len().saturating_sub(1);
        if let Some(last) = self.history.last_mut() {
            last.objective = point.objective;
            last.cost = point.cost;
            last.cost_valid = cost_valid;
            last.gradient_norm = gradient_norm;
        }
    }

    /// Whether one of the criteria that need no clock says to stop.
    pub fn verdict(&self, stopping: &Stopping) -> Option<Termination> {
        let last = self.history.last()?;
        // Relative to the objective, so that a noiseless fit, where both go to zero and the
        // gradient only as the root of the objective, is not cut short by an absolute threshold.
        if last.gradient_norm <= stopping.gradient_tolerance * last.objective.abs() {
            return Some(Termination::Gradient);
        }
        if self.has_stalled(stopping, last) {
            return Some(Termination::Cost);
        }
        if self.is_overfitting(stopping, last) {
            return Some(Termination::EarlyStopping);
        }
        (last.iteration >= stopping.max_iterations).then_some(Termination::MaxIterations)
    }

    fn has_stalled(&self, stopping: &Stopping, last: &IterationRecord) -> bool {
        let Some(window) = stopping.cost_window else {
            return false;
        };
        let index = self.history.len().checked_sub(window + 1);
        let Some(index) = index.filter(|&index| index >= self.comparable_from) else {
            return false;
        };
        let fall = self.history[index].objective - last.objective;
        let windows_left =
            stopping.max_iterations.saturating_sub(last.iteration) as f64 / window as f64;
        let is_out_of_reach = |goal: f64| fall * windows_left < last.objective - goal;
        fall <= stopping.cost_tolerance * last.objective.abs()
            || stopping.goal.is_some_and(is_out_of_reach)
    }

    fn is_overfitting(&self, stopping: &Stopping, last: &IterationRecord) -> bool {
        let (Some(patience), Some(kept)) = (stopping.patience, &self.kept) else {
            return false;
        };
        stopping.early_stopping
            && self.has_validation
            && last.iteration.saturating_sub(kept.iteration) >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Optimizer, OptimizerSettings};

    fn after(objectives: &[f64], goal: Option<f64>) -> Option<Termination> {
        let mut monitor = Monitor::default();
        for (iteration, &objective) in (0..).zip(objectives) {
            let record = IterationRecord {
                iteration,
                objective,
                cost: objective,
                cost_valid: None,
                gradient_norm: 1.0,
                step_length: 1.0,
                seconds: 0.0,
                rhs_evaluations: 0,
                rejected_solves: 0,
                tau_s: Vec::new(),
                tau_r: Vec::new(),
            };
            monitor.record(record, &[0.0], false, false);
        }
        let mut stopping = OptimizerSettings::new(Optimizer::GaussNewton).stopping;
        stopping.max_iterations = 100;
        stopping.cost_window = Some(2);
        stopping.goal = goal;
        monitor.verdict(&stopping)
    }

    #[test]
    fn what_cannot_come_down_to_its_goal_is_given_up() {
        // 0.01 an iteration, 96 iterations left: to 4.0 at best
        let slow = [5.0, 4.98, 4.97, 4.96, 4.95];
        assert_eq!(after(&slow, None), None);
        assert_eq!(after(&slow, Some(4.1)), None);
        assert_eq!(after(&slow, Some(3.9)), Some(Termination::Cost));
        assert_eq!(after(&slow, Some(6.0)), None);
        assert_eq!(after(&slow[..2], Some(3.9)), None);
    }
}
