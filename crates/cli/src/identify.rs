//! `tauscope identify`: how far the time constants of a result can be trusted.

mod summary;
mod text;

use crate::args::{Global, IdentifyOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::table::duration;
use crate::{interrupt, output, resolve, settings, threads};
use anyhow::{Context, Result};
use std::time::Instant;
use summary::Summary;
use tauscope_fit::driver::Provenance;
use tauscope_fit::identify::{
    Control, Depth, Position, ProfileTarget, Request, identify, write_identification,
};
use tauscope_fit::store::StoredFile;

/// Most iterations of each refit.
const MOST_ITERATIONS: u64 = 200;

/// Judges, writes the identification, and sums it up.
///
/// # Errors
/// A result or dataset that cannot be read or do not fit each other, a time constant that there is not, an output that is refused.
pub fn run(options: &IdentifyOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let layer = settings::command_line(&options.keys, global)?;
    let settings = settings::stored_in(layer, Vec::new(), &options.result)?;
    let stop = interrupt::flag()?;
    let file = StoredFile::open_result(&options.result)?;
    let dataset = resolve::fitted_dataset(options.dataset.as_deref(), &options.result, &file)?;
    drop(file);
    let dataset = settings::observed(&settings.config, dataset)?;
    let plan = settings::plan(&settings.config, &dataset)?;
    let profiles = ProfileTarget::find_all(&options.profile, plan.layout(), &dataset)
        .context("option --profile")?;
    output::spare(options.output.out.as_deref(), dataset.path())?;
    let output = output::reserve(&options.output, "identify", &options.result)?;
    let n_threads = threads::wanted(&settings.config);
    // set by the build script
    let commit = option_env!("TAUSCOPE_GIT_COMMIT");
    let provenance = Provenance::begin(std::env::args(), &settings.files, n_threads, commit);
    let progress = Progress::new(console, None);
    let started = Instant::now();
    let control = Control {
        stop: &stop,
        deadline: None,
        progress: &|at: &Position| progress.say(|| line(at, started.elapsed().as_secs_f64())),
    };
    let theta = plan.start(&dataset, 0)?;
    let request = Request {
        theta: &theta,
        depth: Depth::Full,
        profiles,
        most_iterations: MOST_ITERATIONS,
    };
    let found = threads::pool(n_threads)?.install(|| identify(&plan, &dataset, &request, &control));
    progress.clear();
    let found = found.with_context(|| options.result.display().to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    write_identification(output.path(), &found, &plan, &dataset, &provenance, seconds)?;
    for warning in &found.warnings {
        console.warn(warning);
    }
    let summary = Summary::new(
        &found,
        output.path(),
        &options.result,
        dataset.time_units(),
        seconds,
    );
    console.result(&summary, |summary| text::text(summary, &found))?;
    Ok(if found.interrupted {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

fn line(at: &Position, elapsed: f64) -> String {
    let done = at.done.min(at.total);
    let left = match done {
        0 | 1 => format!("{} so far", duration(elapsed)),
        // parts differ in length: of the order of what is left
        _ => format!(
            "about {} left",
            duration(elapsed / done as f64 * (at.total - done) as f64)
        ),
    };
    format!(
        "{}/{}  {}  {left}",
        (done + 1).min(at.total),
        at.total,
        at.task
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_part_task_and_time() {
        let at = Position {
            task: "swapped twin of 3".to_owned(),
            done: 4,
            total: 12,
        };
        assert_eq!(line(&at, 8.0), "5/12  swapped twin of 3  about 16.0 s left");
        let last = Position {
            task: "profile of tau_s[3]".to_owned(),
            done: 12,
            total: 12,
        };
        assert_eq!(
            line(&last, 8.0),
            "12/12  profile of tau_s[3]  about 0.0 s left"
        );
    }
}
