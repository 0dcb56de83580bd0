use super::drive::Drives;
use super::forcing::Forcing;
use super::grid::Step;
use super::scheme::{GradientSum, NewtonFailure, Scheme};
use nalgebra::{DMatrixView, DMatrixViewMut};
use tauscope_dynamics::{Linearization, ModelKind, RateNetwork};

/// How far a filter goes towards its target in one step of length h, with `q = h / tau`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gain {
    /// `q`; the inputs of the end of the step, and f of the new I: Quax et al. 2020,
    /// doi:10.1038/s41598-020-68169-x.
    Sequential,
    /// `1 - exp(-q)`: the exact solution for targets held at their value at the start of the step; Hochbruck
    /// & Ostermann 2010, doi:10.1017/S0962492910000048, the exponential Euler method.
    Exponential,
    /// 1: the target itself, with inputs and currents as `Sequential` takes them. The Elman network, without time constants.
    Whole,
}

impl Gain {
    /// Whether a step takes the inputs of its end and, for r, the new currents.
    fn is_sequential(self) -> bool {
        matches!(self, Gain::Sequential | Gain::Whole)
    }
}

/// Steps that move every filter towards its target: `y1 = (1 - gain) y0 + gain target`, where the
/// target of I is `W r + U x + b` and that of r is `f(I)`.
///
/// With `reach = gain tau` this is `y1 = y0 + reach rhs`, an Euler step of its own length for every
/// unit, so the products of the network serve: the transpose of a step is `lambda + J^T (reach lambda)`.
/// Only log tau differs: `d gain / d log tau = -ratio gain`, where Euler has a ratio of 1 and the Elman network of 0.
pub(super) struct Relaxation<'a> {
    network: &'a RateNetwork,
    gain: Gain,
    n_trials: usize,
    synaptic: Filters,
    membrane: Filters,
    /// State-shaped: what each filter moves towards.
    target: Vec<f64>,
    /// State-shaped: where the Jacobian is taken, `[new I | old r]` when sequential.
    place_y: Vec<f64>,
    at: Linearization,
    presynaptic: Vec<f64>,
    dy: Vec<f64>,
    weighted: Vec<f64>,
    product: Vec<f64>,
    evaluations: u64,
}

/// Coefficients of a step for one kind of filter, by unit; empty where the model lacks it.
#[derive(Debug, Default)]
struct Filters {
    keep: Vec<f64>,
    gain: Vec<f64>,
    reach: Vec<f64>,
    ratio: Vec<f64>,
}

impl Filters {
    fn set(&mut self, kind: Gain, h: f64, decay: &[f64]) {
        for list in [
            &mut self.keep,
            &mut self.gain,
            &mut self.reach,
            &mut self.ratio,
        ] {
            list.clear();
        }
        for &decay in decay {
            let q = h * decay;
            let (gain, keep) = match kind {
                Gain::Sequential => (q, 1.0 - q),
                Gain::Exponential => (-(-q).exp_m1(), (-q).exp()),
                Gain::Whole => (1.0, 0.0),
            };
            // q / (exp q - 1), whose limit at 0 is 1
            let ratio = match kind {
                Gain::Exponential if q > 0.0 => q / q.exp_m1(),
                Gain::Sequential | Gain::Exponential => 1.0,
                Gain::Whole => 0.0,
            };
            self.keep.push(keep);
            self.gain.push(gain);
            self.reach.push(gain / decay);
            self.ratio.push(ratio);
        }
    }

    fn move_towards(&self, target: &[f64], y0: &[f64], y1: &mut [f64]) {
        if self.gain.is_empty() {
            return;
        }
        let n = self.gain.len();
        let columns = y1
            .chunks_exact_mut(n)
            .zip(y0.chunks_exact(n))
            .zip(target.chunks_exact(n));
        for ((y1, y0), target) in columns {
            for i in 0..n {
                y1[i] = self.keep[i] * y0[i] + self.gain[i] * target[i];
            }
        }
    }

