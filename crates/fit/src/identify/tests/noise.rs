//! Outputs of unlike noise.

use super::super::*;
use super::teacher::*;
use crate::plan::FitPlan;
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Units apart, each an output with noise of its own deviation; the dataset does not give it.
fn teacher(noise: [f64; 2], seed: u64) -> Teacher {
    teacher_with_memory(noise, 0.0, seed)
}

fn teacher_with_memory(noise: [f64; 2], rho: f64, seed: u64) -> Teacher {
    let recipe = Recipe {
        units: 2,
        outputs: 2,
        taus: Some([0.05, 0.1]),
        strength: 2.0,
        trials: 4,
        ..SMALL
    };
    let clean = Teacher::new(
        recipe,
        &[&SIGMOID[..], &[("connectivity", "none")]].concat(),
    );
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noisy = |z: &DMatrix<f64>| {
        let mut sum = z.clone();
        for o in 0..z.nrows() {
            let mut e = rng.sample::<f64, _>(StandardNormal);
            for k in 0..z.ncols() {
                sum[(o, k)] += noise[o] * e;
                let new: f64 = rng.sample(StandardNormal);
                e = rho * e + (1.0 - rho * rho).sqrt() * new;
            }
        }
        sum
    };
    let targets = clean.dataset.targets().iter().map(&mut noisy).collect();
    let dataset = clean.dataset.with_targets(targets).unwrap();
    Teacher {
        plan: FitPlan::check(&clean.plan.config, &dataset).unwrap(),
        dataset,
        theta: clean.theta,
    }
}

fn with_std(teacher: &Teacher, std: [f64; 2]) -> Teacher {
    let dataset = teacher.dataset.with_target_std(std.to_vec()).unwrap();
    Teacher {
        plan: FitPlan::check(&teacher.plan.config, &dataset).unwrap(),
        dataset,
        theta: teacher.theta.clone(),
    }
}

#[test]
fn outputs_of_unlike_noise_are_judged_as_if_their_noise_were_given() {
    let noise = [0.05, 0.002];
    let teacher = teacher(noise, 3);
    let profiles = ["tau_s[0]", "tau_s[1]"];
    let judged = |teacher: &Teacher| teacher.judged_at(&teacher.theta, Depth::Twins, &profiles);
    let (found, given) = (judged(&teacher), judged(&with_std(&teacher, noise)));
    let estimated = found.noise_by_output.as_ref().unwrap();
    for (estimated, truth) in estimated.iter().zip(noise) {
        assert!(
            (estimated / truth - 1.0).abs() < 0.15,
            "{estimated} {truth}"
        );
    }
    assert!(found.judged_at().contains("weighted by its own noise"));
    assert_eq!(given.noise_by_output, None);
    let pooled = 0.5 * noise.map(|s| s * s).iter().sum::<f64>();
    assert!((found.noise_variance / pooled - 1.0).abs() < 0.3);
    for (a, b) in found.units.iter().zip(&given.units) {
        let [p, q] = [a, b].map(|unit| unit.order_probability.unwrap());
        assert!((p - q).abs() < 0.05, "{a:?} {b:?}");
        assert_eq!(a.verdict, b.verdict);
    }
    // the noisier unit has no order, the other has
    assert_eq!(found.units[1].verdict, Verdict::Ordered);
    for (a, b) in found.profiles.iter().zip(&given.profiles) {
        assert_eq!(a.intervals.len(), b.intervals.len(), "{a:?} {b:?}");
        for (a, b) in a.intervals.iter().zip(&b.intervals) {
            let width = (b[1] / b[0]).ln();
            let apart = [0, 1].map(|end| (a[end] / b[end]).ln().abs());
            assert!(apart[0].max(apart[1]) < 0.15 * width, "{a:?} {b:?}");
        }
    }
    // of the better known unit curvature and profile agree
    let ([low, high], [a, b]) = (
        found.profiles[1].intervals[0],
        found.units[1].tau_s.unwrap().interval.unwrap(),
    );
    let width = (b / a).ln();
    assert!((low / a).ln().abs() < 0.15 * width && (high / b).ln().abs() < 0.15 * width);
}

#[test]
fn outputs_of_the_same_noise_are_not_weighted() {
    let found = teacher([0.01, 0.01], 3).judged(Depth::Curvature);
    assert_eq!(found.noise_by_output, None);
    assert!(!found.judged_at().contains("weighted"));
    // what the estimate of the noise explains is not unlike either
    let residuals = |squares: [f64; 2], count| super::super::noise::Residuals {
        squares: squares.to_vec(),
        counts: vec![count; 2],
        autocorrelation: 0.0,
        inefficiency: 1.0,
    };
    let unlike = |squares, count| {
        let residuals = residuals(squares, count);
        residuals.noise(4, false).unlike(&residuals)
    };
    assert_eq!(unlike([40.0, 120.0], 40), None);
    assert!(unlike([4000.0, 12000.0], 4000).is_some());
    assert_eq!(unlike([4000.0, 8000.0], 4000), None);
    // nor can the noise of a handful of targets be told
    assert_eq!(unlike([10.0, 1e-3], 10), None);
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say_where_noise_has_a_memory() {
    let (mut held, mut held_by_independent, mut all) = (0, 0, 0);
    for seed in 0..40 {
        let teacher = teacher_with_memory([0.02, 0.02], 0.8, seed);
        let found = teacher.judged(Depth::Curvature);
        // 9 by rho; trials of 60 samples show less of it
        assert!(found.residual_inefficiency > 3.0 && found.residual_inefficiency < 12.0);
        assert!(found.warnings.iter().any(|w| w.contains("correlated")));
        for unit in &found.units {
            let estimates = [unit.tau_s, unit.tau_r].map(Option::unwrap);
            for (estimate, truth) in estimates.iter().zip([0.05, 0.1]) {
                let error = (estimate.value / truth).ln().abs();
                let half = Z95 * estimate.log_error.unwrap();
                all += 1;
                held += usize::from(error < half);
                held_by_independent +=
                    usize::from(error < half / found.residual_inefficiency.sqrt());
            }
        }
    }
    let share = |count: usize| count as f64 / all as f64;
    // of 160 intervals of 95 % fewer than 142 hold the truth once in 2000 times
    assert!(share(held) > 0.885, "{}", share(held));
    assert!(share(held_by_independent) < 0.6);
}
