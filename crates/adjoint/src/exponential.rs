//! Exponential methods: both decays and the input are integrated exactly, and only W r and f(I) are approximated, by
//! polynomials over the step. One product with W a step (`exp-adams`, `exp-bashforth`) or two (`exp-hermite`).
//!
//! Over a step of length h both filters are linear in their forcing, so with `s = (t - t_k) / h`
//!
//! ```text
//! I(t_k + h) = exp(-h/tau_s) I_k + (h/tau_s) sum_j p_j(h/tau_s) c_j      p_j(y) = integral_0^1 exp(-y (1-s)) s^j ds
//! r(t_k + h) = exp(-h/tau_r) r_k + (h/tau_r) sum_j p_j(h/tau_r) d_j
//! ```
//!
//! where `sum_j c_j s^j` is a polynomial through what is known of W r, plus U x + b, and `sum_j d_j s^j` one through values
//! of f(I). A step is a list of operations ([`program`]) that [`programs`] writes down once for each method and model; the
//! forward pass, its exact transpose and its exact tangent all walk that list.
//!
//! # Reference
//! Hochbruck & Ostermann, *Exponential integrators*, Acta Numerica 19 (2010), doi:10.1017/S0962492910000048.

mod aligned;
mod backward;
mod control;
mod drives;
mod estimate;
mod frames;
mod gather;
mod kernels;
mod phi;
mod probe;
mod product;
mod program;
mod programs;
mod readers;
mod run;
mod scheme;
mod tangent;
mod tape;
mod weights;

pub(crate) use backward::backward;
pub(crate) use run::forward;
pub(crate) use tangent::sensitivities;
pub(crate) use tape::StepTape;

#[cfg(test)]
mod tests;
