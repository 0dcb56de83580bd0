//! The adjoint gradient of every error-controlled method against forward sensitivities, over random networks; and
//! that this comparison notices an error of a thousandth in each term of the gradient.

mod error_estimate;
mod fast_loop;
mod problem;

use problem::{Case, Numbers, Sampling, Spec, spec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::cell::RefCell;
use tauscope_adjoint::{
    AdaptiveMethod, Direction, ExponentialMethod, FixedStepMethod, Integrator, RateCotangents,
    StepControl, Stops, Tolerances, backward, backward_from, forward, sensitivities,
};
use tauscope_dynamics::{
    Activation, Coordinate, Interpolation, ModelKind, Parameters, RateNetwork,
};

/// The tolerance of the methods under test.
const RTOL: f64 = 1e-8;
/// The tolerance of the sensitivities, so that what is measured is the error of the adjoint.
const REFERENCE_RTOL: f64 = 1e-9;

/// A method under test, and the relative error that a block of its gradient may have at [`RTOL`].
struct Candidate {
    integrator: Integrator,
    bound: f64,
}

/// Every method that is tested here: the one place to add another.
fn candidates() -> Vec<Candidate> {
    let adaptive = AdaptiveMethod::ALL.map(|method| Candidate {
        integrator: adaptive(method, RTOL),
        bound: if method.is_implicit() { 1e-5 } else { 1e-6 },
    });
    let exponential = ExponentialMethod::ALL.map(|method| Candidate {
        integrator: Integrator::Exponential {
            method,
            control: StepControl::Tolerances(Tolerances::from_rtol(RTOL)),
        },
        bound: 1e-6,
    });
    adaptive.into_iter().chain(exponential).collect()
}

fn adaptive(method: AdaptiveMethod, rtol: f64) -> Integrator {
    Integrator::Adaptive {
        method,
        tolerances: Tolerances::from_rtol(rtol),
    }
}

/// A part of the gradient that is judged on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Weights,
    InputWeights,
    Bias,
    LogTauS,
    LogTauR,
    InitialState,
}

/// An adjoint gradient by blocks; blocks that a model lacks are left out.
type Gradient = Vec<(Block, Vec<f64>)>;

fn coordinates(network: &RateNetwork) -> Vec<(Block, Vec<Coordinate>)> {
    let units = || 0..network.n_units();
    let pairs = |n| (0..n).flat_map(move |second| units().map(move |unit| (unit, second)));
    let weights =
        pairs(network.n_units()).map(|(unit, source)| Coordinate::Weight { unit, source });
    let inputs =
        pairs(network.n_inputs()).map(|(unit, input)| Coordinate::InputWeight { unit, input });
    let mut blocks = vec![
        (Block::Weights, weights.collect()),
        (Block::InputWeights, inputs.collect()),
        (
            Block::Bias,
            units().map(|unit| Coordinate::Bias { unit }).collect(),
        ),
    ];
    if network.model().has_tau_s() {
        let taus = units().map(|unit| Coordinate::LogTauS { unit });
        blocks.push((Block::LogTauS, taus.collect()));
    }
    if network.model().has_tau_r() {
        let taus = units().map(|unit| Coordinate::LogTauR { unit });
        blocks.push((Block::LogTauR, taus.collect()));
    }
    blocks.retain(|(_, coordinates): &(Block, Vec<Coordinate>)| !coordinates.is_empty());
    blocks
}

fn by_adjoint(case: &Case, integrator: &Integrator) -> Gradient {
    let trajectory = forward(
        &case.network,
        &case.input,
        &case.y0,
        &case.t_eval,
        integrator,
    )
    .expect("the forward solve succeeds");
    adjoint_of(case, &case.network, &trajectory, integrator)
}

/// The gradient of a backward solve that may use another network than the forward solve did.
fn adjoint_of(
    case: &Case,
    network: &RateNetwork,
    trajectory: &tauscope_adjoint::Trajectory,
    integrator: &Integrator,
) -> Gradient {
    let adjoint = backward(
        network,
        &case.input,
        trajectory,
        &case.cotangents,
        integrator,
    )
    .expect("the backward solve succeeds");
    let mut blocks: Gradient = coordinates(network)
        .into_iter()
        .map(|(block, c)| (block, c.iter().map(|&c| adjoint.gradient.get(c)).collect()))
        .collect();
    blocks.push((Block::InitialState, adjoint.initial_state));
    blocks
}

/// Entries of a block that are compared: all of a small block, else this many spread over it.
const SAMPLED: usize = 8;

/// Which entries of each block are compared, and their derivatives by forward sensitivities.
struct Reference {
    blocks: Vec<(Block, Vec<(usize, f64)>)>,
}

