use super::dense::{DenseTape, Quintic, SegmentDrive};
use super::equations::{LinearisedSystem, System};
use super::integrate::{Observer, Step, Task, integrate};
use super::lanes::Lanes;
use super::linear_solver::Orientation;
use crate::forward::Cotangents;
use crate::{AdaptiveMethod, Adjoint, Phase, SolveError, Tolerances, Trajectory};
use std::cell::{Cell, RefCell};
use tauscope_dynamics::{Gradient, InputSignal, Linearization, PanelAccumulator, RateNetwork};

/// Gauss-Legendre nodes and weights on [0, 1], exact to degree 5: the order of the interpolants.
const NODES: [f64; 3] = [0.112_701_665_379_258_3, 0.5, 0.887_298_334_620_741_7];
const WEIGHTS: [f64; 3] = [5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0];
/// Columns of the panels that are gathered before they are multiplied.
const PANEL_COLUMNS: usize = 512;

/// The adjoint equation in reversed time `s = t_end - t`: `d lambda / ds = J(y(t))^T lambda`, in lanes.
struct AdjointSystem<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    tape: &'a DenseTape,
    t_end: f64,
    lanes: Lanes,
    evaluations: Cell<u64>,
    scratch: RefCell<Scratch>,
}

struct Scratch {
    /// The step of the tape that is read, and the last step of the piece between two stops.
    step: usize,
    first: usize,
    last: usize,
    prepared: Option<usize>,
    drive: SegmentDrive,
    quintic: Quintic,
    at: Linearization,
    /// The time that `at` holds.
    at_time: f64,
    y: Vec<f64>,
    drive_now: Vec<f64>,
    lambda: Vec<f64>,
    out: Vec<f64>,
    presynaptic: Vec<f64>,
}

impl Scratch {
    fn new(state_len: usize, block_len: usize) -> Scratch {
        Scratch {
            step: 0,
            first: 0,
            last: 0,
            prepared: None,
            drive: SegmentDrive::default(),
            quintic: Quintic::default(),
            at: Linearization::default(),
            at_time: f64::NAN,
            y: vec![0.0; state_len],
            drive_now: Vec::new(),
            lambda: vec![0.0; state_len],
            out: vec![0.0; state_len],
            presynaptic: vec![0.0; block_len],
        }
    }

    /// Reads state and drive at `t` from the forward solve and linearises there. Stays within the piece
    /// between two stops: at a jump of the input both of its sides are asked for.
    fn linearize(&mut self, network: &RateNetwork, input: &InputSignal, tape: &DenseTape, t: f64) {
        if t == self.at_time {
            return;
        }
        self.at_time = t;
        while self.step > self.first && t < tape.steps[self.step].t0 {
            self.step -= 1;
        }
        while self.step < self.last && t > tape.steps[self.step].t1 {
            self.step += 1;
        }
        let segment = tape.steps[self.step].segment;
        if self.prepared != Some(segment) {
            self.drive.set(network, input, segment);
            self.prepared = Some(segment);
        }
        self.quintic.set(network, &self.drive, tape, self.step);
        self.quintic.value(t, &mut self.y);
        self.drive.at(t, &mut self.drive_now);
        network.linearize(&self.y, &self.drive_now, &mut self.at);
    }

    /// Confines reading to the steps between `t0` and `t1`.
    fn enter(&mut self, tape: &DenseTape, t0: f64, t1: f64) {
        let middle = 0.5 * (t0 + t1);
        self.last = tape.step_before(t1);
        self.first = tape.steps.partition_point(|s| s.t1 <= t0).min(self.last);
        self.step = tape.step_before(middle).clamp(self.first, self.last);
        self.at_time = f64::NAN;
    }
}

impl System for AdjointSystem<'_> {
    fn n_lanes(&self) -> usize {
        self.lanes.n_lanes()
    }

    fn lane_len(&self) -> usize {
        self.lanes.lane_len()
    }

    fn rhs(&self, s: f64, lambda: &[f64], out: &mut [f64]) {
        let scratch = &mut *self.scratch.borrow_mut();
        self.evaluations
            .set(self.evaluations.get() + self.lanes.n_lanes() as u64);
        scratch.linearize(self.network, self.input, self.tape, self.t_end - s);
        self.lanes.to_blocks(lambda, &mut scratch.lambda);
        self.network.vjp(
            &scratch.at,
            &scratch.lambda,
            &mut scratch.presynaptic,
            &mut scratch.out,
        );
        self.lanes.to_lanes(&scratch.out, out);
    }
}

impl LinearisedSystem for AdjointSystem<'_> {
    fn network(&self) -> &RateNetwork {
        self.network
    }

    fn orientation(&self) -> Orientation {
        Orientation::Transposed
    }

    fn jac_mul(&self, s: f64, _lambda: &[f64], v: &[f64], out: &mut [f64]) {
        self.rhs(s, v, out);
    }

    fn slope(&self, s: f64, _lambda: &[f64], out: &mut Vec<f64>) {
        let scratch = &mut *self.scratch.borrow_mut();
        scratch.linearize(self.network, self.input, self.tape, self.t_end - s);
        out.clear();
        out.extend_from_slice(scratch.at.slope());
    }
}

