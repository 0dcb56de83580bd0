use super::drive::Place;
use crate::Direction;
use tauscope_dynamics::{Coordinate, Linearization, RateNetwork, StateShape};

/// What the directions of a tangent add to its derivative: `(d rhs / d parameters) direction`.
pub(super) struct Forcing<'a> {
    network: &'a RateNetwork,
    directions: &'a [Direction],
    n_trials: usize,
    /// State-shaped for one direction; zero between uses.
    scratch: Vec<f64>,
}

impl<'a> Forcing<'a> {
    pub(super) fn new(
        network: &'a RateNetwork,
        directions: &'a [Direction],
        n_trials: usize,
    ) -> Self {
        Forcing {
            network,
            directions,
            n_trials,
            scratch: vec![0.0; network.shape(n_trials).len()],
        }
    }

    /// Shape of the tangent: columns are (direction x trial), trials fastest.
    pub(super) fn shape(&self) -> StateShape {
        self.network.shape(self.n_trials * self.directions.len())
    }

    /// The tangent of the initial state.
    pub(super) fn initial(&self) -> Vec<f64> {
        let mut tangent = vec![0.0; self.shape().len()];
        for (d, direction) in self.directions.iter().enumerate() {
            let start = match direction {
                Direction::Entries(_) => continue,
                Direction::Dense { initial_state, .. } => initial_state,
                Direction::InitialState(start) => start,
            };
            self.add_to_direction(d, start, &mut tangent);
        }
        tangent
    }

    /// `out += (d rhs / d parameters) direction` for every direction, at a state whose derivative is
    /// `dy`.
    pub(super) fn add(
        &mut self,
        at: &Linearization,
        place: &Place<'_>,
        dy: &[f64],
        out: &mut [f64],
    ) {
        let network = self.network;
        for (d, direction) in self.directions.iter().enumerate() {
            match direction {
                Direction::Entries(entries) => {
                    for &(coordinate, rate) in entries {
                        self.add_entry(d, coordinate, rate, at, place, dy, out);
                    }
                }
                Direction::Dense { parameters, .. } => {
                    network.param_jac_mul(at, place.x, dy, parameters, &mut self.scratch);
                    self.add_to_direction(d, &self.scratch, out);
                    self.scratch.fill(0.0);
                }
                Direction::InitialState(_) => {}
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn add_entry(
        &mut self,
        d: usize,
        coordinate: Coordinate,
        rate: f64,
        at: &Linearization,
        place: &Place<'_>,
        dy: &[f64],
        out: &mut [f64],
    ) {
        let network = self.network;
        if rate == 1.0 {
            let (currents, rates) = self.direction_blocks(d, out);
            network.add_coordinate_forcing(at, place.x, dy, coordinate, currents, rates);
            return;
        }
        let split = network.shape(self.n_trials).currents().end;
        let (currents, rates) = self.scratch.split_at_mut(split);
        network.add_coordinate_forcing(at, place.x, dy, coordinate, currents, rates);
        let n = network.n_units();
        let unit = unit_of(coordinate);
        let (out_i, out_r) = self.direction_blocks(d, out);
        let (scratch_i, scratch_r) = self.scratch.split_at_mut(split);
        for (out, scratch) in [(out_i, scratch_i), (out_r, scratch_r)] {
            let pairs = out.iter_mut().zip(scratch).skip(unit).step_by(n);
            pairs.for_each(|(o, s)| *o += rate * std::mem::take(s));
        }
    }

    fn direction_blocks<'o>(&self, d: usize, out: &'o mut [f64]) -> (&'o mut [f64], &'o mut [f64]) {
        let block = self.network.shape(self.n_trials).block_len();
        let (currents, rates) = out.split_at_mut(self.shape().currents().end);
        let part = |block_of_all: &'o mut [f64]| {
            if block_of_all.is_empty() {
                block_of_all
            } else {
                &mut block_of_all[d * block..(d + 1) * block]
            }
        };
        (part(currents), part(rates))
    }

    fn add_to_direction(&self, d: usize, state: &[f64], out: &mut [f64]) {
        let (currents, rates) = self.direction_blocks(d, out);
        let target = currents.iter_mut().chain(rates);
        target.zip(state).for_each(|(o, v)| *o += v);
    }
}

fn unit_of(coordinate: Coordinate) -> usize {
    match coordinate {
        Coordinate::Weight { unit, .. }
        | Coordinate::InputWeight { unit, .. }
        | Coordinate::Bias { unit }
        | Coordinate::LogTauS { unit }
        | Coordinate::LogTauR { unit } => unit,
    }
}
