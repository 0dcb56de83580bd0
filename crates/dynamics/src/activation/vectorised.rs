//! Activations of whole slices, compiled for the vector unit of the processor at hand.
//!
//! exp by Cody-Waite reduction, `x = k ln 2 + r`, `|r| <= ln(2)/2`, and the Taylor polynomial of `exp r - 1`; its first
//! omitted term is below 1e-17. Everything else is made of it, so that every loop body is free of branches and calls:
//! the compiler turns it into vector instructions. Errors are a few units in the last place, see the tests.

use super::Activation;
use pulp::{Simd, WithSimd};

/// Which function of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// `f(x)`
    Value,
    /// `f'(x)`
    Slope,
    /// `f'(x)` from `f(x)`
    SlopeOfValue,
    /// `f''(x)` from `f(x)`
    CurvatureOfValue,
}

/// `out[i] = function(x[i])`.
pub(super) fn map(activation: Activation, function: Function, x: &[f64], out: &mut [f64]) {
    debug_assert_eq!(x.len(), out.len());
    crate::vector_unit().dispatch(Map {
        activation,
        function,
        x,
        out,
    });
}

/// `out[i] = f'(x) cotangents[i]` for `rates[i] = f(x)`, or `out[i] += ..`.
pub(super) fn pull_back(
    activation: Activation,
    rates: &[f64],
    cotangents: &[f64],
    out: &mut [f64],
    add: bool,
) {
    debug_assert_eq!(rates.len(), out.len());
    debug_assert_eq!(rates.len(), cotangents.len());
    crate::vector_unit().dispatch(PullBack {
        activation,
        rates,
        cotangents,
        out,
        add,
    });
}

struct PullBack<'a> {
    activation: Activation,
    rates: &'a [f64],
    cotangents: &'a [f64],
    out: &'a mut [f64],
    add: bool,
}

impl WithSimd for PullBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        match self.activation {
            Activation::Identity => self.each::<S>(|_| 1.0),
            Activation::Sigmoid => self.each::<S>(|f| f * (1.0 - f)),
            Activation::Tanh => self.each::<S>(|f| 1.0 - f * f),
            Activation::Relu => self.each::<S>(step),
            Activation::Softplus => self.each::<S>(|f| -exp_m1::<S>(clamped(-f))),
        }
    }
}

impl PullBack<'_> {
    #[inline(always)]
    fn each<S: Simd>(self, slope: impl Fn(f64) -> f64) {
        let n = self.out.len();
        let (rates, cotangents) = (&self.rates[..n], &self.cotangents[..n]);
        if self.add {
            for i in 0..n {
                self.out[i] = fma::<S>(slope(rates[i]), cotangents[i], self.out[i]);
            }
        } else {
            for i in 0..n {
                self.out[i] = slope(rates[i]) * cotangents[i];
            }
        }
    }
}

struct Map<'a> {
    activation: Activation,
    function: Function,
    x: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (x, out) = (self.x, self.out);
        match (self.function, self.activation) {
            (Function::Value, Activation::Identity) => out.copy_from_slice(x),
            (Function::Value, Activation::Sigmoid) => each(x, out, sigmoid::<S>),
            (Function::Value, Activation::Tanh) => each(x, out, tanh::<S>),
            (Function::Value, Activation::Relu) => each(x, out, relu),
            (Function::Value, Activation::Softplus) => each(x, out, softplus::<S>),
            (Function::Slope | Function::SlopeOfValue, Activation::Identity) => out.fill(1.0),
            (Function::Slope, Activation::Sigmoid) => each(x, out, |x| {
                let f = sigmoid::<S>(x);
                f * (1.0 - f)
            }),
            (Function::Slope, Activation::Tanh) => each(x, out, |x| {
                let f = tanh::<S>(x);
                1.0 - f * f
            }),
            (Function::Slope | Function::SlopeOfValue, Activation::Relu) => each(x, out, step),
            (Function::Slope, Activation::Softplus) => each(x, out, sigmoid::<S>),
            (Function::SlopeOfValue, Activation::Sigmoid) => each(x, out, |f| f * (1.0 - f)),
            (Function::SlopeOfValue, Activation::Tanh) => each(x, out, |f| 1.0 - f * f),
            (Function::SlopeOfValue, Activation::Softplus) => {
                each(x, out, |f| -exp_m1::<S>(clamped(-f)));
            }
            (Function::CurvatureOfValue, Activation::Identity | Activation::Relu) => {
                out.fill(0.0);
            }
            (Function::CurvatureOfValue, Activation::Sigmoid) => {
                each(x, out, |f| f * (1.0 - f) * (1.0 - 2.0 * f));
            }
            (Function::CurvatureOfValue, Activation::Tanh) => {
                each(x, out, |f| -2.0 * f * (1.0 - f * f));
            }
            (Function::CurvatureOfValue, Activation::Softplus) => each(x, out, |f| {
                let slope = -exp_m1::<S>(clamped(-f));
                slope * (1.0 - slope)
            }),
        }
    }
}

