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
                    if value.is_nan() {
                        continue;
                    }
                    squares[index % n] += r * r;
                    counts[index % n] += 1;
                    let of_one: &mut Vec<f64> = &mut series[first + index];
                    of_one.resize(observation.target, f64::NAN);
                    of_one.push(*r);
                }
            }
        }
        let correlations = autocorrelations(&series);
        Ok(Residuals {
            squares,
            counts,
            autocorrelation: correlations.first().map_or(0.0, |at| at.value),
            inefficiency: inefficiency(&correlations),
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
#[derive(Debug, Clone, Copy)]
struct Autocorrelation {
    value: f64,
    /// Pairs of residuals over the number of residuals.
    pairs: f64,
    /// Whether it is more than chance explains, `2 / sqrt(pairs)`.
    is_significant: bool,
}

/// Longest lag: a correlation that lasts longer makes errors that no factor mends.
const MOST_LAGS: usize = 2000;

/// Of all series together at `lag` samples; residuals that are missing (NaN) make no pair. None where there are no pairs.
fn autocorrelation(series: &[Vec<f64>], lag: usize) -> Option<(f64, usize)> {
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
    (square > 0.0).then_some((product / square, count))
}

/// At all lags that have pairs, up to the first that is not significant.
fn autocorrelations(series: &[Vec<f64>]) -> Vec<Autocorrelation> {
    let longest = series.iter().map(Vec::len).max().unwrap_or(0);
    let observed = |one: &Vec<f64>| one.iter().filter(|r| !r.is_nan()).count();
    let count = series.iter().map(observed).sum::<usize>().max(1);
    let mut found = Vec::new();
    for lag in 1..longest.min(MOST_LAGS) {
        let Some((value, pairs)) = autocorrelation(series, lag) else {
            continue;
        };
        let is_significant = value * (pairs as f64).sqrt() > BY_CHANCE_ALONE;
        found.push(Autocorrelation {
            value,
            pairs: pairs as f64 / count as f64,
            is_significant,
        });
        if !is_significant {
            break;
        }
    }
    found
}

/// `g = 1 + 2 sum_k m_k rho_k` with m_k pairs a residual at lag k: the variance of a mean of n residuals is `g / n` of one residual's. The
/// same g is that of estimates of whatever acts on many samples in a row, as time constants do; of what alternates from sample to
/// sample it is too large, and what it widens are intervals. The sum ends before the first correlation that chance explains: beyond
/// it is noise (Geyer 1992, doi:10.1214/ss/1177011137).
fn inefficiency(correlations: &[Autocorrelation]) -> f64 {
    let significant = correlations.iter().take_while(|at| at.is_significant);
    1.0 + 2.0 * significant.map(|at| at.pairs * at.value).sum::<f64>()
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

    fn of(series: &[Vec<f64>]) -> f64 {
        inefficiency(&autocorrelations(series))
    }

    #[test]
    fn of_a_first_order_process_one_sample_in_g_counts() {
        assert!(of(&processes(0.0, 500)) < 1.05);
        for rho in [0.3, 0.6, 0.9] {
            let (found, wanted) = (of(&processes(rho, 2000)), (1.0 + rho) / (1.0 - rho));
            assert!(
                (found / wanted - 1.0).abs() < 0.15,
                "{rho} {found} {wanted}"
            );
        }
    }

    #[test]
    fn missing_residuals_make_no_pair_and_those_far_apart_tell_more() {
        let rho: f64 = 0.9;
        let only = |is_observed: fn(usize, usize) -> bool| {
            let mut series = processes(rho, 4000);
            for (s, one) in series.iter_mut().enumerate() {
                let each = one.iter_mut().enumerate();
                each.filter(|(k, _)| !is_observed(s, *k))
                    .for_each(|(_, r)| *r = f64::NAN);
            }
            series
        };
        // every other sample: those of a process with rho^2
        let found = of(&only(|s, k| (s + k).is_multiple_of(2)));
        let wanted = (1.0 + rho * rho) / (1.0 - rho * rho);
        assert!((found / wanted - 1.0).abs() < 0.15, "{found} {wanted}");
        // two of three: 2/3 of all, pairs at lag k of which are a third, a third, two thirds of all in turn
        let found = of(&only(|_, k| k % 3 > 0));
        let [one, two, three] = [1, 2, 3].map(|lag| rho.powi(lag));
        let wanted = 1.0 + 2.0 * (0.5 * one + 0.5 * two + three) / (1.0 - three);
        assert!((found / wanted - 1.0).abs() < 0.15, "{found} {wanted}");
        let nothing = vec![vec![f64::NAN; 9]; 2];
        assert_eq!((of(&nothing), of(&[])), (1.0, 1.0));
    }

    #[test]
    fn short_series_have_fewer_pairs_at_long_lags() {
        // one that stays as it is counts as a single sample
        let stays: Vec<Vec<f64>> = (0..40).map(|s| vec![(s as f64).sin(); 50]).collect();
        assert!((of(&stays) - 50.0).abs() < 1e-9, "{}", of(&stays));
    }
}
