//! Tables of comma-separated values: one for all variables of a group over the same dimensions.

use csv::Writer;
use tauscope_fit::store::{AttributeValue, Group, Values, Variable};

/// Letters of a file's name; `unused` tells apart what begins alike.
const LONGEST_NAME: usize = 60;

/// A file of the folder.
pub struct Table {
    /// Its name.
    pub file: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The tables of every group, `variables.csv` and `attributes.csv`.
///
/// # Errors
/// csv's, which cannot occur in memory.
pub fn all(tree: &Group) -> csv::Result<Vec<Table>> {
    let mut groups = Vec::new();
    super::visit(tree, "", &mut |path, group| {
        groups.push((path.to_owned(), group))
    });
    let mut tables = vec![attributes(&groups)?];
    let mut index = vec![
        [
            "group",
            "variable",
            "dimensions",
            "units",
            "long_name",
            "file",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for (path, group) in &groups {
        for variables in by_dimensions(group) {
            let dims = &variables[0].dims;
            let file = unused(file_name(path, dims), &tables);
            for variable in &variables {
                let text =
                    |name: &str| variable.attribute_text(name).unwrap_or_default().to_owned();
                let group = path.trim_end_matches('/').to_owned();
                index.push(vec![
                    group,
                    variable.name.clone(),
                    dims.join(" "),
                    text("units"),
                    text("long_name"),
                    file.clone(),
                ]);
            }
            tables.push(Table {
                bytes: table(group, dims, &variables)?,
                file,
            });
        }
    }
    tables.push(Table {
        file: "variables.csv".to_owned(),
        bytes: rows(index)?,
    });
    Ok(tables)
}

/// Variables over the same dimensions, in the order of the file. A coordinate is part of every table that has its dimension; it has a table
/// of its own only where nothing else lies over that dimension alone.
fn by_dimensions(group: &Group) -> Vec<Vec<&Variable>> {
    let is_coordinate = |v: &&Variable| v.dims == [v.name.clone()];
    let mut tables: Vec<Vec<&Variable>> = Vec::new();
    for variable in group.variables.iter().filter(|v| !is_coordinate(v)) {
        match tables
            .iter_mut()
            .find(|table| table[0].dims == variable.dims)
        {
            Some(table) => table.push(variable),
            None => tables.push(vec![variable]),
        }
    }
    let is_used = |name: &String| tables.iter().any(|table| table[0].dims.contains(name));
    let alone: Vec<_> = group
        .variables
        .iter()
        .filter(is_coordinate)
        .filter(|v| !is_used(&v.name))
        .map(|v| vec![v])
        .collect();
    tables.extend(alone);
    tables
}

/// `predictions/test/` over trial and output: `predictions-test-trial-output.csv`
fn file_name(path: &str, dims: &[String]) -> String {
    let groups = path.split('/').filter(|part| !part.is_empty());
    let parts: Vec<&str> = groups.chain(dims.iter().map(String::as_str)).collect();
    let name = if parts.is_empty() {
        "scalars".to_owned()
    } else {
        parts.join("-")
    };
    // a name that would clash with those of the index, or lead out of the folder
    let name = name.replace(['/', '\\'], "_");
    // file systems take names of up to 255 bytes
    let name: String = name.chars().take(LONGEST_NAME).collect();
    if ["variables", "attributes"].contains(&name.as_str()) {
        format!("{name}-values.csv")
    } else {
        format!("{name}.csv")
    }
}

/// Names of groups and dimensions may hold hyphens themselves: then two tables could have one name.
fn unused(file: String, tables: &[Table]) -> String {
    let taken = |name: &String| tables.iter().any(|table| table.file == *name);
    let numbered = (2..).map(|i| file.replace(".csv", &format!("-{i}.csv")));
    let mut names = std::iter::once(file.clone()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(file)
}

/// A row a place, the last dimension fastest.
fn table(group: &Group, dims: &[String], variables: &[&Variable]) -> csv::Result<Vec<u8>> {
    let shape = &variables[0].shape;
    let labels: Vec<Vec<String>> = dims
        .iter()
        .zip(shape)
        .map(|(dim, &length)| labels(group, dim, length))
        .collect();
    let others: Vec<&&Variable> = variables
        .iter()
        .filter(|v| v.dims != [v.name.clone()])
        .collect();
    let names = others.iter().map(|v| v.name.clone());
    let heading: Vec<String> = dims.iter().cloned().chain(names).collect();
    let row = |place: usize| -> Vec<String> {
        let places = indices(place, shape).into_iter().zip(&labels);
        let mut row: Vec<String> = places.map(|(i, labels)| labels[i].clone()).collect();
        row.extend(others.iter().map(|v| cell(&v.values, place)));
        row
    };
    let n_rows = shape.iter().product::<usize>();
    rows(std::iter::once(heading).chain((0..n_rows).map(row)))
}

fn labels(group: &Group, dim: &str, length: usize) -> Vec<String> {
    let stored = group.find(dim).filter(|v| v.values.len() == length);
    (0..length)
        .map(|i| stored.map_or_else(|| i.to_string(), |v| cell(&v.values, i)))
        .collect()
}

fn indices(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut all: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let index = place % length;
            place /= length;
            index
        })
        .collect();
    all.reverse();
    all
}

/// A value in the fewest digits from which the same number is read; NaN is empty.
fn cell(values: &Values, at: usize) -> String {
    match values {
        Values::Real(values) => values
            .get(at)
            .filter(|v| !v.is_nan())
            .map_or_else(String::new, |v| format!("{v:?}")),
        other => other.text(at).unwrap_or_default(),
    }
}

fn attributes(groups: &[(String, &Group)]) -> csv::Result<Table> {
    let mut all = vec![["group", "attribute", "value"].map(str::to_owned).to_vec()];
    for (path, group) in groups {
        let row = |(name, value): &(String, AttributeValue)| {
            vec![
                path.trim_end_matches('/').to_owned(),
                name.clone(),
                text(value),
            ]
        };
        all.extend(group.attributes.iter().map(row));
    }
    Ok(Table {
        file: "attributes.csv".to_owned(),
        bytes: rows(all)?,
    })
}

fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Texts(texts) => texts.join("\n"),
        other => other.to_string(),
    }
}

/// Each row is written as it is made: as strings a table is many times as large as its text.
fn rows(all: impl IntoIterator<Item = Vec<String>>) -> csv::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    for row in all {
        writer.write_record(row)?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dimension_runs_fastest() {
        assert_eq!(indices(0, &[]), Vec::<usize>::new());
        assert_eq!(indices(7, &[2, 3, 2]), [1, 0, 1]);
    }

    #[test]
    fn file_names_stay_in_the_folder() {
        assert_eq!(
            file_name(
                "predictions/test/",
                &["trial".to_owned(), "output".to_owned()]
            ),
            "predictions-test-trial-output.csv"
        );
        assert_eq!(file_name("", &[]), "scalars.csv");
        assert_eq!(file_name("", &["../x".to_owned()]), ".._x.csv");
        let long = file_name("a/", &["é".repeat(300), "b".to_owned()]);
        assert!(long.starts_with("a-é") && long.len() < 255, "{long}");
        assert_eq!(
            file_name("", &["variables".to_owned()]),
            "variables-values.csv"
        );
    }
}
