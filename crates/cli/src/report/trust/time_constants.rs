//! How far to trust the time constants, and the starts that they come from.

use super::super::contents::{Contents, Tau};
use super::super::optimization::ranking;
use super::note;
use tauscope_figures::{Note, Tone, concise, significant};

pub(super) fn starts(contents: &Contents) -> Vec<Note> {
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
pub(super) fn agreement_of_starts(contents: &Contents) -> Vec<Note> {
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

pub(super) fn time_constants(contents: &Contents) -> Vec<Note> {
    if contents.taus.is_empty() {
        return note(Tone::Plain, "This model has no time constants.");
    }
    let mut notes = impossible(contents);
    notes.extend(at_bounds(contents));
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

/// No fit ends with such a value: the file was changed, or is damaged.
fn impossible(contents: &Contents) -> Vec<Note> {
    let names = names_where(contents, |value| !(value > 0.0 && value.is_finite()));
    if names.is_empty() {
        return Vec::new();
    }
    note(
        Tone::Bad,
        format!(
            "Not positive finite numbers: {}. No fit writes such time constants: the file is damaged or was changed, and nothing in it should be trusted; fit again.",
            some_of(&names)
        ),
    )
}

/// The time constants whose value passes the test, as `tau_s[UNIT]`.
fn names_where(contents: &Contents, test: impl Fn(f64) -> bool) -> Vec<String> {
    let of = |tau: &Tau| -> Vec<String> {
        let passing = tau.values.iter().enumerate().filter(|(_, v)| test(**v));
        let name = |unit: usize| Some(format!("{}[{}]", tau.name, contents.units.get(unit)?));
        passing.filter_map(|(unit, _)| name(unit)).collect()
    };
    contents.taus.iter().flat_map(of).collect()
}

/// The first of the names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

pub(super) fn at_bounds(contents: &Contents) -> Vec<Note> {
    let Some([low, high]) = contents.tau_bounds() else {
        return Vec::new();
    };
    let on = |value: f64| (value / low - 1.0).abs() < 1e-6 || (value / high - 1.0).abs() < 1e-6;
    let names = names_where(contents, on);
    if names.is_empty() {
        return Vec::new();
    }
    let listed = some_of(&names);
    note(
        Tone::Caution,
        format!(
            "On a bound of the time constants ({} to {} {}): {listed}. These are limits, not values.",
            concise(low, 3),
            concise(high, 3),
            contents.time_units
        ),
    )
}

pub(super) fn certainty(contents: &Contents) -> Vec<Note> {
    if contents.taus.is_empty() {
        return Vec::new();
    }
    let mut notes = verdicts(contents);
    notes.extend(basis(contents));
    notes.extend(open_ends(contents));
    let is_judged = contents.group("uncertainty").is_some();
    if !is_judged && contents.taus.iter().all(|tau| tau.intervals.is_none()) {
        notes.push(Note::new(Tone::Caution, "The file holds no intervals: how well the data determine each time constant is not known from it."));
        if contents.taus.len() == 2 {
            notes.push(Note::new(Tone::Caution, "tau_s and tau_r of a unit can often be exchanged with hardly any change of the prediction; which is which was not judged."));
        }
    }
    notes
}

/// Intervals belong to a minimum without penalty, which the values shown need not be.
fn basis(contents: &Contents) -> Vec<Note> {
    let mut notes = minimum(contents);
    let judged_at = contents
        .group("uncertainty")
        .and_then(|group| group.text("judged_at"));
    if let Some(words) = judged_at.filter(|words| words.contains("better minimum")) {
        notes.push(Note::new(
            Tone::Caution,
            format!("Intervals and orders do not belong to the values shown, but to a better minimum ({words}): fit again from other starts (--starts, --seed)."),
        ));
    }
    notes
}

fn minimum(contents: &Contents) -> Vec<Note> {
    match contents
        .group("uncertainty")
        .and_then(|group| group.text("basis"))
    {
        Some("unpenalised refit") => note(
            Tone::Caution,
            "Intervals are those of a refit without penalty and early stopping (its values: uncertainty/tau_s_estimate, tau_r_estimate): a penalty moves time constants by more than their errors, so that the values shown may lie outside.",
        ),
        Some("unpenalised refit, not converged") => note(
            Tone::Caution,
            "There are no intervals: they belong to a minimum without penalty, and the refit to it did not converge.",
        ),
        _ => Vec::new(),
    }
}

/// Time constants that the data do not bound on one side.
fn open_ends(contents: &Contents) -> Vec<Note> {
    let named = |is_open: &dyn Fn([f64; 2]) -> bool| -> Vec<String> {
        let of = |tau: &Tau| -> Vec<String> {
            let all = tau.intervals.iter().flatten().zip(&contents.units);
            all.filter(|(interval, _)| is_open(**interval))
                .map(|(_, unit)| format!("{}[{unit}]", tau.name))
                .collect()
        };
        contents.taus.iter().flat_map(of).collect()
    };
    let sides = [
        ("above", named(&|[_, high]| high.is_infinite())),
        ("below", named(&|[low, _]| low == 0.0)),
    ];
    let told = sides.into_iter().filter(|(_, names)| !names.is_empty());
    told.map(|(side, names)| {
        Note::new(
            Tone::Caution,
            format!("The data do not bound these {side}: {}.", names.join(", ")),
        )
    })
    .collect()
}

/// What was judged of which constant is which, and of what is not determined.
fn verdicts(contents: &Contents) -> Vec<Note> {
    let Some(uncertainty) = contents.group("uncertainty") else {
        return Vec::new();
    };
    let words = uncertainty
        .variable("verdict")
        .map_or_else(Vec::new, |v| v.values.texts());
    let with = |wanted: &str| words.iter().filter(|word| *word == wanted).count();
    let all = words.len();
    let was_judged = uncertainty.variable("twin_converged").is_some();
    let mut notes = Vec::new();
    let (ordered, unknown, lost) = (
        with("ordered"),
        with("order-unknown"),
        with("not-identifiable"),
    );
    if was_judged && ordered > 0 {
        notes.push(Note::new(Tone::Good, format!("Of {ordered} of {all} units the data tell which time constant is which (probability at least 0.95, by a refit in the reversed order).")));
    }
    if unknown > 0 {
        let why = if was_judged {
            "the data do not tell tau_s from tau_r"
        } else {
            "which of tau_s and tau_r is which was not judged"
        };
        notes.push(Note::new(
            Tone::Caution,
            format!("Of {unknown} of {all} units {why}."),
        ));
    }
    if lost > 0 {
        notes.push(Note::new(Tone::Caution, format!("Of {lost} of {all} units the time constants are not determined; `tauscope identify` gives the reasons.")));
    }
    notes
}
