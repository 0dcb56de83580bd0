use super::provenance::now;
use super::score::{CountScores, Predictions, SPLITS, ScoresBy};
use super::{FitResult, Provenance, Run, Rung};
use crate::config::EffectiveConfig;
use crate::dataset::{Dataset, TargetSampling};
use crate::identify::uncertainty;
use crate::initial_state::InitialStateKind;
use crate::layout::ModelLayout;
use crate::optimizer::{IterationRecord, Termination};
use crate::plan::FitPlan;
use crate::readout::ReadoutKind;
use crate::store::{Group, StoreError, Values, Variable, write_file};
use nalgebra::DMatrix;
use std::path::Path;
use tauscope_dynamics::ModelKind;

/// Writes a result file, see the format in `ARCHITECTURE.md`.
///
/// # Errors
/// [`StoreError`] where the file cannot be written; then nothing is left behind.
pub fn write_result(
    path: &Path,
    result: &FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    provenance: &Provenance,
) -> Result<(), StoreError> {
    let names = Names::new(&plan.layout, dataset);
    let mut root = Group::new()
        .attribute("tauscope_format", "result")
        .attribute("schema_version", 1_i64)
        .attribute("title", format!("fit of {}", dataset.name()))
        .attribute("time_units", dataset.time_units())
        .attribute("model", plan.layout.model.name())
        .attribute("activation", plan.layout.activation.name())
        .attribute("readout", plan.layout.readout.kind().name())
        .attribute("observation", plan.observation.name())
        .group("parameters", parameters(&result.theta, plan, &names))
        .group("history", history(&result.best.history, &names))
        .group("starts", starts(&result.starts, &names))
        .group("penalties", penalties(&result.ladder))
        .group("predictions", predictions(result, dataset, &names))
        .group("metrics", metrics(result, &names))
        .group("split", split(plan, dataset))
        .group("certificate", certificate(result))
        .group(
            "provenance",
            provenance_group(result, plan, dataset, provenance),
        );
    if let Some(found) = &result.identification {
        root = root.group("uncertainty", uncertainty(found, &names));
    }
    write_file(path, &root)
}

/// Labels and units that every group repeats.
pub(crate) struct Names {
    pub(crate) units: Values,
    inputs: Values,
    outputs: Values,
    pub(crate) time_units: String,
    pub(crate) target_units: String,
}

impl Names {
    pub(crate) fn new(layout: &ModelLayout, dataset: &Dataset) -> Names {
        let n = layout.n_units;
        let observed = layout.readout.kind() != ReadoutKind::Linear;
        let label = |unit: usize| match dataset.output_labels().text(unit) {
            Some(label) if observed => label,
            _ => format!("hidden-{unit}"),
        };
        let units = if observed && dataset.output_labels().len() == n {
            dataset.output_labels().clone()
        } else {
            Values::from((0..n).map(label).collect::<Vec<_>>())
        };
        Names {
            units,
            inputs: dataset.input_labels().clone(),
            outputs: dataset.output_labels().clone(),
            time_units: dataset.time_units().to_owned(),
            target_units: dataset.target_units().unwrap_or("1").to_owned(),
        }
    }

    pub(crate) fn unit(&self) -> Variable {
        Variable::new("unit", &["unit"], self.units.clone()).long_name("unit of the network")
    }

    pub(crate) fn output(&self) -> Variable {
        Variable::new("output", &["output"], self.outputs.clone()).long_name("observed output")
    }
}

pub(crate) fn splits() -> Variable {
    let words: Vec<String> = SPLITS.iter().map(|s| s.name().to_owned()).collect();
    Variable::new("split", &["split"], words).long_name("part that the trials play")
}

/// A matrix as files hold it: row by row.
fn by_row(m: &DMatrix<f64>) -> Vec<f64> {
    m.transpose().as_slice().to_vec()
}

