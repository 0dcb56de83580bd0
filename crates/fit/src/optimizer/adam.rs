//! Adam with a cosine schedule, projected onto the bounds.

use argmin::core::{Error, KV, Problem, Solver};
use serde::{Deserialize, Serialize};

use super::AnySolver;
use super::settings::AdamSettings;
use super::state::{Point, RunState};
use super::vector;
use super::watched::{self, Iterate, Step, Watched};

const DECAY_MEAN: f64 = 0.9;
const DECAY_SQUARE: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// A step that failed to solve is halved at most so often.
const HALVINGS: usize = 40;

/// argmin's `Solver` for Adam.
///
/// The rate falls from `learning_rate` to 0 over `max_iterations` along a cosine; the step is
/// projected onto the bounds and halved while it leads to a failed solve.
///
/// # Reference
/// Kingma & Ba, 2015, doi:10.48550/arXiv.1412.6980; the schedule: Loshchilov & Hutter, 2017,
/// doi:10.48550/arXiv.1608.03983.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    settings: AdamSettings,
    mean: Vec<f64>,
    square: Vec<f64>,
    steps: u64,
}

impl Adam {
    /// A solver with zero moments.
    pub fn new(settings: AdamSettings) -> Self {
        Self {
            settings,
            mean: Vec::new(),
            square: Vec::new(),
            steps: 0,
        }
    }

    fn rate(&self, max_iterations: u64) -> f64 {
        let progress = (self.steps as f64 / max_iterations.max(1) as f64).min(1.0);
        0.5 * self.settings.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos())
    }

    fn clipped(&self, gradient: &[f64]) -> Vec<f64> {
        let norm = vector::norm(gradient);
        let shrink = match self.settings.clip {
            Some(clip) if norm > clip => clip / norm,
            _ => 1.0,
        };
        gradient.iter().map(|slope| shrink * slope).collect()
    }

    /// Takes in a gradient and returns the step, before any projection.
    fn step(&mut self, gradient: &[f64], max_iterations: u64) -> Vec<f64> {
        let rate = self.rate(max_iterations);
        let gradient = self.clipped(gradient);
        self.mean.resize(gradient.len(), 0.0);
        self.square.resize(gradient.len(), 0.0);
        self.steps += 1;
        let t = self.steps as f64;
        let mean_bias = 1.0 - DECAY_MEAN.powf(t);
        let square_bias = 1.0 - DECAY_SQUARE.powf(t);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        gradient
            .iter()
            .zip(moments)
            .map(|(slope, (mean, square))| {
                *mean = DECAY_MEAN * *mean + (1.0 - DECAY_MEAN) * slope;
                *square = DECAY_SQUARE * *square + (1.0 - DECAY_SQUARE) * slope * slope;
                -rate * (*mean / mean_bias) / ((*square / square_bias).sqrt() + EPSILON)
            })
            .collect()
    }
}

impl Iterate for Adam {
    fn stored(self) -> AnySolver {
        AnySolver::Adam(self)
    }

    fn iterate(&mut self, watched: &mut Watched<'_>, point: &Point) -> Step {
        let bounds = watched.objective().bounds();
        let step = self.step(&point.gradient, watched.max_iterations());
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let theta = bounds.project(&vector::moved(&point.theta, length, &step));
            if let Ok(evaluation) = watched.evaluate(&theta) {
                return Step::Moved(Point::new(theta, evaluation));
            }
            if let Some(termination) = watched.asks_to_stop() {
                return Step::Stopped(termination);
            }
            length *= 0.5;
        }
        Step::Failed
    }
}

impl Solver<Watched<'_>, RunState> for Adam {
    fn name(&self) -> &str {
        "adam"
    }

    fn init(
        &mut self,
        problem: &mut Problem<Watched<'_>>,
        state: RunState,
    ) -> Result<(RunState, Option<KV>), Error> {
        watched::begin(self, problem, state)
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<Watched<'_>>,
        state: RunState,
    ) -> Result<(RunState, Option<KV>), Error> {
        watched::advance(self, problem, state)
    }
}
