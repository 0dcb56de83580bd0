//! The forward pass: step by step, of given length or as tolerances choose.

use super::control::{Controller, error_norm};
use super::drives::Drives;
use super::estimate::ErrorOfStep;
use super::frames::Frames;
use super::kernels::{self, MOST};
use super::probe::Probe;
use super::product::multiply;
use super::program::{MAX_LAG, Operation, Source};
use super::programs::Form;
use super::scheme::{Effort, Scheme, StepKind, span_of_history};
use super::tape::{Evaluation, StepTape, TakenStep, state_registers};
use super::weights::{Geometry, Tile, WeightCache};
use crate::fixed_step::{Grid, Step};
use crate::forward::Tape;
use crate::halt;
use crate::{
    ExponentialMethod, Phase, SolveError, Statistics, StepControl, Stops, Tolerances, Trajectory,
};
use tauscope_dynamics::{InputSignal, Interpolation, RateNetwork};

/// See [`crate::forward`].
pub(crate) fn forward(
    network: &RateNetwork,
    input: &InputSignal,
    y0: &[f64],
    t_eval: &[f64],
    method: ExponentialMethod,
    control: StepControl,
) -> Result<Trajectory, SolveError> {
    let (fixed, tolerances) = match control {
        StepControl::Step(step) => (step, None),
        StepControl::Tolerances(tolerances) => (None, Some(tolerances)),
    };
    let grid = Grid::new(input, t_eval, fixed, Stops::Knots)?;
    let mut run = Run::new(network, input, method, &grid, tolerances.is_some())?;
    run.probe = tolerances.map(|t| Probe::new(network, input, &run.scheme, y0, t));
    run.start(y0, grid.steps.first())?;
    let mut nodes = Vec::with_capacity(grid.steps.len() + 1);
    nodes.push(run.end());
    match tolerances {
        None => {
            for step in &grid.steps {
                let effort = if method == ExponentialMethod::ExpBashforth && step.is_interval(input)
                {
                    Effort::Extrapolate
                } else {
                    Effort::Whole
                };
                run.step(step, effort)?;
                nodes.push(run.end());
            }
        }
        Some(tolerances) => {
            let may_correct_doubles = run.scheme.corrects_doubles() && grid.is_regular(input);
            let mut controller = Controller::new(tolerances, may_correct_doubles);
            while let Some(stretch) = grid.steps.get(nodes.len() - 1) {
                let next = grid.steps.get(nodes.len());
                let effort = controller.effort_of_double();
                let effort = effort.filter(|_| run.scheme.doubles());
                let two = next
                    .filter(|_| effort.is_some())
                    .and_then(|next| stretch.with(next, input));
                // a step that begins anew knows nothing of the bend in its middle
                let two = two.filter(|two| !run.begins_anew(two));
                if let (Some(two), Some(effort)) = (two, effort)
                    && run.double(&two, effort, &mut controller)?
                {
                    nodes.extend([run.middle(), run.end()]);
                } else {
                    run.stretch(stretch, &mut controller)?;
                    nodes.push(run.end());
                }
            }
        }
    }
    run.check_finite()?;
    let evaluations = grid.eval_nodes.iter().map(|&node| nodes[node]).collect();
    Ok(Trajectory {
        t_eval: t_eval.to_vec(),
        states: Vec::new(),
        rates: Vec::new(),
        block_len: network.shape(input.n_trials()).block_len(),
        statistics: run.statistics,
        tape: Tape::Exponential(Box::new(StepTape {
            scheme: run.scheme,
            steps: run.steps,
            frames: run.frames,
            evaluations,
            weights: run.cache.into_known(),
            shape: network.shape(input.n_trials()),
        })),
    })
}

/// Whether one of the steps `before` is too short for a history that a step of length `h` extrapolates: over so much more than
/// its own length, the errors of neighbouring values grow by powers of the ratio.
fn is_abrupt<'h>(h: f64, mut before: impl Iterator<Item = &'h f64>) -> bool {
    before.any(|&short| h > MOST_UNEQUAL * short)
}

/// Longest step that extrapolates a history, in units of the shortest step in there.
const MOST_UNEQUAL: f64 = 16.0;

