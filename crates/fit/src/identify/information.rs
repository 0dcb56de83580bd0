//! Fisher information of what is shared by all outputs: network and initial state, with the readout profiled out.

use crate::objective::FitObjective;
use crate::optimizer::{Arrow, Objective, SolveFailure};
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use std::ops::Range;

/// Eigenvalues below this, of the information scaled to a unit diagonal, are those of directions that the predictions do not
/// depend on. At the tolerances of a judgement the null directions of the tests came out below 2e-12, all others above 1e-7; the
/// sloppiest combination of a fit to the zebrafish recording had 2e-11.
pub(super) const NULL: f64 = 5e-12;
/// A parameter whose column of the Jacobian is shorter than this part of the longest of its block acts on no prediction: what is left is
/// round-off of the solves, or the tail of an activation, 1e-9 to 1e-20 of silent and saturated units. Its error would be ten million
/// times that of the best known one, and scaled to length one it would be the largest part of every direction.
const NEGLIGIBLE: f64 = 1e-7;
/// A parameter of which the fitted readout leaves less than this part of the information is one that the readout undoes: what is left
/// is round-off of the difference, and the error of the solves.
const UNDONE: f64 = 1e-10;
/// Of the part of a parameter (squared) that lies in null directions: above it is not determined.
pub(super) const PART_IN_NULL: f64 = 1e-6;

/// Outputs whose deviations differ by more than this factor are of unlike noise: a pooled variance makes differences of the log likelihood
/// wrong by up to its square, a factor of 1.5 in the width of an interval.
const UNLIKE: f64 = 1.5;
/// Or by less than so many standard errors of their ratio are alike: among a hundred outputs the extremes are five apart.
const BY_CHANCE: f64 = 5.0;
/// The noise of an output with fewer targets than these is not estimated apart.
const FEWEST_TARGETS: usize = 20;

