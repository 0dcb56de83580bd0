use super::*;
use crate::config::{EffectiveConfig, Layer};
use crate::dataset::{Dataset, RawDataset};
use crate::plan::FitPlan;
use nalgebra::{DMatrix, DVector};

const SAMPLES: usize = 12;
const OUTPUTS: usize = 6;

/// Three trials of two inputs; outputs are missing now and then, one in a whole trial, all at one time, all but one
/// at another.
fn dataset() -> Dataset {
    let time: Vec<f64> = (0..SAMPLES).map(|k| 0.1 * k as f64).collect();
    let wave = |i: usize, j: usize, k: usize| (1.7 * i as f64 + 0.9 * j as f64 + k as f64).sin();
    let inputs = (0..3).map(|k| DMatrix::from_fn(2, SAMPLES, |i, j| wave(i, j, k)));
    let targets = (0..3).map(|k| {
        DMatrix::from_fn(OUTPUTS, SAMPLES, |o, j| {
            let missing = (k == 1 && j == 7 && o != 3)
                || (k == 1 && o == 2)
                || (k == 2 && j == 5)
                || (o + 2 * j + k).is_multiple_of(7);
            if missing {
                f64::NAN
            } else {
                0.5 + 0.3 * wave(o, 2 * j, k)
            }
        })
    });
    let mut raw = RawDataset::new("x", "s", time, inputs.collect(), targets.collect());
    raw.target_std = Some((0..OUTPUTS).map(|o| 0.1 + 0.05 * o as f64).collect());
    raw.split = Some(vec![crate::dataset::Split::Train; 3]);
    Dataset::new(raw).unwrap()
}

/// (readout, units): fewer units than outputs, more, and as many.
const CASES: [(&str, &str); 6] = [
    ("linear", "3"),
    ("linear", "8"),
    ("scaled", "6"),
    ("scaled", "7"),
    ("direct", "6"),
    ("direct", "7"),
];

/// The same recording with counts from 0 to 2.
fn counts() -> Dataset {
    let rates = dataset();
    let mut raw = RawDataset::new(
        "x",
        "s",
        rates.time().to_vec(),
        rates.inputs().to_vec(),
        rates.targets().to_vec(),
    );
    let count = |rate: f64| (3.0 * (rate - 0.1)).clamp(0.0, 2.0).round();
    raw.spike_counts = Some(rates.targets().iter().map(|m| m.map(count)).collect());
    raw.split = Some(vec![crate::dataset::Split::Train; 3]);
    Dataset::new(raw).unwrap().of_counts().unwrap().unwrap()
}

/// Runs `check` on the objective of every case, for every kind of initial state and observation, at a point that is not its
/// optimum.
fn for_every_case(check: impl Fn(&str, &FitObjective<'_>, &[f64])) {
    for_every_case_of(&dataset(), &[("observation", "gaussian")], &check);
    for link in ["softplus", "exp"] {
        let options = [("observation", "poisson"), ("link", link)];
        for_every_case_of(&counts(), &options, &check);
    }
}

fn for_every_case_of(
    dataset: &Dataset,
    observation: &[(&'static str, &str)],
    check: &impl Fn(&str, &FitObjective<'_>, &[f64]),
) {
    for (readout, units) in CASES {
        for initial_state in ["learned", "steady", "zero"] {
            let mut options = observation.to_vec();
            options.extend([
                ("readout", readout),
                ("units", units),
                ("initial_state", initial_state),
                ("activation", "sigmoid"),
                ("method", "rk4"),
                ("l2", "0.01"),
            ]);
            let layer = Layer::from_options(options).unwrap();
            let config = EffectiveConfig::merge(&[layer]).unwrap();
            let plan = FitPlan::check(&config, dataset).unwrap();
            let objective = plan.objective(dataset, 0.01).unwrap();
            let theta = plan.start(dataset, 1).unwrap();
            check(
                &format!("{observation:?} {readout} {units} {initial_state}"),
                &objective,
                &theta,
            );
        }
    }
}

/// J, one row an output, trial and observation, from a tangent along each parameter; and the residuals.
fn jacobian(objective: &FitObjective<'_>, theta: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let at = objective.unpack(theta).unwrap();
    let (mut rows, mut residuals) = (Vec::new(), Vec::new());
    for batch in objective.small.iter() {
        let solved = objective.solve(&at, batch, &objective.integrator).unwrap();
        let identity = DMatrix::<f64>::identity(theta.len(), theta.len());
        let units: Vec<&[f64]> = identity.as_slice().chunks(theta.len()).collect();
        let tangents = objective
            .tangents(theta, &units, batch, &solved, &objective.integrator)
            .unwrap();
        let columns: Vec<DVector<f64>> = tangents
            .iter()
            .map(|column| {
                let entries: Vec<f64> = column.iter().flatten().copied().collect();
                DVector::from_vec(entries)
            })
            .collect();
        rows.push(DMatrix::from_columns(&columns));
        residuals.extend(solved.residuals.iter().flatten().copied());
    }
    let all: Vec<_> = rows.iter().flat_map(DMatrix::row_iter).collect();
    (DMatrix::from_rows(&all), DVector::from_vec(residuals))
}

#[test]
fn structured_normal_equations_are_those_of_the_dense_jacobian() {
    for_every_case(|case, objective, theta| {
        let found = normal_equations(objective, theta).unwrap();
        let (jacobian, residuals) = jacobian(objective, theta);
        let weight = objective.residual_weight();
        let mut hessian = jacobian.tr_mul(&jacobian) * weight;
        let mut gradient = (jacobian.tr_mul(&residuals) * weight).as_slice().to_vec();
        objective.add_penalty_gradient(theta, &mut gradient);
        for p in objective.layout.penalised() {
            hessian[(p, p)] += 2.0 * objective.l2;
        }
        let error = (found.hessian.to_dense() - &hessian).amax();
        assert!(error <= 1e-13 * hessian.amax(), "{case}: {error:e}");
        let gradient = DVector::from_vec(gradient);
        let error = (DVector::from_vec(found.evaluation.gradient) - &gradient).amax();
        assert!(error <= 1e-13 * gradient.amax(), "{case}: {error:e}");
        let value = crate::optimizer::Objective::value(objective, theta).unwrap();
        let error = found.evaluation.objective - value.objective;
        assert!(error.abs() <= 1e-13 * value.objective, "{case}: {error:e}");
    });
}

#[test]
fn every_parameter_has_one_place_in_the_normal_equations() {
    for_every_case(|case, objective, theta| {
        let places = places(objective.layout);
        let mut all = [places.shared, places.own].concat();
        all.sort_unstable();
        assert_eq!(all, (0..theta.len()).collect::<Vec<_>>(), "{case}");
    });
}
