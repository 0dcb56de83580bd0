//! Intervals near tau_s = tau_r, where the cost grows with the fourth power of the log ratio and curvature says nothing.

use super::CHI2_95;
use super::ordered::{Held, Ordered, Pair};
use super::refit::{Search, lowest, on_line, refit};
use super::run::Judge;

/// Doublings of the step in search of an end of the profile, and points that come closer to it once it is passed.
const MOST_STEPS: usize = 8;
const MOST_APPROACHES: usize = 6;
/// An end is found where twice the log likelihood has fallen by [`CHI2_95`] within this: to 2 % of the interval.
const CLOSE: f64 = 0.15;
/// Or where it lies between two points, this part of their distance from the minimum apart.
const NARROW: f64 = 0.1;
/// A point lies at least this part of the bracket away from its sides.
const LEAST_PART: f64 = 0.3;
/// First step of log(tau_s / tau_r).
const FIRST_STEP: f64 = 0.1;

/// Smaller and larger constant over all log ratios that the data allow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RidgeIntervals {
    pub(super) smaller: [f64; 2],
    pub(super) larger: [f64; 2],
}

/// A point of the profile.
#[derive(Clone)]
struct At {
    /// log(tau_s / tau_r)
    d: f64,
    theta: Vec<f64>,
    excess: f64,
}

impl At {
    /// theta at `d`, were the path through both points straight.
    fn on_line(&self, other: &At, d: f64) -> Vec<f64> {
        on_line((self.d, &self.theta), (other.d, &other.theta), d)
    }

    /// Where the excess is that of an interval of 95 %, between a point below and one above: its root is about straight.
    fn crossing(&self, above: &At) -> f64 {
        let [inside, end, outside] =
            [self.excess, CHI2_95, above.excess].map(|chi2| chi2.max(0.0).sqrt());
        let part = (end - inside) / (outside - inside);
        self.d + part.clamp(LEAST_PART, 1.0 - LEAST_PART) * (above.d - self.d)
    }
}

/// A profile of the likelihood over `d = log(tau_s / tau_r)`.
struct Ridge<'a> {
    judge: &'a Judge<'a>,
    pair: Pair,
    /// The least cost.
    cost: f64,
}

impl Ridge<'_> {
    /// The best point with d held, by a refit of all else from the better of `starts`.
    fn at(&self, d: f64, starts: &[&[f64]]) -> Option<At> {
        let judge = self.judge;
        let ordered = Ordered::new(&judge.objective, self.pair, Held::At(d)).ok()?;
        let search = Search::along_a_path(judge.most_iterations)
            .down_to(judge.objective_at(self.cost, CHI2_95));
        // the bounds of d put it where it is held
        let starts = starts.iter().map(|start| ordered.point_of(start));
        let start = lowest(&ordered, starts.collect())?;
        let found = refit(&ordered, &start, search, &judge.control).ok()?;
        (!found.interrupted).then(|| At {
            d,
            theta: ordered.theta(&found.point),
            excess: judge.chi2(found.cost - self.cost),
        })
    }

    /// Adds to `allowed` what an interval of 95 % allows from `start` in one direction, its end last; None where there is no end.
    fn walk(&self, start: &At, direction: f64, allowed: &mut Vec<At>) -> Option<()> {
        let (mut before, mut inside, mut step) = (None::<At>, start.clone(), FIRST_STEP);
        let mut passed = None;
        for _ in 0..MOST_STEPS {
            let d = inside.d + direction * step;
            let ahead =
                before.map_or_else(|| inside.theta.clone(), |before| before.on_line(&inside, d));
            let point = self.at(d, &[&inside.theta, &ahead])?;
            if point.excess > CHI2_95 {
                passed = Some(point);
                break;
            }
            allowed.push(point.clone());
            before = Some(std::mem::replace(&mut inside, point));
            step *= 2.0;
        }
        let mut outside = passed?;
        for _ in 0..MOST_APPROACHES {
            let d = inside.crossing(&outside);
            let between = inside.on_line(&outside, d);
            let point = self.at(d, &[&inside.theta, &between])?;
            let is_close = (point.excess - CHI2_95).abs() < CLOSE;
            if point.excess > CHI2_95 {
                outside = point;
            } else {
                allowed.push(point.clone());
                inside = point;
            }
            let left = (outside.d - inside.d).abs() / (inside.d - start.d).abs();
            if is_close || left < NARROW {
                break;
            }
        }
        let d = inside.crossing(&outside);
        allowed.push(At {
            d,
            theta: inside.on_line(&outside, d),
            excess: CHI2_95,
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
    let start = At {
        d: pair.log_ratio(theta),
        theta: theta.to_vec(),
        excess: 0.0,
    };
    let mut allowed = vec![start.clone()];
    for direction in [1.0, -1.0] {
        ridge.walk(&start, direction, &mut allowed)?;
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
