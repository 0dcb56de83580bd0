//! From evidence to a verdict by unit, and to words.

use super::Z95;
use super::information::{Information, PART_IN_NULL};
use super::names::tau_parameter;
use super::ordered::Pair;
use super::ridge::ridge_intervals;
use super::run::{Basis, Depth, Identification, Judge};
use super::spectrum::NullDirection;
use super::twin::{Twin, twin};
use super::unit::{Estimate, IntervalSource, UnitJudgement, Verdict};
use crate::layout::ModelLayout;
use crate::optimizer::Objective;
use rayon::prelude::*;
use tauscope_dynamics::{Activation, Block};

/// An order that is at least this likely is told.
const TOLD: f64 = 0.95;
/// Within so many standard errors of tau_s = tau_r intervals come from the profile.
const NEAR_RIDGE: f64 = 3.0;
/// A standard error of log tau beyond which a time constant is not determined: its interval spans two decades.
const UNDETERMINED: f64 = 1.2;
/// Correlation of neighbouring residuals beyond which intervals are called too narrow.
const CORRELATED: f64 = 0.2;

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
    pub(super) cost: f64,
    pub(super) basis: Basis,
    pub(super) depth: Depth,
    pub(super) labels: &'a [String],
}

/// What is found of a group before it is told to each of its units.
struct Found {
    taus: [Option<Estimate>; 2],
    pair_intervals: Option<Vec<[f64; 2]>>,
    source: IntervalSource,
    order_probability: Option<f64>,
    twin: Option<Twin>,
    verdict: Verdict,
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
        let refused = |verdict, reason: String| Found {
            taus: taus.map(|t| {
                t.map(|t| Estimate {
                    interval: None,
                    ..t
                })
            }),
            pair_intervals: None,
            source: IntervalSource::Refused,
            order_probability: None,
            twin: None,
            verdict,
            reason,
        };
        if let Some(reason) = self.not_identifiable(group) {
            return refused(Verdict::NotIdentifiable, reason);
        }
        let (Some(s), Some(r)) = (group.s, group.r) else {
            let intervals: Vec<[f64; 2]> =
                taus.iter().flatten().filter_map(|t| t.interval).collect();
            let refusal = self.refusal();
            let is_told = refusal.is_none() && !intervals.is_empty();
            return Found {
                pair_intervals: is_told.then_some(intervals),
                source: if is_told {
                    IntervalSource::Curvature
                } else {
                    IntervalSource::Refused
                },
                ..refused(Verdict::Ordered, refusal.unwrap_or_default())
            }
            .with_intervals(&taus, is_told);
        };
        self.pair(group, Pair { s, r }, taus)
    }

    fn pair(&self, group: &TauGroup, pair: Pair, taus: [Option<Estimate>; 2]) -> Found {
        // a twin is compared with a minimum
        let is_possible = self.basis != Basis::Unconverged && !self.judge.control.is_stopped();
        let twin = (self.depth != Depth::Curvature && is_possible).then(|| {
            self.judge
                .say(|| format!("swapped twin of {}", self.labels[group.units[0]]));
            twin(self.judge, pair, &group.units, self.theta, self.cost)
        });
        let twin = twin.flatten();
        let probability = twin.as_ref().map(|twin| self.order_probability(twin));
        let (verdict, mut reason) = order(
            probability,
            twin.as_ref(),
            self.judge.plan.layout.activation,
        );
        let mut found = Found {
            taus,
            pair_intervals: None,
            source: IntervalSource::Refused,
            order_probability: probability,
            twin,
            verdict,
            reason: String::new(),
        };
        match self.intervals(pair, &found) {
            Ok(Intervals {
                source,
                smaller,
                larger,
            }) => {
                found.source = source;
                found.pair_intervals = Some(vec![smaller, larger]);
                let is_s_larger = pair.log_ratio(self.theta) > 0.0;
                if source == IntervalSource::Profile {
                    let of = if is_s_larger {
                        [larger, smaller]
                    } else {
                        [smaller, larger]
                    };
                    for (tau, interval) in found.taus.iter_mut().zip(of) {
                        *tau = tau.map(|tau| Estimate {
                            interval: Some(interval),
                            log_error: None,
                            ..tau
                        });
                    }
                }
            }
            Err(refusal) => {
                found.taus = found.taus.map(|t| {
                    t.map(|t| Estimate {
                        interval: None,
                        ..t
                    })
                });
                reason = [reason, refusal]
                    .iter()
                    .filter(|r| !r.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("; ");
            }
        }
        found.reason = reason;
        found
    }

    fn estimate(&self, parameter: usize) -> Estimate {
        let log = self.theta[parameter];
        let error = self
            .information
            .row(parameter)
            .map(|row| self.information.standard_error(&[(row, 1.0)]));
        let interval = error.map(|error| [log - Z95 * error, log + Z95 * error].map(f64::exp));
        Estimate {
            value: log.exp(),
            log_error: error,
            interval,
        }
    }

    /// Why no interval of any unit can be trusted.
    fn refusal(&self) -> Option<String> {
        if self.basis == Basis::Unconverged {
            return Some("no interval: the refit without penalty did not converge, and intervals belong to its minimum".to_owned());
        }
        (self.judge.plan.layout.activation == Activation::Relu)
            .then(|| "no interval: relu bends at one point only, so that curvature at the minimum does not tell how far the cost stays low".to_owned())
    }

    fn not_identifiable(&self, group: &TauGroup) -> Option<String> {
        let bounds = self.judge.objective.bounds();
        for (p, name) in [(group.s, "tau_s"), (group.r, "tau_r")] {
            let Some(p) = p else { continue };
            let Some(row) = self.information.row(p) else {
                let end = if self.theta[p] <= bounds.lower()[p] {
                    "lower"
                } else {
                    "upper"
                };
                return Some(format!(
                    "{name} lies on its {end} bound ({:.4}): it is a limit, not a value",
                    self.theta[p].exp()
                ));
            };
            if self.information.scale[row] == 0.0 {
                return Some(format!("no prediction depends on {name}"));
            }
        }
        let touches = |null: &&NullDirection| {
            !null.is_exchange
                && [group.s, group.r]
                    .iter()
                    .flatten()
                    .any(|p| null.taus.contains(p))
        };
        if let Some(null) = self.null.iter().find(touches) {
            return Some(null.name.clone());
        }
        let is_exchange = |null: &NullDirection| {
            null.is_exchange
                && [group.s, group.r]
                    .iter()
                    .flatten()
                    .any(|p| null.taus.contains(p))
        };
        if self.null.iter().any(is_exchange) {
            return None;
        }
        for (p, name) in [(group.s, "tau_s"), (group.r, "tau_r")] {
            let Some(row) = p.and_then(|p| self.information.row(p)) else {
                continue;
            };
            if self.information.part_in_null(row) > PART_IN_NULL {
                return Some(format!("the Fisher information is singular along {name}"));
            }
        }
        None
    }

    /// Twice the log likelihood ratio of both orders, as a probability with equal odds beforehand.
    fn order_probability(&self, twin: &Twin) -> f64 {
        if twin.is_indistinguishable() {
            return 0.5;
        }
        let chi2 = self
            .judge
            .chi2(twin.difference_refitted * self.judge.objective.scale);
        1.0 / (1.0 + (-0.5 * chi2).exp())
    }

    fn intervals(&self, pair: Pair, found: &Found) -> Result<Intervals, String> {
        if let Some(reason) = self.refusal() {
            return Err(reason);
        }
        let row = |p| {
            self.information
                .row(p)
                .ok_or_else(|| "no interval: it lies on a bound".to_owned())
        };
        let (s, r) = (row(pair.s)?, row(pair.r)?);
        let ratio_error = self.information.standard_error(&[(s, 1.0), (r, -1.0)]);
        let is_ridge = self
            .null
            .iter()
            .any(|null| null.is_exchange && null.taus.contains(&pair.s));
        let ratio = pair.log_ratio(self.theta).abs();
        if is_ridge || ratio < NEAR_RIDGE * ratio_error {
            return self.near_ridge(pair, [s, r], ratio_error);
        }
        let errors = [s, r].map(|row| self.information.standard_error(&[(row, 1.0)]));
        if errors.iter().any(|error| *error > UNDETERMINED) {
            return Err(format!(
                "no interval: the standard error of log tau is {:.2}, beyond what curvature can tell; --profile shows what the data allow",
                errors[0].max(errors[1])
            ));
        }
        let [of_s, of_r] = [0, 1].map(|k| {
            let log = self.theta[[pair.s, pair.r][k]];
            [log - Z95 * errors[k], log + Z95 * errors[k]]
        });
        let (mut smaller, mut larger) = if pair.log_ratio(self.theta) > 0.0 {
            (of_r, of_s)
        } else {
            (of_s, of_r)
        };
        if let (Verdict::OrderUnknown, Some(twin)) = (found.verdict, &found.twin) {
            // the twin has a smaller and a larger one of its own, of about the same error
            let widen = |[low, high]: [f64; 2], value: f64| {
                let half = 0.5 * (high - low);
                [low.min(value - half), high.max(value + half)]
            };
            smaller = widen(smaller, twin.tau_s.min(twin.tau_r).ln());
            larger = widen(larger, twin.tau_s.max(twin.tau_r).ln());
        }
        Ok(Intervals {
            source: IntervalSource::Curvature,
            smaller: smaller.map(f64::exp),
            larger: larger.map(f64::exp),
        })
    }

    fn near_ridge(
        &self,
        pair: Pair,
        [s, r]: [usize; 2],
        ratio_error: f64,
    ) -> Result<Intervals, String> {
        if self.depth != Depth::Full || self.judge.control.is_stopped() {
            return Err("no interval: tau_s and tau_r are too close for curvature to give one; `tauscope identify` profiles them".to_owned());
        }
        // standard error of the mean of both logarithms at a fixed ratio
        let c = &self.information.covariance;
        let mean = 0.25 * (c[(s, s)] + 2.0 * c[(s, r)] + c[(r, r)]);
        let with_ratio = 0.5 * (c[(s, s)] - c[(r, r)]);
        let at_fixed = if ratio_error > 0.0 {
            mean - (with_ratio / ratio_error).powi(2)
        } else {
            mean
        };
        let found = ridge_intervals(
            self.judge,
            pair,
            self.theta,
            self.cost,
            at_fixed.max(0.0).sqrt(),
        );
        let found = found.ok_or_else(|| "no interval: the profile near tau_s = tau_r does not end within the bounds, or a refit failed".to_owned())?;
        Ok(Intervals {
            source: IntervalSource::Profile,
            smaller: found.smaller,
            larger: found.larger,
        })
    }
}

