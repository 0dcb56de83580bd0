//! C10: in a layered network a hierarchy of time scales emerges where the data have several. The protocol is ours.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, student};
use crate::part::Numbers;
use crate::smoothing::smoothed;
use crate::statistics::{mean, std, welch};
use crate::student::{Constants, Masks, Student, StudentError};
use crate::teacher::{Sequence, stream};
use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::{Activation, Interpolation};
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Hierarchy(pub Effort);

const SEED: u64 = 10;
const LAYERS: usize = 3;
/// Units a layer.
const WIDTH: usize = 6;
const STEPS: usize = 40;

/// What the targets are: the inputs through filters of these time constants, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Several,
    Single,
}

const DATA: [Data; 2] = [Data::Several, Data::Single];

impl Data {
    fn name(self) -> &'static str {
        match self {
            Data::Several => "several",
            Data::Single => "single",
        }
    }

    fn filters(self) -> [f64; LAYERS] {
        match self {
            Data::Several => [1.5, 6.0, 24.0],
            Data::Single => [1.5; LAYERS],
        }
    }
}

/// Units drive their own layer and the next; the input drives the first; the outputs see all.
fn layered(model: Model) -> Student {
    let n = LAYERS * WIDTH;
    let layer = |unit: usize| unit / WIDTH;
    Student {
        n_units: n,
        n_inputs: 1,
        n_outputs: LAYERS,
        masks: Some(Masks {
            w: DMatrix::from_fn(n, n, |to, from| {
                layer(to) == layer(from) || layer(to) == layer(from) + 1
            }),
            u: DMatrix::from_fn(n, 1, |to, _| layer(to) == 0),
            c: DMatrix::from_element(LAYERS, n, true),
        }),
        ..student(model, Activation::Tanh, Constants::PerUnit)
    }
}

fn sequence(
    data: Data,
    interpolation: Interpolation,
    rng: &mut ChaCha8Rng,
) -> Result<Sequence, StudentError> {
    let inputs: Vec<f64> = smoothed(STEPS, rng)
        .into_iter()
        .map(|x| (x - 5.0) / 2.0)
        .collect();
    let mut targets = DMatrix::zeros(LAYERS, STEPS);
    for (o, tau) in data.filters().into_iter().enumerate() {
        // the exact filter of an input that is held over each step, in units of its stationary deviation
        let keep = (-1.0 / tau).exp();
        let gain = ((1.0 + keep) / (1.0 - keep)).sqrt();
        let mut y = 0.0;
        for (t, x) in inputs.iter().enumerate() {
            targets[(o, t)] = 0.5 * gain * y;
            y = keep * y + (1.0 - keep) * x;
        }
    }
    Sequence::new(
        DMatrix::from_row_slice(1, STEPS, &inputs),
        targets,
        interpolation,
    )
}

impl Hierarchy {
    fn repetitions(&self, model: Model) -> usize {
        match model {
            Model::Discrete => self.0.repetitions(10, 2),
            Model::Continuous => self.0.in_continuous_time(self.0.repetitions(10, 2)).max(2),
        }
    }

    fn epochs(&self, model: Model) -> usize {
        match model {
            Model::Discrete => self.0.epochs(60),
            Model::Continuous => self.0.epochs(60).div_ceil(3),
        }
    }

    fn run(&self, model: Model, data: Data, repetition: usize, stop: &AtomicBool) -> PartResult {
        let seed = self.0.seed_of(SEED, repetition);
        let interpolation = match model {
            Model::Discrete => Interpolation::Hold,
            Model::Continuous => Interpolation::Linear,
        };
        let mut rng = stream(seed, 1);
        let mut draw = |n: usize| -> Result<Vec<Sequence>, StudentError> {
            (0..n)
                .map(|_| sequence(data, interpolation, &mut rng))
                .collect()
        };
        let [n_train, n_valid] = self.0.sequences();
        let (train_on, valid) = (draw(n_train)?, draw(n_valid)?);
        let student = layered(model);
        let theta = student.start(&mut stream(seed, 2));
        let recipe = Recipe::paper(self.epochs(model));
        let trained = train(
            &student,
            theta,
            [&train_on, &valid],
            &recipe,
            &mut stream(seed, 3),
            stop,
        )?;
        Ok(trained.map(|trained| {
            let alphas = student.alphas(&trained.theta);
            Numbers::default()
                .with("loss", [trained.loss])
                .with("tau_s", alphas.iter().map(|a| 1.0 / a[0]))
                .with("tau_r", alphas.iter().map(|a| 1.0 / a[1]))
        }))
    }

