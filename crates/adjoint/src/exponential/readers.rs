//! Which combinations read a value: what the way back sums over.

use super::program::{
    Filter, MAX_LAG, MOST_SAMPLES, Operation, Program, REGISTERS, Register, Source,
};
use super::scheme::{Scheme, StepKind};

/// A combination of some kind of step that reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadBy {
    /// Number of the operation in its program, and of the source in its weights.
    pub(super) operation: usize,
    pub(super) row: usize,
    pub(super) target: Register,
    pub(super) filter: Filter,
}

/// The readers of every value, by the kind of the step that reads.
#[derive(Debug)]
pub(super) struct Readers {
    kinds: [OfKind; StepKind::ALL.len()],
}

#[derive(Debug, Default)]
struct OfKind {
    /// By register and lag.
    registers: [[Vec<ReadBy>; MAX_LAG + 1]; REGISTERS],
    /// Of the drive, by samples after the one that the step begins at or behind.
    drives: [Vec<ReadBy>; MOST_SAMPLES],
}

impl OfKind {
    fn new(program: &Program) -> OfKind {
        let mut readers = OfKind::default();
        for (number, operation) in program.iter().enumerate() {
            let Operation::Combine {
                target,
                filter,
                recipe,
            } = operation
            else {
                continue;
            };
            for (row, source) in recipe.sources().into_iter().enumerate() {
                let list = match source {
                    Source::Register(register, lag) => {
                        &mut readers.registers[register as usize][lag]
                    }
                    Source::Drive(sample) => &mut readers.drives[sample],
                };
                list.push(ReadBy {
                    operation: number,
                    row,
                    target: *target,
                    filter: *filter,
                });
            }
        }
        readers
    }
}

impl Readers {
    pub(super) fn new(scheme: &Scheme) -> Readers {
        Readers {
            kinds: StepKind::ALL.map(|kind| OfKind::new(scheme.program(kind))),
        }
    }

    /// Those in a step of that kind of a register `lag` steps before.
    pub(super) fn of(&self, register: Register, lag: usize, kind: StepKind) -> &[ReadBy] {
        &self.kinds[kind as usize].registers[register as usize][lag]
    }

    /// Those in a step of that kind of the drive, so many samples after the one that it begins at or behind.
    pub(super) fn of_drive(&self, sample: usize, kind: StepKind) -> &[ReadBy] {
        &self.kinds[kind as usize].drives[sample]
    }
}
