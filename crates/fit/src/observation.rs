//! What is observed of an output, and what a disagreement costs.
//!
//! **Gaussian**: an output z is a target but for normal noise; the loss is the squared residual in units of the noise.
//!
//! **Poisson**: a unit fires at the rate `lambda(t) = link(z(t))`, in spikes per time unit of the dataset. A count y over a
//! bin of length h has the mean `mu = integral of lambda over the bin`, by the same rule as means over bins (Simpson's; the
//! trapezoid rule of fixed steps). The loss is the deviance `2 [y log(y / mu) - (y - mu)]`, twice the negative log-likelihood
//! but for what the data alone decide, so that differences of it are chi-square as those of squared residuals in units of a
//! known noise are. Its residual is Pearson's, `e = (mu - y) / sqrt(mu)`, of variance 1, and a row of its Jacobian is
//! `J = (d mu / d theta) / sqrt(mu)`: half the gradient of the deviance is exactly `J^T e`, and `J^T J` is the Fisher
//! information `sum (d mu)^2 / mu`, which Gauss-Newton takes for the Hessian.
//!
//! # Reference
//! McCullagh & Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 2 (Fisher scoring, deviance, Pearson residual);
//! Pillow et al. 2008, Nature 454, doi:10.1038/nature07140 (bits per spike).

use crate::batch::Observation;
use crate::readout::{Readout, ReadoutValues};
use nalgebra::DMatrix;
use tauscope_adjoint::Trajectory;
use tauscope_dynamics::vector_unit;

/// From an output to a firing rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `lambda = log(1 + exp z)`: it bends at one spike per time unit and is the output itself far above.
    Softplus,
    /// `lambda = exp z`: outputs are log rates.
    Exp,
}

impl Link {
    /// Rate of the output `z`.
    pub fn rate(self, z: f64) -> f64 {
        match self {
            Link::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
            Link::Exp => z.exp(),
        }
    }

    /// Its derivative.
    pub fn slope(self, z: f64) -> f64 {
        match self {
            Link::Softplus if z >= 0.0 => 1.0 / (1.0 + (-z).exp()),
            Link::Softplus => z.exp() / (1.0 + z.exp()),
            Link::Exp => z.exp(),
        }
    }

    /// The output at which the rate, above 0, is `rate`.
    pub fn inverse(self, rate: f64) -> f64 {
        match self {
            // log(exp rate - 1), which neither overflows nor cancels
            Link::Softplus => rate + (-(-rate).exp_m1()).ln(),
            Link::Exp => rate.ln(),
        }
    }

    /// Change of the output that changes the rate, about `rate`, by as much as itself.
    pub fn scale(self, rate: f64) -> f64 {
        match self {
            Link::Softplus => rate / self.slope(self.inverse(rate)),
            Link::Exp => 1.0,
        }
    }
}

/// The distribution of what is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationModel {
    /// Normal about the output.
    Gaussian,
    /// Counts, Poisson about the integral of the rate.
    Poisson(Link),
}

impl ObservationModel {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ObservationModel::Gaussian => "gaussian",
            ObservationModel::Poisson(_) => "poisson",
        }
    }

    /// Whether counts are observed.
    pub fn is_poisson(self) -> bool {
        matches!(self, ObservationModel::Poisson(_))
    }

    /// What is expected (output, trial) at `observation`: outputs, or mean counts.
    pub fn expected(
        self,
        readout: &Readout,
        values: &ReadoutValues,
        trajectory: &Trajectory,
        observation: &Observation,
    ) -> DMatrix<f64> {
        match self {
            ObservationModel::Gaussian => {
                observation.with_rates(trajectory, |rates| readout.outputs(values, rates))
            }
            ObservationModel::Poisson(link) => {
                Counts::new(link, readout, values, trajectory, observation).means
            }
        }
    }
}

/// 1 / noise by output: from outputs to residuals in units of the noise.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisePrecision(Vec<f64>);

impl NoisePrecision {
    /// With the standard deviation of the noise by output.
    pub fn new(noise: &[f64]) -> NoisePrecision {
        NoisePrecision(noise.iter().map(|noise| 1.0 / noise).collect())
    }

