use super::value::{Form, Setting, ValueError, number, resolve_path, wrong_kind};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use tauscope_dynamics::{Sign, TauBounds};
use toml::{Table, Value};

fn path_value(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

fn word(word: &str) -> Value {
    Value::String(word.to_owned())
}

impl Setting for TauBounds {
    const FORM: Form = Form::List;

    fn expected() -> String {
        "two numbers, low and high, with 0 < low < high".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let pair = value.as_array().filter(|pair| pair.len() == 2);
        let numbers = pair.and_then(|pair| Some((number(&pair[0])?, number(&pair[1])?)));
        let (low, high) = numbers.ok_or_else(|| wrong_kind::<Self>(value))?;
        if low >= high {
            return Err(ValueError::Reversed { low, high });
        }
        TauBounds::new(low, high).map_err(|_| wrong_kind::<Self>(value))
    }

    fn to_value(&self) -> Value {
        Value::Array(vec![Value::Float(self.low()), Value::Float(self.high())])
    }
}

/// The sign of the weights out of each source unit (a column of W).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignConstraint {
    /// No constraint.
    Free,
    /// One sign a source unit.
    BySource(Vec<Sign>),
}

fn parse_sign(index: usize, value: &Value) -> Result<Sign, ValueError> {
    match value.as_integer() {
        Some(1) => Ok(Sign::Excitatory),
        Some(-1) => Ok(Sign::Inhibitory),
        Some(0) => Ok(Sign::Free),
        _ => Err(ValueError::Sign {
            index,
            got: value.to_string(),
        }),
    }
}

impl Setting for SignConstraint {
    const FORM: Form = Form::List;

    fn expected() -> String {
        "\"free\" or a list of 1, -1 and 0 (free), one a unit".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let signs = match value {
            Value::String(text) if text == "free" => return Ok(SignConstraint::Free),
            Value::Integer(_) => std::slice::from_ref(value),
            Value::Array(signs) if !signs.is_empty() => signs,
            _ => return Err(wrong_kind::<Self>(value)),
        };
        let signs = signs
            .iter()
            .enumerate()
            .map(|(index, sign)| parse_sign(index, sign));
        signs
            .collect::<Result<_, _>>()
            .map(SignConstraint::BySource)
    }

    fn to_value(&self) -> Value {
        let SignConstraint::BySource(signs) = self else {
            return word("free");
        };
        let number = |sign: &Sign| match sign {
            Sign::Excitatory => 1,
            Sign::Inhibitory => -1,
            Sign::Free => 0,
        };
        Value::Array(
            signs
                .iter()
                .map(|sign| Value::Integer(number(sign)))
                .collect(),
        )
    }
}

/// Which recurrent weights exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// All.
    Full,
    /// All but those of a unit on itself.
    NoSelf,
    /// None.
    None,
    /// Those that are 1 in a file of zeros and ones, row = target unit.
    File(PathBuf),
}

impl Setting for Mask {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        "full, no-self, none, or a CSV or HDF5 file of zeros and ones".to_owned()
    }

    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError> {
        match value.as_str() {
            Some("full") => Ok(Mask::Full),
            Some("no-self") => Ok(Mask::NoSelf),
            Some("none") => Ok(Mask::None),
            Some(path) if !path.is_empty() => resolve_path(path, base).map(Mask::File),
            _ => Err(wrong_kind::<Self>(value)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Mask::Full => word("full"),
            Mask::NoSelf => word("no-self"),
            Mask::None => word("none"),
            Mask::File(path) => path_value(path),
        }
    }
}

/// Which input weights exist; as [`Mask`], but an input has no self.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputMask {
    /// All.
    Full,
    /// None.
    None,
    /// Those that are 1 in a file of zeros and ones, row = target unit.
    File(PathBuf),
}

impl Setting for InputMask {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        "full, none, or a CSV or HDF5 file of zeros and ones (an input has no self-connection)"
            .to_owned()
    }

    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError> {
        match Mask::parse(value, base) {
            Ok(Mask::Full) => Ok(InputMask::Full),
            Ok(Mask::None) => Ok(InputMask::None),
            Ok(Mask::File(path)) => Ok(InputMask::File(path)),
            Err(error @ ValueError::PathText { .. }) => Err(error),
            Ok(Mask::NoSelf) | Err(_) => Err(wrong_kind::<Self>(value)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            InputMask::Full => word("full"),
            InputMask::None => word("none"),
            InputMask::File(path) => path_value(path),
        }
    }
}

