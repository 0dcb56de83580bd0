use super::aligned::Aligned;
use super::frames::CHUNK;
use super::kernels::Cotangent;
use super::product::{add_outer, multiply};
use nalgebra::DMatrix;
use tauscope_dynamics::{Gradient, InputSignal, Interpolation, RateNetwork};

/// `U x + b` at the two samples beside the step at hand.
pub(super) struct Drives<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    interval: Option<usize>,
    pub(super) left: Aligned,
    pub(super) right: Aligned,
}

/// The sample to the right of an interval; the last sample is kept.
fn right_of(input: &InputSignal, interval: usize) -> usize {
    (interval + 1).min(input.time().len() - 1)
}

impl<'a> Drives<'a> {
    pub(super) fn new(network: &'a RateNetwork, input: &'a InputSignal) -> Self {
        let block = Aligned::zeros(network.n_units() * input.n_trials());
        Drives {
            network,
            input,
            interval: None,
            left: block.clone(),
            right: block,
        }
    }

    /// Makes `left` and `right` those of a sample interval.
    pub(super) fn enter(&mut self, interval: usize) {
        if self.interval == Some(interval) {
            return;
        }
        let right = right_of(self.input, interval);
        let both = self.input.interpolation() == Interpolation::Linear;
        let before = self.interval.map(|at| (at, right_of(self.input, at)));
        self.interval = Some(interval);
        match before {
            Some((_, at)) if both && at == interval => {
                std::mem::swap(&mut self.left, &mut self.right)
            }
            Some((at, _)) if both && at == right => {
                std::mem::swap(&mut self.left, &mut self.right);
                drive(self.network, self.input, interval, &mut self.left);
                return;
            }
            _ => drive(self.network, self.input, interval, &mut self.left),
        }
        if both {
            drive(self.network, self.input, right, &mut self.right);
        }
    }

    /// Inputs at the two samples, as indices.
    pub(super) fn samples(&self) -> (usize, usize) {
        let interval = self.interval.unwrap_or(0);
        (interval, right_of(self.input, interval))
    }
}

fn drive(network: &RateNetwork, input: &InputSignal, sample: usize, out: &mut [f64]) {
    multiply(
        &network.parameters().u,
        input.samples(sample..sample + 1),
        out,
        false,
    );
    let b = network.parameters().b.as_slice();
    for column in out.chunks_exact_mut(b.len()) {
        column.iter_mut().zip(b).for_each(|(o, b)| *o += b);
    }
}

/// Cotangents of `U x + b` on the way back, gathered over samples into large products.
pub(super) struct DriveCotangents<'a> {
    input: &'a InputSignal,
    interval: Option<usize>,
    /// Of the samples left and right of the step at hand.
    pub(super) sides: [Cotangent; 2],
    panel: Panel,
}

impl<'a> DriveCotangents<'a> {
    pub(super) fn new(network: &RateNetwork, input: &'a InputSignal) -> Self {
        let block = network.n_units() * input.n_trials();
        DriveCotangents {
            input,
            interval: None,
            sides: [Cotangent::new(block), Cotangent::new(block)],
            panel: Panel::new(block, input.n_trials()),
        }
    }

    /// Makes `sides` those of an interval at or before the last one, and hands on those that are complete.
    pub(super) fn enter(&mut self, interval: usize, gradient: &mut Gradient) {
        if self.interval == Some(interval) {
            return;
        }
        if let Some(before) = self.interval {
            self.deposit(before, interval, gradient);
        }
        self.interval = Some(interval);
    }

    fn deposit(&mut self, interval: usize, next: usize, gradient: &mut Gradient) {
        let right = right_of(self.input, interval);
        if self.input.interpolation() == Interpolation::Linear {
            self.add(1, right, gradient);
            if right_of(self.input, next) == interval {
                self.sides.swap(0, 1);
                return;
            }
        }
        self.add(0, interval, gradient);
    }

    fn add(&mut self, side: usize, sample: usize, gradient: &mut Gradient) {
        let input = self.input;
        if std::mem::replace(&mut self.sides[side].is_empty, true) {
            return;
        }
        let cotangent = &self.sides[side].values;
        let b = gradient.b.as_mut_slice();
        for column in cotangent.chunks_exact(b.len()) {
            b.iter_mut().zip(column).for_each(|(g, c)| *g += c);
        }
        if input.n_inputs() > 0 {
            self.panel.push(sample, cotangent, |a, first, n| {
                add_outer(a, input.samples(first..first + n), &mut gradient.u);
            });
        }
    }

    /// Must follow the last step.
    pub(super) fn finish(mut self, gradient: &mut Gradient) {
        if let Some(interval) = self.interval {
            let right = right_of(self.input, interval);
            if self.input.interpolation() == Interpolation::Linear {
                self.add(1, right, gradient);
            }
            self.add(0, interval, gradient);
        }
        let input = self.input;
        self.panel.flush(|a, first, n| {
            add_outer(a, input.samples(first..first + n), &mut gradient.u);
        });
    }
}

/// Blocks of consecutive places, gathered on the way back so that one product serves many.
pub(super) struct Panel {
    block: usize,
    /// Filled from the end.
    blocks: Aligned,
    filled: usize,
    first: usize,
}

/// Columns of such a product: wide enough for its full speed, few enough for the cache.
const PANEL_COLUMNS: usize = 256;

impl Panel {
    pub(super) fn new(block: usize, columns: usize) -> Panel {
        let capacity = PANEL_COLUMNS.div_ceil(columns.max(1));
        Panel {
            block,
            blocks: Aligned::zeros(block * capacity),
            filled: 0,
            first: 0,
        }
    }

    /// Takes the block of a place, which lies before the last one (those that are multiplied together lie in one chunk); `multiply` gets blocks, the first of their places, and
    /// their number.
    pub(super) fn push(
        &mut self,
        place: usize,
        block: &[f64],
        mut multiply: impl FnMut(&[f64], usize, usize),
    ) {
        let room = self.blocks.len() / self.block - self.filled;
        let apart = place + 1 != self.first || self.first.is_multiple_of(CHUNK);
        if self.filled > 0 && (room == 0 || apart) {
            self.flush(&mut multiply);
        }
        self.filled += 1;
        self.first = place;
        let start = self.blocks.len() - self.filled * self.block;
        self.blocks[start..start + self.block].copy_from_slice(block);
    }

    pub(super) fn flush(&mut self, mut multiply: impl FnMut(&[f64], usize, usize)) {
        if self.filled > 0 {
            let start = self.blocks.len() - self.filled * self.block;
            multiply(&self.blocks[start..], self.first, self.filled);
            self.filled = 0;
        }
    }
}

/// Change of `U x + b` along a change of U and b, at one sample, for as many trials as `out` has room for.
pub(super) fn drive_tangent(
    u: &DMatrix<f64>,
    b: &[f64],
    input: &InputSignal,
    sample: usize,
    out: &mut [f64],
) {
    let n_trials = out.len() / b.len();
    let x = &input.samples(sample..sample + 1)[..input.n_inputs() * n_trials];
    multiply(u, x, out, false);
    for column in out.chunks_exact_mut(b.len()) {
        column.iter_mut().zip(b).for_each(|(o, b)| *o += b);
    }
}
