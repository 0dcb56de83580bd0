//! The page of a result.

mod model;

use super::contents::{Contents, SPLITS, median};
use super::kind::Kind;
use super::trust;
use tauscope_figures::{Align, Note, Page, Section, Table, Tone, significant};
use tauscope_fit::store::AttributeValue;

/// Everything that the file tells, in the order in which a reader asks.
pub fn page(contents: &Contents) -> Page {
    let file = contents
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let title = contents
        .root()
        .text("title")
        .map_or_else(|| file.to_string(), str::to_owned);
    let provenance = contents.group("provenance");
    let when = provenance
        .and_then(|p| p.text("end_time"))
        .map_or(String::new(), |time| format!(", {}", moment(time)));
    let by = provenance
        .and_then(|p| p.text("version"))
        .map_or(String::new(), |version| format!(", by tauscope {version}"));
    Page::new(&title, &format!("{file}{when}{by}"))
        .section(summary(contents))
        .section(model::section(contents))
        .section(prediction(contents))
        .section(section(
            contents,
            "Time constants",
            &[Kind::Tau, Kind::TauHistory, Kind::TauStarts],
            "This model has no time constants, or the file does not hold them.",
        ))
        .section(section(
            contents,
            "Optimization",
            &[Kind::Convergence, Kind::Starts, Kind::Penalties],
            "The file holds no history of the optimizer.",
        ))
        .section(section(
            contents,
            "Weights",
            &[Kind::Weights],
            "The file holds no weights.",
        ))
        .section(section(
            contents,
            "Residuals",
            &[Kind::Residuals, Kind::Autocorrelation],
            MISSING,
        ))
        .section(certificate(contents))
        .section(provenance_section(contents))
}

/// Predictions are stored with the result; a file that was reduced may lack them.
const MISSING: &str = "The file holds no predictions, so that data and prediction cannot be shown. `tauscope simulate` computes them anew where the dataset is at hand.";

