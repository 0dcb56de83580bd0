//! A judgement as a file of its own.

use super::advice::Advice;
use super::canonical::Canonical;
use super::found::Identification;
use super::profile::Profile;
use super::uncertainty::{bound, intervals, uncertainty};
use crate::dataset::Dataset;
use crate::driver::{Names, Provenance, count, now, origin, parameters, real};
use crate::plan::FitPlan;
use crate::store::{Group, StoreError, Variable, write_file};
use std::path::Path;

/// Writes an identification: `uncertainty` over (unit), `spectrum` over (direction), `sloppiest` over (combination),
/// `null_directions`, `decay_times` over (mode), `profiles`, `advice` over (input, concern), `equivalences`, and where units are hidden
/// `canonical`, as `parameters` of a result. What was not determined is NaN, and `reason` says why.
///
/// # Errors
/// [`StoreError`] where the file cannot be written; then nothing is left behind.
pub fn write_identification(
    path: &Path,
    found: &Identification,
    plan: &FitPlan,
    dataset: &Dataset,
    provenance: &Provenance,
    seconds: f64,
) -> Result<(), StoreError> {
    let names = Names::new(&plan.layout, dataset);
    let mut root = Group::new()
        .attribute("tauscope_format", "identification")
        .attribute("schema_version", 1_i64)
        .attribute(
            "title",
            format!("time constants of a fit of {} judged", dataset.name()),
        )
        .attribute("time_units", dataset.time_units())
        .attribute("model", plan.layout.model.name())
        .attribute("activation", plan.layout.activation.name())
        .attribute("interrupted", found.interrupted)
        .group("uncertainty", uncertainty(found, &names))
        .group("spectrum", spectrum(found))
        .group("sloppiest", sloppiest(found))
        .group("null_directions", null_directions(found))
        .group("decay_times", decay_times(found, &names))
        .group("equivalences", equivalences(found));
    if let Some(advice) = &found.advice {
        root = root.group("advice", self::advice(advice));
    }
    if let Some(form) = &found.canonical {
        root = root.group("canonical", canonical(form, plan, &names));
    }
    if !found.profiles.is_empty() {
        let all = found.profiles.iter().fold(Group::new(), |all, profile| {
            all.group(&profile.name, one_profile(profile, &names))
        });
        root = root.group("profiles", all);
    }
    let origin = origin(dataset, &plan.config, provenance)
        .attribute("method", plan.integrator.name())
        .attribute("seconds", seconds)
        .attribute("warnings", found.warnings.clone())
        .attribute("end_time", now());
    write_file(path, &root.group("provenance", origin))
}

fn spectrum(found: &Identification) -> Group {
    Group::new().indices("direction", found.eigenvalues.len()).variable(real(
        "eigenvalue",
        &["direction"],
        found.eigenvalues.clone(),
        "1",
        "eigenvalue of the Fisher information scaled to a unit diagonal, with the readout fitted along",
    ))
}

fn sloppiest(found: &Identification) -> Group {
    let all = &found.sloppiest;
    Group::new()
        .indices("combination", all.len())
        .variable(real(
            "eigenvalue",
            &["combination"],
            all.iter().map(|c| c.eigenvalue).collect(),
            "1",
            "eigenvalue of the scaled Fisher information",
        ))
        .variable(
            Variable::new(
                "words",
                &["combination"],
                all.iter()
                    .map(super::Combination::words)
                    .collect::<Vec<_>>(),
            )
            .long_name("parameters with their weights, largest first"),
        )
}

fn null_directions(found: &Identification) -> Group {
    let all = &found.null_directions;
    let touches: Vec<bool> = all
        .iter()
        .map(super::NullDirection::touches_time_constants)
        .collect();
    Group::new()
        .indices("null_direction", all.len())
        .variable(
            Variable::new(
                "name",
                &["null_direction"],
                all.iter().map(|n| n.name.clone()).collect::<Vec<_>>(),
            )
            .long_name("what no prediction depends on"),
        )
        .variable(
            Variable::new("touches_tau", &["null_direction"], touches)
                .units("1")
                .long_name("whether time constants change along it"),
        )
}

