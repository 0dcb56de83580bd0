use super::*;
use proptest::prelude::*;
use std::path::Path;

fn file(text: &str) -> Result<Layer, ConfigError> {
    Layer::from_toml(text, Path::new("/data/x.toml"))
}

fn message<T>(result: Result<T, ConfigError>) -> String {
    result
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

fn option(key: &'static str, text: &str) -> Result<Layer, ConfigError> {
    Layer::from_options([(key, text)])
}

/// What is set, without where.
fn settings(config: &EffectiveConfig) -> Vec<toml::Value> {
    config
        .values()
        .into_iter()
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn the_command_line_wins_over_files_and_files_over_defaults() {
    let command_line = option("starts", "7").unwrap();
    let strong = file("starts = 2\nrtol = 1e-4").unwrap();
    let weak = file("starts = 1\nrtol = 1e-3\nunits = 5").unwrap();
    let config = EffectiveConfig::merge(&[command_line, strong, weak]).unwrap();
    assert_eq!(config.starts.get(), 7);
    assert_eq!(config.rtol.get(), 1e-4);
    assert_eq!(config.units.set().map(|units| units.get()), Some(5));
    assert!(config.bias);
    assert_eq!(
        config.place("rtol").source,
        Source::File("/data/x.toml".into())
    );
    assert_eq!(config.place("bias").source, Source::Default);
}

#[test]
fn a_stronger_layer_can_return_a_key_to_auto() {
    let config =
        EffectiveConfig::merge(&[option("units", "auto").unwrap(), file("units = 8").unwrap()])
            .unwrap();
    assert_eq!(config.units, Auto::Auto);
}

#[test]
fn an_unknown_key_is_refused_with_its_neighbour() {
    assert_eq!(
        message(file("tau_bound = [1, 2]")),
        "/data/x.toml: unknown key `tau_bound`, did you mean `tau_bounds`; --print-config lists all keys"
    );
}

#[test]
fn an_unknown_word_is_refused_with_the_list() {
    assert_eq!(
        message(file("activation = \"softmax\"")),
        "/data/x.toml: key `activation`: unknown value \"softmax\"; the values are identity, sigmoid, tanh, relu, softplus"
    );
    assert!(message(option("optimizer", "gausnewton")).contains("did you mean \"gauss-newton\""));
}

#[test]
fn reversed_bounds_name_where_they_were_written() {
    assert_eq!(
        message(option("tau_bounds", "3,0.002")),
        "option --tau-bounds: the low bound 3 must lie below the high bound 0.002; write low first"
    );
    assert!(
        message(file("tau_bounds = [3, 3]"))
            .starts_with("/data/x.toml: key `tau_bounds`: the low bound 3")
    );
}

#[test]
fn values_outside_their_range_are_refused() {
    for text in [
        "rtol = 0",
        "rtol = 1.5",
        "atol = -1e-9",
        "step = 0",
        "starts = 0",
        "units = 2.5",
        "units = -1",
        "seed = -1",
        "l2 = -0.1",
        "learning_rate = nan",
        "max_time = inf",
        "tau_bounds = [0, 1]",
        "tau_bounds = [1]",
        "tau_bounds = [-1, 2]",
        "signs = [1, 2]",
        "signs = []",
        "bias = 1",
        "threads = 0",
        "connectivity = \"\"",
        "input_connectivity = \"no-self\"",
        "time_constants = \"group:\"",
        "time_constants = \"layers\"",
        "score_by = \"\"",
        "report = 1",
        "model = 3",
        "[groups]\na = [-1]",
        "[groups]\na = []",
    ] {
        assert!(file(text).is_err(), "{text}");
    }
}

#[test]
fn a_syntax_error_names_the_line() {
    assert!(message(file("starts = 1\nrtol = = 2\n")).starts_with("/data/x.toml: line 2: "));
}

#[test]
fn a_unit_belongs_to_one_group() {
    let text =
        "time_constants = \"groups\"\n[groups]\nslow = [0, \"left-12\"]\nfast = [1, \"left-12\"]";
    assert!(message(file(text)).ends_with(
        "unit \"left-12\" is listed in group fast and again in group slow; list each unit once"
    ));
}

#[test]
fn tying_by_groups_needs_the_table() {
    let merged = EffectiveConfig::merge(&[option("time_constants", "groups").unwrap()]);
    assert!(
        message(merged).starts_with("option --time-constants: \"groups\" needs a table [groups]")
    );
}

#[test]
fn a_single_sign_is_a_list_of_one() {
    let layer = option("signs", "-1").unwrap();
    assert_eq!(
        layer.config.signs,
        Some(SignConstraint::BySource(vec![
            tauscope_dynamics::Sign::Inhibitory
        ]))
    );
}

#[test]
fn relative_paths_start_at_the_file_that_names_them() {
    let layer = file("connectivity = \"mask.csv\"").unwrap();
    assert_eq!(
        layer.config.connectivity,
        Some(Mask::File("/data/mask.csv".into()))
    );
}

#[test]
fn every_default_survives_printing_and_reading() {
    let text = EffectiveConfig::default().to_toml();
    let read = EffectiveConfig::from_toml(&text, Path::new("/data/x.toml")).unwrap();
    assert_eq!(read.to_toml(), text);
    for key in KEYS {
        assert!(text.contains(&format!("\n#{}\n", key.help)), "{}", key.name);
        assert!(read.is_set(key.name), "{}", key.name);
    }
}

#[test]
fn one_layer_of_everything_survives_printing_and_reading() {
    let text = "
        model = \"rate\"\nactivation = \"tanh\"\nunits = 8\nreadout = \"linear\"\nbias = false
        connectivity = \"no-self\"\ninput_connectivity = \"a b.csv\"\nsigns = [1, -1, 0]
        time_constants = \"groups\"\ntau_bounds = [0.002, 3]\ninitial_state = \"zero\"\nr0 = \"free\"
        method = \"rk4\"\nrtol = 1e-8\natol = 1e-12\nstep = 0.005\noptimizer = \"adam\"\nlearning_rate = 3e-3
        starts = 9\nmax_iterations = 100\nmax_time = 1.5\ninit = \"r.h5\"\nl2 = 1e-4\nearly_stopping = false
        select_by = \"train\"\nidentify = false\nscore_by = \"trial_signal\"\nseed = 12\nthreads = 2
        [groups]\n\"a b\" = [0, 1]\nfast = [2, \"left\\\"12\"]\n";
    let config = EffectiveConfig::merge(&[file(text).unwrap()]).unwrap();
    let printed = config.to_toml();
    let read = EffectiveConfig::from_toml(&printed, Path::new("/data/x.toml")).unwrap();
    assert_eq!(settings(&read), settings(&config));
    assert_eq!(read.to_toml(), printed);
}

proptest! {
    #[test]
    fn numbers_survive_printing_and_reading(low in 1e-12_f64..1.0, ratio in 1.0001_f64..1e9, l2 in 0.0_f64..1e3) {
        let text = format!("tau_bounds = [{low:e}, {:e}]\nl2 = {l2:e}", low * ratio);
        let config = EffectiveConfig::merge(&[file(&text).unwrap()]).unwrap();
        let read = EffectiveConfig::from_toml(&config.to_toml(), Path::new("/data/x.toml")).unwrap();
        prop_assert_eq!(settings(&read), settings(&config));
    }

    #[test]
    fn no_text_makes_reading_a_configuration_panic(text in "\\PC{0,200}") {
        let _ = file(&text);
    }

    #[test]
    fn no_option_text_makes_reading_it_panic(text in "\\PC{0,40}", index in 0..KEYS.len()) {
        let _ = option(KEYS[index].name, &text);
    }
}
