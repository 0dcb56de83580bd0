//! A gradient problem: a dataset whose file also holds the parameters at which the gradient is wanted.

use std::path::Path;

use nalgebra::{DMatrix, DVector};

use super::read_dataset::{expect_axes, vector};
use super::{RealArray, StoreError, StoredFile, StoredGroup, read_dataset};
use crate::dataset::Dataset;

/// Parameters as a file holds them; what the model lacks is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkArrays {
    /// `W` (unit, source_unit).
    pub w: DMatrix<f64>,
    /// `U` (unit, input).
    pub u: DMatrix<f64>,
    /// `b` (unit).
    pub b: Option<DVector<f64>>,
    /// `tau_s` (unit), in the dataset's time unit; positive.
    pub tau_s: Option<DVector<f64>>,
    /// `tau_r` (unit), in the dataset's time unit; positive.
    pub tau_r: Option<DVector<f64>>,
}

/// A dataset with the parameters, and the fixed initial state in [`Dataset::initial_state`], at which cost and gradient
/// are wanted. The outputs are the first units, observed directly.
#[derive(Debug, Clone)]
pub struct GradientProblem {
    /// The data.
    pub dataset: Dataset,
    /// The name of the model: two-constant, rate or current.
    pub model: String,
    /// The name of the activation.
    pub activation: String,
    /// The parameters.
    pub parameters: NetworkArrays,
}

/// Reads a gradient problem.
///
/// # Errors
/// As [`read_dataset`]; also when the parameters or initial states that the model needs are missing, not finite, or of
/// shapes that do not agree.
pub fn read_gradient_problem(path: &Path) -> Result<GradientProblem, StoreError> {
    let dataset = read_dataset(path)?;
    let file = StoredFile::open(path)?;
    let root = file.root();
    let expected = "\"two-constant\", \"rate\" or \"current\"";
    let model = root.required_text("model", expected)?;
    let (has_current, has_rate) = match model.as_str() {
        "two-constant" => (true, true),
        "rate" => (false, true),
        "current" => (true, false),
        other => return Err(root.bad_attribute("model", &format!("{other:?}"), expected)),
    };
    let activation = root.required_text(
        "activation",
        "the name of the activation, for instance \"sigmoid\"",
    )?;
    let group = file.group("parameters")?;
    let parameters = read_parameters(&group, dataset.n_inputs(), (has_current, has_rate))?;
    check_state(
        &root,
        &dataset,
        parameters.w.nrows(),
        (has_current, has_rate),
    )?;
    Ok(GradientProblem {
        dataset,
        model,
        activation,
        parameters,
    })
}

fn read_parameters(
    group: &StoredGroup<'_>,
    n_inputs: usize,
    has: (bool, bool),
) -> Result<NetworkArrays, StoreError> {
    let w = matrix(group, "W", "(unit, source_unit)")?;
    let n_units = w.nrows();
    expect(group, "W", "be square", w.is_square() && n_units > 0)?;
    let u = if n_inputs == 0 && !group.has("U") {
        DMatrix::zeros(n_units, 0)
    } else {
        matrix(group, "U", "(unit, input)")?
    };
    expect(
        group,
        "U",
        &format!("have the shape ({n_units}, {n_inputs}), unit by input"),
        u.shape() == (n_units, n_inputs),
    )?;
    let b = if group.has("b") {
        Some(unit_vector(group, "b", n_units)?)
    } else {
        None
    };
    let tau_s = if has.0 {
        Some(time_constants(group, "tau_s", n_units)?)
    } else {
        None
    };
    let tau_r = if has.1 {
        Some(time_constants(group, "tau_r", n_units)?)
    } else {
        None
    };
    Ok(NetworkArrays {
        w,
        u,
        b,
        tau_s,
        tau_r,
    })
}

fn check_state(
    root: &StoredGroup<'_>,
    dataset: &Dataset,
    n_units: usize,
    has: (bool, bool),
) -> Result<(), StoreError> {
    let group = root.group("initial_state")?;
    let state = dataset.initial_state();
    let named = [
        ("I", has.0, state.and_then(|s| s.current.as_ref())),
        ("r", has.1, state.and_then(|s| s.rate.as_ref())),
    ];
    for (name, needed, found) in named {
        match found {
            None if needed => return group.variable(name).map(drop),
            Some(state) if needed => expect(
                &group,
                name,
                &format!("have {n_units} units, as W has"),
                state.nrows() == n_units,
            )?,
            _ => {}
        }
    }
    let outputs = dataset.n_outputs();
    expect(
        root,
        "targets",
        &format!("have at most {n_units} outputs, the units of W, got {outputs}"),
        outputs <= n_units,
    )
}

fn matrix(
    group: &StoredGroup<'_>,
    name: &str,
    axes: &'static str,
) -> Result<DMatrix<f64>, StoreError> {
    let variable = group.variable(name)?;
    expect_axes(&variable, 2, axes)?;
    let RealArray { shape, values } = variable.read_f64()?;
    all_finite(group, name, &values)?;
    Ok(DMatrix::from_row_slice(shape[0], shape[1], &values))
}

fn unit_vector(
    group: &StoredGroup<'_>,
    name: &str,
    n_units: usize,
) -> Result<DVector<f64>, StoreError> {
    let values = vector(&group.variable(name)?, "(unit)")?;
    expect(
        group,
        name,
        &format!(
            "have {n_units} values, as W has units, got {}",
            values.len()
        ),
        values.len() == n_units,
    )?;
    all_finite(group, name, &values)?;
    Ok(DVector::from_vec(values))
}

fn time_constants(
    group: &StoredGroup<'_>,
    name: &str,
    n_units: usize,
) -> Result<DVector<f64>, StoreError> {
    let tau = unit_vector(group, name, n_units)?;
    match tau.iter().position(|t| *t <= 0.0) {
        Some(unit) => Err(group.bad_value(
            name,
            format!(
                "[{unit}] must be positive, got {}: for one without delay leave the variable out and set the attribute model to \"rate\" (no tau_s) or \"current\" (no tau_r)",
                tau[unit]
            ),
        )),
        None => Ok(tau),
    }
}

fn all_finite(group: &StoredGroup<'_>, name: &str, values: &[f64]) -> Result<(), StoreError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(group.bad_value(
            name,
            format!(
                " must be finite, got {} at value {at}: put a number there (a weight that does not exist is 0)",
                values[at]
            ),
        )),
        None => Ok(()),
    }
}

fn expect(
    group: &StoredGroup<'_>,
    name: &str,
    expected: &str,
    holds: bool,
) -> Result<(), StoreError> {
    if holds {
        Ok(())
    } else {
        Err(group.bad_value(name, format!(" must {expected}")))
    }
}
