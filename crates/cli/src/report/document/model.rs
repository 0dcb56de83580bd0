//! What was fitted.

use super::super::contents::Contents;
use super::super::trust;
use crate::table::duration;
use tauscope_figures::{Section, concise};

/// Dataset, model, and how it was fitted.
pub fn section(contents: &Contents) -> Section {
    let root = contents.root();
    let kind = root.text("model").unwrap_or("unknown");
    let equations = match kind {
        "two-constant" => "tau_s dI/dt = −I + W r + U x + b,   tau_r dr/dt = −r + f(I)",
        "rate" => "tau_r dr/dt = −r + f(W r + U x + b)",
        "current" => "tau_s dI/dt = −I + W f(I) + U x + b,   r = f(I)",
        _ => "see the configuration",
    };
    let readout = match root.text("readout") {
        Some("direct") => "direct: each output is the rate of a unit",
        Some("scaled") => "scaled: each output is gain times the rate of a unit plus an offset",
        Some("linear") => {
            "linear: each output is a weighted sum of all rates plus an offset; units are hidden"
        }
        _ => "unknown",
    };
    let times = contents.predictions.first().map(|data| {
        let (n, units) = (data.times.len(), &contents.time_units);
        let end = |t: Option<&f64>| concise(t.copied().unwrap_or(f64::NAN), 4);
        let step = contents.sample_interval().map_or(String::new(), |step| {
            format!(", every {} {units}", concise(step, 3))
        });
        format!(
            "{n} from {} to {} {units}{step}",
            end(data.times.first()),
            end(data.times.last())
        )
    });
    let n_outputs = contents
        .predictions
        .first()
        .map_or(0, |data| data.outputs.len());
    let inputs = contents
        .group("parameters")
        .and_then(|p| p.variable("U")?.shape.get(1).copied())
        .unwrap_or(0);
    let setting = |key: &str| {
        let value = contents.configuration()?.get(key)?.clone();
        Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let provenance = contents.group("provenance");
    let stored = |name: &str| or_dash(provenance.and_then(|p| p.text(name)).map(str::to_owned));
    let number = |name: &str| {
        provenance
            .and_then(|p| p.number(name))
            .map_or("–".to_owned(), |n| concise(n, 3))
    };
    Section::new("What was fitted").facts([
        ("dataset", stored("dataset")),
        ("trials", trust::trials(contents)),
        ("samples of a trial", or_dash(times)),
        ("model", format!("{kind}: {equations}")),
        (
            "activation f",
            or_dash(root.text("activation").map(str::to_owned)),
        ),
        (
            "size",
            format!(
                "{}, {}, {}",
                counted(contents.units.len(), "unit"),
                counted(inputs, "input"),
                counted(n_outputs, "output")
            ),
        ),
        ("readout", readout.to_owned()),
        ("observation", observation(contents, setting("link"))),
        ("connectivity of W", or_dash(setting("connectivity"))),
        (
            "time constants",
            format!("one by {}", or_dash(setting("time_constants"))),
        ),
        ("initial state", or_dash(setting("initial_state"))),
        (
            "integration",
            format!("{} (rtol {})", stored("method"), or_dash(setting("rtol"))),
        ),
        (
            "optimizer",
            format!("{}, penalty l2 = {}", stored("optimizer"), number("l2")),
        ),
        (
            "time taken",
            provenance
                .and_then(|p| p.number("seconds"))
                .map_or("–".to_owned(), duration),
        ),
    ])
}

fn observation(contents: &Contents, link: Option<String>) -> String {
    if contents.is_of_counts() {
        let link = link.unwrap_or_default();
        return format!(
            "Poisson: spike counts about the integral over the bin of {link} of the output"
        );
    }
    "Gaussian: targets about the output".to_owned()
}

/// `1 input`, `3 inputs`
fn counted(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}
