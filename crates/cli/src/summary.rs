//! What a result says in a few lines; read from its file, so that `fit` and `inspect` cannot differ.

use crate::report;
use crate::table::{Table, duration, number, optional};
use serde::Serialize;
use serde_json::{Map, Value};
use tauscope_fit::checkpoint;
use tauscope_fit::store::{AttributeValue, StoreError, StoredFile, StoredGroup};

/// The splits, in the order in which they are shown.
const SPLITS: [&str; 3] = ["train", "valid", "test"];

/// The keys of `fit --json`.
#[derive(Debug, Serialize)]
pub struct FitSummary {
    result: String,
    dataset: Option<String>,
    method: Option<String>,
    optimizer: Option<String>,
    l2: Option<f64>,
    seed: Option<i64>,
    starts: usize,
    termination: Option<String>,
    converged: Option<bool>,
    iterations: Option<i64>,
    seconds: Option<f64>,
    threads: Option<i64>,
    cost: BySplit,
    r2: BySplit,
    /// Of counts; null of other observations.
    deviance: Option<BySplit>,
    bits_per_spike: Option<BySplit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r2_by: Option<Map<String, Value>>,
    tau_s: Option<TauSummary>,
    tau_r: Option<TauSummary>,
    warnings: Vec<String>,
    /// The page beside the result.
    report: Option<String>,
    /// Beside a result that is not the end: the state that `fit --resume` goes on from.
    checkpoint: Option<String>,
    /// What was judged of the time constants, in words.
    #[serde(skip)]
    judgement: Vec<String>,
}

impl FitSummary {
    /// What the person should know before trusting the result.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// One number a split; null where the split is empty.
#[derive(Debug, Clone, Copy, Serialize)]
struct BySplit {
    train: f64,
    valid: f64,
    test: f64,
}

impl BySplit {
    fn new(values: &[f64]) -> BySplit {
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        BySplit {
            train: at(0),
            valid: at(1),
            test: at(2),
        }
    }

