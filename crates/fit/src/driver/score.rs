use super::FitError;
use crate::dataset::{Dataset, Split};
use crate::objective::{FitObjective, Solved};
use crate::observation::{ObservationModel, deviance};
use crate::optimizer::{Objective, SolveFailure};
use crate::plan::{FitPlan, trials_of};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use std::f64::consts::LN_2;

/// The splits in the order of every file and table.
pub(super) const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

/// What the fitted network predicts of one split.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Trials, by index in the dataset.
    pub trials: Vec<usize>,
    /// Prediction of each (output, target_time); NaN where the trial does not reach or its solve failed.
    pub predictions: Vec<DMatrix<f64>>,
    /// Whether the caller stopped a solve: then nothing is predicted, and all scores of the split are NaN.
    pub is_cut: bool,
}

/// R2 by the values of a variable over trials.
#[derive(Debug, Clone)]
pub struct ScoresBy {
    /// The variable.
    pub variable: String,
    /// Each of its values, and R2 of its trials by split.
    pub rows: Vec<(String, [f64; 3])>,
}

/// How well the fitted network predicts.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Predictions of train, valid, test.
    pub predictions: [Predictions; 3],
    /// Mean squared residual, in units of the known noise, or mean deviance of a count, by split; NaN where there is none.
    pub cost: [f64; 3],
    /// 1 - SSE/SST by split, SST about each output's mean over the train trials.
    pub r2: [f64; 3],
    /// The same by output: three rows of `n_outputs`.
    pub r2_by_output: [Vec<f64>; 3],
    /// The same by the values of the variable `score_by`: label, and R2 by split.
    pub r2_by: Option<ScoresBy>,
    /// Scores of counts.
    pub counts: Option<CountScores>,
    /// Trials whose solve failed.
    pub failed_trials: usize,
}

/// How well counts are predicted, by split: NaN where there is none.
///
/// With the deviance D of the prediction and `D_0` of the mean-rate model, which gives every output its rate over the train
/// trials, the gain in log-likelihood is `(D_0 - D) / 2` nats: bits per spike are that over log 2 and the number of spikes.
#[derive(Debug, Clone)]
pub struct CountScores {
    /// Sum of the deviance.
    pub deviance: [f64; 3],
    /// That of the mean-rate model.
    pub deviance_of_mean: [f64; 3],
    /// Number of spikes.
    pub spikes: [f64; 3],
    /// Gain in log-likelihood over the mean-rate model.
    pub bits_per_spike: [f64; 3],
    /// Deviance by output: three rows of `n_outputs`.
    pub deviance_by_output: [Vec<f64>; 3],
    /// Bits per spike by output: likewise.
    pub bits_per_spike_by_output: [Vec<f64>; 3],
}

impl Scores {
    /// Whether there was no time for all of them.
    pub fn are_cut(&self) -> bool {
        self.predictions.iter().any(|split| split.is_cut)
    }
}

/// Predicts and scores every trial.
pub(super) fn scores(
    plan: &FitPlan,
    dataset: &Dataset,
    objective: &FitObjective<'_>,
    theta: &[f64],
) -> Result<Scores, FitError> {
    let mut failed_trials = 0;
    let mut predict = |split| -> Result<Predictions, FitError> {
        let batches = plan
            .batches(dataset, split, 1, true)
            .map_err(crate::plan::PlanError::from)?;
        let at = objective.unpack(theta).map_err(FitError::Evaluation)?;
        let trials = trials_of(&plan.split, split);
        let blank =
            DMatrix::from_element(dataset.n_outputs(), dataset.target_time().len(), f64::NAN);
        let mut predictions = vec![blank; trials.len()];
        let halted = |solved: &Result<Solved, SolveFailure>| matches!(solved, Err(failure) if failure.halted);
        // each trial by itself, so that one that fails takes no other with it
        let solved: Vec<_> = batches
            .par_iter()
            .map(|batch| objective.solve(&at, batch, &objective.integrator))
            .collect();
        if solved.iter().any(halted) {
            return Ok(Predictions {
                trials,
                predictions,
                is_cut: true,
            });
        }
        for (batch, solved) in batches.iter().zip(solved) {
            let Ok(slot) = trials.binary_search(&batch.trials[0]) else {
                continue;
            };
            let Ok(solved) = solved else {
                failed_trials += 1;
                continue;
            };
            for observation in batch.observations.iter() {
                let z = objective.prediction(&at, &solved.trajectory, observation);
                predictions[slot].set_column(observation.target, &z.column(0));
            }
        }
        Ok(Predictions {
            trials,
            predictions,
            is_cut: false,
        })
    };
    let predictions = [
        predict(Split::Train)?,
        predict(Split::Valid)?,
        predict(Split::Test)?,
    ];
    let all = |_: usize, _: usize| true;
    let sums =
        |p: &Predictions, keep: &dyn Fn(usize, usize) -> bool| Sums::over(plan, dataset, p, keep);
    let cost = predictions.each_ref().map(|p| sums(p, &all).cost());
    let r2 = predictions.each_ref().map(|p| sums(p, &all).r2());
    let r2_by_output = predictions.each_ref().map(|p| {
        (0..dataset.n_outputs())
            .map(|o| sums(p, &|_, output| output == o).r2())
            .collect()
    });
    let counts = plan
        .observation
        .is_poisson()
        .then(|| count_scores(dataset.n_outputs(), &predictions, &sums));
    let r2_by = plan.config.score_by.as_ref().and_then(|name| {
        let values = dataset.trial_variable(name)?.values.texts();
        let mut labels = values.clone();
        labels.sort();
        labels.dedup();
        let row = |label: &String| {
            predictions
                .each_ref()
                .map(|p| sums(p, &|trial, _| values[trial] == *label).r2())
        };
        Some(ScoresBy {
            variable: name.clone(),
            rows: labels
                .iter()
                .map(|label| (label.clone(), row(label)))
                .collect(),
        })
    });
    Ok(Scores {
        predictions,
        cost,
        r2,
        r2_by_output,
        r2_by,
        counts,
        failed_trials,
    })
}

