//! Equal bits: of a repeated run, and of one that was stored midway and resumed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

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

/// `problem`, whose solves are all ended by the caller after `solves` of them, when `stop` is set as well.
fn halted_after(problem: LeastSquares, solves: u32, stop: &Arc<AtomicBool>) -> LeastSquares {
    let (seen, stop) = (AtomicU32::new(0), Arc::clone(stop));
    problem.halting_where(Arc::new(move || {
        let halts = seen.fetch_add(1, Ordering::Relaxed) >= solves;
        stop.fetch_or(halts, Ordering::Relaxed);
        halts
    }))
}

#[test]
fn a_run_whose_solve_is_halted_has_done_nothing_of_that_iteration() {
    for (problem, settings) in [problem, graded]
        .into_iter()
        .flat_map(|problem| every_optimizer().map(move |settings| (problem, settings)))
    {
        let whole = run(&problem(), &DECAYS_START, &settings);
        let name = settings.optimizer();
        for solves in (0..40).chain([57, 83, 131, 200]) {
            let stop = Arc::new(AtomicBool::new(false));
            let control = Control {
                stop: Some(&stop),
                ..Control::default()
            };
            let halting = halted_after(problem(), solves, &stop);
            let stopped = minimize(&halting, &DECAYS_START, &settings, &control).unwrap();
            if !stop.load(Ordering::Relaxed) {
                continue;
            }
            assert_eq!(
                stopped.termination,
                Termination::Interrupted,
                "{name} {solves}"
            );
            let rows = stopped.history.len();
            let began = &bits(&whole)[..rows.saturating_sub(1)];
            assert_eq!(
                &bits(&stopped)[..rows.saturating_sub(1)],
                began,
                "{name} {solves}"
            );
            let stopping = &settings.stopping;
            let resumed = resume(&problem(), stopped.snapshot, stopping, &Control::default());
            assert_eq!(
                bits(&resumed.unwrap()),
                bits(&whole),
                "{name} after {solves} solves"
            );
        }
    }
}

#[test]
fn a_run_that_is_halted_at_once_is_at_its_start_and_says_no_number() {
    let stop = Arc::new(AtomicBool::new(false));
    let control = Control {
        stop: Some(&stop),
        ..Control::default()
    };
    let halting = halted_after(problem(), 0, &stop);
    let settings = settings(Optimizer::GaussNewton);
    let stopped = minimize(&halting, &DECAYS_START, &settings, &control).unwrap();
    assert_eq!(stopped.theta, problem().bounds.project(&DECAYS_START));
    assert!(stopped.objective.is_nan() && stopped.history.is_empty() && !stopped.converged);
}

#[test]
fn a_state_that_a_run_offers_on_its_way_leads_to_the_same_end() {
    for settings in every_optimizer() {
        let whole = run(&graded(), &DECAYS_START, &settings);
        let states = Mutex::new(Vec::new());
        let take = |state: &dyn Fn() -> Snapshot| {
            states
                .lock()
                .unwrap()
                .push(postcard::to_allocvec(&state()).unwrap());
        };
        let control = Control {
            on_state: Some(&take),
            ..Control::default()
        };
        minimize(&graded(), &DECAYS_START, &settings, &control).unwrap();
        let states = states.into_inner().unwrap();
        assert!(states.len() > 3);
        for state in states.iter().step_by(3) {
            let state = postcard::from_bytes(state).unwrap();
            let stopping = &settings.stopping;
            let resumed = resume(&graded(), state, stopping, &Control::default()).unwrap();
            assert_eq!(bits(&resumed), bits(&whole), "{}", settings.optimizer());
            let restored = restore(&graded(), resumed.snapshot, whole.termination).unwrap();
            assert_eq!(bits(&restored), bits(&whole));
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
