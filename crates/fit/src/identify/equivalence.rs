//! Changes of units by steps, not along a direction, that no prediction notices.

use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use crate::readout::ReadoutKind;
use nalgebra::{DMatrix, DVector};
use tauscope_dynamics::{Activation, Parameters};

/// A point with network, readout and initial state apart.
#[derive(Debug, Clone)]
pub(super) struct Whole<'a> {
    layout: &'a ModelLayout,
    pub(super) network: Parameters,
    /// C (output, unit) or c (output, 1), relative to each output's scale as in theta.
    gain: DMatrix<f64>,
    offset: Vec<f64>,
    initial: Vec<f64>,
}

/// Whether no output is the rate of the unit alone, so that another one can do its work.
pub(super) fn is_hidden(layout: &ModelLayout, unit: usize) -> bool {
    layout.readout.kind() == ReadoutKind::Linear || unit >= layout.readout.n_outputs()
}

/// Whether the readout can undo a change of sign or scale of a unit: that of a hidden unit, and `z = c r + d` of one that is an output.
pub(super) fn has_free_sign(layout: &ModelLayout, unit: usize) -> bool {
    is_hidden(layout, unit) || layout.readout.kind() == ReadoutKind::Scaled
}

impl<'a> Whole<'a> {
    pub(super) fn of(layout: &'a ModelLayout, theta: &[f64]) -> Whole<'a> {
        let readout = &theta[layout.readout_range()];
        let (gains, offset) = readout.split_at(layout.readout.gains().end);
        let n_outputs = layout.readout.n_outputs();
        Whole {
            layout,
            network: layout.network.expand(&theta[layout.network_range()]),
            gain: DMatrix::from_column_slice(n_outputs, gains.len() / n_outputs, gains),
            offset: offset.to_vec(),
            initial: theta[layout.initial_range()].to_vec(),
        }
    }

    /// The point; none where masks, signs or shared time constants do not allow it.
    pub(super) fn theta(&self) -> Option<Vec<f64>> {
        let network = self.layout.network.gather(&self.network);
        let back = self.layout.network.expand(&network);
        let wanted = self.network.blocks();
        let fits = back.blocks().iter().zip(&wanted).all(|(back, wanted)| {
            back.iter()
                .zip(wanted.iter())
                .all(|(b, w)| (b - w).abs() <= 1e-12 * w.abs())
        });
        let theta = [
            network.as_slice(),
            self.gain.as_slice(),
            &self.offset,
            &self.initial,
        ]
        .concat();
        let (lower, upper) = self.layout.bounds();
        let ends = lower.iter().zip(&upper);
        let is_within = theta
            .iter()
            .zip(ends)
            .all(|(v, (low, high))| low <= v && v <= high);
        (fits && is_within).then_some(theta)
    }

    pub(super) fn n(&self) -> usize {
        self.layout.n_units
    }

    fn is_linear(&self) -> bool {
        self.layout.readout.kind() == ReadoutKind::Linear
    }

    /// The gains by which outputs read the rate of a unit as it is: a column of C, or c of a unit that is a scaled output.
    fn gains(&self, n: usize) -> Vec<(usize, usize)> {
        match self.layout.readout.kind() {
            ReadoutKind::Linear => (0..self.gain.nrows()).map(|o| (o, n)).collect(),
            ReadoutKind::Scaled if n < self.gain.nrows() => vec![(n, 0)],
            ReadoutKind::Scaled | ReadoutKind::Direct => Vec::new(),
        }
    }

    /// What the outputs take from the rate of a unit, or where they do not read it, what the units that are outputs take.
    pub(super) fn outgoing(&self, n: usize) -> DVector<f64> {
        let gains = self.gains(n);
        if !gains.is_empty() {
            return DVector::from_iterator(gains.len(), gains.iter().map(|&at| self.gain[at]));
        }
        let n_outputs = self.layout.readout.n_outputs();
        self.network.w.column(n).rows(0, n_outputs).into_owned()
    }

    /// The weight that decides about the sign of a unit: the largest to what is observed, else from an input.
    pub(super) fn leading(&self, n: usize) -> f64 {
        let incoming = self.network.u.row(n).transpose();
        let largest = |v: DVector<f64>| {
            v.iter()
                .copied()
                .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a })
        };
        match largest(self.outgoing(n)) {
            0.0 => largest(incoming),
            value => value,
        }
    }

    /// Unit k becomes what unit `order[k]` is.
    pub(super) fn permuted(&self, order: &[usize]) -> Option<Whole<'a>> {
        if matches!(self.layout.initial_state, InitialStateKind::Given { .. }) {
            return None;
        }
        let n = self.n();
        let pick = |v: &DVector<f64>| DVector::from_fn(v.len(), |k, _| v[order[k]]);
        let old = &self.network;
        let mut new = self.clone();
        new.network.w = DMatrix::from_fn(n, n, |i, j| old.w[(order[i], order[j])]);
        new.network.u = DMatrix::from_fn(n, old.u.ncols(), |i, c| old.u[(order[i], c)]);
        new.network.b = pick(&old.b);
        new.network.log_tau_s = pick(&old.log_tau_s);
        new.network.log_tau_r = pick(&old.log_tau_r);
        if self.is_linear() {
            new.gain = DMatrix::from_fn(self.gain.nrows(), n, |o, k| self.gain[(o, order[k])]);
        }
        for (at, value) in new.initial.iter_mut().enumerate() {
            *value = self.initial[at - at % n + order[at % n]];
        }
        Some(new)
    }

    /// Rate and current of a unit times `factor`, which what reads it undoes: for f with f(factor I) = factor f(I).
    pub(super) fn scaled(&self, unit: usize, factor: f64) -> Option<Whole<'a>> {
        if matches!(self.layout.initial_state, InitialStateKind::Given { .. }) {
            return None;
        }
        let n = self.n();
        let mut new = self.clone();
        let w = &mut new.network.w;
        for k in (0..n).filter(|&k| k != unit) {
            w[(unit, k)] *= factor;
            w[(k, unit)] /= factor;
        }
        new.network.u.row_mut(unit).scale_mut(factor);
        new.network.b[unit] *= factor;
        for at in self.gains(unit) {
            new.gain[at] /= factor;
        }
        new.initial
            .iter_mut()
            .skip(unit)
            .step_by(n)
            .for_each(|v| *v *= factor);
        Some(new)
    }

    /// A unit turned round: `f(-I) = -f(I)` of tanh and identity, `f(-I) = 1 - f(I)` of sigmoid.
    pub(super) fn turned(&self, unit: usize) -> Option<Whole<'a>> {
        match self.layout.activation {
            Activation::Tanh | Activation::Identity => self.scaled(unit, -1.0),
            Activation::Sigmoid => self.reflected(unit),
            Activation::Relu | Activation::Softplus => None,
        }
    }

    /// `r' = 1 - r`, `I' = -I`: who read w r now reads w - w r', so that w goes to its bias.
    fn reflected(&self, unit: usize) -> Option<Whole<'a>> {
        let learned = match self.layout.initial_state {
            InitialStateKind::Given { .. } | InitialStateKind::Zero => return None,
            InitialStateKind::Steady => false,
            InitialStateKind::Learned | InitialStateKind::LearnedFree => true,
        };
        let n = self.n();
        let mut new = self.scaled(unit, -1.0)?;
        if !self.layout.with_bias {
            return None;
        }
        for k in (0..n).filter(|&k| k != unit) {
            new.network.b[k] += self.network.w[(k, unit)];
        }
        // its own weight stays, and what it gave at r = 1 leaves its bias
        new.network.b[unit] -= self.network.w[(unit, unit)];
        // z = c r + d = -c r' + (d + c)
        for at in self.gains(unit) {
            new.offset[at.0] += self.gain[at];
        }
        let has_current = self.layout.model.has_tau_s();
        if learned {
            let rates = if has_current { n } else { 0 };
            if let Some(rate) = new.initial.get_mut(rates + unit) {
                *rate += 1.0;
            }
        }
        Some(new)
    }

    /// Units in the order of their time constants, the slowest first.
    pub(super) fn key(&self, unit: usize) -> Vec<f64> {
        let p = &self.network;
        let tau = |v: &DVector<f64>| v.get(unit).copied().unwrap_or(0.0);
        let (s, r) = (tau(&p.log_tau_s), tau(&p.log_tau_r));
        vec![s + r, s, self.leading(unit).abs(), p.u.row(unit).norm()]
    }
}

