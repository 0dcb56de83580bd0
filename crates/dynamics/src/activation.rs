mod vectorised;

use serde::{Deserialize, Serialize};
use vectorised::Function;

/// The activation `f` that turns a current into a rate.
///
/// | | `f(x)` | `f'(x)` |
/// |---|---|---|
/// | identity | `x` | `1` |
/// | sigmoid | `1 / (1 + exp(-x))` | `f (1 - f)` |
/// | tanh | `tanh x` | `1 - f^2` |
/// | relu | `max(0, x)` | `1` for `x > 0`, else `0` |
/// | softplus | `ln(1 + exp x)` | `sigmoid(x)` |
///
/// `relu` has a kink at 0: gradients are exact only where no unit crosses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x`
    Identity,
    /// Logistic function, range (0, 1).
    Sigmoid,
    /// Hyperbolic tangent, range (-1, 1).
    Tanh,
    /// Rectified linear, range [0, inf).
    Relu,
    /// Smooth rectifier, range (0, inf).
    Softplus,
}

impl Activation {
    /// All activations, in the order of the documentation.
    pub const ALL: [Activation; 5] = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Softplus,
    ];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Identity => "identity",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Softplus => "softplus",
        }
    }

    /// The activation with that [`name`](Self::name), if there is one.
    pub fn from_name(name: &str) -> Option<Activation> {
        Activation::ALL.into_iter().find(|a| a.name() == name)
    }

    /// `f(x)`: the same bits as [`values`](Self::values) of a slice.
    pub fn value(self, x: f64) -> f64 {
        self.one(Function::Value, x)
    }

    /// `f'(x)`; at relu's kink 0.
    pub fn slope(self, x: f64) -> f64 {
        self.one(Function::Slope, x)
    }

    fn one(self, function: Function, x: f64) -> f64 {
        let mut out = [0.0];
        vectorised::map(self, function, &[x], &mut out);
        out[0]
    }

    /// The greatest slope of `f`.
    pub fn steepest(self) -> f64 {
        match self {
            Activation::Sigmoid => 0.25,
            Activation::Identity | Activation::Tanh | Activation::Relu | Activation::Softplus => {
                1.0
            }
        }
    }

    /// The closed range of `f`: least and greatest value, borders included.
    pub fn range(self) -> (f64, f64) {
        match self {
            Activation::Identity => (f64::NEG_INFINITY, f64::INFINITY),
            Activation::Sigmoid => (0.0, 1.0),
            Activation::Tanh => (-1.0, 1.0),
            Activation::Relu | Activation::Softplus => (0.0, f64::INFINITY),
        }
    }

    /// The `x` with `f(x) = rate`, clamped to a finite value where `rate` lies on or beyond the border
    /// of the range: a starting value for a current whose rate is known, not an exact inverse.
    pub fn inverse_clamped(self, rate: f64) -> f64 {
        const EDGE: f64 = 1e-3;
        match self {
            Activation::Identity => rate,
            Activation::Sigmoid => {
                let p = rate.clamp(EDGE, 1.0 - EDGE);
                (p / (1.0 - p)).ln()
            }
            Activation::Tanh => rate.clamp(-1.0 + EDGE, 1.0 - EDGE).atanh(),
            Activation::Relu => rate,
            Activation::Softplus => {
                let p = rate.max(EDGE);
                p + (-(-p).exp_m1()).ln()
            }
        }
    }

    /// `out[i] = f(x[i])` for slices of equal length.
    pub fn values(self, x: &[f64], out: &mut [f64]) {
        vectorised::map(self, Function::Value, x, out);
    }

    /// `out[i] = f'(x[i])` for slices of equal length.
    pub fn slopes(self, x: &[f64], out: &mut [f64]) {
        vectorised::map(self, Function::Slope, x, out);
    }

    /// `out[i] = f'(x)` for `rates[i] = f(x)`: the slope needs no current.
    pub fn slopes_of_values(self, rates: &[f64], out: &mut [f64]) {
        vectorised::map(self, Function::SlopeOfValue, rates, out);
    }

    /// `out[i] = f'(x) cotangents[i]` for `rates[i] = f(x)`, or `out[i] += ..` where `add`.
    pub fn pull_back(self, rates: &[f64], cotangents: &[f64], out: &mut [f64], add: bool) {
        vectorised::pull_back(self, rates, cotangents, out, add);
    }

    /// `out[i] = f''(x)` for `rates[i] = f(x)`.
    pub fn curvatures_of_values(self, rates: &[f64], out: &mut [f64]) {
        vectorised::map(self, Function::CurvatureOfValue, rates, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_round_trip() {
        for a in Activation::ALL {
            assert_eq!(Activation::from_name(a.name()), Some(a));
        }
        assert_eq!(Activation::from_name("selu"), None);
    }

    #[test]
    fn extreme_currents_give_finite_rates() {
        for a in [Activation::Sigmoid, Activation::Tanh] {
            for x in [-1e300, -800.0, 800.0, 1e300] {
                assert!(a.value(x).is_finite() && a.slope(x).is_finite());
            }
        }
        assert!((0.0..1e-300).contains(&Activation::Softplus.value(-800.0)));
        assert_eq!(Activation::Softplus.value(800.0), 800.0);
    }

    proptest! {
        #[test]
        fn slope_is_the_derivative_of_value(x in -8.0_f64..8.0) {
            const H: f64 = 1e-5;
            for a in Activation::ALL {
                if a == Activation::Relu && x.abs() < H { continue; }
                let difference = (a.value(x + H) - a.value(x - H)) / (2.0 * H);
                prop_assert!((difference - a.slope(x)).abs() < 1e-8, "{a:?} at {x}");
            }
        }

        #[test]
        fn inverse_undoes_value_inside_the_range(x in -3.0_f64..6.0) {
            for a in Activation::ALL {
                if a == Activation::Relu && x < 0.0 || a == Activation::Tanh && x > 3.0 { continue; }
                prop_assert!((a.inverse_clamped(a.value(x)) - x).abs() < 1e-6, "{a:?} at {x}");
            }
        }
    }
}
