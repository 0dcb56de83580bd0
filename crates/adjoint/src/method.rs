use crate::Tolerances;
use serde::{Deserialize, Serialize};

/// An integrator that chooses its steps from a tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdaptiveMethod {
    /// Explicit Runge-Kutta of order 5 (Tsitouras 2011, doi:10.1016/j.camwa.2011.06.002). The independent
    /// second opinion on the exponential methods.
    Tsit45,
    /// L-stable, order 2 (Bank et al. 1985; Hosea & Shampine 1996, doi:10.1016/0168-9274(95)00115-8).
    /// For stiff networks at loose tolerances.
    TrBdf2,
    /// L-stable, order 4 with 3rd-order error estimate (Kennedy & Carpenter 2016). For stiff networks at
    /// tight tolerances.
    Esdirk34,
    /// Variable-order multistep (Byrne & Hindmarsh 1975, doi:10.1145/355626.355636). For stiff networks with
    /// smooth inputs: it restarts at order 1 at every knot of the input.
    Bdf,
}

impl AdaptiveMethod {
    /// All adaptive methods.
    pub const ALL: [AdaptiveMethod; 4] = [
        AdaptiveMethod::Tsit45,
        AdaptiveMethod::TrBdf2,
        AdaptiveMethod::Esdirk34,
        AdaptiveMethod::Bdf,
    ];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            AdaptiveMethod::Tsit45 => "tsit45",
            AdaptiveMethod::TrBdf2 => "tr-bdf2",
            AdaptiveMethod::Esdirk34 => "esdirk34",
            AdaptiveMethod::Bdf => "bdf",
        }
    }

    /// The method with that [`name`](Self::name), if there is one.
    pub fn from_name(name: &str) -> Option<AdaptiveMethod> {
        AdaptiveMethod::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether steps solve a linear system, so that time constants far below the step do not limit it.
    pub fn is_implicit(self) -> bool {
        self != AdaptiveMethod::Tsit45
    }
}

/// An integrator with steps of given length, and the exact gradient of the discretised problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixedStepMethod {
    /// Forward Euler, order 1.
    Euler,
    /// The scheme of Quax et al. 2020: Euler for I, then for r with the *new* I; order 1.
    EulerSequential,
    /// Exact decay of both filters, drive and `f` held over the step; order 1.
    ExponentialEuler,
    /// Order 1 and damps whatever is faster than the step: one Newton solve a step.
    BackwardEuler,
    /// Explicit trapezoid, order 2.
    Heun,
    /// Order 2 and stable for any step: one Newton solve a step.
    ImplicitMidpoint,
    /// The classical Runge-Kutta method, order 4.
    Rk4,
    /// The Elman network `r1 = f(W r0 + U x1 + b)`, whatever the length of its step: no approximation of the differential
    /// equation, and without time constants. [`EulerSequential`](Self::EulerSequential) becomes it, bit for bit, where every time
    /// constant equals the step.
    Elman,
}

impl FixedStepMethod {
    /// All fixed-step methods.
    pub const ALL: [FixedStepMethod; 8] = [
        FixedStepMethod::Euler,
        FixedStepMethod::EulerSequential,
        FixedStepMethod::ExponentialEuler,
        FixedStepMethod::BackwardEuler,
        FixedStepMethod::Heun,
        FixedStepMethod::ImplicitMidpoint,
        FixedStepMethod::Rk4,
        FixedStepMethod::Elman,
    ];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            FixedStepMethod::Euler => "euler",
            FixedStepMethod::EulerSequential => "euler-sequential",
            FixedStepMethod::ExponentialEuler => "exponential-euler",
            FixedStepMethod::BackwardEuler => "backward-euler",
            FixedStepMethod::Heun => "heun",
            FixedStepMethod::ImplicitMidpoint => "implicit-midpoint",
            FixedStepMethod::Rk4 => "rk4",
            FixedStepMethod::Elman => "elman",
        }
    }

    /// The method with that [`name`](Self::name), if there is one.
    pub fn from_name(name: &str) -> Option<FixedStepMethod> {
        FixedStepMethod::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether time constants act on what it computes.
    pub fn has_time_constants(self) -> bool {
        self != FixedStepMethod::Elman
    }
}

