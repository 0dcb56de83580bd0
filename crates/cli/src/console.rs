//! stdout carries results, stderr everything else.

use serde::Serialize;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// What may be written where.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    quiet: bool,
    json: bool,
}

impl Console {
    /// A console that writes only errors to stderr when `quiet`, and JSON to stdout when `json`.
    pub fn new(quiet: bool, json: bool) -> Console {
        Console { quiet, json }
    }

    /// Whether a progress line may be drawn.
    pub fn may_draw(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// A note to the person at the terminal.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Something that the person should know before trusting the result.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.note(format!("warning: {}", text.as_ref()));
    }

    /// What went wrong, with its causes.
    pub fn error(&self, error: &anyhow::Error) {
        eprintln!("error: {error:#}");
    }

    /// The result: `summary` as one JSON object, or what `text` makes.
    ///
    /// # Errors
    /// When stdout cannot be written, unless its reader has merely gone away.
    pub fn result<S: Serialize>(
        &self,
        summary: &S,
        text: impl FnOnce(&S) -> String,
    ) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(summary)? + "\n"
        } else {
            text(summary)
        };
        self.print(&text)
    }

    /// Text to stdout, as it is.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}
