//! One fit from plan to result: penalties, starts, the choice among them, scores.

mod provenance;
mod score;
mod write;

use crate::dataset::{Dataset, Split};
use crate::optimizer::{
    self, IterationRecord, MinimizeError, Outcome, SolveFailure, Termination, minimize,
};
use crate::plan::{FitPlan, L2_LADDER, PlanError};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use thiserror::Error;

pub use provenance::Provenance;
pub(crate) use provenance::now;
pub use score::{Predictions, Scores, ScoresBy};
pub use write::write_result;
pub(crate) use write::{Names, count, origin, real, splits};

/// Where a fit stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Runs of the optimizer that have ended.
    pub starts_done: usize,
    /// Runs of the optimizer in all: starts, and penalties that are tried.
    pub starts: usize,
    /// Iterations of the run that reported.
    pub iteration: u64,
    /// The most that it may take.
    pub max_iterations: u64,
    /// Its cost on the train trials.
    pub cost: f64,
    /// Its gradient norm.
    pub gradient_norm: f64,
}

/// How a fit is watched and stopped.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Set to end with the best point so far.
    pub stop: &'a AtomicBool,
    /// When to end with the best point so far.
    pub deadline: Option<Instant>,
    /// Called after every iteration of every run.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

/// Why there is no result.
#[derive(Debug, Error)]
pub enum FitError {
    /// The plan does not fit the dataset.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No start could be integrated.
    #[error("every one of {starts} starts failed; the first: {first}")]
    AllStartsFailed {
        /// How many.
        starts: usize,
        /// The failure of the first.
        first: MinimizeError,
    },
    /// The fitted network cannot be evaluated.
    #[error("the fitted network could not be evaluated: {0}")]
    Evaluation(SolveFailure),
}

/// One run of the optimizer.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) l2: f64,
    pub(crate) outcome: Result<Outcome, MinimizeError>,
}

/// A penalty that was tried on the first start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rung {
    pub(crate) l2: f64,
    pub(crate) cost: f64,
    pub(crate) cost_valid: f64,
}

/// What a fit found.
#[derive(Debug)]
pub struct FitResult {
    pub(crate) theta: Vec<f64>,
    pub(crate) l2: f64,
    pub(crate) best: Outcome,
    pub(crate) starts: Vec<Run>,
    pub(crate) ladder: Vec<Rung>,
    pub(crate) scores: Scores,
    pub(crate) gradient_check: Vec<(String, f64)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) seconds: f64,
}

