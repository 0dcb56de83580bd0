use crate::adaptive::{self, DenseTape};
use crate::exponential;
use crate::fixed_step::{self, StepTape};
use crate::{Direction, Integrator, SolveError};
use std::borrow::Cow;
use tauscope_dynamics::{Gradient, InputSignal, RateNetwork};

/// What a solve cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Evaluations of the right-hand side of one trial: trials x evaluations.
    pub rhs_evaluations: u64,
    /// Accepted steps.
    pub steps: u64,
    /// Rejected steps.
    pub rejected: u64,
}

impl std::ops::AddAssign for Statistics {
    fn add_assign(&mut self, other: Statistics) {
        self.rhs_evaluations += other.rhs_evaluations;
        self.steps += other.steps;
        self.rejected += other.rejected;
    }
}

/// A solved batch: the rates at the evaluation times, and what the backward solve needs.
#[derive(Debug, Clone)]
pub struct Trajectory {
    pub(crate) t_eval: Vec<f64>,
    /// States at the evaluation times, one state-shaped slice after the other.
    pub(crate) states: Vec<f64>,
    /// Rates at the evaluation times, (unit, trial) blocks one after the other.
    pub(crate) rates: Vec<f64>,
    pub(crate) block_len: usize,
    pub(crate) tape: Tape,
    /// What it cost.
    pub statistics: Statistics,
}

#[derive(Debug, Clone)]
pub(crate) enum Tape {
    Dense(DenseTape),
    Steps(StepTape),
    Exponential(Box<exponential::StepTape>),
}

impl Trajectory {
    /// Evaluation times.
    pub fn t_eval(&self) -> &[f64] {
        &self.t_eval
    }

    /// Rates at evaluation time `j`, (unit, trial).
    pub fn rates(&self, j: usize) -> &[f64] {
        match &self.tape {
            Tape::Exponential(tape) => tape.rates(j),
            _ => &self.rates[j * self.block_len..(j + 1) * self.block_len],
        }
    }

    /// Bytes that are kept until the backward solve.
    pub fn bytes(&self) -> usize {
        let tape = match &self.tape {
            Tape::Dense(tape) => tape.bytes(),
            Tape::Steps(tape) => tape.bytes(),
            Tape::Exponential(tape) => tape.bytes(),
        };
        tape + size_of_val(&self.states[..]) + size_of_val(&self.rates[..])
    }

    /// State at evaluation time `j`, see `StateShape`.
    pub fn state(&self, j: usize) -> Vec<f64> {
        match &self.tape {
            Tape::Exponential(tape) => tape.state(j),
            _ => {
                let len = self.states.len() / self.t_eval.len();
                self.states[j * len..(j + 1) * len].to_vec()
            }
        }
    }
}

/// The result of a backward solve.
#[derive(Debug, Clone)]
pub struct Adjoint {
    /// With respect to the parameters.
    pub gradient: Gradient,
    /// With respect to the initial state, (state-shaped).
    pub initial_state: Vec<f64>,
    /// What it cost.
    pub statistics: Statistics,
}

/// Rates and their derivatives along directions.
#[derive(Debug, Clone)]
pub struct Sensitivities {
    /// For every evaluation time, (unit, (1 + direction) x trial): first the rates themselves, then their
    /// derivative along each direction, trials fastest.
    pub rates: Vec<f64>,
    /// Length of the block of one evaluation time.
    pub block_len: usize,
    /// What it cost.
    pub statistics: Statistics,
}

impl Sensitivities {
    /// The block at evaluation time `j`.
    pub fn at(&self, j: usize) -> &[f64] {
        &self.rates[j * self.block_len..(j + 1) * self.block_len]
    }
}

/// Integrates the trials of `input` from `y0` and evaluates them at `t_eval`.
///
/// `y0`: state-shaped (see `StateShape`); `t_eval`: strictly increasing, within
/// `[input.start(), input.end()]`.
///
/// # Errors
/// [`SolveError`] with time and unit where the solve does not reach its end.
pub fn forward(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    t_eval: &[f64],
    integrator: &Integrator,
) -> Result<Trajectory, SolveError> {
    check_t_eval(input, t_eval)?;
    match *integrator {
        Integrator::Adaptive { method, tolerances } => {
            adaptive::forward(network, input, y0, t_eval, method, tolerances)
        }
        Integrator::Exponential { method, control } => {
            exponential::forward(network, input, y0, t_eval, method, control)
        }
        Integrator::FixedStep {
            method,
            step,
            stops,
        } => {
            let grid = fixed_step::Grid::new(input, t_eval, step, stops)?;
            fixed_step::forward(network, input, y0, t_eval, method, grid)
        }
    }
}

