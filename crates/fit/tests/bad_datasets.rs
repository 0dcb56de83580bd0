//! Every bad dataset is refused with the file, the variable, the index, the value and the remedy.

use std::fs;
use std::path::Path;

use tauscope_fit::store::{AttributeValue, Group, Values, Variable, read_dataset, write_file};

const TRIALS: usize = 3;
const SAMPLES: usize = 4;
const OUTPUTS: usize = 2;

/// A small valid dataset.
fn valid() -> Group {
    Group::new()
        .attribute("tauscope_format", "dataset")
        .attribute("schema_version", 1_i64)
        .attribute("time_units", "s")
        .attribute("interpolation", "hold")
        .indices("trial", TRIALS)
        .coordinate(Variable::new("time", &["time"], vec![0.0, 0.1, 0.2, 0.3]))
        .indices("input", 1)
        .indices("output", OUTPUTS)
        .variable(Variable::new(
            "inputs",
            &["trial", "time", "input"],
            vec![0.5; TRIALS * SAMPLES],
        ))
        .variable(Variable::new(
            "targets",
            &["trial", "time", "output"],
            vec![1.0; TRIALS * SAMPLES * OUTPUTS],
        ))
}

fn real<'a>(tree: &'a mut Group, name: &str) -> &'a mut Vec<f64> {
    let variable = tree.variables.iter_mut().find(|v| v.name == name).unwrap();
    match &mut variable.values {
        Values::Real(values) => values,
        _ => panic!("{name} is not real"),
    }
}

fn set_attribute(tree: &mut Group, name: &str, value: impl Into<AttributeValue>) {
    tree.attributes
        .iter_mut()
        .find(|(n, _)| n == name)
        .unwrap()
        .1 = value.into();
}

/// The message on reading `tree`, without the folder.
fn message(change: impl FnOnce(&mut Group)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let mut tree = valid();
    change(&mut tree);
    write_file(&path, &tree).unwrap();
    refusal(&path)
}

fn refusal(path: &Path) -> String {
    let message = read_dataset(path).unwrap_err().to_string();
    message.replace(&format!("{}/", path.parent().unwrap().display()), "")
}

fn push(tree: &mut Group, variable: Variable) {
    tree.variables.push(variable);
}

#[test]
fn the_valid_dataset_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    write_file(&path, &valid()).unwrap();
    let dataset = read_dataset(&path).unwrap();
    assert_eq!(
        (dataset.n_trials(), dataset.n_inputs(), dataset.n_outputs()),
        (TRIALS, 1, OUTPUTS)
    );
    assert_eq!(dataset.trial(2).targets.shape(), (OUTPUTS, SAMPLES));
}

#[test]
fn files_that_are_no_dataset_are_named_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        refusal(&path)
    };
    assert_eq!(
        refusal(&folder.path().join("none.h5")),
        "none.h5 does not exist: check the name and the folder"
    );
    assert_eq!(
        file("empty.h5", b""),
        "empty.h5 is not an HDF5 file: it is empty: write or copy it again"
    );
    assert_eq!(
        file("table.h5", b"time,rate\n0,1\n"),
        "table.h5 is not an HDF5 file: where it is a table, `tauscope import csv table.h5 --list` shows how it becomes a dataset; else write the data with h5py or xarray, one variable each for time, inputs and targets"
    );
    assert_eq!(
        file("bytes.h5", b"\x01\x02\xff"),
        "bytes.h5 is not an HDF5 file: write the data with h5py or xarray, one variable each for time, inputs and targets"
    );
    assert_eq!(
        file("old.nc", b"CDF\x01\0\0\0\0"),
        "old.nc is not an HDF5 file: it is netCDF-3: write it again as netCDF-4 (xarray: to_netcdf(format=\"NETCDF4\"))"
    );
    fs::create_dir(folder.path().join("folder.h5")).unwrap();
    assert_eq!(
        refusal(&folder.path().join("folder.h5")),
        "folder.h5 cannot be read: is a directory: name a file in it"
    );
}

#[test]
fn a_file_cut_short_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    write_file(&path, &valid()).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = refusal(&path);
    assert!(
        message.starts_with("x.h5 is damaged, cut short or still being written ("),
        "{message}"
    );
    assert!(message.ends_with("): write or copy it again"), "{message}");
}

