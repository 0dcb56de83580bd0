use crate::{Coordinate, Gradient, ModelKind, Parameters, RateNetwork};
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

/// What a product with the Jacobian needs to know of the state: for a batch, by (unit, trial).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Linearization {
    /// `f'` at the argument of the activation.
    slope: Vec<f64>,
    /// What W multiplies: r, or `f(I)` in the `current` model.
    source: Vec<f64>,
    scratch: Vec<f64>,
}

impl Linearization {
    /// What W multiplies, (unit, trial): the rates.
    pub fn source(&self) -> &[f64] {
        &self.source
    }

    /// `f'` at the argument of the activation, (unit, trial).
    pub fn slope(&self) -> &[f64] {
        &self.slope
    }
}

impl RateNetwork {
    /// Prepares the products below at state `y` with drive `U x + b`, (unit, trial).
    pub fn linearize(&self, y: &[f64], drive: &[f64], at: &mut Linearization) {
        let n = drive.len();
        at.slope.resize(n, 0.0);
        at.source.resize(n, 0.0);
        self.rates(y, &mut at.source);
        match self.model() {
            ModelKind::TwoConstant | ModelKind::Current => {
                self.activation().slopes(&y[..n], &mut at.slope);
            }
            ModelKind::Rate => {
                at.scratch.clear();
                at.scratch.extend_from_slice(drive);
                self.add_w(y, &mut at.scratch);
                self.activation().slopes(&at.scratch, &mut at.slope);
            }
        }
    }

    /// `out = J v`: the Jacobian of [`rhs`](Self::rhs) with respect to the state, times a direction.
    ///
    /// `v` may have any number of directions: its blocks are (unit, direction x trial), trials fastest.
    pub fn jac_mul(&self, at: &mut Linearization, v: &[f64], out: &mut [f64]) {
        match self.model() {
            ModelKind::TwoConstant => {
                let half = v.len() / 2;
                let (v_i, v_r) = v.split_at(half);
                let (out_i, out_r) = out.split_at_mut(half);
                scaled(-1.0, v_i, out_i);
                self.add_w(v_r, out_i);
                by_unit(out_i, self.decay_s());
                multiply_cyclic(v_i, &at.slope, out_r);
                subtract(out_r, v_r);
                by_unit(out_r, self.decay_r());
            }
            ModelKind::Rate => {
                out.fill(0.0);
                self.add_w(v, out);
                scale_cyclic(out, &at.slope);
                subtract(out, v);
                by_unit(out, self.decay_r());
            }
            ModelKind::Current => {
                at.scratch.resize(v.len(), 0.0);
                multiply_cyclic(v, &at.slope, &mut at.scratch);
                scaled(-1.0, v, out);
                self.add_w(&at.scratch, out);
                by_unit(out, self.decay_s());
            }
        }
    }

    /// `out = J^T w`, with a plus sign.
    ///
    /// Also fills `presynaptic`, (unit, trial): the cotangent of `W r + U x + b`, from which the
    /// parameter integrals are products (`dL/dW = sum presynaptic source^T`).
    pub fn vjp(&self, at: &Linearization, w: &[f64], presynaptic: &mut [f64], out: &mut [f64]) {
        self.presynaptic(at, w, presynaptic);
        match self.model() {
            ModelKind::TwoConstant => {
                let half = w.len() / 2;
                let (out_i, out_r) = out.split_at_mut(half);
                scaled(-1.0, &w[half..], out_r);
                by_unit(out_r, self.decay_r());
                // out_i = f' w_r / tau_r - w_i / tau_s
                for (((o, r), s), a) in out_i
                    .iter_mut()
                    .zip(out_r.iter())
                    .zip(&at.slope)
                    .zip(&*presynaptic)
                {
                    *o = -r * s - a;
                }
                self.add_w_transposed(presynaptic, out_r);
            }
            ModelKind::Rate => {
                scaled(-1.0, w, out);
                by_unit(out, self.decay_r());
                self.add_w_transposed(presynaptic, out);
            }
            ModelKind::Current => {
                out.fill(0.0);
                self.add_w_transposed(presynaptic, out);
                for ((o, s), a) in out.iter_mut().zip(&at.slope).zip(&*presynaptic) {
                    *o = *o * s - a;
                }
            }
        }
    }