/// Solves the adjoint equation from the last evaluation time back to the start.
pub(crate) fn backward(
    network: &RateNetwork,
    input: &InputSignal,
    trajectory: &Trajectory,
    tape: &DenseTape,
    cotangents: &Cotangents<'_>,
    method: AdaptiveMethod,
    tolerances: Tolerances,
) -> Result<Adjoint, SolveError> {
    let shape = network.shape(input.n_trials());
    let mut gradient = network.parameters().zeros_like();
    let lanes = Lanes::new(shape, input.n_trials());
    let end = cotangents.end.unwrap_or_default();
    let all = cotangents.rates.iter().chain(end);
    let scale = all.fold(0.0_f64, |m, c| m.max(c.abs()));
    if scale == 0.0 || tape.steps.is_empty() {
        let mut initial_state = match end {
            [] => vec![0.0; shape.len()],
            end => end.to_vec(),
        };
        if scale > 0.0 {
            network.rates_vjp(
                &trajectory.state(0),
                &cotangents.rates[..shape.block_len()],
                &mut initial_state,
            );
        }
        return Ok(Adjoint {
            gradient,
            initial_state,
            statistics: Default::default(),
        });
    }
    let stops = BackwardStops::new(input, trajectory);
    let system = AdjointSystem {
        network,
        input,
        tape,
        t_end: stops.t_end,
        lanes,
        evaluations: Cell::new(0),
        scratch: RefCell::new(Scratch::new(shape.len(), shape.block_len())),
    };
    let task = Task {
        phase: Phase::Backward,
        method,
        rtol: tolerances.rtol,
        atol: &adjoint_atol(network, tolerances.rtol, scale),
        y0: &vec![0.0; shape.len()],
        t0: 0.0,
        stops: &stops.times,
        clock: (-1.0, stops.t_end),
    };
    let capacity = (PANEL_COLUMNS / input.n_trials()).max(1);
    let mut observer = Collector {
        stops: &stops,
        trajectory,
        cotangents,
        panel: PanelAccumulator::new(network, input.n_trials(), capacity),
        gradient: &mut gradient,
        lambda_end: vec![0.0; shape.len()],
        buffers: Buffers::new(shape.len()),
    };
    let mut statistics = integrate(&system, &task, &mut observer)?;
    let mut initial_state = vec![0.0; shape.len()];
    lanes.to_blocks(&observer.lambda_end, &mut initial_state);
    observer.panel.flush(&mut gradient);
    statistics.rhs_evaluations = system.evaluations.get();
    Ok(Adjoint {
        gradient,
        initial_state,
        statistics,
    })
}

/// The unit of lambda is cost / state. What enters the gradient is lambda_I / tau_s and lambda_r / tau_r,
/// and the two are comparable: lambda_I of a unit is allowed an error tau_s / tau_r of that of lambda_r.
fn adjoint_atol(network: &RateNetwork, rtol: f64, scale: f64) -> Vec<f64> {
    let base = 1e-2 * rtol * scale;
    let shape = network.shape(1);
    let mut atol = vec![base; shape.len()];
    if !shape.currents().is_empty() && !shape.rates().is_empty() {
        let ratios = network
            .decay_r()
            .iter()
            .zip(network.decay_s())
            .map(|(r, s)| r / s);
        for (atol, ratio) in atol.iter_mut().zip(ratios) {
            *atol = base * ratio.min(1.0);
        }
    }
    atol
}

/// Where the backward solve stops: knots of the input and evaluation times, in reversed time.
struct BackwardStops {
    t_end: f64,
    /// Reversed times beyond 0.
    times: Vec<f64>,
    /// The true times, the end first.
    true_times: Vec<f64>,
    /// The evaluation that lies at each stop, the end included as stop 0.
    evaluation: Vec<Option<usize>>,
}

impl BackwardStops {
    fn new(input: &InputSignal, trajectory: &Trajectory) -> BackwardStops {
        let t_eval = &trajectory.t_eval;
        let t_end = t_eval[t_eval.len() - 1];
        let knots = (0..input.n_segments())
            .map(|i| input.segment(i).t0)
            .filter(|&t| t < t_end);
        let mut true_times: Vec<f64> = knots.chain(t_eval.iter().copied()).collect();
        true_times.sort_by(|a, b| b.total_cmp(a));
        true_times.dedup();
        let evaluation = true_times
            .iter()
            .map(|t| t_eval.binary_search_by(|e| e.total_cmp(t)).ok())
            .collect();
        let times = true_times[1..].iter().map(|t| t_end - t).collect();
        BackwardStops {
            t_end,
            times,
            true_times,
            evaluation,
        }
    }
}

/// Adds the jumps of lambda at the evaluation times and the parameter integrals over the steps.
struct Collector<'a> {
    stops: &'a BackwardStops,
    trajectory: &'a Trajectory,
    cotangents: &'a Cotangents<'a>,
    panel: PanelAccumulator,
    gradient: &'a mut Gradient,
    lambda_end: Vec<f64>,
    buffers: Buffers,
}

