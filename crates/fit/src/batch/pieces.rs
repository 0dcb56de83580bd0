//! A batch solved piece by piece in time, so that the steps that wait for the way back take bounded memory.
//!
//! Checkpoints are the states at borders between pieces. On the way back each piece whose steps had to make room is solved again from
//! its checkpoint, and its adjoint begins where that of the piece after it ended: one further forward solve at most, whatever the number
//! of pieces.

use super::{Observation, TrialBatch};
use std::borrow::Cow;
use std::ops::Range;
use tauscope_adjoint::{
    Adjoint, Integrator, RateCotangents, SolveError, Statistics, Stops, Trajectory, backward_from,
    forward,
};
use tauscope_dynamics::RateNetwork;

/// Bytes that the steps of one batch may take, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeLimit(usize);

/// Batches that share the memory. A fixed number: pieces, and with them the last bits of a gradient, shall not depend on the
/// number of threads.
const BATCHES: usize = 8;

impl TapeLimit {
    /// None.
    pub const NONE: TapeLimit = TapeLimit(usize::MAX);

    /// So that eight batches on as many threads together take at most `mebibytes`.
    pub fn of_mebibytes(mebibytes: usize) -> TapeLimit {
        TapeLimit(mebibytes.saturating_mul(1 << 20) / BATCHES)
    }
}

/// Blocks (unit, trial) that a step leaves at most, whatever the method, while it takes one step from stop to stop.
const BLOCKS_A_STOP: usize = 12;
/// Steps a sample interval where tolerances choose, until the first piece has told.
const GUESSED_STEPS: f64 = 2.0;
/// The part of the estimate for the rest that the first piece is made of.
const FIRST: usize = 4;
/// Pieces are not made of fewer samples than this, whatever the limit.
const LEAST_SAMPLES: usize = 16;

/// A batch that was solved forward, and what the way back begins from.
#[derive(Debug)]
pub struct Walk<'b> {
    batch: &'b TrialBatch,
    pieces: Vec<Piece>,
    /// What the forward solve cost.
    pub statistics: Statistics,
}

/// From one sample to another, with the state at its start.
#[derive(Debug)]
struct Piece {
    samples: Range<usize>,
    y0: Vec<f64>,
    /// Its steps, and the bytes that they and their way back take; none where others needed the room.
    solved: Option<(Trajectory, usize)>,
}

/// Drops the steps of the first pieces until the others take no more than `limit`, but keeps those of the last `kept`.
fn make_room(pieces: &mut [Piece], limit: usize, kept: usize) {
    let bytes = |piece: &Piece| piece.solved.as_ref().map_or(0, |&(_, bytes)| bytes);
    let mut total: usize = pieces.iter().map(bytes).sum();
    let droppable = pieces.len().saturating_sub(kept);
    for piece in &mut pieces[..droppable] {
        if total <= limit {
            return;
        }
        total -= bytes(piece);
        piece.solved = None;
    }
}

