//! Continuous-time rate networks whose time constants are parameters.
//!
//! ```text
//! tau_s dI/dt = -I + W r + U x + b        synaptic current, (unit)
//! tau_r dr/dt = -r + f(I)                 firing rate, (unit)
//! ```
//!
//! and the two limits of this two-constant model, `rate` (`tau_s -> 0`) and `current` (`tau_r -> 0`).
//! The crate holds the right-hand side, its products with vectors and covectors, the inputs, the
//! constraints on the parameters and the steady state. It knows no solver, no optimizer and no file.
//!
//! All functions act on a *batch*: the state of `K` trials is one slice, `[I | r]`, each block a
//! column-major matrix (unit, trial). See [`StateShape`].
//!
//! # Reference
//! Quax, D'Asaro & van Gerven, *Adaptive time scales in recurrent neural networks*, Sci. Rep. 10:11360
//! (2020), doi:10.1038/s41598-020-68169-x, Eqs 8 and 9.

mod activation;
mod connectivity;
mod error;
mod fast_loop;
mod input;
mod network;
mod parameters;
mod products;
mod steady;
mod time_constants;
mod vector_unit;

pub use activation::Activation;
pub use connectivity::{Connectivity, Sign};
pub use error::ModelError;
pub use fast_loop::FastLoop;
pub use input::{InputSignal, Interpolation, Segment};
pub use network::{ModelKind, RateNetwork, StateShape};
pub use parameters::{Block, Coordinate, Gradient, ParameterLayout, Parameters};
pub use products::{Linearization, PanelAccumulator};
pub use steady::{SteadyState, steady_state};
pub use time_constants::{TauBounds, Tying};
pub use vector_unit::vector_unit;
