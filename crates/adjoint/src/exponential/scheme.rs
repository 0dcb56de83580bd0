//! The methods, as programs of a step.

use super::frames::Frames;
use super::program::Register::{
    Activity, Current, CurrentChange, CurrentSlope, MiddleActivity, MiddleCurrent, MiddleRate,
    PredictedActivity, PredictedCurrent, PredictedMiddleActivity, PredictedMiddleCurrent,
    PredictedRate, Product, Rate, RateChange, RateSlope, SlopeProduct, StartActivity, StartCurrent,
    StartCurrentSlope, StartRateSlope, StartSlopeProduct,
};
use super::program::{
    self, Filter, Forcing, Operation, Program, REGISTERS, Recipe, Register, Source, back, now,
};
use super::weights::Reads;
use crate::ExponentialMethod;
use tauscope_dynamics::{Interpolation, ModelKind};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    /// Fills the registers at the start of the solve from the state.
    Start,
    /// One-step: nothing but the step before is read.
    Hermite,
    /// The same after a step that kept no slope of its own: where the history is of no use.
    Restart,
    /// Extrapolates and corrects W r with what earlier steps knew of it.
    Adams,
    /// The same after an extrapolated step, which knows no f(I) in its middle.
    AdamsAfterExtrapolated,
    /// Extrapolates W r and f(I), corrects nothing: half the work, for steps that a stop shortens anyway.
    Extrapolated,
    /// The same over two sample intervals, for samples that lie closer than the tolerance needs.
    Double,
}

impl StepKind {
    /// In the order of their numbers.
    pub(super) const ALL: [StepKind; 7] = [
        StepKind::Start,
        StepKind::Hermite,
        StepKind::Restart,
        StepKind::Adams,
        StepKind::AdamsAfterExtrapolated,
        StepKind::Extrapolated,
        StepKind::Double,
    ];

    /// Whether it knows f(I) at its end alone.
    fn is_extrapolated(self) -> bool {
        matches!(self, StepKind::Extrapolated | StepKind::Double)
    }
}

/// How much a step of `exp-adams` does, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effort {
    /// Extrapolate over two sample intervals.
    Double,
    Extrapolate,
    Correct,
}

/// What tells the error of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimate {
    /// The difference of a predicted and a corrected value.
    Difference(Register, Register),
    /// Changes of I, as far as the rates will follow it, and of r that are left out.
    Changes { current: Register, rate: Register },
}

/// The programs of one method for one model.
#[derive(Debug, Clone)]
pub(super) struct Scheme {
    pub(super) method: ExponentialMethod,
    model: ModelKind,
    interpolation: Interpolation,
    /// Whether the drive may jump between steps.
    jumps: bool,
    /// Whether `exp-adams` may meet a history that is of no use.
    restarts: bool,
    /// By the number of the kind.
    programs: [Program; StepKind::ALL.len()],
    reads: [Reads; StepKind::ALL.len()],
}

/// Steps after the start before the history of `exp-adams` is filled.
const ADAMS_NEEDS: usize = 2;
/// Steps after the start before steps may be extrapolated.
const EXTRAPOLATION_NEEDS: usize = 3;

