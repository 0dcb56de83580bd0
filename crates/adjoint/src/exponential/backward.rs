use super::aligned::Aligned;
use super::drives::{DriveCotangents, Drives, Panel};
use super::kernels::{self, Cotangent, MOST};
use super::product::{add_outer, multiply};
use super::program::{Filter, MAX_LAG, Operation, REGISTERS, Register, Source};
use super::run::{StepTape, state_registers, weights_of};
use super::weights::{WeightCache, Weights};
use crate::forward::Cotangents;
use crate::halt;
use crate::{Adjoint, Phase, SolveError, Statistics};
use tauscope_dynamics::{Gradient, InputSignal, RateNetwork};

/// See [`crate::backward`]: the exact transpose of the steps that were taken.
pub(crate) fn backward(
    network: &RateNetwork,
    input: &InputSignal,
    tape: &StepTape,
    cotangents: &Cotangents<'_>,
) -> Result<Adjoint, SolveError> {
    let mut cache = WeightCache::new(network);
    let mut pass = Backward::new(network, input, tape, cache.tile().len);
    let block = network.shape(input.n_trials()).block_len();
    let mut evaluations = tape
        .eval_frames
        .iter()
        .zip(cotangents.rates.chunks_exact(block))
        .rev()
        .peekable();
    let last = tape.eval_frames.last().copied().unwrap_or(0);
    if let Some(end) = cotangents.end {
        let parts = state_registers(network.model());
        for (&register, end) in parts.iter().zip(end.chunks_exact(block)) {
            pass.cotangents[register as usize][last % RING].add(end);
        }
    }
    for frame in (0..=last).rev() {
        halt::check()?;
        while let Some((_, cotangent)) = evaluations.next_if(|(at, _)| **at == frame) {
            pass.cotangents[Register::Rate as usize][frame % RING].add(cotangent);
        }
        pass.step(frame, &mut cache);
        if frame % CHECKED == 0 {
            pass.check_finite(frame)?;
        }
    }
    let adjoint = pass.finish();
    let blocks = adjoint.gradient.blocks();
    let is_finite = |block: &[f64]| block.iter().all(|v| v.is_finite());
    if blocks.into_iter().all(is_finite) && is_finite(&adjoint.initial_state) {
        return Ok(adjoint);
    }
    let units = network.n_units();
    let bad = adjoint.initial_state.iter().position(|v| !v.is_finite());
    Err(SolveError::NotFinite {
        phase: Phase::Backward,
        time: input.start(),
        unit: bad.unwrap_or(0) % units,
    })
}

/// What is not finite stays so: every so many frames are looked at, and all of the result.
const CHECKED: usize = 32;
/// Frames whose cotangents can be alive at once.
const RING: usize = MAX_LAG + 1;

struct Backward<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    tape: &'a StepTape,
    drives: Drives<'a>,
    drive_cotangents: DriveCotangents<'a>,
    /// By register and frame modulo [`RING`].
    cotangents: Vec<[Cotangent; RING]>,
    /// Cotangents of products, by their source.
    panels: Vec<(Register, Panel)>,
    gradient: Gradient,
    /// Derivatives by log tau_s and log tau_r, by entry of the tile.
    log_tau: [Aligned; 2],
    scratch: Vec<f64>,
    statistics: Statistics,
}

