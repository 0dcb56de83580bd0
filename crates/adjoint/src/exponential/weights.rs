use super::aligned::Aligned;
use super::phi::FilterIntegrals;
use super::program::{Filter, Forcing, MAX_LAG, Operation, Program, Recipe, Source};
use super::scheme::StepKind;
use nalgebra::DMatrix;
use std::sync::Arc;
use tauscope_dynamics::RateNetwork;

/// All that the weights of a step depend on beside the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Geometry {
    pub(super) kind: StepKind,
    pub(super) h: f64,
    /// Length of the step `lag` steps before over `h`.
    pub(super) lengths: [f64; MAX_LAG + 1],
    /// Where the samples at or before its start and after that one lie, in steps from its start.
    pub(super) left: f64,
    pub(super) right: f64,
    /// The part of what its kind leaves out at the start of a run of such steps that it takes out.
    pub(super) settles: f64,
}

/// What the polynomials of a program look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    /// Of the lengths of how many steps back; values at the end of a step would need one less.
    lag: usize,
    /// Whether of more than one sample of the drive, whose places then matter.
    drive: bool,
    /// Whether it [takes out](Geometry::settles) anything.
    settles: bool,
}

impl Reads {
    pub(super) fn of(program: &Program) -> Reads {
        let mut reads = Reads {
            lag: 0,
            drive: false,
            settles: false,
        };
        for operation in program {
            let Operation::Combine { recipe, .. } = operation else {
                continue;
            };
            if let Recipe::Relax { forcings, .. } = recipe {
                let is_extrapolation = |f: &Forcing| matches!(f, Forcing::Extrapolation { .. });
                reads.settles |= forcings.iter().any(is_extrapolation);
            }
            for source in recipe.sources() {
                match source {
                    Source::Register(_, lag) => reads.lag = reads.lag.max(lag),
                    Source::Drive(sample) => reads.drive |= sample > 0,
                }
            }
        }
        reads
    }
}

/// Times computed twice differ by round-off: steps whose geometry differs by less than this are one.
const SAME: f64 = 1e-9;

impl Geometry {
    /// The same for all steps that have the same weights.
    pub(super) fn only(mut self, reads: Reads) -> Geometry {
        self.lengths[reads.lag + 1..].fill(1.0);
        if !reads.drive {
            (self.left, self.right) = (0.0, 1.0);
        }
        if !reads.settles {
            self.settles = 0.0;
        }
        self
    }

    fn is_close(&self, other: &Geometry) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(1.0);
        self.kind == other.kind
            && (self.h - other.h).abs() <= SAME * self.h
            && close(self.left, other.left)
            && close(self.right, other.right)
            && close(self.settles, other.settles)
            && self
                .lengths
                .iter()
                .zip(&other.lengths)
                .all(|(&a, &b)| close(a, b))
    }

    /// Position of a source in steps from the start of this step.
    fn position(&self, source: Source) -> f64 {
        match source {
            // those of a step across samples are as far from one to the next
            Source::Drive(sample) => self.left + sample as f64 * (self.right - self.left),
            Source::Register(register, lag) => {
                let start = 1.0 - self.lengths[..=lag].iter().sum::<f64>();
                start + register.place().fraction() * self.lengths[lag]
            }
        }
    }

    /// What a stored slope must be multiplied with to be one by this step's length; `None` for a value.
    fn slope_scale(&self, source: Source) -> Option<f64> {
        match source {
            Source::Register(register, lag) if register.is_slope() => Some(1.0 / self.lengths[lag]),
            _ => None,
        }
    }

    /// Coefficients, by source, of the polynomial in `s` through values and slopes at the sources.
    fn polynomial(&self, nodes: &[Source]) -> DMatrix<f64> {
        let n = nodes.len();
        let conditions = DMatrix::from_fn(n, n, |row, power| {
            let s = self.position(nodes[row]);
            match self.slope_scale(nodes[row]) {
                None => s.powi(power as i32),
                Some(_) if power == 0 => 0.0,
                Some(_) => power as f64 * s.powi(power as i32 - 1),
            }
        });
        let mut inverse = conditions
            .try_inverse()
            .unwrap_or_else(|| DMatrix::from_element(n, n, f64::NAN));
        for (mut column, &node) in inverse.column_iter_mut().zip(nodes) {
            if let Some(scale) = self.slope_scale(node) {
                column *= scale;
            }
        }
        inverse
    }
}

