//! What a judgement found.

use super::advice::Advice;
use super::canonical::Canonical;
use super::decay::DecayTime;
use super::profile::Profile;
use super::request::{Basis, Depth};
use super::spectrum::{Combination, NullDirection};
use super::unit::UnitJudgement;

/// What a judgement found.
#[derive(Debug, Clone)]
pub struct Identification {
    /// Where it stands.
    pub basis: Basis,
    /// How much was computed.
    pub depth: Depth,
    /// Cost at the point and at the minimum, on the train trials.
    pub cost: [f64; 2],
    /// Residual variance, all outputs together, in units of `target_std` (1 where that is given), and whether it is given.
    pub noise_variance: f64,
    /// Whether the noise was given with the data.
    pub noise_is_known: bool,
    /// Standard deviations of the outputs' noise as estimated, by which each is weighted; none where they are alike, or given. Costs are
    /// then in units of them.
    pub noise_by_output: Option<Vec<f64>>,
    /// Mean squared residual over the given noise, or 1.
    pub reduced_chi2: f64,
    /// Correlation of residuals of neighbouring target times.
    pub residual_autocorrelation: f64,
    /// Statistical inefficiency `1 + 2 sum rho_k` of the residuals: errors, orders and profiles count so many samples as one.
    pub residual_inefficiency: f64,
    /// Observed train targets.
    pub n_observed: usize,
    /// Free parameters of the network and initial state; those of the readout are fitted along.
    pub n_parameters: usize,
    /// Eigenvalues of their information, scaled to a unit diagonal, ascending.
    pub eigenvalues: Vec<f64>,
    /// The combinations of which the data tell least.
    pub sloppiest: Vec<Combination>,
    /// What the data do not tell at all.
    pub null_directions: Vec<NullDirection>,
    /// By unit.
    pub units: Vec<UnitJudgement>,
    /// Modes of the linearised network, slowest first.
    pub decay_times: Vec<DecayTime>,
    /// Those asked for.
    pub profiles: Vec<Profile>,
    /// Inputs that would tell more of what is told badly; none where nothing is, or it was not looked for.
    pub advice: Option<Advice>,
    /// Other parameters that predict the same, beside null directions: each in words.
    pub equivalences: Vec<String>,
    /// The point in an order and with signs that do not depend on the fit, where units are hidden.
    pub(crate) canonical: Option<Canonical>,
    /// Units of which the reversed order led to a better minimum, in turn: all that is found belongs to the last one, not to the result.
    pub moves: Vec<String>,
    /// What a person should know before trusting it.
    pub warnings: Vec<String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    #[cfg(test)]
    pub(crate) theta: Vec<f64>,
}

impl Identification {
    /// Where it stands, in words.
    pub fn judged_at(&self) -> String {
        let mut words = self.basis.name().to_owned();
        if self.noise_by_output.is_some() {
            words += ", each output weighted by its own noise";
        }
        if !self.moves.is_empty() {
            words += &format!(
                ", at a better minimum that {} led to",
                self.reversed_orders()
            );
        }
        words
    }

    /// The orders that led to the minimum, in words.
    pub(super) fn reversed_orders(&self) -> String {
        let mut units: Vec<&str> = Vec::new();
        for unit in &self.moves {
            if !units.contains(&unit.as_str()) {
                units.push(unit);
            }
        }
        match units[..] {
            [unit] => format!("the reversed order of unit {unit}"),
            _ => format!("reversed orders of units {}", units.join(", ")),
        }
    }
}