struct Run<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    scheme: Scheme,
    drives: Drives<'a>,
    cache: WeightCache<'a>,
    frames: Frames,
    steps: Vec<TakenStep>,
    statistics: Statistics,
    error_of_step: ErrorOfStep<'a>,
    /// Where tolerances choose the steps.
    probe: Option<Probe<'a>>,
    /// Error of the last step in units of the allowed one, as the probe has it.
    probe_error: f64,
}

impl<'a> Run<'a> {
    fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        method: ExponentialMethod,
        grid: &Grid,
        estimates: bool,
    ) -> Result<Self, SolveError> {
        let steps = grid.steps.len();
        let interpolation = input.interpolation();
        let form = Form {
            model: network.model(),
            interpolation,
            jumps: input.n_inputs() > 0 && interpolation == Interpolation::Hold,
            estimates,
        };
        let span = span_of_history(method);
        let lengths: Vec<f64> = grid.steps.iter().map(|step| step.h).collect();
        let restarts =
            (1..lengths.len()).any(|n| is_abrupt(lengths[n], lengths[..n].iter().rev().take(span)));
        let scheme = Scheme::new(method, form, restarts);
        let block = network.shape(input.n_trials()).block_len();
        let frames = Frames::new(&scheme, block, steps + 1).ok_or(SolveError::Stalled {
            phase: Phase::Forward,
            time: input.start(),
            step: grid.steps.first().map_or(0.0, |step| step.h),
            reason: format!("{steps} steps do not fit in memory"),
        })?;
        Ok(Run {
            network,
            input,
            frames,
            scheme,
            drives: Drives::new(network, input),
            cache: WeightCache::new(network),
            steps: Vec::with_capacity(steps + 1),
            statistics: Statistics::default(),
            error_of_step: ErrorOfStep::new(network, block),
            probe: None,
            probe_error: 0.0,
        })
    }

    /// Frame 0, scaled for a first step like `first`.
    fn start(&mut self, y0: &[f64], first: Option<&Step>) -> Result<(), SolveError> {
        self.push_frame(self.input.start())?;
        let parts = state_registers(self.network.model());
        for (&register, values) in parts.iter().zip(y0.chunks_exact(y0.len() / parts.len())) {
            self.frames
                .write(register, 0, |block, _| block.copy_from_slice(values));
        }
        // as if a step of the same length had ended here
        let (start, h) = (self.input.start(), first.map_or(1.0, |first| first.h));
        let virtual_step = Step {
            t0: start - h,
            t1: start,
            h,
            interval: 0,
            ends_interval: false,
            crosses: false,
        };
        self.take(StepKind::Start, &virtual_step);
        self.check_finite()
    }

    fn step(&mut self, step: &Step, effort: Effort) -> Result<StepKind, SolveError> {
        halt::check()?;
        self.push_frame(step.t0)?;
        let before = self.steps[self.steps.len() - 1].geometry.kind;
        let anew = self.begins_anew(step);
        let kind = self
            .scheme
            .kind(self.frames.len() - 1, before, effort, anew);
        self.take(kind, step);
        self.statistics.steps += 1;
        Ok(kind)
    }

    fn begins_anew(&self, step: &Step) -> bool {
        let lengths = self.steps.iter().rev().map(|step| &step.geometry.h);
        let history = lengths.take(span_of_history(self.scheme.method));
        self.scheme.restarts() && is_abrupt(step.h, history)
    }

    /// A stretch between stops, in as many steps as its tolerance asks for.
    fn stretch(&mut self, stretch: &Step, controller: &mut Controller) -> Result<(), SolveError> {
        let length = stretch.t1 - stretch.t0;
        // `done` steps of `length / 2^halvings` each
        let (mut halvings, mut done) = (controller.halvings(length), 0_u64);
        loop {
            if halvings > MOST_HALVINGS {
                return Err(self.too_short(stretch.t0, length * 0.5_f64.powi(halvings as i32)));
            }
            let parts = 1_u64 << halvings;
            let (h, whole, last) = (length / parts as f64, parts == 1, done + 1 == parts);
            let t0 = stretch.t0 + h * done as f64;
            if self.steps.len() > MOST_STEPS {
                return Err(SolveError::TooManySteps {
                    phase: Phase::Forward,
                    steps: self.steps.len(),
                    time: t0,
                });
            }
            let step = Step {
                t0,
                t1: if last { stretch.t1 } else { t0 + h },
                h,
                interval: stretch.interval,
                ends_interval: stretch.ends_interval && last,
                crosses: false,
            };
            let effort = if whole {
                controller.effort()
            } else {
                Effort::Whole
            };
            let kind = self.step(&step, effort)?;
            let error = self.error_of_last_step(controller.tolerances());
            let accepted = controller.accept(h, whole, kind, error);
            if accepted {
                if let Some(probe) = &mut self.probe {
                    probe.accept(self.frames.len() - 1);
                }
                // what is not finite has no error that is allowed
                if last {
                    return Ok(());
                }
                done += 1;
            } else {
                self.drop_last_step();
            }
            let wanted = controller.halvings(length);
            while halvings > wanted && done.is_multiple_of(2) {
                (halvings, done) = (halvings - 1, done / 2);
            }
            if halvings < wanted && wanted <= MOST_HALVINGS {
                done <<= wanted - halvings;
            }
            halvings = halvings.max(wanted);
        }
    }

    /// Two stretches at once; `false` where that is not possible with the error that is allowed.
    fn double(
        &mut self,
        two: &Step,
        effort: Effort,
        controller: &mut Controller,
    ) -> Result<bool, SolveError> {
        let kind = self.step(two, effort)?;
        let error = self.error_of_last_step(controller.tolerances());
        let accepted = controller.accept(two.h, true, kind, error);
        if !accepted {
            self.drop_last_step();
        } else if let Some(probe) = &mut self.probe {
            probe.accept(self.frames.len() - 1);
        }
        Ok(accepted)
    }

    /// Where the last step ended.
    fn end(&self) -> Evaluation {
        Evaluation {
            frame: self.frames.len() - 1,
            in_middle: false,
        }
    }

    fn middle(&self) -> Evaluation {
        Evaluation {
            in_middle: true,
            ..self.end()
        }
    }

    fn drop_last_step(&mut self) {
        self.statistics.rejected += 1;
        self.statistics.steps -= 1;
        self.frames.truncate(self.frames.len() - 1);
        self.steps.pop();
    }

    /// In units of what is allowed.
    fn error_of_last_step(&mut self, tolerances: Tolerances) -> f64 {
        let frame = self.frames.len() - 1;
        let Geometry { kind, h, .. } = self.steps[frame].geometry;
        let frames = &self.frames;
        let error = self.error_of_step.get(
            self.scheme.estimate(kind),
            h,
            self.scheme.activity(frames, frame),
            |register| frames.get(register, frame),
        );
        let value = frames.get(self.scheme.controlled(), frame);
        let of_state = error_norm(error, value, self.network.n_units(), tolerances);
        // f64::max would lose a NaN
        if of_state.is_nan() || of_state > self.probe_error {
            of_state
        } else {
            self.probe_error
        }
    }

    fn too_short(&self, time: f64, step: f64) -> SolveError {
        SolveError::Stalled {
            phase: Phase::Forward,
            time,
            step,
            reason: "no step is short enough for the tolerance: the state diverges or the recurrent loop is too fast; bound the weights, raise the lower bound of the time constants, or choose a stiff method"
                .to_owned(),
        }
    }

    fn push_frame(&mut self, time: f64) -> Result<(), SolveError> {
        if self.frames.push() {
            return Ok(());
        }
        Err(SolveError::Stalled {
            phase: Phase::Forward,
            time,
            step: self.steps.last().map_or(0.0, |step| step.geometry.h),
            reason: format!("{} steps do not fit in memory", self.frames.len()),
        })
    }

    fn take(&mut self, kind: StepKind, step: &Step) {
        let frame = self.frames.len() - 1;
        let geometry = self.geometry(kind, step);
        let program = self.scheme.program(kind);
        let tile = self.cache.tile();
        let weights = self.cache.near(&geometry, program);
        self.drives.enter(step.interval, self.scheme.samples(kind));
        for (operation, weights) in program.iter().zip(&weights.operations) {
            let context = Context {
                network: self.network,
                drives: &self.drives,
                tile,
            };
            context.apply(operation, weights, &mut self.frames, frame);
            if matches!(operation, Operation::Multiply { .. }) {
                self.statistics.rhs_evaluations += self.input.n_trials() as u64;
            }
        }
        if let Some(probe) = &mut self.probe {
            self.probe_error = probe.step(
                &self.scheme,
                &self.frames,
                &self.drives,
                weights,
                tile,
                frame,
            );
        }
        self.steps.push(TakenStep {
            geometry: weights.geometry,
            interval: step.interval,
            t1: step.t1,
        });
    }

    fn geometry(&self, kind: StepKind, step: &Step) -> Geometry {
        let mut lengths = [1.0; MAX_LAG + 1];
        for (lag, length) in lengths.iter_mut().enumerate().skip(1) {
            if let Some(before) = self.steps.len().checked_sub(lag) {
                *length = self.steps[before].geometry.h / step.h;
            }
        }
        let before = self.steps.last().map_or(kind, |step| step.geometry.kind);
        // of a history of very unequal steps differences tell nothing
        let is_even = lengths.iter().all(|l| (0.49..2.04).contains(l));
        let time = self.input.time();
        let left = (time[step.interval] - step.t0) / step.h;
        // beyond the last sample that one is kept: any place to the right will do
        let right = time
            .get(step.interval + 1)
            .map_or(left + 1.0, |t| (t - step.t0) / step.h);
        Geometry {
            kind,
            h: step.h,
            lengths,
            left,
            right,
            settles: if is_even {
                kind.settles(before, lengths[1])
            } else {
                0.0
            },
        }
        .only(self.scheme.reads(kind))
    }

    /// Of the last frame.
    fn check_finite(&self) -> Result<(), SolveError> {
        let frame = self.frames.len() - 1;
        for &register in state_registers(self.network.model()) {
            let block = self.frames.get(register, frame);
            if block.iter().all(|v| v.is_finite()) {
                continue;
            }
            return Err(self.first_not_finite(frame));
        }
        Ok(())
    }

    /// Where a state was last finite.
    fn first_not_finite(&self, last: usize) -> SolveError {
        let bad = |frame: usize| {
            let registers = state_registers(self.network.model());
            let mut places = registers.iter().filter_map(|&register| {
                self.frames
                    .get(register, frame)
                    .iter()
                    .position(|v| !v.is_finite())
            });
            places.next()
        };
        let frame = (0..=last)
            .find(|&frame| bad(frame).is_some())
            .unwrap_or(last);
        SolveError::NotFinite {
            phase: Phase::Forward,
            time: self.steps.get(frame).map_or(self.input.start(), |s| s.t1),
            unit: bad(frame).unwrap_or(0) % self.network.n_units(),
        }
    }
}

