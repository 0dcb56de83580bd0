//! The last step of a fit: its time constants judged, as far as the size of the problem allows.

use super::{Control, FitResult};
use crate::config::Auto;
use crate::dataset::{Dataset, Split};
use crate::identify::{self, Depth, Request, identify};
use crate::plan::{DENSE_LIMIT, FitPlan, trials_of};
use std::sync::atomic::Ordering;

/// Most products of trials, target times, units, parameters and evaluations of `J^T J` under `identify = auto`. The zebrafish fit
/// has 9e7 of them, which take 1.3 s of its 5; the grasshopper fit 2.4e8, which took 70 s and is left out.
const MOST_WORK: f64 = 1e8;
/// Evaluations of `J^T J` that a refit without penalty takes, from its own minimum and from elsewhere, and the twin of a unit.
const OF_CHECK: f64 = 4.0;
const OF_REFIT: f64 = 20.0;
const OF_TWIN: f64 = 12.0;
/// Most iterations of each.
const MOST_ITERATIONS: u64 = 50;

/// What is computed: a fixed rule of sizes and the configuration.
fn depth(result: &FitResult, plan: &FitPlan, dataset: &Dataset) -> Option<Depth> {
    let parameters = plan.layout.len();
    if !plan.integrator.has_time_constants() || parameters > DENSE_LIMIT {
        return None;
    }
    let trials = trials_of(&plan.split, Split::Train).len();
    let points = (trials * dataset.target_time().len() * plan.layout.n_units) as f64;
    let work = points * parameters as f64;
    let is_minimum = result.best.converged && result.l2 == 0.0;
    let refit = if is_minimum { OF_CHECK } else { OF_REFIT };
    let twins = plan.layout.n_units as f64 * OF_TWIN;
    match plan.config.identify {
        Auto::Set(false) => None,
        Auto::Set(true) => Some(Depth::Full),
        Auto::Auto if work * (refit + twins) <= MOST_WORK => Some(Depth::Twins),
        Auto::Auto if work * refit <= MOST_WORK => Some(Depth::Curvature),
        Auto::Auto => None,
    }
}

/// Judges what a fit found; false where a signal stopped that. A judgement that fails costs itself, not the result, and is a
/// warning. A limit of time does not stop it: what is stored does not depend on the clock.
pub(super) fn judge(
    result: &mut FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> bool {
    let Some(depth) = depth(result, plan, dataset) else {
        return true;
    };
    let watch = identify::Control {
        stop: control.stop,
        deadline: None,
        progress: control.judging,
    };
    let request = Request {
        theta: &result.theta,
        depth,
        profiles: Vec::new(),
        most_iterations: MOST_ITERATIONS,
    };
    let found = identify(plan, dataset, &request, &watch);
    if control.stop.load(Ordering::Relaxed) {
        return false;
    }
    match found {
        Ok(found) => result.identification = Some(found),
        Err(error) => result
            .warnings
            .push(format!("the time constants could not be judged: {error}")),
    }
    true
}
