//! A symmetric matrix in which most parameters meet only the shared ones.

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::linalg;

/// Which parameter each row of an [`Arrow`] is.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// The parameters that meet all others.
    pub shared: Vec<usize>,
    /// The parameters of each block, one block after the other: they meet the shared ones and each other.
    pub own: Vec<usize>,
    /// Parameters a block.
    pub width: usize,
}

impl Places {
    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.shared.len() + self.own.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn n_blocks(&self) -> usize {
        self.own.len().checked_div(self.width).unwrap_or(0)
    }

    fn split(&self, v: &[f64]) -> (DVector<f64>, DVector<f64>) {
        let pick =
            |places: &[usize]| DVector::from_iterator(places.len(), places.iter().map(|&i| v[i]));
        (pick(&self.shared), pick(&self.own))
    }

    fn join(&self, shared: &DVector<f64>, own: &DVector<f64>) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        let places = self.shared.iter().chain(&self.own);
        for (&i, &value) in places.zip(shared.iter().chain(own.iter())) {
            out[i] = value;
        }
        out
    }
}

/// A symmetric matrix of shared parameters and uncoupled blocks of own ones,
///
/// ```text
/// | corner   side_1^T  side_2^T ... |
/// | side_1   block_1                |
/// | side_2             block_2      |
/// | ...                         ... |
/// ```
///
/// The J^T J of a readout has it: the residuals of one output depend on its own gains and offset and on no other's.
/// Eliminating the blocks first (variable projection) leaves a system in the shared parameters alone.
///
/// # Reference
/// Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973), doi:10.1137/0710036.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// Which parameter each row is.
    pub places: Places,
    /// (shared, shared); sums may fill the lower half alone, see [`mirror`](Self::mirror).
    pub corner: DMatrix<f64>,
    /// (own, shared), block after block.
    pub sides: DMatrix<f64>,
    /// (width, own), block beside block.
    pub blocks: DMatrix<f64>,
}

impl Arrow {
    /// All zero.
    pub fn zeros(places: Places) -> Arrow {
        let (shared, own) = (places.shared.len(), places.own.len());
        Arrow {
            corner: DMatrix::zeros(shared, shared),
            sides: DMatrix::zeros(own, shared),
            blocks: DMatrix::zeros(places.width, own),
            places,
        }
    }

    /// A matrix without blocks.
    pub fn dense(matrix: DMatrix<f64>) -> Arrow {
        let n = matrix.nrows();
        Arrow {
            corner: matrix,
            ..Arrow::zeros(Places {
                shared: (0..n).collect(),
                own: Vec::new(),
                width: 0,
            })
        }
    }

    /// Copies the lower half of the corner to its upper half.
    pub fn mirror(&mut self) {
        self.corner.fill_upper_triangle_with_lower_triangle();
    }

    /// Multiplies by a number.
    pub fn scale(&mut self, factor: f64) {
        for part in [&mut self.corner, &mut self.sides, &mut self.blocks] {
            *part *= factor;
        }
    }

    /// Adds another of the same places.
    pub fn add(&mut self, other: &Arrow) {
        self.corner += &other.corner;
        self.sides += &other.sides;
        self.blocks += &other.blocks;
    }

    /// Adds `by(parameter)` to the diagonal.
    pub fn add_to_diagonal(&mut self, by: impl Fn(usize) -> f64) {
        for (k, &i) in self.places.shared.iter().enumerate() {
            self.corner[(k, k)] += by(i);
        }
        for (k, &i) in self.places.own.iter().enumerate() {
            self.blocks[(k % self.places.width, k)] += by(i);
        }
    }

    /// The diagonal, in the order of the parameters.
    pub fn diagonal(&self) -> Vec<f64> {
        let width = self.places.width;
        let own = (0..self.places.own.len()).map(|k| self.blocks[(k % width, k)]);
        self.places.join(
            &self.corner.diagonal(),
            &DVector::from_iterator(self.places.own.len(), own),
        )
    }

    /// The product with a vector.
    pub fn product(&self, v: &[f64]) -> Vec<f64> {
        let (shared, own) = self.places.split(v);
        let on_shared = &self.corner * &shared + self.sides.tr_mul(&own);
        let mut on_own = &self.sides * &shared;
        let width = self.places.width;
        for b in 0..self.places.n_blocks() {
            let block = self.blocks.columns(b * width, width);
            let mut rows = on_own.rows_mut(b * width, width);
            rows.gemv(1.0, &block, &own.rows(b * width, width), 1.0);
        }
        self.places.join(&on_shared, &on_own)
    }

    /// Solves `(H + diag(damping)) p = rhs` over the free parameters; p is zero elsewhere. None where the matrix is not
    /// positive definite in floating point.
    ///
    /// With `L_b L_b^T = block_b` and `Y_b = L_b^-1 side_b`, the shared parameters solve
    /// `(corner - sum Y_b^T Y_b) x = rhs - sum Y_b^T L_b^-1 rhs_b`.
    pub fn solve(
        &self,
        damping: impl Fn(usize) -> f64,
        free: &[bool],
        rhs: &[f64],
    ) -> Option<Vec<f64>> {
        let mut damped = self.clone();
        damped.add_to_diagonal(damping);
        damped.hold(free);
        let wanted: Vec<f64> = rhs
            .iter()
            .zip(free)
            .map(|(&value, &free)| if free { value } else { 0.0 })
            .collect();
        let (mut x, mut own) = self.places.split(&wanted);
        let factors = damped.eliminate_blocks(&mut own)?;
        linalg::add_square(&mut damped.corner, -1.0, damped.sides.as_slice());
        x -= damped.sides.tr_mul(&own);
        let corner = &mut damped.corner;
        let solved = linalg::cholesky(corner)
            && corner.solve_lower_triangular_mut(&mut x)
            && corner.tr_solve_lower_triangular_mut(&mut x);
        own -= &damped.sides * &x;
        let solved = solved && self.substitute(&factors, &mut own);
        let p = self.places.join(&x, &own);
        (solved && p.iter().all(|v| v.is_finite())).then_some(p)
    }

