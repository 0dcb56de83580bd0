//! Seconds of a training epoch (400 sequences of 20 steps, then 100 validation sequences) by integrator:
//! `cargo run --release -p tauscope-paper --example epoch`.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tauscope_adjoint::{AdaptiveMethod, ExponentialMethod, Integrator, StepControl, Tolerances};
use tauscope_dynamics::Activation;
use tauscope_paper::{Constants, Effort, Model, Recipe, Student, Teacher, student, teacher, train};

const EPOCHS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tolerances = |rtol: f64| Tolerances {
        rtol,
        atol: rtol / 100.0,
    };
    let exponential = |method, control| Integrator::Exponential { method, control };
    let hermite = |rtol| {
        exponential(
            ExponentialMethod::ExpHermite,
            StepControl::Tolerances(tolerances(rtol)),
        )
    };
    let effort = Effort {
        small: false,
        repetitions: None,
        epochs: None,
        seed: 0,
    };
    let discrete = student(Model::Discrete, Activation::Sigmoid, Constants::Global);
    let continuous = |integrator| Student {
        integrator,
        ..student(Model::Continuous, Activation::Sigmoid, Constants::Global)
    };
    for (name, model, student) in [
        ("euler-sequential", Model::Discrete, discrete),
        (
            "elman",
            Model::Discrete,
            student(Model::Discrete, Activation::Sigmoid, Constants::Absent),
        ),
        (
            "exp-hermite 1e-4",
            Model::Continuous,
            continuous(hermite(1e-4)),
        ),
        (
            "exp-hermite 1e-3",
            Model::Continuous,
            continuous(hermite(1e-3)),
        ),
        (
            "exp-adams 1e-4",
            Model::Continuous,
            continuous(exponential(
                ExponentialMethod::ExpAdams,
                StepControl::Tolerances(tolerances(1e-4)),
            )),
        ),
        (
            "exp-hermite, one step a sample",
            Model::Continuous,
            continuous(exponential(
                ExponentialMethod::ExpHermite,
                StepControl::Step(None),
            )),
        ),
        (
            "tsit45 1e-4",
            Model::Continuous,
            continuous(Integrator::Adaptive {
                method: AdaptiveMethod::Tsit45,
                tolerances: tolerances(1e-4),
            }),
        ),
    ] {
        let data = Teacher::draw(
            &teacher(model, Activation::Sigmoid, [0.684, 0.342], &effort),
            1,
        )?;
        let theta = student.start(&mut ChaCha8Rng::seed_from_u64(7));
        let mut order = ChaCha8Rng::seed_from_u64(8);
        let start = Instant::now();
        train(
            &student,
            theta,
            [&data.train, &data.valid],
            &Recipe::paper(EPOCHS),
            &mut order,
            &AtomicBool::new(false),
        )?;
        println!(
            "{name}: {:.4} s an epoch",
            start.elapsed().as_secs_f64() / EPOCHS as f64
        );
    }
    Ok(())
}
