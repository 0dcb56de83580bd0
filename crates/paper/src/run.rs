//! Carries an experiment out: parts that are not yet written, then what follows from all of them.

use crate::effort::Effort;
use crate::experiment::{Claim, Conclusion, Part, PartError};
use crate::name::Name;
use crate::page;
use crate::part::{self, Numbers, PartFileError};
use rayon::prelude::*;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tauscope_fit::store::{Group, StoreError, Variable, replace_file, write_file};
use thiserror::Error;

/// The kind of the result file.
pub(crate) const FORMAT: &str = "reproduction";

/// Why an experiment did not end.
#[derive(Debug, Error)]
pub enum RunError {
    /// A folder cannot be made.
    #[error("{}: no folder can be made here: {reason}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A part cannot be computed.
    #[error("part {part} of {experiment} cannot be computed")]
    Part {
        /// The experiment.
        experiment: &'static str,
        /// The part.
        part: String,
        /// Why.
        source: Box<PartError>,
    },
    /// A part's file cannot be used.
    #[error(transparent)]
    PartFile(#[from] PartFileError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The experiment.
    pub experiment: Name,
    /// Parts that are there.
    pub done: usize,
    /// Of these, parts that this run computed.
    pub computed: usize,
    /// All parts.
    pub total: usize,
}

/// What the caller can do.
pub struct Control<'a> {
    /// Stops after the parts at work have noticed; what is written stays.
    pub stop: &'a AtomicBool,
    /// Is told of every part.
    pub progress: &'a (dyn Fn(&Position) + Sync),
}

/// Where numbers come from, for the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The command line.
    pub command: String,
    /// The day.
    pub date: String,
    /// The commit of the program.
    pub commit: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ran {
    /// All parts are there and everything is written.
    Finished(Vec<Claim>),
    /// It was stopped; the same command goes on.
    Interrupted(Position),
}

/// Computes what is missing of an experiment in `folder` and writes `NAME.h5`, `NAME-*.svg` and `README.md`.
///
/// Numbers are the same for any number of threads and however often a run was interrupted.
///
/// # Errors
/// [`RunError`]
pub fn run(
    name: Name,
    effort: &Effort,
    folder: &Path,
    origin: &Origin,
    control: &Control<'_>,
) -> Result<Ran, RunError> {
    let experiment = name.experiment(*effort);
    let settings = experiment.settings();
    let store = folder.join("parts").join(name.as_str());
    fs::create_dir_all(&store).map_err(|reason| RunError::Folder {
        path: store.clone(),
        reason,
    })?;
    let parts = experiment.parts();
    let Some(numbers) = Parts {
        name,
        settings: &settings,
        store: &store,
    }
    .all(&parts, control)?
    else {
        let present = parts
            .iter()
            .filter(|p| store.join(format!("{}.h5", p.name)).exists());
        return Ok(Ran::Interrupted(Position {
            experiment: name,
            done: present.count(),
            computed: 0,
            total: parts.len(),
        }));
    };
    let conclusion = experiment.conclude(&numbers);
    write(name, &experiment.protocol(), &conclusion, folder, origin)?;
    page::write(folder)?;
    Ok(Ran::Finished(conclusion.claims))
}

/// The parts of one experiment on disk.
struct Parts<'a> {
    name: Name,
    settings: &'a str,
    store: &'a Path,
}

impl Parts<'_> {
    /// The numbers of all parts in order; `None` when stopped.
    fn all(
        &self,
        parts: &[Part<'_>],
        control: &Control<'_>,
    ) -> Result<Option<Vec<Numbers>>, RunError> {
        let written: Vec<Option<Numbers>> = parts
            .iter()
            .map(|part| part::read(&self.path(part), self.settings))
            .collect::<Result<_, _>>()?;
        let there = written.iter().filter(|n| n.is_some()).count();
        let computed = AtomicUsize::new(0);
        let tell = || {
            let computed = computed.load(Ordering::Relaxed);
            (control.progress)(&Position {
                experiment: self.name,
                done: there + computed,
                computed,
                total: parts.len(),
            });
        };
        tell();
        // collected before the first failure is returned: which one that is does not depend on threads
        let numbers: Vec<Result<Option<Numbers>, RunError>> = parts
            .par_iter()
            .zip(written)
            .map(|(part, written)| {
                if written.is_some() || control.stop.load(Ordering::Relaxed) {
                    return Ok(written);
                }
                let numbers = self.compute(part, control.stop)?;
                computed.fetch_add(usize::from(numbers.is_some()), Ordering::Relaxed);
                tell();
                Ok(numbers)
            })
            .collect();
        numbers.into_iter().collect()
    }

    fn path(&self, part: &Part<'_>) -> PathBuf {
        self.store.join(format!("{}.h5", part.name))
    }

    fn compute(&self, part: &Part<'_>, stop: &AtomicBool) -> Result<Option<Numbers>, RunError> {
        let numbers = (part.work)(stop).map_err(|source| RunError::Part {
            experiment: self.name.as_str(),
            part: part.name.clone(),
            source: Box::new(source),
        })?;
        if let Some(numbers) = &numbers {
            part::write(&self.path(part), self.settings, numbers)?;
        }
        Ok(numbers)
    }
}

fn write(
    name: Name,
    protocol: &str,
    conclusion: &Conclusion,
    folder: &Path,
    origin: &Origin,
) -> Result<(), StoreError> {
    let mut figures = Vec::new();
    for named in &conclusion.figures {
        let file = format!("{}-{}.svg", name.as_str(), named.name);
        replace_file(&folder.join(&file), named.figure.svg().as_bytes())?;
        figures.push(file);
    }
    let claims = &conclusion.claims;
    let texts = |of: fn(&Claim) -> String| claims.iter().map(of).collect::<Vec<String>>();
    let column = |variable: &str, long_name: &str, of: fn(&Claim) -> String| {
        Variable::new(variable, &["claim"], texts(of)).long_name(long_name)
    };
    let group = Group::new()
        .attribute("tauscope_format", FORMAT)
        .attribute("schema_version", 1_i64)
        .attribute("experiment", name.as_str())
        .attribute("protocol", protocol)
        .attribute("notes", conclusion.notes.as_str())
        .attribute("command", origin.command.as_str())
        .attribute("date", origin.date.as_str())
        .attribute("git_commit", origin.commit.as_str())
        .attribute("figures", figures.join(" "))
        .coordinate(column("claim", "number of the claim", |c| c.id.to_owned()))
        .variable(column("statement", "what is claimed", |c| {
            c.statement.clone()
        }))
        .variable(column("number", "our number", |c| c.number.clone()))
        .variable(column("verdict", "what follows", |c| {
            c.verdict.name().to_owned()
        }))
        .group("data", conclusion.data.clone());
    write_file(&folder.join(format!("{}.h5", name.as_str())), &group)
}
