use super::certificate::{CertificateRow, drift};
use super::contender::{Contender, sample_interval};
use super::integration::Cell;
use super::refit::Refit;
use super::verdict;
use crate::config::{EffectiveConfig, Method, Problem};
use crate::dataset::Dataset;
use crate::driver::{FitError, Names};
use crate::layout::ModelLayout;
use crate::plan::FitPlan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tauscope_dynamics::Interpolation;

use super::budget::{evaluate_certificate, refit, refits_are_wanted};
use super::given::{Given, given};
use super::ladder::integrate;

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
    pub stop: &'a Arc<AtomicBool>,
    /// Called before every task and after every iteration.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

impl Control<'_> {
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
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
    /// What it comes to, in two or three sentences.
    pub verdict: Vec<String>,
    /// What bounds the verdict, in further sentences.
    pub notes: Vec<String>,
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
    comparison.notes = verdict::notes(&comparison, dataset);
    comparison.seconds = begin.elapsed().as_secs_f64();
    Ok(comparison)
}

impl Comparison {
    fn new(setup: &Setup, plan: &FitPlan, dataset: &Dataset, given: Given) -> Comparison {
        let problem = Problem::new(plan.layout.model, plan.config.activation, dataset);
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
            notes: Vec::new(),
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

pub(super) fn contenders(
    setup: &Setup,
    comparison: &Comparison,
    dataset: &Dataset,
) -> Vec<Contender> {
    let model = comparison.layout.model;
    let problem = Problem::new(model, comparison.layout.activation, dataset);
    let mut all: Vec<Contender> = Vec::new();
    for contender in setup
        .contenders
        .clone()
        .unwrap_or_else(|| Contender::all(model))
    {
        let contender = contender.resolved(problem);
        if !all.contains(&contender) {
            all.push(contender);
        }
    }
    all
}

/// None where the time is beyond what a clock can tell.
pub(super) fn deadline(seconds: f64) -> Option<Instant> {
    Instant::now().checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}
