use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use tauscope_fit::compare::{Cell, CertificateRow, Comparison, Refit};
use tauscope_fit::dataset::Dataset;

/// What `compare --json` says.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub comparison: String,
    pub report: String,
    dataset: String,
    pub verdict: Vec<String>,
    notes: Vec<String>,
    adaptive: Value,
    reference: &'static str,
    fits: Vec<Value>,
    integrations: Vec<Value>,
    certificate: Vec<Value>,
    budget: f64,
    share: f64,
    interrupted: bool,
    seconds: f64,
    warnings: Vec<String>,
}

impl Summary {
    pub fn new(comparison: &Comparison, dataset: &Dataset, data: &Path, page: &Path) -> Summary {
        let warnings = comparison
            .warnings
            .iter()
            .cloned()
            .chain(refusals(comparison));
        Summary {
            comparison: data.display().to_string(),
            report: page.display().to_string(),
            dataset: crate::settings::name(dataset),
            verdict: comparison.verdict.clone(),
            notes: comparison.notes.clone(),
            adaptive: json!({
                "method": comparison.adaptive.name(),
                "tolerance": comparison.rtol,
                "tau_s": by_unit(&comparison.adaptive_tau_s),
                "tau_r": by_unit(&comparison.adaptive_tau_r),
                "fitted_here": comparison.given.fitted_here,
                "l2": comparison.given.l2,
            }),
            reference: comparison.reference,
            fits: comparison
                .refits
                .iter()
                .map(|refit| fit(comparison, refit))
                .collect(),
            integrations: comparison
                .cells
                .iter()
                .map(|cell| integration(comparison, cell))
                .collect(),
            certificate: comparison.certificate.iter().map(certificate).collect(),
            budget: comparison.budget,
            share: comparison.share,
            interrupted: comparison.interrupted,
            seconds: comparison.seconds,
            warnings: warnings.collect(),
        }
    }
}

/// Null where a model has no such constant.
fn by_unit(values: &[f64]) -> Value {
    match values.is_empty() {
        true => Value::Null,
        false => json!(values),
    }
}

fn fit(comparison: &Comparison, refit: &Refit) -> Value {
    let fitted = refit.fitted();
    let none: &[f64] = &[];
    let (tau_s, tau_r) = fitted.map_or((none, none), |f| (&f.tau_s, &f.tau_r));
    let [s, r] = comparison.drifts(tau_s, tau_r);
    let without = comparison.units_without_tau(refit);
    json!({
        "method": refit.contender.name(),
        "integrator": refit.integrator,
        "step_or_tolerance": refit.resolution.value(),
        "control": refit.resolution.kind(),
        "start": refit.start.name(),
        "state": refit.state_name(),
        "reason": refit.reason(),
        "converged": refit.converged(),
        "termination": fitted.map(|f| f.termination.as_str()),
        "iterations": fitted.map(|f| f.iterations),
        "start_was_moved": fitted.map(|f| f.start_was_moved),
        "no_tau_fits": without.contains(&true),
        "no_tau_fits_units": without,
        "tau_s": by_unit(tau_s),
        "tau_r": by_unit(tau_r),
        "tau_s_drift": by_unit(&s),
        "tau_r_drift": by_unit(&r),
        "cost": fitted.map(|f| f.cost),
        "cost_reference": fitted.map(|f| f.cost_reference),
        "r2": fitted.map(|f| json!({ "train": f.r2[0], "valid": f.r2[1], "test": f.r2[2] })),
        "seconds": fitted.map(|f| f.seconds),
    })
}

fn integration(comparison: &Comparison, cell: &Cell) -> Value {
    let measure = cell.state.measure();
    let gradient = measure.map(|m| {
        let blocks = comparison.blocks.iter().cloned();
        let errors = m.gradient_error.iter().map(|error| json!(error));
        Value::Object(blocks.zip(errors).collect())
    });
    json!({
        "method": cell.contender.name(),
        "step_or_tolerance": cell.resolution.value(),
        "control": cell.resolution.kind(),
        "state": cell.state.name(),
        "reason": cell.state.reason(),
        "trajectory_error": measure.map(|m| m.trajectory_error),
        "cost": measure.map(|m| m.cost),
        "cost_error": measure.map(|m| m.cost_error),
        "gradient_error": gradient,
        "seconds": measure.map(|m| m.seconds),
        "gradient_seconds": measure.map(|m| m.gradient_seconds),
        "rhs_evaluations": measure.map(|m| m.statistics.rhs_evaluations),
        "steps": measure.map(|m| m.statistics.steps),
        "rejected": measure.map(|m| m.statistics.rejected),
    })
}

fn certificate(row: &CertificateRow) -> Value {
    let refit = row.refit.as_ref();
    json!({
        "tolerance": row.tolerance,
        "cost": row.cost,
        "cost_refitted": refit.map(|r| r.cost),
        "converged": refit.map(|r| r.converged),
        "tau_s_drift": refit.map(|r| by_unit(&r.tau_s_drift)),
        "tau_r_drift": refit.map(|r| by_unit(&r.tau_r_drift)),
    })
}

/// Contenders that could not run, each with its reason, each once.
pub fn refusals(comparison: &Comparison) -> Vec<String> {
    let cells = comparison.cells.iter();
    let cells = cells.filter(|cell| cell.state.name() == "refused");
    let cells = cells.filter_map(|cell| Some((cell.contender.name(), cell.state.reason()?)));
    let refits = comparison.refits.iter();
    let refits = refits.filter(|refit| refit.state_name() != "not-run");
    let refits = refits.filter_map(|refit| Some((refit.contender.name(), refit.reason()?)));
    let mut all: Vec<String> = Vec::new();
    for (name, reason) in cells.chain(refits) {
        let sentence = format!("{name} does not take part: {reason}");
        if !all.contains(&sentence) {
            all.push(sentence);
        }
    }
    all
}
