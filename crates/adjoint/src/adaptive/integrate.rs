use super::equations::{Equations, LinearisedSystem, M, System, V, slice, slice_mut};
use super::linear_solver::EliminationSolver;
use crate::halt;
use crate::{AdaptiveMethod, Phase, SolveError, Statistics};
use diffsol::{
    Bdf, BdfState, NalgebraContext, OdeBuilder, OdeSolverMethod, OdeSolverOptions,
    OdeSolverProblem, OdeSolverState, OdeSolverStopReason, Sdirk, Tableau, Vector,
};

/// Newton iterations of the implicit methods end at this fraction of the error that a step may make: the
/// default of 0.2 shows in gradients.
const NEWTON_TOLERANCE: f64 = 0.02;
/// Where the tolerance of a step is that of the solution; see [`step_rtol`].
const EQUAL_RTOL: f64 = 1e-4;
/// Round-off rules below.
const LEAST_RTOL: f64 = 1e-13;
/// No sensible solve takes more steps.
const MAX_STEPS: usize = 2_000_000;

/// One accepted step: state and derivative at both ends, in lanes.
pub(super) struct Step<'a> {
    pub(super) t0: f64,
    pub(super) t1: f64,
    pub(super) y0: &'a [f64],
    pub(super) dy0: &'a [f64],
    pub(super) y1: &'a [f64],
    pub(super) dy1: &'a [f64],
}

/// What happens while a system is integrated.
pub(super) trait Observer<S> {
    /// After every accepted step.
    fn step(&mut self, system: &S, step: &Step<'_>);
    /// At stop number `index`, and with `index` 0 at the start: may change the state and what the system does
    /// from here on (the next smooth piece of the input).
    fn stop(&mut self, system: &S, index: usize, y: &mut [f64]);
}

/// What to integrate, from where, how accurately.
pub(super) struct Task<'a> {
    pub(super) phase: Phase,
    pub(super) method: AdaptiveMethod,
    pub(super) rtol: f64,
    /// Absolute tolerance by entry of a lane.
    pub(super) atol: &'a [f64],
    /// Initial state, in lanes.
    pub(super) y0: &'a [f64],
    pub(super) t0: f64,
    /// Increasing times beyond `t0` at which the integration stops exactly; it ends at the last.
    pub(super) stops: &'a [f64],
    /// The sign of true time against the integration's, with its origin: only for messages.
    pub(super) clock: (f64, f64),
}

impl Task<'_> {
    /// Below this a step is round-off of the times that stops are made of.
    fn least_step(&self) -> f64 {
        let end = self.stops.last().copied().unwrap_or(self.t0 + 1.0);
        let latest = true_time(self, self.t0)
            .abs()
            .max(true_time(self, end).abs());
        (1e-14 * (end - self.t0).abs()).max(f64::EPSILON * latest)
    }
}

/// Integrates `system` through all stops by the method of `task`.
pub(super) fn integrate<S: LinearisedSystem, O: Observer<S>>(
    system: S,
    task: &Task<'_>,
    observer: &mut O,
) -> Result<Statistics, SolveError> {
    let problem = match task.method {
        AdaptiveMethod::Tsit45 => return integrate_explicit(system, task, observer),
        _ => problem(system, task, observer)?,
    };
    let failed = |e: diffsol::DiffsolError| stalled(task, task.t0, 0.0, &e);
    let system = &problem.eqn.system;
    let linear_solver =
        EliminationSolver::new(system.network(), system.orientation(), system.n_lanes());
    let tableau = match task.method {
        AdaptiveMethod::TrBdf2 => Tableau::tr_bdf2(),
        AdaptiveMethod::Esdirk34 => Tableau::esdirk34(),
        AdaptiveMethod::Bdf | AdaptiveMethod::Tsit45 => {
            let state = BdfState::new(&problem, 1).map_err(failed)?;
            let solver = Bdf::<_, _>::new(&problem, state, linear_solver).map_err(failed)?;
            return Driver::new(task).run(solver, observer);
        }
    };
    let state = problem.rk_state(&tableau).map_err(failed)?;
    let solver = Sdirk::<_, _>::new(&problem, state, tableau, linear_solver).map_err(failed)?;
    Driver::new(task).run(solver, observer)
}

/// Integrates `system` through all stops by Tsit45, which asks for no Jacobian.
pub(super) fn integrate_explicit<S: System, O: Observer<S>>(
    system: S,
    task: &Task<'_>,
    observer: &mut O,
) -> Result<Statistics, SolveError> {
    debug_assert_eq!(task.method, AdaptiveMethod::Tsit45);
    let problem = problem(system, task, observer)?;
    let solver = problem
        .tsit45()
        .map_err(|e| stalled(task, task.t0, 0.0, &e))?;
    Driver::new(task).run(solver, observer)
}

