//! Solve a rate network and differentiate what it does.
//!
//! [`forward`] integrates a batch of trials and keeps what [`backward`] needs to turn cotangents of
//! the rates into the gradient with respect to every parameter and the initial state.
//! [`sensitivities`] carries directions along with the state: the independent second opinion, and the
//! Jacobian of Gauss-Newton.
//!
//! Adaptive methods of diffsol solve the continuous adjoint equation; exponential and fixed-step methods have their exact
//! discrete adjoint and tangent. This is the only crate that names diffsol.

mod adaptive;
mod direction;
mod elimination;
mod error;
mod exponential;
mod fixed_step;
mod forward;
mod halt;
mod method;
mod refinement;
mod tolerances;

pub use direction::Direction;
pub use error::{Phase, SolveError};
pub use forward::{
    Adjoint, RateCotangents, Sensitivities, Statistics, Trajectory, backward, backward_from,
    forward, sensitivities,
};
pub use halt::{Halt, HaltReason};
pub use method::{
    AdaptiveMethod, ExponentialMethod, FixedStepMethod, Integrator, StepControl, Stops,
};
pub use refinement::Refinement;
pub use tolerances::Tolerances;
