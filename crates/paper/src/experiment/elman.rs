//! C4: a network that learns its constants beats the Elman network (Fig 3B).

use super::recovery::TARGETS;
use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, student, teacher};
use crate::part::Numbers;
use crate::statistics::{mean, median, welch};
use crate::student::Constants;
use crate::teacher::{Teacher, stream};
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::Activation;
use tauscope_figures::{Axis, Chart, Figure, Interval, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Elman(pub Effort);

const SEED: u64 = 4;
/// Weaker than the paper's own 1e-11.
const LARGEST_P: f64 = 1e-6;
/// What the claim rests on; from fewer no verdict is drawn.
const PAPERS_REPETITIONS: usize = 20;
/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Condition {
    model: Model,
    /// One teacher with its sequences for all repetitions, which then differ in the start alone.
    one_teacher: bool,
}

const CONDITIONS: [Condition; 4] = [
    Condition {
        model: Model::Discrete,
        one_teacher: true,
    },
    Condition {
        model: Model::Discrete,
        one_teacher: false,
    },
    Condition {
        model: Model::Continuous,
        one_teacher: true,
    },
    Condition {
        model: Model::Continuous,
        one_teacher: false,
    },
];

impl Condition {
    fn name(self) -> String {
        let teachers = if self.one_teacher { "-one" } else { "" };
        format!("{}{teachers}", self.model.name())
    }

    fn words(self) -> String {
        let teachers = if self.one_teacher {
            "one teacher"
        } else {
            "a new teacher each"
        };
        format!("{}, {teachers}", self.model.name())
    }
}

/// The two students.
const STUDENTS: [&str; 2] = ["adaptive", "elman"];

impl Elman {
    fn repetitions(&self) -> usize {
        self.0.repetitions(PAPERS_REPETITIONS, 2)
    }

    fn epochs(&self) -> usize {
        self.0.epochs(50)
    }

    /// Both students of one teacher.
    fn compare(
        &self,
        condition: Condition,
        target: usize,
        repetition: usize,
        stop: &AtomicBool,
    ) -> PartResult {
        let spec = teacher(
            condition.model,
            Activation::Sigmoid,
            TARGETS[target],
            &self.0,
        );
        let seed = self.0.seed_of(SEED, 1000 * target + repetition);
        let of_teacher = if condition.one_teacher {
            self.0.seed_of(SEED, 1000 * target)
        } else {
            seed
        };
        let data = Teacher::draw(&spec, of_teacher)?;
        let mut numbers = Numbers::default();
        for (name, constants) in STUDENTS
            .into_iter()
            .zip([Constants::Global, Constants::Absent])
        {
            let student = student(condition.model, Activation::Sigmoid, constants);
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
            if let Some(alphas) = student.alphas(&trained.theta).first() {
                numbers = numbers.with("alphas", *alphas);
            }
            numbers = numbers
                .with(name, [trained.loss])
                .with(&format!("{name}_history"), trained.history);
        }
        Ok(Some(numbers))
    }

    fn of<'n>(&self, parts: &'n [Numbers], condition: usize, target: usize) -> &'n [Numbers] {
        let n = self.repetitions();
        &parts[(condition * TARGETS.len() + target) * n..][..n]
    }

    fn claim(&self, parts: &[Numbers], index: usize) -> Claim {
        let condition = CONDITIONS[index];
        let tests = [0, 1].map(|target| {
            let losses = STUDENTS.map(|name| {
                let of = self.of(parts, index, target).iter().map(|n| n.one(name));
                of.collect::<Vec<f64>>()
            });
            let logs = [0, 1].map(|k| losses[k].iter().map(|l| l.ln()).collect::<Vec<f64>>());
            (
                welch(&losses[0], &losses[1]),
                welch(&logs[0], &logs[1]),
                losses,
            )
        });
        let words = tests.iter().zip(TARGETS).map(|((plain, log, losses), target)| {
            format!(
                "({}, {}): {:.1e} against {:.1e} (means; medians {:.1e}, {:.1e}), Welch p = {:.1e} (of ln loss {:.1e})",
                target[0], target[1], mean(&losses[0]), mean(&losses[1]), median(&losses[0]), median(&losses[1]), plain.p, log.p
            )
        });
        Claim {
            id: "C4",
            statement: format!(
                "{}: learned constants beat the Elman network (p < {:.0e})",
                condition.words(),
                LARGEST_P
            ),
            number: words.collect::<Vec<_>>().join("; "),
            verdict: match self.repetitions() {
                PAPERS_REPETITIONS.. => {
                    Verdict::of([0, 1].map(|k| tests[k].0.p < LARGEST_P && tests[k].0.t < 0.0))
                }
                _ => Verdict::Open,
            },
        }
    }

    fn figure(&self, parts: &[Numbers]) -> Figure {
        let mut figure = Figure::new(
            "Validation loss during training",
            "Geometric mean over repetitions with the band of one standard deviation of the logarithm.",
        );
        for (target, alphas) in TARGETS.into_iter().enumerate() {
            for (c, condition) in CONDITIONS.into_iter().enumerate() {
                let mut chart = Chart::new(
                    Axis::counted("epoch"),
                    Axis::log("loss (10 x mean squared error)", "1"),
                )
                .title(&format!(
                    "({}, {}), {}",
                    alphas[0],
                    alphas[1],
                    condition.words()
                ));
                for (i, name) in STUDENTS.into_iter().enumerate() {
                    let band = self.band(self.of(parts, c, target), name);
                    let line = band.iter().map(|b| [b.at, b.value]).collect();
                    let style = Style::series(i);
                    chart = chart
                        .band("", band, style.opacity(0.2))
                        .line(name, line, style);
                }
                figure = figure.panel(chart);
            }
        }
        figure
    }

    fn band(&self, parts: &[Numbers], name: &str) -> Vec<Interval> {
        let history = format!("{name}_history");
        let at = |epoch: usize| {
            let logs: Vec<f64> = parts.iter().map(|n| n.all(&history)[epoch].ln()).collect();
            let (middle, spread) = (mean(&logs), crate::statistics::std(&logs));
            Interval {
                at: epoch as f64,
                value: middle.exp(),
                low: (middle - spread).exp(),
                high: (middle + spread).exp(),
            }
        };
        (0..=self.epochs()).map(at).collect()
    }
}

