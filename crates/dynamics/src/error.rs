use thiserror::Error;

/// What can be wrong with a model before anything is integrated.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ModelError {
    /// Two arrays that belong together differ in size.
    #[error("{name} has {got} entries, expected {expected}")]
    Shape {
        /// The array.
        name: &'static str,
        /// Its size.
        got: usize,
        /// The size that the rest of the model implies.
        expected: usize,
    },
    /// There is nothing of what there must be at least one.
    #[error("there are no {name}: at least one is needed")]
    Empty {
        /// What there is none of.
        name: &'static str,
    },
    /// A time constant is zero, negative or not a number.
    #[error("time constant {name} of unit {unit} must be positive and finite, got {value}")]
    TimeConstant {
        /// `tau_s` or `tau_r`.
        name: &'static str,
        /// Which unit.
        unit: usize,
        /// The offending value.
        value: f64,
    },
    /// A weight or bias is not a finite number.
    #[error("{name}[{index}] must be finite, got {value}")]
    NotFinite {
        /// The array.
        name: &'static str,
        /// Flat (column-major) index.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// Bounds of the time constants that contain nothing.
    #[error("time constant bounds must satisfy 0 < low < high, got low {low} and high {high}")]
    TauBounds {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Sample times that do not increase.
    #[error("sample times must increase strictly: time[{index}] = {value} follows {previous}")]
    Time {
        /// Index of the later sample.
        index: usize,
        /// The later sample time.
        value: f64,
        /// The sample time before it.
        previous: f64,
    },
    /// Newton's method found no equilibrium.
    #[error(
        "no steady state found for trial {trial}: residual {residual:.3e} after {iterations} Newton steps"
    )]
    SteadyState {
        /// Which trial of the batch.
        trial: usize,
        /// Largest residual that was left.
        residual: f64,
        /// Newton steps taken.
        iterations: usize,
    },
}
