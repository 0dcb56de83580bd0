use super::nearest;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::Value;

/// What can be wrong with the value of a key.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Something of another kind.
    #[error("expected {expected}, got {got}")]
    Kind {
        /// What the key takes.
        expected: String,
        /// What was written.
        got: String,
    },
    /// A word that is not in the list.
    #[error("unknown value \"{got}\"{}; the values are {}", did_you_mean(.got, .words), .words.join(", "))]
    Word {
        /// What was written.
        got: String,
        /// All words that the key takes.
        words: Vec<&'static str>,
    },
    /// A lower bound that is not below the upper one.
    #[error("the low bound {low} must lie below the high bound {high}; write low first")]
    Reversed {
        /// The first number.
        low: f64,
        /// The second number.
        high: f64,
    },
    /// A sign that is none.
    #[error("sign {index} must be 1, -1 or 0 (free), got {got}")]
    Sign {
        /// Which source unit.
        index: usize,
        /// What was written.
        got: String,
    },
    /// A unit that is listed in two groups, or twice in one.
    #[error(
        "unit {unit} is listed in group {first} and again in group {second}; list each unit once"
    )]
    RepeatedUnit {
        /// The unit, by index or label.
        unit: String,
        /// The group that has it first.
        first: String,
        /// The group that has it again.
        second: String,
    },
    /// Tying by the table of groups, without a table.
    #[error(
        "\"groups\" needs a table [groups] in a configuration file, with lines NAME = [unit, unit, ..]"
    )]
    NoGroups,
    /// A path that TOML cannot hold.
    #[error("the path {} is not valid UTF-8; rename the file or its folder", .path.display())]
    PathText {
        /// The path.
        path: PathBuf,
    },
}

fn did_you_mean(got: &str, words: &[&'static str]) -> String {
    nearest(got, words.iter().copied())
        .map_or_else(String::new, |word| format!(", did you mean \"{word}\""))
}

/// How a text on the command line becomes a TOML value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text, whatever it looks like.
    Text,
    /// `true` or `false`; an option without a value means `true`.
    Boolean,
    /// A number, else a text.
    Scalar,
    /// Scalars separated by commas; a single one stays a scalar.
    List,
    /// A table; there is no option for it.
    Table,
}

impl Form {
    /// The TOML value that `text` stands for.
    pub fn value(self, text: &str) -> Value {
        match self {
            Form::Text | Form::Table => Value::String(text.to_owned()),
            Form::Boolean => text
                .parse()
                .map_or_else(|_| Value::String(text.to_owned()), Value::Boolean),
            Form::List if text.contains(',') => Value::Array(text.split(',').map(scalar).collect()),
            Form::Scalar | Form::List => scalar(text),
        }
    }
}

fn scalar(text: &str) -> Value {
    if let Ok(integer) = text.parse() {
        return Value::Integer(integer);
    }
    text.parse()
        .map_or_else(|_| Value::String(text.to_owned()), Value::Float)
}

/// A type that a configuration key can have.
pub trait Setting: Sized {
    /// How its text on the command line is read.
    const FORM: Form;

    /// What it takes, for messages: `a number above 0`.
    fn expected() -> String;

    /// All its words if it takes words only, else nothing.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }

    /// Reads a TOML value; relative paths start at the folder `base`.
    ///
    /// # Errors
    /// [`ValueError`] when the value is not one that the key takes.
    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError>;

    /// The TOML value that [`parse`](Self::parse) reads back as the same.
    fn to_value(&self) -> Value;
}

/// The error for a value of another kind than `T` takes.
pub(super) fn wrong_kind<T: Setting>(value: &Value) -> ValueError {
    ValueError::Kind {
        expected: T::expected(),
        got: value.to_string(),
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        // exact up to 2^53, far beyond any number that a key takes
        Value::Integer(integer) => Some(*integer as f64),
        Value::Float(float) if float.is_finite() => Some(*float),
        _ => None,
    }
}

