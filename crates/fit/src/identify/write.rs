//! A judgement as HDF5: `uncertainty` of a result, and a file of its own.

use super::profile::Profile;
use super::run::Identification;
use super::unit::{Estimate, UnitJudgement};
use crate::dataset::Dataset;
use crate::driver::{Names, Provenance, now, origin, real};
use crate::plan::FitPlan;
use crate::store::{Group, StoreError, Variable, write_file};
use std::path::Path;

/// Writes an identification: `uncertainty` over (unit), `spectrum` over (direction), `sloppiest` over (combination),
/// `null_directions`, `decay_times` over (mode), `profiles`. What was not determined is NaN, and `reason` says why.
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
        .group("decay_times", decay_times(found, &names));
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

/// The group `uncertainty`: estimates at the unpenalised minimum, standard errors (`tau_s` in the time unit, `log_tau_s` of the
/// logarithm), intervals of 95 %, the unordered pair, its order, the twin.
pub(crate) fn uncertainty(found: &Identification, names: &Names) -> Group {
    let units = &found.units;
    let time = names.time_units.as_str();
    let mut group = Group::new()
        .attribute("basis", found.basis.name())
        .attribute("level", 0.95)
        .attribute("noise_variance", found.noise_variance)
        .attribute("noise_is_known", found.noise_is_known)
        .attribute("residual_autocorrelation", found.residual_autocorrelation)
        .attribute("cost_given", found.cost[0])
        .attribute("cost", found.cost[1])
        .attribute("n_observed", found.n_observed as i64)
        .attribute("n_parameters", found.n_parameters as i64)
        .attribute("warnings", found.warnings.clone())
        .coordinate(names.unit())
        .coordinate(
            Variable::new(
                "bound",
                &["bound"],
                vec!["lower".to_owned(), "upper".to_owned()],
            )
            .long_name("end of an interval"),
        );
    for (name, of) in [("tau_s", synaptic as EstimateOf), ("tau_r", rate)] {
        if units.iter().all(|unit| of(unit).is_none()) {
            continue;
        }
        let column = |f: &dyn Fn(Estimate) -> Option<f64>| -> Vec<f64> {
            units
                .iter()
                .map(|unit| of(unit).and_then(f).unwrap_or(f64::NAN))
                .collect()
        };
        let ends: Vec<f64> = units
            .iter()
            .flat_map(|unit| of(unit).and_then(|e| e.interval).unwrap_or([f64::NAN; 2]))
            .collect();
        group = group
            .variable(real(
                name,
                &["unit"],
                column(&|e| e.log_error.map(|error| e.value * error)),
                time,
                "standard error",
            ))
            .variable(real(
                &format!("log_{name}"),
                &["unit"],
                column(&|e| e.log_error),
                "1",
                "standard error of the logarithm",
            ))
            .variable(real(
                &format!("{name}_estimate"),
                &["unit"],
                column(&|e| Some(e.value)),
                time,
                "value at the minimum without penalty",
            ))
            .variable(real(
                &format!("{name}_interval"),
                &["unit", "bound"],
                ends,
                time,
                "interval of 95 %",
            ));
    }
    let plain = |f: &dyn Fn(&UnitJudgement) -> f64| -> Vec<f64> { units.iter().map(f).collect() };
    let interval = |at: usize| -> Vec<f64> {
        let of = |unit: &UnitJudgement| {
            unit.pair_intervals
                .as_ref()
                .and_then(|all| all.get(at).copied())
        };
        units
            .iter()
            .flat_map(|unit| of(unit).unwrap_or([f64::NAN; 2]))
            .collect()
    };
    if units.iter().all(|unit| unit.pair.len() == 2) {
        group = group
            .variable(real(
                "smaller",
                &["unit"],
                plain(&|u| u.pair[0]),
                time,
                "smaller of tau_s and tau_r",
            ))
            .variable(real(
                "smaller_interval",
                &["unit", "bound"],
                interval(0),
                time,
                "interval of 95 %, whatever the order",
            ))
            .variable(real(
                "larger",
                &["unit"],
                plain(&|u| u.pair[1]),
                time,
                "larger of tau_s and tau_r",
            ))
            .variable(real(
                "larger_interval",
                &["unit", "bound"],
                interval(1),
                time,
                "interval of 95 %, whatever the order",
            ))
            .variable(real(
                "order_probability",
                &["unit"],
                plain(&|u| u.order_probability.unwrap_or(f64::NAN)),
                "1",
                "probability that tau_s and tau_r are in this order",
            ));
        group = with_twins(group, units, time);
    }
    let words =
        |f: &dyn Fn(&UnitJudgement) -> String| -> Vec<String> { units.iter().map(f).collect() };
    group
        .variable(
            Variable::new(
                "verdict",
                &["unit"],
                words(&|u| u.verdict.name().to_owned()),
            )
            .long_name("ordered, order-unknown or not-identifiable"),
        )
        .variable(
            Variable::new(
                "interval_source",
                &["unit"],
                words(&|u| u.source.name().to_owned()),
            )
            .long_name("what the intervals come from"),
        )
        .variable(
            Variable::new("reason", &["unit"], words(&|u| u.reason.clone()))
                .long_name("what a person should know about the unit"),
        )
}

type EstimateOf = fn(&UnitJudgement) -> Option<Estimate>;

fn synaptic(unit: &UnitJudgement) -> Option<Estimate> {
    unit.tau_s
}

fn rate(unit: &UnitJudgement) -> Option<Estimate> {
    unit.tau_r
}

fn with_twins(group: Group, units: &[UnitJudgement], time: &str) -> Group {
    if units.iter().all(|unit| unit.twin.is_none()) {
        return group;
    }
    let of = |f: &dyn Fn(&super::Twin) -> f64| -> Vec<f64> {
        units
            .iter()
            .map(|u| u.twin.as_ref().map_or(f64::NAN, f))
            .collect()
    };
    let converged: Vec<bool> = units
        .iter()
        .map(|u| u.twin.as_ref().is_some_and(|t| t.converged))
        .collect();
    group
        .variable(real("twin_difference_as_swapped", &["unit"], of(&|t| t.difference_as_swapped), "1", "rise of the cost when tau_s and tau_r are exchanged, over that of predicting each output's mean"))
        .variable(real("twin_difference_refitted", &["unit"], of(&|t| t.difference_refitted), "1", "the same after a refit that keeps the reversed order"))
        .variable(Variable::new("twin_converged", &["unit"], converged).units("1").long_name("whether that refit converged"))
        .variable(real("twin_tau_s", &["unit"], of(&|t| t.tau_s), time, "synaptic time constant of the refitted twin"))
        .variable(real("twin_tau_r", &["unit"], of(&|t| t.tau_r), time, "rate time constant of the refitted twin"))
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

fn one_profile(profile: &Profile, names: &Names) -> Group {
    let time = names.time_units.as_str();
    let points = &profile.points;
    let ends: Vec<f64> = profile.intervals.iter().flatten().copied().collect();
    Group::new()
        .indices("point", points.len())
        .indices("interval", profile.intervals.len())
        .coordinate(
            Variable::new(
                "bound",
                &["bound"],
                vec!["lower".to_owned(), "upper".to_owned()],
            )
            .long_name("end of an interval"),
        )
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
        .variable(real(
            "interval_95",
            &["interval", "bound"],
            ends,
            time,
            "interval of 95 %",
        ))
}
