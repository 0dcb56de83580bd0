//! The methods, as programs of a step.

use super::frames::Frames;
use super::program::Register::{
    Activity, Current, CurrentChange, MiddleActivity, PredictedCurrent, PredictedRate, Rate,
    RateChange,
};
use super::program::{self, Operation, Program, REGISTERS, Register, Source, back};
use super::programs::{Form, Passed};
use super::weights::Reads;
use crate::ExponentialMethod;
use tauscope_dynamics::{Interpolation, ModelKind};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum StepKind {
    /// Fills the registers at the start of the solve from the state.
    #[default]
    Start,
    /// One-step: nothing but the step before is read.
    Hermite,
    /// The same after a step that kept no slope of its own: where the history is of no use.
    Restart,
    /// Extrapolates and corrects W r with what earlier steps knew of it.
    Adams,
    /// The same after an extrapolated step, which knows no f(I) in its middle.
    AdamsAfterExtrapolated,
    /// [`Self::Adams`] over two sample intervals.
    AdamsDouble,
    /// Extrapolates W r and f(I), corrects nothing: half the work, for steps that a stop shortens anyway.
    Extrapolated,
    /// The same over two sample intervals, for samples that lie closer than the tolerance needs.
    Double,
    /// Extrapolates W r from one value more, and asks for f(I) in its middle.
    Bashforth,
}

impl StepKind {
    /// In the order of their numbers.
    pub(super) const ALL: [StepKind; 9] = [
        StepKind::Start,
        StepKind::Hermite,
        StepKind::Restart,
        StepKind::Adams,
        StepKind::AdamsAfterExtrapolated,
        StepKind::AdamsDouble,
        StepKind::Extrapolated,
        StepKind::Double,
        StepKind::Bashforth,
    ];

    /// The part of what a run of such steps leaves out at its start that a step takes out which comes after one of kind `before`,
    /// of `ratio` its length. In a run that is nothing; where the step before was extrapolated over another length it is the
    /// difference of both, a difference of order three being as `h^3`.
    pub(super) fn settles(self, before: StepKind, ratio: f64) -> f64 {
        match (self, before) {
            (StepKind::Bashforth, StepKind::Bashforth) => 0.0,
            (StepKind::Extrapolated, StepKind::Extrapolated) => 0.0,
            (StepKind::Double, StepKind::Double) => 0.0,
            (StepKind::Extrapolated, StepKind::Double)
            | (StepKind::Double, StepKind::Extrapolated) => 1.0 - ratio.powi(4),
            _ => 1.0,
        }
    }

    /// Whether it takes two sample intervals.
    pub(super) fn is_double(self) -> bool {
        matches!(self, StepKind::Double | StepKind::AdamsDouble)
    }

    /// Whether it knows f(I) at its end alone.
    fn is_extrapolated(self) -> bool {
        matches!(self, StepKind::Extrapolated | StepKind::Double)
    }
}

/// How much a step of a method with a history does, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effort {
    /// Extrapolate over two sample intervals.
    Double,
    /// Extrapolate and correct over two sample intervals, after steps that are corrected.
    CorrectDouble,
    Extrapolate,
    /// `exp-adams` corrects, `exp-bashforth` looks at more values.
    Whole,
}

/// What tells the error of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimate {
    /// The difference of a predicted and a corrected value.
    Difference(Register, Register),
    /// Changes of I, as far as the rates will follow it, and of r that are left out.
    Changes { current: Register, rate: Register },
    /// A change of the value itself that is left out.
    Change(Register),
}

/// The programs of one method for one model.
#[derive(Debug, Clone)]
pub(super) struct Scheme {
    pub(super) method: ExponentialMethod,
    form: Form,
    /// Whether it may meet a history that is of no use.
    restarts: bool,
    /// By the number of the kind.
    programs: [Program; StepKind::ALL.len()],
    reads: [Reads; StepKind::ALL.len()],
}

/// Steps before the one at hand whose lengths a history of that method spans.
pub(super) fn span_of_history(method: ExponentialMethod) -> usize {
    match method {
        ExponentialMethod::ExpHermite => 0,
        ExponentialMethod::ExpAdams => 3,
        ExponentialMethod::ExpBashforth => 4,
    }
}

/// Steps after the start before the history of `exp-adams` is filled.
const ADAMS_NEEDS: usize = 2;
/// The same of `exp-bashforth`. More steps that look at nothing but themselves change nothing: the first extrapolated one settles.
const BASHFORTH_NEEDS: usize = 4;
/// Steps before one that extrapolates.
const EXTRAPOLATION_NEEDS: usize = 3;

impl Scheme {
    /// `restarts`: whether there may be steps that [begin anew](StepKind::Restart).
    pub(super) fn new(method: ExponentialMethod, form: Form, restarts: bool) -> Scheme {
        let passed = match method {
            ExponentialMethod::ExpBashforth => Passed::Corrected,
            _ => Passed::Predicted,
        };
        let programs = [
            form.start(),
            form.hermite(form.jumps && form.model != ModelKind::TwoConstant, passed),
            form.hermite(true, passed),
            form.adams(back(MiddleActivity, 1)),
            form.adams(back(Activity, 3)),
            form.adams_double(),
            form.extrapolated(),
            form.double(),
            form.bashforth(),
        ];
        Scheme {
            method,
            form,
            restarts: restarts && method != ExponentialMethod::ExpHermite,
            reads: programs.each_ref().map(Reads::of),
            programs,
        }
    }

    /// What the weights of a step of that kind depend on.
    pub(super) fn reads(&self, kind: StepKind) -> Reads {
        self.reads[kind as usize]
    }

    pub(super) fn program(&self, kind: StepKind) -> &Program {
        &self.programs[kind as usize]
    }

