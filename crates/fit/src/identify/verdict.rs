//! From evidence to a verdict by unit.

use super::curvature::Intervals;
use super::information::Information;
use super::names::tau_parameter;
use super::ordered::Pair;
use super::reach::Reach;
use super::request::{Basis, Depth};
use super::run::Judge;
use super::spectrum::NullDirection;
use super::twin::{Twin, twin};
use super::unit::{Estimate, IntervalSource, UnitJudgement, Verdict};
use super::words::{joined, order, reversed};
use crate::layout::ModelLayout;
use rayon::prelude::*;
use tauscope_dynamics::Block;

/// Units that share their time constants, with the places of these in theta.
#[derive(Debug, Clone)]
pub(super) struct TauGroup {
    pub(super) units: Vec<usize>,
    pub(super) s: Option<usize>,
    pub(super) r: Option<usize>,
}

/// All groups, in the order of their first units.
pub(super) fn groups(layout: &ModelLayout) -> Vec<TauGroup> {
    let mut groups: Vec<TauGroup> = Vec::new();
    for unit in 0..layout.n_units {
        let [s, r] =
            [Block::LogTauS, Block::LogTauR].map(|block| tau_parameter(layout, block, unit));
        match groups.iter_mut().find(|group| group.s == s && group.r == r) {
            Some(group) => group.units.push(unit),
            None => groups.push(TauGroup {
                units: vec![unit],
                s,
                r,
            }),
        }
    }
    groups
}

/// What verdicts rest on.
pub(super) struct Evidence<'a> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) information: &'a Information,
    pub(super) null: &'a [NullDirection],
    pub(super) theta: &'a [f64],
    /// The point of the result.
    pub(super) given: &'a [f64],
    pub(super) cost: f64,
    pub(super) basis: Basis,
    pub(super) depth: Depth,
    pub(super) labels: &'a [String],
    pub(super) reach: Reach,
    pub(super) time_units: &'a str,
}

/// What is found of a group before it is told to each of its units.
pub(super) struct Found {
    taus: [Option<Estimate>; 2],
    pair_intervals: Option<Vec<[f64; 2]>>,
    source: IntervalSource,
    order_probability: Option<f64>,
    pub(super) twin: Option<Twin>,
    pub(super) verdict: Verdict,
    is_reversed: bool,
    reason: String,
}

