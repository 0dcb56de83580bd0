//! Points with the same outputs observed, which have the same linear map from rates to residuals.

use crate::batch::Observation;
use std::collections::BTreeMap;

/// One trial of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Index of the observation in its batch.
    pub(super) observation: usize,
    /// Place of the trial in its batch.
    pub(super) trial: usize,
}

/// Points at which the same outputs were observed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alike {
    /// Which; not empty.
    pub(super) observed: Vec<usize>,
    /// Where.
    pub(super) points: Vec<Point>,
}

/// Every point at which something was observed, in an order that depends on the observations alone.
pub(super) fn alike(observations: &[Observation]) -> Vec<Alike> {
    let mut by_outputs: BTreeMap<Vec<usize>, Vec<Point>> = BTreeMap::new();
    for (index, observation) in observations.iter().enumerate() {
        for (trial, values) in observation.values.column_iter().enumerate() {
            let observed = (0..values.len()).filter(|&o| !values[o].is_nan()).collect();
            by_outputs.entry(observed).or_default().push(Point {
                observation: index,
                trial,
            });
        }
    }
    by_outputs
        .into_iter()
        .filter(|(observed, _)| !observed.is_empty())
        .map(|(observed, points)| Alike { observed, points })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;

    #[test]
    fn points_are_sorted_by_what_was_observed_and_those_without_anything_left_out() {
        let nan = f64::NAN;
        let observation = |values: [f64; 6]| Observation {
            target: 0,
            parts: vec![(0, 1.0)],
            width: 1.0,
            values: DMatrix::from_column_slice(2, 3, &values),
        };
        let found = alike(&[
            observation([1.0, 2.0, nan, nan, 3.0, nan]),
            observation([nan, nan, 4.0, 5.0, nan, 6.0]),
        ]);
        let point = |observation, trial| Point { observation, trial };
        let group = |observed: &[usize], points: &[Point]| Alike {
            observed: observed.to_vec(),
            points: points.to_vec(),
        };
        assert_eq!(
            found,
            [
                group(&[0], &[point(0, 2)]),
                group(&[0, 1], &[point(0, 0), point(1, 1)]),
                group(&[1], &[point(1, 2)]),
            ]
        );
    }
}
