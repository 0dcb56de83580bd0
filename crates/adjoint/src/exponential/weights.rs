//! Weights of a step's combinations, and their derivatives by log tau.

mod cache;
mod geometry;
mod make;

pub(super) use cache::{KnownWeights, WeightCache};
pub(super) use geometry::{Geometry, Reads};
use make::Maker;

use super::aligned::Aligned;
use super::program::Source;

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

    /// Rows (unit, row), repeated over the tile and interleaved by groups of [`LANES`] entries: (lane, row, group).
    fn interleave(self, rows: &[f64], n_units: usize, out: &mut Aligned) {
        let n_rows = rows.len() / n_units.max(1);
        out.resize(self.len * n_rows);
        for (k, row) in rows.chunks_exact(n_units.max(1)).enumerate() {
            let places = out.chunks_exact_mut(LANES * n_rows);
            let places = places.map(|place| &mut place[k * LANES..][..LANES]);
            if n_units.is_multiple_of(LANES) {
                for (place, group) in places.zip(row.chunks_exact(LANES)) {
                    place.copy_from_slice(group);
                }
            } else {
                let mut entries = row.iter().cycle();
                for entry in places.flatten() {
                    *entry = entries.next().copied().unwrap_or(0.0);
                }
            }
        }
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
#[derive(Debug, Clone, Default)]
pub(super) struct StepWeights {
    pub(super) geometry: Geometry,
    pub(super) operations: Vec<Weights>,
}

impl StepWeights {
    fn bytes(&self) -> usize {
        let of = |weights: &Weights| {
            size_of_val(&weights.weights[..]) + size_of_val(&weights.by_log_tau[..])
        };
        self.operations.iter().map(of).sum()
    }
}
