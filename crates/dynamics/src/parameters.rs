use crate::{Connectivity, ModelError, ModelKind, TauBounds, Tying};
use nalgebra::{DMatrix, DVector};
use std::ops::Range;

/// The parameters of a rate network, and, as the same type, a direction among them or a gradient with
/// respect to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Recurrent weights W, (unit, source unit).
    pub w: DMatrix<f64>,
    /// Input weights U, (unit, input).
    pub u: DMatrix<f64>,
    /// Bias b, (unit).
    pub b: DVector<f64>,
    /// Logarithm of the synaptic time constants, (unit); empty in the `rate` model.
    pub log_tau_s: DVector<f64>,
    /// Logarithm of the rate time constants, (unit); empty in the `current` model.
    pub log_tau_r: DVector<f64>,
}

/// The derivative of a scalar with respect to [`Parameters`], entry by entry.
pub type Gradient = Parameters;

impl Parameters {
    /// All zero, of the shape that a model has.
    pub fn zeros(model: ModelKind, n_units: usize, n_inputs: usize) -> Parameters {
        let of = |present: bool| DVector::zeros(if present { n_units } else { 0 });
        Parameters {
            w: DMatrix::zeros(n_units, n_units),
            u: DMatrix::zeros(n_units, n_inputs),
            b: DVector::zeros(n_units),
            log_tau_s: of(model.has_tau_s()),
            log_tau_r: of(model.has_tau_r()),
        }
    }

    /// All zero, of the shape of `self`.
    pub fn zeros_like(&self) -> Parameters {
        let mut z = self.clone();
        for block in z.blocks_mut() {
            block.fill(0.0);
        }
        z
    }

    /// Number of units.
    pub fn n_units(&self) -> usize {
        self.b.len()
    }

    /// Number of inputs.
    pub fn n_inputs(&self) -> usize {
        self.u.ncols()
    }

    /// `self += factor * other`.
    pub fn add_scaled(&mut self, factor: f64, other: &Parameters) {
        for (block, from) in self.blocks_mut().into_iter().zip(other.blocks()) {
            for (a, b) in block.iter_mut().zip(from) {
                *a += factor * b;
            }
        }
    }

    /// Sum of products over all entries.
    pub fn dot(&self, other: &Parameters) -> f64 {
        let pairs = self.blocks().into_iter().zip(other.blocks());
        pairs
            .flat_map(|(a, b)| a.iter().zip(b))
            .map(|(a, b)| a * b)
            .sum()
    }

    /// The blocks in their fixed order, each as a flat (column-major) slice.
    pub fn blocks(&self) -> [&[f64]; 5] {
        [
            self.w.as_slice(),
            self.u.as_slice(),
            self.b.as_slice(),
            self.log_tau_s.as_slice(),
            self.log_tau_r.as_slice(),
        ]
    }

    fn blocks_mut(&mut self) -> [&mut [f64]; 5] {
        [
            self.w.as_mut_slice(),
            self.u.as_mut_slice(),
            self.b.as_mut_slice(),
            self.log_tau_s.as_mut_slice(),
            self.log_tau_r.as_mut_slice(),
        ]
    }

    /// Checks that the shapes fit the model and every value is finite.
    ///
    /// # Errors
    /// [`ModelError::Empty`] without a unit, [`ModelError::Shape`], [`ModelError::NotFinite`] or [`ModelError::TimeConstant`].
    pub fn check(&self, model: ModelKind) -> Result<(), ModelError> {
        let n = self.n_units();
        if n == 0 {
            return Err(ModelError::Empty { name: "units" });
        }
        let tau = |present: bool| if present { n } else { 0 };
        for (name, got, expected) in [
            ("W (rows)", self.w.nrows(), n),
            ("W (columns)", self.w.ncols(), n),
            ("U (rows)", self.u.nrows(), n),
            ("tau_s", self.log_tau_s.len(), tau(model.has_tau_s())),
            ("tau_r", self.log_tau_r.len(), tau(model.has_tau_r())),
        ] {
            if got != expected {
                return Err(ModelError::Shape {
                    name,
                    got,
                    expected,
                });
            }
        }
        for (name, block) in [
            ("W", self.w.as_slice()),
            ("U", self.u.as_slice()),
            ("b", self.b.as_slice()),
        ] {
            if let Some(index) = block.iter().position(|v| !v.is_finite()) {
                return Err(ModelError::NotFinite {
                    name,
                    index,
                    value: block[index],
                });
            }
        }
        for (name, block) in [("tau_s", &self.log_tau_s), ("tau_r", &self.log_tau_r)] {
            let bad = block
                .iter()
                .position(|v| !(v.exp() > 0.0 && v.exp().is_finite()));
            if let Some(unit) = bad {
                return Err(ModelError::TimeConstant {
                    name,
                    unit,
                    value: block[unit].exp(),
                });
            }
        }
        Ok(())
    }

