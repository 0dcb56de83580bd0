//! What the information does not tell, or hardly: sloppy combinations and null directions, in words.

use super::candidates::{Candidate, candidates};
use super::information::{Information, NULL};
use super::straight::Line;
use crate::layout::ModelLayout;
use nalgebra::DVector;

/// How many of the sloppiest combinations are named.
const N_COMBINATIONS: usize = 5;
/// How many parameters of a combination are named.
const N_WEIGHTS: usize = 6;
/// Weights below this part of the largest are not named.
const LEAST_WEIGHT: f64 = 0.05;
/// A parameter takes part in a direction where its entry, in scaled coordinates, is this part of the largest.
const TAKES_PART: f64 = 1e-3;
/// Information along a direction, as a part of the sum of that about its entries, below which it is a null direction.
const NULL_DIRECTION: f64 = 1e-10;

/// A combination of parameters with the information that the data hold about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Combination {
    /// Eigenvalue of the information scaled to a unit diagonal: 1 for parameters that stand alone, near 0 for a sloppy combination.
    pub eigenvalue: f64,
    /// The parameters with their weights, largest first. Time constants count by their logarithm.
    pub weights: Vec<(String, f64)>,
}

impl Combination {
    fn of(
        direction: &[f64],
        eigenvalue: f64,
        parameters: &[usize],
        names: &[String],
    ) -> Combination {
        let norm = direction.iter().map(|w| w * w).sum::<f64>().sqrt();
        let mut order: Vec<usize> = (0..direction.len()).collect();
        order.sort_by(|&a, &b| {
            direction[b]
                .abs()
                .total_cmp(&direction[a].abs())
                .then(a.cmp(&b))
        });
        let first = order.first().map_or(1.0, |&k| direction[k]);
        let named = order
            .iter()
            .filter(|&&k| direction[k].abs() >= LEAST_WEIGHT * first.abs());
        let weights = named.take(N_WEIGHTS).map(|&k| {
            (
                names[parameters[k]].clone(),
                first.signum() * direction[k] / norm,
            )
        });
        Combination {
            eigenvalue,
            weights: weights.collect(),
        }
    }

