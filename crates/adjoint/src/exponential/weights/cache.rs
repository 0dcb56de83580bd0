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
    /// How many steps in a row were not known.
    barren: usize,
    /// Bytes of the largest that was made: a first step has few.
    largest: usize,
}

/// Irregular sampling repeats none, and fills this.
const FEWEST: usize = 24;
/// Steps that are a small part of a sample interval come in as many geometries; of small networks that many are kept.
const BYTES: usize = 4 << 20;
const MOST_KEPT: usize = 512;
/// Where more steps in a row were not known than are kept, by this many, none are expected to come back. Weights then go to a [`FEW`]
/// places in turn, which stay in the cache of the processor..
const BARREN: usize = 16;
/// .. more than are read at once..
const FEW: usize = 12;
/// .. until so many times as are kept were not known: then all are kept again for a while, should steps have begun to repeat.
const PATIENCE: usize = 16;
/// Weights that a solve leaves to the backward one, beside its steps.
const KNOWN_BYTES: usize = 1 << 20;

impl<'a> WeightCache<'a> {
    pub(in crate::exponential) fn new(network: &'a RateNetwork) -> Self {
        WeightCache {
            maker: Maker::new(network),
            kept: Vec::new(),
            last: 0,
            oldest: 0,
            barren: 0,
            largest: 1,
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
        let surplus = self.kept.len().saturating_sub(KNOWN_BYTES / self.largest);
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
        if hit.is_some() {
            self.barren = 0;
        }
        self.last = hit.unwrap_or_else(|| self.make(geometry, program));
        &self.kept[self.last]
    }

    /// How many are kept.
    fn most(&self) -> usize {
        (BYTES / self.largest).clamp(FEWEST, MOST_KEPT)
    }

    /// Where the weights of a step are that was not known. They take the memory of those that are given up, if nobody else has them.
    fn make(&mut self, geometry: &Geometry, program: &Program) -> usize {
        let all = self.most();
        self.barren = (self.barren + 1) % (PATIENCE * all);
        let most = if self.barren < all + BARREN {
            all
        } else {
            self.kept.truncate(FEW);
            FEW
        };
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
            self.largest = self.largest.max(weights.bytes());
        }
        at
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

    #[test]
    fn steps_that_repeat_are_found_again_after_many_that_did_not() {
        let parameters = Parameters {
            w: DMatrix::zeros(3, 3),
            u: DMatrix::zeros(3, 1),
            b: vec![0.0; 3].into(),
            log_tau_s: vec![-1.0, 0.5, 0.0].into(),
            log_tau_r: vec![0.2, -2.0, 0.0].into(),
        };
        let network =
            RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters).unwrap();
        let form = Form {
            model: ModelKind::TwoConstant,
            interpolation: Interpolation::Linear,
            jumps: false,
            estimates: true,
        };
        let scheme = Scheme::new(ExponentialMethod::ExpAdams, form, true);
        let kind = StepKind::Adams;
        let mut cache = WeightCache::new(&network);
        let ask = |cache: &mut WeightCache<'_>, h: f64| {
            let geometry = Geometry {
                kind,
                h,
                lengths: [1.0; 6],
                left: 0.0,
                right: 1.0,
                settles: 0.0,
            };
            let found = cache.exact(&geometry, scheme.program(kind));
            assert_eq!(found.geometry.h, h);
        };
        for n in 0..2000 {
            ask(&mut cache, 1.0 + f64::from(n));
            let is_barren = cache.barren >= cache.most() + BARREN;
            assert!(!is_barren || cache.kept.len() == FEW, "{n}");
        }
        assert_eq!(cache.kept.len(), FEW);
        // as many as there is room for
        let period = cache.most() - FEW;
        for n in 0..2 * PATIENCE * cache.most() {
            ask(&mut cache, 0.01 + (n % period) as f64);
        }
        assert_eq!(cache.barren, 0);
    }
}
