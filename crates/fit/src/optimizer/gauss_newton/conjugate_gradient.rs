//! Truncated, preconditioned conjugate gradients for the damped step.

use super::bounded_step::{DampedModel, Unsolved};
use crate::optimizer::failure::SolveFailure;
use crate::optimizer::memory::Pair;
use crate::optimizer::vector;
use crate::optimizer::watched::Watched;

/// The residual that ends the iteration, relative to the first one.
const FORCING: f64 = 1e-3;
/// The iteration also ends when its last step brought less than this fraction of the mean step's
/// reduction of the quadratic model (Nash & Sofer).
const LEAST_PROGRESS: f64 = 0.1;

/// Solves (H + damping D) p = rhs over the free parameters; p is zero elsewhere. Preconditioned by
/// the diagonal of H where it is known, else by the memory of an earlier solve. The steps taken and
/// their products become `learnt`.
pub(super) fn solve(
    system: &DampedModel<'_, '_>,
    watched: &mut Watched<'_>,
    free: &[bool],
    rhs: &[f64],
    learnt: &mut Vec<Pair>,
) -> Result<Vec<f64>, Unsolved> {
    learnt.clear();
    let diagonal = inverse_diagonal(system);
    let condition = |residual: &[f64]| match &diagonal {
        Some(inverse) => residual.iter().zip(inverse).map(|(r, d)| r * d).collect(),
        None => system.memory.apply(residual, free),
    };
    let mut residual = rhs.to_vec();
    vector::mask(&mut residual, free);
    let mut solution = vec![0.0; rhs.len()];
    let mut direction = condition(&residual);
    let mut rho = vector::dot(&residual, &direction);
    let first = rho;
    let mut reduction = 0.0;
    for round in 1..=system.max_products {
        if rho.is_nan() || rho <= FORCING * FORCING * first {
            break;
        }
        if let Some(termination) = watched.asks_to_stop() {
            return Err(Unsolved::Stopped(termination));
        }
        let Ok(product) = damped_product(system, watched, free, &direction) else {
            return if round > 1 {
                Ok(solution)
            } else {
                Err(Unsolved::Failed)
            };
        };
        let curvature = vector::dot(&direction, &product);
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = rho / curvature;
        vector::add(&mut solution, length, &direction);
        vector::add(&mut residual, -length, &product);
        let gained = 0.5 * length * rho;
        reduction += gained;
        let conditioned: Vec<f64> = condition(&residual);
        let next = vector::dot(&residual, &conditioned);
        let onward = vector::moved(&conditioned, next / rho, &direction);
        learnt.push(Pair::new(
            std::mem::replace(&mut direction, onward),
            product,
        ));
        rho = next;
        if gained * round as f64 <= LEAST_PROGRESS * reduction {
            break;
        }
    }
    Ok(solution)
}

/// (H + damping D) v over the free parameters
fn damped_product(
    system: &DampedModel<'_, '_>,
    watched: &mut Watched<'_>,
    free: &[bool],
    v: &[f64],
) -> Result<Vec<f64>, SolveFailure> {
    let mut product = system.model.product(watched, v)?;
    for (entry, (scale, v)) in product.iter_mut().zip(system.scale.iter().zip(v)) {
        *entry += system.damping * scale * v;
    }
    vector::mask(&mut product, free);
    Ok(product)
}

/// 1 / (diag H + damping D), where the diagonal of H is known.
fn inverse_diagonal(system: &DampedModel<'_, '_>) -> Option<Vec<f64>> {
    let diagonal = system.model.diagonal()?;
    let damped = diagonal.iter().zip(system.scale);
    Some(
        damped
            .map(|(h, d)| 1.0 / (h + system.damping * d))
            .collect(),
    )
}
