use super::certificate::{CertificateRow, drift};
use super::contender::{Contender, DEFAULT_TOLERANCES, Resolution, default_steps, sample_interval};
use super::integration::{Bench, Cell, CellState, Measured};
use super::perturb::{SIZES, perturbed};
use super::reference;
use super::refit::{Refit, Refitter, Start, Task, with_l2};
use super::verdict;
use crate::config::{EffectiveConfig, Method, Problem};
use crate::dataset::Dataset;
use crate::driver::{self, FitError, Names};
use crate::layout::ModelLayout;
use crate::optimizer::{self, IterationRecord, Objective};
use crate::plan::{DENSE_LIMIT, FitPlan};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tauscope_dynamics::Interpolation;

/// Up to this product of units, samples and train trials a model is refitted without being asked.
const SMALL: usize = 1_000_000;
/// Seconds that a method may take for its part of the default ladder.
const LADDER_SECONDS: f64 = 4.0;
/// The certificate's tolerances are that of the fit divided by these.
const CERTIFIED: [f64; 3] = [1.0, 10.0, 100.0];
/// What part of the budget the fit may take that is made first.
const FIRST_FIT: f64 = 0.25;

/// What is compared.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The model and the adaptive fit.
    pub config: EffectiveConfig,
    /// Whether the parameters are those that `init` names; else a fit is made first.
    pub from_result: bool,
    /// Who takes part; `None`: everyone.
    pub contenders: Option<Vec<Contender>>,
    /// Steps in the dataset's time unit; `None`: from two sample intervals to an eighth.
    pub steps: Option<Vec<f64>>,
    /// Relative tolerances; `None`: from 1e-3 to 1e-8.
    pub tolerances: Option<Vec<f64>>,
    /// Whether to refit; `None`: where the model and the data are small.
    pub refit: Option<bool>,
    /// Seconds for all refits together.
    pub budget: f64,
}

/// Where a comparison stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// What it is at.
    pub task: String,
    /// Tasks that are done.
    pub done: usize,
    /// All tasks of this stage.
    pub total: usize,
    /// Iterations and train cost of the fit that runs, if one does.
    pub iteration: Option<(u64, f64)>,
    /// Seconds that this stage can still take at most, where that is known.
    pub at_most: Option<f64>,
}

/// How a comparison is watched and stopped.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Set to end with what has been measured.
    pub stop: &'a AtomicBool,
    /// Called before every task and after every iteration.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

impl Control<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The parameters that everything starts from.
#[derive(Debug, Clone)]
pub struct Given {
    pub(crate) theta: Vec<f64>,
    /// Whether they were fitted here rather than read from a result.
    pub fitted_here: bool,
    /// The penalty of every fit.
    pub l2: f64,
    /// By unit, in the dataset's time unit; empty where the model has none.
    pub tau_s: Vec<f64>,
    /// The same.
    pub tau_r: Vec<f64>,
    /// Warnings of the fit.
    pub warnings: Vec<String>,
}

/// What the closed form of a pure decay has to say about fits to some data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LawRole {
    /// It must hold: no input and no recurrence.
    Exact,
    /// It shows the direction and about the size: inputs are linear between samples and smooth.
    Guide,
    /// Nothing: inputs jump, or change from sample to sample.
    None,
}

/// Everything that was measured.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub(crate) layout: ModelLayout,
    /// Labels of the units.
    pub units: Vec<String>,
    /// The configuration of the adaptive fit.
    pub config: EffectiveConfig,
    /// The adaptive method, and its relative tolerance.
    pub adaptive: Method,
    /// See [`adaptive`](Self::adaptive).
    pub rtol: f64,
    /// The step that is one sample interval.
    pub sample_interval: f64,
    /// What the closed form has to say about these data.
    pub law_role: LawRole,
    /// The method of the reference, at 1e-12.
    pub reference: &'static str,
    /// The parameters at hand.
    pub given: Given,
    /// Size of the perturbation, where gradients are compared and second starts begin: 1 is 20 % of time constants and 5 % of
    /// all else; less where the network would predict worse than the mean does.
    pub perturbation: f64,
    /// By unit: the time constants of the adaptive fit, which drifts are relative to.
    pub adaptive_tau_s: Vec<f64>,
    /// The same.
    pub adaptive_tau_r: Vec<f64>,
    /// Names of the blocks of parameters in every gradient error.
    pub blocks: Vec<String>,
    /// Integrations, contender by contender.
    pub cells: Vec<Cell>,
    /// Refits, start by start.
    pub refits: Vec<Refit>,
    /// The adaptive fit at its tolerance, a tenth and a hundredth of it.
    pub certificate: Vec<CertificateRow>,
    /// What it comes to, in sentences.
    pub verdict: Vec<String>,
    /// What the reader should know besides.
    pub warnings: Vec<String>,
    /// Seconds for all refits together.
    pub budget: f64,
    /// Seconds that every refit had at least.
    pub share: f64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Wall-clock seconds of all.
    pub seconds: f64,
}

