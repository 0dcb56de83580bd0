//! Parameters of one model as a starting point of another.

use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use nalgebra::DVector;
use tauscope_dynamics::ModelKind;

/// The point of `to` that is nearest to `theta` of `from`: the same weights, readout and initial state, and the time constants
/// that `to` has. Both belong to the same dataset and configuration but for model and method.
pub(super) fn carry(theta: &[f64], from: &ModelLayout, to: &ModelLayout) -> Vec<f64> {
    let mut parameters = from.network.expand(&theta[from.network_range()]);
    let kept = |log_tau: &DVector<f64>, wanted: bool| match wanted {
        true if log_tau.is_empty() => DVector::zeros(from.n_units),
        true => log_tau.clone(),
        false => DVector::zeros(0),
    };
    parameters.log_tau_s = kept(&parameters.log_tau_s, to.model.has_tau_s());
    parameters.log_tau_r = kept(&parameters.log_tau_r, to.model.has_tau_r());
    let mut point = to.network.gather(&parameters);
    point.extend_from_slice(&theta[from.readout_range()]);
    point.extend(initial_state(&theta[from.initial_range()], from, to));
    to.optimizer_bounds().project(&point)
}

/// The fitted initial state `[I | r]` as `to` holds it.
fn initial_state(theta: &[f64], from: &ModelLayout, to: &ModelLayout) -> Vec<f64> {
    let is_learned = matches!(
        from.initial_state,
        InitialStateKind::Learned | InitialStateKind::LearnedFree
    );
    if !is_learned || from.model == to.model {
        return theta.to_vec();
    }
    let state = from
        .initial_state
        .learned_state(from.model, from.activation, theta);
    let (first, rates) = state.split_at(from.n_units);
    match to.model {
        // the current model has no rates of its own
        ModelKind::Rate if rates.is_empty() => {
            first.iter().map(|&i| from.activation.value(i)).collect()
        }
        ModelKind::Rate => rates.to_vec(),
        _ => first.to_vec(),
    }
}