impl<'b> Walk<'b> {
    /// Solves `batch` from `y0`, in pieces where its steps would take more than `limit`; `visit` sees each piece of the batch with
    /// its trajectory, in order of time.
    ///
    /// # Errors
    /// As [`forward`].
    pub fn forward(
        network: &RateNetwork,
        batch: &'b TrialBatch,
        y0: &[f64],
        integrator: &Integrator,
        limit: TapeLimit,
        mut visit: impl FnMut(&TrialBatch, &Trajectory),
    ) -> Result<Walk<'b>, SolveError> {
        let block = network.n_units() * batch.input.n_trials() * size_of::<f64>();
        let mut borders = Borders::new(batch, integrator, block, limit);
        let (mut pieces, mut statistics) = (Vec::<Piece>::new(), Statistics::default());
        let (mut first, mut y0) = (0, y0.to_vec());
        loop {
            let last = borders.next(first);
            make_room(&mut pieces, borders.left_beside(last - first), 0);
            let piece = batch.piece(first..last + 1);
            let (input, t_eval) = (&piece.input, &piece.t_eval);
            let trajectory = forward(network, input, &y0, t_eval, integrator)?;
            statistics += trajectory.statistics;
            visit(&piece, &trajectory);
            let n_eval = t_eval.len();
            let goes_on = last < borders.last;
            let end = goes_on.then(|| trajectory.state(n_eval - 1));
            let bytes = trajectory.bytes() + borders.cotangents(n_eval);
            pieces.push(Piece {
                samples: first..last + 1,
                y0,
                solved: Some((trajectory, bytes)),
            });
            make_room(&mut pieces, borders.limit, 1);
            let Some(end) = end else {
                return Ok(Walk {
                    batch,
                    pieces,
                    statistics,
                });
            };
            borders.measured(last - first, bytes);
            (first, y0) = (last, end);
        }
    }

    /// Number of pieces.
    pub fn n_pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Number of pieces whose steps are kept for the way back, and their bytes.
    pub fn kept(&self) -> (usize, usize) {
        let kept = self.pieces.iter().filter_map(|p| p.solved.as_ref());
        kept.fold((0, 0), |(pieces, total), (_, bytes)| {
            (pieces + 1, total + bytes)
        })
    }

    /// The gradient of a cost, and the cost. `hold` holds an observation of the batch against the trajectory of its piece, the last
    /// observation first: it returns what that costs and writes `d cost / d rates` at the evaluation times of the observation, one
    /// block (unit, trial) after the other, over whatever is there. Costs are summed in order of time.
    ///
    /// # Errors
    /// As [`tauscope_adjoint::backward`].
    pub fn backward(
        self,
        network: &RateNetwork,
        integrator: &Integrator,
        mut hold: impl FnMut(&Observation, &Trajectory, &mut [f64]) -> f64,
    ) -> Result<(Adjoint, f64), SolveError> {
        let mut total = None::<Adjoint>;
        let mut sums = Vec::with_capacity(self.pieces.len());
        let pieces = self.pieces.into_iter().rev();
        for Piece {
            samples,
            y0,
            solved,
        } in pieces
        {
            let piece = self.batch.piece(samples);
            let input = &piece.input;
            let mut again = Statistics::default();
            let trajectory = match solved {
                Some((trajectory, _)) => trajectory,
                None => {
                    let trajectory = forward(network, input, &y0, &piece.t_eval, integrator)?;
                    again = trajectory.statistics;
                    trajectory
                }
            };
            let mut costs = vec![0.0; piece.observations.len()];
            let hold = |n: usize, on_parts: &mut [f64]| {
                costs[n] = hold(&piece.observations[n], &trajectory, on_parts);
            };
            let end = total.as_ref().map(|later| &later.initial_state[..]);
            let mut adjoint = piece.with_cotangents(network.n_units(), hold, |rates| {
                backward_from(network, input, &trajectory, rates, end, integrator)
            })?;
            sums.push(costs.iter().sum::<f64>());
            adjoint.statistics.rhs_evaluations += again.rhs_evaluations;
            if let Some(later) = total {
                adjoint.gradient.add_scaled(1.0, &later.gradient);
                adjoint.statistics += later.statistics;
            }
            total = Some(adjoint);
        }
        // there is a piece
        let adjoint = total.unwrap_or_else(|| Adjoint {
            gradient: network.parameters().zeros_like(),
            initial_state: Vec::new(),
            statistics: Statistics::default(),
        });
        Ok((adjoint, sums.iter().rev().sum()))
    }
}

/// Where to cut next.
struct Borders {
    /// Whether the batch may be cut at a sample.
    may_cut: Vec<bool>,
    /// The sample with which the batch ends.
    last: usize,
    limit: usize,
    /// What the cotangents of one evaluation time take that wait for the way back.
    cotangents: usize,
    /// The most that an interval took so far, as far as one was measured.
    bytes_an_interval: usize,
    is_measured: bool,
}

impl Borders {
    fn new(
        batch: &TrialBatch,
        integrator: &Integrator,
        block: usize,
        TapeLimit(limit): TapeLimit,
    ) -> Borders {
        let last = batch.input.time().len() - 1;
        let intervals = last.max(1);
        let cotangents = match batch.each_alone() {
            Some(_) => 0,
            None => block,
        };
        let bytes = steps_an_interval(batch, integrator)
            .saturating_mul(batch.stops())
            .saturating_mul(BLOCKS_A_STOP * block)
            .saturating_add(batch.t_eval.len() * cotangents);
        let fits = bytes <= limit || !stops_at_samples(integrator);
        Borders {
            may_cut: if fits { Vec::new() } else { batch.may_cut() },
            last,
            limit,
            cotangents,
            bytes_an_interval: (bytes / intervals).saturating_mul(FIRST),
            is_measured: false,
        }
    }

    /// What the cotangents of so many evaluation times take.
    fn cotangents(&self, evaluations: usize) -> usize {
        evaluations * self.cotangents
    }

    /// What is left of the limit beside a piece of so many intervals.
    fn left_beside(&self, intervals: usize) -> usize {
        self.limit
            .saturating_sub(intervals.saturating_mul(self.bytes_an_interval))
    }

    /// The sample at which the piece ends that starts at `first`.
    fn next(&self, first: usize) -> usize {
        let intervals = (self.limit / self.bytes_an_interval.max(1)).max(LEAST_SAMPLES);
        let wanted = first.saturating_add(intervals);
        if wanted >= self.last {
            return self.last;
        }
        let may_cut = |k: &usize| self.may_cut.get(*k) == Some(&true);
        let before = (first + 1..wanted + 1).rev().find(may_cut);
        let after = || (wanted + 1..self.last).find(may_cut);
        before.or_else(after).unwrap_or(self.last)
    }

    /// `intervals` took that many bytes.
    fn measured(&mut self, intervals: usize, bytes: usize) {
        // the next piece may be a little denser
        let measured = bytes.div_ceil(intervals.max(1)) * 5 / 4;
        self.bytes_an_interval = match self.is_measured {
            true => measured.max(self.bytes_an_interval),
            false => measured,
        };
        self.is_measured = true;
    }
}

