//! Fixed-step methods, with the exact derivatives of what they compute.
//!
//! The transpose of every step makes the gradient of the discretised problem (backpropagation through
//! time), which agrees with differences to round-off whatever the step; its tangent makes the Jacobian.
//! The tape holds the state before every step; stages are computed again on the way back.

mod drive;
mod forcing;
mod grid;
mod implicit;
mod relaxation;
mod runge_kutta;
mod scheme;

use crate::forward::{Cotangents, Tape};
use crate::halt;
use crate::{Adjoint, Direction, FixedStepMethod, Phase, Sensitivities, SolveError};
use crate::{Statistics, Trajectory};
use drive::Drives;
use forcing::Forcing;
pub(crate) use grid::{Grid, Step};
use scheme::{GradientSum, NewtonFailure, Scheme};
use tauscope_dynamics::{InputSignal, ModelKind, RateNetwork};

/// What a backward solve needs: the steps, and the state at every node between them.
#[derive(Debug, Clone)]
pub(crate) struct StepTape {
    method: FixedStepMethod,
    grid: Grid,
    /// State-shaped slices, one a node.
    states: Vec<f64>,
}

impl StepTape {
    fn new(
        method: FixedStepMethod,
        grid: Grid,
        y0: &[f64],
        start: f64,
    ) -> Result<StepTape, SolveError> {
        let len = (grid.steps.len() + 1).saturating_mul(y0.len());
        let mut states = Vec::new();
        if states.try_reserve_exact(len).is_err() {
            return Err(SolveError::Stalled {
                phase: Phase::Forward,
                time: start,
                step: grid.steps.first().map_or(0.0, |step| step.h),
                reason: format!(
                    "{} steps of {} numbers do not fit in memory",
                    grid.steps.len(),
                    y0.len()
                ),
            });
        }
        states.extend_from_slice(y0);
        states.resize(len, 0.0);
        Ok(StepTape {
            method,
            grid,
            states,
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.states[..]) + size_of_val(&self.grid.steps[..])
    }

    fn node(&self, n: usize) -> &[f64] {
        let len = self.states.len() / (self.grid.steps.len() + 1);
        &self.states[n * len..(n + 1) * len]
    }
}

/// See [`crate::forward`].
pub(crate) fn forward(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    t_eval: &[f64],
    method: FixedStepMethod,
    grid: Grid,
) -> Result<Trajectory, SolveError> {
    let mut solve = Solve::new(network, input, method, Phase::Forward);
    solve.check_finite(y0, input.start())?;
    let mut tape = StepTape::new(method, grid, y0, input.start())?;
    let len = y0.len();
    for (n, step) in tape.grid.steps.iter().enumerate() {
        halt::check()?;
        let (done, rest) = tape.states.split_at_mut((n + 1) * len);
        let (y0, y1) = (&done[n * len..], &mut rest[..len]);
        let taken = solve.scheme.advance(step, &mut solve.drives, y0, y1);
        solve.reached(taken, step)?;
        if tape.grid.completes_interval(n) {
            solve.check_finite(y1, step.t1)?;
        }
    }
    let statistics = solve.statistics(&tape.grid);
    Ok(trajectory(
        network,
        t_eval,
        tape,
        input.n_trials(),
        statistics,
    ))
}

fn trajectory(
    network: &RateNetwork,
    t_eval: &[f64],
    tape: StepTape,
    n_trials: usize,
    statistics: Statistics,
) -> Trajectory {
    let block_len = network.shape(n_trials).block_len();
    let mut states = Vec::new();
    let mut rates = vec![0.0; block_len * t_eval.len()];
    for (&node, rates) in tape
        .grid
        .eval_nodes
        .iter()
        .zip(rates.chunks_exact_mut(block_len))
    {
        states.extend_from_slice(tape.node(node));
        network.rates(tape.node(node), rates);
    }
    Trajectory {
        t_eval: t_eval.to_vec(),
        states,
        rates,
        block_len,
        statistics,
        tape: Tape::Steps(tape),
    }
}

/// See [`crate::backward`].
pub(crate) fn backward(
    network: &RateNetwork,
    input: &InputSignal,
    trajectory: &Trajectory,
    tape: &StepTape,
    cotangents: &Cotangents<'_>,
) -> Result<Adjoint, SolveError> {
    let n_trials = input.n_trials();
    let mut solve = Solve::new(network, input, tape.method, Phase::Backward);
    let mut sum = GradientSum::new(network, n_trials);
    let mut adjoint = match cotangents.end {
        Some(end) => end.to_vec(),
        None => vec![0.0; network.shape(n_trials).len()],
    };
    let block = trajectory.block_len;
    // the grid ends with the last evaluation
    for node in (0..=tape.grid.steps.len()).rev() {
        halt::check()?;
        if let Some(step) = tape.grid.steps.get(node) {
            let (y0, y1) = (tape.node(node), tape.node(node + 1));
            let drives = &mut solve.drives;
            let taken = solve
                .scheme
                .pull_back(step, drives, y0, y1, &mut adjoint, &mut sum);
            solve.reached(taken, step)?;
            if node == 0 || tape.grid.completes_interval(node - 1) {
                solve.check_finite(&adjoint, step.t0)?;
            }
        }
        for j in tape.grid.evaluations_at(node) {
            let cotangent = &cotangents.rates[j * block..(j + 1) * block];
            network.rates_vjp(tape.node(node), cotangent, &mut adjoint);
        }
    }
    Ok(Adjoint {
        gradient: sum.finish(),
        initial_state: adjoint,
        statistics: solve.statistics(&tape.grid),
    })
}

/// See [`crate::sensitivities`].
pub(crate) fn sensitivities(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    directions: &[Direction],
    method: FixedStepMethod,
    grid: &Grid,
) -> Result<Sensitivities, SolveError> {
    let mut solve = Solve::new(network, input, method, Phase::Sensitivities);
    let mut forcing = Forcing::new(network, directions, input.n_trials());
    let mut tangent = forcing.initial();
    let (mut y, mut y1) = (y0.to_vec(), vec![0.0; y0.len()]);
    let mut rates = Vec::new();
    solve.check_finite(&y, input.start())?;
    solve.check_finite(&tangent, input.start())?;
    for node in 0..=grid.steps.len() {
        halt::check()?;
        for _ in grid.evaluations_at(node) {
            push_rates(network, input.n_trials(), &y, &tangent, &mut rates);
        }
        let Some(step) = grid.steps.get(node) else {
            break;
        };
        let drives = &mut solve.drives;
        let scheme = &mut solve.scheme;
        let taken = scheme.advance_tangent(step, drives, &y, &mut y1, &mut forcing, &mut tangent);
        solve.reached(taken, step)?;
        std::mem::swap(&mut y, &mut y1);
        if grid.completes_interval(node) {
            solve.check_finite(&y, step.t1)?;
            solve.check_finite(&tangent, step.t1)?;
        }
    }
    Ok(Sensitivities {
        rates,
        block_len: network.shape(input.n_trials()).block_len() * (1 + directions.len()),
        statistics: solve.statistics(grid),
    })
}

/// Appends the rates of `y`, then their derivatives along every direction of `tangent`.
fn push_rates(
    network: &RateNetwork,
    n_trials: usize,
    y: &[f64],
    tangent: &[f64],
    rates: &mut Vec<f64>,
) {
    let shape = network.shape(n_trials);
    let start = rates.len();
    rates.resize(start + shape.block_len(), 0.0);
    network.rates(y, &mut rates[start..]);
    if network.model() == ModelKind::Current {
        let slopes: Vec<f64> = y.iter().map(|&v| network.activation().slope(v)).collect();
        rates.extend(
            tangent
                .iter()
                .zip(slopes.iter().cycle())
                .map(|(t, s)| t * s),
        );
    } else {
        let split = tangent.len() / y.len() * shape.currents().end;
        rates.extend_from_slice(&tangent[split..]);
    }
}

/// A pass over the steps, in either direction.
struct Solve<'a> {
    scheme: Box<dyn Scheme + 'a>,
    drives: Drives<'a>,
    phase: Phase,
    n_units: usize,
}

impl<'a> Solve<'a> {
    fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        method: FixedStepMethod,
        phase: Phase,
    ) -> Self {
        Solve {
            scheme: scheme::scheme(method, network, input.n_trials()),
            drives: Drives::new(network, input, scheme::held_end(method)),
            phase,
            n_units: network.n_units(),
        }
    }

    fn reached(&self, taken: Result<(), NewtonFailure>, step: &Step) -> Result<(), SolveError> {
        taken.map_err(|failure| SolveError::Stalled {
            phase: self.phase,
            time: step.t0,
            step: step.h,
            reason: failure.to_string(),
        })
    }

    fn check_finite(&self, state: &[f64], time: f64) -> Result<(), SolveError> {
        match state.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(SolveError::NotFinite {
                phase: self.phase,
                time,
                unit: index % self.n_units,
            }),
        }
    }

    fn statistics(&self, grid: &Grid) -> Statistics {
        Statistics {
            rhs_evaluations: self.scheme.evaluations(),
            steps: grid.steps.len() as u64,
            rejected: 0,
        }
    }
}
