//! How rates become outputs.

use crate::dataset::Dataset;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVector};
use std::ops::Range;

/// From the rates of all units to the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadoutKind {
    /// `z_p = r_p`: the first units are the outputs, the rest are hidden.
    Direct,
    /// `z_p = c_p r_p + d_p`, likewise.
    Scaled,
    /// `z = C r + d`.
    Linear,
}

impl ReadoutKind {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ReadoutKind::Direct => "direct",
            ReadoutKind::Scaled => "scaled",
            ReadoutKind::Linear => "linear",
        }
    }
}

/// A readout with its sizes and the scale of each output.
///
/// Its parameters are kept in units of each output's standard deviation about its mean on the train trials, so that
/// they are of order one like weights and log time constants: `C = std * theta_C`, `d = mean + std * theta_d`.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    kind: ReadoutKind,
    n_units: usize,
    n_outputs: usize,
    mean: DVector<f64>,
    std: DVector<f64>,
}

/// A readout with values of its parameters, in the units of the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutValues {
    /// `C` (output, unit) of a linear readout, else the diagonal `c` (output) in its first column.
    pub gain: DMatrix<f64>,
    /// `d` (output).
    pub offset: DVector<f64>,
}

impl Readout {
    /// A readout of `n_units` units for the outputs of a dataset; `mean` and `std` of each output over the train trials.
    pub fn new(kind: ReadoutKind, n_units: usize, mean: Vec<f64>, std: Vec<f64>) -> Readout {
        let n_outputs = mean.len();
        // an output that never changes has no scale of its own
        let std = DVector::from_iterator(
            n_outputs,
            std.iter().map(|&s| if s > 0.0 { s } else { 1.0 }),
        );
        Readout {
            kind,
            n_units,
            n_outputs,
            mean: DVector::from_vec(mean),
            std,
        }
    }

    /// Which kind.
    pub fn kind(&self) -> ReadoutKind {
        self.kind
    }

    /// Number of outputs.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Number of parameters: first the gains (column-major), then the offsets.
    pub fn n_parameters(&self) -> usize {
        self.gains().len()
            + if self.kind == ReadoutKind::Direct {
                0
            } else {
                self.n_outputs
            }
    }

    /// Where the gains lie among the parameters.
    pub fn gains(&self) -> Range<usize> {
        0..match self.kind {
            ReadoutKind::Direct => 0,
            ReadoutKind::Scaled => self.n_outputs,
            ReadoutKind::Linear => self.n_outputs * self.n_units,
        }
    }

    /// Gains and offsets in the units of the outputs.
    pub fn values(&self, theta: &[f64]) -> ReadoutValues {
        let (gains, offsets) = theta.split_at(self.gains().end);
        let columns = gains.len() / self.n_outputs;
        let mut gain = DMatrix::from_column_slice(self.n_outputs, columns, gains);
        for mut column in gain.column_iter_mut() {
            column.component_mul_assign(&self.std);
        }
        let offset = DVector::from_column_slice(offsets);
        let offset = if offsets.is_empty() {
            offset
        } else {
            &self.mean + offset.component_mul(&self.std)
        };
        ReadoutValues { gain, offset }
    }

    /// The parameters of given values; undoes [`values`](Self::values).
    pub fn theta(&self, values: &ReadoutValues) -> Vec<f64> {
        let mut gain = values.gain.clone();
        for mut column in gain.column_iter_mut() {
            column.component_div_assign(&self.std);
        }
        let offset = if values.offset.is_empty() {
            values.offset.clone()
        } else {
            (&values.offset - &self.mean).component_div(&self.std)
        };
        [gain.as_slice(), offset.as_slice()].concat()
    }

    /// Outputs (output, trial) of `rates` (unit, trial).
    pub fn outputs(&self, values: &ReadoutValues, rates: &[f64]) -> DMatrix<f64> {
        let mut z = DMatrix::zeros(self.n_outputs, rates.len() / self.n_units);
        self.write_outputs(values, rates, &mut z);
        z
    }

    /// [`outputs`](Self::outputs), over whatever `z` (output, trial) holds.
    pub fn write_outputs(&self, values: &ReadoutValues, rates: &[f64], z: &mut DMatrix<f64>) {
        self.write_gain_times(values, rates, z);
        let offset = values.offset.as_slice();
        if !offset.is_empty() {
            let columns = z.as_mut_slice().chunks_exact_mut(self.n_outputs);
            columns.for_each(|z| z.iter_mut().zip(offset).for_each(|(z, d)| *z += d));
        }
    }

