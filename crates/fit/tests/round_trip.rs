//! What is written is read back, value by value.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;
use proptest::prelude::*;
use tauscope_dynamics::Interpolation;
use tauscope_fit::dataset::{
    CarriedVariable, Dataset, InitialState, RawDataset, Split, TargetSampling,
};
use tauscope_fit::store::{
    AttributeValue, Group, StoredFile, Values, Variable, read_dataset, read_gradient_problem,
    write_dataset, write_file,
};

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("x.h5")
}

/// A dataset that uses everything a dataset may have.
fn full() -> RawDataset {
    let matrix = |rows, columns, start: f64| {
        DMatrix::from_fn(rows, columns, |i, j| start + i as f64 + 10.0 * j as f64)
    };
    let trials = |rows, columns| {
        (0..4)
            .map(|t| matrix(rows, columns, 100.0 * f64::from(t)))
            .collect::<Vec<_>>()
    };
    let carried = |name: &str, values: Values| CarriedVariable {
        name: name.to_owned(),
        values,
        units: Some("dB".to_owned()),
        long_name: Some("loudness".to_owned()),
    };
    let truth = Group::new()
        .attribute("model", "two-constant")
        .indices("unit", 3)
        .variable(Variable::new("tau_s", &["unit"], vec![0.1, 0.2, 0.3]).units("ms"));
    RawDataset {
        title: Some("a title".to_owned()),
        source: Some("nowhere".to_owned()),
        licence: Some("CC0".to_owned()),
        target_units: Some("1/s".to_owned()),
        input_units: Some("mV".to_owned()),
        interpolation: Interpolation::Linear,
        target_sampling: TargetSampling::BinMean,
        target_time: Some(vec![0.5, 1.0, 4.0]),
        target_std: Some(vec![0.5, 2.0]),
        spike_counts: Some(trials(2, 3)),
        trial_length: Some(vec![3, 5, 5, 5]),
        split: Some(vec![Split::Train, Split::Valid, Split::Test, Split::Train]),
        trial_labels: Some(vec![0.5, 1.5, 2.5, 3.5].into()),
        input_labels: Some(vec!["sound".to_owned(), "light".to_owned()].into()),
        output_labels: Some(vec![7_i64, 8].into()),
        initial_state: Some(InitialState {
            current: Some(matrix(3, 4, 0.0)),
            rate: Some(matrix(3, 4, 0.5)),
        }),
        trial_variables: vec![carried("signal", vec![1_i64, 2, 1, 2].into())],
        output_variables: vec![carried(
            "layer",
            vec!["a".to_owned(), "b".to_owned()].into(),
        )],
        truth: Some(truth),
        ..RawDataset::new(
            "x",
            "ms",
            vec![0.0, 1.0, 2.0, 3.5, 4.0],
            trials(2, 5),
            trials(2, 3),
        )
    }
}

/// All that a dataset says, NaN included, in a form that can be compared.
fn facts(dataset: &Dataset) -> String {
    let truth = dataset
        .truth()
        .map(|t| (t.find("tau_s").cloned(), t.attributes.clone()));
    let truth =
        truth.map(|(tau, attributes)| (tau.map(|t| (t.values, t.dims, t.attributes)), attributes));
    format!(
        "{:?}",
        (
            (
                dataset.name(),
                dataset.title(),
                dataset.source(),
                dataset.licence()
            ),
            (
                dataset.time_units(),
                dataset.target_units(),
                dataset.input_units()
            ),
            (
                dataset.interpolation(),
                dataset.target_sampling(),
                dataset.time(),
                dataset.target_time()
            ),
            (
                dataset.inputs(),
                dataset.targets(),
                dataset.spike_counts(),
                dataset.target_std()
            ),
            (
                dataset.trial_length(),
                dataset.split(),
                dataset.initial_state()
            ),
            (
                dataset.trial_labels(),
                dataset.input_labels(),
                dataset.output_labels()
            ),
            (dataset.trial_variables(), dataset.output_variables(), truth),
        )
    )
}

#[test]
fn a_dataset_with_everything_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let dataset = Dataset::new(full()).unwrap();
    write_dataset(&path, &dataset).unwrap();
    let read = read_dataset(&path).unwrap();
    assert_eq!(facts(&read), facts(&dataset));
    assert_eq!(read.path(), Some(path.as_path()));
    assert_eq!(read.sha256().map(str::len), Some(64));
}