/// Fits: the ladder of penalties on the first start where `l2` is auto, then all starts with the penalty that did best
/// on the validation trials, then scores of the best start. In the caller's rayon pool.
///
/// # Errors
/// [`FitError`] where every start fails. A run that is stopped or does not converge is a result.
pub fn fit(
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Result<FitResult, FitError> {
    let begin = Instant::now();
    let ladder = ladder(plan);
    let n_starts = plan.config.starts.get();
    let counter = Counter {
        done: AtomicUsize::new(0),
        total: ladder.len() + n_starts - 1,
    };
    let mut first = run_all(
        plan,
        dataset,
        control,
        &counter,
        &ladder.iter().map(|&l2| (0, l2)).collect::<Vec<_>>(),
    )?;
    let chosen = choose(plan, &first).unwrap_or(0);
    let l2 = ladder[chosen];
    let tried = first.iter().map(Rung::of).collect();
    let others: Vec<_> = (1..n_starts).map(|start| (start, l2)).collect();
    let mut starts = vec![first.swap_remove(chosen)];
    if starts[0].outcome.is_err() || !is_stopped(control) {
        starts.extend(run_all(plan, dataset, control, &counter, &others)?);
    }
    let best = choose(plan, &starts);
    let Some(best) = best
        .and_then(|at| starts[at].outcome.as_ref().ok())
        .cloned()
    else {
        return Err(all_failed(starts));
    };
    finish(plan, dataset, best, starts, tried, begin)
}

/// Predictions and scores at `theta`.
pub(crate) fn score_point(
    plan: &FitPlan,
    dataset: &Dataset,
    l2: f64,
    theta: &[f64],
) -> Result<Scores, FitError> {
    score::scores(plan, dataset, &plan.objective(dataset, l2)?, theta)
}

fn all_failed(starts: Vec<Run>) -> FitError {
    let n = starts.len();
    match starts.into_iter().find_map(|run| run.outcome.err()) {
        Some(first) => FitError::AllStartsFailed { starts: n, first },
        None => FitError::Evaluation(SolveFailure::new("no start was made")),
    }
}

fn finish(
    plan: &FitPlan,
    dataset: &Dataset,
    best: Outcome,
    starts: Vec<Run>,
    ladder: Vec<Rung>,
    begin: Instant,
) -> Result<FitResult, FitError> {
    let theta = best.theta.clone();
    let l2 = starts[0].l2;
    let objective = plan.objective(dataset, l2)?;
    let scores = score::scores(plan, dataset, &objective, &theta)?;
    let gradient_check = score::gradient_check(&objective, &theta, plan.config.seed);
    let mut warnings = plan.warnings.clone();
    let failed: Vec<_> = starts
        .iter()
        .filter_map(|run| Some((run.start, run.outcome.as_ref().err()?)))
        .collect();
    if let Some((start, error)) = failed.first() {
        warnings.push(format!(
            "{} of {} starts failed; start {start}: {error}",
            failed.len(),
            starts.len()
        ));
    }
    if best.parameters_at_bound > 0 {
        warnings.push(format!(
            "{} parameters lie on a bound (--tau-bounds, --signs): a time constant there is a limit, not a value",
            best.parameters_at_bound
        ));
    }
    if scores.failed_trials > 0 {
        warnings.push(format!(
            "{} trials could not be predicted: their solve failed",
            scores.failed_trials
        ));
    }
    let seconds = begin.elapsed().as_secs_f64();
    Ok(FitResult {
        theta,
        l2,
        best,
        starts,
        ladder,
        scores,
        gradient_check,
        warnings,
        seconds,
    })
}

/// The penalties to try.
fn ladder(plan: &FitPlan) -> Vec<f64> {
    match plan.config.l2.set() {
        Some(l2) => vec![l2.get()],
        None if plan.selects_by_valid() => L2_LADDER.to_vec(),
        None => vec![0.0],
    }
}

impl Rung {
    fn of(run: &Run) -> Rung {
        let outcome = run.outcome.as_ref().ok();
        Rung {
            l2: run.l2,
            cost: outcome.map_or(f64::NAN, |o| o.cost),
            cost_valid: outcome.and_then(|o| o.cost_valid).unwrap_or(f64::NAN),
        }
    }
}

/// Names the trial where a solve of several at `theta` failed: of each train trial alone, the first failure; `failure` itself
/// where it names one already, or none fails alone.
pub fn locate_failure(
    plan: &FitPlan,
    dataset: &Dataset,
    theta: &[f64],
    failure: SolveFailure,
) -> SolveFailure {
    let alone = || -> Option<SolveFailure> {
        let objective = plan.objective(dataset, 0.0).ok()?;
        let at = objective.unpack(theta).ok()?;
        let trials = plan.batches(dataset, Split::Train, 1, false).ok()?;
        trials.iter().find_map(
            |trial| match objective.solve(&at, trial, &objective.integrator) {
                Err(failure) => Some(failure),
                Ok(solved) if solved.sum_of_squares().is_finite() => None,
                Ok(_) => {
                    let mut failure =
                        SolveFailure::new("predictions grow beyond what a number can hold");
                    failure.trial = Some(trial.trials[0]);
                    Some(failure)
                }
            },
        )
    };
    match failure.trial {
        Some(_) => failure,
        None => alone().unwrap_or(failure),
    }
}

struct Counter {
    done: AtomicUsize,
    total: usize,
}

/// Runs the optimizer from every (start, penalty), side by side; the results come in that order.
fn run_all(
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    counter: &Counter,
    tasks: &[(usize, f64)],
) -> Result<Vec<Run>, FitError> {
    let runs: Vec<_> = tasks
        .par_iter()
        .map(|&(start, l2)| -> Result<Run, FitError> {
            let objective = plan.objective(dataset, l2)?.graded();
            let theta = plan.start(dataset, start)?;
            let max_iterations = plan.optimizer.stopping.max_iterations;
            let report = |record: &IterationRecord| {
                (control.progress)(&Position {
                    starts_done: counter.done.load(Ordering::Relaxed),
                    starts: counter.total,
                    iteration: record.iteration,
                    max_iterations,
                    cost: record.cost,
                    gradient_norm: record.gradient_norm,
                });
            };
            let watch = optimizer::Control {
                stop: Some(control.stop),
                deadline: control.deadline,
                on_iteration: Some(&report),
            };
            let outcome =
                minimize(&objective, &theta, &plan.optimizer, &watch).map_err(
                    |error| match error {
                        MinimizeError::Start(failure) => {
                            MinimizeError::Start(locate_failure(plan, dataset, &theta, failure))
                        }
                        other => other,
                    },
                );
            counter.done.fetch_add(1, Ordering::Relaxed);
            Ok(Run { start, l2, outcome })
        })
        .collect();
    runs.into_iter().collect()
}

/// The best run: lowest validation cost where that decides, else lowest objective; the earlier of equals.
fn choose(plan: &FitPlan, runs: &[Run]) -> Option<usize> {
    let key = |run: &Run| -> Option<f64> {
        let outcome = run.outcome.as_ref().ok()?;
        if plan.selects_by_valid() {
            outcome.cost_valid
        } else {
            Some(outcome.objective)
        }
    };
    let scored = runs
        .iter()
        .enumerate()
        .filter_map(|(at, run)| Some((at, key(run)?)));
    let best = scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
    best.or_else(|| runs.iter().position(|run| run.outcome.is_ok()))
}

fn is_stopped(control: &Control<'_>) -> bool {
    let late = control
        .deadline
        .is_some_and(|deadline| Instant::now() >= deadline);
    control.stop.load(Ordering::Relaxed) || late
}

impl FitResult {
    /// Why the best start stopped.
    pub fn termination(&self) -> Termination {
        self.best.termination
    }

    /// Scores by split.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }
}
