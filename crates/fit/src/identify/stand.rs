//! Where a judgement stands: a minimum of the unpenalised cost in which each output counts by its own noise.
//!
//! Differences of the cost are differences of the log likelihood only where residuals are in units of their noise. Where the noise of
//! outputs is unlike and the dataset does not give it, the judgement is therefore one by feasible generalised least squares: the noise of
//! each output is estimated at a minimum, residuals are divided by it, and the minimum of that cost is sought, in turn. Information,
//! twins and profiles then all count from there, with a noise of 1.

use super::INDISTINGUISHABLE;
use super::noise::{Noise, Residuals};
use super::refit::{Search, refit};
use super::request::{Basis, Control, IdentifyError, Request};
use super::run::{Judge, Parts, judge};
use crate::dataset::Dataset;
use crate::objective::FitObjective;
use crate::optimizer::Objective;
use crate::plan::FitPlan;

/// Turns of estimating the noise and refitting. Each brings the estimate closer by the part that the parameters' errors have in residuals.
const MOST_WEIGHINGS: usize = 5;
/// Estimates that change by less than this factor are the same: an interval becomes wider or narrower by as much.
const SAME_NOISE: f64 = 1.02;

/// The dataset with the noise of its outputs as estimated, and the plan for it.
#[derive(Clone)]
pub(super) struct Weighed {
    dataset: Dataset,
    plan: FitPlan,
    /// Standard deviation of each output's noise, in its own units.
    pub(super) std: Vec<f64>,
}

/// The minimum of the unpenalised cost from which everything counts.
pub(super) struct Minimum {
    pub(super) theta: Vec<f64>,
    pub(super) cost: f64,
    /// The cost at the point that was given.
    pub(super) given: f64,
    pub(super) basis: Basis,
    /// Which parameters lie on no bound.
    pub(super) free: Vec<bool>,
    pub(super) residuals: Residuals,
    /// In units of the residuals; their correlation in time counted in.
    pub(super) noise: Noise,
    /// What residuals have to be divided by further, where outputs are unlike in noise.
    uneven: Option<Vec<f64>>,
}

/// A minimum with what it is one of.
pub(super) struct Stand {
    pub(super) minimum: Minimum,
    /// Where outputs count by an estimate of their noise.
    pub(super) weighed: Option<Weighed>,
}

impl Stand {
    /// Variance of a residual, all outputs together, in units of `target_std` (or 1).
    pub(super) fn noise_variance(&self) -> f64 {
        let Some(weighed) = &self.weighed else {
            return self.minimum.noise.variance / self.minimum.residuals.inefficiency;
        };
        let counts = &self.minimum.residuals.counts;
        let squares = weighed
            .std
            .iter()
            .zip(counts)
            .map(|(s, &n)| s * s * n as f64);
        squares.sum::<f64>() / self.minimum.residuals.count().max(1) as f64
    }
}

/// What is asked, of which fit.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) plan: &'a FitPlan,
    pub(super) dataset: &'a Dataset,
    pub(super) request: &'a Request<'a>,
    pub(super) control: &'a Control<'a>,
    pub(super) parts: &'a Parts,
}

impl<'a> Asked<'a> {
    /// The fit that `weighed` makes of the one that was given.
    pub(super) fn fit(&self, weighed: Option<&'a Weighed>) -> Asked<'a> {
        weighed.map_or(*self, |weighed| Asked {
            plan: &weighed.plan,
            dataset: &weighed.dataset,
            ..*self
        })
    }
}

impl Asked<'_> {
    /// The minimum next to `theta`, of the cost as `weighed` and weighed on until outputs are even.
    pub(super) fn stand(
        &self,
        theta: &[f64],
        mut weighed: Option<Weighed>,
    ) -> Result<Stand, IdentifyError> {
        let mut theta = theta.to_vec();
        let mut turns = 0;
        loop {
            let minimum = self.minimum(&theta, weighed.as_ref())?;
            match &minimum.uneven {
                Some(uneven) if turns < MOST_WEIGHINGS => {
                    weighed = Some(self.weighed(weighed.as_ref(), uneven)?);
                    theta = minimum.theta;
                    turns += 1;
                }
                _ => return Ok(Stand { minimum, weighed }),
            }
        }
    }

