//! C7: alpha = 1 is the Elman network; and the one-constant models are the limits of the two-constant one.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::effort::{Effort, Model, N_CHANNELS, N_UNITS, student, teacher};
use crate::part::Numbers;
use crate::smoothing::smoothed;
use crate::student::{Constants, Student, StudentError};
use crate::teacher::{Teacher, stream};
use nalgebra::{DMatrix, DVector};
use tauscope_adjoint::forward;
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};
use tauscope_figures::{Axis, Chart, Figure, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Limits(pub Effort);

const SEED: u64 = 7;
/// Small constants, in units of the other one.
const SMALL: [f64; 6] = [1.0, 0.3, 0.1, 1e-2, 1e-3, 1e-4];
const LIMITS: [ModelKind; 2] = [ModelKind::Rate, ModelKind::Current];

impl Limits {
    fn teachers(&self) -> usize {
        self.0.repetitions(20, 2)
    }

    /// How far outputs and gradients of alpha = 1 and of the Elman network differ, over all teachers.
    fn bits(&self, activation: Activation) -> PartResult {
        let with = student(Model::Discrete, activation, Constants::Held([1.0, 1.0]));
        let without = student(Model::Discrete, activation, Constants::Absent);
        let (mut compared, mut differ, mut gradient) = (0_u64, 0_u64, 0.0_f64);
        for index in 0..self.teachers() {
            let spec = teacher(Model::Discrete, activation, [0.684, 0.342], &self.0);
            let spec = crate::TeacherSpec {
                n_train: 10,
                n_valid: 0,
                ..spec
            };
            let data = Teacher::draw(&spec, self.0.seed_of(SEED, index))?;
            for sequence in &data.train {
                let (a, b) = (
                    with.outputs(&data.theta, sequence)?,
                    without.outputs(&data.theta, sequence)?,
                );
                compared += a.len() as u64;
                let unequal = a
                    .iter()
                    .zip(b.iter())
                    .filter(|(a, b)| a.to_bits() != b.to_bits());
                differ += unequal.count() as u64;
                gradient = gradient.max(gradient_difference(
                    [&with, &without],
                    &data.theta,
                    sequence,
                )?);
            }
        }
        Ok(Some(
            Numbers::default()
                .with("compared", [compared as f64])
                .with("differ", [differ as f64])
                .with("gradient", [gradient]),
        ))
    }

    /// Largest difference of rates between the two-constant model with one small constant and the model without it.
    fn limit(&self, model: ModelKind) -> PartResult {
        let mut rng = stream(self.0.seed_of(SEED, 1000), 0);
        let spec = student(Model::Continuous, Activation::Sigmoid, Constants::Absent);
        let theta = spec.start(&mut rng);
        let places = spec.places();
        let w = DMatrix::from_column_slice(N_UNITS, N_UNITS, &theta[places.w]);
        let u = DMatrix::from_column_slice(N_UNITS, N_CHANNELS, &theta[places.u]);
        let rows: Vec<Vec<f64>> = (0..N_CHANNELS).map(|_| smoothed(40, &mut rng)).collect();
        let samples = DMatrix::from_fn(N_CHANNELS, 40, |i, t| rows[i][t]);
        let time: Vec<f64> = (0..40).map(f64::from).collect();
        let input = InputSignal::new(time, 39.0, samples, 1, Interpolation::Linear)
            .map_err(StudentError::from)?;
        let solve = |model, small: [f64; 2], y0: &[f64]| -> Result<Vec<f64>, StudentError> {
            let tau = |present: bool, tau: f64| {
                DVector::from_element(if present { N_UNITS } else { 0 }, tau.ln())
            };
            let parameters = Parameters {
                w: w.clone(),
                u: u.clone(),
                b: DVector::zeros(N_UNITS),
                log_tau_s: tau(model != ModelKind::Rate, small[0]),
                log_tau_r: tau(model != ModelKind::Current, small[1]),
            };
            let network = RateNetwork::new(model, Activation::Sigmoid, parameters)?;
            let integrator = Model::Continuous.exact();
            let solved = forward(&network, &input, y0, input.time(), &integrator)?;
            Ok((0..40).flat_map(|t| solved.rates(t).to_vec()).collect())
        };
        // a state on the slow manifold, so that no layer at the start counts
        let mut currents = theta[places.initial].to_vec();
        let mut rates = vec![0.0; N_UNITS];
        Activation::Sigmoid.values(&currents, &mut rates);
        if model == ModelKind::Rate {
            let drive = &w * DVector::from_column_slice(&rates) + &u * input.sample(0);
            currents.copy_from_slice(drive.as_slice());
        }
        let of_limit = if model == ModelKind::Rate {
            &rates
        } else {
            &currents
        };
        let reference = solve(model, [2.0, 2.0], of_limit)?;
        let both = [&currents[..], &rates].concat();
        let mut differences = Vec::new();
        for small in SMALL {
            let tau = if model == ModelKind::Rate {
                [2.0 * small, 2.0]
            } else {
                [2.0, 2.0 * small]
            };
            let rates = solve(ModelKind::TwoConstant, tau, &both)?;
            let pairs = rates.iter().zip(&reference);
            differences.push(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max));
        }
        Ok(Some(Numbers::default().with("difference", differences)))
    }
}

