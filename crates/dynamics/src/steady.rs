use crate::{Gradient, ModelError, ModelKind, Parameters, RateNetwork};
use nalgebra::{DMatrix, DMatrixView, DVector, Dyn, LU};

/// The equilibrium of every trial of a batch at fixed inputs, with what its derivative needs.
///
/// `I = W f(I) + U x + b`, `r = f(I)`: the same equation for all three models.
#[derive(Debug, Clone)]
pub struct SteadyState {
    /// State of the batch, see [`StateShape`](crate::StateShape).
    pub state: Vec<f64>,
    currents: DMatrix<f64>,
    rates: DMatrix<f64>,
    slopes: DMatrix<f64>,
    /// LU factors of `(1 - W F')^T` and of `1 - W F'`, one pair a trial.
    factors: Vec<Factors>,
}

#[derive(Debug, Clone)]
struct Factors {
    forward: LU<f64, Dyn, Dyn>,
    transposed: LU<f64, Dyn, Dyn>,
}

const MAX_ITERATIONS: usize = 100;
const RELATIVE_TOLERANCE: f64 = 1e-13;

/// Finds the equilibrium of `network` at inputs `x` (input, trial) by damped Newton iteration from
/// rest, trial by trial.
///
/// # Errors
/// [`ModelError::SteadyState`] for a trial where the iteration does not converge: the network may have
/// no equilibrium that Newton's method finds; start from `learned` or `zero` instead.
pub fn steady_state(
    network: &RateNetwork,
    x: DMatrixView<'_, f64>,
) -> Result<SteadyState, ModelError> {
    let (n, trials) = (network.n_units(), x.ncols());
    let mut drive = DMatrix::zeros(n, trials);
    network.drive(x, drive.as_mut_slice());
    let mut currents = DMatrix::zeros(n, trials);
    for trial in 0..trials {
        let found = newton(network, drive.column(trial).clone_owned()).map_err(
            |(residual, iterations)| ModelError::SteadyState {
                trial,
                residual,
                iterations,
            },
        )?;
        currents.set_column(trial, &found);
    }
    let activation = network.activation();
    let rates = currents.map(|v| activation.value(v));
    let slopes = currents.map(|v| activation.slope(v));
    let mut factors = Vec::with_capacity(trials);
    for trial in 0..trials {
        let jacobian = residual_jacobian(network, &slopes.column(trial).clone_owned());
        let singular = ModelError::SteadyState {
            trial,
            residual: 0.0,
            iterations: 0,
        };
        let forward = jacobian.clone().lu();
        if !forward.is_invertible() {
            return Err(singular);
        }
        factors.push(Factors {
            forward,
            transposed: jacobian.transpose().lu(),
        });
    }
    let state = match network.model() {
        ModelKind::TwoConstant => [currents.as_slice(), rates.as_slice()].concat(),
        ModelKind::Rate => rates.as_slice().to_vec(),
        ModelKind::Current => currents.as_slice().to_vec(),
    };
    Ok(SteadyState {
        state,
        currents,
        rates,
        slopes,
        factors,
    })
}

fn residual(network: &RateNetwork, drive: &DVector<f64>, current: &DVector<f64>) -> DVector<f64> {
    let rates = current.map(|v| network.activation().value(v));
    current - &network.parameters().w * rates - drive
}

fn residual_jacobian(network: &RateNetwork, slopes: &DVector<f64>) -> DMatrix<f64> {
    let mut jacobian = -&network.parameters().w;
    for (mut column, slope) in jacobian.column_iter_mut().zip(slopes) {
        column *= *slope;
    }
    for i in 0..jacobian.nrows() {
        jacobian[(i, i)] += 1.0;
    }
    jacobian
}

/// The current at equilibrium, or the residual that was left and the iterations spent.
fn newton(network: &RateNetwork, drive: DVector<f64>) -> Result<DVector<f64>, (f64, usize)> {
    let mut current = drive.clone();
    let mut r = residual(network, &drive, &current);
    let tolerance = RELATIVE_TOLERANCE * (1.0 + drive.amax());
    for iteration in 0..MAX_ITERATIONS {
        if r.amax() <= tolerance {
            return Ok(current);
        }
        let slopes = current.map(|v| network.activation().slope(v));
        let failed = (r.amax(), iteration);
        let step = residual_jacobian(network, &slopes)
            .lu()
            .solve(&r)
            .ok_or(failed)?;
        let mut length = 1.0;
        loop {
            let tried = &current - &step * length;
            let r_tried = residual(network, &drive, &tried);
            // round-off in W f(I) can keep the residual from falling below the tolerance
            if r_tried.norm() < r.norm() {
                (current, r) = (tried, r_tried);
                break;
            }
            length *= 0.5;
            if length < 1e-10 {
                let round_off =
                    1e3 * f64::EPSILON * (1.0 + current.amax() + network.parameters().w.amax());
                return if r.amax() <= round_off {
                    Ok(current)
                } else {
                    Err(failed)
                };
            }
        }
    }
    Err((r.amax(), MAX_ITERATIONS))
}

impl SteadyState {
    /// `gradient += (d state / d parameters)^T cotangent`, by the implicit function theorem, for a
    /// cotangent of [`state`](Self::state) and the inputs `x` (input, trial) at which it was found.
    pub fn param_vjp(
        &self,
        network: &RateNetwork,
        x: DMatrixView<'_, f64>,
        cotangent: &[f64],
        gradient: &mut Gradient,
    ) {
        let shape = network.shape(x.ncols());
        let (on_current, on_rate) = (&cotangent[shape.currents()], &cotangent[shape.rates()]);
        for (trial, factors) in self.factors.iter().enumerate() {
            let range = trial * shape.n_units..(trial + 1) * shape.n_units;
            let mut v = DVector::zeros(shape.n_units);
            for (i, at) in range.enumerate() {
                let direct = on_current.get(at).copied().unwrap_or(0.0);
                let through_rate = on_rate.get(at).copied().unwrap_or(0.0);
                v[i] = direct + self.slopes[(i, trial)] * through_rate;
            }
            // `forward` was invertible, so its transpose is
            if factors.transposed.solve_mut(&mut v) {
                gradient.w.ger(1.0, &v, &self.rates.column(trial), 1.0);
                gradient.u.ger(1.0, &v, &x.column(trial), 1.0);
                gradient.b += &v;
            }
        }
    }

    /// `(d state / d parameters) direction`: the tangent of [`param_vjp`](Self::param_vjp).
    pub fn param_jac_mul(
        &self,
        network: &RateNetwork,
        x: DMatrixView<'_, f64>,
        direction: &Parameters,
    ) -> Vec<f64> {
        let shape = network.shape(x.ncols());
        let mut out = vec![0.0; shape.len()];
        for (trial, factors) in self.factors.iter().enumerate() {
            let mut v = &direction.w * self.rates.column(trial)
                + &direction.u * x.column(trial)
                + &direction.b;
            if !factors.forward.solve_mut(&mut v) {
                continue;
            }
            for (i, value) in v.iter().enumerate() {
                let at = trial * shape.n_units + i;
                if let Some(o) = out[shape.currents()].get_mut(at) {
                    *o = *value;
                }
                if let Some(o) = out[shape.rates()].get_mut(at) {
                    *o = *value * self.slopes[(i, trial)];
                }
            }
        }
        out
    }

    /// The currents at equilibrium, (unit, trial).
    pub fn currents(&self) -> &DMatrix<f64> {
        &self.currents
    }
}
