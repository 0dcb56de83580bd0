use serde::{Deserialize, Serialize};

/// Relative and absolute tolerance of an adaptive solve. A step is accepted when the root mean square
/// over all state entries of `error / (atol + rtol |y|)` is below 1. The methods of low order (TR-BDF2, ESDIRK34) hold their
/// steps to less, so that the error of the solution is in proportion to the tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tolerances {
    /// Relative tolerance, positive.
    pub rtol: f64,
    /// Absolute tolerance, positive, in units of the state.
    pub atol: f64,
}

impl Tolerances {
    /// `atol = rtol / 100`, the convention of the command line.
    pub fn from_rtol(rtol: f64) -> Tolerances {
        Tolerances {
            rtol,
            atol: rtol / 100.0,
        }
    }
}
