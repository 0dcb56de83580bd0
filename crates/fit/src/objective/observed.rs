//! Predictions held against what was observed, and what that says of readout and rates.

use super::{FitObjective, Unpacked};
use crate::batch::{Observation, TrialBatch};
use crate::observation::{Counts, Link, ObservationModel, rates_at};
use nalgebra::DMatrix;
use tauscope_adjoint::Trajectory;

/// An observation held against what is expected of it.
pub(super) struct Compared {
    residuals: DMatrix<f64>,
    loss: f64,
}

impl FitObjective<'_> {
    /// Residuals of a batch, and the sum of its loss.
    pub(super) fn residuals(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
        trajectory: &Trajectory,
    ) -> (Vec<DMatrix<f64>>, f64) {
        let observations = batch.observations.iter();
        gathered(
            observations
                .map(|o| self.compare(at, trajectory, o))
                .collect(),
        )
    }

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

    pub(super) fn compare(
        &self,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
    ) -> Compared {
        match self.observation {
            ObservationModel::Gaussian => {
                let residuals =
                    self.residual(observation, &self.prediction(at, trajectory, observation));
                let loss = residuals.norm_squared();
                Compared { residuals, loss }
            }
            ObservationModel::Poisson(link) => {
                let counts = self.counts(link, at, trajectory, observation);
                Compared {
                    residuals: counts.residuals(&observation.values),
                    loss: counts.deviance(&observation.values),
                }
            }
        }
    }

    fn residual(&self, observation: &Observation, prediction: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(prediction.nrows(), prediction.ncols(), |o, k| {
            let target = observation.values[(o, k)];
            if target.is_nan() {
                0.0
            } else {
                (prediction[(o, k)] - target) / self.noise[o]
            }
        })
    }

    /// Cotangents of the rates at the evaluation times from those of the residuals; adds what these say to `on_readout`.
    pub(super) fn on_rates(
        &self,
        at: &Unpacked<'_>,
        batch: &TrialBatch,
        trajectory: &Trajectory,
        cotangents: &[DMatrix<f64>],
        on_readout: &mut [f64],
        on_rates: &mut [f64],
    ) {
        let (n, k) = (self.layout.n_units, batch.trials.len());
        on_rates.fill(0.0);
        for (observation, cotangent) in batch.observations.iter().zip(cotangents) {
            if let ObservationModel::Poisson(link) = self.observation {
                let counts = self.counts(link, at, trajectory, observation);
                self.spread_counts(
                    &counts,
                    at,
                    trajectory,
                    observation,
                    cotangent,
                    on_readout,
                    on_rates,
                );
                continue;
            }
            let z = DMatrix::from_fn(cotangent.nrows(), k, |o, t| {
                cotangent[(o, t)] / self.noise[o]
            });
            let rates = observation.weighted_rates(trajectory);
            let mut on_weighted = DMatrix::zeros(n, k);
            self.layout.readout.vjp(
                &at.readout,
                rates.as_view(),
                &z,
                on_readout,
                &mut on_weighted,
            );
            observation.spread(&on_weighted, on_rates);
        }
    }

    /// Adds what the cotangent of the residuals of counts says to `on_readout`, and to `on_rates` at each evaluation time of their
    /// bin: a link bends, so that their slopes differ.
    #[expect(
        clippy::too_many_arguments,
        reason = "two sums and what they are made of"
    )]
    fn spread_counts(
        &self,
        counts: &Counts,
        at: &Unpacked<'_>,
        trajectory: &Trajectory,
        observation: &Observation,
        cotangent: &DMatrix<f64>,
        on_readout: &mut [f64],
        on_rates: &mut [f64],
    ) {
        let (n, k) = (self.layout.n_units, cotangent.ncols());
        for (part, &(j, _)) in observation.parts.iter().enumerate() {
            let factors = counts.factors(part, &observation.values);
            let mut on_part = DMatrix::zeros(n, k);
            self.layout.readout.vjp(
                &at.readout,
                rates_at(trajectory, j, k),
                &cotangent.component_mul(&factors),
                on_readout,
                &mut on_part,
            );
            let block = &mut on_rates[j * n * k..][..n * k];
            block.iter_mut().zip(&on_part).for_each(|(b, p)| *b += p);
        }
    }
}

/// The residuals, and the sum of the loss in their order.
pub(super) fn gathered(compared: Vec<Compared>) -> (Vec<DMatrix<f64>>, f64) {
    let loss = compared.iter().map(|one| one.loss).sum();
    (
        compared.into_iter().map(|one| one.residuals).collect(),
        loss,
    )
}
