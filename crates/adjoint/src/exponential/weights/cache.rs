//! Weights of steps that are needed again.

use super::super::program::Program;
use super::{Geometry, Maker, StepWeights, Tile};
use std::sync::Arc;
use tauscope_dynamics::RateNetwork;

fn decays(network: &RateNetwork) -> [&[f64]; 2] {
    [network.decay_s(), network.decay_r()]
}

/// Weights that are likely needed again, and the time constants that they belong to.
#[derive(Debug, Clone)]
pub(in crate::exponential) struct KnownWeights {
    decays: [Vec<f64>; 2],
    weights: Vec<Arc<StepWeights>>,
}

/// The weights that were last needed.
#[derive(Debug)]
pub(in crate::exponential) struct WeightCache<'a> {
    maker: Maker<'a>,
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
    pub(in crate::exponential) fn new(network: &'a RateNetwork) -> Self {
        WeightCache {
            maker: Maker::new(network),
            kept: Vec::new(),
            last: 0,
            oldest: 0,
        }
    }

    /// With what another one had at its end, where that was for the same time constants.
    pub(in crate::exponential) fn holding(network: &'a RateNetwork, known: &KnownWeights) -> Self {
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

    pub(in crate::exponential) fn tile(&self) -> Tile {
        self.maker.tile()
    }

    /// What it has, up to [`KNOWN_BYTES`].
    pub(in crate::exponential) fn into_known(mut self) -> KnownWeights {
        let bytes = self.kept.first().map_or(1, |kept| kept.bytes().max(1));
        let surplus = self.kept.len().saturating_sub(KNOWN_BYTES / bytes);
        KnownWeights {
            decays: decays(self.maker.network()).map(<[f64]>::to_vec),
            weights: self.kept.split_off(surplus),
        }
    }

    /// The weights of a step of about this geometry; their own `geometry` is the one that they are exact for.
    pub(in crate::exponential) fn near(
        &mut self,
        geometry: &Geometry,
        program: &Program,
    ) -> &Arc<StepWeights> {
        self.find(|kept| kept.is_close(geometry), geometry, program)
    }

    /// The weights of exactly this geometry.
    pub(in crate::exponential) fn exact(
        &mut self,
        geometry: &Geometry,
        program: &Program,
    ) -> &Arc<StepWeights> {
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
        self.last = hit.unwrap_or_else(|| self.make(geometry, program));
        &self.kept[self.last]
    }

    /// Where the weights of a step are that was not known. They take the memory of those that are given up, if nobody else has them.
    fn make(&mut self, geometry: &Geometry, program: &Program) -> usize {
        let bytes = self.kept.first().map_or(1, |kept| kept.bytes().max(1));
        let most = (BYTES / bytes).clamp(FEWEST, MOST_KEPT);
        let at = if self.kept.len() < most {
            self.kept.push(Arc::default());
            self.kept.len() - 1
        } else {
            let at = self.oldest % self.kept.len();
            self.oldest = at + 1;
            at
        };
        let place = &mut self.kept[at];
        if Arc::get_mut(place).is_none() {
            *place = Arc::default();
        }
        if let Some(weights) = Arc::get_mut(place) {
            self.maker.make(weights, geometry, program);
        }
        at
    }
}