/// What else predicts the same as `theta`, in words.
pub(super) fn equivalences(layout: &ModelLayout, theta: &[f64], labels: &[String]) -> Vec<String> {
    let whole = Whole::of(layout, theta);
    let hidden: Vec<usize> = (0..layout.n_units)
        .filter(|&unit| is_hidden(layout, unit))
        .collect();
    let named = |units: &[usize]| {
        let names: Vec<&str> = units.iter().map(|&u| labels[u].as_str()).collect();
        names.join(", ")
    };
    let with_free_sign: Vec<usize> = (0..layout.n_units)
        .filter(|&unit| has_free_sign(layout, unit))
        .collect();
    let that = |units: &[usize], allowed: &dyn Fn(usize) -> Option<Vec<f64>>| -> Vec<usize> {
        let all = units.iter().copied();
        all.filter(|&unit| allowed(unit).is_some()).collect()
    };
    let exchangeable = that(&hidden, &|unit| {
        let mut others = hidden.iter().filter(|&&other| other != unit);
        others.find_map(|&other| {
            let mut order: Vec<usize> = (0..layout.n_units).collect();
            order.swap(unit, other);
            whole.permuted(&order)?.theta()
        })
    });
    let turnable = that(&with_free_sign, &|unit| whole.turned(unit)?.theta());
    let is_homogeneous = matches!(layout.activation, Activation::Relu | Activation::Identity);
    let scalable = that(&with_free_sign, &|unit| {
        is_homogeneous.then(|| whole.scaled(unit, 2.0)?.theta())?
    });
    let silent: Vec<usize> = (0..layout.n_units)
        .filter(|&u| !is_hidden(layout, u) && whole.network.w.column(u).iter().all(|w| *w == 0.0))
        .collect();
    let turn = if layout.activation == Activation::Sigmoid {
        "can be reflected: f(-I) = 1 - f(I), and biases take up the rest"
    } else {
        "can change sign: f(-I) = -f(I), and what drives it and what it drives undo it"
    };
    let filter = if layout.activation == Activation::Identity {
        "drive nobody: an exponential filter of what is observed (calcium, smoothing) can be exchanged with tau_s or tau_r"
    } else {
        "drive nobody: an exponential filter of what is observed (calcium, smoothing) can be exchanged with tau_r"
    };
    let all = [
        (
            exchangeable,
            "are hidden: their order means nothing; compare fits by `canonical`",
        ),
        (turnable, turn),
        (scalable, "have a scale that what they drive undoes"),
        (silent, filter),
    ];
    all.iter()
        .filter(|(units, _)| !units.is_empty())
        .map(|(units, what)| format!("units {}: {what}", named(units)))
        .collect()
}
