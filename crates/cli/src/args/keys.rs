use clap::builder::{PossibleValuesParser, StyledStr};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::marker::PhantomData;
use tauscope_fit::config::{ConfigError, EffectiveConfig, Form, KEYS, Key, Layer};

/// Which configuration keys are options of a command.
pub trait KeySet {
    /// Whether `name` is one of them.
    fn includes(name: &str) -> bool;
}

/// Every key of a fit.
#[derive(Debug)]
pub struct FitKeys;

impl KeySet for FitKeys {
    fn includes(name: &str) -> bool {
        // --seed and --threads are options of every command; the groups are a table, in files only
        !["seed", "threads", "groups"].contains(&name)
    }
}

/// Every key of a fit but those that a comparison goes through itself, has a word of its own for, or has no use for.
#[derive(Debug)]
pub struct CompareKeys;

impl KeySet for CompareKeys {
    fn includes(name: &str) -> bool {
        let own = ["report", "checkpoint_interval"];
        FitKeys::includes(name) && !SolverKeys::includes(name) && !own.contains(&name)
    }
}

/// The keys of time integration.
#[derive(Debug)]
pub struct SolverKeys;

impl KeySet for SolverKeys {
    fn includes(name: &str) -> bool {
        ["method", "rtol", "atol", "step"].contains(&name)
    }
}

/// The keys of one gradient: those of time integration, and the memory that it may take.
#[derive(Debug)]
pub struct GradientKeys;

impl KeySet for GradientKeys {
    fn includes(name: &str) -> bool {
        SolverKeys::includes(name) || name == "memory"
    }
}

/// Configuration keys given as options, by key, as written.
///
/// clap's derive would repeat the table of keys; this reads it.
#[derive(Debug)]
pub struct KeyOptions<S> {
    given: Vec<(&'static str, String)>,
    set: PhantomData<S>,
}

impl<S> KeyOptions<S> {
    /// The options as the strongest layer of a configuration, with `more` that other options say.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when a text is not a value of its key.
    pub fn layer(&self, more: &[(&'static str, Option<&str>)]) -> Result<Layer, ConfigError> {
        let more = more.iter().filter_map(|(key, text)| Some((*key, (*text)?)));
        Layer::from_options(
            self.given
                .iter()
                .map(|(key, text)| (*key, text.as_str()))
                .chain(more),
        )
    }
}

fn included<S: KeySet>() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| S::includes(key.name))
}

/// The default as a person would write it on the command line.
fn default_text(key: &Key) -> String {
    let values = EffectiveConfig::default().values();
    let value = values.into_iter().find(|(known, _)| known.name == key.name);
    value.map_or_else(String::new, |(_, value)| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    })
}

fn value_name(key: &Key) -> &'static str {
    match key.form {
        Form::Boolean => "BOOL",
        Form::List => "LIST",
        Form::Text | Form::Table => "WORD",
        Form::Scalar => "NUMBER",
    }
}

fn option(key: &'static Key) -> Arg {
    let help = StyledStr::from(format!(
        "{} [default: {}]",
        key.help.trim(),
        default_text(key)
    ));
    let option = Arg::new(key.name)
        .long(key.name.replace('_', "-"))
        .value_name(value_name(key))
        .help(help)
        .help_heading("Configuration keys");
    let option = match key.form {
        Form::Boolean => option.num_args(0..=1).default_missing_value("true"),
        _ => option
            .num_args(1)
            .allow_hyphen_values(key.form == Form::List)
            .allow_negative_numbers(true),
    };
    let words = (key.words)();
    if words.is_empty() {
        option
    } else {
        option.value_parser(PossibleValuesParser::new(words))
    }
}

impl<S: KeySet> Args for KeyOptions<S> {
    fn augment_args(command: Command) -> Command {
        included::<S>().fold(command, |command, key| command.arg(option(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: KeySet> FromArgMatches for KeyOptions<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = included::<S>()
            .filter_map(|key| Some((key.name, matches.get_one::<String>(key.name)?.clone())));
        Ok(KeyOptions {
            given: given.collect(),
            set: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
