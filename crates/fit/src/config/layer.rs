use super::error::{ConfigError, Place, Source};
use super::keys::{FitConfig, KEYS};
use super::nearest;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What one source says.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Who says it.
    pub source: Source,
    /// What it says.
    pub config: FitConfig,
}

impl Layer {
    /// Reads a configuration file. Relative paths in it start at the folder of the file.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read, is not TOML, or has an unknown key or a wrong value.
    pub fn read(path: &Path) -> Result<Layer, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
            path: path.to_owned(),
            reason,
        })?;
        Layer::from_toml(&text, path)
    }

    /// Reads the text of a configuration file; `path` is where it stands, for messages and relative paths.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_toml(text: &str, path: &Path) -> Result<Layer, ConfigError> {
        let table = parse_table(text, path)?;
        let names = KEYS.iter().map(|key| key.name);
        if let Some(key) = table
            .keys()
            .find(|key| KEYS.iter().all(|known| known.name != key.as_str()))
        {
            let nearest = nearest(key, names);
            return Err(ConfigError::UnknownKey {
                path: path.to_owned(),
                key: key.clone(),
                nearest,
            });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let entries = KEYS
            .iter()
            .filter_map(|key| Some((key.name, table.get(key.name)?.clone())));
        Layer::new(Source::File(path.to_owned()), &absolute(folder), entries)
    }

    /// Reads the options of the command line, as key and text. Relative paths start at the current folder.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when a text is not a value of its key.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Result<Layer, ConfigError> {
        let form = |name| KEYS.iter().find(|key| key.name == name).map(|key| key.form);
        let entries = options
            .into_iter()
            .filter_map(|(name, text)| Some((name, form(name)?.value(text))));
        Layer::new(Source::CommandLine, &absolute(Path::new("")), entries)
    }

    fn new(
        source: Source,
        base: &Path,
        entries: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<Layer, ConfigError> {
        let mut config = FitConfig::default();
        for (key, value) in entries {
            config.set(key, &value, base).map_err(|reason| {
                let place = Place {
                    key: key.to_owned(),
                    source: source.clone(),
                };
                ConfigError::Value { place, reason }
            })?;
        }
        Ok(Layer { source, config })
    }
}

/// The folder as seen from the root, so that a printed configuration means the same from another folder.
fn absolute(folder: &Path) -> PathBuf {
    match std::env::current_dir() {
        Ok(current) => current.join(folder),
        Err(_) => folder.to_owned(),
    }
}

/// Parses TOML, with the line in the error.
fn parse_table(text: &str, path: &Path) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1;
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            reason: error.message().to_owned(),
        }
    })
}
