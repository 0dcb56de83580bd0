//! Fixed-step methods: what they compute, and that their derivatives are exactly those of it.

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use tauscope_adjoint::{
    Adjoint, Direction, ExponentialMethod, FixedStepMethod, Integrator, SolveError, StepControl,
    Stops, Trajectory, backward, forward, sensitivities,
};
use tauscope_dynamics::{
    Activation, Coordinate, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// Numbers in [-1, 1), reproducible without a random crate: a linear congruential sequence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> DMatrix<f64> {
        DMatrix::from_vec(rows, columns, self.vec(rows * columns))
    }

    /// Time constants of 0.05 to 0.37; time below is in the same unit.
    fn parameters(&mut self, model: ModelKind, n: usize, m: usize) -> Parameters {
        let mut tau = |present: bool| {
            let logs = self.vec(if present { n } else { 0 });
            DVector::from_vec(logs).map(|v| v - 2.0)
        };
        let (log_tau_s, log_tau_r) = (tau(model.has_tau_s()), tau(model.has_tau_r()));
        Parameters {
            w: self.matrix(n, n),
            u: self.matrix(n, m),
            b: DVector::from_vec(self.vec(n)),
            log_tau_s,
            log_tau_r,
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Irregular samples, with a last bin beyond the last of them.
const TIME: [f64; 6] = [0.5, 0.53, 0.61, 0.64, 0.75, 0.8];
const END: f64 = 0.84;
/// At the start, on a sample, between samples (twice in one interval), and in the last bin.
const T_EVAL: [f64; 6] = [0.5, 0.557, 0.61, 0.66, 0.74, 0.83];
/// Shorter than most intervals and a divisor of none.
const STEP: f64 = 0.021;
const INTERPOLATIONS: [Interpolation; 2] = [Interpolation::Hold, Interpolation::Linear];

/// A method that can take steps of given length.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    Fixed(FixedStepMethod),
    Exponential(ExponentialMethod),
}

impl Method {
    fn all() -> impl Iterator<Item = Method> {
        let exponential = ExponentialMethod::ALL.into_iter().map(Method::Exponential);
        FixedStepMethod::ALL
            .into_iter()
            .map(Method::Fixed)
            .chain(exponential)
    }

    fn integrator(self, step: f64) -> Integrator {
        let step = Some(step);
        match self {
            Method::Fixed(method) => Integrator::FixedStep {
                method,
                step,
                stops: Stops::Knots,
            },
            Method::Exponential(method) => Integrator::Exponential {
                method,
                control: StepControl::Step(step),
            },
        }
    }
}

/// One step a stretch between samples and evaluation times.
fn whole_steps(method: FixedStepMethod) -> Integrator {
    Integrator::FixedStep {
        method,
        step: None,
        stops: Stops::Knots,
    }
}

struct Problem {
    network: RateNetwork,
    input: InputSignal,
    y0: Vec<f64>,
    cotangents: Vec<f64>,
    integrator: Integrator,
}

impl Problem {
    fn new(
        parameters: Parameters,
        model: ModelKind,
        activation: Activation,
        method: Method,
        interpolation: Interpolation,
        n_trials: usize,
        numbers: &mut Numbers,
    ) -> Problem {
        let (n, m) = (parameters.n_units(), parameters.n_inputs());
        let network = RateNetwork::new(model, activation, parameters).expect("valid");
        let samples = numbers.matrix(m, TIME.len() * n_trials);
        let input = InputSignal::new(TIME.to_vec(), END, samples, n_trials, interpolation);
        Problem {
            y0: numbers.vec(network.shape(n_trials).len()),
            cotangents: numbers.vec(n * n_trials * T_EVAL.len()),
            network,
            input: input.expect("valid"),
            integrator: method.integrator(STEP),
        }
    }

    fn forward(&self) -> Trajectory {
        let Problem {
            network,
            input,
            y0,
            integrator,
            ..
        } = self;
        forward(network, input, y0, &T_EVAL, integrator).expect("solvable")
    }

    fn rates(&self) -> Vec<f64> {
        let trajectory = self.forward();
        (0..T_EVAL.len())
            .flat_map(|j| trajectory.rates(j).to_vec())
            .collect()
    }

    /// `sum c r + r^2 / 2` over all evaluation times, units and trials.
    fn cost(&self) -> f64 {
        let rates = self.rates();
        dot(&self.cotangents, &rates) + 0.5 * dot(&rates, &rates)
    }

    fn pull_back(&self, cotangents: &[f64]) -> Adjoint {
        let Problem {
            network,
            input,
            integrator,
            ..
        } = self;
        backward(network, input, &self.forward(), cotangents, integrator).expect("solvable")
    }

    fn gradient(&self) -> Adjoint {
        let cotangents: Vec<f64> = self
            .cotangents
            .iter()
            .zip(&self.rates())
            .map(|(c, r)| c + r)
            .collect();
        self.pull_back(&cotangents)
    }

    fn moved(&self, h: f64, direction: &Parameters, initial_state: &[f64]) -> Problem {
        let mut parameters = self.network.parameters().clone();
        parameters.add_scaled(h, direction);
        let (model, activation) = (self.network.model(), self.network.activation());
        Problem {
            network: RateNetwork::new(model, activation, parameters).expect("valid"),
            input: self.input.clone(),
            y0: self
                .y0
                .iter()
                .zip(initial_state)
                .map(|(y, v)| y + h * v)
                .collect(),
            cotangents: self.cotangents.clone(),
            integrator: self.integrator,
        }
    }

    /// Derivative of the cost, by central differences of fourth order.
    fn difference(&self, direction: &Parameters, initial_state: &[f64]) -> f64 {
        const H: f64 = 2e-3;
        let at = |h: f64| self.moved(h, direction, initial_state).cost();
        (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H)
    }
}

/// Currents that stay on one side of the kink: half of the units on, half of them off.
fn away_from_the_kink(problem: &mut Problem) {
    let mut parameters = problem.network.parameters().clone();
    parameters.w *= 0.3;
    parameters.u *= 0.3;
    let n = parameters.n_units();
    let side = |unit: usize| if unit.is_multiple_of(2) { 3.0 } else { -3.0 };
    (0..n).for_each(|unit| parameters.b[unit] = side(unit));
    let currents = problem.network.shape(problem.input.n_trials()).currents();
    for (i, current) in problem.y0[currents].iter_mut().enumerate() {
        *current += side(i % n);
    }
    let (model, activation) = (problem.network.model(), problem.network.activation());
    problem.network = RateNetwork::new(model, activation, parameters).expect("valid");
}

fn every_kind() -> Vec<(ModelKind, Method, Interpolation)> {
    let mut all = Vec::new();
    for model in ModelKind::ALL {
        for method in Method::all() {
            all.extend(INTERPOLATIONS.map(|interpolation| (model, method, interpolation)));
        }
    }
    all
}

fn every_coordinate(model: ModelKind, n: usize, m: usize) -> Vec<Coordinate> {
    let mut all = Vec::new();
    for unit in 0..n {
        all.extend((0..n).map(|source| Coordinate::Weight { unit, source }));
        all.extend((0..m).map(|input| Coordinate::InputWeight { unit, input }));
        all.push(Coordinate::Bias { unit });
        all.extend(model.has_tau_s().then_some(Coordinate::LogTauS { unit }));
        all.extend(model.has_tau_r().then_some(Coordinate::LogTauR { unit }));
    }
    all
}

/// The gradient with all blocks but one set to zero, for every block that the model has.
fn blocks_of(gradient: &Parameters) -> Vec<Parameters> {
    let mut blocks = vec![gradient.zeros_like(); 5];
    blocks[0].w = gradient.w.clone();
    blocks[1].u = gradient.u.clone();
    blocks[2].b = gradient.b.clone();
    blocks[3].log_tau_s = gradient.log_tau_s.clone();
    blocks[4].log_tau_r = gradient.log_tau_r.clone();
    blocks.retain(|block| block.dot(block) > 0.0);
    blocks
}

/// `block` and a random direction among the same entries, both of length one, added.
fn towards_and_across(block: &Parameters, numbers: &mut Numbers) -> Parameters {
    let mut random = block.zeros_like();
    let (n, m) = block.u.shape();
    let model = match (block.log_tau_s.is_empty(), block.log_tau_r.is_empty()) {
        (true, _) => ModelKind::Rate,
        (_, true) => ModelKind::Current,
        _ => ModelKind::TwoConstant,
    };
    for at in every_coordinate(model, n, m) {
        if block.get(at) != 0.0 {
            random.set(at, numbers.next());
        }
    }
    let mut direction = block.zeros_like();
    direction.add_scaled(1.0 / block.dot(block).sqrt(), block);
    direction.add_scaled(1.0 / random.dot(&random).sqrt(), &random);
    direction
}

/// Of the discrete adjoint against differences, relative to the length of a block's gradient.
const AGAINST_DIFFERENCES: f64 = 1e-7;

#[test]
fn the_discrete_adjoint_is_the_gradient_of_the_discretised_cost() {
    for (model, method, interpolation) in every_kind() {
        for activation in Activation::ALL {
            let mut numbers = Numbers(17);
            let mut parameters = numbers.parameters(model, 4, 2);
            if method == Method::Fixed(FixedStepMethod::Elman) {
                // a polynomial in W of as many degrees as there are steps: differences see it where it does not grow
                parameters.w *= 0.5;
            }
            let mut problem = Problem::new(
                parameters,
                model,
                activation,
                method,
                interpolation,
                3,
                &mut numbers,
            );
            if activation == Activation::Relu {
                away_from_the_kink(&mut problem);
            }
            let adjoint = problem.gradient();
            let still = vec![0.0; problem.y0.len()];
            for block in blocks_of(&adjoint.gradient) {
                let direction = towards_and_across(&block, &mut numbers);
                let difference = problem.difference(&direction, &still);
                let error = (difference - block.dot(&direction)).abs() / block.dot(&block).sqrt();
                assert!(
                    error < AGAINST_DIFFERENCES,
                    "{model:?} {activation:?} {method:?} {interpolation:?}: {error:.1e}"
                );
            }
            let direction = numbers.vec(still.len());
            let difference = problem.difference(&block_of_zeros(&problem), &direction);
            let error = (difference - dot(&adjoint.initial_state, &direction)).abs();
            assert!(
                error < AGAINST_DIFFERENCES * norm(&adjoint.initial_state),
                "initial state, {model:?} {activation:?} {method:?} {interpolation:?}: {error:.1e}"
            );
        }
    }
}

fn block_of_zeros(problem: &Problem) -> Parameters {
    problem.network.parameters().zeros_like()
}

/// Of adjoint against tangent, relative to the lengths of the two vectors multiplied.
const AGAINST_TANGENT: f64 = 1e-12;

/// The derivative of the rates along direction `d`, all evaluation times.
fn tangent_of(problem: &Problem, directions: &[Direction], d: usize) -> Vec<f64> {
    let Problem {
        network,
        input,
        y0,
        integrator,
        ..
    } = problem;
    let found = sensitivities(network, input, y0, directions, &T_EVAL, integrator);
    let found = found.expect("solvable");
    let block = network.n_units() * input.n_trials();
    (0..T_EVAL.len())
        .flat_map(|j| found.at(j)[(d + 1) * block..][..block].to_vec())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_adjoint_is_the_transpose_of_the_tangent(
        n in 1_usize..7, m in 0_usize..4, trials in 1_usize..5, seed: u64,
    ) {
        for (model, method, interpolation) in every_kind() {
            let mut numbers = Numbers(seed);
            let parameters = numbers.parameters(model, n, m);
            let problem = Problem::new(
                parameters, model, Activation::Tanh, method, interpolation, trials, &mut numbers,
            );
            let adjoint = problem.pull_back(&problem.cotangents);
            let dense = numbers.parameters(model, n, m);
            let start = numbers.vec(problem.y0.len());
            let coordinates = every_coordinate(model, n, m);
            let tied: Vec<_> = coordinates.iter().map(|&at| (at, numbers.next())).collect();
            let of_tied = tied.iter().map(|&(at, rate)| rate * adjoint.gradient.get(at)).sum();
            let of_start = dot(&adjoint.initial_state, &start);
            let expected: [f64; 3] = [adjoint.gradient.dot(&dense) + of_start, of_tied, of_start];
            let directions = [
                Direction::Dense { parameters: Box::new(dense), initial_state: start.clone() },
                Direction::Entries(tied),
                Direction::InitialState(start),
            ];
            for (d, expected) in expected.into_iter().enumerate() {
                let tangent = tangent_of(&problem, &directions, d);
                let scale = norm(&tangent) * norm(&problem.cotangents);
                let error = (dot(&tangent, &problem.cotangents) - expected).abs();
                prop_assert!(
                    error <= AGAINST_TANGENT * scale,
                    "{:?} {:?} {:?}, direction {}: {:e}", model, method, interpolation, d, error / scale
                );
            }
        }
    }
}

#[test]
fn the_tangent_along_every_entry_is_that_entry_of_the_gradient() {
    for (model, method, interpolation) in every_kind() {
        let mut numbers = Numbers(23);
        let parameters = numbers.parameters(model, 3, 2);
        let problem = Problem::new(
            parameters,
            model,
            Activation::Softplus,
            method,
            interpolation,
            2,
            &mut numbers,
        );
        let gradient = problem.pull_back(&problem.cotangents).gradient;
        let coordinates = every_coordinate(model, 3, 2);
        let directions: Vec<Direction> = coordinates
            .iter()
            .map(|&at| Direction::Entries(vec![(at, 1.0)]))
            .collect();
        for (d, &at) in coordinates.iter().enumerate() {
            let tangent = tangent_of(&problem, &directions, d);
            let error = (dot(&tangent, &problem.cotangents) - gradient.get(at)).abs();
            let scale = norm(&tangent) * norm(&problem.cotangents);
            assert!(
                error <= AGAINST_TANGENT * scale,
                "{model:?} {method:?} {at:?}"
            );
        }
    }
}

#[test]
fn sensitivities_begin_with_the_rates_of_the_forward_solve() {
    for (model, method, interpolation) in every_kind() {
        let mut numbers = Numbers(29);
        let parameters = numbers.parameters(model, 3, 1);
        let problem = Problem::new(
            parameters,
            model,
            Activation::Sigmoid,
            method,
            interpolation,
            2,
            &mut numbers,
        );
        let Problem {
            network,
            input,
            y0,
            integrator,
            ..
        } = &problem;
        let directions = [Direction::InitialState(numbers.vec(y0.len()))];
        let trajectory = problem.forward();
        for directions in [&directions[..], &[]] {
            let found = sensitivities(network, input, y0, directions, &T_EVAL, integrator)
                .expect("solvable");
            for j in 0..T_EVAL.len() {
                assert_eq!(found.at(j).len(), 6 * (1 + directions.len()));
                assert_eq!(
                    &found.at(j)[..6],
                    trajectory.rates(j),
                    "{model:?} {method:?}"
                );
            }
        }
    }
}

/// A history loses what a jump or a kink of the input takes from the smoothness of W r; one step with a linear predictor
/// is of order 3 where the predicted product is integrated once only. `exp-bashforth` is of order 5 in W r and 4 in f(I).
/// `None` for the Elman network, which approximates nothing.
fn order(method: Method, model: ModelKind, interpolation: Interpolation) -> Option<f64> {
    let limit = model != ModelKind::TwoConstant;
    Some(match method {
        Method::Fixed(FixedStepMethod::Elman) => return None,
        Method::Exponential(ExponentialMethod::ExpBashforth) if !limit => 4.4,
        Method::Exponential(ExponentialMethod::ExpAdams | ExponentialMethod::ExpBashforth)
            if interpolation == Interpolation::Hold =>
        {
            if limit {
                2.0
            } else {
                3.0
            }
        }
        Method::Exponential(ExponentialMethod::ExpHermite) if limit => 3.0,
        Method::Fixed(FixedStepMethod::Rk4) | Method::Exponential(_) => 4.0,
        Method::Fixed(FixedStepMethod::Heun | FixedStepMethod::ImplicitMidpoint) => 2.0,
        Method::Fixed(_) => 1.0,
    })
}

#[test]
fn every_method_converges_with_its_order() {
    for (model, method, interpolation) in every_kind() {
        let Some(order) = order(method, model, interpolation) else {
            continue;
        };
        let mut numbers = Numbers(31);
        let parameters = numbers.parameters(model, 4, 2);
        let mut problem = Problem::new(
            parameters,
            model,
            Activation::Tanh,
            method,
            interpolation,
            2,
            &mut numbers,
        );
        let mut last_rates = |method: Method, step| {
            problem.integrator = method.integrator(step);
            problem.forward().rates(T_EVAL.len() - 1).to_vec()
        };
        let reference = last_rates(Method::Fixed(FixedStepMethod::Rk4), 1e-4);
        let mut error = |step| {
            let rates = last_rates(method, step);
            let difference: Vec<f64> = rates.iter().zip(&reference).map(|(a, b)| a - b).collect();
            norm(&difference)
        };
        // Divides every stretch between samples and evaluation times.
        let coarse = 1e-3;
        let measured = (error(coarse) / error(coarse / 2.0)).log2();
        assert!(
            (measured - order).abs() < 0.2,
            "{model:?} {method:?} {interpolation:?}: order {measured}"
        );
    }
}

/// Measured order of `method` on a driven network with time constants of 0.05 to 0.37, sampled at irregular times from 0 to 0.8
/// and observed at 0.75 alone; its steps meet no sample on the way unless they stop there.
fn order_with(method: FixedStepMethod, interpolation: Interpolation, stops: Stops) -> f64 {
    let mut numbers = Numbers(61);
    let parameters = numbers.parameters(ModelKind::TwoConstant, 4, 2);
    let network =
        RateNetwork::new(ModelKind::TwoConstant, Activation::Tanh, parameters).expect("valid");
    let mut time: Vec<f64> = (0..9).map(|k| k as f64 * 0.1).collect();
    time[1..8]
        .iter_mut()
        .for_each(|t| *t += 0.03 * numbers.next());
    let samples = numbers.matrix(2, 9);
    let input = InputSignal::new(time, 0.8, samples, 1, interpolation).expect("valid");
    let y0 = numbers.vec(8);
    let rates = |method, step: f64, stops| -> Vec<f64> {
        let integrator = Integrator::FixedStep {
            method,
            step: Some(step),
            stops,
        };
        let solved = forward(&network, &input, &y0, &[0.75], &integrator).expect("solvable");
        solved.rates(0).to_vec()
    };
    let reference = rates(FixedStepMethod::Rk4, 1e-4, Stops::Knots);
    let error = |parts: u32| -> f64 {
        let found = rates(method, 0.75 / f64::from(parts), stops);
        norm(
            &found
                .iter()
                .zip(&reference)
                .map(|(a, b)| a - b)
                .collect::<Vec<_>>(),
        )
    };
    // the error depends on where in a step the samples fall: a mean over many numbers of steps
    let orders = (0..40).map(|k| 151 + 2 * k);
    let orders = orders.map(|parts| (error(parts) / error(9 * parts)).ln() / 9.0_f64.ln());
    orders.sum::<f64>() / 40.0
}

#[test]
fn a_step_that_does_not_stop_at_the_knots_of_the_input_loses_its_order() {
    use FixedStepMethod::{Heun, ImplicitMidpoint, Rk4};
    for method in [Heun, ImplicitMidpoint, Rk4] {
        for (interpolation, most) in [(Interpolation::Hold, 1.0), (Interpolation::Linear, 2.0)] {
            let stopping = order_with(method, interpolation, Stops::Knots);
            let crossing = order_with(method, interpolation, Stops::Evaluations);
            let theory = if method == Rk4 { 4.0 } else { 2.0 };
            assert!(
                (stopping - theory).abs() < 0.2,
                "{method:?} {interpolation:?}: {stopping}"
            );
            assert!(
                (crossing - most).abs() < 0.2,
                "{method:?} {interpolation:?}: {crossing}"
            );
        }
    }
}

#[test]
fn a_decay_has_the_factor_of_each_method() {
    // tau = 0.1 on a regular grid of 0.05: q = 0.5
    let q = 0.5_f64;
    let time: Vec<f64> = (0..5).map(|k| k as f64 * 0.05).collect();
    let mut parameters = Parameters::zeros(ModelKind::Rate, 1, 0);
    parameters.log_tau_r[0] = 0.1_f64.ln();
    let network =
        RateNetwork::new(ModelKind::Rate, Activation::Identity, parameters).expect("valid");
    let input = InputSignal::new(
        time.clone(),
        0.2,
        DMatrix::zeros(0, 5),
        1,
        Interpolation::Hold,
    )
    .expect("valid");
    for method in FixedStepMethod::ALL {
        let integrator = whole_steps(method);
        let trajectory = forward(&network, &input, &[1.0], &time, &integrator).expect("solvable");
        let factor = match method {
            FixedStepMethod::Euler | FixedStepMethod::EulerSequential => 1.0 - q,
            FixedStepMethod::ExponentialEuler => (-q).exp(),
            FixedStepMethod::BackwardEuler => 1.0 / (1.0 + q),
            FixedStepMethod::Heun => 1.0 - q + q * q / 2.0,
            FixedStepMethod::ImplicitMidpoint => (1.0 - q / 2.0) / (1.0 + q / 2.0),
            FixedStepMethod::Rk4 => 1.0 - q + q.powi(2) / 2.0 - q.powi(3) / 6.0 + q.powi(4) / 24.0,
            FixedStepMethod::Elman => 0.0,
        };
        for k in 0..time.len() {
            let expected = factor.powi(k as i32);
            assert!(
                (trajectory.rates(k)[0] - expected).abs() < 1e-14,
                "{method:?} after {k} steps"
            );
        }
    }
}

#[test]
fn with_constants_of_one_step_euler_sequential_is_the_elman_network_bit_for_bit() {
    const N: usize = 10;
    const TRIALS: usize = 3;
    const SAMPLES: usize = 20;
    for interpolation in INTERPOLATIONS {
        let mut numbers = Numbers(41);
        let parameters = numbers.parameters(ModelKind::TwoConstant, N, 2);
        let time: Vec<f64> = (0..SAMPLES).map(|k| k as f64).collect();
        let x = numbers.matrix(2, SAMPLES * TRIALS);
        let input = InputSignal::new(
            time.clone(),
            time[SAMPLES - 1],
            x.clone(),
            TRIALS,
            interpolation,
        )
        .expect("valid");
        let y0 = numbers.vec(2 * N * TRIALS);
        let mut r = DMatrix::from_column_slice(N, TRIALS, &y0[N * TRIALS..]);
        let elman_rates = |log_tau: f64, method| -> Trajectory {
            let mut parameters = parameters.clone();
            parameters.log_tau_s.fill(log_tau);
            parameters.log_tau_r.fill(log_tau);
            let model = ModelKind::TwoConstant;
            let network = RateNetwork::new(model, Activation::Sigmoid, parameters).expect("valid");
            forward(&network, &input, &y0, &time, &whole_steps(method)).expect("solvable")
        };
        let trajectory = elman_rates(0.0, FixedStepMethod::EulerSequential);
        let elman = elman_rates(1.7, FixedStepMethod::Elman);
        for k in 1..SAMPLES {
            let mut current = DMatrix::from_fn(N, TRIALS, |unit, _| parameters.b[unit]);
            current.gemm(1.0, &parameters.u, &x.columns(k * TRIALS, TRIALS), 1.0);
            current.gemm(1.0, &parameters.w, &r, 1.0);
            r = current.map(|v| Activation::Sigmoid.value(v));
            let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(
                bits(trajectory.rates(k)),
                bits(r.as_slice()),
                "{interpolation:?}, step {k}"
            );
            assert_eq!(bits(elman.rates(k)), bits(trajectory.rates(k)), "elman {k}");
        }
    }
}

/// One unit of the `current` model without recurrence, `tau dI/dt = -I + x` with tau = 1, from 0:
/// the final current for inputs 1, 10 at times 0, 1 and steps of one half.
fn after_two_half_steps(method: FixedStepMethod, interpolation: Interpolation) -> f64 {
    let mut parameters = Parameters::zeros(ModelKind::Current, 1, 1);
    parameters.u[0] = 1.0;
    let network =
        RateNetwork::new(ModelKind::Current, Activation::Identity, parameters).expect("valid");
    let samples = DMatrix::from_row_slice(1, 2, &[1.0, 10.0]);
    let input = InputSignal::new(vec![0.0, 1.0], 1.0, samples, 1, interpolation).expect("valid");
    let integrator = Integrator::FixedStep {
        method,
        step: Some(0.5),
        stops: Stops::Knots,
    };
    let found = forward(&network, &input, &[0.0], &[1.0], &integrator).expect("solvable");
    found.rates(0)[0]
}

#[test]
fn each_method_takes_the_input_where_its_step_says() {
    use FixedStepMethod::{
        BackwardEuler, Euler, EulerSequential, ExponentialEuler, ImplicitMidpoint,
    };
    use Interpolation::{Hold, Linear};
    let explicit = |first: f64, second: f64| 0.5 * (0.5 * first) + 0.5 * second;
    let implicit = |first: f64, second: f64| (0.5 * first / 1.5 + 0.5 * second) / 1.5;
    let keep = (-0.5_f64).exp();
    let exponential = |first: f64, second: f64| (1.0 - keep) * (keep * first + second);
    // y1 = (0.75 y0 + 0.5 x) / 1.25
    let midpoint = |first: f64, second: f64| 0.6 * (0.4 * first) + 0.4 * second;
    for (method, interpolation, expected) in [
        (Euler, Hold, explicit(1.0, 1.0)),
        (Euler, Linear, explicit(1.0, 5.5)),
        // The end of the second half is the sample at 1, that of the first is none.
        (EulerSequential, Hold, explicit(1.0, 10.0)),
        (EulerSequential, Linear, explicit(5.5, 10.0)),
        (ExponentialEuler, Hold, exponential(1.0, 1.0)),
        (ExponentialEuler, Linear, exponential(1.0, 5.5)),
        (BackwardEuler, Hold, implicit(1.0, 1.0)),
        (BackwardEuler, Linear, implicit(5.5, 10.0)),
        (ImplicitMidpoint, Hold, midpoint(1.0, 1.0)),
        (ImplicitMidpoint, Linear, midpoint(3.25, 7.75)),
    ] {
        let found = after_two_half_steps(method, interpolation);
        assert!(
            (found - expected).abs() < 1e-13,
            "{method:?} {interpolation:?}: {found} {expected}"
        );
    }
}

#[test]
fn repeated_runs_give_the_same_bits() {
    for method in Method::all() {
        let run = || {
            let mut numbers = Numbers(43);
            let model = ModelKind::TwoConstant;
            let parameters = numbers.parameters(model, 9, 2);
            let problem = Problem::new(
                parameters,
                model,
                Activation::Tanh,
                method,
                Interpolation::Linear,
                5,
                &mut numbers,
            );
            let directions = [Direction::InitialState(numbers.vec(problem.y0.len()))];
            let adjoint = problem.gradient();
            let mut all = problem.rates();
            all.extend(adjoint.gradient.blocks().concat());
            all.extend(adjoint.initial_state);
            all.extend(tangent_of(&problem, &directions, 0));
            all.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(run(), run(), "{method:?}");
    }
}

#[test]
fn evaluation_at_the_start_alone_takes_no_step() {
    for method in Method::all() {
        let mut numbers = Numbers(47);
        let parameters = numbers.parameters(ModelKind::Rate, 3, 1);
        let Problem {
            network,
            input,
            y0,
            integrator,
            ..
        } = Problem::new(
            parameters,
            ModelKind::Rate,
            Activation::Relu,
            method,
            Interpolation::Hold,
            2,
            &mut numbers,
        );
        let trajectory = forward(&network, &input, &y0, &TIME[..1], &integrator).expect("solvable");
        assert_eq!(
            (trajectory.rates(0), trajectory.statistics.steps),
            (&y0[..], 0)
        );
        let adjoint = backward(&network, &input, &trajectory, &y0, &integrator).expect("solvable");
        assert_eq!(adjoint.initial_state, y0);
        assert_eq!(adjoint.gradient, network.parameters().zeros_like());
    }
}

#[test]
fn evaluations_count_stages_times_trials() {
    for (method, stages) in [
        (FixedStepMethod::Euler, 1),
        (FixedStepMethod::EulerSequential, 1),
        (FixedStepMethod::ExponentialEuler, 1),
        (FixedStepMethod::Heun, 2),
        (FixedStepMethod::Rk4, 4),
    ] {
        let mut numbers = Numbers(53);
        let model = ModelKind::TwoConstant;
        let parameters = numbers.parameters(model, 2, 1);
        let activation = Activation::Tanh;
        let hold = Interpolation::Hold;
        let problem = Problem::new(
            parameters,
            model,
            activation,
            Method::Fixed(method),
            hold,
            3,
            &mut numbers,
        );
        let statistics = problem.forward().statistics;
        // 0.03, 0.027, 0.053, 0.03, 0.02, 0.08, 0.01, 0.05, 0.03 in parts of at most 0.021
        assert_eq!(statistics.steps, 2 + 2 + 3 + 2 + 1 + 4 + 1 + 3 + 2);
        assert_eq!(
            statistics.rhs_evaluations,
            statistics.steps * stages * 3,
            "{method:?}"
        );
    }
}

#[test]
fn a_state_that_grows_beyond_all_numbers_is_reported_with_time_and_unit() {
    let mut parameters = Parameters::zeros(ModelKind::Rate, 3, 0);
    parameters.w[(1, 1)] = 1e200;
    let network =
        RateNetwork::new(ModelKind::Rate, Activation::Identity, parameters).expect("valid");
    let input = InputSignal::new(
        vec![0.0, 1.0, 2.0, 3.0],
        3.0,
        DMatrix::zeros(0, 4),
        1,
        Interpolation::Hold,
    )
    .expect("valid");
    let integrator = whole_steps(FixedStepMethod::Euler);
    let failed = forward(&network, &input, &[1.0; 3], &[3.0], &integrator).expect_err("diverges");
    assert_eq!(
        failed.to_string(),
        "forward solve diverged at time 2: unit 1 is not finite"
    );
}

#[test]
fn an_implicit_step_without_solution_is_reported_with_time_and_step() {
    // r1 = r0 + (-r1 + 2 r1 + b) has none
    let mut parameters = Parameters::zeros(ModelKind::Rate, 1, 0);
    parameters.w[0] = 2.0;
    parameters.b[0] = 1.0;
    let network =
        RateNetwork::new(ModelKind::Rate, Activation::Identity, parameters).expect("valid");
    let input = InputSignal::new(
        vec![0.0, 1.0],
        1.0,
        DMatrix::zeros(0, 2),
        1,
        Interpolation::Hold,
    )
    .expect("valid");
    let integrator = whole_steps(FixedStepMethod::BackwardEuler);
    let failed = forward(&network, &input, &[1.0], &[1.0], &integrator).expect_err("singular");
    assert!(
        matches!(
            failed,
            SolveError::Stalled {
                time: 0.0,
                step: 1.0,
                ..
            }
        ),
        "{failed}"
    );
}

#[test]
fn stiff_units_do_not_limit_the_exponential_and_the_implicit_steps() {
    for method in [
        FixedStepMethod::ExponentialEuler,
        FixedStepMethod::BackwardEuler,
        FixedStepMethod::ImplicitMidpoint,
    ] {
        let mut numbers = Numbers(59);
        let model = ModelKind::TwoConstant;
        let mut parameters = numbers.parameters(model, 4, 1);
        parameters.log_tau_s.add_scalar_mut(-20.0);
        parameters.w *= 0.5;
        let activation = Activation::Sigmoid;
        let hold = Interpolation::Hold;
        let problem = Problem::new(
            parameters,
            model,
            activation,
            Method::Fixed(method),
            hold,
            2,
            &mut numbers,
        );
        assert!(problem.rates().iter().all(|r| r.abs() < 2.0), "{method:?}");
        let adjoint = problem.gradient();
        assert!(
            adjoint
                .gradient
                .blocks()
                .concat()
                .iter()
                .all(|g| g.is_finite()),
            "{method:?}"
        );
    }
}
