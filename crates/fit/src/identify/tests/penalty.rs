//! Intervals of penalised fits: those of the minimum without penalty, or none.

use super::super::information::Information;
use super::super::noise::Residuals;
use super::super::*;
use super::teacher::*;
use crate::objective::FitObjective;
use std::sync::atomic::AtomicBool;

/// On the normalised objective.
const L2: f64 = 1e-3;

fn strong(seed: u64) -> Teacher {
    let recipe = Recipe {
        seed,
        noise: 0.05,
        strength: 3.0,
        ..SMALL
    };
    Teacher::new(recipe, &SIGMOID)
}

/// What a fit with the penalty finds, from the truth.
fn penalised(teacher: &Teacher) -> Vec<f64> {
    let stop = AtomicBool::new(false);
    let control = Control {
        stop: &stop,
        deadline: None,
        progress: &|_| {},
    };
    let objective = teacher.plan.objective(&teacher.dataset, L2).unwrap();
    refit::refit(
        &objective,
        &teacher.theta,
        refit::Search::to_the_end(100),
        &control,
    )
    .unwrap()
    .point
}

/// Intervals held, of so many.
#[derive(Debug, Default)]
struct Held {
    held: usize,
    all: usize,
}

impl Held {
    fn add(&mut self, is_held: bool) {
        self.all += 1;
        self.held += usize::from(is_held);
    }

    fn part(&self) -> f64 {
        self.held as f64 / self.all as f64
    }
}

/// Intervals about the penalised point itself, as if it were a minimum of the cost.
fn naive(objective: &FitObjective<'_>, point: &[f64], truth: &[f64], into: &mut Held) {
    let residuals = Residuals::at(objective, point).unwrap();
    let noise = residuals.noise(point.len(), false);
    let free = vec![true; point.len()];
    let information = Information::at(objective, point, &free, &noise).unwrap();
    for (name, range) in objective.blocks() {
        for p in range.filter(|_| name.starts_with("log_tau")) {
            let row = information.row(p).unwrap();
            let error = information.standard_error(&[(row, 1.0)]);
            into.add((point[p] - truth[p]).abs() <= Z95 * error);
        }
    }
}

#[test]
fn intervals_of_penalised_fits_hold_the_truth_as_often_as_they_say() {
    let (mut told, mut about_the_point) = (Held::default(), Held::default());
    for seed in 1..=10 {
        let teacher = strong(seed);
        let point = penalised(&teacher);
        let objective = teacher.plan.objective(&teacher.dataset, 0.0).unwrap();
        naive(&objective, &point, &teacher.theta, &mut about_the_point);
        let found = teacher.judged_at(&point, Depth::Curvature, &[]);
        assert_eq!(found.basis, Basis::Refitted, "seed {seed}");
        assert!(
            found.warnings[0].contains("refit without penalty"),
            "{:?}",
            found.warnings
        );
        let (tau_s, tau_r) = teacher.plan.layout.time_constants(&teacher.theta);
        for unit in &found.units {
            let taus = [
                (unit.tau_s, tau_s[unit.index]),
                (unit.tau_r, tau_r[unit.index]),
            ];
            for (estimate, truth) in taus {
                if let Some([low, high]) = estimate.unwrap().interval {
                    told.add(low <= truth && truth <= high);
                }
            }
        }
    }
    // of 60 intervals of 95 % fewer than 51 hold the truth once in 3000 times
    assert!(told.all >= 50 && told.part() >= 0.85, "{told:?}");
    assert!(about_the_point.part() < 0.7, "{about_the_point:?}");
}

#[test]
fn a_refit_that_does_not_converge_gives_no_interval_no_error_and_no_order() {
    let teacher = strong(1);
    let point = penalised(&teacher);
    let found = teacher.judged_within(1, &point, Depth::Full, &["tau_s[0]"]);
    assert_eq!(found.basis, Basis::Unconverged);
    for unit in &found.units {
        assert_eq!(
            (&unit.pair_intervals, unit.order_probability),
            (&None, None)
        );
        for tau in [unit.tau_s, unit.tau_r] {
            let tau = tau.unwrap();
            assert_eq!((tau.interval, tau.log_error), (None, None));
        }
        assert!(unit.reason.contains("did not converge"), "{}", unit.reason);
    }
    let profile = &found.profiles[0];
    assert!(profile.intervals.is_empty() && profile.reason.contains("did not converge"));
    assert_eq!(found.advice, None);
}

/// Judged from `point`, and interrupted when a task begins whose name starts so.
fn interrupted(teacher: &Teacher, point: &[f64], at: &str) -> Identification {
    let stop = AtomicBool::new(false);
    let control = Control {
        stop: &stop,
        deadline: None,
        progress: &|position| {
            if position.task.starts_with(at) {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        },
    };
    let request = Request {
        theta: point,
        depth: Depth::Full,
        profiles: Vec::new(),
        most_iterations: 100,
    };
    identify(&teacher.plan, &teacher.dataset, &request, &control).unwrap()
}

#[test]
fn what_was_interrupted_is_said_to_be_and_not_to_have_failed() {
    let teacher = strong(1);
    let point = penalised(&teacher);
    let found = interrupted(&teacher, &point, "refit without penalty");
    assert!(found.interrupted);
    assert_eq!(found.basis, Basis::Interrupted);
    assert!(found.judged_at().contains("interrupted"));
    for unit in &found.units {
        assert!(unit.reason.contains("interrupted"), "{}", unit.reason);
        assert!(!unit.reason.contains("converge"), "{}", unit.reason);
    }
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
    assert!(found.warnings[0].contains("was interrupted"));
    let found = interrupted(&teacher, &point, "swapped twin of");
    assert!(found.interrupted && found.basis == Basis::Refitted);
    assert!(found.warnings.concat().contains("was interrupted"));
    assert!(!found.warnings.concat().contains("did not converge"));
    // an order from half a refit would be a guess
    for unit in &found.units {
        assert_eq!((unit.order_probability, &unit.twin), (None, &None));
    }
}

#[test]
fn a_refit_without_intervals_is_not_said_to_have_them() {
    let relu = [("activation", "relu"), ("readout", "direct")];
    let teacher = Teacher::new(
        Recipe {
            noise: 0.05,
            ..SMALL
        },
        &relu,
    );
    let found = teacher.judged_at(&penalised(&teacher), Depth::Curvature, &[]);
    assert_eq!(found.basis, Basis::Refitted);
    assert!(found.units.iter().all(|unit| unit.pair_intervals.is_none()));
    let said = found.warnings.concat();
    assert!(!said.contains("intervals belong"), "{said}");
}

#[test]
fn a_refit_of_deficient_rank_gives_no_interval_and_the_reason() {
    let identity = [("activation", "identity"), ("readout", "direct")];
    let recipe = Recipe {
        noise: 0.02,
        strength: 0.5,
        ..SMALL
    };
    let teacher = Teacher::new(recipe, &identity);
    let found = teacher.judged_at(&penalised(&teacher), Depth::Full, &[]);
    for unit in &found.units {
        assert_eq!(unit.pair_intervals, None);
        assert_eq!(unit.tau_s.unwrap().log_error, None);
        assert!(!unit.reason.is_empty());
        if found.basis != Basis::Unconverged {
            assert!(unit.reason.contains("self-connection"), "{}", unit.reason);
        }
    }
}
