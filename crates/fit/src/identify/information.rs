//! Fisher information of what is shared by all outputs: network and initial state, with the readout profiled out.

use super::noise::Noise;
use crate::linalg::symmetric_eigen;
use crate::objective::FitObjective;
use crate::optimizer::{Arrow, Objective, SolveFailure};
use nalgebra::{DMatrix, DVector};
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
        let (eigenvalues, eigenvectors) = eigen(&scaled);
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

/// Eigenvalues, ascending, and eigenvectors; NaN of a matrix that is not finite.
fn eigen(matrix: &DMatrix<f64>) -> (Vec<f64>, DMatrix<f64>) {
    let n = matrix.nrows();
    symmetric_eigen(matrix)
        .unwrap_or_else(|| (vec![f64::NAN; n], DMatrix::from_element(n, n, f64::NAN)))
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
        let (values, vectors) = eigen(&block);
        let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        for (k, &value) in values.iter().enumerate() {
            if value > 1e-13 * largest {
                let row = side.tr_mul(&vectors.column(k));
                left.ger(-s * s / value, &row, &row, 1.0);
            }
        }
    }
    left
}
