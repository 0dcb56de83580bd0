use super::kernels;
use super::scheme::{Effort, StepKind};
use crate::Tolerances;
use std::ops::Range;

/// Chooses the steps within a stretch between two stops: what halving it makes, so that the steps of one stretch are those of
/// the next. Equal steps share their weights.
///
/// The estimate of a step's error falls about as `h^4`, the error of the solution one order faster.
///
/// Where the stops alone limit the steps, a step that does less may do: extrapolation is tried, then over two sample intervals
/// at once, and given up for a while once its error is too large. Shorter steps are always corrected, which takes fewer
/// products for the same error. At [some tolerances](CORRECTS_DOUBLES) double steps are corrected too.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    tolerances: Tolerances,
    /// Longest step that is expected to do.
    h: f64,
    effort: Effort,
    /// Accepted steps until extrapolation is tried again, and until double steps are.
    wait: u32,
    wait_to_double: u32,
    /// Whether double steps are corrected, and no step is extrapolated.
    corrects: bool,
}

/// Order in h of the error estimate.
const ORDER: f64 = 4.0;
/// Part of the allowed error that is aimed at after a rejection.
const AIM: f64 = 0.5;
/// A rejected step is shortened within these factors.
const SHORTEN: (f64, f64) = (0.1, 0.7);
/// A corrected step with an error below this, in units of the allowed one, would likely do uncorrected: what is estimated is
/// the error of its predictor.
const TRY_EXTRAPOLATION_BELOW: f64 = 0.5;
/// An extrapolated step with an error below this would likely do at twice its length: `2^-ORDER`, with a margin.
const TRY_DOUBLE_BELOW: f64 = 0.05;
/// A corrected step with an error below this would likely do at twice its length: its error is then [`PART_THAT_IS_CORRECTED`]
/// times overestimated, and `2^ORDER` times as large.
const TRY_CORRECTED_DOUBLE_BELOW: f64 = 0.2;
/// Relative tolerances at which double steps are corrected. At looser ones extrapolated double steps do, which cost less of
/// networks whose products are cheap; at tighter ones double steps seldom do. Both kinds in one solve would not: extrapolation multiplies
/// the errors of predicted rates, which those of double steps have most of.
const CORRECTS_DOUBLES: Range<f64> = 5e-4..5e-3;
/// What is estimated of a corrected double step is the error of its predictor, mostly where some input bends sharply: so much
/// is left of it when it is corrected. Gradients of the problems in `benches/peers` then have errors of 2e-4 to 5e-4 at a tolerance of 1e-3.
const PART_THAT_IS_CORRECTED: f64 = 8.0;
/// Corrected steps before the first double one: what it extrapolates shall be as good as they are, not as the first steps.
const CORRECTED_BEFORE_DOUBLE: u32 = 4;
/// Steps after which a corrected double step is tried again.
const PATIENCE_OF_CORRECTED: u32 = 8;
/// Steps after which extrapolation, or a double step, is tried again where it failed.
const PATIENCE: u32 = 32;
/// What is estimated of a corrected step is the error of its predictor, of an extrapolated one its own, which steps sum up.
const MARGIN_OF_BASHFORTH: f64 = 4.0;
/// The step grows where the error stays below this part of the allowed one, by [`GROWTH`]: `GROWTH^-ORDER`, with a margin.
const GROW_BELOW: f64 = 0.03;
const GROWTH: f64 = 2.0;

impl Controller {
    /// `may_correct_doubles`: whether such steps are known, and fit the stretches.
    pub(super) fn new(tolerances: Tolerances, may_correct_doubles: bool) -> Controller {
        let corrects = may_correct_doubles && CORRECTS_DOUBLES.contains(&tolerances.rtol);
        Controller {
            tolerances,
            h: f64::INFINITY,
            effort: Effort::Whole,
            wait: 0,
            wait_to_double: if corrects { CORRECTED_BEFORE_DOUBLE } else { 0 },
            corrects,
        }
    }

    /// What the next step does, where it crosses no sample.
    pub(super) fn effort(&self) -> Effort {
        match self.corrects {
            true => Effort::Whole,
            false => self.effort.max(Effort::Extrapolate),
        }
    }

    /// What the next step does, where it is to take two sample intervals.
    pub(super) fn effort_of_double(&self) -> Option<Effort> {
        let doubles = [Effort::Double, Effort::CorrectDouble];
        doubles.contains(&self.effort).then_some(self.effort)
    }

    pub(super) fn tolerances(&self) -> Tolerances {
        self.tolerances
    }

    /// How often a stretch of that length is halved.
    pub(super) fn halvings(&self, length: f64) -> u32 {
        let parts = length / self.h * (1.0 - 1e-9);
        // the cast saturates; no number is none
        parts.max(1.0).log2().ceil() as u32
    }

    /// Whether a step of length `h` with this error, in units of the allowed one, will do; either way the next step follows
    /// from it. `whole`: it went from stop to stop. `kind`: what it did.
    pub(super) fn accept(&mut self, h: f64, whole: bool, kind: StepKind, error: f64) -> bool {
        let error = match kind {
            StepKind::Bashforth => MARGIN_OF_BASHFORTH * error,
            StepKind::AdamsDouble => error / PART_THAT_IS_CORRECTED,
            _ => error,
        };
        if kind == StepKind::Extrapolated && (error.is_nan() || error > 1.0) {
            (self.effort, self.wait) = (Effort::Whole, PATIENCE);
            return false;
        }
        if kind.is_double() && (error.is_nan() || error > 1.0) {
            (self.effort, self.wait_to_double) = if self.corrects {
                (Effort::Whole, PATIENCE_OF_CORRECTED)
            } else {
                (Effort::Extrapolate, PATIENCE)
            };
            return false;
        }
        if error <= 1.0 {
            self.wait = self.wait.saturating_sub(1);
            self.wait_to_double = self.wait_to_double.saturating_sub(1);
            self.effort = match kind {
                kind if kind.is_double() => self.effort,
                StepKind::Extrapolated if self.wait_to_double == 0 && error < TRY_DOUBLE_BELOW => {
                    Effort::Double
                }
                StepKind::Extrapolated => Effort::Extrapolate,
                _ if !whole => Effort::Whole,
                _ if self.corrects => {
                    let may = self.wait_to_double == 0 && error < TRY_CORRECTED_DOUBLE_BELOW;
                    if may {
                        Effort::CorrectDouble
                    } else {
                        Effort::Whole
                    }
                }
                _ if self.wait == 0 && error < TRY_EXTRAPOLATION_BELOW => Effort::Extrapolate,
                _ => Effort::Whole,
            };
            if error < GROW_BELOW {
                // a step that a stop had shortened says nothing about longer steps than twice itself
                self.h = self.h.max(GROWTH * h);
            }
            return true;
        }
        let factor = (AIM / error).powf(1.0 / ORDER);
        self.h = h * if factor.is_nan() {
            SHORTEN.0
        } else {
            factor.clamp(SHORTEN.0, SHORTEN.1)
        };
        false
    }
}

/// Largest over trials of the root mean square over units of `error / (atol + rtol |value|)`.
pub(super) fn error_norm(
    error: &[f64],
    value: &[f64],
    n_units: usize,
    tolerances: Tolerances,
) -> f64 {
    let mut worst = 0.0_f64;
    for (error, value) in error.chunks_exact(n_units).zip(value.chunks_exact(n_units)) {
        let sum = kernels::scaled_squares(error, value, tolerances);
        let norm = (sum / n_units as f64).sqrt();
        if norm.is_nan() {
            return f64::NAN;
        }
        worst = worst.max(norm);
    }
    worst
}
