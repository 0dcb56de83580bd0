//! `README.md`: claim, protocol, number, verdict of every experiment that lies in a folder.

use crate::name::Name;
use std::fmt::Write as _;
use std::path::Path;
use tauscope_fit::store::{StoreError, StoredFile, replace_file};

/// What is said of an experiment.
struct Section {
    rows: Vec<[String; 4]>,
    text: String,
}

/// Writes the page from the result files of `folder`.
///
/// # Errors
/// [`StoreError`] where a result is damaged or the page cannot be written.
pub(crate) fn write(folder: &Path) -> Result<(), StoreError> {
    let mut sections = Vec::new();
    for name in Name::ALL {
        let path = folder.join(format!("{}.h5", name.as_str()));
        if path.exists() {
            sections.push(section(name, &path)?);
        }
    }
    replace_file(&folder.join("README.md"), text(&sections).as_bytes())
}

fn section(name: Name, path: &Path) -> Result<Section, StoreError> {
    let file = StoredFile::open(path)?;
    file.require_format(crate::run::FORMAT)?;
    let root = file.root();
    let column = |variable: &str| root.read_text(variable);
    let columns = [
        column("claim")?,
        column("number")?,
        column("verdict")?,
        column("statement")?,
    ];
    let [ids, numbers, verdicts, statements] = &columns;
    let rows = (0..ids.len())
        .map(|i| [&ids[i], &statements[i], &numbers[i], &verdicts[i]].map(Clone::clone))
        .collect();
    let attribute = |key: &str| Ok::<_, StoreError>(root.attribute_text(key)?.unwrap_or_default());
    let mut text = format!(
        "## {}\n\n`{}`, {} (commit {}). Numbers: `{}.h5`.\n\n{}\n",
        name.as_str(),
        attribute("command")?,
        attribute("date")?,
        attribute("git_commit")?,
        name.as_str(),
        attribute("protocol")?,
    );
    let notes = attribute("notes")?;
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}\n");
    }
    for figure in attribute("figures")?.split_whitespace() {
        let _ = write!(text, "\n![{}]({figure})\n", name.as_str());
    }
    Ok(Section { rows, text })
}

fn text(sections: &[Section]) -> String {
    let mut page = String::from(
        "# The experiments of Quax, D'Asaro & van Gerven (2020)\n\n\
         Claims of doi:10.1038/s41598-020-68169-x (C1 to C10), each computed anew. `discrete` is the model as published \
         (`euler-sequential`, step 1, alpha = 1/tau), `continuous` the differential equations, integrated adaptively. \
         Loss = 10 x mean squared error. What the paper does not state (number of epochs, learning rate, and the protocols \
         of C8 and C10) is ours. Written by `tauscope reproduce`.\n\n\
         | claim | statement | our number | verdict |\n|---|---|---|---|\n",
    );
    for [id, statement, number, verdict] in sections.iter().flat_map(|s| &s.rows) {
        let _ = writeln!(page, "| {id} | {statement} | {number} | {verdict} |");
    }
    for section in sections {
        let _ = write!(page, "\n{}", section.text);
    }
    page
}
