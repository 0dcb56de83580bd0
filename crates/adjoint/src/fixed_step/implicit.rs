use super::drive::Drives;
use super::forcing::Forcing;
use super::grid::Step;
use super::scheme::{GradientSum, NewtonFailure, Scheme};
use crate::elimination::Elimination;
use tauscope_dynamics::{Linearization, RateNetwork};

/// Steps with one implicit stage: `Y = y0 + theta h rhs(t0 + theta h, Y)`, `y1 = y0 + (Y - y0) / theta`.
/// Backward Euler is theta = 1, the implicit midpoint rule theta = 1/2.
///
/// Newton's method starts at `y0` and goes on until round-off, so that the derivatives below, which
/// assume an exact solution, are those of what was computed. With `gamma = theta h`:
/// tangent `(1 - gamma J) dY = dy0 + gamma forcing`; transpose `(1 - gamma J)^T mu = lambda / theta`,
/// cotangent of `y0`: `(1 - 1/theta) lambda + mu`, of the parameters: `(d rhs / d parameters)^T gamma mu`.
pub(super) struct Implicit<'a> {
    network: &'a RateNetwork,
    theta: f64,
    n_trials: usize,
    elimination: Elimination,
    at: Linearization,
    /// The stage and its derivative.
    stage: Vec<f64>,
    dy: Vec<f64>,
    change: Vec<f64>,
    active: Vec<bool>,
    evaluations: u64,
}

const MAX_ITERATIONS: usize = 50;
/// Newton's method squares the error: a change this small leaves one far below round-off.
const SMALL_CHANGE: f64 = 1e-10;

impl<'a> Implicit<'a> {
    pub(super) fn new(network: &'a RateNetwork, n_trials: usize, theta: f64) -> Self {
        let state = vec![0.0; network.shape(n_trials).len()];
        Implicit {
            network,
            theta,
            n_trials,
            elimination: Elimination::new(network, n_trials),
            at: Linearization::default(),
            stage: state.clone(),
            dy: state.clone(),
            change: state,
            active: vec![true; n_trials],
            evaluations: 0,
        }
    }

    fn solve_stage(&mut self, gamma: f64, drive: &[f64], y0: &[f64]) -> Result<(), NewtonFailure> {
        self.stage.copy_from_slice(y0);
        self.active.fill(true);
        let mut iterations = 0;
        loop {
            self.newton_step(gamma, drive, y0);
            let change = self.retire_converged();
            iterations += 1;
            if self.active.iter().all(|active| !active) {
                return Ok(());
            }
            if iterations == MAX_ITERATIONS || !change.is_finite() {
                return Err(NewtonFailure { iterations, change });
            }
        }
    }

    fn newton_step(&mut self, gamma: f64, drive: &[f64], y0: &[f64]) {
        self.evaluations += self.n_trials as u64;
        self.network.rhs(&self.stage, drive, &mut self.dy);
        self.network.linearize(&self.stage, drive, &mut self.at);
        for (i, change) in self.change.iter_mut().enumerate() {
            *change = y0[i] + gamma * self.dy[i] - self.stage[i];
        }
        self.elimination
            .factorise(self.network, gamma, self.at.slope(), &self.active);
        self.elimination.solve(self.network, &mut self.change);
    }

    /// Adds the change to the trials that still move, and stops those that hardly do. A trial is
    /// judged on its own, so its result does not depend on its company. Returns the largest change.
    fn retire_converged(&mut self) -> f64 {
        let n = self.network.n_units();
        let block = n * self.n_trials;
        let mut worst = 0.0_f64;
        for trial in 0..self.n_trials {
            if !self.active[trial] {
                continue;
            }
            let (mut size, mut change) = (f64::MIN_POSITIVE, 0.0_f64);
            for start in (trial * n..self.stage.len()).step_by(block) {
                for i in start..start + n {
                    self.stage[i] += self.change[i];
                    size = size.max(self.stage[i].abs());
                    // Not `max`, which would drop a NaN.
                    let new = self.change[i].abs();
                    change = if new <= change { change } else { new };
                }
            }
            let relative = change / size;
            self.active[trial] = relative.is_nan() || relative > SMALL_CHANGE;
            worst = if relative <= worst { worst } else { relative };
        }
        worst
    }

    fn finish(&self, y0: &[f64], y1: &mut [f64]) {
        for ((y1, y0), stage) in y1.iter_mut().zip(y0).zip(&self.stage) {
            *y1 = y0 + (stage - y0) / self.theta;
        }
    }

    /// Derivative and factors at the stage that is in `stage`.
    fn linearize(&mut self, gamma: f64, drive: &[f64]) {
        self.network.rhs(&self.stage, drive, &mut self.dy);
        self.network.linearize(&self.stage, drive, &mut self.at);
        self.active.fill(true);
        self.elimination
            .factorise(self.network, gamma, self.at.slope(), &self.active);
    }
}

impl Scheme for Implicit<'_> {
    fn advance(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
    ) -> Result<(), NewtonFailure> {
        let drive = drives.drive(step, self.theta);
        self.solve_stage(self.theta * step.h, drive, y0)?;
        self.finish(y0, y1);
        Ok(())
    }

    fn advance_tangent(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
        forcing: &mut Forcing<'_>,
        tangent: &mut [f64],
    ) -> Result<(), NewtonFailure> {
        self.advance(step, drives, y0, y1)?;
        let gamma = self.theta * step.h;
        let place = drives.place(step, self.theta);
        self.linearize(gamma, place.drive);
        let mut stage = vec![0.0; tangent.len()];
        forcing.add(&self.at, &place, &self.dy, &mut stage);
        for (s, t) in stage.iter_mut().zip(&*tangent) {
            *s = t + gamma * *s;
        }
        self.elimination.solve(self.network, &mut stage);
        for (t, s) in tangent.iter_mut().zip(&stage) {
            *t += (s - *t) / self.theta;
        }
        Ok(())
    }

    fn pull_back(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &[f64],
        adjoint: &mut [f64],
        sum: &mut GradientSum<'_>,
    ) -> Result<(), NewtonFailure> {
        for ((stage, y0), y1) in self.stage.iter_mut().zip(y0).zip(y1) {
            *stage = y0 + self.theta * (y1 - y0);
        }
        let gamma = self.theta * step.h;
        let place = drives.place(step, self.theta);
        self.linearize(gamma, place.drive);
        let mu = &mut self.change;
        for (mu, a) in mu.iter_mut().zip(&*adjoint) {
            *mu = a / self.theta;
        }
        self.elimination.solve_transposed(self.network, mu);
        for (a, mu) in adjoint.iter_mut().zip(mu.iter_mut()) {
            *a = (1.0 - 1.0 / self.theta) * *a + *mu;
            *mu *= gamma;
        }
        sum.add(&self.at, &place, &self.dy, &self.change);
        self.evaluations += 2 * self.n_trials as u64;
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
