//! Algebra of the products: transposes, tangents, and agreement with differences of the right-hand side.

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use tauscope_dynamics::{
    Activation, Coordinate, Linearization, ModelKind, Parameters, RateNetwork, steady_state,
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

    fn parameters(&mut self, model: ModelKind, n: usize, m: usize) -> Parameters {
        let tau = |present: bool, numbers: &mut Numbers| {
            DVector::from_vec(numbers.vec(if present { n } else { 0 }))
        };
        Parameters {
            w: DMatrix::from_vec(n, n, self.vec(n * n)),
            u: DMatrix::from_vec(n, m, self.vec(n * m)),
            b: DVector::from_vec(self.vec(n)),
            log_tau_s: tau(model.has_tau_s(), self),
            log_tau_r: tau(model.has_tau_r(), self),
        }
    }
}

struct Case {
    network: RateNetwork,
    x: DMatrix<f64>,
    drive: Vec<f64>,
    y: Vec<f64>,
    dy: Vec<f64>,
    at: Linearization,
}

fn case(
    model: ModelKind,
    activation: Activation,
    n: usize,
    m: usize,
    trials: usize,
    numbers: &mut Numbers,
) -> Case {
    let network =
        RateNetwork::new(model, activation, numbers.parameters(model, n, m)).expect("valid");
    let x = DMatrix::from_vec(m, trials, numbers.vec(m * trials));
    let mut drive = vec![0.0; n * trials];
    network.drive(x.as_view(), &mut drive);
    let y = numbers.vec(network.shape(trials).len());
    let mut dy = vec![0.0; y.len()];
    network.rhs(&y, &drive, &mut dy);
    let mut at = Linearization::default();
    network.linearize(&y, &drive, &mut at);
    Case {
        network,
        x,
        drive,
        y,
        dy,
        at,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn rhs_with(case: &Case, parameters: Parameters) -> Vec<f64> {
    let network = RateNetwork::new(case.network.model(), case.network.activation(), parameters)
        .expect("valid");
    let mut drive = vec![0.0; case.drive.len()];
    network.drive(case.x.as_view(), &mut drive);
    let mut dy = vec![0.0; case.y.len()];
    network.rhs(&case.y, &drive, &mut dy);
    dy
}

fn every_kind() -> impl Iterator<Item = (ModelKind, Activation)> {
    ModelKind::ALL
        .into_iter()
        .flat_map(|m| Activation::ALL.into_iter().map(move |a| (m, a)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn vjp_is_the_transpose_of_jac_mul(n in 1_usize..9, m in 0_usize..4, trials in 1_usize..5, seed: u64) {
        for (model, activation) in every_kind() {
            let mut numbers = Numbers(seed);
            let mut c = case(model, activation, n, m, trials, &mut numbers);
            let (v, w) = (numbers.vec(c.y.len()), numbers.vec(c.y.len()));
            let (mut jv, mut jtw, mut a) = (v.clone(), w.clone(), vec![0.0; n * trials]);
            c.network.jac_mul(&mut c.at, &v, &mut jv);
            c.network.vjp(&c.at, &w, &mut a, &mut jtw);
            let (left, right) = (dot(&w, &jv), dot(&jtw, &v));
            let scale = dot(&w, &w).sqrt() * dot(&jv, &jv).sqrt() + 1e-300;
            prop_assert!((left - right).abs() <= 1e-12 * scale, "{model:?} {activation:?}: {left} {right}");
        }
    }

    #[test]
    fn param_vjp_is_the_transpose_of_param_jac_mul(n in 1_usize..9, m in 0_usize..4, trials in 1_usize..5, seed: u64) {
        for (model, activation) in every_kind() {
            let mut numbers = Numbers(seed);
            let c = case(model, activation, n, m, trials, &mut numbers);
            let direction = numbers.parameters(model, n, m);
            let w = numbers.vec(c.y.len());
            let mut tangent = vec![0.0; c.y.len()];
            c.network.param_jac_mul(&c.at, c.x.as_view(), &c.dy, &direction, &mut tangent);
            let mut gradient = Parameters::zeros(model, n, m);
            c.network.param_vjp(&c.at, c.x.as_view(), &c.dy, &w, 1.0, &mut gradient);
            let (left, right) = (dot(&w, &tangent), gradient.dot(&direction));
            let scale = dot(&w, &w).sqrt() * dot(&tangent, &tangent).sqrt() + 1e-300;
            prop_assert!((left - right).abs() <= 1e-12 * scale, "{model:?} {activation:?}: {left} {right}");
        }
    }

    #[test]
    fn jac_mul_of_several_directions_is_that_of_each(n in 1_usize..6, trials in 1_usize..4, seed: u64) {
        for model in ModelKind::ALL {
            let mut numbers = Numbers(seed);
            let mut c = case(model, Activation::Tanh, n, 2, trials, &mut numbers);
            let (block, blocks) = (n * trials, c.y.len() / (n * trials));
            let (first, second) = (numbers.vec(c.y.len()), numbers.vec(c.y.len()));
            let both: Vec<f64> = (0..blocks)
                .flat_map(|b| [&first[b * block..][..block], &second[b * block..][..block]].concat())
                .collect();
            let (mut out, mut out1, mut out2) = (both.clone(), first.clone(), second.clone());
            c.network.jac_mul(&mut c.at, &both, &mut out);
            c.network.jac_mul(&mut c.at, &first, &mut out1);
            c.network.jac_mul(&mut c.at, &second, &mut out2);
            for b in 0..blocks {
                let expected = [&out1[b * block..][..block], &out2[b * block..][..block]].concat();
                for (o, e) in out[2 * b * block..][..2 * block].iter().zip(&expected) {
                    prop_assert!((o - e).abs() < 1e-12);
                }
            }
        }
    }
}

#[test]
fn products_agree_with_differences_of_the_right_hand_side() {
    const H: f64 = 1e-6;
    for (model, activation) in every_kind() {
        let mut numbers = Numbers(11);
        let mut c = case(model, activation, 5, 2, 3, &mut numbers);
        let v = numbers.vec(c.y.len());
        let mut jv = vec![0.0; v.len()];
        c.network.jac_mul(&mut c.at, &v, &mut jv);
        let at = |h: f64| {
            let y: Vec<f64> = c.y.iter().zip(&v).map(|(y, v)| y + h * v).collect();
            let mut dy = vec![0.0; y.len()];
            c.network.rhs(&y, &c.drive, &mut dy);
            dy
        };
        for (i, (plus, minus)) in at(H).iter().zip(at(-H)).enumerate() {
            assert!(
                ((plus - minus) / (2.0 * H) - jv[i]).abs() < 1e-7,
                "{model:?} {activation:?}"
            );
        }

        let direction = numbers.parameters(model, 5, 2);
        let mut tangent = vec![0.0; c.y.len()];
        c.network
            .param_jac_mul(&c.at, c.x.as_view(), &c.dy, &direction, &mut tangent);
        let along = |h: f64| {
            let mut p = c.network.parameters().clone();
            p.add_scaled(h, &direction);
            rhs_with(&c, p)
        };
        for (i, (plus, minus)) in along(H).iter().zip(along(-H)).enumerate() {
            assert!(
                ((plus - minus) / (2.0 * H) - tangent[i]).abs() < 1e-6,
                "{model:?} {activation:?}"
            );
        }
    }
}

#[test]
fn forcing_by_coordinate_is_param_jac_mul_along_a_unit_vector() {
    for model in ModelKind::ALL {
        let mut numbers = Numbers(5);
        let c = case(model, Activation::Softplus, 3, 2, 2, &mut numbers);
        let mut coordinates = vec![
            Coordinate::Weight { unit: 1, source: 2 },
            Coordinate::InputWeight { unit: 0, input: 1 },
            Coordinate::Bias { unit: 2 },
        ];
        if model.has_tau_s() {
            coordinates.push(Coordinate::LogTauS { unit: 1 });
        }
        if model.has_tau_r() {
            coordinates.push(Coordinate::LogTauR { unit: 1 });
        }
        for coordinate in coordinates {
            let mut direction = c.network.parameters().zeros_like();
            direction.set(coordinate, 1.0);
            let mut expected = vec![0.0; c.y.len()];
            c.network
                .param_jac_mul(&c.at, c.x.as_view(), &c.dy, &direction, &mut expected);
            let mut out = vec![0.0; c.y.len()];
            let (currents, rates) = out.split_at_mut(c.network.shape(2).currents().end);
            c.network.add_coordinate_forcing(
                &c.at,
                c.x.as_view(),
                &c.dy,
                coordinate,
                currents,
                rates,
            );
            for (o, e) in out.iter().zip(&expected) {
                assert!((o - e).abs() < 1e-14, "{model:?} {coordinate:?}");
            }
        }
    }
}

#[test]
fn the_steady_state_has_no_derivative_and_its_gradient_agrees_with_differences() {
    const H: f64 = 1e-6;
    for model in ModelKind::ALL {
        let mut numbers = Numbers(3);
        let c = case(model, Activation::Softplus, 4, 2, 3, &mut numbers);
        let mut parameters = c.network.parameters().clone();
        parameters.w *= 0.4;
        let network =
            RateNetwork::new(model, Activation::Softplus, parameters.clone()).expect("valid");
        let steady = steady_state(&network, c.x.as_view()).expect("contracting networks have one");
        let mut drive = vec![0.0; 12];
        network.drive(c.x.as_view(), &mut drive);
        let mut dy = vec![0.0; steady.state.len()];
        network.rhs(&steady.state, &drive, &mut dy);
        assert!(dy.iter().all(|v| v.abs() < 1e-11), "{model:?}");

        let direction = numbers.parameters(model, 4, 2);
        let cotangent = numbers.vec(steady.state.len());
        let cost = |h: f64| {
            let mut p = parameters.clone();
            p.add_scaled(h, &direction);
            let network = RateNetwork::new(model, Activation::Softplus, p).expect("valid");
            let found = steady_state(&network, c.x.as_view()).expect("converges");
            dot(&found.state, &cotangent)
        };
        let difference = (cost(H) - cost(-H)) / (2.0 * H);
        let mut gradient = parameters.zeros_like();
        steady.param_vjp(&network, c.x.as_view(), &cotangent, &mut gradient);
        let adjoint = gradient.dot(&direction);
        let tangent = dot(
            &steady.param_jac_mul(&network, c.x.as_view(), &direction),
            &cotangent,
        );
        assert!(
            (difference - adjoint).abs() < 1e-7 * difference.abs().max(1.0),
            "{model:?}"
        );
        assert!(
            (tangent - adjoint).abs() < 1e-12 * adjoint.abs().max(1.0),
            "{model:?}"
        );
    }
}

#[test]
fn a_network_with_a_zero_time_constant_is_refused() {
    let mut p = Parameters::zeros(ModelKind::Rate, 2, 0);
    p.log_tau_r[1] = f64::NEG_INFINITY;
    let error = RateNetwork::new(ModelKind::Rate, Activation::Tanh, p).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "time constant tau_r of unit 1 must be positive and finite, got 0"
    );
}

#[test]
fn the_dense_jacobian_holds_the_columns_of_jac_mul() {
    for (model, activation) in every_kind() {
        let mut numbers = Numbers(21);
        let mut c = case(model, activation, 3, 1, 1, &mut numbers);
        let len = c.y.len();
        let mut dense = vec![0.0; len * len];
        c.network.jacobian(c.at.slope(), &mut dense);
        for j in 0..len {
            let mut unit = vec![0.0; len];
            unit[j] = 1.0;
            let mut column = vec![0.0; len];
            c.network.jac_mul(&mut c.at, &unit, &mut column);
            for (d, e) in dense[j * len..][..len].iter().zip(&column) {
                assert!((d - e).abs() < 1e-14, "{model:?} {activation:?}");
            }
        }
    }
}

#[test]
fn drive_forcing_is_the_effect_of_a_bias() {
    for model in ModelKind::ALL {
        let mut numbers = Numbers(8);
        let c = case(model, Activation::Sigmoid, 3, 1, 2, &mut numbers);
        let mut direction = c.network.parameters().zeros_like();
        direction.b[1] = 1.0;
        let mut expected = vec![0.0; c.y.len()];
        c.network
            .param_jac_mul(&c.at, c.x.as_view(), &c.dy, &direction, &mut expected);
        let mut out = vec![0.0; c.y.len()];
        c.network
            .add_drive_forcing(&c.at, &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0], &mut out);
        assert_eq!(out, expected);
    }
}
