//! What must be equal for a fit to go on to the same bits.

use crate::config::EffectiveConfig;
use crate::dataset::Dataset;
use crate::optimizer::Optimizer;
use crate::plan::FitPlan;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use toml::Value;

/// Keys that change no number of a fit that ends by itself.
const FREE: [&str; 5] = [
    "threads",
    "max_time",
    "max_iterations",
    "checkpoint_interval",
    "report",
];
/// Keys that may name a file: what counts is what it holds.
const FILES: [&str; 3] = ["init", "connectivity", "input_connectivity"];

/// Names and values of everything that changes the numbers of a fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    value: String,
}

/// Something that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub name: String,
    /// As it was; `None` where there was no such thing.
    pub then: Option<String>,
    /// As it is.
    pub now: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (then, now) = (word(&self.then), word(&self.now));
        write!(f, "{} was {then} and is {now}", self.name)
    }
}

impl Identity {
    /// Of a fit of `dataset` by the program built from `commit`.
    pub fn of(plan: &FitPlan, dataset: &Dataset, commit: &str) -> Identity {
        let digest = dataset.sha256().unwrap_or("unknown").to_owned();
        let mut entries = vec![
            entry("program version", env!("CARGO_PKG_VERSION").to_owned()),
            entry("program commit", commit.to_owned()),
            entry("SHA-256 of the dataset", digest),
        ];
        entries.extend(settings(&plan.config));
        // its learning rate follows from the number of iterations that are planned
        if plan.optimizer.optimizer() == Optimizer::Adam {
            let planned = plan.optimizer.stopping.max_iterations;
            entries.push(entry("max_iterations", planned.to_string()));
        }
        Identity { entries }
    }

    /// The value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(&entry.value)
    }

    /// SHA-256 of the dataset.
    pub fn dataset_sha256(&self) -> &str {
        self.get("SHA-256 of the dataset").unwrap_or_default()
    }

    /// What is not the same in `now`.
    pub fn differences(&self, now: &Identity) -> Vec<Difference> {
        let gone = self.entries.iter().filter(|e| now.get(&e.name).is_none());
        let names = now.entries.iter().chain(gone).map(|entry| &entry.name);
        names
            .map(|name| Difference {
                name: name.clone(),
                then: self.get(name).map(str::to_owned),
                now: now.get(name).map(str::to_owned),
            })
            .filter(|difference| difference.then != difference.now)
            .collect()
    }
}

fn entry(name: &str, value: String) -> Entry {
    Entry {
        name: name.to_owned(),
        value,
    }
}

fn settings(config: &EffectiveConfig) -> impl Iterator<Item = Entry> {
    let keys = config.values().into_iter();
    keys.filter(|(key, _)| !FREE.contains(&key.name))
        .map(|(key, value)| {
            let contents = value.as_str().and_then(|path| contents(key.name, path));
            entry(key.name, contents.unwrap_or_else(|| line(&value)))
        })
}

/// For a key that names a file: what that holds.
fn contents(key: &str, path: &str) -> Option<String> {
    if !FILES.contains(&key) {
        return None;
    }
    let bytes = std::fs::read(Path::new(path)).ok()?;
    Some(format!("a file with SHA-256 {}", hex(&bytes)))
}

fn line(value: &Value) -> String {
    value.to_string().trim_end().replace('\n', "; ")
}

/// SHA-256 of `bytes` in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(entries: &[(&str, &str)]) -> Identity {
        let entries = entries.iter().map(|(n, v)| entry(n, (*v).to_owned()));
        Identity {
            entries: entries.collect(),
        }
    }

    #[test]
    fn every_difference_is_named_with_both_values() {
        let then = identity(&[("units", "3"), ("seed", "0"), ("old", "x")]);
        let now = identity(&[("units", "4"), ("seed", "0"), ("new", "y")]);
        let said: Vec<String> = then
            .differences(&now)
            .iter()
            .map(Difference::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "units was 3 and is 4",
                "new was nothing and is y",
                "old was x and is nothing"
            ]
        );
        assert!(then.differences(&then.clone()).is_empty());
    }
}
