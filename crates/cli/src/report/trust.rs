//! How far to trust a result: statements that follow from what its file holds.

use super::contents::{Contents, SPLITS, Tau};
use super::optimization::ranking;
use super::residuals::autocorrelations;
use tauscope_figures::{Note, Tone, concise, significant};

/// Relative differences of gradients below this are no fault at usual tolerances, those above the second are one.
const GRADIENTS_AGREE: f64 = 1e-3;
const GRADIENTS_DIFFER: f64 = 5e-2;

/// All that can be said.
pub fn notes(contents: &Contents) -> Vec<Note> {
    let parts: [fn(&Contents) -> Vec<Note>; 8] = [
        ending,
        prediction,
        starts,
        agreement_of_starts,
        time_constants,
        certainty,
        residuals,
        checks,
    ];
    let mut notes: Vec<Note> = parts.iter().flat_map(|part| part(contents)).collect();
    notes.extend(warnings(contents));
    notes
}

fn note(tone: Tone, text: impl Into<String>) -> Vec<Note> {
    vec![Note::new(tone, text)]
}

fn ending(contents: &Contents) -> Vec<Note> {
    let Some(certificate) = contents.group("certificate") else {
        return note(Tone::Caution, "The file does not say how the fit ended.");
    };
    let norm = certificate
        .number("gradient_norm")
        .map_or(String::new(), |g| {
            format!("; the gradient norm is {}", significant(g, 2))
        });
    let kept = certificate
        .number("kept_iteration")
        .map_or("-".to_owned(), |n| n.to_string());
    let iterations = certificate
        .number("iterations")
        .map_or("-".to_owned(), |n| n.to_string());
    let termination = certificate.text("termination").unwrap_or("unknown");
    match (certificate.number("converged") == Some(1.0), termination) {
        (true, reason) => note(
            Tone::Good,
            format!("The optimizer converged ({reason}){norm}."),
        ),
        (_, "early_stopping") => note(
            Tone::Caution,
            format!(
                "Stopped early: iterate {kept} of {iterations} predicted the validation trials best and was kept{norm}. It is no minimum of the train cost, and time constants depend on where it stopped."
            ),
        ),
        (_, reason) => note(
            Tone::Bad,
            format!(
                "Not converged ({reason}, after {iterations} iterations){norm}: costs and time constants might still change."
            ),
        ),
    }
}

fn prediction(contents: &Contents) -> Vec<Note> {
    let [train, valid, test] = contents.score("r2");
    let digits = |r2: f64| significant(r2, 3);
    let (held_out, name) = if test.is_nan() {
        (valid, "validation")
    } else {
        (test, "test")
    };
    if train.is_nan() {
        return note(Tone::Caution, "The file holds no R².");
    }
    if held_out.is_nan() {
        return note(
            Tone::Caution,
            format!(
                "R² is {} on the train trials, and no trial was held out: nothing shows whether the network predicts new trials.",
                digits(train)
            ),
        );
    }
    let chose = if name == "validation" {
        " (these trials chose among iterates or starts, so their score is too good)"
    } else {
        ""
    };
    let text = format!(
        "R² is {} on the train trials and {} on the {name} trials{chose}",
        digits(train),
        digits(held_out)
    );
    match (held_out, train - held_out) {
        (score, _) if score <= 0.0 => note(
            Tone::Bad,
            format!("{text}: it predicts new trials no better than their mean."),
        ),
        (_, gap) if gap > 0.1 => note(
            Tone::Caution,
            format!(
                "{text}: it fits what it saw better than what it did not see (overfitting, or trials that differ)."
            ),
        ),
        (score, _) if score < 0.5 => note(
            Tone::Caution,
            format!(
                "{text}: most of the variance is not explained, so that time constants rest on a small part of the activity."
            ),
        ),
        _ => note(Tone::Good, format!("{text}.")),
    }
}