#[test]
fn a_dataset_read_and_written_again_has_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    write_dataset(&path, &Dataset::new(full()).unwrap()).unwrap();
    let first = std::fs::read(&path).unwrap();
    write_dataset(&path, &read_dataset(&path).unwrap()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

#[test]
fn nothing_beyond_the_end_of_a_shorter_trial_is_used() {
    let mut raw = full();
    raw.inputs[0][(1, 3)] = f64::NAN;
    raw.inputs[0][(1, 4)] = f64::INFINITY;
    raw.targets[0][(0, 2)] = f64::INFINITY;
    let dataset = Dataset::new(raw).unwrap();
    let trial = dataset.trial(0);
    assert_eq!(trial.length, 3);
    assert_eq!(trial.inputs.column(4), trial.inputs.column(2));
    assert!(trial.targets.column(2).iter().all(|v| v.is_nan()));
    assert!(trial.targets.column(1).iter().all(|v| v.is_finite()));
    assert!(
        dataset.spike_counts().unwrap()[0]
            .column(2)
            .iter()
            .all(|v| v.is_nan())
    );
    assert!(
        dataset.spike_counts().unwrap()[1]
            .iter()
            .all(|v| v.is_finite())
    );
}

#[test]
fn a_held_input_reaches_targets_up_to_the_sample_after_its_last() {
    let mut raw = full();
    raw.interpolation = Interpolation::Hold;
    raw.target_time = Some(vec![2.0, 3.0, 3.5]);
    let dataset = Dataset::new(raw).unwrap();
    let observed: Vec<_> = dataset
        .trial(0)
        .targets
        .row(0)
        .iter()
        .map(|v| !v.is_nan())
        .collect();
    assert_eq!(observed, [true, true, false]);
}

#[test]
fn an_autonomous_dataset_needs_neither_inputs_nor_interpolation() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let targets = vec![DMatrix::from_element(2, 3, 1.0)];
    let raw = RawDataset::new("x", "s", vec![0.0, 1.0, 2.0], Vec::new(), targets);
    write_dataset(&path, &Dataset::new(raw).unwrap()).unwrap();
    let dataset = read_dataset(&path).unwrap();
    assert_eq!(
        (dataset.n_inputs(), dataset.trial(0).inputs.shape()),
        (0, (0, 3))
    );
}

#[test]
fn the_shipped_recordings_are_valid() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let zebrafish = read_dataset(&data.join("zebrafish.h5")).unwrap();
    assert_eq!(
        (
            zebrafish.n_trials(),
            zebrafish.n_inputs(),
            zebrafish.n_outputs()
        ),
        (12, 3, 64)
    );
    assert_eq!(
        (zebrafish.name(), zebrafish.time_units()),
        ("zebrafish", "frames")
    );
    assert!(zebrafish.output_variable("output_hemisphere").is_some());
    let grasshopper = read_dataset(&data.join("grasshopper.h5")).unwrap();
    assert_eq!(
        (grasshopper.n_trials(), grasshopper.time().len()),
        (40, 500)
    );
    assert_eq!(grasshopper.target_sampling(), TargetSampling::BinMean);
    assert_eq!(
        grasshopper
            .trial_variable("trial_signal")
            .unwrap()
            .values
            .len(),
        40
    );
    assert!(grasshopper.spike_counts().is_some());
}

#[test]
fn values_attributes_and_order_of_a_tree_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let tree = Group::new()
        .attribute("z", "text")
        .attribute("a", 1.5)
        .attribute("list", vec![1_i64, 2])
        .dimension("bare", 2)
        .coordinate(
            Variable::new("unit", &["unit"], vec!["u".to_owned(), String::new()]).units("1"),
        )
        .variable(Variable::new(
            "W",
            &["unit", "bare"],
            vec![1.0, f64::NEG_INFINITY, -0.0, 4.0],
        ))
        .variable(Variable::new("flag", &["unit"], vec![true, false]))
        .variable(Variable::new("a scalar", &[], vec![i64::MIN]))
        .group(
            "inner",
            Group::new().variable(Variable::new("x", &["bare"], vec![1_i64, 2])),
        );
    write_file(&path, &tree).unwrap();
    let read = StoredFile::open(&path).unwrap().root().load().unwrap();
    let names = |g: &Group| {
        g.variables
            .iter()
            .map(|v| v.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&read), ["unit", "W", "flag", "a scalar"]);
    assert_eq!(read.attributes, tree.attributes);
    for variable in &tree.variables {
        let found = read.find(&variable.name).unwrap();
        assert_eq!(
            (&found.dims, &found.values),
            (&variable.dims, &variable.values)
        );
        assert_eq!(found.attributes, variable.attributes);
    }
    let inner = read.find_group("inner").unwrap().find("x").unwrap();
    assert_eq!(
        (inner.dims.as_slice(), &inner.values),
        (&["bare".to_owned()][..], &vec![1_i64, 2].into())
    );
}

#[test]
fn results_are_read_by_name_with_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let parameters = Group::new()
        .attribute("kind", "best")
        .indices("unit", 2)
        .indices("source_unit", 3)
        .variable(
            Variable::new(
                "W",
                &["unit", "source_unit"],
                vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            )
            .units("1"),
        );
    write_file(&path, &Group::new().group("parameters", parameters)).unwrap();
    let file = StoredFile::open(&path).unwrap();
    let group = file.group("parameters").unwrap();
    let w = group.read_f64("W").unwrap();
    assert_eq!(
        (w.shape, w.values),
        (vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    );
    assert_eq!(
        group.attribute("kind").unwrap(),
        Some(AttributeValue::Text("best".to_owned()))
    );
    assert_eq!(
        group.variable("W").unwrap().dims().unwrap(),
        [Some("unit".to_owned()), Some("source_unit".to_owned())]
    );
    assert!(!group.has("tau_s"));
    let missing = file.group("uncertainty").unwrap_err().to_string();
    assert_eq!(
        missing,
        format!(
            "{}: the group uncertainty is missing: write the file anew by the command that made it",
            path.display()
        )
    );
}

