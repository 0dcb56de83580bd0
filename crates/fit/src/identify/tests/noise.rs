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
        DMatrix::from_fn(z.nrows(), z.ncols(), |o, k| {
            z[(o, k)] + noise[o] * rng.sample::<f64, _>(StandardNormal)
        })
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
    let residuals = |squares: [f64; 2], count| information::Residuals {
        squares: squares.to_vec(),
        counts: vec![count; 2],
        autocorrelation: 0.0,
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
