//! The transpose of combinations, seen from the value that they read.

use super::aligned::Aligned;
use super::kernels::{Lanes, Stretch, blocks, by_count, fma, stretches};
use super::weights::{LANES, StepWeights};
use pulp::{Simd, WithSimd};
use std::sync::Arc;
use tauscope_dynamics::vector_unit;

/// A cotangent that is being summed; an empty one is zero, whatever its values say: what comes first need not be added.
#[derive(Debug, Clone, Default)]
pub(super) struct Cotangent {
    pub(super) values: Aligned,
    pub(super) is_empty: bool,
}

impl Cotangent {
    /// Zero, of that length.
    pub(super) fn new(len: usize) -> Cotangent {
        Cotangent {
            values: Aligned::zeros(len),
            is_empty: true,
        }
    }

    /// Adds `v`.
    pub(super) fn add(&mut self, v: &[f64]) {
        if self.is_empty {
            self.values.copy_from_slice(v);
            self.is_empty = false;
        } else {
            self.values.iter_mut().zip(v).for_each(|(s, v)| *s += v);
        }
    }

    /// Adds what `write` writes over a block.
    pub(super) fn add_written(&mut self, write: impl FnOnce(&mut [f64])) {
        if self.is_empty {
            write(&mut self.values);
            self.is_empty = false;
        } else {
            let mut v = vec![0.0; self.values.len()];
            write(&mut v);
            self.add(&v);
        }
    }

    /// The sum.
    pub(super) fn finish(mut self) -> Vec<f64> {
        if self.is_empty {
            self.values.fill(0.0);
        }
        self.values.to_vec()
    }
}

/// A combination with the cotangent of its sum, and where the weight of one of its sources is.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) cotangent: &'a [f64],
    pub(super) step: &'a Arc<StepWeights>,
    pub(super) operation: usize,
    pub(super) row: usize,
}

/// Most readers that are gathered at once.
const MOST_READERS: usize = 12;

/// Weights of the readers of a value, side by side: one stream of them, where each combination has its own. Kept until readers with
/// other weights come.
#[derive(Debug, Default)]
pub(super) struct Packed(Vec<Pack>);

#[derive(Debug, Default)]
struct Pack {
    /// Of whom, and whether with derivatives by log tau. What is held here is not freed, so that no other has its address.
    of: Vec<(Arc<StepWeights>, usize, usize)>,
    by_log_tau: bool,
    /// (lane, reader, group), with derivatives (lane, weight or derivative, reader, group).
    rows: Aligned,
}