    /// `0.71 log tau_s[3] - 0.70 log tau_r[3]`.
    pub fn words(&self) -> String {
        let mut text = String::new();
        for (at, (name, weight)) in self.weights.iter().enumerate() {
            let sign = match (at, *weight < 0.0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            let log = if name.starts_with("tau_") { "log " } else { "" };
            text += &format!("{sign}{:.2} {log}{name}", weight.abs());
        }
        text
    }
}

/// A direction along which no prediction changes.
#[derive(Debug, Clone, PartialEq)]
pub struct NullDirection {
    /// In words.
    pub name: String,
    /// The time constants (places in theta) that change along it.
    pub(crate) taus: Vec<usize>,
    /// Whether it only exchanges equal time constants.
    pub(crate) is_exchange: bool,
    /// Whether it follows from the equations, so that no input would tell it.
    pub(crate) is_structural: bool,
}

impl NullDirection {
    /// Whether a time constant changes along it.
    pub fn touches_time_constants(&self) -> bool {
        !self.taus.is_empty()
    }
}

/// A row's direction of theta from one in scaled coordinates, of what takes part in it: round-off in the place of a parameter that
/// hardly acts would become the largest weight.
fn unscaled(scale: &[f64], scaled: &[f64]) -> Vec<f64> {
    let largest = scaled.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    let over = |(value, scale): (&f64, &f64)| match value.abs() > TAKES_PART * largest {
        true if *scale > 0.0 => value / scale,
        true => *value,
        false => 0.0,
    };
    scaled.iter().zip(scale).map(over).collect()
}

/// The combinations of which the data tell least but something.
pub(super) fn sloppiest(information: &Information, names: &[String]) -> Vec<Combination> {
    let told = (0..information.eigenvalues.len()).filter(|&k| information.eigenvalues[k] > NULL);
    told.take(N_COMBINATIONS)
        .map(|k| {
            let direction = unscaled(
                &information.scale,
                information.eigenvectors.column(k).as_slice(),
            );
            Combination::of(
                &direction,
                information.eigenvalues[k],
                &information.parameters,
                names,
            )
        })
        .collect()
}

/// All null directions: those of known reasons, then what remains of the null space, by its weights.
pub(super) fn null_directions(
    information: &Information,
    layout: &ModelLayout,
    theta: &[f64],
    lines: &[Line],
    labels: &[String],
    names: &[String],
) -> Vec<NullDirection> {
    let n_null = information.n_null();
    let taus = tau_rows(information, layout);
    let mut found = Vec::new();
    let mut basis: Vec<DVector<f64>> = Vec::new();
    for row in (0..information.scale.len()).filter(|&row| !information.acts[row]) {
        let parameter = information.parameters[row];
        let mut alone = DVector::zeros(information.scale.len());
        alone[row] = 1.0;
        basis.push(alone);
        found.push(NullDirection {
            name: format!("no prediction depends on {}", names[parameter]),
            taus: taus
                .iter()
                .filter(|(_, r)| *r == row)
                .map(|(p, _)| *p)
                .collect(),
            is_exchange: false,
            is_structural: false,
        });
    }
    for candidate in candidates(layout, theta, lines, labels) {
        if !is_null(information, &candidate.direction) {
            continue;
        }
        let is_new = extend(&mut basis, null_part(information, &candidate));
        if is_new || candidate.is_exchange {
            let moved = |&&(p, _): &&(usize, usize)| candidate.direction[p] != 0.0;
            found.push(NullDirection {
                name: candidate.name,
                taus: taus.iter().filter(moved).map(|(p, _)| *p).collect(),
                is_exchange: candidate.is_exchange,
                is_structural: true,
            });
        }
    }
    for k in 0..n_null {
        let mut rest = information.eigenvectors.column(k).into_owned();
        if !extend_with(&mut basis, &mut rest) {
            continue;
        }
        let direction = unscaled(&information.scale, rest.as_slice());
        let words = Combination::of(&direction, 0.0, &information.parameters, names);
        let largest = rest.amax();
        let moved = |&&(_, row): &&(usize, usize)| rest[row].abs() > TAKES_PART * largest;
        let taus: Vec<usize> = taus.iter().filter(moved).map(|(p, _)| *p).collect();
        let is_unnamed = |name: &&String| words.weights.iter().all(|(known, _)| known != *name);
        let unnamed: Vec<&str> = taus
            .iter()
            .map(|&p| &names[p])
            .filter(is_unnamed)
            .map(String::as_str)
            .collect();
        let along = match unnamed.is_empty() {
            true => String::new(),
            false => format!(", and along with it {}", unnamed.join(", ")),
        };
        found.push(NullDirection {
            name: format!(
                "a combination that no prediction depends on: {}{along}",
                words.words()
            ),
            taus,
            is_exchange: false,
            is_structural: false,
        });
    }
    found
}

/// The time constants of theta that have a row.
fn tau_rows(information: &Information, layout: &ModelLayout) -> Vec<(usize, usize)> {
    use tauscope_dynamics::Block;
    let blocks = layout.network.blocks().iter();
    let taus = blocks.filter(|(block, _)| matches!(block, Block::LogTauS | Block::LogTauR));
    taus.flat_map(|(_, range)| range.clone())
        .filter_map(|p| Some((p, information.row(p)?)))
        .collect()
}

/// `v^T F v` against the sum of `v_i^2 F_ii`.
fn is_null(information: &Information, direction: &[f64]) -> bool {
    let along: f64 = information
        .full
        .product(direction)
        .iter()
        .zip(direction)
        .map(|(a, b)| a * b)
        .sum();
    let apart: f64 = information
        .full
        .diagonal()
        .iter()
        .zip(direction)
        .map(|(d, v)| d * v * v)
        .sum();
    apart > 0.0 && along.abs() <= NULL_DIRECTION * apart
}

fn null_part(information: &Information, candidate: &Candidate) -> DVector<f64> {
    let weight = |row: usize| match information.scale[row] {
        // what the readout undoes is null alone, and what acts on nothing is named already
        0.0 => f64::from(u8::from(information.acts[row])),
        scale => scale,
    };
    let rows = information.parameters.iter().enumerate();
    DVector::from_iterator(
        information.parameters.len(),
        rows.map(|(row, &p)| weight(row) * candidate.direction[p]),
    )
}

fn extend(basis: &mut Vec<DVector<f64>>, mut vector: DVector<f64>) -> bool {
    let norm = vector.norm();
    if norm == 0.0 {
        return false;
    }
    vector /= norm;
    extend_with(basis, &mut vector)
}

/// Takes what `basis` spans from a unit vector; adds the rest to the basis if it is more than round-off.
fn extend_with(basis: &mut Vec<DVector<f64>>, vector: &mut DVector<f64>) -> bool {
    for _ in 0..2 {
        for known in basis.iter() {
            let along = known.dot(vector);
            vector.axpy(-along, known, 1.0);
        }
    }
    let norm = vector.norm();
    let is_new = norm > 1e-2;
    if is_new {
        *vector /= norm;
        basis.push(vector.clone());
    }
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_off_is_no_part_of_a_direction() {
        // the second parameter acts by 1e-8 of what the others do
        let scale = [1.0, 1e-8, 2.0, 0.0];
        assert_eq!(
            unscaled(&scale, &[0.6, 1e-9, -0.8, 0.0]),
            [0.6, 0.0, -0.4, 0.0]
        );
        assert_eq!(
            unscaled(&scale, &[0.6, 0.8, 0.0, 0.0]),
            [0.6, 0.8 / 1e-8, 0.0, 0.0]
        );
        assert_eq!(unscaled(&scale, &[0.0, 0.0, 0.0, 1.0])[3], 1.0);
    }
}
