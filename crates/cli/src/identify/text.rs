//! The table and the words that end an `identify`.

use super::summary::Summary;
use crate::table::{Table, number, optional};
use tauscope_fit::identify::{DecayTime, Estimate, Identification, UnitJudgement, Verdict};

/// How many modes and combinations are shown.
const SHOWN: usize = 5;

/// All of it.
pub fn text(summary: &Summary, found: &Identification) -> String {
    let mut parts = vec![units(&found.units, &summary.time_units)];
    parts.push(sentences(&found.units).concat());
    if !found.null_directions.is_empty() {
        let lines: String = found
            .null_directions
            .iter()
            .map(|null| format!("  {}\n", null.name))
            .collect();
        parts.push(format!("the data do not tell at all:\n{lines}"));
    }
    let lines: String = found
        .sloppiest
        .iter()
        .take(SHOWN)
        .map(|c| format!("  {:<9} {}\n", format!("{:.1e}", c.eigenvalue), c.words()))
        .collect();
    parts.push(format!("the data tell least of (eigenvalue of the scaled Fisher information, combination):\n{lines}"));
    parts.push(decay_times(&found.decay_times, &summary.time_units));
    parts.extend(found.profiles.iter().map(|profile| {
        let intervals: Vec<String> = profile
            .intervals
            .iter()
            .map(|[low, high]| format!("{} to {}", number(*low), number(*high)))
            .collect();
        format!(
            "profile of {}: 95 % within {} {}\n",
            profile.name,
            intervals.join(" or "),
            summary.time_units
        )
    }));
    parts.push(format!(
        "judged at: {}\nidentification: {}\n",
        summary.basis, summary.identification
    ));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn units(units: &[UnitJudgement], time_units: &str) -> String {
    let mut table = Table::new(&["unit", "tau_s", "95 %", "tau_r", "95 %", "order", "verdict"]);
    for unit in units {
        let [s, r] = [unit.tau_s, unit.tau_r];
        let value = |tau: Option<Estimate>| optional(tau.map(|tau| tau.value));
        let probability = unit
            .order_probability
            .map_or_else(|| "-".to_owned(), |p| format!("{p:.3}"));
        table.row([
            unit.unit.clone(),
            value(s),
            interval(unit, s),
            value(r),
            interval(unit, r),
            probability,
            unit.verdict.name().to_owned(),
        ]);
    }
    format!(
        "{}times in {time_units}; order: probability that tau_s and tau_r are not exchanged\n",
        table.text()
    )
}

/// That of the smaller or the larger of the pair.
fn interval(unit: &UnitJudgement, tau: Option<Estimate>) -> String {
    let Some(tau) = tau else {
        return "-".to_owned();
    };
    let of_pair = unit.pair_intervals.as_ref().and_then(|all| {
        let place = unit.pair.iter().position(|value| *value == tau.value)?;
        all.get(place).copied()
    });
    of_pair.map_or_else(
        || "-".to_owned(),
        |[low, high]| format!("{} .. {}", number(low), number(high)),
    )
}

/// Units of which the same is to be said.
struct Said<'a> {
    reason: &'a str,
    verdict: Verdict,
    units: Vec<&'a str>,
}

/// What is to be said of units, each sentence with all the units that it is true of.
pub fn sentences(units: &[UnitJudgement]) -> Vec<String> {
    let mut all: Vec<Said<'_>> = Vec::new();
    for unit in units.iter().filter(|unit| !unit.reason.is_empty()) {
        let known = all
            .iter_mut()
            .find(|said| said.reason == unit.reason && said.verdict == unit.verdict);
        match known {
            Some(said) => said.units.push(&unit.unit),
            None => all.push(Said {
                reason: &unit.reason,
                verdict: unit.verdict,
                units: vec![&unit.unit],
            }),
        }
    }
    let sentence = |said: &Said<'_>| {
        let of = if said.units.len() == 1 {
            "unit"
        } else {
            "units"
        };
        format!(
            "{of} {} ({}): {}\n",
            said.units.join(", "),
            said.verdict.name(),
            said.reason
        )
    };
    all.iter().map(sentence).collect()
}

fn decay_times(modes: &[DecayTime], time_units: &str) -> String {
    let one = |mode: &DecayTime| match (mode.time < 0.0, mode.period.is_finite()) {
        (true, _) => format!("grows within {}", number(-mode.time)),
        (_, true) => format!("{} (period {})", number(mode.time), number(mode.period)),
        (_, false) => number(mode.time),
    };
    let shown: Vec<String> = modes.iter().take(SHOWN).map(one).collect();
    let more = if modes.len() > SHOWN { ", .." } else { "" };
    format!(
        "slowest decay times of the network, recurrence included, at its mean state: {}{more} {time_units}\n",
        shown.join(", ")
    )
}
