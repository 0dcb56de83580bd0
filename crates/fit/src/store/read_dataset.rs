//! A dataset from its file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use nalgebra::DMatrix;
use sha2::{Digest, Sha256};
use tauscope_dynamics::Interpolation;

use super::{RealArray, StoreError, StoredFile, StoredGroup, StoredVariable, Values};
use crate::dataset::{
    CarriedVariable, Dataset, DatasetError, InitialState, RawDataset, SourceFile, Split,
    TargetSampling,
};

/// The variables of a dataset that have a meaning of their own; all others over trials or outputs are carried along.
pub(crate) const DATASET_VARIABLES: [&str; 11] = [
    "time",
    "inputs",
    "targets",
    "target_time",
    "target_std",
    "spike_counts",
    "split",
    "trial",
    "input",
    "output",
    "trial_length",
];

/// Reads and checks the dataset in the file `path`.
///
/// Numbers may be of any width, text of fixed or variable length, and dimension scales and labels may be missing.
///
/// # Errors
/// [`StoreError`], which names the file, the variable, the index, the value and the remedy.
pub fn read_dataset(path: &Path) -> Result<Dataset, StoreError> {
    let file = StoredFile::open_format(path, "dataset")?;
    let raw = read_raw(&file)?;
    let dataset = Dataset::new(raw).map_err(|problem| StoreError::invalid(path, problem))?;
    let sha256 = sha256_of(path).map_err(|reason| StoreError::Unreadable {
        path: path.to_owned(),
        reason,
    })?;
    Ok(dataset.with_file(SourceFile {
        path: path.to_owned(),
        sha256,
    }))
}

/// Refuses a file whose values lie elsewhere or nowhere: what is missing would be read as numbers.
fn must_be_whole(root: &StoredGroup<'_>) -> Result<(), StoreError> {
    for name in root.variable_names()? {
        if let Some(place) = root.variable(&name)?.lies_elsewhere() {
            let fault = format!(
                " {place}: write all values into this file, NaN where nothing was observed"
            );
            return Err(root.bad_value(&name, fault));
        }
    }
    Ok(())
}

fn read_raw(file: &StoredFile) -> Result<RawDataset, StoreError> {
    let root = file.root();
    must_be_whole(&root)?;
    let time_units = root.required_text(
        "time_units",
        "the unit of time, for instance s, ms or frames",
    )?;
    let time = read_times(&root, "time", &time_units)?;
    let targets_variable = root.variable("targets")?;
    let targets = cube(&targets_variable, "(trial, target_time, output)")?;
    let input_labels = read_labels(&root, "input")?;
    let inputs_variable = match &input_labels {
        // who names inputs has some
        Some(labels) if !labels.is_empty() => Some(root.variable("inputs")?),
        _ => root.optional("inputs")?,
    };
    let inputs = match &inputs_variable {
        Some(variable) => cube(variable, "(trial, time, input)")?,
        None => Vec::new(),
    };
    let target_time = root
        .has("target_time")
        .then(|| read_times(&root, "target_time", &time_units))
        .transpose()?;
    let name = file
        .path()
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (n_trials, n_outputs) = (targets.len(), targets.first().map_or(0, DMatrix::nrows));
    let (trial_variables, output_variables) = read_carried(&root, n_trials, n_outputs)?;
    let counts = root.optional("spike_counts")?;
    Ok(RawDataset {
        title: root.attribute_text("title")?,
        source: root.attribute_text("source")?,
        licence: root.attribute_text("licence")?,
        target_units: targets_variable.attribute_text("units")?,
        input_units: inputs_variable
            .as_ref()
            .map(|v| v.attribute_text("units"))
            .transpose()?
            .flatten(),
        interpolation: read_interpolation(&root, inputs_variable.is_some())?,
        target_sampling: read_target_sampling(&root)?,
        target_time,
        target_std: root
            .optional("target_std")?
            .map(|v| vector(&v, "(output)"))
            .transpose()?,
        spike_counts: counts
            .map(|v| cube(&v, "(trial, target_time, output)"))
            .transpose()?,
        trial_length: read_trial_length(&root, time.len())?,
        split: read_split(&root)?,
        trial_labels: read_labels(&root, "trial")?,
        input_labels,
        output_labels: read_labels(&root, "output")?,
        initial_state: read_initial_state(&root)?,
        trial_variables,
        output_variables,
        truth: root
            .has_group("truth")
            .then(|| root.group("truth")?.load())
            .transpose()?,
        ..RawDataset::new(&name, &time_units, time, inputs, targets)
    })
}

