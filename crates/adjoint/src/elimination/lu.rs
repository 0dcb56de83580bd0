use nalgebra::DMatrix;

/// Columns that are eliminated before what is right of them is updated by one matrix product.
const PANEL: usize = 16;

/// `P A = L U` with partial pivoting, in one matrix that is filled, factorised and filled again: no factorisation
/// after the first allocates, and both A and its transpose are solved from the same factors.
///
/// Panels of columns are eliminated one after the other and the rest is updated by matrix products (Golub & Van
/// Loan, Matrix Computations, section 3.4.7), which run several times faster than one rank-one update a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Lu {
    /// L below the diagonal, its own diagonal of ones left out; U on and above.
    values: DMatrix<f64>,
    /// Row that was exchanged with row k in step k.
    pivots: Vec<usize>,
    is_singular: bool,
    /// Rows of U right of a panel.
    upper: DMatrix<f64>,
}

impl Lu {
    /// Factorises the (n, n) matrix that `fill` writes.
    pub(super) fn factorise(&mut self, n: usize, fill: impl FnOnce(&mut DMatrix<f64>)) {
        if self.values.nrows() != n {
            self.values = DMatrix::zeros(n, n);
            self.upper = DMatrix::zeros(PANEL.min(n), n);
            self.pivots = vec![0; n];
        }
        fill(&mut self.values);
        self.is_singular = false;
        for first in (0..n).step_by(PANEL) {
            let end = (first + PANEL).min(n);
            self.eliminate_panel(first, end);
            self.update_right_of(first, end);
        }
    }

    /// Eliminates below the diagonal in columns `first..end`, with row exchanges over all columns.
    fn eliminate_panel(&mut self, first: usize, end: usize) {
        let n = self.pivots.len();
        for k in first..end {
            let pivot = k + largest(&self.values.as_slice()[k * n + k..(k + 1) * n]);
            self.pivots[k] = pivot;
            if pivot != k {
                let columns = self.values.as_mut_slice().chunks_exact_mut(n);
                columns.for_each(|column| column.swap(k, pivot));
            }
            let diagonal = self.values[(k, k)];
            if diagonal == 0.0 {
                self.is_singular = true;
                continue;
            }
            let (left, right) = self.values.as_mut_slice().split_at_mut((k + 1) * n);
            let multipliers = &mut left[k * n + k + 1..];
            multipliers.iter_mut().for_each(|m| *m /= diagonal);
            for column in right.chunks_exact_mut(n).take(end - k - 1) {
                subtract_scaled(&mut column[k..], multipliers);
            }
        }
    }

    /// Brings the columns right of a panel up to date: `U = L^-1 A` in its rows, then `A -= L U` below.
    fn update_right_of(&mut self, first: usize, end: usize) {
        let n = self.pivots.len();
        if end == n {
            return;
        }
        let (left, right) = self.values.as_mut_slice().split_at_mut(end * n);
        for column in right.chunks_exact_mut(n) {
            for k in first..end {
                subtract_scaled(&mut column[k..end], &left[k * n + k + 1..k * n + end]);
            }
        }
        let (panel, mut rest) = self.values.columns_range_pair_mut(first..end, end..n);
        let mut upper = self.upper.view_range_mut(..end - first, ..n - end);
        upper.copy_from(&rest.rows(first, end - first));
        rest.rows_mut(end, n - end)
            .gemm(-1.0, &panel.rows(end, n - end), &upper, 1.0);
    }

    /// Whether the matrix has no inverse.
    pub(super) fn is_singular(&self) -> bool {
        self.is_singular
    }

    /// Solves `A x = b` in place. A singular matrix leaves NaN.
    pub(super) fn solve(&self, x: &mut [f64]) {
        let n = self.pivots.len();
        if self.is_singular {
            return x.fill(f64::NAN);
        }
        for (k, &pivot) in self.pivots.iter().enumerate() {
            x.swap(k, pivot);
        }
        let columns = self.values.as_slice();
        for k in 0..n {
            subtract_scaled(&mut x[k..], &columns[k * n + k + 1..(k + 1) * n]);
        }
        for k in (0..n).rev() {
            x[k] /= columns[k * n + k];
            let solved = x[k];
            for (x, u) in x[..k].iter_mut().zip(&columns[k * n..]) {
                *x -= solved * u;
            }
        }
    }

