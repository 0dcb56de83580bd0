//! From the word that a person gives to the file that is meant.

use anyhow::Context;
use std::path::{Component, Path, PathBuf};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::store::{StoredFile, read_dataset};
use thiserror::Error;

/// A dataset that is nowhere.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("no dataset `{word}`; looked for {}; give the path of a file, or put it there", list(.looked_for))]
pub struct MissingDataset {
    word: String,
    looked_for: Vec<PathBuf>,
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// An existing path wins; else `data/NAME.h5`, NAME with that ending or without it, in the nearest folder, from `current` upwards, that has one.
///
/// # Errors
/// [`MissingDataset`] with everything that was looked for.
pub fn dataset(word: &str, current: &Path) -> Result<PathBuf, MissingDataset> {
    let given = Path::new(word);
    if current.join(given).exists() {
        return Ok(given.to_owned());
    }
    let mut looked_for = vec![current.join(given)];
    if is_name(given) {
        let file = format!("{}.h5", word.strip_suffix(".h5").unwrap_or(word));
        let named = |folder: &Path| folder.join("data").join(&file);
        looked_for.extend(current.ancestors().map(named));
    }
    let found = looked_for.iter().skip(1).find(|path| path.is_file());
    found.cloned().ok_or(MissingDataset {
        word: word.to_owned(),
        looked_for: looked_for.clone(),
    })
}

/// The dataset that was fitted is not the one that is there now.
#[derive(Debug, Error)]
enum SourceError {
    #[error("{} names no dataset; give one with --dataset", .0.display())]
    Unnamed(PathBuf),
    #[error("{} is not the file that was fitted (SHA-256 {found}, fitted {fitted}); give --dataset to use it nevertheless", .path.display())]
    Changed {
        path: PathBuf,
        found: String,
        fitted: String,
    },
}

/// The dataset given, else the one that `result` was fitted to if it is still the same.
///
/// # Errors
/// One that cannot be read, is not named or has changed.
pub fn fitted_dataset(
    word: Option<&str>,
    result: &Path,
    file: &StoredFile,
) -> anyhow::Result<Dataset> {
    if let Some(word) = word {
        return Ok(read_dataset(&dataset(word, &std::env::current_dir()?)?)?);
    }
    let provenance = file.group("provenance")?;
    let path = provenance
        .attribute_text("dataset")?
        .ok_or_else(|| SourceError::Unnamed(result.to_owned()))?;
    let dataset = read_dataset(Path::new(&path))
        .context("the dataset that was fitted; another one can be given with --dataset")?;
    let found = dataset.sha256().unwrap_or_default().to_owned();
    match provenance.attribute_text("dataset_sha256")? {
        Some(fitted) if fitted != found => Err(SourceError::Changed {
            path: path.into(),
            found,
            fitted,
        }
        .into()),
        _ => Ok(dataset),
    }
}

/// Whether `path` is a bare name, without any folder.
fn is_name(path: &Path) -> bool {
    let mut components = path.components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["data", "a/data", "a/b/c"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in [
            "data/fish.h5",
            "data/moth.h5",
            "a/data/fish.h5",
            "a/b/c/here",
        ] {
            fs::write(root.path().join(file), "").unwrap();
        }
        root
    }

    #[test]
    fn the_nearest_ancestor_with_the_file_wins() {
        let root = tree();
        let deep = root.path().join("a/b/c");
        assert_eq!(
            dataset("fish", &deep),
            Ok(root.path().join("a/data/fish.h5"))
        );
        assert_eq!(dataset("moth", &deep), Ok(root.path().join("data/moth.h5")));
        assert_eq!(
            dataset("fish", root.path()),
            Ok(root.path().join("data/fish.h5"))
        );
        assert_eq!(
            dataset("moth.h5", &deep),
            Ok(root.path().join("data/moth.h5"))
        );
    }

    #[test]
    fn an_existing_path_wins_and_stays_as_written() {
        let root = tree();
        assert_eq!(
            dataset("here", &root.path().join("a/b/c")),
            Ok("here".into())
        );
        assert_eq!(
            dataset("../data/fish.h5", &root.path().join("a/b")),
            Ok("../data/fish.h5".into())
        );
    }

    #[test]
    fn a_missing_dataset_lists_what_was_looked_for() {
        let root = tree();
        let message = dataset("bee", &root.path().join("a"))
            .unwrap_err()
            .to_string();
        for place in ["a/bee", "a/data/bee.h5", "data/bee.h5"] {
            assert!(
                message.contains(&root.path().join(place).display().to_string()),
                "{message}"
            );
        }
    }

    #[test]
    fn a_path_with_a_folder_is_not_searched_for() {
        let root = tree();
        let message = dataset("x/fish", root.path()).unwrap_err().to_string();
        assert!(!message.contains("data/x/fish.h5"), "{message}");
    }
}
