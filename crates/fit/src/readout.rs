//! How rates become outputs.

use crate::dataset::Dataset;
use nalgebra::{DMatrix, DMatrixView, DVector};
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
    pub fn outputs(&self, values: &ReadoutValues, rates: DMatrixView<'_, f64>) -> DMatrix<f64> {
        let mut z = self.gain_times(values, rates);
        if !values.offset.is_empty() {
            for mut column in z.column_iter_mut() {
                column += &values.offset;
            }
        }
        z
    }

    /// The part of [`outputs`](Self::outputs) that is linear in the rates.
    pub fn gain_times(&self, values: &ReadoutValues, rates: DMatrixView<'_, f64>) -> DMatrix<f64> {
        match self.kind {
            ReadoutKind::Direct => rates.rows(0, self.n_outputs).into_owned(),
            ReadoutKind::Scaled => {
                let mut z = rates.rows(0, self.n_outputs).into_owned();
                for mut column in z.column_iter_mut() {
                    column.component_mul_assign(&values.gain.column(0));
                }
                z
            }
            ReadoutKind::Linear => &values.gain * rates,
        }
    }

    /// Adds to `gradient` (parameters) what cotangents `z` (output, trial) of the outputs at `rates` say, and to `on_rates`
    /// (unit, trial) their cotangent of the rates.
    pub fn vjp(
        &self,
        values: &ReadoutValues,
        rates: DMatrixView<'_, f64>,
        z: &DMatrix<f64>,
        gradient: &mut [f64],
        on_rates: &mut DMatrix<f64>,
    ) {
        let p = self.n_outputs;
        match self.kind {
            ReadoutKind::Direct => {
                let mut top = on_rates.rows_mut(0, p);
                top += z;
                return;
            }
            ReadoutKind::Scaled => {
                for k in 0..z.ncols() {
                    for o in 0..p {
                        on_rates[(o, k)] += values.gain[(o, 0)] * z[(o, k)];
                        gradient[o] += self.std[o] * z[(o, k)] * rates[(o, k)];
                    }
                }
            }
            ReadoutKind::Linear => {
                *on_rates += values.gain.transpose() * z;
                let products = z * rates.transpose();
                for (at, value) in products.iter().enumerate() {
                    gradient[at] += self.std[at % p] * value;
                }
            }
        }
        let offsets = &mut gradient[self.gains().end..];
        for column in z.column_iter() {
            for (o, g) in offsets.iter_mut().enumerate() {
                *g += self.std[o] * column[o];
            }
        }
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
    pub fn parameter_tangent(&self, v: &[f64], rates: DMatrixView<'_, f64>) -> DMatrix<f64> {
        let mut z = DMatrix::zeros(self.n_outputs, rates.ncols());
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
            let tangent = readout.gain_times(&values, d_rates.as_view())
                + readout.parameter_tangent(&v, rates.as_view());
            let mut gradient = vec![0.0; theta.len()];
            let mut on_rates = DMatrix::zeros(3, 2);
            readout.vjp(&values, rates.as_view(), &z, &mut gradient, &mut on_rates);
            let left = tangent.dot(&z);
            let right =
                on_rates.dot(&d_rates) + gradient.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>();
            assert!((left - right).abs() < 1e-10, "{kind:?}: {left} {right}");
        }
    }
}