/// The sums of a split over the trials and outputs that a rule keeps.
type SumsOf<'a> = dyn Fn(&Predictions, &dyn Fn(usize, usize) -> bool) -> Sums + 'a;

fn count_scores(
    n_outputs: usize,
    predictions: &[Predictions; 3],
    sums: &SumsOf<'_>,
) -> CountScores {
    let all = predictions.each_ref().map(|p| sums(p, &|_, _| true));
    let by_output = predictions.each_ref().map(|p| -> Vec<Sums> {
        let of = |output| sums(p, &|_, other| other == output);
        (0..n_outputs).map(of).collect()
    });
    let each = |value: fn(&Sums) -> f64| {
        by_output
            .each_ref()
            .map(|sums| sums.iter().map(value).collect())
    };
    CountScores {
        deviance: all.each_ref().map(Sums::deviance),
        deviance_of_mean: all.each_ref().map(|s| {
            if s.count > 0 {
                s.loss_of_mean
            } else {
                f64::NAN
            }
        }),
        spikes: all.each_ref().map(|s| s.targets),
        bits_per_spike: all.each_ref().map(Sums::bits_per_spike),
        deviance_by_output: each(Sums::deviance),
        bits_per_spike_by_output: each(Sums::bits_per_spike),
    }
}

/// Sums over observed targets that could be predicted.
struct Sums {
    squared: f64,
    loss: f64,
    about_mean: f64,
    loss_of_mean: f64,
    targets: f64,
    count: usize,
}

impl Sums {
    fn over(
        plan: &FitPlan,
        dataset: &Dataset,
        split: &Predictions,
        keep: &dyn Fn(usize, usize) -> bool,
    ) -> Sums {
        let mut sums = Sums {
            squared: 0.0,
            loss: 0.0,
            about_mean: 0.0,
            loss_of_mean: 0.0,
            targets: 0.0,
            count: 0,
        };
        let widths = dataset.bin_widths();
        for (&trial, prediction) in split.trials.iter().zip(&split.predictions) {
            let targets = &dataset.targets()[trial];
            for output in (0..dataset.n_outputs()).filter(|&output| keep(trial, output)) {
                for ((&z, &target), &width) in prediction
                    .row(output)
                    .iter()
                    .zip(targets.row(output).iter())
                    .zip(&widths)
                {
                    if target.is_nan() || z.is_nan() {
                        continue;
                    }
                    let residual = z - target;
                    sums.squared += residual * residual;
                    sums.loss += match plan.observation {
                        ObservationModel::Gaussian => (residual / plan.noise[output]).powi(2),
                        ObservationModel::Poisson(_) => deviance(target, z),
                    };
                    sums.loss_of_mean += plan.mean_loss(output, target, width);
                    sums.targets += target;
                    sums.about_mean += (target - plan.target_mean[output]).powi(2);
                    sums.count += 1;
                }
            }
        }
        sums
    }

    fn cost(&self) -> f64 {
        self.loss / self.count as f64
    }

    fn deviance(&self) -> f64 {
        if self.count > 0 { self.loss } else { f64::NAN }
    }

    /// NaN without a spike.
    fn bits_per_spike(&self) -> f64 {
        let nats = 0.5 * (self.loss_of_mean - self.loss);
        if self.targets > 0.0 {
            nats / (LN_2 * self.targets)
        } else {
            f64::NAN
        }
    }

    fn r2(&self) -> f64 {
        1.0 - self.squared / self.about_mean
    }
}

/// Relative difference, by block, of the adjoint's and the forward sensitivities' derivative of the objective in one
/// random direction; NaN where a solve fails.
pub(super) fn gradient_check(
    objective: &FitObjective<'_>,
    theta: &[f64],
    seed: u64,
) -> Vec<(String, f64)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let blocks = objective.blocks();
    let directions: Vec<Vec<f64>> = blocks
        .iter()
        .map(|(_, range)| {
            let mut v = vec![0.0; theta.len()];
            v[range.clone()].fill_with(|| rng.sample(StandardNormal));
            v
        })
        .collect();
    let gradient = objective.evaluate(theta).map(|e| e.gradient);
    let forward = objective.directional_derivatives(theta, &directions);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let differences = blocks.into_iter().enumerate().map(|(i, (name, range))| {
        let difference = match (&gradient, &forward) {
            (Ok(gradient), Ok(forward)) => {
                let adjoint = dot(gradient, &directions[i]);
                // at an optimum derivatives cancel: relative to what they are summed from
                let terms = range
                    .map(|p| (gradient[p] * directions[i][p]).powi(2))
                    .sum::<f64>()
                    .sqrt();
                (adjoint - forward[i]).abs() / terms.max(adjoint.abs()).max(f64::MIN_POSITIVE)
            }
            _ => f64::NAN,
        };
        (name, difference)
    });
    differences.collect()
}
