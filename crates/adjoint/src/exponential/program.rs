//! A step as a short list of operations, from which its transpose and its tangent follow.

/// An array (unit, trial) that every step fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// I at the end of the step; in the `rate` model the argument of f there.
    Current,
    /// r at the end.
    Rate,
    /// f(I) at the end.
    Activity,
    /// I in the middle.
    MiddleCurrent,
    /// f(I) in the middle.
    MiddleActivity,
    /// r in the middle, where an evaluation time lies that no step ends at.
    MiddleRate,
    /// I at the start, after a jump of the input.
    StartCurrent,
    /// f(I) at the start, after a jump of the input.
    StartActivity,
    /// The same as predicted, before W r at the end is known.
    PredictedMiddleCurrent,
    PredictedMiddleActivity,
    PredictedCurrent,
    PredictedActivity,
    /// What W multiplies: r at the end as predicted.
    PredictedRate,
    /// W times that, where later steps know another product.
    PredictedProduct,
    /// W r: all that later steps know of it.
    Product,
    /// h dI/dt where r' follows from it.
    CurrentSlope,
    /// h dr/dt at the end, as predicted.
    RateSlope,
    /// W times that.
    SlopeProduct,
    /// h dI/dt, h dr/dt and W times that at the start, after a jump of the input.
    StartCurrentSlope,
    StartRateSlope,
    StartSlopeProduct,
    /// What I would change by at the end, were W r there known when it is extrapolated.
    CurrentChange,
    /// What r would change by at the end with one more value of f(I).
    RateChange,
}

/// Number of registers.
pub(super) const REGISTERS: usize = Register::RateChange as usize + 1;
/// How many steps back a register may be read.
pub(super) const MAX_LAG: usize = 5;

/// Where in its step the value of a register belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    /// Where the predictor looks at f(I) within the step. Not in the middle, so that the difference from the corrected rates
    /// also tells how far f(I) is from a quadratic.
    Inside,
    Middle,
    End,
}

impl Place {
    /// In steps from the start.
    pub(super) fn fraction(self) -> f64 {
        match self {
            Place::Start => 0.0,
            Place::Inside => 0.4,
            Place::Middle => 0.5,
            Place::End => 1.0,
        }
    }
}

impl Register {
    pub(super) fn place(self) -> Place {
        match self {
            Register::MiddleCurrent | Register::MiddleActivity | Register::MiddleRate => {
                Place::Middle
            }
            Register::PredictedMiddleCurrent | Register::PredictedMiddleActivity => Place::Inside,
            Register::StartCurrent
            | Register::StartActivity
            | Register::StartCurrentSlope
            | Register::StartRateSlope
            | Register::StartSlopeProduct => Place::Start,
            _ => Place::End,
        }
    }

    /// Whether it holds h times a derivative.
    pub(super) fn is_slope(self) -> bool {
        matches!(
            self,
            Register::CurrentSlope
                | Register::RateSlope
                | Register::SlopeProduct
                | Register::StartCurrentSlope
                | Register::StartRateSlope
                | Register::StartSlopeProduct
        )
    }
}

/// What an operation reads: a register of this step or of one before, or `U x + b` so many samples after the one that the
/// step begins at or behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Register(Register, usize),
    Drive(usize),
}

/// Samples of the drive that a step may read.
pub(super) const MOST_SAMPLES: usize = 3;

/// Of this step.
pub(super) fn now(register: Register) -> Source {
    Source::Register(register, 0)
}

/// Of `lag` steps before.
pub(super) fn back(register: Register, lag: usize) -> Source {
    debug_assert!(lag <= MAX_LAG);
    Source::Register(register, lag)
}

/// Which time constant a combination depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Synaptic,
    Rate,
    /// None: an infinitely fast filter, which passes its forcing on.
    Instant,
}

