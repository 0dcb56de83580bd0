//! What a result file says, as far as it says it: a report shows what is there.

use super::choice::Shown;
use super::node::{Node, units_of};
use std::path::{Path, PathBuf};
use tauscope_fit::store::{Group, StoreError, StoredFile};

/// The splits, in the order in which they are shown.
pub const SPLITS: [&str; 3] = ["train", "valid", "test"];

/// A result in memory.
#[derive(Debug)]
pub struct Contents {
    /// The file.
    pub path: PathBuf,
    root: Group,
    /// Labels of the units.
    pub units: Vec<String>,
    /// The time constants that the model has.
    pub taus: Vec<Tau>,
    /// Targets and predictions of the splits that have any.
    pub predictions: Vec<SplitData>,
    /// Unit of times.
    pub time_units: String,
    /// What is shown of them.
    pub(super) shown: Shown,
}

/// Time constants of one kind.
#[derive(Debug, Clone)]
pub struct Tau {
    /// `tau_s` or `tau_r`.
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    /// By unit.
    pub values: Vec<f64>,
    /// Lower and upper end by unit, where the file has them.
    pub intervals: Option<Vec<[f64; 2]>>,
}

/// Targets and predictions of one split.
#[derive(Debug)]
pub struct SplitData {
    /// Its name.
    pub split: &'static str,
    /// Labels of its trials.
    pub trials: Vec<String>,
    /// Labels of the outputs.
    pub outputs: Vec<String>,
    /// Times of the targets.
    pub times: Vec<f64>,
    /// Unit of the activity.
    pub units: String,
    target: Vec<f64>,
    prediction: Vec<f64>,
}

impl Contents {
    /// Reads the result `path`.
    ///
    /// # Errors
    /// [`StoreError`] where it is none, or damaged.
    pub fn read(path: &Path) -> Result<Contents, StoreError> {
        let root = StoredFile::open_result(path)?.root().load()?;
        let node = Node(&root);
        let parameters = node.child("parameters");
        let time_units = node.text("time_units").unwrap_or_default().to_owned();
        let taus = parameters.map_or_else(Vec::new, |p| taus(p, node.child("uncertainty")));
        let n_units = taus.first().map(|tau| tau.values.len());
        let n_units = n_units.or_else(|| Some(*parameters?.variable("W")?.shape.first()?));
        let n_units = n_units.unwrap_or(0);
        let units = parameters.map_or_else(Vec::new, |p| p.labels("unit", n_units));
        let split = |name| SplitData::read(node.child("predictions")?.child(name)?, name);
        let mut predictions: Vec<SplitData> = SPLITS.into_iter().filter_map(split).collect();
        let n_outputs = predictions.first().map(|data| data.outputs.len());
        predictions.retain(|data| Some(data.outputs.len()) == n_outputs);
        Ok(Contents {
            path: path.to_owned(),
            units,
            taus,
            predictions,
            time_units,
            root,
            shown: Shown::default(),
        })
    }

    /// The whole file.
    pub fn root(&self) -> Node<'_> {
        Node(&self.root)
    }

    /// One of its groups.
    pub fn group(&self, name: &str) -> Option<Node<'_>> {
        self.root().child(name)
    }

    /// A score by split; NaN where there is none.
    pub fn score(&self, name: &str) -> [f64; 3] {
        let stored = self
            .group("metrics")
            .and_then(|metrics| metrics.reals(name));
        let stored = stored.unwrap_or_default();
        std::array::from_fn(|i| stored.get(i).copied().unwrap_or(f64::NAN))
    }

    /// Whether spike counts were fitted.
    pub fn is_of_counts(&self) -> bool {
        let metrics = self.group("metrics");
        metrics.is_some_and(|metrics| metrics.reals("bits_per_spike").is_some())
    }

    /// What the cost is the mean of.
    pub fn cost_in_words(&self) -> &'static str {
        if self.is_of_counts() {
            "mean deviance of a count"
        } else {
            "mean squared residual"
        }
    }

    /// The median interval between targets; none where there are fewer than two.
    pub fn sample_interval(&self) -> Option<f64> {
        let times = &self.predictions.first()?.times;
        let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied()
    }

    /// From the first target to the last.
    pub fn duration(&self) -> Option<f64> {
        let times = &self.predictions.first()?.times;
        Some(times.last()? - times.first()?)
    }

    /// The configuration of the fit.
    pub fn configuration(&self) -> Option<toml::Table> {
        self.group("provenance")?
            .text("configuration")?
            .parse()
            .ok()
    }

    /// The bounds of the time constants, where the configuration gives them.
    pub fn tau_bounds(&self) -> Option<[f64; 2]> {
        let configuration = self.configuration()?;
        let bounds = configuration.get("tau_bounds")?.as_array()?;
        let number = |i: usize| {
            let value = bounds.get(i)?;
            value
                .as_float()
                .or_else(|| value.as_integer().map(|n| n as f64))
        };
        Some([number(0)?, number(1)?])
    }
}