/// Intervals of the smaller and the larger constant.
struct Intervals {
    source: IntervalSource,
    smaller: [f64; 2],
    larger: [f64; 2],
}

/// The verdict on an order, with words where it is not plain.
fn order(
    probability: Option<f64>,
    twin: Option<&Twin>,
    activation: Activation,
) -> (Verdict, String) {
    let relu = match activation {
        Activation::Relu => {
            "relu is linear but for one bend, so that mirrored constants often fit nearly as well"
        }
        _ => "",
    };
    match (probability, twin) {
        (_, Some(twin)) if twin.is_indistinguishable() => (
            Verdict::OrderUnknown,
            "tau_s and tau_r can be exchanged without any change of the prediction: the unit stays in a straight part of f".to_owned(),
        ),
        (Some(p), _) if p >= TOLD => (Verdict::Ordered, relu.to_owned()),
        (Some(p), _) if p <= 1.0 - TOLD => (Verdict::Ordered, "the reversed order fits better: the fit ended in the wrong one of two minima; start again from it".to_owned()),
        (Some(_), _) => (Verdict::OrderUnknown, "the data do not tell which of the two constants is the synaptic one".to_owned()),
        (None, _) => (Verdict::OrderUnknown, "which of the two constants is the synaptic one was not judged".to_owned()),
    }
}

