//! C5: relu recovers the constants worse than sigmoid, and some mirrored (appendix S2).

use super::recovery::{NEAR, TARGETS, error};
use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, student, teacher};
use crate::part::Numbers;
use crate::statistics::median;
use crate::student::{Constants, StudentError};
use crate::teacher::{Teacher, stream};
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::Activation;
use tauscope_figures::{Axis, Chart, Figure, Marker, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Relu(pub Effort);

const SEED: u64 = 5;
const ACTIVATIONS: [Activation; 2] = [Activation::Relu, Activation::Sigmoid];

/// Where trials end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    near: usize,
    mirrored: usize,
    elsewhere: usize,
}

impl Relu {
    fn trials(&self, model: Model) -> usize {
        match model {
            Model::Discrete => self.0.repetitions(40, 2),
            Model::Continuous => self.0.in_continuous_time(self.0.repetitions(40, 2)),
        }
    }

    fn epochs(&self) -> usize {
        self.0.epochs(50)
    }

    fn trial(
        &self,
        model: Model,
        activation: Activation,
        trial: usize,
        stop: &AtomicBool,
    ) -> PartResult {
        let target = TARGETS[trial % TARGETS.len()];
        let seed = self.0.seed_of(SEED, trial);
        let data = Teacher::draw(&teacher(model, activation, target, &self.0), seed)?;
        let student = student(model, activation, Constants::Global);
        let theta = student.start(&mut stream(seed, 11));
        let sequences = [&data.train[..], &data.valid];
        let recipe = Recipe::paper(self.epochs());
        let numbers = Numbers::default();
        match train(
            &student,
            theta,
            sequences,
            &recipe,
            &mut stream(seed, 12),
            stop,
        ) {
            Ok(trained) => Ok(trained.map(|trained| {
                numbers
                    .with("alphas", student.alphas(&trained.theta)[0])
                    .with("loss", [trained.loss])
            })),
            // a network that ran away is a trial that ends elsewhere
            Err(StudentError::Solve(_)) => Ok(Some(
                numbers
                    .with("alphas", [f64::NAN; 2])
                    .with("loss", [f64::NAN]),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The conditions in the order of the parts, with the parts of each.
    fn conditions<'n>(&self, parts: &'n [Numbers]) -> Vec<Condition<'n>> {
        let mut rest = parts;
        let mut all = Vec::new();
        for model in Model::ALL {
            for activation in ACTIVATIONS {
                let (own, others) = rest.split_at(self.trials(model).min(rest.len()));
                rest = others;
                all.push(Condition {
                    model,
                    activation,
                    parts: own,
                });
            }
        }
        all
    }
}

/// All trials of one model and activation.
struct Condition<'n> {
    model: Model,
    activation: Activation,
    parts: &'n [Numbers],
}

impl Condition<'_> {
    fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.parts.iter().enumerate().map(|(trial, numbers)| Pair {
            found: numbers.pair("alphas"),
            target: TARGETS[trial % TARGETS.len()],
        })
    }

    fn errors(&self) -> Vec<f64> {
        self.pairs()
            .map(|pair| error(pair.found, pair.target))
            .collect()
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for Pair {
            found,
            target: [s, r],
        } in self.pairs()
        {
            if error(found, [s, r]) < NEAR {
                counts.near += 1;
            } else if error(found, [r, s]) < NEAR {
                counts.mirrored += 1;
            } else {
                counts.elsewhere += 1;
            }
        }
        counts
    }
}

/// Found and true constants.
struct Pair {
    found: [f64; 2],
    target: [f64; 2],
}