    /// Makes the rows and columns of parameters that are not free those of the identity.
    fn hold(&mut self, free: &[bool]) {
        let width = self.places.width;
        for k in held(&self.places.shared, free) {
            self.corner.row_mut(k).fill(0.0);
            self.corner.column_mut(k).fill(0.0);
            self.corner[(k, k)] = 1.0;
            self.sides.column_mut(k).fill(0.0);
        }
        for k in held(&self.places.own, free) {
            let (row, first) = (k % width, k - k % width);
            self.blocks.column_mut(k).fill(0.0);
            self.blocks.view_mut((row, first), (1, width)).fill(0.0);
            self.blocks[(row, k)] = 1.0;
            self.sides.row_mut(k).fill(0.0);
        }
    }

    /// Factors every block, and multiplies its rows of the sides and of `own` by the inverse of its factor.
    fn eliminate_blocks(&mut self, own: &mut DVector<f64>) -> Option<Vec<DMatrix<f64>>> {
        let width = self.places.width;
        (0..self.places.n_blocks())
            .map(|b| {
                let block = self.blocks.columns(b * width, width).into_owned();
                let factor = Cholesky::new(block)?.unpack();
                let solved = factor
                    .solve_lower_triangular_mut(&mut self.sides.rows_mut(b * width, width))
                    && factor.solve_lower_triangular_mut(&mut own.rows_mut(b * width, width));
                solved.then_some(factor)
            })
            .collect()
    }

    /// Multiplies the rows of `own` by the inverse of the transposed factors.
    fn substitute(&self, factors: &[DMatrix<f64>], own: &mut DVector<f64>) -> bool {
        let width = self.places.width;
        factors.iter().enumerate().all(|(b, factor)| {
            factor.tr_solve_lower_triangular_mut(&mut own.rows_mut(b * width, width))
        })
    }
}

/// The rows whose parameter is not free.
fn held(places: &[usize], free: &[bool]) -> Vec<usize> {
    (0..places.len()).filter(|&k| !free[places[k]]).collect()
}

#[cfg(test)]
impl Arrow {
    /// All entries, in the order of the parameters.
    pub(crate) fn to_dense(&self) -> DMatrix<f64> {
        let n = self.places.len();
        let mut dense = DMatrix::zeros(n, n);
        for j in 0..n {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            dense.set_column(j, &DVector::from_vec(self.product(&unit)));
        }
        dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positive definite, with two blocks of two among three shared parameters.
    fn arrow() -> Arrow {
        let mut arrow = Arrow::zeros(Places {
            shared: vec![0, 5, 6],
            own: vec![1, 3, 2, 4],
            width: 2,
        });
        let wave = |i: usize, j: usize| (1.0 + i as f64 + 2.3 * j as f64).sin();
        arrow.corner = DMatrix::from_fn(3, 3, |i, j| wave(i.max(j), i.min(j)));
        arrow.sides = DMatrix::from_fn(4, 3, wave);
        arrow.blocks = DMatrix::from_fn(2, 4, |i, j| wave(i.max(j % 2) + j / 2, i.min(j % 2)));
        arrow.add_to_diagonal(|i| 5.0 + i as f64);
        arrow
    }

    #[test]
    fn a_solution_of_the_free_parameters_is_that_of_the_dense_system() {
        let arrow = arrow();
        let rhs = [1.0, -2.0, 0.5, 3.0, -1.0, 0.25, 2.0];
        for held in [vec![], vec![0], vec![3], vec![1, 3, 6], vec![0, 5, 6]] {
            let free: Vec<bool> = (0..7).map(|i| !held.contains(&i)).collect();
            let solution = arrow.solve(|i| 0.1 * i as f64, &free, &rhs).unwrap();
            let mut residual = arrow.product(&solution);
            for i in 0..7 {
                residual[i] += 0.1 * i as f64 * solution[i] - rhs[i];
                if free[i] {
                    assert!(residual[i].abs() < 1e-13, "{held:?}: {residual:?}");
                } else {
                    assert_eq!(solution[i], 0.0, "{held:?}");
                }
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_solution() {
        for wrong in 0..7 {
            for value in [-30.0, f64::NAN] {
                let mut arrow = arrow();
                arrow.add_to_diagonal(|i| if i == wrong { value } else { 0.0 });
                let solution = arrow.solve(|_| 0.0, &[true; 7], &[1.0; 7]);
                assert_eq!(solution, None, "{wrong} {value}");
            }
        }
    }

    #[test]
    fn diagonal_sum_and_scale_are_those_of_the_dense_matrix() {
        let mut twice = arrow();
        twice.add(&arrow());
        twice.scale(0.5);
        assert_eq!(twice, arrow());
        let dense = arrow().to_dense();
        assert_eq!(arrow().diagonal(), dense.diagonal().as_slice());
        assert_eq!(dense, dense.transpose());
    }
}
