//! Limited-memory BFGS on a bounded problem.

mod line_search;

use argmin::core::{Error, KV, Problem, Solver};
use serde::{Deserialize, Serialize};

use self::line_search::{LineSearch, Outcome};
use super::AnySolver;
use super::bounds::Bounds;
use super::memory::{Memory, Pair};
use super::settings::LbfgsSettings;
use super::state::{Point, RunState};
use super::vector;
use super::watched::{self, Iterate, Step, Watched};

/// Largest component of the very first step, before any curvature is known.
const FIRST_STEP: f64 = 0.1;

/// argmin's `Solver` for limited-memory BFGS with bounds.
///
/// The two-loop recursion runs over the parameters that no bound holds; the line search follows the
/// projected path with one evaluation (value and gradient of the same solve) a trial point and
/// shortens its step on a failed solve. Where the search fails the memory is dropped and steepest
/// descent tried once before giving up.
///
/// # Reference
/// Liu & Nocedal, Math. Program. 45 (1989), doi:10.1007/BF01589116; the projected path: Bertsekas,
/// SIAM J. Control Optim. 20 (1982), doi:10.1137/0320018.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lbfgs {
    settings: LbfgsSettings,
    memory: Memory,
}

impl Lbfgs {
    /// A solver without memory.
    pub fn new(settings: LbfgsSettings) -> Self {
        Self {
            memory: Memory::new(settings.memory),
            settings,
        }
    }

    /// A direction of descent along which no parameter leaves the box at once.
    fn direction(&self, bounds: &Bounds, point: &Point) -> Vec<f64> {
        let slope = bounds.projected_gradient(&point.theta, &point.gradient);
        let mut steepest: Vec<f64> = slope.iter().map(|slope| -slope).collect();
        let mut free: Vec<bool> = slope.iter().map(|&slope| slope != 0.0).collect();
        // A parameter on its bound may be free by its gradient and yet be pushed outward by the
        // curvature of the others: hold it too, and ask again.
        for _ in 0..point.theta.len() {
            let direction = self.memory.apply(&steepest, &free);
            let leaves = |i: usize| bounds.blocks(i, point.theta[i], direction[i]);
            if !(0..direction.len()).any(leaves) {
                if vector::dot(&direction, &point.gradient) < 0.0 {
                    return direction;
                }
                break;
            }
            for (i, free) in free.iter_mut().enumerate() {
                *free &= !leaves(i);
            }
            vector::mask(&mut steepest, &free);
        }
        slope.iter().map(|slope| -slope).collect()
    }

    fn search(&self, watched: &mut Watched<'_>, point: &Point) -> Outcome {
        let bounds = watched.objective().bounds();
        let direction = self.direction(bounds, point);
        let steepness = vector::largest(&direction);
        let first = if self.memory.is_empty() {
            FIRST_STEP / steepness
        } else {
            1.0
        };
        if steepness == 0.0 {
            return Outcome::None {
                only_failures: false,
            };
        }
        LineSearch {
            point,
            direction: &direction,
            bounds,
            max_trials: self.settings.max_trials,
        }
        .run(watched, first)
    }
}

impl Iterate for Lbfgs {
    fn stored(self) -> AnySolver {
        AnySolver::Lbfgs(self)
    }

    fn iterate(&mut self, watched: &mut Watched<'_>, point: &Point) -> Step {
        loop {
            match self.search(watched, point) {
                Outcome::Found(next) => {
                    self.memory.learn(Pair::new(
                        vector::difference(&next.theta, &point.theta),
                        vector::difference(&next.gradient, &point.gradient),
                    ));
                    return Step::Moved(next);
                }
                Outcome::Stopped(termination) => return Step::Stopped(termination),
                Outcome::None { .. } if !self.memory.is_empty() => self.memory.clear(),
                Outcome::None {
                    only_failures: true,
                } => return Step::Failed,
                Outcome::None { .. } => return Step::Stalled,
            }
        }
    }
}

impl Solver<Watched<'_>, RunState> for Lbfgs {
    fn name(&self) -> &str {
        "lbfgs"
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
