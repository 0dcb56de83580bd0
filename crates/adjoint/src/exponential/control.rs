use crate::Tolerances;

/// Chooses into how many equal steps a stretch between stops is cut.
///
/// The estimate of a step's error falls about as `h^4`, that of the solution one order faster; a stretch is repeated with
/// more steps where the estimate exceeds what the tolerance allows.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    tolerances: Tolerances,
    /// Longest step that is expected to do.
    h: f64,
}

/// Order in h of the error estimate.
const ORDER: f64 = 4.0;
/// Part of the allowed error that is aimed at.
const AIM: f64 = 0.5;
/// Within these factors the step changes at once.
const SHRINK: f64 = 0.1;
const GROW: f64 = 2.0;

impl Controller {
    pub(super) fn new(tolerances: Tolerances) -> Controller {
        Controller {
            tolerances,
            h: f64::INFINITY,
        }
    }

    pub(super) fn tolerances(&self) -> Tolerances {
        self.tolerances
    }

    /// Into how many steps a stretch of this length is cut.
    pub(super) fn parts(&self, length: f64) -> usize {
        (length / self.h * (1.0 - 1e-9)).ceil().max(1.0) as usize
    }

    pub(super) fn is_small(&self, error: f64) -> bool {
        error <= 1.0
    }

    /// Whether steps with this largest error will do; either way the next choice follows from it.
    pub(super) fn accept(&mut self, length: f64, parts: usize, error: f64) -> bool {
        let h = length / parts as f64;
        let factor = if error > 0.0 {
            (AIM / error).powf(1.0 / ORDER)
        } else {
            GROW
        };
        if self.is_small(error) {
            // a stretch that was shorter than the step says nothing about longer steps than itself
            self.h = if self.h > h && factor >= 1.0 && parts == 1 {
                (h * factor.min(GROW)).max(self.h.min(h * GROW))
            } else {
                h * factor.clamp(SHRINK, GROW)
            };
            return true;
        }
        self.h = (h * factor.clamp(SHRINK, 1.0)).min(length / (parts + 1) as f64);
        false
    }
}

/// Largest over trials of the root mean square over units of `(a - b) / (atol + rtol |b|)`.
pub(super) fn error_norm(a: &[f64], b: &[f64], n_units: usize, tolerances: Tolerances) -> f64 {
    let Tolerances { rtol, atol } = tolerances;
    let mut worst = 0.0_f64;
    for (a, b) in a.chunks_exact(n_units).zip(b.chunks_exact(n_units)) {
        let sum: f64 = a
            .iter()
            .zip(b)
            .map(|(a, b)| {
                let scaled = (a - b) / (atol + rtol * b.abs());
                scaled * scaled
            })
            .sum();
        let norm = (sum / n_units as f64).sqrt();
        if norm.is_nan() {
            return f64::NAN;
        }
        worst = worst.max(norm);
    }
    worst
}
