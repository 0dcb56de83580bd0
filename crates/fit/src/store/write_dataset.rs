//! A dataset to its file.

use std::path::Path;

use nalgebra::DMatrix;
use tauscope_dynamics::Interpolation;

use super::{Group, StoreError, Values, Variable, write_file};
use crate::dataset::{CarriedVariable, Dataset, InitialState};

/// Writes `dataset` in the format that [`super::read_dataset`] reads and xarray opens; an existing file is replaced.
///
/// # Errors
/// As [`write_file`].
pub fn write_dataset(path: &Path, dataset: &Dataset) -> Result<(), StoreError> {
    write_file(path, &tree(dataset))
}

fn tree(dataset: &Dataset) -> Group {
    let root = header(dataset);
    let root = with_axes(root, dataset);
    let root = with_recording(root, dataset);
    let root = with_carried(root, dataset);
    let root = match dataset.initial_state() {
        Some(state) => root.group("initial_state", initial_state(state, dataset)),
        None => root,
    };
    match dataset.truth() {
        Some(truth) => root.group("truth", truth.clone()),
        None => root,
    }
}

fn header(dataset: &Dataset) -> Group {
    let mut root = Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64);
    for (name, value) in [
        ("title", dataset.title()),
        ("source", dataset.source()),
        ("licence", dataset.licence()),
    ] {
        if let Some(value) = value {
            root = root.attribute(name, value);
        }
    }
    let interpolation = match dataset.interpolation() {
        Interpolation::Hold => "hold",
        Interpolation::Linear => "linear",
    };
    root.attribute("time_units", dataset.time_units())
        .attribute("interpolation", interpolation)
        .attribute("target_sampling", dataset.target_sampling().name())
}

fn with_axes(root: Group, dataset: &Dataset) -> Group {
    let units = dataset.time_units();
    let label = |name: &str, values: &Values, what: &str| {
        Variable::new(name, &[name], values.clone()).long_name(what)
    };
    let mut root = root
        .coordinate(label("trial", dataset.trial_labels(), "trial"))
        .coordinate(
            Variable::new("time", &["time"], dataset.time().to_vec())
                .units(units)
                .long_name("time of the input sample"),
        )
        .coordinate(label("output", dataset.output_labels(), "observed output"));
    if dataset.has_target_time() {
        let time = Variable::new(
            "target_time",
            &["target_time"],
            dataset.target_time().to_vec(),
        );
        root = root.coordinate(time.units(units).long_name("time of the target"));
    }
    if dataset.n_inputs() > 0 {
        root = root.coordinate(label("input", dataset.input_labels(), "input channel"));
    }
    root
}

fn with_recording(mut root: Group, dataset: &Dataset) -> Group {
    if dataset.n_inputs() > 0 {
        let inputs = Variable::new(
            "inputs",
            &["trial", "time", "input"],
            row_major(dataset.inputs()),
        );
        root = root.variable(
            inputs
                .units(dataset.input_units().unwrap_or("1"))
                .long_name("input to the network"),
        );
    }
    let samples = if dataset.has_target_time() {
        "target_time"
    } else {
        "time"
    };
    let axes = ["trial", samples, "output"];
    let units = dataset.target_units().unwrap_or("1");
    let targets = Variable::new("targets", &axes, row_major(dataset.targets()));
    root = root.variable(targets.units(units).long_name("observed activity"));
    if let Some(std) = dataset.target_std() {
        root = root.variable(
            Variable::new("target_std", &["output"], std.to_vec())
                .units(units)
                .long_name("known noise of the output"),
        );
    }
    if let Some(counts) = dataset.spike_counts() {
        root = root.variable(
            Variable::new("spike_counts", &axes, row_major(counts))
                .units("1")
                .long_name("spikes in the bin"),
        );
    }
    if let Some(split) = dataset.split() {
        let words: Vec<String> = split.iter().map(|s| s.name().to_owned()).collect();
        root = root.variable(
            Variable::new("split", &["trial"], words).long_name("part that the trial plays"),
        );
    }
    if dataset
        .trial_length()
        .iter()
        .any(|&n| n < dataset.time().len())
    {
        let lengths: Vec<i64> = dataset.trial_length().iter().map(|&n| n as i64).collect();
        root = root.variable(
            Variable::new("trial_length", &["trial"], lengths)
                .units("1")
                .long_name("valid samples of time"),
        );
    }
    root
}

fn with_carried(mut root: Group, dataset: &Dataset) -> Group {
    let over_trials = dataset.trial_variables().iter().map(|v| (v, "trial"));
    let over_outputs = dataset.output_variables().iter().map(|v| (v, "output"));
    for (carried, dim) in over_trials.chain(over_outputs) {
        // One that may be over both is kept once: its axis was not known when it was read.
        if root.find(&carried.name).is_none() {
            root = root.variable(carry(carried, dim));
        }
    }
    root
}

fn carry(carried: &CarriedVariable, dim: &str) -> Variable {
    let mut variable = Variable::new(&carried.name, &[dim], carried.values.clone());
    if let Some(units) = &carried.units {
        variable = variable.units(units);
    }
    if let Some(long_name) = &carried.long_name {
        variable = variable.long_name(long_name);
    }
    variable
}

fn initial_state(state: &InitialState, dataset: &Dataset) -> Group {
    let n_units = state
        .current
        .as_ref()
        .or(state.rate.as_ref())
        .map_or(0, DMatrix::nrows);
    let trial =
        Variable::new("trial", &["trial"], dataset.trial_labels().clone()).long_name("trial");
    let mut group = Group::new().coordinate(trial).indices("unit", n_units);
    let states = [
        ("I", &state.current, "synaptic current at the first sample"),
        ("r", &state.rate, "firing rate at the first sample"),
    ];
    for (name, matrix, long_name) in states {
        if let Some(matrix) = matrix {
            // Column-major (unit, trial) is row-major (trial, unit).
            let values = matrix.as_slice().to_vec();
            group = group.variable(
                Variable::new(name, &["trial", "unit"], values)
                    .units("1")
                    .long_name(long_name),
            );
        }
    }
    group
}

/// Matrices (channel, time), one a trial, as values (trial, time, channel).
fn row_major(trials: &[DMatrix<f64>]) -> Vec<f64> {
    trials
        .iter()
        .flat_map(|matrix| matrix.as_slice())
        .copied()
        .collect()
}
