//! What the file of a comparison comes to: its verdict, and each fit with its drift.

use crate::compare::{fits_table, spread};
use crate::table::number;
use serde::Serialize;
use tauscope_fit::store::{StoreError, StoredGroup};

/// What `inspect` says of a comparison.
#[derive(Debug, Serialize)]
pub struct ComparisonSummary {
    verdict: Vec<String>,
    notes: Vec<String>,
    interrupted: bool,
    fits: Vec<Fit>,
    #[serde(skip)]
    time_units: String,
}

/// One fit; `null` and empty where there is none.
#[derive(Debug, Serialize)]
struct Fit {
    method: String,
    step_or_tolerance: f64,
    control: String,
    start: String,
    state: String,
    converged: bool,
    termination: String,
    tau_s_drift: Vec<f64>,
    tau_r_drift: Vec<f64>,
    cost: f64,
    cost_reference: f64,
    r2_test: f64,
}

/// Reads it; what the file does not hold is left out.
///
/// # Errors
/// [`StoreError`] where the file is damaged.
pub fn read(root: &StoredGroup) -> Result<ComparisonSummary, StoreError> {
    let tree = root.load()?;
    let node = crate::report::Node(&tree);
    Ok(ComparisonSummary {
        verdict: node.texts("verdict"),
        notes: node.texts("notes"),
        interrupted: node.number("interrupted") == Some(1.0),
        fits: node.child("fits").and_then(fits).unwrap_or_default(),
        time_units: node.text("time_units").unwrap_or_default().to_owned(),
    })
}

/// The combinations of start, method and resolution that the file knows; none where its axes contradict each other.
fn fits(group: crate::report::Node<'_>) -> Option<Vec<Fit>> {
    let texts = |name: &str| Some(group.variable(name)?.values.texts());
    let (starts, methods, controls) = (texts("start")?, texts("method")?, texts("control")?);
    let resolutions = group.reals("step_or_tolerance")?;
    let n = starts
        .len()
        .checked_mul(methods.len())?
        .checked_mul(resolutions.len())?;
    let (states, terminations) = (texts("state")?, texts("termination")?);
    let converged = group.reals("converged")?;
    let of_fit = |name: &str, width: usize| -> Option<Vec<f64>> {
        let values = group.reals(name)?;
        (values.len() == n * width).then_some(values)
    };
    let (cost, reference, r2) = (
        of_fit("cost", 1)?,
        of_fit("cost_reference", 1)?,
        of_fit("r2", 3)?,
    );
    let n_units = group.variable("unit")?.values.len();
    let drifts = |name: &str| of_fit(name, n_units).unwrap_or_default();
    let (drift_s, drift_r) = (drifts("tau_s_drift"), drifts("tau_r_drift"));
    if [states.len(), terminations.len(), converged.len()] != [n; 3]
        || controls.len() != resolutions.len()
    {
        return None;
    }
    let one = |at: usize| {
        let (resolution, rest) = (at % resolutions.len(), at / resolutions.len());
        let of_unit = |all: &[f64]| -> Vec<f64> {
            let own = all
                .get(at * n_units..(at + 1) * n_units)
                .unwrap_or_default();
            own.iter()
                .copied()
                .filter(|drift| !drift.is_nan())
                .collect()
        };
        Fit {
            method: methods[rest % methods.len()].clone(),
            step_or_tolerance: resolutions[resolution],
            control: controls[resolution].clone(),
            start: starts[rest / methods.len()].clone(),
            state: states[at].clone(),
            converged: converged[at] == 1.0,
            termination: terminations[at].clone(),
            tau_s_drift: of_unit(&drift_s),
            tau_r_drift: of_unit(&drift_r),
            cost: cost[at],
            cost_reference: reference[at],
            r2_test: r2[3 * at + 2],
        }
    };
    Some(
        (0..n)
            .filter(|&at| !states[at].is_empty())
            .map(one)
            .collect(),
    )
}

impl ComparisonSummary {
    /// A table of the fits, and the verdict.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.fits.is_empty() {
            let rows = self.fits.iter().map(|fit| fit.row(&self.time_units));
            text += &fits_table(rows);
            text += "\n";
        }
        for sentence in self.verdict.iter().chain(&self.notes) {
            text += &format!("{sentence}\n");
        }
        if self.interrupted {
            text += "It was interrupted: what is missing was not computed.\n";
        }
        text
    }
}

impl Fit {
    fn row(&self, time_units: &str) -> [String; 9] {
        let at = match self.control.as_str() {
            "step" => format!("{} {time_units}", number(self.step_or_tolerance)),
            _ => format!("rtol {:.0e}", self.step_or_tolerance),
        };
        let remark = match (self.state.as_str(), self.converged) {
            ("fitted", true) => String::new(),
            ("fitted", false) => format!("not converged ({})", self.termination.replace('_', " ")),
            (other, _) => other.replace('-', " "),
        };
        [
            self.method.clone(),
            at,
            self.start.clone(),
            spread(&self.tau_s_drift),
            spread(&self.tau_r_drift),
            number(self.cost),
            number(self.cost_reference),
            number(self.r2_test),
            remark,
        ]
    }
}
