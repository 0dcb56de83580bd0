//! `tauscope export`: what a file holds, for programs that do not read HDF5.

mod json;
mod npz;
mod tables;

use crate::args::{ExportOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::interrupt;
use crate::output::{self, Output, OutputError};
use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use std::fs;
use std::path::Path;
use tables::Table;
use tauscope_fit::store::{Group, StoreError, StoredFile, replace_file};

pub use json::attribute;

/// A format of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A folder of tables
    Csv,
    /// One object
    Json,
    /// NumPy's archive of arrays
    Npz,
}

#[derive(Debug, Serialize)]
struct Summary {
    export: String,
    files: Vec<String>,
}

/// Writes everything in the file in another format.
///
/// # Errors
/// A file that cannot be read, an output that is refused.
pub fn run(options: &ExportOptions, _global: &Global, console: &Console) -> Result<Outcome> {
    interrupt::end_at_once()?;
    let file = StoredFile::open(&options.file)?;
    file.root().required_text(
        "tauscope_format",
        "the kind of the file, as tauscope writes it",
    )?;
    let tree = file.root().load()?;
    let output = match options.format {
        Format::Csv => output::reserve_folder(&options.output, "export", &options.file)?,
        Format::Json => output::reserve_as(&options.output, "export", "json", &options.file)?,
        Format::Npz => output::reserve_as(&options.output, "export", "npz", &options.file)?,
    };
    let files = match options.format {
        Format::Csv => write_folder(&output, &tree, console)?,
        Format::Json => write(&output, &json::bytes(&tree)?)?,
        Format::Npz => write(&output, &npz::bytes(&tree)?)?,
    };
    let export = output.path().display().to_string();
    console.result(&Summary { export, files }, |summary| {
        let n = summary.files.len();
        let count = if n > 1 {
            format!(" ({n} files)")
        } else {
            String::new()
        };
        format!("export: {}{count}\n", summary.export)
    })?;
    Ok(Outcome::Done)
}

fn write(output: &Output, bytes: &[u8]) -> Result<Vec<String>> {
    replace_file(output.path(), bytes)?;
    Ok(vec![output.path().display().to_string()])
}

/// All tables are made before the first is written.
fn write_folder(output: &Output, tree: &Group, console: &Console) -> Result<Vec<String>> {
    let tables = tables::all(tree)?;
    let folder = output.path();
    if let Some(other) = other_table(folder, &tables) {
        console.warn(format!(
            "{} holds {other}, a table that is not of this export",
            folder.display()
        ));
    }
    fs::create_dir_all(folder).map_err(|reason| OutputError::Unwritable {
        path: folder.to_owned(),
        reason,
    })?;
    let was_there = !output::is_empty(folder);
    let written = write_tables(folder, tables);
    if written.is_err() && !was_there {
        // no part of an export; what cannot be removed either stays
        let _ = fs::remove_dir_all(folder);
    }
    Ok(written?)
}

/// A table in the folder that `tables` would not replace.
fn other_table(folder: &Path, tables: &[Table]) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.ends_with(".csv") && tables.iter().all(|table| table.file != *name))
        .min()
}

fn write_tables(folder: &Path, tables: Vec<Table>) -> Result<Vec<String>, StoreError> {
    let write = |table: Table| {
        let path = folder.join(table.file);
        replace_file(&path, &table.bytes)?;
        Ok(path.display().to_string())
    };
    tables.into_iter().map(write).collect()
}

/// Calls `visit` for every group with its path: empty for the outermost, else with a slash at the end.
fn visit<'a>(tree: &'a Group, path: &str, visit_one: &mut dyn FnMut(&str, &'a Group)) {
    visit_one(path, tree);
    for (name, group) in &tree.groups {
        visit(group, &format!("{path}{name}/"), visit_one);
    }
}
