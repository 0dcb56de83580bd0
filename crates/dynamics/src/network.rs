use crate::{Activation, ModelError, Parameters};
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVector};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which of the three models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// `tau_s dI/dt = -I + W r + U x + b`, `tau_r dr/dt = -r + f(I)`; state `[I | r]`.
    TwoConstant,
    /// `tau_s -> 0`: `tau_r dr/dt = -r + f(W r + U x + b)`; state `r`.
    Rate,
    /// `tau_r -> 0`: `tau_s dI/dt = -I + W f(I) + U x + b`; state `I`, observed is `r = f(I)`.
    Current,
}

impl ModelKind {
    /// All three.
    pub const ALL: [ModelKind; 3] = [ModelKind::TwoConstant, ModelKind::Rate, ModelKind::Current];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::TwoConstant => "two-constant",
            ModelKind::Rate => "rate",
            ModelKind::Current => "current",
        }
    }

    /// The model with that [`name`](Self::name), if there is one.
    pub fn from_name(name: &str) -> Option<ModelKind> {
        ModelKind::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether currents are part of the state, and so have a time constant.
    pub fn has_tau_s(self) -> bool {
        self != ModelKind::Rate
    }

    /// Whether rates are part of the state, and so have a time constant.
    pub fn has_tau_r(self) -> bool {
        self != ModelKind::Current
    }
}

/// How the state of a batch lies in one slice: the block of currents, then the block of rates, each
/// column-major (unit, trial); a model that lacks one has no such block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateShape {
    /// The model.
    pub model: ModelKind,
    /// Units.
    pub n_units: usize,
    /// Columns of each block: trials, or trials times directions for a tangent.
    pub n_columns: usize,
}

impl StateShape {
    /// Length of one block.
    pub fn block_len(self) -> usize {
        self.n_units * self.n_columns
    }

    /// Length of the state.
    pub fn len(self) -> usize {
        self.block_len()
            * (usize::from(self.model.has_tau_s()) + usize::from(self.model.has_tau_r()))
    }

    /// True for a network without units or trials.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where the currents lie; empty where the model has none.
    pub fn currents(self) -> Range<usize> {
        0..if self.model.has_tau_s() {
            self.block_len()
        } else {
            0
        }
    }

    /// Where the rates lie; empty where the model has none.
    pub fn rates(self) -> Range<usize> {
        self.currents().end..self.len()
    }
}

/// A rate network with given parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct RateNetwork {
    model: ModelKind,
    activation: Activation,
    parameters: Parameters,
    /// W transposed: a product with it is then an ordinary, fast one.
    w_transposed: DMatrix<f64>,
    /// 1 / tau by unit; empty where the model lacks that constant.
    decay_s: DVector<f64>,
    decay_r: DVector<f64>,
}

impl RateNetwork {
    /// The network.
    ///
    /// # Errors
    /// [`ModelError`] where shapes do not fit the model or a value is not finite.
    pub fn new(
        model: ModelKind,
        activation: Activation,
        parameters: Parameters,
    ) -> Result<RateNetwork, ModelError> {
        parameters.check(model)?;
        let decay = |log_tau: &DVector<f64>| log_tau.map(|v| (-v).exp());
        Ok(RateNetwork {
            model,
            activation,
            w_transposed: parameters.w.transpose(),
            decay_s: decay(&parameters.log_tau_s),
            decay_r: decay(&parameters.log_tau_r),
            parameters,
        })
    }

    /// The model.
    pub fn model(&self) -> ModelKind {
        self.model
    }

    /// The activation.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Number of units.
    pub fn n_units(&self) -> usize {
        self.parameters.n_units()
    }

    /// Number of inputs.
    pub fn n_inputs(&self) -> usize {
        self.parameters.n_inputs()
    }

    /// `1 / tau_s` by unit; empty in the `rate` model.
    pub fn decay_s(&self) -> &[f64] {
        self.decay_s.as_slice()
    }

    /// `1 / tau_r` by unit; empty in the `current` model.
    pub fn decay_r(&self) -> &[f64] {
        self.decay_r.as_slice()
    }

    /// W transposed, (source unit, unit).
    pub fn w_transposed(&self) -> &DMatrix<f64> {
        &self.w_transposed
    }

