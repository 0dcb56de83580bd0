//! How much work an experiment is worth, and the sizes that all of them share.

use crate::student::{Constants, Student};
use crate::teacher::TeacherSpec;
use tauscope_adjoint::{
    AdaptiveMethod, ExponentialMethod, FixedStepMethod, Integrator, StepControl, Stops, Tolerances,
};
use tauscope_dynamics::Activation;

/// Units of the paper's networks.
pub const N_UNITS: usize = 10;
/// Their inputs, and their outputs.
pub const N_CHANNELS: usize = 2;
/// Steps of a sequence: the first of 40 that are drawn.
pub const STEPS: usize = 20;

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Few short runs, in seconds: to see that all works.
    pub small: bool,
    /// Repetitions (starts, trials) of each condition, in place of the experiment's own number.
    pub repetitions: Option<usize>,
    /// Epochs of each training, in place of the experiment's own number.
    pub epochs: Option<usize>,
    /// Of everything random.
    pub seed: u64,
}

impl Effort {
    /// Repetitions: as asked for, else `full`, or `small`.
    pub fn repetitions(&self, full: usize, small: usize) -> usize {
        let own = if self.small { small } else { full };
        self.repetitions.unwrap_or(own)
    }

    /// Repetitions in continuous time, whose gradients take about twenty times as long: a fifth.
    pub fn in_continuous_time(&self, repetitions: usize) -> usize {
        repetitions.div_ceil(5)
    }

    /// Epochs: as asked for, else `full`, or 2.
    pub fn epochs(&self, full: usize) -> usize {
        let own = if self.small { 2 } else { full };
        self.epochs.unwrap_or(own)
    }

    /// Train and validation sequences.
    pub fn sequences(&self) -> [usize; 2] {
        if self.small { [20, 10] } else { [400, 100] }
    }

    /// The seed of teacher or start number `index` of an experiment.
    pub fn seed_of(&self, experiment: u64, index: usize) -> u64 {
        // odd multipliers keep different triples apart for all numbers that occur
        self.seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(experiment.wrapping_mul(0x1000_0001))
            .wrapping_add(index as u64)
    }

    /// Seed and sizes in words, for protocols.
    pub fn words(&self) -> String {
        let [train, valid] = self.sequences();
        let small = if self.small {
            "SMALL EFFORT, to see that it runs: no verdict counts. "
        } else {
            ""
        };
        format!(
            "{small}seed {}; {train} train and {valid} validation sequences of {STEPS} steps",
            self.seed
        )
    }
}

/// The model as published, or the differential equations behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// The paper's discrete model: `euler-sequential` with a step of 1.
    Discrete,
    /// Continuous time with linear inputs, integrated adaptively, tau = 1 / alpha.
    Continuous,
}

impl Model {
    /// Both.
    pub const ALL: [Model; 2] = [Model::Discrete, Model::Continuous];

    /// Its name in files and figures.
    pub fn name(self) -> &'static str {
        match self {
            Model::Discrete => "discrete",
            Model::Continuous => "continuous",
        }
    }

    /// How it is integrated.
    pub fn integrator(self) -> Integrator {
        match self {
            Model::Discrete => fixed_step(FixedStepMethod::EulerSequential),
            Model::Continuous => adaptive(1e-4),
        }
    }

    /// How its teachers are integrated: free of the errors that students make.
    pub fn exact(self) -> Integrator {
        match self {
            Model::Discrete => self.integrator(),
            Model::Continuous => Integrator::Adaptive {
                method: AdaptiveMethod::Tsit45,
                tolerances: tolerances(1e-10),
            },
        }
    }
}

fn adaptive(rtol: f64) -> Integrator {
    Integrator::Exponential {
        method: ExponentialMethod::ExpHermite,
        control: StepControl::Tolerances(tolerances(rtol)),
    }
}

fn tolerances(rtol: f64) -> Tolerances {
    Tolerances {
        rtol,
        atol: rtol / 100.0,
    }
}

/// One step a sample.
pub(crate) fn fixed_step(method: FixedStepMethod) -> Integrator {
    Integrator::FixedStep {
        method,
        step: None,
        stops: Stops::Knots,
    }
}

/// A network of the paper's size.
pub fn student(model: Model, activation: Activation, constants: Constants) -> Student {
    let integrator = match constants {
        Constants::Absent => fixed_step(FixedStepMethod::Elman),
        _ => model.integrator(),
    };
    Student {
        n_units: N_UNITS,
        n_inputs: N_CHANNELS,
        n_outputs: N_CHANNELS,
        activation,
        constants,
        integrator,
        masks: None,
    }
}

/// A teacher of the paper's size with one pair of constants for all units.
pub fn teacher(
    model: Model,
    activation: Activation,
    alphas: [f64; 2],
    effort: &Effort,
) -> TeacherSpec {
    let [n_train, n_valid] = effort.sequences();
    TeacherSpec {
        network: Student {
            integrator: model.exact(),
            ..student(model, activation, Constants::Held(alphas))
        },
        alphas: vec![alphas],
        steps: STEPS,
        n_train,
        n_valid,
    }
}
