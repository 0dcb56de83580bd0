use super::carry::carry;
use super::contender::{Contender, Resolution};
use super::perturb::{calmed, perturbed};
use super::reference;
use crate::config::{Auto, ConfigError, EffectiveConfig, NonNegative};
use crate::dataset::Dataset;
use crate::driver::{FitError, score_point};
use crate::layout::ModelLayout;
use crate::optimizer::{
    self, IterationRecord, MinimizeError, Objective, OptimizerSettings, Outcome, Termination,
    minimize,
};
use crate::plan::{FitPlan, PlanError};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use tauscope_dynamics::ModelKind;

/// Where a refit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the adaptive optimum.
    Optimum,
    /// Near it: time constants off by about 20 %, all else by about 5 %, or less where the network would be useless there.
    Perturbed,
}

impl Start {
    /// Both, in the order of files.
    pub const ALL: [Start; 2] = [Start::Optimum, Start::Perturbed];

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Start::Optimum => "optimum",
            Start::Perturbed => "perturbed",
        }
    }
}

/// A fit with another method or model from where the adaptive fit ended.
#[derive(Debug, Clone)]
pub struct Refit {
    /// Which contender.
    pub contender: Contender,
    /// The method that integrated it.
    pub integrator: &'static str,
    /// How finely.
    pub resolution: Resolution,
    /// Where it began.
    pub start: Start,
    /// What came of it.
    pub state: RefitState,
}

/// What came of a refit.
#[derive(Debug, Clone)]
pub enum RefitState {
    /// A fit, converged or not.
    Fitted(Box<Fitted>),
    /// The method cannot run this model on these data.
    Refused(String),
    /// Its solve fails where it begins.
    Failed(String),
    /// Not begun, with the reason: the comparison was stopped, or the budget used up.
    NotRun(String),
}

/// A point that a refit found.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub(crate) theta: Vec<f64>,
    /// Why it stopped.
    pub termination: Termination,
    /// Iterations.
    pub iterations: u64,
    /// Whether it began elsewhere, since at its start the scheme is unstable: with time constants raised to the step, and if that
    /// is not enough with weaker recurrence.
    pub start_was_moved: bool,
    /// By unit, in the dataset's time unit; empty where the model has none.
    pub tau_s: Vec<f64>,
    /// The same.
    pub tau_r: Vec<f64>,
    /// Train cost under its own integration.
    pub cost: f64,
    /// Train cost of the same parameters under the reference; NaN where there is none.
    pub cost_reference: f64,
    /// R2 by split under its own integration: train, valid, test.
    pub r2: [f64; 3],
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl Refit {
    /// The fit, where there is one.
    pub fn fitted(&self) -> Option<&Fitted> {
        match &self.state {
            RefitState::Fitted(fitted) => Some(fitted),
            _ => None,
        }
    }

    /// Whether nothing was left to gain when it stopped.
    pub fn converged(&self) -> bool {
        self.fitted().is_some_and(|f| f.termination.converged())
    }

    /// `fitted`, `refused`, `failed` or `not-run`.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            RefitState::Fitted(_) => "fitted",
            RefitState::Refused(_) => "refused",
            RefitState::Failed(_) => "failed",
            RefitState::NotRun(_) => "not-run",
        }
    }

    /// Why there is no fit, if there is a reason.
    pub fn reason(&self) -> Option<&str> {
        match &self.state {
            RefitState::Refused(reason)
            | RefitState::Failed(reason)
            | RefitState::NotRun(reason) => Some(reason),
            _ => None,
        }
    }
}

/// What all refits share.
pub(super) struct Refitter<'a> {
    pub(super) config: &'a EffectiveConfig,
    pub(super) dataset: &'a Dataset,
    pub(super) l2: f64,
    /// The shortest time constant of the given parameters: says whether a reference must be stiff.
    pub(super) shortest_tau: f64,
    /// The model that `theta` belongs to.
    pub(super) layout: &'a ModelLayout,
    /// Size of the perturbation of second starts.
    pub(super) perturbation: f64,
    /// Reference costs that were computed: fits that did not move share one.
    pub(super) known: RefCell<Vec<ReferenceCost>>,
    /// Seconds that the last fit took after its end, for scores and the reference: kept free in the share of the next.
    pub(super) scoring: Cell<f64>,
    pub(super) control: optimizer::Control<'a>,
}

