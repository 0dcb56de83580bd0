//! How weights follow from a step: the integrals of a filter over the polynomials that force it.

use super::super::phi::FilterIntegrals;
use super::super::program::{Filter, Forcing, MOST_SAMPLES, Operation, Program, Recipe, Source};
use super::geometry::{Geometry, MOST_NODES};
use super::{StepWeights, Tile, Weights};
use arrayvec::ArrayVec;
use tauscope_dynamics::RateNetwork;

/// Makes the weights of steps of one network. What it needs is kept from one step to the next, so that sampling which repeats no step
/// allocates nothing.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    tile: Tile,
    integrals: IntegralTable<'a>,
    rows: Rows,
}

impl<'a> Maker<'a> {
    pub(super) fn new(network: &'a RateNetwork) -> Self {
        Maker {
            tile: Tile::new(network.n_units()),
            integrals: IntegralTable {
                network,
                h: f64::NAN,
                made: Vec::new(),
                used: 0,
            },
            rows: Rows {
                n_units: network.n_units(),
                ..Rows::default()
            },
        }
    }

    pub(super) fn network(&self) -> &'a RateNetwork {
        self.integrals.network
    }

    pub(super) fn tile(&self) -> Tile {
        self.tile
    }

    /// Turns `step` into that of `geometry`. What it holds is of the same network, and of the program of its kind.
    pub(super) fn make(&mut self, step: &mut StepWeights, geometry: &Geometry, program: &Program) {
        if step.operations.is_empty() || step.geometry.kind != geometry.kind {
            let empty = |operation: &Operation| Weights {
                sources: match operation {
                    Operation::Combine { recipe, .. } => recipe.sources(),
                    _ => Vec::new(),
                },
                ..Weights::default()
            };
            step.operations.clear();
            step.operations.extend(program.iter().map(empty));
        }
        step.geometry = *geometry;
        self.integrals.restart(geometry.h);
        for (operation, weights) in program.iter().zip(&mut step.operations) {
            let Operation::Combine { filter, recipe, .. } = operation else {
                continue;
            };
            self.rows.restart(weights.sources.len(), *filter);
            Combination {
                geometry,
                filter: *filter,
                sources: &weights.sources,
                integrals: &mut self.integrals,
                rows: &mut self.rows,
            }
            .fill(recipe);
            let (rows, n) = (&self.rows, self.rows.n_units);
            self.tile.interleave(&rows.weights, n, &mut weights.weights);
            self.tile
                .interleave(&rows.by_log_tau, n, &mut weights.by_log_tau);
        }
    }
}

/// Weights of one combination, one row a source, by unit.
#[derive(Debug, Default)]
struct Rows {
    n_units: usize,
    /// (unit, source)
    weights: Vec<f64>,
    /// The same; nothing without a filter.
    by_log_tau: Vec<f64>,
    line: Line,
}

impl Rows {
    /// Zeros for so many sources.
    fn restart(&mut self, sources: usize, filter: Filter) {
        let len = sources * self.n_units;
        self.weights.clear();
        self.weights.resize(len, 0.0);
        self.by_log_tau.clear();
        if filter != Filter::Instant {
            self.by_log_tau.resize(len, 0.0);
        }
    }

    /// Weights of a source, and their derivatives.
    fn of(&mut self, row: usize) -> [&mut [f64]; 2] {
        let range = row * self.n_units..(row + 1) * self.n_units;
        let by_log_tau = self.by_log_tau.get_mut(range.clone());
        [&mut self.weights[range], by_log_tau.unwrap_or(&mut [])]
    }
}

/// What a straight line is turned into, by unit.
#[derive(Debug, Default)]
struct Line {
    /// What decay leaves of it until the end of the step.
    left: Vec<f64>,
    left_by_log_tau: Vec<f64>,
    taken: Vec<f64>,
    by_log_tau: Vec<f64>,
}

/// Integrals of both filters over the parts of one step.
#[derive(Debug)]
struct IntegralTable<'a> {
    network: &'a RateNetwork,
    h: f64,
    made: Vec<(Filter, f64, FilterIntegrals)>,
    /// Of those, how many are of this step.
    used: usize,
}

