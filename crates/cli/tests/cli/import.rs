//! Tables of text become datasets, number by number; what is wrong is named with its line and the way out.

use crate::bench::{Bench, Run};
use tauscope_fit::store::{Group, StoredFile, Values};

fn imported(text: &str, options: &str) -> (Bench, Group, serde_json::Value) {
    let bench = Bench::new();
    bench.write("t.csv", text);
    let run = bench.run(&format!("import csv t.csv --json --out d.h5 {options}"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(bench.names(), ["d.h5", "t.csv"]);
    let tree = StoredFile::open(&bench.path("d.h5"))
        .unwrap()
        .root()
        .load()
        .unwrap();
    let json = run.json();
    (bench, tree, json)
}

#[track_caller]
fn reals(tree: &Group, name: &str, expected: &[f64]) {
    let found = tree
        .find(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .values
        .as_real()
        .unwrap();
    let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(same),
        "{name}: {found:?} instead of {expected:?}"
    );
}

fn texts(tree: &Group, name: &str) -> Vec<String> {
    tree.find(name).unwrap().values.texts()
}

const NAN: f64 = f64::NAN;

#[test]
fn a_wide_table_with_quotes_a_mark_and_crlf_becomes_a_dataset() {
    let text = "\u{feff}time (ms),\"left, deep\",x,\"the \"\"second\"\"\"\r\n0,1.5,10,\r\n5,NaN,20,-2e-1\r\n\r\n10,3,30,4\r\n";
    let (_, tree, json) = imported(text, "--inputs x");
    reals(&tree, "time", &[0.0, 5.0, 10.0]);
    reals(&tree, "inputs", &[10.0, 20.0, 30.0]);
    reals(&tree, "targets", &[1.5, NAN, NAN, -0.2, 3.0, 4.0]);
    assert_eq!(texts(&tree, "output"), ["left, deep", "the \"second\""]);
    assert_eq!(tree.attribute_text("time_units"), Some("ms"));
    assert_eq!(tree.attribute_text("interpolation"), Some("hold"));
    assert_eq!(json["observed"], 4);
    assert_eq!(json["missing"], 2);
    assert_eq!(json["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn separators_and_decimal_commas_are_found_or_said() {
    for (text, options) in [
        ("t_s;a;b\n0;1,5;2\n0,5;2;3\n", ""),
        ("t_s\ta\tb\n0\t1.5\t2\n0.5\t2\t3\n", ""),
        ("t_s|a|b\n0|1.5|2\n0.5|2|3\n", ""),
        ("t_s:a:b\n0:1.5:2\n0.5:2:3\n", "--delimiter :"),
        ("t_s;a;b\n0;1,5;2\n0,5;2.0;3\n", "--decimal comma"),
    ] {
        let bench = Bench::new();
        bench.write("t.csv", text);
        let run = bench.run(&format!("import csv t.csv --out d.h5 {options}"));
        assert_eq!(run.code, Some(0), "{text:?}: {}", run.stderr);
        let tree = StoredFile::open(&bench.path("d.h5"))
            .unwrap()
            .root()
            .load()
            .unwrap();
        reals(&tree, "time", &[0.0, 0.5]);
        reals(&tree, "targets", &[1.5, 2.0, 2.0, 3.0]);
    }
}

#[test]
fn trials_of_unequal_length_keep_their_samples_split_and_variables() {
    let text = "trial,split,sound,time,a\n7,train,loud,0,1\n7,train,loud,1,2\n7,train,loud,2,3\n9,test,soft,0,4\n9,test,soft,1,5\n";
    let (_, tree, _) = imported(text, "--trial-variables sound --time-units frames");
    reals(&tree, "time", &[0.0, 1.0, 2.0]);
    reals(&tree, "targets", &[1.0, 2.0, 3.0, 4.0, 5.0, NAN]);
    reals(&tree, "trial_length", &[3.0, 2.0]);
    assert_eq!(
        tree.find("trial").unwrap().values,
        Values::Integer(vec![7, 9])
    );
    assert_eq!(texts(&tree, "split"), ["train", "test"]);
    assert_eq!(texts(&tree, "sound"), ["loud", "soft"]);
}

#[test]
fn trials_on_one_clock_count_from_their_own_start_without_rounding() {
    let text = "time_s,trial,a,x\n10.1,1,1,0\n10.2,1,2,1\n10.4,1,3,2\n20.3,2,4,3\n20.4,2,5,4\n20.6,2,6,5\n";
    let (_, tree, json) = imported(text, "--inputs x");
    reals(&tree, "time", &[0.0, 0.1, 0.3]);
    reals(&tree, "targets", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(
        json["warnings"][0]
            .as_str()
            .unwrap()
            .contains("--time-origin file")
    );
}

#[test]
fn trials_with_times_of_their_own_share_the_union_and_no_signal_changes() {
    let text = "trial,time_s,x,a\na,0,0,1\na,1,10,2\na,3,30,3\nb,0,5,4\nb,2,9,5\nb,3,7,6\n";
    let (_, tree, _) = imported(text, "--inputs x --interpolation linear");
    reals(&tree, "time", &[0.0, 1.0, 2.0, 3.0]);
    reals(&tree, "targets", &[1.0, 2.0, NAN, 3.0, 4.0, NAN, 5.0, 6.0]);
    reals(
        &tree,
        "inputs",
        &[0.0, 10.0, 20.0, 30.0, 5.0, 7.0, 9.0, 7.0],
    );
    let (_, tree, _) = imported(text, "--inputs x");
    reals(
        &tree,
        "inputs",
        &[0.0, 10.0, 10.0, 30.0, 5.0, 5.0, 9.0, 7.0],
    );
}

#[test]
fn a_long_table_is_gathered_by_unit_whatever_the_order_of_its_rows() {
    let by_time = "time_s,unit,value,light\n0,u1,1,5\n0,u2,2,5\n1,u1,3,6\n1,u2,,6\n";
    let by_unit = "unit,time_s,value,light\nu1,0,1,5\nu1,1,3,6\nu2,0,2,5\nu2,1,NA,6\n";
    for text in [by_time, by_unit] {
        let (_, tree, _) = imported(text, "--inputs light");
        reals(&tree, "time", &[0.0, 1.0]);
        reals(&tree, "targets", &[1.0, 2.0, 3.0, NAN]);
        reals(&tree, "inputs", &[5.0, 6.0]);
        assert_eq!(texts(&tree, "output"), ["u1", "u2"]);
    }
}

#[test]
fn units_of_a_long_table_can_be_inputs_and_targets_lie_on_their_own_times() {
    let text = "t_s,who,y\n0,light,1\n1,light,2\n2,light,3\n0.5,u1,10\n1,u1,20\n1.5,u2,30\n";
    let (_, tree, json) = imported(text, "--unit who --value y --inputs light --targets u2,u1");
    reals(&tree, "time", &[0.0, 1.0, 2.0]);
    reals(&tree, "inputs", &[1.0, 2.0, 3.0]);
    reals(&tree, "target_time", &[0.5, 1.0, 1.5]);
    reals(&tree, "targets", &[NAN, 10.0, NAN, 20.0, 30.0, NAN]);
    assert_eq!(texts(&tree, "output"), ["u2", "u1"]);
    assert_eq!(json["target_samples"], 3);
}

#[test]
fn targets_outside_of_the_inputs_are_left_out_and_counted() {
    let text = "t_s,unit,value\n0,x,1\n1,x,2\n0,u,1\n1,u,2\n2,u,3\n3,u,4\n";
    let (_, tree, json) = imported(text, "--inputs x");
    reals(&tree, "target_time", &[0.0, 1.0, 2.0]);
    reals(&tree, "targets", &[1.0, 2.0, 3.0]);
    let warnings = json["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| {
        w.as_str()
            .unwrap()
            .starts_with("1 target values lie before the first or after")
    }));
}

/// What is refused: the table, the options, the exit code and the whole message.
#[test]
fn what_is_wrong_with_a_table_is_named_with_its_line_and_the_way_out() {
    let unsorted = "sort the rows by time and remove repeated ones; if these are several trials, name the column that tells them apart with --trial";
    let in_trial = "sort the rows of a trial by time, and remove repeated ones";
    let cases: [(&str, &str, i32, String); 23] = [
        ("t,a\n0,1\n1,2\n1,3\n", "", 1, format!("t.csv, line 4: the time 1 does not come after 1 in line 3: {unsorted}")),
        ("t,a\r\n0,1\r\n\r\n2,2\r\n1,3\r\n", "", 1, format!("t.csv, line 5: the time 1 does not come after 2 in line 4: {unsorted}")),
        ("t,trial,a\n0,x,1\n0,y,1\n1,x,3\n0,y,2\n", "", 1, format!("t.csv, line 5: the time 0 of trial \"y\" does not come after 0 in line 3: {in_trial}")),
        ("t,unit,value\n0,u,1\n1,u,2\n0,v,1\n0,u,2\n", "", 1, format!("t.csv, line 5: the time 0 of unit \"u\" does not come after 1 in line 3: {unsorted}")),
        ("t,\"a\nb\",c\n0,1,2\n1,x,3\n", "", 1, "t.csv, line 4: column \"a\\nb\" holds \"x\", which is no number: correct it, leave the cell empty where nothing was observed, or choose columns with --targets and --inputs; --missing names further words for no value".to_owned()),
        ("t,a\n0,1\n1,inf\n", "", 1, "t.csv, line 3: column \"a\" holds \"inf\", which is no number: write a finite number, or leave the cell empty where nothing was observed".to_owned()),
        ("t,a,x\n0,1,1\n1,2,\n", "--inputs x", 1, "t.csv, line 3: column \"x\" is empty or NaN: an input must be known at every time: fill the cell, or leave that input out".to_owned()),
        ("t,a\n0,1\n,2\n", "", 1, "t.csv, line 3: column \"t\" is empty or NaN: give the time, or remove the line".to_owned()),
        ("t,a,b\n0,1,2\n1,2\n", "", 1, "t.csv, line 3: 2 cells where the header has 3: complete the line, and put quotes around cells that contain the separator".to_owned()),
        ("t,a,b\n0,1,2\n1,\"2,3\n2,3,4\n", "--targets a", 1, "t.csv, line 3: a quote in this line is never closed: close it, or take it away".to_owned()),
        ("t,a,b\n0,1,2\n1,\"2,3\n2,3,4", "--targets a", 1, "t.csv, line 3: a quote in this line is never closed: close it, or take it away".to_owned()),
        ("t,a,b\n0,1,2\n1,2,\"3\n2,3,4\n3,4,5\n", "--targets a", 1, "t.csv, line 3: a quote in this line is never closed: close it, or take it away".to_owned()),
        ("t,a,b\n0,1,2\n1,\"2,3\n", "--targets a", 1, "t.csv, line 3: a quote in this line is never closed: close it, or take it away".to_owned()),
        ("t,a,b\n0,1,2\n1,\"2,3\n2,3,4\"\n3,4,5\n", "--targets a", 1, "t.csv, line 3: a quote in this line ends in line 4 only: close it, or take it away".to_owned()),
        ("t,a,b\n0,1,2\n1,\"2,3\n\"\n3,4,5\n", "--targets a", 1, "t.csv, line 3: a quote in this line ends in line 4 only: close it, or take it away".to_owned()),
        ("t,a,a\n0,1,2\n", "", 1, "t.csv: two columns, 2 and 3, are named \"a\": rename one".to_owned()),
        ("0,1\n1,2\n", "", 1, "t.csv: the first line holds only numbers, \"0\" and so on: write a line of column names before it".to_owned()),
        ("", "", 1, "t.csv: the table has no line: write a line of column names and one line a sample".to_owned()),
        ("t,a\n", "", 1, "t.csv: the table has only its header: write a line of column names and one line a sample".to_owned()),
        ("t,split,a\n0,train,1\n1,tset,2\n", "", 1, "t.csv, line 3: column \"split\" holds \"tset\", but \"train\" in line 2 of the same trial: a trial has one value of it; name the column that tells trials apart with --trial".to_owned()),
        ("t,split,a\n0,tset,1\n1,tset,2\n", "", 1, "t.csv, line 2: column \"split\" holds \"tset\": write train, valid or test".to_owned()),
        ("when,a\n0,1\n1,2\n", "", 2, "t.csv: --time is missing: name the column of times; columns: when, a".to_owned()),
        ("t,a\n0,1\n1,2\n", "--targets b", 2, "t.csv: --targets names \"b\", but there is no such column; columns: t, a".to_owned()),
    ];
    for (text, options, code, message) in cases {
        let bench = Bench::new();
        bench.write("t.csv", text);
        let run = bench.run(&format!("import csv t.csv --out d.h5 {options}"));
        run.refused(code, &format!("error: {message}"));
        assert_eq!(bench.names(), ["t.csv"], "{text:?}");
    }
}

#[test]
fn what_a_dataset_cannot_hold_is_refused_with_the_way_out() {
    let cases = [
        (
            "t,unit,value\n0,x,1\n1,x,2\n0,y,1\n2,y,2\n0,u,1\n1,u,2\n",
            "--inputs x,y",
            "import only those of one rate, or resample them",
        ),
        (
            "t,trial,x,a\n0,1,1,1\n1,1,1,1\n0.5,2,1,1\n1,2,1,1\n",
            "--inputs x",
            "(--time-origin trial)",
        ),
        (
            "t,trial,a\n0,1,1\n1,1,1\n0,2,1\n",
            "",
            "trial 2 has 1 sample times: at least 2 are needed",
        ),
        (
            "t,trial,a\n0,1,1\n1,1,1\n0,2,\n1,2,NA\n",
            "",
            "targets of trial 1 (label 2) are all NaN",
        ),
        (
            "t,a\n0,1\n1,1\n",
            "--time-tolerance 0.6",
            "name less than half of that",
        ),
    ];
    for (text, options, message) in cases {
        let bench = Bench::new();
        bench.write("t.csv", text);
        let run = bench.run(&format!("import csv t.csv --out d.h5 {options}"));
        assert_eq!(run.code, Some(1), "{text:?}: {}", run.stderr);
        assert!(
            run.stderr.starts_with("error: t.csv: ") && run.stderr.contains(message),
            "{}",
            run.stderr
        );
        assert_eq!(bench.names(), ["t.csv"], "{text:?}");
    }
}

#[test]
fn files_that_are_no_tables_are_named_for_what_they_are() {
    let bench = Bench::with_dataset();
    std::fs::write(bench.path("u16.csv"), b"\xFF\xFEt\0,\0a\0").unwrap();
    std::fs::write(bench.path("latin.csv"), b"t,\xB5V\n0,1\n").unwrap();
    for (line, message) in [
        (
            "import csv u16.csv",
            "u16.csv: is UTF-16 text, not a text table: save the table as CSV UTF-8",
        ),
        (
            "import csv latin.csv",
            "latin.csv, line 1: the text is not UTF-8: save the table as CSV UTF-8",
        ),
        (
            "import csv tiny.h5",
            "tiny.h5: is an HDF5 file, not a text table: a dataset needs no import; for NWB use `tauscope import nwb`",
        ),
        (
            "import nwb tiny.h5 --targets a",
            "tiny.h5: the attribute nwb_version is missing, so this is no NWB file: a dataset of tauscope needs no import",
        ),
        (
            "import nwb none.nwb --list",
            "none.nwb does not exist: check the name and the folder",
        ),
    ] {
        let run = bench.run(&format!("{line} --out d.h5"));
        run.refused(1, &format!("error: {message}"));
        assert!(!bench.path("d.h5").exists());
    }
}

#[test]
fn an_existing_output_is_refused_before_the_table_is_read() {
    let bench = Bench::new();
    bench.write("t.csv", "not a table");
    bench.write("d.h5", "mine");
    bench.run("import csv t.csv --out d.h5").refused(
        1,
        "error: d.h5 exists already; choose another --out, or give --force to replace it",
    );
}

#[test]
fn the_columns_of_a_table_are_listed_and_nothing_is_written() {
    let bench = Bench::new();
    bench.write("t.csv", "t,a,kind\n0,1.5,x\n1,,y\n");
    let json = bench.run("import csv t.csv --list --json").json();
    assert_eq!(
        (&json["rows"], &json["delimiter"]),
        (&2.into(), &"commas".into())
    );
    assert_eq!(json["columns"][1]["missing"], 1);
    assert_eq!(
        json["columns"][2]["some_words"],
        serde_json::json!(["x", "y"])
    );
    let Run { code, stdout, .. } = bench.run("import csv t.csv --list");
    assert_eq!(code, Some(0));
    assert!(
        stdout.starts_with("t.csv: 2 rows, separated by commas\n\ncolumn"),
        "{stdout}"
    );
    assert_eq!(bench.names(), ["t.csv"]);
}

#[test]
fn an_imported_table_is_fitted_as_it_is() {
    let mut text = "trial,time_ms,light,a,b\n".to_owned();
    for trial in 0..4 {
        for k in 0..12 {
            let wave = (0.7 * f64::from(k + trial)).sin();
            text += &format!("{trial},{},{},{},{}\n", 5 * k, wave, 0.5 + 0.1 * wave, 0.4);
        }
    }
    let (bench, _, _) = imported(&text, "--inputs light");
    let run = bench.run("fit d.h5 --starts 1 --max-iterations 2 --l2 0 --activation sigmoid --report false --out f.h5 --json");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.json()["tau_s"]["units"], "ms");
}
