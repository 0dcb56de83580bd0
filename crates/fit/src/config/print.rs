use super::error::ConfigError;
use super::keys::EffectiveConfig;
use super::layer::Layer;
use super::value::Form;
use std::fmt::Write;
use std::path::Path;

impl EffectiveConfig {
    /// The configuration as TOML: every key, each with a one-line comment. Reading it back gives an equal configuration.
    pub fn to_toml(&self) -> String {
        let mut text =
            String::from("# configuration of a fit; every key with the value that takes effect\n");
        for (key, value) in self.values() {
            // writing to a String cannot fail
            let _ = match (key.form, value.as_table()) {
                (Form::Table, Some(table)) => {
                    write!(text, "\n#{}\n[{}]\n{table}", key.help, key.name)
                }
                _ => write!(text, "\n#{}\n{} = {value}\n", key.help, key.name),
            };
        }
        text
    }

    /// Reads what [`to_toml`](Self::to_toml) wrote; `path` names the file that holds it, for messages.
    ///
    /// # Errors
    /// [`ConfigError`] when the text is not such a configuration.
    pub fn from_toml(text: &str, path: &Path) -> Result<EffectiveConfig, ConfigError> {
        EffectiveConfig::merge(&[Layer::from_toml(text, path)?])
    }
}
