//! `tauscope generate`: a dataset from a network with known parameters.

mod inputs;
mod network;
mod spec;
mod spike_rule;
mod spikes;
mod teacher;
mod truth;

pub use spec::{SpecError, is_specification};

use crate::args::{GenerateOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::table::Table;
use crate::{interrupt, output};
use anyhow::Result;
use serde::Serialize;
use spec::Spec;
use std::path::Path;
use tauscope_fit::config::Layer;
use tauscope_fit::dataset::{self, Dataset, RawDataset, TargetSampling};
use tauscope_fit::store;
use teacher::Teacher;

#[derive(Debug, Serialize)]
struct Summary {
    dataset: String,
    units: usize,
    trials: usize,
    samples: usize,
    seed: u64,
}

/// Draws, simulates, writes.
///
/// # Errors
/// A wrong specification, an output that is refused, a network that cannot be simulated.
pub fn run(options: &GenerateOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let spec = Spec::read(&options.spec)?;
    let command_line = Layer::from_options(global.seed.as_deref().map(|seed| ("seed", seed)))?;
    let seed = command_line.config.seed.unwrap_or(spec.seed);
    interrupt::end_at_once()?;
    let output = output::reserve(&options.output, "generate", &options.spec)?;
    let teacher = teacher::make(&spec, &options.spec, seed)?;
    store::write_dataset(
        output.path(),
        &dataset(&spec, teacher, &options.spec, seed)?,
    )?;
    let summary = Summary {
        dataset: output.path().display().to_string(),
        units: spec.units,
        trials: spec.trials,
        samples: spec.n_samples(),
        seed,
    };
    console.result(&summary, text)?;
    Ok(Outcome::Done)
}

fn text(summary: &Summary) -> String {
    let mut table = Table::default();
    table.row(["units".to_owned(), summary.units.to_string()]);
    table.row(["trials".to_owned(), summary.trials.to_string()]);
    table.row(["samples a trial".to_owned(), summary.samples.to_string()]);
    table.row(["seed".to_owned(), summary.seed.to_string()]);
    format!("{}\ndataset: {}\n", table.text(), summary.dataset)
}

fn dataset(spec: &Spec, teacher: Teacher, path: &Path, seed: u64) -> Result<Dataset> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let truth = truth::group(spec, &teacher);
    let mut raw = RawDataset::new(
        &name,
        &spec.time_units,
        teacher.time,
        teacher.inputs,
        teacher.targets,
    );
    raw.title = Some(format!("generated from {name}, seed {seed}"));
    raw.source = Some(format!("tauscope {} generate", env!("CARGO_PKG_VERSION")));
    raw.interpolation = spec.input.interpolation;
    raw.split = Some(teacher.split);
    raw.initial_state = Some(dataset::InitialState {
        current: spec.model.has_tau_s().then_some(teacher.current),
        rate: spec.model.has_tau_r().then_some(teacher.rate),
    });
    if let Some(spikes) = teacher.spikes {
        raw.target_sampling = TargetSampling::BinMean;
        raw.target_units = Some(format!("1/{}", spec.time_units));
        raw.spike_counts = Some(spikes.counts);
    }
    raw.truth = Some(truth);
    Ok(Dataset::new(raw)?)
}
