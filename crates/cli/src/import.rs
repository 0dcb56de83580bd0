//! `tauscope import`: recordings of other formats as datasets.

mod list;

use crate::args::{
    Global, ImportCsvOptions, ImportFormat, ImportNwbOptions, ImportOptions, OutputOptions,
};
use crate::console::Console;
use crate::exit::Outcome;
use crate::table::Table;
use crate::{interrupt, output};
use anyhow::Result;
use serde::Serialize;
use std::path::Path;
use tauscope_fit::dataset::Dataset;
use tauscope_fit::import::{ImportError, Imported, csv, nwb};
use tauscope_fit::store;

#[derive(Debug, Serialize)]
struct Summary {
    dataset: String,
    trials: usize,
    samples: usize,
    target_samples: usize,
    inputs: Vec<String>,
    outputs: Vec<String>,
    time_units: String,
    time: [f64; 2],
    observed: usize,
    missing: usize,
    warnings: Vec<String>,
}

/// Shows what is in a file, or makes a dataset of it.
///
/// # Errors
/// A file that cannot be understood, a request that does not fit it, an output that is refused.
pub fn run(options: &ImportOptions, _global: &Global, console: &Console) -> Result<Outcome> {
    interrupt::end_at_once()?;
    match &options.format {
        ImportFormat::Csv(options) => run_csv(options, console),
        ImportFormat::Nwb(options) => run_nwb(options, console),
    }
}

fn run_csv(options: &ImportCsvOptions, console: &Console) -> Result<Outcome> {
    if options.list() {
        let summary = csv::list(&options.file, &options.dialect())?;
        console.result(
            &list::Columns::new(&options.file, summary),
            list::Columns::text,
        )?;
        return Ok(Outcome::Done);
    }
    import(&options.file, &options.output, console, || {
        csv::import(&options.file, &options.columns())
    })
}

fn run_nwb(options: &ImportNwbOptions, console: &Console) -> Result<Outcome> {
    if options.list() {
        let summary = nwb::list(&options.file)?;
        console.result(
            &list::Contents::new(&options.file, summary),
            list::Contents::text,
        )?;
        return Ok(Outcome::Done);
    }
    import(&options.file, &options.output, console, || {
        nwb::import(&options.file, &options.contents())
    })
}

/// Reserves the output, reads, writes.
fn import(
    file: &Path,
    options: &OutputOptions,
    console: &Console,
    read: impl FnOnce() -> Result<Imported, ImportError>,
) -> Result<Outcome> {
    let output = output::reserve(options, "import", file)?;
    let Imported { dataset, notes } = read()?;
    for note in &notes {
        console.warn(note);
    }
    store::write_dataset(output.path(), &dataset)?;
    console.result(&summary(&dataset, output.path(), notes), text)?;
    Ok(Outcome::Done)
}

fn summary(dataset: &Dataset, path: &Path, warnings: Vec<String>) -> Summary {
    let targets = || dataset.targets().iter().flat_map(|trial| trial.iter());
    let missing = targets().filter(|v| v.is_nan()).count();
    let time = dataset.time();
    Summary {
        dataset: path.display().to_string(),
        trials: dataset.n_trials(),
        samples: time.len(),
        target_samples: dataset.target_time().len(),
        inputs: if dataset.n_inputs() > 0 {
            dataset.input_labels().texts()
        } else {
            Vec::new()
        },
        outputs: dataset.output_labels().texts(),
        time_units: dataset.time_units().to_owned(),
        time: [time[0], time[time.len() - 1]],
        observed: targets().count() - missing,
        missing,
        warnings,
    }
}

fn text(summary: &Summary) -> String {
    let mut table = Table::default();
    let counted = |names: &[String]| match names {
        [] => "none".to_owned(),
        [first] => format!("1: {first}"),
        [first, .., last] => format!("{}: {first} to {last}", names.len()),
    };
    let [start, end] = summary.time;
    let targets = format!("{} observed, {} missing", summary.observed, summary.missing);
    for (name, value) in [
        ("trials", summary.trials.to_string()),
        ("samples a trial", summary.samples.to_string()),
        ("time", format!("{start} to {end} {}", summary.time_units)),
        ("inputs", counted(&summary.inputs)),
        ("outputs", counted(&summary.outputs)),
        ("target values", targets),
    ] {
        table.row([name.to_owned(), value]);
    }
    format!("{}\ndataset: {}\n", table.text(), summary.dataset)
}