/// The train cost of a point under the reference.
#[derive(Debug, Clone)]
pub(super) struct ReferenceCost {
    model: ModelKind,
    n_observed: usize,
    theta: Vec<f64>,
    cost: f64,
}

/// What a refit is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) contender: Contender,
    pub(super) resolution: Resolution,
    pub(super) start: Start,
}

impl Task {
    /// The refit that was not begun.
    pub(super) fn not_run(self, reason: &str) -> Refit {
        Refit {
            contender: self.contender,
            integrator: self.contender.name(),
            resolution: self.resolution,
            start: self.start,
            state: RefitState::NotRun(reason.to_owned()),
        }
    }
}

impl Refitter<'_> {
    /// Fits from `theta`, or near it, until `deadline`.
    pub(super) fn refit(
        &self,
        task: Task,
        theta: &[f64],
        deadline: Option<Instant>,
        watch: &(dyn Fn(&IterationRecord) + Sync),
    ) -> Refit {
        let Task {
            contender,
            resolution,
            start,
        } = task;
        let config = with_l2(contender.configure(self.config, resolution), self.l2);
        let (integrator, state) = match FitPlan::check(&config, self.dataset) {
            Err(error) => (contender.name(), RefitState::Refused(plan_reason(&error))),
            Ok(plan) => {
                let mut point = carry(theta, self.layout, &plan.layout);
                if start == Start::Perturbed {
                    point = perturbed(&point, &plan.layout, config.seed, self.perturbation);
                }
                let control = optimizer::Control {
                    deadline: deadline.map(|deadline| self.leaving_time_to_score(deadline)),
                    on_iteration: Some(watch),
                    ..self.control
                };
                let state = self.fit(&plan, task, &point, &control);
                (plan.integrator().name(), state)
            }
        };
        Refit {
            contender,
            integrator,
            resolution,
            start,
            state,
        }
    }

    /// `deadline` less what scores will take, but for half of the time that is left.
    fn leaving_time_to_score(&self, deadline: Instant) -> Instant {
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        deadline - half.min(Duration::from_secs_f64(self.scoring.get()))
    }

    fn fit(
        &self,
        plan: &FitPlan,
        task: Task,
        point: &[f64],
        control: &optimizer::Control<'_>,
    ) -> RefitState {
        let begin = Instant::now();
        let moved = self.moved(plan, point, task.resolution);
        let start_was_moved = moved.is_some();
        let from = moved.as_deref().unwrap_or(point);
        let outcome = self.minimize(plan, from, &plan.optimizer, control);
        let ended = Instant::now();
        let found = outcome.and_then(|outcome| {
            let fitted = self.score(plan, task.contender, outcome)?;
            self.scoring.set(ended.elapsed().as_secs_f64());
            Ok(Fitted {
                start_was_moved,
                seconds: begin.elapsed().as_secs_f64(),
                ..fitted
            })
        });
        match found {
            Ok(fitted) => RefitState::Fitted(Box::new(fitted)),
            Err(error) => RefitState::Failed(error.to_string()),
        }
    }

    /// Another start, where `plan` fails at `point` or predicts worse than the mean does: from far beyond its stability a
    /// scheme finds no way back. Time constants are raised to the step; then recurrent weights are halved, down to none.
    fn moved(&self, plan: &FitPlan, point: &[f64], resolution: Resolution) -> Option<Vec<f64>> {
        const FACTORS: [f64; 6] = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.0];
        let objective = plan.objective(self.dataset, 0.0).ok()?;
        let is_usable = |point: &[f64]| objective.value(point).is_ok_and(|v| v.objective <= 1.0);
        if is_usable(point) {
            return None;
        }
        let least = match resolution {
            Resolution::Step(step) => step,
            Resolution::Tolerance(_) => 0.0,
        };
        let calmer = FACTORS.map(|factor| calmed(point, &plan.layout, least, factor));
        let last = calmer.last().cloned();
        calmer.into_iter().find(|point| is_usable(point)).or(last)
    }

    /// Minimises the objective of `plan` from `point`.
    pub(super) fn minimize(
        &self,
        plan: &FitPlan,
        point: &[f64],
        settings: &OptimizerSettings,
        control: &optimizer::Control<'_>,
    ) -> Result<Outcome, FitError> {
        let objective = plan.objective(self.dataset, self.l2)?;
        minimize(&objective, point, settings, control)
            .map_err(|first: MinimizeError| FitError::AllStartsFailed { starts: 1, first })
    }

    fn score(
        &self,
        plan: &FitPlan,
        contender: Contender,
        outcome: Outcome,
    ) -> Result<Fitted, FitError> {
        let found = Found::of(&outcome);
        let (tau_s, tau_r) = plan.layout.time_constants(found.theta);
        let cost_reference = match plan.integrator().has_time_constants() {
            true => self.reference_cost(plan, contender, found.theta)?,
            false => f64::NAN,
        };
        Ok(Fitted {
            r2: score_point(plan, self.dataset, self.l2, found.theta)?.r2,
            cost: found.cost,
            theta: found.theta.to_vec(),
            termination: outcome.termination,
            iterations: outcome.iterations,
            start_was_moved: false,
            tau_s,
            tau_r,
            cost_reference,
            seconds: 0.0,
        })
    }

    fn reference_cost(
        &self,
        plan: &FitPlan,
        contender: Contender,
        theta: &[f64],
    ) -> Result<f64, PlanError> {
        let mut config = self.config.clone();
        if let Contender::Limit(model) = contender {
            config.model = model;
        }
        let (tau_s, tau_r) = plan.layout.time_constants(theta);
        let shortest = tau_s
            .iter()
            .chain(&tau_r)
            .copied()
            .fold(self.shortest_tau, f64::min);
        let own = plan.objective(self.dataset, 0.0)?;
        let (model, n_observed) = (config.model, own.n_train);
        let is_same = |known: &&ReferenceCost| {
            (known.model, known.n_observed) == (model, n_observed) && known.theta == theta
        };
        if let Some(known) = self.known.borrow().iter().find(is_same) {
            return Ok(known.cost);
        }
        let reference = reference::plan(&config, self.dataset, shortest)?;
        let objective = reference::objective_like(&reference, self.dataset, &own)?;
        let cost = objective.value(theta).map_or(f64::NAN, |value| value.cost);
        let theta = theta.to_vec();
        let known = ReferenceCost {
            model,
            n_observed,
            theta,
            cost,
        };
        self.known.borrow_mut().push(known);
        Ok(cost)
    }
}

/// The point that a refit is judged by.
struct Found<'o> {
    theta: &'o [f64],
    cost: f64,
}

impl Found<'_> {
    /// The minimum where it was reached: its time constants are what the scheme makes of the data, while the iterate that is best
    /// on the validation trials may be the start. Else that iterate.
    fn of(outcome: &Outcome) -> Found<'_> {
        match outcome.history.last() {
            Some(last) if outcome.converged => Found {
                theta: &outcome.theta_last,
                cost: last.cost,
            },
            _ => Found {
                theta: &outcome.theta,
                cost: outcome.cost,
            },
        }
    }
}

pub(super) fn with_l2(mut config: EffectiveConfig, l2: f64) -> EffectiveConfig {
    config.l2 = NonNegative::new(l2).map_or(Auto::Auto, Auto::Set);
    config
}

/// Why a plan is refused, without the key: the contender's name stands before it.
pub(super) fn plan_reason(error: &PlanError) -> String {
    match error {
        PlanError::Config(ConfigError::Unfit { reason, .. }) => reason.to_string(),
        other => other.to_string(),
    }
}