    fn cells(self) -> [String; 3] {
        [self.train, self.valid, self.test].map(number)
    }
}

/// Time constants over the units.
#[derive(Debug, Serialize)]
struct TauSummary {
    median: f64,
    min: f64,
    max: f64,
    units: String,
}

/// Sums up a result.
///
/// # Errors
/// When the file cannot be read.
pub fn read(file: &StoredFile) -> Result<FitSummary, StoreError> {
    let provenance = file.group("provenance")?;
    let certificate = file.group("certificate")?;
    let metrics = file.group("metrics")?;
    let parameters = file.group("parameters")?;
    let starts = file.group("starts")?;
    Ok(FitSummary {
        result: file.path().display().to_string(),
        dataset: provenance.attribute_text("dataset")?,
        method: provenance.attribute_text("method")?,
        optimizer: provenance.attribute_text("optimizer")?,
        l2: real(&provenance, "l2")?,
        seed: integer(&provenance, "seed")?,
        starts: starts
            .variable("objective")?
            .shape()
            .first()
            .copied()
            .unwrap_or(0),
        termination: certificate.attribute_text("termination")?,
        converged: integer(&certificate, "converged")?.map(|flag| flag != 0),
        iterations: integer(&certificate, "iterations")?,
        seconds: real(&provenance, "seconds")?,
        threads: integer(&provenance, "threads")?,
        cost: BySplit::new(&metrics.read_f64("cost")?.values),
        r2: BySplit::new(&metrics.read_f64("r2")?.values),
        deviance: by_split(&metrics, "deviance")?,
        bits_per_spike: by_split(&metrics, "bits_per_spike")?,
        r2_by: r2_by(&metrics)?,
        tau_s: time_constants(&parameters, "tau_s")?,
        tau_r: time_constants(&parameters, "tau_r")?,
        warnings: texts(&provenance, "warnings")?,
        report: report::beside(file.path()).map(|page| page.display().to_string()),
        checkpoint: Some(checkpoint::path_of(file.path()))
            .filter(|path| path.exists())
            .map(|path| path.display().to_string()),
        judgement: judgement(file)?,
    })
}

fn by_split(metrics: &StoredGroup, name: &str) -> Result<Option<BySplit>, StoreError> {
    let stored = metrics.optional(name)?;
    let values = stored.map(|variable| variable.read_f64()).transpose()?;
    Ok(values.map(|array| BySplit::new(&array.values)))
}

fn real(group: &StoredGroup, name: &str) -> Result<Option<f64>, StoreError> {
    Ok(match group.attribute(name)? {
        Some(AttributeValue::Real(number)) => Some(number),
        Some(AttributeValue::Integer(number)) => Some(number as f64),
        _ => None,
    })
}

fn integer(group: &StoredGroup, name: &str) -> Result<Option<i64>, StoreError> {
    Ok(match group.attribute(name)? {
        Some(AttributeValue::Integer(number)) => Some(number),
        Some(AttributeValue::Flag(flag)) => Some(i64::from(flag)),
        _ => None,
    })
}

fn texts(group: &StoredGroup, name: &str) -> Result<Vec<String>, StoreError> {
    Ok(match group.attribute(name)? {
        Some(AttributeValue::Texts(texts)) => texts,
        Some(AttributeValue::Text(text)) if !text.is_empty() => vec![text],
        _ => Vec::new(),
    })
}

/// Sentences from `uncertainty`: units whose order is unknown, units that are not determined.
fn judgement(file: &StoredFile) -> Result<Vec<String>, StoreError> {
    if !file.root().has_group("uncertainty") {
        return Ok(Vec::new());
    }
    let group = file.group("uncertainty")?;
    if !group.has("verdict") || !group.has("unit") {
        return Ok(Vec::new());
    }
    let units = group.variable("unit")?.read()?.texts();
    let verdicts = group.variable("verdict")?.read_text()?;
    let with = |word: &str| -> Vec<&str> {
        let all = units
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| *verdict == word);
        all.map(|(unit, _)| unit.as_str()).collect()
    };
    let was_judged = group.has("twin_converged");
    let mut sentences = Vec::new();
    for (word, what) in [
        (
            "order-unknown",
            if was_judged {
                "the data do not tell tau_s from tau_r"
            } else {
                "which of tau_s and tau_r is which was not judged"
            },
        ),
        ("not-identifiable", "time constants not determined"),
    ] {
        let named = with(word);
        match named.len() {
            0 => {}
            all if all == units.len() => sentences.push(format!("{what}: all units")),
            _ => sentences.push(format!("{what}: {}", shortened(&named))),
        }
    }
    Ok(sentences)
}

/// `units 0, 3 and 7 more`.
fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let word = if names.len() == 1 { "unit" } else { "units" };
    let more = if names.len() > SHOWN {
        format!(" and {} more", names.len() - SHOWN)
    } else {
        String::new()
    };
    format!(
        "{word} {}{more}",
        names[..names.len().min(SHOWN)].join(", ")
    )
}

fn time_constants(parameters: &StoredGroup, name: &str) -> Result<Option<TauSummary>, StoreError> {
    let Some(variable) = parameters.optional(name)? else {
        return Ok(None);
    };
    let mut tau = variable.read_f64()?.values;
    tau.sort_by(f64::total_cmp);
    let units = variable.attribute_text("units")?.unwrap_or_default();
    let (min, max) = (
        tau.first().copied().unwrap_or(f64::NAN),
        tau.last().copied().unwrap_or(f64::NAN),
    );
    Ok(Some(TauSummary {
        median: median(&tau),
        min,
        max,
        units,
    }))
}

/// The middle of sorted numbers, or the mean of the middle two.
fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

