//! What a specification says of spikes.

use super::spec::{Scheme, Spec, positive_fault};
use serde::Deserialize;

/// What is observed of the first units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// Rates, with normal noise.
    #[default]
    Gaussian,
    /// Spike counts between samples.
    Poisson,
}

/// `[spikes]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpikeRule {
    pub link: LinkWord,
    /// Spikes per time unit of a unit at its mean.
    pub rate: f64,
    /// Change of the rate, relative, or of its logarithm, by one standard deviation of the unit.
    pub modulation: f64,
}

impl Default for SpikeRule {
    fn default() -> Self {
        SpikeRule {
            link: LinkWord::Softplus,
            rate: 50.0,
            modulation: 0.5,
        }
    }
}

/// From an output to a firing rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkWord {
    Softplus,
    Exp,
}

/// What is wrong with what a specification says of spikes.
pub fn fault(spec: &Spec) -> Option<(&'static str, String)> {
    if spec.observation == Observation::Gaussian {
        let given = spec.spikes != SpikeRule::default();
        return given.then(|| ("spikes", "belongs to observation = \"poisson\"".to_owned()));
    }
    if spec.noise > 0.0 {
        return Some((
            "noise",
            format!(
                "must be 0 for observation = \"poisson\", whose counts scatter by themselves, got {}",
                spec.noise
            ),
        ));
    }
    if spec.method == Scheme::EulerSequential {
        return Some((
            "observation",
            "must be gaussian for method = \"euler-sequential\", which has no rate within a bin"
                .to_owned(),
        ));
    }
    if let Some(reason) = positive_fault(spec.spikes.rate) {
        return Some(("spikes.rate", reason));
    }
    let modulation = spec.spikes.modulation;
    (!(modulation >= 0.0 && modulation.is_finite())).then(|| {
        (
            "spikes.modulation",
            format!("must be a number of at least 0, got {modulation}"),
        )
    })
}
