//! The three optimizers on problems with known answers, and the promises of the module.

mod problems;
mod resume;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use self::problems::{
    AMPLITUDE, DECAYS_START, LeastSquares, TAU, decays, linear, rosenbrock, rough_decays,
};
use super::*;

const ALL: [Optimizer; 3] = [Optimizer::GaussNewton, Optimizer::Lbfgs, Optimizer::Adam];

fn settings(optimizer: Optimizer) -> OptimizerSettings {
    let mut settings = OptimizerSettings::new(optimizer);
    if let Algorithm::Adam(adam) = &mut settings.algorithm {
        adam.learning_rate = 0.05;
    }
    settings
}

fn matrix_free() -> OptimizerSettings {
    let mut settings = settings(Optimizer::GaussNewton);
    if let Algorithm::GaussNewton(own) = &mut settings.algorithm {
        own.dense_limit = 0;
    }
    settings
}

fn run(problem: &LeastSquares, start: &[f64], settings: &OptimizerSettings) -> Outcome {
    minimize(problem, start, settings, &Control::default()).unwrap()
}

#[test]
fn every_optimizer_reaches_the_floor_of_rosenbrock_valley_that_is_its_own() {
    let floors = [
        (settings(Optimizer::GaussNewton), 1e-28),
        (matrix_free(), 1e-20),
        (settings(Optimizer::Lbfgs), 1e-18),
        (settings(Optimizer::Adam), 1e-8),
    ];
    for (settings, floor) in floors {
        let outcome = run(&rosenbrock(), &[-1.2, 1.0], &settings);
        assert!(
            outcome.objective <= floor,
            "{}: {:e} after {}",
            settings.optimizer(),
            outcome.objective,
            outcome.iterations
        );
        assert_eq!(outcome.solver_failures, 0);
    }
}

#[test]
fn noiseless_decays_give_their_time_constants_back() {
    let tolerances = [
        (settings(Optimizer::GaussNewton), 1e-12),
        (matrix_free(), 1e-8),
        (settings(Optimizer::Lbfgs), 1e-7),
        (settings(Optimizer::Adam), 1e-3),
    ];
    for (settings, tolerance) in tolerances {
        let outcome = run(&decays(), &DECAYS_START, &settings);
        for k in 0..2 {
            let tau = outcome.theta[k].exp();
            let name = settings.optimizer();
            assert!((tau / TAU[k] - 1.0).abs() < tolerance, "{name}: tau {tau}");
            assert!((outcome.theta[2 + k] - AMPLITUDE[k]).abs() < 10.0 * tolerance);
        }
    }
}

#[test]
fn a_run_that_begins_on_a_rough_objective_ends_at_the_optimum_of_the_finer_one() {
    let tolerances = [
        (settings(Optimizer::GaussNewton), 1e-12),
        (matrix_free(), 1e-8),
        (settings(Optimizer::Lbfgs), 1e-7),
        (settings(Optimizer::Adam), 1e-3),
    ];
    for (settings, tolerance) in tolerances {
        let name = settings.optimizer();
        let rough = run(&rough_decays(), &DECAYS_START, &settings);
        assert!((rough.theta[0].exp() / TAU[0] - 1.0).abs() > 5e-3, "{name}");
        let graded = rough_decays().refined_by(decays());
        let outcome = run(&graded, &DECAYS_START, &settings);
        for (k, tau) in TAU.into_iter().enumerate() {
            let error = (outcome.theta[k].exp() / tau - 1.0).abs();
            assert!(error < tolerance, "{name}: {error:e}");
        }
        // what is written belongs to the finer one
        let exact = decays().value(&outcome.theta).unwrap();
        let difference = (outcome.objective - exact.objective).abs();
        assert!(difference <= 1e-12 * exact.objective, "{name}");
        assert_eq!(outcome.history.len() as u64, outcome.iterations + 1);
    }
}

