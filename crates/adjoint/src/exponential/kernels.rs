//! The passes over (unit, column) blocks, compiled for the vector unit of the processor at hand.
//!
//! Entries are taken in groups of [`LANES`], which every vector unit divides evenly. Vectors are explicit: left alone, the
//! compiler takes groups side by side, by gathers.

use super::weights::LANES;
use crate::Tolerances;
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
            9 => $call!(9),
            10 => $call!(10),
            11 => $call!(11),
            12 => $call!(12),
            more => unreachable!("{more} sources in one combination"),
        }
    };
}

pub(super) use by_count;

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
                inputs,
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
    inputs: &'a [&'a [f64]],
}

impl<const T: usize> WithSimd for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            out,
            tile,
            weights,
            stride,
            inputs,
        } = self;
        let (groups, rest) = out.as_chunks_mut::<LANES>();
        let rows = weights.as_chunks::<LANES>().0;
        for Stretch { first, unit, len } in stretches(groups.len(), tile) {
            let out = &mut groups[first..][..len];
            let x = blocks::<T>(inputs, first, len);
            let w = &rows[unit * stride..][..len * stride];
            for (g, (out, w)) in out.iter_mut().zip(w.chunks_exact(stride)).enumerate() {
                let w = &w[..T];
                let mut sum = Lanes::<S>::zero(simd);
                for k in 0..T {
                    sum.add_product(simd, &w[k], &x[k][g]);
                }
                sum.store(out);
            }
        }
        let in_groups = groups.len();
        for (lane, out) in rest.iter_mut().enumerate() {
            let mut sum = 0.0;
            for k in 0..T {
                let weight = rows[in_groups % (tile / LANES) * stride + k][lane];
                sum = fma::<S>(weight, inputs[k][in_groups * LANES + lane], sum);
            }
            *out = sum;
        }
    }
}

/// Most columns of a matrix that [`affine`] takes.
pub(super) const FEW_COLUMNS: usize = 12;

/// `out = matrix x + b` for a matrix (row, inner) of at most [`FEW_COLUMNS`], by columns, and blocks (inner, column) and (row, column):
/// what a product for large matrices spends on its preparation is more than this.
pub(super) fn affine(matrix: &[f64], b: &[f64], x: &[f64], out: &mut [f64]) {
    if matrix.is_empty() {
        let columns = out.chunks_exact_mut(b.len().max(1));
        columns.for_each(|column| column.copy_from_slice(b));
    }
    let columns = matrix.chunks_exact(b.len().max(1));
    macro_rules! call {
        ($count:literal) => {
            vector_unit().dispatch(Affine::<$count> { matrix, b, x, out })
        };
    }
    by_count!(columns, call);
}

struct Affine<'a, const K: usize> {
    matrix: &'a [f64],
    b: &'a [f64],
    x: &'a [f64],
    out: &'a mut [f64],
}

impl<const K: usize> WithSimd for Affine<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { matrix, b, x, out } = self;
        let rows = b.len();
        let x = x.as_chunks::<K>().0;
        let whole = rows / LANES * LANES;
        for first in (0..whole).step_by(LANES) {
            let group = |column: &[f64]| column[first..].as_chunks::<LANES>().0[0];
            let constant = group(b);
            let mut factors = [constant; K];
            for (factors, column) in factors.iter_mut().zip(matrix.chunks_exact(rows)) {
                *factors = group(column);
            }
            for (x, out) in x.iter().zip(out.chunks_exact_mut(rows)) {
                let mut sum = Lanes::<S>::load(simd, &constant);
                for k in 0..K {
                    sum.add_scaled(simd, x[k], &factors[k]);
                }
                sum.store(&mut out[first..].as_chunks_mut::<LANES>().0[0]);
            }
        }
        for row in whole..rows {
            for (x, out) in x.iter().zip(out.chunks_exact_mut(rows)) {
                let mut sum = b[row];
                for k in 0..K {
                    sum = fma::<S>(matrix[k * rows + row], x[k], sum);
                }
                out[row] = sum;
            }
        }
    }
}

/// Consecutive groups of [`LANES`] entries within one tile.
pub(super) struct Stretch {
    /// Group in the block, and in the tile.
    pub(super) first: usize,
    pub(super) unit: usize,
    pub(super) len: usize,
}

/// Groups of a stretch: their weights stay in the cache over all tiles.
const STRETCH: usize = 8;

