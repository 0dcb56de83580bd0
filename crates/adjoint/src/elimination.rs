mod lu;

use lu::Lu;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use tauscope_dynamics::{ModelKind, RateNetwork};

/// Solves `(1 - gamma J) x = rhs` and its transpose, where J is the Jacobian of the network.
///
/// The Jacobian of one trial is `[[-1, W], [F', -1]]` with rows divided by their time constants, and all
/// its blocks but W are diagonal. Eliminating r leaves one (unit, unit) matrix a trial,
/// `M = diag(1 + q) - diag(left) W diag(right)`, an eighth of the work of factorising both blocks:
///
/// | model | q | left | right |
/// |---|---|---|---|
/// | two-constant | `gamma/tau_s` | `gamma/tau_s` | `F' q_r / (1 + q_r)`, `q_r = gamma/tau_r` |
/// | rate | `gamma/tau_r` | `F' gamma/tau_r` | 1 |
/// | current | `gamma/tau_s` | `gamma/tau_s` | `F'` |
///
/// Eliminating r from the transposed system leaves `M^T`, so one factorisation serves both. The network is given
/// to every call, always the same.
pub(crate) struct Elimination {
    /// `gamma / tau` by unit of the filter that is solved for, and of the one that is eliminated.
    kept: Vec<f64>,
    eliminated: Vec<f64>,
    /// (unit, trial)
    left: Vec<f64>,
    right: Vec<f64>,
    /// By trial.
    factors: Vec<Lu>,
    active: Vec<bool>,
    /// Products with W, and what they are taken of.
    recurrent: Vec<f64>,
    scaled: Vec<f64>,
}

impl Elimination {
    /// For `n_trials` trials of `network`.
    pub(crate) fn new(network: &RateNetwork, n_trials: usize) -> Elimination {
        let n = network.n_units();
        Elimination {
            kept: vec![0.0; n],
            eliminated: vec![0.0; n],
            left: vec![0.0; n * n_trials],
            right: vec![0.0; n * n_trials],
            factors: vec![Lu::default(); n_trials],
            active: vec![false; n_trials],
            recurrent: Vec::new(),
            scaled: Vec::new(),
        }
    }

    /// Factorises the system of every trial in `active`, for its column of `slope`, (unit, trial), the derivative
    /// of the activation; the others have the solution zero.
    pub(crate) fn factorise(
        &mut self,
        network: &RateNetwork,
        gamma: f64,
        slope: &[f64],
        active: &[bool],
    ) {
        self.scale(network, gamma, slope);
        self.active.copy_from_slice(active);
        let n = network.n_units();
        for (trial, factors) in self.factors.iter_mut().enumerate() {
            if active[trial] {
                let range = trial * n..(trial + 1) * n;
                let (left, right) = (&self.left[range.clone()], &self.right[range]);
                let w = &network.parameters().w;
                factors.factorise(n, |out| fill_system(out, w, left, right, &self.kept));
            }
        }
    }

    fn scale(&mut self, network: &RateNetwork, gamma: f64, slope: &[f64]) {
        let n = network.n_units();
        let times_gamma = |decay: &[f64], out: &mut [f64]| {
            out.iter_mut().zip(decay).for_each(|(q, d)| *q = gamma * d);
        };
        times_gamma(network.decay_r(), &mut self.eliminated);
        match network.model() {
            ModelKind::Rate => times_gamma(network.decay_r(), &mut self.kept),
            _ => times_gamma(network.decay_s(), &mut self.kept),
        }
        for (i, &slope) in slope.iter().enumerate() {
            let (q, q_r) = (self.kept[i % n], self.eliminated[i % n]);
            (self.left[i], self.right[i]) = match network.model() {
                ModelKind::TwoConstant => (q, slope * q_r / (1.0 + q_r)),
                ModelKind::Rate => (q * slope, 1.0),
                ModelKind::Current => (q, slope),
            };
        }
    }