    /// Turns outputs z, the first rows of `block` (row, trial), into `weight` times their residuals `(z - target) / noise`, 0 where
    /// nothing was observed; the sum of the squares of the residuals.
    pub fn hold(&self, block: &mut [f64], targets: &DMatrix<f64>, weight: f64) -> f64 {
        let (outputs, trials) = targets.shape();
        let rows = block.len() / trials.max(1);
        let columns = targets.as_slice().chunks_exact(outputs.max(1));
        let columns = columns.zip(block.chunks_exact_mut(rows.max(1)));
        // several sums, which do not wait for each other
        let mut sums = [0.0; SUMS];
        let mut turn = |z: &mut f64, target: f64, precision: f64, sum: usize| {
            let residual = (*z - target) * precision;
            let residual = if target.is_nan() { 0.0 } else { residual };
            *z = weight * residual;
            sums[sum] += residual * residual;
        };
        vector_unit().dispatch(|| {
            let (precision, last_precision) = self.0.as_chunks::<SUMS>();
            for (targets, z) in columns {
                let (targets, last_targets) = targets.as_chunks::<SUMS>();
                let (z, last_z) = z[..outputs].as_chunks_mut::<SUMS>();
                for ((z, targets), precision) in z.iter_mut().zip(targets).zip(precision) {
                    for sum in 0..SUMS {
                        turn(&mut z[sum], targets[sum], precision[sum], sum);
                    }
                }
                let last = last_z.iter_mut().zip(last_targets).zip(last_precision);
                for (sum, ((z, target), precision)) in last.enumerate() {
                    turn(z, *target, *precision, sum);
                }
            }
        });
        sums.iter().sum()
    }

    /// Turns cotangents of residuals (output, trial) into those of the outputs.
    pub fn pull_back(&self, cotangents: &mut DMatrix<f64>) {
        for mut column in cotangents.column_iter_mut() {
            let each = column.iter_mut().zip(&self.0);
            each.for_each(|(cotangent, precision)| *cotangent *= precision);
        }
    }
}

/// Sums side by side.
const SUMS: usize = 8;

/// Mean counts of one observation, with what they change by.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// mu (output, trial).
    pub means: DMatrix<f64>,
    /// d mu / d z (output, trial) at each of the observation's evaluation times.
    pub slopes: Vec<DMatrix<f64>>,
}

impl Counts {
    /// `mu = h sum_j w_j link(z_j)` over the evaluation times of the bin, whose weights sum to one.
    pub fn new(
        link: Link,
        readout: &Readout,
        values: &ReadoutValues,
        trajectory: &Trajectory,
        observation: &Observation,
    ) -> Counts {
        let (p, k) = observation.values.shape();
        let mut means = DMatrix::zeros(p, k);
        let mut slopes = Vec::with_capacity(observation.parts.len());
        for &(j, weight) in &observation.parts {
            let z = readout.outputs(values, trajectory.rates(j));
            let exposure = weight * observation.width;
            means += z.map(|z| exposure * link.rate(z));
            slopes.push(z.map(|z| exposure * link.slope(z)));
        }
        Counts { means, slopes }
    }

    /// Pearson residuals (output, trial), 0 where nothing was observed.
    pub fn residuals(&self, counts: &DMatrix<f64>) -> DMatrix<f64> {
        self.means.zip_map(counts, |mean, count| {
            if count.is_nan() {
                0.0
            } else {
                pearson(count, mean)
            }
        })
    }

    /// Sum of the deviance over what was observed.
    pub fn deviance(&self, counts: &DMatrix<f64>) -> f64 {
        let pairs = counts.iter().zip(self.means.iter());
        pairs
            .filter(|(count, _)| !count.is_nan())
            .map(|(&count, &mean)| deviance(count, mean))
            .sum()
    }

    /// d residual / d z (output, trial) at evaluation time `part`, in units of the Fisher information: `(d mu / d z) / sqrt(mu)`;
    /// 0 where nothing was observed.
    pub fn factors(&self, part: usize, counts: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(counts.nrows(), counts.ncols(), |o, k| {
            let mean = self.means[(o, k)];
            // a mean that is 0 for a number is flat
            if counts[(o, k)].is_nan() || mean == 0.0 {
                0.0
            } else {
                self.slopes[part][(o, k)] / mean.sqrt()
            }
        })
    }
}

/// `(mu - y) / sqrt(mu)`.
pub(crate) fn pearson(count: f64, mean: f64) -> f64 {
    if mean == count {
        return 0.0;
    }
    (mean - count) / mean.sqrt()
}

