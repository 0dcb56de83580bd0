//! The runs of one fit: begun, gone on with, watched, saved.

use super::{Control, FitError, Position, Run, locate_failure};
use crate::checkpoint::{Saver, StoredRun};
use crate::dataset::Dataset;
use crate::objective::FitObjective;
use crate::optimizer::{
    self, IterationRecord, MinimizeError, Outcome, Snapshot, Termination, minimize, restore, resume,
};
use crate::plan::FitPlan;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tauscope_adjoint::{Halt, HaltReason};

/// What ends a fit that was stopped may take so many seconds: scores, the gradient check, and writing them.
const GRACE: f64 = 4.0;
/// Bytes a second at which predictions are written and shown, about: 154 MB took 7 s on a shared core.
const WRITTEN: f64 = 20e6;

/// A run of the optimizer to be made: from a start, with a penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Task {
    pub(super) start: usize,
    pub(super) l2: f64,
}

/// What all runs of one fit share.
pub(super) struct Session<'a> {
    pub(super) plan: &'a FitPlan,
    pub(super) dataset: &'a Dataset,
    pub(super) halt: Halt,
    pub(super) saver: Saver<'a>,
    control: &'a Control<'a>,
    done: AtomicUsize,
    total: usize,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        plan: &'a FitPlan,
        dataset: &'a Dataset,
        control: &'a Control<'a>,
        total: usize,
    ) -> Session<'a> {
        Session {
            plan,
            dataset,
            halt: Halt::new(Some(Arc::clone(control.stop)), control.deadline),
            saver: Saver::new(control.saving),
            control,
            done: AtomicUsize::new(0),
            total,
        }
    }

    /// Runs the optimizer for every task, side by side; the results come in that order.
    pub(super) fn run_all(&self, tasks: &[Task]) -> Result<Vec<Run>, FitError> {
        let runs: Vec<_> = tasks.par_iter().map(|&task| self.run(task)).collect();
        runs.into_iter().collect()
    }

    fn run(&self, task: Task) -> Result<Run, FitError> {
        let Task { start, l2 } = task;
        let objective = self.objective(l2, &self.halt)?;
        let outcome = self.outcome(task, &objective)?;
        if let Ok(outcome) = &outcome {
            self.saver.keep(start, l2, outcome);
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(Run { start, l2, outcome })
    }

    fn objective(&self, l2: f64, halt: &Halt) -> Result<FitObjective<'a>, FitError> {
        let objective = self.plan.objective(self.dataset, l2)?;
        Ok(objective.watched_by(halt).graded())
    }

    /// Begins the run of `task`, or goes on with it where its state was stored.
    fn outcome(
        &self,
        task: Task,
        objective: &FitObjective<'_>,
    ) -> Result<Result<Outcome, MinimizeError>, FitError> {
        let report = |record: &IterationRecord| (self.control.progress)(&self.position(record));
        let save = |state: &dyn Fn() -> Snapshot| self.saver.pass(task.start, task.l2, state);
        let watch = optimizer::Control {
            stop: Some(self.control.stop),
            deadline: self.control.deadline,
            on_iteration: Some(&report),
            on_state: Some(&save),
        };
        let settings = &self.plan.optimizer;
        if let Some(StoredRun { state, ended, .. }) = self.saver.stored(task.start, task.l2) {
            let may_go_on = state.iterations() < settings.stopping.max_iterations;
            return Ok(match ended {
                Some(Termination::MaxIterations) if may_go_on => {
                    resume(objective, state, &settings.stopping, &watch)
                }
                Some(termination) => restore(objective, state, termination),
                None => resume(objective, state, &settings.stopping, &watch),
            });
        }
        let theta = self.plan.start(self.dataset, task.start)?;
        let outcome = minimize(objective, &theta, settings, &watch);
        Ok(outcome.map_err(|error| match error {
            MinimizeError::Start(failure) => MinimizeError::Start(locate_failure(
                self.plan,
                self.dataset,
                &theta,
                failure,
                &self.halt,
            )),
            other => other,
        }))
    }

    fn position(&self, record: &IterationRecord) -> Position {
        Position {
            starts_done: self.done.load(Ordering::Relaxed),
            starts: self.total,
            iteration: record.iteration,
            max_iterations: self.plan.optimizer.stopping.max_iterations,
            cost: record.cost,
            gradient_norm: record.gradient_norm,
        }
    }

    /// What stopped one of `runs`, or would stop those that follow.
    pub(super) fn stopped_in(&self, runs: &[Run]) -> Option<HaltReason> {
        let cut = runs
            .iter()
            .filter_map(|run| match run.outcome.as_ref().ok()?.termination {
                Termination::Interrupted => Some(HaltReason::Stop),
                Termination::TimeLimit => Some(HaltReason::Deadline),
                _ => None,
            });
        let follows = self.done.load(Ordering::Relaxed) < self.total;
        let asked = || self.halt.asks().filter(|_| follows);
        cut.max_by_key(|reason| *reason == HaltReason::Stop)
            .or_else(asked)
    }

    /// How long scores and the gradient check may take after a stop; after a deadline as long as half an iteration at least, which
    /// is about what a prediction of every trial takes.
    pub(super) fn grace(&self, best: &Outcome, stopped: Option<HaltReason>) -> Duration {
        let seconds: Vec<f64> = best.history.iter().map(|row| row.seconds).collect();
        let iteration = match (stopped, seconds.as_slice()) {
            (Some(HaltReason::Deadline), [.., before, last]) => last - before,
            _ => 0.0,
        };
        let half = Duration::try_from_secs_f64(0.5 * iteration).unwrap_or_default();
        self.least_grace().max(half)
    }

    /// Without the time that writing will take.
    fn least_grace(&self) -> Duration {
        let targets: usize = self.dataset.targets().iter().map(|trial| trial.len()).sum();
        let writing = (targets * size_of::<f64>()) as f64 / WRITTEN;
        Duration::from_secs_f64((GRACE - writing).max(0.0))
    }

    /// The best run; where not even its starting point was evaluated before the end, that is done now, if it does not take long.
    pub(super) fn evaluated(&self, best: Outcome, l2: f64) -> Result<Outcome, FitError> {
        if !best.history.is_empty() {
            return Ok(best);
        }
        let objective = self.objective(l2, &self.halt.with_grace(self.least_grace()))?;
        let control = optimizer::Control {
            stop: Some(self.control.stop),
            deadline: self.control.deadline,
            ..Default::default()
        };
        let stopping = &self.plan.optimizer.stopping;
        let evaluated = resume(&objective, best.snapshot.clone(), stopping, &control);
        Ok(evaluated.unwrap_or(best))
    }
}

/// What to say of a result that is not the end.
pub(super) fn stop_warning(reason: HaltReason) -> String {
    let what = match reason {
        HaltReason::Stop => "a signal",
        HaltReason::Deadline => "the time limit",
    };
    format!("stopped by {what} before its end: the result is the best point so far")
}
