//! The state that argmin's `Executor` carries from iteration to iteration.

use std::collections::HashMap;
use std::time::Duration;

use argmin::core::{Problem, State, TerminationReason, TerminationStatus};
use serde::{Deserialize, Serialize};

use super::monitor::{Mark, Monitor};
use super::problem::Evaluation;
use super::termination::Termination;

/// An iterate with its objective and gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Parameters.
    pub theta: Vec<f64>,
    /// What is minimised.
    pub objective: f64,
    /// Cost on the train trials.
    pub cost: f64,
    /// Gradient of the objective.
    pub gradient: Vec<f64>,
}

impl Point {
    pub(super) fn new(theta: Vec<f64>, evaluation: Evaluation) -> Self {
        Self {
            theta,
            objective: evaluation.objective,
            cost: evaluation.cost,
            gradient: evaluation.gradient,
        }
    }
}

/// Solves since the last row of the history.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) rhs_evaluations: u64,
    pub(super) rejected_solves: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.rhs_evaluations += other.rhs_evaluations;
        self.rejected_solves += other.rejected_solves;
    }
}

/// Where a run stands. Together with the solver it is all that a later iterate depends on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunState {
    pub(super) start: Vec<f64>,
    pub(super) point: Option<Point>,
    pub(super) monitor: Monitor,
    pub(super) seconds: f64,
    pub(super) max_iterations: u64,
    /// How often the run went over to a finer objective.
    #[serde(default)]
    pub(super) refined: usize,
    /// The last iteration after which the accuracy of the gradient was looked at.
    #[serde(default)]
    pub(super) looked_at: u64,
    /// What an iteration that ended where it began, or going over to a finer objective, has counted.
    #[serde(default)]
    pub(super) tally: Tally,
    #[serde(skip)]
    pub(super) termination: Option<Termination>,
    #[serde(skip)]
    status: TerminationStatus,
    #[serde(skip)]
    counts: HashMap<String, u64>,
    #[serde(skip)]
    time: Option<Duration>,
}

/// Where a run stood before an iteration.
#[derive(Debug, Clone)]
pub(super) struct StateMark {
    point: Option<Point>,
    monitor: Mark,
    refined: usize,
    looked_at: u64,
    tally: Tally,
}

impl RunState {
    /// Where it stands, to come back to.
    pub(super) fn mark(&self) -> StateMark {
        StateMark {
            point: self.point.clone(),
            monitor: self.monitor.mark(),
            refined: self.refined,
            looked_at: self.looked_at,
            tally: self.tally,
        }
    }

    /// Comes back to where it stood.
    pub(super) fn return_to(&mut self, mark: StateMark) {
        self.point = mark.point;
        self.monitor.return_to(mark.monitor);
        self.refined = mark.refined;
        self.looked_at = mark.looked_at;
        self.tally = mark.tally;
    }

    /// The state before the first evaluation.
    pub(super) fn at(start: Vec<f64>, max_iterations: u64) -> Self {
        Self {
            start,
            max_iterations,
            ..Self::default()
        }
    }

    /// The same point and memory, free to go on.
    pub(super) fn reopened(mut self, max_iterations: u64) -> Self {
        self.max_iterations = max_iterations;
        self.seconds = self.monitor.history.last().map_or(0.0, |last| last.seconds);
        self.go_on();
        self
    }

    /// Lets a run that has ended go on.
    pub(super) fn go_on(&mut self) {
        self.termination = None;
        self.status = TerminationStatus::NotTerminated;
    }

    /// Ends the run for a reason in our own words.
    pub(super) fn end(&mut self, termination: Termination) {
        self.termination = Some(termination);
        self.status = TerminationStatus::Terminated(termination.into());
    }

    /// Completed iterations.
    pub fn iterations(&self) -> u64 {
        self.monitor.history.last().map_or(0, |last| last.iteration)
    }
}

impl State for RunState {
    type Param = Vec<f64>;
    type Float = f64;

    fn new() -> Self {
        Self::default()
    }

    fn update(&mut self) {}

    fn get_param(&self) -> Option<&Vec<f64>> {
        self.point.as_ref().map(|point| &point.theta)
    }

    fn get_best_param(&self) -> Option<&Vec<f64>> {
        self.monitor.kept.as_ref().map(|kept| &kept.theta)
    }

    fn get_max_iters(&self) -> u64 {
        self.max_iterations
    }

    /// The history counts.
    fn increment_iter(&mut self) {}

    /// Completed iterations, so that a resumed run ends where it would have: going over to a finer objective is none.
    fn get_iter(&self) -> u64 {
        self.iterations()
    }

    fn get_cost(&self) -> f64 {
        self.point
            .as_ref()
            .map_or(f64::INFINITY, |point| point.objective)
    }

    fn get_best_cost(&self) -> f64 {
        self.monitor
            .kept
            .as_ref()
            .map_or(f64::INFINITY, |kept| kept.objective)
    }

    fn get_target_cost(&self) -> f64 {
        f64::NEG_INFINITY
    }

    fn func_counts<O>(&mut self, problem: &Problem<O>) {
        for (&name, &count) in &problem.counts {
            self.counts.insert(name.to_owned(), count);
        }
    }

    fn get_func_counts(&self) -> &HashMap<String, u64> {
        &self.counts
    }

    fn time(&mut self, time: Option<Duration>) -> &mut Self {
        self.time = time;
        self
    }

    fn get_time(&self) -> Option<Duration> {
        self.time
    }

    fn get_last_best_iter(&self) -> u64 {
        self.monitor.kept.as_ref().map_or(0, |kept| kept.iteration)
    }

    fn is_best(&self) -> bool {
        self.get_last_best_iter() == self.iterations()
    }

    fn terminate_with(mut self, reason: TerminationReason) -> Self {
        self.termination
            .get_or_insert_with(|| Termination::from(&reason));
        self.status = TerminationStatus::Terminated(reason);
        self
    }

    fn get_termination_status(&self) -> &TerminationStatus {
        &self.status
    }

    fn get_termination_reason(&self) -> Option<&TerminationReason> {
        match &self.status {
            TerminationStatus::Terminated(reason) => Some(reason),
            TerminationStatus::NotTerminated => None,
        }
    }
}
