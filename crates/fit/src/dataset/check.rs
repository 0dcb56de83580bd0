//! The rules of a valid dataset.

use nalgebra::DMatrix;

use super::observed::end_of_inputs;
use super::{Dataset, DatasetError, RawDataset, Split};

/// Lengths agree.
pub(super) fn shapes(raw: &RawDataset) -> Result<(), DatasetError> {
    let n_trials = raw.targets.len();
    if n_trials == 0 {
        return Err(DatasetError::Empty {
            variable: "targets",
            what: "trial",
        });
    }
    if raw.n_outputs() == 0 {
        return Err(DatasetError::Empty {
            variable: "targets",
            what: "output",
        });
    }
    if raw.time.len() < 2 {
        return Err(DatasetError::TooFewSamples {
            found: raw.time.len(),
        });
    }
    let (samples, axis) = match &raw.target_time {
        Some(target_time) => (target_time.len(), "target_time"),
        None => (raw.time.len(), "time"),
    };
    matrices(
        "targets",
        &raw.targets,
        raw.n_outputs(),
        (axis, samples),
        n_trials,
    )?;
    matrices(
        "inputs",
        &raw.inputs,
        raw.n_inputs(),
        ("time", raw.time.len()),
        n_trials,
    )?;
    if let Some(counts) = &raw.spike_counts {
        matrices(
            "spike_counts",
            counts,
            raw.n_outputs(),
            (axis, samples),
            n_trials,
        )?;
    }
    vectors(raw, n_trials)
}

