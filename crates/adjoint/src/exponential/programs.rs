//! What each kind of step does, written down once for every model.

use super::program::Register::{
    Activity, Current, CurrentChange, CurrentSlope, MiddleActivity, MiddleCurrent, MiddleRate,
    PredictedActivity, PredictedCurrent, PredictedMiddleActivity, PredictedMiddleCurrent,
    PredictedProduct, PredictedRate, Product, Rate, RateChange, RateSlope, SlopeProduct,
    StartActivity, StartCurrent, StartCurrentSlope, StartRateSlope, StartSlopeProduct,
};
use super::program::{Filter, Forcing, Operation, Program, Recipe, Register, Source, back, now};
use tauscope_dynamics::{Interpolation, ModelKind};

/// What the programs depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) model: ModelKind,
    pub(super) interpolation: Interpolation,
    /// Whether the drive may jump between steps.
    pub(super) jumps: bool,
    /// Whether steps that are extrapolated tell their error.
    pub(super) estimates: bool,
}

/// Whose product with W later steps know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// That of the predicted rates, which a step needs anyway.
    Predicted,
    /// That of the rates themselves, at the cost of one product more: extrapolation multiplies what one value of a history is
    /// off by, and predicted rates beside those of extrapolated steps are.
    Corrected,
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
    follow(target, Forcing::Polynomial(activities))
}

fn follow(target: Register, activities: Forcing) -> Operation {
    Operation::Combine {
        target,
        filter: Filter::Rate,
        recipe: Recipe::Relax {
            from: Some(back(Rate, 1)),
            until: target.place().fraction(),
            forcings: vec![activities],
        },
    }
}

