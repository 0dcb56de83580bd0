//! `tauscope check`: three ways to the same gradient, on the user's own data.

mod compare;

use crate::args::{CheckOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::gradient::unresolved;
use crate::table::Table;
use crate::{interrupt, resolve, settings, threads};
use anyhow::{Context, Result};
use compare::{Agreement, Verdict};
use serde::Serialize;
use tauscope_adjoint::Integrator;
use tauscope_fit::store::read_dataset;

#[derive(Debug, Serialize)]
struct Summary {
    dataset: String,
    method: &'static str,
    blocks: serde_json::Map<String, serde_json::Value>,
    tolerance: f64,
    /// Estimated error of the whole gradient, relative to its norm, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    gradient_error: Option<f64>,
    passed: bool,
}

/// Compares the gradients at the starting point, or at that of `--from`, by block.
///
/// # Errors
/// A wrong option or configuration, a file that cannot be read, a solve that fails.
pub fn run(options: &CheckOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let path = resolve::dataset(&options.dataset, &std::env::current_dir()?)?;
    let config = match &options.from {
        None => settings::effective(&options.keys, &options.config, global, &path, console)?.config,
        Some(result) => settings::of_result(&options.keys, &options.config, global, result)?.config,
    };
    if options.config.print_config() {
        console.print(&config.to_toml())?;
        return Ok(Outcome::Done);
    }
    interrupt::end_at_once()?;
    let dataset = settings::observed(&config, read_dataset(&path)?)?;
    let plan = settings::plan(&config, &dataset)?;
    let pool = threads::pool(threads::wanted(&config))?;
    let tolerance = tolerance(plan.integrator());
    let comparison = pool
        .install(|| compare::by_block(&plan, &dataset, &config, options.directions, tolerance))
        .with_context(|| settings::name(&dataset))?;
    let agreements = &comparison.blocks;
    let worst = agreements.iter().map(|a| a.verdict(tolerance)).max();
    // at a random start nothing cancels: what the solves drown there they drown in a fit
    let drowned = options.from.is_none() && comparison.is_drowned();
    let passed = worst != Some(Verdict::Disagrees) && !drowned;
    let blocks = agreements
        .iter()
        .map(|agreement| (agreement.block.clone(), agreement.json(tolerance)))
        .collect();
    let dataset = path.display().to_string();
    let summary = Summary {
        dataset,
        method: plan.integrator().name(),
        blocks,
        tolerance,
        gradient_error: comparison.gradient_error,
        passed,
    };
    console.result(&summary, |summary| text(summary, agreements, drowned))?;
    Ok(if passed {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

/// Largest relative difference that is no fault: a thousand times the relative tolerance, since the three ways take
/// different steps; with steps of given length the round-off of differences.
fn tolerance(integrator: &Integrator) -> f64 {
    match integrator.tolerances() {
        Some(tolerances) => (1e3 * tolerances.rtol).clamp(1e-6, 1e-2),
        None => 1e-6,
    }
}

fn text(summary: &Summary, agreements: &[Agreement], drowned: bool) -> String {
    let mut table = Table::new(&[
        "block",
        "parameters",
        "adjoint vs forward",
        "adjoint vs differences",
        "",
    ]);
    let mut lost = false;
    for agreement in agreements {
        let forward = agreement.adjoint_vs_forward;
        let differences = agreement.adjoint_vs_differences;
        let explained = forward.value.max(differences.value) > summary.tolerance;
        let verdict = match agreement.verdict(summary.tolerance) {
            Verdict::Agrees if explained => "ok, within the errors of the solves",
            Verdict::Agrees => "ok",
            Verdict::Lost => "too small to tell",
            Verdict::Disagrees => "DISAGREES",
        };
        lost |= verdict == "too small to tell";
        let difference = |value: f64| format!("{value:.1e}");
        table.row([
            agreement.block.clone(),
            agreement.n_parameters.to_string(),
            difference(forward.value),
            difference(differences.value),
            verdict.to_owned(),
        ]);
    }
    let verdict = if summary.passed { "passed" } else { "failed" };
    let advice = match summary.gradient_error {
        Some(error) if drowned => format!("{}\n", unresolved(error)),
        _ if lost => "near an optimum the parts of the gradient cancel, and at this tolerance nothing is left to compare: lower --rtol, or check at a random start, without --from\n".to_owned(),
        _ => String::new(),
    };
    format!(
        "{}\n{verdict}: tolerance {:.0e}, method {}\n{advice}",
        table.text(),
        summary.tolerance,
        summary.method
    )
}
