//! Optimizers behind argmin's `Executor`: Gauss-Newton, L-BFGS and Adam, all with bounds.
//!
//! A solver proposes steps, [`Objective`] answers with a value or a [`SolveFailure`], and the
//! monitor records, keeps the best iterate and decides when to stop. The three solvers are argmin
//! `Solver`s of our own, because argmin 0.11 has neither bounds nor Levenberg-Marquardt nor Adam,
//! and because its line searches take a failed solve for the end of the run where it should only
//! shorten the step. Iterates depend on neither clock nor chance.

mod adam;
mod arrow;
mod bounds;
mod failure;
mod gauss_newton;
mod lbfgs;
mod memory;
mod monitor;
mod problem;
mod settings;
mod state;
mod termination;
#[cfg(test)]
mod tests;
mod vector;
mod watched;

use argmin::core::{Error, Executor, OptimizationResult, Solver};

use serde::{Deserialize, Serialize};

pub use self::adam::Adam;
pub use self::arrow::{Arrow, Places};
pub use self::bounds::{Bounds, BoundsError};
pub use self::failure::SolveFailure;
pub use self::gauss_newton::GaussNewton;
pub use self::lbfgs::Lbfgs;
pub use self::monitor::{IterationRecord, Kept, Monitor};
pub use self::problem::{Evaluation, Linearization, NormalEquations, Objective, Value};
pub use self::settings::{
    AdamSettings, Algorithm, GaussNewtonSettings, LbfgsSettings, Optimizer, OptimizerSettings,
    SettingError, Stopping,
};
pub use self::state::{Point, RunState};
pub use self::termination::Termination;
pub use self::watched::{Control, TakeSnapshot, Watched};

/// Why a minimisation did not begin.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MinimizeError {
    /// The starting point has another number of parameters than the problem.
    #[error("the starting point has {got} parameters and the problem {expected}")]
    StartLength {
        /// Parameters of the starting point.
        got: usize,
        /// Parameters of the problem.
        expected: usize,
    },
    /// The starting point is not finite.
    #[error("parameter {parameter} of the starting point is {value}: start from finite numbers")]
    StartNotFinite {
        /// Parameter, counted from 0.
        parameter: usize,
        /// Its value.
        value: f64,
    },
    /// The solve failed at the starting point, where there is no step to shorten.
    #[error(
        "the solve failed at the starting point: {0}; start from another point or with smaller weights, loosen the tolerances, or use a method for stiff problems"
    )]
    Start(SolveFailure),
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A stored run does not belong to this problem.
    #[error(
        "the stored run has {got} parameters and the problem {expected}: resume it on the problem that it was begun on"
    )]
    SnapshotLength {
        /// Parameters of the stored run.
        got: usize,
        /// Parameters of the problem.
        expected: usize,
    },
    /// argmin's executor reported something else.
    #[error("the optimizer could not go on: {0}")]
    Executor(String),
}

/// A run that can be stored and resumed; all that later iterates depend on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    solver: AnySolver,
    state: RunState,
}