    /// The entry at `at`.
    pub fn get(&self, at: Coordinate) -> f64 {
        match at {
            Coordinate::Weight { unit, source } => self.w[(unit, source)],
            Coordinate::InputWeight { unit, input } => self.u[(unit, input)],
            Coordinate::Bias { unit } => self.b[unit],
            Coordinate::LogTauS { unit } => self.log_tau_s[unit],
            Coordinate::LogTauR { unit } => self.log_tau_r[unit],
        }
    }

    /// Writes the entry at `at`.
    pub fn set(&mut self, at: Coordinate, value: f64) {
        match at {
            Coordinate::Weight { unit, source } => self.w[(unit, source)] = value,
            Coordinate::InputWeight { unit, input } => self.u[(unit, input)] = value,
            Coordinate::Bias { unit } => self.b[unit] = value,
            Coordinate::LogTauS { unit } => self.log_tau_s[unit] = value,
            Coordinate::LogTauR { unit } => self.log_tau_r[unit] = value,
        }
    }
}

/// One entry of [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinate {
    /// W (unit, source unit).
    Weight {
        /// Target unit.
        unit: usize,
        /// Source unit.
        source: usize,
    },
    /// U (unit, input).
    InputWeight {
        /// Target unit.
        unit: usize,
        /// Input channel.
        input: usize,
    },
    /// b (unit).
    Bias {
        /// Unit.
        unit: usize,
    },
    /// log tau_s (unit).
    LogTauS {
        /// Unit.
        unit: usize,
    },
    /// log tau_r (unit).
    LogTauR {
        /// Unit.
        unit: usize,
    },
}

/// The blocks of the parameters, as users name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// Recurrent weights.
    W,
    /// Input weights.
    U,
    /// Bias.
    B,
    /// Logarithm of the synaptic time constants.
    LogTauS,
    /// Logarithm of the rate time constants.
    LogTauR,
}

impl Block {
    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Block::W => "W",
            Block::U => "U",
            Block::B => "b",
            Block::LogTauS => "log_tau_s",
            Block::LogTauR => "log_tau_r",
        }
    }
}

/// Which entries of [`Parameters`] are free, which of them are one (tied) parameter, and within what
/// bounds each stays: the one place that knows the flat order.
///
/// Flat order: W by column (source unit), U by column (input), b, log tau_s by group, log tau_r by group.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterLayout {
    template: Parameters,
    slots: Vec<Vec<Coordinate>>,
    bounds: Vec<(f64, f64)>,
    blocks: Vec<(Block, Range<usize>)>,
}

impl ParameterLayout {
    /// The layout of a network.
    ///
    /// # Errors
    /// [`ModelError::Shape`] where a list of groups does not name every unit once.
    pub fn new(
        model: ModelKind,
        connectivity: &Connectivity,
        with_bias: bool,
        tying: &Tying,
        tau_bounds: TauBounds,
    ) -> Result<ParameterLayout, ModelError> {
        let (n, m) = connectivity.input().shape();
        if let Tying::Groups(group) = tying
            && group.len() != n
        {
            return Err(ModelError::Shape {
                name: "time constant groups",
                got: group.len(),
                expected: n,
            });
        }
        let mut layout = ParameterLayout {
            template: Parameters::zeros(model, n, m),
            slots: Vec::new(),
            bounds: Vec::new(),
            blocks: Vec::new(),
        };
        layout.push_weights(connectivity);
        if with_bias {
            let slots = (0..n).map(|unit| vec![Coordinate::Bias { unit }]).collect();
            layout.push(Block::B, slots, |_| (f64::NEG_INFINITY, f64::INFINITY));
        }
        let log_bounds = (tau_bounds.low().ln(), tau_bounds.high().ln());
        if model.has_tau_s() {
            let slots = tied(tying, n, |unit| Coordinate::LogTauS { unit });
            layout.push(Block::LogTauS, slots, |_| log_bounds);
        }
        if model.has_tau_r() {
            let slots = tied(tying, n, |unit| Coordinate::LogTauR { unit });
            layout.push(Block::LogTauR, slots, |_| log_bounds);
        }
        Ok(layout)
    }

