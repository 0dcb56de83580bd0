//! The objective as the solvers see it: counted, checked for NaN, and stoppable.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use argmin::core::{Error, KV, Problem};

use super::gauss_newton::LocalModel;
use super::monitor::IterationRecord;
use super::problem::{Evaluation, Objective, Value};
use super::settings::Stopping;
use super::state::{Point, RunState, Tally};
use super::termination::Termination;
use super::{AnySolver, Snapshot, SolveFailure, vector};

/// Makes a snapshot, for a caller who wants one now.
pub type TakeSnapshot<'t> = &'t dyn Fn() -> Snapshot;

/// What the caller can do to a running optimizer. None of it touches the iterates: a run that is
/// stopped holds the same bits as a longer one held at that iteration.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Stops the run (`interrupted`) once set.
    pub stop: Option<&'a AtomicBool>,
    /// Stops the run (`time_limit`) once passed.
    pub deadline: Option<Instant>,
    /// Is told of the starting point and of each iteration.
    pub on_iteration: Option<&'a (dyn Fn(&IterationRecord) + Sync)>,
    /// Is offered the state after the starting point and after each iteration of a run that goes on.
    pub on_state: Option<&'a (dyn Fn(TakeSnapshot<'_>) + Sync)>,
}

impl Control<'_> {
    fn asks_to_stop(&self) -> Option<Termination> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Some(Termination::Interrupted);
        }
        let passed = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        passed.then_some(Termination::TimeLimit)
    }
}

/// How an iteration ended.
pub(super) enum Step {
    /// At a new point.
    Moved(Point),
    /// No step lowers the objective by an amount that doubles can tell.
    Stalled,
    /// The solve failed at every step tried, however short.
    Failed,
    /// The caller asked to stop midway; nothing has changed.
    Stopped(Termination),
}

/// One iteration of an optimizer from a point.
pub(super) trait Iterate: Clone {
    fn iterate<'a>(&mut self, watched: &mut Watched<'a>, point: &Point) -> Step;

    /// Evaluates the starting point.
    fn evaluate_start(
        &mut self,
        watched: &mut Watched<'_>,
        theta: &[f64],
    ) -> Result<Evaluation, SolveFailure> {
        watched.evaluate(theta)
    }

    /// The solver as a snapshot holds it.
    fn stored(self) -> AnySolver;
}