impl Snapshot {
    /// Completed iterations.
    pub fn iterations(&self) -> u64 {
        self.state.iterations()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnySolver {
    GaussNewton(GaussNewton),
    Lbfgs(Lbfgs),
    Adam(Adam),
}

/// What a minimisation found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters to write: best on the validation trials under early stopping, else those
    /// with the lowest objective.
    pub theta: Vec<f64>,
    /// The last iterate.
    pub theta_last: Vec<f64>,
    /// Iteration that `theta` came from; row of `history`.
    pub kept_iteration: u64,
    /// Objective at `theta`; NaN where the run was stopped before its starting point was evaluated.
    pub objective: f64,
    /// Cost on the train trials at `theta`.
    pub cost: f64,
    /// Cost on the validation trials at `theta`; `None` where there are none or their solve failed.
    pub cost_valid: Option<f64>,
    /// Largest absolute component of the projected gradient at `theta`.
    pub gradient_norm: f64,
    /// Number of parameters of `theta` that lie on a bound.
    pub parameters_at_bound: usize,
    /// Why the run ended.
    pub termination: Termination,
    /// Whether it ended because nothing was left to gain ([`Termination::converged`]).
    pub converged: bool,
    /// Completed iterations.
    pub iterations: u64,
    /// Solves that failed: those answered by a shorter step and those of validation trials.
    pub solver_failures: u64,
    /// One record an iteration, the starting point first.
    pub history: Vec<IterationRecord>,
    /// Where the run stands, for [`resume`].
    pub snapshot: Snapshot,
}

/// Minimises `objective` within its bounds from `start`, which is projected onto them.
///
/// A run that was stopped, failed on the way or did not converge is an [`Outcome`] too; its
/// `termination` says so.
///
/// # Errors
/// [`MinimizeError`] where the solve fails at the starting point, `start` has the wrong length or
/// is not finite, or a setting is out of range.
pub fn minimize(
    objective: &dyn Objective,
    start: &[f64],
    settings: &OptimizerSettings,
    control: &Control<'_>,
) -> Result<Outcome, MinimizeError> {
    settings.check()?;
    let expected = objective.n_parameters();
    if start.len() != expected {
        return Err(MinimizeError::StartLength {
            got: start.len(),
            expected,
        });
    }
    if let Some(parameter) = start.iter().position(|value| !value.is_finite()) {
        return Err(MinimizeError::StartNotFinite {
            parameter,
            value: start[parameter],
        });
    }
    let solver = match settings.algorithm.clone() {
        Algorithm::GaussNewton(own) => AnySolver::GaussNewton(GaussNewton::new(own)),
        Algorithm::Lbfgs(own) => AnySolver::Lbfgs(Lbfgs::new(own)),
        Algorithm::Adam(own) => AnySolver::Adam(Adam::new(own)),
    };
    let state = RunState::at(start.to_vec(), settings.stopping.max_iterations);
    dispatch(
        objective,
        Snapshot { solver, state },
        &settings.stopping,
        control,
    )
}

/// Goes on with a stored run; its iterates are the ones that the run would have had without the
/// interruption.
///
/// # Errors
/// [`MinimizeError::SnapshotLength`] where the run belongs to another problem, and as
/// [`minimize`] where it was stopped before its starting point was evaluated.
pub fn resume(
    objective: &dyn Objective,
    snapshot: Snapshot,
    stopping: &Stopping,
    control: &Control<'_>,
) -> Result<Outcome, MinimizeError> {
    let Snapshot { solver, state } = checked(objective, snapshot)?;
    let state = state.reopened(stopping.max_iterations);
    dispatch(objective, Snapshot { solver, state }, stopping, control)
}

/// What a run found that had ended, for a reason that is known, when its `snapshot` was stored.
///
/// # Errors
/// [`MinimizeError::SnapshotLength`] where the run belongs to another problem.
pub fn restore(
    objective: &dyn Objective,
    snapshot: Snapshot,
    termination: Termination,
) -> Result<Outcome, MinimizeError> {
    let Snapshot { solver, mut state } = checked(objective, snapshot)?;
    state.end(termination);
    outcome(objective, solver, state)
}

/// The snapshot, where it is of this problem.
fn checked(objective: &dyn Objective, snapshot: Snapshot) -> Result<Snapshot, MinimizeError> {
    let got = snapshot.state.start.len();
    let expected = objective.n_parameters();
    if got == expected {
        Ok(snapshot)
    } else {
        Err(MinimizeError::SnapshotLength { got, expected })
    }
}

fn dispatch(
    objective: &dyn Objective,
    Snapshot { solver, state }: Snapshot,
    stopping: &Stopping,
    control: &Control<'_>,
) -> Result<Outcome, MinimizeError> {
    let mut watched = Watched::new(objective, stopping, control);
    for _ in 0..state.refined {
        watched.take_finer();
    }
    match solver {
        AnySolver::GaussNewton(solver) => run(watched, solver, state),
        AnySolver::Lbfgs(solver) => run(watched, solver, state),
        AnySolver::Adam(solver) => run(watched, solver, state),
    }
}

fn run<'a, S>(watched: Watched<'a>, solver: S, state: RunState) -> Result<Outcome, MinimizeError>
where
    S: Solver<Watched<'a>, RunState> + watched::Iterate,
{
    let objective = watched.objective();
    // Ctrl-C belongs to the program, which sets the flag of `Control`.
    let OptimizationResult { solver, state, .. } = Executor::new(watched, solver)
        .configure(|_| state)
        .ctrlc(false)
        .run()
        .map_err(start_failure)?;
    outcome(objective, solver.stored(), state)
}

fn start_failure(error: Error) -> MinimizeError {
    match error.downcast::<SolveFailure>() {
        Ok(failure) => MinimizeError::Start(failure),
        Err(error) => MinimizeError::Executor(error.to_string()),
    }
}

fn outcome(
    objective: &dyn Objective,
    solver: AnySolver,
    state: RunState,
) -> Result<Outcome, MinimizeError> {
    let missing = |what: &str| MinimizeError::Executor(format!("it ended without {what}"));
    let termination = state.termination.ok_or_else(|| missing("a reason"))?;
    let bounds = objective.bounds();
    let kept = match state.monitor.kept.clone() {
        Some(kept) => kept,
        None => Kept::unevaluated(bounds.project(&state.start)),
    };
    let last = state.point.as_ref().map(|point| point.theta.clone());
    let rejected = state
        .monitor
        .history
        .last()
        .map_or(0, |r| r.rejected_solves);
    Ok(Outcome {
        parameters_at_bound: bounds.count_at_bound(&kept.theta),
        theta_last: last.unwrap_or_else(|| kept.theta.clone()),
        theta: kept.theta,
        kept_iteration: kept.iteration,
        objective: kept.objective,
        cost: kept.cost,
        cost_valid: kept.cost_valid,
        gradient_norm: kept.gradient_norm,
        termination,
        converged: termination.converged(),
        iterations: state.iterations(),
        solver_failures: rejected + state.monitor.validation_failures,
        history: state.monitor.history.clone(),
        snapshot: Snapshot { solver, state },
    })
}
