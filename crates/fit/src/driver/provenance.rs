use std::path::PathBuf;

/// Where a result comes from: what was asked, when, on what.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub(crate) command_line: String,
    pub(crate) config_files: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) commit: String,
    pub(crate) start: String,
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
            command_line: command_line
                .into_iter()
                .map(quoted)
                .collect::<Vec<_>>()
                .join(" "),
            config_files: config_files
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            threads,
            commit: commit.unwrap_or("unknown").to_owned(),
            start: now(),
        }
    }
}

/// The time of day, with its zone.
pub(crate) fn now() -> String {
    jiff::Zoned::now()
        .round(jiff::Unit::Second)
        .unwrap_or_else(|_| jiff::Zoned::now())
        .to_string()
}

fn quoted(word: String) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
