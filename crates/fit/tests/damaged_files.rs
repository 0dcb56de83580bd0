//! A damaged file, a full disk and many threads: errors, never a crash.

use std::path::Path;
use std::sync::LazyLock;
use std::thread;

use nalgebra::DMatrix;
use proptest::prelude::*;
use tauscope_fit::dataset::{Dataset, RawDataset};
use tauscope_fit::store::{StoredFile, read_dataset, write_dataset};

fn dataset(n_samples: usize) -> Dataset {
    let time = (0..n_samples).map(|k| k as f64).collect();
    let matrix = |rows| DMatrix::from_fn(rows, n_samples, |i, j| (i * j) as f64);
    let mut raw = RawDataset::new("x", "s", time, vec![matrix(2); 3], vec![matrix(4); 3]);
    raw.output_labels = Some(
        vec![
            "a".to_owned(),
            "b".to_owned(),
            "c".to_owned(),
            "d".to_owned(),
        ]
        .into(),
    );
    Dataset::new(raw).unwrap()
}

/// The bytes of a small valid file.
fn sound() -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        write_dataset(&path, &dataset(6)).unwrap();
        std::fs::read(path).unwrap()
    });
    &BYTES
}

/// Reads everything in the file in every way there is.
fn read_all(path: &Path) {
    let _ = read_dataset(path);
    let _ = StoredFile::open(path).and_then(|file| file.root().load());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_file_with_wrong_bytes_is_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = sound().to_vec();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        std::fs::write(&path, &bytes).unwrap();
        read_all(&path);
    }

    #[test]
    fn a_file_cut_short_is_read_or_refused(keep in any::<prop::sample::Index>()) {
        let bytes = sound();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        std::fs::write(&path, &bytes[..keep.index(bytes.len())]).unwrap();
        prop_assert!(read_dataset(&path).is_err());
    }
}

#[test]
fn threads_write_and_read_their_own_files_at_once() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for index in 0..4 {
            let path = folder.path().join(format!("{index}.h5"));
            scope.spawn(move || {
                for _ in 0..5 {
                    let dataset = dataset(4 + index);
                    write_dataset(&path, &dataset).unwrap();
                    assert_eq!(read_dataset(&path).unwrap().targets(), dataset.targets());
                }
            });
        }
    });
}

/// A device of Linux on which every write finds the disk full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let partial = folder.path().join("x.h5.partial");
    std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
    let message = write_dataset(&path, &dataset(6)).unwrap_err().to_string();
    let remedy = "free some space, or name a file on another disk with --out";
    assert_eq!(
        message,
        format!(
            "{} cannot be written: No space left on device (os error 28): {remedy}",
            path.display()
        )
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
