//! Teachers of which it is known what can be told.

use super::super::*;
use crate::config::{EffectiveConfig, Fraction, Layer};
use crate::dataset::{Dataset, RawDataset, Split};
use crate::plan::FitPlan;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::sync::atomic::AtomicBool;

const SAMPLES: usize = 60;
const INTERVAL: f64 = 0.01;

/// A teacher with its recording.
pub(super) struct Teacher {
    pub(super) dataset: Dataset,
    pub(super) plan: FitPlan,
    pub(super) theta: Vec<f64>,
}

/// What a teacher is made of.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    pub(super) units: usize,
    pub(super) outputs: usize,
    pub(super) trials: usize,
    pub(super) noise: f64,
    pub(super) seed: u64,
    /// tau_s and tau_r of every unit; none: random ones, apart by at least a factor of 1.5.
    pub(super) taus: Option<[f64; 2]>,
    /// Of all weights.
    pub(super) strength: f64,
}

pub(super) const SMALL: Recipe = Recipe {
    units: 3,
    outputs: 3,
    trials: 6,
    noise: 0.0,
    seed: 1,
    taus: None,
    strength: 1.0,
};

pub(super) fn config(options: &[(&'static str, &str)]) -> EffectiveConfig {
    let always = [
        ("initial_state", "learned"),
        ("tau_bounds", "0.002,3"),
        ("l2", "0"),
    ];
    let given = Layer::from_options(options.iter().copied()).unwrap();
    EffectiveConfig::merge(&[given, Layer::from_options(always).unwrap()]).unwrap()
}

pub(super) fn blank(recipe: Recipe, rng: &mut ChaCha8Rng) -> Dataset {
    let time: Vec<f64> = (0..SAMPLES).map(|k| k as f64 * INTERVAL).collect();
    let mut input = || {
        let phases: Vec<f64> = (0..8).map(|_| 6.0 * rng.random::<f64>()).collect();
        DMatrix::from_fn(2, SAMPLES, |i, k| {
            let wave = |f: usize| {
                (phases[4 * i + f]
                    + (3.0 + 7.0 * f as f64) * (1.0 + 0.3 * i as f64) * k as f64 * INTERVAL)
                    .sin()
            };
            (0..4).map(wave).sum::<f64>()
        })
    };
    let inputs: Vec<_> = (0..recipe.trials).map(|_| input()).collect();
    let targets = (0..recipe.trials).map(|t| {
        DMatrix::from_fn(recipe.outputs, SAMPLES, |o, k| {
            ((1 + o + t) as f64 * k as f64 * 0.1).sin()
        })
    });
    let mut raw = RawDataset::new("teacher", "s", time, inputs, targets.collect());
    raw.interpolation = tauscope_dynamics::Interpolation::Linear;
    raw.split = Some(vec![Split::Train; recipe.trials]);
    Dataset::new(raw).unwrap()
}

impl Teacher {
    pub(super) fn new(recipe: Recipe, options: &[(&'static str, &str)]) -> Teacher {
        let mut rng = ChaCha8Rng::seed_from_u64(recipe.seed);
        let units = recipe.units.to_string();
        let config = config(&[options, &[("units", units.as_str())]].concat());
        let empty = blank(recipe, &mut rng);
        let mut tight = config.clone();
        tight.rtol = Fraction::new(1e-11).unwrap();
        let plan = FitPlan::check(&tight, &empty).unwrap();
        let mut theta: Vec<f64> = (0..plan.layout.len())
            .map(|_| rng.sample::<f64, _>(StandardNormal))
            .collect();
        let scale = recipe.strength / (recipe.units as f64).sqrt();
        for (name, range) in plan.layout.blocks() {
            for (at, value) in theta[range].iter_mut().enumerate() {
                *value = match (name.as_str(), recipe.taus) {
                    ("log_tau_s", Some([s, _])) => s.ln(),
                    ("log_tau_r", Some([_, r])) => r.ln(),
                    ("log_tau_s", None) => (0.03 * (1.0 + 0.3 * at as f64)).ln(),
                    ("log_tau_r", None) => (0.1 * (1.0 + 0.2 * at as f64)).ln(),
                    ("W", _) => scale * *value,
                    ("b" | "I0" | "r0", _) => 0.3 * recipe.strength.min(1.0) * *value,
                    _ => recipe.strength * (*value + 0.5 * value.signum()),
                };
            }
        }
        let targets = predictions(&plan, &empty, &theta);
        let noisy = targets
            .into_iter()
            .map(|m| with_noise(m, recipe.noise, &mut rng))
            .collect();
        let dataset = empty.with_targets(noisy).unwrap();
        let values = plan
            .layout
            .readout
            .values(&theta[plan.layout.readout_range()]);
        let plan = FitPlan::check(&config, &dataset).unwrap();
        let readout = plan.layout.readout.theta(&values);
        theta[plan.layout.readout_range()].copy_from_slice(&readout);
        Teacher {
            dataset,
            plan,
            theta,
        }
    }

    /// The same recording with this noise of its targets given.
    pub(super) fn with_known_noise(&self, std: f64) -> Teacher {
        let from = &self.dataset;
        let (time, inputs) = (from.time().to_vec(), from.inputs().to_vec());
        let mut raw = RawDataset::new("known", "s", time, inputs, from.targets().to_vec());
        raw.interpolation = from.interpolation();
        raw.split = from.split().map(<[Split]>::to_vec);
        raw.target_std = Some(vec![std; from.n_outputs()]);
        let dataset = Dataset::new(raw).unwrap();
        Teacher {
            plan: FitPlan::check(&self.plan.config, &dataset).unwrap(),
            dataset,
            theta: self.theta.clone(),
        }
    }

    /// The same with the noise that makes the standard error of log tau_r of unit 0 what is `wanted`.
    pub(super) fn with_error(&self, wanted: f64) -> Teacher {
        let unit = &self.with_known_noise(1.0).judged(Depth::Curvature).units[0];
        let of_one = unit.tau_r.unwrap().log_error.unwrap();
        self.with_known_noise(wanted / of_one)
    }

    pub(super) fn judged(&self, depth: Depth) -> Identification {
        self.judged_at(&self.theta, depth, &[])
    }

    pub(super) fn judged_at(
        &self,
        theta: &[f64],
        depth: Depth,
        profiles: &[&str],
    ) -> Identification {
        self.judged_within(100, theta, depth, profiles)
    }

    /// With refits of so many iterations at most.
    pub(super) fn judged_within(
        &self,
        most_iterations: u64,
        theta: &[f64],
        depth: Depth,
        profiles: &[&str],
    ) -> Identification {
        let stop = AtomicBool::new(false);
        let control = Control {
            stop: &stop,
            deadline: None,
            progress: &|_| {},
        };
        let find =
            |name: &&str| ProfileTarget::find(name, &self.plan.layout, &self.dataset).unwrap();
        let request = Request {
            theta,
            depth,
            profiles: profiles.iter().map(find).collect(),
            most_iterations,
        };
        identify(&self.plan, &self.dataset, &request, &control).unwrap()
    }
}

pub(super) fn predictions(plan: &FitPlan, dataset: &Dataset, theta: &[f64]) -> Vec<DMatrix<f64>> {
    let objective = plan.objective(dataset, 0.0).unwrap();
    let at = objective.unpack(theta).unwrap();
    let mut out = dataset.targets().to_vec();
    for batch in objective.train.iter() {
        let solved = objective.solve(&at, batch, &objective.integrator).unwrap();
        for observation in batch.observations.iter() {
            let z = objective.prediction(&at, &solved.trajectory, observation);
            for (k, &trial) in batch.trials.iter().enumerate() {
                out[trial].set_column(observation.target, &z.column(k));
            }
        }
    }
    out
}

pub(super) fn with_noise(clean: DMatrix<f64>, noise: f64, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    let mut noisy = clean.clone();
    for (mut row, clean) in noisy.row_iter_mut().zip(clean.row_iter()) {
        let std = clean.variance().sqrt();
        row.iter_mut()
            .for_each(|v| *v += noise * std * rng.sample::<f64, _>(StandardNormal));
    }
    noisy
}

pub(super) const SIGMOID: [(&str, &str); 2] = [("activation", "sigmoid"), ("readout", "direct")];

pub(super) const IDENTITY: [(&str, &str); 3] = [
    ("activation", "identity"),
    ("readout", "direct"),
    ("connectivity", "no-self"),
];

pub(super) const TANH: [(&str, &str); 3] = [
    ("activation", "tanh"),
    ("readout", "direct"),
    ("connectivity", "no-self"),
];

/// One constant a unit, 3 s, far longer than the trials of 0.6 s; without noise.
pub(super) fn slow() -> Teacher {
    let recipe = Recipe {
        strength: 2.0,
        taus: Some([0.05, 3.0]),
        ..SMALL
    };
    let rate = [("model", "rate"), ("tau_bounds", "1e-6,1e9")];
    Teacher::new(recipe, &[&SIGMOID[..], &rate].concat())
}