impl Found {
    fn with_intervals(mut self, taus: &[Option<Estimate>; 2], is_told: bool) -> Found {
        if is_told {
            self.taus = *taus;
        }
        self
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
            reason: self.reason.clone(),
        }
    }
}

/// What a person should know before trusting the judgement.
pub(super) fn warnings(found: &Identification) -> Vec<String> {
    let mut warnings = Vec::new();
    match found.basis {
        Basis::Given => {}
        Basis::Refitted => warnings.push("intervals belong to a refit without penalty and early stopping, whose time constants are given with them: a penalty moves time constants by more than their errors".to_owned()),
        Basis::Unconverged => warnings.push("the refit without penalty did not converge, so that no intervals are given".to_owned()),
    }
    if found.residual_autocorrelation > CORRELATED {
        warnings.push(format!("residuals of neighbouring samples are correlated ({:.2}): intervals assume independent noise and are too narrow", found.residual_autocorrelation));
    }
    if found.noise_is_known && found.reduced_chi2 > 1.5 {
        warnings.push(format!(
            "residuals are {:.1} times as large as target_std, or as the scatter of Poisson counts, says: intervals are too narrow",
            found.reduced_chi2.sqrt()
        ));
    }
    let unconverged: Vec<&str> = found
        .units
        .iter()
        .filter(|u| u.twin.as_ref().is_some_and(|t| !t.converged))
        .map(|u| u.unit.as_str())
        .collect();
    if !unconverged.is_empty() {
        warnings.push(format!("the swapped twin of {} did not converge: its order is less certain than the probability says", unconverged.join(", ")));
    }
    warnings
}
