//! `tauscope plot`: one figure of a result.

use crate::args::{Global, PlotOptions};
use crate::console::Console;
use crate::exit::{OptionError, Outcome};
use crate::report::{Contents, Kind};
use crate::{interrupt, output};
use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tauscope_figures::png;
use tauscope_fit::store::replace_file;
use thiserror::Error;

/// Pixels of a PNG for each unit of the figure: sharp at 200 dots an inch.
const SCALE: f32 = 2.0;

#[derive(Debug, Serialize)]
struct Summary {
    plot: String,
}

/// The result does not hold what was asked for.
#[derive(Debug, Error)]
enum PlotError {
    #[error("{} holds nothing for the figure `{kind}`; it has {}", .path.display(), list(.present))]
    Absent {
        path: PathBuf,
        kind: String,
        present: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none of the others".to_owned()
    } else {
        names.join(", ")
    }
}

/// How a figure is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Writes one figure.
///
/// # Errors
/// A file that is no result or lacks what the figure shows, an output that is refused, an ending that is neither svg nor png.
pub fn run(options: &PlotOptions, _global: &Global, console: &Console) -> Result<Outcome> {
    interrupt::end_at_once()?;
    let format = format(options.output.out.as_deref())?;
    let mut contents = Contents::read(&options.result)?;
    contents.choose(&options.shown)?;
    let Some(figure) = options.kind.figure(&contents) else {
        return Err(absent(options.kind, &contents).into());
    };
    let output = output::reserve_as(
        &options.output,
        &options.kind.name(),
        "svg",
        &options.result,
    )?;
    let svg = figure.svg();
    let bytes = match format {
        Format::Svg => svg.into_bytes(),
        Format::Png => png(&svg, SCALE)?,
    };
    replace_file(output.path(), &bytes)?;
    let plot = output.path().display().to_string();
    console.result(&Summary { plot }, |summary| {
        format!("plot: {}\n", summary.plot)
    })?;
    Ok(Outcome::Done)
}

fn format(out: Option<&Path>) -> Result<Format, OptionError> {
    let Some(path) = out else {
        return Ok(Format::Svg);
    };
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(OptionError::Ending {
            option: "--out",
            value: path.display().to_string(),
            expected: ".svg or .png",
        }),
    }
}

fn absent(kind: Kind, contents: &Contents) -> PlotError {
    let present = Kind::value_variants()
        .iter()
        .filter(|k| k.figure(contents).is_some());
    PlotError::Absent {
        path: contents.path.clone(),
        kind: kind.name(),
        present: present.map(|k| k.name()).collect(),
    }
}