impl Scheme {
    /// `restarts`: whether there may be steps that [begin anew](StepKind::Restart).
    pub(super) fn new(
        method: ExponentialMethod,
        model: ModelKind,
        interpolation: Interpolation,
        has_inputs: bool,
        restarts: bool,
    ) -> Scheme {
        let jumps = has_inputs && interpolation == Interpolation::Hold;
        let form = Form {
            model,
            interpolation,
            jumps,
        };
        let programs = [
            form.start(),
            form.hermite(form.jumps && model != ModelKind::TwoConstant),
            form.hermite(true),
            form.adams(back(MiddleActivity, 1)),
            form.adams(back(Activity, 3)),
            form.extrapolated(),
            form.double(),
        ];
        Scheme {
            method,
            model,
            interpolation,
            jumps,
            restarts: restarts && method == ExponentialMethod::ExpAdams,
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
        match (self.method, effort) {
            (ExponentialMethod::ExpHermite, _) => StepKind::Hermite,
            _ if n <= ADAMS_NEEDS => StepKind::Hermite,
            _ if anew => StepKind::Restart,
            (_, Effort::Double) if self.doubles() && n > EXTRAPOLATION_NEEDS => StepKind::Double,
            (_, Effort::Extrapolate) if self.extrapolates() && n > EXTRAPOLATION_NEEDS => {
                StepKind::Extrapolated
            }
            _ if before.is_extrapolated() => StepKind::AdamsAfterExtrapolated,
            _ => StepKind::Adams,
        }
    }

    /// Whether there are extrapolated steps.
    pub(super) fn extrapolates(&self) -> bool {
        self.method == ExponentialMethod::ExpAdams && self.model == ModelKind::TwoConstant
    }

    /// Whether there are steps over two sample intervals: no drive jumps within one.
    pub(super) fn doubles(&self) -> bool {
        self.extrapolates() && !self.jumps
    }

    /// Samples of the drive that a step of that kind reads, from that of its interval on.
    pub(super) fn samples(&self, kind: StepKind) -> usize {
        match (self.interpolation, kind) {
            (Interpolation::Hold, _) => 1,
            (Interpolation::Linear, StepKind::Double) => 3,
            (Interpolation::Linear, _) => 2,
        }
    }

    /// What tells the error of a step of that kind.
    pub(super) fn estimate(&self, kind: StepKind) -> Estimate {
        match (kind, self.model) {
            (StepKind::Extrapolated | StepKind::Double, _) => Estimate::Changes {
                current: CurrentChange,
                rate: RateChange,
            },
            (_, ModelKind::Current) => Estimate::Difference(PredictedCurrent, Current),
            _ => Estimate::Difference(PredictedRate, Rate),
        }
    }

    /// The registers that the errors of steps are told by.
    pub(super) fn judged(&self) -> Vec<Register> {
        let of = |&kind: &StepKind| match self.estimate(kind) {
            Estimate::Difference(predicted, corrected) => [predicted, corrected],
            Estimate::Changes { current, rate } => [current, rate],
        };
        StepKind::ALL.iter().flat_map(of).collect()
    }

    /// The value whose error is controlled.
    pub(super) fn controlled(&self) -> Register {
        match self.model {
            ModelKind::Current => Current,
            _ => Rate,
        }
    }

    /// f(I) at the end of a step.
    pub(super) fn activity<'f>(&self, frames: &'f Frames, frame: usize) -> &'f [f64] {
        match self.model {
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
        if self.method == ExponentialMethod::ExpHermite {
            return (vec![StepKind::Hermite], 1);
        }
        let mut kinds = vec![StepKind::Adams];
        if self.extrapolates() {
            kinds.extend([StepKind::AdamsAfterExtrapolated, StepKind::Extrapolated]);
        }
        if self.doubles() {
            kinds.push(StepKind::Double);
        }
        if self.restarts {
            kinds.push(StepKind::Restart);
        }
        (kinds, ADAMS_NEEDS + 1)
    }

    /// The programs that a solve may run.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let mut kinds = vec![StepKind::Start, StepKind::Hermite];
        kinds.extend(self.lasting().0);
        kinds.dedup();
        kinds.into_iter().map(|kind| self.program(kind))
    }
}

/// What the programs depend on.
#[derive(Clone, Copy)]
struct Form {
    model: ModelKind,
    interpolation: Interpolation,
    /// Whether the drive may jump between steps.
    jumps: bool,
}

fn activate(target: Register, of: Register) -> Operation {
    Operation::Activate { target, of }
}

fn multiply(target: Register, of: Register) -> Operation {
    Operation::Multiply { target, of }
}

fn copy(target: Register, of: Source) -> Operation {
    Operation::Combine {
        target,
        filter: Filter::Instant,
        recipe: Recipe::Copy(of),
    }
}