fn decay_times(found: &Identification, names: &Names) -> Group {
    let time = names.time_units.as_str();
    Group::new()
        .indices("mode", found.decay_times.len())
        .variable(real(
            "decay_time",
            &["mode"],
            found.decay_times.iter().map(|m| m.time).collect(),
            time,
            "decay time of the network linearised at its mean state; negative where it grows",
        ))
        .variable(real(
            "period",
            &["mode"],
            found.decay_times.iter().map(|m| m.period).collect(),
            time,
            "period of its oscillation, infinite where there is none",
        ))
}

fn equivalences(found: &Identification) -> Group {
    let all = &found.equivalences;
    Group::new().indices("equivalence", all.len()).variable(
        Variable::new("words", &["equivalence"], all.clone())
            .long_name("what else predicts the same, beside null directions"),
    )
}

/// What is told badly, now and with other inputs.
fn advice(advice: &Advice) -> Group {
    const INFORMATION: &str = "of a constant 1 / variance of its logarithm; of an order the expected twice log likelihood ratio, 5.9 for a probability of 0.95";
    let (concerns, tried) = (&advice.concerns, &advice.tried);
    let best = advice
        .best
        .map_or("none tells notably more", |at| &tried[at].words);
    let over = ["input", "concern"];
    let gains = (0..tried.len()).flat_map(|at| advice.gains(at));
    let labels = |name: &'static str, values: Vec<String>, what| {
        Variable::new(name, &[name], values).long_name(what)
    };
    Group::new()
        .attribute("best", best)
        .coordinate(labels(
            "concern",
            concerns.iter().map(|c| c.what.clone()).collect(),
            "what is told badly",
        ))
        .coordinate(labels(
            "input",
            tried.iter().map(|t| t.words.clone()).collect(),
            "inputs of which the fitted network was simulated",
        ))
        .variable(real(
            "factor",
            &["input"],
            tried.iter().map(|t| t.factor).collect(),
            "1",
            "deviation of the inputs in units of that of the recording",
        ))
        .variable(real(
            "information_now",
            &["concern"],
            concerns.iter().map(|c| c.now).collect(),
            "1",
            INFORMATION,
        ))
        .variable(real(
            "information",
            &over,
            tried.iter().flat_map(|t| t.then.clone()).collect(),
            "1",
            INFORMATION,
        ))
        .variable(real(
            "gain",
            &over,
            gains.collect(),
            "1",
            "information over that of the recording",
        ))
}

/// The parameters in their canonical form: two fits that are the same but for the names and signs of hidden units have the same.
fn canonical(form: &Canonical, plan: &FitPlan, names: &Names) -> Group {
    let source = form.source.iter().map(|&unit| unit as i64).collect();
    parameters(&form.theta, plan, names)
        .variable(count(
            "source",
            &["unit"],
            source,
            "index of the unit in the result",
        ))
        .variable(
            Variable::new("is_turned", &["unit"], form.is_turned.clone())
                .units("1")
                .long_name("whether its sign was turned, or a sigmoid reflected"),
        )
}

fn one_profile(profile: &Profile, names: &Names) -> Group {
    let time = names.time_units.as_str();
    let points = &profile.points;
    let ends: Vec<f64> = profile.intervals.iter().flatten().copied().collect();
    Group::new()
        .indices("point", points.len())
        .indices("interval", profile.intervals.len())
        .attribute("reason", profile.reason.as_str())
        .coordinate(bound())
        .variable(real(
            "tau",
            &["point"],
            points.iter().map(|p| p.tau).collect(),
            time,
            "time constant that is held",
        ))
        .variable(real(
            "chi2",
            &["point"],
            points.iter().map(|p| p.chi2).collect(),
            "1",
            "twice the fall of the log likelihood; 3.84 bounds 95 %",
        ))
        .variable(
            Variable::new(
                "is_twin",
                &["point"],
                points.iter().map(|p| p.is_twin).collect::<Vec<_>>(),
            )
            .units("1")
            .long_name("whether the order is the reversed one"),
        )
        .variable(intervals(
            "interval_95",
            "interval",
            ends,
            time,
            "interval of 95 %",
        ))
}
