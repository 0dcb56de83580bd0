//! The pairs of step and gradient change from which limited-memory BFGS knows curvature.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::vector;

/// A pair is kept when s.y exceeds this fraction of y.y: the update stays positive definite.
const LEAST_CURVATURE: f64 = 1e-12;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

impl Pair {
    pub(super) fn new(step: Vec<f64>, change: Vec<f64>) -> Self {
        Self { step, change }
    }
}

/// The latest steps and the changes of the gradient over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    capacity: usize,
    pairs: VecDeque<Pair>,
}

impl Memory {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            pairs: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Keeps a pair, unless the objective does not curve upward along it.
    pub(super) fn learn(&mut self, pair: Pair) {
        let curvature = vector::dot(&pair.step, &pair.change);
        let least = LEAST_CURVATURE * vector::dot(&pair.change, &pair.change);
        if curvature.is_nan() || curvature <= least {
            return;
        }
        if self.pairs.len() == self.capacity {
            self.pairs.pop_front();
        }
        self.pairs.push_back(pair);
    }

    /// Replaces the memory by an even sample of `pairs`, which come in order.
    pub(super) fn relearn(&mut self, pairs: Vec<Pair>) {
        self.clear();
        let stride = pairs.len().div_ceil(self.capacity).max(1);
        let skip = pairs.len().saturating_sub(1) % stride;
        for pair in pairs.into_iter().skip(skip).step_by(stride) {
            self.learn(pair);
        }
    }

    /// B v over the free parameters by the two-loop recursion, with B the approximate inverse of
    /// the second derivative; zero elsewhere, and v itself while there is no memory.
    pub(super) fn apply(&self, v: &[f64], free: &[bool]) -> Vec<f64> {
        let usable: Vec<(&Pair, f64)> = self
            .pairs
            .iter()
            .map(|pair| (pair, free_dot(&pair.step, &pair.change, free)))
            .filter(|(pair, curvature)| {
                *curvature > LEAST_CURVATURE * free_dot(&pair.change, &pair.change, free)
            })
            .collect();
        let mut q = v.to_vec();
        let mut weights = Vec::with_capacity(usable.len());
        for (pair, curvature) in usable.iter().rev() {
            let weight = free_dot(&pair.step, &q, free) / curvature;
            vector::add(&mut q, -weight, &pair.change);
            weights.push(weight);
        }
        if let Some((pair, curvature)) = usable.last() {
            let size = curvature / free_dot(&pair.change, &pair.change, free);
            q.iter_mut().for_each(|entry| *entry *= size);
        }
        for ((pair, curvature), weight) in usable.iter().zip(weights.iter().rev()) {
            let back = free_dot(&pair.change, &q, free) / curvature;
            vector::add(&mut q, weight - back, &pair.step);
        }
        vector::mask(&mut q, free);
        q
    }
}

fn free_dot(a: &[f64], b: &[f64], free: &[bool]) -> f64 {
    a.iter()
        .zip(b)
        .zip(free)
        .map(|((x, y), &free)| if free { x * y } else { 0.0 })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_inverse_maps_the_latest_gradient_change_to_its_step(
            step in proptest::collection::vec(-1.0f64..1.0, 4),
            older in proptest::collection::vec(-1.0f64..1.0, 4),
            curvatures in proptest::collection::vec(0.1f64..5.0, 4),
        ) {
            prop_assume!(step.iter().all(|x| x.abs() > 1e-2));
            let curved = |v: &[f64]| -> Vec<f64> {
                v.iter().zip(&curvatures).map(|(x, c)| x * c).collect()
            };
            let mut memory = Memory::new(5);
            memory.learn(Pair::new(older.clone(), curved(&older)));
            memory.learn(Pair::new(step.clone(), curved(&step)));
            let back = memory.apply(&curved(&step), &[true; 4]);
            for (b, s) in back.iter().zip(&step) {
                prop_assert!((b - s).abs() < 1e-9 * (1.0 + s.abs()));
            }
        }
    }

    #[test]
    fn a_pair_without_upward_curvature_is_not_learnt() {
        let mut memory = Memory::new(3);
        memory.learn(Pair::new(vec![1.0, 0.0], vec![-1.0, 0.0]));
        memory.learn(Pair::new(vec![1.0, 0.0], vec![0.0, 1.0]));
        assert!(memory.is_empty());
    }
}