/// An integrator that takes both decays and the input exactly and approximates only `W r` and `f(I)`, by polynomials over
/// the step. Its gradient is the exact transpose of the steps that were taken.
///
/// No decay limits the step, however short its time constant; only a recurrent loop that is fast against the step does.
///
/// # Reference
/// Hochbruck & Ostermann, *Exponential integrators*, Acta Numerica 19 (2010), doi:10.1017/S0962492910000048.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExponentialMethod {
    /// Order 4 for linear inputs (3 where held inputs jump, 2 in the one-constant models), one product with W a step: `W r` is
    /// extrapolated from three steps, corrected with the product of the predicted rates, and that product is passed on. Where
    /// tolerances choose the steps and stops shorten them further, two-constant steps are extrapolated from four steps and not
    /// corrected, if that is accurate enough. For regular samples and smooth inputs.
    ExpAdams,
    /// Order 4 to 5 for linear inputs and two constants, one product with W a step and nothing corrected: a step over a whole
    /// sample interval extrapolates W r and f(I) from four steps (one f a unit), a shorter one, and every step in the
    /// one-constant models, W r from five and asks for f(I) in its own middle (order 2 there where held inputs jump). The cheapest
    /// step there is, and the first to become unstable where a recurrent loop is fast against it. For steps of given length,
    /// regular samples and smooth inputs: where tolerances choose the steps, `exp-adams` extrapolates too, and corrects where
    /// that takes fewer of them.
    ExpBashforth,
    /// Order 4, two products with W a step, nothing remembered: `W r` and `W r'` at both ends (in the one-constant models order
    /// 3, and a third product where the input jumps). For inputs that jump or
    /// kink and for irregular samples.
    ExpHermite,
}

impl ExponentialMethod {
    /// All of them.
    pub const ALL: [ExponentialMethod; 3] = [
        ExponentialMethod::ExpAdams,
        ExponentialMethod::ExpBashforth,
        ExponentialMethod::ExpHermite,
    ];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            ExponentialMethod::ExpAdams => "exp-adams",
            ExponentialMethod::ExpBashforth => "exp-bashforth",
            ExponentialMethod::ExpHermite => "exp-hermite",
        }
    }

    /// The method with that [`name`](Self::name), if there is one.
    pub fn from_name(name: &str) -> Option<ExponentialMethod> {
        ExponentialMethod::ALL
            .into_iter()
            .find(|m| m.name() == name)
    }
}

/// Where the steps of a method that can do both come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepControl {
    /// From tolerances: between sample times and evaluation times as few steps as they allow. The error that is held against
    /// them is that of the rates (in the `current` model of the currents), and of one random derivative of them.
    Tolerances(Tolerances),
    /// Of given longest length, as in [`Integrator::FixedStep`].
    Step(Option<f64>),
}

/// Where steps of given length must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    /// At every sample time of the input, where held inputs jump and linear ones kink, and at every evaluation time.
    Knots,
    /// At evaluation times only, as a solver does that does not know its input. No method then keeps an order that is higher
    /// than the smoothness of the input allows: to show what that costs, not for fits.
    Evaluations,
}

/// A method with what it needs to choose its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Integrator {
    /// Steps from tolerances; gradients by the continuous adjoint equation.
    Adaptive {
        /// The method.
        method: AdaptiveMethod,
        /// Its tolerances.
        tolerances: Tolerances,
    },
    /// Exponential methods, with steps of either kind; gradients by the exact discrete adjoint.
    Exponential {
        /// The method.
        method: ExponentialMethod,
        /// Its steps.
        control: StepControl,
    },
    /// Steps of given length; gradients by the exact discrete adjoint.
    FixedStep {
        /// The method.
        method: FixedStepMethod,
        /// Longest step, in the time unit of the data: every stretch between `stops` is cut into
        /// `ceil(length / step)` equal parts. `None`: one step a stretch.
        step: Option<f64>,
        /// Where steps must end.
        stops: Stops,
    },
}

impl Integrator {
    /// The tolerances that choose the steps, if any.
    pub fn tolerances(&self) -> Option<Tolerances> {
        match *self {
            Integrator::Adaptive { tolerances, .. }
            | Integrator::Exponential {
                control: StepControl::Tolerances(tolerances),
                ..
            } => Some(tolerances),
            _ => None,
        }
    }

    /// Another way to the same solution, whose sensitivities share nothing with those of this one where steps follow from
    /// tolerances: Tsit45 at the same tolerances. With steps of given length the method itself: there the gradient is that of
    /// the discretised problem.
    pub fn second_opinion(&self) -> Integrator {
        match self.tolerances() {
            Some(tolerances) => Integrator::Adaptive {
                method: AdaptiveMethod::Tsit45,
                tolerances,
            },
            None => *self,
        }
    }

    /// Whether steps have a given length rather than follow from tolerances.
    pub fn has_fixed_steps(&self) -> bool {
        match self {
            Integrator::Adaptive { .. } => false,
            Integrator::Exponential { control, .. } => matches!(control, StepControl::Step(_)),
            Integrator::FixedStep { .. } => true,
        }
    }

    /// The longest step, where one is given.
    pub fn step(&self) -> Option<f64> {
        match *self {
            Integrator::Exponential {
                control: StepControl::Step(step),
                ..
            }
            | Integrator::FixedStep { step, .. } => step,
            _ => None,
        }
    }

    /// Whether time constants act on what it computes: of all but `elman`.
    pub fn has_time_constants(&self) -> bool {
        match self {
            Integrator::FixedStep { method, .. } => method.has_time_constants(),
            _ => true,
        }
    }

    /// The name of the method.
    pub fn name(&self) -> &'static str {
        match self {
            Integrator::Adaptive { method, .. } => method.name(),
            Integrator::Exponential { method, .. } => method.name(),
            Integrator::FixedStep { method, .. } => method.name(),
        }
    }
}
