use tauscope_dynamics::{Coordinate, Parameters};

/// A direction in which parameters and initial state change together.
#[derive(Debug, Clone, PartialEq)]
pub enum Direction {
    /// A few entries of the parameters, with their rates of change; the initial state stays. Its forcing
    /// costs O(trials) an entry.
    Entries(Vec<(Coordinate, f64)>),
    /// All parameters, and the initial state, (state-shaped, see `StateShape`). Its forcing costs a
    /// product with a matrix.
    Dense {
        /// Change of the parameters.
        parameters: Box<Parameters>,
        /// Change of the initial state.
        initial_state: Vec<f64>,
    },
    /// The initial state alone, (state-shaped).
    InitialState(Vec<f64>),
}
