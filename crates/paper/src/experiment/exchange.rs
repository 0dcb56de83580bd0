//! C6: with a linear activation the two constants of a unit can be exchanged (appendix S2).

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::effort::{Effort, Model, N_CHANNELS, N_UNITS, fixed_step, student};
use crate::part::Numbers;
use crate::smoothing::smoothed;
use crate::student::{Constants, StudentError};
use crate::teacher::stream;
use nalgebra::{DMatrix, DVector};
use rand::RngExt;
use tauscope_adjoint::{AdaptiveMethod, FixedStepMethod, Integrator, Tolerances, forward};
use tauscope_dynamics::{
    Activation, InputSignal, Interpolation, ModelKind, Parameters, RateNetwork,
};
use tauscope_figures::{Axis, Chart, Figure, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Exchange(pub Effort);

const SEED: u64 = 6;
const ACTIVATIONS: [Activation; 3] = [Activation::Identity, Activation::Tanh, Activation::Relu];
const AMPLITUDES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// Ten units with constants of their own, driven from rest.
struct Case {
    parameters: Parameters,
    /// Deviations of the paper's inputs from their mean, (input, step).
    inputs: DMatrix<f64>,
}

impl Exchange {
    fn cases(&self) -> usize {
        self.0.repetitions(10, 1)
    }

    fn case(&self, index: usize) -> Case {
        let mut rng = stream(self.0.seed_of(SEED, index), 0);
        let spec = student(Model::Discrete, Activation::Identity, Constants::Absent);
        let theta = spec.start(&mut rng);
        let places = spec.places();
        let mut log_tau = || DVector::from_fn(N_UNITS, |_, _| -rng.random_range(0.1_f64..0.9).ln());
        let parameters = Parameters {
            w: DMatrix::from_column_slice(N_UNITS, N_UNITS, &theta[places.w]),
            u: DMatrix::from_column_slice(N_UNITS, N_CHANNELS, &theta[places.u]),
            b: DVector::zeros(N_UNITS),
            log_tau_s: log_tau(),
            log_tau_r: log_tau(),
        };
        let rows: Vec<Vec<f64>> = (0..N_CHANNELS).map(|_| smoothed(40, &mut rng)).collect();
        let inputs = DMatrix::from_fn(N_CHANNELS, 40, |i, t| (rows[i][t] - 5.0) / 2.0);
        Case { parameters, inputs }
    }

    /// For each amplitude the largest relative change of the rates when one unit's constants are exchanged.
    fn changes(&self, model: Model, activation: Activation) -> PartResult {
        let mut worst = vec![0.0_f64; AMPLITUDES.len()];
        for index in 0..self.cases() {
            let case = self.case(index);
            for (worst, amplitude) in worst.iter_mut().zip(AMPLITUDES) {
                let reference = rates(&case, &case.parameters, model, activation, amplitude)?;
                for unit in 0..N_UNITS {
                    let mut swapped = case.parameters.clone();
                    std::mem::swap(&mut swapped.log_tau_s[unit], &mut swapped.log_tau_r[unit]);
                    let change = rates(&case, &swapped, model, activation, amplitude)? - &reference;
                    *worst = worst.max(change.norm() / reference.norm());
                }
            }
        }
        Ok(Some(Numbers::default().with("change", worst)))
    }
}

/// The rates of all units at all steps, from I = r = 0.
fn rates(
    case: &Case,
    parameters: &Parameters,
    model: Model,
    activation: Activation,
    amplitude: f64,
) -> Result<DVector<f64>, StudentError> {
    let network = RateNetwork::new(ModelKind::TwoConstant, activation, parameters.clone())?;
    let (integrator, interpolation) = match model {
        Model::Discrete => (
            fixed_step(FixedStepMethod::EulerSequential),
            Interpolation::Hold,
        ),
        Model::Continuous => {
            let tolerances = Tolerances {
                rtol: 1e-12,
                atol: 1e-14,
            };
            let method = AdaptiveMethod::Tsit45;
            (
                Integrator::Adaptive { method, tolerances },
                Interpolation::Linear,
            )
        }
    };
    let steps = case.inputs.ncols();
    let time: Vec<f64> = (0..steps).map(|t| t as f64).collect();
    let end = time[steps - 1];
    let input = InputSignal::new(time, end, &case.inputs * amplitude, 1, interpolation)?;
    let solved = forward(
        &network,
        &input,
        &[0.0; 2 * N_UNITS],
        input.time(),
        &integrator,
    )?;
    let all = (0..steps).flat_map(|t| solved.rates(t).to_vec());
    Ok(DVector::from_vec(all.collect()))
}

impl Experiment for Exchange {
    fn protocol(&self) -> String {
        format!(
            "{} networks of {N_UNITS} units with recurrence and constants of their own (alpha uniform in 0.1 .. 0.9), from rest, on the \
             paper's inputs without their mean, scaled; tau_s and tau_r of one unit exchanged, each unit in turn; relative change of all rates \
             over 40 steps, the largest. Continuous: Tsit45 at rtol 1e-12. Seed {}.",
            self.cases(),
            self.0.seed
        )
    }

    fn settings(&self) -> String {
        self.0.words()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let each = |model: Model| {
            ACTIVATIONS.into_iter().map(move |activation| {
                let name = format!("{}-{}", model.name(), activation.name());
                Part::new(name, move |_| self.changes(model, activation))
            })
        };
        Model::ALL.into_iter().flat_map(each).collect()
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let largest = |k: usize| parts[k].all("change").iter().copied().fold(0.0, f64::max);
        let tanh = parts[4].all("change");
        let order = (tanh[2] / tanh[0]).ln() / (AMPLITUDES[2] / AMPLITUDES[0]).ln();
        let relu = parts[5].all("change");
        let claims = vec![
            Claim {
                id: "C6",
                statement: "identity: exchanging tau_s and tau_r of a unit changes no output".to_owned(),
                number: format!(
                    "largest relative change of rates: continuous {:.1e}, discrete {:.1e}",
                    largest(3),
                    largest(0)
                ),
                // the tolerance of the continuous solve, with room for its growth over 40 steps
                verdict: Verdict::of([largest(3) < 1e-10, largest(0) < 1e-12]),
            },
            Claim {
                id: "C6",
                statement: "tanh: the change grows with the square of the amplitude; relu: it is the same at every amplitude (own)".to_owned(),
                number: format!(
                    "tanh: order {order:.2}, {:.1e} to {:.1e}; relu: {:.1} % to {:.1} %",
                    tanh[0],
                    tanh[AMPLITUDES.len() - 1],
                    100.0 * relu[0],
                    100.0 * relu[AMPLITUDES.len() - 1]
                ),
                verdict: Verdict::of([
                    (order - 2.0).abs() < 0.2,
                    (relu[0] / relu[AMPLITUDES.len() - 1] - 1.0).abs() < 1e-6,
                ]),
            },
        ];
        let mut figure = Figure::new(
            "Exchange of the two time constants of a unit",
            "Relative change of all rates, the largest over networks and units, against the scale of the inputs.",
        );
        for (m, model) in Model::ALL.into_iter().enumerate() {
            let mut chart = Chart::new(
                Axis::log("scale of the inputs", "1"),
                Axis::log("relative change of rates", "1"),
            )
            .title(model.name());
            for (i, activation) in ACTIVATIONS.into_iter().enumerate() {
                let change = parts[m * ACTIVATIONS.len() + i].all("change");
                let points = AMPLITUDES
                    .into_iter()
                    .zip(change)
                    .map(|(x, &y)| [x, y])
                    .collect();
                chart = chart.line(activation.name(), points, Style::series(i).marked());
            }
            figure = figure.panel(chart);
        }
        let names = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<String>>();
        let all: Vec<f64> = parts
            .iter()
            .flat_map(|n| n.all("change").to_vec())
            .collect();
        let data = Group::new()
            .coordinate(
                Variable::new(
                    "model",
                    &["model"],
                    names(Model::ALL.map(Model::name).to_vec()),
                )
                .long_name("model"),
            )
            .coordinate(
                Variable::new(
                    "activation",
                    &["activation"],
                    names(ACTIVATIONS.map(Activation::name).to_vec()),
                )
                .long_name("activation"),
            )
            .coordinate(
                Variable::new("amplitude", &["amplitude"], AMPLITUDES.to_vec())
                    .units("1")
                    .long_name("scale of the inputs"),
            )
            .variable(
                Variable::new("change", &["model", "activation", "amplitude"], all)
                    .units("1")
                    .long_name("largest relative change of the rates"),
            );
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "amplitude",
                figure,
            }],
            claims,
            notes: String::new(),
        }
    }
}