    /// The part of [`outputs`](Self::outputs) that is linear in the rates.
    pub fn gain_times(&self, values: &ReadoutValues, rates: &[f64]) -> DMatrix<f64> {
        let mut z = DMatrix::zeros(self.n_outputs, rates.len() / self.n_units);
        self.write_gain_times(values, rates, &mut z);
        z
    }

    fn write_gain_times(&self, values: &ReadoutValues, rates: &[f64], z: &mut DMatrix<f64>) {
        let (n, p) = (self.n_units, self.n_outputs);
        if self.kind == ReadoutKind::Linear {
            let rates = DMatrixView::from_slice(rates, n, z.ncols());
            values.gain.mul_to(&rates, z);
            return;
        }
        let columns = z.as_mut_slice().chunks_exact_mut(p);
        for (z, rates) in columns.zip(rates.chunks_exact(n)) {
            z.copy_from_slice(&rates[..p]);
            if self.kind == ReadoutKind::Scaled {
                scale(z, values.gain.as_slice());
            }
        }
    }

    /// Adds to `gradient` (parameters) what cotangents `z` (output, trial) of the outputs at `rates` (unit, trial) say, and writes
    /// their cotangent of the rates over what `on_rates` holds.
    pub fn vjp(
        &self,
        values: &ReadoutValues,
        rates: &[f64],
        z: &DMatrix<f64>,
        gradient: &mut [f64],
        on_rates: &mut [f64],
    ) {
        let (n, p, std) = (self.n_units, self.n_outputs, self.std.as_slice());
        let (gains, offsets) = gradient.split_at_mut(self.gains().end);
        let columns = || z.as_slice().chunks_exact(p);
        match self.kind {
            ReadoutKind::Linear => {
                let mut on_rates = DMatrixViewMut::from_slice(on_rates, n, z.ncols());
                values.gain.tr_mul_to(z, &mut on_rates);
                let products = z * DMatrixView::from_slice(rates, n, z.ncols()).transpose();
                let columns = products.as_slice().chunks_exact(p);
                for (gains, products) in gains.chunks_exact_mut(p).zip(columns) {
                    add_products(gains, std, products);
                }
            }
            ReadoutKind::Direct | ReadoutKind::Scaled => {
                for (on_rates, z) in on_rates.chunks_exact_mut(n).zip(columns()) {
                    let (observed, hidden) = on_rates.split_at_mut(p);
                    observed.copy_from_slice(z);
                    hidden.fill(0.0);
                    if self.kind == ReadoutKind::Scaled {
                        scale(observed, values.gain.as_slice());
                    }
                }
            }
        }
        if self.kind == ReadoutKind::Scaled {
            for (rates, z) in rates.chunks_exact(n).zip(columns()) {
                let terms = std.iter().zip(z).zip(rates);
                let gains = gains.iter_mut().zip(terms);
                gains.for_each(|(g, ((std, z), rate))| *g += std * z * rate);
            }
        }
        columns().for_each(|z| add_products(offsets, std, z));
    }

    /// Derivative of the outputs `which` with respect to the rates, each times its own `weight`: (which, unit).
    pub fn gain_rows(
        &self,
        values: &ReadoutValues,
        which: &[usize],
        weight: impl Fn(usize) -> f64,
    ) -> DMatrix<f64> {
        DMatrix::from_fn(which.len(), self.n_units, |row, unit| {
            let output = which[row];
            weight(output)
                * match self.kind {
                    ReadoutKind::Linear => values.gain[(output, unit)],
                    ReadoutKind::Scaled if unit == output => values.gain[(output, 0)],
                    ReadoutKind::Direct if unit == output => 1.0,
                    _ => 0.0,
                }
        })
    }

    /// The parameters on which output `output` depends, no other output does, and which rows of `[rates; 1]` they
    /// multiply, in units of the deviation [`std_of`](Self::std_of).
    pub fn own_parameters(&self, output: usize) -> Vec<(usize, usize)> {
        let offset = (self.gains().end + output, self.n_units);
        match self.kind {
            ReadoutKind::Direct => Vec::new(),
            ReadoutKind::Scaled => vec![(output, output), offset],
            ReadoutKind::Linear => (0..self.n_units)
                .map(|unit| (unit * self.n_outputs + output, unit))
                .chain([offset])
                .collect(),
        }
    }

