//! Box bounds on the parameters: projection, and what is free to move.

use serde::{Deserialize, Serialize};

/// Bounds that contradict themselves.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoundsError {
    /// The two sides have different lengths.
    #[error("{lower} lower bounds and {upper} upper bounds: give one of each for every parameter")]
    Length {
        /// Number of lower bounds.
        lower: usize,
        /// Number of upper bounds.
        upper: usize,
    },
    /// No number lies between the two.
    #[error(
        "parameter {parameter} cannot lie between {lower} and {upper}: the lower bound must not exceed the upper one, and the interval must hold a finite number"
    )]
    Empty {
        /// Parameter, counted from 0.
        parameter: usize,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
}

/// `lower <= theta <= upper`, one pair a parameter; infinite where there is no bound.
///
/// Serves the bounds on log tau and the signs of Dale's law. A pair that is equal fixes its
/// parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Bounds {
    /// Checks and keeps a pair of bounds for every parameter.
    ///
    /// # Errors
    /// [`BoundsError`] where the lengths differ, a bound is NaN or an interval is empty.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, BoundsError> {
        if lower.len() != upper.len() {
            return Err(BoundsError::Length {
                lower: lower.len(),
                upper: upper.len(),
            });
        }
        for (parameter, (&low, &high)) in lower.iter().zip(&upper).enumerate() {
            let holds_a_number = low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY;
            if !holds_a_number {
                return Err(BoundsError::Empty {
                    parameter,
                    lower: low,
                    upper: high,
                });
            }
        }
        Ok(Self { lower, upper })
    }

    /// No bounds on `n_parameters` parameters.
    pub fn none(n_parameters: usize) -> Self {
        Self {
            lower: vec![f64::NEG_INFINITY; n_parameters],
            upper: vec![f64::INFINITY; n_parameters],
        }
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.lower.len()
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.lower.is_empty()
    }

    /// Lower bounds, one a parameter.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// Upper bounds, one a parameter.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// The point of the box nearest to `theta`.
    pub fn project(&self, theta: &[f64]) -> Vec<f64> {
        theta
            .iter()
            .zip(self.lower.iter().zip(&self.upper))
            .map(|(&value, (&low, &high))| value.clamp(low, high))
            .collect()
    }

    /// Whether a move of parameter `i` from `value` in the direction of `step` leaves the box at once.
    pub fn blocks(&self, i: usize, value: f64, step: f64) -> bool {
        (step < 0.0 && value <= self.lower[i]) || (step > 0.0 && value >= self.upper[i])
    }

    /// The gradient without the components that push against a bound: zero at a stationary point
    /// of the bounded problem.
    pub fn projected_gradient(&self, theta: &[f64], gradient: &[f64]) -> Vec<f64> {
        theta
            .iter()
            .zip(gradient)
            .enumerate()
            .map(|(i, (&value, &slope))| {
                if self.blocks(i, value, -slope) {
                    0.0
                } else {
                    slope
                }
            })
            .collect()
    }

    /// Number of parameters that lie on a bound; those fixed by an equal pair do not count.
    pub fn count_at_bound(&self, theta: &[f64]) -> usize {
        (0..theta.len())
            .filter(|&i| self.lower[i] < self.upper[i])
            .filter(|&i| theta[i] <= self.lower[i] || theta[i] >= self.upper[i])
            .count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_that_hold_no_number_are_refused_by_parameter() {
        let reversed = Bounds::new(vec![0.0, 2.0], vec![1.0, 1.0]).unwrap_err();
        assert_eq!(
            reversed.to_string(),
            "parameter 1 cannot lie between 2 and 1: the lower bound must not exceed the upper one, and the interval must hold a finite number"
        );
        assert!(Bounds::new(vec![f64::NAN], vec![1.0]).is_err());
        assert!(Bounds::new(vec![f64::INFINITY], vec![f64::INFINITY]).is_err());
        assert!(Bounds::new(vec![0.0], vec![]).is_err());
    }

    proptest! {
        #[test]
        fn projection_lands_in_the_box_and_moves_nothing_that_is_inside(
            pairs in proptest::collection::vec((-5.0f64..5.0, 0.0f64..3.0, -9.0f64..9.0), 1..12)
        ) {
            let lower: Vec<f64> = pairs.iter().map(|p| p.0).collect();
            let upper: Vec<f64> = pairs.iter().map(|p| p.0 + p.1).collect();
            let theta: Vec<f64> = pairs.iter().map(|p| p.2).collect();
            let bounds = Bounds::new(lower.clone(), upper.clone()).unwrap();
            let projected = bounds.project(&theta);
            for i in 0..theta.len() {
                prop_assert!(lower[i] <= projected[i] && projected[i] <= upper[i]);
                let inside = lower[i] <= theta[i] && theta[i] <= upper[i];
                prop_assert_eq!(inside, projected[i] == theta[i]);
            }
            prop_assert_eq!(bounds.project(&projected), projected);
        }
    }
}
