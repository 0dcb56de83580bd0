use super::drives::drive_tangent;
use super::kernels::{self, MOST};
use super::product::multiply;
use super::program::{Filter, MAX_LAG, Operation, REGISTERS, Register, Source};
use super::run::{StepTape, forward, state_registers, weights_of};
use super::weights::{WeightCache, Weights};
use crate::forward::Tape;
use crate::{Direction, ExponentialMethod, Phase, Sensitivities, SolveError, StepControl};
use tauscope_dynamics::{Coordinate, InputSignal, Parameters, RateNetwork};

/// See [`crate::sensitivities`]: the exact tangent of the steps that were taken.
pub(crate) fn sensitivities(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    directions: &[Direction],
    t_eval: &[f64],
    method: ExponentialMethod,
    control: StepControl,
) -> Result<Sensitivities, SolveError> {
    let trajectory = forward(network, input, y0, t_eval, method, control)?;
    let Tape::Exponential(tape) = &trajectory.tape else {
        unreachable!("an exponential method leaves its own tape")
    };
    let block = network.shape(input.n_trials()).block_len();
    let block_len = block * (1 + directions.len());
    let mut rates = Vec::with_capacity(block_len * t_eval.len());
    let mut sweep = Sweep::new(network, input, tape, directions);
    let mut cache = WeightCache::new(network);
    let mut next = 0;
    for frame in 0..tape.steps.len() {
        sweep.step(frame, &mut cache);
        while tape.eval_frames.get(next) == Some(&frame) {
            rates.extend_from_slice(tape.rates(next));
            rates.extend_from_slice(&sweep.tangents[Register::Rate as usize][frame % RING]);
            next += 1;
        }
        sweep.check_finite(frame)?;
    }
    let mut statistics = trajectory.statistics;
    statistics.rhs_evaluations *= 1 + directions.len() as u64;
    Ok(Sensitivities {
        rates,
        block_len,
        statistics,
    })
}

/// Frames whose tangents are read again.
const RING: usize = MAX_LAG + 1;

struct Sweep<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    tape: &'a StepTape,
    changes: Changes<'a>,
    /// By register and frame modulo [`RING`], (unit, direction x trial).
    tangents: Vec<[Vec<f64>; RING]>,
    drives: super::drives::Drives<'a>,
    scratch: Vec<f64>,
    product: Vec<f64>,
}

/// What directions change, sorted by what it acts on. Numbers are (direction, ...).
#[derive(Default)]
struct Changes<'a> {
    weights: Vec<(usize, usize, usize, f64)>,
    input_weights: Vec<(usize, usize, usize, f64)>,
    biases: Vec<(usize, usize, f64)>,
    log_tau: [Vec<(usize, usize, f64)>; 2],
    dense: Vec<(usize, &'a Parameters)>,
}

impl<'a> Changes<'a> {
    fn new(directions: &'a [Direction]) -> Changes<'a> {
        let mut changes = Changes::default();
        for (d, direction) in directions.iter().enumerate() {
            match direction {
                Direction::Entries(entries) => {
                    for &(coordinate, rate) in entries {
                        changes.add(d, coordinate, rate);
                    }
                }
                Direction::Dense { parameters, .. } => changes.dense.push((d, parameters)),
                Direction::InitialState(_) => {}
            }
        }
        changes
    }

    fn add(&mut self, d: usize, coordinate: Coordinate, rate: f64) {
        match coordinate {
            Coordinate::Weight { unit, source } => self.weights.push((d, unit, source, rate)),
            Coordinate::InputWeight { unit, input } => {
                self.input_weights.push((d, unit, input, rate))
            }
            Coordinate::Bias { unit } => self.biases.push((d, unit, rate)),
            Coordinate::LogTauS { unit } => self.log_tau[0].push((d, unit, rate)),
            Coordinate::LogTauR { unit } => self.log_tau[1].push((d, unit, rate)),
        }
    }
}

impl<'a> Sweep<'a> {
    fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        tape: &'a StepTape,
        directions: &'a [Direction],
    ) -> Self {
        let block = network.shape(input.n_trials()).block_len();
        let mut used = [false; REGISTERS];
        for &register in state_registers(network.model())
            .iter()
            .chain(&[Register::Rate])
        {
            used[register as usize] = true;
        }
        for operation in tape.scheme.programs().flatten() {
            used[operation.target() as usize] = true;
        }
        let len = block * directions.len();
        let zeros = |used: bool| vec![0.0; if used { len } else { 0 }];
        let mut tangents: Vec<[Vec<f64>; RING]> = used
            .iter()
            .map(|&used| std::array::from_fn(|_| zeros(used)))
            .collect();
        for (d, direction) in directions.iter().enumerate() {
            let (Direction::Dense { initial_state, .. } | Direction::InitialState(initial_state)) =
                direction
            else {
                continue;
            };
            let parts = state_registers(network.model())
                .iter()
                .zip(initial_state.chunks_exact(block));
            for (&register, part) in parts {
                tangents[register as usize][0][d * block..][..block].copy_from_slice(part);
            }
        }
        Sweep {
            network,
            input,
            tape,
            changes: Changes::new(directions),
            tangents,
            drives: super::drives::Drives::new(network, input),
            scratch: vec![0.0; block],
            product: vec![0.0; block],
        }
    }