/// Weights of one combination, one row a source, by unit.
#[derive(Debug, Clone, Default)]
struct Rows {
    weights: Vec<Vec<f64>>,
    by_log_tau: Vec<Vec<f64>>,
}

/// How many columns of a (unit, column) block share one copy of the weights, so that vector units are filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile {
    pub(super) len: usize,
}

/// Entries that are computed side by side.
pub(super) const LANES: usize = 8;
impl Tile {
    pub(super) fn new(n_units: usize) -> Tile {
        let n_units = n_units.max(1);
        let mut columns = 1;
        while !(n_units * columns).is_multiple_of(LANES) {
            columns += 1;
        }
        Tile {
            len: n_units * columns,
        }
    }

    /// Rows by unit, repeated over the tile and interleaved by groups of [`LANES`] entries: (lane, row, group).
    fn interleave(self, rows: &[Vec<f64>]) -> Aligned {
        let mut out = Aligned::zeros(self.len * rows.len());
        let mut tiled = Vec::with_capacity(self.len);
        for (k, row) in rows.iter().enumerate() {
            tiled.clear();
            while tiled.len() < self.len {
                tiled.extend_from_slice(row);
            }
            let (groups, _) = tiled.as_chunks::<LANES>();
            for (group, place) in groups.iter().zip(out.chunks_exact_mut(LANES * rows.len())) {
                place[k * LANES..][..LANES].copy_from_slice(group);
            }
        }
        out
    }
}

/// Weights of one combination, tiled; empty for other operations.
#[derive(Debug, Clone, Default)]
pub(super) struct Weights {
    pub(super) sources: Vec<Source>,
    /// (lane, source, group)
    pub(super) weights: Aligned,
    /// Derivative with respect to log tau of the combination's filter; empty without one.
    pub(super) by_log_tau: Aligned,
}

impl Weights {
    /// Weight of source `row` for `unit`.
    pub(super) fn at(&self, row: usize, unit: usize) -> f64 {
        self.weights[(unit / LANES * self.sources.len() + row) * LANES + unit % LANES]
    }
}

/// Weights of all operations of a step.
#[derive(Debug, Clone)]
pub(super) struct StepWeights {
    pub(super) geometry: Geometry,
    pub(super) operations: Vec<Weights>,
}

fn decays(network: &RateNetwork) -> [&[f64]; 2] {
    [network.decay_s(), network.decay_r()]
}

/// Weights that are likely needed again, and the time constants that they belong to.
#[derive(Debug, Clone)]
pub(super) struct KnownWeights {
    decays: [Vec<f64>; 2],
    weights: Vec<Arc<StepWeights>>,
}

/// The weights that were last needed.
#[derive(Debug)]
pub(super) struct WeightCache<'a> {
    network: &'a RateNetwork,
    tile: Tile,
    kept: Vec<Arc<StepWeights>>,
    /// Which of them was used last. Steps come back in the same order, so that the next is likely its neighbour.
    last: usize,
    /// Which of them is given up next where there are too many.
    oldest: usize,
}

/// Irregular sampling repeats none, and fills this.
const FEWEST: usize = 24;
/// Steps that are a small part of a sample interval come in as many geometries; of small networks that many are kept.
const BYTES: usize = 4 << 20;
const MOST_KEPT: usize = 512;
/// Weights that a solve leaves to the backward one, beside its steps.
const KNOWN_BYTES: usize = 1 << 20;

impl<'a> WeightCache<'a> {
    pub(super) fn new(network: &'a RateNetwork) -> Self {
        WeightCache {
            network,
            tile: Tile::new(network.n_units()),
            kept: Vec::new(),
            last: 0,
            oldest: 0,
        }
    }

    /// With what another one had at its end, where that was for the same time constants.
    pub(super) fn holding(network: &'a RateNetwork, known: &KnownWeights) -> Self {
        let is_same = known.decays == decays(network);
        let kept = if is_same {
            known.weights.clone()
        } else {
            Vec::new()
        };
        WeightCache {
            last: kept.len().saturating_sub(1),
            kept,
            ..WeightCache::new(network)
        }
    }

    pub(super) fn tile(&self) -> Tile {
        self.tile
    }

    /// What it has, up to [`KNOWN_BYTES`].
    pub(super) fn into_known(mut self) -> KnownWeights {
        let bytes = self.kept.first().map_or(1, |kept| kept.bytes().max(1));
        let surplus = self.kept.len().saturating_sub(KNOWN_BYTES / bytes);
        KnownWeights {
            decays: decays(self.network).map(<[f64]>::to_vec),
            weights: self.kept.split_off(surplus),
        }
    }