/// A block of that many groups, for the same part of every tile before the next part.
#[inline(always)]
pub(super) fn stretches(groups: usize, tile: usize) -> impl Iterator<Item = Stretch> {
    let in_tile = tile / LANES;
    (0..in_tile).step_by(STRETCH).flat_map(move |unit| {
        let longest = STRETCH.min(in_tile - unit);
        (unit..groups).step_by(in_tile).map(move |first| Stretch {
            first,
            unit,
            len: longest.min(groups - first),
        })
    })
}

/// The groups of a stretch in several blocks, all of one length: so the compiler sees that none need be checked again.
#[inline(always)]
pub(super) fn blocks<'a, const T: usize>(
    blocks: &[&'a [f64]],
    first: usize,
    len: usize,
) -> [&'a [[f64; LANES]]; T] {
    let mut groups: [&[[f64; LANES]]; T] = [&[]; T];
    for k in 0..T {
        groups[k] = &blocks[k].as_chunks::<LANES>().0[first..][..len];
    }
    groups
}

/// The vectors of a group.
#[derive(Clone, Copy)]
pub(super) struct Lanes<S: Simd>([S::f64s; LANES]);

impl<S: Simd> Lanes<S> {
    /// How many of the array are used.
    const VECTORS: usize = LANES / S::F64_LANES;

    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        Lanes([simd.splat_f64s(0.0); LANES])
    }

    #[inline(always)]
    pub(super) fn load(simd: S, group: &[f64; LANES]) -> Self {
        let mut lanes = Self::zero(simd);
        lanes.0[..Self::VECTORS].copy_from_slice(S::as_simd_f64s(group).0);
        lanes
    }

    /// Adds `a b`.
    #[inline(always)]
    pub(super) fn add_product(&mut self, simd: S, a: &[f64; LANES], b: &[f64; LANES]) {
        let factors = S::as_simd_f64s(a).0.iter().zip(S::as_simd_f64s(b).0);
        for (sum, (&a, &b)) in self.0.iter_mut().zip(factors) {
            *sum = simd.mul_add_f64s(a, b, *sum);
        }
    }

    /// Adds `a b` for one number `a`.
    #[inline(always)]
    pub(super) fn add_scaled(&mut self, simd: S, a: f64, b: &[f64; LANES]) {
        let a = simd.splat_f64s(a);
        for (sum, &b) in self.0.iter_mut().zip(S::as_simd_f64s(b).0) {
            *sum = simd.mul_add_f64s(a, b, *sum);
        }
    }

    /// Adds `a b`.
    #[inline(always)]
    pub(super) fn add_lanes(&mut self, simd: S, a: Self, b: &[f64; LANES]) {
        let factors = a.0.iter().zip(S::as_simd_f64s(b).0);
        for (sum, (&a, &b)) in self.0.iter_mut().zip(factors) {
            *sum = simd.mul_add_f64s(a, b, *sum);
        }
    }

    #[inline(always)]
    pub(super) fn store(self, group: &mut [f64; LANES]) {
        S::as_mut_simd_f64s(group)
            .0
            .copy_from_slice(&self.0[..Self::VECTORS]);
    }
}

#[inline(always)]
pub(super) fn fma<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
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

/// Sum of `(error / (atol + rtol |value|))^2`.
pub(super) fn scaled_squares(error: &[f64], value: &[f64], tolerances: Tolerances) -> f64 {
    vector_unit().dispatch(ScaledSquares {
        error,
        value,
        tolerances,
    })
}

struct ScaledSquares<'a> {
    error: &'a [f64],
    value: &'a [f64],
    tolerances: Tolerances,
}

impl WithSimd for ScaledSquares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Tolerances { rtol, atol } = self.tolerances;
        let (errors, rest) = S::as_simd_f64s(self.error);
        let (values, values_rest) = S::as_simd_f64s(&self.value[..self.error.len()]);
        let (wide_rtol, wide_atol) = (simd.splat_f64s(rtol), simd.splat_f64s(atol));
        let mut sums = simd.splat_f64s(0.0);
        for (&error, &value) in errors.iter().zip(values) {
            let allowed = simd.mul_add_f64s(wide_rtol, simd.abs_f64s(value), wide_atol);
            let scaled = simd.div_f64s(error, allowed);
            sums = simd.mul_add_f64s(scaled, scaled, sums);
        }
        let mut sum = simd.reduce_sum_f64s(sums);
        for (error, value) in rest.iter().zip(values_rest) {
            let scaled = error / fma::<S>(rtol, value.abs(), atol);
            sum = fma::<S>(scaled, scaled, sum);
        }
        sum
    }
}