    /// The shape of the state of `n_columns` trials.
    pub fn shape(&self, n_columns: usize) -> StateShape {
        StateShape {
            model: self.model,
            n_units: self.n_units(),
            n_columns,
        }
    }

    /// The drive `U x + b` of a batch, (unit, trial), for inputs `x` (input, trial).
    pub fn drive(&self, x: DMatrixView<'_, f64>, out: &mut [f64]) {
        let n = self.n_units();
        for column in out.chunks_exact_mut(n) {
            column.copy_from_slice(self.parameters.b.as_slice());
        }
        if x.nrows() > 0 {
            let mut out = DMatrixViewMut::from_slice(out, n, x.ncols());
            out.gemm(1.0, &self.parameters.u, &x, 1.0);
        }
    }

    /// Time derivative of the state.
    ///
    /// `y`, `dy`: state of the batch ([`StateShape`]); `drive`: `U x + b`, (unit, trial).
    pub fn rhs(&self, y: &[f64], drive: &[f64], dy: &mut [f64]) {
        let split = self.shape(drive.len() / self.n_units()).currents().end;
        match self.model {
            ModelKind::TwoConstant => {
                let (currents, rates) = y.split_at(split);
                let (d_currents, d_rates) = dy.split_at_mut(split);
                d_currents.copy_from_slice(drive);
                self.add_w(rates, d_currents);
                relax(d_currents, currents, self.decay_s());
                self.activation.values(currents, d_rates);
                relax(d_rates, rates, self.decay_r());
            }
            ModelKind::Rate => {
                let mut argument = drive.to_vec();
                self.add_w(y, &mut argument);
                self.activation.values(&argument, dy);
                relax(dy, y, self.decay_r());
            }
            ModelKind::Current => {
                let mut rates = vec![0.0; y.len()];
                self.activation.values(y, &mut rates);
                dy.copy_from_slice(drive);
                self.add_w(&rates, dy);
                relax(dy, y, self.decay_s());
            }
        }
    }

    /// The rates of a state, (unit, trial): a part of it, or `f(I)` in the `current` model.
    pub fn rates(&self, y: &[f64], out: &mut [f64]) {
        match self.model {
            ModelKind::Current => self.activation.values(y, out),
            _ => out.copy_from_slice(&y[self.shape(out.len() / self.n_units()).rates()]),
        }
    }

    /// Pulls a cotangent of the rates, (unit, trial), back to one of the state and adds it to `out`.
    pub fn rates_vjp(&self, y: &[f64], cotangent: &[f64], out: &mut [f64]) {
        if self.model == ModelKind::Current {
            for ((o, &c), &current) in out.iter_mut().zip(cotangent).zip(y) {
                *o += c * self.activation.slope(current);
            }
        } else {
            let rates = self.shape(cotangent.len() / self.n_units()).rates();
            for (o, &c) in out[rates].iter_mut().zip(cotangent) {
                *o += c;
            }
        }
    }

    /// `out += W v` for (unit, column) blocks.
    pub(crate) fn add_w(&self, v: &[f64], out: &mut [f64]) {
        add_product(&self.parameters.w, v, out);
    }

    /// `out += W^T v` for (unit, column) blocks.
    pub(crate) fn add_w_transposed(&self, v: &[f64], out: &mut [f64]) {
        add_product(&self.w_transposed, v, out);
    }
}

fn add_product(matrix: &DMatrix<f64>, v: &[f64], out: &mut [f64]) {
    let n = matrix.nrows();
    let columns = v.len() / n;
    let v = DMatrixView::from_slice(v, n, columns);
    DMatrixViewMut::from_slice(out, n, columns).gemm(1.0, matrix, &v, 1.0);
}

/// `target = (target - value) * decay`, by unit: a first-order filter towards `target`.
fn relax(target: &mut [f64], value: &[f64], decay: &[f64]) {
    let n = decay.len();
    for (target, value) in target.chunks_exact_mut(n).zip(value.chunks_exact(n)) {
        for ((t, v), d) in target.iter_mut().zip(value).zip(decay) {
            *t = (*t - v) * d;
        }
    }
}