fn claim(relu: &Condition<'_>, sigmoid: &Condition<'_>) -> Claim {
    let counts = relu.counts();
    let of_sigmoid = sigmoid.counts();
    let errors = [relu, sigmoid].map(|c| median(&c.errors()));
    Claim {
        id: "C5",
        statement: format!(
            "{}: relu recovers the constants worse, some mirrored",
            relu.model.name()
        ),
        number: format!(
            "relu near / mirrored / elsewhere: {} / {} / {}, median error {:.3}; sigmoid {} / {} / {}, {:.3}",
            counts.near,
            counts.mirrored,
            counts.elsewhere,
            errors[0],
            of_sigmoid.near,
            of_sigmoid.mirrored,
            of_sigmoid.elsewhere,
            errors[1]
        ),
        verdict: Verdict::of([
            errors[0] > errors[1]
                && counts.near * sigmoid.parts.len() < of_sigmoid.near * relu.parts.len(),
            counts.mirrored > 0,
        ]),
    }
}

impl Experiment for Relu {
    fn protocol(&self) -> String {
        format!(
            "{} trials of the discrete model and {} of the continuous one, relu and for comparison sigmoid, teachers (.684, .342) and (.342, .684) \
             in turn, a new teacher each; one pair of constants learned from alpha = .8176; paper's recipe with rate 5e-3 and {} epochs (ours). \
             Near: within {NEAR} in both constants. {}.",
            self.trials(Model::Discrete),
            self.trials(Model::Continuous),
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
            for activation in ACTIVATIONS {
                for trial in 0..self.trials(model) {
                    let name = format!("{}-{}-{trial}", model.name(), activation.name());
                    parts.push(Part::new(name, move |stop| {
                        self.trial(model, activation, trial, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let conditions = self.conditions(parts);
        let claims = conditions
            .chunks(2)
            .map(|pair| claim(&pair[0], &pair[1]))
            .collect();
        let mut figure = Figure::new(
            "Where the constants end",
            "Each marker is a trial; crosses: the two teachers, which are mirror images of each other.",
        );
        let mut data = Group::new();
        for condition in &conditions {
            let axis = |name: &str| Axis::linear(name, "1").between(0.0, 1.0);
            let title = format!(
                "{}, {}",
                condition.activation.name(),
                condition.model.name()
            );
            let mut chart = Chart::new(axis("alpha_s"), axis("alpha_r"))
                .title(&title)
                .plot_height(330.0);
            for (i, target) in TARGETS.into_iter().enumerate() {
                let found = condition
                    .pairs()
                    .filter(|p| p.target == target)
                    .map(|p| p.found)
                    .collect();
                chart = chart.points(
                    &format!("teacher ({}, {})", target[0], target[1]),
                    found,
                    Style::series(i),
                );
            }
            figure = figure.panel(chart.points(
                "teachers",
                TARGETS.to_vec(),
                Style::ink().marker(Marker::Cross),
            ));
            data = data.group(
                &format!("{}-{}", condition.model.name(), condition.activation.name()),
                group(condition),
            );
        }
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "constants",
                figure,
            }],
            claims,
            notes: String::new(),
        }
    }
}

fn group(condition: &Condition<'_>) -> Group {
    let pairs: Vec<Pair> = condition.pairs().collect();
    let variable = |name: &str, values: Vec<f64>, long_name: &str| {
        Variable::new(name, &["trial"], values)
            .units("1")
            .long_name(long_name)
    };
    let list = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).collect::<Vec<f64>>();
    Group::new()
        .indices("trial", pairs.len())
        .variable(variable(
            "true_alpha_s",
            list(&|p| p.target[0]),
            "dt / tau_s of the teacher",
        ))
        .variable(variable(
            "true_alpha_r",
            list(&|p| p.target[1]),
            "dt / tau_r of the teacher",
        ))
        .variable(variable(
            "alpha_s",
            list(&|p| p.found[0]),
            "learned dt / tau_s",
        ))
        .variable(variable(
            "alpha_r",
            list(&|p| p.found[1]),
            "learned dt / tau_r",
        ))
        .variable(variable(
            "loss",
            condition.parts.iter().map(|n| n.one("loss")).collect(),
            "validation loss, 10 x mean squared error",
        ))
}