    fn step(&mut self, frame: usize, cache: &mut WeightCache<'_>) {
        let tape = self.tape;
        self.drives.enter(tape.steps[frame].interval);
        let tile = cache.tile().len;
        let weights = weights_of(cache, tape, frame);
        let program = tape.scheme.program(weights.geometry.kind);
        for (operation, weights) in program.iter().zip(&weights.operations) {
            let target = operation.target();
            let mut out = std::mem::take(&mut self.tangents[target as usize][frame % RING]);
            match operation {
                Operation::Combine { filter, .. } => {
                    self.combine(*filter, weights, tile, frame, &mut out)
                }
                Operation::Activate { of, .. } => {
                    let rates = tape.frames.get(target, frame);
                    self.network
                        .activation()
                        .slopes_of_values(rates, &mut self.scratch);
                    kernels::elementwise(
                        &self.scratch,
                        &self.tangents[*of as usize][frame % RING],
                        &mut out,
                    );
                }
                Operation::Multiply { of, .. } => self.multiply(*of, frame, &mut out),
                Operation::Chain {
                    rate,
                    current,
                    times,
                    ..
                } => {
                    self.chain(*rate, *current, *times, frame, &mut out);
                }
            }
            self.tangents[target as usize][frame % RING] = out;
        }
    }

    fn tangent(&self, source: Source, frame: usize) -> &[f64] {
        match source {
            Source::Register(register, lag) => {
                &self.tangents[register as usize][(frame - lag) % RING]
            }
            Source::DriveLeft | Source::DriveRight => &[],
        }
    }

    fn combine(
        &mut self,
        filter: Filter,
        weights: &Weights,
        tile: usize,
        frame: usize,
        out: &mut [f64],
    ) {
        let n = weights.sources.len();
        let n_registers = weights
            .sources
            .iter()
            .filter(|s| matches!(s, Source::Register(..)))
            .count();
        let mut inputs: [&[f64]; MOST] = [&[]; MOST];
        for (input, &source) in inputs.iter_mut().zip(&weights.sources[..n_registers]) {
            *input = self.tangent(source, frame);
        }
        kernels::combine(out, tile, &weights.weights, n, &inputs[..n_registers]);
        self.force_by_time_constants(filter, weights, tile, frame, out);
        for (row, &source) in weights.sources.iter().enumerate().skip(n_registers) {
            let (left, right) = self.drives.samples();
            let sample = if source == Source::DriveLeft {
                left
            } else {
                right
            };
            self.force_by_drive(weights, row, sample, out);
        }
    }