    /// The Jacobian of one trial as a dense matrix, column-major (state, state), for that trial's column of
    /// [`Linearization::slope`].
    pub fn jacobian(&self, slope: &[f64], out: &mut [f64]) {
        let n = self.n_units();
        let w = &self.parameters().w;
        out.fill(0.0);
        match self.model() {
            ModelKind::TwoConstant => {
                for j in 0..n {
                    let (decay_s, decay_r) = (self.decay_s()[j], self.decay_r()[j]);
                    out[j * 2 * n + j] = -decay_s;
                    out[j * 2 * n + n + j] = slope[j] * decay_r;
                    let column = &mut out[(n + j) * 2 * n..][..2 * n];
                    for (i, o) in column[..n].iter_mut().enumerate() {
                        *o = w[(i, j)] * self.decay_s()[i];
                    }
                    column[n + j] = -decay_r;
                }
            }
            ModelKind::Rate | ModelKind::Current => {
                let rate = self.model() == ModelKind::Rate;
                let decay = if rate { self.decay_r() } else { self.decay_s() };
                for j in 0..n {
                    for i in 0..n {
                        let gain = if rate { slope[i] } else { slope[j] };
                        out[j * n + i] =
                            (gain * w[(i, j)] - f64::from(u8::from(i == j))) * decay[i];
                    }
                }
            }
        }
    }

    /// `out += (d rhs / d drive) v` for a change `v`, (unit, trial), of the drive `U x + b`.
    pub fn add_drive_forcing(&self, at: &Linearization, v: &[f64], out: &mut [f64]) {
        if self.model() == ModelKind::Rate {
            let n = self.n_units();
            for ((out, v), slope) in out
                .chunks_exact_mut(n)
                .zip(v.chunks_exact(n))
                .zip(at.slope.chunks_exact(n))
            {
                for i in 0..n {
                    out[i] += v[i] * slope[i] * self.decay_r()[i];
                }
            }
        } else {
            let n = self.n_units();
            for (out, v) in out.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
                for i in 0..n {
                    out[i] += v[i] * self.decay_s()[i];
                }
            }
        }
    }

    /// The cotangent of `W r + U x + b`, (unit, trial), for a cotangent `w` of the derivative.
    pub fn presynaptic(&self, at: &Linearization, w: &[f64], out: &mut [f64]) {
        match self.model() {
            ModelKind::TwoConstant | ModelKind::Current => {
                out.copy_from_slice(&w[..out.len()]);
                by_unit(out, self.decay_s());
            }
            ModelKind::Rate => {
                multiply_cyclic(w, &at.slope, out);
                by_unit(out, self.decay_r());
            }
        }
    }

    /// `gradient += weight * (d rhs / d parameters)^T w` at a state whose derivative is `dy`, with
    /// inputs `x` (input, trial).
    ///
    /// For one time; over many, [`PanelAccumulator`] does the same with fewer, larger products.
    pub fn param_vjp(
        &self,
        at: &Linearization,
        x: DMatrixView<'_, f64>,
        dy: &[f64],
        w: &[f64],
        weight: f64,
        gradient: &mut Gradient,
    ) {
        let mut panel = PanelAccumulator::new(self, x.ncols(), 1);
        panel.push(self, at, x, dy, w, weight, gradient);
        panel.flush(gradient);
    }

    /// `out = (d rhs / d parameters) direction`: the tangent of [`param_vjp`](Self::param_vjp).
    pub fn param_jac_mul(
        &self,
        at: &Linearization,
        x: DMatrixView<'_, f64>,
        dy: &[f64],
        direction: &Parameters,
        out: &mut [f64],
    ) {
        let n = self.n_units();
        let columns = x.ncols();
        let block = n * columns;
        let shape = self.shape(columns);
        {
            let first = &mut out[..block];
            for column in first.chunks_exact_mut(n) {
                column.copy_from_slice(direction.b.as_slice());
            }
            add_product_view(&direction.w, &at.source, first, columns);
            if x.nrows() > 0 {
                DMatrixViewMut::from_slice(first, n, columns).gemm(1.0, &direction.u, &x, 1.0);
            }
            if self.model() == ModelKind::Rate {
                scale_cyclic(first, &at.slope);
                by_unit(first, self.decay_r());
            } else {
                by_unit(first, self.decay_s());
            }
        }
        if self.model() == ModelKind::TwoConstant {
            out[shape.rates()].fill(0.0);
        }
        subtract_by_unit(
            &mut out[shape.currents()],
            &dy[shape.currents()],
            direction.log_tau_s.as_slice(),
        );
        subtract_by_unit(
            &mut out[shape.rates()],
            &dy[shape.rates()],
            direction.log_tau_r.as_slice(),
        );
    }

    /// Adds `d rhs / d coordinate`, for one entry of the parameters, to one direction of a tangent.
    ///
    /// `out`: state-shaped (unit, trial) blocks of that direction, given as its block of currents and
    /// its block of rates (either may be empty). Costs O(trials), where
    /// [`param_jac_mul`](Self::param_jac_mul) costs a product with a matrix.
    pub fn add_coordinate_forcing(
        &self,
        at: &Linearization,
        x: DMatrixView<'_, f64>,
        dy: &[f64],
        coordinate: Coordinate,
        currents: &mut [f64],
        rates: &mut [f64],
    ) {
        let n = self.n_units();
        let shape = self.shape(x.ncols());
        let entry = |trial: usize, unit: usize| trial * n + unit;
        match coordinate {
            Coordinate::LogTauS { unit } => {
                let d = &dy[shape.currents()];
                (0..shape.n_columns).for_each(|k| currents[entry(k, unit)] -= d[entry(k, unit)]);
            }
            Coordinate::LogTauR { unit } => {
                let d = &dy[shape.rates()];
                (0..shape.n_columns).for_each(|k| rates[entry(k, unit)] -= d[entry(k, unit)]);
            }
            Coordinate::Weight { unit, .. }
            | Coordinate::InputWeight { unit, .. }
            | Coordinate::Bias { unit } => {
                for k in 0..shape.n_columns {
                    let source = match coordinate {
                        Coordinate::Weight { source, .. } => at.source[entry(k, source)],
                        Coordinate::InputWeight { input, .. } => x[(input, k)],
                        _ => 1.0,
                    };
                    if self.model() == ModelKind::Rate {
                        rates[entry(k, unit)] +=
                            source * at.slope[entry(k, unit)] * self.decay_r()[unit];
                    } else {
                        currents[entry(k, unit)] += source * self.decay_s()[unit];
                    }
                }
            }
        }
    }
}

