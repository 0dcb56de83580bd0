//! `tauscope report`: a result as one HTML page.

mod choice;
mod contents;
mod document;
mod kind;
mod node;
mod optimization;
mod residuals;
mod tau;
mod traces;
mod trust;
mod weights;

use crate::args::{Global, ReportOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::{interrupt, output};
use anyhow::Result;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tauscope_figures::GENERATOR;
use tauscope_fit::store::{StoreError, replace_file};
use thiserror::Error;

pub use contents::Contents;
pub use kind::Kind;
pub use node::Node;

#[derive(Debug, Serialize)]
struct Summary {
    report: String,
}

/// Why a fit has no report beside it.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The result cannot be read, or the page not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What lies there is somebody else's.
    #[error("{} exists already and was not made by tauscope", .0.display())]
    Foreign(PathBuf),
}

/// Writes the page of a result.
///
/// # Errors
/// A file that is no result, an output that is refused.
pub fn run(options: &ReportOptions, _global: &Global, console: &Console) -> Result<Outcome> {
    interrupt::end_at_once()?;
    let mut contents = Contents::read(&options.result)?;
    contents.choose(&options.shown)?;
    let output = output::reserve_as(&options.output, "report", "html", &options.result)?;
    replace_file(output.path(), document::page(&contents).html().as_bytes())?;
    let report = output.path().display().to_string();
    console.result(&Summary { report }, |summary| {
        format!("report: {}\n", summary.report)
    })?;
    Ok(Outcome::Done)
}

/// Writes the page of the result `path` beside it. A page of an earlier result of that name is replaced; any other
/// file is kept, also where the result may be replaced: nobody has named it.
///
/// # Errors
/// [`ReportError`]; the result itself is not touched.
pub fn write_beside(path: &Path) -> Result<(), ReportError> {
    let page = place(path);
    if !may_replace(&page) {
        return Err(ReportError::Foreign(page));
    }
    let contents = Contents::read(path)?;
    replace_file(&page, document::page(&contents).html().as_bytes())?;
    Ok(())
}

/// The page beside a result; none where there is none, where it is older than the result, or was not made by this program.
pub fn beside(result: &Path) -> Option<PathBuf> {
    let page = place(result);
    let written = |path: &Path| {
        std::fs::metadata(path)
            .and_then(|about| about.modified())
            .ok()
    };
    (written(&page)? >= written(result)? && is_page(&page)).then_some(page)
}

/// `x.h5` has its report in `x.html`.
fn place(result: &Path) -> PathBuf {
    let page = result.with_extension("html");
    if page == result {
        result.with_extension("report.html")
    } else {
        page
    }
}

/// True where there is nothing, or a page of this program.
fn may_replace(page: &Path) -> bool {
    page.symlink_metadata().is_err() || is_page(page)
}

/// True where the file says that this program made it.
fn is_page(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1024).read_to_end(&mut start));
    let program = GENERATOR.split(' ').next().unwrap_or(GENERATOR);
    let says = format!("name=\"generator\" content=\"{program} ");
    read.is_ok() && String::from_utf8_lossy(&start).contains(&says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lies_beside_its_result_and_never_on_it() {
        assert_eq!(
            place(Path::new("results/x.h5")),
            Path::new("results/x.html")
        );
        assert_eq!(place(Path::new("a.b/x")), Path::new("a.b/x.html"));
        assert_eq!(place(Path::new("x.html")), Path::new("x.report.html"));
    }

    #[test]
    fn only_pages_of_this_program_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.html");
        assert!(may_replace(&path));
        std::fs::write(&path, "<html>mine</html>").unwrap();
        assert!(!may_replace(&path));
        std::fs::write(&path, tauscope_figures::Page::new("a", "b").html()).unwrap();
        assert!(may_replace(&path));
    }
}