/// The system with its tolerances, at its first stop.
fn problem<S: System, O: Observer<S>>(
    system: S,
    task: &Task<'_>,
    observer: &mut O,
) -> Result<OdeSolverProblem<Equations<S>>, SolveError> {
    let context = NalgebraContext::with_nbatch(system.n_lanes());
    // the first stop call decides what the system does from the start: before anything evaluates it
    let mut y0 = task.y0.to_vec();
    observer.stop(&system, 0, &mut y0);
    let rtol = step_rtol(task.method, task.rtol);
    let mut problem = OdeBuilder::<M>::new()
        .context(context)
        .rtol(rtol)
        .t0(task.t0)
        .build_from_eqn(Equations::new(system, &y0))
        .map_err(|e| stalled(task, task.t0, 0.0, &e))?;
    problem.ode_options = OdeSolverOptions {
        nonlinear_solver_tolerance: NEWTON_TOLERANCE,
        min_timestep: task.least_step(),
        max_nonlinear_solver_failures: usize::MAX,
        ..OdeSolverOptions::default()
    };
    // one lane of tolerances, which every trial shares
    let atol = task.atol.iter().map(|atol| atol * rtol / task.rtol);
    problem.atol = V::from_vec(atol.collect(), NalgebraContext::default());
    Ok(problem)
}

/// Relative tolerance of one step for an error of the solution in proportion to `rtol`.
///
/// A method of order p that keeps the error of each step at `e` takes steps of about `e^(1/(p+1))`, so many that the solution
/// is wrong by `e^(p/(p+1))` (Shampine 1994, *Numerical Solution of Ordinary Differential Equations*, section 7): at 1e-10 three
/// decades too much with order 2. Hence `e = rtol^((p+1)/p)`, equal at [`EQUAL_RTOL`] and not above. With order 4 and more the
/// difference is small, and BDF changes its order.
fn step_rtol(method: AdaptiveMethod, rtol: f64) -> f64 {
    let order = match method {
        AdaptiveMethod::TrBdf2 => 2.0,
        AdaptiveMethod::Esdirk34 => 3.0,
        AdaptiveMethod::Tsit45 | AdaptiveMethod::Bdf => return rtol,
    };
    let proportional = rtol * (rtol / EQUAL_RTOL).min(1.0).powf(1.0 / order);
    proportional.max(LEAST_RTOL).min(rtol)
}

fn stalled(task: &Task<'_>, t: f64, step: f64, reason: &diffsol::DiffsolError) -> SolveError {
    SolveError::Stalled {
        phase: task.phase,
        time: true_time(task, t),
        step,
        reason: format!(
            "{reason}; loosen the tolerance, bound the weights, raise the lower bound of the time constants, or choose another method"
        ),
    }
}

fn true_time(task: &Task<'_>, t: f64) -> f64 {
    let (sign, origin) = task.clock;
    origin + sign * t
}

/// Steps one solver from stop to stop.
struct Driver<'a> {
    task: &'a Task<'a>,
    /// State and derivative at the start of the step, and the derivative at its end.
    y: Vec<f64>,
    dy: Vec<f64>,
    dy_end: Vec<f64>,
}