/// Largest difference of two gradients, relative to their largest entry.
fn gradient_difference(
    [a, b]: [&Student; 2],
    theta: &[f64],
    sequence: &crate::Sequence,
) -> Result<f64, StudentError> {
    // away from the optimum, where gradients vanish
    let theta: Vec<f64> = theta.iter().map(|v| 1.1 * v).collect();
    let (mut of_a, mut of_b) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
    a.gradient(&theta, sequence, &mut of_a)?;
    b.gradient(&theta, sequence, &mut of_b)?;
    let largest = of_a.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
    let differences = of_a.iter().zip(&of_b).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f64::max) / largest.max(f64::MIN_POSITIVE))
}

impl Experiment for Limits {
    fn protocol(&self) -> String {
        format!(
            "Elman network (`elman`) and discrete model with alpha_s = alpha_r = 1 on the same weights: every output of {} teachers \
             by 10 sequences, for each of five activations, compared bit by bit; gradients at weights 10 % off. Continuous model: one \
             constant from 1 to 1e-4 of the other against the one-constant models. {}.",
            self.teachers(),
            self.0.words()
        )
    }

    fn settings(&self) -> String {
        self.0.words()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let bits = Activation::ALL.into_iter().map(|activation| {
            Part::new(activation.name().to_owned(), move |_| self.bits(activation))
        });
        let limits = LIMITS.into_iter().map(|model| {
            Part::new(format!("limit-{}", model.name()), move |_| {
                self.limit(model)
            })
        });
        bits.chain(limits).collect()
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let (bits, limits) = parts.split_at(Activation::ALL.len());
        let column = |name: &str| bits.iter().map(|n| n.one(name)).collect::<Vec<f64>>();
        let (compared, differ, gradient) =
            (column("compared"), column("differ"), column("gradient"));
        let total = |v: &[f64]| v.iter().sum::<f64>();
        let worst_gradient = gradient.iter().copied().fold(0.0, f64::max);
        let orders: Vec<f64> = limits
            .iter()
            .map(|n| {
                let d = n.all("difference");
                (d[3] / d[5]).ln() / (SMALL[3] / SMALL[5]).ln()
            })
            .collect();
        let claims = vec![
            Claim {
                id: "C7",
                statement: "alpha_s = alpha_r = 1 equals the Elman network".to_owned(),
                number: format!(
                    "{} of {} outputs differ in any bit; gradients within {worst_gradient:.1e}",
                    total(&differ),
                    total(&compared)
                ),
                verdict: if total(&differ) == 0.0 {
                    Verdict::Reproduced
                } else {
                    Verdict::Refuted
                },
            },
            Claim {
                id: "C7",
                statement:
                    "continuous: tau_s -> 0 is the rate model, tau_r -> 0 the current model (own)"
                        .to_owned(),
                number: format!(
                    "difference falls as tau^{:.2} and tau^{:.2}, to {:.1e} and {:.1e}",
                    orders[0],
                    orders[1],
                    limits[0].all("difference")[5],
                    limits[1].all("difference")[5]
                ),
                verdict: Verdict::of([0, 1].map(|k| (orders[k] - 1.0).abs() < 0.1)),
            },
        ];
        let mut chart = Chart::new(
            Axis::log("small constant / other constant", "1"),
            Axis::log("largest difference of rates", "1"),
        );
        for (i, (model, numbers)) in LIMITS.into_iter().zip(limits).enumerate() {
            let points = SMALL.into_iter().zip(numbers.all("difference"));
            let points = points.map(|(x, &y)| [x, y]).collect();
            chart = chart.line(
                &format!("to the {} model", model.name()),
                points,
                Style::series(i).marked(),
            );
        }
        let names: Vec<String> = Activation::ALL.map(|a| a.name().to_owned()).to_vec();
        let both: Vec<f64> = limits
            .iter()
            .flat_map(|n| n.all("difference").to_vec())
            .collect();
        let models: Vec<String> = LIMITS.map(|m| m.name().to_owned()).to_vec();
        let data = Group::new()
            .coordinate(Variable::new("activation", &["activation"], names).long_name("activation"))
            .coordinate(Variable::new("limit", &["limit"], models).long_name("limiting model"))
            .coordinate(
                Variable::new("ratio", &["ratio"], SMALL.to_vec())
                    .units("1")
                    .long_name("small constant / other constant"),
            )
            .variable(
                Variable::new("compared", &["activation"], compared)
                    .units("1")
                    .long_name("outputs compared"),
            )
            .variable(
                Variable::new("differ", &["activation"], differ)
                    .units("1")
                    .long_name("outputs that differ in a bit"),
            )
            .variable(
                Variable::new("gradient", &["activation"], gradient)
                    .units("1")
                    .long_name("relative difference of gradients"),
            )
            .variable(
                Variable::new("difference", &["limit", "ratio"], both)
                    .units("1")
                    .long_name("largest difference of rates"),
            );
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "continuous",
                figure: Figure::new(
                    "The one-constant models are limits",
                    "Largest difference of the rates of ten sigmoid units over 40 steps, continuous time.",
                )
                .panel(chart),
            }],
            claims,
            notes: String::new(),
        }
    }
}