    /// The same without time constants, for a method on which none acts. [`expand`](Self::expand) then gives each the value 1.
    pub fn without_time_constants(mut self) -> ParameterLayout {
        let is_tau = |block: Block| matches!(block, Block::LogTauS | Block::LogTauR);
        // they are the last blocks
        let first = self.blocks.iter().find(|(block, _)| is_tau(*block));
        let end = first.map_or(self.len(), |(_, range)| range.start);
        self.blocks.retain(|(block, _)| !is_tau(*block));
        self.slots.truncate(end);
        self.bounds.truncate(end);
        self
    }

    /// Whether the layout has entries of `block`.
    pub fn has(&self, block: Block) -> bool {
        self.blocks.iter().any(|(known, _)| *known == block)
    }

    fn push_weights(&mut self, connectivity: &Connectivity) {
        let existing = |mask: &DMatrix<bool>| -> Vec<(usize, usize)> {
            let (rows, columns) = mask.shape();
            let all = (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j)));
            all.filter(|&at| mask[at]).collect()
        };
        let recurrent = existing(connectivity.recurrent());
        let signs = connectivity.signs();
        let slots = recurrent
            .iter()
            .map(|&(unit, source)| vec![Coordinate::Weight { unit, source }])
            .collect();
        self.push(Block::W, slots, |p| signs[recurrent[p].1].bounds());
        let input = existing(connectivity.input());
        let slots = input
            .iter()
            .map(|&(unit, input)| vec![Coordinate::InputWeight { unit, input }])
            .collect();
        self.push(Block::U, slots, |_| (f64::NEG_INFINITY, f64::INFINITY));
    }

    fn push(
        &mut self,
        block: Block,
        slots: Vec<Vec<Coordinate>>,
        bounds: impl Fn(usize) -> (f64, f64),
    ) {
        let start = self.slots.len();
        self.bounds.extend((0..slots.len()).map(bounds));
        self.slots.extend(slots);
        self.blocks.push((block, start..self.slots.len()));
    }

    /// Number of free parameters.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True where nothing is free.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Least and greatest value of each free parameter.
    pub fn bounds(&self) -> &[(f64, f64)] {
        &self.bounds
    }

    /// The blocks in order with their places in the flat vector; an absent block is not listed.
    pub fn blocks(&self) -> &[(Block, Range<usize>)] {
        &self.blocks
    }

    /// The entries that free parameter `p` stands for.
    pub fn coordinates(&self, p: usize) -> &[Coordinate] {
        &self.slots[p]
    }

    /// The parameters, or the direction, that the flat vector `theta` (len) stands for. Entries that
    /// are not free are zero.
    pub fn expand(&self, theta: &[f64]) -> Parameters {
        debug_assert_eq!(theta.len(), self.len());
        let mut parameters = self.template.clone();
        for (slot, &value) in self.slots.iter().zip(theta) {
            for &at in slot {
                parameters.set(at, value);
            }
        }
        parameters
    }

    /// The flat vector of `parameters`: of tied entries their mean.
    pub fn gather(&self, parameters: &Parameters) -> Vec<f64> {
        let mean = |slot: &Vec<Coordinate>| {
            slot.iter().map(|&at| parameters.get(at)).sum::<f64>() / slot.len() as f64
        };
        self.slots.iter().map(mean).collect()
    }

    /// The gradient with respect to the flat vector: of tied entries the sum. Transpose of
    /// [`expand`](Self::expand).
    pub fn reduce(&self, gradient: &Gradient) -> Vec<f64> {
        let sum = |slot: &Vec<Coordinate>| slot.iter().map(|&at| gradient.get(at)).sum();
        self.slots.iter().map(sum).collect()
    }
}