pub(crate) fn parameters(theta: &[f64], plan: &FitPlan, names: &Names) -> Group {
    let layout = &plan.layout;
    let p = layout.network.expand(&theta[layout.network_range()]);
    let (tau_s, tau_r) = layout.time_constants(theta);
    let mut group = Group::new()
        .coordinate(names.unit())
        .coordinate(
            Variable::new("source_unit", &["source_unit"], names.units.clone())
                .long_name("unit that drives"),
        )
        .variable(one(
            "W",
            &["unit", "source_unit"],
            by_row(&p.w),
            "recurrent weight",
        ));
    if layout.n_inputs > 0 {
        group = group
            .coordinate(
                Variable::new("input", &["input"], names.inputs.clone()).long_name("input channel"),
            )
            .variable(one("U", &["unit", "input"], by_row(&p.u), "input weight"));
    }
    if layout.with_bias {
        group = group.variable(one("b", &["unit"], p.b.as_slice().to_vec(), "bias"));
    }
    for (name, tau, what) in [
        ("tau_s", tau_s, "synaptic time constant"),
        ("tau_r", tau_r, "rate time constant"),
    ] {
        if !tau.is_empty() {
            group = group.variable(
                Variable::new(name, &["unit"], tau)
                    .units(&names.time_units)
                    .long_name(what),
            );
        }
    }
    group = with_readout(group, theta, plan, names);
    with_initial_state(group, theta, plan)
}

fn one(name: &str, dims: &[&str], values: Vec<f64>, what: &str) -> Variable {
    Variable::new(name, dims, values).units("1").long_name(what)
}

fn with_readout(mut group: Group, theta: &[f64], plan: &FitPlan, names: &Names) -> Group {
    let readout = &plan.layout.readout;
    let values = readout.values(&theta[plan.layout.readout_range()]);
    let (name, dims): (_, &[&str]) = match readout.kind() {
        ReadoutKind::Direct => return group,
        ReadoutKind::Scaled => ("c", &["output"]),
        ReadoutKind::Linear => ("C", &["output", "unit"]),
    };
    group = group.coordinate(names.output());
    let gain = Variable::new(name, dims, by_row(&values.gain))
        .units(&names.target_units)
        .long_name("gain of the readout");
    let offset = Variable::new("d", &["output"], values.offset.as_slice().to_vec());
    group.variable(gain).variable(
        offset
            .units(&names.target_units)
            .long_name("offset of the readout"),
    )
}

fn with_initial_state(group: Group, theta: &[f64], plan: &FitPlan) -> Group {
    let layout = &plan.layout;
    let theta = &theta[layout.initial_range()];
    let current = |v: &[f64]| one("I0", &["unit"], v.to_vec(), "initial current");
    let rate = |v: &[f64]| one("r0", &["unit"], v.to_vec(), "initial rate");
    match (&layout.initial_state, layout.model) {
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, ModelKind::Rate) => {
            group.variable(rate(theta))
        }
        (InitialStateKind::LearnedFree, ModelKind::TwoConstant) => {
            let (currents, rates) = theta.split_at(layout.n_units);
            group.variable(current(currents)).variable(rate(rates))
        }
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, _) => {
            group.variable(current(theta))
        }
        _ => group,
    }
}

pub(crate) fn real(
    name: &str,
    dims: &[&str],
    values: Vec<f64>,
    units: &str,
    what: &str,
) -> Variable {
    Variable::new(name, dims, values)
        .units(units)
        .long_name(what)
}

pub(crate) fn count(name: &str, dims: &[&str], values: Vec<i64>, what: &str) -> Variable {
    Variable::new(name, dims, values).units("1").long_name(what)
}

/// The time constants of one kind at an iteration.
type TauOf = fn(&IterationRecord) -> &Vec<f64>;