/// The values of f(I) in this step, the first of them `start`.
fn quadratic(start: Source) -> Vec<Source> {
    vec![start, now(MiddleActivity), now(Activity)]
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

/// Constants of the Adams-Bashforth formulas with four and five values and of the Adams-Moulton formula with four: the part of
/// the next backward difference that they leave out (Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, III.1).
const BASHFORTH_4: f64 = 251.0 / 720.0;
const BASHFORTH_5: f64 = 95.0 / 288.0;
const MOULTON_4: f64 = -19.0 / 720.0;

/// The values of a register that a formula with so many takes, the last one `first` steps back.
fn values(register: Register, first: usize, count: usize) -> Vec<Source> {
    (first..first + count)
        .map(|lag| back(register, lag))
        .collect()
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
        let drive = Forcing::Polynomial(self.drive());
        self.driven(target, Forcing::Polynomial(products), drive)
    }

    fn driven(self, target: Register, products: Forcing, drive: Forcing) -> Operation {
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
                forcings: vec![products, drive],
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
    pub(super) fn start(self) -> Program {
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
    pub(super) fn hermite(self, anew: bool, passed: Passed) -> Program {
        let known = match passed {
            Passed::Predicted => Product,
            Passed::Corrected => PredictedProduct,
        };
        let slope = if anew {
            now(StartSlopeProduct)
        } else {
            back(SlopeProduct, 1)
        };
        let linear = vec![back(Product, 1), slope];
        let cubic = vec![back(Product, 1), slope, now(known), now(SlopeProduct)];
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
                multiply(known, PredictedRate),
                multiply(SlopeProduct, RateSlope),
                self.current(MiddleCurrent, cubic.clone()),
                self.current(Current, cubic),
                activate(MiddleActivity, MiddleCurrent),
                activate(Activity, Current),
                rate(Rate, quadratic(first)),
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
                multiply(known, PredictedRate),
                self.current(Current, vec![now(known)]),
                activate(Activity, Current),
                self.rate_slope(RateSlope, now(PredictedRate), now(Activity)),
                multiply(SlopeProduct, RateSlope),
                self.current(MiddleCurrent, cubic),
                activate(MiddleActivity, MiddleCurrent),
                rate(Rate, quadratic(first)),
            ]),
            ModelKind::Current => program.extend([
                self.current(PredictedCurrent, linear),
                activate(PredictedRate, PredictedCurrent),
                multiply(known, PredictedRate),
                self.current_slope(CurrentSlope, now(PredictedCurrent), now(known)),
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
        if passed == Passed::Corrected {
            program.push(multiply(Product, Rate));
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

    pub(super) fn extrapolated(self) -> Program {
        self.extrapolated_with(Forcing::Polynomial(self.drive()))
    }

    /// Extrapolates W r and f(I) from the steps before. Order 4.
    fn extrapolated_with(self, drive: Forcing) -> Program {
        let (known, activities) = (values(Product, 1, 4), values(Activity, 0, 4));
        let products = Forcing::Extrapolation {
            nodes: known.clone(),
            left_out: BASHFORTH_4,
        };
        let followed = Forcing::Extrapolation {
            nodes: activities.clone(),
            left_out: MOULTON_4,
        };
        let mut program = vec![
            self.driven(Current, products, drive),
            activate(Activity, Current),
            follow(Rate, followed),
            multiply(Product, Rate),
        ];
        if self.estimates {
            program.extend([
                change(
                    CurrentChange,
                    Filter::Synaptic,
                    values(Product, 0, 4),
                    known,
                ),
                change(RateChange, Filter::Rate, values(Activity, 0, 5), activities),
            ]);
        }
        program
    }

    /// The drive over two sample intervals of equal length: it bends in the middle.
    fn bent(self) -> Forcing {
        match self.interpolation {
            Interpolation::Linear => Forcing::Polygon((0..=2).map(Source::Drive).collect()),
            Interpolation::Hold => Forcing::Polynomial(self.drive()),
        }
    }

    /// The same over two sample intervals, in whose middle I and r are evaluated.
    pub(super) fn double(self) -> Program {
        let mut program = self.extrapolated_with(self.bent());
        program.extend([
            self.current(MiddleCurrent, values(Product, 1, 4)),
            rate(MiddleRate, values(Activity, 0, 4)),
        ]);
        program
    }

    /// Extrapolates W r from the five values before; f(I) is a quadratic through its values in this step. Order 5, 4 in f(I).
    pub(super) fn bashforth(self) -> Program {
        let (known, one_more) = (values(Product, 1, 5), values(Product, 0, 6));
        let current = |target| {
            let products = Forcing::Extrapolation {
                nodes: known.clone(),
                left_out: BASHFORTH_5,
            };
            self.driven(target, products, Forcing::Polynomial(self.drive()))
        };
        let (mut program, first) = self.first_activity();
        if self.model == ModelKind::Current {
            program.extend([
                current(Current),
                activate(Rate, Current),
                multiply(Product, Rate),
            ]);
            if self.estimates {
                program.push(change(CurrentChange, Filter::Synaptic, one_more, known));
            }
            return program;
        }
        let quadratic = quadratic(first);
        program.extend([
            current(MiddleCurrent),
            current(Current),
            activate(MiddleActivity, MiddleCurrent),
            activate(Activity, Current),
            rate(Rate, quadratic.clone()),
            multiply(Product, Rate),
        ]);
        if !self.estimates {
            return program;
        }
        if self.model == ModelKind::Rate {
            // f(I) kinks where the step begins: only values within the step tell how far it is from a quadratic
            let other = vec![first, now(PredictedMiddleActivity), now(Activity)];
            program.extend([
                change(CurrentChange, Filter::Instant, one_more, known.clone()),
                current(PredictedMiddleCurrent),
                activate(PredictedMiddleActivity, PredictedMiddleCurrent),
                change(RateChange, Filter::Rate, other, quadratic),
            ]);
        } else {
            let cubic = [quadratic.clone(), vec![back(Activity, 2)]].concat();
            program.extend([
                change(CurrentChange, Filter::Synaptic, one_more, known),
                change(RateChange, Filter::Rate, cubic, quadratic),
            ]);
        }
        program
    }

    /// [`Self::adams`] over two sample intervals.
    pub(super) fn adams_double(self) -> Program {
        let mut program = self.corrected(self.bent(), back(MiddleActivity, 1));
        program.push(rate(MiddleRate, quadratic(back(Activity, 1))));
        program
    }

    /// Predicts from three values of W r, which it corrects with one more, and f(I) by a quadratic through its values in this step.
    fn corrected(self, drive: Forcing, inside: Source) -> Program {
        let (known, corrected) = (values(Product, 1, 3), values(Product, 0, 4));
        vec![
            self.driven(PredictedCurrent, Forcing::Polynomial(known), drive.clone()),
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
            self.driven(Current, Forcing::Polynomial(corrected), drive),
            activate(MiddleActivity, MiddleCurrent),
            activate(Activity, Current),
            rate(Rate, quadratic(back(Activity, 1))),
        ]
    }

    /// f(I) at the start of the step, and what makes it there where it is not that of the end of the step before: where the
    /// drive jumps and I follows at once.
    fn first_activity(self) -> (Program, Source) {
        if self.model == ModelKind::Rate && self.jumps {
            let program = vec![
                self.current(StartCurrent, vec![back(Product, 1)]),
                activate(StartActivity, StartCurrent),
            ];
            (program, now(StartActivity))
        } else {
            (Vec::new(), back(Activity, 1))
        }
    }

    /// Extrapolates and corrects; `inside` is a further value of f(I) within the step before, or at its start.
    pub(super) fn adams(self, inside: Source) -> Program {
        let (known, corrected) = (values(Product, 1, 3), values(Product, 0, 4));
        match self.model {
            ModelKind::TwoConstant => self.corrected(Forcing::Polynomial(self.drive()), inside),
            ModelKind::Rate => {
                let (mut program, first) = self.first_activity();
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
                    rate(Rate, quadratic(first)),
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
