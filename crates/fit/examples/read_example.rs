//! Reads a dataset and says what it holds, one fact a line, for the tests with other programs' files:
//! `cargo run -p tauscope-fit --example read_example IN.h5`.

use std::path::Path;
use std::process::ExitCode;

use tauscope_fit::dataset::{CarriedVariable, Dataset};
use tauscope_fit::store::read_dataset;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: read_example IN.h5");
        return ExitCode::from(2);
    };
    match read_dataset(Path::new(&path)) {
        Ok(dataset) => {
            println!("{}", summary(&dataset).join("\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn summary(dataset: &Dataset) -> Vec<String> {
    let observed = || {
        dataset
            .targets()
            .iter()
            .flat_map(|m| m.iter())
            .filter(|v| !v.is_nan())
    };
    let split = dataset
        .split()
        .map(|split| split.iter().map(|s| s.name()).collect::<Vec<_>>().join(","));
    let carried = |all: &[CarriedVariable]| {
        let one = |v: &CarriedVariable| format!("{}={}", v.name, v.values.texts().join(","));
        all.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    vec![
        format!(
            "shape {} {} {} {}",
            dataset.n_trials(),
            dataset.time().len(),
            dataset.n_inputs(),
            dataset.n_outputs()
        ),
        format!("time {:?}", dataset.time()),
        format!(
            "inputs {}",
            dataset.inputs().iter().map(|m| m.sum()).sum::<f64>()
        ),
        format!(
            "targets {} of {}",
            observed().sum::<f64>(),
            observed().count()
        ),
        format!("trial {}", dataset.trial_labels().texts().join(",")),
        format!("output {}", dataset.output_labels().texts().join(",")),
        format!("split {}", split.unwrap_or_default()),
        format!("over trials {}", carried(dataset.trial_variables())),
        format!("over outputs {}", carried(dataset.output_variables())),
    ]
}