/// The noise of the targets, in units of `target_std` (or 1).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Noise {
    /// Pooled variance of a residual.
    pub(super) variance: f64,
    /// Deviation by output.
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
        let (mut product, mut of_pairs) = (0.0, 0.0);
        for (batch, solved) in objective.train.iter().zip(&solved) {
            for (at, (observation, residual)) in
                batch.observations.iter().zip(&solved.residuals).enumerate()
            {
                for (index, (value, r)) in
                    observation.values.iter().zip(residual.iter()).enumerate()
                {
                    if value.is_nan() {
                        continue;
                    }
                    squares[index % n] += r * r;
                    counts[index % n] += 1;
                    if let Some(next) = solved.residuals.get(at + 1) {
                        let s = next.as_slice()[index];
                        product += r * s;
                        of_pairs += 0.5 * (r * r + s * s);
                    }
                }
            }
        }
        let autocorrelation = if of_pairs > 0.0 {
            product / of_pairs
        } else {
            0.0
        };
        Ok(Residuals {
            squares,
            counts,
            autocorrelation,
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

/// Information along a direction, and the sum of what there is about its parts.
pub(super) struct Told {
    pub(super) along: f64,
    pub(super) apart: f64,
}

/// Information about the free shared parameters.
///
/// With `J^T J = [A B^T; B D]` (shared, readout) the information that is left when the readout is fitted too is
/// `S = A - B^T D^-1 B`. Outputs with unequal noise s_o make the covariance of least squares
/// `S^-1 M S^-1`, where `M = J^T diag(s_o^2) J` after the same elimination.
#[derive(Debug, Clone)]
pub(super) struct Information {
    /// The parameters of theta that rows stand for.
    pub(super) parameters: Vec<usize>,
    /// Square root of the diagonal of S, in units of 1 / residual; 0 where nothing depends on the parameter (see [`NEGLIGIBLE`]), or the
    /// readout undoes it (see [`UNDONE`]).
    pub(super) scale: Vec<f64>,
    /// Whether predictions with the readout as it is depend on the parameter.
    pub(super) acts: Vec<bool>,
    /// Eigenvalues of S scaled to a unit diagonal, ascending.
    pub(super) eigenvalues: Vec<f64>,
    /// Their eigenvectors by column.
    pub(super) eigenvectors: DMatrix<f64>,
    /// `J^T J` itself.
    pub(super) full: Arrow,
    pub(super) covariance: DMatrix<f64>,
}

/// `J^T J` at `theta`, in units of the residuals as `objective` weighs them.
pub(super) fn gram(objective: &FitObjective<'_>, theta: &[f64]) -> Result<Arrow, SolveFailure> {
    let mut hessian = objective.normal_equations(theta)?.hessian;
    hessian.scale(1.0 / objective.residual_weight());
    Ok(hessian)
}

impl Information {
    /// At `theta`, for the parameters that lie on no bound; `objective` has no penalty.
    pub(super) fn at(
        objective: &FitObjective<'_>,
        theta: &[f64],
        free: &[bool],
        noise: &Noise,
    ) -> Result<Information, SolveFailure> {
        let full = gram(objective, theta)?;
        let rows: Vec<usize> = (0..full.places.shared.len())
            .filter(|&k| free[full.places.shared[k]])
            .collect();
        let weighted = FitObjective {
            noise: objective
                .noise
                .iter()
                .zip(&noise.by_output)
                .map(|(n, s)| if *s > 0.0 { n / s } else { *n })
                .collect(),
            ..objective.alike()
        };
        let ones = vec![1.0; noise.by_output.len()];
        let matrix = pick(&eliminated(&full, &full.corner, &ones), &rows);
        let is_even = noise.by_output.iter().all(|s| *s == noise.by_output[0]);
        let middle = if is_even {
            &matrix * noise.by_output[0].powi(2)
        } else {
            pick(
                &eliminated(&full, &gram(&weighted, theta)?.corner, &noise.by_output),
                &rows,
            )
        };
        let parameters: Vec<usize> = rows.iter().map(|&k| full.places.shared[k]).collect();
        let blocks = objective.blocks().into_iter().map(|(_, range)| range);
        let acts = acting(&full, &blocks.collect::<Vec<_>>());
        let acts: Vec<bool> = rows.iter().map(|&k| acts[k]).collect();
        let least = |k: usize| UNDONE * full.corner[(k, k)];
        let least: Vec<f64> = rows.iter().map(|&k| least(k)).collect();
        Ok(Information::new(
            parameters, acts, &least, &matrix, &middle, full,
        ))
    }

    fn new(
        parameters: Vec<usize>,
        acts: Vec<bool>,
        least: &[f64],
        matrix: &DMatrix<f64>,
        middle: &DMatrix<f64>,
        full: Arrow,
    ) -> Information {
        let scale: Vec<f64> = matrix
            .diagonal()
            .iter()
            .zip(acts.iter().zip(least))
            .map(|(d, (acts, least))| if *acts && d > least { d.sqrt() } else { 0.0 })
            .collect();
        let n = scale.len();
        let over = |k: usize| if scale[k] > 0.0 { 1.0 / scale[k] } else { 0.0 };
        let scaled = DMatrix::from_fn(n, n, |i, j| {
            0.5 * (matrix[(i, j)] + matrix[(j, i)]) * over(i) * over(j)
        });
        let eigen = SymmetricEigen::new(scaled);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| {
            eigen.eigenvalues[a]
                .total_cmp(&eigen.eigenvalues[b])
                .then(a.cmp(&b))
        });
        let eigenvalues: Vec<f64> = order.iter().map(|&k| eigen.eigenvalues[k]).collect();
        let eigenvectors = DMatrix::from_fn(n, n, |i, j| eigen.eigenvectors[(i, order[j])]);
        let kept: Vec<usize> = (0..n).filter(|&k| eigenvalues[k] > NULL).collect();
        // pseudo-inverse over what is determined
        let half = DMatrix::from_fn(n, kept.len(), |i, j| over(i) * eigenvectors[(i, kept[j])]);
        let weighted = DMatrix::from_fn(n, kept.len(), |i, j| half[(i, j)] / eigenvalues[kept[j]]);
        let inner = half.transpose() * middle * &half;
        let covariance = &weighted * inner * weighted.transpose();
        Information {
            parameters,
            scale,
            acts,
            eigenvalues,
            eigenvectors,
            full,
            covariance,
        }
    }

    /// The row of a parameter of theta; none where it lies on a bound.
    pub(super) fn row(&self, parameter: usize) -> Option<usize> {
        self.parameters.iter().position(|&p| p == parameter)
    }

    /// How many directions the predictions do not depend on.
    pub(super) fn n_null(&self) -> usize {
        self.eigenvalues
            .iter()
            .filter(|value| **value <= NULL)
            .count()
    }

    /// What the data tell along a direction of theta and of its parts, with the readout fitted too; none where it moves what lies
    /// on a bound. Parameters of the readout count as fitted.
    pub(super) fn told(&self, direction: &[f64]) -> Option<Told> {
        let shared = &self.full.places.shared;
        let is_free = |&p: &usize| direction[p] == 0.0 || self.row(p).is_some();
        if !shared.iter().all(is_free) {
            return None;
        }
        let scaled = DVector::from_iterator(
            self.scale.len(),
            self.scale
                .iter()
                .zip(&self.parameters)
                .map(|(scale, &p)| scale * direction[p]),
        );
        let along = self.eigenvectors.tr_mul(&scaled);
        let squares = along
            .iter()
            .zip(&self.eigenvalues)
            .map(|(a, value)| value * a * a);
        Some(Told {
            along: squares.sum::<f64>().max(0.0),
            apart: scaled.norm_squared(),
        })
    }

    /// Part of the direction with weight 1 on `row` (squared, from 0 to 1) that lies in null directions.
    pub(super) fn part_in_null(&self, row: usize) -> f64 {
        (0..self.n_null())
            .map(|k| self.eigenvectors[(row, k)].powi(2))
            .sum()
    }

    /// Standard error of the sum of parameters with the given weights.
    pub(super) fn standard_error(&self, weights: &[(usize, f64)]) -> f64 {
        let mut variance = 0.0;
        for &(i, a) in weights {
            for &(j, b) in weights {
                variance += a * b * self.covariance[(i, j)];
            }
        }
        variance.max(0.0).sqrt()
    }
}

/// Which shared parameters act on predictions, by the lengths of their columns of the Jacobian: see [`NEGLIGIBLE`].
fn acting(full: &Arrow, blocks: &[Range<usize>]) -> Vec<bool> {
    let square = |k: usize| full.corner[(k, k)];
    let shared = &full.places.shared;
    let longest = |block: &Range<usize>| {
        let of_block = (0..shared.len()).filter(|&k| block.contains(&shared[k]));
        of_block.map(square).fold(0.0, f64::max)
    };
    let longest: Vec<f64> = blocks.iter().map(longest).collect();
    let acts = |k: usize| {
        let block = blocks.iter().position(|block| block.contains(&shared[k]));
        let largest = block.map_or(0.0, |block| longest[block]);
        square(k) > NEGLIGIBLE * NEGLIGIBLE * largest
    };
    (0..shared.len()).map(acts).collect()
}

fn pick(matrix: &DMatrix<f64>, rows: &[usize]) -> DMatrix<f64> {
    DMatrix::from_fn(rows.len(), rows.len(), |i, j| matrix[(rows[i], rows[j])])
}

/// `corner - sum_o s_o^2 side_o^T block_o^-1 side_o`, with the sides and blocks of `full`. Of a block that is singular, the
/// pseudo-inverse: what no residual depends on takes no information.
fn eliminated(full: &Arrow, corner: &DMatrix<f64>, s: &[f64]) -> DMatrix<f64> {
    let mut left = corner.clone();
    let width = full.places.width;
    if width == 0 {
        return left;
    }
    for (o, s) in s.iter().enumerate() {
        let block = full.blocks.columns(o * width, width).into_owned();
        let side = full.sides.rows(o * width, width);
        let eigen = SymmetricEigen::new(block);
        let largest = eigen.eigenvalues.amax();
        for (k, &value) in eigen.eigenvalues.iter().enumerate() {
            if value > 1e-13 * largest {
                let row = side.tr_mul(&eigen.eigenvectors.column(k));
                left.ger(-s * s / value, &row, &row, 1.0);
            }
        }
    }
    left
}