#[test]
fn missing_variables_and_attributes_are_named_with_what_they_should_be() {
    assert_eq!(
        message(|t| t.variables.retain(|v| v.name != "targets")),
        "x.h5: the variable targets is missing; variables there: trial, time, input, output, inputs. Rename the one that it is, or write the file anew with it"
    );
    assert_eq!(
        message(|t| t.variables.retain(|v| v.name != "inputs")),
        "x.h5: the variable inputs is missing; variables there: trial, time, input, output, targets. Rename the one that it is, or write the file anew with it"
    );
    assert_eq!(
        message(|t| t.attributes.retain(|(n, _)| n != "tauscope_format")),
        "x.h5: the attribute tauscope_format is missing: set it to \"dataset\""
    );
    assert_eq!(
        message(|t| t.attributes.retain(|(n, _)| n != "time_units")),
        "x.h5: the attribute time_units is missing: set it to the unit of time, for instance s, ms or frames"
    );
    assert_eq!(
        message(|t| t.attributes.retain(|(n, _)| n != "interpolation")),
        "x.h5: the attribute interpolation is missing: set it to \"hold\" (sample k acts on [t_k, t_k+1)) or \"linear\""
    );
    assert_eq!(
        message(|t| set_attribute(t, "interpolation", "cubic")),
        "x.h5: the attribute interpolation is \"cubic\": set it to \"hold\" (sample k acts on [t_k, t_k+1)) or \"linear\""
    );
    assert_eq!(
        message(|t| set_attribute(t, "schema_version", 7_i64)),
        "x.h5: the attribute schema_version is 7: set it to 1, or use a newer version of tauscope"
    );
    assert_eq!(
        message(|t| set_attribute(t, "tauscope_format", "result")),
        "x.h5: the attribute tauscope_format is \"result\": set it to \"dataset\" if it is one, or name a dataset"
    );
    assert_eq!(
        message(|t| set_attribute(t, "time_units", " ")),
        "x.h5: the attribute time_units is empty: set it to the unit of time, for instance s, ms or frames"
    );
}

#[test]
fn wrong_shapes_and_kinds_say_what_the_axes_should_be() {
    let replace = |name: &'static str, with: Variable| {
        message(move |t| {
            t.variables.retain(|v| v.name != name);
            t.variables.push(with);
        })
    };
    assert_eq!(
        replace(
            "targets",
            Variable::new("targets", &["time", "output"], vec![1.0; SAMPLES * OUTPUTS])
        ),
        "x.h5: targets has the shape [4, 2]: it must have the axes (trial, target_time, output)"
    );
    assert_eq!(
        replace(
            "inputs",
            Variable::new(
                "inputs",
                &["trial", "output", "input"],
                vec![1.0; TRIALS * OUTPUTS]
            )
        ),
        "x.h5: inputs[0] has 2 samples where time has 4: make them agree"
    );
    assert_eq!(
        replace(
            "inputs",
            Variable::new(
                "inputs",
                &["output", "time", "input"],
                vec![1.0; SAMPLES * OUTPUTS]
            )
        ),
        "x.h5: inputs has 2 trials where targets has 3: make them agree"
    );
    assert_eq!(
        replace(
            "targets",
            Variable::new(
                "targets",
                &["trial", "time", "output"],
                vec!["a".to_owned(); TRIALS * SAMPLES * OUTPUTS]
            )
        ),
        "x.h5: targets holds text: store it as numbers"
    );
    assert_eq!(
        message(|t| push(
            t,
            Variable::new("target_std", &["trial"], vec![1.0; TRIALS])
        )),
        "x.h5: target_std has 3 values where targets, outputs, has 2: make them agree"
    );
    assert_eq!(
        message(|t| push(
            t,
            Variable::new("split", &["output"], vec!["train".to_owned(); OUTPUTS])
        )),
        "x.h5: split has 2 values where targets, trials, has 3: make them agree"
    );
}

#[test]
fn times_that_do_not_increase_are_named_by_index() {
    assert_eq!(
        message(|t| real(t, "time")[2] = 0.1),
        "x.h5: time[2] must be later than time[1] = 0.1, got 0.1: sort the samples and remove repeated ones"
    );
    assert_eq!(
        message(|t| real(t, "time")[1] = f64::NAN),
        "x.h5: time[1] must be finite, got NaN: remove that sample"
    );
    let target_time = |values: Vec<f64>| {
        message(|t| {
            t.variables.retain(|v| v.name != "targets");
            let n = TRIALS * values.len() * OUTPUTS;
            *t = t
                .clone()
                .coordinate(Variable::new("target_time", &["target_time"], values));
            push(
                t,
                Variable::new("targets", &["trial", "target_time", "output"], vec![1.0; n]),
            );
        })
    };
    assert_eq!(
        target_time(vec![-0.1, 0.1]),
        "x.h5: target_time[0] = -0.1 lies outside the span of the inputs, 0 to 0.39999999999999997: remove it, or extend time and inputs"
    );
    assert_eq!(
        target_time(vec![0.1, 0.41]),
        "x.h5: target_time[1] = 0.41 lies outside the span of the inputs, 0 to 0.39999999999999997: remove it, or extend time and inputs"
    );
}

