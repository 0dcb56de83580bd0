use super::aligned::Aligned;
use super::drives::{DriveCotangents, Drives, Panel};
use super::gather::{Cotangent, Packed, Reader, gather};
use super::product::{add_outer, multiply};
use super::program::{Filter, MAX_LAG, MOST_SAMPLES, Operation, REGISTERS, Register, Source};
use super::readers::{ReadBy, Readers};
use super::scheme::StepKind;
use super::tape::{StepTape, state_registers, weights_of};
use super::weights::{StepWeights, WeightCache};
use crate::forward::RateCotangents;
use crate::halt;
use crate::{Adjoint, Phase, SolveError, Statistics};
use arrayvec::ArrayVec;
use std::sync::Arc;
use tauscope_dynamics::{Gradient, InputSignal, RateNetwork};

/// See [`crate::backward`]: the exact transpose of the steps that were taken.
pub(crate) fn backward(
    network: &RateNetwork,
    input: &InputSignal,
    tape: &StepTape,
    mut rates: RateCotangents<'_>,
    end: Option<&[f64]>,
) -> Result<Adjoint, SolveError> {
    let mut cache = WeightCache::holding(network, &tape.weights);
    let mut pass = Backward::new(network, input, tape, cache.tile().len);
    let block = network.shape(input.n_trials()).block_len();
    let mut evaluations = tape.evaluations.iter().enumerate().rev().peekable();
    // a solve ends at its last evaluation time
    let last = tape.evaluations.last().map_or(0, |at| at.frame);
    if let Some(end) = end {
        let parts = state_registers(network.model());
        for (&register, end) in parts.iter().zip(end.chunks_exact(block)) {
            pass.cotangents[register as usize][last % RING].add(end);
        }
    }
    for frame in (0..=last).rev() {
        halt::check()?;
        while let Some((j, at)) = evaluations.next_if(|(_, at)| at.frame == frame) {
            let into = &mut pass.cotangents[at.rate() as usize][frame % RING];
            match &mut rates {
                RateCotangents::All(all) => into.add(&all[j * block..][..block]),
                RateCotangents::Each(write) => into.add_written(|out| write(j, out)),
            }
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
/// Frames whose cotangents can be alive at once: the one at hand, those that read it, and the one before.
const RING: usize = MAX_LAG + 2;
/// Combinations of one filter that read one value.
const MOST_READ_BY: usize = 24;

/// Frame by frame from the last: the cotangent of a value is the sum over all that read it, in its own step and in later
/// ones. Combinations are summed where the value is, so that each of its cotangents is written once; what else reads a
/// value lies in the same step and adds to it.
struct Backward<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    tape: &'a StepTape,
    drives: Drives<'a>,
    drive_cotangents: DriveCotangents<'a>,
    readers: Readers,
    /// By frame modulo [`RING`].
    weights: [Option<Arc<StepWeights>>; RING],
    /// By register and frame modulo [`RING`].
    cotangents: Vec<[Cotangent; RING]>,
    /// Weights of the readers of each register, then of each sample of the drive.
    packed: [PackedReaders; REGISTERS + MOST_SAMPLES],
    /// Cotangents of products, by their source.
    panels: Vec<(Register, Panel)>,
    gradient: Gradient,
    /// Derivatives by log tau_s and log tau_r, by entry of the tile.
    log_tau: LogTauSums,
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
            readers: Readers::new(&tape.scheme),
            weights: Default::default(),
            cotangents,
            packed: Default::default(),
            panels: Vec::new(),
            gradient: network.parameters().zeros_like(),
            log_tau: LogTauSums {
                tile,
                sums: [Aligned::zeros(tile), Aligned::zeros(tile)],
            },
            scratch: vec![0.0; block],
            statistics: Statistics::default(),
        }
    }

    /// Completes the cotangents of a frame.
    fn step(&mut self, frame: usize, cache: &mut WeightCache<'_>) {
        let tape = self.tape;
        let interval = tape.steps[frame].interval;
        let kind = tape.steps[frame].geometry.kind;
        self.drives.enter(interval, tape.scheme.samples(kind));
        self.drive_cotangents.enter(interval, &mut self.gradient);
        let before = (frame + RING - 1) % RING;
        for of_register in &mut self.cotangents {
            of_register[before].is_empty = true;
        }
        self.weights[frame % RING] = Some(weights_of(cache, tape, frame).clone());
        let program = tape.scheme.program(kind);
        for operation in program.iter().rev() {
            let target = operation.target();
            self.gather(target, frame);
            let of = std::mem::take(&mut self.cotangents[target as usize][frame % RING]);
            // else nothing later depends on what this operation made
            if !of.is_empty {
                self.operation(operation, frame, &of.values);
            }
            self.cotangents[target as usize][frame % RING] = of;
        }
        for &register in state_registers(self.network.model()) {
            // given at the start
            if program
                .iter()
                .all(|operation| operation.target() != register)
            {
                self.gather(register, frame);
            }
        }
        self.gather_drives(kind, frame);
        self.statistics.steps += 1;
    }

    /// Adds what the combinations that read a register know of its cotangent.
    fn gather(&mut self, register: Register, frame: usize) {
        let mut into = std::mem::take(&mut self.cotangents[register as usize][frame % RING]);
        let mut found = Found::default();
        let last = self.tape.steps.len() - 1;
        for lag in 0..=MAX_LAG.min(last - frame) {
            let kind = self.tape.steps[frame + lag].geometry.kind;
            let read_by = self.readers.of(register, lag, kind);
            found.add(read_by, &self.cotangents, &self.weights, frame + lag);
        }
        let value = || self.tape.frames.get(register, frame);
        let packed = &mut self.packed[register as usize];
        found.sum(&mut into, value, packed, &mut self.log_tau);
        drop(found);
        self.cotangents[register as usize][frame % RING] = into;
    }

    /// The same for the drive that the step reads.
    fn gather_drives(&mut self, kind: StepKind, frame: usize) {
        for (ahead, into) in self.drive_cotangents.samples.iter_mut().enumerate() {
            let mut found = Found::default();
            let read_by = self.readers.of_drive(ahead, kind);
            found.add(read_by, &self.cotangents, &self.weights, frame);
            let (value, packed) = (
                || self.drives.get(ahead),
                &mut self.packed[REGISTERS + ahead],
            );
            found.sum(into, value, packed, &mut self.log_tau);
        }
    }

    /// Turns the cotangent `of` the target into those of what was read, but for combinations.
    fn operation(&mut self, operation: &Operation, frame: usize, of: &[f64]) {
        match operation {
            Operation::Combine { .. } => {}
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
        if let Source::Register(current, lag) = current {
            self.cotangents[current as usize][(frame - lag) % RING].add(&self.scratch);
        }
    }

    fn check_finite(&self, frame: usize) -> Result<(), SolveError> {
        for &register in state_registers(self.network.model()) {
            let alive = &self.cotangents[register as usize][frame % RING];
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
        for (sums, tau) in self.log_tau.sums.iter().zip(taus) {
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

/// Derivatives by log tau_s and log tau_r, by entry of the tile.
struct LogTauSums {
    tile: usize,
    sums: [Aligned; 2],
}

/// Weights of combinations that read one value, by their filter.
#[derive(Debug, Default)]
struct PackedReaders {
    synaptic: Packed,
    rate: Packed,
    instant: Packed,
}

/// Combinations that read one value, by their filter.
#[derive(Default)]
struct Found<'a> {
    synaptic: ArrayVec<Reader<'a>, MOST_READ_BY>,
    rate: ArrayVec<Reader<'a>, MOST_READ_BY>,
    instant: ArrayVec<Reader<'a>, MOST_READ_BY>,
}

impl<'a> Found<'a> {
    /// Those of the step that filled `frame`, as far as anything depends on them.
    fn add(
        &mut self,
        read_by: &[ReadBy],
        cotangents: &'a [[Cotangent; RING]],
        weights: &'a [Option<Arc<StepWeights>>; RING],
        frame: usize,
    ) {
        let Some(weights) = &weights[frame % RING] else {
            return;
        };
        for by in read_by {
            let of = &cotangents[by.target as usize][frame % RING];
            if of.is_empty {
                continue;
            }
            let list = match by.filter {
                Filter::Synaptic => &mut self.synaptic,
                Filter::Rate => &mut self.rate,
                Filter::Instant => &mut self.instant,
            };
            list.push(Reader {
                cotangent: &of.values,
                step: weights,
                operation: by.operation,
                row: by.row,
            });
        }
    }

    /// Adds their cotangents to that of the value, and what log tau does to them to its sums.
    fn sum<'v>(
        &self,
        into: &mut Cotangent,
        value: impl Fn() -> &'v [f64],
        packed: &mut PackedReaders,
        log_tau: &mut LogTauSums,
    ) {
        let LogTauSums { tile, sums: [s, r] } = log_tau;
        let PackedReaders {
            synaptic,
            rate,
            instant,
        } = packed;
        if !self.synaptic.is_empty() {
            gather(into, *tile, &self.synaptic, synaptic, Some((value(), s)));
        }
        if !self.rate.is_empty() {
            gather(into, *tile, &self.rate, rate, Some((value(), r)));
        }
        gather(into, *tile, &self.instant, instant, None);
    }
}
