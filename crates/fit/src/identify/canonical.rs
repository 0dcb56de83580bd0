//! A form of a point that two fits share when they are the same but for the names of hidden units, and for signs and scales.

use super::equivalence::{Whole, has_free_sign, is_hidden};
use crate::layout::ModelLayout;
use tauscope_dynamics::Activation;

/// A point with hidden units in an order, with signs and scales that do not depend on the fit: hidden units by their time constants, the
/// slowest first; what the outputs take from each of them, and from a unit behind a scaled readout, is largest where it is positive, and
/// of length 1 for relu and identity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Canonical {
    /// The point, which predicts what the fit does.
    pub(crate) theta: Vec<f64>,
    /// Which unit of the fit each is.
    pub(crate) source: Vec<usize>,
    /// Whether its sign was turned.
    pub(crate) is_turned: Vec<bool>,
}

/// The canonical form of `theta`; none where no unit is hidden, nor has a sign or scale that a scaled readout undoes.
pub(super) fn canonical(layout: &ModelLayout, theta: &[f64]) -> Option<Canonical> {
    let n = layout.n_units;
    let hidden: Vec<usize> = (0..n).filter(|&unit| is_hidden(layout, unit)).collect();
    // softplus has neither sign nor scale
    let has_form =
        |&unit: &usize| has_free_sign(layout, unit) && layout.activation != Activation::Softplus;
    let formed: Vec<usize> = (0..n).filter(has_form).collect();
    if hidden.is_empty() && formed.is_empty() {
        return None;
    }
    let mut whole = Whole::of(layout, theta);
    let mut is_turned = vec![false; n];
    let has_scale = matches!(layout.activation, Activation::Relu | Activation::Identity);
    // outputs first, since the sign of a unit that none reads is told by what outputs take from it
    for &unit in &formed {
        let length = whole.outgoing(unit).norm();
        if let (true, Some(scaled)) = (has_scale && length > 0.0, whole.scaled(unit, length))
            && scaled.theta().is_some()
        {
            whole = scaled;
        }
        if whole.leading(unit) < 0.0
            && let Some(turned) = whole.turned(unit)
            && turned.theta().is_some()
        {
            (whole, is_turned[unit]) = (turned, true);
        }
    }
    let source = order(&whole, &hidden);
    let ordered = whole.permuted(&source)?;
    let (theta, source) = match ordered.theta() {
        Some(theta) => (theta, source),
        // groups or masks tell units apart
        None => (whole.theta()?, (0..n).collect()),
    };
    Some(Canonical {
        theta,
        is_turned: source.iter().map(|&unit| is_turned[unit]).collect(),
        source,
    })
}

fn order(whole: &Whole<'_>, hidden: &[usize]) -> Vec<usize> {
    let mut sorted = hidden.to_vec();
    sorted.sort_by(|&a, &b| {
        let keys = whole.key(b).into_iter().zip(whole.key(a));
        let differ = keys.map(|(b, a)| b.total_cmp(&a)).find(|o| o.is_ne());
        differ.unwrap_or(a.cmp(&b))
    });
    let mut order: Vec<usize> = (0..whole.n()).collect();
    for (&place, &unit) in hidden.iter().zip(&sorted) {
        order[place] = unit;
    }
    order
}
