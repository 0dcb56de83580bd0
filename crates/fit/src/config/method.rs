use super::auto::Problem;
use super::keys::EffectiveConfig;
use super::value::{Form, Setting, ValueError, wrong_kind};
use crate::dataset::Dataset;
use std::path::Path;
use tauscope_adjoint::{
    AdaptiveMethod, ExponentialMethod, FixedStepMethod, Integrator, StepControl, Stops, Tolerances,
};
use tauscope_dynamics::{Activation, ModelKind};
use toml::Value;

/// The time integrator, adaptive or of fixed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The one that fits the problem: [`Problem::choose`](super::auto::Problem::choose).
    Auto,
    /// Steps from tolerances.
    Adaptive(AdaptiveMethod),
    /// Exact decays; steps from tolerances, or of given length where `step` is set.
    Exponential(ExponentialMethod),
    /// Steps of given length.
    FixedStep(FixedStepMethod),
}

impl Method {
    /// All methods: auto, the adaptive ones, those of fixed step.
    pub fn all() -> impl Iterator<Item = Method> {
        let adaptive = AdaptiveMethod::ALL.into_iter().map(Method::Adaptive);
        let exponential = ExponentialMethod::ALL.into_iter().map(Method::Exponential);
        let fixed_step = FixedStepMethod::ALL.into_iter().map(Method::FixedStep);
        let automatic = std::iter::once(Method::Auto);
        automatic
            .chain(adaptive)
            .chain(exponential)
            .chain(fixed_step)
    }

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Method::Auto => "auto",
            Method::Adaptive(method) => method.name(),
            Method::Exponential(method) => method.name(),
            Method::FixedStep(method) => method.name(),
        }
    }
}

impl Setting for Method {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        format!("one of {}", Self::words().join(", "))
    }

    fn words() -> Vec<&'static str> {
        Method::all().map(Method::name).collect()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let name = value.as_str().ok_or_else(|| wrong_kind::<Self>(value))?;
        let found = Method::all().find(|method| method.name() == name);
        found.ok_or_else(|| ValueError::Word {
            got: name.to_owned(),
            words: Self::words(),
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.name().to_owned())
    }
}

impl EffectiveConfig {
    /// The method with its tolerances or its step, for a network of `model` with `activation` on `dataset`. An automatic
    /// step is one stretch between samples.
    pub fn integrator(
        &self,
        model: ModelKind,
        activation: Activation,
        dataset: &Dataset,
    ) -> Integrator {
        let tolerances = Tolerances {
            rtol: self.rtol.get(),
            atol: self.atol(),
        };
        let problem = Problem::new(model, activation, dataset);
        let exponential = |method| Integrator::Exponential {
            method,
            control: match self.step.set() {
                Some(step) => StepControl::Step(Some(step.get())),
                None => StepControl::Tolerances(tolerances),
            },
        };
        match self.method {
            Method::Auto => exponential(problem.choose().0),
            Method::Adaptive(method) => Integrator::Adaptive { method, tolerances },
            Method::Exponential(method) => exponential(method),
            Method::FixedStep(method) => Integrator::FixedStep {
                method,
                step: self.step.set().map(|step| step.get()),
                stops: Stops::Knots,
            },
        }
    }
}