impl Reference {
    fn new(case: &Case, numbers: &mut Numbers) -> Reference {
        let coordinates = coordinates(&case.network);
        let sizes = coordinates.iter().map(|(block, c)| (*block, c.len()));
        let sampled: Vec<(Block, Vec<usize>)> = sizes
            .chain([(Block::InitialState, case.y0.len())])
            .map(|(block, n)| (block, sample(n, numbers)))
            .collect();
        let mut directions = Vec::new();
        for (i, (_, entries)) in sampled.iter().enumerate() {
            for &entry in entries {
                directions.push(match coordinates.get(i) {
                    Some((_, c)) => Direction::Entries(vec![(c[entry], 1.0)]),
                    None => {
                        let mut unit = vec![0.0; case.y0.len()];
                        unit[entry] = 1.0;
                        Direction::InitialState(unit)
                    }
                });
            }
        }
        let mut derivatives = derivatives(case, &directions).into_iter();
        let blocks = sampled
            .into_iter()
            .map(|(block, entries)| {
                (
                    block,
                    entries.into_iter().zip(derivatives.by_ref()).collect(),
                )
            })
            .collect();
        Reference { blocks }
    }

    /// The relative error of each block: root mean square of the difference in the sampled entries, over that of
    /// all entries of the block.
    fn errors(&self, gradient: &Gradient) -> Vec<(Block, f64)> {
        let pairs = self.blocks.iter().zip(gradient);
        pairs
            .map(|((block, sampled), (_, values))| {
                let differences = sampled.iter().map(|&(entry, d)| values[entry] - d);
                let error =
                    root_mean_square(differences) / root_mean_square(values.iter().copied());
                (*block, error)
            })
            .collect()
    }

    /// The block of largest error. NaN counts as largest.
    fn worst(&self, gradient: &Gradient) -> (Block, f64) {
        let errors = self.errors(gradient);
        let worst = errors
            .into_iter()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        worst.expect("there is a block")
    }
}

fn sample(n: usize, numbers: &mut Numbers) -> Vec<usize> {
    if n <= SAMPLED {
        return (0..n).collect();
    }
    let stride = n as f64 / SAMPLED as f64;
    let at = |i: usize, u: f64| ((i as f64 + 0.5 + 0.5 * u) * stride) as usize;
    (0..SAMPLED)
        .map(|i| at(i, numbers.next()).min(n - 1))
        .collect()
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    (values.map(|x| x * x).sum::<f64>() / n).sqrt()
}

fn derivatives(case: &Case, directions: &[Direction]) -> Vec<f64> {
    let reference = adaptive(AdaptiveMethod::Tsit45, REFERENCE_RTOL);
    let s = sensitivities(
        &case.network,
        &case.input,
        &case.y0,
        directions,
        &case.t_eval,
        &reference,
    )
    .expect("the sensitivities succeed");
    let len = case.network.n_units() * case.input.n_trials();
    (1..=directions.len())
        .map(|q| {
            let pairs = (0..case.t_eval.len()).flat_map(|j| {
                let tangent = &s.at(j)[q * len..][..len];
                tangent.iter().zip(&case.cotangents[j * len..][..len])
            });
            pairs.map(|(s, c)| s * c).sum()
        })
        .collect()
}

#[test]
fn the_adjoint_of_every_method_agrees_with_forward_sensitivities_for_random_networks() {
    let worst = RefCell::new(vec![0.0_f64; candidates().len()]);
    let config = ProptestConfig {
        cases: 60,
        rng_seed: RngSeed::Fixed(20_240_611),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(spec in spec())| {
        let case = Case::new(&spec);
        let reference = Reference::new(&case, &mut Numbers(spec.seed ^ 1));
        for (i, candidate) in candidates().into_iter().enumerate() {
            let (block, error) = reference.worst(&by_adjoint(&case, &candidate.integrator));
            prop_assert!(
                error < candidate.bound,
                "{}: {block:?} is off by {error:.1e}",
                candidate.integrator.name()
            );
            let worst = &mut worst.borrow_mut()[i];
            *worst = worst.max(error);
        }
    });
    for (candidate, worst) in candidates().iter().zip(&*worst.borrow()) {
        println!("{}: worst {worst:.1e}", candidate.integrator.name());
    }
}

