//! Which trials and outputs a report shows: those that were named, else by rank.

use super::contents::{Contents, SplitData, ascending};
use crate::args::ShownOptions;
use crate::exit::OptionError;

/// An output of a trial that is shown, and why.
pub struct Choice {
    pub trial: usize,
    pub output: usize,
    pub why: String,
    /// That of the trace; NaN where the output does not vary.
    pub r2: f64,
}

/// What was named on the command line.
#[derive(Debug, Default)]
pub struct Shown {
    /// Labels of trials; none: by rank.
    trials: Option<Vec<String>>,
    /// Indices of outputs; none: by rank.
    outputs: Option<Vec<usize>>,
}

impl Contents {
    /// Takes the trials and outputs that were named.
    ///
    /// # Errors
    /// [`OptionError::Unknown`] for what the file does not have.
    pub fn choose(&mut self, options: &ShownOptions) -> Result<(), OptionError> {
        let trials: Vec<String> = self
            .predictions
            .iter()
            .flat_map(|data| data.trials.clone())
            .collect();
        let in_order = self
            .group("split")
            .map(|split| split.labels("trial", trials.len()));
        let in_order = in_order
            .filter(|labels| labels.iter().all(|label| trials.contains(label)))
            .unwrap_or(trials);
        let outputs = self
            .predictions
            .first()
            .map_or_else(Vec::new, |data| data.outputs.clone());
        let named = |option,
                     words: &[String],
                     labels: &[String]|
         -> Result<Option<Vec<usize>>, OptionError> {
            let found = words
                .iter()
                .map(|word| find(option, word, labels))
                .collect::<Result<Vec<_>, _>>()?;
            Ok((!found.is_empty()).then_some(found))
        };
        let chosen = named("--trials", &options.trials, &in_order)?;
        self.shown = Shown {
            trials: chosen.map(|at| {
                at.into_iter()
                    .map(|trial| in_order[trial].clone())
                    .collect()
            }),
            outputs: named("--outputs", &options.outputs, &outputs)?,
        };
        Ok(())
    }
}

/// The place of a label, or else of an index.
fn find(option: &'static str, word: &str, labels: &[String]) -> Result<usize, OptionError> {
    let by_label = labels.iter().position(|label| label == word);
    let by_index = || {
        word.parse()
            .ok()
            .filter(|&index: &usize| index < labels.len())
    };
    by_label.or_else(by_index).ok_or_else(|| {
        let more = if labels.len() > 12 { ", .." } else { "" };
        let known = labels
            .iter()
            .take(12)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
            + more;
        OptionError::Unknown {
            option,
            value: word.to_owned(),
            known,
        }
    })
}

/// All that is shown, with the place of its split. By rank: the best, the median and the worst output, each in its median trial; of a single
/// output its best, median and worst trial.
pub fn all(contents: &Contents, means: &[f64]) -> Vec<(usize, Choice)> {
    let ranked = ranked_outputs(contents);
    let outputs = contents
        .shown
        .outputs
        .as_ref()
        .map(|named| named.iter().map(|&output| (output, "")).collect());
    let outputs = outputs.unwrap_or(ranked);
    let of_split = |(at, data): (usize, &SplitData)| {
        let choices = match &contents.shown.trials {
            Some(named) => of_trials(data, named, &outputs),
            None => by_rank(data, &outputs, means),
        };
        let scored = |c: Choice| Choice {
            r2: r2(data, c.trial, c.output, means),
            ..c
        };
        choices
            .into_iter()
            .map(move |choice| (at, scored(choice)))
            .collect::<Vec<_>>()
    };
    contents
        .predictions
        .iter()
        .enumerate()
        .flat_map(of_split)
        .collect()
}

fn choice(trial: usize, output: usize, why: &str) -> Choice {
    Choice {
        trial,
        output,
        why: why.to_owned(),
        r2: f64::NAN,
    }
}

fn of_trials(data: &SplitData, named: &[String], outputs: &[(usize, &str)]) -> Vec<Choice> {
    let trials = (0..data.trials.len()).filter(|&trial| named.contains(&data.trials[trial]));
    trials
        .flat_map(|trial| {
            outputs
                .iter()
                .map(move |&(output, why)| choice(trial, output, why))
        })
        .collect()
}

/// The mean of every output over the train trials.
pub fn train_means(contents: &Contents) -> Option<Vec<f64>> {
    let data = contents.predictions.first()?;
    let mean = |output: usize| {
        let observed = (0..data.trials.len())
            .flat_map(|trial| data.target(trial, output))
            .filter(|v| !v.is_nan());
        let (sum, count) = observed.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        sum / count
    };
    Some((0..data.outputs.len()).map(mean).collect())
}

/// Output and rank, judged on the most telling split that has scores.
fn ranked_outputs(contents: &Contents) -> Vec<(usize, &'static str)> {
    let n = contents.predictions[0].outputs.len();
    let stored = contents
        .group("metrics")
        .and_then(|m| m.reals("r2_by_output"))
        .unwrap_or_default();
    let rows: Vec<&[f64]> = stored.chunks(n.max(1)).collect();
    let scores = [2, 1, 0]
        .into_iter()
        .filter_map(|i| rows.get(i))
        .find(|row| row.iter().any(|r2| !r2.is_nan()));
    let order = scores.map_or_else(|| (0..n).collect(), |row| ascending(row));
    match order[..] {
        [] => vec![(0, "")],
        [only] => vec![(only, "")],
        [worst, best] => vec![(best, "better output"), (worst, "worse output")],
        [worst, .., best] => vec![
            (best, "best output"),
            (order[order.len() / 2], "median output"),
            (worst, "worst output"),
        ],
    }
}

fn by_rank(data: &SplitData, outputs: &[(usize, &str)], means: &[f64]) -> Vec<Choice> {
    let trials = |output: usize| {
        let scores: Vec<f64> = (0..data.trials.len())
            .map(|trial| r2(data, trial, output, means))
            .collect();
        ascending(&scores)
    };
    let single = data.outputs.len() == 1;
    let mut all = Vec::new();
    for &(output, rank) in outputs {
        let order = trials(output);
        let picked: Vec<(usize, &str)> = match order[..] {
            [] => continue,
            [.., best] if single && order.len() > 2 => {
                vec![
                    (best, "best trial"),
                    (order[order.len() / 2], "median trial"),
                    (order[0], "worst trial"),
                ]
            }
            [..] if single => order.iter().rev().map(|&trial| (trial, "")).collect(),
            [..] => vec![(order[order.len() / 2], rank)],
        };
        all.extend(
            picked
                .into_iter()
                .map(|(trial, why)| choice(trial, output, why)),
        );
    }
    all
}

fn r2(data: &SplitData, trial: usize, output: usize, means: &[f64]) -> f64 {
    let target = data.target(trial, output);
    let pairs = target
        .iter()
        .zip(data.prediction(trial, output))
        .filter(|(t, z)| !t.is_nan() && !z.is_nan());
    let (mut squared, mut about_mean) = (0.0, 0.0);
    for (t, z) in pairs {
        squared += (t - z).powi(2);
        about_mean += (t - means[output]).powi(2);
    }
    if about_mean > 0.0 {
        1.0 - squared / about_mean
    } else {
        f64::NAN
    }
}
