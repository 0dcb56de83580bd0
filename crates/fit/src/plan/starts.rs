use super::{FitPlan, PlanError, current_of, trials_of};
use crate::config::Init;
use crate::dataset::{Dataset, Split};
use crate::initial_state::InitialStateKind;
use crate::readout::{ReadoutKind, ReadoutValues};
use crate::store::{StoredFile, StoredGroup};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tauscope_dynamics::{Block, ModelKind, Parameters, Sign};

/// Standard deviation of the weights of a random start, over sqrt(units): small, so that the network begins as a bank
/// of filters and recurrence grows only where the data ask for it.
const W_STD: f64 = 0.1;
/// Standard deviation of the current that all inputs together give a unit.
const INPUT_STD: f64 = 0.5;
const HIDDEN_BIAS_STD: f64 = 0.5;

/// Starting point `index`.
///
/// Random, from the seed and the index: W normal (0.1 / sqrt(units)), U normal so that the inputs together move a
/// current by about 0.5, time constants log-uniform from 2 to 20 sample intervals (at most a quarter of the longest
/// trial), bias and initial current such that an observed unit rests at its mean, signs as constrained.
pub(super) fn start(plan: &FitPlan, dataset: &Dataset, index: usize) -> Vec<f64> {
    if let (0, Some(given)) = (index, &plan.init) {
        return project(plan, given.clone());
    }
    let layout = &plan.layout;
    let mut rng = ChaCha8Rng::seed_from_u64(plan.config.seed);
    rng.set_stream(index as u64);
    let mut normal = |std: f64| std * rng.sample::<f64, _>(StandardNormal);
    let (n, m) = (layout.n_units, layout.n_inputs);
    let mut parameters = Parameters::zeros(layout.model, n, m);
    parameters.w = DMatrix::from_fn(n, n, |_, _| normal(W_STD / (n as f64).sqrt()));
    let input_std = input_std(plan, dataset);
    for (input, std) in input_std.iter().enumerate() {
        let scale = INPUT_STD / (std * (m as f64).sqrt());
        for unit in 0..n {
            parameters.u[(unit, input)] = normal(scale);
        }
    }
    let rest = resting_currents(plan, &mut normal);
    parameters.b.copy_from_slice(&rest);
    let (low, high) = tau_range(dataset);
    let mut log_uniform = || low.ln() + (high / low).ln() * rng.random::<f64>();
    for tau in parameters
        .log_tau_s
        .iter_mut()
        .chain(parameters.log_tau_r.iter_mut())
    {
        *tau = log_uniform();
    }
    let mut theta = layout.network.gather(&parameters);
    theta.extend(readout_start(plan, &mut rng));
    theta.extend(initial_start(plan, &rest));
    project(plan, signed(plan, theta))
}

fn tau_range(dataset: &Dataset) -> (f64, f64) {
    let time = dataset.time();
    let span = |n: usize| time[n - 1] - time[0];
    let longest = dataset
        .trial_length()
        .iter()
        .map(|&n| span(n))
        .fold(0.0, f64::max);
    let interval = (time[time.len() - 1] - time[0]) / (time.len() - 1) as f64;
    let low = 2.0 * interval;
    (low, (20.0 * interval).min(0.25 * longest).max(low))
}