/// The rate filter up to a place of the step, forced by a polynomial through activities.
fn rate(target: Register, activities: Vec<Source>) -> Operation {
    Operation::Combine {
        target,
        filter: Filter::Rate,
        recipe: Recipe::Relax {
            from: Some(back(Rate, 1)),
            until: target.place().fraction(),
            forcings: vec![Forcing::Polynomial(activities)],
        },
    }
}

/// What the filter would make over the step of one more value.
fn change(
    target: Register,
    filter: Filter,
    nodes: Vec<Source>,
    instead_of: Vec<Source>,
) -> Operation {
    Operation::Combine {
        target,
        filter,
        recipe: Recipe::Change { nodes, instead_of },
    }
}

impl Form {
    fn drive(self) -> Vec<Source> {
        match self.interpolation {
            Interpolation::Linear => vec![Source::Drive(0), Source::Drive(1)],
            Interpolation::Hold => vec![Source::Drive(0)],
        }
    }

    /// The current at a place of the step, where W r is a polynomial through `products`.
    fn current(self, target: Register, products: Vec<Source>) -> Operation {
        self.driven(target, products, Forcing::Polynomial(self.drive()))
    }

    fn driven(self, target: Register, products: Vec<Source>, drive: Forcing) -> Operation {
        let until = target.place().fraction();
        let (filter, from) = match self.model {
            ModelKind::Rate => (Filter::Instant, None),
            _ => (Filter::Synaptic, Some(back(Current, 1))),
        };
        Operation::Combine {
            target,
            filter,
            recipe: Recipe::Relax {
                from,
                until,
                forcings: vec![Forcing::Polynomial(products), drive],
            },
        }
    }

    fn current_slope(self, target: Register, of: Source, product: Source) -> Operation {
        Operation::Combine {
            target,
            filter: Filter::Synaptic,
            recipe: Recipe::Slope {
                at: target.place(),
                of,
                target: [vec![product], self.drive()].concat(),
            },
        }
    }

    fn rate_slope(self, target: Register, of: Source, activity: Source) -> Operation {
        Operation::Combine {
            target,
            filter: Filter::Rate,
            recipe: Recipe::Slope {
                at: target.place(),
                of,
                target: vec![activity],
            },
        }
    }

    /// From [`Current`] and [`Rate`] as given (in the `rate` and `current` models from the one that is the state).
    fn start(self) -> Program {
        match self.model {
            ModelKind::TwoConstant => vec![
                activate(Activity, Current),
                copy(PredictedRate, now(Rate)),
                multiply(Product, PredictedRate),
                self.rate_slope(RateSlope, now(PredictedRate), now(Activity)),
                multiply(SlopeProduct, RateSlope),
            ],
            ModelKind::Rate => vec![
                copy(PredictedRate, now(Rate)),
                multiply(Product, PredictedRate),
                self.current(Current, vec![now(Product)]),
                activate(Activity, Current),
                self.rate_slope(RateSlope, now(PredictedRate), now(Activity)),
                multiply(SlopeProduct, RateSlope),
            ],
            ModelKind::Current => vec![
                copy(PredictedCurrent, now(Current)),
                activate(PredictedRate, PredictedCurrent),
                activate(Rate, Current),
                multiply(Product, PredictedRate),
                self.current_slope(CurrentSlope, now(PredictedCurrent), now(Product)),
                Operation::Chain {
                    target: RateSlope,
                    rate: now(PredictedRate),
                    current: now(PredictedCurrent),
                    times: CurrentSlope,
                },
                multiply(SlopeProduct, RateSlope),
            ],
        }
    }