    fn minimum(&self, start: &[f64], weighed: Option<&Weighed>) -> Result<Minimum, IdentifyError> {
        let fit = Asked {
            plan: weighed.map_or(self.plan, |w| &w.plan),
            dataset: weighed.map_or(self.dataset, |w| &w.dataset),
            ..*self
        };
        judge(&fit)?.minimum(&fit, start, weighed.is_some())
    }

    fn weighed(&self, before: Option<&Weighed>, by: &[f64]) -> Result<Weighed, IdentifyError> {
        let std: Vec<f64> = match before {
            None => by.to_vec(),
            Some(before) => before.std.iter().zip(by).map(|(s, b)| s * b).collect(),
        };
        let dataset = self
            .dataset
            .with_target_std(std.clone())
            .map_err(IdentifyError::Noise)?;
        Ok(Weighed {
            plan: FitPlan::check(&self.plan.config, &dataset)?,
            dataset,
            std,
        })
    }
}

impl Judge<'_> {
    /// Refits from `start` without penalty, and measures the noise there.
    fn minimum(
        &self,
        asked: &Asked<'_>,
        start: &[f64],
        is_weighed: bool,
    ) -> Result<Minimum, IdentifyError> {
        self.say(|| match is_weighed {
            false => "refit without penalty".to_owned(),
            true => "refit with each output weighted by its own noise".to_owned(),
        });
        let given = self
            .objective
            .value(asked.request.theta)
            .map_err(IdentifyError::Solve)?
            .cost;
        let search = Search::to_the_end(asked.request.most_iterations);
        let found =
            refit(&self.objective, start, search, &self.control).map_err(IdentifyError::Refit)?;
        let free = free(&self.objective, &found.point);
        let residuals =
            Residuals::at(&self.objective, &found.point).map_err(IdentifyError::Solve)?;
        let n_free = free.iter().filter(|free| **free).count();
        let gives_noise = asked.dataset.target_std().is_some() && !is_weighed;
        let is_known = gives_noise || self.plan.observation.is_poisson();
        let shown = with_floor(residuals.noise(n_free, is_known), self.objective.scale);
        let uneven = match (found.converged, is_weighed) {
            (false, _) => None,
            (true, true) => shown.off_by(SAME_NOISE, &residuals),
            (true, false) => shown.unlike(&residuals),
        };
        let noise = if is_weighed {
            shown.of_weighed()
        } else {
            shown
        };
        let noise = noise.of_correlated(residuals.inefficiency);
        let moved = (given - found.cost) * self.objective.n_train as f64;
        let basis = match found.converged {
            false if found.interrupted => Basis::Interrupted,
            false => Basis::Unconverged,
            // less than a hundredth of a standard error
            true if moved / noise.variance < 1e-4 => Basis::Given,
            true => Basis::Refitted,
        };
        Ok(Minimum {
            theta: found.point,
            cost: found.cost,
            given,
            basis,
            free,
            residuals,
            noise,
            uneven,
        })
    }
}

/// Noise below what integration leaves is that of the integration.
fn with_floor(mut noise: Noise, scale: f64) -> Noise {
    let floor = INDISTINGUISHABLE * scale;
    noise.variance = noise.variance.max(floor);
    for deviation in &mut noise.by_output {
        *deviation = deviation.max(floor.sqrt());
    }
    noise
}

/// Which parameters lie on no bound.
fn free(objective: &FitObjective<'_>, theta: &[f64]) -> Vec<bool> {
    let bounds = objective.bounds();
    let ends = bounds.lower().iter().zip(bounds.upper());
    theta
        .iter()
        .zip(ends)
        .map(|(value, (low, high))| low < value && value < high)
        .collect()
}