fn history(records: &[IterationRecord], names: &Names) -> Group {
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

fn starts(runs: &[Run], names: &Names) -> Group {
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
fn penalties(ladder: &[Rung]) -> Group {
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

fn predictions(result: &FitResult, dataset: &Dataset, names: &Names) -> Group {
    let mut group = Group::new();
    let splits = SPLITS.iter().zip(&result.scores.predictions);
    // a copy of the targets alone would only take time, of which there is none
    for (split, predictions) in splits.filter(|(_, predictions)| !predictions.is_cut) {
        group = group.group(split.name(), prediction(predictions, dataset, names));
    }
    group
}

fn prediction(split: &Predictions, dataset: &Dataset, names: &Names) -> Group {
    let labels = select(dataset.trial_labels(), &split.trials);
    let dims = ["trial", "target_time", "output"];
    // stored (trial, target_time, output); a matrix here is (output, target_time), column-major
    let are_counts = dataset.target_sampling() == TargetSampling::BinCount;
    let (observed, expected) = if are_counts {
        (
            "spike count",
            "mean spike count that the fitted network predicts",
        )
    } else {
        (
            "observed activity",
            "activity that the fitted network predicts",
        )
    };
    let flat = |of: &dyn Fn(usize) -> Vec<f64>| -> Vec<f64> {
        (0..split.trials.len()).flat_map(of).collect()
    };
    let target = flat(&|k| dataset.targets()[split.trials[k]].as_slice().to_vec());
    let predicted = flat(&|k| split.predictions[k].as_slice().to_vec());
    Group::new()
        .coordinate(Variable::new("trial", &["trial"], labels).long_name("trial"))
        .coordinate(real(
            "target_time",
            &["target_time"],
            dataset.target_time().to_vec(),
            &names.time_units,
            "time of the target",
        ))
        .coordinate(names.output())
        .variable(real("target", &dims, target, &names.target_units, observed))
        .variable(real(
            "prediction",
            &dims,
            predicted,
            &names.target_units,
            expected,
        ))
}

fn select(labels: &Values, at: &[usize]) -> Values {
    match labels {
        Values::Real(v) => Values::Real(at.iter().map(|&k| v[k]).collect()),
        Values::Integer(v) => Values::Integer(at.iter().map(|&k| v[k]).collect()),
        Values::Flag(v) => Values::Flag(at.iter().map(|&k| v[k]).collect()),
        Values::Text(v) => Values::Text(at.iter().map(|&k| v[k].clone()).collect()),
    }
}

fn metrics(result: &FitResult, names: &Names) -> Group {
    let scores = &result.scores;
    let by_output: Vec<f64> = scores.r2_by_output.iter().flatten().copied().collect();
    let mut group = Group::new()
        .coordinate(splits())
        .coordinate(names.output())
        .variable(real(
            "cost",
            &["split"],
            scores.cost.to_vec(),
            "1",
            if scores.counts.is_some() {
                "mean deviance of a count"
            } else {
                "mean squared residual"
            },
        ))
        .variable(real(
            "r2",
            &["split"],
            scores.r2.to_vec(),
            "1",
            "1 - SSE/SST about the train means",
        ))
        .variable(real(
            "r2_by_output",
            &["split", "output"],
            by_output,
            "1",
            "1 - SSE/SST about the train mean",
        ));
    if let Some(counts) = &scores.counts {
        group = with_counts(group, counts);
    }
    if let Some(ScoresBy {
        variable: name,
        rows,
    }) = &scores.r2_by
    {
        let labels: Vec<String> = rows.iter().map(|(label, _)| label.clone()).collect();
        let values: Vec<f64> = rows.iter().flat_map(|(_, r2)| r2.iter().copied()).collect();
        group = group
            .coordinate(
                Variable::new(name, &[name], labels).long_name("value of the variable over trials"),
            )
            .variable(real(
                &format!("r2_by_{name}"),
                &[name, "split"],
                values,
                "1",
                "1 - SSE/SST about the train means",
            ));
    }
    group
}

fn with_counts(mut group: Group, counts: &CountScores) -> Group {
    let by_split = [
        ("deviance", counts.deviance, "1", "deviance of the counts"),
        (
            "deviance_of_mean",
            counts.deviance_of_mean,
            "1",
            "deviance of the mean rates over the train trials",
        ),
        ("spikes", counts.spikes, "1", "number of spikes"),
        (
            "bits_per_spike",
            counts.bits_per_spike,
            "bit",
            "gain in log-likelihood over the mean rates of the train trials",
        ),
    ];
    for (name, values, units, what) in by_split {
        group = group.variable(real(name, &["split"], values.to_vec(), units, what));
    }
    let by_output = [
        (
            "deviance_by_output",
            &counts.deviance_by_output,
            "1",
            "deviance of the counts",
        ),
        (
            "bits_per_spike_by_output",
            &counts.bits_per_spike_by_output,
            "bit",
            "gain in log-likelihood over the mean rate of the train trials",
        ),
    ];
    for (name, values, units, what) in by_output {
        group = group.variable(real(
            name,
            &["split", "output"],
            values.concat(),
            units,
            what,
        ));
    }
    group
}

fn split(plan: &FitPlan, dataset: &Dataset) -> Group {
    let words: Vec<String> = plan.split.iter().map(|s| s.name().to_owned()).collect();
    Group::new()
        .coordinate(
            Variable::new("trial", &["trial"], dataset.trial_labels().clone()).long_name("trial"),
        )
        .variable(Variable::new("split", &["trial"], words).long_name("part that the trial plays"))
}

fn certificate(result: &FitResult) -> Group {
    let best = &result.best;
    let names: Vec<String> = result
        .gradient_check
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let check: Vec<f64> = result
        .gradient_check
        .iter()
        .map(|(_, value)| *value)
        .collect();
    Group::new()
        .attribute("converged", best.converged)
        .attribute("termination", best.termination.as_str())
        .attribute("iterations", best.iterations as i64)
        .attribute("kept_iteration", best.kept_iteration as i64)
        .attribute("gradient_norm", best.gradient_norm)
        .attribute("parameters_at_bound", best.parameters_at_bound as i64)
        .attribute("solver_failures", (best.solver_failures + result.scores.failed_trials as u64) as i64)
        .coordinate(Variable::new("block", &["block"], names).long_name("block of parameters"))
        .variable(real(
            "adjoint_vs_forward",
            &["block"],
            check,
            "1",
            "relative difference of adjoint and forward sensitivities in a random direction, at the fitted parameters",
        ))
}

fn provenance_group(
    result: &FitResult,
    plan: &FitPlan,
    dataset: &Dataset,
    provenance: &Provenance,
) -> Group {
    origin(dataset, &plan.config, provenance)
        .attribute("method", plan.integrator.name())
        .attribute("optimizer", plan.optimizer.optimizer().as_str())
        .attribute("l2", result.l2)
        .attribute("seconds", result.seconds)
        .attribute("warnings", result.warnings.clone())
        .attribute("end_time", now())
}

/// What every file says of where it comes from.
pub(crate) fn origin(
    dataset: &Dataset,
    config: &EffectiveConfig,
    provenance: &Provenance,
) -> Group {
    let path = dataset.path().map_or_else(String::new, |p| {
        std::fs::canonicalize(p)
            .unwrap_or_else(|_| p.to_owned())
            .display()
            .to_string()
    });
    Group::new()
        .attribute("command_line", provenance.command_line.as_str())
        .attribute("configuration", config.to_toml())
        .attribute("configuration_files", provenance.config_files.join("\n"))
        .attribute("dataset", path)
        .attribute("dataset_sha256", dataset.sha256().unwrap_or_default())
        .attribute("seed", config.seed as i64)
        .attribute("threads", provenance.threads as i64)
        .attribute("version", env!("CARGO_PKG_VERSION"))
        .attribute("git_commit", provenance.commit.as_str())
        .attribute("start_time", provenance.start.as_str())
        .attribute("run", provenance.run.as_str())
}
