//! The noise of targets, as residuals show it: how large, by output, and how far from independent.

use crate::objective::FitObjective;
use crate::optimizer::SolveFailure;

/// Outputs whose deviations differ by more than this factor are of unlike noise: a pooled variance makes differences of the log likelihood
/// wrong by up to its square, a factor of 1.5 in the width of an interval.
const UNLIKE: f64 = 1.5;
/// Or by less than so many standard errors of their ratio are alike: among a hundred outputs the extremes are five apart.
const BY_CHANCE: f64 = 5.0;
/// The noise of an output with fewer targets than these is not estimated apart.
const FEWEST_TARGETS: usize = 20;

/// A correlation of so many standard errors or less is one of chance.
const BY_CHANCE_ALONE: f64 = 2.0;

/// The noise of the targets, in units of `target_std` (or 1).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Noise {
    /// Pooled variance of a residual, times the [statistical inefficiency](Residuals::inefficiency) where that was counted in.
    pub(super) variance: f64,
    /// Deviation by output, likewise.
    pub(super) by_output: Vec<f64>,
    /// Whether the dataset gave it.
    pub(super) is_known: bool,
    /// Whether it is not known and so many parameters were fitted that the residuals do not show it.
    pub(super) is_exhausted: bool,
}

impl Noise {
    /// Deviations of outputs where they are unlike, beyond [`UNLIKE`] and beyond what their estimates explain, and the data do not give
    /// them. An output with few targets takes the pooled one.
    pub(super) fn unlike(&self, residuals: &Residuals) -> Option<Vec<f64>> {
        if self.is_known || self.is_exhausted {
            return None;
        }
        let deviations = self.deviations(residuals, self.variance.sqrt());
        let estimated = (0..deviations.len()).filter(|&o| residuals.counts[o] >= FEWEST_TARGETS);
        let by_size = |a: &usize, b: &usize| deviations[*a].total_cmp(&deviations[*b]);
        let least = estimated.clone().min_by(by_size)?;
        let most = estimated.max_by(by_size)?;
        let apart = (deviations[most] / deviations[least]).ln();
        let error = residuals.log_error(most).hypot(residuals.log_error(least));
        (apart > UNLIKE.ln() && apart > BY_CHANCE * error).then_some(deviations)
    }

    /// Deviations of residuals that were divided by their noise, where one is off by more than `factor`.
    pub(super) fn off_by(&self, factor: f64, residuals: &Residuals) -> Option<Vec<f64>> {
        let deviations = self.deviations(residuals, 1.0);
        let is_off = |s: &f64| s.ln().abs() > factor.ln();
        (!self.is_exhausted && deviations.iter().any(is_off)).then_some(deviations)
    }

    /// By output, of those with few targets `of_few`.
    fn deviations(&self, residuals: &Residuals, of_few: f64) -> Vec<f64> {
        let pairs = self.by_output.iter().zip(&residuals.counts);
        pairs
            .map(|(&s, &n)| if n < FEWEST_TARGETS { of_few } else { s })
            .collect()
    }

    /// That of which one sample in `inefficiency` is independent: what is the mean of n samples is known as if of `n / inefficiency`.
    pub(super) fn of_correlated(mut self, inefficiency: f64) -> Noise {
        self.variance *= inefficiency;
        for deviation in &mut self.by_output {
            *deviation *= inefficiency.sqrt();
        }
        self
    }

    /// That of residuals which were divided by their noise.
    pub(super) fn of_weighed(self) -> Noise {
        Noise {
            variance: 1.0,
            by_output: vec![1.0; self.by_output.len()],
            ..self
        }
    }
}

/// Sums of squared residuals by output, and how many there are.
pub(super) struct Residuals {
    pub(super) squares: Vec<f64>,
    pub(super) counts: Vec<usize>,
    /// Correlation of residuals one target time apart.
    pub(super) autocorrelation: f64,
    /// Statistical inefficiency: so many of them tell as much as one that is independent.
    pub(super) inefficiency: f64,
}

impl Residuals {
    /// Of the train trials at `theta`.
    pub(super) fn at(
        objective: &FitObjective<'_>,
        theta: &[f64],
    ) -> Result<Residuals, SolveFailure> {
        let at = objective.unpack(theta)?;
        let solved = objective.solve_all(&at, &objective.train)?;
        let n = objective.noise.len();
        let (mut squares, mut counts) = (vec![0.0; n], vec![0; n]);
        // by trial and output, a residual each target time
        let mut series = Vec::new();
        for (batch, solved) in objective.train.iter().zip(&solved) {
            let first = series.len();
            let of_batch = batch.observations.first().map_or(0, |o| o.values.len());
            series.resize_with(first + of_batch, Vec::new);
            for (observation, residual) in batch.observations.iter().zip(&solved.residuals) {
                for (index, (value, r)) in
                    observation.values.iter().zip(residual.iter()).enumerate()
                {
                    let is_missing = value.is_nan();
                    if !is_missing {
                        squares[index % n] += r * r;
                        counts[index % n] += 1;
                    }
                    series[first + index].push(if is_missing { f64::NAN } else { *r });
                }
            }
        }
        Ok(Residuals {
            squares,
            counts,
            autocorrelation: autocorrelation(&series, 1).map_or(0.0, |at| at.value),
            inefficiency: inefficiency(&series),
        })
    }

