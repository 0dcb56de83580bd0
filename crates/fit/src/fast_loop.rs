//! Steps of given length on a recurrent loop that is faster.

use crate::batch::Intervals;
use crate::dataset::Dataset;
use tauscope_adjoint::{FixedStepMethod, Integrator};
use tauscope_dynamics::RateNetwork;

/// That steps of given length may miss a [loop](tauscope_dynamics::FastLoop) of `network` on `dataset`, and the way out. No
/// comparison with finer steps tells: where f saturates, all that are too long may agree. Adaptive methods find such steps too
/// long, and implicit ones follow the equilibrium of the loop.
pub fn warning(
    network: &RateNetwork,
    integrator: &Integrator,
    dataset: &Dataset,
) -> Option<String> {
    let follows_equilibria = matches!(
        integrator,
        Integrator::FixedStep {
            method: FixedStepMethod::BackwardEuler | FixedStepMethod::ImplicitMidpoint,
            ..
        }
    );
    if !integrator.has_fixed_steps() || !integrator.has_time_constants() || follows_equilibria {
        return None;
    }
    let step = integrator.step().unwrap_or(Intervals::of(dataset).mean);
    let found = network.fast_loop(step)?;
    let who = match found.units[..] {
        [unit] => format!("unit {unit} follows"),
        ref units => format!("units {} follow", list(units)),
    };
    let whom = if found.units.len() > 1 {
        "each other"
    } else {
        "itself"
    };
    let (within, gain, unit) = (found.follows_within, found.gain, dataset.time_units());
    Some(format!(
        "{who} within {within:.2e} {unit}, less than the step of {step:.2e} {unit}, and may drive {whom} with a gain of up to {gain:.1}: steps of this length may miss such a loop, finer ones need not show it, and no estimate of the error counts it; compare with --method auto without --step"
    ))
}

/// The first of them.
fn list(units: &[usize]) -> String {
    const MOST: usize = 8;
    let mut list: Vec<String> = units.iter().take(MOST).map(usize::to_string).collect();
    if units.len() > MOST {
        list.push(format!("and {} more", units.len() - MOST));
    }
    list.join(", ")
}