    /// The scale of the parameters of an output.
    pub fn std_of(&self, output: usize) -> f64 {
        self.std[output]
    }

    /// The mean of an output about which its offset is counted; none beyond the last output.
    pub fn mean_of(&self, output: usize) -> Option<f64> {
        self.mean.get(output).copied()
    }

    /// Change of the outputs along a direction `v` of the parameters, at `rates`.
    pub fn parameter_tangent(&self, v: &[f64], rates: &[f64]) -> DMatrix<f64> {
        let mut z = DMatrix::zeros(self.n_outputs, rates.len() / self.n_units);
        if self.kind == ReadoutKind::Direct {
            return z;
        }
        let values = ReadoutValues {
            gain: {
                let (gains, _) = v.split_at(self.gains().end);
                let mut gain =
                    DMatrix::from_column_slice(self.n_outputs, gains.len() / self.n_outputs, gains);
                for mut column in gain.column_iter_mut() {
                    column.component_mul_assign(&self.std);
                }
                gain
            },
            offset: DVector::from_column_slice(&v[self.gains().end..]).component_mul(&self.std),
        };
        z += self.outputs(&values, rates);
        z
    }
}

fn scale(values: &mut [f64], by: &[f64]) {
    values.iter_mut().zip(by).for_each(|(v, by)| *v *= by);
}

/// `sums += a b`; none where there is no sum.
fn add_products(sums: &mut [f64], a: &[f64], b: &[f64]) {
    let terms = a.iter().zip(b);
    sums.iter_mut()
        .zip(terms)
        .for_each(|(s, (a, b))| *s += a * b);
}

/// Mean and standard deviation of each output over the observed targets of `trials`; 0 where there is none.
pub fn output_moments(dataset: &Dataset, trials: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let of = |output: usize| {
        let observed: Vec<f64> = trials
            .iter()
            .flat_map(|&k| {
                dataset.targets()[k]
                    .row(output)
                    .iter()
                    .copied()
                    .collect::<Vec<_>>()
            })
            .filter(|v| !v.is_nan())
            .collect();
        let n = (observed.len() as f64).max(1.0);
        let mean = observed.iter().sum::<f64>() / n;
        let variance = observed.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    };
    (0..dataset.n_outputs()).map(of).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_theta_undo_each_other() {
        for kind in [
            ReadoutKind::Direct,
            ReadoutKind::Scaled,
            ReadoutKind::Linear,
        ] {
            let readout = Readout::new(kind, 3, vec![100.0, -1.0], vec![20.0, 0.5]);
            let theta: Vec<f64> = (0..readout.n_parameters())
                .map(|i| i as f64 - 1.5)
                .collect();
            let back = readout.theta(&readout.values(&theta));
            assert!(
                theta.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn vjp_is_the_transpose_of_the_tangent() {
        for kind in [
            ReadoutKind::Direct,
            ReadoutKind::Scaled,
            ReadoutKind::Linear,
        ] {
            let readout = Readout::new(kind, 3, vec![100.0, -1.0], vec![20.0, 0.5]);
            let theta: Vec<f64> = (0..readout.n_parameters())
                .map(|i| (i as f64).sin())
                .collect();
            let values = readout.values(&theta);
            let rates = DMatrix::from_fn(3, 2, |i, j| (i as f64 + 2.0 * j as f64).cos());
            let d_rates = DMatrix::from_fn(3, 2, |i, j| 0.3 * i as f64 - j as f64);
            let v: Vec<f64> = (0..theta.len()).map(|i| 1.0 - 0.2 * i as f64).collect();
            let z = DMatrix::from_fn(2, 2, |i, j| 0.7 * i as f64 - 0.4 + j as f64);
            let tangent = readout.gain_times(&values, d_rates.as_slice())
                + readout.parameter_tangent(&v, rates.as_slice());
            let mut gradient = vec![0.0; theta.len()];
            // whatever is there is written over
            let mut on_rates = DMatrix::from_element(3, 2, 7.0);
            let (r, on_r) = (rates.as_slice(), on_rates.as_mut_slice());
            readout.vjp(&values, r, &z, &mut gradient, on_r);
            let left = tangent.dot(&z);
            let right =
                on_rates.dot(&d_rates) + gradient.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>();
            assert!((left - right).abs() < 1e-10, "{kind:?}: {left} {right}");
        }
    }
}
