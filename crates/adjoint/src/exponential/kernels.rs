//! The passes over (unit, column) blocks, compiled for the vector unit of the processor at hand.
//!
//! Entries are taken in groups of [`LANES`], which every vector unit divides evenly. Vectors are explicit: left alone, the
//! compiler takes groups side by side, by gathers.

use super::aligned::Aligned;
use super::weights::LANES;
use crate::Tolerances;
use arrayvec::ArrayVec;
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
        let Self {
            out,
            tile,
            weights,
            stride,
            inputs,
        } = self;
        let in_vectors = out.len() / LANES * LANES;
        let (vectors, rest) = out.split_at_mut(in_vectors);
        let vectors = S::as_mut_simd_f64s(vectors).0;
        let x = vectors_of::<S, T>(inputs, in_vectors, vectors.len());
        let rows = S::as_simd_f64s(weights).0;
        for place in places::<S>(tile) {
            let w: [S::f64s; T] = std::array::from_fn(|k| rows[place.row(stride, k)]);
            let mut at = place.first;
            while at < vectors.len() {
                let mut sum = simd.splat_f64s(0.0);
                for k in 0..T {
                    sum = simd.mul_add_f64s(w[k], x[k][at], sum);
                }
                vectors[at] = sum;
                at += place.step;
            }
        }
        for (lane, out) in rest.iter_mut().enumerate() {
            let mut sum = 0.0;
            for k in 0..T {
                let weight = weights[row_of_rest(in_vectors, tile, stride, k, lane)];
                sum = fma::<S>(weight, inputs[k][in_vectors + lane], sum);
            }
            *out = sum;
        }
    }
}

/// Vectors that share their weights: the same units in every tile.
#[derive(Clone, Copy)]
struct Place {
    /// Index of the first such vector, and from one to the next.
    first: usize,
    step: usize,
    /// Group of lanes, and the vector within it.
    group: usize,
    within: usize,
    vectors_a_group: usize,
}

impl Place {
    /// Index of the vector of row `k` among weights of `stride` rows.
    #[inline(always)]
    fn row(self, stride: usize, k: usize) -> usize {
        (self.group * stride + k) * self.vectors_a_group + self.within
    }
}

/// The vectors of one tile. Weights are loaded once for each and kept in registers over all tiles.
#[inline(always)]
fn places<S: Simd>(tile: usize) -> impl Iterator<Item = Place> {
    let vectors_a_group = LANES / S::F64_LANES;
    let step = tile / S::F64_LANES;
    (0..step).map(move |first| Place {
        first,
        step,
        group: first / vectors_a_group,
        within: first % vectors_a_group,
        vectors_a_group,
    })
}

/// Index of the weight of row `k` for the entry `lane` places after the last whole group of lanes.
#[inline(always)]
fn row_of_rest(in_vectors: usize, tile: usize, stride: usize, k: usize, lane: usize) -> usize {
    (in_vectors % tile / LANES * stride + k) * LANES + lane
}

#[inline(always)]
fn vectors_of<S: Simd, const T: usize>(
    blocks: [&[f64]; T],
    in_vectors: usize,
    vectors: usize,
) -> [&[S::f64s]; T] {
    std::array::from_fn(|k| &S::as_simd_f64s(&blocks[k][..in_vectors]).0[..vectors])
}

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

    /// The sum.
    pub(super) fn finish(mut self) -> Vec<f64> {
        if self.is_empty {
            self.values.fill(0.0);
        }
        self.values.to_vec()
    }
}

/// The transpose of [`combine`] for cotangents `of` of its sum: `cotangents_k += weights_k of`.
pub(super) fn combine_transposed(
    of: &[f64],
    tile: usize,
    weights: &[f64],
    cotangents: &mut [Cotangent],
) {
    let stride = cotangents.len();
    let (mut sums, mut empty) = (Targets::default(), Targets::default());
    for (row, cotangent) in cotangents.iter_mut().enumerate() {
        let targets = match cotangent.is_empty {
            true => &mut empty,
            false => &mut sums,
        };
        targets.rows.push(row);
        targets.blocks.push(&mut cotangent.values);
        cotangent.is_empty = false;
    }
    macro_rules! scatter {
        ($targets:ident, $add:literal) => {{
            macro_rules! call {
                ($count:literal) => {{
                    let mut blocks = $targets.blocks.into_iter();
                    vector_unit().dispatch(Scatter::<$count, $add> {
                        of,
                        tile,
                        weights,
                        stride,
                        rows: std::array::from_fn(|k| $targets.rows[k]),
                        targets: std::array::from_fn(|_| blocks.next().unwrap_or_default()),
                    })
                }};
            }
            by_count!($targets.rows, call);
        }};
    }
    scatter!(sums, true);
    scatter!(empty, false);
}

