use crate::config::{ConfigError, EffectiveConfig, TauTying, UnitName};
use crate::dataset::Dataset;
use std::collections::BTreeMap;
use tauscope_dynamics::Tying;

/// Which units share their time constants.
pub(super) fn tying(
    config: &EffectiveConfig,
    dataset: &Dataset,
    n_units: usize,
) -> Result<Tying, ConfigError> {
    match &config.time_constants {
        TauTying::Unit => Ok(Tying::PerUnit),
        TauTying::Global => Ok(Tying::Global),
        TauTying::Variable(name) => by_variable(config, dataset, name, n_units),
        TauTying::Groups => by_table(config, dataset, n_units),
    }
}

/// Outputs by their value of a variable; every hidden unit is its own group.
fn by_variable(
    config: &EffectiveConfig,
    dataset: &Dataset,
    name: &str,
    n_units: usize,
) -> Result<Tying, ConfigError> {
    let Some(variable) = dataset.output_variable(name) else {
        let known: Vec<_> = dataset
            .output_variables()
            .iter()
            .map(|v| v.name.as_str())
            .collect();
        let reason = format!(
            "the dataset has no variable `{name}` over output; it has: {}",
            known.join(", ")
        );
        return Err(config.unfit("time_constants", reason));
    };
    let mut numbers = BTreeMap::new();
    let mut groups = Vec::with_capacity(n_units);
    for unit in 0..n_units {
        let key = variable
            .values
            .text(unit)
            .map_or_else(|| format!("hidden {unit}"), |text| format!("group {text}"));
        let next = numbers.len();
        groups.push(*numbers.entry(key).or_insert(next));
    }
    Ok(Tying::Groups(groups))
}

/// The table `[groups]`, which must name every unit once.
fn by_table(
    config: &EffectiveConfig,
    dataset: &Dataset,
    n_units: usize,
) -> Result<Tying, ConfigError> {
    let mut group_of = vec![None; n_units];
    for (number, (name, units)) in config.groups.iter().enumerate() {
        for unit in units {
            let index = match unit {
                UnitName::Index(index) => Some(*index),
                UnitName::Label(label) => dataset.output_labels().position(label),
            };
            let Some(slot) = index.and_then(|index| group_of.get_mut(index)) else {
                let reason = format!(
                    "group {name}: there is no unit {unit}; the network has {n_units} units"
                );
                return Err(config.unfit("groups", reason));
            };
            if slot.replace(number).is_some() {
                let reason = format!("unit {unit} is named twice, by index and by label");
                return Err(config.unfit("groups", reason));
            }
        }
    }
    let missing = group_of.iter().position(Option::is_none);
    if let Some(unit) = missing {
        return Err(config.unfit(
            "groups",
            format!("unit {unit} is in no group: name every unit once"),
        ));
    }
    Ok(Tying::Groups(group_of.into_iter().flatten().collect()))
}