    pub(super) fn sum(&self) -> f64 {
        self.squares.iter().sum()
    }

    pub(super) fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Standard error of the logarithm of an output's deviation: of n independent residuals `1 / sqrt(2 n)`; correlated by `a` at one
    /// step, as of a first-order process, their squares are as good as `(1 - a^2) / (1 + a^2)` as many.
    fn log_error(&self, output: usize) -> f64 {
        let square = self.autocorrelation.powi(2).min(0.99);
        let n = self.counts[output].max(1) as f64 * (1.0 - square) / (1.0 + square);
        1.0 / (2.0 * n).sqrt()
    }

    /// Mean squared residual over the given noise; 1 where that is not given.
    pub(super) fn reduced_chi2(&self, noise: &Noise) -> f64 {
        if noise.is_known {
            self.sum() / self.count().max(1) as f64
        } else {
            1.0
        }
    }

    /// The noise that the residuals show, with `n_parameters` fitted; that of the dataset where it `is_known`.
    pub(super) fn noise(&self, n_parameters: usize, is_known: bool) -> Noise {
        if is_known {
            return Noise {
                variance: 1.0,
                by_output: vec![1.0; self.squares.len()],
                is_known,
                is_exhausted: false,
            };
        }
        let count = self.count().max(1) as f64;
        let left = ((count - n_parameters as f64) / count).max(1.0 / count);
        let of = |(&squares, &n): (&f64, &usize)| (squares / ((n as f64).max(1.0) * left)).sqrt();
        Noise {
            variance: self.sum() / (count * left),
            by_output: self.squares.iter().zip(&self.counts).map(of).collect(),
            is_known,
            is_exhausted: self.count() <= n_parameters,
        }
    }
}

/// Correlation of residuals at a lag.
struct Autocorrelation {
    value: f64,
    /// Its standard error where there is none, `1 / sqrt(n)` of n pairs.
    error: f64,
}

/// Of all series together at `lag` samples; residuals that are missing (NaN) make no pair. None where there are no pairs.
fn autocorrelation(series: &[Vec<f64>], lag: usize) -> Option<Autocorrelation> {
    let (mut product, mut square, mut count) = (0.0, 0.0, 0_usize);
    for one in series {
        for (r, s) in one.iter().zip(one.iter().skip(lag)) {
            if r.is_nan() || s.is_nan() {
                continue;
            }
            product += r * s;
            square += 0.5 * (r * r + s * s);
            count += 1;
        }
    }
    (square > 0.0).then(|| Autocorrelation {
        value: product / square,
        error: 1.0 / (count as f64).sqrt(),
    })
}

/// `g = 1 + 2 sum_k rho_k`: the variance of a mean of n samples is `g / n` of one sample's. The same g is that of estimates of whatever
/// acts on many samples in a row, as time constants do; of what alternates from sample to sample it is too large, and what it widens are
/// intervals. The sum ends with the first correlation that chance explains (Geyer 1992, doi:10.1214/ss/1177011137: beyond it is noise).
/// A series counts as one sample at least.
fn inefficiency(series: &[Vec<f64>]) -> f64 {
    let longest = series.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let sum: f64 = (1..longest)
        .map_while(|lag| autocorrelation(series, lag))
        .take_while(|at| at.value > BY_CHANCE_ALONE * at.error)
        .map(|at| at.value)
        .sum();
    (1.0 + 2.0 * sum).min(longest as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    /// First-order processes `e_t = rho e_(t-1) + sqrt(1 - rho^2) z_t`.
    fn processes(rho: f64, samples: usize) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut one = || {
            let mut e = rng.sample::<f64, _>(StandardNormal);
            let mut next = || {
                let z: f64 = rng.sample(StandardNormal);
                e = rho * e + (1.0 - rho * rho).sqrt() * z;
                e
            };
            (0..samples).map(|_| next()).collect::<Vec<f64>>()
        };
        (0..20).map(|_| one()).collect()
    }

    #[test]
    fn of_a_first_order_process_one_sample_in_g_counts() {
        assert!(inefficiency(&processes(0.0, 500)) < 1.05);
        for rho in [0.3, 0.6, 0.9] {
            let (found, wanted) = (
                inefficiency(&processes(rho, 2000)),
                (1.0 + rho) / (1.0 - rho),
            );
            assert!(
                (found / wanted - 1.0).abs() < 0.15,
                "{rho} {found} {wanted}"
            );
        }
    }

    #[test]
    fn missing_residuals_make_no_pair() {
        let mut series = processes(0.9, 2000);
        let whole = autocorrelation(&series, 1).unwrap().value;
        for one in &mut series {
            one.iter_mut().step_by(3).for_each(|r| *r = f64::NAN);
        }
        assert!((autocorrelation(&series, 1).unwrap().value - whole).abs() < 0.01);
        assert!(autocorrelation(&series, 3).unwrap().value > 0.7);
        let nothing = vec![vec![f64::NAN; 9]; 2];
        assert!(autocorrelation(&nothing, 1).is_none());
        assert_eq!(inefficiency(&nothing), 1.0);
        assert_eq!(inefficiency(&[]), 1.0);
    }

    #[test]
    fn a_series_is_one_sample_at_least() {
        assert_eq!(inefficiency(&[vec![1.0; 50], vec![1.0; 50]]), 50.0);
    }
}