fn tied(
    tying: &Tying,
    n_units: usize,
    coordinate: impl Fn(usize) -> Coordinate,
) -> Vec<Vec<Coordinate>> {
    let mut slots = vec![Vec::new(); tying.n_groups(n_units)];
    for unit in 0..n_units {
        slots[tying.group(unit)].push(coordinate(unit));
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(tying: Tying) -> ParameterLayout {
        let bounds = TauBounds::new(0.001, 10.0).expect("valid");
        ParameterLayout::new(
            ModelKind::TwoConstant,
            &Connectivity::no_self(4, 2),
            true,
            &tying,
            bounds,
        )
        .expect("valid")
    }

    #[test]
    fn a_network_without_units_is_refused() {
        for model in [ModelKind::TwoConstant, ModelKind::Rate, ModelKind::Current] {
            let none = Parameters::zeros(model, 0, 2);
            assert_eq!(none.check(model), Err(ModelError::Empty { name: "units" }));
            assert_eq!(Parameters::zeros(model, 1, 0).check(model), Ok(()));
        }
    }

    #[test]
    fn without_time_constants_all_else_keeps_its_place() {
        let (with, without) = (
            layout(Tying::Global),
            layout(Tying::Global).without_time_constants(),
        );
        assert_eq!(without.len(), 12 + 8 + 4);
        assert_eq!(without.blocks(), &with.blocks()[..3]);
        assert!(with.has(Block::LogTauR) && !without.has(Block::LogTauR));
        assert_eq!(without.expand(&[0.5; 24]).w, with.expand(&[0.5; 26]).w);
    }

    #[test]
    fn a_global_time_constant_is_one_parameter() {
        // 12 weights off the diagonal, 8 input weights, 4 biases, and one constant of each kind
        assert_eq!(layout(Tying::Global).len(), 12 + 8 + 4 + 2);
        assert_eq!(layout(Tying::PerUnit).len(), 12 + 8 + 4 + 8);
        assert_eq!(
            layout(Tying::Groups(vec![0, 1, 1, 0])).len(),
            12 + 8 + 4 + 4
        );
    }

    #[test]
    fn masked_weights_stay_zero() {
        let layout = layout(Tying::PerUnit);
        let p = layout.expand(&vec![1.0; layout.len()]);
        assert!((0..4).all(|i| p.w[(i, i)] == 0.0));
        assert_eq!(p.w.sum(), 12.0);
    }

    #[test]
    fn groups_must_name_every_unit() {
        let bounds = TauBounds::new(0.001, 10.0).expect("valid");
        let tying = Tying::Groups(vec![0, 1]);
        let made = ParameterLayout::new(
            ModelKind::Rate,
            &Connectivity::full(3, 0),
            true,
            &tying,
            bounds,
        );
        assert!(made.is_err());
    }

    proptest! {
        #[test]
        fn reduce_is_the_transpose_of_expand(seed in prop::collection::vec(-1.0_f64..1.0, 64)) {
            for tying in [Tying::PerUnit, Tying::Global, Tying::Groups(vec![1, 0, 1, 1])] {
                let layout = layout(tying);
                let theta: Vec<f64> = (0..layout.len()).map(|i| seed[i % 64]).collect();
                let mut gradient = layout.template.clone();
                for (i, v) in gradient.blocks_mut().into_iter().flatten().enumerate() {
                    *v = seed[(7 * i + 3) % 64];
                }
                let left = layout.expand(&theta).dot(&gradient);
                let right: f64 = layout.reduce(&gradient).iter().zip(&theta).map(|(g, t)| g * t).sum();
                prop_assert!((left - right).abs() < 1e-12);
                prop_assert_eq!(layout.gather(&layout.expand(&theta)).len(), theta.len());
            }
        }
    }
}