#[inline(always)]
fn each(x: &[f64], out: &mut [f64], function: impl Fn(f64) -> f64) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = function(x);
    }
}

/// `a b + c`, with one rounding where the processor can.
#[inline(always)]
fn fma<S: Simd>(a: f64, b: f64, c: f64) -> f64 {
    if S::IS_SCALAR {
        a * b + c
    } else {
        a.mul_add(b, c)
    }
}

/// Where `exp` neither overflows nor leaves the normal numbers; NaN stays NaN.
#[inline(always)]
fn clamped(x: f64) -> f64 {
    let x = if x < -708.0 { -708.0 } else { x };
    if x > 708.0 { 708.0 } else { x }
}

/// `exp r - 1` for `x = k ln 2 + r`, and `2^k`; `|x| <= 708`.
#[inline(always)]
fn reduced<S: Simd>(x: f64) -> (f64, f64) {
    /// 1.5 * 2^52: adding it rounds to an integer, which then stands in the last bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, the first with trailing zeros: its product with k is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// 1/13! .. 1/2!
    const INVERSE_FACTORIALS: [f64; 12] = [
        1.605_904_383_682_161_3e-10,
        2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589e-7,
        2.755_731_922_398_589_3e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
    ];
    let shifted = fma::<S>(x, std::f64::consts::LOG2_E, SHIFT);
    let k = shifted - SHIFT;
    let r = fma::<S>(-k, LN2_LOW, fma::<S>(-k, LN2_HIGH, x));
    let mut p = INVERSE_FACTORIALS[0];
    for c in &INVERSE_FACTORIALS[1..] {
        p = fma::<S>(p, r, *c);
    }
    let minus_one = fma::<S>(p * r, r, r);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    (minus_one, power)
}

#[inline(always)]
fn exp<S: Simd>(x: f64) -> f64 {
    let (minus_one, power) = reduced::<S>(x);
    fma::<S>(minus_one, power, power)
}

#[inline(always)]
fn exp_m1<S: Simd>(x: f64) -> f64 {
    let (minus_one, power) = reduced::<S>(x);
    fma::<S>(minus_one, power, power - 1.0)
}

/// As `ln(1 + e)` for `0 <= e <= 1`: `2 atanh(s)`, `s = m / (2 + m)`, after halving `1 + e` above the root of 2.
#[inline(always)]
fn ln_1p<S: Simd>(e: f64) -> f64 {
    /// 1/21 .. 1/3: the next term is below 1e-17 of the sum.
    const ODD: [f64; 10] = [
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ];
    let halved = e > std::f64::consts::SQRT_2 - 1.0;
    let m = if halved { 0.5 * (e - 1.0) } else { e };
    let base = if halved { std::f64::consts::LN_2 } else { 0.0 };
    let s = m / (2.0 + m);
    let square = s * s;
    let mut p = ODD[0];
    for c in &ODD[1..] {
        p = fma::<S>(p, square, *c);
    }
    let twice = 2.0 * s;
    base + fma::<S>(p * square, twice, twice)
}