/// Gradient of a cost from its cotangents: `cotangents` holds `d cost / d rates` at the evaluation times of
/// `trajectory`, (unit, trial) blocks one after the other. The other arguments as in [`forward`].
///
/// # Errors
/// [`SolveError`]: a backward solve that fails is a failure, not a number.
pub fn backward(
    network: &RateNetwork,
    input: &InputSignal,
    trajectory: &Trajectory,
    cotangents: &[f64],
    integrator: &Integrator,
) -> Result<Adjoint, SolveError> {
    let rates = RateCotangents::All(cotangents);
    backward_from(network, input, trajectory, rates, None, integrator)
}

/// `d cost / d rates` at the evaluation times of a solve, (unit, trial).
pub enum RateCotangents<'a> {
    /// Blocks one after the other.
    All(&'a [f64]),
    /// Writes the block of the evaluation time with that index over whatever it holds. Each is asked for once, from the last to the
    /// first; exponential methods ask when they come to it, so that no block waits in memory.
    Each(&'a mut dyn FnMut(usize, &mut [f64])),
}

impl<'a> RateCotangents<'a> {
    /// All of `times` blocks of that length.
    fn all(self, times: usize, block: usize) -> Cow<'a, [f64]> {
        match self {
            RateCotangents::All(all) => all.into(),
            RateCotangents::Each(write) => {
                let mut all = vec![0.0; times * block];
                let blocks = all.chunks_exact_mut(block.max(1)).enumerate();
                blocks.rev().for_each(|(j, block)| write(j, block));
                all.into()
            }
        }
    }
}

impl std::fmt::Debug for RateCotangents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RateCotangents::All(all) => f.debug_tuple("All").field(all).finish(),
            RateCotangents::Each(_) => f.write_str("Each"),
        }
    }
}

/// What a cost says of a solve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cotangents<'a> {
    /// `d cost / d rates` at the evaluation times, (unit, trial) blocks one after the other.
    pub(crate) rates: &'a [f64],
    /// As in [`backward_from`].
    pub(crate) end: Option<&'a [f64]>,
}

/// As [`backward`], of a solve that is one piece of a longer one. `end`: `d cost / d state` at the last evaluation time, state-shaped,
/// beside what `rates` says there: what depends on the solve that goes on from that state. None: nothing does.
///
/// # Errors
/// As [`backward`].
pub fn backward_from(
    network: &RateNetwork,
    input: &InputSignal,
    trajectory: &Trajectory,
    rates: RateCotangents<'_>,
    end: Option<&[f64]>,
    integrator: &Integrator,
) -> Result<Adjoint, SolveError> {
    let (times, block) = (trajectory.t_eval.len(), trajectory.block_len);
    if let RateCotangents::All(all) = rates {
        debug_assert_eq!(all.len(), times * block);
    }
    if let Tape::Exponential(tape) = &trajectory.tape {
        return exponential::backward(network, input, tape, rates, end);
    }
    let all = rates.all(times, block);
    let cotangents = Cotangents { rates: &all, end };
    match (&trajectory.tape, *integrator) {
        (Tape::Dense(tape), Integrator::Adaptive { method, tolerances }) => adaptive::backward(
            network,
            input,
            trajectory,
            tape,
            &cotangents,
            method,
            tolerances,
        ),
        (Tape::Steps(tape), _) => {
            fixed_step::backward(network, input, trajectory, tape, &cotangents)
        }
        _ => unreachable!("the trajectory was made by another integrator"),
    }
}

/// Rates and their derivatives along `directions`, integrated together with the state.
///
/// Adaptive methods: always by Tsit45, whatever the method of the forward solve, so that the result is
/// independent of trajectory, dense output and backward solve. Exponential and fixed-step methods: the exact tangent of the
/// steps that were taken, so not a second opinion: see [`Integrator::second_opinion`].
///
/// # Errors
/// [`SolveError`] as in [`forward`].
pub fn sensitivities(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    directions: &[Direction],
    t_eval: &[f64],
    integrator: &Integrator,
) -> Result<Sensitivities, SolveError> {
    check_t_eval(input, t_eval)?;
    match *integrator {
        Integrator::Adaptive { tolerances, .. } => {
            adaptive::sensitivities(network, input, y0, directions, t_eval, tolerances)
        }
        Integrator::Exponential { method, control } => {
            exponential::sensitivities(network, input, y0, directions, t_eval, method, control)
        }
        Integrator::FixedStep {
            method,
            step,
            stops,
        } => {
            let grid = fixed_step::Grid::new(input, t_eval, step, stops)?;
            fixed_step::sensitivities(network, input, y0, directions, method, &grid)
        }
    }
}

fn check_t_eval(input: &InputSignal, t_eval: &[f64]) -> Result<(), SolveError> {
    let (start, end) = (input.start(), input.end());
    let mut previous = f64::NEG_INFINITY;
    for (index, &time) in t_eval.iter().enumerate() {
        if !(time > previous && time >= start && time <= end) {
            return Err(SolveError::EvaluationTime {
                index,
                time,
                start,
                end,
            });
        }
        previous = time;
    }
    Ok(())
}