/// Sums `(d rhs / d parameters)^T w` over many times as few large products: columns of several times
/// are gathered side by side, then multiplied at once.
#[derive(Debug, Clone)]
pub struct PanelAccumulator {
    n_units: usize,
    n_trials: usize,
    capacity: usize,
    filled: usize,
    /// (unit, time x trial)
    presynaptic: DMatrix<f64>,
    /// (time x trial, unit) and (time x trial, input): transposed as they are filled
    source: DMatrix<f64>,
    input: DMatrix<f64>,
}

impl PanelAccumulator {
    /// Room for `capacity` times of `n_trials` trials.
    pub fn new(network: &RateNetwork, n_trials: usize, capacity: usize) -> PanelAccumulator {
        let columns = capacity.max(1) * n_trials;
        PanelAccumulator {
            n_units: network.n_units(),
            n_trials,
            capacity: capacity.max(1),
            filled: 0,
            presynaptic: DMatrix::zeros(network.n_units(), columns),
            source: DMatrix::zeros(columns, network.n_units()),
            input: DMatrix::zeros(columns, network.n_inputs()),
        }
    }

    /// Adds one time; arguments as in [`RateNetwork::param_vjp`]. What does not need a product (the
    /// time constants) is added to `gradient` at once, the rest by [`flush`](Self::flush).
    #[allow(clippy::too_many_arguments)]
    pub fn push(
        &mut self,
        network: &RateNetwork,
        at: &Linearization,
        x: DMatrixView<'_, f64>,
        dy: &[f64],
        w: &[f64],
        weight: f64,
        gradient: &mut Gradient,
    ) {
        let shape = network.shape(self.n_trials);
        let (w_i, w_r) = (&w[shape.currents()], &w[shape.rates()]);
        add_tau_gradient(
            weight,
            w_i,
            &dy[shape.currents()],
            gradient.log_tau_s.as_mut_slice(),
        );
        add_tau_gradient(
            weight,
            w_r,
            &dy[shape.rates()],
            gradient.log_tau_r.as_mut_slice(),
        );

        let first = self.filled * self.n_trials;
        let block = shape.block_len();
        let target = &mut self.presynaptic.as_mut_slice()[first * self.n_units..][..block];
        network.presynaptic(at, w, target);
        target.iter_mut().for_each(|v| *v *= weight);
        for (k, rates) in at.source.chunks_exact(self.n_units).enumerate() {
            for (unit, &rate) in rates.iter().enumerate() {
                self.source[(first + k, unit)] = rate;
            }
            for input in 0..x.nrows() {
                self.input[(first + k, input)] = x[(input, k)];
            }
        }
        self.filled += 1;
        if self.filled == self.capacity {
            self.flush(gradient);
        }
    }

