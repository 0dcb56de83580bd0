//! The parameters that a comparison starts from.

use crate::dataset::Dataset;
use crate::driver::{self, FitError};
use crate::plan::FitPlan;

use super::run::{Control, Position, Setup, deadline};

/// What part of the budget the fit may take that is made first.
const FIRST_FIT: f64 = 0.25;

/// The parameters that everything starts from.
#[derive(Debug, Clone)]
pub struct Given {
    pub(crate) theta: Vec<f64>,
    /// Whether they were fitted here rather than read from a result.
    pub fitted_here: bool,
    /// The penalty of every fit.
    pub l2: f64,
    /// By unit, in the dataset's time unit; empty where the model has none.
    pub tau_s: Vec<f64>,
    /// The same.
    pub tau_r: Vec<f64>,
    /// Warnings of the fit.
    pub warnings: Vec<String>,
}

/// The parameters of the result that `init` names, else of a fit that takes at most a quarter of the budget.
pub(super) fn given(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Result<Given, FitError> {
    if let (true, Some(theta)) = (setup.from_result, &plan.init) {
        let l2 = plan.config.l2.set().map_or(0.0, |l2| l2.get());
        return Ok(Given::new(plan, theta.clone(), l2, false, Vec::new()));
    }
    let own = plan
        .config
        .max_time
        .map_or(f64::INFINITY, |limit| limit.get());
    let limit = own.min(setup.budget * FIRST_FIT);
    let progress = |at: &driver::Position| {
        (control.progress)(&Position {
            task: "fit, which the comparison starts from".to_owned(),
            done: at.starts_done,
            total: at.starts,
            iteration: Some((at.iteration, at.cost)),
            at_most: Some(limit),
        });
    };
    let watch = driver::Control {
        stop: control.stop,
        deadline: deadline(limit),
        progress: &progress,
        judging: &|_| {},
        saving: None,
    };
    let fit = driver::fit(plan, dataset, &watch)?;
    let mut warnings = fit.warnings.clone();
    if !fit.best.converged {
        warnings.push(format!(
            "the fit that everything starts from did not converge ({}): drifts count from where it stands",
            fit.best.termination
        ));
    }
    Ok(Given::new(plan, fit.theta, fit.l2, true, warnings))
}

impl Given {
    fn new(
        plan: &FitPlan,
        theta: Vec<f64>,
        l2: f64,
        fitted_here: bool,
        warnings: Vec<String>,
    ) -> Given {
        let (tau_s, tau_r) = plan.layout.time_constants(&theta);
        Given {
            theta,
            fitted_here,
            l2,
            tau_s,
            tau_r,
            warnings,
        }
    }

    pub(super) fn shortest_tau(&self) -> f64 {
        let all = self.tau_s.iter().chain(&self.tau_r);
        all.copied().fold(f64::INFINITY, f64::min)
    }
}
