//! The same students fitted by this project's own optimizer: Gauss-Newton on all sequences at once.

use crate::student::{Constants, LOSS_SCALE, Student};
use crate::teacher::{Sequence, Teacher};
use nalgebra::{DMatrix, DVector};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use tauscope_adjoint::Integrator;
use tauscope_dynamics::TauBounds;
use tauscope_fit::config::{
    Auto, EffectiveConfig, Fraction, Method, OptimizerChoice, ReadoutChoice, TauTying,
};
use tauscope_fit::dataset::{Dataset, DatasetError, RawDataset, Split};
use tauscope_fit::layout::ModelLayout;
use tauscope_fit::optimizer::{
    Bounds, BoundsError, Control, Evaluation, Linearization, MinimizeError, NormalEquations,
    Objective, Optimizer, OptimizerSettings, SolveFailure, Termination, Value, minimize,
};
use tauscope_fit::plan::{FitPlan, PlanError};
use tauscope_fit::readout::ReadoutValues;
use thiserror::Error;

/// Relative tolerance of the continuous model.
const RTOL: f64 = 1e-6;
/// Rate constants lie below 1 (where the discrete model has no decay left) and above this.
const LEAST_ALPHA: f64 = 1e-3;

/// A fit that cannot be made.
#[derive(Debug, Error)]
pub enum ConvergeError {
    /// The sequences are no dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The student is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It cannot begin.
    #[error(transparent)]
    Minimize(#[from] MinimizeError),
    /// Held constants are no bounds.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// A student that the fit cannot express.
    #[error("gauss-newton takes students without masks whose constants are held, global or absent")]
    Student,
}

/// A fitted student.
#[derive(Debug, Clone, PartialEq)]
pub struct Converged {
    /// alpha_s and alpha_r, where it has any.
    pub alphas: Option<[f64; 2]>,
    /// Validation loss: ten times the mean squared error.
    pub loss: f64,
    /// Train loss.
    pub train_loss: f64,
    /// Iterations.
    pub iterations: u64,
    /// Whether nothing was left to gain.
    pub converged: bool,
}

/// Fits `student` to `teacher` from `theta` without penalty and without early stopping; `None` when `stop` was set.
///
/// # Errors
/// [`ConvergeError`]
pub fn gauss_newton(
    student: &Student,
    theta: &[f64],
    teacher: &Teacher,
    max_iterations: u64,
    stop: &AtomicBool,
) -> Result<Option<Converged>, ConvergeError> {
    let dataset = dataset(teacher)?;
    let plan = FitPlan::check(&config(student)?, &dataset)?;
    let objective = plan.objective(&dataset, 0.0)?;
    let start = start(student, theta, plan.layout());
    let held = Held {
        bounds: bounds(student, plan.layout(), &start, objective.bounds())?,
        objective: &objective,
    };
    let mut settings = OptimizerSettings::new(Optimizer::GaussNewton);
    settings.stopping.max_iterations = max_iterations;
    settings.stopping.early_stopping = false;
    let control = Control {
        stop: Some(stop),
        ..Control::default()
    };
    let outcome = minimize(&held, &start, &settings, &control)?;
    if outcome.termination == Termination::Interrupted {
        return Ok(None);
    }
    let (tau_s, tau_r) = objective.time_constants(&outcome.theta);
    let alphas = tau_s.first().zip(tau_r.first());
    Ok(Some(Converged {
        alphas: alphas.map(|(s, r)| [1.0 / s, 1.0 / r]),
        loss: LOSS_SCALE * outcome.cost_valid.unwrap_or(f64::NAN),
        train_loss: LOSS_SCALE * outcome.cost,
        iterations: outcome.iterations,
        converged: outcome.converged,
    }))
}

fn dataset(teacher: &Teacher) -> Result<Dataset, DatasetError> {
    let all = || teacher.train.iter().chain(&teacher.valid);
    let first = &teacher.train[0].input;
    let inputs = |sequence: &Sequence| {
        let steps = sequence.input.time().len();
        let samples = sequence.input.samples(0..steps);
        DMatrix::from_column_slice(sequence.input.n_inputs(), steps, samples)
    };
    let mut raw = RawDataset::new(
        "sequences",
        "steps",
        first.time().to_vec(),
        all().map(inputs).collect(),
        all().map(|sequence| sequence.targets.clone()).collect(),
    );
    raw.interpolation = first.interpolation();
    let parts = [
        (Split::Train, teacher.train.len()),
        (Split::Valid, teacher.valid.len()),
    ];
    raw.split = Some(
        parts
            .into_iter()
            .flat_map(|(part, n)| vec![part; n])
            .collect(),
    );
    Dataset::new(raw)
}

fn config(student: &Student) -> Result<EffectiveConfig, ConvergeError> {
    if student.masks.is_some() || student.constants == Constants::PerUnit {
        return Err(ConvergeError::Student);
    }
    let method = match student.integrator {
        Integrator::FixedStep { method, .. } => Method::FixedStep(method),
        Integrator::Exponential { method, .. } => Method::Exponential(method),
        Integrator::Adaptive { method, .. } => Method::Adaptive(method),
    };
    let mut config = EffectiveConfig::default();
    config.activation = student.activation;
    config.units = NonZeroUsize::new(student.n_units).map_or(Auto::Auto, Auto::Set);
    config.readout = ReadoutChoice::Linear;
    config.bias = false;
    config.time_constants = TauTying::Global;
    config.tau_bounds = TauBounds::new(1.0, 1.0 / LEAST_ALPHA).map_or(Auto::Auto, Auto::Set);
    config.method = method;
    config.rtol = Fraction::new(RTOL).unwrap_or(config.rtol);
    config.optimizer = OptimizerChoice::GaussNewton;
    Ok(config)
}

/// `theta` of a student in the order of a fit.
fn start(student: &Student, theta: &[f64], layout: &ModelLayout) -> Vec<f64> {
    let places = student.places();
    let values = ReadoutValues {
        gain: DMatrix::from_column_slice(
            student.n_outputs,
            student.n_units,
            &theta[places.c.clone()],
        ),
        offset: DVector::from_column_slice(&theta[places.d.clone()]),
    };
    let log_tau = match student.alphas(theta).first() {
        Some(pair) => pair.map(|alpha| -alpha.ln()).to_vec(),
        None => Vec::new(),
    };
    [
        &theta[places.w],
        &theta[places.u],
        &log_tau,
        &layout.readout().theta(&values),
        &theta[places.initial],
    ]
    .concat()
}

/// Those of the fit, with held constants where they are.
fn bounds(
    student: &Student,
    layout: &ModelLayout,
    start: &[f64],
    own: &Bounds,
) -> Result<Bounds, BoundsError> {
    let (mut lower, mut upper) = (own.lower().to_vec(), own.upper().to_vec());
    if matches!(student.constants, Constants::Held(_)) {
        let blocks = layout.blocks().into_iter();
        for (_, range) in blocks.filter(|(name, _)| name.starts_with("log_tau")) {
            lower[range.clone()].copy_from_slice(&start[range.clone()]);
            upper[range.clone()].copy_from_slice(&start[range]);
        }
    }
    Bounds::new(lower, upper)
}

/// An objective with bounds of its own.
struct Held<'a> {
    objective: &'a dyn Objective,
    bounds: Bounds,
}

impl Objective for Held<'_> {
    fn n_parameters(&self) -> usize {
        self.objective.n_parameters()
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn value(&self, theta: &[f64]) -> Result<Value, SolveFailure> {
        self.objective.value(theta)
    }

    fn evaluate(&self, theta: &[f64]) -> Result<Evaluation, SolveFailure> {
        self.objective.evaluate(theta)
    }

    fn normal_equations(&self, theta: &[f64]) -> Result<NormalEquations, SolveFailure> {
        self.objective.normal_equations(theta)
    }

    fn linearize<'b>(&'b self, theta: &[f64]) -> Result<Box<dyn Linearization + 'b>, SolveFailure> {
        self.objective.linearize(theta)
    }

    fn valid_cost(&self, theta: &[f64]) -> Option<Result<f64, SolveFailure>> {
        self.objective.valid_cost(theta)
    }

    fn gradient_error(&self, theta: &[f64], gradient: &[f64]) -> Result<f64, SolveFailure> {
        self.objective.gradient_error(theta, gradient)
    }

    fn time_constants(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.objective.time_constants(theta)
    }
}
