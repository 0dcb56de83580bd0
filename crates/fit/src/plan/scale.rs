//! What a prediction is measured by: the mean of each output over the train trials.

use super::{BATCH, FitPlan, PlanError};
use crate::batch::{StepError, TrialBatch};
use crate::dataset::Dataset;
use crate::observation::{Link, ObservationModel, deviance};

/// [`mean_rates`], none of which may be 0.
pub(super) fn rates(dataset: &Dataset, train: &[usize]) -> Result<Vec<f64>, String> {
    let rates = mean_rates(dataset, train);
    match rates.iter().position(|rate| *rate == 0.0) {
        None => Ok(rates),
        Some(silent) => {
            let label = dataset.output_labels().text(silent).unwrap_or_default();
            Err(format!(
                "output {silent} (label {label}) has no spike in any train trial, so that it has no rate: leave it out, or train on trials in which it fires"
            ))
        }
    }
}

/// The outputs at which counts have their mean rates, and what changes these by as much as themselves.
pub(super) fn of_outputs(link: Link, rates: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let of = |&rate: &f64| (link.inverse(rate), link.scale(rate));
    rates.iter().map(of).unzip()
}

/// Spikes per time unit of each output over the observed bins of `trials`, of a dataset of counts; 0 where there is none.
fn mean_rates(dataset: &Dataset, trials: &[usize]) -> Vec<f64> {
    let widths = dataset.bin_widths();
    let of = |output: usize| {
        let (mut spikes, mut time) = (0.0, 0.0);
        for &k in trials {
            let counts = dataset.targets()[k].row(output);
            for (count, width) in counts.iter().zip(&widths).filter(|(c, _)| !c.is_nan()) {
                spikes += count;
                time += width;
            }
        }
        if time > 0.0 { spikes / time } else { 0.0 }
    };
    (0..dataset.n_outputs()).map(of).collect()
}

impl FitPlan {
    pub(super) fn mean_prediction_cost(
        &self,
        dataset: &Dataset,
        train: &[usize],
    ) -> Result<f64, PlanError> {
        let batches = TrialBatch::cut(dataset, train, BATCH, &self.integrator, self.stride, false)?;
        let (mut sum, mut count) = (0.0, 0);
        for observation in batches.iter().flat_map(|b| b.observations.iter()) {
            for column in observation.values.column_iter() {
                for (output, v) in column.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
                    sum += self.mean_loss(output, *v, observation.width);
                    count += 1;
                }
            }
        }
        if count == 0 {
            let step = self.config.step.set().map_or(0.0, |s| s.get());
            return Err(self
                .config
                .unfit("step", StepError::NoTargets { step })
                .into());
        }
        // targets that never change leave nothing to normalise by
        Ok(if sum > 0.0 { sum / count as f64 } else { 1.0 })
    }

    /// Loss of predicting the train mean of an output, of counts the mean rate over a bin of length `width`, where `target` was
    /// observed.
    pub(crate) fn mean_loss(&self, output: usize, target: f64, width: f64) -> f64 {
        match self.observation {
            ObservationModel::Gaussian => {
                ((target - self.target_mean[output]) / self.noise[output]).powi(2)
            }
            ObservationModel::Poisson(_) => deviance(target, self.mean_rate[output] * width),
        }
    }
}
