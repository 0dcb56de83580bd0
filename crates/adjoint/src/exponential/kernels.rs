//! The passes over (unit, column) blocks, compiled for the vector unit of the processor at hand.
//!
//! Entries are taken in groups of [`LANES`], which every vector unit divides evenly. Vectors are explicit: left alone, the
//! compiler takes groups side by side, by gathers.

use super::weights::LANES;
use pulp::{Simd, WithSimd};
use tauscope_dynamics::vector_unit;

/// Most sources of one combination.
pub(super) const MOST: usize = 8;

/// The same call for every number of sources, so that loops over them have a constant length.
macro_rules! by_count {
    ($inputs:expr, $call:ident) => {
        match $inputs.len() {
            0 => {}
            1 => $call!(1),
            2 => $call!(2),
            3 => $call!(3),
            4 => $call!(4),
            5 => $call!(5),
            6 => $call!(6),
            7 => $call!(7),
            8 => $call!(8),
            more => unreachable!("{more} sources in one combination"),
        }
    };
}

fn fixed<'a, const T: usize>(inputs: &[&'a [f64]]) -> [&'a [f64]; T] {
    std::array::from_fn(|k| inputs[k])
}

/// `out = sum_k weights_k inputs_k`, weights tiled as in `Weights` with `stride` rows, of which the first
/// `inputs.len()` are used. Blocks (unit, column).
pub(super) fn combine(
    out: &mut [f64],
    tile: usize,
    weights: &[f64],
    stride: usize,
    inputs: &[&[f64]],
) {
    if inputs.is_empty() {
        out.fill(0.0);
    }
    macro_rules! call {
        ($count:literal) => {
            vector_unit().dispatch(Combine::<$count> {
                out,
                tile,
                weights,
                stride,
                inputs: fixed(inputs),
            })
        };
    }
    by_count!(inputs, call);
}

struct Combine<'a, const T: usize> {
    out: &'a mut [f64],
    tile: usize,
    weights: &'a [f64],
    stride: usize,
    inputs: [&'a [f64]; T],
}

impl<const T: usize> WithSimd for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let len = self.out.len();
        let mut start = 0;
        while start < len {
            let end = len.min(start + self.tile);
            let out = &mut self.out[start..end];
            let inputs: [&[f64]; T] = std::array::from_fn(|k| &self.inputs[k][start..end]);
            weighted_sum(simd, out, self.weights, self.stride, inputs);
            start = end;
        }
    }
}

/// [`combine`] within one tile.
#[inline(always)]
fn weighted_sum<S: Simd, const T: usize>(
    simd: S,
    out: &mut [f64],
    weights: &[f64],
    stride: usize,
    inputs: [&[f64]; T],
) {
    let in_groups = out.len() / LANES * LANES;
    let (groups, rest) = out.split_at_mut(in_groups);
    let groups = S::as_mut_simd_f64s(groups).0;
    let vectors = groups.len();
    let x: [&[S::f64s]; T] =
        std::array::from_fn(|k| &S::as_simd_f64s(&inputs[k][..in_groups]).0[..vectors]);
    let w = S::as_simd_f64s(weights).0;
    let each = LANES / S::F64_LANES;
    let mut at = 0;
    for group in groups.chunks_exact_mut(each) {
        let w = &w[at * stride..][..T * each];
        for (v, out) in group.iter_mut().enumerate() {
            let mut sum = simd.splat_f64s(0.0);
            for k in 0..T {
                sum = simd.mul_add_f64s(w[k * each + v], x[k][at + v], sum);
            }
            *out = sum;
        }
        at += each;
    }
    for lane in 0..rest.len() {
        let mut sum = 0.0;
        for k in 0..T {
            let weight = weights[(in_groups / LANES * stride + k) * LANES + lane];
            sum = fma::<S>(weight, inputs[k][in_groups + lane], sum);
        }
        rest[lane] = sum;
    }
}

/// A cotangent that is being summed; an empty one is zero, whatever its values say: what comes first need not be added.
#[derive(Debug, Clone, Default)]
pub(super) struct Cotangent {
    pub(super) values: Vec<f64>,
    pub(super) is_empty: bool,
}

