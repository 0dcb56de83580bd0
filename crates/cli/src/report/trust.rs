//! How far to trust a result: statements that follow from what its file holds.

mod time_constants;

use super::contents::{Contents, SPLITS};
use super::residuals::autocorrelations;
use tauscope_figures::{Note, Tone, significant};
use time_constants::{agreement_of_starts, at_bounds, certainty, starts, time_constants};

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
    if contents.is_of_counts() {
        return prediction_of_counts(contents);
    }
    let [train, valid, test] = contents.score("r2");
    let digits = |r2: f64| significant(r2, 3);
    let (held_out, name) = held_out(valid, test);
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

/// The score of the test trials, or of the validation trials where there is none, and what these are.
fn held_out(valid: f64, test: f64) -> (f64, &'static str) {
    if test.is_nan() {
        (valid, "validation")
    } else {
        (test, "test")
    }
}

/// R² of single counts is low however well their rates are known: the likelihood judges.
fn prediction_of_counts(contents: &Contents) -> Vec<Note> {
    let [train, valid, test] = contents.score("bits_per_spike");
    let (held_out, name) = held_out(valid, test);
    let digits = |bits: f64| significant(bits, 3);
    if held_out.is_nan() {
        return note(
            Tone::Caution,
            format!(
                "{} bits per spike on the train trials, and no trial with a spike was held out: nothing shows whether the network predicts new trials.",
                digits(train)
            ),
        );
    }
    let text = format!(
        "{} bits per spike on the train trials and {} on the {name} trials, over mean rates",
        digits(train),
        digits(held_out)
    );
    if held_out <= 0.0 {
        return note(
            Tone::Bad,
            format!("{text}: it predicts new trials no better than mean rates do."),
        );
    }
    if held_out < 0.5 * train {
        return note(
            Tone::Caution,
            format!("{text}: it fits what it saw far better than what it did not see."),
        );
    }
    note(Tone::Good, format!("{text}."))
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
