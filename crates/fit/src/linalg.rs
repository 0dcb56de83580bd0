//! Dense products and factors, by faer: blocked, with symmetric halves, and with AVX-512 faster than nalgebra's.
//! All of them run on one thread, so that no bit depends on how many there are.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor;
use faer::linalg::evd::{
    ComputeEigenvectors, evd_real, evd_scratch, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, ColMut, MatMut, MatRef, Par};
use nalgebra::{Complex, DMatrix};

fn view(matrix: &DMatrix<f64>) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(matrix.as_slice(), matrix.nrows(), matrix.ncols())
}

fn view_mut(matrix: &mut DMatrix<f64>) -> MatMut<'_, f64> {
    let (rows, columns) = matrix.shape();
    MatMut::from_column_major_slice_mut(matrix.as_mut_slice(), rows, columns)
}

/// `out = a x`, for (row, column) blocks `x` and `out`.
pub(crate) fn multiply(a: &DMatrix<f64>, x: &[f64], out: &mut [f64]) {
    let (rows, inner) = a.shape();
    if rows == 0 || inner == 0 {
        return out.fill(0.0);
    }
    let columns = x.len() / inner;
    matmul(
        MatMut::from_column_major_slice_mut(out, rows, columns),
        Accum::Replace,
        view(a),
        MatRef::from_column_major_slice(x, inner, columns),
        1.0,
        Par::Seq,
    );
}

/// `sum += a b^T`, for blocks `a` (row, column), `b` (other row, column) and `sum` (row, other row).
pub(crate) fn add_outer(sum: &mut [f64], rows: usize, a: &[f64], b: &[f64]) {
    if rows == 0 || sum.is_empty() || a.is_empty() {
        return;
    }
    let (others, columns) = (sum.len() / rows, a.len() / rows);
    matmul(
        MatMut::from_column_major_slice_mut(sum, rows, others),
        Accum::Add,
        MatRef::from_column_major_slice(a, rows, columns),
        MatRef::from_column_major_slice(b, others, columns).transpose(),
        1.0,
        Par::Seq,
    );
}

/// `sum += a b`, for blocks `a` (row, inner), `b` (inner, column) and `sum` (row, column).
pub(crate) fn add_product(sum: &mut [f64], rows: usize, a: &[f64], b: &[f64]) {
    if rows == 0 || sum.is_empty() || a.is_empty() {
        return;
    }
    let (columns, inner) = (sum.len() / rows, a.len() / rows);
    matmul(
        MatMut::from_column_major_slice_mut(sum, rows, columns),
        Accum::Add,
        MatRef::from_column_major_slice(a, rows, inner),
        MatRef::from_column_major_slice(b, inner, columns),
        1.0,
        Par::Seq,
    );
}

/// The lower half of `sum += factor a^T a`; `a` has as many columns as `sum`.
pub(crate) fn add_square(sum: &mut DMatrix<f64>, factor: f64, a: &[f64]) {
    let n = sum.ncols();
    if n == 0 || a.is_empty() {
        return;
    }
    let a = MatRef::from_column_major_slice(a, a.len() / n, n);
    triangular::matmul(
        view_mut(sum),
        triangular::BlockStructure::TriangularLower,
        Accum::Add,
        a.transpose(),
        triangular::BlockStructure::Rectangular,
        a,
        triangular::BlockStructure::Rectangular,
        factor,
        Par::Seq,
    );
}

