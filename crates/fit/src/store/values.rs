//! Values of one variable: numbers, flags or text.

use serde::{Deserialize, Serialize};

/// The values of a variable in row-major order, or the labels of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Values {
    /// Real numbers; NaN stands for what was not observed or does not exist.
    Real(Vec<f64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Booleans, stored as bytes with the attribute `dtype = "bool"`.
    Flag(Vec<bool>),
    /// Text, stored as variable-length UTF-8.
    Text(Vec<String>),
}

impl Values {
    /// The labels 0, 1, .. of a dimension that has none of its own.
    pub fn indices(length: usize) -> Self {
        Self::Integer((0_i64..).take(length).collect())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `index` as a person writes it: `left-12`, `3`, `0.5`, `true`; `None` beyond the end.
    pub fn text(&self, index: usize) -> Option<String> {
        match self {
            Self::Real(values) => values.get(index).map(f64::to_string),
            Self::Integer(values) => values.get(index).map(i64::to_string),
            Self::Flag(values) => values.get(index).map(bool::to_string),
            Self::Text(values) => values.get(index).cloned(),
        }
    }

    /// All values as text, see [`Values::text`].
    pub fn texts(&self) -> Vec<String> {
        (0..self.len()).filter_map(|i| self.text(i)).collect()
    }

    /// The first index whose text is `label`.
    pub fn position(&self, label: &str) -> Option<usize> {
        (0..self.len()).find(|&i| self.text(i).as_deref() == Some(label))
    }

    /// The values as real numbers (a flag is 0 or 1); `None` for text.
    pub fn as_real(&self) -> Option<Vec<f64>> {
        match self {
            Self::Real(values) => Some(values.clone()),
            Self::Integer(values) => Some(values.iter().map(|&v| v as f64).collect()),
            Self::Flag(values) => Some(values.iter().map(|&v| f64::from(u8::from(v))).collect()),
            Self::Text(_) => None,
        }
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self::Real(values)
    }
}

impl From<Vec<i64>> for Values {
    fn from(values: Vec<i64>) -> Self {
        Self::Integer(values)
    }
}

impl From<Vec<bool>> for Values {
    fn from(values: Vec<bool>) -> Self {
        Self::Flag(values)
    }
}

impl From<Vec<String>> for Values {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values)
    }
}

#[cfg(test)]
mod tests {
    use super::Values;

    #[test]
    fn a_label_is_found_by_its_text_whatever_its_kind() {
        assert_eq!(Values::indices(4).position("3"), Some(3));
        assert_eq!(Values::from(vec![0.5, 1.0]).position("1"), Some(1));
        assert_eq!(
            Values::from(vec!["left".to_owned(), "right".to_owned()]).position("right"),
            Some(1)
        );
        assert_eq!(Values::from(vec![true]).position("false"), None);
    }
}
