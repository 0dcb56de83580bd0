//! The judgement of a point, from its refit to the words.

use super::INDISTINGUISHABLE;
use super::advice::Adviser;
use super::canonical::canonical;
use super::decay::{decay_times, mean_current};
use super::equivalence::equivalences;
use super::found::Identification;
use super::information::Information;
use super::names::{ProfileTarget, parameter_names, unit_labels};
use super::noise::Noise;
use super::profile::{self, Profile, profile};
use super::reach::Reach;
use super::request::{Control, Depth, IdentifyError, Position, Request};
use super::spectrum::{null_directions, sloppiest};
use super::stand::{Asked, Stand};
use super::straight::{self, Line, confounded};
use super::unit::UnitJudgement;
use super::verdict::{self, Evidence, TauGroup};
use super::words::{self, joined};
use crate::compare::reference_plan;
use crate::config::{Auto, Fraction};
use crate::dataset::Dataset;
use crate::objective::FitObjective;
use crate::plan::{DENSE_LIMIT, FitPlan, PlanError};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tolerance of the information against that of the fit: round-off of its null directions must stay below what is sloppy.
const TIGHTER: f64 = 1e-2;
/// It is computed by no tighter steps than these.
const TIGHTEST: f64 = 1e-9;

/// Better minima that a judgement moves on to.
const MOST_MOVES: usize = 4;
/// Twice the log likelihood that a better minimum must gain: a tenth of a standard error, beyond what refits leave.
const BETTER: f64 = 0.01;

/// What all parts share.
pub(super) struct Judge<'a> {
    pub(super) plan: &'a FitPlan,
    pub(super) dataset: &'a Dataset,
    pub(super) objective: FitObjective<'a>,
    reference: Option<FitPlan>,
    pub(super) noise: Noise,
    pub(super) control: Control<'a>,
    pub(super) most_iterations: u64,
    parts: &'a Parts,
}

