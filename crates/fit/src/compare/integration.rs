use super::contender::{Contender, Resolution};
use super::reference;
use super::refit::plan_reason;
use crate::batch::TrialBatch;
use crate::config::EffectiveConfig;
use crate::dataset::Dataset;
use crate::objective::{FitObjective, Solved};
use crate::optimizer::{Evaluation, Objective, SolveFailure};
use crate::plan::{FitPlan, PlanError};
use nalgebra::DVectorView;
use rayon::prelude::*;
use std::ops::Range;
use std::time::Instant;
use tauscope_adjoint::Statistics;

/// One contender at one resolution.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Which contender.
    pub contender: Contender,
    /// How finely it integrates.
    pub resolution: Resolution,
    /// What came of it.
    pub state: CellState,
}

/// What came of an integration.
#[derive(Debug, Clone)]
pub enum CellState {
    /// Measured.
    Done(Measure),
    /// No number came out, or one that is further from the solution than zero is; with the reason, and what could be measured.
    Unstable {
        /// Why.
        reason: String,
        /// What could be measured.
        measure: Option<Measure>,
    },
    /// The method cannot run this model on these data.
    Refused(String),
    /// Left out, with the reason.
    NotRun(String),
}

impl CellState {
    /// `done`, `unstable`, `refused` or `not-run`.
    pub fn name(&self) -> &'static str {
        match self {
            CellState::Done(_) => "done",
            CellState::Unstable { .. } => "unstable",
            CellState::Refused(_) => "refused",
            CellState::NotRun(_) => "not-run",
        }
    }

    /// What was measured, if anything.
    pub fn measure(&self) -> Option<&Measure> {
        match self {
            CellState::Done(measure) => Some(measure),
            CellState::Unstable { measure, .. } => measure.as_ref(),
            _ => None,
        }
    }

    /// Why there is no more, if there is a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            CellState::Done(_) => None,
            CellState::Unstable { reason, .. }
            | CellState::Refused(reason)
            | CellState::NotRun(reason) => Some(reason),
        }
    }
}

/// An integration of the train trials held against the reference.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Root mean square difference of all rates at the samples, relative to the root mean square rate.
    pub trajectory_error: f64,
    /// Cost on the train trials, of the targets that this step takes.
    pub cost: f64,
    /// `|cost - reference cost|`, relative to the cost of predicting each output's mean.
    pub cost_error: f64,
    /// By block of parameters: length of the difference of gradients, relative to the length of the reference gradient. At the
    /// perturbed point, since every gradient vanishes at an optimum.
    pub gradient_error: Vec<f64>,
    /// Wall-clock seconds of the forward solve: the least of three where it is short.
    pub seconds: f64,
    /// The same of cost and gradient.
    pub gradient_seconds: f64,
    /// What the forward solve cost.
    pub statistics: Statistics,
    /// Right-hand sides of cost and gradient.
    pub gradient_evaluations: u64,
}

impl Measure {
    /// The worst block's gradient error.
    pub fn worst_gradient_error(&self) -> f64 {
        // a NaN is the worst there is
        let worse = |a: f64, b: &f64| if a.is_nan() || *b <= a { a } else { *b };
        self.gradient_error.iter().fold(0.0, worse)
    }
}

/// A cell with the time that it took.
pub(super) struct Measured {
    pub(super) state: CellState,
    pub(super) seconds: f64,
}

/// Everything that integrations are held against.
pub(super) struct Bench<'a> {
    pub(super) config: &'a EffectiveConfig,
    pub(super) dataset: &'a Dataset,
    pub(super) reference: &'a FitPlan,
    /// Where trajectories and costs are compared.
    pub(super) theta: &'a [f64],
    /// Where gradients are compared.
    pub(super) perturbed: &'a [f64],
    solved: Result<Vec<Solved>, SolveFailure>,
    batches: Vec<TrialBatch>,
    known: Vec<Known>,
}

/// The reference over one set of targets.
struct Known {
    /// The targets of each batch.
    targets: Vec<Vec<usize>>,
    scale: f64,
    cost: f64,
    gradient: Option<Vec<f64>>,
}

/// Forward solves that are shorter than this are timed three times.
const SHORT: f64 = 0.1;

