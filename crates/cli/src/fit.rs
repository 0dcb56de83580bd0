//! `tauscope fit`: from a recording to a network with its time constants.

use crate::args::{FitOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::output::Output;
use crate::progress::{Position, Progress};
use crate::settings::{self, Settings};
use crate::{interrupt, output, report, resolve, summary, threads};
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::driver::{self, Control, Provenance};
use tauscope_fit::store::{StoredFile, read_dataset};

/// Fits, writes the result, and sums it up.
///
/// # Errors
/// A wrong option or configuration, a dataset that cannot be read or fitted, an output that is refused.
pub fn run(options: &FitOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let dataset = resolve::dataset(&options.dataset, &std::env::current_dir()?)?;
    let settings = settings::effective(&options.keys, &options.config, global, &dataset, console)?;
    if options.config.print_config() {
        console.print(&settings.config.to_toml())?;
        return Ok(Outcome::Done);
    }
    let stop = interrupt::flag()?;
    let output = output::reserve(&options.output, "fit", &dataset)?;
    let dataset = read_dataset(&dataset)?;
    fit(&settings, &dataset, &output, &stop, console)?;
    if settings.config.report {
        write_report(&output, options, console);
    }
    let summary = summary::read(&StoredFile::open(output.path())?)?;
    for warning in summary.warnings() {
        console.warn(warning);
    }
    console.result(&summary, summary::text)?;
    Ok(if stop.load(Ordering::SeqCst) {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

/// The page of the result. The result is safe by now: whatever goes wrong here is said and no more.
fn write_report(output: &Output, options: &FitOptions, console: &Console) {
    if let Err(error) = report::write_beside(output.path(), options.output.force()) {
        let result = output.path().display();
        console.warn(format!(
            "no report was written: {error}; the result is complete, and `tauscope report {result}` writes one elsewhere"
        ));
    }
}

fn fit(
    settings: &Settings,
    dataset: &Dataset,
    output: &Output,
    stop: &AtomicBool,
    console: &Console,
) -> Result<()> {
    let config = &settings.config;
    let n_threads = threads::wanted(config);
    let limit = config.max_time.map(|seconds| seconds.get());
    // set by the build script
    let commit = option_env!("TAUSCOPE_GIT_COMMIT");
    let provenance = Provenance::begin(std::env::args(), &settings.files, n_threads, commit);
    let plan = settings::plan(config, dataset)?;
    if let Some(reason) = plan.method_reason(dataset) {
        console.note(format!("method: {} ({reason})", plan.integrator().name()));
    }
    let progress = Progress::new(console, limit);
    let control = Control {
        stop,
        deadline: limit.and_then(deadline),
        progress: &|at: &driver::Position| progress.show(&position(at)),
    };
    let result = threads::pool(n_threads)?.install(|| driver::fit(&plan, dataset, &control));
    progress.clear();
    let result = result.with_context(|| settings::name(dataset))?;
    driver::write_result(output.path(), &result, &plan, dataset, &provenance)?;
    Ok(())
}

/// None where the limit is beyond what a clock can tell.
fn deadline(seconds: f64) -> Option<Instant> {
    Instant::now().checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

fn position(at: &driver::Position) -> Position {
    Position {
        starts_done: at.starts_done,
        starts: at.starts,
        iteration: at.iteration,
        max_iterations: at.max_iterations,
        cost: at.cost,
        gradient_norm: at.gradient_norm,
    }
}
