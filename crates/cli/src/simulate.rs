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
use std::path::{Path, PathBuf};
use std::time::Instant;
use tauscope_fit::batch::Stride;
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::store::{StoreError, StoredFile, read_dataset};
use thiserror::Error;

#[derive(Debug, Serialize)]
struct Summary {
    simulation: String,
    rhs_evaluations: u64,
    seconds: f64,
}

/// The dataset that was fitted is not the one that is there now.
#[derive(Debug, Error)]
enum SourceError {
    #[error("{} names no dataset; give one with --dataset", .0.display())]
    Unnamed(PathBuf),
    #[error("{} is not the file that was fitted (SHA-256 {found}, fitted {fitted}); give --dataset to use it nevertheless", .path.display())]
    Changed {
        path: PathBuf,
        found: String,
        fitted: String,
    },
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
    let dataset = dataset(options, &file)?;
    let of_result = || options.result.display().to_string();
    let fitted = Fitted::read(&file, &config, &dataset).map_err(|error| {
        // the store names its file itself
        if error.chain().any(|cause| cause.is::<StoreError>()) {
            error
        } else {
            error.context(of_result())
        }
    })?;
    let integrator = config.integrator(config.model, &dataset);
    let stride =
        Stride::new(&dataset, &integrator).map_err(|error| config.unfit(error.key(), error))?;
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

/// The dataset given, else the one that was fitted if it is still the same.
fn dataset(options: &SimulateOptions, file: &StoredFile) -> Result<Dataset> {
    if let Some(word) = &options.dataset {
        return Ok(read_dataset(&resolve::dataset(
            word,
            &std::env::current_dir()?,
        )?)?);
    }
    let provenance = file.group("provenance")?;
    let path = provenance
        .attribute_text("dataset")?
        .ok_or_else(|| SourceError::Unnamed(options.result.clone()))?;
    let dataset = read_dataset(Path::new(&path))
        .context("the dataset that was fitted; another one can be given with --dataset")?;
    let found = dataset.sha256().unwrap_or_default().to_owned();
    match provenance.attribute_text("dataset_sha256")? {
        Some(fitted) if fitted != found => Err(SourceError::Changed {
            path: path.into(),
            found,
            fitted,
        }
        .into()),
        _ => Ok(dataset),
    }
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