#[test]
fn a_tree_that_does_not_hold_together_is_refused_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let fault = |tree: Group| {
        let message = write_file(&path, &tree).unwrap_err().to_string();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        message.replace(&format!("{} cannot be written: ", path.display()), "")
    };
    let unit = || Group::new().indices("unit", 2);
    assert_eq!(
        fault(unit().variable(Variable::new("b", &["unit"], vec![1.0]))),
        "/b has 1 values where its dimensions make 2"
    );
    assert_eq!(
        fault(unit().variable(Variable::new("b", &["units"], vec![1.0]))),
        "/b lies along units, which is no dimension"
    );
    assert_eq!(
        fault(unit().variable(Variable::new("W", &["unit", "unit"], vec![1.0; 4]))),
        "/W has the dimension unit twice"
    );
    assert_eq!(
        fault(unit().variable(Variable::new("unit", &["unit"], vec![1.0; 2]))),
        "/unit is given twice"
    );
    assert_eq!(
        fault(Group::new().group("g", Group::new().dimension("a/b", 1))),
        "/g/\"a/b\" cannot be a name"
    );
    assert_eq!(
        fault(Group::new().attribute("t", "a\0b")),
        "the text \"a\\0b\" contains NUL"
    );
}

fn problem(model: &str, change: impl FnOnce(&mut Group)) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let targets = vec![DMatrix::from_element(2, 3, 1.0); 2];
    let mut raw = RawDataset::new("x", "s", vec![0.0, 1.0, 2.0], Vec::new(), targets);
    let state = DMatrix::from_element(2, 2, 0.5);
    raw.initial_state = Some(InitialState {
        current: Some(state.clone()),
        rate: Some(state),
    });
    write_dataset(&path, &Dataset::new(raw).unwrap()).unwrap();
    let mut parameters = Group::new()
        .indices("unit", 2)
        .indices("source_unit", 2)
        .variable(Variable::new(
            "W",
            &["unit", "source_unit"],
            vec![1.0, 2.0, 3.0, 4.0],
        ))
        .variable(Variable::new("b", &["unit"], vec![1.0, 2.0]))
        .variable(Variable::new("tau_r", &["unit"], vec![1.0, 2.0]));
    change(&mut parameters);
    let root = StoredFile::open(&path).unwrap().root().load().unwrap();
    let root = root
        .attribute("model", model)
        .attribute("activation", "tanh")
        .group("parameters", parameters);
    write_file(&path, &root).unwrap();
    let read = read_gradient_problem(&path)
        .map_err(|e| e.to_string().replace(&path.display().to_string(), "x.h5"))?;
    assert_eq!(
        (read.parameters.w[(0, 1)], read.parameters.u.shape()),
        (2.0, (2, 0))
    );
    assert!(read.parameters.tau_s.is_none());
    Ok(())
}

#[test]
fn a_gradient_problem_has_what_its_model_needs() {
    assert_eq!(problem("rate", |_| {}), Ok(()));
    assert_eq!(
        problem("two-constant", |_| {}),
        Err("x.h5: the variable parameters/tau_s is missing; variables there: unit, source_unit, W, b, tau_r. Rename the one that it is, or write the file anew with it".to_owned())
    );
    assert_eq!(
        problem("spiking", |_| {}),
        Err("x.h5: the attribute model is \"spiking\": set it to \"two-constant\", \"rate\" or \"current\"".to_owned())
    );
    let negative = |p: &mut Group| {
        p.variables
            .iter_mut()
            .filter(|v| v.name == "tau_r")
            .for_each(|v| v.values = vec![1.0, -2.0].into())
    };
    assert_eq!(
        problem("rate", negative),
        Err("x.h5: parameters/tau_r[1] must be positive, got -2: for one without delay leave the variable out and set the attribute model to \"rate\" (no tau_s) or \"current\" (no tau_r)".to_owned())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_numbers_and_any_text_come_back(
        reals in prop::collection::vec(any::<f64>(), 0..300),
        integers in prop::collection::vec(any::<i64>(), 1..20),
        texts in prop::collection::vec("[^\0]{0,12}", 1..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder);
        let tree = Group::new()
            .dimension("x", reals.len())
            .dimension("y", integers.len())
            .dimension("z", texts.len())
            .variable(Variable::new("reals", &["x"], reals.clone()))
            .variable(Variable::new("integers", &["y"], integers.clone()))
            .variable(Variable::new("texts", &["z"], texts.clone()));
        write_file(&path, &tree).unwrap();
        let file = StoredFile::open(&path).unwrap();
        let read = file.root().read_f64("reals").unwrap().values;
        prop_assert_eq!(read.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), reals.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        prop_assert_eq!(file.root().read_i64("integers").unwrap(), integers);
        prop_assert_eq!(file.root().read_text("texts").unwrap(), texts);
    }
}
