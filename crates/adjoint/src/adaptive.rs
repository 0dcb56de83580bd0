//! Adaptive integration by diffsol: the network forwards, the continuous adjoint equation backwards, and
//! directions carried along.

mod backward;
mod dense;
mod equations;
mod integrate;
mod lanes;
mod linear_solver;
mod network_system;
mod newton_matrix;
mod sensitivities;

pub(crate) use backward::backward;
pub(crate) use dense::DenseTape;
pub(crate) use network_system::forward;
pub(crate) use sensitivities::sensitivities;
