use super::dense::{DenseTape, Quintic, SegmentDrive, TapeStep};
use super::equations::{LinearisedSystem, System};
use super::integrate::{Observer, Step, Task, integrate};
use super::lanes::Lanes;
use super::linear_solver::Orientation;
use crate::forward::Tape;
use crate::{AdaptiveMethod, Phase, SolveError, Statistics, Tolerances, Trajectory};
use std::cell::{Cell, RefCell};
use tauscope_dynamics::{InputSignal, Linearization, RateNetwork};

/// The network forwards, in lanes.
pub(super) struct NetworkSystem<'a> {
    pub(super) network: &'a RateNetwork,
    pub(super) lanes: Lanes,
    pub(super) drive: RefCell<SegmentDrive>,
    pub(super) evaluations: Cell<u64>,
    scratch: RefCell<Scratch>,
}

#[derive(Default)]
struct Scratch {
    y: Vec<f64>,
    dy: Vec<f64>,
    v: Vec<f64>,
    drive: Vec<f64>,
    at: Linearization,
}

impl<'a> NetworkSystem<'a> {
    pub(super) fn new(network: &'a RateNetwork, n_trials: usize) -> NetworkSystem<'a> {
        let shape = network.shape(n_trials);
        let zeros = || vec![0.0; shape.len()];
        NetworkSystem {
            network,
            lanes: Lanes::new(shape, n_trials),
            drive: RefCell::default(),
            evaluations: Cell::new(0),
            scratch: RefCell::new(Scratch {
                y: zeros(),
                dy: zeros(),
                v: zeros(),
                ..Scratch::default()
            }),
        }
    }
}

impl System for NetworkSystem<'_> {
    fn n_lanes(&self) -> usize {
        self.lanes.n_lanes()
    }

    fn lane_len(&self) -> usize {
        self.lanes.lane_len()
    }

    fn rhs(&self, t: f64, y: &[f64], dy: &mut [f64]) {
        let s = &mut *self.scratch.borrow_mut();
        self.evaluations
            .set(self.evaluations.get() + self.lanes.n_lanes() as u64);
        self.drive.borrow().at(t, &mut s.drive);
        self.lanes.to_blocks(y, &mut s.y);
        self.network.rhs(&s.y, &s.drive, &mut s.dy);
        self.lanes.to_lanes(&s.dy, dy);
    }
}

impl LinearisedSystem for NetworkSystem<'_> {
    fn network(&self) -> &RateNetwork {
        self.network
    }

    fn orientation(&self) -> Orientation {
        Orientation::Plain
    }

    fn jac_mul(&self, t: f64, y: &[f64], v: &[f64], out: &mut [f64]) {
        let s = &mut *self.scratch.borrow_mut();
        self.drive.borrow().at(t, &mut s.drive);
        self.lanes.to_blocks(y, &mut s.y);
        self.network.linearize(&s.y, &s.drive, &mut s.at);
        self.lanes.to_blocks(v, &mut s.v);
        self.network.jac_mul(&mut s.at, &s.v, &mut s.dy);
        self.lanes.to_lanes(&s.dy, out);
    }

    fn slope(&self, t: f64, y: &[f64], out: &mut Vec<f64>) {
        let s = &mut *self.scratch.borrow_mut();
        self.drive.borrow().at(t, &mut s.drive);
        self.lanes.to_blocks(y, &mut s.y);
        self.network.linearize(&s.y, &s.drive, &mut s.at);
        out.clear();
        out.extend_from_slice(s.at.slope());
    }
}

/// Integrates forwards and keeps every step.
pub(crate) fn forward(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    t_eval: &[f64],
    method: AdaptiveMethod,
    tolerances: Tolerances,
) -> Result<Trajectory, SolveError> {
    let system = NetworkSystem::new(network, input.n_trials());
    let lanes = system.lanes;
    let end = t_eval.last().copied().unwrap_or(input.start());
    let stops = segment_stops(input, end);
    let mut y0_lanes = vec![0.0; y0.len()];
    lanes.to_lanes(y0, &mut y0_lanes);
    let task = Task {
        phase: Phase::Forward,
        method,
        rtol: tolerances.rtol,
        atol: &vec![tolerances.atol; lanes.lane_len()],
        y0: &y0_lanes,
        t0: input.start(),
        stops: &stops,
        clock: (1.0, 0.0),
    };
    let mut recorder = Recorder {
        input,
        segment: 0,
        lanes,
        tape: DenseTape::default(),
    };
    let mut statistics = integrate(&system, &task, &mut recorder)?;
    statistics.rhs_evaluations = system.evaluations.get();
    Ok(evaluate(
        network,
        input,
        y0,
        t_eval,
        recorder.tape,
        statistics,
    ))
}

/// Ends of the smooth segments of the input up to `end`, which is the last.
pub(super) fn segment_stops(input: &InputSignal, end: f64) -> Vec<f64> {
    let borders = (0..input.n_segments()).map(|i| input.segment(i).t1);
    let mut stops: Vec<f64> = borders.take_while(|&t| t < end).collect();
    if end > input.start() {
        stops.push(end);
    }
    stops
}

struct Recorder<'a> {
    input: &'a InputSignal,
    segment: usize,
    lanes: Lanes,
    tape: DenseTape,
}

impl<'n> Observer<&NetworkSystem<'n>> for Recorder<'_> {
    fn step(&mut self, _system: &&NetworkSystem<'n>, step: &Step<'_>) {
        let blocks = |lanes: &[f64]| {
            let mut out = vec![0.0; lanes.len()];
            self.lanes.to_blocks(lanes, &mut out);
            out
        };
        self.tape.steps.push(TapeStep {
            segment: self.segment,
            t0: step.t0,
            t1: step.t1,
            y0: blocks(step.y0),
            dy0: blocks(step.dy0),
            y1: blocks(step.y1),
            dy1: blocks(step.dy1),
        });
    }

    fn stop(&mut self, system: &&NetworkSystem<'n>, index: usize, _y: &mut [f64]) {
        if index < self.input.n_segments() {
            self.segment = index;
            system
                .drive
                .borrow_mut()
                .set(system.network, self.input, index);
        }
    }
}

/// Reads the state at the evaluation times from the steps.
fn evaluate(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    t_eval: &[f64],
    tape: DenseTape,
    statistics: Statistics,
) -> Trajectory {
    let block_len = network.n_units() * input.n_trials();
    let mut states = vec![0.0; y0.len() * t_eval.len()];
    let mut rates = vec![0.0; block_len * t_eval.len()];
    let (mut quintic, mut drive, mut prepared) =
        (Quintic::default(), SegmentDrive::default(), None);
    for (j, &t) in t_eval.iter().enumerate() {
        let state = &mut states[j * y0.len()..][..y0.len()];
        if t <= input.start() {
            state.copy_from_slice(y0);
        } else {
            let index = tape.step_before(t);
            let step = &tape.steps[index];
            if t == step.t1 {
                state.copy_from_slice(&step.y1);
            } else {
                if prepared != Some(step.segment) {
                    drive.set(network, input, step.segment);
                    prepared = Some(step.segment);
                }
                quintic.set(network, &drive, &tape, index);
                quintic.value(t, state);
            }
        }
        network.rates(state, &mut rates[j * block_len..][..block_len]);
    }
    let t_eval = t_eval.to_vec();
    Trajectory {
        t_eval,
        states,
        rates,
        block_len,
        tape: Tape::Dense(tape),
        statistics,
    }
}
