//! Verdicts and warnings in words.

use super::found::Identification;
use super::request::Basis;
use super::twin::Twin;
use super::unit::Verdict;
use tauscope_dynamics::Activation;

/// An order that is at least this likely is told.
pub(super) const TOLD: f64 = 0.95;
/// Correlated residuals of which so many count as one are named.
const CORRELATED: f64 = 1.5;

/// Sentences that are not empty, joined.
pub(super) fn joined(sentences: &[String]) -> String {
    let said: Vec<&str> = sentences
        .iter()
        .map(String::as_str)
        .filter(|s| !s.is_empty())
        .collect();
    said.join("; ")
}

/// That the result has the constants the other way round.
pub(super) fn reversed(tau_s: f64, tau_r: f64, time_units: &str) -> String {
    format!(
        "the result has them in the other order, tau_s {tau_s:.4} and tau_r {tau_r:.4} {time_units}"
    )
}

/// The verdict on an order, with words where it is not plain.
pub(super) fn order(
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
        // a judgement moves there, unless it may not or the refit fails
        (Some(p), _) if p <= 1.0 - TOLD => (Verdict::OrderUnknown, "the reversed order fits better: the fit ended in the wrong one of two minima; start again from it".to_owned()),
        (Some(_), _) => (Verdict::OrderUnknown, "the data do not tell which of the two constants is the synaptic one".to_owned()),
        (None, _) => (Verdict::OrderUnknown, "which of the two constants is the synaptic one was not judged".to_owned()),
    }
}

fn has_intervals(found: &Identification) -> bool {
    let of_units = found.units.iter().any(|unit| unit.pair_intervals.is_some());
    of_units
        || found
            .profiles
            .iter()
            .any(|profile| !profile.intervals.is_empty())
}

/// What a person should know before trusting the judgement.
pub(super) fn warnings(found: &Identification) -> Vec<String> {
    let mut warnings = Vec::new();
    match found.basis {
        Basis::Given => {}
        Basis::Refitted if !has_intervals(found) => {}
        Basis::Refitted => warnings.push("intervals belong to a refit without penalty and early stopping, whose time constants are given with them: a penalty moves time constants by more than their errors".to_owned()),
        Basis::Unconverged => warnings.push("the refit without penalty did not converge, so that no intervals are given".to_owned()),
        Basis::Interrupted => warnings.push("the judgement was interrupted in its refit without penalty, so that no intervals are given".to_owned()),
    }
    if found.interrupted && found.basis.is_minimum() {
        warnings.push("the judgement was interrupted: orders, intervals and profiles that are missing were not judged".to_owned());
    }
    if !found.moves.is_empty() {
        warnings.push(format!("{} led to a better minimum than that of the result: all that is found belongs to it; fit again from other starts (--starts, --seed)", found.reversed_orders()));
    }
    if found.residual_inefficiency > CORRELATED && found.basis.is_minimum() {
        warnings.push(format!(
            "residuals of neighbouring samples are correlated ({:.2}): intervals and orders count {:.1} samples as one; where that is what the network does not follow, rather than noise with a memory, no interval is sure",
            found.residual_autocorrelation, found.residual_inefficiency
        ));
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
