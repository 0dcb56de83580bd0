//! Gathers the states of all runs and writes them by time.

use super::{About, Checkpoint, CheckpointError, StoredRun, file};
use crate::optimizer::{Outcome, Snapshot};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run hands over its state this often between two writes: what a crash loses is an interval and a fraction.
const FRACTION: u32 = 4;

/// What happened to a checkpoint, for the person at the terminal.
#[derive(Debug)]
pub enum Notice<'a> {
    /// The first one was written.
    Saved(&'a Path),
    /// One could not be written; the former one stays.
    Failed(&'a CheckpointError),
}

/// How and where the state of a fit is saved.
pub struct Saving<'a> {
    /// The file.
    pub path: &'a Path,
    /// Time between two writes.
    pub interval: Duration,
    /// What is said of the fit.
    pub about: About,
    /// The state to go on from.
    pub resumed: Option<&'a Checkpoint>,
    /// Is told.
    pub notify: &'a (dyn Fn(&Notice<'_>) + Sync),
}

/// The states of the runs of one fit.
pub(crate) struct Saver<'a> {
    saving: Option<&'a Saving<'a>>,
    begin: Instant,
    states: Mutex<States>,
}

struct States {
    runs: Vec<Held>,
    written: Instant,
    writes: usize,
    is_failing: bool,
}

struct Held {
    run: StoredRun,
    since: Instant,
}

impl<'a> Saver<'a> {
    pub(crate) fn new(saving: Option<&'a Saving<'a>>) -> Saver<'a> {
        let begin = Instant::now();
        let resumed = saving.and_then(|saving| saving.resumed);
        let runs = resumed.iter().flat_map(|checkpoint| &checkpoint.runs);
        let held = |run: &StoredRun| Held {
            run: run.clone(),
            since: begin,
        };
        Saver {
            saving,
            begin,
            states: Mutex::new(States {
                runs: runs.map(held).collect(),
                written: begin,
                writes: 0,
                is_failing: false,
            }),
        }
    }

    /// The state that a run goes on from.
    pub(crate) fn stored(&self, start: usize, l2: f64) -> Option<StoredRun> {
        let states = self.lock();
        let held = states.runs.iter().find(|held| held.run.is(start, l2));
        held.map(|held| held.run.clone())
    }

    /// A run passes: its state is taken where that is due, and all states are written where that is.
    pub(crate) fn pass(&self, start: usize, l2: f64, state: &dyn Fn() -> Snapshot) {
        let Some(saving) = self.saving else { return };
        // another run is handing over or writing: there will be a next time
        let Ok(mut states) = self.states.try_lock() else {
            return;
        };
        let is_due = states.written.elapsed() >= saving.interval;
        let held = states.runs.iter().find(|held| held.run.is(start, l2));
        let is_old = held.is_none_or(|held| held.since.elapsed() >= saving.interval / FRACTION);
        if is_due || is_old {
            states.hold(StoredRun {
                start,
                l2,
                state: state(),
                ended: None,
            });
        }
        if is_due && self.write(&mut states) && states.writes == 1 {
            (saving.notify)(&Notice::Saved(saving.path));
        }
    }

    /// A run has ended or was stopped.
    pub(crate) fn keep(&self, start: usize, l2: f64, outcome: &Outcome) {
        if self.saving.is_some() {
            self.lock().hold(StoredRun::of(start, l2, outcome));
        }
    }

    /// All runs have ended or were stopped: writes what would be lost, of a fit that goes on later or took long.
    pub(crate) fn finish(&self, goes_on_later: bool) {
        let Some(saving) = self.saving else { return };
        let mut states = self.lock();
        if goes_on_later || states.written.elapsed() >= saving.interval {
            let _ = self.write(&mut states);
        }
    }

    /// Seconds that the fit took so far, earlier sessions included.
    pub(crate) fn seconds(&self) -> f64 {
        let earlier = self.saving.map_or(0.0, |saving| saving.about.seconds);
        earlier + self.begin.elapsed().as_secs_f64()
    }

    /// Whether it could be written.
    fn write(&self, states: &mut States) -> bool {
        let Some(saving) = self.saving else {
            return false;
        };
        let about = About {
            seconds: self.seconds(),
            ..saving.about.clone()
        };
        let runs: Vec<&StoredRun> = states.runs.iter().map(|held| &held.run).collect();
        let outcome = file::write(saving.path, &about, &runs);
        states.written = Instant::now();
        if let (Err(error), false) = (&outcome, states.is_failing) {
            (saving.notify)(&Notice::Failed(error));
        }
        states.is_failing = outcome.is_err();
        states.writes += usize::from(outcome.is_ok());
        outcome.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl States {
    fn hold(&mut self, run: StoredRun) {
        let since = Instant::now();
        let held = Held { run, since };
        match self
            .runs
            .iter_mut()
            .find(|known| known.run.is(held.run.start, held.run.l2))
        {
            Some(known) => *known = held,
            None => self.runs.push(held),
        }
    }
}