/// Cotangents to which a combination passes something on, with the rows of their weights.
#[derive(Default)]
struct Targets<'a> {
    rows: ArrayVec<usize, MOST>,
    blocks: ArrayVec<&'a mut [f64], MOST>,
}

/// `targets_k = weights_k of`, or `targets_k += ..` where `ADD`.
struct Scatter<'a, const T: usize, const ADD: bool> {
    of: &'a [f64],
    tile: usize,
    weights: &'a [f64],
    stride: usize,
    rows: [usize; T],
    targets: [&'a mut [f64]; T],
}

impl<const T: usize, const ADD: bool> WithSimd for Scatter<'_, T, ADD> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            of,
            tile,
            weights,
            stride,
            rows,
            targets,
        } = self;
        let in_vectors = of.len() / LANES * LANES;
        let x = S::as_simd_f64s(&of[..in_vectors]).0;
        let w = S::as_simd_f64s(weights).0;
        let mut rests: [&mut [f64]; T] = std::array::from_fn(|_| &mut [][..]);
        let mut vectors: [&mut [S::f64s]; T] = std::array::from_fn(|_| &mut [][..]);
        for (k, target) in targets.into_iter().enumerate() {
            let (whole, rest) = target.split_at_mut(in_vectors);
            vectors[k] = &mut S::as_mut_simd_f64s(whole).0[..x.len()];
            rests[k] = &mut rest[..of.len() - in_vectors];
        }
        for place in places::<S>(tile) {
            let w: [S::f64s; T] = std::array::from_fn(|k| w[place.row(stride, rows[k])]);
            let mut at = place.first;
            while at < x.len() {
                for k in 0..T {
                    vectors[k][at] = if ADD {
                        simd.mul_add_f64s(w[k], x[at], vectors[k][at])
                    } else {
                        simd.mul_f64s(w[k], x[at])
                    };
                }
                at += place.step;
            }
        }
        for k in 0..T {
            for (lane, target) in rests[k].iter_mut().enumerate() {
                let weight = weights[row_of_rest(in_vectors, tile, stride, rows[k], lane)];
                let of = of[in_vectors + lane];
                *target = if ADD {
                    fma::<S>(weight, of, *target)
                } else {
                    weight * of
                };
            }
        }
    }
}

/// `sums += of sum_k rows_k inputs_k` by entry of the tile, `rows` tiled as in `Weights`: what a change of the weights does
/// to the sum of [`combine`].
pub(super) fn add_change(
    of: &[f64],
    tile: usize,
    rows: &[f64],
    inputs: &[&[f64]],
    sums: &mut [f64],
) {
    macro_rules! call {
        ($count:literal) => {
            vector_unit().dispatch(AddChange::<$count> {
                of,
                tile,
                rows,
                inputs: fixed(inputs),
                sums,
            })
        };
    }
    by_count!(inputs, call);
}

struct AddChange<'a, const T: usize> {
    of: &'a [f64],
    tile: usize,
    rows: &'a [f64],
    inputs: [&'a [f64]; T],
    sums: &'a mut [f64],
}

impl<const T: usize> WithSimd for AddChange<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            of,
            tile,
            rows,
            inputs,
            sums,
        } = self;
        let in_vectors = of.len() / LANES * LANES;
        let factor = S::as_simd_f64s(&of[..in_vectors]).0;
        let x = vectors_of::<S, T>(inputs, in_vectors, factor.len());
        let w = S::as_simd_f64s(rows).0;
        let totals = &mut S::as_mut_simd_f64s(&mut sums[..tile]).0[..tile / S::F64_LANES];
        for (place, total) in places::<S>(tile).zip(totals) {
            let w: [S::f64s; T] = std::array::from_fn(|k| w[place.row(T, k)]);
            let mut at = place.first;
            while at < factor.len() {
                let mut change = simd.splat_f64s(0.0);
                for k in 0..T {
                    change = simd.mul_add_f64s(w[k], x[k][at], change);
                }
                *total = simd.mul_add_f64s(change, factor[at], *total);
                at += place.step;
            }
        }
        for lane in 0..of.len() - in_vectors {
            let mut change = 0.0;
            for k in 0..T {
                let row = rows[row_of_rest(in_vectors, tile, T, k, lane)];
                change = fma::<S>(row, inputs[k][in_vectors + lane], change);
            }
            let sum = &mut sums[in_vectors % tile + lane];
            *sum = fma::<S>(change, of[in_vectors + lane], *sum);
        }
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
