use super::aligned::Aligned;
use super::drives::{Drives, drive_tangent};
use super::frames::Frames;
use super::kernels::{self, MOST};
use super::product::multiply;
use super::program::{Filter, MAX_LAG, MOST_SAMPLES, Operation, REGISTERS, Register, Source, now};
use super::run::forward;
use super::scheme::{Scheme, StepKind};
use super::tape::{StepTape, state_registers, weights_of};
use super::weights::{StepWeights, Tile, WeightCache, Weights};
use crate::forward::Tape;
use crate::halt;
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
    let mut rates = vec![0.0; block_len * t_eval.len()];
    for (j, out) in rates.chunks_exact_mut(block_len).enumerate() {
        out[..block].copy_from_slice(tape.rates(j));
    }
    let mut cache = WeightCache::holding(network, &tape.weights);
    let mut done = 1;
    for directions in directions.chunks(together(block, &tape.scheme)) {
        let place = block * done;
        sweep_through(
            network,
            input,
            tape,
            &mut cache,
            directions,
            |j, tangents| {
                rates[j * block_len + place..][..tangents.len()].copy_from_slice(tangents);
            },
        )?;
        done += directions.len();
    }
    let mut statistics = trajectory.statistics;
    statistics.rhs_evaluations *= 1 + directions.len() as u64;
    Ok(Sensitivities {
        rates,
        block_len,
        statistics,
    })
}

/// Bytes of tangents that are carried together: they stay in the cache of a processor from step to step.
const CARRIED: usize = 1 << 19;

/// Directions that are carried together.
fn together(block: usize, scheme: &Scheme) -> usize {
    let registers = scheme.programs().map(Vec::len).max().unwrap_or(1);
    (CARRIED / (size_of::<f64>() * block * registers * RING).max(1)).max(1)
}

/// Carries tangents over all steps, and hands out those of the rates at evaluation time `j`, (unit, direction x trial).
fn sweep_through(
    network: &RateNetwork,
    input: &InputSignal,
    tape: &StepTape,
    cache: &mut WeightCache<'_>,
    directions: &[Direction],
    mut take: impl FnMut(usize, &[f64]),
) -> Result<(), SolveError> {
    let outcomes = [Register::Rate, Register::MiddleRate];
    let n_trials = input.n_trials();
    let mut sweep = Sweep::new(
        network,
        input,
        n_trials,
        &tape.scheme,
        directions,
        &outcomes,
    );
    let mut drives = Drives::new(network, input);
    let mut next = 0;
    for (frame, step) in tape.steps.iter().enumerate() {
        halt::check()?;
        drives.enter(step.interval, tape.scheme.samples(step.geometry.kind));
        let tile = cache.tile();
        let weights = weights_of(cache, tape, frame);
        sweep.step(&tape.scheme, &tape.frames, &drives, weights, tile, frame);
        while let Some(at) = tape.evaluations.get(next).filter(|at| at.frame == frame) {
            take(next, sweep.tangent_of(at.rate(), frame));
            next += 1;
        }
        if let Some(unit) = sweep.not_finite(frame) {
            return Err(SolveError::NotFinite {
                phase: Phase::Sensitivities,
                time: step.t1,
                unit,
            });
        }
    }
    Ok(())
}

/// Frames whose tangents are read again.
const RING: usize = MAX_LAG + 1;

/// Tangents along directions, carried from step to step for the first trials of a batch.
pub(super) struct Sweep<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    changes: Changes,
    /// Operations that are carried out, by kind of step.
    needed: [Vec<bool>; StepKind::ALL.len()],
    /// By register and frame modulo [`RING`], (unit, direction x trial).
    tangents: Vec<[Aligned; RING]>,
    scratch: Vec<f64>,
    /// Changes of `U x + b` along dense directions, at the samples that a step reads; the last made is the last.
    drive_changes: Vec<DriveChange>,
}

/// Change of `U x + b` at a sample along dense direction number `dense`.
struct DriveChange {
    dense: usize,
    sample: usize,
    change: Vec<f64>,
}

/// What a sweep reads in a step.
#[derive(Clone, Copy)]
struct Values<'v> {
    frames: &'v Frames,
    drives: &'v Drives<'v>,
    frame: usize,
    tile: usize,
    /// Length of the blocks: those of the trials that are carried.
    block: usize,
}

impl<'v> Values<'v> {
    fn get(&self, source: Source) -> &'v [f64] {
        let all = match source {
            Source::Register(register, lag) => self.frames.get(register, self.frame - lag),
            Source::Drive(ahead) => self.drives.get(ahead),
        };
        &all[..self.block]
    }
}

