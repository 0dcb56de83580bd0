//! What a solve leaves to the passes after it.

use super::frames::Frames;
use super::program::Register;
use super::scheme::Scheme;
use super::weights::{Geometry, KnownWeights, StepWeights, WeightCache};
use std::sync::Arc;
use tauscope_dynamics::{ModelKind, StateShape};

/// A solve, step by step.
#[derive(Debug, Clone)]
pub(crate) struct StepTape {
    pub(super) scheme: Scheme,
    /// How step `n` was weighted, and the sample interval that it lies in; number 0 is the start.
    pub(super) steps: Vec<TakenStep>,
    pub(super) frames: Frames,
    /// Where every evaluation time lies.
    pub(super) evaluations: Vec<Evaluation>,
    /// Weights of its steps, as far as they are kept.
    pub(super) weights: KnownWeights,
    pub(super) shape: StateShape,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TakenStep {
    pub(super) geometry: Geometry,
    pub(super) interval: usize,
    /// End of the step.
    pub(super) t1: f64,
}

/// An evaluation time: the end of a step, or its middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) frame: usize,
    pub(super) in_middle: bool,
}

impl Evaluation {
    fn current(self) -> Register {
        if self.in_middle {
            Register::MiddleCurrent
        } else {
            Register::Current
        }
    }

    pub(super) fn rate(self) -> Register {
        if self.in_middle {
            Register::MiddleRate
        } else {
            Register::Rate
        }
    }
}

impl StepTape {
    /// Rates at evaluation time `j`, (unit, trial).
    pub(crate) fn rates(&self, j: usize) -> &[f64] {
        let at = self.evaluations[j];
        self.frames.get(at.rate(), at.frame)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frames.bytes() + size_of_val(&self.steps[..])
    }

    /// State at evaluation time `j`.
    pub(crate) fn state(&self, j: usize) -> Vec<f64> {
        let at = self.evaluations[j];
        let part = |register| self.frames.get(register, at.frame);
        match self.shape.model {
            ModelKind::TwoConstant => [part(at.current()), part(at.rate())].concat(),
            ModelKind::Rate => part(at.rate()).to_vec(),
            ModelKind::Current => part(at.current()).to_vec(),
        }
    }
}

/// The parts of a state: currents and rates, where the model has them.
pub(super) fn state_registers(model: ModelKind) -> &'static [Register] {
    match model {
        ModelKind::TwoConstant => &[Register::Current, Register::Rate],
        ModelKind::Rate => &[Register::Rate],
        ModelKind::Current => &[Register::Current],
    }
}

/// Weights of a step that was taken, exactly as then.
pub(super) fn weights_of<'c>(
    cache: &'c mut WeightCache<'_>,
    tape: &StepTape,
    n: usize,
) -> &'c Arc<StepWeights> {
    let geometry = &tape.steps[n].geometry;
    cache.exact(geometry, tape.scheme.program(geometry.kind))
}
