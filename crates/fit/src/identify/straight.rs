//! Units that stay where f is nearly straight: what is confounded in a linear unit is told badly in them.

use super::candidates::as_if_linear;
use super::information::Information;
use super::noise::Noise;
use crate::layout::ModelLayout;
use nalgebra::DVector;
use tauscope_dynamics::{Activation, Block};

/// What f is near a current: `f(I) = slope (I + level)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) level: f64,
}

impl Line {
    /// The tangents of f at the mean currents of the units; f itself where it is straight.
    pub(super) fn of_units(activation: Activation, current: &DVector<f64>) -> Vec<Line> {
        let at = |&current: &f64| {
            let slope = activation.slope(current);
            let level = match activation {
                Activation::Identity | Activation::Relu => 0.0,
                _ => activation.value(current) / slope - current,
            };
            Line { slope, level }
        };
        current.iter().map(at).collect()
    }

    pub(super) fn value(self, current: f64) -> f64 {
        self.slope * (current + self.level)
    }
}

/// Time constants that trade with the self-connection.
pub(super) struct Confounded {
    /// The units, more than one where they share their time constants.
    pub(super) units: Vec<usize>,
    /// Standard error along the direction, as a change of the log of that time constant which changes most.
    error: f64,
    /// Which it is.
    tau: &'static str,
}

/// What is said of a unit.
pub(super) const REASON: &str = "f is nearly straight where the unit stays, so that its time constants trade with its self-connection";
/// A direction whose parts undo each other to this part of their information is one.
const UNDONE: f64 = 1e-3;
/// It matters where a standard error changes a time constant by more than this, in its logarithm: a factor of 1.1 at 95 %.
const MATTERS: f64 = 0.05;
/// Constants closer than this, in their logarithm, trade with each other first.
const APART: f64 = 0.3;
/// Beyond this the factor is not worth a number.
const ANY: f64 = 100.0;

impl Confounded {
    /// In words.
    pub(super) fn words(&self, labels: &[String]) -> String {
        let units: Vec<&str> = self.units.iter().map(|&u| labels[u].as_str()).collect();
        let factor = (1.96 * self.error).exp();
        let factor = match factor < ANY {
            true => format!("a factor of {factor:.1}"),
            false => format!("a factor of more than {ANY}"),
        };
        format!(
            "nearly, the time constants of {} against its self-connection: f is nearly straight where the unit stays, and a linear unit's equation may be scaled as a whole; {factor} in {} is within the noise (95 %). Inputs that visit the curvature of f, or --connectivity no-self, tell them",
            units.join(", "),
            self.tau
        )
    }
}

/// The units of which it is so at `theta`. Those of linear units are null directions.
pub(super) fn confounded(
    information: &Information,
    layout: &ModelLayout,
    theta: &[f64],
    lines: &[Line],
    noise: &Noise,
) -> Vec<Confounded> {
    if matches!(layout.activation, Activation::Identity | Activation::Relu) {
        return Vec::new();
    }
    let changes = [("tau_s", Block::LogTauS), ("tau_r", Block::LogTauR)];
    let range_of = |wanted: Block| {
        let blocks = layout.network.blocks().iter();
        let mut of_block = blocks.filter(move |(block, _)| *block == wanted);
        of_block.next().map(|(_, range)| range.clone())
    };
    let found = as_if_linear(layout, theta, lines).into_iter();
    found
        .filter_map(|(units, candidate)| {
            let moved = |&(name, block): &(&'static str, Block)| {
                let of_block = range_of(block)?.map(|p| (p, candidate.direction[p]));
                let (p, change) = of_block.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
                Some((name, p, change.abs()))
            };
            let moved: Vec<_> = changes.iter().filter_map(moved).collect();
            if let [(_, s, _), (_, r, _)] = moved[..]
                && (theta[s] - theta[r]).abs() < APART
            {
                return None;
            }
            let &(tau, _, change) = moved.iter().max_by(|a, b| a.2.total_cmp(&b.2))?;
            let told = information.told(&candidate.direction)?;
            let error = change * (noise.variance / told.along).sqrt();
            let is_told = told.along > UNDONE * told.apart || error < MATTERS;
            (!is_told).then_some(Confounded { units, error, tau })
        })
        .collect()
}
