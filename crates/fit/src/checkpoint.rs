//! Checkpoints: the state of a fit that has not ended, from which it goes on to the same bits.
//!
//! A [`Checkpoint`] holds every run of the optimizer that has begun, ended or not, and the [`Identity`] of the problem. A
//! `Saver` gathers the states of the runs as they pass and writes the file by time. What was chosen between runs (the
//! penalty, the starts that follow) is not stored: it follows from the runs.

mod file;
mod identity;
mod saver;

use crate::config::EffectiveConfig;
use crate::optimizer::{Outcome, Snapshot, Termination};
use crate::plan::FitPlan;
use crate::store::StoreError;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use thiserror::Error;

pub use identity::{Difference, Identity};
pub(crate) use saver::Saver;
pub use saver::{Notice, Saving};

/// Why a fit cannot go on from a checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its contents are not what was written.
    #[error("{} is damaged ({detail}): begin anew with --force, or delete it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It is of another problem.
    #[error(
        "{} is of a fit with other settings: {}; give them as they were, or begin anew with --force",
        path.display(),
        list(differences)
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// Whatever changes numbers and is not the same.
        differences: Vec<Difference>,
    },
    /// The limit of iterations lies below what was done.
    #[error(
        "{}: start {start} has done {iterations} iterations, and --max-iterations is {limit}: give at least {}, or begin anew with --force",
        path.display(),
        iterations + 1
    )]
    TooFewIterations {
        /// The file.
        path: PathBuf,
        /// The start.
        start: usize,
        /// What it has done.
        iterations: u64,
        /// The most that it may do now.
        limit: u64,
    },
}

fn list(differences: &[Difference]) -> String {
    let words: Vec<String> = differences.iter().map(Difference::to_string).collect();
    words.join(", ")
}

/// What a checkpoint says of its fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The run that it belongs to; its result bears the same name.
    pub run: String,
    /// When that run began.
    pub start_time: String,
    /// Its command line.
    pub command_line: String,
    /// The configuration as TOML.
    pub configuration: String,
    /// Path of the dataset.
    pub dataset: String,
    /// What must be the same to go on.
    pub identity: Identity,
    /// The most iterations that a start may take.
    pub max_iterations: u64,
    /// Seconds that the fit took so far.
    pub seconds: f64,
}

/// One run of the optimizer that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) start: usize,
    pub(crate) l2: f64,
    pub(crate) state: Snapshot,
    /// Why it ended; `None` while it goes on.
    pub(crate) ended: Option<Termination>,
}

impl StoredRun {
    /// What is to be stored of a run of which `outcome` came.
    pub(crate) fn of(start: usize, l2: f64, outcome: &Outcome) -> StoredRun {
        let cut = matches!(
            outcome.termination,
            Termination::Interrupted | Termination::TimeLimit
        );
        StoredRun {
            start,
            l2,
            state: outcome.snapshot.clone(),
            ended: (!cut).then_some(outcome.termination),
        }
    }

    pub(crate) fn is(&self, start: usize, l2: f64) -> bool {
        self.start == start && self.l2.to_bits() == l2.to_bits()
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunStatus {
    /// Its start.
    pub start: usize,
    /// Its penalty.
    pub l2: f64,
    /// Completed iterations.
    pub iterations: u64,
    /// Why it ended; `None` while it goes on.
    pub ended: Option<Termination>,
}

/// The state of a fit.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The file that it was read from.
    pub path: PathBuf,
    /// What it says of the fit.
    pub about: About,
    pub(crate) runs: Vec<StoredRun>,
}

impl Checkpoint {
    /// Reads a checkpoint, every bit of which must be as it was written.
    ///
    /// # Errors
    /// [`CheckpointError::Store`] and [`CheckpointError::Damaged`]; [`CheckpointError::Differs`] where another version wrote it.
    pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
        file::read(path)
    }

    /// Refuses a checkpoint from which the fit of `plan` cannot go on to the bits that it would have had.
    ///
    /// # Errors
    /// [`CheckpointError::Differs`] and [`CheckpointError::TooFewIterations`].
    pub fn check(&self, identity: &Identity, plan: &FitPlan) -> Result<(), CheckpointError> {
        let differences = self.about.identity.differences(identity);
        if !differences.is_empty() {
            return Err(CheckpointError::Differs {
                path: self.path.clone(),
                differences,
            });
        }
        let limit = plan.optimizer.stopping.max_iterations;
        if limit == self.about.max_iterations {
            return Ok(());
        }
        // at its last iteration a run ends without what it would do to go on
        let beyond = |run: &&StoredRun| match run.ended {
            Some(Termination::MaxIterations) => run.state.iterations() > limit,
            _ => run.state.iterations() >= limit,
        };
        match self.runs.iter().find(beyond) {
            None => Ok(()),
            Some(run) => Err(CheckpointError::TooFewIterations {
                path: self.path.clone(),
                start: run.start,
                iterations: run.state.iterations(),
                limit,
            }),
        }
    }

    /// Where its runs stand.
    pub fn runs(&self) -> impl Iterator<Item = RunStatus> {
        self.runs.iter().map(|run| RunStatus {
            start: run.start,
            l2: run.l2,
            iterations: run.state.iterations(),
            ended: run.ended,
        })
    }

    /// SHA-256 of the dataset, as the file says without a look at its state.
    ///
    /// # Errors
    /// [`StoreError`] where the file is no checkpoint.
    pub fn dataset_sha256(path: &Path) -> Result<Option<String>, StoreError> {
        file::dataset_sha256(path)
    }
}

/// `<result>.checkpoint`
pub fn path_of(result: &Path) -> PathBuf {
    let mut name = OsString::from(result);
    name.push(".checkpoint");
    PathBuf::from(name)
}

impl About {
    /// What to say of a fit that begins, or goes on from `earlier`.
    pub fn new(
        plan: &FitPlan,
        dataset: &crate::dataset::Dataset,
        provenance: &crate::driver::Provenance,
        earlier: Option<&Checkpoint>,
    ) -> About {
        let config: &EffectiveConfig = &plan.config;
        About {
            run: provenance.run.clone(),
            start_time: provenance.start.clone(),
            command_line: provenance.command_line.clone(),
            configuration: config.to_toml(),
            dataset: dataset
                .path()
                .map_or_else(String::new, |path| path.display().to_string()),
            identity: Identity::of(plan, dataset, &provenance.commit),
            max_iterations: plan.optimizer.stopping.max_iterations,
            seconds: earlier.map_or(0.0, |checkpoint| checkpoint.about.seconds),
        }
    }
}
