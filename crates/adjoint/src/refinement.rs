use crate::{FixedStepMethod, Integrator, StepControl, Stops, Tolerances};
use tauscope_dynamics::InputSignal;

/// The same problem with finer steps: what a gradient changes by is the estimate of its error.
///
/// Every stretch between samples and evaluation times is halved, by further samples that do not change the input and that no
/// step passes over (a method that may take two sample intervals at once takes half of each), and tolerances are a tenth (exponential methods: a sixteenth, which is one halving at order 4). So the finer gradient has at most
/// a fraction of the error, whether tolerances, stops or a given step limit the steps, and the difference is the error itself:
/// not a bound, and not a guess from one step. It costs two to three gradients. Forward sensitivities along random directions
/// cost less, but tell no more than the error along them: one direction misses the size of the error by a factor of ten for one
/// gradient in twelve.
#[derive(Debug, Clone)]
pub struct Refinement {
    /// The same inputs, with more samples.
    pub input: InputSignal,
    /// The same method, with finer steps.
    pub integrator: Integrator,
    /// The part of the error that the finer steps take away.
    share: f64,
}

/// Tolerances that round-off still allows.
const LEAST_RTOL: f64 = 1e-13;

impl Refinement {
    /// The refinement of a solve; `None` where steps have no limit to refine ([`FixedStepMethod::Elman`], or a solve that
    /// ignores the knots of its input).
    pub fn new(input: &InputSignal, t_eval: &[f64], integrator: &Integrator) -> Option<Refinement> {
        let (integrator, share) = finer(integrator)?;
        Some(Refinement {
            input: input.with_samples_at(&middles(input, t_eval)),
            integrator,
            share,
        })
    }

    /// Estimated error of `coarse` relative to its norm, both one block of a gradient; 0 for a block that is zero.
    pub fn relative_error(&self, coarse: &[f64], fine: &[f64]) -> f64 {
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
        let size = norm(&mut fine.iter().copied());
        let difference = norm(&mut coarse.iter().zip(fine).map(|(c, f)| c - f));
        if difference == 0.0 {
            return 0.0;
        }
        difference / (self.share * size)
    }
}

fn finer(integrator: &Integrator) -> Option<(Integrator, f64)> {
    match *integrator {
        Integrator::Adaptive { method, tolerances } => {
            let tolerances = tightened(tolerances, 0.1);
            Some((Integrator::Adaptive { method, tolerances }, 0.9))
        }
        Integrator::Exponential { method, control } => {
            let control = match control {
                StepControl::Tolerances(tolerances) => {
                    StepControl::Tolerances(tightened(tolerances, 1.0 / 16.0))
                }
                StepControl::Step(step) => StepControl::Step(step.map(|h| 0.5 * h)),
            };
            Some((Integrator::Exponential { method, control }, 15.0 / 16.0))
        }
        Integrator::FixedStep {
            method,
            step,
            stops: Stops::Knots,
        } => {
            let finer = Integrator::FixedStep {
                method,
                step: step.map(|h| 0.5 * h),
                stops: Stops::Knots,
            };
            Some((finer, 1.0 - 0.5_f64.powi(order(method)?)))
        }
        Integrator::FixedStep { .. } => None,
    }
}

fn tightened(tolerances: Tolerances, factor: f64) -> Tolerances {
    let rtol = (tolerances.rtol * factor).max(LEAST_RTOL.min(tolerances.rtol));
    Tolerances {
        rtol,
        atol: tolerances.atol * rtol / tolerances.rtol,
    }
}

/// Order of convergence, where steps approximate the differential equation.
fn order(method: FixedStepMethod) -> Option<i32> {
    match method {
        FixedStepMethod::Euler
        | FixedStepMethod::EulerSequential
        | FixedStepMethod::ExponentialEuler
        | FixedStepMethod::BackwardEuler => Some(1),
        FixedStepMethod::Heun | FixedStepMethod::ImplicitMidpoint => Some(2),
        FixedStepMethod::Rk4 => Some(4),
        FixedStepMethod::Elman => None,
    }
}

/// Middles between the places where steps end, up to the last evaluation time; where some of these are no samples, the places
/// too: steps over two intervals would lie between them at random.
fn middles(input: &InputSignal, t_eval: &[f64]) -> Vec<f64> {
    let time = input.time();
    let mut between_samples = t_eval.to_vec();
    between_samples.retain(|&t| sample_at(time, t).is_none());
    let end = t_eval.last().copied().unwrap_or(input.start());
    let end = sample_at(time, end).unwrap_or(end);
    let mut places = [time, &between_samples].concat();
    places.retain(|&t| t <= end);
    places.sort_by(f64::total_cmp);
    let middles = places.windows(2).map(|p| 0.5 * (p[0] + p[1]));
    let mut ends: Vec<f64> = middles.collect();
    if !between_samples.is_empty() {
        ends.extend(places);
        ends.sort_by(f64::total_cmp);
    }
    ends
}

/// The sample that a time is, but for round-off.
fn sample_at(time: &[f64], t: f64) -> Option<f64> {
    let after = time.partition_point(|&s| s < t);
    let near = &time[after.saturating_sub(1)..(after + 1).min(time.len())];
    let slack = SAME_TIME * near.last()? - SAME_TIME * near.first()?;
    near.iter().copied().find(|s| (s - t).abs() <= slack)
}

/// Times that differ by less than this part of a sample interval are one.
const SAME_TIME: f64 = 1e-9;