/// An ordinary case of each model, for the mutations.
fn ordinary(model: ModelKind) -> Case {
    Case::new(&Spec {
        model,
        activation: Activation::Sigmoid,
        n_units: 6,
        n_inputs: 2,
        n_trials: 2,
        tau_ratio: 10.0,
        masked: 0.3,
        gain: 1.0,
        kinked: false,
        sampling: Sampling {
            interpolation: Interpolation::Linear,
            jitter: 0.8,
            n_samples: 7,
            on_samples: true,
        },
        seed: 5,
    })
}

/// The error that must be noticed.
const MUTATION: f64 = 1.001;

#[test]
fn cotangents_made_one_at_a_time_give_the_same_bits() {
    let rk4 = Integrator::FixedStep {
        method: FixedStepMethod::Rk4,
        step: None,
        stops: Stops::Knots,
    };
    for model in ModelKind::ALL {
        let case = ordinary(model);
        let integrators = candidates().into_iter().map(|c| c.integrator).chain([rk4]);
        for integrator in integrators {
            let (network, input) = (&case.network, &case.input);
            let solved = forward(network, input, &case.y0, &case.t_eval, &integrator).unwrap();
            let end = Numbers(3).vec(case.y0.len());
            let adjoint = |rates: RateCotangents<'_>| {
                backward_from(network, input, &solved, rates, Some(&end), &integrator).unwrap()
            };
            let block = case.cotangents.len() / case.t_eval.len();
            let mut asked = Vec::new();
            let each = adjoint(RateCotangents::Each(&mut |j, out| {
                asked.push(j);
                out.copy_from_slice(&case.cotangents[j * block..][..block]);
            }));
            assert!(asked.into_iter().eq((0..case.t_eval.len()).rev()));
            let all = adjoint(RateCotangents::All(&case.cotangents));
            assert_eq!(each.gradient, all.gradient, "{integrator:?}");
            assert_eq!(each.initial_state, all.initial_state, "{integrator:?}");
        }
    }
}

#[test]
fn an_error_of_a_thousandth_in_any_block_of_the_gradient_is_noticed() {
    for model in ModelKind::ALL {
        let case = ordinary(model);
        let reference = Reference::new(&case, &mut Numbers(1));
        for candidate in candidates() {
            let gradient = by_adjoint(&case, &candidate.integrator);
            for i in 0..gradient.len() {
                let mut mutated = gradient.clone();
                mutated[i].1.iter_mut().for_each(|g| *g *= MUTATION);
                let (block, error) = reference.worst(&mutated);
                assert!(
                    block == gradient[i].0 && error > 10.0 * candidate.bound,
                    "{model:?} {}: {:?} off by a thousandth shows as {block:?} {error:.1e}",
                    candidate.integrator.name(),
                    gradient[i].0
                );
            }
        }
    }
}

#[test]
fn an_error_of_a_thousandth_in_any_term_of_the_adjoint_equation_is_noticed() {
    type Mutate = fn(&mut Case);
    fn parameters(case: &mut Case, mutate: impl Fn(&mut Parameters)) {
        let mut parameters = case.network.parameters().clone();
        mutate(&mut parameters);
        let (model, activation) = (case.network.model(), case.network.activation());
        case.network = RateNetwork::new(model, activation, parameters).expect("valid");
    }
    let terms: [(&str, Mutate); 4] = [
        ("W^T a", |case| parameters(case, |p| p.w *= MUTATION)),
        ("lambda_I / tau_s", |case| {
            parameters(case, |p| p.log_tau_s.add_scalar_mut(MUTATION.ln()));
        }),
        ("lambda_r / tau_r", |case| {
            parameters(case, |p| p.log_tau_r.add_scalar_mut(MUTATION.ln()));
        }),
        ("the jump at one observation", |case| {
            let len = case.cotangents.len() / case.t_eval.len();
            case.cotangents[len..2 * len]
                .iter_mut()
                .for_each(|c| *c *= MUTATION);
        }),
    ];
    for model in ModelKind::ALL {
        let case = ordinary(model);
        let reference = Reference::new(&case, &mut Numbers(1));
        for candidate in candidates() {
            let integrator = &candidate.integrator;
            let trajectory = forward(
                &case.network,
                &case.input,
                &case.y0,
                &case.t_eval,
                integrator,
            )
            .expect("the forward solve succeeds");
            for (term, mutate) in terms {
                let mut mutated = case.clone();
                mutate(&mut mutated);
                if mutated.network == case.network && mutated.cotangents == case.cotangents {
                    continue; // the model lacks that term
                }
                let gradient = adjoint_of(&mutated, &mutated.network, &trajectory, integrator);
                let (_, error) = reference.worst(&gradient);
                assert!(
                    error > candidate.bound,
                    "{model:?} {}: an error in {term} shows as {error:.1e}",
                    integrator.name()
                );
            }
        }
    }
}
