//! Checkpoints: a fit that is stopped anywhere goes on to the same result, and a damaged state is never taken for one.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nalgebra::DMatrix;
use proptest::prelude::*;
use tauscope_adjoint::HaltReason;
use tauscope_fit::checkpoint::{About, Checkpoint, CheckpointError, Identity, Saving};
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::dataset::{Dataset, RawDataset};
use tauscope_fit::driver::{Control, Position, Provenance, fit, write_result};
use tauscope_fit::optimizer::Termination;
use tauscope_fit::plan::FitPlan;
use tauscope_fit::store::{AttributeValue, Group, StoredFile};

/// Smooth inputs, and outputs that follow them with a delay.
fn dataset() -> Dataset {
    let samples = 24;
    let time = (0..samples).map(|k| 0.05 * k as f64).collect();
    let wave = |trial: usize, row: usize, k: usize, delay: f64| {
        let phase = (0.7 + row as f64) * (0.3 * (k as f64 - delay)) + trial as f64;
        0.5 + 0.3 * phase.sin()
    };
    let matrices = |rows: usize, delay: f64| {
        let trial = |t| DMatrix::from_fn(rows, samples, |i, k| wave(t, i, k, delay));
        (0..5).map(trial).collect::<Vec<_>>()
    };
    let raw = RawDataset::new("waves", "s", time, matrices(1, 0.0), matrices(2, 1.5));
    Dataset::new(raw).unwrap()
}