macro_rules! number_setting {
    ($(#[$doc:meta])+ $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("Holds `number` if it is ", $expected, ".")]
            pub fn new(number: f64) -> Option<Self> {
                let valid: fn(f64) -> bool = $valid;
                (number.is_finite() && valid(number)).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl Setting for $name {
            const FORM: Form = Form::Scalar;

            fn expected() -> String {
                $expected.to_owned()
            }

            fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
                number(value).and_then(Self::new).ok_or_else(|| wrong_kind::<Self>(value))
            }

            fn to_value(&self) -> Value {
                Value::Float(self.0)
            }
        }
    };
}

number_setting!(
    /// A finite number above 0.
    Positive, "a number above 0", |x| x > 0.0
);
number_setting!(
    /// A finite number of at least 0.
    NonNegative, "a number of at least 0", |x| x >= 0.0
);
number_setting!(
    /// A relative tolerance: below 1, and no less than sums of doubles can meet.
    Fraction, "a number from 1e-13 (doubles can meet no less) to 1 (excluded)", |x| (1e-13..1.0).contains(&x)
);

impl Setting for bool {
    const FORM: Form = Form::Boolean;

    fn expected() -> String {
        "true or false".to_owned()
    }

    fn words() -> Vec<&'static str> {
        vec!["true", "false"]
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        value.as_bool().ok_or_else(|| wrong_kind::<Self>(value))
    }

    fn to_value(&self) -> Value {
        Value::Boolean(*self)
    }
}

impl Setting for NonZeroUsize {
    const FORM: Form = Form::Scalar;

    fn expected() -> String {
        "a whole number of at least 1".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let count = value
            .as_integer()
            .and_then(|integer| usize::try_from(integer).ok());
        count
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| wrong_kind::<Self>(value))
    }

    fn to_value(&self) -> Value {
        Value::Integer(i64::try_from(self.get()).unwrap_or(i64::MAX))
    }
}

impl Setting for u64 {
    const FORM: Form = Form::Scalar;

    fn expected() -> String {
        format!("a whole number from 0 to {}", i64::MAX)
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let integer = value
            .as_integer()
            .and_then(|integer| u64::try_from(integer).ok());
        integer.ok_or_else(|| wrong_kind::<Self>(value))
    }

    fn to_value(&self) -> Value {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Setting for String {
    const FORM: Form = Form::Text;

    fn expected() -> String {
        "a name".to_owned()
    }

    fn parse(value: &Value, _base: &Path) -> Result<Self, ValueError> {
        let name = value.as_str().filter(|name| !name.is_empty());
        name.map(str::to_owned)
            .ok_or_else(|| wrong_kind::<Self>(value))
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
}

/// A value, or the word `auto`: decided where the data are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto<T> {
    /// `auto`
    Auto,
    /// A value.
    Set(T),
}

impl<T> Auto<T> {
    /// The value, unless it is `auto`.
    pub fn set(&self) -> Option<&T> {
        match self {
            Auto::Auto => None,
            Auto::Set(value) => Some(value),
        }
    }
}

/// Reads `T`, or `word` as nothing.
fn parse_or_word<T: Setting>(
    value: &Value,
    base: &Path,
    word: &'static str,
) -> Result<Option<T>, ValueError> {
    if value.as_str() == Some(word) {
        return Ok(None);
    }
    T::parse(value, base)
        .map(Some)
        .map_err(|error| match error {
            ValueError::Kind { expected, got } => ValueError::Kind {
                expected: format!("{expected}, or \"{word}\""),
                got,
            },
            other => other,
        })
}

fn words_and<T: Setting>(word: &'static str) -> Vec<&'static str> {
    let words = T::words();
    if words.is_empty() {
        words
    } else {
        [vec![word], words].concat()
    }
}

impl<T: Setting> Setting for Auto<T> {
    const FORM: Form = T::FORM;

    fn expected() -> String {
        format!("{}, or \"auto\"", T::expected())
    }

    fn words() -> Vec<&'static str> {
        words_and::<T>("auto")
    }

    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError> {
        Ok(parse_or_word(value, base, "auto")?.map_or(Auto::Auto, Auto::Set))
    }

    fn to_value(&self) -> Value {
        self.set()
            .map_or_else(|| Value::String("auto".to_owned()), Setting::to_value)
    }
}

impl<T: Setting> Setting for Option<T> {
    const FORM: Form = T::FORM;

    fn expected() -> String {
        format!("{}, or \"none\"", T::expected())
    }

    fn words() -> Vec<&'static str> {
        words_and::<T>("none")
    }

    fn parse(value: &Value, base: &Path) -> Result<Self, ValueError> {
        parse_or_word(value, base, "none")
    }

    fn to_value(&self) -> Value {
        self.as_ref()
            .map_or_else(|| Value::String("none".to_owned()), Setting::to_value)
    }
}

/// `path` from the folder `base`, as text that TOML can hold.
pub(super) fn resolve_path(path: &str, base: &Path) -> Result<PathBuf, ValueError> {
    let path = base.join(path);
    if path.to_str().is_none() {
        return Err(ValueError::PathText { path });
    }
    Ok(path)
}