/// `2 [y log(y / mu) - (y - mu)]` of a count y with the mean mu.
pub fn deviance(count: f64, mean: f64) -> f64 {
    let log_ratio = if count > 0.0 {
        count * (count / mean).ln()
    } else {
        0.0
    };
    2.0 * (log_ratio - (count - mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKS: [Link; 2] = [Link::Softplus, Link::Exp];

    #[test]
    fn deviance_of_hand_computed_counts() {
        // y = 0: 2 mu; y = mu: 0; y = 3, mu = 1: 2 (3 log 3 - 2) = 2.591673732
        assert_eq!(deviance(0.0, 0.25), 0.5);
        assert_eq!(deviance(2.0, 2.0), 0.0);
        assert!((deviance(3.0, 1.0) - 2.591_673_732_008_658).abs() < 1e-14);
        // y = 1, mu = 2: 2 (log(1/2) + 1) = 0.613705639
        assert!((deviance(1.0, 2.0) - 0.613_705_638_880_109_4).abs() < 1e-14);
    }

    #[test]
    fn deviance_falls_as_the_likelihood_rises() {
        let log_likelihood = |y: f64, mu: f64| {
            y * mu.ln() - mu - (1..=y as u64).map(|k| (k as f64).ln()).sum::<f64>()
        };
        for y in [0.0, 1.0, 4.0] {
            let by_deviance = deviance(y, 0.7) - deviance(y, 2.3);
            let by_likelihood = -2.0 * (log_likelihood(y, 0.7) - log_likelihood(y, 2.3));
            assert!((by_deviance - by_likelihood).abs() < 1e-13);
        }
    }

    #[test]
    fn links_undo_their_inverses_and_slopes_are_derivatives() {
        for link in LINKS {
            for rate in [1e-9, 0.01, 1.0, 30.0, 800.0] {
                let back = link.rate(link.inverse(rate));
                assert!((back / rate - 1.0).abs() < 1e-12, "{link:?} {rate} {back}");
            }
            for z in [-30.0, -2.0, 0.0, 0.5, 6.0] {
                let h = 1e-6;
                let difference = (link.rate(z + h) - link.rate(z - h)) / (2.0 * h);
                let slope = link.slope(z);
                assert!(
                    (difference - slope).abs() < 1e-8 * slope.max(1.0),
                    "{link:?} {z}"
                );
            }
        }
    }

    #[test]
    fn residuals_are_in_units_of_the_noise_and_nothing_else_is_touched() {
        for outputs in [1, 7, 8, 19] {
            let noise: Vec<f64> = (0..outputs).map(|o| 0.5 + o as f64).collect();
            // two rows of hidden units below, a fifth not observed
            let mut block =
                DMatrix::from_fn(outputs + 2, 3, |o, k| (o as f64 - 2.3 * k as f64).sin());
            let targets = DMatrix::from_fn(outputs, 3, |o, k| match (o + 2 * k) % 5 {
                0 => f64::NAN,
                n => n as f64,
            });
            let before = block.clone();
            let sum = NoisePrecision::new(&noise).hold(block.as_mut_slice(), &targets, 3.0);
            let mut squares = 0.0;
            for (o, k) in (0..outputs + 2).flat_map(|o| (0..3).map(move |k| (o, k))) {
                let expected = match targets.get((o, k)) {
                    None => before[(o, k)] / 3.0,
                    Some(y) if y.is_nan() => 0.0,
                    Some(y) => (before[(o, k)] - y) / noise[o],
                };
                assert!(
                    (block[(o, k)] - 3.0 * expected).abs() < 1e-13,
                    "{outputs} {o} {k}"
                );
                squares += if o < outputs {
                    expected * expected
                } else {
                    0.0
                };
            }
            assert!(
                (sum - squares).abs() < 1e-12 * squares,
                "{outputs} {sum} {squares}"
            );
        }
    }

    #[test]
    fn scores_of_a_mean_near_zero_are_numbers() {
        for link in LINKS {
            let z = -600.0;
            let (mean, slope) = (link.rate(z), link.slope(z));
            let score = pearson(1.0, mean) * slope / mean.sqrt();
            assert!((score + 1.0).abs() < 1e-9, "{link:?} {score}");
        }
    }
}
