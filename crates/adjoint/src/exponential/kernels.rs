//! The passes over (unit, column) blocks, compiled for the vector unit of the processor at hand.

use super::weights::LANES;
use pulp::{Arch, Simd, WithSimd};

/// Most sources of one combination.
pub(super) const MOST: usize = 8;

type Lanes = [f64; LANES];

/// `out = sum_k weights_k inputs_k`, weights tiled as in `Weights` with `stride` rows, of which the first
/// `inputs.len()` are used. Blocks (unit, column).
pub(super) fn combine(
    out: &mut [f64],
    tile: usize,
    weights: &[f64],
    stride: usize,
    inputs: &[&[f64]],
) {
    macro_rules! by_count {
        ($($count:literal)+) => {
            match inputs.len() {
                0 => out.fill(0.0),
                $($count => {
                    let mut fixed: [&[f64]; $count] = [&[]; $count];
                    fixed.copy_from_slice(inputs);
                    Arch::new().dispatch(Combine { out, tile, weights, stride, inputs: fixed });
                })+
                more => unreachable!("{more} sources in one combination"),
            }
        };
    }
    by_count!(1 2 3 4 5 6 7 8);
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
        for (c, out) in self.out.chunks_mut(self.tile).enumerate() {
            let inputs = self.inputs.map(|x| &x[c * self.tile..][..out.len()]);
            let (out, rest) = out.as_chunks_mut::<LANES>();
            let groups = inputs.map(|x| x.as_chunks::<LANES>().0);
            let n = out.len();
            assert!(groups.iter().all(|g| g.len() == n));
            for ((g, out), weights) in out
                .iter_mut()
                .enumerate()
                .zip(weights.chunks_exact(self.stride))
            {
                let mut sum = [0.0; LANES];
                for k in 0..T {
                    add_product::<S>(&mut sum, &weights[k], &groups[k][g]);
                }
                *out = sum;
            }
            for (lane, out) in rest.iter_mut().enumerate() {
                *out = 0.0;
                for k in 0..T {
                    *out = fma::<S>(
                        weights[n * self.stride + k][lane],
                        inputs[k][n * LANES + lane],
                        *out,
                    );
                }
            }
        }
    }
}

/// The transpose of [`combine`]: `cotangents_k += weights_k of`; and, where `by_log_tau` (tiled like the weights) is not
/// empty, `log_tau += sum_k by_log_tau_k inputs_k of`, by entry of the tile.
pub(super) fn combine_transposed(
    of: &[f64],
    tile: usize,
    weights: &[f64],
    by_log_tau: &[f64],
    inputs: &[&[f64]],
    cotangents: &mut [Vec<f64>],
    log_tau: &mut [f64],
) {
    macro_rules! by_count {
        ($($count:literal)+) => {
            match inputs.len() {
                0 => {}
                $($count => {
                    let mut fixed: [&[f64]; $count] = [&[]; $count];
                    fixed.copy_from_slice(inputs);
                    let mut cotangents = cotangents.iter_mut();
                    let cotangents: [&mut [f64]; $count] =
                        std::array::from_fn(|_| cotangents.next().map_or(&mut [][..], |c| c.as_mut_slice()));
                    Arch::new().dispatch(CombineTransposed { of, tile, weights, by_log_tau, inputs: fixed, cotangents, log_tau });
                })+
                more => unreachable!("{more} sources in one combination"),
            }
        };
    }
    by_count!(1 2 3 4 5 6 7 8);
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
    fn with_simd<S: Simd>(mut self, _simd: S) {
        let (weights, _) = self.weights.as_chunks::<LANES>();
        let (by_log_tau, _) = self.by_log_tau.as_chunks::<LANES>();
        for (c, of) in self.of.chunks(self.tile).enumerate() {
            let range = c * self.tile..c * self.tile + of.len();
            let (groups, rest) = of.as_chunks::<LANES>();
            let n = groups.len();
            let mut k = 0;
            for cotangent in &mut self.cotangents {
                let (targets, last) = cotangent[range.clone()].as_chunks_mut::<LANES>();
                for ((of, target), weights) in
                    groups.iter().zip(targets).zip(weights.chunks_exact(T))
                {
                    add_product::<S>(target, &weights[k], of);
                }
                for (lane, (of, target)) in rest.iter().zip(last).enumerate() {
                    *target = fma::<S>(weights[n * T + k][lane], *of, *target);
                }
                k += 1;
            }
            if by_log_tau.is_empty() {
                continue;
            }
            let inputs = self.inputs.map(|x| &x[range.clone()]);
            let input_groups = inputs.map(|x| x.as_chunks::<LANES>().0);
            let (sums, last) = self.log_tau[..of.len()].as_chunks_mut::<LANES>();
            for (((g, of), sum), by_log_tau) in groups
                .iter()
                .enumerate()
                .zip(sums)
                .zip(by_log_tau.chunks_exact(T))
            {
                let mut change = [0.0; LANES];
                for k in 0..T {
                    add_product::<S>(&mut change, &by_log_tau[k], &input_groups[k][g]);
                }
                add_product::<S>(sum, &change, of);
            }
            for (lane, (of, sum)) in rest.iter().zip(last).enumerate() {
                for k in 0..T {
                    let change = by_log_tau[n * T + k][lane] * inputs[k][n * LANES + lane];
                    *sum = fma::<S>(change, *of, *sum);
                }
            }
        }
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
        let period = self.a.len();
        for (out, b) in self.out.chunks_mut(period).zip(self.b.chunks(period)) {
            for ((o, a), b) in out.iter_mut().zip(self.a).zip(b) {
                *o = if ADD { fma::<S>(*a, *b, *o) } else { a * b };
            }
        }
    }
}