    /// Adds what was gathered to `gradient`. Must follow the last [`push`](Self::push).
    pub fn flush(&mut self, gradient: &mut Gradient) {
        let columns = self.filled * self.n_trials;
        if columns == 0 {
            return;
        }
        let a = self.presynaptic.columns(0, columns);
        gradient.w.gemm(1.0, &a, &self.source.rows(0, columns), 1.0);
        if self.input.ncols() > 0 {
            gradient.u.gemm(1.0, &a, &self.input.rows(0, columns), 1.0);
        }
        for column in a.column_iter() {
            gradient.b += column;
        }
        self.filled = 0;
    }
}

fn add_tau_gradient(weight: f64, w: &[f64], dy: &[f64], gradient: &mut [f64]) {
    let n = gradient.len();
    if n == 0 {
        return;
    }
    for (w, dy) in w.chunks_exact(n).zip(dy.chunks_exact(n)) {
        for ((g, w), d) in gradient.iter_mut().zip(w).zip(dy) {
            *g -= weight * w * d;
        }
    }
}

fn add_product_view(matrix: &DMatrix<f64>, v: &[f64], out: &mut [f64], columns: usize) {
    let n = matrix.nrows();
    let v = DMatrixView::from_slice(v, n, columns);
    DMatrixViewMut::from_slice(out, n, columns).gemm(1.0, matrix, &v, 1.0);
}

fn scaled(factor: f64, v: &[f64], out: &mut [f64]) {
    for (o, v) in out.iter_mut().zip(v) {
        *o = factor * v;
    }
}

fn subtract(out: &mut [f64], v: &[f64]) {
    for (o, v) in out.iter_mut().zip(v) {
        *o -= v;
    }
}

/// `out = v * factor`, where `factor` (unit, trial) repeats for every direction of `v`.
fn multiply_cyclic(v: &[f64], factor: &[f64], out: &mut [f64]) {
    for (out, v) in out.chunks_mut(factor.len()).zip(v.chunks(factor.len())) {
        for ((o, v), f) in out.iter_mut().zip(v).zip(factor) {
            *o = v * f;
        }
    }
}

fn scale_cyclic(out: &mut [f64], factor: &[f64]) {
    for out in out.chunks_mut(factor.len()) {
        for (o, f) in out.iter_mut().zip(factor) {
            *o *= f;
        }
    }
}

fn by_unit(out: &mut [f64], factor: &[f64]) {
    for out in out.chunks_exact_mut(factor.len()) {
        for (o, f) in out.iter_mut().zip(factor) {
            *o *= f;
        }
    }
}

fn subtract_by_unit(out: &mut [f64], v: &[f64], factor: &[f64]) {
    if factor.is_empty() {
        return;
    }
    let n = factor.len();
    for (out, v) in out.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
        for ((o, v), f) in out.iter_mut().zip(v).zip(factor) {
            *o -= v * f;
        }
    }
}