    /// `out = ratio (target - y) / tau`: stands for the derivative of the state wherever that is
    /// multiplied by a change of log tau.
    fn slopes(&self, decay: &[f64], target: &[f64], y: &[f64], out: &mut [f64]) {
        let n = decay.len().max(1);
        let columns = out
            .chunks_exact_mut(n)
            .zip(y.chunks_exact(n))
            .zip(target.chunks_exact(n));
        for ((out, y), target) in columns {
            for i in 0..n {
                out[i] = self.ratio[i] * decay[i] * (target[i] - y[i]);
            }
        }
    }

    /// `out = reach v`
    fn reach_of(&self, v: &[f64], out: &mut [f64]) {
        let n = self.reach.len().max(1);
        for (out, v) in out.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
            for ((o, v), reach) in out.iter_mut().zip(v).zip(&self.reach) {
                *o = reach * v;
            }
        }
    }
}

impl<'a> Relaxation<'a> {
    pub(super) fn new(network: &'a RateNetwork, n_trials: usize, gain: Gain) -> Self {
        let shape = network.shape(n_trials);
        let state = vec![0.0; shape.len()];
        Relaxation {
            network,
            gain,
            n_trials,
            synaptic: Filters::default(),
            membrane: Filters::default(),
            target: state.clone(),
            place_y: state.clone(),
            at: Linearization::default(),
            presynaptic: vec![0.0; shape.block_len()],
            dy: state,
            weighted: Vec::new(),
            product: Vec::new(),
            evaluations: 0,
        }
    }

    /// Where in its step the method takes the input.
    fn input_fraction(&self) -> f64 {
        if self.gain.is_sequential() { 1.0 } else { 0.0 }
    }

    /// Whether the new currents act within the step.
    fn is_staggered(&self) -> bool {
        self.gain.is_sequential() && self.network.model() == ModelKind::TwoConstant
    }

    fn set_filters(&mut self, h: f64) {
        self.synaptic.set(self.gain, h, self.network.decay_s());
        self.membrane.set(self.gain, h, self.network.decay_r());
    }

    /// Writes the targets, `place_y` and `y1`.
    fn relax(&mut self, drive: &[f64], y0: &[f64], y1: &mut [f64]) {
        self.evaluations += self.n_trials as u64;
        let network = self.network;
        let split = network.shape(self.n_trials).currents().end;
        self.place_y.copy_from_slice(y0);
        let activation = network.activation();
        match network.model() {
            ModelKind::TwoConstant => {
                let (target_i, target_r) = self.target.split_at_mut(split);
                target_i.copy_from_slice(drive);
                add_w(network, &y0[split..], target_i);
                self.synaptic
                    .move_towards(target_i, &y0[..split], &mut y1[..split]);
                if self.gain.is_sequential() {
                    self.place_y[..split].copy_from_slice(&y1[..split]);
                }
                activation.values(&self.place_y[..split], target_r);
                self.membrane
                    .move_towards(target_r, &y0[split..], &mut y1[split..]);
            }
            ModelKind::Rate => {
                self.dy.copy_from_slice(drive);
                add_w(network, y0, &mut self.dy);
                activation.values(&self.dy, &mut self.target);
                self.membrane.move_towards(&self.target, y0, y1);
            }
            ModelKind::Current => {
                activation.values(y0, &mut self.dy);
                self.target.copy_from_slice(drive);
                add_w(network, &self.dy, &mut self.target);
                self.synaptic.move_towards(&self.target, y0, y1);
            }
        }
    }

    /// Writes `dy`, after [`relax`](Self::relax).
    fn fill_slopes(&mut self, y0: &[f64]) {
        let network = self.network;
        let split = network.shape(self.n_trials).currents().end;
        let (dy_i, dy_r) = self.dy.split_at_mut(split);
        let (target_i, target_r) = self.target.split_at(split);
        self.synaptic
            .slopes(network.decay_s(), target_i, &y0[..split], dy_i);
        self.membrane
            .slopes(network.decay_r(), target_r, &y0[split..], dy_r);
    }

    /// `weighted = reach v`, for a state or a tangent whose block of currents ends at `split`.
    fn weigh(&mut self, v: &[f64], split: usize) {
        self.weighted.resize(v.len(), 0.0);
        let (w_i, w_r) = self.weighted.split_at_mut(split);
        self.synaptic.reach_of(&v[..split], w_i);
        self.membrane.reach_of(&v[split..], w_r);
    }
}

