//! `tauscope compare`: what a time step does to a trajectory, a gradient and the time constants.

mod report;
mod summary;
mod text;

use crate::args::{CompareOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::settings::{self, Settings};
use crate::table::{duration, number};
use crate::{interrupt, output, resolve, threads};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use summary::Summary;
use tauscope_fit::compare::{
    Comparison, Contender, Control, Position, Setup, compare, write_comparison,
};
use tauscope_fit::config::{Auto, EffectiveConfig, Method, NonNegative};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::driver::Provenance;
use tauscope_fit::store::{AttributeValue, StoredFile, read_dataset, replace_file};
pub use text::{fits_table, spread};

/// Compares, writes data and report, and sums them up.
///
/// # Errors
/// A wrong option or configuration, a file that cannot be read, an output that is refused, a model of which no solve succeeds.
pub fn run(options: &CompareOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let path = resolve::dataset(&options.dataset, &std::env::current_dir()?)?;
    let mut settings = match &options.from {
        None => settings::effective(&options.keys, &options.config, global, &path, console)?,
        Some(result) => settings::of_result(&options.keys, &options.config, global, result)?,
    };
    make_adaptive(&mut settings.config);
    if let Some(result) = &options.from {
        take_penalty(&mut settings.config, result)?;
    }
    if options.config.print_config() {
        console.print(&settings.config.to_toml())?;
        return Ok(Outcome::Done);
    }
    let stop = interrupt::flag()?;
    for out in [&options.output.out, &options.report] {
        output::spare(
            out.as_deref(),
            settings.inputs().chain(options.from.as_deref()),
        )?;
    }
    let data = output::reserve(&options.output, "compare", &path)?;
    let force = options.output.force();
    let page = output::reserve_beside(options.report.as_deref(), &data, "html", force, &path)?;
    let dataset = settings::observed(&settings.config, read_dataset(&path)?)?;
    let setup = setup(options, settings.config.clone());
    let (comparison, provenance) = carry_out(&setup, &settings, &dataset, &stop, console)?;
    write_comparison(data.path(), &comparison, &dataset, &provenance)?;
    let html = report::page(&comparison, &dataset).html();
    replace_file(page.path(), html.as_bytes())?;
    for warning in &comparison.warnings {
        console.warn(warning);
    }
    for refused in summary::refusals(&comparison) {
        console.warn(refused);
    }
    let summary = Summary::new(&comparison, &dataset, data.path(), page.path());
    console.result(&summary, |summary| {
        text::text(summary, &comparison, &dataset)
    })?;
    Ok(if comparison.interrupted {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

/// The fit that all others are held against takes its steps from tolerances, whatever a file says.
fn make_adaptive(config: &mut EffectiveConfig) {
    if matches!(config.method, Method::FixedStep(_)) {
        config.method = Method::Auto;
    }
    config.step = Auto::Auto;
}

/// The penalty that a result was fitted with, where its configuration left the choice.
fn take_penalty(config: &mut EffectiveConfig, result: &Path) -> Result<()> {
    if config.l2.set().is_none() {
        let file = StoredFile::open_result(result)?;
        let provenance = file.group("provenance")?;
        if let Some(AttributeValue::Real(l2)) = provenance.attribute("l2")? {
            config.l2 = NonNegative::new(l2).map_or(Auto::Auto, Auto::Set);
        }
    }
    Ok(())
}

fn setup(options: &CompareOptions, config: EffectiveConfig) -> Setup {
    let named = |names: &Vec<String>| {
        let contenders = names.iter().filter_map(|name| Contender::from_name(name));
        contenders.collect()
    };
    Setup {
        config,
        from_result: options.from.is_some(),
        contenders: options.methods.as_ref().map(named),
        steps: options.steps.clone(),
        tolerances: options.tolerances.clone(),
        refit: options.refit,
        budget: options.budget,
    }
}

fn carry_out(
    setup: &Setup,
    settings: &Settings,
    dataset: &Dataset,
    stop: &Arc<AtomicBool>,
    console: &Console,
) -> Result<(Comparison, Provenance)> {
    let n_threads = threads::wanted(&setup.config);
    // set by the build script
    let commit = option_env!("TAUSCOPE_GIT_COMMIT");
    let provenance = Provenance::begin(std::env::args(), &settings.files, n_threads, commit);
    // what does not fit in the configuration is its error, not that of the comparison
    settings::plan(&setup.config, dataset)?;
    let progress = Progress::new(console, None);
    let started = Instant::now();
    let control = Control {
        stop,
        progress: &|at: &Position| progress.say(|| line(at, started.elapsed().as_secs_f64())),
    };
    let compared = threads::pool(n_threads)?.install(|| compare(setup, dataset, &control));
    progress.clear();
    let comparison = compared.with_context(|| settings::name(dataset))?;
    Ok((comparison, provenance))
}

fn line(at: &Position, elapsed: f64) -> String {
    let iteration = at.iteration.map_or_else(String::new, |(iteration, cost)| {
        format!("  iteration {iteration}  cost {}", number(cost))
    });
    let left = match at.at_most {
        Some(seconds) => format!("  at most {} left for this stage", duration(seconds)),
        None => format!("  {} so far", duration(elapsed)),
    };
    format!("{}/{}  {}{iteration}{left}", at.done + 1, at.total, at.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_task_iteration_and_time() {
        let at = Position {
            task: "fit with euler".to_owned(),
            done: 3,
            total: 30,
            iteration: Some((12, 0.5)),
            at_most: Some(61.0),
        };
        assert_eq!(
            line(&at, 9.0),
            "4/30  fit with euler  iteration 12  cost 0.5000  at most 1 min 01 s left for this stage"
        );
    }
}