/// R2 by the values of a variable over trials, from `r2_by_VARIABLE` (value, split).
fn r2_by(metrics: &StoredGroup) -> Result<Option<Map<String, Value>>, StoreError> {
    let names = metrics.variable_names()?;
    let Some(name) = names
        .iter()
        .find(|name| name.starts_with("r2_by_") && *name != "r2_by_output")
    else {
        return Ok(None);
    };
    let variable = metrics.variable(name)?;
    let axis = variable.dims()?.into_iter().next().flatten();
    let labels = match axis.filter(|axis| metrics.has(axis)) {
        Some(axis) => metrics.variable(&axis)?.read()?.texts(),
        None => Vec::new(),
    };
    let scores = variable.read_f64()?;
    let rows = scores.values.chunks(SPLITS.len()).enumerate();
    let entry = |(index, row): (usize, &[f64])| {
        let label = labels
            .get(index)
            .cloned()
            .unwrap_or_else(|| index.to_string());
        let of_split = SPLITS
            .iter()
            .zip(row)
            .map(|(split, score)| ((*split).to_owned(), Value::from(*score)));
        (label, Value::Object(of_split.collect()))
    };
    Ok(Some(rows.map(entry).collect()))
}

/// The table that ends a fit.
pub fn text(summary: &FitSummary) -> String {
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
    let stopped = match (summary.converged, summary.termination.as_deref()) {
        (Some(true), Some(reason)) => format!("converged ({reason})"),
        (_, Some(reason)) => format!("not converged ({reason})"),
        (_, None) => "-".to_owned(),
    };
    let mut about = Table::default();
    about.row(["dataset".to_owned(), word(&summary.dataset)]);
    about.row(["stopped".to_owned(), stopped]);
    let iterations = summary
        .iterations
        .map_or_else(|| "-".to_owned(), |n| n.to_string());
    about.row([
        "iterations".to_owned(),
        format!("{iterations}, best of {} starts", summary.starts),
    ]);
    about.row([
        "method".to_owned(),
        format!("{}, {}", word(&summary.method), word(&summary.optimizer)),
    ]);
    about.row(["l2".to_owned(), optional(summary.l2)]);
    about.row([
        "time".to_owned(),
        duration(summary.seconds.unwrap_or(f64::NAN)),
    ]);
    let report = summary
        .report
        .as_ref()
        .map(|page| format!("report: {page}\n"));
    let judgement: String = summary
        .judgement
        .iter()
        .map(|sentence| format!("{sentence}\n"))
        .collect();
    let judgement = if judgement.is_empty() {
        judgement
    } else {
        format!("{judgement}(`tauscope identify` says more)\n\n")
    };
    format!(
        "{}\n{}\n{judgement}{}\nresult: {}\n{}",
        scores(summary),
        constants(summary),
        about.text(),
        summary.result,
        report.unwrap_or_default()
    )
}

fn scores(summary: &FitSummary) -> String {
    let mut table = Table::new(&["", "train", "valid", "test"]);
    let mut row =
        |name: &str, cells: [String; 3]| table.row(std::iter::once(name.to_owned()).chain(cells));
    row("cost", summary.cost.cells());
    row("R2", summary.r2.cells());
    for (name, scores) in [
        ("deviance", summary.deviance),
        ("bits per spike", summary.bits_per_spike),
    ] {
        if let Some(scores) = scores {
            row(name, scores.cells());
        }
    }
    for (value, by_split) in summary.r2_by.iter().flatten() {
        row(
            &format!("R2 [{value}]"),
            SPLITS.map(|split| optional(by_split[split].as_f64())),
        );
    }
    table.text()
}

fn constants(summary: &FitSummary) -> String {
    let mut table = Table::new(&["", "median", "min", "max", "units"]);
    for (name, tau) in [("tau_s", &summary.tau_s), ("tau_r", &summary.tau_r)] {
        if let Some(tau) = tau {
            table.row([
                name.to_owned(),
                number(tau.median),
                number(tau.min),
                number(tau.max),
                tau.units.clone(),
            ]);
        }
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[1.0, 2.0, 4.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn numbers_that_do_not_exist_are_null_in_json() {
        let json = serde_json::to_string(&BySplit::new(&[0.5, f64::NAN])).unwrap();
        assert_eq!(json, r#"{"train":0.5,"valid":null,"test":null}"#);
    }
}
