//! C8: networks that learn their constants remember longer (Fig 7). The paper does not publish its protocol, only that an input
//! had to be remembered for 5 to 40 steps and that chance is predicting the average over all time steps; the rest is ours.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::effort::{Effort, Model, N_UNITS, STEPS, student};
use crate::part::Numbers;
use crate::smoothing::smoothed;
use crate::statistics::median;
use crate::student::{Constants, Student, StudentError};
use crate::teacher::{Sequence, stream};
use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::{Activation, Interpolation};
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment.
pub struct Memory(pub Effort);

const SEED: u64 = 8;
/// A mean squared error below this part of the variance counts as better than chance.
const BETTER_THAN_CHANCE: f64 = 0.95;

/// Who remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Elman,
    /// One pair of constants for all units.
    Global(Model),
    /// One pair a unit.
    Local,
}

const NETWORKS: [Network; 4] = [
    Network::Elman,
    Network::Global(Model::Discrete),
    Network::Local,
    Network::Global(Model::Continuous),
];

impl Network {
    fn name(self) -> &'static str {
        match self {
            Network::Elman => "elman",
            Network::Global(Model::Discrete) => "global-discrete",
            Network::Local => "local-discrete",
            Network::Global(Model::Continuous) => "global-continuous",
        }
    }

    fn student(self) -> Student {
        let (model, constants) = match self {
            Network::Elman => (Model::Discrete, Constants::Absent),
            Network::Global(model) => (model, Constants::Global),
            Network::Local => (Model::Discrete, Constants::PerUnit),
        };
        Student {
            n_inputs: 1,
            n_outputs: 1,
            ..student(model, Activation::Sigmoid, constants)
        }
    }

    fn interpolation(self) -> Interpolation {
        match self {
            Network::Global(Model::Continuous) => Interpolation::Linear,
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
            Network::Global(Model::Continuous) => {
                self.0.in_continuous_time(self.0.repetitions(5, 1))
            }
            _ => self.0.repetitions(5, 1),
        }
    }

    fn epochs(&self) -> usize {
        self.0.epochs(100)
    }

    fn run(
        &self,
        network: Network,
        lag: usize,
        repetition: usize,
        stop: &AtomicBool,
    ) -> PartResult {
        let seed = self.0.seed_of(SEED, 100 * lag + repetition);
        let [n_train, n_valid] = self.0.sequences();
        let mut rng = stream(seed, 1);
        let mut draw = |n: usize| -> Result<Vec<Sequence>, StudentError> {
            (0..n)
                .map(|_| sequence(lag, network.interpolation(), &mut rng))
                .collect()
        };
        let (data, valid) = (draw(n_train)?, draw(n_valid)?);
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
        let alphas = student.alphas(&trained.theta);
        let slowest = alphas.iter().flatten().copied().fold(f64::NAN, f64::min);
        Ok(Some(
            Numbers::default()
                .with("error", [trained.loss / (10.0 * variance(&valid))])
                .with("slowest", [1.0 / slowest]),
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

    /// The longest lag up to which the median error is better than chance at every lag.
    fn span(&self, parts: &[Numbers], network: usize) -> usize {
        let error = self.medians(parts, network, |n| n.one("error"));
        let better = error
            .iter()
            .take_while(|e| **e < BETTER_THAN_CHANCE)
            .count();
        better.checked_sub(1).map_or(0, |last| self.lags()[last])
    }

    fn claim(&self, parts: &[Numbers], network: usize) -> Claim {
        let spans = [self.span(parts, 0), self.span(parts, network)];
        let tau = self.medians(parts, network, |n| n.one("slowest"));
        // beyond what is remembered there was nothing to learn
        let last = self.lags().iter().rposition(|lag| *lag <= spans[1]);
        let last = last.unwrap_or(0);
        Claim {
            id: "C8",
            statement: format!(
                "{}: learned constants remember longer than an Elman network (paper: 30 against 10 steps), and slow down as the lag grows",
                NETWORKS[network].name()
            ),
            number: format!(
                "better than chance up to {} steps, Elman up to {}; slowest time constant {:.1} steps at lag {}, {:.1} at lag {}",
                spans[1],
                spans[0],
                tau[0],
                self.lags()[0],
                tau[last],
                self.lags()[last]
            ),
            verdict: Verdict::of([spans[1] > spans[0], tau[last] > tau[0]]),
        }
    }
}

/// A stream of the paper's inputs, and the same `lag` steps later to be said at each of the last [`STEPS`] steps.
fn sequence(
    lag: usize,
    interpolation: Interpolation,
    rng: &mut ChaCha8Rng,
) -> Result<Sequence, StudentError> {
    let stream = smoothed(lag + STEPS, rng);
    let said = |t: usize| t.checked_sub(lag).map_or(f64::NAN, |at| stream[at]);
    let targets = DMatrix::from_fn(1, stream.len(), |_, t| said(t));
    let inputs = DMatrix::from_row_slice(1, stream.len(), &stream);
    Sequence::new(inputs, targets, interpolation)
}

/// Of all targets: the mean squared error of predicting their average.
fn variance(sequences: &[Sequence]) -> f64 {
    let all = || {
        let targets = sequences.iter().flat_map(|s| s.targets.iter());
        targets.copied().filter(|target| !target.is_nan())
    };
    let n = all().count() as f64;
    let mean = all().sum::<f64>() / n;
    all().map(|target| (target - mean).powi(2)).sum::<f64>() / n
}

impl Experiment for Memory {
    fn protocol(&self) -> String {
        let [train, valid] = self.0.sequences();
        format!(
            "Ours, but for lags and chance. {N_UNITS} sigmoid units, one input like those of the other experiments, and one output that must say at each of {STEPS} steps \
             what the input was some steps before. Constants from alpha = .8176, one pair (global) or one a unit (local). {} repetitions (continuous: {}), \
             {train} train and {valid} validation sequences, paper's recipe with rate 5e-3 and {} epochs. Error: mean squared error relative to that of predicting the \
             average; better than chance: median below {BETTER_THAN_CHANCE}. Seed {}.",
            self.repetitions(Network::Elman),
            self.repetitions(NETWORKS[3]),
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
        let mut error = Chart::new(
            Axis::counted("lag (steps)"),
            Axis::linear("error relative to chance", "1")
                .including(1.0)
                .including(0.0),
        )
        .rule("chance", 1.0, Direction::Horizontal, Style::reference());
        let mut constants = Chart::new(
            Axis::counted("lag (steps)"),
            Axis::log("slowest time constant", "steps"),
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
            error = error.intervals(
                network.name(),
                all(|n| n.one("error")),
                Direction::Vertical,
                Style::series(k),
            );
            if network != Network::Elman {
                constants = constants.intervals(
                    network.name(),
                    all(|n| n.one("slowest")),
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
                    "Memory of an input",
                    "Medians with the range over repetitions.",
                )
                .panel(error)
                .panel(constants),
            }],
            claims: (1..NETWORKS.len())
                .map(|network| self.claim(parts, network))
                .collect(),
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
        let variable = |name: &str, values, long_name: &str, units: &str| {
            Variable::new(name, &["lag", "repetition"], values)
                .units(units)
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
                "error",
                list(|n| n.one("error")),
                "mean squared validation error relative to that of predicting the average",
                "1",
            ))
            .variable(variable(
                "slowest_tau",
                list(|n| n.one("slowest")),
                "slowest learned time constant",
                "steps",
            ))
    }
}
