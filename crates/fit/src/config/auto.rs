//! The method called `auto`: which integrator a problem gets, and why.

use super::method::Method;
use crate::dataset::Dataset;
use tauscope_adjoint::ExponentialMethod;
use tauscope_dynamics::{Activation, Interpolation, ModelKind};

/// What the choice depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Problem {
    /// The network model.
    pub model: ModelKind,
    /// Its activation.
    pub activation: Activation,
    /// What the inputs do between samples; `None` where there are none.
    pub interpolation: Option<Interpolation>,
}

impl Problem {
    /// A network of `model` with `activation`, driven by the inputs of `dataset`.
    pub fn new(model: ModelKind, activation: Activation, dataset: &Dataset) -> Problem {
        let has_inputs = dataset.n_inputs() > 0;
        Problem {
            model,
            activation,
            interpolation: has_inputs.then(|| dataset.interpolation()),
        }
    }

    /// The method that `auto` stands for, with the reason.
    ///
    /// Cost of a gradient = steps x (products with W a step x time of a product + passes over the state a step x time of a
    /// pass). Exponential methods need the fewest steps: decays and inputs are exact, so the tolerance is spent on `W r` and
    /// `f(I)` alone. Between the two it is steps against products. `exp-adams` spends one product and about two thirds of the
    /// passes of `exp-hermite`, which spends two. What a jump of the input takes from the smoothness of `W r` decides how
    /// many steps a history saves: with linear inputs (a kink of the drive leaves `r''` continuous) it takes no more steps
    /// and wins; where held inputs jump it takes about 1.6 (two constants) to 2 times as many and loses, except in the
    /// one-constant models, whose one-step form is of order 3 and needs a third product after a jump. A unit that crosses the
    /// kink of relu bends `r` in the middle of a step, wherever it does: steps of all lengths follow each other, for whose
    /// histories weights must be made each time, and a history from before the kink is of no use. With two constants
    /// `exp-hermite` then takes a half to a third of the time; with one the two take the same.
    pub fn choose(self) -> (ExponentialMethod, &'static str) {
        if self.activation == Activation::Relu && self.model == ModelKind::TwoConstant {
            return (
                ExponentialMethod::ExpHermite,
                "relu has a kink, and a method that looks only inside its own step crosses it once",
            );
        }
        match (self.interpolation, self.model) {
            (Some(Interpolation::Hold), ModelKind::TwoConstant) => (
                ExponentialMethod::ExpHermite,
                "held inputs jump, and a method that looks only inside its own step crosses no jump",
            ),
            (Some(Interpolation::Hold), _) => (
                ExponentialMethod::ExpAdams,
                "a model of one time constant, where the one-step method needs three products after each jump of the inputs",
            ),
            (Some(Interpolation::Linear), _) => (
                ExponentialMethod::ExpAdams,
                "inputs are linear between samples, so one product a step is enough",
            ),
            (None, _) => (
                ExponentialMethod::ExpAdams,
                "there are no inputs, so one product a step is enough",
            ),
        }
    }
}

impl Method {
    /// The method itself, or what `auto` stands for, then with the reason.
    pub fn resolve(self, problem: Problem) -> (Method, Option<&'static str>) {
        match self {
            Method::Auto => {
                let (method, reason) = problem.choose();
                (Method::Exponential(method), Some(reason))
            }
            other => (other, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_history_unless_two_constants_meet_jumps_or_kinks() {
        for model in ModelKind::ALL {
            for activation in Activation::ALL {
                for interpolation in [None, Some(Interpolation::Linear), Some(Interpolation::Hold)]
                {
                    let jumps = interpolation == Some(Interpolation::Hold);
                    let kinks = activation == Activation::Relu;
                    let one_step = (jumps || kinks) && model == ModelKind::TwoConstant;
                    let (method, reason) = Problem {
                        model,
                        activation,
                        interpolation,
                    }
                    .choose();
                    assert_eq!(method == ExponentialMethod::ExpHermite, one_step);
                    assert!(!reason.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_method_that_was_named_is_taken() {
        let problem = Problem {
            model: ModelKind::Rate,
            activation: Activation::Tanh,
            interpolation: None,
        };
        for method in Method::all().filter(|method| *method != Method::Auto) {
            assert_eq!(method.resolve(problem), (method, None));
        }
    }
}
