//! NumPy's archive: a zip file with one `.npy` a variable.

use super::json;
use npyz::{AutoSerialize, DType, WriteOptions, WriterBuilder};
use serde_json::{Map, Value};
use std::io::{self, Cursor, Write};
use tauscope_fit::store::{Group, Values, Variable};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The archive. An array is named with its groups; `attributes` is JSON text with the attributes of every group and variable.
pub fn bytes(tree: &Group) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut attributes = Map::new();
    let mut arrays = Vec::new();
    super::visit(tree, "", &mut |path, group| {
        attributes.insert(
            path.trim_end_matches('/').to_owned(),
            json::attributes(&group.attributes).into(),
        );
        for variable in &group.variables {
            let name = format!("{path}{}", variable.name);
            attributes.insert(name.clone(), of_variable(variable));
            arrays.push((name, variable));
        }
    });
    for (name, variable) in arrays {
        add(&mut zip, &name, &array(&variable.values, &variable.shape)?)?;
    }
    let text = Value::Object(attributes).to_string();
    add(&mut zip, "attributes", &texts(&[text], &[])?)?;
    Ok(zip.finish()?.into_inner())
}

fn of_variable(variable: &Variable) -> Value {
    let mut attributes = json::attributes(&variable.attributes);
    attributes.insert("dims".to_owned(), variable.dims.clone().into());
    attributes.into()
}

fn add(zip: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, npy: &[u8]) -> io::Result<()> {
    // always the same time: the same file gives the same archive
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(npy.len() > u32::MAX as usize);
    zip.start_file(format!("{name}.npy"), options)?;
    zip.write_all(npy)
}

fn array(values: &Values, shape: &[usize]) -> io::Result<Vec<u8>> {
    match values {
        Values::Real(values) => plain(values, shape),
        Values::Integer(values) => plain(values, shape),
        Values::Flag(values) => plain(values, shape),
        Values::Text(values) => texts(values, shape),
    }
}

fn plain<T: AutoSerialize + Copy>(values: &[T], shape: &[usize]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let options = WriteOptions::new().default_dtype().shape(&lengths(shape));
    let mut npy = options.writer(&mut bytes).begin_nd()?;
    npy.extend(values.iter().copied())?;
    npy.finish()?;
    Ok(bytes)
}

/// Text as NumPy's arrays of fixed length, as long as the longest.
fn texts(values: &[String], shape: &[usize]) -> io::Result<Vec<u8>> {
    let longest = values
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    let kind = format!("<U{longest}").parse().map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    let options = WriteOptions::<str>::new()
        .dtype(DType::Plain(kind))
        .shape(&lengths(shape));
    let mut npy = options.writer(&mut bytes).begin_nd()?;
    for text in values {
        npy.push(text.as_str())?;
    }
    npy.finish()?;
    Ok(bytes)
}

fn lengths(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&length| length as u64).collect()
}