/// What drives a filter over a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Forcing {
    /// The polynomial through these.
    Polynomial(Vec<Source>),
    /// The polynomial through values of earlier steps, and less of the constant `left_out`, in units of its highest backward
    /// difference, where it is the first such step.
    ///
    /// What extrapolation leaves out of one step is that constant times the next higher difference. Over many equal steps these
    /// sum up to the difference at the end less that at the start: the former changes with the solution, the latter would stay,
    /// for as long as the slowest filter remembers. So the first step takes it out.
    Extrapolation { nodes: Vec<Source>, left_out: f64 },
    /// Straight lines from one to the next; the first lies at the start of the step, the last at its end.
    Polygon(Vec<Source>),
}

impl Forcing {
    pub(super) fn nodes(&self) -> &[Source] {
        match self {
            Forcing::Polynomial(nodes)
            | Forcing::Polygon(nodes)
            | Forcing::Extrapolation { nodes, .. } => nodes,
        }
    }
}

/// How the weights of a combination follow from the step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recipe {
    /// The filter from the state `from` over the part `until` of the step, forced by the sum of `forcings`.
    Relax {
        from: Option<Source>,
        until: f64,
        forcings: Vec<Forcing>,
    },
    /// `h (target - of) / tau` at the place `at`, with the drive interpolated there.
    Slope {
        at: Place,
        of: Source,
        target: Vec<Source>,
    },
    /// What the filter makes over the step of the polynomial through `nodes` instead of that through `instead_of`.
    Change {
        nodes: Vec<Source>,
        instead_of: Vec<Source>,
    },
    /// The same value again.
    Copy(Source),
}

/// One operation; its target lies in this step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operation {
    /// A sum over sources, weighted by unit.
    Combine {
        target: Register,
        filter: Filter,
        recipe: Recipe,
    },
    /// `f` of a register of this step.
    Activate { target: Register, of: Register },
    /// W times a register of this step.
    Multiply { target: Register, of: Register },
    /// `f'(I) v`, with `f'` told by `rate = f(current)`: the chain rule for h dr/dt in the `current` model.
    Chain {
        target: Register,
        rate: Source,
        current: Source,
        times: Register,
    },
}

impl Operation {
    pub(super) fn target(&self) -> Register {
        match *self {
            Operation::Combine { target, .. }
            | Operation::Activate { target, .. }
            | Operation::Multiply { target, .. }
            | Operation::Chain { target, .. } => target,
        }
    }
}

impl Operation {
    /// What it reads.
    pub(super) fn sources(&self) -> Vec<Source> {
        match self {
            Operation::Combine { recipe, .. } => recipe.sources(),
            Operation::Activate { of, .. } | Operation::Multiply { of, .. } => vec![now(*of)],
            Operation::Chain {
                rate,
                current,
                times,
                ..
            } => vec![*rate, *current, now(*times)],
        }
    }
}

impl Recipe {
    /// What is summed, in the order of the weights; the drives last.
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        match self {
            Recipe::Relax { from, forcings, .. } => {
                sources.extend(*from);
                sources.extend(forcings.iter().flat_map(Forcing::nodes));
            }
            Recipe::Slope { of, target, .. } => {
                sources.push(*of);
                sources.extend(target);
            }
            Recipe::Change { nodes, instead_of } => {
                sources.extend(nodes);
                sources.extend(instead_of.iter().filter(|s| !nodes.contains(s)));
            }
            Recipe::Copy(of) => sources.push(*of),
        }
        sources.sort_by_key(|s| !matches!(s, Source::Register(..)));
        sources
    }
}

/// A kind of step.
pub(super) type Program = Vec<Operation>;

/// Which operations a register that is `wanted` after the step depends on.
pub(super) fn needed(program: &Program, mut wanted: [bool; REGISTERS]) -> Vec<bool> {
    let mut needed: Vec<bool> = program
        .iter()
        .rev()
        .map(|operation| {
            let is_needed = wanted[operation.target() as usize];
            for source in operation.sources() {
                if let Source::Register(register, 0) = source {
                    wanted[register as usize] |= is_needed;
                }
            }
            is_needed
        })
        .collect();
    needed.reverse();
    needed
}