/// The problem type of argmin's `Executor`.
pub struct Watched<'a> {
    objective: &'a dyn Objective,
    stopping: &'a Stopping,
    control: &'a Control<'a>,
    started: Instant,
    tally: Tally,
    /// Whether a solve was ended by the caller: what follows from it must not count.
    halted: bool,
    /// Quadratic model at the current point, kept between iterations but never stored: it follows
    /// from the point.
    pub(super) model: Option<LocalModel<'a>>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        objective: &'a dyn Objective,
        stopping: &'a Stopping,
        control: &'a Control<'a>,
    ) -> Self {
        Self {
            objective,
            stopping,
            control,
            started: Instant::now(),
            tally: Tally::default(),
            halted: false,
            model: None,
        }
    }

    pub(super) fn objective(&self) -> &'a dyn Objective {
        self.objective
    }

    pub(super) fn asks_to_stop(&self) -> Option<Termination> {
        self.control.asks_to_stop()
    }

    pub(super) fn max_iterations(&self) -> u64 {
        self.stopping.max_iterations
    }

    pub(super) fn value(&mut self, theta: &[f64]) -> Result<Value, SolveFailure> {
        let value = self.objective.value(theta).and_then(|value| {
            check_finite(value.objective, &[])?;
            Ok(value)
        });
        self.count(value, |value| value.rhs_evaluations)
    }

    pub(super) fn evaluate(&mut self, theta: &[f64]) -> Result<Evaluation, SolveFailure> {
        let evaluation = self.objective.evaluate(theta).and_then(|evaluation| {
            check_finite(evaluation.objective, &evaluation.gradient)?;
            Ok(evaluation)
        });
        self.count(evaluation, |evaluation| evaluation.rhs_evaluations)
    }

    pub(super) fn local_model(
        &mut self,
        theta: &[f64],
        dense: bool,
    ) -> Result<LocalModel<'a>, SolveFailure> {
        let model = LocalModel::at(self.objective, theta, dense).and_then(|model| {
            let evaluation = model.evaluation();
            check_finite(evaluation.objective, &evaluation.gradient)?;
            Ok(model)
        });
        self.count(model, |model| model.evaluation().rhs_evaluations)
    }

    pub(super) fn count_rhs(&mut self, rhs_evaluations: u64) {
        self.tally.rhs_evaluations += rhs_evaluations;
    }

    pub(super) fn count_failure(&mut self, failure: &SolveFailure) {
        self.halted |= failure.halted;
        self.tally.rejected_solves += 1;
    }

    fn valid_cost(&mut self, theta: &[f64]) -> Option<Result<f64, SolveFailure>> {
        let cost = self.objective.valid_cost(theta);
        if let Some(Err(failure)) = &cost {
            self.halted |= failure.halted;
        }
        cost
    }

    /// Makes what was counted part of the run.
    fn hand_over_counts(&mut self, state: &mut RunState) {
        state.tally.add(std::mem::take(&mut self.tally));
    }

    /// Forgets what was counted since the counts were last handed over.
    pub(super) fn forget_counts(&mut self) {
        self.tally = Tally::default();
    }

    fn count<T>(
        &mut self,
        answer: Result<T, SolveFailure>,
        rhs_evaluations: impl Fn(&T) -> u64,
    ) -> Result<T, SolveFailure> {
        match &answer {
            Ok(answer) => self.count_rhs(rhs_evaluations(answer)),
            Err(failure) => self.count_failure(failure),
        }
        answer
    }

    /// Goes over to the finer objective; `false` where there is none.
    pub(super) fn take_finer(&mut self) -> bool {
        let Some(finer) = self.objective.finer() else {
            return false;
        };
        self.objective = finer;
        self.model = None;
        true
    }

    fn projected_gradient_norm(&self, point: &Point) -> f64 {
        let bounds = self.objective.bounds();
        vector::largest(&bounds.projected_gradient(&point.theta, &point.gradient))
    }

    /// Whether the gradient at the point of `state` is too inaccurate to go on with. Looked at after 1, 2, 4, 8, .. iterations: it
    /// changes slowly, and looking costs some gradients.
    fn is_too_rough(&mut self, state: &mut RunState) -> bool {
        let iterations = state.iterations();
        let is_due = iterations.is_power_of_two() && iterations > state.looked_at;
        if self.objective.finer().is_none() || !is_due {
            return false;
        }
        state.looked_at = iterations;
        let error = state
            .point
            .as_ref()
            .map(|point| self.objective.gradient_error(&point.theta, &point.gradient));
        if let Some(Err(failure)) = &error {
            self.halted |= failure.halted;
        }
        // no estimate is no reason to trust the gradient
        !matches!(error, Some(Ok(error)) if error <= TOLERATED_ERROR)
    }

    /// The values that `state` holds, anew by the finer objective that was just taken.
    fn reevaluate<S: Iterate>(
        &mut self,
        solver: &mut S,
        state: &mut RunState,
    ) -> Result<(), SolveFailure> {
        if let Some(kept) = state.monitor.kept.as_mut() {
            let value = self.value(&kept.theta)?;
            (kept.objective, kept.cost) = (value.objective, value.cost);
            if let Some(valid) = self.valid_cost(&kept.theta) {
                kept.cost_valid = valid.ok().filter(|cost| cost.is_finite());
            }
        }
        if let Some(theta) = state.point.as_ref().map(|point| point.theta.clone()) {
            let evaluation = solver.evaluate_start(self, &theta)?;
            let point = Point::new(theta, evaluation);
            let gradient_norm = self.projected_gradient_norm(&point);
            let valid = self.valid_cost(&point.theta).and_then(Result::ok);
            state.monitor.correct_last(&point, valid, gradient_norm);
            state.point = Some(point);
        }
        state.refined += 1;
        Ok(())
    }

    /// Goes over to the finer objective where this one has done what it can: it has nothing left to gain, its gradient is too
    /// rough, or the run ends by itself and its result is to be the finer one's.
    fn refine_where_due<S: Iterate>(&mut self, solver: &mut S, state: &mut RunState) {
        loop {
            let (due, goes_on) = match state.termination {
                None => (self.is_too_rough(state), true),
                Some(Termination::Gradient | Termination::Cost | Termination::SolverFailure) => {
                    (true, true)
                }
                Some(Termination::EarlyStopping) => (true, false),
                // a run that was cut short may be resumed, and must then go on as it would have
                Some(
                    Termination::MaxIterations | Termination::Interrupted | Termination::TimeLimit,
                ) => (false, false),
            };
            if !due || !self.take_finer() {
                return;
            }
            if self.reevaluate(solver, state).is_err() {
                state.end(Termination::SolverFailure);
                return;
            }
            if goes_on {
                state.go_on();
            }
        }
    }

    fn record(&mut self, state: &mut RunState, point: Point) {
        let validated = self.valid_cost(&point.theta);
        let has_validation = validated.is_some();
        let cost_valid = match validated {
            Some(Ok(cost)) if cost.is_finite() => Some(cost),
            Some(_) => {
                state.monitor.validation_failures += 1;
                None
            }
            None => None,
        };
        self.hand_over_counts(state);
        let tally = std::mem::take(&mut state.tally);
        let before = state.monitor.history.last();
        let (tau_s, tau_r) = self.objective.time_constants(&point.theta);
        let record = IterationRecord {
            iteration: before.map_or(0, |last| last.iteration + 1),
            objective: point.objective,
            cost: point.cost,
            cost_valid,
            gradient_norm: self.projected_gradient_norm(&point),
            step_length: state.point.as_ref().map_or(0.0, |from| {
                vector::norm(&vector::difference(&point.theta, &from.theta))
            }),
            seconds: state.seconds + self.started.elapsed().as_secs_f64(),
            rhs_evaluations: before.map_or(0, |last| last.rhs_evaluations) + tally.rhs_evaluations,
            rejected_solves: before.map_or(0, |last| last.rejected_solves) + tally.rejected_solves,
            tau_s,
            tau_r,
        };
        if let Some(tell) = self.control.on_iteration {
            tell(&record);
        }
        let early_stopping = self.stopping.early_stopping;
        state
            .monitor
            .record(record, &point.theta, has_validation, early_stopping);
        state.point = Some(point);
        let verdict = state.monitor.verdict(self.stopping);
        if let Some(termination) = verdict.or_else(|| self.asks_to_stop()) {
            state.end(termination);
        }
    }
}