    /// From W r and its slope at both ends. `anew`: the slope at the start, and with it what a jump of the input changes there,
    /// is not that of the end of the step before.
    fn hermite(self, anew: bool) -> Program {
        let slope = if anew {
            now(StartSlopeProduct)
        } else {
            back(SlopeProduct, 1)
        };
        let linear = vec![back(Product, 1), slope];
        let cubic = vec![back(Product, 1), slope, now(Product), now(SlopeProduct)];
        let mut program = if anew { self.anew() } else { Vec::new() };
        let first = if anew && self.model == ModelKind::Rate {
            now(StartActivity)
        } else {
            back(Activity, 1)
        };
        match self.model {
            ModelKind::TwoConstant => program.extend([
                self.current(PredictedMiddleCurrent, linear.clone()),
                self.current(PredictedCurrent, linear),
                activate(PredictedMiddleActivity, PredictedMiddleCurrent),
                activate(PredictedActivity, PredictedCurrent),
                rate(
                    PredictedRate,
                    vec![first, now(PredictedMiddleActivity), now(PredictedActivity)],
                ),
                self.rate_slope(RateSlope, now(PredictedRate), now(PredictedActivity)),
                multiply(Product, PredictedRate),
                multiply(SlopeProduct, RateSlope),
                self.current(MiddleCurrent, cubic.clone()),
                self.current(Current, cubic),
                activate(MiddleActivity, MiddleCurrent),
                activate(Activity, Current),
                rate(Rate, vec![first, now(MiddleActivity), now(Activity)]),
            ]),
            ModelKind::Rate => program.extend([
                self.current(PredictedMiddleCurrent, linear.clone()),
                self.current(PredictedCurrent, linear),
                activate(PredictedMiddleActivity, PredictedMiddleCurrent),
                activate(PredictedActivity, PredictedCurrent),
                rate(
                    PredictedRate,
                    vec![first, now(PredictedMiddleActivity), now(PredictedActivity)],
                ),
                multiply(Product, PredictedRate),
                self.current(Current, vec![now(Product)]),
                activate(Activity, Current),
                self.rate_slope(RateSlope, now(PredictedRate), now(Activity)),
                multiply(SlopeProduct, RateSlope),
                self.current(MiddleCurrent, cubic),
                activate(MiddleActivity, MiddleCurrent),
                rate(Rate, vec![first, now(MiddleActivity), now(Activity)]),
            ]),
            ModelKind::Current => program.extend([
                self.current(PredictedCurrent, linear),
                activate(PredictedRate, PredictedCurrent),
                multiply(Product, PredictedRate),
                self.current_slope(CurrentSlope, now(PredictedCurrent), now(Product)),
                Operation::Chain {
                    target: RateSlope,
                    rate: now(PredictedRate),
                    current: now(PredictedCurrent),
                    times: CurrentSlope,
                },
                multiply(SlopeProduct, RateSlope),
                self.current(Current, cubic),
                activate(Rate, Current),
            ]),
        }
        program
    }

    /// h dr/dt at the start of the step. In both limits a jump of the input changes it at once, in the `rate` model f(I) too.
    fn anew(self) -> Program {
        match self.model {
            ModelKind::TwoConstant => vec![
                self.rate_slope(StartRateSlope, back(Rate, 1), back(Activity, 1)),
                multiply(StartSlopeProduct, StartRateSlope),
            ],
            ModelKind::Rate => vec![
                self.current(StartCurrent, vec![back(Product, 1)]),
                activate(StartActivity, StartCurrent),
                self.rate_slope(StartRateSlope, back(Rate, 1), now(StartActivity)),
                multiply(StartSlopeProduct, StartRateSlope),
            ],
            ModelKind::Current => vec![
                self.current_slope(StartCurrentSlope, back(Current, 1), back(Product, 1)),
                Operation::Chain {
                    target: StartRateSlope,
                    rate: back(Rate, 1),
                    current: back(Current, 1),
                    times: StartCurrentSlope,
                },
                multiply(StartSlopeProduct, StartRateSlope),
            ],
        }
    }

    fn extrapolated(self) -> Program {
        self.extrapolated_with(Forcing::Polynomial(self.drive()))
    }

