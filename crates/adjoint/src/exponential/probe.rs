use super::drives::Drives;
use super::estimate::ErrorOfStep;
use super::frames::Frames;
use super::program::Register;
use super::scheme::Scheme;
use super::tangent::Sweep;
use super::weights::{StepWeights, Tile};
use crate::{Direction, Tolerances};
use nalgebra::DMatrix;
use tauscope_dynamics::{InputSignal, Parameters, RateNetwork};

/// A derivative that is carried along while steps are chosen.
///
/// The state alone does not tell which steps a gradient needs: at an equilibrium it stands still while every change of a
/// parameter still runs through all time scales. One random direction among all parameters and the initial state, for the
/// first trial of the batch, meets them all, at a small part of the cost of the batch.
pub(super) struct Probe<'a> {
    sweep: Sweep<'a>,
    error_of_step: ErrorOfStep<'a>,
    controlled: Register,
    n_units: usize,
    rtol: f64,
    /// Largest root mean square of the derivative of the rates so far.
    scale: f64,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        network: &'a RateNetwork,
        input: &'a InputSignal,
        scheme: &Scheme,
        y0: &[f64],
        tolerances: Tolerances,
    ) -> Probe<'a> {
        let mut signs = Signs(0x9E37_79B9_7F4A_7C15);
        let weights = change_of_weights(&network.parameters().w, &mut signs);
        let direction = Direction::Dense {
            parameters: Box::new(relative_change(network.parameters(), &mut signs)),
            initial_state: {
                let size = root_mean_square(y0).max(SMALL);
                (0..network.shape(1).len())
                    .map(|_| size * signs.next())
                    .collect()
            },
        };
        let mut sweep = Sweep::new(network, input, 1, scheme, &[direction], &scheme.judged());
        sweep.change_weights_by(weights);
        Probe {
            sweep,
            error_of_step: ErrorOfStep::new(network, network.n_units()),
            controlled: scheme.controlled(),
            n_units: network.n_units(),
            rtol: tolerances.rtol,
            scale: 0.0,
        }
    }

    /// Carries the direction over the step that filled `frame`, and returns the error estimate in units of the allowed one.
    pub(super) fn step(
        &mut self,
        scheme: &Scheme,
        frames: &Frames,
        drives: &Drives<'_>,
        weights: &StepWeights,
        tile: Tile,
        frame: usize,
    ) -> f64 {
        self.sweep
            .step(scheme, frames, drives, weights, tile, frame);
        if self.scale > MOST {
            return 0.0;
        }
        let sweep = &self.sweep;
        let of_trial = self.error_of_step.get(
            scheme.estimate(weights.geometry.kind),
            weights.geometry.h,
            &scheme.activity(frames, frame)[..self.n_units],
            |register| sweep.tangent_of(register, frame),
        );
        let error = root_mean_square(of_trial);
        let now = root_mean_square(sweep.tangent_of(self.controlled, frame));
        let scale = self.scale.max(now);
        // in a chaotic network it grows without end; then the state alone decides
        if error == 0.0 || scale > MOST {
            return 0.0;
        }
        error / (self.rtol * scale)
    }

    /// The step that filled `frame` was accepted.
    pub(super) fn accept(&mut self, frame: usize) {
        let corrected = self.sweep.tangent_of(self.controlled, frame);
        self.scale = self.scale.max(root_mean_square(corrected));
    }
}

/// Beyond this the derivative is no longer consulted: its squares would overflow.
const MOST: f64 = 1e100;
/// What a parameter that is zero is changed by.
const SMALL: f64 = 0.1;

/// The outer product of these: every entry of W changes by the root mean square of all. A matrix of signs without such structure
/// would cost a product of its own, as much as that with W.
fn change_of_weights(w: &DMatrix<f64>, signs: &mut Signs) -> [Vec<f64>; 2] {
    let units = w.nrows();
    let size = root_mean_square(w.as_slice()).max(SMALL / units as f64);
    [size, 1.0].map(|size| (0..units).map(|_| size * signs.next()).collect())
}

/// Every entry of a block changes by the root mean square of the block, log tau by one; W is left out.
fn relative_change(parameters: &Parameters, signs: &mut Signs) -> Parameters {
    let mut change = Parameters {
        w: DMatrix::zeros(0, 0),
        u: parameters.u.clone(),
        b: parameters.b.clone(),
        log_tau_s: parameters.log_tau_s.clone(),
        log_tau_r: parameters.log_tau_r.clone(),
    };
    let mut fill =
        |block: &mut [f64], size: f64| block.iter_mut().for_each(|v| *v = size * signs.next());
    fill(
        change.u.as_mut_slice(),
        root_mean_square(parameters.u.as_slice()).max(SMALL),
    );
    fill(
        change.b.as_mut_slice(),
        root_mean_square(parameters.b.as_slice()).max(SMALL),
    );
    fill(change.log_tau_s.as_mut_slice(), 1.0);
    fill(change.log_tau_r.as_mut_slice(), 1.0);
    change
}

/// 1 and -1 at random, always the same: splitmix64.
struct Signs(u64);

impl Signs {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        if (z ^ (z >> 31)) >> 63 == 0 {
            1.0
        } else {
            -1.0
        }
    }
}

fn root_mean_square(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|v| v * v).sum();
    (sum / values.len().max(1) as f64).sqrt()
}
