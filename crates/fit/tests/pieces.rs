//! Gradients whose steps are not all kept: solved piece by piece, from checkpoints, under a limit of memory.

use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tauscope_adjoint::Integrator;
use tauscope_dynamics::Interpolation;
use tauscope_fit::batch::{Stride, TapeLimit, TrialBatch, Walk};
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::dataset::{Dataset, RawDataset, Split, TargetSampling};
use tauscope_fit::optimizer::Objective;
use tauscope_fit::plan::FitPlan;

const OUTPUTS: usize = 6;
const SAMPLES: usize = 240;

fn recording(interpolation: Interpolation, sampling: TargetSampling) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut normal = || rng.sample::<f64, _>(StandardNormal);
    let mut now = -0.2;
    let time: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            now += 0.01 * (0.3 * normal()).exp();
            now
        })
        .collect();
    let lengths = [SAMPLES, SAMPLES, 170];
    let inputs = lengths.map(|_| DMatrix::from_fn(2, SAMPLES, |_, _| normal()));
    let targets = lengths.map(|_| {
        DMatrix::from_fn(OUTPUTS, SAMPLES, |_, k| {
            // a long stretch in which nothing was observed, and single gaps
            let missing = (60..110).contains(&k) || normal() > 1.0;
            if missing {
                f64::NAN
            } else {
                0.4 + 0.2 * normal()
            }
        })
    });
    let mut raw = RawDataset::new("long", "s", time, inputs.to_vec(), targets.to_vec());
    raw.interpolation = interpolation;
    raw.target_sampling = sampling;
    raw.trial_length = Some(lengths.to_vec());
    raw.split = Some(vec![Split::Train; lengths.len()]);
    Dataset::new(raw).unwrap()
}