/// Without a judgement, which begins anew in any case.
fn plan(options: &[(&'static str, &str)], dataset: &Dataset) -> FitPlan {
    let all = [
        ("activation", "sigmoid"),
        ("starts", "3"),
        ("identify", "false"),
    ];
    let layer = Layer::from_options(all.iter().chain(options).copied()).unwrap();
    FitPlan::check(&EffectiveConfig::merge(&[layer]).unwrap(), dataset).unwrap()
}

/// One session of a fit, on one thread, so that what `stops` sees comes in the same order every time.
struct Session<'a> {
    plan: &'a FitPlan,
    dataset: &'a Dataset,
    folder: &'a Path,
    stops: &'a (dyn Fn(&Position) -> bool + Sync),
}

impl Session<'_> {
    /// Writes `result.h5` and, where it is stopped, `checkpoint`.
    fn run(&self, resumed: Option<&Checkpoint>) -> Option<HaltReason> {
        let provenance = Provenance::begin([], &[], 1, None);
        let provenance = match resumed {
            Some(checkpoint) => provenance.going_on_from(&checkpoint.about),
            None => provenance,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let path = self.folder.join("checkpoint");
        let saving = Saving {
            path: &path,
            interval: Duration::from_secs(3600),
            about: About::new(self.plan, self.dataset, &provenance, resumed),
            resumed,
            notify: &|notice| panic!("{notice:?}"),
        };
        let control = Control {
            stop: &stop,
            deadline: None,
            progress: &|at| {
                stop.fetch_or((self.stops)(at), Ordering::Relaxed);
            },
            judging: &|_| {},
            saving: Some(&saving),
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let result = pool
            .unwrap()
            .install(|| fit(self.plan, self.dataset, &control));
        let (result, path) = (result.unwrap(), self.folder.join("result.h5"));
        write_result(&path, &result, self.plan, self.dataset, &provenance).unwrap();
        result.stopped()
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::read(&self.folder.join("checkpoint")).unwrap()
    }

    /// The result, without what may differ.
    fn result(&self) -> Group {
        let file = StoredFile::open(&self.folder.join("result.h5")).unwrap();
        let mut tree = file.root().load().unwrap();
        tree.groups.retain(|(name, _)| name != "provenance");
        for (_, group) in &mut tree.groups {
            group
                .variables
                .retain(|variable| variable.name != "seconds");
        }
        tree
    }
}

/// As text, in which NaN is equal to itself and every other number is told exactly.
fn text(group: &Group) -> String {
    format!("{group:?}")
}

const NEVER: &(dyn Fn(&Position) -> bool + Sync) = &|_| false;

fn whole(plan: &FitPlan, dataset: &Dataset) -> Group {
    let folder = tempfile::tempdir().unwrap();
    let session = Session {
        plan,
        dataset,
        folder: folder.path(),
        stops: NEVER,
    };
    assert_eq!(session.run(None), None);
    assert!(!folder.path().join("checkpoint").exists());
    session.result()
}

/// A fit by `first`, stopped where `stops` says, goes on by `second` to what `second` finds by itself.
fn assert_goes_on(
    first: &FitPlan,
    second: &FitPlan,
    expected: &str,
    stops: &(dyn Fn(&Position) -> bool + Sync),
    what: &str,
) -> Checkpoint {
    let dataset = dataset();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let begun = Session {
        plan: first,
        dataset: &dataset,
        folder,
        stops,
    };
    assert_eq!(begun.run(None), Some(HaltReason::Stop), "{what}");
    let checkpoint = begun.checkpoint();
    let now = Identity::of(second, &dataset, "unknown");
    checkpoint.check(&now, second).unwrap();
    let resumed = Session {
        plan: second,
        stops: NEVER,
        ..begun
    };
    assert_eq!(resumed.run(Some(&checkpoint)), None, "{what}");
    assert!(text(&resumed.result()) == expected, "{what}");
    checkpoint
}

#[test]
fn a_fit_stopped_on_the_ladder_or_in_any_start_goes_on_to_the_same_bits() {
    let dataset = dataset();
    for optimizer in ["gauss-newton", "lbfgs", "adam"] {
        let plan = plan(
            &[("optimizer", optimizer), ("max_iterations", "6")],
            &dataset,
        );
        let expected = text(&whole(&plan, &dataset));
        // four rungs of the ladder, then two more starts
        for run in 0..6 {
            for iteration in [0, 3] {
                let stops = |at: &Position| at.starts_done == run && at.iteration == iteration;
                let what = format!("{optimizer}, run {run}, iteration {iteration}");
                let checkpoint = assert_goes_on(&plan, &plan, &expected, &stops, &what);
                let ended = checkpoint.runs().filter(|run| run.ended.is_some()).count();
                assert_eq!(ended, run, "{what}");
            }
        }
    }
}

#[test]
fn more_iterations_go_on_where_the_fewer_ended() {
    let dataset = dataset();
    for optimizer in ["gauss-newton", "lbfgs"] {
        let of = |n: &str| plan(&[("optimizer", optimizer), ("max_iterations", n)], &dataset);
        let expected = text(&whole(&of("9"), &dataset));
        for (run, iteration) in [(2, 1), (5, 2)] {
            let stops = |at: &Position| at.starts_done == run && at.iteration == iteration;
            let checkpoint = assert_goes_on(&of("4"), &of("9"), &expected, &stops, optimizer);
            let limited = |run: &tauscope_fit::checkpoint::RunStatus| {
                run.ended == Some(Termination::MaxIterations)
            };
            assert!(checkpoint.runs().any(|run| limited(&run)));
        }
    }
}

#[test]
fn fewer_iterations_than_were_done_are_refused_and_as_many_as_are_left_are_not() {
    let dataset = dataset();
    let of = |n: &str| plan(&[("optimizer", "lbfgs"), ("max_iterations", n)], &dataset);
    let expected = text(&whole(&of("4"), &dataset));
    let stops = |at: &Position| at.starts_done == 0 && at.iteration == 3;
    let checkpoint = assert_goes_on(&of("8"), &of("4"), &expected, &stops, "fewer");
    let few = of("3");
    let error = checkpoint.check(&Identity::of(&few, &dataset, "unknown"), &few);
    let Err(error @ CheckpointError::TooFewIterations { .. }) = error else {
        panic!("{error:?}");
    };
    let message = error.to_string();
    assert!(message.ends_with("start 0 has done 3 iterations, and --max-iterations is 3: give at least 4, or begin anew with --force"), "{message}");
}

#[test]
fn another_program_and_another_dataset_are_other_problems() {
    let dataset = dataset();
    let plan = plan(&[], &dataset);
    let identity = |commit| Identity::of(&plan, &dataset, commit);
    let differences = identity("a").differences(&identity("b"));
    let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["program commit was a and is b"]);
}

#[test]
fn every_damage_of_a_checkpoint_is_refused_or_changes_nothing() {
    let (dataset, folder) = (dataset(), tempfile::tempdir().unwrap());
    let session = Session {
        plan: &plan(&[("max_iterations", "3")], &dataset),
        dataset: &dataset,
        folder: folder.path(),
        stops: &|at| at.starts_done == 1 && at.iteration == 2,
    };
    session.run(None);
    let path = folder.path().join("checkpoint");
    let sound = std::fs::read(&path).unwrap();
    let state = format!("{:?}", session.checkpoint());
    let (refused, harmless) = (Cell::new(0), Cell::new(0));
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig::with_cases(800));
    let damage = (
        any::<prop::sample::Index>(),
        0_u8..8,
        prop::bool::weighted(0.2),
    );
    let outcome = runner.run(&damage, |(at, bit, is_cut)| {
        let mut bytes = sound.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        bytes.truncate(if is_cut { at } else { sound.len() });
        std::fs::write(&path, &bytes).unwrap();
        let counter = match Checkpoint::read(&path) {
            Err(_) => &refused,
            Ok(read) => {
                prop_assert!(format!("{read:?}") == state, "byte {at}, bit {bit}");
                &harmless
            }
        };
        counter.set(counter.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    println!("{} refused, {} harmless", refused.get(), harmless.get());
    assert!(refused.get() > 300);
}

#[test]
fn a_state_whose_words_were_changed_in_a_sound_file_is_refused() {
    let (dataset, folder) = (dataset(), tempfile::tempdir().unwrap());
    let session = Session {
        plan: &plan(&[("max_iterations", "3")], &dataset),
        dataset: &dataset,
        folder: folder.path(),
        stops: &|at| at.starts_done == 1 && at.iteration == 2,
    };
    session.run(None);
    let path = folder.path().join("checkpoint");
    let sound = StoredFile::open(&path).unwrap().root().load().unwrap();
    let changed = |change: &dyn Fn(&mut Group)| {
        let mut tree = sound.clone();
        let state = tree.groups.iter_mut().find(|(name, _)| name == "state");
        change(&mut state.unwrap().1);
        tauscope_fit::store::write_file(&path, &tree).unwrap();
        Checkpoint::read(&path).unwrap_err().to_string()
    };
    let message = changed(&|state| {
        if let tauscope_fit::store::Values::Integer(words) = &mut state.variables[0].values {
            words[7] ^= 1;
        }
    });
    let expected = format!(
        "{} is damaged (its state is not what was written): begin anew with --force, or delete it",
        path.display()
    );
    assert_eq!(message, expected);
    let length = |length: i64| {
        changed(&|state| {
            for (name, value) in &mut state.attributes {
                if name == "bytes" {
                    *value = AttributeValue::Integer(length);
                }
            }
        })
    };
    for bytes in [-1, 0, i64::MAX] {
        assert_eq!(length(bytes), expected);
    }
}