/// The time constants with their intervals. `uncertainty/tau_s` is an interval where it has two columns and a standard error where it
/// has none; `uncertainty/tau_s_interval` is an interval.
fn taus(parameters: Node<'_>, uncertainty: Option<Node<'_>>) -> Vec<Tau> {
    let known = [
        ("tau_s", "synaptic time constant"),
        ("tau_r", "rate time constant"),
    ];
    let tau = |(name, what): (&'static str, &'static str)| {
        let values = parameters.reals(name)?;
        let intervals = uncertainty.and_then(|u| intervals(u, name, &values));
        Some(Tau {
            name,
            what,
            values,
            intervals,
        })
    };
    let mut taus: Vec<Tau> = known.into_iter().filter_map(tau).collect();
    let n_units = taus.first().map(|tau| tau.values.len());
    taus.retain(|tau| Some(tau.values.len()) == n_units);
    taus
}

fn intervals(uncertainty: Node<'_>, name: &str, values: &[f64]) -> Option<Vec<[f64; 2]>> {
    let stored = uncertainty
        .reals(&format!("{name}_interval"))
        .or_else(|| uncertainty.reals(name))
        .filter(|stored| stored.iter().any(|end| end.is_finite()))?;
    if stored.len() == 2 * values.len() {
        return Some(stored.chunks(2).map(|pair| [pair[0], pair[1]]).collect());
    }
    let half = 1.96;
    let around =
        |(value, error): (&f64, &f64)| [(value - half * error).max(0.0), value + half * error];
    (stored.len() == values.len()).then(|| values.iter().zip(&stored).map(around).collect())
}

impl SplitData {
    fn read(group: Node<'_>, split: &'static str) -> Option<SplitData> {
        let target = group.variable("target")?;
        let [n_trials, n_times, n_outputs] = target.shape[..] else {
            return None;
        };
        let data = SplitData {
            split,
            trials: group.labels("trial", n_trials),
            outputs: group.labels("output", n_outputs),
            times: group
                .vector("target_time")
                .filter(|times| times.len() == n_times)?,
            units: units_of(target),
            target: target.values.as_real()?,
            prediction: group.reals("prediction")?,
        };
        (!data.target.is_empty() && data.target.len() == data.prediction.len()).then_some(data)
    }

    fn index(&self, trial: usize, time: usize, output: usize) -> usize {
        (trial * self.times.len() + time) * self.outputs.len() + output
    }

    /// What was observed of an output in a trial; NaN where nothing was.
    pub fn target(&self, trial: usize, output: usize) -> Vec<f64> {
        (0..self.times.len())
            .map(|time| self.target[self.index(trial, time, output)])
            .collect()
    }

    /// What the network predicts.
    pub fn prediction(&self, trial: usize, output: usize) -> Vec<f64> {
        (0..self.times.len())
            .map(|time| self.prediction[self.index(trial, time, output)])
            .collect()
    }

    /// Target minus prediction; NaN where one of them is missing.
    pub fn residual(&self, trial: usize, output: usize) -> Vec<f64> {
        let pairs = self
            .target(trial, output)
            .into_iter()
            .zip(self.prediction(trial, output));
        pairs
            .map(|(target, prediction)| target - prediction)
            .collect()
    }
}

/// The median of what is no NaN; NaN where nothing is left.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

/// Indices of `values` from the least to the largest; what is NaN is left out.
pub fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&i| !values[i].is_nan()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    order
}
