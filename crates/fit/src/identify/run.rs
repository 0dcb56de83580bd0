//! The judgement of a point, from its refit to the words.

use super::INDISTINGUISHABLE;
use super::decay::{DecayTime, decay_times};
use super::information::{Information, Noise, Residuals};
use super::names::{ProfileTarget, parameter_names, unit_labels};
use super::profile;
use super::profile::{Profile, profile};
use super::refit::{OF_MINIMUM, refit};
use super::spectrum::{Combination, NullDirection, null_directions, sloppiest};
use super::unit::UnitJudgement;
use super::verdict::{self, Evidence};
use crate::compare::reference_plan;
use crate::config::{Auto, Fraction};
use crate::dataset::Dataset;
use crate::objective::FitObjective;
use crate::optimizer::{MinimizeError, Objective, SolveFailure};
use crate::plan::{DENSE_LIMIT, FitPlan, PlanError};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use thiserror::Error;

/// Tolerance of the information against that of the fit: round-off of its null directions must stay below what is sloppy.
const TIGHTER: f64 = 1e-2;
/// It is computed by no tighter steps than these.
const TIGHTEST: f64 = 1e-9;

/// How much is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Fisher information at the minimum.
    Curvature,
    /// The swapped twin of each unit too.
    Twins,
    /// And profiles near tau_s = tau_r.
    Full,
}

/// What is judged, and how far.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The point, in the flat order of the plan.
    pub theta: &'a [f64],
    /// How much is computed.
    pub depth: Depth,
    /// Time constants to profile.
    pub profiles: Vec<ProfileTarget>,
    /// Most iterations of a refit.
    pub most_iterations: u64,
}

/// How far a judgement is.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// What is being done.
    pub task: String,
    /// Parts done, of `total`.
    pub done: usize,
    /// All parts.
    pub total: usize,
}

/// How a judgement is watched and stopped.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Set to end with what has been judged.
    pub stop: &'a AtomicBool,
    /// When to end likewise.
    pub deadline: Option<Instant>,
    /// Called when a part begins.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

impl Control<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|at| Instant::now() >= at)
    }
}

/// Why nothing can be judged.
#[derive(Debug, Error)]
pub enum IdentifyError {
    /// The plan does not fit the dataset.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Nothing to judge.
    #[error("the method {0} has no time constants")]
    NoTimeConstants(&'static str),
    /// Too many parameters for the matrix.
    #[error(
        "{n} parameters are too many for the Fisher information, which is computed up to {DENSE_LIMIT}; share time constants or weights, or fit fewer units"
    )]
    TooLarge {
        /// How many.
        n: usize,
    },
    /// Everything lies on a bound.
    #[error("every parameter of the network lies on a bound: there is nothing to judge")]
    NothingFree,
    /// The refit cannot begin.
    #[error("the refit without penalty failed: {0}")]
    Refit(MinimizeError),
    /// The network cannot be integrated at the point.
    #[error("the network could not be integrated: {0}")]
    Solve(SolveFailure),
}

/// Where the judgement stands: intervals belong to a minimum without penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The point was such a minimum.
    Given,
    /// A refit without penalty and early stopping from the point reached one.
    Refitted,
    /// That refit did not reach one: no intervals.
    Unconverged,
}

impl Basis {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Given => "unpenalised fit",
            Basis::Refitted => "unpenalised refit",
            Basis::Unconverged => "unpenalised refit, not converged",
        }
    }
}

/// What a judgement found.
#[derive(Debug, Clone)]
pub struct Identification {
    /// Where it stands.
    pub basis: Basis,
    /// How much was computed.
    pub depth: Depth,
    /// Cost at the point and at the minimum, on the train trials.
    pub cost: [f64; 2],
    /// Residual variance in units of `target_std` (1 where that is given), and whether it is given.
    pub noise_variance: f64,
    /// Whether the noise was given with the data.
    pub noise_is_known: bool,
    /// Mean squared residual over the given noise, or 1.
    pub reduced_chi2: f64,
    /// Correlation of residuals of neighbouring target times.
    pub residual_autocorrelation: f64,
    /// Observed train targets.
    pub n_observed: usize,
    /// Free parameters of the network and initial state; those of the readout are fitted along.
    pub n_parameters: usize,
    /// Eigenvalues of their information, scaled to a unit diagonal, ascending.
    pub eigenvalues: Vec<f64>,
    /// The combinations of which the data tell least.
    pub sloppiest: Vec<Combination>,
    /// What the data do not tell at all.
    pub null_directions: Vec<NullDirection>,
    /// By unit.
    pub units: Vec<UnitJudgement>,
    /// Modes of the linearised network, slowest first.
    pub decay_times: Vec<DecayTime>,
    /// Those asked for.
    pub profiles: Vec<Profile>,
    /// What a person should know before trusting it.
    pub warnings: Vec<String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    #[cfg(test)]
    pub(crate) theta: Vec<f64>,
}

