//! Intervals near tau_s = tau_r, where the cost grows with the fourth power of the log ratio and curvature says nothing.

use super::CHI2_95;
use super::ordered::{Held, Ordered, Pair};
use super::refit::{OF_COMPARISON, refit};
use super::run::Judge;

/// Doublings and halvings of the search for an end of the profile.
const MOST_STEPS: usize = 8;
const HALVINGS: usize = 4;
/// First step of log(tau_s / tau_r).
const FIRST_STEP: f64 = 0.1;

/// Smaller and larger constant over all log ratios that the data allow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RidgeIntervals {
    pub(super) smaller: [f64; 2],
    pub(super) larger: [f64; 2],
}

/// A point of the profile.
struct At {
    theta: Vec<f64>,
    excess: f64,
}

/// A profile of the likelihood over `d = log(tau_s / tau_r)`.
struct Ridge<'a> {
    judge: &'a Judge<'a>,
    pair: Pair,
    /// The least cost.
    cost: f64,
}

impl Ridge<'_> {
    /// The best point with d held, by a refit of all else.
    fn at(&self, d: f64, from: &[f64]) -> Option<At> {
        let judge = self.judge;
        let ordered = Ordered::new(&judge.objective, self.pair, Held::At(d)).ok()?;
        let found = refit(
            &ordered,
            &ordered.point_of(from),
            judge.most_iterations,
            OF_COMPARISON,
            &judge.control,
        )
        .ok()?;
        (!found.interrupted).then(|| At {
            theta: ordered.theta(&found.point),
            excess: judge.chi2(found.cost - self.cost),
        })
    }

    /// Adds to `allowed` what an interval of 95 % allows from `theta` in one direction, its end last; None where there is no end.
    fn walk(&self, theta: &[f64], direction: f64, allowed: &mut Vec<At>) -> Option<()> {
        let (mut inside, mut step) = (self.pair.log_ratio(theta), FIRST_STEP);
        let mut from = theta.to_vec();
        let mut outside = None;
        for _ in 0..MOST_STEPS {
            let next = inside + direction * step;
            let point = self.at(next, &from)?;
            if point.excess > CHI2_95 {
                outside = Some(next);
                break;
            }
            inside = next;
            from.clone_from(&point.theta);
            allowed.push(point);
            step *= 2.0;
        }
        let mut outside = outside?;
        for _ in 0..HALVINGS {
            let middle = 0.5 * (inside + outside);
            let point = self.at(middle, &from)?;
            if point.excess > CHI2_95 {
                outside = middle;
            } else {
                inside = middle;
                from.clone_from(&point.theta);
                allowed.push(point);
            }
        }
        // the end itself lies between the last two: on the safe side
        allowed.push(At {
            excess: CHI2_95,
            ..self.at(outside, &from)?
        });
        Some(())
    }
}

/// Profiles the likelihood over `d = log(tau_s / tau_r)`, through d = 0 to the other order, until it falls by what an interval of
/// 95 % allows. `log_error`: standard error of log tau at a fixed d, which widens what is left of that allowance. None where
/// a refit fails or the profile does not end within the bounds.
pub(super) fn ridge_intervals(
    judge: &Judge<'_>,
    pair: Pair,
    theta: &[f64],
    cost: f64,
    log_error: f64,
) -> Option<RidgeIntervals> {
    let ridge = Ridge { judge, pair, cost };
    let mut allowed = vec![At {
        theta: theta.to_vec(),
        excess: 0.0,
    }];
    for direction in [1.0, -1.0] {
        ridge.walk(theta, direction, &mut allowed)?;
    }
    let range = |of: fn(f64, f64) -> f64| {
        let ends = allowed.iter().map(|at| {
            let log = of(at.theta[pair.s], at.theta[pair.r]);
            let half = log_error * (CHI2_95 - at.excess.max(0.0)).max(0.0).sqrt();
            [log - half, log + half]
        });
        ends.fold([f64::INFINITY, f64::NEG_INFINITY], |a, b| {
            [a[0].min(b[0]), a[1].max(b[1])]
        })
        .map(f64::exp)
    };
    Some(RidgeIntervals {
        smaller: range(f64::min),
        larger: range(f64::max),
    })
}
