//! The passes over (unit, column) blocks, compiled for the vector unit of the processor at hand.
//!
//! Entries are taken in groups of [`LANES`], by way of local arrays that live in vector registers.

use super::weights::LANES;
use pulp::{Arch, Simd, WithSimd};

/// Most sources of one combination.
pub(super) const MOST: usize = 8;

type Lanes = [f64; LANES];

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
            Arch::new().dispatch(Combine::<$count> {
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
    fn with_simd<S: Simd>(self, _simd: S) {
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let len = self.out.len();
        let mut start = 0;
        while start < len {
            let end = len.min(start + self.tile);
            let out = &mut self.out[start..end];
            let inputs: [&[f64]; T] = std::array::from_fn(|k| &self.inputs[k][start..end]);
            weighted_sum::<S, T>(out, weights, self.stride, inputs);
            start = end;
        }
    }
}

/// [`combine`] within one tile.
#[inline(always)]
fn weighted_sum<S: Simd, const T: usize>(
    out: &mut [f64],
    weights: &[Lanes],
    stride: usize,
    inputs: [&[f64]; T],
) {
    let (groups, rest) = out.as_chunks_mut::<LANES>();
    let n = groups.len();
    let inputs_by_group: [&[Lanes]; T] =
        std::array::from_fn(|k| &inputs[k].as_chunks::<LANES>().0[..n]);
    for g in 0..n {
        let weights = &weights[g * stride..][..T];
        let mut sum = [0.0; LANES];
        for k in 0..T {
            add_product::<S>(&mut sum, &weights[k], &inputs_by_group[k][g]);
        }
        groups[g] = sum;
    }
    for lane in 0..rest.len() {
        let mut sum = 0.0;
        for k in 0..T {
            sum = fma::<S>(
                weights[n * stride + k][lane],
                inputs[k][n * LANES + lane],
                sum,
            );
        }
        rest[lane] = sum;
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
    cotangents: &mut [Vec<f64>],
    log_tau: &mut [f64],
) {
    macro_rules! call {
        ($count:literal) => {{
            let mut cotangents = cotangents.iter_mut();
            let cotangents: [&mut [f64]; $count] = std::array::from_fn(|_| {
                cotangents.next().map_or(&mut [][..], |c| c.as_mut_slice())
            });
            Arch::new().dispatch(CombineTransposed::<$count> {
                of,
                tile,
                weights,
                by_log_tau,
                inputs: fixed(inputs),
                cotangents,
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
    log_tau: &'a mut [f64],
}

impl<const T: usize> WithSimd for CombineTransposed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let (by_log_tau, _) = self.by_log_tau.as_chunks::<LANES>();
        let len = self.of.len();
        let mut start = 0;
        while start < len {
            let end = len.min(start + self.tile);
            let of = &self.of[start..end];
            for k in 0..T {
                scatter::<S, T>(of, weights, k, &mut self.cotangents[k][start..end]);
            }
            if !by_log_tau.is_empty() {
                let inputs: [&[f64]; T] = std::array::from_fn(|k| &self.inputs[k][start..end]);
                add_change::<S, T>(of, by_log_tau, inputs, &mut self.log_tau[..end - start]);
            }
            start = end;
        }
    }
}

/// `target += weights_k of` within one tile.
#[inline(always)]
fn scatter<S: Simd, const T: usize>(of: &[f64], weights: &[Lanes], k: usize, target: &mut [f64]) {
    let (groups, rest) = of.as_chunks::<LANES>();
    let n = groups.len();
    let (targets, last) = target.as_chunks_mut::<LANES>();
    let targets = &mut targets[..n];
    for g in 0..n {
        let mut sum = targets[g];
        add_product::<S>(&mut sum, &weights[g * T + k], &groups[g]);
        targets[g] = sum;
    }
    for lane in 0..rest.len() {
        last[lane] = fma::<S>(weights[n * T + k][lane], rest[lane], last[lane]);
    }
}

/// `sums += of sum_k rows_k inputs_k` within one tile.
#[inline(always)]
fn add_change<S: Simd, const T: usize>(
    of: &[f64],
    rows: &[Lanes],
    inputs: [&[f64]; T],
    sums: &mut [f64],
) {
    let (groups, rest) = of.as_chunks::<LANES>();
    let n = groups.len();
    let inputs_by_group: [&[Lanes]; T] =
        std::array::from_fn(|k| &inputs[k].as_chunks::<LANES>().0[..n]);
    let (totals, last) = sums.as_chunks_mut::<LANES>();
    let totals = &mut totals[..n];
    for g in 0..n {
        let rows = &rows[g * T..][..T];
        let mut change = [0.0; LANES];
        for k in 0..T {
            add_product::<S>(&mut change, &rows[k], &inputs_by_group[k][g]);
        }
        let mut total = totals[g];
        add_product::<S>(&mut total, &change, &groups[g]);
        totals[g] = total;
    }
    for lane in 0..rest.len() {
        let mut change = 0.0;
        for k in 0..T {
            change = fma::<S>(rows[n * T + k][lane], inputs[k][n * LANES + lane], change);
        }
        last[lane] = fma::<S>(change, rest[lane], last[lane]);
    }
}

#[inline(always)]
fn add_product<S: Simd>(sum: &mut Lanes, a: &Lanes, b: &Lanes) {
    for lane in 0..LANES {
        sum[lane] = fma::<S>(a[lane], b[lane], sum[lane]);
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
    Arch::new().dispatch(Elementwise::<true> { a, b, out });
}

/// `out = a b`, as [`add_elementwise`].
pub(super) fn elementwise(a: &[f64], b: &[f64], out: &mut [f64]) {
    Arch::new().dispatch(Elementwise::<false> { a, b, out });
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