    /// The weights of a step of about this geometry; their own `geometry` is the one that they are exact for.
    pub(super) fn near(&mut self, geometry: &Geometry, program: &Program) -> &Arc<StepWeights> {
        self.find(|kept| kept.is_close(geometry), geometry, program)
    }

    /// The weights of exactly this geometry.
    pub(super) fn exact(&mut self, geometry: &Geometry, program: &Program) -> &Arc<StepWeights> {
        self.find(|kept| kept == geometry, geometry, program)
    }

    fn find(
        &mut self,
        fits: impl Fn(&Geometry) -> bool,
        geometry: &Geometry,
        program: &Program,
    ) -> &Arc<StepWeights> {
        let n = self.kept.len();
        // it itself, forwards, backwards, then all others
        let likely = [0, 1, n.saturating_sub(1)].map(|ahead| self.last + ahead);
        let all = likely.into_iter().chain(self.last..self.last + n);
        let hit = all
            .map(|at| at.checked_rem(n).unwrap_or(0))
            .find(|&at| self.kept.get(at).is_some_and(|kept| fits(&kept.geometry)));
        self.last = hit.unwrap_or_else(|| {
            let made = Arc::new(StepWeights::new(
                self.network,
                self.tile,
                *geometry,
                program,
            ));
            self.keep(made)
        });
        &self.kept[self.last]
    }

    /// Where it is kept.
    fn keep(&mut self, made: Arc<StepWeights>) -> usize {
        let most = (BYTES / made.bytes().max(1)).clamp(FEWEST, MOST_KEPT);
        if self.kept.len() < most {
            self.kept.push(made);
            return self.kept.len() - 1;
        }
        let at = self.oldest % self.kept.len();
        self.kept[at] = made;
        self.oldest = at + 1;
        at
    }
}

impl StepWeights {
    fn bytes(&self) -> usize {
        let of = |weights: &Weights| {
            size_of_val(&weights.weights[..]) + size_of_val(&weights.by_log_tau[..])
        };
        self.operations.iter().map(of).sum()
    }

    fn new(
        network: &RateNetwork,
        tile: Tile,
        geometry: Geometry,
        program: &Program,
    ) -> StepWeights {
        let mut integrals = IntegralTable {
            network,
            h: geometry.h,
            made: Vec::new(),
        };
        let operations = program
            .iter()
            .map(|operation| match operation {
                Operation::Combine { filter, recipe, .. } => {
                    let rows = rows(&geometry, &mut integrals, *filter, recipe);
                    Weights {
                        sources: recipe.sources(),
                        weights: tile.interleave(&rows.weights),
                        by_log_tau: if rows.by_log_tau.is_empty() {
                            Aligned::default()
                        } else {
                            tile.interleave(&rows.by_log_tau)
                        },
                    }
                }
                _ => Weights::default(),
            })
            .collect();
        StepWeights {
            geometry,
            operations,
        }
    }
}

/// Integrals of both filters over the parts of one step.
struct IntegralTable<'a> {
    network: &'a RateNetwork,
    h: f64,
    made: Vec<(Filter, f64, FilterIntegrals)>,
}

impl IntegralTable<'_> {
    fn decay(&self, filter: Filter) -> &[f64] {
        match filter {
            Filter::Synaptic => self.network.decay_s(),
            Filter::Rate => self.network.decay_r(),
            Filter::Instant => &[],
        }
    }

    fn get(&mut self, filter: Filter, until: f64) -> &FilterIntegrals {
        let at = self
            .made
            .iter()
            .position(|(f, u, _)| *f == filter && *u == until);
        let at = at.unwrap_or_else(|| {
            let integrals = FilterIntegrals::new(self.decay(filter), self.h * until);
            self.made.push((filter, until, integrals));
            self.made.len() - 1
        });
        &self.made[at].2
    }
}

/// A polynomial through `nodes` that a filter takes up over the part `until` of the step.
struct Polynomial<'a> {
    nodes: &'a [Source],
    until: f64,
    sign: f64,
    /// What is added to it, in units of its highest coefficient.
    constant: f64,
}

