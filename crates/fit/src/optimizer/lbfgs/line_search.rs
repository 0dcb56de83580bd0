//! A line search on the projected path that survives failed solves.

use crate::optimizer::bounds::Bounds;
use crate::optimizer::state::Point;
use crate::optimizer::termination::Termination;
use crate::optimizer::vector;
use crate::optimizer::watched::Watched;

/// Sufficient decrease, as a fraction of the slope at the start.
const ARMIJO: f64 = 1e-4;
/// A steeper remaining slope, as a fraction of the first, asks for a longer step.
const WOLFE: f64 = 0.9;
/// A step that failed to solve is cut to this fraction of the way back.
const FAILURE_CUT: f64 = 0.25;
/// Interpolated steps stay at least this fraction of the bracket away from its ends.
const SAFEGUARD: f64 = 0.1;
/// Growth of the step while nothing bounds it from above.
const EXPANSION: f64 = 4.0;

pub(super) enum Outcome {
    Found(Point),
    None { only_failures: bool },
    Stopped(Termination),
}

pub(super) struct LineSearch<'s> {
    pub(super) point: &'s Point,
    pub(super) direction: &'s [f64],
    pub(super) bounds: &'s Bounds,
    pub(super) max_trials: usize,
}

/// Objective and slope along the path at one length.
#[derive(Clone, Copy)]
struct Sample {
    length: f64,
    objective: f64,
    slope: f64,
}

/// What bounds the step from above.
#[derive(Clone, Copy)]
enum Above {
    Nothing,
    Failure(f64),
    Sample(Sample),
}

/// The verdict on one trial point.
enum Trial {
    TooLong(Sample),
    TooShort(Sample, Point),
    Good(Point),
    Failed,
    NoMove,
}

impl LineSearch<'_> {
    /// A point that satisfies the weak Wolfe conditions, or at least the sufficient decrease.
    pub(super) fn run(&self, watched: &mut Watched<'_>, first: f64) -> Outcome {
        let mut low = Sample {
            length: 0.0,
            objective: self.point.objective,
            slope: vector::dot(&self.point.gradient, self.direction),
        };
        let mut above = Above::Nothing;
        let mut best = None;
        let mut only_failures = true;
        let mut length = first;
        for _ in 0..self.max_trials {
            if let Some(termination) = watched.asks_to_stop() {
                return Outcome::Stopped(termination);
            }
            match self.attempt(watched, length) {
                Trial::Good(point) => return Outcome::Found(point),
                Trial::NoMove => break,
                Trial::Failed => above = Above::Failure(length),
                Trial::TooLong(sample) => {
                    only_failures = false;
                    above = Above::Sample(sample);
                }
                Trial::TooShort(sample, point) => {
                    low = sample;
                    best = Some(point);
                }
            }
            length = next_length(low, above);
        }
        match best {
            Some(point) => Outcome::Found(point),
            None => Outcome::None { only_failures },
        }
    }

    fn attempt(&self, watched: &mut Watched<'_>, length: f64) -> Trial {
        let target = vector::moved(&self.point.theta, length, self.direction);
        let theta = self.bounds.project(&target);
        if theta == self.point.theta {
            return Trial::NoMove;
        }
        let Ok(evaluation) = watched.evaluate(&theta) else {
            return Trial::Failed;
        };
        let path: Vec<bool> = theta.iter().zip(&target).map(|(a, b)| a == b).collect();
        let slope = self.slope(&evaluation.gradient, &path);
        let descent = vector::dot(
            &self.point.gradient,
            &vector::difference(&theta, &self.point.theta),
        );
        let sample = Sample {
            length,
            objective: evaluation.objective,
            slope,
        };
        let decreased = evaluation.objective <= self.point.objective + ARMIJO * descent
            && evaluation.objective < self.point.objective;
        if !decreased {
            return Trial::TooLong(sample);
        }
        let steep = slope < WOLFE * self.slope(&self.point.gradient, &path);
        let point = Point::new(theta, evaluation);
        if steep {
            Trial::TooShort(sample, point)
        } else {
            Trial::Good(point)
        }
    }

    /// Slope along the part of the direction that no bound has cut off.
    fn slope(&self, gradient: &[f64], path: &[bool]) -> f64 {
        (0..path.len())
            .filter(|&i| path[i])
            .map(|i| gradient[i] * self.direction[i])
            .sum()
    }
}

fn next_length(low: Sample, above: Above) -> f64 {
    match above {
        Above::Nothing => EXPANSION * low.length,
        Above::Failure(length) => low.length + FAILURE_CUT * (length - low.length),
        Above::Sample(high) => {
            let width = high.length - low.length;
            let cubic = cubic_minimum(low, high).unwrap_or(low.length + 0.5 * width);
            cubic.clamp(
                low.length + SAFEGUARD * width,
                high.length - SAFEGUARD * width,
            )
        }
    }
}

/// Minimum of the cubic through two objectives and slopes (Nocedal & Wright, eq. 3.59).
fn cubic_minimum(low: Sample, high: Sample) -> Option<f64> {
    let width = high.length - low.length;
    let d1 = low.slope + high.slope - 3.0 * (high.objective - low.objective) / width;
    let root = (d1 * d1 - low.slope * high.slope).sqrt();
    let length =
        high.length - width * (high.slope + root - d1) / (high.slope - low.slope + 2.0 * root);
    length.is_finite().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cubic_is_exact_on_a_cubic() {
        // f(a) = a^3 - 3 a, minimum at 1.
        let sample = |length: f64| Sample {
            length,
            objective: length.powi(3) - 3.0 * length,
            slope: 3.0 * length * length - 3.0,
        };
        let found = cubic_minimum(sample(0.0), sample(3.0)).unwrap();
        assert!((found - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_failed_length_is_never_tried_or_passed_again() {
        let low = Sample {
            length: 0.5,
            objective: 1.0,
            slope: -1.0,
        };
        let next = next_length(low, Above::Failure(1.0));
        assert!(0.5 < next && next < 1.0);
    }
}
