//! Directions along which, by the equations, no prediction changes: each a reason that the Fisher spectrum can be asked for.

use super::straight::Line;
use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use crate::readout::ReadoutKind;
use nalgebra::{DMatrix, DVector};
use tauscope_dynamics::{Activation, Block, ModelKind, Parameters};

/// A direction of theta with its reason.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) direction: Vec<f64>,
    /// Whether it only moves equal time constants apart.
    pub(super) is_exchange: bool,
}

/// A change of network, readout and initial state.
struct Change {
    network: Parameters,
    /// Of C (output, unit), or c in its first column, relative to each output's scale as theta is.
    gain: DMatrix<f64>,
    offset: Vec<f64>,
    initial: Vec<f64>,
}

/// What the candidates are made from.
struct Maker<'a> {
    layout: &'a ModelLayout,
    at: Parameters,
    gain: DMatrix<f64>,
    initial: &'a [f64],
    /// By unit, what f is where the unit stays.
    lines: &'a [Line],
    labels: &'a [String],
}

/// All that this kind of model may have at `theta`, those that touch time constants first.
pub(super) fn candidates(
    layout: &ModelLayout,
    theta: &[f64],
    lines: &[Line],
    labels: &[String],
) -> Vec<Candidate> {
    let maker = Maker::new(layout, theta, lines, labels);
    let n = layout.n_units;
    let mut all: Vec<Option<Candidate>> = Vec::new();
    all.extend(maker.groups().iter().map(|group| maker.exchange(group)));
    // relu is a line to each side of its bend
    if matches!(layout.activation, Activation::Identity | Activation::Relu) {
        let groups = maker.groups();
        all.extend(groups.iter().map(|group| maker.self_connection(group)));
    }
    if layout.activation == Activation::Identity {
        all.extend((0..n).map(|unit| maker.offset(unit)));
        all.extend(
            (0..n * n)
                .filter(|at| at / n != at % n)
                .map(|at| maker.mixing(at / n, at % n)),
        );
    }
    if matches!(layout.activation, Activation::Identity | Activation::Relu) {
        all.extend((0..n).map(|unit| maker.scale(unit)));
    }
    all.into_iter().flatten().collect()
}

/// For the units that share each time constant, the direction along which nothing would change were f the line that it is where
/// they stay.
pub(super) fn as_if_linear(
    layout: &ModelLayout,
    theta: &[f64],
    lines: &[Line],
) -> Vec<(Vec<usize>, Candidate)> {
    let labels = vec![String::new(); layout.n_units];
    let maker = Maker::new(layout, theta, lines, &labels);
    let groups = maker.groups().into_iter();
    groups
        .filter_map(|group| {
            let candidate = maker.self_connection(&group)?;
            Some((group, candidate))
        })
        .collect()
}

impl<'a> Maker<'a> {
    fn new(
        layout: &'a ModelLayout,
        theta: &'a [f64],
        lines: &'a [Line],
        labels: &'a [String],
    ) -> Maker<'a> {
        let readout = &theta[layout.readout_range()];
        let gains = &readout[layout.readout.gains()];
        let n_outputs = layout.readout.n_outputs();
        Maker {
            layout,
            at: layout.network.expand(&theta[layout.network_range()]),
            gain: DMatrix::from_column_slice(n_outputs, gains.len() / n_outputs, gains),
            initial: &theta[layout.initial_range()],
            lines,
            labels,
        }
    }
}