impl<'a> Backward<'a> {
    fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        tape: &'a StepTape,
        tile: usize,
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
        let zeros = |used: bool| Cotangent::new(if used { block } else { 0 });
        let cotangents = used
            .iter()
            .map(|&used| std::array::from_fn(|_| zeros(used)))
            .collect();
        Backward {
            network,
            input,
            tape,
            drives: Drives::new(network, input),
            drive_cotangents: DriveCotangents::new(network, input),
            cotangents,
            panels: Vec::new(),
            gradient: network.parameters().zeros_like(),
            log_tau: [Aligned::zeros(tile), Aligned::zeros(tile)],
            scratch: vec![0.0; block],
            statistics: Statistics::default(),
        }
    }

    /// Turns the cotangents of a frame into those of the frames before.
    fn step(&mut self, frame: usize, cache: &mut WeightCache<'_>) {
        let tape = self.tape;
        let interval = tape.steps[frame].interval;
        self.drives.enter(interval);
        self.drive_cotangents.enter(interval, &mut self.gradient);
        let tile = cache.tile().len;
        let weights = weights_of(cache, tape, frame);
        let program = tape.scheme.program(weights.geometry.kind);
        for (operation, weights) in program.iter().zip(&weights.operations).rev() {
            let target = operation.target() as usize;
            let mut of = std::mem::take(&mut self.cotangents[target][frame % RING]);
            // nothing later depends on what this operation made
            if !std::mem::replace(&mut of.is_empty, true) {
                self.operation(operation, weights, tile, frame, &of.values);
            }
            self.cotangents[target][frame % RING] = of;
        }
        self.statistics.steps += 1;
    }

    /// Turns the cotangent `of` the target into those of what was read.
    fn operation(
        &mut self,
        operation: &Operation,
        weights: &Weights,
        tile: usize,
        frame: usize,
        of: &[f64],
    ) {
        match operation {
            Operation::Combine { filter, .. } => self.combine(*filter, weights, tile, frame, of),
            Operation::Activate {
                target,
                of: argument,
            } => {
                let rates = self.tape.frames.get(*target, frame);
                let into = &mut self.cotangents[*argument as usize][frame % RING];
                let add = !std::mem::replace(&mut into.is_empty, false);
                self.network
                    .activation()
                    .pull_back(rates, of, &mut into.values, add);
            }
            Operation::Multiply { of: source, .. } => self.multiply(*source, frame, of),
            Operation::Chain {
                rate,
                current,
                times,
                ..
            } => self.chain(*rate, *current, *times, frame, of),
        }
    }

    fn combine(
        &mut self,
        filter: Filter,
        weights: &Weights,
        tile: usize,
        frame: usize,
        of: &[f64],
    ) {
        let mut inputs: [&[f64]; MOST] = [&[]; MOST];
        let mut into: [Cotangent; MOST] = Default::default();
        for ((input, into), &source) in inputs.iter_mut().zip(&mut into).zip(&weights.sources) {
            *input = match source {
                Source::Register(register, lag) => self.tape.frames.get(register, frame - lag),
                Source::DriveLeft => &self.drives.left,
                Source::DriveRight => &self.drives.right,
            };
            *into = std::mem::take(slot(
                &mut self.cotangents,
                &mut self.drive_cotangents,
                source,
                frame,
            ));
        }
        let n = weights.sources.len();
        kernels::combine_transposed(of, tile, &weights.weights, &mut into[..n]);
        let log_tau = match filter {
            Filter::Synaptic => Some(&mut self.log_tau[0]),
            Filter::Rate => Some(&mut self.log_tau[1]),
            Filter::Instant => None,
        };
        if let Some(log_tau) = log_tau {
            kernels::add_change(of, tile, &weights.by_log_tau, &inputs[..n], log_tau);
        }
        for (into, &source) in into.into_iter().zip(&weights.sources) {
            *slot(
                &mut self.cotangents,
                &mut self.drive_cotangents,
                source,
                frame,
            ) = into;
        }
    }

    fn multiply(&mut self, source: Register, frame: usize, of: &[f64]) {
        let into = &mut self.cotangents[source as usize][frame % RING];
        let add = !std::mem::replace(&mut into.is_empty, false);
        multiply(self.network.w_transposed(), of, &mut into.values, add);
        self.statistics.rhs_evaluations += self.input.n_trials() as u64;
        let at = self
            .panels
            .iter()
            .position(|(register, _)| *register == source);
        let at = at.unwrap_or_else(|| {
            let panel = Panel::new(of.len(), self.input.n_trials());
            self.panels.push((source, panel));
            self.panels.len() - 1
        });
        let (frames, w) = (&self.tape.frames, &mut self.gradient.w);
        self.panels[at].1.push(frame, of, |a, first, n| {
            add_outer(a, frames.range(source, first, n), w);
        });
    }

    /// `target = f'(I) v`: `v` gains `f'(I) of`, I gains `f''(I) v of`.
    fn chain(&mut self, rate: Source, current: Source, times: Register, frame: usize, of: &[f64]) {
        let Source::Register(rate, lag) = rate else {
            return;
        };
        let rates = self.tape.frames.get(rate, frame - lag);
        let activation = self.network.activation();
        let into = &mut self.cotangents[times as usize][frame % RING];
        let add = !std::mem::replace(&mut into.is_empty, false);
        activation.pull_back(rates, of, &mut into.values, add);
        activation.curvatures_of_values(rates, &mut self.scratch);
        let v = self.tape.frames.get(times, frame);
        for ((s, v), of) in self.scratch.iter_mut().zip(v).zip(of) {
            *s *= v * of;
        }
        slot(
            &mut self.cotangents,
            &mut self.drive_cotangents,
            current,
            frame,
        )
        .add(&self.scratch);
    }

    fn check_finite(&self, frame: usize) -> Result<(), SolveError> {
        // what is alive before frame `frame`; a frame without a step has none
        let before = (frame + RING - 1) % RING;
        for &register in state_registers(self.network.model()) {
            let alive = &self.cotangents[register as usize][before];
            let bad = alive.values.iter().position(|v| !v.is_finite());
            let bad = bad.filter(|_| !alive.is_empty);
            if let Some(at) = bad {
                return Err(SolveError::NotFinite {
                    phase: Phase::Backward,
                    time: self
                        .tape
                        .steps
                        .get(frame)
                        .map_or(self.input.start(), |s| s.t1 - s.geometry.h),
                    unit: at % self.network.n_units(),
                });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Adjoint {
        for (source, panel) in &mut self.panels {
            let (frames, w) = (&self.tape.frames, &mut self.gradient.w);
            panel.flush(|a, first, n| add_outer(a, frames.range(*source, first, n), w));
        }
        self.drive_cotangents.finish(&mut self.gradient);
        let gradient = &mut self.gradient;
        let taus = [&mut gradient.log_tau_s, &mut gradient.log_tau_r];
        for (sums, tau) in self.log_tau.iter().zip(taus) {
            let units = tau.len();
            if units > 0 {
                sums.iter()
                    .enumerate()
                    .for_each(|(at, sum)| tau[at % units] += sum);
            }
        }
        let parts = state_registers(self.network.model());
        let initial_state = parts.iter().flat_map(|&register| {
            std::mem::take(&mut self.cotangents[register as usize][0]).finish()
        });
        Adjoint {
            initial_state: initial_state.collect(),
            gradient: self.gradient,
            statistics: self.statistics,
        }
    }
}

/// Where the cotangent of a source is added.
fn slot<'s>(
    cotangents: &'s mut [[Cotangent; RING]],
    drives: &'s mut DriveCotangents<'_>,
    source: Source,
    frame: usize,
) -> &'s mut Cotangent {
    match source {
        Source::Register(register, lag) => &mut cotangents[register as usize][(frame - lag) % RING],
        Source::DriveLeft => &mut drives.sides[0],
        Source::DriveRight => &mut drives.sides[1],
    }
}