    /// Solves `A^T x = b` in place: `U^T`, then `L^T`, then the row exchanges backwards. A singular matrix leaves
    /// NaN.
    pub(super) fn solve_transposed(&self, x: &mut [f64]) {
        let n = self.pivots.len();
        if self.is_singular {
            return x.fill(f64::NAN);
        }
        let columns = self.values.as_slice();
        for k in 0..n {
            let column = &columns[k * n..(k + 1) * n];
            x[k] = (x[k] - dot(&column[..k], &x[..k])) / column[k];
        }
        for k in (0..n).rev() {
            x[k] -= dot(&columns[k * n + k + 1..(k + 1) * n], &x[k + 1..]);
        }
        for (k, &pivot) in self.pivots.iter().enumerate().rev() {
            x.swap(k, pivot);
        }
    }
}

/// Where the entry of largest magnitude is; 0 where nothing compares, as with NaN, which then spreads.
fn largest(column: &[f64]) -> usize {
    let (mut at, mut size) = (0, 0.0);
    for (i, v) in column.iter().enumerate() {
        if v.abs() > size {
            (at, size) = (i, v.abs());
        }
    }
    at
}

/// `x[1..] -= x[0] v`
fn subtract_scaled(x: &mut [f64], v: &[f64]) {
    let factor = x[0];
    for (x, v) in x[1..].iter_mut().zip(v) {
        *x -= factor * v;
    }
}

/// The sum of products, in eight interleaved parts: one part alone would wait for every addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const PARTS: usize = 8;
    let mut sums = [0.0; PARTS];
    let (a_parts, b_parts) = (a.chunks_exact(PARTS), b.chunks_exact(PARTS));
    let rest: f64 = a_parts
        .remainder()
        .iter()
        .zip(b_parts.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_parts.zip(b_parts) {
        for ((s, a), b) in sums.iter_mut().zip(a).zip(b) {
            *s += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix without structure, that needs row exchanges.
    fn matrix(n: usize) -> DMatrix<f64> {
        DMatrix::from_fn(n, n, |i, j| {
            ((i * 7919 + j * 104_729 + 13) % 1009) as f64 / 504.5 - 1.0
        })
    }

    #[test]
    fn a_matrix_and_its_transpose_are_solved_to_round_off_for_sizes_around_those_of_panels() {
        for n in [1, 2, 3, 15, 16, 17, 31, 32, 33, 50, 64, 100] {
            let a = matrix(n);
            let mut lu = Lu::default();
            lu.factorise(n, |out| out.copy_from(&a));
            let b: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let (mut x, mut z) = (b.clone(), b.clone());
            lu.solve(&mut x);
            lu.solve_transposed(&mut z);
            for (residual, x) in [(&a, x), (&a.transpose(), z)].map(|(a, x)| {
                let x = nalgebra::DVector::from_vec(x);
                let b = nalgebra::DVector::from_vec(b.clone());
                ((a * &x - b).norm() / (a.norm() * x.norm()), x)
            }) {
                assert!(residual < 1e-15, "{n}: {residual:.1e} for {x}");
            }
        }
    }

    #[test]
    fn a_second_factorisation_does_not_remember_the_first() {
        let (first, second) = (DMatrix::zeros(20, 20), matrix(20));
        let mut lu = Lu::default();
        let mut x = vec![1.0; 20];
        lu.factorise(20, |out| out.copy_from(&first));
        lu.solve(&mut x);
        assert!(x.iter().all(|x| x.is_nan()));
        let mut fresh = Lu::default();
        let (mut x, mut y) = (vec![1.0; 20], vec![1.0; 20]);
        lu.factorise(20, |out| out.copy_from(&second));
        fresh.factorise(20, |out| out.copy_from(&second));
        lu.solve(&mut x);
        fresh.solve(&mut y);
        assert_eq!(x, y);
    }
}