fn read_interpolation(
    root: &StoredGroup<'_>,
    has_inputs: bool,
) -> Result<Interpolation, StoreError> {
    let expected = "\"hold\" (sample k acts on [t_k, t_k+1)) or \"linear\"";
    if !has_inputs && root.attribute("interpolation")?.is_none() {
        return Ok(Interpolation::Hold);
    }
    match root.required_text("interpolation", expected)?.as_str() {
        "hold" => Ok(Interpolation::Hold),
        "linear" => Ok(Interpolation::Linear),
        other => Err(root.bad_attribute("interpolation", &format!("{other:?}"), expected)),
    }
}

fn read_target_sampling(root: &StoredGroup<'_>) -> Result<TargetSampling, StoreError> {
    let expected = "\"point\" or \"bin_mean\"";
    if root.attribute("target_sampling")?.is_none() {
        return Ok(TargetSampling::Point);
    }
    match root.required_text("target_sampling", expected)?.as_str() {
        "point" => Ok(TargetSampling::Point),
        "bin_mean" => Ok(TargetSampling::BinMean),
        other => Err(root.bad_attribute("target_sampling", &format!("{other:?}"), expected)),
    }
}

/// A variable over one axis.
pub(super) fn vector(
    variable: &StoredVariable<'_>,
    axes: &'static str,
) -> Result<Vec<f64>, StoreError> {
    expect_axes(variable, 1, axes)?;
    Ok(variable.read_f64()?.values)
}

/// Times are plain numbers: dates and durations, which xarray stores as numbers since some day, would be taken for them.
fn read_times(
    root: &StoredGroup<'_>,
    name: &'static str,
    time_units: &str,
) -> Result<Vec<f64>, StoreError> {
    let variable = root.variable(name)?;
    let units = variable
        .attribute_text("units")?
        .filter(|u| u.contains(" since "));
    let dtype = variable
        .attribute_text("dtype")?
        .filter(|d| d.contains("timedelta") || d.contains("datetime"));
    if let Some(found) = units.or(dtype) {
        let problem = DatasetError::Dates {
            variable: name,
            found,
            time_units: time_units.to_owned(),
        };
        return Err(StoreError::invalid(root.path(), problem));
    }
    vector(
        &variable,
        if name == "time" {
            "(time)"
        } else {
            "(target_time)"
        },
    )
}

/// A variable over three axes, trial first: a matrix a trial, with one column a sample.
fn cube(
    variable: &StoredVariable<'_>,
    axes: &'static str,
) -> Result<Vec<DMatrix<f64>>, StoreError> {
    expect_axes(variable, 3, axes)?;
    let RealArray { shape, mut values } = variable.read_f64()?;
    let (samples, channels) = (shape[1], shape[2]);
    // From the end, giving back what was taken: never twice the data. Row-major (time, channel) is column-major (channel, time).
    let mut trials: Vec<_> = (0..shape[0])
        .rev()
        .map(|trial| {
            let own = values.split_off(trial * samples * channels);
            values.shrink_to_fit();
            DMatrix::from_vec(channels, samples, own)
        })
        .collect();
    trials.reverse();
    Ok(trials)
}

pub(super) fn expect_axes(
    variable: &StoredVariable<'_>,
    rank: usize,
    axes: &'static str,
) -> Result<(), StoreError> {
    if variable.shape().len() == rank {
        Ok(())
    } else {
        Err(variable.wrong_axes(axes))
    }
}