fn matrices(
    variable: &str,
    trials: &[DMatrix<f64>],
    rows: usize,
    columns: (&'static str, usize),
    n_trials: usize,
) -> Result<(), DatasetError> {
    length(variable, "trials", trials.len(), "targets", n_trials)?;
    for (trial, matrix) in trials.iter().enumerate() {
        length(
            &format!("{variable}[{trial}]"),
            "samples",
            matrix.ncols(),
            columns.0,
            columns.1,
        )?;
        let what = if variable == "inputs" {
            "inputs"
        } else {
            "outputs"
        };
        let other = if variable == "inputs" {
            "the first trial"
        } else {
            "targets"
        };
        length(
            &format!("{variable}[{trial}]"),
            what,
            matrix.nrows(),
            other,
            rows,
        )?;
    }
    Ok(())
}

fn vectors(raw: &RawDataset, n_trials: usize) -> Result<(), DatasetError> {
    let n_outputs = raw.n_outputs();
    let over_trials = [
        ("split", raw.split.as_ref().map(Vec::len)),
        ("trial_length", raw.trial_length.as_ref().map(Vec::len)),
        ("trial", raw.trial_labels.as_ref().map(|l| l.len())),
    ];
    for (variable, found) in over_trials
        .into_iter()
        .filter_map(|(v, n)| n.map(|n| (v, n)))
    {
        length(variable, "values", found, "targets, trials,", n_trials)?;
    }
    for carried in &raw.trial_variables {
        length(
            &carried.name,
            "values",
            carried.values.len(),
            "targets, trials,",
            n_trials,
        )?;
    }
    let labels = [
        (
            "output",
            raw.output_labels.as_ref().map(|l| l.len()),
            "targets, outputs,",
            n_outputs,
        ),
        (
            "target_std",
            raw.target_std.as_ref().map(Vec::len),
            "targets, outputs,",
            n_outputs,
        ),
        (
            "input",
            raw.input_labels.as_ref().map(|l| l.len()),
            "inputs, channels,",
            raw.n_inputs(),
        ),
    ];
    for (variable, found, other, expected) in labels {
        length(
            variable,
            "values",
            found.unwrap_or(expected),
            other,
            expected,
        )?;
    }
    for carried in &raw.output_variables {
        length(
            &carried.name,
            "values",
            carried.values.len(),
            "targets, outputs,",
            n_outputs,
        )?;
    }
    initial_state(raw, n_trials)
}

fn initial_state(raw: &RawDataset, n_trials: usize) -> Result<(), DatasetError> {
    let Some(state) = &raw.initial_state else {
        return Ok(());
    };
    let named = [
        ("initial_state/I", &state.current),
        ("initial_state/r", &state.rate),
    ];
    for (variable, matrix) in named {
        let Some(matrix) = matrix else { continue };
        length(variable, "trials", matrix.ncols(), "targets", n_trials)?;
        if let Some(at) = matrix.iter().position(|v| !v.is_finite()) {
            let (trial, unit) = (at / matrix.nrows(), at % matrix.nrows());
            let (index, value) = (format!("[{trial}, {unit}]"), matrix[(unit, trial)]);
            return Err(DatasetError::NotFinite {
                variable,
                index,
                value,
                remedy: "correct it, or leave initial_state out",
            });
        }
    }
    match (&state.current, &state.rate) {
        (Some(current), Some(rate)) => length(
            "initial_state/r",
            "units",
            rate.nrows(),
            "initial_state/I",
            current.nrows(),
        ),
        _ => Ok(()),
    }
}

fn length(
    variable: &str,
    what: &'static str,
    found: usize,
    other: &'static str,
    expected: usize,
) -> Result<(), DatasetError> {
    if found == expected {
        return Ok(());
    }
    Err(DatasetError::Length {
        variable: variable.to_owned(),
        what,
        found,
        other,
        expected,
    })
}

/// Times are finite and increase, and targets lie within the span of the inputs.
pub(super) fn times(raw: &RawDataset) -> Result<(), DatasetError> {
    increasing("time", &raw.time)?;
    let Some(target_time) = &raw.target_time else {
        return Ok(());
    };
    increasing("target_time", target_time)?;
    let (start, end) = (raw.time[0], end_of_inputs(&raw.time, raw.interpolation));
    // The end of a held input is computed: allow for the rounding of that.
    let slack = end.abs().max(start.abs()) * 4.0 * f64::EPSILON;
    match target_time
        .iter()
        .position(|&t| t < start || t > end + slack)
    {
        Some(index) => Err(DatasetError::OutsideSpan {
            index,
            value: target_time[index],
            start,
            end,
        }),
        None => Ok(()),
    }
}

fn increasing(variable: &'static str, times: &[f64]) -> Result<(), DatasetError> {
    if let Some(index) = times.iter().position(|t| !t.is_finite()) {
        let (value, index) = (times[index], format!("[{index}]"));
        return Err(DatasetError::NotFinite {
            variable,
            index,
            value,
            remedy: "remove that sample",
        });
    }
    match times.windows(2).position(|pair| pair[1] <= pair[0]) {
        Some(at) => Err(DatasetError::NotIncreasing {
            variable,
            index: at + 1,
            previous: times[at],
            value: times[at + 1],
        }),
        None => Ok(()),
    }
}

/// Words and small numbers that the rest relies on.
pub(super) fn names(raw: &RawDataset) -> Result<(), DatasetError> {
    if raw.time_units.trim().is_empty() {
        return Err(DatasetError::NoTimeUnits);
    }
    if raw
        .split
        .as_ref()
        .is_some_and(|split| !split.contains(&Split::Train))
    {
        return Err(DatasetError::NoTrainTrial);
    }
    let samples = raw.time.len();
    if let Some(lengths) = &raw.trial_length
        && let Some(index) = lengths.iter().position(|&n| n < 2 || n > samples)
    {
        return Err(DatasetError::TrialLength {
            index,
            value: lengths[index] as f64,
            samples,
        });
    }
    if let Some(std) = &raw.target_std
        && let Some(index) = std.iter().position(|s| !(s.is_finite() && *s > 0.0))
    {
        return Err(DatasetError::TargetStd {
            index,
            value: std[index],
        });
    }
    Ok(())
}

/// Inputs are finite, targets finite or NaN with at least one observed a trial, counts are counts.
pub(super) fn values(dataset: &Dataset) -> Result<(), DatasetError> {
    for trial in dataset.trials() {
        let i = trial.index;
        let place = |at: usize, rows: usize| format!("[{i}, {}, {}]", at / rows, at % rows);
        let not_finite =
            |variable, matrix: &DMatrix<f64>, at: usize, remedy| DatasetError::NotFinite {
                variable,
                index: place(at, matrix.nrows()),
                value: matrix.as_slice()[at],
                remedy,
            };
        if let Some(at) = trial.inputs.iter().position(|v| !v.is_finite()) {
            return Err(not_finite(
                "inputs",
                trial.inputs,
                at,
                "interpolate it, or end the trial before it with trial_length",
            ));
        }
        if let Some(at) = trial.targets.iter().position(|v| v.is_infinite()) {
            return Err(not_finite(
                "targets",
                trial.targets,
                at,
                "use NaN for what was not observed",
            ));
        }
        if trial.targets.iter().all(|v| v.is_nan()) {
            let label = dataset.trial_labels().text(i).unwrap_or_default();
            return Err(DatasetError::TrialWithoutTarget { trial: i, label });
        }
        if let Some(counts) = dataset.spike_counts().map(|counts| &counts[i])
            && let Some(at) = counts
                .iter()
                .position(|&n| !(n.is_nan() || (n >= 0.0 && n.is_finite() && n.fract() == 0.0)))
        {
            return Err(DatasetError::SpikeCount {
                index: place(at, counts.nrows()),
                value: counts.as_slice()[at],
            });
        }
    }
    Ok(())
}
