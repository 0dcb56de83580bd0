//! The swapped twin of a unit: what the data say of the order of its two time constants.

use super::INDISTINGUISHABLE;
use super::ordered::{Held, Ordered, Pair};
use super::refit::{Search, refit};
use super::run::Judge;
use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use crate::objective::FitObjective;
use crate::optimizer::Objective;

/// Differences (normalised) below this are computed again by the reference at 1e-12.
const LOOK_CLOSER: f64 = 1e-7;

/// Twice the log likelihood ratio beyond which an order is told without doubt, with a probability of 1 - 5e-5.
const BEYOND_DOUBT: f64 = 20.0;

/// What came of exchanging tau_s and tau_r of a unit, or of a group that shares them.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Cost as exchanged minus cost, over that of predicting each output's mean; infinite where it cannot be integrated.
    pub difference_as_swapped: f64,
    /// The same after a refit of everything that keeps the reversed order.
    pub difference_refitted: f64,
    /// Whether that refit converged, or could not come near the other order at the pace that it had: if neither, the difference could
    /// still fall.
    pub converged: bool,
    /// The time constants of the refit.
    pub tau_s: f64,
    /// The same.
    pub tau_r: f64,
    pub(crate) theta: Vec<f64>,
}

impl Twin {
    /// Whether both orders predict the same, to within round-off.
    pub fn is_indistinguishable(&self) -> bool {
        self.difference_as_swapped.abs() < INDISTINGUISHABLE
    }
}

/// theta with the pair exchanged, and a free initial current such that r'(0) stays: `f(I0') = r0 + (tau_r' / tau_r) (f(I0) - r0)`.
/// With `r0 = f(I0)`, at rest and from zero r'(0) is 0 or does not depend on the order.
pub(super) fn exchanged(
    layout: &ModelLayout,
    pair: Pair,
    units: &[usize],
    theta: &[f64],
) -> Vec<f64> {
    let mut other = pair.exchanged(theta);
    if layout.initial_state == InitialStateKind::LearnedFree {
        let first = layout.initial_range().start;
        let ratio = (theta[pair.s] - theta[pair.r]).exp();
        for &unit in units {
            let (current, rate) = (theta[first + unit], theta[first + layout.n_units + unit]);
            let f = layout.activation;
            other[first + unit] = f.inverse_clamped(rate + ratio * (f.value(current) - rate));
        }
    }
    other
}

/// Cost minus the cost at `theta`, normalised.
fn difference(objective: &FitObjective<'_>, theta: &[f64], other: &[f64]) -> f64 {
    let cost = |at: &[f64]| objective.value(at).map(|value| value.cost);
    match (cost(theta), cost(other)) {
        (Ok(here), Ok(there)) => (there - here) / objective.scale,
        _ => f64::INFINITY,
    }
}

/// The twin of `pair`, which `units` share. None where the refit cannot begin, or is interrupted.
pub(super) fn twin(
    judge: &Judge<'_>,
    pair: Pair,
    units: &[usize],
    theta: &[f64],
    cost: f64,
) -> Option<Twin> {
    let objective = &judge.objective;
    let swapped = exchanged(&judge.plan.layout, pair, units, theta);
    let mut as_swapped = difference(objective, theta, &swapped);
    if as_swapped.abs() < LOOK_CLOSER
        && let Some(precise) = judge.reference()
    {
        as_swapped = difference(&precise, theta, &swapped);
    }
    let as_found = |difference_refitted: f64, converged: bool, other: Vec<f64>| Twin {
        difference_as_swapped: as_swapped,
        difference_refitted,
        converged,
        tau_s: other[pair.s].exp(),
        tau_r: other[pair.r].exp(),
        theta: other,
    };
    if as_swapped.abs() < INDISTINGUISHABLE {
        return Some(as_found(as_swapped, true, swapped));
    }
    let held = Held::Sign {
        positive: pair.log_ratio(theta) <= 0.0,
    };
    let ordered = Ordered::new(objective, pair, held).ok()?;
    let starts = [ordered.point_of(&swapped), ordered.point_of(theta)];
    let search = Search::to_compare(
        judge.most_iterations,
        judge.objective_at(cost, BEYOND_DOUBT),
    );
    // the swapped point may be far beyond what can be integrated; the ridge between the two orders is not
    let found = starts
        .iter()
        .find_map(|start| refit(&ordered, start, search, &judge.control).ok())?;
    if found.interrupted {
        return None;
    }
    let refitted = (found.cost - cost) / objective.scale;
    Some(as_found(
        refitted,
        found.converged,
        ordered.theta(&found.point),
    ))
}
