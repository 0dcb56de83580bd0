//! C9: constants of each unit for teachers whose units differ.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, N_UNITS, student, teacher};
use crate::part::Numbers;
use crate::statistics::{mean, std};
use crate::student::Constants;
use crate::teacher::{Teacher, stream};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::Activation;
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Local(pub Effort);

const SEED: u64 = 9;
const SPREADS: [f64; 4] = [0.05, 0.1, 0.2, 0.3];

/// Normal with mean 0.5, drawn again until it lies in (0.02, 0.98): the ends have no time constant.
fn draw_alpha(spread: f64, rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let alpha = 0.5 + spread * rng.sample::<f64, _>(StandardNormal);
        if (0.02..0.98).contains(&alpha) {
            return alpha;
        }
    }
}

impl Local {
    fn repetitions(&self, model: Model) -> usize {
        match model {
            Model::Discrete => self.0.repetitions(10, 1),
            Model::Continuous => self.0.in_continuous_time(self.0.repetitions(10, 1)),
        }
    }

    fn epochs(&self) -> usize {
        self.0.epochs(50)
    }

    fn compare(
        &self,
        model: Model,
        spread: usize,
        repetition: usize,
        stop: &AtomicBool,
    ) -> PartResult {
        let seed = self.0.seed_of(SEED, 100 * spread + repetition);
        let mut rng = stream(seed, 10);
        let alphas: Vec<[f64; 2]> = (0..N_UNITS)
            .map(|_| {
                [
                    draw_alpha(SPREADS[spread], &mut rng),
                    draw_alpha(SPREADS[spread], &mut rng),
                ]
            })
            .collect();
        let mut spec = teacher(model, Activation::Sigmoid, [0.5; 2], &self.0);
        spec.network.constants = Constants::PerUnit;
        spec.alphas.clone_from(&alphas);
        let data = Teacher::draw(&spec, seed)?;
        let mut numbers = Numbers::default().with("true", alphas.into_iter().flatten());
        for (name, constants) in [("global", Constants::Global), ("local", Constants::PerUnit)] {
            let student = student(model, Activation::Sigmoid, constants);
            let theta = student.start(&mut stream(seed, 11));
            let sequences = [&data.train[..], &data.valid];
            let recipe = Recipe::paper(self.epochs());
            let Some(trained) = train(
                &student,
                theta,
                sequences,
                &recipe,
                &mut stream(seed, 12),
                stop,
            )?
            else {
                return Ok(None);
            };
            let found = student.alphas(&trained.theta).into_iter().flatten();
            numbers = numbers
                .with(name, [trained.loss])
                .with(&format!("{name}_alphas"), found);
        }
        Ok(Some(numbers))
    }

