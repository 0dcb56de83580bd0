//! Labels that every group repeats, and variables.

use super::super::score::SPLITS;
use crate::dataset::Dataset;
use crate::layout::ModelLayout;
use crate::readout::ReadoutKind;
use crate::store::{Values, Variable};
use nalgebra::DMatrix;

/// Labels and units that every group repeats.
pub(crate) struct Names {
    pub(crate) units: Values,
    pub(super) inputs: Values,
    outputs: Values,
    pub(crate) time_units: String,
    pub(crate) target_units: String,
}

impl Names {
    pub(crate) fn new(layout: &ModelLayout, dataset: &Dataset) -> Names {
        let n = layout.n_units;
        let observed = layout.readout.kind() != ReadoutKind::Linear;
        let label = |unit: usize| match dataset.output_labels().text(unit) {
            Some(label) if observed => label,
            _ => format!("hidden-{unit}"),
        };
        let units = if observed && dataset.output_labels().len() == n {
            dataset.output_labels().clone()
        } else {
            Values::from((0..n).map(label).collect::<Vec<_>>())
        };
        Names {
            units,
            inputs: dataset.input_labels().clone(),
            outputs: dataset.output_labels().clone(),
            time_units: dataset.time_units().to_owned(),
            target_units: dataset.target_units().unwrap_or("1").to_owned(),
        }
    }

    pub(crate) fn unit(&self) -> Variable {
        Variable::new("unit", &["unit"], self.units.clone()).long_name("unit of the network")
    }

    pub(crate) fn output(&self) -> Variable {
        Variable::new("output", &["output"], self.outputs.clone()).long_name("observed output")
    }
}

pub(crate) fn splits() -> Variable {
    let words: Vec<String> = SPLITS.iter().map(|s| s.name().to_owned()).collect();
    Variable::new("split", &["split"], words).long_name("part that the trials play")
}

/// A matrix as files hold it: row by row.
pub(super) fn by_row(m: &DMatrix<f64>) -> Vec<f64> {
    m.transpose().as_slice().to_vec()
}

/// A variable of numbers in `units`; `what` is its long name.
pub(crate) fn real(
    name: &str,
    dims: &[&str],
    values: Vec<f64>,
    units: &str,
    what: &str,
) -> Variable {
    Variable::new(name, dims, values)
        .units(units)
        .long_name(what)
}

/// A variable of whole numbers.
pub(crate) fn count(name: &str, dims: &[&str], values: Vec<i64>, what: &str) -> Variable {
    Variable::new(name, dims, values).units("1").long_name(what)
}

/// A variable without a unit.
pub(super) fn one(name: &str, dims: &[&str], values: Vec<f64>, what: &str) -> Variable {
    Variable::new(name, dims, values).units("1").long_name(what)
}
