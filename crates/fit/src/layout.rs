//! The flat parameter vector of a fit: network, readout, initial state.

use crate::initial_state::InitialStateKind;
use crate::optimizer::Bounds;
use crate::readout::Readout;
use std::ops::Range;
use tauscope_dynamics::{Activation, Block, ModelError, ModelKind, ParameterLayout, RateNetwork};

/// What is fitted, and where each part of it lies in the flat vector theta.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelLayout {
    pub(crate) model: ModelKind,
    pub(crate) activation: Activation,
    pub(crate) n_units: usize,
    pub(crate) n_inputs: usize,
    pub(crate) with_bias: bool,
    pub(crate) network: ParameterLayout,
    pub(crate) readout: Readout,
    pub(crate) initial_state: InitialStateKind,
}

impl ModelLayout {
    /// Number of free parameters.
    pub fn len(&self) -> usize {
        self.initial_range().end
    }

    /// True where nothing is free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The readout.
    pub fn readout(&self) -> &Readout {
        &self.readout
    }

    pub(crate) fn network_range(&self) -> Range<usize> {
        0..self.network.len()
    }

    pub(crate) fn readout_range(&self) -> Range<usize> {
        let start = self.network.len();
        start..start + self.readout.n_parameters()
    }

    pub(crate) fn initial_range(&self) -> Range<usize> {
        let start = self.readout_range().end;
        start..start + self.initial_state.n_parameters(self.model, self.n_units)
    }

    /// The blocks by name, with their places in theta. Absent blocks are not listed.
    pub fn blocks(&self) -> Vec<(String, Range<usize>)> {
        let mut blocks: Vec<(String, Range<usize>)> = self
            .network
            .blocks()
            .iter()
            .map(|(b, r)| (b.name().to_owned(), r.clone()))
            .collect();
        let readout = self.readout_range();
        let gains = readout.start..readout.start + self.readout.gains().end;
        let gain_name = if self.readout.kind() == crate::readout::ReadoutKind::Linear {
            "C"
        } else {
            "c"
        };
        blocks.push((gain_name.to_owned(), gains.clone()));
        blocks.push(("d".to_owned(), gains.end..readout.end));
        let initial = self.initial_range();
        let n = self.n_units.min(initial.len());
        let first = if self.model == ModelKind::Rate {
            "r0"
        } else {
            "I0"
        };
        blocks.push((first.to_owned(), initial.start..initial.start + n));
        blocks.push(("r0".to_owned(), initial.start + n..initial.end));
        blocks.retain(|(_, range)| !range.is_empty());
        blocks
    }

    /// Which entries of theta are weights: what the penalty acts on.
    pub(crate) fn penalised(&self) -> Range<usize> {
        let weights = self
            .network
            .blocks()
            .iter()
            .filter(|(b, _)| matches!(b, Block::W | Block::U));
        0..weights.map(|(_, r)| r.end).max().unwrap_or(0)
    }

    /// Bounds of theta.
    pub(crate) fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut lower, mut upper): (Vec<f64>, Vec<f64>) =
            self.network.bounds().iter().copied().unzip();
        lower.resize(self.len(), f64::NEG_INFINITY);
        upper.resize(self.len(), f64::INFINITY);
        (lower, upper)
    }

    /// The bounds as the optimizer takes them.
    pub(crate) fn optimizer_bounds(&self) -> Bounds {
        let (lower, upper) = self.bounds();
        Bounds::new(lower, upper)
            .expect("bounds of time constants and signs are ordered by construction")
    }

    /// The network of theta.
    ///
    /// # Errors
    /// [`ModelError`] where an entry is not finite.
    pub fn network(&self, theta: &[f64]) -> Result<RateNetwork, ModelError> {
        let parameters = self.network.expand(&theta[self.network_range()]);
        RateNetwork::new(self.model, self.activation, parameters)
    }

    /// tau_s and tau_r by unit; empty where the model has none, or the method acts without.
    pub fn time_constants(&self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let parameters = self.network.expand(&theta[self.network_range()]);
        let tau = |block, v: &nalgebra::DVector<f64>| match self.network.has(block) {
            true => v.iter().map(|v| v.exp()).collect(),
            false => Vec::new(),
        };
        (
            tau(Block::LogTauS, &parameters.log_tau_s),
            tau(Block::LogTauR, &parameters.log_tau_r),
        )
    }
}