    /// Whether the system of some active trial has no solution; solving it would leave NaN.
    pub(crate) fn is_singular(&self) -> bool {
        let mut factors = self.factors.iter().zip(&self.active);
        factors.any(|(factors, active)| *active && factors.is_singular())
    }

    /// Solves the plain system in place; columns of `x` are (direction x trial), trials fastest.
    pub(crate) fn solve(&mut self, network: &RateNetwork, x: &mut [f64]) {
        if network.model() != ModelKind::TwoConstant {
            return self.solve_kept(x, Lu::solve);
        }
        let (x_i, x_r) = x.split_at_mut(x.len() / 2);
        divide_by_one_plus(&self.eliminated, x_r);
        product(&network.parameters().w, x_r, &mut self.recurrent);
        add_cyclic(&self.kept, &self.recurrent, x_i);
        self.solve_kept(x_i, Lu::solve);
        add_cyclic(&self.right, x_i, x_r);
    }

    /// Solves the transposed system in place; columns as in [`solve`](Self::solve).
    pub(crate) fn solve_transposed(&mut self, network: &RateNetwork, x: &mut [f64]) {
        if network.model() != ModelKind::TwoConstant {
            return self.solve_kept(x, Lu::solve_transposed);
        }
        let (x_i, x_r) = x.split_at_mut(x.len() / 2);
        add_cyclic(&self.right, x_r, x_i);
        self.solve_kept(x_i, Lu::solve_transposed);
        self.scaled.clear();
        self.scaled.resize(x_i.len(), 0.0);
        add_cyclic(&self.kept, x_i, &mut self.scaled);
        product(network.w_transposed(), &self.scaled, &mut self.recurrent);
        x_r.iter_mut()
            .zip(&self.recurrent)
            .for_each(|(x, p)| *x += p);
        divide_by_one_plus(&self.eliminated, x_r);
    }

    /// Solves what is left after the elimination, column by column. A singular system leaves NaN, which the
    /// caller reports as a failed solve.
    fn solve_kept(&self, x: &mut [f64], solve: impl Fn(&Lu, &mut [f64])) {
        let trials = self.factors.len();
        for (i, column) in x.chunks_exact_mut(self.kept.len()).enumerate() {
            let trial = i % trials;
            if self.active[trial] {
                solve(&self.factors[trial], column);
            } else {
                column.fill(0.0);
            }
        }
    }
}

/// `out = diag(1 + q) - diag(row) W diag(column)`
fn fill_system(out: &mut DMatrix<f64>, w: &DMatrix<f64>, row: &[f64], column: &[f64], q: &[f64]) {
    let n = q.len();
    let columns = out
        .as_mut_slice()
        .chunks_exact_mut(n)
        .zip(w.as_slice().chunks_exact(n));
    for (j, (out, w)) in columns.enumerate() {
        for ((out, w), row) in out.iter_mut().zip(w).zip(row) {
            *out = -row * w * column[j];
        }
        out[j] += 1.0 + q[j];
    }
}

/// `out = matrix v` for (unit, column) blocks.
fn product(matrix: &DMatrix<f64>, v: &[f64], out: &mut Vec<f64>) {
    out.resize(v.len(), 0.0);
    let n = matrix.nrows();
    let columns = v.len() / n;
    let v = DMatrixView::from_slice(v, n, columns);
    DMatrixViewMut::from_slice(out, n, columns).gemm(1.0, matrix, &v, 0.0);
}

fn divide_by_one_plus(q: &[f64], x: &mut [f64]) {
    for column in x.chunks_exact_mut(q.len()) {
        column.iter_mut().zip(q).for_each(|(x, q)| *x /= 1.0 + q);
    }
}

/// `out += factor v`, where `factor` repeats along `v`.
fn add_cyclic(factor: &[f64], v: &[f64], out: &mut [f64]) {
    let n = factor.len();
    for (out, v) in out.chunks_mut(n).zip(v.chunks(n)) {
        for ((o, v), f) in out.iter_mut().zip(v).zip(factor) {
            *o += f * v;
        }
    }
}

#[cfg(test)]
mod tests;