impl<'a> Driver<'a> {
    fn new(task: &'a Task<'a>) -> Driver<'a> {
        let n = task.y0.len();
        Driver {
            task,
            y: vec![0.0; n],
            dy: vec![0.0; n],
            dy_end: vec![0.0; n],
        }
    }

    /// Whether the step size may be set between steps: a multistep method would restart.
    fn is_one_step(&self) -> bool {
        self.task.method != AdaptiveMethod::Bdf
    }

    fn run<'p, S, Solver, O>(
        mut self,
        mut solver: Solver,
        observer: &mut O,
    ) -> Result<Statistics, SolveError>
    where
        S: System + 'p,
        Solver: OdeSolverMethod<'p, Equations<S>>,
        O: Observer<S>,
    {
        let system = &solver.problem().eqn.system;
        let mut steps = 0;
        self.dy.copy_from_slice(slice(solver.state().dy));
        let least = self.task.least_step();
        for (index, &stop) in self.task.stops.iter().enumerate() {
            if stop - solver.state().t > least {
                self.set_stop(&mut solver, stop)?;
            }
            // stops may lie a rounding error apart, and equal steps end as much before a stop: no step crosses that
            while stop - solver.state().t > least {
                halt::check()?;
                let t = solver.state().t;
                self.y.copy_from_slice(slice(solver.state().y));
                if self.is_one_step() {
                    split_evenly(&mut solver, stop);
                }
                let h = solver.state().h;
                let reason = solver.step().map_err(|e| stalled(self.task, t, h, &e))?;
                steps += 1;
                if steps > MAX_STEPS {
                    let time = true_time(self.task, solver.state().t);
                    return Err(SolveError::TooManySteps {
                        phase: self.task.phase,
                        steps,
                        time,
                    });
                }
                self.accepted(system, &solver, t, observer)?;
                if matches!(reason, OdeSolverStopReason::TstopReached) {
                    break;
                }
            }
            self.pass_stop(system, &mut solver, index + 1, stop, observer);
        }
        let statistics = solver.get_statistics();
        Ok(Statistics {
            rhs_evaluations: 0,
            steps: steps as u64,
            rejected: (statistics.number_of_error_test_failures
                + statistics.number_of_nonlinear_solver_fails) as u64,
        })
    }

    fn set_stop<'p, S, Solver>(&mut self, solver: &mut Solver, stop: f64) -> Result<(), SolveError>
    where
        S: System + 'p,
        Solver: OdeSolverMethod<'p, Equations<S>>,
    {
        let (t, h) = (solver.state().t, solver.state().h);
        // the first guess of diffsol may be zero or reach far beyond; what was left to the stop before may be round-off
        if !(h > self.task.least_step() && h <= stop - t) {
            *solver.state_mut().h = stop - t;
        }
        solver
            .set_stop_time(stop)
            .map_err(|e| stalled(self.task, t, h, &e))
    }

    fn accepted<'p, S, Solver, O>(
        &mut self,
        system: &S,
        solver: &Solver,
        t0: f64,
        observer: &mut O,
    ) -> Result<(), SolveError>
    where
        S: System + 'p,
        Solver: OdeSolverMethod<'p, Equations<S>>,
        O: Observer<S>,
    {
        let state = solver.state();
        let y1 = slice(state.y);
        // diffsol's maximum over lanes passes a NaN by: look ourselves
        if let Some(at) = y1.iter().position(|v| !v.is_finite()) {
            let n = system.lane_len();
            let time = true_time(self.task, state.t);
            return Err(SolveError::NotFinite {
                phase: self.task.phase,
                time,
                unit: at % n,
            });
        }
        if self.task.method == AdaptiveMethod::Tsit45 {
            // its last stage is the derivative at the end of the step
            self.dy_end.copy_from_slice(slice(state.dy));
        } else {
            system.rhs(state.t, y1, &mut self.dy_end);
        }
        let step = Step {
            t0,
            t1: state.t,
            y0: &self.y,
            dy0: &self.dy,
            y1,
            dy1: &self.dy_end,
        };
        observer.step(system, &step);
        std::mem::swap(&mut self.dy, &mut self.dy_end);
        Ok(())
    }

    /// Lets the observer change state and system at a stop, then restores what the solver carries over.
    fn pass_stop<'p, S, Solver, O>(
        &mut self,
        system: &S,
        solver: &mut Solver,
        index: usize,
        stop: f64,
        observer: &mut O,
    ) where
        S: System + 'p,
        Solver: OdeSolverMethod<'p, Equations<S>>,
        O: Observer<S>,
    {
        let state = solver.state_mut();
        *state.t = stop;
        observer.stop(system, index, slice_mut(state.y));
        // the derivative at the start of the next step is that of the next piece
        system.rhs(stop, slice(state.y), &mut self.dy);
        state
            .dy
            .copy_from(&V::from_slice(&self.dy, *state.dy.context()));
    }
}

/// Where the next step would leave a short remainder before the stop, two equal steps are taken instead; where it would leave
/// round-off, one that ends at the stop.
fn split_evenly<'p, S, Solver>(solver: &mut Solver, stop: f64)
where
    S: System + 'p,
    Solver: OdeSolverMethod<'p, Equations<S>>,
{
    let remaining = stop - solver.state().t;
    let h = solver.state().h;
    let n = (remaining / h - 1e-9).ceil();
    if h > 0.0 && h < remaining && n < 4.5 {
        *solver.state_mut().h = remaining / n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_orders_take_steps_for_an_error_in_proportion_to_the_tolerance() {
        let tr_bdf2 = step_rtol(AdaptiveMethod::TrBdf2, 1e-8);
        // the error of the solution, e^(2/3), falls as much as the tolerance does
        let from = step_rtol(AdaptiveMethod::TrBdf2, 1e-4);
        assert!(((tr_bdf2 / from).powf(2.0 / 3.0) / 1e-4 - 1.0).abs() < 1e-9);
        assert_eq!(step_rtol(AdaptiveMethod::TrBdf2, 1e-3), 1e-3);
        assert_eq!(step_rtol(AdaptiveMethod::Esdirk34, 1e-13), 1e-13);
        assert_eq!(step_rtol(AdaptiveMethod::Esdirk34, 1e-15), 1e-15);
        assert_eq!(step_rtol(AdaptiveMethod::Tsit45, 1e-10), 1e-10);
    }
}
