//! Profile likelihood of one time constant: the best cost that all else reaches while it is held.

use super::CHI2_95;
use super::names::ProfileTarget;
use super::refit::{OF_COMPARISON, refit};
use super::run::Judge;
use crate::objective::FitObjective;
use crate::optimizer::{Bounds, Objective};

/// Points on either side of a minimum.
const MOST_POINTS: usize = 10;
/// The profile ends where it is this many times what an interval of 95 % allows.
const BEYOND: f64 = 1.5;
const GROWTH: f64 = 1.4;
const LEAST_STEP: f64 = 1e-3;
const LARGEST_STEP: f64 = 0.3;

/// One point of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfilePoint {
    /// The time constant, in the dataset's time unit.
    pub tau: f64,
    /// Twice the fall of the log likelihood from its maximum; 3.84 bounds an interval of 95 %.
    pub chi2: f64,
    /// Whether the point belongs to the swapped twin.
    pub is_twin: bool,
}

/// The profile of one time constant, over both orders of its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// `tau_s[3]`, as asked for.
    pub name: String,
    /// Points in the order of the time constant; where both orders have been there, each its own.
    pub points: Vec<ProfilePoint>,
    /// What 95 % allow: one interval, or two where the twin's is apart. An end that the profile did not reach is the bound of tau.
    pub intervals: Vec<[f64; 2]>,
}

/// A minimum to walk away from.
pub(super) struct Branch<'a> {
    pub(super) theta: &'a [f64],
    pub(super) is_twin: bool,
}

struct Walked {
    points: Vec<ProfilePoint>,
    interval: Option<[f64; 2]>,
}

/// Profiles `target` from each of `branches`; `step` is about the standard error of log tau.
pub(super) fn profile(
    judge: &Judge<'_>,
    target: &ProfileTarget,
    branches: &[Branch<'_>],
    cost: f64,
    step: f64,
) -> Profile {
    let walked: Vec<Walked> = branches
        .iter()
        .map(|branch| walk(judge, target, branch, cost, step))
        .collect();
    let mut points: Vec<ProfilePoint> = walked
        .iter()
        .flat_map(|w| w.points.iter().copied())
        .collect();
    points.sort_by(|a, b| a.tau.total_cmp(&b.tau).then(a.is_twin.cmp(&b.is_twin)));
    let mut intervals: Vec<[f64; 2]> = walked.iter().filter_map(|w| w.interval).collect();
    intervals.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut merged: Vec<[f64; 2]> = Vec::new();
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if interval[0] <= last[1] => last[1] = last[1].max(interval[1]),
            _ => merged.push(interval),
        }
    }
    Profile {
        name: target.name.clone(),
        points,
        intervals: merged,
    }
}

fn held<'a>(
    objective: &FitObjective<'a>,
    parameter: usize,
    value: f64,
) -> Option<FitObjective<'a>> {
    let (mut lower, mut upper) = (
        objective.bounds().lower().to_vec(),
        objective.bounds().upper().to_vec(),
    );
    (lower[parameter], upper[parameter]) = (value, value);
    Some(FitObjective {
        bounds: Bounds::new(lower, upper).ok()?,
        ..objective.alike()
    })
}

fn walk(
    judge: &Judge<'_>,
    target: &ProfileTarget,
    branch: &Branch<'_>,
    cost: f64,
    step: f64,
) -> Walked {
    let p = target.parameter;
    let (low, high) = (
        judge.objective.bounds().lower()[p],
        judge.objective.bounds().upper()[p],
    );
    let start = branch.theta[p];
    let at = |log_tau: f64, from: &[f64]| -> Option<(Vec<f64>, f64)> {
        let objective = held(&judge.objective, p, log_tau)?;
        let mut from = from.to_vec();
        from[p] = log_tau;
        let found = refit(
            &objective,
            &from,
            judge.most_iterations,
            OF_COMPARISON,
            &judge.control,
        )
        .ok()?;
        (!found.interrupted).then(|| (found.point, judge.chi2(found.cost - cost)))
    };
    let point = |log_tau: f64, chi2| ProfilePoint {
        tau: log_tau.exp(),
        chi2,
        is_twin: branch.is_twin,
    };
    let Some((theta, least)) = at(start, branch.theta) else {
        return Walked {
            points: Vec::new(),
            interval: None,
        };
    };
    let mut points = vec![point(start, least)];
    let mut ends = [low, high];
    for (side, direction) in [-1.0, 1.0].into_iter().enumerate() {
        let mut step = step.clamp(LEAST_STEP, LARGEST_STEP);
        let (mut log_tau, mut from, mut before) = (start, theta.clone(), least);
        let mut crossing = None;
        for _ in 0..MOST_POINTS {
            let next = (log_tau + direction * step).clamp(low, high);
            if next == log_tau {
                break;
            }
            let Some((theta, chi2)) = at(next, &from) else {
                break;
            };
            points.push(point(next, chi2));
            if crossing.is_none() && chi2 > CHI2_95 && before <= CHI2_95 {
                // the square root is straight for a parabola
                let root = |chi2: f64| chi2.max(0.0).sqrt();
                let part = (root(CHI2_95) - root(before)) / (root(chi2) - root(before));
                crossing = Some(log_tau + part * (next - log_tau));
            }
            (log_tau, from, before) = (next, theta, chi2);
            step *= GROWTH;
            if chi2 > BEYOND * CHI2_95 {
                break;
            }
        }
        if let Some(crossing) = crossing {
            ends[side] = crossing;
        }
    }
    Walked {
        points,
        interval: (least <= CHI2_95).then(|| ends.map(f64::exp)),
    }
}
