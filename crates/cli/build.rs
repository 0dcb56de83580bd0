//! Tells the program which commit it was built from: `TAUSCOPE_GIT_COMMIT` where that is set, as packagers do, else what git
//! says of this folder; nothing where there is neither.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TAUSCOPE_GIT_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("TAUSCOPE_GIT_COMMIT").is_some() || !is_tracked() {
        return;
    }
    watch_head();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    if let Some(commit) = git(&["rev-parse", "--verify", "HEAD"]) {
        let modified = if is_modified() { "-modified" } else { "" };
        println!("cargo::rustc-env=TAUSCOPE_GIT_COMMIT={commit}{modified}");
    }
}

/// What the program is made of: where it differs from the commit, the commit alone would be a false witness.
const SOURCES: [&str; 3] = ["../../crates", "../../Cargo.toml", "../../Cargo.lock"];

fn is_modified() -> bool {
    let status = ["status", "--porcelain", "--untracked-files=no", "--"];
    git(&[&status[..], &SOURCES].concat()).is_none_or(|changes| !changes.is_empty())
}

/// Whether git tracks these sources: a copy unpacked inside some other repository has not that one's commit.
fn is_tracked() -> bool {
    git(&["ls-files", "--error-unmatch", "build.rs"]).is_some()
}

/// Runs again when another commit is checked out (HEAD names another branch or commit) or made (the branch names another
/// commit, in a file of its own or among the packed ones).
fn watch_head() {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref());
    for path in names.filter_map(path_in_git) {
        // cargo takes a file that is missing for one that always changes: until the branch has a file of its own, its
        // folder is where that will appear
        let existing = path.ancestors().find(|path| path.exists());
        if let Some(path) = existing.filter(|path| !is_whole_repository(path)) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

fn path_in_git(name: &str) -> Option<PathBuf> {
    git(&["rev-parse", "--git-path", name]).map(PathBuf::from)
}

/// A folder with HEAD in it changes at every turn of git.
fn is_whole_repository(path: &Path) -> bool {
    path.join("HEAD").exists()
}

/// What git prints, or none where it fails or is not installed.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
