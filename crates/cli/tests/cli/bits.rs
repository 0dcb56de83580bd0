//! What two results must have in common to be the same.

use std::path::Path;
use tauscope_fit::store::{Group, StoredFile, Values};

/// Everything that must be the same, as text and bits, by its place in the file.
pub fn bits(path: &Path) -> Vec<(String, Vec<String>)> {
    let tree = StoredFile::open(path).unwrap().root().load().unwrap();
    let mut all = Vec::new();
    for group in [
        "parameters",
        "uncertainty",
        "history",
        "starts",
        "penalties",
        "predictions",
        "metrics",
        "certificate",
    ] {
        match tree.find_group(group) {
            Some(found) => gather(found, group, &mut all),
            None => assert_eq!(group, "uncertainty"),
        }
    }
    all.retain(|(place, _)| place != "history/seconds");
    all
}

/// Two results are the same; `what` names the case.
#[track_caller]
pub fn assert_same(found: &Path, expected: &Path, what: &str) {
    let (found, expected) = (bits(found), bits(expected));
    let places =
        |fit: &[(String, Vec<String>)]| fit.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>();
    assert_eq!(places(&found), places(&expected), "{what}");
    for ((place, values), (_, wanted)) in found.iter().zip(&expected) {
        assert_eq!(values, wanted, "{what}: {place}");
    }
}

fn gather(group: &Group, prefix: &str, all: &mut Vec<(String, Vec<String>)>) {
    for (name, value) in &group.attributes {
        all.push((format!("{prefix}@{name}"), vec![format!("{value:?}")]));
    }
    for variable in &group.variables {
        let values = match &variable.values {
            Values::Real(values) => values
                .iter()
                .map(|v| format!("{v} {:x}", v.to_bits()))
                .collect(),
            other => other.texts(),
        };
        all.push((format!("{prefix}/{}", variable.name), values));
    }
    for (name, below) in &group.groups {
        gather(below, &format!("{prefix}/{name}"), all);
    }
}
