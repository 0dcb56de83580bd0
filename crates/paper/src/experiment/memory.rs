//! C8: networks that learn their constants remember longer (Fig 7). The protocol is ours: the paper does not publish its own.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, N_UNITS, student};
use crate::part::Numbers;
use crate::statistics::median;
use crate::student::{Constants, Student, StudentError};
use crate::teacher::{Sequence, stream};
use nalgebra::DMatrix;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::{Activation, Interpolation};
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Memory(pub Effort);

const SEED: u64 = 8;
/// Standard deviation of the noise on both inputs; the cue is 1.
const NOISE: f64 = 0.1;
/// Accuracy above this counts as above chance: three standard errors of 400 fair coins.
const ABOVE_CHANCE: f64 = 0.575;

/// Who remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Elman,
    Adaptive(Model),
}

const NETWORKS: [Network; 3] = [
    Network::Elman,
    Network::Adaptive(Model::Discrete),
    Network::Adaptive(Model::Continuous),
];

impl Network {
    fn name(self) -> &'static str {
        match self {
            Network::Elman => "elman",
            Network::Adaptive(Model::Discrete) => "adaptive-discrete",
            Network::Adaptive(Model::Continuous) => "adaptive-continuous",
        }
    }

    fn student(self) -> Student {
        let (model, constants) = match self {
            Network::Elman => (Model::Discrete, Constants::Absent),
            Network::Adaptive(model) => (model, Constants::Global),
        };
        Student {
            n_outputs: 1,
            ..student(model, Activation::Tanh, constants)
        }
    }

    fn interpolation(self) -> Interpolation {
        match self {
            Network::Adaptive(Model::Continuous) => Interpolation::Linear,
            _ => Interpolation::Hold,
        }
    }
}

impl Memory {
    fn lags(&self) -> &'static [usize] {
        if self.0.small {
            &[2, 4]
        } else {
            &[5, 10, 15, 20, 25, 30, 35, 40]
        }
    }

    fn repetitions(&self, network: Network) -> usize {
        match network {
            Network::Adaptive(Model::Continuous) => {
                self.0.in_continuous_time(self.0.repetitions(5, 1))
            }
            _ => self.0.repetitions(5, 1),
        }
    }

    fn epochs(&self) -> usize {
        self.0.epochs(60)
    }

    fn run(
        &self,
        network: Network,
        lag: usize,
        repetition: usize,
        stop: &AtomicBool,
    ) -> PartResult {
        let seed = self.0.seed_of(SEED, 100 * lag + repetition);
        let [n_train, _] = self.0.sequences();
        let mut rng = stream(seed, 1);
        let mut draw = |n: usize| -> Result<Vec<Sequence>, StudentError> {
            (0..n)
                .map(|_| sequence(lag, network.interpolation(), &mut rng))
                .collect()
        };
        let (data, valid) = (draw(n_train)?, draw(n_train)?);
        let student = network.student();
        let theta = student.start(&mut stream(seed, 2));
        let recipe = Recipe::paper(self.epochs());
        let Some(trained) = train(
            &student,
            theta,
            [&data, &valid],
            &recipe,
            &mut stream(seed, 3),
            stop,
        )?
        else {
            return Ok(None);
        };
        let mut right = 0;
        for sequence in &valid {
            let z = student.outputs(&trained.theta, sequence)?;
            right += usize::from(z[(0, lag + 1)] * sequence.targets[(0, lag + 1)] > 0.0);
        }
        let alphas = student
            .alphas(&trained.theta)
            .first()
            .copied()
            .unwrap_or([f64::NAN; 2]);
        Ok(Some(
            Numbers::default()
                .with("accuracy", [right as f64 / valid.len() as f64])
                .with("alphas", alphas)
                .with("loss", [trained.loss]),
        ))
    }

    fn of<'n>(&self, parts: &'n [Numbers], network: usize, lag: usize) -> &'n [Numbers] {
        let per_lag = |k: usize| self.repetitions(NETWORKS[k]);
        let before: usize = (0..network).map(|k| per_lag(k) * self.lags().len()).sum();
        &parts[before + lag * per_lag(network)..][..per_lag(network)]
    }

    fn medians(&self, parts: &[Numbers], network: usize, of: fn(&Numbers) -> f64) -> Vec<f64> {
        let at = |lag| {
            median(
                &self
                    .of(parts, network, lag)
                    .iter()
                    .map(of)
                    .collect::<Vec<f64>>(),
            )
        };
        (0..self.lags().len()).map(at).collect()
    }

    /// The longest lag up to which the median accuracy is above chance at every lag.
    fn span(&self, parts: &[Numbers], network: usize) -> usize {
        let accuracy = self.medians(parts, network, |n| n.one("accuracy"));
        let above = accuracy.iter().take_while(|a| **a > ABOVE_CHANCE).count();
        above.checked_sub(1).map_or(0, |last| self.lags()[last])
    }

    fn claim(&self, parts: &[Numbers], network: usize) -> Claim {
        let spans = [self.span(parts, 0), self.span(parts, network)];
        let tau = self.medians(parts, network, slower);
        let (first, last) = (tau[0], tau[tau.len() - 1]);
        Claim {
            id: "C8",
            statement: format!(
                "{}: learned constants remember longer than an Elman network (paper: 30 against 10 steps), and slow down as the lag grows",
                NETWORKS[network].name()
            ),
            number: format!(
                "above chance up to {} steps, Elman up to {}; slower time constant {first:.1} steps at lag {}, {last:.1} at lag {}",
                spans[1],
                spans[0],
                self.lags()[0],
                self.lags()[self.lags().len() - 1]
            ),
            verdict: Verdict::of([spans[1] > spans[0], last > first]),
        }
    }
}

