//! What a file holds, in memory: groups of named dimensions, variables and attributes.

use std::collections::HashSet;

use super::Values;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Text, stored as a variable-length UTF-8 scalar.
    Text(String),
    /// A real number.
    Real(f64),
    /// An integer.
    Integer(i64),
    /// A boolean, stored as the integer 0 or 1: netCDF has no boolean attribute.
    Flag(bool),
    /// Several real numbers.
    Reals(Vec<f64>),
    /// Several integers.
    Integers(Vec<i64>),
    /// Several texts.
    Texts(Vec<String>),
}

macro_rules! attribute_from {
    ($($from:ty => $variant:ident),+) => {$(
        impl From<$from> for AttributeValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )+};
}
attribute_from!(&str => Text, String => Text, f64 => Real, i64 => Integer, bool => Flag, Vec<f64> => Reals, Vec<i64> => Integers,
    Vec<String> => Texts);

/// A named axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Its name, known in its group and all groups below.
    pub name: String,
    /// Its length.
    pub length: usize,
}

/// A named array over named dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name in the group.
    pub name: String,
    /// Names of its dimensions, slowest first; none for a scalar. A square matrix needs two different names.
    pub dims: Vec<String>,
    /// Its lengths. Filled when read; when written, the dimensions say them.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Values,
    /// `units`, `long_name` and others.
    pub attributes: Vec<(String, AttributeValue)>,
}

impl Variable {
    /// A variable over `dims` (slowest first) with `values` in row-major order.
    pub fn new(name: &str, dims: &[&str], values: impl Into<Values>) -> Self {
        let dims = dims.iter().map(|&d| d.to_owned()).collect();
        Self {
            name: name.to_owned(),
            dims,
            shape: Vec::new(),
            values: values.into(),
            attributes: Vec::new(),
        }
    }

    /// Sets the attribute `units` ("1" for a pure number).
    pub fn units(self, units: &str) -> Self {
        self.attribute("units", units)
    }

    /// Sets the attribute `long_name`, which plots show.
    pub fn long_name(self, long_name: &str) -> Self {
        self.attribute("long_name", long_name)
    }

    /// Sets an attribute.
    pub fn attribute(mut self, name: &str, value: impl Into<AttributeValue>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// The text of attribute `name`, if it has one.
    pub fn attribute_text(&self, name: &str) -> Option<&str> {
        text_of(&self.attributes, name)
    }
}

/// A group of a file: attributes, dimensions, variables and further groups, in the order given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Attributes by name.
    pub attributes: Vec<(String, AttributeValue)>,
    /// Dimensions that this group defines.
    pub dimensions: Vec<Dimension>,
    /// Variables. One that bears the name of a dimension holds the coordinate values of that dimension.
    pub variables: Vec<Variable>,
    /// Groups by name.
    pub groups: Vec<(String, Group)>,
}

impl Group {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute.
    pub fn attribute(mut self, name: &str, value: impl Into<AttributeValue>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a dimension without coordinate values.
    pub fn dimension(mut self, name: &str, length: usize) -> Self {
        self.dimensions.push(Dimension {
            name: name.to_owned(),
            length,
        });
        self
    }

    /// Adds a dimension with its coordinate values, which must lie along the dimension of their own name.
    /// xarray inherits dimensions from the groups above but not their values: repeat coordinates where they are wanted.
    pub fn coordinate(mut self, variable: Variable) -> Self {
        self.dimensions.push(Dimension {
            name: variable.name.clone(),
            length: variable.values.len(),
        });
        self.variables.push(variable);
        self
    }

    /// Adds the dimension `name` with the labels 0, 1, .. .
    pub fn indices(self, name: &str, length: usize) -> Self {
        self.coordinate(Variable::new(name, &[name], Values::indices(length)))
    }

    /// Adds a variable.
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Adds a group.
    pub fn group(mut self, name: &str, group: Group) -> Self {
        self.groups.push((name.to_owned(), group));
        self
    }

    /// The variable `name` of this group.
    pub fn find(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|v| v.name == name)
    }

    /// The group `name` of this group.
    pub fn find_group(&self, name: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, group)| group)
    }

    /// The text of attribute `name`, if it has one.
    pub fn attribute_text(&self, name: &str) -> Option<&str> {
        text_of(&self.attributes, name)
    }

    /// What makes the tree unfit to be written, in words; `outer` are the dimensions of the groups above.
    pub(super) fn fault(&self, here: &str, outer: &[&Dimension]) -> Option<String> {
        self.name_fault(here)
            .or_else(|| {
                let known: Vec<_> = outer.iter().copied().chain(&self.dimensions).collect();
                self.variables
                    .iter()
                    .find_map(|v| variable_fault(v, here, &known, &self.dimensions))
            })
            .or_else(|| {
                let known: Vec<_> = outer.iter().copied().chain(&self.dimensions).collect();
                self.groups
                    .iter()
                    .find_map(|(name, group)| group.fault(&format!("{here}{name}/"), &known))
            })
    }

    /// A name that cannot be one, or is given twice.
    fn name_fault(&self, here: &str) -> Option<String> {
        let variables = self.variables.iter().map(|v| &v.name);
        let bare = self
            .dimensions
            .iter()
            .map(|d| &d.name)
            .filter(|&d| self.find(d).is_none());
        let mut seen = HashSet::new();
        for name in variables
            .chain(bare)
            .chain(self.groups.iter().map(|(n, _)| n))
        {
            if name.is_empty() || name == "." || name.contains(['/', '\0']) {
                return Some(format!("{here}{name:?} cannot be a name"));
            }
            if !seen.insert(name) {
                return Some(format!("{here}{name} is given twice"));
            }
        }
        None
    }
}

/// What is wrong with `variable` when `known` are all dimensions in sight and `own` those of its group.
fn variable_fault(
    variable: &Variable,
    here: &str,
    known: &[&Dimension],
    own: &[Dimension],
) -> Option<String> {
    let name = &variable.name;
    if own.iter().any(|d| d.name == *name) && variable.dims != [name.clone()] {
        return Some(format!(
            "{here}{name} bears the name of a dimension but does not lie along it"
        ));
    }
    let mut expected = 1_usize;
    for (axis, dim) in variable.dims.iter().enumerate() {
        if variable.dims[..axis].contains(dim) {
            return Some(format!("{here}{name} has the dimension {dim} twice"));
        }
        // The innermost definition of a name hides those above.
        let Some(dimension) = known.iter().rev().find(|d| d.name == *dim) else {
            return Some(format!(
                "{here}{name} lies along {dim}, which is no dimension"
            ));
        };
        expected = expected.saturating_mul(dimension.length);
    }
    let found = variable.values.len();
    (found != expected)
        .then(|| format!("{here}{name} has {found} values where its dimensions make {expected}"))
}

fn text_of<'a>(attributes: &'a [(String, AttributeValue)], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|(n, _)| n == name)
        .and_then(|(_, value)| match value {
            AttributeValue::Text(text) => Some(text.as_str()),
            _ => None,
        })
}

impl std::fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Flag(value) => write!(f, "{value}"),
            Self::Reals(values) => write!(f, "{values:?}"),
            Self::Integers(values) => write!(f, "{values:?}"),
            Self::Texts(values) => write!(f, "{values:?}"),
        }
    }
}