/// What all parts share.
pub(super) struct Judge<'a> {
    pub(super) plan: &'a FitPlan,
    pub(super) dataset: &'a Dataset,
    pub(super) objective: FitObjective<'a>,
    reference: Option<FitPlan>,
    pub(super) noise: Noise,
    pub(super) control: Control<'a>,
    pub(super) most_iterations: u64,
    done: AtomicUsize,
    total: usize,
}

impl Judge<'_> {
    /// Twice the fall of the log likelihood that belongs to a rise of the cost.
    pub(super) fn chi2(&self, rise: f64) -> f64 {
        rise * self.objective.n_train as f64 / self.noise.variance
    }

    /// The objective at 1e-12; none where the method has fixed steps, which are then the model.
    pub(super) fn reference(&self) -> Option<FitObjective<'_>> {
        self.reference.as_ref()?.objective(self.dataset, 0.0).ok()
    }

    pub(super) fn say(&self, task: impl FnOnce() -> String) {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        (self.control.progress)(&Position {
            task: task(),
            done,
            total: self.total,
        });
    }
}

/// The plan at tighter tolerances; itself where steps are fixed.
fn tightened(plan: &FitPlan, dataset: &Dataset) -> Result<FitPlan, PlanError> {
    let mut config = plan.config.clone();
    let rtol = (config.rtol.get() * TIGHTER)
        .max(TIGHTEST)
        .min(config.rtol.get());
    if let (false, Some(rtol)) = (plan.integrator.has_fixed_steps(), Fraction::new(rtol)) {
        config.rtol = rtol;
        config.atol = Auto::Auto;
    }
    FitPlan::check(&config, dataset)
}

/// Judges the time constants of `plan` at a point, on the train trials. In the caller's rayon pool.
///
/// # Errors
/// [`IdentifyError`] where there is nothing to judge or the network cannot be integrated. A judgement that is stopped is one.
pub fn identify(
    plan: &FitPlan,
    dataset: &Dataset,
    request: &Request<'_>,
    control: &Control<'_>,
) -> Result<Identification, IdentifyError> {
    if !plan.integrator.has_time_constants() {
        return Err(IdentifyError::NoTimeConstants(plan.integrator.name()));
    }
    if plan.layout.len() > DENSE_LIMIT {
        return Err(IdentifyError::TooLarge {
            n: plan.layout.len(),
        });
    }
    let fine = tightened(plan, dataset)?;
    let groups = verdict::groups(&plan.layout);
    let mut judge = judge(plan, dataset, request, control, groups.len())?;
    judge.say(|| "refit without penalty".to_owned());
    let given = judge
        .objective
        .value(request.theta)
        .map_err(IdentifyError::Solve)?
        .cost;
    let found = refit(
        &judge.objective,
        request.theta,
        request.most_iterations,
        OF_MINIMUM,
        control,
    )
    .map_err(IdentifyError::Refit)?;
    let moved = (given - found.cost) * judge.objective.n_train as f64;
    let theta = found.point;
    let free = free(&judge.objective, &theta);
    let residuals = Residuals::at(&judge.objective, &theta).map_err(IdentifyError::Solve)?;
    judge.noise = with_floor(
        residuals.noise(
            free.iter().filter(|f| **f).count(),
            dataset.target_std().is_some() || plan.observation.is_poisson(),
        ),
        judge.objective.scale,
    );
    let basis = match found.converged {
        false => Basis::Unconverged,
        // less than a hundredth of a standard error
        true if moved / judge.noise.variance < 1e-4 => Basis::Given,
        true => Basis::Refitted,
    };
    judge.say(|| "Fisher information".to_owned());
    let information = Information::at(&fine.objective(dataset, 0.0)?, &theta, &free, &judge.noise)
        .map_err(IdentifyError::Solve)?;
    if information.parameters.is_empty() {
        return Err(IdentifyError::NothingFree);
    }
    let labels = unit_labels(&plan.layout, dataset);
    let names = parameter_names(&plan.layout, dataset);
    let null_directions = null_directions(&information, &plan.layout, &theta, &labels, &names);
    let evidence = Evidence {
        judge: &judge,
        information: &information,
        null: &null_directions,
        theta: &theta,
        cost: found.cost,
        basis,
        depth: request.depth,
        labels: &labels,
    };
    let units = evidence.units(&groups);
    let profiles = request
        .profiles
        .iter()
        .filter(|_| !control.is_stopped())
        .map(|target| one_profile(&evidence, &units, target))
        .collect();
    let mut identification = Identification {
        basis,
        depth: request.depth,
        cost: [given, found.cost],
        noise_variance: judge.noise.variance,
        noise_is_known: judge.noise.is_known,
        reduced_chi2: if judge.noise.is_known {
            residuals.sum() / residuals.count().max(1) as f64
        } else {
            1.0
        },
        residual_autocorrelation: residuals.autocorrelation,
        n_observed: residuals.count(),
        n_parameters: information.parameters.len(),
        eigenvalues: information.eigenvalues.clone(),
        sloppiest: sloppiest(&information, &names),
        decay_times: decay_times(&judge, &theta).map_err(IdentifyError::Solve)?,
        null_directions,
        units,
        profiles,
        warnings: Vec::new(),
        interrupted: control.is_stopped(),
        #[cfg(test)]
        theta,
    };
    identification.warnings = verdict::warnings(&identification);
    Ok(identification)
}

