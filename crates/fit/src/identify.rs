//! How far the time constants of a fit can be trusted: Fisher information, what it does not determine, the order of tau_s and tau_r.
//!
//! For a model with residuals e(theta) and Jacobian J on the train trials, the information is `F = J^T J / sigma^2`. Everything here
//! is judged at the minimum of the unpenalised cost next to a result ([`Basis`]), since intervals about a penalised point are wrong
//! by the bias of the penalty. Where outputs have unlike noise that the data do not give, residuals are divided by an estimate of it first
//! (`stand`); where residuals are correlated in time, sigma^2 is as many times larger as it takes of them to tell as much as an
//! independent one (`noise`).
//!
//! With f(I) = I only tau_s tau_r and tau_s + tau_r act, so the two can be exchanged unit by unit (Quax, D'Asaro & van Gerven 2020,
//! appendix S2, doi:10.1038/s41598-020-68169-x). With another f the order is told by the curvature that the data visit. It is judged
//! by the *swapped twin*: the best fit that keeps the reversed order.

mod advice;
mod candidates;
mod canonical;
mod curvature;
mod decay;
mod equivalence;
mod found;
mod information;
mod inputs;
mod names;
mod noise;
mod ordered;
mod profile;
mod reach;
mod reasons;
mod refit;
mod request;
mod ridge;
mod run;
mod spectrum;
mod stand;
mod straight;
#[cfg(test)]
mod tests;
mod twin;
mod uncertainty;
mod unit;
mod verdict;
mod words;
mod write;

pub use advice::{Advice, Concern, Tried};
pub use decay::DecayTime;
pub use found::Identification;
pub use names::{NoSuchConstant, ProfileTarget};
pub use profile::{Profile, ProfilePoint};
pub use request::{Basis, Control, Depth, IdentifyError, Position, Request};
pub use run::identify;
pub use spectrum::{Combination, NullDirection};
pub use twin::Twin;
pub(crate) use uncertainty::uncertainty;
pub use unit::{Estimate, IntervalSource, UnitJudgement, Verdict};
pub use write::write_identification;

/// Quantile of the standard normal distribution for an interval of 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;
/// Quantile of the chi-squared distribution with one degree of freedom for an interval of 95 %.
pub const CHI2_95: f64 = Z95 * Z95;
/// Two costs that differ by less than this, relative to predicting each output's mean, are those of one and the same prediction.
pub const INDISTINGUISHABLE: f64 = 1e-10;
