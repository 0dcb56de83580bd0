//! From the options of a command and the files they name to the configuration that takes effect.

use crate::args::{ConfigOptions, Global, KeyOptions};
use crate::console::Console;
use crate::generate;
use anyhow::Context;
use std::path::{Path, PathBuf};
use tauscope_fit::config::{ConfigError, EffectiveConfig, Init, InputMask, Layer, Mask};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::plan::{FitPlan, PlanError};
use tauscope_fit::store::StoredFile;

/// The configuration that takes effect, and the files that it came from, strongest first.
#[derive(Debug)]
pub struct Settings {
    pub config: EffectiveConfig,
    pub files: Vec<PathBuf>,
}

impl Settings {
    /// The files that a command reads beside its dataset, and must not write: it could not be repeated or gone on with without them.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let EffectiveConfig {
            init,
            connectivity,
            input_connectivity,
            ..
        } = &self.config;
        let init = match init {
            Init::File(path) => Some(path),
            _ => None,
        };
        let mask = match connectivity {
            Mask::File(path) => Some(path),
            _ => None,
        };
        let input_mask = match input_connectivity {
            InputMask::File(path) => Some(path),
            _ => None,
        };
        let named = init.into_iter().chain(mask).chain(input_mask);
        self.files.iter().chain(named).map(|path| path.as_ref())
    }
}

/// Lays the command line over `--config` over `DATASET.toml` over the defaults, and says which files were used.
///
/// # Errors
/// [`ConfigError`] for a wrong option, and for a file that cannot be read or holds something wrong.
pub fn effective<S>(
    keys: &KeyOptions<S>,
    options: &ConfigOptions,
    global: &Global,
    dataset: &Path,
    console: &Console,
) -> Result<Settings, ConfigError> {
    let mut layers = vec![command_line(keys, global)?];
    let mut files = Vec::new();
    let beside = (!options.no_config())
        .then(|| beside(dataset, console))
        .flatten();
    for path in options.config.iter().cloned().chain(beside) {
        layers.push(Layer::read(&path)?);
        console.note(format!("configuration: {}", path.display()));
        files.push(path);
    }
    let config = EffectiveConfig::merge(&layers)?;
    Ok(Settings { config, files })
}

/// The configuration of the result, which is also where the parameters come from, below the command line and `--config`.
///
/// # Errors
/// As [`effective`], and for a file that is no result.
pub fn of_result<S>(
    keys: &KeyOptions<S>,
    options: &ConfigOptions,
    global: &Global,
    result: &Path,
) -> anyhow::Result<Settings> {
    let files = options.config.iter().cloned().collect();
    stored_in(command_line(keys, global)?, files, result)
}

/// As [`of_result`], for commands without configuration files of their own: `layer` over what `result` was fitted with.
///
/// # Errors
/// As [`of_result`].
pub fn stored_in(layer: Layer, files: Vec<PathBuf>, result: &Path) -> anyhow::Result<Settings> {
    let mut layers = vec![layer];
    for path in &files {
        layers.push(Layer::read(path)?);
    }
    let start = result.to_string_lossy();
    layers.push(Layer::from_options([("init", start.as_ref())])?);
    let stored = StoredFile::open_result(result)?
        .group("provenance")?
        .required_text("configuration", "the configuration of the fit as TOML")?;
    layers.push(Layer::from_toml(&stored, result)?);
    let config = EffectiveConfig::merge(&layers)?;
    Ok(Settings { config, files })
}

/// The options of the command line, those that every command takes included.
///
/// # Errors
/// [`ConfigError::Value`] for a wrong one.
pub fn command_line<S>(keys: &KeyOptions<S>, global: &Global) -> Result<Layer, ConfigError> {
    keys.layer(&[
        ("seed", global.seed.as_deref()),
        ("threads", global.threads.as_deref()),
    ])
}

/// `DATASET.toml` beside the dataset, if there is one.
fn beside(dataset: &Path, console: &Console) -> Option<PathBuf> {
    let path = dataset.with_extension("toml");
    if path == dataset || !path.is_file() {
        return None;
    }
    if generate::is_specification(&path) {
        console.note(format!(
            "{} is a specification for `generate`, not a configuration: not used",
            path.display()
        ));
        return None;
    }
    Some(path)
}

/// What of `dataset` a configuration observes: its targets, or spike counts in their place.
///
/// # Errors
/// [`ConfigError`] where the dataset has none.
pub fn observed(config: &EffectiveConfig, dataset: Dataset) -> anyhow::Result<Dataset> {
    let name = name(&dataset);
    config
        .observed(dataset)
        .map_err(|error| anyhow::Error::from(error).context(name))
}

/// The plan of a fit of `dataset`. What does not fit in the configuration is an error of the configuration; what does not
/// fit in the dataset names its file.
///
/// # Errors
/// [`ConfigError`], else [`PlanError`].
pub fn plan(config: &EffectiveConfig, dataset: &Dataset) -> anyhow::Result<FitPlan> {
    match FitPlan::check(config, dataset) {
        Err(PlanError::Config(error)) => Err(error.into()),
        Err(error @ (PlanError::Init { .. } | PlanError::Store(_))) => Err(error.into()),
        checked => checked.with_context(|| name(dataset)),
    }
}

/// The file of a dataset, for messages.
pub fn name(dataset: &Dataset) -> String {
    dataset
        .path()
        .map_or_else(String::new, |path| path.display().to_string())
}