/// What directions change, sorted by what it acts on. Numbers are (direction, ...).
#[derive(Default)]
struct Changes {
    weights: Vec<(usize, usize, usize, f64)>,
    input_weights: Vec<(usize, usize, usize, f64)>,
    biases: Vec<(usize, usize, f64)>,
    log_tau: [Vec<(usize, usize, f64)>; 2],
    dense: Vec<(usize, Box<Parameters>)>,
    /// What W changes by along the first direction, beside that: the outer product of these.
    outer: Option<[Vec<f64>; 2]>,
}

impl Changes {
    fn new(directions: &[Direction]) -> Changes {
        let mut changes = Changes::default();
        for (d, direction) in directions.iter().enumerate() {
            match direction {
                Direction::Entries(entries) => {
                    for &(coordinate, rate) in entries {
                        changes.add(d, coordinate, rate);
                    }
                }
                Direction::Dense { parameters, .. } => changes.dense.push((d, parameters.clone())),
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
    /// Of the first `n_trials` trials, as far as the tangents of `outcomes` of any step, or of the state, depend on it.
    pub(super) fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        n_trials: usize,
        scheme: &Scheme,
        directions: &[Direction],
        outcomes: &[Register],
    ) -> Self {
        let block = network.shape(n_trials).block_len();
        let mut used = [false; REGISTERS];
        for &register in state_registers(network.model())
            .iter()
            .chain(&[Register::Rate])
        {
            used[register as usize] = true;
        }
        for operation in scheme.programs().flatten() {
            used[operation.target() as usize] = true;
        }
        let len = block * directions.len();
        let zeros = |used: bool| Aligned::zeros(if used { len } else { 0 });
        let mut tangents: Vec<[Aligned; RING]> = used
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
            changes: Changes::new(directions),
            needed: scheme.needed(&[state_registers(network.model()), outcomes].concat()),
            tangents,
            scratch: vec![0.0; block],
            drive_changes: Vec::new(),
        }
    }

    /// Lets W change along the first direction by the outer product of two vectors (unit), in addition.
    pub(super) fn change_weights_by(&mut self, vectors: [Vec<f64>; 2]) {
        self.changes.outer = Some(vectors);
    }

    /// Carries the tangents over the step that filled `frame`.
    pub(super) fn step(
        &mut self,
        scheme: &Scheme,
        frames: &Frames,
        drives: &Drives<'_>,
        weights: &StepWeights,
        tile: Tile,
        frame: usize,
    ) {
        let values = Values {
            frames,
            drives,
            frame,
            tile: tile.len,
            block: self.scratch.len(),
        };
        let kind = weights.geometry.kind;
        let operations = scheme.program(kind).iter().zip(&weights.operations);
        for (number, (operation, weights)) in operations.enumerate() {
            if !self.needed[kind as usize][number] {
                continue;
            }
            let target = operation.target();
            let mut out = std::mem::take(&mut self.tangents[target as usize][frame % RING]);
            match operation {
                Operation::Combine { filter, .. } => {
                    self.combine(*filter, weights, values, &mut out)
                }
                Operation::Activate { of, .. } => {
                    let rates = values.get(now(target));
                    self.network
                        .activation()
                        .slopes_of_values(rates, &mut self.scratch);
                    kernels::elementwise(&self.scratch, self.tangent_of(*of, frame), &mut out);
                }
                Operation::Multiply { of, .. } => self.multiply(*of, values, &mut out),
                Operation::Chain {
                    rate,
                    current,
                    times,
                    ..
                } => {
                    self.chain(*rate, *current, *times, values, &mut out);
                }
            }
            self.tangents[target as usize][frame % RING] = out;
        }
    }

    /// Tangents of a register, (unit, direction x trial).
    pub(super) fn tangent_of(&self, register: Register, frame: usize) -> &[f64] {
        &self.tangents[register as usize][frame % RING]
    }

    /// A unit whose tangent is not finite.
    pub(super) fn not_finite(&self, frame: usize) -> Option<usize> {
        state_registers(self.network.model())
            .iter()
            .find_map(|&register| {
                let tangents = self.tangent_of(register, frame);
                // without an early end it takes many values at a time
                if tangents.iter().fold(true, |all, v| all & v.is_finite()) {
                    return None;
                }
                let at = tangents.iter().position(|v| !v.is_finite());
                at.map(|at| at % self.network.n_units())
            })
    }

    fn tangent(&self, source: Source, frame: usize) -> &[f64] {
        match source {
            Source::Register(register, lag) => self.tangent_of(register, frame - lag),
            Source::Drive(_) => &[],
        }
    }

    fn combine(&mut self, filter: Filter, weights: &Weights, values: Values<'_>, out: &mut [f64]) {
        let n = weights.sources.len();
        let n_registers = weights
            .sources
            .iter()
            .filter(|s| matches!(s, Source::Register(..)))
            .count();
        let mut inputs: [&[f64]; MOST] = [&[]; MOST];
        for (input, &source) in inputs.iter_mut().zip(&weights.sources[..n_registers]) {
            *input = self.tangent(source, values.frame);
        }
        kernels::combine(
            out,
            values.tile,
            &weights.weights,
            n,
            &inputs[..n_registers],
        );
        self.force_by_time_constants(filter, weights, values, out);
        for (row, &source) in weights.sources.iter().enumerate().skip(n_registers) {
            if let Source::Drive(ahead) = source {
                self.force_by_drive(weights, row, values.drives.sample(ahead), out);
            }
        }
    }

    /// Adds the change of the weights with log tau.
    fn force_by_time_constants(
        &mut self,
        filter: Filter,
        weights: &Weights,
        values: Values<'_>,
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
            *input = values.get(source);
        }
        let n = weights.sources.len();
        kernels::combine(
            &mut self.scratch,
            values.tile,
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
        for &(d, ref parameters) in &self.changes.dense {
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
        for dense in 0..self.changes.dense.len() {
            let d = self.changes.dense[dense].0;
            let columns = out[d * block..][..block].chunks_exact_mut(units);
            for (out, change) in columns.zip(self.drive_change(dense, sample).chunks_exact(units)) {
                for (unit, (o, c)) in out.iter_mut().zip(change).enumerate() {
                    *o += weights.at(row, unit) * c;
                }
            }
        }
    }

    /// Change of `U x + b`, (unit, trial).
    fn drive_change(&mut self, dense: usize, sample: usize) -> &[f64] {
        let fits = |c: &DriveChange| c.dense == dense && c.sample == sample;
        if !self.drive_changes.iter().any(fits) {
            let mut made = if self.drive_changes.len() < MOST_SAMPLES * self.changes.dense.len() {
                DriveChange {
                    dense,
                    sample,
                    change: vec![0.0; self.scratch.len()],
                }
            } else {
                self.drive_changes.remove(0)
            };
            let parameters = &self.changes.dense[dense].1;
            let b = parameters.b.as_slice();
            drive_tangent(&parameters.u, b, self.input, sample, &mut made.change);
            (made.dense, made.sample) = (dense, sample);
            self.drive_changes.push(made);
        }
        let at = self.drive_changes.iter().position(fits);
        &self.drive_changes[at.unwrap_or_default()].change
    }

    fn multiply(&mut self, of: Register, values: Values<'_>, out: &mut [f64]) {
        multiply(
            &self.network.parameters().w,
            self.tangent_of(of, values.frame),
            out,
            false,
        );
        let rates = values.get(now(of));
        let (block, units) = (rates.len(), self.network.n_units());
        for &(d, unit, source, rate) in &self.changes.weights {
            let out = out[d * block..][..block]
                .iter_mut()
                .skip(unit)
                .step_by(units);
            out.zip(rates.iter().skip(source).step_by(units))
                .for_each(|(o, v)| *o += rate * v);
        }
        for &(d, ref parameters) in &self.changes.dense {
            multiply(&parameters.w, rates, &mut out[d * block..][..block], true);
        }
        if let Some([left, right]) = &self.changes.outer {
            let columns = out.chunks_exact_mut(units).zip(rates.chunks_exact(units));
            for (out, rates) in columns {
                let size = right
                    .iter()
                    .zip(rates)
                    .map(|(r, rate)| r * rate)
                    .sum::<f64>();
                out.iter_mut().zip(left).for_each(|(o, l)| *o += size * l);
            }
        }
    }

    fn chain(
        &mut self,
        rate: Source,
        current: Source,
        times: Register,
        values: Values<'_>,
        out: &mut [f64],
    ) {
        let rates = values.get(rate);
        let activation = self.network.activation();
        activation.slopes_of_values(rates, &mut self.scratch);
        kernels::elementwise(&self.scratch, self.tangent_of(times, values.frame), out);
        activation.curvatures_of_values(rates, &mut self.scratch);
        let v = values.get(now(times));
        self.scratch.iter_mut().zip(v).for_each(|(s, v)| *s *= v);
        kernels::add_elementwise(&self.scratch, self.tangent(current, values.frame), out);
    }
}