/// Largest relative error of a gradient that is still a direction to go.
const TOLERATED_ERROR: f64 = 0.1;

fn check_finite(objective: f64, gradient: &[f64]) -> Result<(), SolveFailure> {
    if !objective.is_finite() {
        return Err(SolveFailure::new(format!(
            "the objective is {objective} at this point"
        )));
    }
    match gradient.iter().position(|slope| !slope.is_finite()) {
        Some(i) => Err(SolveFailure::new(format!(
            "component {i} of the gradient is {} at this point",
            gradient[i]
        ))),
        None => Ok(()),
    }
}

/// Does `work` wholly or, where the caller ends a solve of it, not at all: then the run ends where it stood before.
fn whole<S: Iterate>(
    watched: &mut Watched<'_>,
    solver: &mut S,
    state: &mut RunState,
    work: impl FnOnce(&mut Watched<'_>, &mut S, &mut RunState) -> Result<(), Error>,
) -> Result<(), Error> {
    let before = (solver.clone(), state.mark());
    let done = work(watched, solver, state);
    if watched.halted {
        *solver = before.0;
        state.return_to(before.1);
        watched.forget_counts();
        let asked = watched.asks_to_stop();
        state.end(asked.unwrap_or(Termination::Interrupted));
        return Ok(());
    }
    done?;
    watched.hand_over_counts(state);
    if let (Some(offer), None) = (watched.control.on_state, state.termination) {
        offer(&|| Snapshot {
            solver: solver.clone().stored(),
            state: state.clone(),
        });
    }
    Ok(())
}

/// Evaluates and records the starting point; what every solver's `init` does.
pub(super) fn begin<S: Iterate>(
    solver: &mut S,
    problem: &mut Problem<Watched<'_>>,
    mut state: RunState,
) -> Result<(RunState, Option<KV>), Error> {
    let watched = watched(problem)?;
    // argmin calls `init` again when a run that was stopped at its starting point is resumed.
    if state.point.is_none() {
        whole(watched, solver, &mut state, |watched, solver, state| {
            let start = watched.objective.bounds().project(&state.start);
            let evaluation = solver.evaluate_start(watched, &start)?;
            watched.record(state, Point::new(start, evaluation));
            watched.refine_where_due(solver, state);
            Ok(())
        })?;
    }
    Ok((state, None))
}

/// Does and records one iteration; what every solver's `next_iter` does.
pub(super) fn advance<S: Iterate>(
    solver: &mut S,
    problem: &mut Problem<Watched<'_>>,
    mut state: RunState,
) -> Result<(RunState, Option<KV>), Error> {
    whole(watched(problem)?, solver, &mut state, iteration)?;
    Ok((state, None))
}

fn iteration<S: Iterate>(
    watched: &mut Watched<'_>,
    solver: &mut S,
    state: &mut RunState,
) -> Result<(), Error> {
    // what a run that was stopped here has not done yet
    watched.refine_where_due(solver, state);
    if state.termination.is_some() {
        return Ok(());
    }
    watched.hand_over_counts(state);
    let point = state
        .point
        .as_ref()
        .ok_or_else(|| Error::msg("an iteration was asked for before the starting point"))?;
    let before = solver.clone();
    let step = match watched.asks_to_stop() {
        Some(termination) => Step::Stopped(termination),
        None => solver.iterate(watched, point),
    };
    match step {
        Step::Moved(point) => watched.record(state, point),
        Step::Stalled => state.end(Termination::Cost),
        Step::Failed => state.end(Termination::SolverFailure),
        Step::Stopped(termination) => {
            // The interrupted iteration is done anew when the run is resumed.
            *solver = before;
            watched.forget_counts();
            state.end(termination);
        }
    }
    watched.refine_where_due(solver, state);
    Ok(())
}

fn watched<'p, 'a>(problem: &'p mut Problem<Watched<'a>>) -> Result<&'p mut Watched<'a>, Error> {
    problem
        .problem
        .as_mut()
        .ok_or_else(|| Error::msg("the executor holds no problem"))
}
