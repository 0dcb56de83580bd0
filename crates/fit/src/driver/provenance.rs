use crate::checkpoint::About;
use std::path::PathBuf;
use std::time::SystemTime;

/// Where a result comes from: what was asked, when, on what.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub(crate) command_line: String,
    pub(crate) config_files: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) commit: String,
    pub(crate) start: String,
    /// A name of the run that no other has.
    pub(crate) run: String,
}

impl Provenance {
    /// Notes the start of a run; `commit` is that of the program where it is known.
    pub fn begin(
        command_line: impl IntoIterator<Item = String>,
        config_files: &[PathBuf],
        threads: usize,
        commit: Option<&str>,
    ) -> Provenance {
        Provenance {
            command_line: shell_words(command_line),
            config_files: config_files
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            threads,
            commit: commit.unwrap_or("unknown").to_owned(),
            start: now(),
            run: name(),
        }
    }

    /// The commit of the program, or that it is unknown.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The same for a run that goes on where `earlier` was stopped: its name and its start are those of the earlier one.
    #[must_use]
    pub fn going_on_from(self, earlier: &About) -> Provenance {
        Provenance {
            run: earlier.run.clone(),
            start: earlier.start_time.clone(),
            ..self
        }
    }
}

/// The nanosecond of the start, and the process.
fn name() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos());
    format!("{nanoseconds:x}-{:x}", std::process::id())
}

/// The time of day, with its zone.
pub(crate) fn now() -> String {
    jiff::Zoned::now()
        .round(jiff::Unit::Second)
        .unwrap_or_else(|_| jiff::Zoned::now())
        .to_string()
}

/// A command line as it can be given to a shell.
pub fn shell_words(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

fn quoted(word: String) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
