//! A network as the paper trains it: parameters in one flat vector, loss and gradient of one sequence.

use crate::teacher::Sequence;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVector, DVectorView};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::ops::Range;
use tauscope_adjoint::{Integrator, SolveError, Trajectory, backward, forward};
use tauscope_dynamics::{Activation, ModelError, ModelKind, Parameters, RateNetwork};
use thiserror::Error;

/// The reported loss is this many times the mean squared error.
pub const LOSS_SCALE: f64 = 10.0;
/// `alpha = logistic(STEEPNESS w)`.
const STEEPNESS: f64 = 1.5;
/// Where `w` starts: alpha = 0.8176.
const FIRST_W: f64 = 1.0;

/// The rate constants `alpha = dt / tau` of a student.
#[derive(Debug, Clone, PartialEq)]
pub enum Constants {
    /// None: the Elman network.
    Absent,
    /// Given and kept, one pair for all units.
    Held([f64; 2]),
    /// One pair for all units, learned.
    Global,
    /// One pair a unit, learned.
    PerUnit,
}

/// A network that cannot be built or solved.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StudentError {
    /// Its parameters are no network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It does not reach the end of the sequence.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

/// What a student is; its parameters are a flat vector theta: W, U, C (each by column), d, I0, then the learned `w` of
/// alpha_s and of alpha_r, where `alpha = logistic(1.5 w)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Student {
    /// Units.
    pub n_units: usize,
    /// Inputs.
    pub n_inputs: usize,
    /// Outputs.
    pub n_outputs: usize,
    /// f.
    pub activation: Activation,
    /// Its rate constants.
    pub constants: Constants,
    /// The discrete model or the continuous one; steps of 1 are the unit of time.
    pub integrator: Integrator,
    /// Which weights exist; all where there is none.
    pub masks: Option<Masks>,
}

/// Which weights exist.
#[derive(Debug, Clone, PartialEq)]
pub struct Masks {
    /// Of W, (unit, source unit).
    pub w: DMatrix<bool>,
    /// Of U, (unit, input).
    pub u: DMatrix<bool>,
    /// Of C, (output, unit).
    pub c: DMatrix<bool>,
}

/// Where each block of theta lies.
pub(crate) struct Places {
    pub(crate) w: Range<usize>,
    pub(crate) u: Range<usize>,
    pub(crate) c: Range<usize>,
    pub(crate) d: Range<usize>,
    pub(crate) initial: Range<usize>,
    pub(crate) alpha_s: Range<usize>,
    pub(crate) alpha_r: Range<usize>,
}

/// theta, unpacked.
struct Unpacked {
    network: RateNetwork,
    /// State-shaped.
    y0: Vec<f64>,
}

/// `1 / (1 + exp(-1.5 w))`
fn alpha_of(w: f64) -> f64 {
    1.0 / (1.0 + (-STEEPNESS * w).exp())
}

/// The `w` of `alpha`, 0 < alpha < 1.
pub fn w_of(alpha: f64) -> f64 {
    (alpha / (1.0 - alpha)).ln() / STEEPNESS
}

impl Student {
    pub(crate) fn places(&self) -> Places {
        let (n, m, p) = (self.n_units, self.n_inputs, self.n_outputs);
        let k = match self.constants {
            Constants::Absent | Constants::Held(_) => 0,
            Constants::Global => 1,
            Constants::PerUnit => n,
        };
        let mut end = 0;
        let mut next = |length: usize| {
            end += length;
            end - length..end
        };
        Places {
            w: next(n * n),
            u: next(n * m),
            c: next(p * n),
            d: next(p),
            initial: next(n),
            alpha_s: next(k),
            alpha_r: next(k),
        }
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.places().alpha_r.end
    }

