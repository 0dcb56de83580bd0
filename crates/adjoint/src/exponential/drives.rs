use super::aligned::Aligned;
use super::frames::CHUNK;
use super::gather::Cotangent;
use super::kernels;
use super::product::{add_outer, multiply};
use super::program::MOST_SAMPLES;
use nalgebra::DMatrix;
use tauscope_dynamics::{Gradient, InputSignal, RateNetwork};

/// `U x + b` at the samples that the step at hand reads.
pub(super) struct Drives<'a> {
    network: &'a RateNetwork,
    input: &'a InputSignal,
    /// The sample that the step begins at or behind.
    interval: usize,
    /// By samples after it; which sample a block is of, and `None` where it holds nothing yet.
    blocks: [(Option<usize>, Aligned); MOST_SAMPLES],
}

/// So many samples after one; the last sample is kept.
fn after(input: &InputSignal, interval: usize, samples: usize) -> usize {
    (interval + samples).min(input.time().len() - 1)
}

impl<'a> Drives<'a> {
    pub(super) fn new(network: &'a RateNetwork, input: &'a InputSignal) -> Self {
        let block = Aligned::zeros(network.n_units() * input.n_trials());
        Drives {
            network,
            input,
            interval: 0,
            blocks: std::array::from_fn(|_| (None, block.clone())),
        }
    }

    /// Moves on to a step that reads so many samples from that of its interval on.
    pub(super) fn enter(&mut self, interval: usize, samples: usize) {
        self.interval = interval;
        // what is there already is neither made again nor written over by what is not
        for ahead in 0..samples {
            let sample = Some(self.sample(ahead));
            let at = self.blocks.iter().position(|(of, _)| *of == sample);
            if let Some(at) = at.filter(|_| self.blocks[ahead].0 != sample) {
                self.blocks.swap(ahead, at);
            }
        }
        for ahead in 0..samples {
            let sample = self.sample(ahead);
            let (of, block) = &mut self.blocks[ahead];
            if *of != Some(sample) {
                *of = Some(sample);
                drive(self.network, self.input, sample, block);
            }
        }
    }

    /// So many samples after that of the interval.
    pub(super) fn get(&self, ahead: usize) -> &[f64] {
        &self.blocks[ahead].1
    }

    /// Which sample that is.
    pub(super) fn sample(&self, ahead: usize) -> usize {
        after(self.input, self.interval, ahead)
    }
}

fn drive(network: &RateNetwork, input: &InputSignal, sample: usize, out: &mut [f64]) {
    let parameters = network.parameters();
    let x = input.samples(sample..sample + 1);
    affine(&parameters.u, parameters.b.as_slice(), x, out);
}

/// `out = U x + b`.
fn affine(u: &DMatrix<f64>, b: &[f64], x: &[f64], out: &mut [f64]) {
    // a pass over the block and not a product
    if u.ncols() <= kernels::FEW_COLUMNS {
        kernels::affine(u.as_slice(), b, x, out);
        return;
    }
    multiply(u, x, out, false);
    for column in out.chunks_exact_mut(b.len()) {
        column.iter_mut().zip(b).for_each(|(o, b)| *o += b);
    }
}

/// Cotangents of `U x + b` on the way back, gathered over samples into large products.
pub(super) struct DriveCotangents<'a> {
    input: &'a InputSignal,
    interval: Option<usize>,
    /// Of the samples that the step at hand may read, by samples after that of its interval.
    pub(super) samples: [Cotangent; MOST_SAMPLES],
    panel: Panel,
}

impl<'a> DriveCotangents<'a> {
    pub(super) fn new(network: &RateNetwork, input: &'a InputSignal) -> Self {
        let block = network.n_units() * input.n_trials();
        DriveCotangents {
            input,
            interval: None,
            samples: std::array::from_fn(|_| Cotangent::new(block)),
            panel: Panel::new(block, input.n_trials()),
        }
    }

    /// Makes `samples` those of an interval at or before the last one, and hands on those that are complete: later than
    /// what the step at hand, or one before it, can read.
    pub(super) fn enter(&mut self, interval: usize, gradient: &mut Gradient) {
        let before = self.interval.replace(interval).unwrap_or(interval);
        let shift = (before - interval).min(MOST_SAMPLES);
        for ahead in (MOST_SAMPLES - shift..MOST_SAMPLES).rev() {
            self.add(ahead, after(self.input, before, ahead), gradient);
        }
        self.samples.rotate_right(shift % MOST_SAMPLES);
    }

    fn add(&mut self, ahead: usize, sample: usize, gradient: &mut Gradient) {
        let input = self.input;
        if std::mem::replace(&mut self.samples[ahead].is_empty, true) {
            return;
        }
        let cotangent = &self.samples[ahead].values;
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
            for ahead in (0..MOST_SAMPLES).rev() {
                self.add(ahead, after(self.input, interval, ahead), gradient);
            }
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
    affine(u, b, x, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_of_few_inputs_and_of_many_is_the_product() {
        let number = |i: usize| (1.7 * i as f64).sin();
        for units in [1, 7, 8, 10, 16, 19] {
            for inputs in [0, 1, 3, kernels::FEW_COLUMNS, kernels::FEW_COLUMNS + 1] {
                let u = DMatrix::from_fn(units, inputs, |i, j| number(i + 31 * j));
                let b = DMatrix::from_fn(units, 1, |i, _| number(i + 5));
                let x = DMatrix::from_fn(inputs, 3, |i, j| number(i + 7 * j));
                let mut out = vec![f64::NAN; 3 * units];
                affine(&u, b.as_slice(), x.as_slice(), &mut out);
                let expected = &u * &x + b * DMatrix::from_element(1, 3, 1.0);
                for (a, b) in out.iter().zip(expected.iter()) {
                    assert!((a - b).abs() < 1e-14, "{units} units, {inputs} inputs");
                }
            }
        }
    }
}