impl<'a> Bench<'a> {
    pub(super) fn new(
        config: &'a EffectiveConfig,
        dataset: &'a Dataset,
        reference: &'a FitPlan,
        theta: &'a [f64],
        perturbed: &'a [f64],
    ) -> Result<Bench<'a>, PlanError> {
        let objective = reference.objective(dataset, 0.0)?;
        let batches = with_samples(&objective);
        let solved = objective
            .unpack(theta)
            .and_then(|at| objective.solve_all(&at, &batches));
        Ok(Bench {
            config,
            dataset,
            reference,
            theta,
            perturbed,
            solved,
            batches,
            known: Vec::new(),
        })
    }

    /// Why there is no reference, if there is none.
    pub(super) fn failure(&self) -> Option<&SolveFailure> {
        self.solved.as_ref().err()
    }

    /// Integrates with one contender; and the seconds that it took, without those of the reference.
    pub(super) fn measure(&mut self, contender: Contender, resolution: Resolution) -> Measured {
        let config = contender.configure(self.config, resolution);
        let plan = match FitPlan::check(&config, self.dataset) {
            Ok(plan) => plan,
            Err(error) => {
                return Measured {
                    state: CellState::Refused(plan_reason(&error)),
                    seconds: 0.0,
                };
            }
        };
        let prepared = plan.objective(self.dataset, 0.0);
        let prepared = prepared.and_then(|objective| self.known_for(&objective).map(|_| ()));
        let begin = Instant::now();
        let measured = match prepared {
            Ok(()) => self.measure_plan(&plan),
            Err(error) => Err(SolveFailure::new(error.to_string())),
        };
        let seconds = begin.elapsed().as_secs_f64();
        let state = match measured {
            Ok(measure) if measure.trajectory_error <= 1.0 => CellState::Done(measure),
            Ok(measure) => CellState::Unstable {
                reason: format!(
                    "the error of the rates is {:.1e} times the rates themselves",
                    measure.trajectory_error
                ),
                measure: Some(measure),
            },
            Err(failure) => CellState::Unstable {
                reason: failure.to_string(),
                measure: None,
            },
        };
        Measured { state, seconds }
    }

    fn measure_plan(&mut self, plan: &FitPlan) -> Result<Measure, SolveFailure> {
        let no_signal = |error: PlanError| SolveFailure::new(error.to_string());
        let objective = plan.objective(self.dataset, 0.0).map_err(no_signal)?;
        let at = objective.unpack(self.theta)?;
        let batches = with_samples(&objective);
        let (seconds, solved) = timed(|| objective.solve_all(&at, &batches));
        let solved = solved?;
        let trajectory_error = self.trajectory_error(&batches, &solved)?;
        let sum: f64 = solved.iter().map(|solved| solved.loss).sum();
        let cost = sum / objective.n_train as f64;
        let (gradient_seconds, evaluation) = timed(|| objective.evaluate(self.perturbed));
        let blocks = objective.blocks();
        let known = self.known_for(&objective).map_err(no_signal)?;
        let mut statistics = Statistics::default();
        solved
            .iter()
            .for_each(|s| statistics += s.trajectory.statistics);
        Ok(Measure {
            trajectory_error,
            cost,
            cost_error: (cost - known.cost).abs() / known.scale,
            gradient_error: blocks
                .iter()
                .map(|(_, range)| known.gradient_error(evaluation.as_ref().ok(), range))
                .collect(),
            seconds,
            gradient_seconds,
            statistics,
            gradient_evaluations: evaluation.map_or(0, |e| e.rhs_evaluations),
        })
    }

    /// Rates at all samples that the other method has.
    fn trajectory_error(
        &self,
        batches: &[TrialBatch],
        solved: &[Solved],
    ) -> Result<f64, SolveFailure> {
        let references = self.solved.as_ref().map_err(Clone::clone)?;
        let (mut difference, mut size) = (0.0, 0.0);
        for ((batch, solved), (own, reference)) in batches
            .iter()
            .zip(solved)
            .zip(self.batches.iter().zip(references))
        {
            for &time in batch.input.time() {
                let rates = DVectorView::from_slice(
                    solved.trajectory.rates(position(&batch.t_eval, time)),
                    reference.trajectory.rates(0).len(),
                );
                let truth = reference.trajectory.rates(position(&own.t_eval, time));
                let truth = DVectorView::from_slice(truth, truth.len());
                difference += (rates - truth).norm_squared();
                size += truth.norm_squared();
            }
        }
        Ok((difference / size.max(f64::MIN_POSITIVE)).sqrt())
    }

    fn known_for(&mut self, objective: &FitObjective<'_>) -> Result<&Known, PlanError> {
        let targets: Vec<Vec<usize>> = objective
            .train
            .iter()
            .map(|batch| batch.observations.iter().map(|o| o.target).collect())
            .collect();
        let found = self.known.iter().position(|known| known.targets == targets);
        let at = match found {
            Some(at) => at,
            None => {
                let own = reference::objective_like(self.reference, self.dataset, objective)?;
                self.known.push(Known {
                    targets,
                    scale: objective.scale,
                    cost: own.value(self.theta).map_or(f64::NAN, |value| value.cost),
                    gradient: own.evaluate(self.perturbed).ok().map(|e| e.gradient),
                });
                self.known.len() - 1
            }
        };
        Ok(&self.known[at])
    }
}

impl Known {
    fn gradient_error(&self, found: Option<&Evaluation>, range: &Range<usize>) -> f64 {
        let (Some(truth), Some(found)) = (&self.gradient, found) else {
            return f64::NAN;
        };
        let truth = DVectorView::from_slice(&truth[range.clone()], range.len());
        let found = DVectorView::from_slice(&found.gradient[range.clone()], range.len());
        (found - truth).norm() / truth.norm().max(f64::MIN_POSITIVE)
    }
}

fn with_samples(objective: &FitObjective<'_>) -> Vec<TrialBatch> {
    let batches = objective.train.par_iter().cloned();
    batches.map(TrialBatch::with_samples).collect()
}

/// Wall-clock seconds of `work`, the least of three where it is short, and what it gave.
fn timed<T>(work: impl Fn() -> T) -> (f64, T) {
    let once = || {
        let start = Instant::now();
        let result = work();
        (start.elapsed().as_secs_f64(), result)
    };
    let (mut seconds, result) = once();
    if seconds < SHORT {
        for _ in 0..2 {
            seconds = once().0.min(seconds);
        }
    }
    (seconds, result)
}

/// Where `time`, which is one of the sorted `times`, lies.
fn position(times: &[f64], time: f64) -> usize {
    times.partition_point(|before| *before < time)
}
