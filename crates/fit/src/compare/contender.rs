use super::closed_form::{Law, law};
use crate::batch::Intervals;
use crate::config::{Auto, EffectiveConfig, Fraction, Init, Method, Positive, Problem};
use crate::dataset::Dataset;
use tauscope_dynamics::ModelKind;

/// What takes part in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// A way to integrate the model at hand.
    Method(Method),
    /// A limit of one time constant, integrated adaptively: another model.
    Limit(ModelKind),
}

/// How finely a contender integrates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolution {
    /// Steps of this length, in the dataset's time unit.
    Step(f64),
    /// Steps from this relative tolerance; the absolute one is a hundredth of it.
    Tolerance(f64),
}

impl Resolution {
    /// The step or the tolerance.
    pub fn value(self) -> f64 {
        match self {
            Resolution::Step(value) | Resolution::Tolerance(value) => value,
        }
    }

    /// `step` or `tolerance`.
    pub fn kind(self) -> &'static str {
        match self {
            Resolution::Step(_) => "step",
            Resolution::Tolerance(_) => "tolerance",
        }
    }
}

impl Contender {
    /// Every contender for a network of `model`: all methods, and for two constants both limits of one.
    pub fn all(model: ModelKind) -> Vec<Contender> {
        let methods = Method::all().filter(|method| *method != Method::Auto);
        let limits: &[ModelKind] = match model {
            ModelKind::TwoConstant => &[ModelKind::Rate, ModelKind::Current],
            _ => &[],
        };
        let limits = limits.iter().map(|&model| Contender::Limit(model));
        methods.map(Contender::Method).chain(limits).collect()
    }

    /// All names that [`from_name`](Self::from_name) knows.
    pub fn names() -> Vec<&'static str> {
        let methods = Method::all().map(Method::name);
        methods
            .chain([ModelKind::Rate, ModelKind::Current].map(ModelKind::name))
            .collect()
    }

    /// The contender of that name: a method, or `rate` or `current` for a limit.
    pub fn from_name(name: &str) -> Option<Contender> {
        let limits = [ModelKind::Rate, ModelKind::Current];
        let limit = limits.into_iter().find(|model| model.name() == name);
        let method = || Method::all().find(|method| method.name() == name);
        limit
            .map(Contender::Limit)
            .or_else(|| method().map(Contender::Method))
    }

    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Method(method) => method.name(),
            Contender::Limit(model) => model.name(),
        }
    }

    /// The same with what `auto` stands for.
    pub fn resolved(self, problem: Problem) -> Contender {
        match self {
            Contender::Method(method) => Contender::Method(method.resolve(problem).0),
            limit => limit,
        }
    }

    /// Whether its steps can follow from a tolerance.
    pub fn is_adaptive(self) -> bool {
        !matches!(self, Contender::Method(Method::FixedStep(_)))
    }

    /// Whether its steps can have a given length.
    pub fn takes_steps(self) -> bool {
        matches!(
            self,
            Contender::Method(Method::FixedStep(_) | Method::Exponential(_))
        )
    }

    /// Whether a fit with it takes much longer than with most: the methods whose sensitivities take steps of their own.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Contender::Method(Method::Adaptive(_)))
    }

    /// Whether it approximates the differential equation that the parameters at hand belong to.
    pub fn is_scheme(self) -> bool {
        match self {
            Contender::Method(Method::FixedStep(method)) => method.has_time_constants(),
            Contender::Method(_) => true,
            Contender::Limit(_) => false,
        }
    }

    /// The configuration of a fit with this contender: `base` with nothing else changed.
    pub(super) fn configure(
        self,
        base: &EffectiveConfig,
        resolution: Resolution,
    ) -> EffectiveConfig {
        let mut config = base.clone();
        config.init = Init::Random;
        match self {
            Contender::Method(method) => config.method = method,
            Contender::Limit(model) => {
                config.model = model;
                config.method = Method::Auto;
            }
        }
        match resolution {
            Resolution::Step(step) => {
                config.step = Positive::new(step).map_or(Auto::Auto, Auto::Set)
            }
            Resolution::Tolerance(rtol) => {
                config.step = Auto::Auto;
                config.rtol = Fraction::new(rtol).unwrap_or(config.rtol);
                config.atol = Auto::Auto;
            }
        }
        config
    }

    /// `tau_hat / tau` where this contender's law of a pure decay says it; `None` for other models.
    pub fn law(self, resolution: Resolution, tau: f64) -> Option<Law> {
        match (self, resolution) {
            (Contender::Method(Method::FixedStep(method)), Resolution::Step(step)) => {
                law(method, step / tau)
            }
            (Contender::Method(_), _) => Some(Law::Ratio(1.0)),
            (Contender::Limit(_), _) => None,
        }
    }
}

/// The step that is one sample interval: the longest where they are not equal, which no step then cuts.
pub(super) fn sample_interval(dataset: &Dataset) -> f64 {
    let intervals = Intervals::of(dataset);
    match intervals.are_equal() {
        true => intervals.mean,
        false => intervals.longest,
    }
}

/// Steps from two sample intervals (where those are equal) to an eighth of one. Each number of intervals leaves other targets,
/// and needs a reference of its own.
pub(super) fn default_steps(dataset: &Dataset) -> Vec<f64> {
    let interval = sample_interval(dataset);
    let longer: &[f64] = match Intervals::of(dataset).are_equal() {
        true => &[2.0],
        false => &[],
    };
    let factors = longer.iter().chain(&[1.0, 0.5, 0.25, 0.125]);
    factors.map(|factor| factor * interval).collect()
}

/// Relative tolerances, loosest first.
pub(super) const DEFAULT_TOLERANCES: [f64; 5] = [1e-3, 1e-4, 1e-5, 1e-6, 1e-8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names = Contender::names();
        for name in &names {
            assert_eq!(Contender::from_name(name).unwrap().name(), *name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Contender::names().len());
        assert_eq!(Contender::from_name("leapfrog"), None);
    }

    #[test]
    fn the_limits_and_elman_are_among_the_contenders_of_two_constants() {
        let names: Vec<_> = Contender::all(ModelKind::TwoConstant)
            .iter()
            .map(|c| c.name())
            .collect();
        for name in ["elman", "rate", "current", "euler", "exp-adams", "bdf"] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(!names.contains(&"auto"));
        assert!(!Contender::all(ModelKind::Rate).contains(&Contender::Limit(ModelKind::Current)));
    }
}
