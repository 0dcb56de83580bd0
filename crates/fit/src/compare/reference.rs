use super::contender::{Contender, Resolution};
use crate::batch::TrialBatch;
use crate::config::{EffectiveConfig, Method};
use crate::dataset::Dataset;
use crate::objective::FitObjective;
use crate::plan::{FitPlan, PlanError};
use std::collections::BTreeSet;
use std::sync::Arc;
use tauscope_adjoint::AdaptiveMethod;

/// Relative tolerance of the reference.
const REFERENCE_RTOL: f64 = 1e-12;
/// More explicit steps a sample interval than this, only to stay stable, are a stiff problem.
const MOST_STABLE_STEPS: f64 = 1000.0;
/// An explicit step is stable up to about this many of the shortest time constant.
const STABLE: f64 = 3.0;

/// The plan whose solutions stand for the truth: Tsit45 at 1e-12, which shares no code with the exponential methods; where the
/// shortest time constant would hold it at tiny steps, the exponential method that `auto` takes.
pub(crate) fn plan(
    config: &EffectiveConfig,
    dataset: &Dataset,
    shortest_tau: f64,
) -> Result<FitPlan, PlanError> {
    let interval = super::contender::sample_interval(dataset);
    let method = if interval / (STABLE * shortest_tau) > MOST_STABLE_STEPS {
        Method::Auto
    } else {
        Method::Adaptive(AdaptiveMethod::Tsit45)
    };
    let config = Contender::Method(method).configure(config, Resolution::Tolerance(REFERENCE_RTOL));
    FitPlan::check(&config, dataset)
}

/// The reference objective over the observations of `other` alone, in the same batches and on the same scale: a step of several
/// sample intervals leaves some out.
pub(super) fn objective_like<'a>(
    reference: &'a FitPlan,
    dataset: &Dataset,
    other: &FitObjective<'_>,
) -> Result<FitObjective<'a>, PlanError> {
    let mut objective = reference.objective(dataset, 0.0)?;
    keep_targets_of(
        Arc::make_mut(&mut objective.train).as_mut_slice(),
        &other.train,
    );
    keep_targets_of(
        Arc::make_mut(&mut objective.small).as_mut_slice(),
        &other.train,
    );
    objective.n_train = objective.train.iter().map(TrialBatch::n_observed).sum();
    objective.scale = other.scale;
    Ok(objective)
}

fn keep_targets_of(batches: &mut [TrialBatch], others: &[TrialBatch]) {
    for batch in batches {
        let same = others
            .iter()
            .filter(|other| other.trials.contains(&batch.trials[0]));
        let kept: BTreeSet<usize> = same
            .flat_map(|other| other.observations.iter().map(|o| o.target))
            .collect();
        Arc::make_mut(&mut batch.observations).retain(|o| kept.contains(&o.target));
    }
}
