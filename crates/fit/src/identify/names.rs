//! Parameters by name: `tau_s[left-12]`, `W[3,0]`.

use crate::dataset::Dataset;
use crate::driver::Names;
use crate::layout::ModelLayout;
use tauscope_dynamics::{Block, Coordinate};
use thiserror::Error;

/// A time constant to profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileTarget {
    /// As it was asked for.
    pub name: String,
    /// Its place in theta.
    pub(crate) parameter: usize,
    /// Its unit, the first of several that share it.
    pub(crate) unit: usize,
}

/// A time constant that the fit does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{name} names no time constant of this result: give one of {known}, with a unit by index from 0 or label ({units})"
)]
pub struct NoSuchConstant {
    /// What was asked for.
    pub name: String,
    /// The constants that there are.
    pub known: String,
    /// The units that there are.
    pub units: String,
}

/// Name of every parameter of theta; a time constant that several units share is named by the first.
pub(super) fn parameter_names(layout: &ModelLayout, dataset: &Dataset) -> Vec<String> {
    let units = unit_labels(layout, dataset);
    let input = |i: usize| {
        dataset
            .input_labels()
            .text(i)
            .unwrap_or_else(|| i.to_string())
    };
    let output = |o: usize| {
        dataset
            .output_labels()
            .text(o)
            .unwrap_or_else(|| o.to_string())
    };
    let network = (0..layout.network.len()).map(|p| match layout.network.coordinates(p)[0] {
        Coordinate::Weight { unit, source } => format!("W[{},{}]", units[unit], units[source]),
        Coordinate::InputWeight { unit, input: i } => format!("U[{},{}]", units[unit], input(i)),
        Coordinate::Bias { unit } => format!("b[{}]", units[unit]),
        Coordinate::LogTauS { unit } => format!("tau_s[{}]", units[unit]),
        Coordinate::LogTauR { unit } => format!("tau_r[{}]", units[unit]),
    });
    let mut names: Vec<String> = network.collect();
    let n_outputs = layout.readout.n_outputs();
    for (block, range) in layout.blocks() {
        for at in 0..range.len() {
            match block.as_str() {
                "C" => names.push(format!(
                    "C[{},{}]",
                    output(at % n_outputs),
                    units[at / n_outputs]
                )),
                "c" | "d" => names.push(format!("{block}[{}]", output(at))),
                "I0" | "r0" => names.push(format!("{block}[{}]", units[at])),
                _ => {}
            }
        }
    }
    names
}

/// The label of every unit.
pub(super) fn unit_labels(layout: &ModelLayout, dataset: &Dataset) -> Vec<String> {
    Names::new(layout, dataset).units.texts()
}

/// Where each kind of time constant lies in theta: (name, place of the one that `unit` uses).
pub(super) fn tau_parameter(layout: &ModelLayout, block: Block, unit: usize) -> Option<usize> {
    let range = &layout
        .network
        .blocks()
        .iter()
        .find(|(known, _)| *known == block)?
        .1;
    let is_of_unit = |at: &Coordinate| match *at {
        Coordinate::LogTauS { unit: u } | Coordinate::LogTauR { unit: u } => u == unit,
        _ => false,
    };
    range
        .clone()
        .find(|&p| layout.network.coordinates(p).iter().any(is_of_unit))
}

impl ProfileTarget {
    /// [`find`](Self::find) of each of `names`; one that names again what an earlier one named, by index or by label, is left out.
    ///
    /// # Errors
    /// [`NoSuchConstant`] for the first that the fit does not have.
    pub fn find_all(
        names: &[String],
        layout: &ModelLayout,
        dataset: &Dataset,
    ) -> Result<Vec<Self>, NoSuchConstant> {
        let mut found: Vec<Self> = Vec::new();
        for name in names {
            let target = Self::find(name, layout, dataset)?;
            let is_same =
                |known: &Self| (known.parameter, known.unit) == (target.parameter, target.unit);
            if !found.iter().any(is_same) {
                found.push(target);
            }
        }
        Ok(found)
    }

    /// Finds `tau_s[3]` or `tau_r[left-12]`.
    ///
    /// # Errors
    /// [`NoSuchConstant`] where the fit has no such constant.
    pub fn find(
        name: &str,
        layout: &ModelLayout,
        dataset: &Dataset,
    ) -> Result<Self, NoSuchConstant> {
        let labels = unit_labels(layout, dataset);
        let found = || {
            let (kind, rest) = name.split_once('[')?;
            let label = rest.strip_suffix(']')?;
            let block = match kind {
                "tau_s" => Block::LogTauS,
                "tau_r" => Block::LogTauR,
                _ => return None,
            };
            let by_label = labels.iter().position(|known| known == label);
            let unit =
                by_label.or_else(|| label.parse().ok().filter(|&u: &usize| u < labels.len()))?;
            let parameter = tau_parameter(layout, block, unit)?;
            Some(ProfileTarget {
                name: name.to_owned(),
                parameter,
                unit,
            })
        };
        found().ok_or_else(|| {
            let kinds = [("tau_s", Block::LogTauS), ("tau_r", Block::LogTauR)];
            let known = kinds.iter().filter(|(_, block)| layout.network.has(*block));
            let shown = labels
                .iter()
                .take(8)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            NoSuchConstant {
                name: name.to_owned(),
                known: known.map(|(kind, _)| *kind).collect::<Vec<_>>().join(", "),
                units: if labels.len() > 8 {
                    format!("{shown}, ..")
                } else {
                    shown
                },
            }
        })
    }
}