/// Writes L, with `L L^T` the matrix of which the lower half is given, over that half; false where there is none.
pub(crate) fn cholesky(matrix: &mut DMatrix<f64>) -> bool {
    if matrix.is_empty() {
        return true;
    }
    let scratch =
        factor::cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    factor::cholesky_in_place(
        view_mut(matrix),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .is_ok()
}

/// The eigenvalues of a square matrix, in no order; none where the iteration does not end or the matrix is not finite.
///
/// nalgebra's iteration has no exceptional shifts: of a matrix near a cyclic one it never ends.
pub(crate) fn eigenvalues(matrix: &DMatrix<f64>) -> Option<Vec<Complex<f64>>> {
    let n = matrix.nrows();
    let only_values = ComputeEigenvectors::No;
    let scratch = evd_scratch::<f64>(n, only_values, only_values, Par::Seq, Default::default());
    let (mut real, mut imaginary) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    evd_real(
        view(matrix),
        ColMut::from_slice_mut(&mut real).as_diagonal_mut(),
        ColMut::from_slice_mut(&mut imaginary).as_diagonal_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    let values = real.into_iter().zip(imaginary);
    let values: Vec<_> = values.map(|(re, im)| Complex::new(re, im)).collect();
    // faer says nothing of an iteration that did not end: but what it left out is missing in the trace
    let sum: Complex<f64> = values.iter().sum();
    let is_whole = (sum - matrix.trace()).norm() <= 1e-9 * matrix.norm() * n as f64;
    is_whole.then_some(values)
}

/// Eigenvalues of a symmetric matrix, of which the lower half counts, ascending, and its eigenvectors in columns; none where the matrix is
/// not finite.
pub(crate) fn symmetric_eigen(matrix: &DMatrix<f64>) -> Option<(Vec<f64>, DMatrix<f64>)> {
    let n = matrix.nrows();
    if n == 0 {
        return Some((Vec::new(), DMatrix::zeros(0, 0)));
    }
    let scratch =
        self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let (mut values, mut vectors) = (vec![f64::NAN; n], DMatrix::zeros(n, n));
    self_adjoint_evd(
        view(matrix),
        ColMut::from_slice_mut(&mut values).as_diagonal_mut(),
        Some(view_mut(&mut vectors)),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    values
        .iter()
        .all(|v| v.is_finite())
        .then_some((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_matrix_is_made_of_its_eigenvectors_in_ascending_order() {
        for n in [0, 1, 2, 7, 40, 150] {
            let a = DMatrix::from_fn(n, n, |i, j| ((31 * i + 17 * j) as f64).sin());
            // of deficient rank
            let a = &a * a.transpose();
            let (values, vectors) = symmetric_eigen(&a).unwrap();
            assert!(values.is_sorted());
            let again = &vectors * DMatrix::from_diagonal(&values.into()) * vectors.transpose();
            let off = vectors.tr_mul(&vectors) - DMatrix::identity(n, n);
            assert!(
                (again - &a).norm() <= 1e-13 * a.norm().max(1.0) && off.norm() < 1e-12,
                "{n}"
            );
        }
        assert!(symmetric_eigen(&DMatrix::from_element(3, 3, f64::NAN)).is_none());
    }

    /// Of `x^n = c`, by its companion matrix: nalgebra's iteration never ends on it.
    #[test]
    fn the_eigenvalues_of_a_cyclic_matrix_are_roots_of_unity() {
        let c = 1.7748092111017977_f64;
        // of more than 74, and of more than 255, rows faer goes other ways
        for n in [1, 2, 11, 90, 300] {
            let matrix = DMatrix::from_fn(n, n, |i, j| match (i, j) {
                (0, j) if j == n - 1 => c,
                (i, j) if i == j + 1 => 1.0,
                _ => 0.0,
            });
            let found = eigenvalues(&matrix).unwrap();
            for k in 0..n {
                let angle = std::f64::consts::TAU * k as f64 / n as f64;
                let root = Complex::from_polar(c.powf(1.0 / n as f64), angle);
                let nearest = found.iter().map(|value| (value - root).norm());
                assert!(nearest.fold(f64::INFINITY, f64::min) < 1e-12, "{n} {root}");
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_finite_has_no_eigenvalues() {
        for n in [1, 2, 5, 40] {
            for value in [f64::NAN, f64::INFINITY] {
                assert_eq!(eigenvalues(&DMatrix::from_element(n, n, value)), None);
            }
        }
        assert_eq!(eigenvalues(&DMatrix::zeros(0, 0)), Some(Vec::new()));
    }
}