fn read_trial_length(
    root: &StoredGroup<'_>,
    samples: usize,
) -> Result<Option<Vec<usize>>, StoreError> {
    let Some(variable) = root.optional("trial_length")? else {
        return Ok(None);
    };
    let whole = |(index, value): (usize, f64)| {
        if value.fract() == 0.0 && value >= 0.0 && value <= samples as f64 {
            Ok(value as usize)
        } else {
            Err(StoreError::invalid(
                root.path(),
                DatasetError::TrialLength {
                    index,
                    value,
                    samples,
                },
            ))
        }
    };
    vector(&variable, "(trial)")?
        .into_iter()
        .enumerate()
        .map(whole)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn read_split(root: &StoredGroup<'_>) -> Result<Option<Vec<Split>>, StoreError> {
    let Some(variable) = root.optional("split")? else {
        return Ok(None);
    };
    let part = |(index, value): (usize, String)| {
        Split::from_name(&value).ok_or_else(|| {
            StoreError::invalid(root.path(), DatasetError::SplitWord { index, value })
        })
    };
    variable
        .read_text()?
        .into_iter()
        .enumerate()
        .map(part)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn read_labels(root: &StoredGroup<'_>, name: &str) -> Result<Option<Values>, StoreError> {
    match root.optional(name)? {
        Some(variable) if variable.is_text() || variable.shape().len() == 1 => {
            variable.read().map(Some)
        }
        Some(variable) => Err(variable.wrong_axes("of the dimension that it labels")),
        None => Ok(None),
    }
}

fn read_initial_state(root: &StoredGroup<'_>) -> Result<Option<InitialState>, StoreError> {
    if !root.has_group("initial_state") {
        return Ok(None);
    }
    let group = root.group("initial_state")?;
    let state = InitialState {
        current: read_state(&group, "I")?,
        rate: read_state(&group, "r")?,
    };
    Ok((state.current.is_some() || state.rate.is_some()).then_some(state))
}

fn read_state(group: &StoredGroup<'_>, name: &str) -> Result<Option<DMatrix<f64>>, StoreError> {
    let Some(variable) = group.optional(name)? else {
        return Ok(None);
    };
    expect_axes(&variable, 2, "(trial, unit)")?;
    let RealArray { shape, values } = variable.read_f64()?;
    Ok(Some(DMatrix::from_column_slice(
        shape[1], shape[0], &values,
    )))
}

/// The further variables over trials and over outputs. Where the file does not name dimensions the length tells, and a
/// variable that fits both is offered as both: whoever asks for it knows over what.
fn read_carried(
    root: &StoredGroup<'_>,
    n_trials: usize,
    n_outputs: usize,
) -> Result<(Vec<CarriedVariable>, Vec<CarriedVariable>), StoreError> {
    let (mut over_trials, mut over_outputs) = (Vec::new(), Vec::new());
    for name in root
        .variable_names()?
        .into_iter()
        .filter(|name| !DATASET_VARIABLES.contains(&name.as_str()))
    {
        let variable = root.variable(&name)?;
        let values = match variable.read() {
            Err(StoreError::WrongKind { .. }) => continue,
            values => values?,
        };
        let is_column = variable.shape().len() == 1 || variable.is_text();
        let dim = variable.dims()?.into_iter().next().flatten();
        let along = |dimension: &str, length: usize| {
            is_column && values.len() == length && dim.as_deref().is_none_or(|d| d == dimension)
        };
        let (trials, outputs) = (along("trial", n_trials), along("output", n_outputs));
        let carried = CarriedVariable {
            name,
            units: variable.attribute_text("units")?,
            long_name: variable.attribute_text("long_name")?,
            values,
        };
        if trials {
            over_trials.push(carried.clone());
        }
        if outputs {
            over_outputs.push(carried);
        }
    }
    Ok((over_trials, over_outputs))
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => break,
            length => hash.update(&block[..length]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