    /// True without parameters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Weights LeCun normal, offsets zero, `I0` normal with variance 2/N, `w = 1`.
    pub fn start(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let places = self.places();
        let mut theta = vec![0.0; self.len()];
        let mut fill = |range: Range<usize>, std: f64| {
            for value in &mut theta[range] {
                *value = std * rng.sample::<f64, _>(StandardNormal);
            }
        };
        let (n, m) = (self.n_units as f64, self.n_inputs as f64);
        fill(places.w.clone(), 1.0 / n.sqrt());
        fill(places.u.clone(), 1.0 / m.max(1.0).sqrt());
        fill(places.c.clone(), 1.0 / n.sqrt());
        fill(places.initial.clone(), (2.0 / n).sqrt());
        theta[places.alpha_s.start..places.alpha_r.end].fill(FIRST_W);
        self.clear_missing(&mut theta);
        theta
    }

    /// Sets the learned constants of `theta`: one pair a unit, or one for all.
    pub fn set_alphas_by_unit(&self, theta: &mut [f64], alphas: &[[f64; 2]]) {
        let places = self.places();
        let last = alphas.len().saturating_sub(1);
        for (k, (s, r)) in places.alpha_s.zip(places.alpha_r).enumerate() {
            let [alpha_s, alpha_r] = alphas[k.min(last)];
            (theta[s], theta[r]) = (w_of(alpha_s), w_of(alpha_r));
        }
    }

    /// alpha_s and alpha_r as `theta` has them: one pair, or one a unit; none in an Elman network.
    pub fn alphas(&self, theta: &[f64]) -> Vec<[f64; 2]> {
        let places = self.places();
        match self.constants {
            Constants::Absent => Vec::new(),
            Constants::Held(pair) => vec![pair],
            Constants::Global | Constants::PerUnit => theta[places.alpha_s]
                .iter()
                .zip(&theta[places.alpha_r])
                .map(|(&s, &r)| [alpha_of(s), alpha_of(r)])
                .collect(),
        }
    }

    /// Zero where a mask has no weight.
    fn clear_missing(&self, theta: &mut [f64]) {
        let Some(masks) = &self.masks else { return };
        let places = self.places();
        for (range, mask) in [
            (places.w, &masks.w),
            (places.u, &masks.u),
            (places.c, &masks.c),
        ] {
            theta[range]
                .iter_mut()
                .zip(mask.iter())
                .filter(|(_, exists)| !**exists)
                .for_each(|(value, _)| *value = 0.0);
        }
    }

    fn unpack(&self, theta: &[f64]) -> Result<Unpacked, ModelError> {
        let (n, m) = (self.n_units, self.n_inputs);
        let places = self.places();
        let alphas = self.alphas(theta);
        let log_tau = |which: usize| {
            let one = |unit: usize| match alphas.get(unit.min(alphas.len().saturating_sub(1))) {
                Some(pair) => -pair[which].ln(),
                None => 0.0,
            };
            DVector::from_fn(n, |unit, _| one(unit))
        };
        let parameters = Parameters {
            w: DMatrix::from_column_slice(n, n, &theta[places.w.clone()]),
            u: DMatrix::from_column_slice(n, m, &theta[places.u.clone()]),
            b: DVector::zeros(n),
            log_tau_s: log_tau(0),
            log_tau_r: log_tau(1),
        };
        let currents = &theta[places.initial.clone()];
        let mut y0 = vec![0.0; 2 * n];
        y0[..n].copy_from_slice(currents);
        self.activation.values(currents, &mut y0[n..]);
        Ok(Unpacked {
            network: RateNetwork::new(ModelKind::TwoConstant, self.activation, parameters)?,
            y0,
        })
    }

    fn solve(&self, at: &Unpacked, sequence: &Sequence) -> Result<Trajectory, SolveError> {
        forward(
            &at.network,
            &sequence.input,
            &at.y0,
            sequence.input.time(),
            &self.integrator,
        )
    }

