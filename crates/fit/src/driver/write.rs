//! Result files: what a fit found, by group.

mod history;
mod names;
mod parameters;
mod scores;

pub(crate) use names::{Names, count, real, splits};
pub(crate) use parameters::parameters;

use super::provenance::now;
use super::{FitResult, Provenance};
use crate::config::EffectiveConfig;
use crate::dataset::Dataset;
use crate::identify::uncertainty;
use crate::plan::FitPlan;
use crate::store::{Group, StoreError, Variable, write_file};
use history::{history, penalties, starts};
use scores::{metrics, predictions};
use std::path::Path;

/// Writes a result file, see the format in `ARCHITECTURE.md`.
///
/// # Errors
/// [`StoreError`] where the file cannot be written; then nothing is left behind.
pub fn write_result(
    path: &Path,
    result: &FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    provenance: &Provenance,
) -> Result<(), StoreError> {
    let names = Names::new(&plan.layout, dataset);
    let mut root = Group::new()
        .attribute("tauscope_format", "result")
        .attribute("schema_version", 1_i64)
        .attribute("title", format!("fit of {}", dataset.name()))
        .attribute("time_units", dataset.time_units())
        .attribute("model", plan.layout.model.name())
        .attribute("activation", plan.layout.activation.name())
        .attribute("readout", plan.layout.readout.kind().name())
        .attribute("observation", plan.observation.name())
        .group("parameters", parameters(&result.theta, plan, &names))
        .group("history", history(&result.best.history, &names))
        .group("starts", starts(&result.starts, &names))
        .group("penalties", penalties(&result.ladder))
        .group("predictions", predictions(result, dataset, &names))
        .group("metrics", metrics(result, &names))
        .group("split", split(plan, dataset))
        .group("certificate", certificate(result))
        .group(
            "provenance",
            provenance_group(result, plan, dataset, provenance),
        );
    if let Some(found) = &result.identification {
        root = root.group("uncertainty", uncertainty(found, &names));
    }
    write_file(path, &root)
}

fn split(plan: &FitPlan, dataset: &Dataset) -> Group {
    let words: Vec<String> = plan.split.iter().map(|s| s.name().to_owned()).collect();
    Group::new()
        .coordinate(
            Variable::new("trial", &["trial"], dataset.trial_labels().clone()).long_name("trial"),
        )
        .variable(Variable::new("split", &["trial"], words).long_name("part that the trial plays"))
}

fn certificate(result: &FitResult) -> Group {
    let best = &result.best;
    let names: Vec<String> = result
        .gradient_check
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let check: Vec<f64> = result
        .gradient_check
        .iter()
        .map(|(_, value)| *value)
        .collect();
    Group::new()
        .attribute("converged", best.converged)
        .attribute("termination", best.termination.as_str())
        .attribute("iterations", best.iterations as i64)
        .attribute("kept_iteration", best.kept_iteration as i64)
        .attribute("gradient_norm", best.gradient_norm)
        .attribute("parameters_at_bound", best.parameters_at_bound as i64)
        .attribute("solver_failures", (best.solver_failures + result.scores.failed_trials as u64) as i64)
        .coordinate(Variable::new("block", &["block"], names).long_name("block of parameters"))
        .variable(real(
            "adjoint_vs_forward",
            &["block"],
            check,
            "1",
            "relative difference of adjoint and forward sensitivities in a random direction, at the fitted parameters",
        ))
}

fn provenance_group(
    result: &FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    provenance: &Provenance,
) -> Group {
    origin(dataset, &plan.config, provenance)
        .attribute("method", plan.integrator.name())
        .attribute("optimizer", plan.optimizer.optimizer().as_str())
        .attribute("l2", result.l2)
        .attribute("seconds", result.seconds)
        .attribute("warnings", result.warnings.clone())
        .attribute("end_time", now())
}

/// What every file says of where it comes from.
pub(crate) fn origin(
    dataset: &Dataset,
    config: &EffectiveConfig,
    provenance: &Provenance,
) -> Group {
    let path = dataset.path().map_or_else(String::new, |p| {
        std::fs::canonicalize(p)
            .unwrap_or_else(|_| p.to_owned())
            .display()
            .to_string()
    });
    Group::new()
        .attribute("command_line", provenance.command_line.as_str())
        .attribute("configuration", config.to_toml())
        .attribute("configuration_files", provenance.config_files.join("\n"))
        .attribute("dataset", path)
        .attribute("dataset_sha256", dataset.sha256().unwrap_or_default())
        .attribute("seed", config.seed as i64)
        .attribute("threads", provenance.threads as i64)
        .attribute("version", env!("CARGO_PKG_VERSION"))
        .attribute("git_commit", provenance.commit.as_str())
        .attribute("start_time", provenance.start.as_str())
        .attribute("run", provenance.run.as_str())
}