#[inline(always)]
fn sigmoid<S: Simd>(x: f64) -> f64 {
    // exp of a non-positive number: full relative accuracy in the tail
    let e = exp::<S>(clamped(-x.abs()));
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

#[inline(always)]
fn tanh<S: Simd>(x: f64) -> f64 {
    let e = exp_m1::<S>(clamped(-2.0 * x.abs()));
    (-e / (2.0 + e)).copysign(x)
}

#[inline(always)]
fn softplus<S: Simd>(x: f64) -> f64 {
    let e = exp::<S>(clamped(-x.abs()));
    let linear = if x < 0.0 { 0.0 } else { x };
    linear + ln_1p::<S>(e)
}

#[inline(always)]
fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn step(x: f64) -> f64 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the standard library.
    fn value(a: Activation, x: f64) -> f64 {
        match a {
            Activation::Identity => x,
            Activation::Sigmoid => standard_sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Relu => x.max(0.0),
            Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        }
    }

    fn slope(a: Activation, x: f64) -> f64 {
        match a {
            Activation::Identity => 1.0,
            Activation::Sigmoid => standard_sigmoid(x) * (1.0 - standard_sigmoid(x)),
            Activation::Tanh => 1.0 - x.tanh().powi(2),
            Activation::Relu => f64::from(u8::from(x > 0.0)),
            Activation::Softplus => standard_sigmoid(x),
        }
    }

    fn standard_sigmoid(x: f64) -> f64 {
        if x >= 0.0 {
            1.0 / (1.0 + (-x).exp())
        } else {
            x.exp() / (1.0 + x.exp())
        }
    }

    fn mapped(activation: Activation, function: Function, x: f64) -> f64 {
        // several entries, so that both the vector loop and what is left after it are met
        let (input, mut out) = ([x; 11], [0.0; 11]);
        map(activation, function, &input, &mut out);
        assert!(
            out.iter().all(|v| v.to_bits() == out[0].to_bits()),
            "{out:?}"
        );
        out[0]
    }

    fn close(got: f64, wanted: f64, units: f64) -> bool {
        (got - wanted).abs() <= units * f64::EPSILON * wanted.abs().max(f64::MIN_POSITIVE)
    }

    proptest! {
        #[test]
        fn values_agree_with_the_standard_library_to_a_few_units_in_the_last_place(x in -40.0_f64..40.0, small in -1e-3_f64..1e-3) {
            for x in [x, small, 17.0 * x] {
                for a in Activation::ALL {
                    let (got, wanted) = (mapped(a, Function::Value, x), value(a, x));
                    prop_assert!(close(got, wanted, 4.0), "{a:?} at {x}: {got:e}, not {wanted:e}");
                }
            }
        }

        #[test]
        fn slopes_agree_whether_from_the_current_or_from_the_rate(x in -15.0_f64..15.0) {
            for a in Activation::ALL {
                let wanted = slope(a, x);
                let slope = mapped(a, Function::Slope, x);
                // 1 - f loses digits where f is close to 1
                prop_assert!((slope - wanted).abs() <= 4.0 * f64::EPSILON, "{a:?} at {x}");
                let from_rate = mapped(a, Function::SlopeOfValue, value(a, x));
                prop_assert!((from_rate - wanted).abs() <= 4.0 * f64::EPSILON, "{a:?} at {x}");
            }
        }

        #[test]
        fn curvature_is_the_derivative_of_the_slope(x in -8.0_f64..8.0) {
            const H: f64 = 1e-5;
            for a in Activation::ALL {
                if a == Activation::Relu && x.abs() < H { continue; }
                let difference = (slope(a, x + H) - slope(a, x - H)) / (2.0 * H);
                let got = mapped(a, Function::CurvatureOfValue, value(a, x));
                prop_assert!((difference - got).abs() < 1e-8, "{a:?} at {x}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for a in Activation::ALL {
            for function in [Function::Value, Function::Slope] {
                let constant = matches!(function, Function::Slope)
                    && matches!(a, Activation::Identity | Activation::Relu);
                assert!(
                    constant || mapped(a, function, f64::NAN).is_nan(),
                    "{a:?} {function:?}"
                );
            }
        }
    }

    #[test]
    fn extremes_saturate() {
        for x in [800.0, 1e300, f64::INFINITY] {
            assert_eq!(mapped(Activation::Sigmoid, Function::Value, x), 1.0);
            assert_eq!(mapped(Activation::Tanh, Function::Value, -x), -1.0);
            assert_eq!(mapped(Activation::Softplus, Function::Value, x), x);
            assert!(mapped(Activation::Sigmoid, Function::Value, -x) < 1e-300);
            assert!(mapped(Activation::Softplus, Function::Value, -x) < 1e-300);
            assert_eq!(mapped(Activation::Softplus, Function::SlopeOfValue, x), 1.0);
        }
    }
}
