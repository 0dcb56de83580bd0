use super::drive::Drives;
use super::forcing::Forcing;
use super::grid::Step;
use super::scheme::{GradientSum, NewtonFailure, Scheme};
use tauscope_dynamics::{Linearization, RateNetwork};

/// An explicit Runge-Kutta method each of whose stages starts from the one before only:
/// `Y_i = y0 + h c_i k_(i-1)`, `k_i = rhs(t0 + c_i h, Y_i)`, `y1 = y0 + h sum b_i k_i`.
#[derive(Debug)]
pub(super) struct Tableau {
    c: &'static [f64],
    b: &'static [f64],
}

pub(super) const EULER: Tableau = Tableau {
    c: &[0.0],
    b: &[1.0],
};
pub(super) const HEUN: Tableau = Tableau {
    c: &[0.0, 1.0],
    b: &[0.5, 0.5],
};
pub(super) const RK4: Tableau = Tableau {
    c: &[0.0, 0.5, 0.5, 1.0],
    b: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
};

/// Steps of a [`Tableau`].
///
/// Transpose: with `w_i = h (b_i lambda + c_(i+1) mu_(i+1))` and `mu_i = J_i^T w_i`, the cotangent of
/// `y0` is `lambda + sum mu_i` and stage i adds `(d rhs / d parameters)^T w_i` to the gradient.
pub(super) struct RungeKutta<'a> {
    network: &'a RateNetwork,
    tableau: &'static Tableau,
    n_trials: usize,
    stages: Vec<Stage>,
    at: Linearization,
    presynaptic: Vec<f64>,
    weighted: Vec<f64>,
    pulled: Vec<f64>,
    total: Vec<f64>,
    evaluations: u64,
}

struct Stage {
    y: Vec<f64>,
    dy: Vec<f64>,
}

impl<'a> RungeKutta<'a> {
    pub(super) fn new(
        network: &'a RateNetwork,
        n_trials: usize,
        tableau: &'static Tableau,
    ) -> Self {
        let shape = network.shape(n_trials);
        let state = vec![0.0; shape.len()];
        let stage = |_| Stage {
            y: state.clone(),
            dy: state.clone(),
        };
        RungeKutta {
            network,
            tableau,
            n_trials,
            stages: (0..tableau.b.len()).map(stage).collect(),
            at: Linearization::default(),
            presynaptic: vec![0.0; shape.block_len()],
            weighted: Vec::new(),
            pulled: Vec::new(),
            total: Vec::new(),
            evaluations: 0,
        }
    }

    fn fill_stages(&mut self, step: &Step, drives: &mut Drives<'_>, y0: &[f64]) {
        for i in 0..self.stages.len() {
            let c = self.tableau.c[i];
            let (before, from) = self.stages.split_at_mut(i);
            let stage = &mut from[0];
            match before.last() {
                Some(last) => shifted(y0, step.h * c, &last.dy, &mut stage.y),
                None => stage.y.copy_from_slice(y0),
            }
            self.network
                .rhs(&stage.y, drives.drive(step, c), &mut stage.dy);
        }
        self.count(self.stages.len());
    }

    fn sum_stages(&self, h: f64, y0: &[f64], y1: &mut [f64]) {
        y1.copy_from_slice(y0);
        for (stage, b) in self.stages.iter().zip(self.tableau.b) {
            add_scaled(y1, h * b, &stage.dy);
        }
    }

    fn count(&mut self, evaluations: usize) {
        self.evaluations += (evaluations * self.n_trials) as u64;
    }

    fn resize(&mut self, len: usize) {
        for buffer in [&mut self.weighted, &mut self.pulled, &mut self.total] {
            buffer.resize(len, 0.0);
        }
    }
}

impl Scheme for RungeKutta<'_> {
    fn advance(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        y1: &mut [f64],
    ) -> Result<(), NewtonFailure> {
        self.fill_stages(step, drives, y0);
        self.sum_stages(step.h, y0, y1);
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
        self.resize(tangent.len());
        self.total.copy_from_slice(tangent);
        for (i, stage) in self.stages.iter().enumerate() {
            let c = self.tableau.c[i];
            // `pulled` holds the derivative of the tangent at the stage before.
            if i == 0 {
                self.weighted.copy_from_slice(tangent);
            } else {
                shifted(tangent, step.h * c, &self.pulled, &mut self.weighted);
            }
            let place = drives.place(step, c);
            self.network.linearize(&stage.y, place.drive, &mut self.at);
            self.network
                .jac_mul(&mut self.at, &self.weighted, &mut self.pulled);
            forcing.add(&self.at, &place, &stage.dy, &mut self.pulled);
            add_scaled(&mut self.total, step.h * self.tableau.b[i], &self.pulled);
        }
        tangent.copy_from_slice(&self.total);
        Ok(())
    }

    fn pull_back(
        &mut self,
        step: &Step,
        drives: &mut Drives<'_>,
        y0: &[f64],
        _y1: &[f64],
        adjoint: &mut [f64],
        sum: &mut GradientSum<'_>,
    ) -> Result<(), NewtonFailure> {
        self.fill_stages(step, drives, y0);
        self.resize(adjoint.len());
        self.total.copy_from_slice(adjoint);
        for (i, stage) in self.stages.iter().enumerate().rev() {
            let weight = step.h * self.tableau.b[i];
            for (w, a) in self.weighted.iter_mut().zip(&*adjoint) {
                *w = weight * a;
            }
            if let Some(c) = self.tableau.c.get(i + 1) {
                add_scaled(&mut self.weighted, step.h * c, &self.pulled);
            }
            let place = drives.place(step, self.tableau.c[i]);
            self.network.linearize(&stage.y, place.drive, &mut self.at);
            sum.add(&self.at, &place, &stage.dy, &self.weighted);
            let (w, out) = (&self.weighted, &mut self.pulled);
            self.network.vjp(&self.at, w, &mut self.presynaptic, out);
            add_scaled(&mut self.total, 1.0, &self.pulled);
        }
        adjoint.copy_from_slice(&self.total);
        self.count(self.stages.len());
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}

fn shifted(y: &[f64], factor: f64, dy: &[f64], out: &mut [f64]) {
    for ((o, y), d) in out.iter_mut().zip(y).zip(dy) {
        *o = y + factor * d;
    }
}

fn add_scaled(out: &mut [f64], factor: f64, v: &[f64]) {
    for (o, v) in out.iter_mut().zip(v) {
        *o += factor * v;
    }
}