fn judge<'a>(
    plan: &'a FitPlan,
    dataset: &'a Dataset,
    request: &Request<'_>,
    control: &Control<'a>,
    n_groups: usize,
) -> Result<Judge<'a>, IdentifyError> {
    let (tau_s, tau_r) = plan.layout.time_constants(request.theta);
    let shortest = tau_s
        .iter()
        .chain(&tau_r)
        .copied()
        .fold(f64::INFINITY, f64::min);
    let reference = match plan.integrator.has_fixed_steps() {
        true => None,
        false => Some(reference_plan(&plan.config, dataset, shortest)?),
    };
    let twins = if request.depth == Depth::Curvature {
        0
    } else {
        n_groups
    };
    Ok(Judge {
        plan,
        dataset,
        objective: plan.objective(dataset, 0.0)?,
        reference,
        noise: Noise {
            variance: 1.0,
            by_output: Vec::new(),
            is_known: false,
        },
        control: *control,
        most_iterations: request.most_iterations,
        done: AtomicUsize::new(0),
        total: 2 + twins + request.profiles.len(),
    })
}

/// Noise below what integration leaves is that of the integration.
fn with_floor(mut noise: Noise, scale: f64) -> Noise {
    let floor = INDISTINGUISHABLE * scale;
    noise.variance = noise.variance.max(floor);
    for deviation in &mut noise.by_output {
        *deviation = deviation.max(floor.sqrt());
    }
    noise
}

/// Which parameters lie on no bound.
fn free(objective: &FitObjective<'_>, theta: &[f64]) -> Vec<bool> {
    let bounds = objective.bounds();
    let ends = bounds.lower().iter().zip(bounds.upper());
    theta
        .iter()
        .zip(ends)
        .map(|(value, (low, high))| low < value && value < high)
        .collect()
}

fn one_profile(
    evidence: &Evidence<'_>,
    units: &[UnitJudgement],
    target: &ProfileTarget,
) -> Profile {
    let judge = evidence.judge;
    judge.say(|| format!("profile of {}", target.name));
    let twin = units
        .iter()
        .find(|unit| unit.index == target.unit)
        .and_then(|unit| unit.twin.as_ref());
    let mut branches = vec![profile::Branch {
        theta: evidence.theta,
        is_twin: false,
    }];
    branches.extend(twin.map(|twin| profile::Branch {
        theta: &twin.theta,
        is_twin: true,
    }));
    let row = evidence.information.row(target.parameter);
    let step = row.map_or(0.0, |row| {
        evidence.information.standard_error(&[(row, 1.0)])
    });
    profile(judge, target, &branches, evidence.cost, step)
}