impl Pack {
    fn rows(&mut self, readers: &[Reader<'_>], by_log_tau: bool) -> &[[f64; LANES]] {
        let is_of = |(reader, of): (&Reader<'_>, &(Arc<StepWeights>, usize, usize))| {
            Arc::ptr_eq(reader.step, &of.0) && (reader.operation, reader.row) == (of.1, of.2)
        };
        let are_same = self.of.len() == readers.len()
            && self.by_log_tau == by_log_tau
            && readers.iter().zip(&self.of).all(is_of);
        if !are_same {
            self.pack(readers, by_log_tau);
        }
        self.rows.as_chunks::<LANES>().0
    }

    fn pack(&mut self, readers: &[Reader<'_>], by_log_tau: bool) {
        let of = |r: &Reader<'_>| (Arc::clone(r.step), r.operation, r.row);
        self.of.clear();
        self.of.extend(readers.iter().map(of));
        self.by_log_tau = by_log_tau;
        let rows = 1 + usize::from(by_log_tau);
        let stride = rows * readers.len();
        let groups = readers.first().map_or(0, |reader| {
            let weights = &reader.step.operations[reader.operation];
            weights.weights.len() / (LANES * weights.sources.len())
        });
        if self.rows.len() != groups * stride * LANES {
            self.rows = Aligned::zeros(groups * stride * LANES);
        }
        let packed = self.rows.as_chunks_mut::<LANES>().0;
        for (k, reader) in readers.iter().enumerate() {
            let weights = &reader.step.operations[reader.operation];
            let sources = weights.sources.len();
            for (row, from) in [&weights.weights, &weights.by_log_tau]
                .into_iter()
                .take(rows)
                .enumerate()
            {
                let from = &from.as_chunks::<LANES>().0[reader.row..];
                let into = packed[k * rows + row..].iter_mut().step_by(stride);
                into.zip(from.iter().step_by(sources))
                    .for_each(|(into, from)| *into = *from);
            }
        }
    }
}

/// The transpose of [`combine`](super::kernels::combine), seen from one of its sources: `into += sum_k weights_k cotangent_k` over the
/// combinations that read it.
///
/// `log_tau`: the value of that source and sums by entry of the tile, to which `value sum_k by_log_tau_k cotangent_k` is
/// added: what the weights change with log tau.
pub(super) fn gather(
    into: &mut Cotangent,
    tile: usize,
    readers: &[Reader<'_>],
    packed: &mut Packed,
    mut log_tau: Option<(&[f64], &mut [f64])>,
) {
    for (n, readers) in readers.chunks(MOST_READERS).enumerate() {
        if packed.0.len() == n {
            packed.0.push(Pack::default());
        }
        let rows = packed.0[n].rows(readers, log_tau.is_some());
        let add = !std::mem::replace(&mut into.is_empty, false);
        let out = &mut into.values[..];
        macro_rules! call {
            ($count:literal) => {{
                let gather = Gather::<$count>::new(out, add, tile, readers);
                let unit = vector_unit();
                match &mut log_tau {
                    None => unit.dispatch(Sum { gather, rows }),
                    Some((value, sums)) => unit.dispatch(SumByLogTau {
                        gather,
                        rows,
                        value,
                        sums,
                    }),
                }
            }};
        }
        by_count!(readers, call);
    }
}

/// Cotangents of the readers, and what they are summed into.
struct Gather<'a, const T: usize> {
    out: &'a mut [f64],
    add: bool,
    tile: usize,
    cotangents: [&'a [f64]; T],
}

impl<'a, const T: usize> Gather<'a, T> {
    fn new(out: &'a mut [f64], add: bool, tile: usize, readers: &[Reader<'a>]) -> Self {
        let mut cotangents: [&[f64]; T] = [&[]; T];
        for (cotangent, reader) in cotangents.iter_mut().zip(readers) {
            *cotangent = reader.cotangent;
        }
        Gather {
            out,
            add,
            tile,
            cotangents,
        }
    }

    /// Whole groups, and the group of the tile in which what follows them lies.
    fn groups(&self) -> (usize, usize) {
        let groups = self.out.len() / LANES;
        (groups, groups % (self.tile / LANES))
    }
}

struct Sum<'a, const T: usize> {
    gather: Gather<'a, T>,
    rows: &'a [[f64; LANES]],
}

impl<const T: usize> WithSimd for Sum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (groups, last) = self.gather.groups();
        let rows = self.rows.as_chunks::<T>().0;
        let Gather {
            out,
            add,
            tile,
            cotangents,
        } = self.gather;
        let (out, rest) = out.as_chunks_mut::<LANES>();
        for Stretch { first, unit, len } in stretches(groups, tile) {
            let (out, rows) = (&mut out[first..][..len], &rows[unit..][..len]);
            let x = blocks::<T>(&cotangents, first, len);
            for g in 0..len {
                let mut sum = start::<S>(simd, add, &out[g]);
                for k in 0..T {
                    sum.add_product(simd, &rows[g][k], &x[k][g]);
                }
                sum.store(&mut out[g]);
            }
        }
        for (lane, out) in rest.iter_mut().enumerate() {
            let mut sum = if add { *out } else { 0.0 };
            for k in 0..T {
                sum = fma::<S>(
                    rows[last][k][lane],
                    cotangents[k][groups * LANES + lane],
                    sum,
                );
            }
            *out = sum;
        }
    }
}

struct SumByLogTau<'a, const T: usize> {
    gather: Gather<'a, T>,
    rows: &'a [[f64; LANES]],
    value: &'a [f64],
    sums: &'a mut [f64],
}

