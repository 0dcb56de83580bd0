//! The figures of a report by name.

use super::contents::Contents;
use super::{optimization, residuals, tau, traces, weights};
use clap::ValueEnum;
use tauscope_figures::Figure;

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Data against prediction of chosen trials and outputs
    Prediction,
    /// R2 of every output, by split
    Scores,
    /// Time constants by unit, with intervals where the file has them
    Tau,
    /// Time constants over the iterations of the best start
    TauHistory,
    /// Time constants that each start ended with
    TauStarts,
    /// Cost and gradient norm over iterations
    Convergence,
    /// Waterfall of the starts
    Starts,
    /// Cost by penalty
    Penalties,
    /// W and U as heat maps
    Weights,
    /// Residuals: how large, and when
    Residuals,
    /// Autocorrelation of the residuals
    Autocorrelation,
}

impl Kind {
    /// The figure; none where the file does not hold what it shows.
    pub fn figure(self, contents: &Contents) -> Option<Figure> {
        match self {
            Kind::Prediction => traces::prediction(contents),
            Kind::Scores => traces::scores(contents),
            Kind::Tau => tau::forest(contents),
            Kind::TauHistory => tau::history(contents),
            Kind::TauStarts => tau::by_start(contents),
            Kind::Convergence => optimization::convergence(contents),
            Kind::Starts => optimization::waterfall(contents),
            Kind::Penalties => optimization::penalties(contents),
            Kind::Weights => weights::weights(contents),
            Kind::Residuals => residuals::residuals(contents),
            Kind::Autocorrelation => residuals::autocorrelation_figure(contents),
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