    /// Outputs (output, step): `C r + d` at the steps 0, 1, .. .
    ///
    /// The readout lags: output of step t is read from the rates of step t - 1, so the first is that of the initial state.
    ///
    /// # Errors
    /// [`StudentError`]
    pub fn outputs(
        &self,
        theta: &[f64],
        sequence: &Sequence,
    ) -> Result<DMatrix<f64>, StudentError> {
        let trajectory = self.solve(&self.unpack(theta)?, sequence)?;
        Ok(self.read_out(theta, &trajectory))
    }

    fn read_out(&self, theta: &[f64], trajectory: &Trajectory) -> DMatrix<f64> {
        let places = self.places();
        let (n, p) = (self.n_units, self.n_outputs);
        let c = DMatrixView::from_slice(&theta[places.c], p, n);
        let d = DVectorView::from_slice(&theta[places.d], p);
        let steps = trajectory.t_eval().len();
        let mut z = DMatrix::zeros(p, steps);
        for (t, mut column) in z.column_iter_mut().enumerate() {
            column.copy_from(&d);
            column.gemv(
                1.0,
                &c,
                &DVectorView::from_slice(trajectory.rates(t), n),
                1.0,
            );
        }
        z
    }

    /// Ten times the mean squared error over the observed targets of a sequence.
    ///
    /// # Errors
    /// [`StudentError`]
    pub fn loss(&self, theta: &[f64], sequence: &Sequence) -> Result<f64, StudentError> {
        let z = self.outputs(theta, sequence)?;
        let (sum, _) = sequence.compare(&z);
        Ok(LOSS_SCALE * sum / sequence.n_observed as f64)
    }

    /// The loss of a sequence, and its gradient with respect to theta.
    ///
    /// # Errors
    /// [`StudentError`]
    pub fn gradient(
        &self,
        theta: &[f64],
        sequence: &Sequence,
        gradient: &mut [f64],
    ) -> Result<f64, StudentError> {
        let at = self.unpack(theta)?;
        let trajectory = self.solve(&at, sequence)?;
        let z = self.read_out(theta, &trajectory);
        let (sum, mut on_z) = sequence.compare(&z);
        let scale = LOSS_SCALE / sequence.n_observed as f64;
        on_z *= 2.0 * scale;
        let on_rates = self.pull_back_readout(theta, &trajectory, &on_z, gradient);
        let adjoint = backward(
            &at.network,
            &sequence.input,
            &trajectory,
            &on_rates,
            &self.integrator,
        )?;
        self.collect(theta, &at, &adjoint, gradient);
        Ok(scale * sum)
    }

    /// Writes the gradient of C and d; returns the cotangents of the rates.
    fn pull_back_readout(
        &self,
        theta: &[f64],
        trajectory: &Trajectory,
        on_z: &DMatrix<f64>,
        gradient: &mut [f64],
    ) -> Vec<f64> {
        let places = self.places();
        let (n, p) = (self.n_units, self.n_outputs);
        let c = DMatrixView::from_slice(&theta[places.c.clone()], p, n);
        let mut on_rates = vec![0.0; n * on_z.ncols()];
        gradient[places.c.start..places.d.end].fill(0.0);
        for (t, on_z) in on_z.column_iter().enumerate() {
            let rates = DVectorView::from_slice(trajectory.rates(t), n);
            let on_c = &mut gradient[places.c.clone()];
            DMatrixViewMut::from_slice(on_c, p, n).ger(1.0, &on_z, &rates, 1.0);
            for (g, z) in gradient[places.d.clone()].iter_mut().zip(on_z.iter()) {
                *g += z;
            }
            let block = DMatrixViewMut::from_slice(&mut on_rates[t * n..(t + 1) * n], n, 1);
            let mut block = block;
            block.column_mut(0).gemv_tr(1.0, &c, &on_z, 0.0);
        }
        on_rates
    }

