use crate::ModelError;
use serde::{Deserialize, Serialize};

/// Which units share a time constant.
///
/// Groups are dense: every number from 0 to the largest occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tying {
    /// One constant a unit ("local" in Quax et al. 2020).
    PerUnit,
    /// One constant for the whole network.
    Global,
    /// The group of each unit, by number.
    Groups(Vec<usize>),
}

impl Tying {
    /// The group of `unit`.
    pub fn group(&self, unit: usize) -> usize {
        match self {
            Tying::PerUnit => unit,
            Tying::Global => 0,
            Tying::Groups(group) => group[unit],
        }
    }

    /// How many constants of one kind a network of `n_units` has.
    pub fn n_groups(&self, n_units: usize) -> usize {
        match self {
            Tying::PerUnit => n_units,
            Tying::Global => usize::from(n_units > 0),
            Tying::Groups(group) => group.iter().max().map_or(0, |g| g + 1),
        }
    }
}

/// Bounds within which every time constant stays, in the time unit of the data; `0 < low < high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TauBounds {
    low: f64,
    high: f64,
}

impl TauBounds {
    /// Bounds from `low` to `high`.
    ///
    /// # Errors
    /// [`ModelError::TauBounds`] unless `0 < low < high` and both are finite.
    pub fn new(low: f64, high: f64) -> Result<TauBounds, ModelError> {
        if low > 0.0 && low < high && high.is_finite() {
            Ok(TauBounds { low, high })
        } else {
            Err(ModelError::TauBounds { low, high })
        }
    }

    /// Lower bound.
    pub fn low(self) -> f64 {
        self.low
    }

    /// Upper bound.
    pub fn high(self) -> f64 {
        self.high
    }

    /// The nearest value within the bounds.
    pub fn clamp(self, tau: f64) -> f64 {
        tau.clamp(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversed_or_empty_bounds_are_refused() {
        for (low, high) in [
            (1.0, 0.5),
            (0.0, 1.0),
            (1.0, 1.0),
            (-1.0, 1.0),
            (0.1, f64::INFINITY),
            (f64::NAN, 1.0),
        ] {
            assert!(TauBounds::new(low, high).is_err(), "{low} {high}");
        }
    }

    #[test]
    fn groups_count_from_zero() {
        let tying = Tying::Groups(vec![0, 1, 0]);
        assert_eq!((tying.group(2), tying.n_groups(3)), (0, 2));
        assert_eq!(Tying::Global.n_groups(5), 1);
        assert_eq!(Tying::PerUnit.n_groups(5), 5);
    }
}
