//! Writes a file with everything that a file of ours can hold, for the tests with other programs' readers:
//! `cargo run -p tauscope-fit --example write_example OUT.h5`.

use std::path::Path;
use std::process::ExitCode;

use tauscope_fit::store::{Group, StoreError, Variable, write_file};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: write_example OUT.h5");
        return ExitCode::from(2);
    };
    match write(Path::new(&path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &Path) -> Result<(), StoreError> {
    let labels: Vec<String> = ["left-1", "Ωmega", ""].map(str::to_owned).into();
    let unit = || Variable::new("unit", &["unit"], labels.clone()).long_name("unit");
    let parameters = Group::new()
        .coordinate(unit())
        .indices("source_unit", 3)
        .dimension("input", 2)
        .variable(
            Variable::new(
                "W",
                &["unit", "source_unit"],
                (0..9).map(f64::from).collect::<Vec<_>>(),
            )
            .units("1")
            .long_name("recurrent weights"),
        )
        .variable(
            Variable::new(
                "U",
                &["unit", "input"],
                vec![0.5, f64::NAN, 1.5, f64::INFINITY, -0.0, 1e-310],
            )
            .units("1"),
        )
        .variable(
            Variable::new("tau_s", &["unit"], vec![0.02, 0.03, 0.2])
                .units("ms")
                .long_name("synaptic time constant"),
        )
        .variable(Variable::new("converged", &["unit"], vec![true, false, true]).units("1"))
        .variable(Variable::new("count", &["unit"], vec![1_i64, i64::MAX, i64::MIN]).units("1"))
        .variable(Variable::new("total", &[], vec![42_i64]).units("1"));
    // Large enough to be cut into chunks and deflated; the dimensions are those of the outermost group.
    let large: Vec<f64> = (0..40 * 5000).map(|i| f64::from(i % 1000)).collect();
    let predictions =
        Group::new().variable(Variable::new("prediction", &["trial", "time"], large).units("1/s"));
    let empty = Group::new()
        .indices("trial", 0)
        .variable(Variable::new("prediction", &["trial", "time"], Vec::<f64>::new()).units("1/s"));
    let root = Group::new()
        .attribute("tauscope_format", "result")
        .attribute("schema_version", 1_i64)
        .attribute("title", "Grüße, 世界")
        .attribute("empty", "")
        .attribute("cost", 0.25)
        .attribute("converged", true)
        .attribute("tau_bounds", vec![0.002, 3.0])
        .attribute("files", vec!["a.toml".to_owned(), "b.toml".to_owned()])
        .attribute("configuration", "x = 1\n".repeat(20_000))
        .indices("trial", 40)
        .coordinate(
            Variable::new(
                "time",
                &["time"],
                (0..5000).map(f64::from).collect::<Vec<_>>(),
            )
            .units("ms"),
        )
        .variable(Variable::new(
            "split",
            &["trial"],
            vec!["train".to_owned(); 40],
        ))
        .group("parameters", parameters)
        .group(
            "predictions",
            Group::new()
                .group("train", predictions)
                .group("test", empty),
        );
    write_file(path, &root)
}
