use nalgebra::{DMatrix, DMatrixView, Dyn, LU};
use tauscope_dynamics::{Linearization, ModelKind, RateNetwork};

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
pub(super) struct Elimination<'a> {
    network: &'a RateNetwork,
    /// `gamma / tau` by unit of the filter that is solved for, and of the one that is eliminated.
    kept: Vec<f64>,
    eliminated: Vec<f64>,
    /// (unit, trial)
    left: Vec<f64>,
    right: Vec<f64>,
    matrix: DMatrix<f64>,
    factors: Vec<Option<LU<f64, Dyn, Dyn>>>,
}

/// Which of the two systems is factorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Plain,
    Transposed,
}

impl<'a> Elimination<'a> {
    pub(super) fn new(network: &'a RateNetwork, n_trials: usize) -> Self {
        let n = network.n_units();
        Elimination {
            network,
            kept: vec![0.0; n],
            eliminated: vec![0.0; n],
            left: vec![0.0; n * n_trials],
            right: vec![0.0; n * n_trials],
            matrix: DMatrix::zeros(n, n),
            factors: vec![None; n_trials],
        }
    }

    /// Factorises the system of every trial in `active`; the others have the solution zero.
    pub(super) fn factorise(
        &mut self,
        gamma: f64,
        at: &Linearization,
        active: &[bool],
        system: System,
    ) {
        self.scale(gamma, at);
        let n = self.network.n_units();
        for (trial, &active) in active.iter().enumerate() {
            self.factors[trial] = active.then(|| {
                let range = trial * n..(trial + 1) * n;
                let (left, right) = (&self.left[range.clone()], &self.right[range]);
                let (w, row, column) = match system {
                    System::Plain => (&self.network.parameters().w, left, right),
                    System::Transposed => (self.network.w_transposed(), right, left),
                };
                fill_system(&mut self.matrix, w, row, column, &self.kept);
                self.matrix.clone().lu()
            });
        }
    }

    fn scale(&mut self, gamma: f64, at: &Linearization) {
        let n = self.network.n_units();
        let network = self.network;
        let times_gamma = |decay: &[f64], out: &mut [f64]| {
            out.iter_mut().zip(decay).for_each(|(q, d)| *q = gamma * d);
        };
        times_gamma(network.decay_r(), &mut self.eliminated);
        match network.model() {
            ModelKind::Rate => times_gamma(network.decay_r(), &mut self.kept),
            _ => times_gamma(network.decay_s(), &mut self.kept),
        }
        for (i, &slope) in at.slope().iter().enumerate() {
            let (q, q_r) = (self.kept[i % n], self.eliminated[i % n]);
            (self.left[i], self.right[i]) = match network.model() {
                ModelKind::TwoConstant => (q, slope * q_r / (1.0 + q_r)),
                ModelKind::Rate => (q * slope, 1.0),
                ModelKind::Current => (q, slope),
            };
        }
    }

    /// Solves the plain system in place; columns of `x` are (direction x trial), trials fastest.
    pub(super) fn solve(&mut self, x: &mut [f64]) {
        if self.network.model() != ModelKind::TwoConstant {
            return self.solve_kept(x);
        }
        let (x_i, x_r) = x.split_at_mut(x.len() / 2);
        divide_by_one_plus(&self.eliminated, x_r);
        let recurrent = product(&self.network.parameters().w, x_r);
        add_cyclic(&self.kept, recurrent.as_slice(), x_i);
        self.solve_kept(x_i);
        add_cyclic(&self.right, x_i, x_r);
    }

    /// Solves the transposed system in place; columns as in [`solve`](Self::solve).
    pub(super) fn solve_transposed(&mut self, x: &mut [f64]) {
        if self.network.model() != ModelKind::TwoConstant {
            return self.solve_kept(x);
        }
        let (x_i, x_r) = x.split_at_mut(x.len() / 2);
        add_cyclic(&self.right, x_r, x_i);
        self.solve_kept(x_i);
        let mut scaled = vec![0.0; x_i.len()];
        add_cyclic(&self.kept, x_i, &mut scaled);
        let recurrent = product(self.network.w_transposed(), &scaled);
        x_r.iter_mut().zip(&recurrent).for_each(|(x, p)| *x += p);
        divide_by_one_plus(&self.eliminated, x_r);
    }

    fn solve_kept(&mut self, x: &mut [f64]) {
        let n = self.network.n_units();
        let trials = self.factors.len();
        let directions = x.len() / (n * trials);
        for (trial, factor) in self.factors.iter().enumerate() {
            let start = |direction: usize| (direction * trials + trial) * n;
            let mut of_trial = DMatrix::zeros(n, directions);
            for (d, mut column) in of_trial.column_iter_mut().enumerate() {
                column.copy_from_slice(&x[start(d)..][..n]);
            }
            match factor {
                // A singular system leaves NaN, which the caller reports as a failed solve.
                Some(lu) if !lu.solve_mut(&mut of_trial) => of_trial.fill(f64::NAN),
                Some(_) => {}
                None => of_trial.fill(0.0),
            }
            for (d, column) in of_trial.column_iter().enumerate() {
                x[start(d)..][..n].copy_from_slice(column.as_slice());
            }
        }
    }
}

/// `out = diag(1 + q) - diag(row) W diag(column)`
fn fill_system(out: &mut DMatrix<f64>, w: &DMatrix<f64>, row: &[f64], column: &[f64], q: &[f64]) {
    let n = q.len();
    for j in 0..n {
        for i in 0..n {
            out[(i, j)] = -row[i] * w[(i, j)] * column[j];
        }
        out[(j, j)] += 1.0 + q[j];
    }
}

fn product(matrix: &DMatrix<f64>, v: &[f64]) -> DMatrix<f64> {
    let n = matrix.nrows();
    matrix * DMatrixView::from_slice(v, n, v.len() / n)
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
