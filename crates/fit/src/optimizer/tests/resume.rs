//! Equal bits: of a repeated run, and of one that was stored midway and resumed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::problems::{DECAYS_START, LeastSquares, decays, rough_decays};
use super::*;

/// Everything that must have equal bits: the history without the clock.
fn bits(outcome: &Outcome) -> Vec<Vec<u64>> {
    let of = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    let mut bits: Vec<Vec<u64>> = outcome
        .history
        .iter()
        .map(|r| {
            let mut row = of(&[r.objective, r.cost, r.gradient_norm, r.step_length]);
            row.extend([r.iteration, r.rhs_evaluations, r.rejected_solves]);
            row.extend(of(&r.tau_s));
            row.extend(r.cost_valid.map(f64::to_bits));
            row
        })
        .collect();
    bits.push(of(&outcome.theta));
    bits.push(of(&outcome.theta_last));
    bits
}

fn problem() -> LeastSquares {
    decays()
        .within(&[-3.6, -5.0, -9.0, -9.0], &[3.0, -1.0, 9.0, 9.0])
        .failing_where(|p| p[2] > 2.5)
        .validated_by(|p| Ok((p[0] + 3.0).powi(2)))
}

/// Begun on a rough objective, ended on the exact one.
fn graded() -> LeastSquares {
    let bounded =
        |problem: LeastSquares| problem.within(&[-3.6, -5.0, -9.0, -9.0], &[3.0, -1.0, 9.0, 9.0]);
    bounded(rough_decays()).refined_by(bounded(decays()))
}

fn every_optimizer() -> impl Iterator<Item = OptimizerSettings> {
    ALL.map(settings)
        .into_iter()
        .chain([matrix_free()])
        .map(|mut settings| {
            settings.stopping.max_iterations = 60;
            settings
        })
}

#[test]
fn a_repeated_run_has_the_same_bits() {
    for settings in every_optimizer() {
        let first = run(&problem(), &DECAYS_START, &settings);
        let second = run(&problem(), &DECAYS_START, &settings);
        assert_eq!(bits(&first), bits(&second));
    }
}

#[test]
fn a_run_that_was_written_out_midway_and_resumed_has_the_same_bits() {
    for (problem, settings) in [problem, graded]
        .into_iter()
        .flat_map(|problem| every_optimizer().map(move |settings| (problem, settings)))
    {
        let whole = run(&problem(), &DECAYS_START, &settings);
        for last in [0, 1, 2, 4, 7] {
            let stop = AtomicBool::new(false);
            let tell = |record: &IterationRecord| {
                stop.store(record.iteration >= last, Ordering::Relaxed);
            };
            let control = Control {
                stop: Some(&stop),
                on_iteration: Some(&tell),
                ..Control::default()
            };
            let stopped = minimize(&problem(), &DECAYS_START, &settings, &control).unwrap();
            assert_eq!(stopped.iterations, last);
            let written = toml::to_string(&stopped.snapshot).unwrap();
            let read: Snapshot = toml::from_str(&written).unwrap();
            let resumed =
                resume(&problem(), read, &settings.stopping, &Control::default()).unwrap();
            let name = settings.optimizer();
            assert_eq!(resumed.termination, whole.termination, "{name} from {last}");
            assert_eq!(bits(&resumed), bits(&whole), "{name} from {last}");
        }
    }
}

#[test]
fn a_run_interrupted_within_an_iteration_resumes_as_if_it_had_not_been() {
    for settings in every_optimizer() {
        let whole = run(&problem(), &DECAYS_START, &settings);
        for solves in 3..15 {
            let stop = std::sync::Arc::new(AtomicBool::new(false));
            let seen = AtomicU32::new(0);
            let flag = stop.clone();
            let stopping_problem = problem().failing_where(move |p| {
                if seen.fetch_add(1, Ordering::Relaxed) >= solves {
                    flag.store(true, Ordering::Relaxed);
                }
                p[2] > 2.5
            });
            let control = Control {
                stop: Some(&stop),
                ..Control::default()
            };
            let stopped = minimize(&stopping_problem, &DECAYS_START, &settings, &control).unwrap();
            assert_eq!(stopped.termination, Termination::Interrupted);
            let resumed = resume(
                &problem(),
                stopped.snapshot,
                &settings.stopping,
                &Control::default(),
            )
            .unwrap();
            let name = settings.optimizer();
            assert_eq!(bits(&resumed), bits(&whole), "{name} after {solves} solves");
        }
    }
}

#[test]
fn a_stored_run_is_refused_by_a_problem_of_another_size() {
    let stored = run(&problem(), &DECAYS_START, &settings(Optimizer::GaussNewton));
    let stopping = settings(Optimizer::GaussNewton).stopping;
    let error = resume(
        &rosenbrock(),
        stored.snapshot,
        &stopping,
        &Control::default(),
    )
    .unwrap_err();
    assert_eq!(
        error,
        MinimizeError::SnapshotLength {
            got: 4,
            expected: 2
        }
    );
}