    /// Extrapolates W r and f(I) from the steps before. Order 4.
    fn extrapolated_with(self, drive: Forcing) -> Program {
        let known: Vec<Source> = (1..=4).map(|lag| back(Product, lag)).collect();
        let corrected: Vec<Source> = (0..=3).map(|lag| back(Product, lag)).collect();
        vec![
            self.driven(Current, known.clone(), drive),
            activate(Activity, Current),
            rate(Rate, (0..=3).map(|lag| back(Activity, lag)).collect()),
            multiply(Product, Rate),
            change(CurrentChange, Filter::Synaptic, corrected, known),
            change(
                RateChange,
                Filter::Rate,
                (0..=4).map(|lag| back(Activity, lag)).collect(),
                (0..=3).map(|lag| back(Activity, lag)).collect(),
            ),
        ]
    }

    /// The same over two sample intervals of equal length: the drive bends in the middle, where I and r are evaluated.
    fn double(self) -> Program {
        let bent = match self.interpolation {
            Interpolation::Linear => Forcing::Polygon((0..=2).map(Source::Drive).collect()),
            Interpolation::Hold => Forcing::Polynomial(self.drive()),
        };
        let known = (1..=4).map(|lag| back(Product, lag)).collect();
        let mut program = self.extrapolated_with(bent);
        program.extend([
            self.current(MiddleCurrent, known),
            rate(MiddleRate, (0..=3).map(|lag| back(Activity, lag)).collect()),
        ]);
        program
    }

    /// Extrapolates and corrects; `inside` is a further value of f(I) within the step before, or at its start.
    fn adams(self, inside: Source) -> Program {
        let jump = self.jumps && self.model == ModelKind::Rate;
        let known: Vec<Source> = (1..=3).map(|lag| back(Product, lag)).collect();
        let corrected = [vec![now(Product)], known.clone()].concat();
        match self.model {
            ModelKind::TwoConstant => vec![
                self.current(PredictedCurrent, known),
                activate(PredictedActivity, PredictedCurrent),
                // f(I) in the middle of this step is not needed: the step before knows its own
                rate(
                    PredictedRate,
                    vec![
                        now(PredictedActivity),
                        back(Activity, 1),
                        inside,
                        back(Activity, 2),
                    ],
                ),
                multiply(Product, PredictedRate),
                self.current(MiddleCurrent, corrected.clone()),
                self.current(Current, corrected),
                activate(MiddleActivity, MiddleCurrent),
                activate(Activity, Current),
                rate(
                    Rate,
                    vec![back(Activity, 1), now(MiddleActivity), now(Activity)],
                ),
            ],
            ModelKind::Rate => {
                let mut program = Vec::new();
                let first = if jump {
                    program.push(self.current(StartCurrent, vec![back(Product, 1)]));
                    program.push(activate(StartActivity, StartCurrent));
                    now(StartActivity)
                } else {
                    back(Activity, 1)
                };
                program.extend([
                    self.current(PredictedMiddleCurrent, known.clone()),
                    self.current(PredictedCurrent, known),
                    activate(PredictedMiddleActivity, PredictedMiddleCurrent),
                    activate(PredictedActivity, PredictedCurrent),
                    rate(
                        PredictedRate,
                        vec![first, now(PredictedMiddleActivity), now(PredictedActivity)],
                    ),
                    multiply(Product, PredictedRate),
                    self.current(MiddleCurrent, corrected),
                    self.current(Current, vec![now(Product)]),
                    activate(MiddleActivity, MiddleCurrent),
                    activate(Activity, Current),
                    rate(Rate, vec![first, now(MiddleActivity), now(Activity)]),
                ]);
                program
            }
            ModelKind::Current => vec![
                self.current(PredictedCurrent, known),
                activate(PredictedRate, PredictedCurrent),
                multiply(Product, PredictedRate),
                self.current(Current, corrected),
                activate(Rate, Current),
            ],
        }
    }
}
