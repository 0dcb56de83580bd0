use super::run::Simulation;
use std::path::Path;
use tauscope_fit::config::EffectiveConfig;
use tauscope_fit::dataset::Dataset;
use tauscope_fit::store::{Group, StoreError, Variable, write_file};

/// Writes `rates`, `currents` (trial, time, unit) and `prediction` (trial, target_time, output).
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    simulation: &Simulation,
    dataset: &Dataset,
    config: &EffectiveConfig,
    result: &Path,
) -> Result<(), StoreError> {
    let states = ["trial", "time", "unit"];
    let n_units = simulation.rates.len() / (dataset.n_trials() * dataset.time().len());
    let units = dataset.target_units().unwrap_or("1");
    let rates = Variable::new("rates", &states, simulation.rates.clone())
        .units("1")
        .long_name("firing rate");
    let mut root = axes(header(dataset, config, result), dataset)
        .indices("unit", n_units)
        .variable(rates);
    if !simulation.currents.is_empty() {
        let currents = Variable::new("currents", &states, simulation.currents.clone());
        root = root.variable(currents.units("1").long_name("synaptic current"));
    }
    let prediction = Variable::new(
        "prediction",
        &["trial", "target_time", "output"],
        simulation.prediction.clone(),
    );
    write_file(
        path,
        &root.variable(prediction.units(units).long_name("predicted activity")),
    )
}

fn header(dataset: &Dataset, config: &EffectiveConfig, result: &Path) -> Group {
    let path = dataset
        .path()
        .map_or_else(String::new, |path| path.display().to_string());
    Group::new()
        .attribute("tauscope_format", "simulation")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", dataset.time_units())
        .attribute("result", result.display().to_string())
        .attribute("dataset", path)
        .attribute("dataset_sha256", dataset.sha256().unwrap_or_default())
        .attribute("configuration", config.to_toml())
        .attribute("program_version", env!("CARGO_PKG_VERSION"))
}

fn axes(root: Group, dataset: &Dataset) -> Group {
    let units = dataset.time_units();
    let time = |name: &str, values: &[f64], long_name: &str| {
        Variable::new(name, &[name], values.to_vec())
            .units(units)
            .long_name(long_name)
    };
    root.coordinate(
        Variable::new("trial", &["trial"], dataset.trial_labels().clone()).long_name("trial"),
    )
    .coordinate(time("time", dataset.time(), "time of the input sample"))
    .coordinate(time(
        "target_time",
        dataset.target_time(),
        "time of the target",
    ))
    .coordinate(
        Variable::new("output", &["output"], dataset.output_labels().clone())
            .long_name("observed output"),
    )
}