    /// Writes the other entries of the gradient.
    fn collect(
        &self,
        theta: &[f64],
        at: &Unpacked,
        adjoint: &tauscope_adjoint::Adjoint,
        gradient: &mut [f64],
    ) {
        let n = self.n_units;
        let places = self.places();
        let of = &adjoint.gradient;
        gradient[places.w].copy_from_slice(of.w.as_slice());
        gradient[places.u].copy_from_slice(of.u.as_slice());
        for (unit, g) in gradient[places.initial].iter_mut().enumerate() {
            let slope = self.activation.slope(at.y0[unit]);
            *g = adjoint.initial_state[unit] + slope * adjoint.initial_state[n + unit];
        }
        for (range, of_log_tau) in [
            (places.alpha_s, &of.log_tau_s),
            (places.alpha_r, &of.log_tau_r),
        ] {
            // log tau = -log alpha, and d log alpha / dw = 1.5 (1 - alpha)
            let by_w = |w: f64| -STEEPNESS * (1.0 - alpha_of(w));
            match range.len() {
                0 => {}
                1 => gradient[range.start] = by_w(theta[range.start]) * of_log_tau.sum(),
                _ => {
                    for (unit, place) in range.enumerate() {
                        gradient[place] = by_w(theta[place]) * of_log_tau[unit];
                    }
                }
            }
        }
        self.clear_missing(gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort::{Effort, Model, student, teacher};
    use crate::teacher::{Teacher, stream};

    const EFFORT: Effort = Effort {
        small: true,
        repetitions: None,
        epochs: None,
        seed: 3,
    };
    /// Of the central differences below, by their step and the curvature of a loss of order one.
    const TOLERANCE: f64 = 1e-6;

    #[test]
    fn the_gradient_meets_differences_in_every_parameter() {
        for constants in [Constants::Absent, Constants::Global, Constants::PerUnit] {
            let spec = teacher(
                Model::Discrete,
                Activation::Sigmoid,
                [0.684, 0.342],
                &EFFORT,
            );
            let data = Teacher::draw(&spec, 1).expect("a teacher");
            let student = student(Model::Discrete, Activation::Sigmoid, constants);
            let mut theta = student.start(&mut stream(5, 1));
            let mut gradient = vec![0.0; theta.len()];
            let sequence = &data.train[0];
            student
                .gradient(&theta, sequence, &mut gradient)
                .expect("solved");
            let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for place in 0..theta.len() {
                let kept = theta[place];
                let mut at = |value: f64| {
                    theta[place] = value;
                    student.loss(&theta, sequence).expect("solved")
                };
                let difference = (at(kept + 1e-5) - at(kept - 1e-5)) / 2e-5;
                theta[place] = kept;
                let error = (difference - gradient[place]).abs();
                assert!(
                    error < TOLERANCE * largest,
                    "{place}: {difference} {}",
                    gradient[place]
                );
            }
        }
    }

    #[test]
    fn masked_weights_stay_zero_and_have_no_gradient() {
        let mut student = student(Model::Discrete, Activation::Tanh, Constants::PerUnit);
        let n = student.n_units;
        student.masks = Some(Masks {
            w: DMatrix::from_fn(n, n, |to, from| to > from),
            u: DMatrix::from_fn(n, 2, |unit, _| unit == 0),
            c: DMatrix::from_element(2, n, true),
        });
        let theta = student.start(&mut stream(5, 1));
        let inputs = DMatrix::from_fn(2, 8, |i, t| (i + t) as f64 / 5.0);
        let interpolation = tauscope_dynamics::Interpolation::Hold;
        let sequence = Sequence::new(inputs, DMatrix::zeros(2, 8), interpolation).expect("finite");
        let mut gradient = vec![0.0; theta.len()];
        student
            .gradient(&theta, &sequence, &mut gradient)
            .expect("solved");
        for vector in [&theta, &gradient] {
            let w = DMatrix::from_column_slice(n, n, &vector[..n * n]);
            assert!((0..n).all(|from| (0..=from).all(|to| w[(to, from)] == 0.0)));
        }
    }
}
