use super::dense::SegmentDrive;
use super::equations::System;
use super::integrate::{Observer, Step, Task, integrate_explicit};
use super::lanes::Lanes;
use super::network_system::segment_stops;
use crate::{AdaptiveMethod, Direction, Phase, Sensitivities, SolveError, Tolerances};
use nalgebra::DMatrixView;
use std::cell::{Cell, RefCell};
use tauscope_dynamics::{Coordinate, InputSignal, Linearization, ModelKind, RateNetwork};

/// The network and its tangents along all directions, as one system: `dS/dt = J S + (df/dp) direction`.
struct TangentSystem<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    directions: &'a [Direction],
    lanes: Lanes,
    evaluations: Cell<u64>,
    segment: Cell<usize>,
    scratch: RefCell<Scratch>,
}

#[derive(Default)]
struct Scratch {
    drive: SegmentDrive,
    drive_now: Vec<f64>,
    at: Linearization,
    y: Vec<f64>,
    dy: Vec<f64>,
    v: Vec<f64>,
    dv: Vec<f64>,
    forcing: Vec<f64>,
}

impl TangentSystem<'_> {
    /// Adds the forcing of every direction to `dv`, blocks (unit, direction x trial).
    fn add_forcing(&self, t: f64, s: &mut Scratch) {
        let shape = self.network.shape(self.input.n_trials());
        let x = self.input.segment(self.segment.get()).at(t);
        let block = shape.block_len();
        let has_currents = !shape.currents().is_empty();
        let tangent_block = block * self.directions.len();
        for (q, direction) in self.directions.iter().enumerate() {
            let (currents, rates) =
                s.dv.split_at_mut(if has_currents { tangent_block } else { 0 });
            let currents = if has_currents {
                &mut currents[q * block..][..block]
            } else {
                currents
            };
            let rates = if shape.rates().is_empty() {
                rates
            } else {
                &mut rates[q * block..][..block]
            };
            match direction {
                Direction::Entries(entries) => {
                    for &(coordinate, weight) in entries {
                        let at = (&s.at, x.as_view(), s.dy.as_slice());
                        self.add_entry(at, coordinate, weight, &mut s.forcing, currents, rates);
                    }
                }
                Direction::Dense { parameters, .. } => {
                    s.forcing.resize(shape.len(), 0.0);
                    self.network.param_jac_mul(
                        &s.at,
                        x.as_view(),
                        &s.dy,
                        parameters,
                        &mut s.forcing,
                    );
                    add_scaled(currents, 1.0, &s.forcing[shape.currents()]);
                    add_scaled(rates, 1.0, &s.forcing[shape.rates()]);
                }
                Direction::InitialState(_) => {}
            }
        }
    }
}

impl TangentSystem<'_> {
    fn add_entry(
        &self,
        (at, x, dy): (&Linearization, DMatrixView<'_, f64>, &[f64]),
        coordinate: Coordinate,
        weight: f64,
        scratch: &mut Vec<f64>,
        currents: &mut [f64],
        rates: &mut [f64],
    ) {
        if weight == 1.0 {
            self.network
                .add_coordinate_forcing(at, x, dy, coordinate, currents, rates);
            return;
        }
        scratch.clear();
        scratch.resize(currents.len() + rates.len(), 0.0);
        let (on_currents, on_rates) = scratch.split_at_mut(currents.len());
        self.network
            .add_coordinate_forcing(at, x, dy, coordinate, on_currents, on_rates);
        add_scaled(currents, weight, on_currents);
        add_scaled(rates, weight, on_rates);
    }
}

fn add_scaled(out: &mut [f64], factor: f64, v: &[f64]) {
    for (o, v) in out.iter_mut().zip(v) {
        *o += factor * v;
    }
}

impl System for TangentSystem<'_> {
    fn n_lanes(&self) -> usize {
        self.lanes.n_lanes()
    }

    fn lane_len(&self) -> usize {
        self.lanes.lane_len()
    }

    fn rhs(&self, t: f64, y: &[f64], dy: &mut [f64]) {
        let s = &mut *self.scratch.borrow_mut();
        let columns = (1 + self.directions.len()) * self.n_lanes();
        self.evaluations
            .set(self.evaluations.get() + columns as u64);
        s.drive.at(t, &mut s.drive_now);
        self.lanes.split_to_blocks(y, &mut s.y, &mut s.v);
        self.network.rhs(&s.y, &s.drive_now, &mut s.dy);
        self.network.linearize(&s.y, &s.drive_now, &mut s.at);
        self.network.jac_mul(&mut s.at, &s.v, &mut s.dv);
        self.add_forcing(t, s);
        self.lanes.join_to_lanes(&s.dy, &s.dv, dy);
    }
}

