//! Sound files of every kind, made by the program, and the shipped ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tauscope_fit::store::{Group, Variable, write_file};

/// Fills `folder` with a folder of files for each reader, and gives back a dataset.
pub fn make(folder: &Path) -> PathBuf {
    let run = |line: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tauscope"))
            .args(line.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let specification = "units = 3\ninputs = 2\ntrials = 6\nduration = 0.2\nnoise = 0.02\n[tau]\ns = [0.02, 0.2]\nr = [0.02, 0.2]\n[input]\nkind = \"steps\"\n";
    fs::write(folder.join("spec.toml"), specification).unwrap();
    let fit = "fit tiny.h5 --starts 2 --max-iterations 4 --report false";
    run("generate spec.toml --out tiny.h5");
    run(&format!("{fit} --identify true --out result.h5"));
    run(&format!(
        "{fit} --readout linear --identify false --l2 0 --method rk4 --out linear.h5"
    ));
    run("identify result.h5 --out identification.h5");
    run(
        "compare tiny.h5 --from result.h5 --methods euler,rk4,tsit45 --budget 2 --out comparison.h5 --report comparison.html",
    );
    run(&format!("{fit} --max-time 1e-9 --out stopped.h5"));
    run("simulate result.h5 --out simulation.h5");
    write_file(&folder.join("session.h5"), &session()).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let put = |reader: &str, from: &Path| {
        let to = folder.join("corpus").join(reader);
        fs::create_dir_all(&to).unwrap();
        fs::copy(from, to.join(from.file_name().unwrap())).unwrap();
    };
    for (reader, names) in [
        ("dataset", &["tiny.h5"][..]),
        ("result", &["result.h5", "linear.h5"]),
        ("comparison", &["comparison.h5"]),
        ("identification", &["identification.h5"]),
        ("checkpoint", &["stopped.h5.checkpoint"]),
        ("nwb", &["session.h5"]),
        (
            "program",
            &[
                "tiny.h5",
                "result.h5",
                "linear.h5",
                "comparison.h5",
                "identification.h5",
                "simulation.h5",
                "stopped.h5.checkpoint",
            ],
        ),
        ("specification", &["spec.toml"]),
    ] {
        names
            .iter()
            .for_each(|name| put(reader, &folder.join(name)));
    }
    for (reader, name) in [
        ("dataset", "zebrafish.h5"),
        ("dataset", "grasshopper.h5"),
        ("config", "zebrafish.toml"),
        ("config", "grasshopper.toml"),
        ("csv", "example.csv"),
    ] {
        put(reader, &shipped.join(name));
    }
    fs::write(folder.join("corpus/config/all.toml"), printed(folder)).unwrap();
    fs::write(
        folder.join("corpus/csv/wide.csv"),
        shorter(&shipped.join("example.csv")),
    )
    .unwrap();
    fs::write(folder.join("corpus/csv/long.csv"), LONG).unwrap();
    folder.join("tiny.h5")
}

const LONG: &str = "trial;split;time_ms;unit;value\n\
    a;train;0;left;1,5\na;train;10;left;2,5\na;train;0;right;\na;train;10;right;-3e-2\n\
    b;test;0;left;1,0\nb;test;10;left;0\nb;test;20;left;\"7\"\n";

fn shorter(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().take(20).collect::<Vec<_>>().join("\n")
}

/// The whole configuration with a comment a key.
fn printed(folder: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_tauscope"))
        .args(["fit", "tiny.h5", "--print-config"])
        .current_dir(folder)
        .output()
        .unwrap();
    output.stdout
}

/// An NWB file with a stimulus by rate, an acquisition by timestamps, spikes and trials. `just fuzz` adds files of pynwb.
fn session() -> Group {
    let series = |name: &str, channels: usize, samples: usize| {
        let values = (0..samples * channels)
            .map(|k| (k as f64).sin())
            .collect::<Vec<_>>();
        let (time, channel) = (format!("{name}_time"), format!("{name}_channel"));
        Group::new()
            .attribute("neurodata_type", "TimeSeries")
            .dimension(&time, samples)
            .dimension(&channel, channels)
            .variable(
                Variable::new("data", &[&time, &channel], values)
                    .units("V")
                    .attribute("unit", "V")
                    .attribute("conversion", 0.5)
                    .attribute("offset", 0.1),
            )
    };
    let rate = Variable::new("starting_time", &[], vec![0.0])
        .attribute("rate", 50.0)
        .attribute("unit", "seconds");
    let stamps = (0..60).map(|k| 0.05 * f64::from(k)).collect::<Vec<_>>();
    let light = series("light", 2, 150).variable(rate);
    let calcium =
        series("calcium", 2, 60).variable(Variable::new("timestamps", &["calcium_time"], stamps));
    let spikes = (0..60)
        .map(|k| 0.04 * f64::from(k % 30))
        .collect::<Vec<_>>();
    let units = Group::new()
        .attribute("neurodata_type", "Units")
        .dimension("spike", 60)
        .dimension("unit", 2)
        .variable(Variable::new("spike_times", &["spike"], spikes))
        .variable(Variable::new(
            "spike_times_index",
            &["unit"],
            vec![30_i64, 60],
        ))
        .variable(Variable::new("id", &["unit"], vec![0_i64, 1]));
    let trials = Group::new()
        .attribute("neurodata_type", "TimeIntervals")
        .dimension("interval", 3)
        .variable(Variable::new(
            "start_time",
            &["interval"],
            vec![0.0, 1.0, 2.0],
        ))
        .variable(Variable::new(
            "stop_time",
            &["interval"],
            vec![1.0, 2.0, 2.9],
        ))
        .variable(Variable::new("id", &["interval"], vec![0_i64, 1, 2]));
    Group::new()
        .attribute("nwb_version", "2.7.0")
        .group("acquisition", Group::new().group("calcium", calcium))
        .group(
            "stimulus",
            Group::new().group("presentation", Group::new().group("light", light)),
        )
        .group("units", units)
        .group("intervals", Group::new().group("trials", trials))
}
