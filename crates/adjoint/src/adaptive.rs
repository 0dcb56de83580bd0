//! Adaptive integration by diffsol: the network forwards, the continuous adjoint equation backwards, and
//! directions carried along.

mod backward;
mod dense;
mod equations;
mod integrate;
mod lanes;
mod network_system;
mod sensitivities;

pub(crate) use backward::backward;
pub(crate) use dense::DenseTape;
pub(crate) use network_system::forward;
pub(crate) use sensitivities::sensitivities;