impl Maker<'_> {
    fn n(&self) -> usize {
        self.layout.n_units
    }

    fn no_change(&self) -> Change {
        Change {
            network: self.at.zeros_like(),
            gain: DMatrix::zeros(self.gain.nrows(), self.gain.ncols()),
            offset: vec![0.0; self.layout.readout.n_parameters() - self.gain.len()],
            initial: vec![0.0; self.initial.len()],
        }
    }

    /// The units that share each time constant.
    fn groups(&self) -> Vec<Vec<usize>> {
        let layout = &self.layout.network;
        let taus = layout
            .blocks()
            .iter()
            .find(|(block, _)| matches!(block, Block::LogTauS | Block::LogTauR));
        let Some((_, range)) = taus else {
            return Vec::new();
        };
        let unit = |at: &tauscope_dynamics::Coordinate| match *at {
            tauscope_dynamics::Coordinate::LogTauS { unit }
            | tauscope_dynamics::Coordinate::LogTauR { unit } => unit,
            _ => 0,
        };
        range
            .clone()
            .map(|p| layout.coordinates(p).iter().map(unit).collect())
            .collect()
    }

    /// The direction, unless masks, tied constants or a state that is not fitted forbid it.
    fn candidate(&self, name: String, change: &Change, is_exchange: bool) -> Option<Candidate> {
        let network = self.layout.network.gather(&change.network);
        let back = self.layout.network.expand(&network);
        let wanted = change.network.blocks();
        let size = wanted
            .iter()
            .flat_map(|b| b.iter())
            .fold(0.0, |a: f64, b| a.max(b.abs()));
        let fits = back.blocks().iter().zip(&wanted).all(|(back, wanted)| {
            back.iter()
                .zip(wanted.iter())
                .all(|(b, w)| (b - w).abs() <= 1e-12 * size)
        });
        let direction: Vec<f64> = [
            network.as_slice(),
            change.gain.as_slice(),
            &change.offset,
            &change.initial,
        ]
        .concat();
        let moves = direction.iter().any(|v| *v != 0.0) && direction.iter().all(|v| v.is_finite());
        (fits && moves).then_some(Candidate {
            name,
            direction,
            is_exchange,
        })
    }

    fn named(&self, units: &[usize]) -> String {
        match units {
            [unit] => self.labels[*unit].clone(),
            _ if units.len() == self.n() => "all units".to_owned(),
            _ => units
                .iter()
                .map(|&u| self.labels[u].as_str())
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// tau_s against tau_r where both are equal (appendix S2 of Quax et al. 2020).
    fn exchange(&self, group: &[usize]) -> Option<Candidate> {
        if self.layout.model != ModelKind::TwoConstant || !self.layout.network.has(Block::LogTauS) {
            return None;
        }
        let mut change = self.no_change();
        for &unit in group {
            change.network.log_tau_s[unit] = 1.0;
            change.network.log_tau_r[unit] = -1.0;
        }
        let name = format!(
            "tau_s against tau_r of {}: they are equal, so that their exchange changes nothing",
            self.named(group)
        );
        self.candidate(name, &change, true)
    }

    /// A unit with `f(I) = g (I + l)` obeys `(tau_s tau_r) r'' + (tau_s + tau_r) r' + (1 - g w_nn) r = g (.. + b + l)`, and the whole
    /// equation may be scaled: with x = d log tau_s, y = d log tau_r, `x + y = 1` and `tau_s x + tau_r y = tau_s + tau_r`.
    fn self_connection(&self, group: &[usize]) -> Option<Candidate> {
        let mut change = self.no_change();
        for &n in group {
            let line = self.lines.get(n).filter(|line| line.slope > 0.0)?;
            match self.layout.model {
                ModelKind::TwoConstant => {
                    let (s, r) = (
                        self.at.log_tau_s.get(n)?.exp(),
                        self.at.log_tau_r.get(n)?.exp(),
                    );
                    change.network.log_tau_s[n] = s / (s - r);
                    change.network.log_tau_r[n] = -r / (s - r);
                    if self.layout.initial_state == InitialStateKind::LearnedFree {
                        // r'(0) = (f(I0) - r0) / tau_r stays
                        let rises = line.value(self.initial[n]) - self.initial[self.n() + n];
                        change.initial[n] = change.network.log_tau_r[n] * rises / line.slope;
                    }
                }
                ModelKind::Rate => change.network.log_tau_r[n] = 1.0,
                ModelKind::Current => change.network.log_tau_s[n] = 1.0,
            }
            for k in 0..self.n() {
                change.network.w[(n, k)] = self.at.w[(n, k)];
            }
            change.network.w[(n, n)] -= 1.0 / line.slope;
            change.network.u.set_row(n, &self.at.u.row(n));
            change.network.b[n] = self.at.b[n] + line.level;
        }
        let name = format!(
            "the time constants of {} against its self-connection: a linear unit's equation may be scaled as a whole, with all that drives it",
            self.named(group)
        );
        self.candidate(name, &change, false)
    }

    /// Whether outputs can undo a change of the rate of `unit`.
    fn is_free(&self, unit: usize) -> bool {
        match self.layout.readout.kind() {
            ReadoutKind::Direct => unit >= self.layout.readout.n_outputs(),
            ReadoutKind::Scaled | ReadoutKind::Linear => true,
        }
    }

    fn gain_column(&self, unit: usize) -> Option<usize> {
        match self.layout.readout.kind() {
            ReadoutKind::Linear => Some(unit),
            _ => None,
        }
    }

    /// `r_n -> c r_n`, undone by what reads it; for f with f(c I) = c f(I).
    fn scale(&self, n: usize) -> Option<Candidate> {
        if !self.is_free(n) {
            return None;
        }
        let mut change = self.no_change();
        for k in (0..self.n()).filter(|&k| k != n) {
            change.network.w[(n, k)] = self.at.w[(n, k)];
            change.network.w[(k, n)] = -self.at.w[(k, n)];
        }
        change.network.u.set_row(n, &self.at.u.row(n));
        change.network.b[n] = self.at.b[n];
        for block in 0..self.initial.len() / self.n() {
            let at = block * self.n() + n;
            change.initial[at] = self.initial[at];
        }
        match (self.layout.readout.kind(), self.gain_column(n)) {
            (_, Some(column)) => change.gain.set_column(column, &-self.gain.column(column)),
            (ReadoutKind::Scaled, _) if n < self.gain.nrows() => {
                change.gain[(n, 0)] = -self.gain[(n, 0)]
            }
            _ => {}
        }
        let name = format!(
            "the scale of {}: what reads its rate undoes it",
            self.labels[n]
        );
        self.candidate(name, &change, false)
    }

    /// `r_n -> r_n + a` of a linear unit with a bias, undone by the biases of others and the offset of the readout.
    fn offset(&self, n: usize) -> Option<Candidate> {
        if !self.is_free(n) {
            return None;
        }
        let mut change = self.no_change();
        for k in 0..self.n() {
            change.network.b[k] = -self.at.w[(k, n)];
        }
        change.network.b[n] += 1.0;
        match self.layout.initial_state {
            InitialStateKind::Learned | InitialStateKind::LearnedFree => {
                for block in 0..self.initial.len() / self.n() {
                    change.initial[block * self.n() + n] = 1.0;
                }
            }
            InitialStateKind::Steady => {}
            InitialStateKind::Zero | InitialStateKind::Given { .. } => return None,
        }
        match (self.layout.readout.kind(), self.gain_column(n)) {
            (_, Some(column)) => {
                for (o, offset) in change.offset.iter_mut().enumerate() {
                    *offset = -self.gain[(o, column)];
                }
            }
            (ReadoutKind::Scaled, _) if n < self.gain.nrows() => {
                change.offset[n] = -self.gain[(n, 0)]
            }
            _ => {}
        }
        let name = format!(
            "the level of {}: biases and offsets undo it",
            self.labels[n]
        );
        self.candidate(name, &change, false)
    }

    /// Whether the rate of a unit is an output as it is.
    fn is_observed(&self, unit: usize) -> bool {
        match self.layout.readout.kind() {
            ReadoutKind::Linear => false,
            _ => unit < self.layout.readout.n_outputs(),
        }
    }

    /// The time constants that a recombination of units acts with: those of the only filter, or of the first of two that are the
    /// same for all units.
    fn mixing_tau(&self) -> Option<DVector<f64>> {
        let log_tau = match self.layout.model {
            ModelKind::Rate => &self.at.log_tau_r,
            ModelKind::Current => &self.at.log_tau_s,
            ModelKind::TwoConstant => {
                let same = |v: &DVector<f64>| v.iter().all(|t| *t == v[0]);
                if !(same(&self.at.log_tau_s) && same(&self.at.log_tau_r)) {
                    return None;
                }
                &self.at.log_tau_s
            }
        };
        Some(log_tau.map(f64::exp))
    }

    /// `r_i -> r_i + e r_j` of linear units: `T^-1 (W - 1)` becomes `M + e [E_ij, M]`. Without a self-connection the time
    /// constant of i takes up what changes on the diagonal. Two constants a unit allow it where all units have the same.
    fn mixing(&self, i: usize, j: usize) -> Option<Candidate> {
        if self.is_observed(i) {
            return None;
        }
        let tau = self.mixing_tau()?;
        let n = self.n();
        let m = DMatrix::from_fn(n, n, |a, b| {
            (self.at.w[(a, b)] - f64::from(u8::from(a == b))) / tau[a]
        });
        let mut d_m = DMatrix::<f64>::zeros(n, n);
        for k in 0..n {
            d_m[(i, k)] += m[(j, k)];
            d_m[(k, j)] -= m[(k, i)];
        }
        let mut change = self.no_change();
        let ratio = tau[i] / tau[j];
        change.network.u.set_row(i, &(self.at.u.row(j) * ratio));
        change.network.b[i] = self.at.b[j] * ratio;
        for a in 0..n {
            // dW = T dM + diag(x) T M
            let x = if self.has_weight(a, a) {
                0.0
            } else {
                tau[a] * d_m[(a, a)]
            };
            for b in 0..n {
                change.network.w[(a, b)] = tau[a] * (d_m[(a, b)] + x * m[(a, b)]);
            }
            if !self.has_weight(a, a) {
                change.network.w[(a, a)] = 0.0;
            }
            if x != 0.0 {
                self.slow_down(&mut change, a, x)?;
            }
        }
        for block in 0..self.initial.len() / n {
            change.initial[block * n + i] = self.initial[block * n + j];
        }
        if self.layout.readout.kind() == ReadoutKind::Linear {
            change.gain.set_column(j, &-self.gain.column(i));
        }
        let name = format!(
            "a mixture of {} and {}: linear units behind the same readout can be recombined",
            self.labels[i], self.labels[j]
        );
        self.candidate(name, &change, false)
    }

    /// The only time constant of a unit grows by the factor `1 + x`, and with it what drives the unit from outside.
    fn slow_down(&self, change: &mut Change, unit: usize, x: f64) -> Option<()> {
        match self.layout.model {
            ModelKind::Rate => change.network.log_tau_r[unit] = x,
            ModelKind::Current => change.network.log_tau_s[unit] = x,
            ModelKind::TwoConstant => return None,
        }
        for c in 0..self.at.u.ncols() {
            change.network.u[(unit, c)] += x * self.at.u[(unit, c)];
        }
        change.network.b[unit] += x * self.at.b[unit];
        Some(())
    }

    fn has_weight(&self, unit: usize, source: usize) -> bool {
        let layout = &self.layout.network;
        let wanted = tauscope_dynamics::Coordinate::Weight { unit, source };
        let weights = layout.blocks().iter().find(|(block, _)| *block == Block::W);
        weights.is_some_and(|(_, range)| range.clone().any(|p| layout.coordinates(p)[0] == wanted))
    }
}