/// Integrates state and tangents together, with a stop at every evaluation time.
pub(crate) fn sensitivities(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    directions: &[Direction],
    t_eval: &[f64],
    tolerances: Tolerances,
) -> Result<Sensitivities, SolveError> {
    let trials = input.n_trials();
    let shape = network.shape(trials);
    let n_directions = directions.len();
    let lanes = Lanes::new(network.shape(trials * (1 + n_directions)), trials);
    let zeros = |n: usize| vec![0.0; n];
    let system = TangentSystem {
        network,
        input,
        directions,
        lanes,
        evaluations: Cell::new(0),
        segment: Cell::new(0),
        scratch: RefCell::new(Scratch {
            y: zeros(shape.len()),
            dy: zeros(shape.len()),
            v: zeros(shape.len() * n_directions),
            dv: zeros(shape.len() * n_directions),
            ..Scratch::default()
        }),
    };
    let mut start = zeros(shape.len() * (1 + n_directions));
    lanes.join_to_lanes(
        y0,
        &initial_tangents(network, trials, directions),
        &mut start,
    );
    let stops = stops_with(input, t_eval);
    let task = Task {
        phase: Phase::Sensitivities,
        method: AdaptiveMethod::Tsit45,
        rtol: tolerances.rtol,
        atol: &vec![tolerances.atol; lanes.lane_len()],
        y0: &start,
        t0: input.start(),
        stops: &stops,
        clock: (1.0, 0.0),
    };
    let block_len = shape.block_len() * (1 + n_directions);
    let mut reader = Reader {
        t_eval,
        stops: &stops,
        next: 0,
        rates: zeros(block_len * t_eval.len()),
        block_len,
    };
    let mut statistics = integrate_explicit(&system, &task, &mut reader)?;
    statistics.rhs_evaluations = system.evaluations.get();
    Ok(Sensitivities {
        rates: reader.rates,
        block_len,
        statistics,
    })
}

/// The tangents at the start, blocks (unit, direction x trial).
fn initial_tangents(network: &RateNetwork, trials: usize, directions: &[Direction]) -> Vec<f64> {
    let shape = network.shape(trials);
    let block = shape.block_len();
    let mut tangents = vec![0.0; shape.len() * directions.len()];
    for (q, direction) in directions.iter().enumerate() {
        let (Direction::Dense { initial_state, .. } | Direction::InitialState(initial_state)) =
            direction
        else {
            continue;
        };
        for (b, from) in initial_state.chunks_exact(block).enumerate() {
            let at = (b * directions.len() + q) * block;
            tangents[at..at + block].copy_from_slice(from);
        }
    }
    tangents
}

/// Segment borders and evaluation times, beyond the start.
fn stops_with(input: &InputSignal, t_eval: &[f64]) -> Vec<f64> {
    let end = t_eval.last().copied().unwrap_or(input.start());
    let mut stops = segment_stops(input, end);
    stops.extend(t_eval.iter().filter(|&&t| t > input.start()));
    stops.sort_by(f64::total_cmp);
    stops.dedup();
    stops
}

/// Follows the segments and reads rates and their tangents at the evaluation times.
struct Reader<'a> {
    t_eval: &'a [f64],
    stops: &'a [f64],
    next: usize,
    rates: Vec<f64>,
    block_len: usize,
}

impl<'n> Observer<&TangentSystem<'n>> for Reader<'_> {
    fn step(&mut self, _system: &&TangentSystem<'n>, _step: &Step<'_>) {}

    fn stop(&mut self, system: &&TangentSystem<'n>, index: usize, y: &mut [f64]) {
        let t = if index == 0 {
            system.input.start()
        } else {
            self.stops[index - 1]
        };
        if self.t_eval.get(self.next) == Some(&t) {
            read_rates(
                system,
                y,
                &mut self.rates[self.next * self.block_len..][..self.block_len],
            );
            self.next += 1;
        }
        let segment = system.segment.get();
        let first = index == 0;
        let passed = !first
            && t >= system.input.segment(segment).t1
            && segment + 1 < system.input.n_segments();
        if first || passed {
            let segment = if first { 0 } else { segment + 1 };
            system.segment.set(segment);
            system
                .scratch
                .borrow_mut()
                .drive
                .set(system.network, system.input, segment);
        }
    }
}

/// Rates, then their derivative along each direction, (unit, (1 + direction) x trial).
fn read_rates(system: &TangentSystem<'_>, y: &[f64], out: &mut [f64]) {
    let s = &mut *system.scratch.borrow_mut();
    system.lanes.split_to_blocks(y, &mut s.y, &mut s.v);
    let shape = system.network.shape(system.n_lanes());
    let (rates, tangents) = out.split_at_mut(shape.block_len());
    system.network.rates(&s.y, rates);
    if system.network.model() == ModelKind::Current {
        let mut slope = vec![0.0; rates.len()];
        system.network.activation().slopes(&s.y, &mut slope);
        for (out, v) in tangents
            .chunks_exact_mut(slope.len())
            .zip(s.v.chunks_exact(slope.len()))
        {
            for ((o, v), f) in out.iter_mut().zip(v).zip(&slope) {
                *o = v * f;
            }
        }
    } else {
        let first = s.v.len() - tangents.len();
        tangents.copy_from_slice(&s.v[first..]);
    }
}
