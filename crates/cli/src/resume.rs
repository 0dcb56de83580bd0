//! Where a fit writes, and what it goes on from.

use crate::args::OutputOptions;
use crate::console::Console;
use crate::output::{self, Output, OutputError};
use anyhow::Result;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tauscope_fit::checkpoint::{self, Checkpoint, CheckpointError, Identity};
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::driver::shell_words;
use tauscope_fit::plan::FitPlan;
use tauscope_fit::store::{StoreError, StoredFile, check_writable};
use thiserror::Error;

/// A fit that cannot go on.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// There is no checkpoint of the dataset.
    #[error("no checkpoint of {dataset} in {}; name the result of the fit that is to go on with --out", folder.display())]
    NoneFound {
        /// The dataset.
        dataset: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The result is there and complete.
    #[error("{} is there, and no {} to go on from: that fit has ended; choose another --out, or begin anew with --force", result.display(), checkpoint.display())]
    HasEnded {
        /// The result.
        result: PathBuf,
        /// The checkpoint that is not there.
        checkpoint: PathBuf,
    },
    /// What lies in the place of the result is of another run.
    #[error("{} is not of the run that {} goes on with; move it away, or give --force to replace it", result.display(), checkpoint.display())]
    ForeignResult {
        /// The result.
        result: PathBuf,
        /// The checkpoint.
        checkpoint: PathBuf,
    },
}

/// The place of a fit, reserved, and the state to go on from.
#[derive(Debug)]
pub struct Place {
    /// Where the result goes.
    pub output: Output,
    /// What the fit goes on from.
    pub checkpoint: Option<Checkpoint>,
}

impl Place {
    /// Where the state of the fit is saved.
    pub fn checkpoint_path(&self) -> PathBuf {
        checkpoint::path_of(self.output.path())
    }

