//! Truncated, preconditioned conjugate gradients for the damped step.

use super::bounded_step::{DampedModel, Unsolved};
use crate::optimizer::vector;
use crate::optimizer::watched::Watched;

/// The residual that ends the iteration, relative to the first one.
const FORCING: f64 = 1e-3;
/// The iteration also ends when its last step brought less than this fraction of the mean step's
/// reduction of the quadratic model (Nash & Sofer).
const LEAST_PROGRESS: f64 = 0.1;

/// Solves (H + damping D) p = rhs over the free parameters, preconditioned by the diagonal; p is
/// zero elsewhere.
pub(super) fn solve(
    system: &DampedModel<'_, '_>,
    watched: &mut Watched<'_>,
    free: &[bool],
    rhs: &[f64],
) -> Result<Vec<f64>, Unsolved> {
    let preconditioner = preconditioner(system);
    let mut residual = masked(rhs, free);
    let mut solution = vec![0.0; rhs.len()];
    let mut conditioned = scaled(&residual, &preconditioner);
    let mut direction = conditioned.clone();
    let mut rho = vector::dot(&residual, &conditioned);
    let first = rho;
    let mut reduction = 0.0;
    for round in 1..=system.max_products {
        if rho <= FORCING * FORCING * first {
            break;
        }
        if let Some(termination) = watched.asks_to_stop() {
            return Err(Unsolved::Stopped(termination));
        }
        let Ok(product) = system.model.product(watched, &direction) else {
            return if round > 1 {
                Ok(solution)
            } else {
                Err(Unsolved::Failed)
            };
        };
        let product = damped(&masked(&product, free), system, &direction);
        let curvature = vector::dot(&direction, &product);
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = rho / curvature;
        vector::add(&mut solution, length, &direction);
        vector::add(&mut residual, -length, &product);
        let gained = 0.5 * length * rho;
        reduction += gained;
        if gained * round as f64 <= LEAST_PROGRESS * reduction {
            break;
        }
        conditioned = scaled(&residual, &preconditioner);
        let next = vector::dot(&residual, &conditioned);
        direction = vector::moved(&conditioned, next / rho, &direction);
        rho = next;
    }
    Ok(solution)
}

/// 1 / (diag H + damping D), the diagonal being known only where the scale was made from it.
fn preconditioner(system: &DampedModel<'_, '_>) -> Vec<f64> {
    let known = system.model.diagonal().is_some();
    let curvature = if known { 1.0 } else { 0.0 };
    system
        .scale
        .iter()
        .map(|scale| {
            if known {
                1.0 / (scale * (curvature + system.damping))
            } else {
                1.0
            }
        })
        .collect()
}

fn masked(v: &[f64], free: &[bool]) -> Vec<f64> {
    v.iter()
        .zip(free)
        .map(|(&value, &free)| if free { value } else { 0.0 })
        .collect()
}

fn scaled(v: &[f64], by: &[f64]) -> Vec<f64> {
    v.iter().zip(by).map(|(x, y)| x * y).collect()
}

fn damped(product: &[f64], system: &DampedModel<'_, '_>, direction: &[f64]) -> Vec<f64> {
    product
        .iter()
        .zip(system.scale.iter().zip(direction))
        .map(|(value, (scale, along))| value + system.damping * scale * along)
        .collect()
}
