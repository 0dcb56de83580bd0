//! Refits and the certificate within a budget.

use super::certificate::CertificateRow;
use super::contender::{Contender, Resolution};
use super::refit::{Refitter, Start, Task, with_l2};
use crate::dataset::Dataset;
use crate::driver::FitError;
use crate::optimizer::{self, IterationRecord, Objective};
use crate::plan::{DENSE_LIMIT, FitPlan};
use std::cell::RefCell;
use std::time::Instant;

use super::run::{Comparison, Control, Position, Setup, contenders, deadline};

/// Up to this product of units, samples and train trials a model is refitted without being asked.
const SMALL: usize = 1_000_000;

/// The certificate's tolerances are that of the fit divided by these.
const CERTIFIED: [f64; 3] = [1.0, 10.0, 100.0];

pub(super) fn refits_are_wanted(setup: &Setup, plan: &FitPlan, dataset: &Dataset) -> bool {
    let train = plan
        .split
        .iter()
        .filter(|s| **s == crate::dataset::Split::Train)
        .count();
    let size = plan.layout.n_units * dataset.time().len() * train;
    setup
        .refit
        .unwrap_or(plan.layout.len() <= DENSE_LIMIT && size <= SMALL)
}

/// The resolutions at which a contender is refitted: those that were asked for, else one.
fn refit_rungs(setup: &Setup, contender: Contender, comparison: &Comparison) -> Vec<Resolution> {
    let elman_or_limit = !contender.is_scheme();
    match (contender.is_adaptive(), &setup.steps, &setup.tolerances) {
        (false, Some(steps), _) if !elman_or_limit => {
            steps.iter().map(|&step| Resolution::Step(step)).collect()
        }
        (false, _, _) => vec![Resolution::Step(comparison.sample_interval)],
        (true, _, Some(tolerances)) => tolerances
            .iter()
            .map(|&rtol| Resolution::Tolerance(rtol))
            .collect(),
        (true, _, None) => vec![Resolution::Tolerance(comparison.rtol)],
    }
}

/// One part of the budget.
enum Part {
    Refit(Task),
    Certify(f64),
}

fn parts(setup: &Setup, comparison: &Comparison, dataset: &Dataset) -> Vec<Part> {
    let adaptive = Contender::Method(comparison.adaptive);
    let own = Resolution::Tolerance(comparison.rtol);
    let mut refits = vec![(adaptive, own)];
    // the slowest last: what overruns its share then takes it from its like
    let mut by_speed = contenders(setup, comparison, dataset);
    by_speed.sort_by_key(|contender| contender.is_slow());
    for contender in by_speed {
        for resolution in refit_rungs(setup, contender, comparison) {
            if !refits.contains(&(contender, resolution)) {
                refits.push((contender, resolution));
            }
        }
    }
    let with = |start| {
        let tasks = refits.iter().map(move |&(contender, resolution)| {
            Part::Refit(Task {
                contender,
                resolution,
                start,
            })
        });
        tasks.collect::<Vec<_>>()
    };
    let certify = CERTIFIED.map(|divisor| Part::Certify(comparison.rtol / divisor));
    let first = with(Start::Optimum).into_iter();
    first.chain(certify).chain(with(Start::Perturbed)).collect()
}

/// Every part has an equal share of what is left of the budget: at least `budget / parts`.
pub(super) fn refit(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    let begin = Instant::now();
    let layout = comparison.layout.clone();
    let config = with_l2(setup.config.clone(), comparison.given.l2);
    let refitter = Refitter {
        config: &config,
        dataset,
        l2: comparison.given.l2,
        shortest_tau: comparison.given.shortest_tau(),
        layout: &layout,
        perturbation: comparison.perturbation,
        known: RefCell::default(),
        scoring: std::cell::Cell::new(0.0),
        control: optimizer::Control {
            stop: Some(control.stop),
            ..Default::default()
        },
    };
    let parts = parts(setup, comparison, dataset);
    let total = parts.len();
    comparison.share = setup.budget / total as f64;
    let mut optimum = comparison.given.theta.clone();
    for (done, part) in parts.into_iter().enumerate() {
        let left = (setup.budget - begin.elapsed().as_secs_f64()).max(0.0);
        let until = deadline(left / (total - done) as f64);
        let task = match &part {
            Part::Refit(task) => format!("fit with {}", task.contender.name()),
            Part::Certify(tolerance) => format!("fit at tolerance {tolerance:e}"),
        };
        let show = |iteration| {
            (control.progress)(&Position {
                task: task.clone(),
                done,
                total,
                iteration,
                at_most: Some((setup.budget - begin.elapsed().as_secs_f64()).max(0.0)),
            });
        };
        show(None);
        let watch = |record: &IterationRecord| show(Some((record.iteration, record.cost)));
        match part {
            Part::Refit(task) if control.is_stopped() => {
                comparison
                    .refits
                    .push(task.not_run("the comparison was stopped before"));
            }
            Part::Refit(task) if left <= 0.0 => {
                comparison
                    .refits
                    .push(task.not_run("the budget was used up before"));
            }
            Part::Refit(task) => {
                let refit = refitter.refit(task, &optimum, until, &watch);
                if done == 0
                    && let Some(fitted) = refit.fitted()
                {
                    // the adaptive fit of the same kind as all others: from a converged start it does not move
                    optimum.clone_from(&fitted.theta);
                    comparison.adaptive_tau_s.clone_from(&fitted.tau_s);
                    comparison.adaptive_tau_r.clone_from(&fitted.tau_r);
                }
                comparison.refits.push(refit);
            }
            Part::Certify(_) if control.is_stopped() || left <= 0.0 => {}
            Part::Certify(tolerance) => {
                let first = comparison.certificate.first();
                let method = plan.config.method;
                let row = refitter.certify(method, tolerance, &optimum, until, &watch, first);
                match row {
                    Ok(row) => comparison.certificate.push(row),
                    Err(error) => comparison.warnings.push(format!(
                        "no certificate at tolerance {tolerance:e}: {error}"
                    )),
                }
            }
        }
    }
    Ok(())
}

/// The certificate without refits: the cost alone.
pub(super) fn evaluate_certificate(
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    for divisor in CERTIFIED {
        if control.is_stopped() {
            return Ok(());
        }
        let tolerance = comparison.rtol / divisor;
        let config = Contender::Method(plan.config.method)
            .configure(&plan.config, Resolution::Tolerance(tolerance));
        let plan = FitPlan::check(&config, dataset)?;
        let objective = plan.objective(dataset, comparison.given.l2)?;
        let cost = objective.value(&comparison.given.theta);
        comparison.certificate.push(CertificateRow {
            tolerance,
            cost: cost.map_or(f64::NAN, |value| value.cost),
            refit: None,
        });
    }
    Ok(())
}
