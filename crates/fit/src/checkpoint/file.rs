//! A checkpoint as an HDF5 file.
//!
//! Attributes and `runs` are for people and other programs; the state itself is bytes (postcard) with their SHA-256, so that
//! a file is either what was written, bit by bit, or refused.

use super::identity::hex;
use super::{About, Checkpoint, CheckpointError, StoredRun};
use crate::driver::{count, now, real};
use crate::store::{AttributeValue, Group, StoreError, StoredFile, Variable, write_file};
use serde::{Deserialize, Serialize};
use std::path::Path;

const WORD: usize = size_of::<i64>();

/// The state: `about` in a form that later versions can read, to say what differs.
#[derive(Serialize, Deserialize)]
struct State {
    about: String,
    runs: Vec<u8>,
}

/// Writes a checkpoint; a former one is replaced by a complete new one or stays.
pub(super) fn write(
    path: &Path,
    about: &About,
    runs: &[&StoredRun],
) -> Result<(), CheckpointError> {
    let unstorable = |e: String| {
        CheckpointError::Store(StoreError::Layout {
            path: path.to_owned(),
            fault: format!("the state cannot be stored: {e}"),
        })
    };
    let state = State {
        about: serde_json::to_string(about).map_err(|e| unstorable(e.to_string()))?,
        runs: postcard::to_allocvec(runs).map_err(|e| unstorable(e.to_string()))?,
    };
    let bytes = postcard::to_allocvec(&state).map_err(|e| unstorable(e.to_string()))?;
    let root = Group::new()
        .attribute("tauscope_format", "checkpoint")
        .attribute("schema_version", 1_i64)
        .attribute(
            "title",
            "state of a fit that has not ended; `tauscope fit .. --resume` goes on from it",
        )
        .attribute("dataset", about.dataset.as_str())
        .attribute("dataset_sha256", about.identity.dataset_sha256())
        .attribute("command_line", about.command_line.as_str())
        .attribute("configuration", about.configuration.as_str())
        .attribute("version", env!("CARGO_PKG_VERSION"))
        .attribute("run", about.run.as_str())
        .attribute("start_time", about.start_time.as_str())
        .attribute("saved", now())
        .attribute("seconds", about.seconds)
        .group("runs", table(runs))
        .group("state", words(&bytes));
    Ok(write_file(path, &root)?)
}

/// The runs of the optimizer in words.
fn table(runs: &[&StoredRun]) -> Group {
    let at = ["run"];
    let integers =
        |of: &dyn Fn(&StoredRun) -> i64| runs.iter().map(|run| of(run)).collect::<Vec<i64>>();
    let termination = |run: &StoredRun| run.ended.map_or("under way", |reason| reason.as_str());
    let terminations: Vec<String> = runs.iter().map(|r| termination(r).to_owned()).collect();
    Group::new()
        .indices("run", runs.len())
        .variable(count("start", &at, integers(&|r| r.start as i64), "start"))
        .variable(real(
            "l2",
            &at,
            runs.iter().map(|r| r.l2).collect(),
            "1",
            "penalty on the squares of W and U",
        ))
        .variable(count(
            "iterations",
            &at,
            integers(&|r| r.state.iterations() as i64),
            "iterations done",
        ))
        .variable(Variable::new("termination", &at, terminations).long_name("why it stopped"))
}

/// Bytes as words of eight, the first byte lowest.
fn words(bytes: &[u8]) -> Group {
    let word = |chunk: &[u8]| {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        i64::from_le_bytes(word)
    };
    let words: Vec<i64> = bytes.chunks(WORD).map(word).collect();
    Group::new()
        .attribute("bytes", bytes.len() as i64)
        .attribute("sha256", hex(bytes))
        .dimension("word", words.len())
        .variable(count(
            "state",
            &["word"],
            words,
            "state of the runs, bytes of a program",
        ))
}

pub(super) fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let file = StoredFile::open(path)?;
    file.require_format("checkpoint")?;
    let damaged = |detail: &str| CheckpointError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let bytes = stored_bytes(&file)?.ok_or_else(|| damaged("its state is not what was written"))?;
    let State { about, runs } =
        postcard::from_bytes(&bytes).map_err(|_| damaged("its state cannot be told apart"))?;
    let about: About =
        serde_json::from_str(&about).map_err(|_| damaged("it says too little of its fit"))?;
    check_version(path, &about)?;
    let runs = postcard::from_bytes(&runs).map_err(|_| damaged("its runs cannot be read"))?;
    Ok(Checkpoint {
        path: path.to_owned(),
        about,
        runs,
    })
}

/// The bytes of the state, where they have their length and SHA-256.
fn stored_bytes(file: &StoredFile) -> Result<Option<Vec<u8>>, StoreError> {
    let group = file.group("state")?;
    let words = group.read_i64("state")?;
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = match group.attribute("bytes")? {
        Some(AttributeValue::Integer(length)) => usize::try_from(length).ok(),
        _ => None,
    };
    let Some(length) = length.filter(|&length| length <= bytes.len()) else {
        return Ok(None);
    };
    bytes.truncate(length);
    let written = group.attribute_text("sha256")?;
    Ok((written == Some(hex(&bytes))).then_some(bytes))
}

/// Another version may store runs in another form.
fn check_version(path: &Path, about: &About) -> Result<(), CheckpointError> {
    let name = "program version";
    let then = about.identity.get(name).map(str::to_owned);
    let now = Some(env!("CARGO_PKG_VERSION").to_owned());
    if then == now {
        return Ok(());
    }
    Err(CheckpointError::Differs {
        path: path.to_owned(),
        differences: vec![super::Difference {
            name: name.to_owned(),
            then,
            now,
        }],
    })
}

pub(super) fn dataset_sha256(path: &Path) -> Result<Option<String>, StoreError> {
    let file = StoredFile::open(path)?;
    file.require_format("checkpoint")?;
    file.root().attribute_text("dataset_sha256")
}
