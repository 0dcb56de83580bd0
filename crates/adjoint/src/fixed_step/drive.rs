use super::grid::Step;
use nalgebra::{DMatrix, DMatrixView};
use tauscope_dynamics::{InputSignal, Interpolation, RateNetwork};

/// Which value a held input has at the very end of a step that ends at a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldEnd {
    /// The value that was held through the step: the left limit.
    Left,
    /// The sample at which the step ends.
    Right,
}

/// Inputs and drive `U x + b` within a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// (unit, trial)
    pub(super) drive: &'p [f64],
    /// (input, trial)
    pub(super) x: DMatrixView<'p, f64>,
}

/// A place between two samples.
#[derive(Debug, Clone, Copy)]
struct Sampled {
    /// The sample at or before it.
    interval: usize,
    /// 0 at that sample, 1 at the next.
    s: f64,
}

/// Inputs and drives within the current sample interval. Between samples both are mixed from those of
/// the two samples, so that U multiplies every sample once a pass, whatever the number of stages.
pub(super) struct Drives<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    held_end: HeldEnd,
    interval: Option<usize>,
    left: Vec<f64>,
    right: Vec<f64>,
    mixed: Vec<f64>,
    mixed_x: DMatrix<f64>,
}

impl<'a> Drives<'a> {
    pub(super) fn new(network: &'a RateNetwork, input: &'a InputSignal, held_end: HeldEnd) -> Self {
        let block = vec![0.0; network.n_units() * input.n_trials()];
        Drives {
            network,
            input,
            held_end,
            interval: None,
            left: block.clone(),
            right: block.clone(),
            mixed: block,
            mixed_x: DMatrix::zeros(input.n_inputs(), input.n_trials()),
        }
    }

    /// `U x + b` at `t0 + fraction * h`, (unit, trial).
    pub(super) fn drive(&mut self, step: &Step, fraction: f64) -> &[f64] {
        let at = self.locate(step, fraction);
        self.enter(at.interval);
        self.mix_drive(at.s);
        self.drive_at(at.s)
    }

    /// [`drive`](Self::drive) with the inputs themselves.
    pub(super) fn place(&mut self, step: &Step, fraction: f64) -> Place<'_> {
        let Sampled { interval, s } = self.locate(step, fraction);
        self.enter(interval);
        self.mix_drive(s);
        let x = if s == 0.0 {
            self.input.sample(interval)
        } else if s == 1.0 {
            self.input.sample(interval + 1)
        } else {
            let left = self.input.sample(interval);
            let right = self.input.sample(interval + 1);
            for ((x, l), r) in self.mixed_x.iter_mut().zip(left.iter()).zip(right.iter()) {
                *x = (1.0 - s) * l + s * r;
            }
            self.mixed_x.as_view()
        };
        Place {
            drive: self.drive_at(s),
            x,
        }
    }

    /// Where a step takes its input.
    fn locate(&self, step: &Step, fraction: f64) -> Sampled {
        if !step.crosses {
            let s = self.position(step, fraction);
            return Sampled {
                interval: step.interval,
                s,
            };
        }
        let t = step.t0 + fraction * step.h;
        let time = self.input.time();
        // at a jump within the step the value is that after it
        let after = time.partition_point(|&sample| sample <= t);
        let interval = after.saturating_sub(1).max(step.interval);
        let s = match (self.input.interpolation(), time.get(interval + 1)) {
            (Interpolation::Linear, Some(next)) => (t - time[interval]) / (next - time[interval]),
            _ => 0.0,
        };
        Sampled { interval, s }
    }

    /// Where between the two samples of its interval a step takes its input: 0 at the left one.
    fn position(&self, step: &Step, fraction: f64) -> f64 {
        let Some(&next) = self.input.time().get(step.interval + 1) else {
            return 0.0;
        };
        let at_sample = step.ends_interval && fraction == 1.0;
        match self.input.interpolation() {
            Interpolation::Hold if at_sample && self.held_end == HeldEnd::Right => 1.0,
            Interpolation::Hold => 0.0,
            Interpolation::Linear if at_sample => 1.0,
            Interpolation::Linear => {
                let start = self.input.time()[step.interval];
                (step.t0 + fraction * step.h - start) / (next - start)
            }
        }
    }

    fn drive_at(&self, s: f64) -> &[f64] {
        if s == 0.0 {
            &self.left
        } else if s == 1.0 {
            &self.right
        } else {
            &self.mixed
        }
    }

    fn mix_drive(&mut self, s: f64) {
        if s == 0.0 || s == 1.0 {
            return;
        }
        for ((m, l), r) in self.mixed.iter_mut().zip(&self.left).zip(&self.right) {
            *m = (1.0 - s) * l + s * r;
        }
    }

    fn enter(&mut self, interval: usize) {
        if self.interval == Some(interval) {
            return;
        }
        let both =
            self.input.interpolation() == Interpolation::Linear || self.held_end == HeldEnd::Right;
        let forwards = both && interval > 0 && self.interval == Some(interval - 1);
        let backwards = both && self.interval == Some(interval + 1);
        if forwards || backwards {
            std::mem::swap(&mut self.left, &mut self.right);
        }
        if !forwards {
            self.network
                .drive(self.input.sample(interval), &mut self.left);
        }
        if both && !backwards && interval + 1 < self.input.time().len() {
            self.network
                .drive(self.input.sample(interval + 1), &mut self.right);
        }
        self.interval = Some(interval);
    }
}
