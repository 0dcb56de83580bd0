//! Looking things up in what was read of a file.

use tauscope_fit::store::{AttributeValue, Group, Variable};

/// A group whose variables and attributes may or may not be there.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a>(pub &'a Group);

impl<'a> Node<'a> {
    /// The group `name` below this one.
    pub fn child(self, name: &str) -> Option<Node<'a>> {
        self.0.find_group(name).map(Node)
    }

    /// The variable `name`.
    pub fn variable(self, name: &str) -> Option<&'a Variable> {
        self.0.find(name)
    }

    /// The variable `name` as real numbers; none where it is text.
    pub fn reals(self, name: &str) -> Option<Vec<f64>> {
        self.variable(name)?.values.as_real()
    }

    /// The numbers of variable `name`, where it has no more than one dimension.
    pub fn vector(self, name: &str) -> Option<Vec<f64>> {
        let variable = self.variable(name)?;
        if variable.dims.len() > 1 {
            return None;
        }
        variable.values.as_real()
    }

    /// The labels of dimension `name`: its coordinate variable, or 0, 1, .. up to `length`.
    pub fn labels(self, name: &str, length: usize) -> Vec<String> {
        let stored = self.variable(name).map(|v| v.values.texts());
        let stored = stored.filter(|labels| labels.len() == length);
        stored.unwrap_or_else(|| (0..length).map(|i| i.to_string()).collect())
    }

    /// The attribute `name`.
    pub fn attribute(self, name: &str) -> Option<&'a AttributeValue> {
        let attributes = &self.0.attributes;
        attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// The attribute `name` where it is text that says something.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.0.attribute_text(name).filter(|text| !text.is_empty())
    }

    /// The attribute `name` where it is a number or a flag.
    pub fn number(self, name: &str) -> Option<f64> {
        match self.attribute(name)? {
            AttributeValue::Real(value) => Some(*value),
            AttributeValue::Integer(value) => Some(*value as f64),
            AttributeValue::Flag(flag) => Some(f64::from(u8::from(*flag))),
            _ => None,
        }
    }

    /// The attribute `name` as lines of text.
    pub fn texts(self, name: &str) -> Vec<String> {
        match self.attribute(name) {
            Some(AttributeValue::Texts(texts)) => texts.clone(),
            Some(AttributeValue::Text(text)) if !text.is_empty() => vec![text.clone()],
            _ => Vec::new(),
        }
    }
}

/// The attribute `units` of a variable; "" where it has none.
pub fn units_of(variable: &Variable) -> String {
    variable
        .attribute_text("units")
        .unwrap_or_default()
        .to_owned()
}