impl IntegralTable<'_> {
    fn restart(&mut self, h: f64) {
        (self.h, self.used) = (h, 0);
    }

    fn decay(&self, filter: Filter) -> &[f64] {
        match filter {
            Filter::Synaptic => self.network.decay_s(),
            Filter::Rate => self.network.decay_r(),
            Filter::Instant => &[],
        }
    }

    fn get(&mut self, filter: Filter, until: f64) -> &FilterIntegrals {
        let mut known = self.made[..self.used].iter();
        let at = known.position(|(f, u, _)| *f == filter && *u == until);
        let at = at.unwrap_or_else(|| {
            if self.used == self.made.len() {
                self.made.push((filter, until, FilterIntegrals::default()));
            }
            let mut made = std::mem::take(&mut self.made[self.used].2);
            made.fill(self.decay(filter), self.h * until);
            self.made[self.used] = (filter, until, made);
            self.used += 1;
            self.used - 1
        });
        &self.made[at].2
    }
}

/// One combination of a step, while its rows are filled.
struct Combination<'c, 'a> {
    geometry: &'c Geometry,
    filter: Filter,
    sources: &'c [Source],
    integrals: &'c mut IntegralTable<'a>,
    rows: &'c mut Rows,
}

/// A polynomial through `nodes` that a filter takes up over the part `until` of the step.
struct Polynomial<'a> {
    nodes: &'a [Source],
    until: f64,
    sign: f64,
    /// What is added to it, in units of its highest coefficient.
    constant: f64,
}

impl Combination<'_, '_> {
    fn row_of(&self, source: Source) -> Option<usize> {
        self.sources.iter().position(|s| *s == source)
    }

    fn fill(&mut self, recipe: &Recipe) {
        match recipe {
            Recipe::Copy(_) => self.rows.of(0)[0].fill(1.0),
            Recipe::Relax {
                from,
                until,
                forcings,
            } => {
                for forcing in forcings {
                    self.add_forcing(forcing, *until);
                }
                if let Some(row) = from.and_then(|from| self.row_of(from)) {
                    let [weights, by_log_tau] = self.rows.of(row);
                    let integrals = self.integrals.get(self.filter, *until);
                    integrals.keep(weights, by_log_tau);
                }
            }
            Recipe::Change { nodes, instead_of } => {
                for (nodes, sign) in [(nodes, 1.0), (instead_of, -1.0)] {
                    self.add_polynomial(&Polynomial {
                        nodes,
                        until: 1.0,
                        sign,
                        constant: 0.0,
                    });
                }
            }
            Recipe::Slope { at, of, target } => self.set_slope(at.fraction(), *of, target),
        }
    }

    fn add_forcing(&mut self, forcing: &Forcing, until: f64) {
        let (nodes, constant) = match forcing {
            Forcing::Polygon(nodes) => return self.add_polygon(nodes),
            Forcing::Polynomial(nodes) => (nodes, 0.0),
            Forcing::Extrapolation { nodes, left_out } => {
                // the highest backward difference of n values is (n - 1)! times the highest coefficient
                let factorial: f64 = (1..nodes.len()).map(|n| n as f64).product();
                (nodes, -self.geometry.settles * left_out * factorial)
            }
        };
        self.add_polynomial(&Polynomial {
            nodes,
            until,
            sign: 1.0,
            constant,
        });
    }

    /// Adds what the filter makes of a polynomial over the step.
    fn add_polynomial(&mut self, polynomial: &Polynomial<'_>) {
        let &Polynomial {
            nodes,
            until,
            sign,
            constant,
        } = polynomial;
        let by_node = self.geometry.polynomial(nodes);
        for (column, &node) in by_node.column_iter().zip(nodes) {
            // the integral runs over s' = s / until: s^j = until^j s'^j
            let scaled = column.iter().take(nodes.len()).enumerate();
            let mut coefficients: ArrayVec<f64, MOST_NODES> = scaled
                .map(|(j, c)| sign * c * until.powi(j as i32))
                .collect();
            let highest = column[nodes.len() - 1];
            coefficients[0] += sign * constant * highest;
            let Some(row) = self.row_of(node) else {
                continue;
            };
            let [weights, by_log_tau] = self.rows.of(row);
            if self.filter == Filter::Instant {
                let sum: f64 = coefficients.iter().sum();
                weights.iter_mut().for_each(|w| *w += sum);
                continue;
            }
            let integrals = self.integrals.get(self.filter, until);
            integrals.add_weights(&coefficients, weights, by_log_tau);
        }
    }