fn starts(contents: &Contents) -> Vec<Note> {
    let Some(ranking) = ranking(contents) else {
        return Vec::new();
    };
    let (close, all) = (ranking.close(0.01).len(), ranking.costs.len());
    match (close, all) {
        (_, 0) => Vec::new(),
        (_, 1) => note(
            Tone::Caution,
            "One start only: another minimum could be better (--starts).",
        ),
        (1, _) => note(
            Tone::Caution,
            format!(
                "The best of {all} starts stands alone; the others ended more than 1 % above its cost. More starts could find a better one (--starts)."
            ),
        ),
        _ => note(
            Tone::Good,
            format!("{close} of {all} starts ended within 1 % of the best cost."),
        ),
    }
}

/// Do starts of the same cost have the same time constants? Only where units are outputs, since hidden ones come in any order.
fn agreement_of_starts(contents: &Contents) -> Vec<Note> {
    let Some(ranking) = ranking(contents) else {
        return Vec::new();
    };
    let close = ranking.close(0.01);
    let n = contents.units.len();
    let is_linear = contents.root().text("readout") == Some("linear");
    if close.len() < 2 || is_linear {
        return Vec::new();
    }
    let spread = |tau: &Tau| -> Option<f64> {
        let stored = contents.group("starts")?.reals(tau.name)?;
        let of_unit = |unit: usize| -> f64 {
            let values = close
                .iter()
                .filter_map(|&start| stored.get(start * n + unit))
                .filter(|v| **v > 0.0);
            let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), &v| {
                (low.min(v), high.max(v))
            });
            high / low
        };
        Some((0..n).map(of_unit).fold(1.0, f64::max))
    };
    let worst = contents.taus.iter().filter_map(spread).fold(1.0, f64::max);
    let factor = significant(worst, 3);
    if worst < 1.05 {
        note(
            Tone::Good,
            format!("These starts agree on every time constant within a factor of {factor}."),
        )
    } else {
        note(
            Tone::Caution,
            format!(
                "Starts within 1 % of the best cost differ in a time constant by up to a factor of {factor}: the cost does not determine all of them."
            ),
        )
    }
}

fn time_constants(contents: &Contents) -> Vec<Note> {
    if contents.taus.is_empty() {
        return note(Tone::Plain, "This model has no time constants.");
    }
    let mut notes = at_bounds(contents);
    let count = |test: &dyn Fn(f64) -> bool| {
        contents
            .taus
            .iter()
            .flat_map(|tau| &tau.values)
            .filter(|v| test(**v))
            .count()
    };
    let all: usize = contents.taus.iter().map(|tau| tau.values.len()).sum();
    let units = &contents.time_units;
    if let Some(step) = contents.sample_interval().filter(|step| *step > 0.0) {
        let fast = count(&|tau| tau < step);
        if fast > 0 {
            notes.push(Note::new(Tone::Caution, format!("{fast} of {all} time constants are shorter than the interval of the targets ({} {units}): the data see of them little more than that they are short.", concise(step, 3))));
        }
    }
    if let Some(duration) = contents.duration().filter(|duration| *duration > 0.0) {
        let slow = count(&|tau| tau > duration);
        if slow > 0 {
            notes.push(Note::new(Tone::Caution, format!("{slow} of {all} time constants are longer than a trial ({} {units}): the data see of them little more than that they are long.", concise(duration, 3))));
        }
    }
    notes
}

fn at_bounds(contents: &Contents) -> Vec<Note> {
    let Some([low, high]) = contents.tau_bounds() else {
        return Vec::new();
    };
    let on = |value: f64| (value / low - 1.0).abs() < 1e-6 || (value / high - 1.0).abs() < 1e-6;
    let named = |tau: &Tau| -> Vec<String> {
        let at = tau.values.iter().enumerate().filter(|(_, v)| on(**v));
        at.filter_map(|(unit, _)| Some(format!("{}[{}]", tau.name, contents.units.get(unit)?)))
            .collect()
    };
    let names: Vec<String> = contents.taus.iter().flat_map(named).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let shown = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 8 {
        format!(" and {} more", names.len() - 8)
    } else {
        String::new()
    };
    note(
        Tone::Caution,
        format!(
            "On a bound of the time constants ({} to {} {}): {shown}{more}. These are limits, not values.",
            concise(low, 3),
            concise(high, 3),
            contents.time_units
        ),
    )
}