impl<const T: usize> WithSimd for SumByLogTau<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (groups, last) = self.gather.groups();
        let rows = self.rows.as_chunks::<2>().0.as_chunks::<T>().0;
        let (value, sums) = (self.value, self.sums);
        let Gather {
            out,
            add,
            tile,
            cotangents,
        } = self.gather;
        let (out, rest) = out.as_chunks_mut::<LANES>();
        let totals = sums.as_chunks_mut::<LANES>().0;
        for Stretch { first, unit, len } in stretches(groups, tile) {
            let (out, rows) = (&mut out[first..][..len], &rows[unit..][..len]);
            let totals = &mut totals[unit..][..len];
            let x = blocks::<T>(&cotangents, first, len);
            let [value] = blocks::<1>(&[value], first, len);
            for g in 0..len {
                let (mut sum, mut change) = (start::<S>(simd, add, &out[g]), Lanes::zero(simd));
                for k in 0..T {
                    let [weight, by_log_tau] = &rows[g][k];
                    sum.add_product(simd, weight, &x[k][g]);
                    change.add_product(simd, by_log_tau, &x[k][g]);
                }
                sum.store(&mut out[g]);
                let mut total = Lanes::load(simd, &totals[g]);
                total.add_lanes(simd, change, &value[g]);
                total.store(&mut totals[g]);
            }
        }
        for (lane, out) in rest.iter_mut().enumerate() {
            let (mut sum, mut change) = (if add { *out } else { 0.0 }, 0.0);
            for k in 0..T {
                let ([weight, by_log_tau], x) =
                    (&rows[last][k], cotangents[k][groups * LANES + lane]);
                sum = fma::<S>(weight[lane], x, sum);
                change = fma::<S>(by_log_tau[lane], x, change);
            }
            *out = sum;
            let total = &mut sums[last * LANES + lane];
            *total = fma::<S>(change, value[groups * LANES + lane], *total);
        }
    }
}

#[inline(always)]
fn start<S: Simd>(simd: S, add: bool, out: &[f64; LANES]) -> Lanes<S> {
    if add {
        Lanes::load(simd, out)
    } else {
        Lanes::zero(simd)
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::MAX_LAG;
    use super::super::scheme::StepKind;
    use super::super::weights::{Geometry, Weights};
    use super::*;

    /// A step whose second operation has three sources, for a tile of 16 entries.
    fn step(seed: f64) -> Arc<StepWeights> {
        let numbers = |phase: f64| {
            let all: Vec<f64> = (0..48).map(|i| (seed * i as f64 + phase).sin()).collect();
            Aligned::from(&all[..])
        };
        let weights = Weights {
            sources: vec![super::super::program::Source::Drive(0); 3],
            weights: numbers(0.0),
            by_log_tau: numbers(1.0),
        };
        Arc::new(StepWeights {
            geometry: Geometry {
                kind: StepKind::Start,
                h: 1.0,
                lengths: [1.0; MAX_LAG + 1],
                left: 0.0,
                right: 1.0,
                settles: 0.0,
            },
            operations: vec![Weights::default(), weights],
        })
    }

    /// What [`gather`] writes, entry by entry; a block of 2 tiles and 5 entries.
    #[test]
    fn weights_of_other_readers_are_packed_anew() {
        let block: Vec<f64> = (0..37).map(|i| (0.7 * i as f64).cos()).collect();
        let value: Vec<f64> = (0..37).map(|i| 0.1 * i as f64).collect();
        let (a, b) = (step(0.3), step(0.8));
        let reader = |step, row| Reader {
            cotangent: &block,
            step,
            operation: 1,
            row,
        };
        let cases = [
            vec![reader(&a, 0), reader(&a, 2)],
            vec![reader(&a, 0), reader(&b, 2)],
            vec![reader(&a, 0), reader(&b, 1)],
            vec![reader(&a, 0)],
            // more than fit one call
            (0..14).map(|k| reader(&b, k % 3)).collect(),
        ];
        let mut packed = Packed::default();
        for (readers, with) in cases.iter().flat_map(|r| [(r, true), (r, false)]) {
            let mut into = Cotangent::new(37);
            let mut sums = [0.0; 16];
            let log_tau = with.then_some((&value[..], &mut sums[..]));
            gather(&mut into, 16, readers, &mut packed, log_tau);
            let mut expected = [0.0; 16];
            for (i, x) in block.iter().enumerate() {
                let entry = i % 16;
                let at = |r: &Reader<'_>| (entry / LANES * 3 + r.row) * LANES + entry % LANES;
                let sum = |rows: fn(&Weights) -> &Aligned| {
                    let terms = readers.iter();
                    terms
                        .map(|r| rows(&r.step.operations[1])[at(r)] * x)
                        .sum::<f64>()
                };
                assert!((into.values[i] - sum(|w| &w.weights)).abs() < 1e-13);
                expected[entry] += value[i] * sum(|w| &w.by_log_tau);
            }
            for (sum, expected) in sums.iter().zip(expected) {
                let expected = if with { expected } else { 0.0 };
                assert!((sum - expected).abs() < 1e-12, "{sum} {expected}");
            }
        }
    }
}