    /// Adds what a filter makes over the step of straight lines from node to node: of each line over its own part, and what
    /// decay leaves of that until the end.
    fn add_polygon(&mut self, nodes: &[Source]) {
        let units = self.rows.n_units;
        let mut scratch = std::mem::take(&mut self.rows.line);
        let Line {
            left,
            left_by_log_tau,
            taken,
            by_log_tau,
        } = &mut scratch;
        for line in nodes.windows(2) {
            let [from, to] = [0, 1].map(|end| self.geometry.position(line[end]));
            for (values, value) in [(&mut *left, 1.0), (&mut *left_by_log_tau, 0.0)] {
                values.clear();
                values.resize(units, value);
            }
            if to < 1.0 {
                let integrals = self.integrals.get(self.filter, 1.0 - to);
                integrals.keep(left, left_by_log_tau);
            }
            // s' runs from 0 to 1 along the line
            for (&node, coefficients) in line.iter().zip([[1.0, -1.0], [0.0, 1.0]]) {
                let Some(row) = self.row_of(node) else {
                    continue;
                };
                for values in [&mut *taken, &mut *by_log_tau] {
                    values.clear();
                    values.resize(units, 0.0);
                }
                let along = self.integrals.get(self.filter, to - from);
                along.add_weights(&coefficients, taken, by_log_tau);
                let [weights, weights_by_log_tau] = self.rows.of(row);
                for unit in 0..units {
                    weights[unit] += taken[unit] * left[unit];
                    weights_by_log_tau[unit] +=
                        by_log_tau[unit] * left[unit] + taken[unit] * left_by_log_tau[unit];
                }
            }
        }
        self.rows.line = scratch;
    }

    /// `h (target - of) / tau` at the part `s` of the step.
    fn set_slope(&mut self, s: f64, of: Source, target: &[Source]) {
        let is_drive = |source: &Source| !matches!(source, Source::Register(..));
        let drives: ArrayVec<Source, MOST_SAMPLES> =
            target.iter().copied().filter(is_drive).collect();
        let polynomial = self.geometry.polynomial(&drives);
        self.set_multiple(of, -1.0);
        for &source in target {
            let factor = match drives.iter().position(|d| *d == source) {
                Some(column) => {
                    let coefficients = polynomial.column(column);
                    let powers = coefficients.iter().take(drives.len()).enumerate();
                    powers.map(|(j, c)| c * s.powi(j as i32)).sum()
                }
                None => 1.0,
            };
            self.set_multiple(source, factor);
        }
    }

    /// Sets the weights of a source to `factor h / tau`.
    fn set_multiple(&mut self, source: Source, factor: f64) {
        let Some(row) = self.row_of(source) else {
            return;
        };
        let [weights, by_log_tau] = self.rows.of(row);
        let decays = self.integrals.decay(self.filter).iter();
        for ((weight, by_log_tau), decay) in weights.iter_mut().zip(by_log_tau).zip(decays) {
            *weight = factor * (decay * self.geometry.h);
            *by_log_tau = -*weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::programs::Form;
    use super::super::super::scheme::{Scheme, StepKind};
    use super::*;
    use crate::ExponentialMethod;
    use nalgebra::DMatrix;
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
                        let mut made = StepWeights::default();
                        Maker::new(&network).make(&mut made, &geometry, scheme.program(kind));
                        made.operations
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

    #[test]
    fn weights_made_in_the_place_of_others_are_those_made_anew() {
        let network = network();
        let scheme = Scheme::new(
            ExponentialMethod::ExpAdams,
            form(Interpolation::Linear),
            true,
        );
        let (mut maker, mut used) = (Maker::new(&network), StepWeights::default());
        for h in [0.25, 0.7] {
            for kind in StepKind::ALL {
                let geometry = Geometry { h, ..quarter(kind) };
                let program = scheme.program(kind);
                maker.make(&mut used, &geometry, program);
                let mut fresh = StepWeights::default();
                Maker::new(&network).make(&mut fresh, &geometry, program);
                assert_eq!(used.operations.len(), fresh.operations.len());
                for (used, fresh) in used.operations.iter().zip(&fresh.operations) {
                    assert_eq!(used.sources, fresh.sources);
                    assert_eq!(used.weights[..], fresh.weights[..]);
                    assert_eq!(used.by_log_tau[..], fresh.by_log_tau[..]);
                }
            }
        }
    }
}
