//! `tauscope simulate`: a fitted network on the inputs of a dataset.

mod fitted;
mod run;
mod write;

use crate::args::{Global, SimulateOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::table::{Table, duration};
use crate::{interrupt, output, resolve, settings, threads};
use anyhow::{Context, Result};
use fitted::Fitted;
use serde::Serialize;
use std::time::Instant;
use tauscope_fit::batch::Stride;
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::store::{StoreError, StoredFile};

#[derive(Debug, Serialize)]
struct Summary {
    simulation: String,
    rhs_evaluations: u64,
    seconds: f64,
}

/// Simulates every trial and writes rates, currents and predictions.
///
/// # Errors
/// A result or dataset that cannot be read or do not fit each other, an output that is refused, a solve that fails.
pub fn run(options: &SimulateOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let command_line = settings::command_line(&options.keys, global)?;
    interrupt::end_at_once()?;
    let file = StoredFile::open_result(&options.result)?;
    let text = file
        .group("provenance")?
        .required_text("configuration", "the configuration of the fit as TOML")?;
    let config =
        EffectiveConfig::merge(&[command_line, Layer::from_toml(&text, &options.result)?])?;
    let dataset = resolve::fitted_dataset(options.dataset.as_deref(), &options.result, &file)?;
    let dataset = settings::observed(&config, dataset)?;
    let of_result = || options.result.display().to_string();
    let fitted = Fitted::read(&file, &config, &dataset).map_err(|error| {
        // the store names its file itself
        if error.chain().any(|cause| cause.is::<StoreError>()) {
            error
        } else {
            error.context(of_result())
        }
    })?;
    let integrator = config.integrator(config.model, config.activation, &dataset);
    let stride =
        Stride::new(&dataset, &integrator).map_err(|error| config.unfit(error.key(), error))?;
    output::spare(options.output.out.as_deref(), dataset.path())?;
    let output = output::reserve(&options.output, "simulate", &options.result)?;
    let start = Instant::now();
    let pool = threads::pool(threads::wanted(&config))?;
    let simulation = pool
        .install(|| run::all_trials(&fitted, &dataset, &integrator, stride))
        .with_context(of_result)?;
    let seconds = start.elapsed().as_secs_f64();
    write::write(
        output.path(),
        &simulation,
        &dataset,
        &config,
        &options.result,
    )?;
    let simulation_path = output.path().display().to_string();
    let summary = Summary {
        simulation: simulation_path,
        rhs_evaluations: simulation.rhs_evaluations,
        seconds,
    };
    console.result(&summary, table)?;
    Ok(Outcome::Done)
}

fn table(summary: &Summary) -> String {
    let mut table = Table::default();
    table.row([
        "right-hand sides".to_owned(),
        summary.rhs_evaluations.to_string(),
    ]);
    table.row(["time".to_owned(), duration(summary.seconds)]);
    format!("{}\nsimulation: {}\n", table.text(), summary.simulation)
}