fn config(options: &[(&'static str, &str)]) -> EffectiveConfig {
    let layer = Layer::from_options(options.iter().copied()).unwrap();
    EffectiveConfig::merge(&[layer]).unwrap()
}

/// Cost, value as a line search has it, and gradient.
fn evaluate(dataset: &Dataset, options: &[(&'static str, &str)]) -> (f64, f64, Vec<f64>) {
    let plan = FitPlan::check(&config(options), dataset).unwrap();
    let objective = plan.objective(dataset, 1e-3).unwrap();
    let theta = plan.start(dataset, 1).unwrap();
    let evaluation = objective.evaluate(&theta).unwrap();
    let value = objective.value(&theta).unwrap();
    (evaluation.objective, value.objective, evaluation.gradient)
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

/// Largest relative difference that pieces may make: methods of one step start anew at every sample anyway, the others at the
/// borders of pieces alone.
fn bound(method: &str) -> f64 {
    match method {
        "euler" | "euler-sequential" | "rk4" | "implicit-midpoint" => 1e-12,
        _ => 1e-7,
    }
}

#[test]
fn a_gradient_in_pieces_is_that_of_the_whole() {
    let methods = [
        "exp-adams",
        "exp-bashforth",
        "exp-hermite",
        "tsit45",
        "esdirk34",
        "euler",
        "euler-sequential",
        "rk4",
        "implicit-midpoint",
    ];
    let mut wrong = Vec::new();
    for (case, method) in methods.into_iter().cycle().take(24).enumerate() {
        let model = ["two-constant", "rate", "current"][case / 8];
        let interpolation = [Interpolation::Linear, Interpolation::Hold][case % 2];
        let sampling = [TargetSampling::Point, TargetSampling::BinMean][case / 2 % 2];
        let dataset = recording(interpolation, sampling);
        let options = [
            ("model", model),
            ("method", method),
            ("rtol", "1e-9"),
            ("readout", "linear"),
            ("units", "12"),
            ("activation", "sigmoid"),
        ];
        let whole = evaluate(&dataset, &options);
        // a 1/8 MiB a batch
        let pieces = evaluate(&dataset, &[&options[..], &[("memory", "1")]].concat());
        let error = difference(&pieces.2, &whole.2).max((pieces.0 / whole.0 - 1.0).abs());
        if error.is_nan() || error > bound(method) || pieces.0 != pieces.1 {
            wrong.push(format!(
                "{error:e}, {pieces:?}: {options:?} {interpolation:?} {sampling:?}"
            ));
        }
        assert_eq!(whole.0, whole.1);
    }
    assert_eq!(wrong, [""; 0]);
}

/// Slow inputs at equal intervals: a loose solve takes two of them at once, and pieces may end after such a step.
#[test]
fn pieces_of_steps_over_two_samples_are_the_whole_too() {
    let time: Vec<f64> = (0..SAMPLES).map(|k| 0.01 * k as f64).collect();
    let wave = |channel: usize, k: usize| (0.02 * k as f64 + channel as f64).sin();
    let inputs = [DMatrix::from_fn(2, SAMPLES, wave)];
    let targets = [DMatrix::from_fn(OUTPUTS, SAMPLES, |o, k| {
        0.4 + 0.2 * wave(o, k)
    })];
    let mut raw = RawDataset::new("slow", "s", time, inputs.to_vec(), targets.to_vec());
    raw.interpolation = Interpolation::Linear;
    raw.split = Some(vec![Split::Train]);
    let dataset = Dataset::new(raw).unwrap();
    let with = |options: &[(&'static str, &str)]| {
        let always = [
            ("method", "exp-adams"),
            ("readout", "linear"),
            ("units", "48"),
            ("activation", "sigmoid"),
        ];
        evaluate(&dataset, &[&always[..], options].concat())
    };
    let exact = with(&[("rtol", "1e-10")]);
    for rtol in ["1e-3", "1e-4"] {
        let pieces = with(&[("rtol", rtol), ("memory", "1")]);
        assert_eq!(pieces.0, pieces.1);
        let error = difference(&pieces.2, &exact.2);
        assert!(error < 3e-3, "{rtol}: {error:e}");
    }
}

#[test]
fn pieces_take_no_more_than_the_limit_and_leave_no_observation_out() {
    let dataset = recording(Interpolation::Linear, TargetSampling::BinMean);
    let options = [
        ("units", "48"),
        ("activation", "sigmoid"),
        ("readout", "linear"),
    ];
    let plan = FitPlan::check(&config(&options), &dataset).unwrap();
    let integrator: Integrator = *plan.integrator();
    let stride = Stride::new(&dataset, &integrator).unwrap();
    let batches = TrialBatch::cut(&dataset, &[0, 1], 2, &integrator, stride, false).unwrap();
    let theta = plan.start(&dataset, 1).unwrap();
    let network = plan.layout().network(&theta).unwrap();
    let y0 = vec![0.1; network.shape(2).len()];
    let batch = &batches[0];
    for mebibytes in [8, 16, 32, 50] {
        let limit = TapeLimit::of_mebibytes(mebibytes);
        let (mut observed, mut most) = (Vec::new(), 0);
        let walk = Walk::forward(
            &network,
            batch,
            &y0,
            &integrator,
            limit,
            |piece, trajectory| {
                observed.extend(piece.observations.iter().map(|o| o.target));
                most = most.max(trajectory.bytes());
            },
        )
        .unwrap();
        let all: Vec<usize> = batch.observations.iter().map(|o| o.target).collect();
        assert_eq!(observed, all);
        assert!(
            walk.n_pieces() > 1,
            "{mebibytes} MiB: {} pieces",
            walk.n_pieces()
        );
        let (kept, bytes) = walk.kept();
        for bytes in [most, bytes] {
            assert!(
                bytes <= mebibytes << 17,
                "{bytes} bytes of {mebibytes} MiB / 8"
            );
        }
        // what has room beside the last piece is not solved again
        assert_eq!(kept > 1, mebibytes == 32, "{mebibytes} MiB: {kept}");
        let mut backwards = Vec::new();
        let (adjoint, cost) = walk
            .backward(&network, &integrator, |observation, _, on_parts| {
                backwards.push(observation.target);
                let blocks = on_parts.len() / network.shape(2).block_len();
                assert_eq!(blocks, observation.parts.len());
                on_parts.fill(0.0);
                2.0
            })
            .unwrap();
        backwards.reverse();
        assert_eq!(backwards, all);
        assert_eq!(cost, 2.0 * all.len() as f64);
        assert!(adjoint.initial_state.iter().all(|v| *v == 0.0));
    }
}

#[test]
fn a_dataset_is_cut_up_into_the_batches_that_it_is_cut_into() {
    let dataset = recording(Interpolation::Hold, TargetSampling::Point);
    let plan = FitPlan::check(&config(&[("readout", "linear")]), &dataset).unwrap();
    let integrator = *plan.integrator();
    let stride = Stride::new(&dataset, &integrator).unwrap();
    let whole = TrialBatch::cut(&dataset, &[0, 1, 2], 1, &integrator, stride, false).unwrap();
    let parts = TrialBatch::cut_up(dataset, 1, &integrator, stride).unwrap();
    // NaN is no value of its own: what is printed tells
    assert_eq!(format!("{parts:?}"), format!("{whole:?}"));
}

#[test]
fn a_step_that_cuts_an_interval_into_more_parts_than_there_are_numbers_is_an_error() {
    let dataset = recording(Interpolation::Hold, TargetSampling::Point);
    for method in ["rk4", "exp-adams"] {
        let options = [
            ("method", method),
            ("step", "1e-300"),
            ("readout", "linear"),
        ];
        let plan = FitPlan::check(&config(&options), &dataset).unwrap();
        let objective = plan.objective(&dataset, 0.0).unwrap();
        let theta = plan.start(&dataset, 1).unwrap();
        let failure = objective.evaluate(&theta).unwrap_err();
        assert!(failure.to_string().contains("step"), "{failure}");
    }
}
