//! What the weights of a step depend on.

use super::super::program::{Forcing, MAX_LAG, Operation, Program, Recipe, Source};
use super::super::scheme::StepKind;
use nalgebra::SMatrix;

/// All that the weights of a step depend on beside the network.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::exponential) struct Geometry {
    pub(in crate::exponential) kind: StepKind,
    pub(in crate::exponential) h: f64,
    /// Length of the step `lag` steps before over `h`.
    pub(in crate::exponential) lengths: [f64; MAX_LAG + 1],
    /// Where the samples at or before its start and after that one lie, in steps from its start.
    pub(in crate::exponential) left: f64,
    pub(in crate::exponential) right: f64,
    /// The part of what its kind leaves out at the start of a run of such steps that it takes out.
    pub(in crate::exponential) settles: f64,
}

/// What the polynomials of a program look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::exponential) struct Reads {
    /// Of the lengths of how many steps back; values at the end of a step would need one less.
    lag: usize,
    /// Whether of more than one sample of the drive, whose places then matter.
    drive: bool,
    /// Whether it [takes out](Geometry::settles) anything.
    settles: bool,
}

impl Reads {
    pub(in crate::exponential) fn of(program: &Program) -> Reads {
        let mut reads = Reads {
            lag: 0,
            drive: false,
            settles: false,
        };
        for operation in program {
            let Operation::Combine { recipe, .. } = operation else {
                continue;
            };
            if let Recipe::Relax { forcings, .. } = recipe {
                let is_extrapolation = |f: &Forcing| matches!(f, Forcing::Extrapolation { .. });
                reads.settles |= forcings.iter().any(is_extrapolation);
            }
            for source in recipe.sources() {
                match source {
                    Source::Register(_, lag) => reads.lag = reads.lag.max(lag),
                    Source::Drive(sample) => reads.drive |= sample > 0,
                }
            }
        }
        reads
    }
}

/// Times computed twice differ by round-off: steps whose geometry differs by less than this are one.
const SAME: f64 = 1e-9;

impl Geometry {
    /// The same for all steps that have the same weights.
    pub(in crate::exponential) fn only(mut self, reads: Reads) -> Geometry {
        self.lengths[reads.lag + 1..].fill(1.0);
        if !reads.drive {
            (self.left, self.right) = (0.0, 1.0);
        }
        if !reads.settles {
            self.settles = 0.0;
        }
        self
    }

    pub(in crate::exponential) fn is_close(&self, other: &Geometry) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(1.0);
        self.kind == other.kind
            && (self.h - other.h).abs() <= SAME * self.h
            && close(self.left, other.left)
            && close(self.right, other.right)
            && close(self.settles, other.settles)
            && self
                .lengths
                .iter()
                .zip(&other.lengths)
                .all(|(&a, &b)| close(a, b))
    }

    /// Position of a source in steps from the start of this step.
    pub(in crate::exponential) fn position(&self, source: Source) -> f64 {
        match source {
            // those of a step across samples are as far from one to the next
            Source::Drive(sample) => self.left + sample as f64 * (self.right - self.left),
            Source::Register(register, lag) => {
                let start = 1.0 - self.lengths[..=lag].iter().sum::<f64>();
                start + register.place().fraction() * self.lengths[lag]
            }
        }
    }

    /// What a stored slope must be multiplied with to be one by this step's length; `None` for a value.
    fn slope_scale(&self, source: Source) -> Option<f64> {
        match source {
            Source::Register(register, lag) if register.is_slope() => Some(1.0 / self.lengths[lag]),
            _ => None,
        }
    }

    /// Coefficients, in columns by source, of the polynomial in `s` through values and slopes at the sources, at most [`MOST_NODES`].
    pub(in crate::exponential) fn polynomial(&self, nodes: &[Source]) -> Coefficients {
        debug_assert!(nodes.len() <= MOST_NODES, "{nodes:?}");
        // beyond the conditions there are the identity's, which keep to themselves
        let conditions = Coefficients::from_fn(|row, power| {
            let outside = f64::from(u8::from(row == power));
            let Some(&node) = nodes.get(row).filter(|_| power < nodes.len()) else {
                return outside;
            };
            let s = self.position(node);
            match self.slope_scale(node) {
                None => s.powi(power as i32),
                Some(_) if power == 0 => 0.0,
                Some(_) => power as f64 * s.powi(power as i32 - 1),
            }
        });
        let inverse = conditions.try_inverse();
        let mut inverse = inverse.unwrap_or_else(|| Coefficients::from_element(f64::NAN));
        for (mut column, &node) in inverse.column_iter_mut().zip(nodes) {
            if let Some(scale) = self.slope_scale(node) {
                column *= scale;
            }
        }
        inverse
    }
}

/// Most sources of one polynomial.
pub(in crate::exponential) const MOST_NODES: usize = 6;

/// By power and source.
pub(in crate::exponential) type Coefficients = SMatrix<f64, MOST_NODES, MOST_NODES>;
