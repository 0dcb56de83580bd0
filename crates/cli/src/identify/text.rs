//! The table and the words that end an `identify`.

use super::summary::Summary;
use crate::table::{Table, number, optional};
use tauscope_fit::identify::{
    Advice, Concern, DecayTime, Estimate, Identification, Profile, UnitJudgement, Verdict,
};

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
    parts.extend(
        found
            .profiles
            .iter()
            .map(|p| profile(p, &summary.time_units)),
    );
    parts.extend(found.advice.as_ref().map(advice));
    parts.push(
        found
            .equivalences
            .iter()
            .map(|e| format!("{e}\n"))
            .collect(),
    );
    if found.interrupted {
        parts.push("interrupted: what is missing was not judged\n".to_owned());
    }
    parts.push(format!(
        "judged at: {}\nidentification: {}\n",
        summary.judged_at, summary.identification
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
        let mark = if unit.is_reversed { " *" } else { "" };
        table.row([
            format!("{}{mark}", unit.unit),
            value(s),
            interval(s),
            value(r),
            interval(r),
            probability,
            unit.verdict.name().to_owned(),
        ]);
    }
    let is_open = |unit: &UnitJudgement| {
        unit.verdict == Verdict::OrderUnknown && unit.pair_intervals.is_some()
    };
    let unordered = match units.iter().any(is_open) {
        true => {
            "95 % of order-unknown units: of the smaller and of the larger of both, whichever is tau_s\n"
        }
        false => "",
    };
    let marked = match units.iter().any(|unit| unit.is_reversed) {
        true => "* here tau_s and tau_r are in the other order than in the result\n",
        false => "",
    };
    format!(
        "{}times in {time_units}; order: probability that tau_s and tau_r are not exchanged\n{unordered}{marked}",
        table.text()
    )
}

/// As in the file and in JSON.
fn interval(tau: Option<Estimate>) -> String {
    let interval = tau.and_then(|tau| tau.interval);
    interval.map_or_else(|| "-".to_owned(), ends)
}

/// An interval; an end that is open has no number.
fn ends([low, high]: [f64; 2]) -> String {
    match (low > 0.0, high.is_finite()) {
        (true, true) => format!("{} .. {}", number(low), number(high)),
        (true, false) => format!("above {}", number(low)),
        (false, _) => format!("below {}", number(high)),
    }
}

fn profile(profile: &Profile, time_units: &str) -> String {
    if !profile.reason.is_empty() {
        return format!("profile of {}: {}\n", profile.name, profile.reason);
    }
    let intervals: Vec<String> = profile.intervals.iter().copied().map(ends).collect();
    format!(
        "profile of {}: 95 % within {} {time_units}\n",
        profile.name,
        intervals.join(" or ")
    )
}

/// Inputs that would tell more of what is told badly.
fn advice(advice: &Advice) -> String {
    let Some(best) = advice.best else {
        let names: Vec<&str> = advice.concerns.iter().map(|c| c.what.as_str()).collect();
        return format!(
            "none of {} other inputs that were simulated would tell notably more of {}\n",
            advice.tried.len(),
            names.join(", ")
        );
    };
    let tried = &advice.tried[best];
    let gains = advice.gains(best);
    let lines: String = advice
        .concerns
        .iter()
        .zip(&tried.then)
        .zip(&gains)
        .enumerate()
        .filter(|(at, _)| advice.tells_more(best, *at))
        .map(|(_, ((concern, then), gain))| told(concern, *then, *gain))
        .collect();
    let less: Vec<&str> = advice
        .concerns
        .iter()
        .zip(&gains)
        .filter(|(_, gain)| **gain < 1.0)
        .map(|(concern, _)| concern.what.as_str())
        .collect();
    let less = match less.is_empty() {
        true => String::new(),
        false => format!("  but less of {}\n", less.join(", ")),
    };
    format!(
        "as many trials with other inputs would tell more, by simulation of the fitted network: {}\n{lines}{less}",
        tried.words
    )
}

fn told(concern: &Concern, then: f64, gain: f64) -> String {
    let times = match gain.is_finite() {
        true => format!("information x {}", number(gain)),
        false => "information where there was none".to_owned(),
    };
    let [now, then] = [concern.now, then].map(|information| match concern.is_order {
        true => format!("{:.3}", 1.0 / (1.0 + (-0.5 * information).exp())),
        false => number(information.powf(-0.5)),
    });
    let what = match concern.is_order {
        true => "expected probability",
        false => "standard error of its logarithm",
    };
    format!("  {}: {what} {now} -> {then}, {times}\n", concern.what)
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
    if modes.is_empty() {
        return "decay times of the network, recurrence included: not found, its eigenvalues did not converge\n".to_owned();
    }
    let shown: Vec<String> = modes.iter().take(SHOWN).map(one).collect();
    let more = if modes.len() > SHOWN { ", .." } else { "" };
    format!(
        "slowest decay times of the network, recurrence included, at its mean state: {}{more} {time_units}\n",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_end_has_no_number() {
        assert_eq!(ends([0.05, 0.2]), "0.05000 .. 0.2000");
        assert_eq!(ends([0.05, f64::INFINITY]), "above 0.05000");
        assert_eq!(ends([0.0, 0.2]), "below 0.2000");
    }

    #[test]
    fn what_other_inputs_would_tell_is_given_in_the_terms_of_the_table() {
        let concern = |what: &str, is_order, now| Concern {
            what: what.to_owned(),
            is_order,
            now,
        };
        assert_eq!(
            told(&concern("order of 3", true, 0.0), 12.0, f64::INFINITY),
            "  order of 3: expected probability 0.500 -> 0.998, information where there was none\n"
        );
        assert_eq!(
            told(&concern("tau_s[3]", false, 1.0), 25.0, 25.0),
            "  tau_s[3]: standard error of its logarithm 1.000 -> 0.2000, information x 25.00\n"
        );
    }
}
