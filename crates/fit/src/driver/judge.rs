//! The last step of a fit: its time constants judged, as far as the size of the problem allows.

use super::{Control, FitResult};
use crate::config::Auto;
use crate::dataset::{Dataset, Split};
use crate::identify::{self, Depth, Request, identify};
use crate::plan::{DENSE_LIMIT, FitPlan, trials_of};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tauscope_adjoint::HaltReason;

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

/// How long a judgement may go on after the limit of time, so that sessions shorter than it come to an end.
const GRACE: Duration = Duration::from_secs(4);

/// Judges what a fit found; what stopped that, if it was stopped: then nothing of it is kept, since what is stored must not depend
/// on the clock. A judgement that fails costs itself, not the result, and is a warning.
pub(super) fn judge(
    result: &mut FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Option<HaltReason> {
    let depth = depth(result, plan, dataset)?;
    let deadline = control.deadline.map(|at| at + GRACE);
    let watch = identify::Control {
        stop: control.stop,
        deadline,
        progress: control.judging,
    };
    let request = Request {
        theta: &result.theta,
        depth,
        profiles: Vec::new(),
        most_iterations: MOST_ITERATIONS,
    };
    let began = Instant::now();
    let found = identify(plan, dataset, &request, &watch);
    if control.stop.load(Ordering::Relaxed) {
        return Some(HaltReason::Stop);
    }
    let is_cut = found.as_ref().is_ok_and(|found| found.interrupted);
    if is_cut || found.is_err() && deadline.is_some_and(|at| Instant::now() >= at) {
        result.warnings.push(format!(
            "the time constants were not judged within --max-time: a run that goes on from here has no more to do than that, which takes longer than {:.0} s",
            began.elapsed().as_secs_f64()
        ));
        return Some(HaltReason::Deadline);
    }
    match found {
        Ok(found) => result.identification = Some(found),
        Err(error) => result
            .warnings
            .push(format!("the time constants could not be judged: {error}")),
    }
    None
}