    /// Removes a checkpoint that is not needed any more.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn discard_checkpoint(&self) -> io::Result<()> {
        let path = self.checkpoint_path();
        let mut partial = OsString::from(&path);
        partial.push(".partial");
        // half written by a run that was killed
        let _ = fs::remove_file(partial);
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The place of a fit that begins: neither a result nor a checkpoint may be there, unless by `--force`.
///
/// # Errors
/// [`OutputError`].
pub fn begin(options: &OutputOptions, dataset: &Path) -> Result<Place, OutputError> {
    let output = match &options.out {
        None => output::reserve(options, "fit", dataset)?,
        Some(path) => {
            let output = Output::claim(path, dataset)?;
            let checkpoint = checkpoint::path_of(path);
            if !options.force() {
                if checkpoint.symlink_metadata().is_ok() {
                    return Err(OutputError::Unfinished(checkpoint));
                }
                output.must_be_new()?;
            }
            check_writable(path)?;
            output
        }
    };
    Ok(Place {
        output,
        checkpoint: None,
    })
}

/// The place of a fit that goes on: that of `--out`, else of the newest checkpoint of the dataset in `results/`. Where `--out` has
/// neither a checkpoint nor a result, a fit begins.
///
/// # Errors
/// [`ResumeError`], [`OutputError`], and as [`Checkpoint::read`].
pub fn go_on(
    options: &OutputOptions,
    path: &Path,
    dataset: &Dataset,
    console: &Console,
) -> Result<Place> {
    let result = match &options.out {
        Some(out) => out.clone(),
        None => newest(Path::new("results"), path, dataset, console)?,
    };
    let output = Output::claim(&result, path)?;
    check_writable(&result)?;
    let checkpoint = checkpoint::path_of(&result);
    if checkpoint.symlink_metadata().is_err() {
        if output.exists() {
            return Err(ResumeError::HasEnded { result, checkpoint }.into());
        }
        let name = checkpoint.display();
        console.note(format!("there is no {name} to go on from: the fit begins"));
        return Ok(Place {
            output,
            checkpoint: None,
        });
    }
    let state = Checkpoint::read(&checkpoint).map_err(|error| match error {
        damaged @ CheckpointError::Store(_) => anyhow::Error::new(damaged)
            .context("no fit can go on from this checkpoint: begin anew with --force"),
        other => other.into(),
    })?;
    if output.exists() && !options.force() && run_of(&result) != Some(state.about.run.clone()) {
        return Err(ResumeError::ForeignResult { result, checkpoint }.into());
    }
    console.note(format!("going on from {}", checkpoint.display()));
    Ok(Place {
        output,
        checkpoint: Some(state),
    })
}

/// Whether a result is that of fitting as `config` says to `dataset`, as far as iterations go too.
///
/// # Errors
/// A file that is no result, or one without its configuration.
pub fn is_of(result: &Path, config: &EffectiveConfig, dataset: &Dataset) -> Result<bool> {
    let file = StoredFile::open_result(result)?;
    let provenance = file.group("provenance")?;
    let sha256 = provenance.attribute_text("dataset_sha256")?;
    let text = provenance.required_text("configuration", "the configuration of the fit as TOML")?;
    let stored = EffectiveConfig::merge(&[Layer::from_toml(&text, result)?])?;
    let identity = |config: &EffectiveConfig| -> Result<Identity> {
        Ok(Identity::of(&FitPlan::check(config, dataset)?, dataset, ""))
    };
    Ok(sha256.as_deref() == dataset.sha256()
        && stored.max_iterations == config.max_iterations
        && identity(&stored)?
            .differences(&identity(config)?)
            .is_empty())
}

/// The run that a result came from; none where it cannot be told.
fn run_of(result: &Path) -> Option<String> {
    let file = StoredFile::open_result(result).ok()?;
    file.group("provenance").ok()?.attribute_text("run").ok()?
}

/// The result whose checkpoint is the newest of the dataset in `folder` that no other run writes.
fn newest(
    folder: &Path,
    path: &Path,
    dataset: &Dataset,
    console: &Console,
) -> Result<PathBuf, ResumeError> {
    let mut of_dataset = Vec::new();
    for checkpoint in checkpoints(folder) {
        match Checkpoint::dataset_sha256(&checkpoint) {
            Ok(sha256) if sha256.as_deref() == dataset.sha256() => of_dataset.push(checkpoint),
            Ok(_) => {}
            Err(error @ StoreError::Unreadable { .. }) => console.warn(format!("{error}")),
            Err(error) => console.warn(format!("not looked at further: {error}")),
        }
    }
    let written = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|about| about.modified());
        modified.unwrap_or(SystemTime::UNIX_EPOCH)
    };
    of_dataset.sort_by_key(|path| std::cmp::Reverse((written(path), path.clone())));
    let results = of_dataset.iter().map(|path| path.with_extension(""));
    let free = |result: &PathBuf| Output::claim(result, path).is_ok();
    results
        .into_iter()
        .find(free)
        .ok_or_else(|| ResumeError::NoneFound {
            dataset: path.display().to_string(),
            folder: folder.to_owned(),
        })
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension() == Some(OsStr::new("checkpoint")))
        .collect()
}

/// The command line that goes on with the run of `arguments`, whose result is `result`.
pub fn command(arguments: impl IntoIterator<Item = String>, result: &Path) -> String {
    let mut words = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(word) = arguments.next() {
        let name = word.split('=').next().unwrap_or_default();
        let has_value = word.contains('=');
        match name {
            "--out" if has_value => {}
            "--out" => drop(arguments.next()),
            "--force" | "--resume" => {
                let value = |next: &String| ["true", "false"].contains(&next.as_str());
                arguments.next_if(|next| !has_value && value(next));
            }
            _ => words.push(word),
        }
    }
    words.extend([
        "--out".to_owned(),
        result.display().to_string(),
        "--resume".to_owned(),
    ]);
    shell_words(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_go_on_keeps_what_changes_numbers() {
        let of = |line: &str| {
            let words = line.split(' ').map(str::to_owned);
            command(words, Path::new("results/a b.h5"))
        };
        let expected = "tauscope fit x --units 4 --max-time 5 --out 'results/a b.h5' --resume";
        for line in [
            "tauscope fit x --units 4 --max-time 5",
            "tauscope fit x --out y.h5 --force --units 4 --max-time 5",
            "tauscope fit --out=y.h5 x --resume true --units 4 --force=false --max-time 5",
        ]
        .map(|line| line.replace("--out=y.h5 x", "x --out=y.h5"))
        {
            assert_eq!(of(&line), expected, "{line}");
        }
    }
}
