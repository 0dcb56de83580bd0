//! What the optimizer did: the groups `history`, `starts` and `penalties`.

use super::super::{Run, Rung};
use super::names::{Names, count, real};
use crate::optimizer::{IterationRecord, Termination};
use crate::store::{Group, Variable};

/// The time constants of one kind at an iteration.
type TauOf = fn(&IterationRecord) -> &Vec<f64>;

pub(super) fn history(records: &[IterationRecord], names: &Names) -> Group {
    let at = ["iteration"];
    let column =
        |f: &dyn Fn(&IterationRecord) -> f64| -> Vec<f64> { records.iter().map(f).collect() };
    let integers = |f: &dyn Fn(&IterationRecord) -> u64| -> Vec<i64> {
        records.iter().map(|r| f(r) as i64).collect()
    };
    let mut group = Group::new()
        .coordinate(count(
            "iteration",
            &at,
            integers(&|r| r.iteration),
            "iteration of the optimizer",
        ))
        .coordinate(names.unit())
        .variable(real(
            "objective",
            &at,
            column(&|r| r.objective),
            "1",
            "normalised cost plus penalty",
        ))
        .variable(real(
            "cost",
            &at,
            column(&|r| r.cost),
            "1",
            "cost on the train trials",
        ))
        .variable(real(
            "cost_valid",
            &at,
            column(&|r| r.cost_valid.unwrap_or(f64::NAN)),
            "1",
            "cost on the validation trials",
        ))
        .variable(real(
            "gradient_norm",
            &at,
            column(&|r| r.gradient_norm),
            "1",
            "largest component of the projected gradient",
        ))
        .variable(real(
            "step_length",
            &at,
            column(&|r| r.step_length),
            "1",
            "length of the step in parameter space",
        ))
        .variable(real(
            "seconds",
            &at,
            column(&|r| r.seconds),
            "s",
            "time since the start of the run",
        ))
        .variable(count(
            "rhs_evaluations",
            &at,
            integers(&|r| r.rhs_evaluations),
            "right-hand sides since the start of the run",
        ))
        .variable(count(
            "rejected_solves",
            &at,
            integers(&|r| r.rejected_solves),
            "failed solves since the start of the run",
        ));
    let taus: [(&str, TauOf, &str); 2] = [
        ("tau_s", |r| &r.tau_s, "synaptic time constant"),
        ("tau_r", |r| &r.tau_r, "rate time constant"),
    ];
    for (name, of, what) in taus {
        let values: Vec<f64> = records.iter().flat_map(|r| of(r).iter().copied()).collect();
        if !values.is_empty() {
            group = group.variable(real(
                name,
                &["iteration", "unit"],
                values,
                &names.time_units,
                what,
            ));
        }
    }
    group
}

pub(super) fn starts(runs: &[Run], names: &Names) -> Group {
    let at = ["start"];
    let n_units = names.units.len();
    let column = |f: &dyn Fn(&crate::optimizer::Outcome) -> f64| -> Vec<f64> {
        runs.iter()
            .map(|run| run.outcome.as_ref().map_or(f64::NAN, f))
            .collect()
    };
    let termination = |run: &Run| {
        let reason = run
            .outcome
            .as_ref()
            .map_or(Termination::SolverFailure, |o| o.termination);
        reason.as_str().to_owned()
    };
    let iterations = |run: &Run| run.outcome.as_ref().map_or(0, |o| o.iterations as i64);
    let mut group = Group::new()
        .coordinate(count(
            "start",
            &at,
            runs.iter().map(|r| r.start as i64).collect(),
            "start",
        ))
        .coordinate(names.unit())
        .variable(real(
            "objective",
            &at,
            column(&|o| o.objective),
            "1",
            "normalised cost plus penalty",
        ))
        .variable(real(
            "cost",
            &at,
            column(&|o| o.cost),
            "1",
            "cost on the train trials",
        ))
        .variable(real(
            "cost_valid",
            &at,
            column(&|o| o.cost_valid.unwrap_or(f64::NAN)),
            "1",
            "cost on the validation trials",
        ))
        .variable(
            Variable::new(
                "termination",
                &at,
                runs.iter().map(termination).collect::<Vec<_>>(),
            )
            .long_name("why it stopped"),
        )
        .variable(count(
            "iterations",
            &at,
            runs.iter().map(iterations).collect(),
            "iterations",
        ))
        .variable(count(
            "seed",
            &at,
            runs.iter().map(|r| r.start as i64).collect(),
            "stream of the random numbers within the seed",
        ));
    let kept = |run: &Run, of: TauOf| -> Vec<f64> {
        let record = run
            .outcome
            .as_ref()
            .ok()
            .and_then(|o| o.history.iter().find(|r| r.iteration == o.kept_iteration));
        record.map_or_else(|| vec![f64::NAN; n_units], |record| of(record).clone())
    };
    let taus: [(&str, TauOf, &str); 2] = [
        ("tau_s", |r| &r.tau_s, "synaptic time constant"),
        ("tau_r", |r| &r.tau_r, "rate time constant"),
    ];
    for (name, of, what) in taus {
        let values: Vec<f64> = runs.iter().flat_map(|run| kept(run, of)).collect();
        if values.len() == runs.len() * n_units {
            group = group.variable(real(
                name,
                &["start", "unit"],
                values,
                &names.time_units,
                what,
            ));
        }
    }
    group
}

/// What the ladder of penalties reached on the first start.
pub(super) fn penalties(ladder: &[Rung]) -> Group {
    let column = |f: fn(&Rung) -> f64| ladder.iter().map(f).collect::<Vec<_>>();
    let at = ["l2"];
    Group::new()
        .coordinate(real(
            "l2",
            &at,
            column(|r| r.l2),
            "1",
            "penalty on the squares of W and U in the normalised objective",
        ))
        .variable(real(
            "cost",
            &at,
            column(|r| r.cost),
            "1",
            "cost on the train trials",
        ))
        .variable(real(
            "cost_valid",
            &at,
            column(|r| r.cost_valid),
            "1",
            "cost on the validation trials",
        ))
}
