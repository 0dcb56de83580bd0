//! The sums over the counts of a batch.

use crate::batch::{Observation, TrialBatch};
use crate::layout::ModelLayout;
use crate::linalg;
use crate::observation::{Link, deviance, pearson};
use crate::optimizer::{Arrow, SolveFailure};
use crate::readout::ReadoutValues;
use nalgebra::{DMatrix, DMatrixView, DVectorView};
use tauscope_adjoint::{Halt, Sensitivities};

/// Counts whose rows are gathered before they are multiplied.
const GATHERED: usize = 256;

/// Fisher information `J^T J` and half the gradient `J^T e` of the deviance of counts.
///
/// A count has the weight 1 / mu of its own, and a link that bends its slopes differ within a bin, so that every count of
/// every output is a row of J: `sum_j c_j [G_o S_j, s_o F_j]` over the evaluation times j of its bin, with
/// `c_j = (d mu / d z_j) / sqrt(mu)` and S, F, G_o, s_o as in the sums of squares.
pub(super) struct CountSums<'a> {
    link: Link,
    layout: &'a ModelLayout,
    readout: &'a ReadoutValues,
    /// Of its corner only the lower half is filled.
    pub(super) hessian: Arrow,
    pub(super) gradient: Vec<f64>,
    pub(super) deviance: f64,
}

/// One count of an output.
#[derive(Clone, Copy)]
struct Point<'a> {
    observation: &'a Observation,
    trial: usize,
    count: f64,
}

/// An output: what multiplies the rates, what is added, and its parameters.
struct Output {
    /// (1, unit)
    gain: DMatrix<f64>,
    offset: f64,
    /// First of its rows among the own ones.
    first: usize,
    /// Rows of `[rates; 1]` that its parameters multiply.
    features: Vec<usize>,
    scale: f64,
}

/// Some rows of J, (row, parameter), with their residuals.
struct Rows {
    shared: Vec<f64>,
    own: DMatrix<f64>,
    residuals: Vec<f64>,
}

impl<'a> CountSums<'a> {
    /// Without a count yet; `hessian` is zero.
    pub(super) fn new(
        link: Link,
        layout: &'a ModelLayout,
        readout: &'a ReadoutValues,
        hessian: Arrow,
    ) -> CountSums<'a> {
        CountSums {
            gradient: vec![0.0; hessian.places.len()],
            link,
            layout,
            readout,
            hessian,
            deviance: 0.0,
        }
    }

    /// Adds all counts of a batch, unless or until `halt` asks otherwise.
    pub(super) fn add(
        &mut self,
        batch: &TrialBatch,
        along: &Sensitivities,
        halt: &Halt,
    ) -> Result<(), SolveFailure> {
        let trials = batch.trials.len();
        for index in 0..self.layout.readout.n_outputs() {
            let output = self.output(index);
            for points in points_of(index, batch).chunks(GATHERED) {
                if halt.asks().is_some() {
                    return Err(SolveFailure::halted());
                }
                let rows = self.rows(&output, points, along, trials);
                self.add_rows(&output, &rows);
            }
        }
        Ok(())
    }

    fn output(&self, index: usize) -> Output {
        let readout = &self.layout.readout;
        let own = readout.own_parameters(index);
        Output {
            gain: readout.gain_rows(self.readout, &[index], |_| 1.0),
            offset: self.readout.offset.get(index).copied().unwrap_or(0.0),
            first: index * self.hessian.places.width,
            features: own.iter().map(|&(_, feature)| feature).collect(),
            scale: readout.std_of(index),
        }
    }

    /// The rows of `points`; adds their deviance.
    fn rows(
        &mut self,
        output: &Output,
        points: &[Point<'_>],
        along: &Sensitivities,
        trials: usize,
    ) -> Rows {
        let n = self.layout.n_units;
        let shared = self.hessian.places.shared.len();
        let mut rows = Rows {
            shared: vec![0.0; points.len() * shared],
            own: DMatrix::zeros(points.len(), output.features.len()),
            residuals: Vec::with_capacity(points.len()),
        };
        let gain = output.gain.as_slice();
        let gain = DVectorView::from_slice(gain, n);
        for (k, point) in points.iter().enumerate() {
            let rates = |j: usize| &along.at(j)[point.trial * n..][..n];
            let parts = &point.observation.parts;
            let z: Vec<f64> = parts
                .iter()
                .map(|&(j, _)| gain.dot(&DVectorView::from_slice(rates(j), n)) + output.offset)
                .collect();
            let exposure = |weight: f64| weight * point.observation.width;
            let weighted = parts.iter().zip(&z);
            let mean: f64 = weighted
                .clone()
                .map(|(&(_, weight), &z)| exposure(weight) * self.link.rate(z))
                .sum();
            rows.residuals.push(pearson(point.count, mean));
            self.deviance += deviance(point.count, mean);
            if mean == 0.0 {
                continue;
            }
            for (&(j, weight), &z) in weighted {
                let factor = exposure(weight) * self.link.slope(z) / mean.sqrt();
                let tangents = along.at(j)[n * trials..].chunks_exact(n * trials);
                for (column, block) in rows.shared.chunks_exact_mut(points.len()).zip(tangents) {
                    let tangent = DVectorView::from_slice(&block[point.trial * n..][..n], n);
                    column[k] += factor * gain.dot(&tangent);
                }
                for (own, &feature) in output.features.iter().enumerate() {
                    let value = rates(j).get(feature).copied().unwrap_or(1.0);
                    rows.own[(k, own)] += factor * output.scale * value;
                }
            }
        }
        rows
    }

    fn add_rows(&mut self, output: &Output, rows: &Rows) {
        let m = rows.residuals.len();
        let residuals = DVectorView::from_slice(&rows.residuals, m);
        linalg::add_square(&mut self.hessian.corner, 1.0, &rows.shared);
        let shared = self.hessian.places.shared.len();
        let columns = DMatrixView::from_slice(&rows.shared, m, shared);
        let slopes = columns.tr_mul(&residuals);
        for (&p, slope) in self.hessian.places.shared.iter().zip(slopes.iter()) {
            self.gradient[p] += slope;
        }
        let width = output.features.len();
        if width == 0 {
            return;
        }
        let mut sides = self.hessian.sides.rows_mut(output.first, width);
        sides += rows.own.tr_mul(&columns);
        let mut block = self.hessian.blocks.columns_mut(output.first, width);
        block += rows.own.tr_mul(&rows.own);
        let slopes = rows.own.tr_mul(&residuals);
        for (own, slope) in slopes.iter().enumerate() {
            self.gradient[self.hessian.places.own[output.first + own]] += slope;
        }
    }
}

/// Every observed count of an output, in order of time and trial.
fn points_of(output: usize, batch: &TrialBatch) -> Vec<Point<'_>> {
    let observations = batch.observations.iter();
    observations
        .flat_map(|observation| {
            let counts = observation.values.row(output);
            let counts: Vec<f64> = counts.iter().copied().collect();
            counts
                .into_iter()
                .enumerate()
                .filter(|(_, count)| !count.is_nan())
                .map(move |(trial, count)| Point {
                    observation,
                    trial,
                    count,
                })
        })
        .collect()
}
