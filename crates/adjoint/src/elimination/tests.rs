use super::*;
use nalgebra::DVector;
use proptest::prelude::*;
use tauscope_dynamics::{Activation, Linearization, Parameters};

/// Round-off of the two solves, relative to `|A| |x|`: both are backward stable.
const ROUND_OFF: f64 = 1e-13;

#[derive(Debug)]
struct Case {
    network: RateNetwork,
    slope: Vec<f64>,
    gamma: f64,
    x: Vec<f64>,
    n_directions: usize,
}

const TRIALS: usize = 3;

/// Random networks with time constants over four decades, and steps from far below the fastest to far beyond the
/// slowest.
fn case() -> impl Strategy<Value = Case> {
    let sizes = (0..3usize, 1..41usize, 1..4usize, -4.0..4.0f64);
    sizes.prop_flat_map(|(model, n, n_directions, log_gamma)| {
        let model = ModelKind::ALL[model];
        let numbers = move |n| proptest::collection::vec(-1.0..1.0f64, n);
        let blocks = 2 * n * TRIALS * n_directions;
        (
            numbers(n * n),
            numbers(2 * n),
            numbers(2 * n * TRIALS),
            numbers(blocks),
        )
            .prop_map(move |(w, tau, at, mut x)| {
                let mut parameters = Parameters::zeros(model, n, 0);
                parameters.w = DMatrix::from_vec(n, n, w) * (8.0 / (n as f64).sqrt());
                let log_tau = |v: &[f64], n| DVector::from_fn(n, |i, _| 4.6 * v[i]);
                parameters.log_tau_s = log_tau(&tau[..n], parameters.log_tau_s.len());
                parameters.log_tau_r = log_tau(&tau[n..], parameters.log_tau_r.len());
                let network = RateNetwork::new(model, Activation::Tanh, parameters).expect("valid");
                let mut linearization = Linearization::default();
                let shape = network.shape(TRIALS);
                network.linearize(
                    &at[..shape.len()],
                    &vec![0.0; n * TRIALS],
                    &mut linearization,
                );
                x.truncate(shape.len() * n_directions);
                Case {
                    network,
                    slope: linearization.slope().to_vec(),
                    gamma: 10_f64.powf(log_gamma),
                    x,
                    n_directions,
                }
            })
    })
}

/// The largest residual of `A x = b` over trials and directions, against the matrix written out.
fn residual(case: &Case, x: &[f64], transposed: bool) -> f64 {
    let n = case.network.n_units();
    let columns = case.n_directions * TRIALS;
    let state = case.network.shape(1).len();
    let mut worst = 0.0_f64;
    for column in 0..columns {
        let trial = column % TRIALS;
        let mut jacobian = DMatrix::zeros(state, state);
        let slope = &case.slope[trial * n..][..n];
        case.network.jacobian(slope, jacobian.as_mut_slice());
        let mut a = DMatrix::identity(state, state) - jacobian * case.gamma;
        if transposed {
            a.transpose_mut();
        }
        let of_column = |blocks: &[f64]| {
            DVector::from_fn(state, |i, _| blocks[(i / n * columns + column) * n + i % n])
        };
        let (x, b) = (of_column(x), of_column(&case.x));
        worst = worst.max((&a * &x - b).norm() / (a.norm() * x.norm()));
    }
    worst
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_eliminated_solve_is_that_of_the_dense_matrix_to_round_off_in_both_directions(case in case()) {
        let mut elimination = Elimination::new(&case.network, TRIALS);
        elimination.factorise(&case.network, case.gamma, &case.slope, &[true; TRIALS]);
        prop_assert!(!elimination.is_singular());
        let (mut x, mut z) = (case.x.clone(), case.x.clone());
        elimination.solve(&case.network, &mut x);
        elimination.solve_transposed(&case.network, &mut z);
        let (plain, transposed) = (residual(&case, &x, false), residual(&case, &z, true));
        prop_assert!(plain < ROUND_OFF && transposed < ROUND_OFF, "{plain:.1e} {transposed:.1e}");
    }

    #[test]
    fn the_solve_and_the_transposed_solve_are_transposes(case in case()) {
        let mut elimination = Elimination::new(&case.network, TRIALS);
        elimination.factorise(&case.network, case.gamma, &case.slope, &[true; TRIALS]);
        let b: Vec<f64> = case.x.iter().rev().copied().collect();
        let (mut x, mut z) = (case.x.clone(), b.clone());
        elimination.solve(&case.network, &mut x);
        elimination.solve_transposed(&case.network, &mut z);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let size = |a: &[f64], b: &[f64]| (dot(a, a) * dot(b, b)).sqrt();
        let scale = size(&x, &b).max(size(&case.x, &z));
        prop_assert!((dot(&x, &b) - dot(&case.x, &z)).abs() < 1e-9 * scale);
    }
}

#[test]
fn a_trial_that_is_left_out_has_the_solution_zero_and_does_not_change_the_others() {
    let mut parameters = Parameters::zeros(ModelKind::TwoConstant, 2, 0);
    parameters.w = DMatrix::from_row_slice(2, 2, &[0.0, 2.0, -1.0, 0.5]);
    let network =
        RateNetwork::new(ModelKind::TwoConstant, Activation::Tanh, parameters).expect("valid");
    let solve = |active: &[bool]| {
        let mut elimination = Elimination::new(&network, 2);
        elimination.factorise(&network, 0.5, &[0.5; 4], active);
        let mut x = vec![1.0; 8];
        elimination.solve(&network, &mut x);
        x
    };
    let (all, second) = (solve(&[true, true]), solve(&[false, true]));
    assert_eq!(second[..2], [0.0, 0.0]);
    assert_eq!((&second[2..4], &second[6..]), (&all[2..4], &all[6..]));
}