    fn of<'n>(&self, parts: &'n [Numbers], model: Model, data: usize) -> &'n [Numbers] {
        let before = if model == Model::Discrete {
            0
        } else {
            DATA.len() * self.repetitions(Model::Discrete)
        };
        let n = self.repetitions(model);
        &parts[before + data * n..][..n]
    }

    fn claim(&self, parts: &[Numbers], model: Model) -> Claim {
        let slopes = [0, 1].map(|data| {
            self.of(parts, model, data)
                .iter()
                .map(slope)
                .collect::<Vec<f64>>()
        });
        let test = welch(&slopes[0], &slopes[1]);
        let layers = |data: usize| {
            let all: Vec<[f64; LAYERS]> =
                self.of(parts, model, data).iter().map(by_layer).collect();
            let at = |l: usize| {
                format!(
                    "{:.1}",
                    mean(&all.iter().map(|m| m[l]).collect::<Vec<f64>>()).exp()
                )
            };
            (0..LAYERS).map(at).collect::<Vec<_>>().join(", ")
        };
        Claim {
            id: "C10",
            statement: format!(
                "{}: a hierarchy of time scales emerges with data of several time scales",
                model.name()
            ),
            number: format!(
                "tau_s + tau_r of layers 1, 2, 3 (geometric means, steps): {} with several, {} with a single one; ln tau a layer {:.2} and {:.2}, Welch p = {:.1e}",
                layers(0),
                layers(1),
                mean(&slopes[0]),
                mean(&slopes[1]),
                test.p
            ),
            verdict: Verdict::of([mean(&slopes[0]) > 0.0, test.t > 0.0 && test.p < 0.05]),
        }
    }
}

/// Mean of ln (tau_s + tau_r) over the units of each layer.
fn by_layer(numbers: &Numbers) -> [f64; LAYERS] {
    let sums: Vec<f64> = numbers
        .all("tau_s")
        .iter()
        .zip(numbers.all("tau_r"))
        .map(|(s, r)| (s + r).ln())
        .collect();
    std::array::from_fn(|layer| mean(&sums[layer * WIDTH..][..WIDTH]))
}

/// Growth of ln (tau_s + tau_r) a layer, by least squares.
fn slope(numbers: &Numbers) -> f64 {
    let of = by_layer(numbers);
    0.5 * (of[LAYERS - 1] - of[0])
}

impl Experiment for Hierarchy {
    fn protocol(&self) -> String {
        format!(
            "Ours. {LAYERS} layers of {WIDTH} tanh units, each driving itself and the next layer, the input the first; three outputs read all layers and must \
             follow the input through filters of 1.5, 6 and 24 steps (several), or of 1.5 steps all three (single: the control); {STEPS} steps. Constants of \
             each unit, from alpha = .8176. {} repetitions (continuous: {}), paper's recipe with rate 5e-3 and {} epochs (continuous: {}). {}.",
            self.repetitions(Model::Discrete),
            self.repetitions(Model::Continuous),
            self.epochs(Model::Discrete),
            self.epochs(Model::Continuous),
            self.0.words().replace(" of 20 steps", "")
        )
    }

    fn settings(&self) -> String {
        format!(
            "{} and {} epochs; {}",
            self.epochs(Model::Discrete),
            self.epochs(Model::Continuous),
            self.0.words()
        )
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for model in Model::ALL {
            for data in DATA {
                for repetition in 0..self.repetitions(model) {
                    let name = format!("{}-{}-{repetition}", model.name(), data.name());
                    parts.push(Part::new(name, move |stop| {
                        self.run(model, data, repetition, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let mut figure = Figure::new(
            "Time constants by layer",
            "tau_s + tau_r: geometric means over the units of a layer, with one standard deviation over repetitions.",
        );
        let mut data = Group::new();
        for model in Model::ALL {
            let layers = (1..=LAYERS).map(|l| format!("layer {l}"));
            let mut chart = Chart::new(
                Axis::names("layer", layers),
                Axis::log("tau_s + tau_r", "steps"),
            )
            .title(model.name());
            for (d, kind) in DATA.into_iter().enumerate() {
                let of = self.of(parts, model, d);
                let interval = |layer: usize| {
                    let all: Vec<f64> = of.iter().map(|n| by_layer(n)[layer]).collect();
                    let (m, s) = (mean(&all), std(&all));
                    Interval {
                        at: layer as f64 + 0.1 * d as f64,
                        value: m.exp(),
                        low: (m - s).exp(),
                        high: (m + s).exp(),
                    }
                };
                let intervals = (0..LAYERS).map(interval).collect();
                chart = chart.intervals(
                    &format!("{} time scale(s)", kind.name()),
                    intervals,
                    Direction::Vertical,
                    Style::series(d),
                );
                data = data.group(&format!("{}-{}", model.name(), kind.name()), group(of));
            }
            figure = figure.panel(chart);
        }
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "layers",
                figure,
            }],
            claims: Model::ALL.map(|model| self.claim(parts, model)).to_vec(),
            notes: String::new(),
        }
    }
}

fn group(parts: &[Numbers]) -> Group {
    let list = |name: &str| {
        parts
            .iter()
            .flat_map(|n| n.all(name).to_vec())
            .collect::<Vec<f64>>()
    };
    let layers: Vec<i64> = (0..LAYERS * WIDTH)
        .map(|unit| (unit / WIDTH + 1) as i64)
        .collect();
    let tau = |name: &str, long_name: &str| {
        Variable::new(name, &["repetition", "unit"], list(name))
            .units("steps")
            .long_name(long_name)
    };
    Group::new()
        .indices("repetition", parts.len())
        .indices("unit", LAYERS * WIDTH)
        .variable(
            Variable::new("layer", &["unit"], layers)
                .units("1")
                .long_name("layer of the unit"),
        )
        .variable(tau("tau_s", "learned synaptic time constant"))
        .variable(tau("tau_r", "learned rate time constant"))
        .variable(
            Variable::new("loss", &["repetition"], list("loss"))
                .units("1")
                .long_name("validation loss, 10 x mean squared error"),
        )
}
