//! What the fitted network predicts, and how well: the groups `predictions` and `metrics`.

use super::super::FitResult;
use super::super::score::{CountScores, Predictions, SPLITS, ScoresBy};
use super::names::{Names, real, splits};
use crate::dataset::{Dataset, TargetSampling};
use crate::store::{Group, Values, Variable};

pub(super) fn predictions(result: &FitResult, dataset: &Dataset, names: &Names) -> Group {
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

pub(super) fn metrics(result: &FitResult, names: &Names) -> Group {
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
