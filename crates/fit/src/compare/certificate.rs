//! Is the fit one of the differential equation, or of its integration?

use super::contender::{Contender, Resolution};
use super::refit::{Refitter, with_l2};
use crate::config::Method;
use crate::driver::FitError;
use crate::optimizer::{self, IterationRecord, Objective};
use crate::plan::FitPlan;
use std::time::Instant;

/// Most iterations of a refit of the certificate: from the optimum few are needed.
const MAX_ITERATIONS: u64 = 50;

/// The adaptive fit at one tolerance.
#[derive(Debug, Clone)]
pub struct CertificateRow {
    /// Relative tolerance.
    pub tolerance: f64,
    /// Train cost of the adaptive optimum, re-evaluated.
    pub cost: f64,
    /// The refit, unless there was to be none.
    pub refit: Option<CertificateRefit>,
}

/// A refit from the adaptive optimum at one tolerance.
#[derive(Debug, Clone)]
pub struct CertificateRefit {
    /// Whether nothing was left to gain when it stopped.
    pub converged: bool,
    /// Iterations.
    pub iterations: u64,
    /// Train cost that it reached.
    pub cost: f64,
    /// By unit; empty where the model has none.
    pub tau_s: Vec<f64>,
    /// The same.
    pub tau_r: Vec<f64>,
    /// By unit: value / value of the refit at the fit's own tolerance - 1; NaN in that row where there is none to compare with.
    pub tau_s_drift: Vec<f64>,
    /// The same.
    pub tau_r_drift: Vec<f64>,
}

impl CertificateRefit {
    /// The largest drift of any time constant, as a fraction.
    pub fn largest_drift(&self) -> f64 {
        let all = self.tau_s_drift.iter().chain(&self.tau_r_drift);
        all.fold(0.0, |worst, drift| f64::max(worst, drift.abs()))
    }
}

impl Refitter<'_> {
    /// Re-evaluates `theta` at `tolerance` and fits again from there, without early stopping: validation trials would stop a
    /// refit where it began, whatever the tolerance. `first` is the row at the fit's own tolerance.
    pub(super) fn certify(
        &self,
        method: Method,
        tolerance: f64,
        theta: &[f64],
        deadline: Option<Instant>,
        watch: &(dyn Fn(&IterationRecord) + Sync),
        first: Option<&CertificateRow>,
    ) -> Result<CertificateRow, FitError> {
        let contender = Contender::Method(method);
        let config = contender.configure(self.config, Resolution::Tolerance(tolerance));
        let plan = FitPlan::check(&with_l2(config, self.l2), self.dataset)?;
        let objective = plan.objective(self.dataset, self.l2)?;
        let cost = objective.value(theta).map_or(f64::NAN, |value| value.cost);
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(CertificateRow {
                tolerance,
                cost,
                refit: None,
            });
        }
        let mut settings = plan.optimizer.clone();
        settings.stopping.early_stopping = false;
        settings.stopping.max_iterations = MAX_ITERATIONS;
        let control = optimizer::Control {
            deadline,
            on_iteration: Some(watch),
            ..self.control
        };
        let outcome = self.minimize(&plan, theta, &settings, &control)?;
        let (tau_s, tau_r) = plan.layout.time_constants(&outcome.theta);
        let first = first.and_then(|row| row.refit.as_ref());
        Ok(CertificateRow {
            tolerance,
            cost,
            refit: Some(CertificateRefit {
                converged: outcome.converged,
                iterations: outcome.iterations,
                cost: outcome.cost,
                tau_s_drift: drift(&tau_s, first.map_or(&tau_s, |f| &f.tau_s)),
                tau_r_drift: drift(&tau_r, first.map_or(&tau_r, |f| &f.tau_r)),
                tau_s,
                tau_r,
            }),
        })
    }
}

/// `value / of - 1` by unit; NaN where there is no value of the other.
pub(super) fn drift(values: &[f64], of: &[f64]) -> Vec<f64> {
    let other = |unit: usize| of.get(unit).copied().unwrap_or(f64::NAN);
    let units = values.iter().enumerate();
    units
        .map(|(unit, value)| value / other(unit) - 1.0)
        .collect()
}
