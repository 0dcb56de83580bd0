//! Predictions held against what was observed, and what that says of readout and rates.

use super::{FitObjective, Unpacked};
use crate::batch::{Observation, TrialBatch};
use crate::observation::{Counts, Link, ObservationModel};
use nalgebra::DMatrix;
use tauscope_adjoint::Trajectory;

impl FitObjective<'_> {
    /// What is expected (output, trial) at one observation: a weighted sum over its evaluation times.
    pub(crate) fn prediction(
        &self,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
    ) -> DMatrix<f64> {
        let readout = &self.layout.readout;
        self.observation
            .expected(readout, &at.readout, trajectory, observation)
    }

    pub(super) fn counts(
        &self,
        link: Link,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
    ) -> Counts {
        let readout = &self.layout.readout;
        Counts::new(link, readout, &at.readout, trajectory, observation)
    }

    /// Writes `weight` times the residuals of one observation over what `e` (output, trial) holds; what the residuals cost.
    pub(super) fn hold(
        &self,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
        e: &mut DMatrix<f64>,
        weight: f64,
    ) -> f64 {
        match self.observation {
            ObservationModel::Gaussian => {
                let readout = &self.layout.readout;
                observation.with_rates(trajectory, |rates| {
                    readout.write_outputs(&at.readout, rates, e);
                });
                let (precision, targets) = (&self.precision, &observation.values);
                precision.hold(e.as_mut_slice(), targets, weight)
            }
            ObservationModel::Poisson(link) => {
                let counts = self.counts(link, at, trajectory, observation);
                e.copy_from(&counts.residuals(&observation.values));
                *e *= weight;
                counts.deviance(&observation.values)
            }
        }
    }

    /// Room for the residuals of one observation of a batch.
    pub(super) fn room(&self, batch: &TrialBatch) -> DMatrix<f64> {
        DMatrix::zeros(self.layout.readout.n_outputs(), batch.trials.len())
    }

    /// From cotangents `e` (output, trial) of the residuals of one observation to those of the rates at its evaluation times, one block
    /// (unit, trial) after the other, over what `on_parts` holds; adds what they say to `on_readout`. `e` is used up.
    pub(super) fn on_rates(
        &self,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
        e: &mut DMatrix<f64>,
        on_readout: &mut [f64],
        on_parts: &mut [f64],
    ) {
        let (n, k) = (self.layout.n_units, e.ncols());
        let (readout, values) = (&self.layout.readout, &at.readout);
        if let ObservationModel::Poisson(link) = self.observation {
            let counts = self.counts(link, at, trajectory, observation);
            let parts = observation.parts.iter().enumerate();
            // a link bends: slopes differ from one evaluation time to the next
            for ((part, &(j, _)), on_part) in parts.zip(on_parts.chunks_exact_mut(n * k)) {
                let z = e.component_mul(&counts.factors(part, &observation.values));
                readout.vjp(values, trajectory.rates(j), &z, on_readout, on_part);
            }
            return;
        }
        self.precision.pull_back(e);
        observation.with_rates(trajectory, |rates| {
            readout.vjp(values, rates, e, on_readout, &mut on_parts[..n * k]);
        });
        observation.spread(on_parts);
    }
}