/// A time as `2026-11-25 01:59:45`.
fn moment(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

fn section(contents: &Contents, title: &str, kinds: &[Kind], missing: &str) -> Section {
    let figures: Vec<_> = kinds
        .iter()
        .filter_map(|kind| kind.figure(contents))
        .collect();
    let section = Section::new(title);
    if figures.is_empty() {
        return section.notes(vec![Note::new(Tone::Caution, missing)]);
    }
    figures.into_iter().fold(section, Section::figure)
}

fn summary(contents: &Contents) -> Section {
    let section = Section::new("In short")
        .notes(trust::notes(contents))
        .table(scores(contents));
    if contents.taus.is_empty() {
        section
    } else {
        section.table(constants(contents))
    }
}

fn scores(contents: &Contents) -> Table {
    let columns = [
        ("", Align::Left),
        ("train", Align::Right),
        ("valid", Align::Right),
        ("test", Align::Right),
    ];
    let mut table = Table::new("Scores by split (– where there is no such trial)", &columns);
    let row = |name: &str, values: &[f64]| -> Vec<String> {
        std::iter::once(name.to_owned())
            .chain(values.iter().map(|v| significant(*v, 3)))
            .collect()
    };
    table = table.row(row("R²", &contents.score("r2")));
    let cost = format!("cost ({})", contents.cost_in_words());
    table = table.row(row(&cost, &contents.score("cost")));
    if contents.is_of_counts() {
        table = table
            .row(row("deviance", &contents.score("deviance")))
            .row(row(
                "deviance of the mean rates",
                &contents.score("deviance_of_mean"),
            ))
            .row(row("spikes", &contents.score("spikes")))
            .row(row("bits per spike", &contents.score("bits_per_spike")));
    }
    let Some(metrics) = contents.group("metrics") else {
        return table;
    };
    let by = metrics
        .0
        .variables
        .iter()
        .filter(|v| v.name.starts_with("r2_by_") && v.name != "r2_by_output");
    for variable in by {
        let values = variable.values.as_real().unwrap_or_default();
        let name = variable.name.trim_start_matches("r2_by_");
        let labels = metrics.labels(name, values.len() / SPLITS.len());
        for (label, values) in labels.iter().zip(values.chunks(SPLITS.len())) {
            table = table.row(row(&format!("R² where {name} = {label}"), values));
        }
    }
    table
}

fn constants(contents: &Contents) -> Table {
    let columns = [
        ("", Align::Left),
        ("median", Align::Right),
        ("min", Align::Right),
        ("max", Align::Right),
    ];
    let unit = match contents.time_units.as_str() {
        "" => String::new(),
        unit => format!(", in {unit}"),
    };
    let table = Table::new(&format!("Time constants over the units{unit}"), &columns);
    contents.taus.iter().fold(table, |table, tau| {
        let low = tau.values.iter().copied().fold(f64::NAN, f64::min);
        let high = tau.values.iter().copied().fold(f64::NAN, f64::max);
        let numbers = [median(tau.values.iter().copied()), low, high].map(|v| significant(v, 3));
        let [middle, low, high] = numbers;
        table.row([format!("{}, {}", tau.name, tau.what), middle, low, high])
    })
}

fn prediction(contents: &Contents) -> Section {
    if contents.predictions.is_empty() {
        return Section::new("Predictions").notes(vec![Note::new(Tone::Caution, MISSING)]);
    }
    section(
        contents,
        "Predictions",
        &[Kind::Prediction, Kind::Scores],
        "No target was observed in any trial.",
    )
}

fn certificate(contents: &Contents) -> Section {
    let section = Section::new("Certificate").text(
        "What the program found out about its own answer. The gradient norm is the largest component of the projected gradient of the objective; parameters at a bound cannot move \
         further; the table compares, on this data and at the fitted parameters, the gradient by the adjoint method with forward sensitivities computed by another integrator.",
    );
    let Some(certificate) = contents.group("certificate") else {
        return section.notes(vec![Note::new(
            Tone::Caution,
            "The file holds no certificate.",
        )]);
    };
    let fact =
        |(name, value): &(String, AttributeValue)| (name.replace('_', " "), attribute(name, value));
    let section = section.facts(
        certificate
            .0
            .attributes
            .iter()
            .map(fact)
            .collect::<Vec<_>>(),
    );
    let Some(differences) = certificate
        .reals("adjoint_vs_forward")
        .filter(|d| !d.is_empty())
    else {
        return section.notes(vec![Note::new(
            Tone::Caution,
            "The file holds no check of the gradient.",
        )]);
    };
    let columns = [
        ("block of parameters", Align::Left),
        ("relative difference", Align::Right),
    ];
    let table = Table::new(
        "Adjoint against forward sensitivities, in a random direction",
        &columns,
    );
    let blocks = certificate.labels("block", differences.len());
    let rows = blocks.into_iter().zip(differences);
    section.table(rows.fold(table, |table, (block, difference)| {
        table.row([block, significant(difference, 2)])
    }))
}

fn attribute(name: &str, value: &AttributeValue) -> String {
    match value {
        AttributeValue::Real(number) => significant(*number, 3),
        AttributeValue::Integer(flag @ (0 | 1)) if name == "converged" => {
            if *flag == 1 { "yes" } else { "no" }.to_owned()
        }
        AttributeValue::Text(text) if name == "termination" => text.replace('_', " "),
        AttributeValue::Text(text) if name.ends_with("_time") => moment(text),
        AttributeValue::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

fn provenance_section(contents: &Contents) -> Section {
    let section = Section::new("Where it came from");
    let Some(provenance) = contents.group("provenance") else {
        return section.notes(vec![Note::new(
            Tone::Caution,
            "The file holds no provenance.",
        )]);
    };
    let long = [
        "configuration",
        "warnings",
        "dataset",
        "method",
        "optimizer",
        "seconds",
        "l2",
    ];
    let short = provenance
        .0
        .attributes
        .iter()
        .filter(|(name, _)| !long.contains(&name.as_str()));
    let fact =
        |(name, value): &(String, AttributeValue)| (name.replace('_', " "), attribute(name, value));
    let section = section.facts(
        short
            .map(fact)
            .filter(|(_, value)| !value.is_empty())
            .collect::<Vec<_>>(),
    );
    match provenance.text("configuration") {
        Some(text) => section.listing("The whole configuration", text),
        None => section,
    }
}
