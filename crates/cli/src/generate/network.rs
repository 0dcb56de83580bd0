//! Parameters of generated networks.

use super::spec::{
    Bias, DEFAULT_TAU, Global, GlobalTau, Recurrence, Spec, SpecError, TauRule, Units,
};
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::path::Path;
use tauscope_dynamics::Parameters;

/// Draws until every ratio of time constants is far enough from 1: so many times.
const MOST_DRAWS: usize = 10_000;

/// Weights, biases and time constants.
///
/// # Errors
/// [`SpecError::Value`] where no draw meets `min_log_ratio`.
pub fn draw(
    spec: &Spec,
    path: &Path,
    weights: &mut ChaCha8Rng,
    constants: &mut ChaCha8Rng,
) -> Result<Parameters, SpecError> {
    let w = recurrent(spec, weights);
    let u = DMatrix::from_fn(spec.units, spec.inputs, |_, _| {
        spec.weights.input_std * normal(weights)
    });
    let b = match spec.weights.bias {
        Bias::Word(_) => DVector::from_fn(spec.units, |unit, _| -0.5 * w.row(unit).sum()),
        Bias::Normal(std) => DVector::from_fn(spec.units, |_, _| std * normal(weights)),
    };
    let (s, r) = time_constants(spec, path, constants)?;
    let log = |tau: Vec<f64>, exists: bool| {
        DVector::from_vec(if exists {
            tau.into_iter().map(f64::ln).collect()
        } else {
            Vec::new()
        })
    };
    let (log_tau_s, log_tau_r) = (
        log(s, spec.model.has_tau_s()),
        log(r, spec.model.has_tau_r()),
    );
    Ok(Parameters {
        w,
        u,
        b,
        log_tau_s,
        log_tau_r,
    })
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

fn recurrent(spec: &Spec, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let std = spec.weights.std / (spec.units as f64).sqrt();
    let mut w = DMatrix::from_fn(spec.units, spec.units, |_, _| std * normal(rng));
    match spec.connectivity {
        Recurrence::Full => {}
        Recurrence::NoSelf => w.fill_diagonal(0.0),
        Recurrence::None => w.fill(0.0),
    }
    w
}

/// One draw of one kind of constant, by unit: what is common to the units is drawn once, at the beginning.
struct Source<'a> {
    rule: &'a TauRule,
    global: f64,
}

impl<'a> Source<'a> {
    fn new(rule: &'a TauRule, rng: &mut ChaCha8Rng) -> Self {
        let global = match rule {
            TauRule::Global(Global {
                global: GlobalTau::Value(tau),
            }) => *tau,
            TauRule::Global(Global {
                global: GlobalTau::Range(range),
            }) => log_uniform(range, rng),
            TauRule::Range(_) | TauRule::Units(_) => f64::NAN,
        };
        Source { rule, global }
    }

    fn draw(&self, unit: usize, rng: &mut ChaCha8Rng) -> f64 {
        match self.rule {
            TauRule::Range(range) => log_uniform(range, rng),
            TauRule::Global(_) => self.global,
            TauRule::Units(Units { units }) => units[unit],
        }
    }
}

fn log_uniform([low, high]: &[f64; 2], rng: &mut ChaCha8Rng) -> f64 {
    let position: f64 = rng.random();
    // the exponential of a logarithm may miss the border by the last bit
    (low.ln() + (high.ln() - low.ln()) * position)
        .exp()
        .clamp(*low, *high)
}

fn time_constants(
    spec: &Spec,
    path: &Path,
    rng: &mut ChaCha8Rng,
) -> Result<(Vec<f64>, Vec<f64>), SpecError> {
    for _ in 0..MOST_DRAWS {
        let s = Source::new(spec.tau.s.as_ref().unwrap_or(&DEFAULT_TAU), rng);
        let r = Source::new(spec.tau.r.as_ref().unwrap_or(&DEFAULT_TAU), rng);
        let pairs: Option<Vec<(f64, f64)>> = (0..spec.units)
            .map(|unit| pair(spec, &s, &r, unit, rng))
            .collect();
        if let Some(pairs) = pairs {
            return Ok(pairs.into_iter().unzip());
        }
    }
    let reason = format!(
        "no draw in {MOST_DRAWS} keeps tau_s and tau_r of every unit {} apart",
        spec.tau.min_log_ratio
    );
    Err(SpecError::Value {
        path: path.to_owned(),
        key: "tau.min_log_ratio",
        reason,
    })
}

/// The constants of a unit, far enough apart; a hundred draws, since others may have to give way first.
fn pair(
    spec: &Spec,
    s: &Source,
    r: &Source,
    unit: usize,
    rng: &mut ChaCha8Rng,
) -> Option<(f64, f64)> {
    let both = spec.model.has_tau_s() && spec.model.has_tau_r();
    let mut draws = (0..100).map(|_| (s.draw(unit, rng), r.draw(unit, rng)));
    draws.find(|(s, r)| !both || (s / r).ln().abs() >= spec.tau.min_log_ratio)
}