#[test]
fn a_bound_that_holds_the_solution_is_met_exactly_and_pushes_inward() {
    let upper = 0.2f64.ln();
    for settings in ALL.map(settings).into_iter().chain([matrix_free()]) {
        let infinite = f64::INFINITY;
        let problem = decays().within(&[-5.0, -5.0, -9.0, -9.0], &[upper, upper, infinite, 9.0]);
        let outcome = run(&problem, &DECAYS_START, &settings);
        let gradient = problem.evaluate(&outcome.theta).unwrap().gradient;
        let name = settings.optimizer();
        assert_eq!(outcome.theta[1], upper, "{name}");
        assert!(gradient[1] < 0.0, "{name}: the data want a larger tau");
        assert!(
            (outcome.theta[0].exp() / TAU[0] - 1.0).abs() < 1e-3,
            "{name}"
        );
        assert!(gradient[3].abs() < 1e-4, "{name}: {}", gradient[3]);
        assert_eq!(outcome.parameters_at_bound, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bounded_linear_least_squares_end_where_the_optimality_conditions_hold(
        entries in proptest::collection::vec(-1.0f64..1.0, 8 * 4),
        rhs in proptest::collection::vec(-2.0f64..2.0, 8),
    ) {
        let matrix = DMatrix::from_row_slice(8, 4, &entries)
            + DMatrix::from_fn(8, 4, |i, j| if i == j { 2.0 } else { 0.0 });
        let problem = linear(matrix, DVector::from_vec(rhs)).within(&[-0.2; 4], &[0.3; 4]);
        let gauss_newton = settings(Optimizer::GaussNewton);
        for settings in [gauss_newton, matrix_free(), settings(Optimizer::Lbfgs)] {
            let outcome = run(&problem, &[0.0; 4], &settings);
            let gradient = problem.evaluate(&outcome.theta).unwrap().gradient;
            let projected = problem.bounds.projected_gradient(&outcome.theta, &gradient);
            prop_assert!(outcome.converged);
            let name = settings.optimizer();
            prop_assert!(vector::largest(&projected) < 1e-6, "{name}: {projected:?}");
        }
    }
}

/// Residuals 1 - log p_0 and 2 - log p_1, of which a full Gauss-Newton step overshoots to p < 0.
fn logarithms() -> LeastSquares {
    LeastSquares::new(
        2,
        |p| vec![1.0 - p[0].ln(), 2.0 - p[1].ln()],
        |p| DMatrix::from_row_slice(2, 2, &[-1.0 / p[0], 0.0, 0.0, -1.0 / p[1]]),
    )
}

/// Bold enough to overshoot.
fn bold(mut settings: OptimizerSettings) -> OptimizerSettings {
    match &mut settings.algorithm {
        Algorithm::GaussNewton(own) => own.initial_damping = 1e-6,
        Algorithm::Lbfgs(_) => {}
        Algorithm::Adam(own) => own.learning_rate = 0.5,
    }
    settings
}

#[test]
fn a_region_where_the_solve_fails_shortens_the_step_and_is_counted() {
    for settings in ALL.map(settings).into_iter().chain([matrix_free()]) {
        let problem = logarithms().failing_where(|p| p[0] < 2.6 || p[1] < 7.0);
        let outcome = run(&problem, &[20.0, 50.0], &bold(settings.clone()));
        let name = settings.optimizer();
        assert!((outcome.theta[0] - 1f64.exp()).abs() < 1e-3, "{name}");
        assert!((outcome.theta[1] - 2f64.exp()).abs() < 1e-3, "{name}");
        assert!(outcome.solver_failures > 0, "{name} met no failure");
        let last = outcome.history.last().unwrap();
        assert_eq!(last.rejected_solves, outcome.solver_failures);
    }
}

#[test]
fn an_objective_that_is_not_finite_counts_as_a_failed_solve() {
    for settings in [settings(Optimizer::GaussNewton), settings(Optimizer::Lbfgs)] {
        let outcome = run(&logarithms(), &[20.0, 50.0], &bold(settings.clone()));
        let name = settings.optimizer();
        assert!((outcome.theta[0] - 1f64.exp()).abs() < 1e-6, "{name}");
        assert!(outcome.solver_failures > 0, "{name} met no failure");
    }
}

#[test]
fn a_solve_that_fails_everywhere_but_at_the_start_ends_as_solver_failure() {
    for settings in ALL.map(settings).into_iter().chain([matrix_free()]) {
        let problem = rosenbrock().failing_where(|p| p != [-1.2, 1.0]);
        let outcome = run(&problem, &[-1.2, 1.0], &settings);
        let name = settings.optimizer();
        assert_eq!(outcome.termination, Termination::SolverFailure, "{name}");
        assert_eq!(outcome.theta, [-1.2, 1.0]);
        assert!(!outcome.converged);
    }
}

#[test]
fn a_solve_that_fails_at_the_start_is_an_error_with_its_own_words() {
    for optimizer in ALL {
        let problem = rosenbrock().failing_where(|_| true);
        let error = minimize(
            &problem,
            &[-1.2, 1.0],
            &settings(optimizer),
            &Control::default(),
        )
        .unwrap_err();
        assert_eq!(
            error,
            MinimizeError::Start(SolveFailure::new("step size fell below its minimum"))
        );
    }
}

#[test]
fn a_start_that_cannot_be_used_is_refused_by_number() {
    let start = |theta: &[f64]| {
        minimize(
            &rosenbrock(),
            theta,
            &settings(Optimizer::Lbfgs),
            &Control::default(),
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        start(&[1.0]),
        "the starting point has 1 parameters and the problem 2"
    );
    assert_eq!(
        start(&[1.0, f64::NAN]),
        "parameter 1 of the starting point is NaN: start from finite numbers"
    );
}

#[test]
fn a_setting_out_of_range_is_refused_by_name() {
    let mut settings = settings(Optimizer::Adam);
    settings.algorithm = Algorithm::Adam(AdamSettings {
        learning_rate: -1.0,
        clip: None,
    });
    let error = minimize(&rosenbrock(), &[0.0; 2], &settings, &Control::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "learning_rate must be positive and finite, got -1"
    );
}

#[test]
fn a_start_outside_the_bounds_is_projected_onto_them() {
    for optimizer in ALL {
        let problem = rosenbrock().within(&[0.0, 0.0], &[2.0, 2.0]);
        let mut settings = settings(optimizer);
        settings.stopping.max_iterations = 0;
        let outcome = run(&problem, &[-3.0, 5.0], &settings);
        assert_eq!(outcome.theta, [0.0, 2.0]);
        assert_eq!(outcome.termination, Termination::MaxIterations);
        assert_eq!((outcome.iterations, outcome.history.len()), (0, 1));
    }
}

#[test]
fn products_with_the_matrix_lead_where_the_matrix_itself_leads() {
    let dense = run(&decays(), &DECAYS_START, &settings(Optimizer::GaussNewton));
    for problem in [decays(), decays().with_known_diagonal()] {
        let products = run(&problem, &DECAYS_START, &matrix_free());
        for (a, b) in dense.theta.iter().zip(&products.theta) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
    }
}

#[test]
fn early_stopping_returns_the_iterate_that_validation_likes_best() {
    for optimizer in ALL {
        // Validation wants x = 0.5, train x = 1.
        let problem = rosenbrock().validated_by(|p| Ok((p[0] - 0.5).powi(2)));
        let mut settings = settings(optimizer);
        settings.stopping.patience = Some(5);
        let outcome = run(&problem, &[-1.2, 1.0], &settings);
        let best = outcome
            .history
            .iter()
            .min_by(|a, b| a.cost_valid.unwrap().total_cmp(&b.cost_valid.unwrap()))
            .unwrap();
        assert_eq!(outcome.kept_iteration, best.iteration);
        assert_eq!(outcome.cost_valid, best.cost_valid);
        assert_eq!(outcome.cost_valid, Some((outcome.theta[0] - 0.5).powi(2)));
        assert_eq!(outcome.cost, best.cost);
        assert_ne!(outcome.theta, outcome.theta_last);

        settings.stopping.early_stopping = false;
        let without = run(&problem, &[-1.2, 1.0], &settings);
        assert!((without.theta[0] - 1.0).abs() < 1e-3, "{optimizer}");
    }
}

#[test]
fn patience_ends_a_run_that_validation_has_left_behind() {
    let problem = rosenbrock().validated_by(|p| Ok((p[0] - 0.5).powi(2)));
    let mut settings = settings(Optimizer::Adam);
    settings.stopping.patience = Some(7);
    let outcome = run(&problem, &[0.3, 0.1], &settings);
    assert_eq!(outcome.termination, Termination::EarlyStopping);
    assert_eq!(outcome.iterations, outcome.kept_iteration + 7);
}

#[test]
fn a_failed_validation_solve_is_counted_and_never_scored() {
    let problem = rosenbrock().validated_by(|p| {
        if p[0] > 0.0 {
            Err(SolveFailure::new("no convergence"))
        } else {
            Ok((p[0] - 0.5).powi(2))
        }
    });
    let outcome = run(&problem, &[-1.2, 1.0], &settings(Optimizer::GaussNewton));
    assert!(outcome.theta[0] <= 0.0);
    let failed = outcome.history.iter().filter(|r| r.cost_valid.is_none());
    let failed = failed.count() as u64;
    assert!(failed > 0);
    assert_eq!(outcome.solver_failures, failed);
}

#[test]
fn the_flag_stops_a_run_at_the_best_point_so_far() {
    for optimizer in ALL {
        let stop = AtomicBool::new(false);
        let tell = |record: &IterationRecord| {
            if record.iteration == 3 {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let control = Control {
            stop: Some(&stop),
            on_iteration: Some(&tell),
            ..Control::default()
        };
        let outcome =
            minimize(&rosenbrock(), &[-1.2, 1.0], &settings(optimizer), &control).unwrap();
        assert_eq!(outcome.termination, Termination::Interrupted);
        assert_eq!(outcome.iterations, 3);
        let best = outcome.history.iter().map(|r| r.objective);
        assert_eq!(outcome.objective, best.fold(f64::INFINITY, f64::min));
    }
}

#[test]
fn a_deadline_that_has_passed_leaves_the_starting_point() {
    for optimizer in ALL {
        let control = Control {
            deadline: Some(Instant::now()),
            ..Control::default()
        };
        let outcome =
            minimize(&rosenbrock(), &[-1.2, 1.0], &settings(optimizer), &control).unwrap();
        assert_eq!(outcome.termination, Termination::TimeLimit);
        assert_eq!(outcome.theta, [-1.2, 1.0]);
        assert_eq!(outcome.history.len(), 1);
    }
}

#[test]
fn a_stationary_start_ends_at_once_by_its_gradient() {
    for optimizer in ALL {
        let outcome = run(&rosenbrock(), &[1.0, 1.0], &settings(optimizer));
        assert_eq!(outcome.termination, Termination::Gradient);
        assert_eq!(outcome.iterations, 0);
        assert!(outcome.converged);
    }
}

#[test]
fn a_minimum_with_residuals_left_is_found_to_the_gradient_tolerance() {
    for settings in [
        settings(Optimizer::GaussNewton),
        matrix_free(),
        settings(Optimizer::Lbfgs),
    ] {
        let matrix = DMatrix::from_row_slice(3, 2, &[1.0, 0.2, 0.3, 2.0, -1.0, 1.0]);
        let rhs = DVector::from_vec(vec![1.0, -2.0, 3.0]);
        let best = matrix.clone().svd(true, true).solve(&rhs, 1e-14).unwrap();
        let outcome = run(&linear(matrix, rhs), &[5.0, -5.0], &settings);
        assert!(outcome.converged);
        for (found, exact) in outcome.theta.iter().zip(best.iter()) {
            assert!((found - exact).abs() < 1e-7, "{}", settings.optimizer());
        }
    }
}

#[test]
fn fixed_parameters_do_not_move() {
    for settings in ALL.map(settings).into_iter().chain([matrix_free()]) {
        let problem = decays().within(&[-9.0, -9.0, 1.5, -9.0], &[9.0, 9.0, 1.5, 9.0]);
        let outcome = run(&problem, &DECAYS_START, &settings);
        assert_eq!(outcome.theta[2], 1.5);
        assert!((outcome.theta[1].exp() / TAU[1] - 1.0).abs() < 1e-2);
        assert_eq!(outcome.parameters_at_bound, 0);
    }
}

#[test]
fn the_history_counts_up_and_starts_at_the_starting_point() {
    for settings in ALL.map(settings).into_iter().chain([matrix_free()]) {
        let outcome = run(&rosenbrock(), &[-1.2, 1.0], &settings);
        assert_eq!(outcome.history[0].step_length, 0.0);
        assert_eq!(outcome.history[0].tau_s, [(-1.2f64).exp()]);
        for (k, pair) in outcome.history.windows(2).enumerate() {
            assert_eq!(pair[0].iteration, k as u64);
            assert!(pair[0].rhs_evaluations < pair[1].rhs_evaluations);
            assert!(pair[0].seconds <= pair[1].seconds);
        }
    }
}
