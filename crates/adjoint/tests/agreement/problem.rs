//! Random networks with inputs, cotangents and evaluation times.

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// Numbers in [-1, 1), reproducible: a linear congruential sequence.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub(crate) fn vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        0.5 * (self.next() + 1.0) < p
    }
}

/// How the samples of the input lie and what happens between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    pub(crate) interpolation: Interpolation,
    /// Sample intervals differ by up to this fraction from their mean.
    pub(crate) jitter: f64,
    pub(crate) n_samples: usize,
    /// Evaluation times: some of the samples, or times between them.
    pub(crate) on_samples: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) model: ModelKind,
    pub(crate) activation: Activation,
    pub(crate) n_units: usize,
    pub(crate) n_inputs: usize,
    pub(crate) n_trials: usize,
    /// Largest over smallest time constant.
    pub(crate) tau_ratio: f64,
    /// Fraction of W and U that the connectivity leaves out.
    pub(crate) masked: f64,
    /// Factor of the recurrent weights: with 1 the loop is no faster than the time constants.
    pub(crate) gain: f64,
    /// Whether relu units may cross their kink.
    pub(crate) kinked: bool,
    pub(crate) sampling: Sampling,
    pub(crate) seed: u64,
}

impl Spec {
    fn stays_off_kinks(&self) -> bool {
        self.activation == Activation::Relu && !self.kinked
    }
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let network = (
        prop::sample::select(ModelKind::ALL.to_vec()),
        prop::sample::select(Activation::ALL.to_vec()),
        1..41usize,
        0.0..4.0f64,
        prop::sample::select(vec![0.0, 0.3, 0.8]),
    );
    let data = (
        0..4usize,
        1..4usize,
        prop::sample::select(vec![Interpolation::Hold, Interpolation::Linear]),
        prop::sample::select(vec![0.0, 0.8]),
        2..8usize,
        any::<bool>(),
        any::<u64>(),
    );
    (network, data).prop_map(
        |(
            (model, activation, n_units, decades, masked),
            (n_inputs, n_trials, interpolation, jitter, n_samples, on_samples, seed),
        )| Spec {
            model,
            activation,
            n_units,
            n_inputs,
            n_trials,
            tau_ratio: 10_f64.powf(decades),
            masked,
            gain: 1.0,
            kinked: false,
            sampling: Sampling {
                interpolation,
                jitter,
                n_samples,
                on_samples,
            },
            seed,
        },
    )
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) network: RateNetwork,
    pub(crate) input: InputSignal,
    pub(crate) y0: Vec<f64>,
    pub(crate) t_eval: Vec<f64>,
    pub(crate) cotangents: Vec<f64>,
}

impl Case {
    pub(crate) fn new(spec: &Spec) -> Case {
        let mut numbers = Numbers(spec.seed);
        let (parameters, silent) = parameters(spec, &mut numbers);
        let network = RateNetwork::new(spec.model, spec.activation, parameters).expect("valid");
        let (input, t_eval) = input(spec, &mut numbers);
        let n = spec.n_units;
        let shape = network.shape(spec.n_trials);
        let y0 = (0..shape.len())
            .map(|i| {
                let is_current = shape.currents().contains(&i);
                relu_start(spec, is_current && silent[i % n]) + 0.5 * numbers.next()
            })
            .collect();
        // a fifth of the targets is missing; the last never is
        let len = n * spec.n_trials * t_eval.len();
        let cotangents = (0..len)
            .map(|i| {
                let is_missing = i + n < len && numbers.chance(0.2);
                if is_missing { 0.0 } else { numbers.next() }
            })
            .collect();
        Case {
            network,
            input,
            y0,
            t_eval,
            cotangents,
        }
    }
}

/// Random parameters, and which units are silent.
///
/// relu: the rows of W and U sum to less than 0.2 and 3 in absolute value and inputs lie within 1, so that with
/// biases of 6 (of -12 for silent units) what a unit is driven by stays within 0.75 and 11.25 (below -6.7): no unit
/// crosses the kink.
fn parameters(spec: &Spec, numbers: &mut Numbers) -> (Parameters, Vec<bool>) {
    let n = spec.n_units;
    let is_relu = spec.stays_off_kinks();
    let gain = if is_relu {
        0.2 / n as f64
    } else {
        1.5 * spec.gain / (n as f64).sqrt()
    };
    let entry = |scale: f64, numbers: &mut Numbers| {
        let value = scale * numbers.next();
        if numbers.chance(spec.masked) {
            0.0
        } else {
            value
        }
    };
    let w = DMatrix::from_fn(n, n, |_, _| entry(gain, numbers));
    let u = DMatrix::from_fn(n, spec.n_inputs, |_, _| entry(1.0, numbers));
    let silent: Vec<bool> = (0..n)
        .map(|unit| is_relu && unit > 0 && numbers.chance(0.3))
        .collect();
    let b = DVector::from_fn(n, |unit, _| match (is_relu, silent[unit]) {
        (true, true) => -12.0,
        (true, false) => 6.0,
        (false, _) => 0.5 * numbers.next(),
    });
    let mut tau = |present: bool| {
        let half_range = 0.5 * spec.tau_ratio.ln();
        DVector::from_fn(if present { n } else { 0 }, |_, _| {
            0.1_f64.ln() + half_range * numbers.next()
        })
    };
    let parameters = Parameters {
        w,
        u,
        b,
        log_tau_s: tau(spec.model.has_tau_s()),
        log_tau_r: tau(spec.model.has_tau_r()),
    };
    (parameters, silent)
}

fn relu_start(spec: &Spec, is_silent_current: bool) -> f64 {
    match (spec.stays_off_kinks(), is_silent_current) {
        (true, true) => -8.0,
        (true, false) => 4.0,
        _ => 0.0,
    }
}

fn input(spec: &Spec, numbers: &mut Numbers) -> (InputSignal, Vec<f64>) {
    let sampling = spec.sampling;
    let mut time = vec![0.0];
    while time.len() < sampling.n_samples {
        let interval = 0.04 * (1.0 + sampling.jitter * numbers.next());
        time.push(time[time.len() - 1] + interval);
    }
    let end = time[time.len() - 1] + 0.01;
    let mut t_eval: Vec<f64> = if sampling.on_samples {
        time.iter().copied().step_by(2).collect()
    } else {
        time.windows(2).map(|t| 0.4 * t[0] + 0.6 * t[1]).collect()
    };
    t_eval.push(end);
    let columns = spec.n_trials * time.len();
    let samples = DMatrix::from_vec(spec.n_inputs, columns, numbers.vec(spec.n_inputs * columns));
    let input = InputSignal::new(time, end, samples, spec.n_trials, sampling.interpolation)
        .expect("valid input");
    (input, t_eval)
}