impl Comparison {
    /// Drift of tau_s and tau_r by unit: value / adaptive value - 1.
    pub fn drifts(&self, tau_s: &[f64], tau_r: &[f64]) -> [Vec<f64>; 2] {
        [
            drift(tau_s, &self.adaptive_tau_s),
            drift(tau_r, &self.adaptive_tau_r),
        ]
    }

    /// By unit: whether the closed form says that no time constant of the scheme passes through the samples of a decay with the
    /// adaptive fit's time constants.
    pub fn units_without_tau(&self, refit: &Refit) -> Vec<bool> {
        let (s, r) = (&self.adaptive_tau_s, &self.adaptive_tau_r);
        let none = |tau: Option<&f64>| {
            let law = tau.and_then(|tau| refit.contender.law(refit.resolution, *tau));
            law.is_some_and(|law| law.ratio().is_none())
        };
        (0..s.len().max(r.len()))
            .map(|unit| none(s.get(unit)) || none(r.get(unit)))
            .collect()
    }
}

/// Compares.
///
/// In the caller's rayon pool. What is stopped or fails on the way is a result; so is a contender that cannot run.
///
/// # Errors
/// [`FitError`] where the configuration does not fit the dataset, or no parameters can be found to compare with.
pub fn compare(
    setup: &Setup,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Result<Comparison, FitError> {
    let begin = Instant::now();
    let plan = FitPlan::check(&setup.config, dataset)?;
    let given = given(setup, &plan, dataset, control)?;
    let mut comparison = Comparison::new(setup, &plan, dataset, given);
    integrate(setup, &plan, dataset, control, &mut comparison)?;
    if refits_are_wanted(setup, &plan, dataset) {
        refit(setup, &plan, dataset, control, &mut comparison)?;
    } else {
        evaluate_certificate(&plan, dataset, control, &mut comparison)?;
    }
    comparison.interrupted = control.is_stopped();
    comparison.verdict = verdict::sentences(&comparison, dataset);
    comparison.seconds = begin.elapsed().as_secs_f64();
    Ok(comparison)
}

/// The parameters of the result that `init` names, else of a fit that takes at most a quarter of the budget.
fn given(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
) -> Result<Given, FitError> {
    if let (true, Some(theta)) = (setup.from_result, &plan.init) {
        let l2 = plan.config.l2.set().map_or(0.0, |l2| l2.get());
        return Ok(Given::new(plan, theta.clone(), l2, false, Vec::new()));
    }
    let own = plan
        .config
        .max_time
        .map_or(f64::INFINITY, |limit| limit.get());
    let limit = own.min(setup.budget * FIRST_FIT);
    let progress = |at: &driver::Position| {
        (control.progress)(&Position {
            task: "fit, which the comparison starts from".to_owned(),
            done: at.starts_done,
            total: at.starts,
            iteration: Some((at.iteration, at.cost)),
            at_most: Some(limit),
        });
    };
    let watch = driver::Control {
        stop: control.stop,
        deadline: deadline(limit),
        progress: &progress,
    };
    let fit = driver::fit(plan, dataset, &watch)?;
    let mut warnings = fit.warnings.clone();
    if !fit.best.converged {
        warnings.push(format!(
            "the fit that everything starts from did not converge ({}): drifts count from where it stands",
            fit.best.termination
        ));
    }
    Ok(Given::new(plan, fit.theta, fit.l2, true, warnings))
}

impl Given {
    fn new(
        plan: &FitPlan,
        theta: Vec<f64>,
        l2: f64,
        fitted_here: bool,
        warnings: Vec<String>,
    ) -> Given {
        let (tau_s, tau_r) = plan.layout.time_constants(&theta);
        Given {
            theta,
            fitted_here,
            l2,
            tau_s,
            tau_r,
            warnings,
        }
    }

    fn shortest_tau(&self) -> f64 {
        let all = self.tau_s.iter().chain(&self.tau_r);
        all.copied().fold(f64::INFINITY, f64::min)
    }
}

impl Comparison {
    fn new(setup: &Setup, plan: &FitPlan, dataset: &Dataset, given: Given) -> Comparison {
        let problem = Problem::new(plan.layout.model, dataset);
        let network = plan
            .layout
            .network
            .expand(&given.theta[plan.layout.network_range()]);
        let driven = |weights: &[f64]| weights.iter().any(|w| *w != 0.0);
        Comparison {
            layout: plan.layout.clone(),
            units: Names::new(&plan.layout, dataset).units.texts(),
            config: setup.config.clone(),
            adaptive: plan.config.method.resolve(problem).0,
            rtol: plan.config.rtol.get(),
            sample_interval: sample_interval(dataset),
            law_role: match (problem.interpolation, driven(network.w.as_slice())) {
                (None, false) => LawRole::Exact,
                (None, true) => LawRole::Guide,
                (Some(Interpolation::Linear), _) if roughness(dataset) < SMOOTH => LawRole::Guide,
                _ => LawRole::None,
            },
            reference: "",
            perturbation: 0.0,
            adaptive_tau_s: given.tau_s.clone(),
            adaptive_tau_r: given.tau_r.clone(),
            blocks: plan
                .layout
                .blocks()
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            cells: Vec::new(),
            refits: Vec::new(),
            certificate: Vec::new(),
            verdict: Vec::new(),
            warnings: given.warnings.clone(),
            budget: setup.budget,
            share: 0.0,
            interrupted: false,
            seconds: 0.0,
            given,
        }
    }
}

/// Inputs whose [`roughness`] is below are smooth: sinusoids of ten samples a period have 0.15, steps and filtered noise 0.8.
const SMOOTH: f64 = 0.5;

/// Mean square second difference of the inputs between neighbouring samples, relative to their variance: 6 for white inputs.
fn roughness(dataset: &Dataset) -> f64 {
    let (mut bends, mut variance) = (0.0, 0.0);
    for (inputs, &length) in dataset.inputs().iter().zip(dataset.trial_length()) {
        for input in inputs.columns(0, length).row_iter() {
            let mean = input.mean();
            variance += input.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let bend = |k: usize| input[k - 1] - 2.0 * input[k] + input[k + 1];
            bends += (1..length.saturating_sub(1))
                .map(|k| bend(k).powi(2))
                .sum::<f64>();
        }
    }
    match variance > 0.0 {
        true => bends / variance,
        false => 0.0,
    }
}

fn contenders(setup: &Setup, comparison: &Comparison, dataset: &Dataset) -> Vec<Contender> {
    let model = comparison.layout.model;
    let mut all: Vec<Contender> = Vec::new();
    for contender in setup
        .contenders
        .clone()
        .unwrap_or_else(|| Contender::all(model))
    {
        let contender = contender.resolved(model, dataset);
        if !all.contains(&contender) {
            all.push(contender);
        }
    }
    all
}

/// The resolutions at which a contender is integrated, coarsest first.
fn ladder(setup: &Setup, contender: Contender, dataset: &Dataset) -> Vec<Resolution> {
    let coarsest_first = |mut values: Vec<f64>| {
        values.sort_by(|a, b| b.total_cmp(a));
        values.dedup();
        values
    };
    let steps = setup
        .steps
        .clone()
        .unwrap_or_else(|| default_steps(dataset));
    let tolerances = setup
        .tolerances
        .clone()
        .unwrap_or_else(|| DEFAULT_TOLERANCES.to_vec());
    let mut all = Vec::new();
    if contender.takes_steps() {
        all.extend(coarsest_first(steps).into_iter().map(Resolution::Step));
    }
    if contender.is_adaptive() {
        all.extend(
            coarsest_first(tolerances)
                .into_iter()
                .map(Resolution::Tolerance),
        );
    }
    all
}

/// The largest perturbation under which the network still predicts better than the mean does.
fn perturbation(plan: &FitPlan, dataset: &Dataset, theta: &[f64]) -> Result<f64, FitError> {
    let objective = plan.objective(dataset, 0.0)?;
    let is_usable = |size: &f64| {
        let point = perturbed(theta, &plan.layout, plan.config.seed, *size);
        objective
            .value(&point)
            .is_ok_and(|value| value.objective <= 1.0)
    };
    let least = SIZES[SIZES.len() - 1];
    Ok(SIZES.into_iter().find(is_usable).unwrap_or(least))
}

fn integrate(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    let theta = comparison.given.theta.clone();
    comparison.perturbation = perturbation(plan, dataset, &theta)?;
    let (seed, size) = (setup.config.seed, comparison.perturbation);
    let off = perturbed(&theta, &comparison.layout, seed, size);
    let reference = reference::plan(&setup.config, dataset, comparison.given.shortest_tau())?;
    comparison.reference = reference.integrator().name();
    let schemes = contenders(setup, comparison, dataset).into_iter();
    let tasks: Vec<_> = schemes
        .filter(|contender| contender.is_scheme())
        .map(|contender| (contender, ladder(setup, contender, dataset)))
        .collect();
    let total = tasks.iter().map(|(_, rungs)| rungs.len()).sum();
    let announce = |task: String, done| {
        (control.progress)(&Position {
            task,
            done,
            total,
            iteration: None,
            at_most: None,
        });
    };
    if control.is_stopped() {
        return Ok(());
    }
    announce("reference at 1e-12".to_owned(), 0);
    let mut bench = Bench::new(&setup.config, dataset, &reference, &theta, &off)?;
    if let Some(failure) = bench.failure() {
        comparison
            .warnings
            .push(format!("there is no reference, so no errors: {failure}"));
    }
    let mut done = 0;
    for (contender, rungs) in tasks {
        let mut spent = 0.0;
        let mut last = (f64::INFINITY, 0.0);
        for resolution in rungs {
            let predicted = predicted_seconds(last, resolution.value());
            let asked_for = match resolution {
                Resolution::Step(_) => setup.steps.is_some(),
                Resolution::Tolerance(_) => setup.tolerances.is_some(),
            };
            let state = if control.is_stopped() {
                CellState::NotRun("stopped before".to_owned())
            } else if !asked_for && spent + predicted > LADDER_SECONDS {
                CellState::NotRun(format!(
                    "would take about {predicted:.0} s; name it to run it"
                ))
            } else {
                announce(
                    format!("{} at {:e}", contender.name(), resolution.value()),
                    done,
                );
                let Measured { state, seconds } = bench.measure(contender, resolution);
                spent += seconds;
                last = (resolution.value(), seconds);
                state
            };
            comparison.cells.push(Cell {
                contender,
                resolution,
                state,
            });
            done += 1;
        }
    }
    Ok(())
}

/// A step that is halved takes twice as long; a tolerance that is a tenth at most four times, which a method of order 2 needs.
fn predicted_seconds((value, seconds): (f64, f64), next: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    seconds * (value / next).clamp(1.0, 4.0)
}

fn refits_are_wanted(setup: &Setup, plan: &FitPlan, dataset: &Dataset) -> bool {
    let train = plan
        .split
        .iter()
        .filter(|s| **s == crate::dataset::Split::Train)
        .count();
    let size = plan.layout.n_units * dataset.time().len() * train;
    setup
        .refit
        .unwrap_or(plan.layout.len() <= DENSE_LIMIT && size <= SMALL)
}

/// The resolutions at which a contender is refitted: those that were asked for, else one.
fn refit_rungs(setup: &Setup, contender: Contender, comparison: &Comparison) -> Vec<Resolution> {
    let elman_or_limit = !contender.is_scheme();
    match (contender.is_adaptive(), &setup.steps, &setup.tolerances) {
        (false, Some(steps), _) if !elman_or_limit => {
            steps.iter().map(|&step| Resolution::Step(step)).collect()
        }
        (false, _, _) => vec![Resolution::Step(comparison.sample_interval)],
        (true, _, Some(tolerances)) => tolerances
            .iter()
            .map(|&rtol| Resolution::Tolerance(rtol))
            .collect(),
        (true, _, None) => vec![Resolution::Tolerance(comparison.rtol)],
    }
}

/// One part of the budget.
enum Part {
    Refit(Task),
    Certify(f64),
}

fn parts(setup: &Setup, comparison: &Comparison, dataset: &Dataset) -> Vec<Part> {
    let adaptive = Contender::Method(comparison.adaptive);
    let own = Resolution::Tolerance(comparison.rtol);
    let mut refits = vec![(adaptive, own)];
    // the slowest last: what overruns its share then takes it from its like
    let mut by_speed = contenders(setup, comparison, dataset);
    by_speed.sort_by_key(|contender| contender.is_slow());
    for contender in by_speed {
        for resolution in refit_rungs(setup, contender, comparison) {
            if !refits.contains(&(contender, resolution)) {
                refits.push((contender, resolution));
            }
        }
    }
    let with = |start| {
        let tasks = refits.iter().map(move |&(contender, resolution)| {
            Part::Refit(Task {
                contender,
                resolution,
                start,
            })
        });
        tasks.collect::<Vec<_>>()
    };
    let certify = CERTIFIED.map(|divisor| Part::Certify(comparison.rtol / divisor));
    let first = with(Start::Optimum).into_iter();
    first.chain(certify).chain(with(Start::Perturbed)).collect()
}

/// Every part has an equal share of what is left of the budget: at least `budget / parts`.
fn refit(
    setup: &Setup,
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    let begin = Instant::now();
    let layout = comparison.layout.clone();
    let config = with_l2(setup.config.clone(), comparison.given.l2);
    let refitter = Refitter {
        config: &config,
        dataset,
        l2: comparison.given.l2,
        shortest_tau: comparison.given.shortest_tau(),
        layout: &layout,
        perturbation: comparison.perturbation,
        known: RefCell::default(),
        scoring: std::cell::Cell::new(0.0),
        control: optimizer::Control {
            stop: Some(control.stop),
            ..Default::default()
        },
    };
    let parts = parts(setup, comparison, dataset);
    let total = parts.len();
    comparison.share = setup.budget / total as f64;
    let mut optimum = comparison.given.theta.clone();
    for (done, part) in parts.into_iter().enumerate() {
        let left = (setup.budget - begin.elapsed().as_secs_f64()).max(0.0);
        let until = deadline(left / (total - done) as f64);
        let task = match &part {
            Part::Refit(task) => format!("fit with {}", task.contender.name()),
            Part::Certify(tolerance) => format!("fit at tolerance {tolerance:e}"),
        };
        let show = |iteration| {
            (control.progress)(&Position {
                task: task.clone(),
                done,
                total,
                iteration,
                at_most: Some((setup.budget - begin.elapsed().as_secs_f64()).max(0.0)),
            });
        };
        show(None);
        let watch = |record: &IterationRecord| show(Some((record.iteration, record.cost)));
        match part {
            Part::Refit(task) if control.is_stopped() => {
                comparison
                    .refits
                    .push(task.not_run("the comparison was stopped before"));
            }
            Part::Refit(task) if left <= 0.0 => {
                comparison
                    .refits
                    .push(task.not_run("the budget was used up before"));
            }
            Part::Refit(task) => {
                let refit = refitter.refit(task, &optimum, until, &watch);
                if done == 0
                    && let Some(fitted) = refit.fitted()
                {
                    // the adaptive fit of the same kind as all others: from a converged start it does not move
                    optimum.clone_from(&fitted.theta);
                    comparison.adaptive_tau_s.clone_from(&fitted.tau_s);
                    comparison.adaptive_tau_r.clone_from(&fitted.tau_r);
                }
                comparison.refits.push(refit);
            }
            Part::Certify(_) if control.is_stopped() || left <= 0.0 => {}
            Part::Certify(tolerance) => {
                let first = comparison.certificate.first();
                let method = plan.config.method;
                let row = refitter.certify(method, tolerance, &optimum, until, &watch, first);
                match row {
                    Ok(row) => comparison.certificate.push(row),
                    Err(error) => comparison.warnings.push(format!(
                        "no certificate at tolerance {tolerance:e}: {error}"
                    )),
                }
            }
        }
    }
    Ok(())
}

/// The certificate without refits: the cost alone.
fn evaluate_certificate(
    plan: &FitPlan,
    dataset: &Dataset,
    control: &Control<'_>,
    comparison: &mut Comparison,
) -> Result<(), FitError> {
    for divisor in CERTIFIED {
        if control.is_stopped() {
            return Ok(());
        }
        let tolerance = comparison.rtol / divisor;
        let config = Contender::Method(plan.config.method)
            .configure(&plan.config, Resolution::Tolerance(tolerance));
        let plan = FitPlan::check(&config, dataset)?;
        let objective = plan.objective(dataset, comparison.given.l2)?;
        let cost = objective.value(&comparison.given.theta);
        comparison.certificate.push(CertificateRow {
            tolerance,
            cost: cost.map_or(f64::NAN, |value| value.cost),
            refit: None,
        });
    }
    Ok(())
}

/// None where the time is beyond what a clock can tell.
fn deadline(seconds: f64) -> Option<Instant> {
    Instant::now().checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}