/// Steps that a given step makes of a sample interval, at most; a guess where tolerances choose.
fn steps_an_interval(batch: &TrialBatch, integrator: &Integrator) -> usize {
    let time = batch.input.time();
    let longest = time.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    let steps = match integrator.step() {
        Some(h) => (longest / h).ceil(),
        None if integrator.has_fixed_steps() => 1.0,
        None => GUESSED_STEPS,
    };
    // a float beyond what the integer holds is taken as its largest
    (steps as usize).max(1)
}

fn stops_at_samples(integrator: &Integrator) -> bool {
    !matches!(
        integrator,
        Integrator::FixedStep {
            stops: Stops::Evaluations,
            ..
        }
    )
}

impl TrialBatch {
    /// Calls `solve` with the cotangents of the rates of `units` units: `write` writes those of the observation with that index as in
    /// [`Walk::backward`]. Where each observation has an evaluation time of its own, it is called when a solve asks for that one.
    pub(crate) fn with_cotangents<T>(
        &self,
        units: usize,
        mut write: impl FnMut(usize, &mut [f64]),
        solve: impl FnOnce(RateCotangents<'_>) -> T,
    ) -> T {
        if let Some(alone) = self.each_alone() {
            return solve(RateCotangents::Each(&mut |j, out| match alone[j] {
                Some(n) => write(n, out),
                None => out.fill(0.0),
            }));
        }
        let block = units * self.input.n_trials();
        let mut all = vec![0.0; block * self.t_eval.len()];
        let mut on_parts = Vec::new();
        for (n, observation) in self.observations.iter().enumerate().rev() {
            on_parts.resize(block * observation.parts.len(), 0.0);
            write(n, &mut on_parts);
            let parts = observation.parts.iter();
            for (&(j, _), on_part) in parts.zip(on_parts.chunks_exact(block)) {
                let rates = all[j * block..][..block].iter_mut().zip(on_part);
                rates.for_each(|(on_rate, c)| *on_rate += c);
            }
        }
        solve(RateCotangents::All(&all))
    }

    /// The observation at each evaluation time, if none of them weighs several times and none shares its own.
    fn each_alone(&self) -> Option<Vec<Option<usize>>> {
        let mut alone = vec![None; self.t_eval.len()];
        for (n, observation) in self.observations.iter().enumerate() {
            let [(j, _)] = observation.parts[..] else {
                return None;
            };
            if alone[j].replace(n).is_some() {
                return None;
            }
        }
        Some(alone)
    }

    /// Times at which integrators stop, at most: samples and evaluation times, each once.
    fn stops(&self) -> usize {
        let time = self.input.time();
        let is_no_sample = |t: &&f64| time.binary_search_by(|s| s.total_cmp(t)).is_err();
        time.len() + self.t_eval.iter().filter(is_no_sample).count()
    }

    /// Whether the batch may be cut at a sample: not within what an observation weighs, and not where nothing is left.
    fn may_cut(&self) -> Vec<bool> {
        let time = self.input.time();
        let end = self.t_eval.last().copied().unwrap_or(time[0]);
        let mut may_cut: Vec<bool> = time.iter().map(|&t| t > time[0] && t < end).collect();
        for observation in self.observations.iter() {
            let (from, to) = self.span(observation);
            let inside = time.partition_point(|&t| t <= from)..time.partition_point(|&t| t < to);
            if let Some(inside) = may_cut.get_mut(inside) {
                inside.fill(false);
            }
        }
        may_cut
    }

    /// First and last time that an observation weighs.
    fn span(&self, observation: &Observation) -> (f64, f64) {
        let times = observation.parts.iter().map(|&(j, _)| self.t_eval[j]);
        times.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), t| {
            (from.min(t), to.max(t))
        })
    }

    /// The batch from one sample to another, both included, evaluated at its end too; what is observed at its very start belongs to the
    /// piece before.
    fn piece(&self, samples: Range<usize>) -> Cow<'_, TrialBatch> {
        let time = self.input.time();
        if samples == (0..time.len()) {
            return Cow::Borrowed(self);
        }
        let input = self.input.part(samples.clone());
        let is_last = samples.end == time.len();
        let until = |sample: usize| {
            let ends_by = |o: &Observation| self.span(o).1 <= time[sample];
            self.observations.partition_point(ends_by)
        };
        let first = match samples.start {
            0 => 0,
            start => until(start),
        };
        let observed = match is_last {
            true => first..self.observations.len(),
            false => first..until(samples.end - 1),
        };
        let observations = &self.observations[observed];
        let parts = observations.iter().flat_map(|o| &o.parts);
        let mut t_eval: Vec<f64> = parts.map(|&(j, _)| self.t_eval[j]).collect();
        if !is_last {
            t_eval.push(input.end());
        }
        let t_eval = super::sorted_once(t_eval);
        let mut observations = observations.to_vec();
        for (j, _) in observations.iter_mut().flat_map(|o| &mut o.parts) {
            *j = super::position(&t_eval, self.t_eval[*j]);
        }
        Cow::Owned(TrialBatch {
            trials: self.trials.clone(),
            input,
            t_eval,
            observations: observations.into(),
        })
    }
}