struct Buffers {
    /// d lambda / ds at the two interior points, in lanes.
    inner: [Vec<f64>; 2],
    at: Vec<f64>,
    blocks: Vec<f64>,
    jump: Vec<f64>,
    dy: Vec<f64>,
}

impl Buffers {
    fn new(n: usize) -> Buffers {
        let zeros = || vec![0.0; n];
        Buffers {
            inner: [zeros(), zeros()],
            at: zeros(),
            blocks: zeros(),
            jump: zeros(),
            dy: zeros(),
        }
    }
}

impl<'n> Observer<&AdjointSystem<'n>> for Collector<'_> {
    fn step(&mut self, system: &&AdjointSystem<'n>, step: &Step<'_>) {
        let h = step.t1 - step.t0;
        let b = &mut self.buffers;
        // Two derivatives inside the step raise the interpolant of lambda from cubic to quintic.
        for (inner, s) in b.inner.iter_mut().zip([0.25, 0.75]) {
            hermite_cubic(step, h, s, &mut b.at);
            system.rhs(step.t0 + s * h, &b.at, inner);
        }
        for (node, weight) in NODES.into_iter().zip(WEIGHTS) {
            hermite_quintic(step, h, node, &b.inner, &mut b.at);
            system.lanes.to_blocks(&b.at, &mut b.blocks);
            let t = system.t_end - (step.t0 + node * h);
            let scratch = &mut *system.scratch.borrow_mut();
            scratch.linearize(system.network, system.input, system.tape, t);
            system
                .network
                .rhs(&scratch.y, &scratch.drive_now, &mut b.dy);
            let x = system
                .input
                .segment(system.tape.steps[scratch.step].segment)
                .at(t);
            self.panel.push(
                system.network,
                &scratch.at,
                x.as_view(),
                &b.dy,
                &b.blocks,
                weight * h,
                self.gradient,
            );
        }
    }

    fn stop(&mut self, system: &&AdjointSystem<'n>, index: usize, lambda: &mut [f64]) {
        if let Some(j) = self.stops.evaluation[index] {
            let len = self.trajectory.block_len;
            let b = &mut self.buffers;
            match self.cotangents.end {
                Some(end) if index == 0 => b.jump.copy_from_slice(end),
                _ => b.jump.fill(0.0),
            }
            let cotangent = &self.cotangents.rates[j * len..][..len];
            system
                .network
                .rates_vjp(&self.trajectory.state(j), cotangent, &mut b.jump);
            system.lanes.to_lanes(&b.jump, &mut b.blocks);
            for (l, jump) in lambda.iter_mut().zip(&b.blocks) {
                *l += jump;
            }
        }
        if let Some(&next) = self.stops.true_times.get(index + 1) {
            let here = self.stops.true_times[index];
            system.scratch.borrow_mut().enter(system.tape, next, here);
        }
        self.lambda_end.copy_from_slice(lambda);
    }
}

fn hermite_cubic(step: &Step<'_>, h: f64, s: f64, out: &mut [f64]) {
    let (a, b) = ((1.0 + 2.0 * s) * (1.0 - s).powi(2), s * s * (3.0 - 2.0 * s));
    let (c, d) = (h * s * (1.0 - s).powi(2), h * s * s * (s - 1.0));
    for (i, o) in out.iter_mut().enumerate() {
        *o = a * step.y0[i] + b * step.y1[i] + c * step.dy0[i] + d * step.dy1[i];
    }
}

/// The polynomial of degree five with value and slope at both ends and slopes `inner` at s = 1/4 and 3/4: the
/// cubic plus `w (p + q (2 s - 1))`, `w = s^2 (1-s)^2`.
///
/// At s = 1/4, 3/4: `w' = +-3/16` and `(w (2 s - 1))' = -3/128`; so `p = 8/3 (e0 - e1)` and `q = -64/3 (e0 + e1)` for the
/// defects e0, e1 of the cubic's slope.
fn hermite_quintic(step: &Step<'_>, h: f64, s: f64, inner: &[Vec<f64>; 2], out: &mut [f64]) {
    hermite_cubic(step, h, s, out);
    let w = s * s * (1.0 - s).powi(2);
    // slopes of the cubic's basis at 1/4 and 3/4: values -+9/8, ends 3/16 and -5/16
    for (i, o) in out.iter_mut().enumerate() {
        let rise = 1.125 * (step.y1[i] - step.y0[i]);
        let (d0, d1) = (h * step.dy0[i], h * step.dy1[i]);
        let e0 = h * inner[0][i] - (rise + 0.1875 * d0 - 0.3125 * d1);
        let e1 = h * inner[1][i] - (rise - 0.3125 * d0 + 0.1875 * d1);
        let p = 8.0 / 3.0 * (e0 - e1);
        let q = -64.0 / 3.0 * (e0 + e1);
        *o += w * (p + q * (2.0 * s - 1.0));
    }
}
