use super::summary::Summary;
use crate::table::{Table, duration, number};
use tauscope_fit::compare::{Comparison, Refit};
use tauscope_fit::dataset::Dataset;

/// What a comparison comes to on a terminal: integrations, fits, verdict, files.
pub fn text(summary: &Summary, comparison: &Comparison, dataset: &Dataset) -> String {
    let mut parts = vec![integrations(comparison, dataset)];
    if !comparison.refits.is_empty() {
        parts.push(fits(comparison, dataset));
        parts.push(format!(
            "{} for the refits, at least {} for each of {} and for the certificate",
            duration(comparison.budget),
            duration(comparison.share),
            comparison.refits.len(),
        ));
    }
    parts.push(comparison.verdict.join("\n"));
    if !comparison.notes.is_empty() {
        parts.push(format!("Besides:\n{}", comparison.notes.join("\n")));
    }
    parts.push(format!(
        "comparison: {}\nreport: {}",
        summary.comparison, summary.report
    ));
    parts.join("\n\n").replace("\n\n\n", "\n\n") + "\n"
}

fn at(value: f64, kind: &str, dataset: &Dataset) -> String {
    match kind {
        "step" => format!("{} {}", number(value), dataset.time_units()),
        _ => format!("rtol {value:.0e}"),
    }
}

fn integrations(comparison: &Comparison, dataset: &Dataset) -> String {
    let mut table = Table::new(&[
        "integration",
        "at",
        "trajectory error",
        "worst gradient error",
        "gradient time (s)",
        "steps",
        "rejected",
        "",
    ]);
    for cell in &comparison.cells {
        let measure = cell.state.measure();
        let real = |value: Option<f64>| match value {
            Some(value) if value.is_finite() => format!("{value:.1e}"),
            _ => "-".to_owned(),
        };
        let count = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let state = match cell.state.name() {
            "done" => "",
            other => other,
        };
        table.row([
            cell.contender.name().to_owned(),
            at(cell.resolution.value(), cell.resolution.kind(), dataset),
            real(measure.map(|m| m.trajectory_error)),
            real(measure.map(|m| m.worst_gradient_error())),
            real(measure.map(|m| m.gradient_seconds)),
            count(measure.map(|m| m.statistics.steps)),
            count(measure.map(|m| m.statistics.rejected)),
            state.to_owned(),
        ]);
    }
    table.text()
}

fn fits(comparison: &Comparison, dataset: &Dataset) -> String {
    let rows = comparison.refits.iter();
    fits_table(rows.map(|refit| fit_row(comparison, refit, dataset)))
}

/// The table of fits: name, step or tolerance, start, drifts of tau_s and tau_r in %, cost, cost under the reference, R2 on
/// the test trials, remark.
pub fn fits_table(rows: impl Iterator<Item = [String; 9]>) -> String {
    let mut table = Table::new(&[
        "fit",
        "at",
        "start",
        "tau_s drift %",
        "tau_r drift %",
        "cost",
        "under reference",
        "test R2",
        "",
    ]);
    rows.for_each(|row| table.row(row));
    table.text() + "drift: median (largest) over the units\n"
}

fn fit_row(comparison: &Comparison, refit: &Refit, dataset: &Dataset) -> [String; 9] {
    let fitted = refit.fitted();
    let drifts = fitted.map(|f| comparison.drifts(&f.tau_s, &f.tau_r));
    let drift = |kind: usize| {
        drifts
            .as_ref()
            .map_or_else(|| "-".to_owned(), |d| spread(&d[kind]))
    };
    let value = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
    let mut remarks = Vec::new();
    match refit.state_name() {
        "fitted" => match fitted.map(|f| f.termination) {
            Some(reason) if !reason.converged() => {
                remarks.push(format!(
                    "not converged ({})",
                    reason.as_str().replace('_', " ")
                ));
            }
            _ => {}
        },
        other => remarks.push(other.to_owned()),
    }
    let without = comparison.units_without_tau(refit);
    let count = without.iter().filter(|none| **none).count();
    if count > 0 {
        remarks.push(format!("no tau fits {count} of {} units", without.len()));
    }
    [
        refit.contender.name().to_owned(),
        at(refit.resolution.value(), refit.resolution.kind(), dataset),
        refit.start.name().to_owned(),
        drift(0),
        drift(1),
        value(fitted.map(|f| f.cost)),
        value(fitted.map(|f| f.cost_reference)),
        value(fitted.map(|f| f.r2[2])),
        remarks.join(", "),
    ]
}

/// Median and the value furthest from zero, in percent.
pub fn spread(drifts: &[f64]) -> String {
    let mut known: Vec<f64> = drifts.iter().copied().filter(|d| d.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    let furthest = known
        .iter()
        .copied()
        .max_by(|a, b| a.abs().total_cmp(&b.abs()));
    match (known.get(known.len() / 2), furthest) {
        (Some(median), Some(furthest)) => {
            format!("{:+.2} ({:+.2})", 100.0 * median, 100.0 * furthest)
        }
        _ => "-".to_owned(),
    }
}
