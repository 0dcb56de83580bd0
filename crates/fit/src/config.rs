//! The configuration of a fit: as written, and as it takes effect.
//!
//! A [`Layer`] holds what one source (the command line or one file) says; every key is optional there.
//! [`EffectiveConfig::merge`] lays the layers over each other, strongest first, fills in the defaults and has every
//! key set. Its [`to_toml`](EffectiveConfig::to_toml) is itself a valid configuration file.
//!
//! One table, in `config/keys.rs`, holds name, type, default and description of every key: the fields here, the options of
//! the command line and the comments of a printed configuration all come from it.

mod auto;
mod error;
mod keys;
mod layer;
mod method;
mod nearest;
mod print;
mod settings;
mod value;
mod words;

pub use auto::Problem;
pub use error::{ConfigError, Place, Source};
pub use keys::{EffectiveConfig, FitConfig, KEYS, Key};
pub use layer::Layer;
pub use method::Method;
pub use nearest::nearest;
pub use settings::{Groups, Init, InputMask, Mask, SignConstraint, TauTying, UnitName};
pub use value::{Auto, Form, Fraction, NonNegative, Positive, Setting, ValueError};
pub use words::{
    InitialStateChoice, LinkChoice, ObservationChoice, OptimizerChoice, OwnRate, ReadoutChoice,
    SelectBy,
};

#[cfg(test)]
mod tests;