/// Adds what a filter makes over the step of straight lines from node to node: of each line over its own part, and what
/// decay leaves of that until the end.
fn add_polygon(
    geometry: &Geometry,
    integrals: &mut IntegralTable<'_>,
    filter: Filter,
    nodes: &[Source],
    sources: &[Source],
    rows: &mut Rows,
) {
    let units = integrals.network.n_units();
    for line in nodes.windows(2) {
        let [from, to] = [0, 1].map(|end| geometry.position(line[end]));
        let (mut left, mut left_by_log_tau) = (vec![1.0; units], vec![0.0; units]);
        if to < 1.0 {
            integrals
                .get(filter, 1.0 - to)
                .keep(&mut left, &mut left_by_log_tau);
        }
        // s' runs from 0 to 1 along the line
        for (node, coefficients) in line.iter().zip([[1.0, -1.0], [0.0, 1.0]]) {
            let Some(row) = sources.iter().position(|source| source == node) else {
                continue;
            };
            let (mut taken, mut by_log_tau) = (vec![0.0; units], vec![0.0; units]);
            let along = integrals.get(filter, to - from);
            along.add_weights(&coefficients, &mut taken);
            along.add_weights_by_log_tau(&coefficients, &mut by_log_tau);
            for unit in 0..units {
                rows.weights[row][unit] += taken[unit] * left[unit];
                rows.by_log_tau[row][unit] +=
                    by_log_tau[unit] * left[unit] + taken[unit] * left_by_log_tau[unit];
            }
        }
    }
}

impl Polynomial<'_> {
    /// Adds what the filter makes of it to the rows of `sources`.
    fn add(
        &self,
        geometry: &Geometry,
        integrals: &mut IntegralTable<'_>,
        filter: Filter,
        sources: &[Source],
        rows: &mut Rows,
    ) {
        let polynomial = geometry.polynomial(self.nodes);
        for (column, node) in polynomial.column_iter().zip(self.nodes) {
            // the integral runs over s' = s / until: s^j = until^j s'^j
            let mut coefficients: Vec<f64> = column
                .iter()
                .enumerate()
                .map(|(j, c)| self.sign * c * self.until.powi(j as i32))
                .collect();
            let highest = column.iter().next_back().unwrap_or(&0.0);
            if let Some(lowest) = coefficients.first_mut() {
                *lowest += self.sign * self.constant * highest;
            }
            let Some(row) = sources.iter().position(|source| source == node) else {
                continue;
            };
            if filter == Filter::Instant {
                let sum: f64 = coefficients.iter().sum();
                rows.weights[row].iter_mut().for_each(|w| *w += sum);
                continue;
            }
            let filter = integrals.get(filter, self.until);
            filter.add_weights(&coefficients, &mut rows.weights[row]);
            filter.add_weights_by_log_tau(&coefficients, &mut rows.by_log_tau[row]);
        }
    }
}