    /// Whether steps may begin anew.
    pub(super) fn restarts(&self) -> bool {
        self.restarts
    }

    /// The kind of step number `n`, counted from 1, after one of kind `before`. `anew`: its history is of no use.
    pub(super) fn kind(&self, n: usize, before: StepKind, effort: Effort, anew: bool) -> StepKind {
        let (is_bashforth, start) = match self.method {
            ExponentialMethod::ExpHermite => return StepKind::Hermite,
            ExponentialMethod::ExpAdams => (false, ADAMS_NEEDS),
            ExponentialMethod::ExpBashforth => (true, BASHFORTH_NEEDS),
        };
        let may_extrapolate = self.extrapolates() && n > EXTRAPOLATION_NEEDS;
        match effort {
            _ if n <= start => StepKind::Hermite,
            _ if anew => StepKind::Restart,
            Effort::Double if self.doubles() && may_extrapolate => StepKind::Double,
            Effort::CorrectDouble if self.corrects_doubles() && may_extrapolate => {
                StepKind::AdamsDouble
            }
            Effort::Extrapolate if may_extrapolate => StepKind::Extrapolated,
            _ if is_bashforth => StepKind::Bashforth,
            _ if before.is_extrapolated() => StepKind::AdamsAfterExtrapolated,
            _ => StepKind::Adams,
        }
    }

    /// Whether there are extrapolated steps.
    pub(super) fn extrapolates(&self) -> bool {
        self.method != ExponentialMethod::ExpHermite && self.form.model == ModelKind::TwoConstant
    }

    /// Whether there are steps over two sample intervals: no drive jumps within one.
    pub(super) fn doubles(&self) -> bool {
        self.extrapolates() && !self.form.jumps
    }

    /// Whether such steps may be corrected.
    pub(super) fn corrects_doubles(&self) -> bool {
        self.doubles() && self.method == ExponentialMethod::ExpAdams
    }

    /// Samples of the drive that a step of that kind reads, from that of its interval on.
    pub(super) fn samples(&self, kind: StepKind) -> usize {
        match (self.form.interpolation, kind) {
            (Interpolation::Hold, _) => 1,
            (Interpolation::Linear, kind) if kind.is_double() => 3,
            (Interpolation::Linear, _) => 2,
        }
    }

    /// What tells the error of a step of that kind.
    pub(super) fn estimate(&self, kind: StepKind) -> Estimate {
        match (kind, self.form.model) {
            (StepKind::Bashforth, ModelKind::Current) => Estimate::Change(CurrentChange),
            (StepKind::Extrapolated | StepKind::Double | StepKind::Bashforth, _) => {
                Estimate::Changes {
                    current: CurrentChange,
                    rate: RateChange,
                }
            }
            (_, ModelKind::Current) => Estimate::Difference(PredictedCurrent, Current),
            _ => Estimate::Difference(PredictedRate, Rate),
        }
    }

    /// The registers that the errors of steps are told by.
    pub(super) fn judged(&self) -> Vec<Register> {
        let of = |&kind: &StepKind| match self.estimate(kind) {
            Estimate::Difference(predicted, corrected) => vec![predicted, corrected],
            Estimate::Changes { current, rate } => vec![current, rate],
            Estimate::Change(change) => vec![change],
        };
        StepKind::ALL.iter().flat_map(of).collect()
    }

    /// The value whose error is controlled.
    pub(super) fn controlled(&self) -> Register {
        match self.form.model {
            ModelKind::Current => Current,
            _ => Rate,
        }
    }

    /// f(I) at the end of a step.
    pub(super) fn activity<'f>(&self, frames: &'f Frames, frame: usize) -> &'f [f64] {
        match self.form.model {
            ModelKind::Current => frames.get(Rate, frame),
            _ => frames.get(Activity, frame),
        }
    }

    /// By kind, which operations `outcomes` of a step or its later steps depend on.
    pub(super) fn needed(&self, outcomes: &[Register]) -> [Vec<bool>; StepKind::ALL.len()] {
        let mut wanted = [false; REGISTERS];
        for &register in outcomes {
            wanted[register as usize] = true;
        }
        for source in self.programs().flatten().flat_map(Operation::sources) {
            if let Source::Register(register, 1..) = source {
                wanted[register as usize] = true;
            }
        }
        self.programs
            .each_ref()
            .map(|program| program::needed(program, wanted))
    }

    /// The kinds that a solve of any length is made of, and the first step that may be of one of them.
    pub(super) fn lasting(&self) -> (Vec<StepKind>, usize) {
        let (mut kinds, first) = match self.method {
            ExponentialMethod::ExpHermite => return (vec![StepKind::Hermite], 1),
            ExponentialMethod::ExpAdams => (vec![StepKind::Adams], ADAMS_NEEDS + 1),
            ExponentialMethod::ExpBashforth => (vec![StepKind::Bashforth], BASHFORTH_NEEDS + 1),
        };
        if self.extrapolates() {
            kinds.push(StepKind::Extrapolated);
            if self.method == ExponentialMethod::ExpAdams {
                kinds.push(StepKind::AdamsAfterExtrapolated);
            }
        }
        if self.doubles() {
            kinds.push(StepKind::Double);
        }
        if self.corrects_doubles() {
            kinds.push(StepKind::AdamsDouble);
        }
        if self.restarts {
            kinds.push(StepKind::Restart);
        }
        (kinds, first)
    }

    /// The programs that a solve may run.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let mut kinds = vec![StepKind::Start, StepKind::Hermite];
        kinds.extend(self.lasting().0);
        kinds.dedup();
        kinds.into_iter().map(|kind| self.program(kind))
    }
}