impl Evidence<'_> {
    /// Every unit, groups side by side.
    pub(super) fn units(&self, groups: &[TauGroup]) -> Vec<UnitJudgement> {
        let found: Vec<Found> = groups.par_iter().map(|group| self.group(group)).collect();
        let mut units: Vec<UnitJudgement> = Vec::new();
        for (group, found) in groups.iter().zip(&found) {
            units.extend(
                group
                    .units
                    .iter()
                    .map(|&unit| found.of_unit(unit, &self.labels[unit])),
            );
        }
        units.sort_by_key(|unit| unit.index);
        units
    }

    fn group(&self, group: &TauGroup) -> Found {
        let taus = [group.s, group.r].map(|p| p.map(|p| self.estimate(p)));
        if let Some(reason) = self.not_identifiable(group) {
            return Found {
                // the error of what is determined says nothing of what is not
                taus: taus.map(|tau| {
                    tau.map(|tau| Estimate {
                        log_error: None,
                        ..tau
                    })
                }),
                verdict: Verdict::NotIdentifiable,
                reason,
                ..Found::ordered(taus)
            }
            .refused(String::new());
        }
        match (group.s, group.r) {
            (Some(s), Some(r)) => self.pair(group, Pair { s, r }, taus),
            _ => self.single(taus),
        }
    }

    /// A unit of one constant.
    fn single(&self, taus: [Option<Estimate>; 2]) -> Found {
        let name = if taus[0].is_some() { "tau_s" } else { "tau_r" };
        let found = Found::ordered(taus);
        let Some(tau) = taus.iter().flatten().next() else {
            return found;
        };
        match self.single_interval(tau) {
            Ok(interval) => Found {
                source: IntervalSource::Curvature,
                pair_intervals: Some(vec![interval]),
                reason: self.reach.words(&[(name, interval)], self.time_units),
                ..found
            },
            Err(refusal) => found.refused(refusal),
        }
    }

    fn pair(&self, group: &TauGroup, pair: Pair, taus: [Option<Estimate>; 2]) -> Found {
        // a twin is compared with a minimum, in units of the noise
        let is_possible = self.nothing_counts().is_none() && !self.judge.control.is_stopped();
        let twin = (self.depth != Depth::Curvature && is_possible).then(|| {
            self.judge
                .say(|| format!("swapped twin of {}", self.labels[group.units[0]]));
            twin(self.judge, pair, &group.units, self.theta, self.cost)
        });
        let twin = twin.flatten();
        let probability = twin.as_ref().map(|twin| self.order_probability(twin));
        let (verdict, reason) = order(
            probability,
            twin.as_ref(),
            self.judge.plan.layout.activation,
        );
        let is_reversed = pair.log_ratio(self.theta) * pair.log_ratio(self.given) < 0.0;
        let [given_s, given_r] = [pair.s, pair.r].map(|p| self.given[p].exp());
        let reversed = match is_reversed {
            true => reversed(given_s, given_r, self.time_units),
            false => String::new(),
        };
        let found = Found {
            order_probability: probability,
            twin,
            verdict,
            is_reversed,
            reason: joined(&[reversed, reason]),
            ..Found::ordered(taus)
        };
        match self.intervals(pair, &found) {
            Ok(intervals) => self.with_intervals(found, pair, intervals),
            Err(refusal) => found.refused(refusal),
        }
    }

    fn with_intervals(&self, mut found: Found, pair: Pair, told: Intervals) -> Found {
        let Intervals {
            source,
            smaller,
            larger,
        } = told;
        let is_s_larger = pair.log_ratio(self.theta) > 0.0;
        let names = if is_s_larger {
            ["tau_r", "tau_s"]
        } else {
            ["tau_s", "tau_r"]
        };
        let open = self
            .reach
            .words(&[(names[0], smaller), (names[1], larger)], self.time_units);
        found.reason = joined(&[found.reason, open]);
        found.source = source;
        found.pair_intervals = Some(vec![smaller, larger]);
        // without an order a constant is only known as the smaller or the larger one
        let is_profile = source == IntervalSource::Profile;
        if is_profile || found.verdict == Verdict::OrderUnknown {
            let of = if is_s_larger {
                [larger, smaller]
            } else {
                [smaller, larger]
            };
            for (tau, interval) in found.taus.iter_mut().zip(of) {
                *tau = tau.map(|tau| Estimate {
                    interval: Some(interval),
                    log_error: tau.log_error.filter(|_| !is_profile),
                    ..tau
                });
            }
        }
        found
    }

    /// Twice the log likelihood ratio of both orders, as a probability with equal odds beforehand.
    fn order_probability(&self, twin: &Twin) -> f64 {
        if twin.is_indistinguishable() {
            return 0.5;
        }
        let chi2 = self
            .judge
            .chi2(twin.difference_refitted * self.judge.objective.scale);
        probability(chi2)
    }
}

/// `1 / (1 + exp(-chi2 / 2))`: of an order whose reverse costs `chi2` more.
pub(super) fn probability(chi2: f64) -> f64 {
    1.0 / (1.0 + (-0.5 * chi2).exp())
}

impl Found {
    fn ordered(taus: [Option<Estimate>; 2]) -> Found {
        Found {
            taus,
            pair_intervals: None,
            source: IntervalSource::Refused,
            order_probability: None,
            twin: None,
            verdict: Verdict::Ordered,
            is_reversed: false,
            reason: String::new(),
        }
    }

    /// Without intervals, for the reason given.
    fn refused(self, refusal: String) -> Found {
        Found {
            taus: self.taus.map(|tau| {
                tau.map(|tau| Estimate {
                    interval: None,
                    ..tau
                })
            }),
            pair_intervals: None,
            source: IntervalSource::Refused,
            reason: joined(&[self.reason, refusal]),
            ..self
        }
    }

    fn of_unit(&self, index: usize, label: &str) -> UnitJudgement {
        let mut pair: Vec<f64> = self.taus.iter().flatten().map(|tau| tau.value).collect();
        pair.sort_by(f64::total_cmp);
        UnitJudgement {
            unit: label.to_owned(),
            index,
            tau_s: self.taus[0],
            tau_r: self.taus[1],
            pair,
            pair_intervals: self.pair_intervals.clone(),
            source: self.source,
            order_probability: self.order_probability,
            twin: self.twin.clone(),
            verdict: self.verdict,
            is_reversed: self.is_reversed,
            reason: self.reason.clone(),
        }
    }
}
