//! Everything as one JSON object.

use serde_json::{Map, Value, json};
use tauscope_fit::store::{AttributeValue, Group, Values, Variable};

/// The object: attributes, dimensions, variables, groups.
pub fn bytes(tree: &Group) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&group(tree))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn group(tree: &Group) -> Value {
    let dimensions: Map<_, _> = tree
        .dimensions
        .iter()
        .map(|d| (d.name.clone(), d.length.into()))
        .collect();
    let variables: Map<_, _> = tree
        .variables
        .iter()
        .map(|v| (v.name.clone(), variable(v)))
        .collect();
    let groups: Map<_, _> = tree
        .groups
        .iter()
        .map(|(name, tree)| (name.clone(), group(tree)))
        .collect();
    json!({ "attributes": attributes(&tree.attributes), "dimensions": dimensions, "variables": variables, "groups": groups })
}

fn variable(variable: &Variable) -> Value {
    let mut object = attributes(&variable.attributes);
    object.insert("dims".to_owned(), variable.dims.clone().into());
    object.insert(
        "values".to_owned(),
        nested(&mut flat(&variable.values).into_iter(), &variable.shape),
    );
    Value::Object(object)
}

/// Attributes by name.
pub fn attributes(attributes: &[(String, AttributeValue)]) -> Map<String, Value> {
    attributes
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

/// An attribute; a number that does not exist is null.
pub fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => text.as_str().into(),
        AttributeValue::Real(number) => (*number).into(),
        AttributeValue::Integer(number) => (*number).into(),
        AttributeValue::Flag(flag) => (*flag).into(),
        AttributeValue::Reals(numbers) => numbers.as_slice().into(),
        AttributeValue::Integers(numbers) => numbers.as_slice().into(),
        AttributeValue::Texts(texts) => texts.as_slice().into(),
    }
}

fn flat(values: &Values) -> Vec<Value> {
    match values {
        Values::Real(values) => values.iter().map(|&v| v.into()).collect(),
        Values::Integer(values) => values.iter().map(|&v| v.into()).collect(),
        Values::Flag(values) => values.iter().map(|&v| v.into()).collect(),
        Values::Text(values) => values.iter().map(|v| v.as_str().into()).collect(),
    }
}

/// Lists in lists, slowest dimension outermost; a scalar is itself.
fn nested(values: &mut impl Iterator<Item = Value>, shape: &[usize]) -> Value {
    match shape {
        [] => values.next().unwrap_or(Value::Null),
        [length] => values.take(*length).collect::<Vec<_>>().into(),
        [length, rest @ ..] => {
            let parts = (0..*length).map(|_| nested(values, rest));
            parts.collect::<Vec<_>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nested;
    use serde_json::json;

    #[test]
    fn values_are_nested_by_dimension() {
        let nested = |n: usize, shape: &[usize]| nested(&mut (0..n).map(|v| json!(v)), shape);
        assert_eq!(nested(6, &[1, 2, 3]), json!([[[0, 1, 2], [3, 4, 5]]]));
        assert_eq!(nested(1, &[]), json!(0));
        assert_eq!(nested(0, &[2, 0]), json!([[], []]));
        assert_eq!(nested(0, &[0, 2]), json!([]));
    }
}