impl Cotangent {
    /// Zero, of that length.
    pub(super) fn new(len: usize) -> Cotangent {
        Cotangent {
            values: vec![0.0; len],
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

    /// The sum.
    pub(super) fn finish(mut self) -> Vec<f64> {
        if self.is_empty {
            self.values.fill(0.0);
        }
        self.values
    }
}

/// The transpose of [`combine`] for cotangents `of` of its sum: `cotangents_k += weights_k of`; and, where `by_log_tau`
/// (tiled like the weights) is not empty, `log_tau += sum_k by_log_tau_k inputs_k of`, by entry of the tile.
pub(super) fn combine_transposed(
    of: &[f64],
    tile: usize,
    weights: &[f64],
    by_log_tau: &[f64],
    inputs: &[&[f64]],
    cotangents: &mut [Cotangent],
    log_tau: &mut [f64],
) {
    macro_rules! call {
        ($count:literal) => {{
            let empty: [bool; $count] = std::array::from_fn(|k| cotangents[k].is_empty);
            let mut slots = cotangents.iter_mut();
            let cotangents: [&mut [f64]; $count] = std::array::from_fn(|_| {
                slots.next().map_or(&mut [][..], |slot| {
                    slot.is_empty = false;
                    slot.values.as_mut_slice()
                })
            });
            vector_unit().dispatch(CombineTransposed::<$count> {
                of,
                tile,
                weights,
                by_log_tau,
                inputs: fixed(inputs),
                cotangents,
                empty,
                log_tau,
            })
        }};
    }
    by_count!(inputs, call);
}

struct CombineTransposed<'a, const T: usize> {
    of: &'a [f64],
    tile: usize,
    weights: &'a [f64],
    by_log_tau: &'a [f64],
    inputs: [&'a [f64]; T],
    cotangents: [&'a mut [f64]; T],
    empty: [bool; T],
    log_tau: &'a mut [f64],
}

impl<const T: usize> WithSimd for CombineTransposed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let len = self.of.len();
        let mut start = 0;
        while start < len {
            let end = len.min(start + self.tile);
            let of = &self.of[start..end];
            for k in 0..T {
                let target = &mut self.cotangents[k][start..end];
                if self.empty[k] {
                    scatter::<S, T, false>(simd, of, self.weights, k, target);
                } else {
                    scatter::<S, T, true>(simd, of, self.weights, k, target);
                }
            }
            if !self.by_log_tau.is_empty() {
                let inputs: [&[f64]; T] = std::array::from_fn(|k| &self.inputs[k][start..end]);
                add_change(
                    simd,
                    of,
                    self.by_log_tau,
                    inputs,
                    &mut self.log_tau[..end - start],
                );
            }
            start = end;
        }
    }
}

/// `target = weights_k of` within one tile, or `target += ..` where `ADD`.
#[inline(always)]
fn scatter<S: Simd, const T: usize, const ADD: bool>(
    simd: S,
    of: &[f64],
    weights: &[f64],
    k: usize,
    target: &mut [f64],
) {
    let in_groups = of.len() / LANES * LANES;
    let x = S::as_simd_f64s(&of[..in_groups]).0;
    let (groups, rest) = target.split_at_mut(in_groups);
    let groups = S::as_mut_simd_f64s(groups).0;
    let w = S::as_simd_f64s(weights).0;
    let each = LANES / S::F64_LANES;
    let mut at = 0;
    for (group, x) in groups.chunks_exact_mut(each).zip(x.chunks_exact(each)) {
        let w = &w[at * T + k * each..][..each];
        for v in 0..each {
            group[v] = if ADD {
                simd.mul_add_f64s(w[v], x[v], group[v])
            } else {
                simd.mul_f64s(w[v], x[v])
            };
        }
        at += each;
    }
    for (lane, (target, of)) in rest.iter_mut().zip(&of[in_groups..]).enumerate() {
        let weight = weights[(in_groups / LANES * T + k) * LANES + lane];
        *target = if ADD {
            fma::<S>(weight, *of, *target)
        } else {
            weight * of
        };
    }
}

/// `sums += of sum_k rows_k inputs_k` within one tile.
#[inline(always)]
fn add_change<S: Simd, const T: usize>(
    simd: S,
    of: &[f64],
    rows: &[f64],
    inputs: [&[f64]; T],
    sums: &mut [f64],
) {
    let in_groups = of.len() / LANES * LANES;
    let (groups, rest) = sums.split_at_mut(in_groups);
    let groups = S::as_mut_simd_f64s(groups).0;
    let vectors = groups.len();
    let x: [&[S::f64s]; T] =
        std::array::from_fn(|k| &S::as_simd_f64s(&inputs[k][..in_groups]).0[..vectors]);
    let factor = S::as_simd_f64s(&of[..in_groups]).0;
    let w = S::as_simd_f64s(rows).0;
    let each = LANES / S::F64_LANES;
    let mut at = 0;
    for (group, factor) in groups.chunks_exact_mut(each).zip(factor.chunks_exact(each)) {
        let w = &w[at * T..][..T * each];
        for v in 0..each {
            let mut change = simd.splat_f64s(0.0);
            for k in 0..T {
                change = simd.mul_add_f64s(w[k * each + v], x[k][at + v], change);
            }
            group[v] = simd.mul_add_f64s(change, factor[v], group[v]);
        }
        at += each;
    }
    for (lane, (sum, of)) in rest.iter_mut().zip(&of[in_groups..]).enumerate() {
        let mut change = 0.0;
        for k in 0..T {
            let row = rows[(in_groups / LANES * T + k) * LANES + lane];
            change = fma::<S>(row, inputs[k][in_groups + lane], change);
        }
        *sum = fma::<S>(change, *of, *sum);
    }
}

#[inline(always)]
fn fma<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
    if S::IS_SCALAR {
        a * b + c
    } else {
        a.mul_add(b, c)
    }
}

/// `out += a b`; `a` (unit, trial) repeats for every direction of `b` and `out`.
pub(super) fn add_elementwise(a: &[f64], b: &[f64], out: &mut [f64]) {
    vector_unit().dispatch(Elementwise::<true> { a, b, out });
}

/// `out = a b`, as [`add_elementwise`].
pub(super) fn elementwise(a: &[f64], b: &[f64], out: &mut [f64]) {
    vector_unit().dispatch(Elementwise::<false> { a, b, out });
}

struct Elementwise<'a, const ADD: bool> {
    a: &'a [f64],
    b: &'a [f64],
    out: &'a mut [f64],
}

impl<const ADD: bool> WithSimd for Elementwise<'_, ADD> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let period = self.a.len().max(1);
        let mut start = 0;
        while start < self.out.len() {
            let end = self.out.len().min(start + period);
            let (a, b, out) = (
                &self.a[..end - start],
                &self.b[start..end],
                &mut self.out[start..end],
            );
            for i in 0..a.len() {
                out[i] = if ADD {
                    fma::<S>(a[i], b[i], out[i])
                } else {
                    a[i] * b[i]
                };
            }
            start = end;
        }
    }
}