impl Scheme for Relaxation<'_> {
    fn advance(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
    ) -> Result<(), NewtonFailure> {
        self.set_filters(step.h);
        let fraction = self.input_fraction();
        self.relax(drives.drive(step, fraction), y0, y1);
        Ok(())
    }

    fn advance_tangent(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
        forcing: &mut Forcing<'_>,
        tangent: &mut [f64],
    ) -> Result<(), NewtonFailure> {
        let network = self.network;
        self.advance(step, drives, y0, y1)?;
        self.fill_slopes(y0);
        let place = drives.place(step, self.input_fraction());
        network.linearize(&self.place_y, place.drive, &mut self.at);
        let mut product = std::mem::take(&mut self.product);
        product.resize(tangent.len(), 0.0);
        network.jac_mul(&mut self.at, tangent, &mut product);
        forcing.add(&self.at, &place, &self.dy, &mut product);
        let split = forcing.shape().currents().end;
        self.weigh(&product, split);
        self.product = product;
        if self.is_staggered() {
            // What r sees is the tangent of the new currents.
            let (change, weighted_r) = self.weighted.split_at_mut(split);
            add_through_slope(network, &self.at, &self.membrane, change, weighted_r);
        }
        tangent
            .iter_mut()
            .zip(&self.weighted)
            .for_each(|(t, w)| *t += w);
        Ok(())
    }

    fn pull_back(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        _y1: &[f64],
        adjoint: &mut [f64],
        sum: &mut GradientSum<'_>,
    ) -> Result<(), NewtonFailure> {
        let network = self.network;
        let split = network.shape(self.n_trials).currents().end;
        let mut product = std::mem::take(&mut self.product);
        product.resize(adjoint.len(), 0.0);
        self.advance(step, drives, y0, &mut product)?;
        self.fill_slopes(y0);
        let place = drives.place(step, self.input_fraction());
        network.linearize(&self.place_y, place.drive, &mut self.at);
        self.weigh(adjoint, split);
        if self.is_staggered() {
            // The new currents act on r within the step: their cotangent gains what comes back from r.
            product.fill(0.0);
            let (back, _) = product.split_at_mut(split);
            add_through_slope(network, &self.at, &self.membrane, &adjoint[split..], back);
            let (weighted_i, _) = self.weighted.split_at_mut(split);
            add_scaled_by_unit(&self.synaptic.reach, back, weighted_i);
        }
        sum.add(&self.at, &place, &self.dy, &self.weighted);
        network.vjp(
            &self.at,
            &self.weighted,
            &mut self.presynaptic,
            &mut product,
        );
        adjoint.iter_mut().zip(&product).for_each(|(a, p)| *a += p);
        self.product = product;
        self.evaluations += self.n_trials as u64;
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}

/// `out += gain_r f' v`, with `f'` repeated for every direction of `v`.
fn add_through_slope(
    network: &RateNetwork,
    at: &Linearization,
    membrane: &Filters,
    v: &[f64],
    out: &mut [f64],
) {
    let (n, block) = (network.n_units(), at.slope().len());
    for (out, v) in out.chunks_mut(block).zip(v.chunks(block)) {
        let columns = out
            .chunks_exact_mut(n)
            .zip(v.chunks_exact(n))
            .zip(at.slope().chunks_exact(n));
        for ((out, v), slope) in columns {
            for i in 0..n {
                out[i] += membrane.gain[i] * slope[i] * v[i];
            }
        }
    }
}

fn add_scaled_by_unit(factor: &[f64], v: &[f64], out: &mut [f64]) {
    let n = factor.len();
    for (out, v) in out.chunks_exact_mut(n).zip(v.chunks_exact(n)) {
        for ((o, v), f) in out.iter_mut().zip(v).zip(factor) {
            *o += f * v;
        }
    }
}

/// `out += W v` for (unit, trial) blocks.
fn add_w(network: &RateNetwork, v: &[f64], out: &mut [f64]) {
    let n = network.n_units();
    let v = DMatrixView::from_slice(v, n, v.len() / n);
    let mut out = DMatrixViewMut::from_slice(out, n, v.ncols());
    out.gemm(1.0, &network.parameters().w, &v, 1.0);
}