impl Experiment for Elman {
    fn protocol(&self) -> String {
        format!(
            "{} repetitions for each of the sigmoid teachers (.684, .342) and (.342, .684), with one teacher and its sequences for all (repetitions then differ in the start alone), and with a new teacher and \
             new sequences each; a student \
             that learns one pair of constants (from alpha = .8176) and an Elman network from the same weights; paper's recipe with rate 5e-3 \
             and {} epochs (ours). Welch's test, two-sided, on the validation losses. {}.",
            self.repetitions(),
            self.epochs(),
            self.0.words()
        )
    }

    fn settings(&self) -> String {
        format!("{} epochs; {}", self.epochs(), self.0.words())
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for condition in CONDITIONS {
            for target in 0..TARGETS.len() {
                for repetition in 0..self.repetitions() {
                    let name = format!("{}-{target}-{repetition}", condition.name());
                    parts.push(Part::new(name, move |stop| {
                        self.compare(condition, target, repetition, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let mut data = Group::new();
        for (c, condition) in CONDITIONS.into_iter().enumerate() {
            data = data.group(&condition.name(), self.group(parts, c));
        }
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "losses",
                figure: self.figure(parts),
            }],
            claims: (0..CONDITIONS.len())
                .map(|condition| self.claim(parts, condition))
                .collect(),
            notes: String::new(),
        }
    }
}

impl Elman {
    fn group(&self, parts: &[Numbers], condition: usize) -> Group {
        let list = |name: &str, k: usize| {
            let of = (0..TARGETS.len()).flat_map(|target| self.of(parts, condition, target));
            of.map(|n| n.all(name)[k]).collect::<Vec<f64>>()
        };
        let variable = |name: &str, values, long_name: &str| {
            Variable::new(name, &["target", "repetition"], values)
                .units("1")
                .long_name(long_name)
        };
        Group::new()
            .indices("target", TARGETS.len())
            .indices("repetition", self.repetitions())
            .variable(variable(
                "loss_adaptive",
                list("adaptive", 0),
                "validation loss with learned constants, 10 x mean squared error",
            ))
            .variable(variable(
                "loss_elman",
                list("elman", 0),
                "validation loss of the Elman network, 10 x mean squared error",
            ))
            .variable(variable("alpha_s", list("alphas", 0), "learned dt / tau_s"))
            .variable(variable("alpha_r", list("alphas", 1), "learned dt / tau_r"))
    }
}