fn rows(
    geometry: &Geometry,
    integrals: &mut IntegralTable<'_>,
    filter: Filter,
    recipe: &Recipe,
) -> Rows {
    let n_units = integrals.network.n_units();
    let sources = recipe.sources();
    let mut rows = Rows {
        weights: vec![vec![0.0; n_units]; sources.len()],
        by_log_tau: Vec::new(),
    };
    if filter != Filter::Instant {
        rows.by_log_tau = rows.weights.clone();
    }
    let row_of = |source: Source| {
        sources
            .iter()
            .position(|s| *s == source)
            .unwrap_or(sources.len())
    };
    match recipe {
        Recipe::Copy(_) => rows.weights[0].fill(1.0),
        Recipe::Relax {
            from,
            until,
            forcings,
        } => {
            for forcing in forcings {
                match forcing {
                    Forcing::Polynomial(nodes) => {
                        let polynomial = Polynomial {
                            nodes,
                            until: *until,
                            sign: 1.0,
                            constant: 0.0,
                        };
                        polynomial.add(geometry, integrals, filter, &sources, &mut rows);
                    }
                    Forcing::Extrapolation { nodes, left_out } => {
                        // the highest backward difference of n values is (n - 1)! times the highest coefficient
                        let factorial: f64 = (1..nodes.len()).map(|n| n as f64).product();
                        let polynomial = Polynomial {
                            nodes,
                            until: *until,
                            sign: 1.0,
                            constant: -geometry.settles * left_out * factorial,
                        };
                        polynomial.add(geometry, integrals, filter, &sources, &mut rows);
                    }
                    Forcing::Polygon(nodes) => {
                        add_polygon(geometry, integrals, filter, nodes, &sources, &mut rows);
                    }
                }
            }
            if let Some(from) = *from {
                let row = row_of(from);
                integrals
                    .get(filter, *until)
                    .keep(&mut rows.weights[row], &mut rows.by_log_tau[row]);
            }
        }
        Recipe::Change { nodes, instead_of } => {
            for (nodes, sign) in [(nodes, 1.0), (instead_of, -1.0)] {
                let polynomial = Polynomial {
                    nodes,
                    until: 1.0,
                    sign,
                    constant: 0.0,
                };
                polynomial.add(geometry, integrals, filter, &sources, &mut rows);
            }
        }
        Recipe::Slope { at, of, target } => {
            let s = at.fraction();
            let drives: Vec<Source> = target
                .iter()
                .copied()
                .filter(|t| !matches!(t, Source::Register(..)))
                .collect();
            let polynomial = geometry.polynomial(&drives);
            let at_place = |column: usize| -> f64 {
                polynomial
                    .column(column)
                    .iter()
                    .enumerate()
                    .map(|(j, c)| c * s.powi(j as i32))
                    .sum()
            };
            let z: Vec<f64> = integrals
                .decay(filter)
                .iter()
                .map(|d| d * geometry.h)
                .collect();
            let mut set = |source: Source, factor: f64| {
                let row = row_of(source);
                for (unit, z) in z.iter().enumerate() {
                    rows.weights[row][unit] = factor * z;
                    rows.by_log_tau[row][unit] = -factor * z;
                }
            };
            set(*of, -1.0);
            for &source in target {
                match drives.iter().position(|d| *d == source) {
                    Some(column) => set(source, at_place(column)),
                    None => set(source, 1.0),
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::programs::Form;
    use super::super::scheme::Scheme;
    use super::*;
    use crate::ExponentialMethod;
    use tauscope_dynamics::{Activation, Interpolation, ModelKind, Parameters};

    const MODEL: ModelKind = ModelKind::TwoConstant;

    fn network() -> RateNetwork {
        let parameters = Parameters {
            w: DMatrix::zeros(2, 2),
            u: DMatrix::zeros(2, 1),
            b: vec![0.0; 2].into(),
            log_tau_s: vec![-1.0, 0.5].into(),
            log_tau_r: vec![0.2, -2.0].into(),
        };
        RateNetwork::new(MODEL, Activation::Sigmoid, parameters).unwrap()
    }

    fn form(interpolation: Interpolation) -> Form {
        Form {
            model: MODEL,
            interpolation,
            jumps: interpolation == Interpolation::Hold,
            estimates: true,
        }
    }

    /// The second quarter of a sample interval, after steps of other lengths.
    fn quarter(kind: StepKind) -> Geometry {
        Geometry {
            kind,
            h: 0.25,
            lengths: [1.0, 1.0, 2.0, 0.5, 4.0, 3.0],
            left: -1.0,
            right: 3.0,
            settles: 1.0,
        }
    }

    /// With its neighbour, the third, where only what `reads` does not look at is different.
    fn pair(scheme: &Scheme, kind: StepKind) -> [Geometry; 2] {
        let second = quarter(kind);
        let third = Geometry {
            lengths: [1.0, 1.0, 1.0, 2.0, 0.5, 1.0],
            left: -2.0,
            right: 2.0,
            ..second
        };
        [second, third].map(|geometry| geometry.only(scheme.reads(kind)))
    }

    #[test]
    fn what_is_left_out_of_a_geometry_changes_no_weight() {
        let network = network();
        for method in ExponentialMethod::ALL {
            for interpolation in [Interpolation::Linear, Interpolation::Hold] {
                let scheme = Scheme::new(method, form(interpolation), true);
                for kind in StepKind::ALL {
                    let made = |geometry| {
                        let program = scheme.program(kind);
                        StepWeights::new(&network, Tile::new(2), geometry, program).operations
                    };
                    let (whole, part) = (quarter(kind), quarter(kind).only(scheme.reads(kind)));
                    for (whole, part) in made(whole).iter().zip(&made(part)) {
                        assert_eq!(whole.weights[..], part.weights[..], "{kind:?}");
                        assert_eq!(whole.by_log_tau[..], part.by_log_tau[..], "{kind:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_are_one_where_their_program_sees_no_difference() {
        let same = |interpolation, kind| {
            let method = ExponentialMethod::ExpAdams;
            let scheme = Scheme::new(method, form(interpolation), true);
            let [second, third] = pair(&scheme, kind);
            second.is_close(&third)
        };
        assert!(same(Interpolation::Hold, StepKind::Hermite));
        // where the samples lie, and how long the steps before were
        assert!(!same(Interpolation::Linear, StepKind::Hermite));
        assert!(!same(Interpolation::Hold, StepKind::Adams));
    }
}