/// The slower of the two time constants, in steps.
fn slower(numbers: &Numbers) -> f64 {
    let [s, r] = numbers.pair("alphas");
    1.0 / s.min(r)
}

/// A cue of 1 or -1 on the first input at step 1, noise on both inputs, and the cue to be said `lag` steps later.
fn sequence(
    lag: usize,
    interpolation: Interpolation,
    rng: &mut ChaCha8Rng,
) -> Result<Sequence, StudentError> {
    let steps = lag + 2;
    let mut inputs = DMatrix::from_fn(2, steps, |_, _| {
        NOISE * rng.sample::<f64, _>(StandardNormal)
    });
    let cue = if rng.random::<bool>() { 1.0 } else { -1.0 };
    inputs[(0, 1)] += cue;
    let mut targets = DMatrix::from_element(1, steps, f64::NAN);
    targets[(0, lag + 1)] = cue;
    Sequence::new(inputs, targets, interpolation)
}

impl Experiment for Memory {
    fn protocol(&self) -> String {
        let [n, _] = self.0.sequences();
        format!(
            "Ours. {N_UNITS} tanh units, two inputs with noise of standard deviation {NOISE}; a cue of 1 or -1 at one step of the first input, and one \
             output that must say it some steps later (the loss looks at that step alone). Constants: one pair, from alpha = .8176. {} repetitions \
             (continuous: {}), {n} train and {n} validation sequences, paper's recipe with rate 5e-3 and {} epochs. Above chance: median accuracy above {ABOVE_CHANCE}, \
             three standard errors of 400 coins. Seed {}.",
            self.repetitions(Network::Elman),
            self.repetitions(NETWORKS[2]),
            self.epochs(),
            self.0.seed
        )
    }

    fn settings(&self) -> String {
        format!("{} epochs; {}", self.epochs(), self.0.words())
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for network in NETWORKS {
            for &lag in self.lags() {
                for repetition in 0..self.repetitions(network) {
                    let name = format!("{}-{lag}-{repetition}", network.name());
                    parts.push(Part::new(name, move |stop| {
                        self.run(network, lag, repetition, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let mut accuracy = Chart::new(
            Axis::counted("lag (steps)"),
            Axis::linear("accuracy", "1").including(1.0).including(0.4),
        )
        .rule("chance", 0.5, Direction::Horizontal, Style::reference());
        let mut constants = Chart::new(
            Axis::counted("lag (steps)"),
            Axis::log("slower time constant", "steps"),
        );
        let mut data = Group::new();
        for (k, network) in NETWORKS.into_iter().enumerate() {
            let of = |lag: usize, f: fn(&Numbers) -> f64| -> Interval {
                let all: Vec<f64> = self.of(parts, k, lag).iter().map(f).collect();
                Interval {
                    at: self.lags()[lag] as f64,
                    value: median(&all),
                    low: all.iter().copied().fold(f64::NAN, f64::min),
                    high: all.iter().copied().fold(f64::NAN, f64::max),
                }
            };
            let all = |f| {
                (0..self.lags().len())
                    .map(|lag| of(lag, f))
                    .collect::<Vec<Interval>>()
            };
            accuracy = accuracy.intervals(
                network.name(),
                all(|n| n.one("accuracy")),
                Direction::Vertical,
                Style::series(k),
            );
            if network != Network::Elman {
                constants = constants.intervals(
                    network.name(),
                    all(slower),
                    Direction::Vertical,
                    Style::series(k),
                );
            }
            data = data.group(network.name(), self.group(parts, k));
        }
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "lags",
                figure: Figure::new(
                    "Memory of a cue",
                    "Medians with the range over repetitions.",
                )
                .panel(accuracy)
                .panel(constants),
            }],
            claims: vec![self.claim(parts, 1), self.claim(parts, 2)],
            notes: String::new(),
        }
    }
}

impl Memory {
    fn group(&self, parts: &[Numbers], network: usize) -> Group {
        let lags = 0..self.lags().len();
        let list = |f: fn(&Numbers) -> f64| {
            lags.clone()
                .flat_map(|lag| self.of(parts, network, lag).iter().map(f))
                .collect::<Vec<f64>>()
        };
        let variable = |name: &str, values, long_name: &str| {
            Variable::new(name, &["lag", "repetition"], values)
                .units("1")
                .long_name(long_name)
        };
        let lags: Vec<f64> = self.lags().iter().map(|l| *l as f64).collect();
        Group::new()
            .coordinate(
                Variable::new("lag", &["lag"], lags)
                    .units("steps")
                    .long_name("steps between cue and answer"),
            )
            .indices("repetition", self.repetitions(NETWORKS[network]))
            .variable(variable(
                "accuracy",
                list(|n| n.one("accuracy")),
                "fraction of right answers",
            ))
            .variable(variable(
                "alpha_s",
                list(|n| n.pair("alphas")[0]),
                "learned dt / tau_s",
            ))
            .variable(variable(
                "alpha_r",
                list(|n| n.pair("alphas")[1]),
                "learned dt / tau_r",
            ))
            .variable(variable(
                "loss",
                list(|n| n.one("loss")),
                "validation loss, 10 x mean squared error",
            ))
    }
}