fn certainty(contents: &Contents) -> Vec<Note> {
    if contents.taus.is_empty() {
        return Vec::new();
    }
    let mut notes = Vec::new();
    if contents.taus.iter().all(|tau| tau.intervals.is_none()) {
        notes.push(Note::new(Tone::Caution, "The file holds no intervals: how well the data determine each time constant is not known from it."));
        if contents.taus.len() == 2 {
            notes.push(Note::new(Tone::Caution, "tau_s and tau_r of a unit can often be exchanged with hardly any change of the prediction; which is which was not judged."));
        }
    }
    notes
}

fn residuals(contents: &Contents) -> Vec<Note> {
    let all = autocorrelations(contents);
    let Some((first, white)) = all
        .first()
        .and_then(|a| Some((*a.values.first()?, *a.white.first()?)))
    else {
        return Vec::new();
    };
    let r = significant(first, 2);
    match first.abs() {
        r1 if r1.is_nan() => Vec::new(),
        r1 if r1 > 0.3 => note(
            Tone::Caution,
            format!(
                "Residuals of neighbouring samples are correlated ({r} on the train trials): there is structure that the network did not follow, or noise with a memory."
            ),
        ),
        r1 if r1 > white => note(
            Tone::Plain,
            format!(
                "Residuals of neighbouring samples are weakly correlated ({r} on the train trials)."
            ),
        ),
        _ => note(
            Tone::Good,
            format!(
                "Residuals of neighbouring samples are uncorrelated ({r} on the train trials)."
            ),
        ),
    }
}

fn checks(contents: &Contents) -> Vec<Note> {
    let Some(certificate) = contents.group("certificate") else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    if let Some(failures) = certificate.number("solver_failures").filter(|n| *n > 0.0) {
        notes.push(Note::new(
            Tone::Caution,
            format!("{failures} integrations failed during the fit or its scoring."),
        ));
    }
    let differences = certificate.reals("adjoint_vs_forward").unwrap_or_default();
    let worst = differences
        .iter()
        .copied()
        .fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) });
    let text = format!(
        "the gradient at the fitted parameters and its second opinion by forward sensitivities differ by at most {} (relative, by block)",
        significant(worst, 2)
    );
    notes.extend(match worst {
        _ if differences.is_empty() => note(Tone::Plain, "The file holds no check of the gradient."),
        w if w.is_nan() => note(Tone::Caution, "The gradient could not be checked in every block of parameters: a solve failed."),
        w if w <= GRADIENTS_AGREE => note(Tone::Good, format!("Checked on this data: {text}.")),
        w if w <= GRADIENTS_DIFFER => note(Tone::Caution, format!("Checked on this data: {text}. Where the gradient is small, that may be round-off; `tauscope check` tells.")),
        _ => note(Tone::Bad, format!("Checked on this data: {text}. A smaller --rtol may be needed; `tauscope check` tells.")),
    });
    notes
}

/// What the fit warned of, but for what is said already.
fn warnings(contents: &Contents) -> Vec<Note> {
    let Some(provenance) = contents.group("provenance") else {
        return Vec::new();
    };
    let named = !at_bounds(contents).is_empty();
    let new = |warning: &String| !(named && warning.contains("lie on a bound"));
    let warnings = provenance.texts("warnings").into_iter().filter(new);
    let note = |warning| Note::new(Tone::Caution, format!("The fit warned: {warning}."));
    warnings.map(note).collect()
}

/// The splits and how many trials each has.
pub fn trials(contents: &Contents) -> String {
    let split = contents
        .group("split")
        .and_then(|group| Some(group.variable("split")?.values.texts()))
        .unwrap_or_default();
    let count = |name: &str| split.iter().filter(|s| *s == name).count();
    SPLITS
        .map(|name| format!("{} {name}", count(name)))
        .join(", ")
}