#[test]
fn times_stored_as_dates_are_refused() {
    let dated = |t: &mut Group| {
        let time = t.variables.iter_mut().find(|v| v.name == "time").unwrap();
        *time = time.clone().units("days since 2020-01-01");
    };
    assert_eq!(
        message(dated),
        "x.h5: time is stored as dates or durations (days since 2020-01-01): store plain numbers in s"
    );
}

#[test]
fn values_that_cannot_be_are_named_by_index_and_value() {
    assert_eq!(
        message(|t| real(t, "inputs")[SAMPLES + 2] = f64::INFINITY),
        "x.h5: inputs[1, 2, 0] must be finite, got inf: interpolate it, or end the trial before it with trial_length"
    );
    assert_eq!(
        message(|t| real(t, "targets")[SAMPLES * OUTPUTS + 3] = f64::NEG_INFINITY),
        "x.h5: targets[1, 1, 1] must be finite, got -inf: use NaN for what was not observed"
    );
    assert_eq!(
        message(|t| real(t, "targets")[SAMPLES * OUTPUTS..2 * SAMPLES * OUTPUTS].fill(f64::NAN)),
        "x.h5: targets of trial 1 (label 1) are all NaN or beyond its end: remove the trial, or give it at least one observed target"
    );
    assert_eq!(
        message(|t| push(t, Variable::new("target_std", &["output"], vec![0.5, 0.0]))),
        "x.h5: target_std[1] must be positive and finite, got 0: give the known noise of that output, or leave target_std out"
    );
    assert_eq!(
        message(|t| push(
            t,
            Variable::new("trial_length", &["trial"], vec![4_i64, 1, 4])
        )),
        "x.h5: trial_length[1] must be a whole number from 2 to 4, the number of samples of time, got 1"
    );
    assert_eq!(
        message(|t| push(
            t,
            Variable::new("trial_length", &["trial"], vec![4.0, 2.5, 4.0])
        )),
        "x.h5: trial_length[1] must be a whole number from 2 to 4, the number of samples of time, got 2.5"
    );
    let counts = |t: &mut Group| {
        let mut values = vec![1.0; TRIALS * SAMPLES * OUTPUTS];
        values[4] = -1.0;
        push(
            t,
            Variable::new("spike_counts", &["trial", "time", "output"], values),
        );
    };
    assert_eq!(
        message(counts),
        "x.h5: spike_counts[0, 2, 0] must be a whole number from 0, or NaN where not observed, got -1: store counts a bin, not rates"
    );
}

#[test]
fn words_of_the_split_are_checked() {
    let split = |words: [&str; TRIALS]| {
        let words: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
        message(|t| push(t, Variable::new("split", &["trial"], words)))
    };
    assert_eq!(
        split(["train", "validation", "test"]),
        "x.h5: split[1] must be train, valid or test, got \"validation\""
    );
    assert_eq!(
        split(["valid", "valid", "test"]),
        "x.h5: split marks no trial as train: mark at least one"
    );
}

#[test]
fn a_file_that_claims_more_than_it_holds_is_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    for (name, chunked) in [("contiguous.h5", false), ("chunked.h5", true)] {
        let path = folder.path().join(name);
        let mut tree = valid();
        tree.variables.retain(|v| v.name != "targets");
        write_file(&path, &tree).unwrap();
        let file = hdf5::File::open_rw(&path).unwrap();
        let length = 1_usize << 20;
        let builder = file.new_dataset::<f64>();
        let builder = if chunked {
            builder.chunk((1, 64, 64)).deflate(1)
        } else {
            builder.alloc_time(Some(hdf5::plist::dataset_create::AllocTime::Late))
        };
        builder
            .shape((length, length, length))
            .create("targets")
            .unwrap();
        drop(file);
        assert_eq!(
            refusal(&path),
            format!(
                "{name}: targets claims the shape [1048576, 1048576, 1048576], 9223372036854775808 bytes, but 0 bytes are stored for it: the file is damaged, or the variable was never filled"
            )
        );
    }
}