impl Judge<'_> {
    /// Twice the fall of the log likelihood that belongs to a rise of the cost.
    pub(super) fn chi2(&self, rise: f64) -> f64 {
        rise * self.objective.n_train as f64 / self.noise.variance
    }

    /// The unpenalised objective that belongs to `chi2`, above a minimum of `cost`.
    pub(super) fn objective_at(&self, cost: f64, chi2: f64) -> f64 {
        (cost + chi2 * self.noise.variance / self.objective.n_train as f64) / self.objective.scale
    }

    /// The objective at 1e-12; none where the method has fixed steps, which are then the model.
    pub(super) fn reference(&self) -> Option<FitObjective<'_>> {
        self.reference.as_ref()?.objective(self.dataset, 0.0).ok()
    }

    pub(super) fn say(&self, task: impl FnOnce() -> String) {
        let done = self.parts.done.fetch_add(1, Ordering::Relaxed);
        // a judgement that stands elsewhere than was foreseen has more parts
        let total = self.parts.total.fetch_max(done + 1, Ordering::Relaxed);
        (self.control.progress)(&Position {
            task: task(),
            done,
            total: total.max(done + 1),
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
    let groups = verdict::groups(&plan.layout);
    let parts = Parts::of(request, &groups);
    let asked = Asked {
        plan,
        dataset,
        request,
        control,
        parts: &parts,
    };
    let mut stand = asked.stand(request.theta, None)?;
    let (mut moves, mut may_move) = (Vec::new(), true);
    loop {
        let (unit, theta) = match judged(&asked, &stand, &groups, may_move)? {
            Judged::Whole(found) => {
                let mut found = Identification { moves, ..*found };
                found.warnings = words::warnings(&found);
                return Ok(found);
            }
            Judged::Better { unit, theta } => (unit, theta),
        };
        match asked.stand(&theta, stand.weighed.clone()) {
            Ok(next) if next.minimum.basis.is_minimum() => {
                moves.push(unit);
                stand = next;
                may_move = moves.len() < MOST_MOVES;
            }
            // there is no minimum to be had: the one that there is is judged, and the reason says that the reversed order fits better
            _ => may_move = false,
        }
    }
}

/// What comes of a judgement.
enum Judged {
    /// All of it.
    Whole(Box<Identification>),
    /// The reversed order of a unit fits better, where another judgement should begin.
    Better {
        /// Its label.
        unit: String,
        /// Where.
        theta: Vec<f64>,
    },
}

/// The unit of which the reversed order fits best, and where, if that is better than the minimum.
fn better(units: &[UnitJudgement]) -> Option<Judged> {
    let least = verdict::probability(-BETTER);
    let twins = units.iter().filter_map(|unit| {
        let twin = unit.twin.as_ref()?;
        let is_better = unit.order_probability? < least
            && !twin.is_indistinguishable()
            && twin.difference_refitted < -INDISTINGUISHABLE;
        is_better.then_some((unit, twin))
    });
    let (unit, twin) =
        twins.min_by(|(_, a), (_, b)| a.difference_refitted.total_cmp(&b.difference_refitted))?;
    Some(Judged::Better {
        unit: unit.unit.clone(),
        theta: twin.theta.clone(),
    })
}

/// What is found from where a judgement stands. With `may_move` it ends where the reversed order of a unit is found to fit better.
fn judged(
    asked: &Asked<'_>,
    stand: &Stand,
    groups: &[TauGroup],
    may_move: bool,
) -> Result<Judged, IdentifyError> {
    let minimum = &stand.minimum;
    let (theta, request, control) = (&minimum.theta, asked.request, asked.control);
    let asked = asked.fit(stand.weighed.as_ref());
    let (plan, dataset) = (asked.plan, asked.dataset);
    let fine = tightened(plan, dataset)?;
    let mut judge = judge(&asked)?;
    judge.noise = minimum.noise.clone();
    judge.say(|| "Fisher information".to_owned());
    let precise = fine.objective(dataset, 0.0)?;
    let information = Information::at(&precise, theta, &minimum.free, &judge.noise)
        .map_err(IdentifyError::Solve)?;
    if information.parameters.is_empty() {
        return Err(IdentifyError::NothingFree);
    }
    let labels = unit_labels(&plan.layout, dataset);
    let names = parameter_names(&plan.layout, dataset);
    let (network, current) = mean_current(&judge.objective, theta).map_err(IdentifyError::Solve)?;
    let lines = Line::of_units(plan.layout.activation, &current);
    let null_directions =
        null_directions(&information, &plan.layout, theta, &lines, &labels, &names);
    let evidence = Evidence {
        judge: &judge,
        information: &information,
        null: &null_directions,
        theta,
        given: request.theta,
        cost: minimum.cost,
        basis: minimum.basis,
        depth: request.depth,
        labels: &labels,
        reach: Reach::of(dataset),
        time_units: dataset.time_units(),
    };
    let mut units = evidence.units(groups);
    if may_move
        && !control.is_stopped()
        && let Some(better) = better(&units)
    {
        return Ok(better);
    }
    let profiles = request
        .profiles
        .iter()
        .filter(|_| !control.is_stopped())
        .map(|target| one_profile(&evidence, &units, target))
        .collect();
    let adviser = Adviser {
        evidence: &evidence,
        fine: &fine,
        free: &minimum.free,
        names: &names,
    };
    let advice = adviser.advice(groups, &units)?;
    let mut equivalences = equivalences(&plan.layout, theta, &labels);
    if evidence.nothing_counts().is_none() {
        let confounded = confounded(&information, &plan.layout, theta, &lines, &judge.noise);
        equivalences.extend(confounded.iter().map(|found| found.words(&labels)));
        for unit in &mut units {
            if confounded
                .iter()
                .any(|found| found.units.contains(&unit.index))
            {
                unit.reason = joined(&[
                    std::mem::take(&mut unit.reason),
                    straight::REASON.to_owned(),
                ]);
            }
        }
    }
    let found = Identification {
        advice,
        equivalences,
        canonical: canonical(&plan.layout, theta),
        basis: minimum.basis,
        depth: request.depth,
        cost: [minimum.given, minimum.cost],
        noise_variance: stand.noise_variance(),
        noise_is_known: judge.noise.is_known,
        noise_by_output: stand.weighed.as_ref().map(|weighed| weighed.std.clone()),
        reduced_chi2: minimum.residuals.reduced_chi2(&judge.noise),
        residual_autocorrelation: minimum.residuals.autocorrelation,
        residual_inefficiency: minimum.residuals.inefficiency,
        n_observed: minimum.residuals.count(),
        n_parameters: information.parameters.len(),
        eigenvalues: information.eigenvalues.clone(),
        sloppiest: sloppiest(&information, &names),
        decay_times: decay_times(&network, &current),
        null_directions,
        units,
        profiles,
        moves: Vec::new(),
        warnings: Vec::new(),
        interrupted: control.is_stopped(),
        #[cfg(test)]
        theta: minimum.theta.clone(),
    };
    Ok(Judged::Whole(Box::new(found)))
}

/// How many parts of the judgement are done, and of how many.
pub(super) struct Parts {
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Parts {
    fn of(request: &Request<'_>, groups: &[TauGroup]) -> Parts {
        let twins = match request.depth {
            Depth::Curvature => 0,
            _ => groups.len(),
        };
        Parts {
            done: AtomicUsize::new(0),
            total: AtomicUsize::new(2 + twins + request.profiles.len()),
        }
    }
}

pub(super) fn judge<'a>(asked: &Asked<'a>) -> Result<Judge<'a>, PlanError> {
    let Asked { plan, dataset, .. } = *asked;
    let (tau_s, tau_r) = plan.layout.time_constants(asked.request.theta);
    let shortest = tau_s
        .iter()
        .chain(&tau_r)
        .copied()
        .fold(f64::INFINITY, f64::min);
    let reference = match plan.integrator.has_fixed_steps() {
        true => None,
        false => Some(reference_plan(&plan.config, dataset, shortest)?),
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
            is_exhausted: false,
        },
        control: *asked.control,
        most_iterations: asked.request.most_iterations,
        parts: asked.parts,
    })
}

fn one_profile(
    evidence: &Evidence<'_>,
    units: &[UnitJudgement],
    target: &ProfileTarget,
) -> Profile {
    let judge = evidence.judge;
    judge.say(|| format!("profile of {}", target.name));
    if let Some(reason) = evidence.nothing_counts() {
        return Profile::refused(target, reason);
    }
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
    let from = profile::From {
        cost: evidence.cost,
        step,
        reach: evidence.reach,
    };
    profile(judge, target, &branches, from)
}
