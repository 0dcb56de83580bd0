//! The group `uncertainty` of a result and of an identification.

use super::found::Identification;
use super::twin::Twin;
use super::unit::{Estimate, UnitJudgement};
use crate::driver::{Names, real};
use crate::store::{Group, Variable};

/// What an end of an interval means that no number closes.
const OPEN_END: &str =
    "an end of 0 or infinity is open: the data do not bound the time constant on that side";

/// The group `uncertainty`: estimates at the unpenalised minimum, standard errors (`tau_s` in the time unit, `log_tau_s` of the
/// logarithm), intervals of 95 %, the unordered pair, its order, the twin.
pub(crate) fn uncertainty(found: &Identification, names: &Names) -> Group {
    let units = &found.units;
    let time = names.time_units.as_str();
    let mut group = Group::new()
        .attribute("basis", found.basis.name())
        .attribute("judged_at", found.judged_at())
        .attribute("level", 0.95)
        .attribute("noise_variance", found.noise_variance)
        .attribute("noise_is_known", found.noise_is_known)
        .attribute("residual_autocorrelation", found.residual_autocorrelation)
        .attribute("residual_inefficiency", found.residual_inefficiency)
        .attribute("cost_given", found.cost[0])
        .attribute("cost", found.cost[1])
        .attribute("n_observed", found.n_observed as i64)
        .attribute("n_parameters", found.n_parameters as i64)
        .attribute("warnings", found.warnings.clone())
        .coordinate(names.unit())
        .coordinate(bound());
    if let Some(std) = &found.noise_by_output {
        group = group.coordinate(names.output()).variable(real(
            "output_noise",
            &["output"],
            std.clone(),
            &names.target_units,
            "standard deviation of the output's noise as estimated, by which it is weighted; costs are in units of it",
        ));
    }
    for (name, of) in [("tau_s", synaptic as EstimateOf), ("tau_r", rate)] {
        group = with_estimates(group, units, name, of, time);
    }
    if units.iter().all(|unit| unit.pair.len() == 2) {
        group = with_pairs(group, units, time);
        group = with_twins(group, units, time);
    }
    with_words(group, units)
}

/// The two ends of an interval.
pub(super) fn bound() -> Variable {
    let ends = vec!["lower".to_owned(), "upper".to_owned()];
    Variable::new("bound", &["bound"], ends).long_name("end of an interval")
}

/// Intervals of 95 %, over (.., bound).
pub(super) fn intervals(
    name: &str,
    over: &str,
    ends: Vec<f64>,
    time: &str,
    what: &str,
) -> Variable {
    real(name, &[over, "bound"], ends, time, what).attribute("open_end", OPEN_END)
}

type EstimateOf = fn(&UnitJudgement) -> Option<Estimate>;

fn synaptic(unit: &UnitJudgement) -> Option<Estimate> {
    unit.tau_s
}

fn rate(unit: &UnitJudgement) -> Option<Estimate> {
    unit.tau_r
}

fn with_estimates(
    group: Group,
    units: &[UnitJudgement],
    name: &str,
    of: EstimateOf,
    time: &str,
) -> Group {
    if units.iter().all(|unit| of(unit).is_none()) {
        return group;
    }
    let column = |name: &str, f: &dyn Fn(Estimate) -> Option<f64>, time: &str, what: &str| {
        let values = units
            .iter()
            .map(|unit| of(unit).and_then(f).unwrap_or(f64::NAN));
        real(name, &["unit"], values.collect(), time, what)
    };
    let ends = units
        .iter()
        .flat_map(|unit| of(unit).and_then(|e| e.interval).unwrap_or([f64::NAN; 2]));
    group
        .variable(column(
            name,
            &|e| e.log_error.map(|error| e.value * error),
            time,
            "standard error",
        ))
        .variable(column(
            &format!("log_{name}"),
            &|e| e.log_error,
            "1",
            "standard error of the logarithm",
        ))
        .variable(column(
            &format!("{name}_estimate"),
            &|e| Some(e.value),
            time,
            "value at the minimum without penalty",
        ))
        .variable(intervals(
            &format!("{name}_interval"),
            "unit",
            ends.collect(),
            time,
            "interval of 95 %; where the order is unknown, of the smaller or larger of the pair, which it is at the estimate",
        ))
}

fn with_pairs(mut group: Group, units: &[UnitJudgement], time: &str) -> Group {
    let ends = |at: usize| -> Vec<f64> {
        let of = |unit: &UnitJudgement| unit.pair_intervals.as_ref()?.get(at).copied();
        units
            .iter()
            .flat_map(|unit| of(unit).unwrap_or([f64::NAN; 2]))
            .collect()
    };
    for (at, name) in ["smaller", "larger"].into_iter().enumerate() {
        let values = units.iter().map(|unit| unit.pair[at]).collect();
        let what = format!("{name} of tau_s and tau_r");
        group = group
            .variable(real(name, &["unit"], values, time, &what))
            .variable(intervals(
                &format!("{name}_interval"),
                "unit",
                ends(at),
                time,
                "interval of 95 %, whatever the order",
            ));
    }
    let probability = |unit: &UnitJudgement| unit.order_probability.unwrap_or(f64::NAN);
    group.variable(real(
        "order_probability",
        &["unit"],
        units.iter().map(probability).collect(),
        "1",
        "probability that tau_s and tau_r are in this order",
    ))
}

fn with_words(group: Group, units: &[UnitJudgement]) -> Group {
    let words = |name: &str, f: &dyn Fn(&UnitJudgement) -> String, what: &str| {
        let values: Vec<String> = units.iter().map(f).collect();
        Variable::new(name, &["unit"], values).long_name(what)
    };
    group
        .variable(words(
            "verdict",
            &|u| u.verdict.name().to_owned(),
            "ordered, order-unknown or not-identifiable",
        ))
        .variable(
            Variable::new(
                "is_reversed",
                &["unit"],
                units.iter().map(|u| u.is_reversed).collect::<Vec<_>>(),
            )
            .units("1")
            .long_name("whether tau_s and tau_r are in the other order here than in the result"),
        )
        .variable(words(
            "interval_source",
            &|u| u.source.name().to_owned(),
            "what the intervals come from",
        ))
        .variable(words(
            "reason",
            &|u| u.reason.clone(),
            "what a person should know about the unit",
        ))
}

fn with_twins(group: Group, units: &[UnitJudgement], time: &str) -> Group {
    if units.iter().all(|unit| unit.twin.is_none()) {
        return group;
    }
    let of = |f: &dyn Fn(&Twin) -> f64| -> Vec<f64> {
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