/// More steps than any sensible solve takes, all kept.
const MOST_STEPS: usize = 2_000_000;
/// A stretch that must be halved more often is not a matter of accuracy. A derivative that jumps, where a relu unit crosses its
/// kink, asks for steps as short as the tolerance.
const MOST_HALVINGS: u32 = 40;

/// What operations read beside the frames.
struct Context<'a> {
    network: &'a RateNetwork,
    drives: &'a Drives<'a>,
    tile: Tile,
}

impl Context<'_> {
    fn apply(
        &self,
        operation: &Operation,
        weights: &super::weights::Weights,
        frames: &mut Frames,
        frame: usize,
    ) {
        let activation = self.network.activation();
        frames.write(operation.target(), frame, |out, from| match *operation {
            Operation::Combine { .. } => {
                let mut inputs: [&[f64]; MOST] = [&[]; MOST];
                for (input, &source) in inputs.iter_mut().zip(&weights.sources) {
                    *input = match source {
                        Source::Register(register, lag) => from.get(register, lag),
                        Source::Drive(ahead) => self.drives.get(ahead),
                    };
                }
                let n = weights.sources.len();
                kernels::combine(out, self.tile.len, &weights.weights, n, &inputs[..n]);
            }
            Operation::Activate { of, .. } => activation.values(from.get(of, 0), out),
            Operation::Multiply { of, .. } => {
                multiply(&self.network.parameters().w, from.get(of, 0), out, false);
            }
            Operation::Chain { rate, times, .. } => {
                if let Source::Register(rate, lag) = rate {
                    let mut slopes = vec![0.0; out.len()];
                    activation.slopes_of_values(from.get(rate, lag), &mut slopes);
                    kernels::elementwise(&slopes, from.get(times, 0), out);
                }
            }
        });
    }
}
