//! `tauscope inspect`: what a file holds.

mod comparison;

use crate::args::{Global, InspectOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::export::attribute;
use crate::summary::{self, FitSummary};
use crate::table::Table;
use crate::{interrupt, resolve};
use anyhow::Result;
use comparison::ComparisonSummary;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;
use tauscope_fit::store::{GroupPlace, StoreError, StoredFile, StoredGroup};

#[derive(Debug, Serialize)]
struct Contents {
    file: String,
    format: Option<String>,
    schema_version: Value,
    attributes: Map<String, Value>,
    shapes: Map<String, Value>,
    dimensions: Map<String, Value>,
    units: Map<String, Value>,
    #[serde(flatten)]
    result: Option<FitSummary>,
    #[serde(flatten)]
    comparison: Option<ComparisonSummary>,
}

/// Lists attributes and variables, and sums up a result.
///
/// # Errors
/// A file that is missing or cannot be read.
pub fn run(options: &InspectOptions, _global: &Global, console: &Console) -> Result<Outcome> {
    interrupt::end_at_once()?;
    let path = resolve::dataset(&options.file, &std::env::current_dir()?)?;
    console.result(&contents(&path)?, text)?;
    Ok(Outcome::Done)
}

fn contents(path: &Path) -> Result<Contents, StoreError> {
    let file = StoredFile::open(path)?;
    let root = file.root();
    let format = root.attribute_text("tauscope_format")?;
    let is_result = format.as_deref() == Some("result");
    let version = root.attribute("schema_version")?;
    let mut contents = Contents {
        file: path.display().to_string(),
        format: format.clone(),
        schema_version: version.as_ref().map_or(Value::Null, attribute),
        attributes: Map::new(),
        shapes: Map::new(),
        dimensions: Map::new(),
        units: Map::new(),
        result: if is_result {
            Some(summary::read(&file)?)
        } else {
            None
        },
        comparison: (format.as_deref() == Some("comparison"))
            .then(|| comparison::read(&root))
            .transpose()?,
    };
    contents.list(&root, "", &mut Vec::new())?;
    Ok(contents)
}

impl Contents {
    /// Adds everything in `group` and below; `prefix` is its name with a slash. A group that was seen before is left
    /// out: links may go round in a circle.
    fn list(
        &mut self,
        group: &StoredGroup,
        prefix: &str,
        seen: &mut Vec<GroupPlace>,
    ) -> Result<(), StoreError> {
        match group.place() {
            Some(place) if seen.contains(&place) => return Ok(()),
            place => seen.extend(place),
        }
        for (name, value) in group.attributes()? {
            self.attributes
                .insert(format!("{prefix}{name}"), attribute(&value));
        }
        for name in group.variable_names()? {
            let variable = group.variable(&name)?;
            let key = format!("{prefix}{name}");
            self.shapes.insert(key.clone(), variable.shape().into());
            self.dimensions.insert(key.clone(), variable.dims()?.into());
            self.units
                .insert(key, variable.attribute_text("units")?.into());
        }
        for name in group.group_names()? {
            // the depth is that of the formats
            if prefix.matches('/').count() < 4 {
                self.list(&group.group(&name)?, &format!("{prefix}{name}/"), seen)?;
            }
        }
        Ok(())
    }
}

fn text(contents: &Contents) -> String {
    let format = contents.format.as_deref().unwrap_or("no tauscope_format");
    let mut text = format!("{}: {format}\n", contents.file);
    if let Some(result) = &contents.result {
        text += &format!("\n{}", summary::text(result));
    }
    if let Some(comparison) = &contents.comparison {
        text += &format!("\n{}", comparison.text());
    }
    text + "\n" + &variables(contents) + "\n" + &attributes(contents)
}

fn variables(contents: &Contents) -> String {
    let mut table = Table::new(&["variable", "shape", "dimensions", "units"]);
    for (name, shape) in &contents.shapes {
        let list = |value: Option<&Value>, empty: &str| {
            let entries = value
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let texts = entries.iter().map(|entry| {
                entry
                    .as_str()
                    .map_or_else(|| entry.to_string(), str::to_owned)
            });
            let texts: Vec<String> = texts
                .map(|text| if text == "null" { "?".to_owned() } else { text })
                .collect();
            if texts.is_empty() {
                empty.to_owned()
            } else {
                texts.join(" x ")
            }
        };
        let units = contents
            .units
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        table.row([
            name.clone(),
            list(Some(shape), "scalar"),
            list(contents.dimensions.get(name), ""),
            units,
        ]);
    }
    table.text()
}

/// One line an attribute; of a long one, its first line.
fn attributes(contents: &Contents) -> String {
    let line = |(name, value): (&String, &Value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let first = value.lines().next().unwrap_or_default();
        let more = if value.lines().count() > 1 { " .." } else { "" };
        format!("{name} = {first}{more}\n")
    };
    contents.attributes.iter().map(line).collect()
}