/// Standard deviation of each input over the train trials; 1 for one that never changes.
fn input_std(plan: &FitPlan, dataset: &Dataset) -> Vec<f64> {
    let train = trials_of(&plan.split, Split::Train);
    let of = |input: usize| {
        let values: Vec<f64> = train
            .iter()
            .flat_map(|&k| {
                dataset.inputs()[k]
                    .row(input)
                    .iter()
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        if variance > 0.0 { variance.sqrt() } else { 1.0 }
    };
    (0..dataset.n_inputs()).map(of).collect()
}

/// The current at which an observed unit shows its output's mean; of other units, random.
fn resting_currents(plan: &FitPlan, normal: &mut impl FnMut(f64) -> f64) -> Vec<f64> {
    let layout = &plan.layout;
    let observed = layout.readout.kind() == ReadoutKind::Direct;
    (0..layout.n_units)
        .map(|unit| match layout.readout.mean_of(unit) {
            Some(mean) if observed => current_of(layout.activation, mean),
            _ => normal(HIDDEN_BIAS_STD),
        })
        .collect()
}

/// Gains of order one in units of the outputs' deviations, offsets at the mean.
fn readout_start(plan: &FitPlan, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let readout = &plan.layout.readout;
    let gains = readout.gains().len();
    let std = 1.0 / (plan.layout.n_units as f64).sqrt();
    let mut theta: Vec<f64> = match readout.kind() {
        ReadoutKind::Linear => (0..gains)
            .map(|_| std * rng.sample::<f64, _>(StandardNormal))
            .collect(),
        _ => vec![1.0; gains],
    };
    theta.resize(readout.n_parameters(), 0.0);
    theta
}

fn initial_start(plan: &FitPlan, rest: &[f64]) -> Vec<f64> {
    let layout = &plan.layout;
    let rates = || rest.iter().map(|&v| layout.activation.value(v));
    match (&layout.initial_state, layout.model) {
        (InitialStateKind::Learned, ModelKind::Rate)
        | (InitialStateKind::LearnedFree, ModelKind::Rate) => rates().collect(),
        (InitialStateKind::LearnedFree, ModelKind::TwoConstant) => {
            rest.iter().copied().chain(rates()).collect()
        }
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, _) => rest.to_vec(),
        _ => Vec::new(),
    }
}

/// Turns each constrained weight to its side.
fn signed(plan: &FitPlan, mut theta: Vec<f64>) -> Vec<f64> {
    for (value, bounds) in theta.iter_mut().zip(plan.layout.network.bounds()) {
        if *bounds == Sign::Excitatory.bounds() {
            *value = value.abs();
        } else if *bounds == Sign::Inhibitory.bounds() {
            *value = -value.abs();
        }
    }
    theta
}

fn project(plan: &FitPlan, theta: Vec<f64>) -> Vec<f64> {
    plan.layout.optimizer_bounds().project(&theta)
}

/// The point that `init` names, read from its result.
pub(super) fn from_result(
    plan: &FitPlan,
    dataset: &Dataset,
) -> Result<Option<Vec<f64>>, PlanError> {
    let Init::File(path) = &plan.config.init else {
        return Ok(None);
    };
    let file = StoredFile::open_result(path)?;
    let group = file.group("parameters")?;
    let layout = &plan.layout;
    let unusable = |name: &str, at: usize, value: f64, wanted: &str| PlanError::Init {
        path: path.display().to_string(),
        reason: format!(
            "parameters/{name}, value {at} (counted from 0), is {value} and must be {wanted}: start from an undamaged result"
        ),
    };
    let shaped = |name: &str, expected: &[usize]| -> Result<Vec<f64>, PlanError> {
        let values = shaped(&group, path, name, expected)?;
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(at) => Err(unusable(name, at, values[at], "finite")),
        }
    };
    let (n, m) = (layout.n_units, layout.n_inputs);
    let vector = |name: &str, exists: bool| -> Result<DVector<f64>, PlanError> {
        Ok(DVector::from_vec(if exists {
            shaped(name, &[n])?
        } else {
            Vec::new()
        }))
    };
    let b = if group.has("b") {
        vector("b", true)?
    } else {
        DVector::zeros(n)
    };
    let u = if m > 0 {
        DMatrix::from_row_slice(n, m, &shaped("U", &[n, m])?)
    } else {
        DMatrix::zeros(n, 0)
    };
    let log_tau = |name: &str, block| -> Result<DVector<f64>, PlanError> {
        let tau = vector(name, layout.network.has(block))?;
        match tau.iter().position(|&tau| tau <= 0.0) {
            None => Ok(tau.map(f64::ln)),
            Some(at) => Err(unusable(name, at, tau[at], "positive")),
        }
    };
    let parameters = Parameters {
        w: DMatrix::from_row_slice(n, n, &shaped("W", &[n, n])?),
        u,
        b,
        log_tau_s: log_tau("tau_s", Block::LogTauS)?,
        log_tau_r: log_tau("tau_r", Block::LogTauR)?,
    };
    let mut theta = layout.network.gather(&parameters);
    theta.extend(stored_readout(plan, dataset, &shaped)?);
    theta.extend(stored_initial(plan, &group, &shaped)?);
    match theta.iter().position(|v| !v.is_finite()) {
        None => Ok(Some(theta)),
        Some(at) => Err(PlanError::Init {
            path: path.display().to_string(),
            reason: format!(
                "parameter {at} is {}: start from a result that is finite",
                theta[at]
            ),
        }),
    }
}

fn shaped(
    group: &StoredGroup,
    path: &std::path::Path,
    name: &str,
    expected: &[usize],
) -> Result<Vec<f64>, PlanError> {
    let array = group.read_f64(name)?;
    if array.shape == expected {
        return Ok(array.values);
    }
    Err(PlanError::Init {
        path: path.display().to_string(),
        reason: format!(
            "parameters/{name} has the shape {:?}, this fit {expected:?}: start from a result of the same model",
            array.shape
        ),
    })
}

type Reader<'a> = dyn Fn(&str, &[usize]) -> Result<Vec<f64>, PlanError> + 'a;

fn stored_readout(
    plan: &FitPlan,
    dataset: &Dataset,
    shaped: &Reader<'_>,
) -> Result<Vec<f64>, PlanError> {
    let (p, n) = (dataset.n_outputs(), plan.layout.n_units);
    let gain = match plan.layout.readout.kind() {
        ReadoutKind::Direct => return Ok(Vec::new()),
        ReadoutKind::Scaled => DMatrix::from_vec(p, 1, shaped("c", &[p])?),
        ReadoutKind::Linear => DMatrix::from_row_slice(p, n, &shaped("C", &[p, n])?),
    };
    let offset = DVector::from_vec(shaped("d", &[p])?);
    Ok(plan.layout.readout.theta(&ReadoutValues { gain, offset }))
}

fn stored_initial(
    plan: &FitPlan,
    group: &StoredGroup,
    shaped: &Reader<'_>,
) -> Result<Vec<f64>, PlanError> {
    let layout = &plan.layout;
    let n = layout.n_units;
    match (&layout.initial_state, layout.model) {
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, ModelKind::Rate) => {
            shaped("r0", &[n])
        }
        (InitialStateKind::LearnedFree, ModelKind::TwoConstant) => {
            let currents = shaped("I0", &[n])?;
            let rates = if group.has("r0") {
                shaped("r0", &[n])?
            } else {
                currents
                    .iter()
                    .map(|&v| layout.activation.value(v))
                    .collect()
            };
            Ok([currents, rates].concat())
        }
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, _) => shaped("I0", &[n]),
        _ => Ok(Vec::new()),
    }
}