    fn of<'n>(&self, parts: &'n [Numbers], model: Model, spread: usize) -> &'n [Numbers] {
        let before = if model == Model::Discrete {
            0
        } else {
            SPREADS.len() * self.repetitions(Model::Discrete)
        };
        let n = self.repetitions(model);
        &parts[before + spread * n..][..n]
    }

    fn claim(&self, parts: &[Numbers], model: Model) -> Claim {
        let ratios = [0, 1, 2, 3].map(|spread| ratio(self.of(parts, model, spread)));
        let widths = [0, 1, 2, 3].map(|spread| width(self.of(parts, model, spread)));
        Claim {
            id: "C9",
            statement: format!(
                "{}: constants of each unit fit heterogeneous teachers better; wide spreads come back too narrow",
                model.name()
            ),
            number: format!(
                "loss global / local at sd .05, .1, .2, .3: {:.2}, {:.2}, {:.2}, {:.2}; recovered / true spread: {:.2}, {:.2}, {:.2}, {:.2}",
                ratios[0],
                ratios[1],
                ratios[2],
                ratios[3],
                widths[0],
                widths[1],
                widths[2],
                widths[3]
            ),
            verdict: Verdict::of([ratios[3] > 1.0 && ratios[3] > ratios[0], widths[3] < 1.0]),
        }
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Geometric mean of loss global / local.
fn ratio(parts: &[Numbers]) -> f64 {
    let logs: Vec<f64> = parts
        .iter()
        .map(|n| (n.one("global") / n.one("local")).ln())
        .collect();
    mean(&logs).exp()
}

/// Mean over networks of the standard deviation of the recovered constants in units of that of the true ones.
fn width(parts: &[Numbers]) -> f64 {
    let one: Vec<f64> = parts
        .iter()
        .map(|n| std(n.all("local_alphas")) / std(n.all("true")))
        .collect();
    mean(&one)
}

impl Experiment for Local {
    fn protocol(&self) -> String {
        format!(
            "Sigmoid teachers whose units have alpha_s and alpha_r of their own, normal with mean .5 and standard deviation .05, .1, .2, .3, within \
             (.02, .98); {} teachers each of the discrete model and {} of the continuous one; students with one pair (global) and with a pair a unit \
             (local) from the same weights; paper's recipe with rate 5e-3 and {} epochs (ours). {}.",
            self.repetitions(Model::Discrete),
            self.repetitions(Model::Continuous),
            self.epochs(),
            self.0.words()
        )
    }

    fn settings(&self) -> String {
        format!("{} epochs; {}", self.epochs(), self.0.words())
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for model in Model::ALL {
            for spread in 0..SPREADS.len() {
                for repetition in 0..self.repetitions(model) {
                    let name = format!("{}-{spread}-{repetition}", model.name());
                    parts.push(Part::new(name, move |stop| {
                        self.compare(model, spread, repetition, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let mut ratios = Chart::new(
            Axis::linear("standard deviation of alpha in the teacher", "1").including(0.0),
            Axis::log("loss, global / local", "1"),
        )
        .rule("", 1.0, Direction::Horizontal, Style::reference());
        let mut data = Group::new();
        for (i, model) in Model::ALL.into_iter().enumerate() {
            let intervals = SPREADS.into_iter().enumerate().map(|(spread, at)| {
                let logs: Vec<f64> = self
                    .of(parts, model, spread)
                    .iter()
                    .map(|n| (n.one("global") / n.one("local")).ln())
                    .collect();
                let (middle, error) = (mean(&logs), std(&logs) / (logs.len() as f64).sqrt());
                Interval {
                    at,
                    value: middle.exp(),
                    low: (middle - error).exp(),
                    high: (middle + error).exp(),
                }
            });
            ratios = ratios.intervals(
                model.name(),
                intervals.collect(),
                Direction::Vertical,
                Style::series(i),
            );
            data = data.group(model.name(), self.group(parts, model));
        }
        let widest = self.of(parts, Model::Discrete, SPREADS.len() - 1);
        let points = widest.iter().flat_map(|n| {
            sorted(n.all("true"))
                .into_iter()
                .zip(sorted(n.all("local_alphas")))
        });
        let scatter = Chart::new(
            Axis::linear("true alpha, by rank", "1").between(0.0, 1.0),
            Axis::linear("learned alpha, by rank", "1").between(0.0, 1.0),
        )
        .title("discrete, sd .3")
        .points(
            "",
            points.map(|(x, y)| [x, y]).collect(),
            Style::series(0).opacity(0.5),
        )
        .line("", vec![[0.0, 0.0], [1.0, 1.0]], Style::reference());
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "losses",
                figure: Figure::new(
                    "One pair of constants against a pair a unit",
                    "Left: geometric means with standard errors. Right: hidden units of a student need not be those of its teacher, so its constants are \
                     compared by rank.",
                )
                .panel(ratios)
                .panel(scatter),
            }],
            claims: Model::ALL.map(|model| self.claim(parts, model)).to_vec(),
            notes: String::new(),
        }
    }
}

impl Local {
    fn group(&self, parts: &[Numbers], model: Model) -> Group {
        let all: Vec<&Numbers> = (0..SPREADS.len())
            .flat_map(|spread| self.of(parts, model, spread))
            .collect();
        let list = |name: &str| {
            all.iter()
                .flat_map(|n| n.all(name).to_vec())
                .collect::<Vec<f64>>()
        };
        let constants: Vec<String> = ["alpha_s", "alpha_r"].map(str::to_owned).to_vec();
        Group::new()
            .coordinate(
                Variable::new("spread", &["spread"], SPREADS.to_vec())
                    .units("1")
                    .long_name("standard deviation of alpha"),
            )
            .indices("teacher", self.repetitions(model))
            .indices("unit", N_UNITS)
            .coordinate(
                Variable::new("constant", &["constant"], constants).long_name("which constant"),
            )
            .variable(
                Variable::new("loss_global", &["spread", "teacher"], list("global"))
                    .units("1")
                    .long_name("validation loss with one pair"),
            )
            .variable(
                Variable::new("loss_local", &["spread", "teacher"], list("local"))
                    .units("1")
                    .long_name("validation loss with a pair a unit"),
            )
            .variable(
                Variable::new(
                    "true_alpha",
                    &["spread", "teacher", "unit", "constant"],
                    list("true"),
                )
                .units("1")
                .long_name("dt / tau of the teacher"),
            )
            .variable(
                Variable::new(
                    "alpha",
                    &["spread", "teacher", "unit", "constant"],
                    list("local_alphas"),
                )
                .units("1")
                .long_name("dt / tau learned by unit"),
            )
    }
}
