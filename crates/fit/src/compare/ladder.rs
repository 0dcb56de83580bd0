//! Integrations by every contender, over its ladder of steps or tolerances.

use super::contender::{Contender, DEFAULT_TOLERANCES, Resolution, default_steps};
use super::integration::{Bench, Cell, CellState, Measured};
use super::perturb::{SIZES, perturbed};
use super::reference;
use crate::dataset::Dataset;
use crate::driver::FitError;
use crate::optimizer::Objective;
use crate::plan::FitPlan;

use super::run::{Comparison, Control, Position, Setup, contenders};

/// Seconds that a method may take for its part of the default ladder.
const LADDER_SECONDS: f64 = 4.0;

/// The resolutions at which a contender is integrated, coarsest first.
pub(super) fn ladder(setup: &Setup, contender: Contender, dataset: &Dataset) -> Vec<Resolution> {
    let coarsest_first = |mut values: Vec<f64>| {
        values.sort_by(|a, b| b.total_cmp(a));
        values.dedup();
        values
    };
    let steps = setup
        .steps
        .clone()
        .unwrap_or_else(|| default_steps(dataset));
    let tolerances = setup
        .tolerances
        .clone()
        .unwrap_or_else(|| DEFAULT_TOLERANCES.to_vec());
    let mut all = Vec::new();
    if contender.takes_steps() {
        all.extend(coarsest_first(steps).into_iter().map(Resolution::Step));
    }
    if contender.is_adaptive() {
        all.extend(
            coarsest_first(tolerances)
                .into_iter()
                .map(Resolution::Tolerance),
        );
    }
    all
}

/// The largest perturbation under which the network still predicts better than the mean does.
pub(super) fn perturbation(
    plan: &FitPlan,
    dataset: &Dataset,
    theta: &[f64],
) -> Result<f64, FitError> {
    let objective = plan.objective(dataset, 0.0)?;
    let is_usable = |size: &f64| {
        let point = perturbed(theta, &plan.layout, plan.config.seed, *size);
        objective
            .value(&point)
            .is_ok_and(|value| value.objective <= 1.0)
    };
    let least = SIZES[SIZES.len() - 1];
    Ok(SIZES.into_iter().find(is_usable).unwrap_or(least))
}

pub(super) fn integrate(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    let theta = comparison.given.theta.clone();
    comparison.perturbation = perturbation(plan, dataset, &theta)?;
    let (seed, size) = (setup.config.seed, comparison.perturbation);
    let off = perturbed(&theta, &comparison.layout, seed, size);
    let reference = reference::plan(&setup.config, dataset, comparison.given.shortest_tau())?;
    comparison.reference = reference.integrator().name();
    let schemes = contenders(setup, comparison, dataset).into_iter();
    let tasks: Vec<_> = schemes
        .filter(|contender| contender.is_scheme())
        .map(|contender| (contender, ladder(setup, contender, dataset)))
        .collect();
    let total = tasks.iter().map(|(_, rungs)| rungs.len()).sum();
    let announce = |task: String, done| {
        (control.progress)(&Position {
            task,
            done,
            total,
            iteration: None,
            at_most: None,
        });
    };
    if control.is_stopped() {
        return Ok(());
    }
    announce("reference at 1e-12".to_owned(), 0);
    let mut bench = Bench::new(&setup.config, dataset, &reference, &theta, &off)?;
    if let Some(failure) = bench.failure() {
        comparison
            .warnings
            .push(format!("there is no reference, so no errors: {failure}"));
    }
    let mut done = 0;
    for (contender, rungs) in tasks {
        let mut spent = 0.0;
        let mut last = (f64::INFINITY, 0.0);
        for resolution in rungs {
            let predicted = predicted_seconds(last, resolution.value());
            let asked_for = match resolution {
                Resolution::Step(_) => setup.steps.is_some(),
                Resolution::Tolerance(_) => setup.tolerances.is_some(),
            };
            let state = if control.is_stopped() {
                CellState::NotRun("stopped before".to_owned())
            } else if !asked_for && spent + predicted > LADDER_SECONDS {
                CellState::NotRun(format!(
                    "would take about {predicted:.0} s; name it to run it"
                ))
            } else {
                announce(
                    format!("{} at {:e}", contender.name(), resolution.value()),
                    done,
                );
                let Measured { state, seconds } = bench.measure(contender, resolution);
                spent += seconds;
                last = (resolution.value(), seconds);
                state
            };
            comparison.cells.push(Cell {
                contender,
                resolution,
                state,
            });
            done += 1;
        }
    }
    Ok(())
}

/// A step that is halved takes twice as long; a tolerance that is a tenth at most four times, which a method of order 2 needs.
fn predicted_seconds((value, seconds): (f64, f64), next: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    seconds * (value / next).clamp(1.0, 4.0)
}