/// Which units share a time constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TauTying {
    /// None: one a unit.
    Unit,
    /// All.
    Global,
    /// Those of equal value in a variable of the dataset over `output`; a hidden unit is its own group.
    Variable(String),
    /// Those of one line of the table `[groups]`.
    Groups,
}

impl Setting for TauTying {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        "unit, global, group:NAME (a variable of the dataset over output) or groups".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        match value.as_str() {
            Some("unit") => Ok(TauTying::Unit),
            Some("global") => Ok(TauTying::Global),
            Some("groups") => Ok(TauTying::Groups),
            Some(text) => match text.strip_prefix("group:") {
                Some(name) if !name.is_empty() => Ok(TauTying::Variable(name.to_owned())),
                _ => Err(wrong_kind::<Self>(value)),
            },
            None => Err(wrong_kind::<Self>(value)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            TauTying::Unit => word("unit"),
            TauTying::Global => word("global"),
            TauTying::Groups => word("groups"),
            TauTying::Variable(name) => Value::String(format!("group:{name}")),
        }
    }
}

/// A unit as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitName {
    /// Counted from 0.
    Index(usize),
    /// The label of its output.
    Label(String),
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnitName::Index(index) => write!(f, "{index}"),
            UnitName::Label(label) => write!(f, "\"{label}\""),
        }
    }
}

/// Units that share a time constant, by group name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, Vec<UnitName>>);

impl Groups {
    /// Name and units of each group, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[UnitName])> {
        self.0
            .iter()
            .map(|(name, units)| (name.as_str(), units.as_slice()))
    }

    /// True where no group is defined.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn check_unique(self) -> Result<Self, ValueError> {
        let mut seen = BTreeMap::new();
        for (name, units) in self.iter() {
            for unit in units {
                if let Some(first) = seen.insert(unit, name) {
                    let (unit, first, second) =
                        (unit.to_string(), first.to_owned(), name.to_owned());
                    return Err(ValueError::RepeatedUnit {
                        unit,
                        first,
                        second,
                    });
                }
            }
        }
        Ok(self)
    }
}

fn parse_unit(value: &Value) -> Option<UnitName> {
    match value {
        Value::Integer(index) => usize::try_from(*index).ok().map(UnitName::Index),
        Value::String(label) => Some(UnitName::Label(label.clone())),
        _ => None,
    }
}

impl Setting for Groups {
    const FORM: Form = Form::Table;

    fn expected() -> String {
        "a table of lines NAME = [unit, unit, ..], each unit an index from 0 or a label".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let table = value.as_table().ok_or_else(|| wrong_kind::<Self>(value))?;
        let mut groups = BTreeMap::new();
        for (name, units) in table {
            let units = units.as_array().filter(|units| !units.is_empty());
            let units =
                units.and_then(|units| units.iter().map(parse_unit).collect::<Option<Vec<_>>>());
            groups.insert(
                name.clone(),
                units.ok_or_else(|| wrong_kind::<Self>(value))?,
            );
        }
        Groups(groups).check_unique()
    }

    fn to_value(&self) -> Value {
        let unit = |unit: &UnitName| match unit {
            UnitName::Index(index) => Value::Integer(i64::try_from(*index).unwrap_or(i64::MAX)),
            UnitName::Label(label) => Value::String(label.clone()),
        };
        let line = |(name, units): (&str, &[UnitName])| {
            (
                name.to_owned(),
                Value::Array(units.iter().map(unit).collect()),
            )
        };
        Value::Table(self.iter().map(line).collect::<Table>())
    }
}

/// Where the parameters start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Init {
    /// Drawn from the seed.
    Random,
    /// The parameters of a result file.
    File(PathBuf),
}

impl Setting for Init {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        "\"random\" or a result file".to_owned()
    }

    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError> {
        match value.as_str() {
            Some("random") => Ok(Init::Random),
            Some(path) if !path.is_empty() => resolve_path(path, base).map(Init::File),
            _ => Err(wrong_kind::<Self>(value)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Init::Random => word("random"),
            Init::File(path) => path_value(path),
        }
    }
}
