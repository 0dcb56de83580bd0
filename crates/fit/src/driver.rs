//! One fit from plan to result: penalties, starts, the choice among them, scores.

mod bins;
mod judge;
mod provenance;
mod score;
mod session;
mod write;

use self::session::{Session, Task, stop_warning};
use crate::checkpoint::Saving;
use crate::dataset::{Dataset, Split};
use crate::fast_loop;
use crate::identify::{self, Identification};
use crate::optimizer::{MinimizeError, Outcome, SolveFailure, Termination};
use crate::plan::{FitPlan, L2_LADDER, PlanError};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tauscope_adjoint::{Halt, HaltReason};
use thiserror::Error;

pub(crate) use provenance::now;
pub use provenance::{Provenance, shell_words};
pub use score::{CountScores, Predictions, Scores, ScoresBy};
pub use write::write_result;
pub(crate) use write::{Names, count, origin, parameters, real, splits};

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
    pub stop: &'a Arc<AtomicBool>,
    /// When to end with the best point so far.
    pub deadline: Option<Instant>,
    /// Called after every iteration of every run.
    pub progress: &'a (dyn Fn(&Position) + Sync),
    /// Called when a part of the judgement at its end begins.
    pub judging: &'a (dyn Fn(&identify::Position) + Sync),
    /// Where its state is saved.
    pub saving: Option<&'a Saving<'a>>,
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
    pub(crate) identification: Option<Identification>,
    pub(crate) warnings: Vec<String>,
    pub(crate) seconds: f64,
    /// What stopped the fit before its end.
    pub(crate) stopped: Option<HaltReason>,
}

/// Fits: the ladder of penalties on the first start where `l2` is auto, then all starts with the penalty that did best
/// on the validation trials, then scores of the best start, then its time constants judged where `identify` says so. In the caller's rayon pool.
///
/// A fit that is stopped ends within seconds with what it has; with [`Control::saving`] another one goes on from there, to
/// the same bits as if it had not been stopped.
///
/// # Errors
/// [`FitError`] where every start fails. A run that is stopped or does not converge is a result.
pub fn fit(
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Result<FitResult, FitError> {
    let ladder = ladder(plan);
    let n_starts = plan.config.starts.get();
    let session = Session::new(plan, dataset, control, ladder.len() + n_starts - 1);
    let rungs: Vec<_> = ladder.iter().map(|&l2| Task { start: 0, l2 }).collect();
    let mut first = session.run_all(&rungs)?;
    let chosen = choose(plan, &first).unwrap_or(0);
    let l2 = ladder[chosen];
    let tried = first.iter().map(Rung::of).collect();
    let mut stopped = session.stopped_in(&first);
    let others: Vec<_> = (1..n_starts).map(|start| Task { start, l2 }).collect();
    let mut starts = vec![first.swap_remove(chosen)];
    if starts[0].outcome.is_err() || stopped.is_none() {
        starts.extend(session.run_all(&others)?);
        stopped = session.stopped_in(&starts);
    }
    session.saver.finish(stopped.is_some());
    let best = choose(plan, &starts);
    let Some(best) = best
        .and_then(|at| starts[at].outcome.as_ref().ok())
        .cloned()
    else {
        return Err(all_failed(starts));
    };
    let best = session.evaluated(best, l2)?;
    let mut result = finish(&session, best, starts, tried, stopped)?;
    if result.stopped.is_none() {
        let judging = Instant::now();
        if let Some(reason) = judge::judge(&mut result, plan, dataset, control) {
            result.stopped = Some(reason);
            result.warnings.push(stop_warning(reason));
            session.saver.finish(true);
        }
        result.seconds += judging.elapsed().as_secs_f64();
    }
    Ok(result)
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
    session: &Session<'_>,
    best: Outcome,
    starts: Vec<Run>,
    ladder: Vec<Rung>,
    mut stopped: Option<HaltReason>,
) -> Result<FitResult, FitError> {
    let (plan, dataset) = (session.plan, session.dataset);
    let theta = best.theta.clone();
    let l2 = starts[0].l2;
    let late = session.halt.with_grace(session.grace(&best, stopped));
    let objective = plan.objective(dataset, l2)?.watched_by(&late);
    let scores = score::scores(plan, dataset, &objective, &theta)?;
    let gradient_check = score::gradient_check(&objective, &theta, plan.config.seed);
    let mut warnings = plan.warnings.clone();
    if let Some(reason) = stopped {
        warnings.push(stop_warning(reason));
    }
    if let Some(reason) = late.asks() {
        let unchecked = gradient_check.iter().any(|(_, value)| value.is_nan());
        if scores.are_cut() || unchecked {
            stopped = Some(reason);
            warnings.push(cut_warning(scores.are_cut(), unchecked));
        }
    }
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
    warnings.extend(bins::warning(plan, dataset, &theta));
    if let Ok(network) = plan.layout().network(&theta) {
        warnings.extend(fast_loop::warning(&network, plan.integrator(), dataset));
    }
    if scores.failed_trials > 0 {
        warnings.push(format!(
            "{} trials could not be predicted: their solve failed",
            scores.failed_trials
        ));
    }
    let seconds = session.saver.seconds();
    Ok(FitResult {
        theta,
        l2,
        best,
        starts,
        ladder,
        scores,
        gradient_check,
        identification: None,
        warnings,
        seconds,
        stopped,
    })
}

fn cut_warning(scores: bool, check: bool) -> String {
    let what = match (scores, check) {
        (true, true) => "predictions, scores and gradient check",
        (true, false) => "predictions and scores",
        (false, _) => "the gradient check",
    };
    format!(
        "no time was left for {what}: scores that are missing are NaN, and `tauscope simulate` predicts from the result"
    )
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
    halt: &Halt,
) -> SolveFailure {
    let alone = || -> Option<SolveFailure> {
        let objective = plan.objective(dataset, 0.0).ok()?.watched_by(halt);
        let at = objective.unpack(theta).ok()?;
        let trials = plan.batches(dataset, Split::Train, 1, false).ok()?;
        trials.iter().find_map(
            |trial| match objective.solve(&at, trial, &objective.integrator) {
                Err(failure) => (!failure.halted).then_some(failure),
                Ok(solved) if solved.loss.is_finite() => None,
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

impl FitResult {
    /// Why the best start stopped.
    pub fn termination(&self) -> Termination {
        self.best.termination
    }

    /// What stopped the fit before its end; then another one can go on from its checkpoint.
    pub fn stopped(&self) -> Option<HaltReason> {
        self.stopped
    }

    /// Scores by split.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }
}
