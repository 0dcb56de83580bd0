//! What does one gradient cost, and what are its parts? By problem size: `just bench`.
//!
//! Networks of sigmoid units with time constants of 20 to 200 ms, 16 trials of 100 samples of 10 ms, linear inputs. `rhs` and
//! `vjp` are one evaluation for all trials; `gradient` is a forward and a backward solve.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nalgebra::{DMatrix, DVector};
use std::hint::black_box;
use tauscope_adjoint::{
    AdaptiveMethod, ExponentialMethod, FixedStepMethod, Integrator, StepControl, Stops, Tolerances,
    backward, forward,
};
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, Linearization, ModelKind, Parameters, RateNetwork,
};

const TRIALS: usize = 16;
const SAMPLES: usize = 101;
const INTERVAL: f64 = 0.01;
const INPUTS: usize = 4;

/// Numbers in [-1, 1), always the same: a linear congruential sequence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

struct Problem {
    network: RateNetwork,
    input: InputSignal,
    y0: Vec<f64>,
    t_eval: Vec<f64>,
}

impl Problem {
    fn new(units: usize) -> Problem {
        let mut numbers = Numbers(1);
        // 4 / sqrt(n) is the deviation of the weights; these numbers have one of 1 / sqrt(3)
        let gain = 4.0 * 3.0_f64.sqrt() / (units as f64).sqrt();
        let w = DMatrix::from_fn(units, units, |_, _| gain * numbers.next());
        let b = DVector::from_fn(units, |unit, _| -0.5 * w.row(unit).sum());
        let (low, high) = (0.02_f64.ln(), 0.2_f64.ln());
        let mut log_tau = || {
            DVector::from_fn(units, |_, _| {
                low + (high - low) * (0.5 + 0.5 * numbers.next())
            })
        };
        let (log_tau_s, log_tau_r) = (log_tau(), log_tau());
        let parameters = Parameters {
            u: DMatrix::from_fn(units, INPUTS, |_, _| numbers.next()),
            w,
            b,
            log_tau_s,
            log_tau_r,
        };
        let time: Vec<f64> = (0..SAMPLES).map(|k| k as f64 * INTERVAL).collect();
        let end = time[SAMPLES - 1];
        let samples = DMatrix::from_fn(INPUTS, SAMPLES * TRIALS, |input, column| {
            let (sample, trial) = (column / TRIALS, column % TRIALS);
            (0.1 * (1 + input) as f64 * sample as f64 + trial as f64).sin()
        });
        let input = InputSignal::new(time.clone(), end, samples, TRIALS, Interpolation::Linear)
            .expect("valid");
        let network = RateNetwork::new(ModelKind::TwoConstant, Activation::Sigmoid, parameters)
            .expect("valid");
        Problem {
            y0: vec![0.1; network.shape(TRIALS).len()],
            network,
            input,
            t_eval: time[1..].to_vec(),
        }
    }

    fn gradient(&self, integrator: &Integrator) -> f64 {
        let trajectory = forward(
            &self.network,
            &self.input,
            &self.y0,
            &self.t_eval,
            integrator,
        )
        .expect("solvable");
        let cotangents: Vec<f64> = (0..self.t_eval.len())
            .flat_map(|j| trajectory.rates(j).to_vec())
            .collect();
        let adjoint = backward(
            &self.network,
            &self.input,
            &trajectory,
            &cotangents,
            integrator,
        )
        .expect("solvable");
        adjoint.gradient.w[(0, 0)]
    }
}

fn evaluations(c: &mut Criterion) {
    let mut group = c.benchmark_group("evaluation");
    for units in [10, 64, 256] {
        let Problem { network, y0, .. } = &Problem::new(units);
        let block = network.shape(TRIALS).block_len();
        let drive = vec![0.1; block];
        let mut out = vec![0.0; y0.len()];
        group.bench_function(BenchmarkId::new("rhs", units), |b| {
            b.iter(|| network.rhs(black_box(y0), &drive, &mut out));
        });
        let mut at = Linearization::default();
        network.linearize(y0, &drive, &mut at);
        let mut presynaptic = vec![0.0; block];
        group.bench_function(BenchmarkId::new("vjp", units), |b| {
            b.iter(|| network.vjp(&at, black_box(y0), &mut presynaptic, &mut out));
        });
    }
    group.finish();
}

fn gradients(c: &mut Criterion) {
    let tolerances = Tolerances::from_rtol(1e-4);
    let mut integrators = vec![
        Integrator::Adaptive {
            method: AdaptiveMethod::Tsit45,
            tolerances,
        },
        Integrator::FixedStep {
            method: FixedStepMethod::Rk4,
            step: None,
            stops: Stops::Knots,
        },
    ];
    integrators.extend(
        ExponentialMethod::ALL.map(|method| Integrator::Exponential {
            method,
            control: StepControl::Tolerances(tolerances),
        }),
    );
    let mut group = c.benchmark_group("gradient");
    group.sample_size(10);
    for units in [10, 64, 256] {
        let problem = Problem::new(units);
        for integrator in &integrators {
            let id = BenchmarkId::new(integrator.name(), units);
            group.bench_function(id, |b| b.iter(|| problem.gradient(integrator)));
        }
    }
    group.finish();
}

criterion_group!(benches, evaluations, gradients);
criterion_main!(benches);