    /// Adds the change of the weights with log tau.
    fn force_by_time_constants(
        &mut self,
        filter: Filter,
        weights: &Weights,
        tile: usize,
        frame: usize,
        out: &mut [f64],
    ) {
        let which = match filter {
            Filter::Synaptic => 0,
            Filter::Rate => 1,
            Filter::Instant => return,
        };
        if self.changes.log_tau[which].is_empty() && self.changes.dense.is_empty() {
            return;
        }
        let mut inputs: [&[f64]; MOST] = [&[]; MOST];
        for (input, &source) in inputs.iter_mut().zip(&weights.sources) {
            *input = match source {
                Source::Register(register, lag) => self.tape.frames.get(register, frame - lag),
                Source::DriveLeft => &self.drives.left,
                Source::DriveRight => &self.drives.right,
            };
        }
        let n = weights.sources.len();
        kernels::combine(
            &mut self.scratch,
            tile,
            &weights.by_log_tau,
            n,
            &inputs[..n],
        );
        let (block, units) = (self.scratch.len(), self.network.n_units());
        for &(d, unit, rate) in &self.changes.log_tau[which] {
            let out = out[d * block..][..block]
                .iter_mut()
                .skip(unit)
                .step_by(units);
            out.zip(self.scratch.iter().skip(unit).step_by(units))
                .for_each(|(o, c)| *o += rate * c);
        }
        for &(d, parameters) in &self.changes.dense {
            let rates = if which == 0 {
                &parameters.log_tau_s
            } else {
                &parameters.log_tau_r
            };
            let columns = out[d * block..][..block].chunks_exact_mut(units);
            for (out, change) in columns.zip(self.scratch.chunks_exact(units)) {
                for ((o, c), rate) in out.iter_mut().zip(change).zip(rates.as_slice()) {
                    *o += rate * c;
                }
            }
        }
    }

    /// Adds the change of `U x + b` at a sample, with the weights of its row.
    fn force_by_drive(&mut self, weights: &Weights, row: usize, sample: usize, out: &mut [f64]) {
        let (block, units) = (self.scratch.len(), self.network.n_units());
        let x = self.input.sample(sample);
        for &(d, unit, input, rate) in &self.changes.input_weights {
            let factor = rate * weights.at(row, unit);
            let out = out[d * block..][..block]
                .iter_mut()
                .skip(unit)
                .step_by(units);
            out.zip(x.row(input).iter())
                .for_each(|(o, x)| *o += factor * x);
        }
        for &(d, unit, rate) in &self.changes.biases {
            let factor = rate * weights.at(row, unit);
            out[d * block..][..block]
                .iter_mut()
                .skip(unit)
                .step_by(units)
                .for_each(|o| *o += factor);
        }
        for &(d, parameters) in &self.changes.dense {
            drive_tangent(
                &parameters.u,
                parameters.b.as_slice(),
                self.input,
                sample,
                &mut self.product,
            );
            let columns = out[d * block..][..block].chunks_exact_mut(units);
            for (out, change) in columns.zip(self.product.chunks_exact(units)) {
                for (unit, (o, c)) in out.iter_mut().zip(change).enumerate() {
                    *o += weights.at(row, unit) * c;
                }
            }
        }
    }

    fn multiply(&mut self, of: Register, frame: usize, out: &mut [f64]) {
        multiply(
            &self.network.parameters().w,
            &self.tangents[of as usize][frame % RING],
            out,
            false,
        );
        let values = self.tape.frames.get(of, frame);
        let (block, units) = (values.len(), self.network.n_units());
        for &(d, unit, source, rate) in &self.changes.weights {
            let out = out[d * block..][..block]
                .iter_mut()
                .skip(unit)
                .step_by(units);
            out.zip(values.iter().skip(source).step_by(units))
                .for_each(|(o, v)| *o += rate * v);
        }
        for &(d, parameters) in &self.changes.dense {
            multiply(&parameters.w, values, &mut out[d * block..][..block], true);
        }
    }

    fn chain(
        &mut self,
        rate: Source,
        current: Source,
        times: Register,
        frame: usize,
        out: &mut [f64],
    ) {
        let Source::Register(rate, lag) = rate else {
            return;
        };
        let rates = self.tape.frames.get(rate, frame - lag);
        let activation = self.network.activation();
        activation.slopes_of_values(rates, &mut self.scratch);
        kernels::elementwise(
            &self.scratch,
            &self.tangents[times as usize][frame % RING],
            out,
        );
        activation.curvatures_of_values(rates, &mut self.scratch);
        let v = self.tape.frames.get(times, frame);
        self.scratch.iter_mut().zip(v).for_each(|(s, v)| *s *= v);
        kernels::add_elementwise(&self.scratch, self.tangent(current, frame), out);
    }

    fn check_finite(&self, frame: usize) -> Result<(), SolveError> {
        for &register in state_registers(self.network.model()) {
            let tangents = &self.tangents[register as usize][frame % RING];
            if let Some(at) = tangents.iter().position(|v| !v.is_finite()) {
                return Err(SolveError::NotFinite {
                    phase: Phase::Sensitivities,
                    time: self.tape.steps[frame].t1,
                    unit: at % self.network.n_units(),
                });
            }
        }
        Ok(())
    }
}
