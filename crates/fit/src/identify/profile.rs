//! Profile likelihood of one time constant: the best cost that all else reaches while it is held.

use super::CHI2_95;
use super::names::ProfileTarget;
use super::reach::Reach;
use super::refit::{Search, lowest, on_line, refit};
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
    /// What 95 % allow: one interval, or two where the twin's is apart. An end is 0 or infinite where the likelihood has not fallen far
    /// enough at the bound of tau, or only beyond what the recording can tell.
    pub intervals: Vec<[f64; 2]>,
    /// Why there is no interval; empty where there is.
    pub reason: String,
}

impl Profile {
    /// None, for a reason.
    pub(super) fn refused(target: &ProfileTarget, reason: String) -> Profile {
        Profile {
            name: target.name.clone(),
            points: Vec::new(),
            intervals: Vec::new(),
            reason,
        }
    }
}

/// What a profile counts from.
#[derive(Clone, Copy)]
pub(super) struct From {
    /// The least cost.
    pub(super) cost: f64,
    /// About the standard error of log tau.
    pub(super) step: f64,
    pub(super) reach: Reach,
}

/// A minimum to walk away from.
pub(super) struct Branch<'a> {
    pub(super) theta: &'a [f64],
    pub(super) is_twin: bool,
}

struct Walked {
    points: Vec<ProfilePoint>,
    interval: Option<[f64; 2]>,
    /// Whether it came to its end on both sides.
    is_whole: bool,
}

/// One side of a walk.
struct Side {
    points: Vec<ProfilePoint>,
    /// Log tau where the likelihood has fallen far enough; infinite where it has not at the bound.
    end: Option<f64>,
}

/// Profiles `target` from each of `branches`.
pub(super) fn profile(
    judge: &Judge<'_>,
    target: &ProfileTarget,
    branches: &[Branch<'_>],
    from: From,
) -> Profile {
    let walked: Vec<Walked> = branches
        .iter()
        .map(|branch| {
            Walk {
                judge,
                target,
                branch,
                from,
            }
            .walked()
        })
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
    let told: Vec<[f64; 2]> = merged.iter().filter_map(|&i| from.reach.told(i)).collect();
    let reason = if judge.control.is_stopped() && walked.iter().any(|w| !w.is_whole) {
        "no interval: the judgement was interrupted before the profile came to its end"
    } else if walked.iter().any(|w| !w.is_whole) {
        "no interval: the profile did not come to its end, since a refit failed or the likelihood falls too slowly"
    } else if told.is_empty() {
        "no interval: the likelihood stays high at both bounds"
    } else {
        ""
    };
    Profile {
        points,
        intervals: if reason.is_empty() { told } else { Vec::new() },
        ..Profile::refused(target, reason.to_owned())
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

/// A walk away from one minimum, to both sides.
struct Walk<'a> {
    judge: &'a Judge<'a>,
    target: &'a ProfileTarget,
    branch: &'a Branch<'a>,
    from: From,
}

/// Where a walk is.
#[derive(Clone)]
struct Place {
    log_tau: f64,
    theta: Vec<f64>,
    chi2: f64,
}

impl Place {
    fn on_line(&self, other: &Place, log_tau: f64) -> Vec<f64> {
        let (a, b) = (
            (self.log_tau, self.theta.as_slice()),
            (other.log_tau, other.theta.as_slice()),
        );
        on_line(a, b, log_tau)
    }
}

impl Walk<'_> {
    fn walked(&self) -> Walked {
        let start = self.branch.theta[self.target.parameter];
        let Some(place) = self.at(start, &[self.branch.theta]) else {
            return Walked {
                points: Vec::new(),
                interval: None,
                is_whole: false,
            };
        };
        let sides = [-1.0, 1.0].map(|direction| self.side(&place, direction));
        let is_whole = sides.iter().all(|side| side.end.is_some());
        let [low, high] = [0, 1].map(|k| sides[k].end.unwrap_or(start).exp());
        let interval = (place.chi2 <= CHI2_95 && is_whole).then_some([low, high]);
        let [below, above] = sides;
        Walked {
            points: [vec![self.point(&place)], below.points, above.points].concat(),
            interval,
            is_whole,
        }
    }

    fn point(&self, place: &Place) -> ProfilePoint {
        ProfilePoint {
            tau: place.log_tau.exp(),
            chi2: place.chi2,
            is_twin: self.branch.is_twin,
        }
    }

    /// The best point with `log_tau` held, by a refit of all else from the better of `starts`.
    fn at(&self, log_tau: f64, starts: &[&[f64]]) -> Option<Place> {
        let (judge, p) = (self.judge, self.target.parameter);
        let objective = held(&judge.objective, p, log_tau)?;
        let starts = starts.iter().map(|start| {
            let mut start = start.to_vec();
            start[p] = log_tau;
            start
        });
        let start = lowest(&objective, starts.collect())?;
        let found = refit(
            &objective,
            &start,
            Search::along_a_path(judge.most_iterations),
            &judge.control,
        )
        .ok()?;
        (!found.interrupted).then(|| Place {
            log_tau,
            chi2: judge.chi2(found.cost - self.from.cost),
            theta: found.point,
        })
    }

    fn side(&self, start: &Place, direction: f64) -> Side {
        let (bounds, p) = (self.judge.objective.bounds(), self.target.parameter);
        let (low, high) = (bounds.lower()[p], bounds.upper()[p]);
        let mut step = self.from.step.clamp(LEAST_STEP, LARGEST_STEP);
        let mut side = Side {
            points: Vec::new(),
            end: (start.chi2 > CHI2_95).then_some(start.log_tau),
        };
        let mut before: Option<Place> = None;
        let mut last = start.clone();
        for _ in 0..MOST_POINTS {
            let next = (last.log_tau + direction * step).clamp(low, high);
            if next == last.log_tau {
                side.end = side.end.or(Some(direction * f64::INFINITY));
                break;
            }
            let ahead =
                before.map_or_else(|| last.theta.clone(), |before| before.on_line(&last, next));
            let Some(place) = self.at(next, &[&last.theta, &ahead]) else {
                break;
            };
            side.points.push(self.point(&place));
            if side.end.is_none() && place.chi2 > CHI2_95 {
                // the square root is straight for a parabola
                let root = |chi2: f64| chi2.max(0.0).sqrt();
                let part = (root(CHI2_95) - root(last.chi2)) / (root(place.chi2) - root(last.chi2));
                side.end = Some(last.log_tau + part * (next - last.log_tau));
            }
            if place.chi2 > BEYOND * CHI2_95 {
                break;
            }
            before = Some(std::mem::replace(&mut last, place));
            step *= GROWTH;
        }
        side
    }
}
