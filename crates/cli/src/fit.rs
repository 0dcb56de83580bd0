//! `tauscope fit`: from a recording to a network with its time constants.

use crate::args::{FitOptions, Global};
use crate::console::Console;
use crate::exit::Outcome;
use crate::output;
use crate::progress::{Position, Progress};
use crate::resume::{self, Place, ResumeError};
use crate::settings::{self, Settings};
use crate::table::duration;
use crate::{interrupt, report, resolve, summary, threads};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tauscope_adjoint::HaltReason;
use tauscope_fit::checkpoint::{About, Identity, Notice, Saving};
use tauscope_fit::dataset::Dataset;
use tauscope_fit::driver::{self, Control, FitResult, Provenance};
use tauscope_fit::identify;
use tauscope_fit::plan::FitPlan;
use tauscope_fit::store::{StoredFile, read_dataset};

/// Fits, writes the result, and sums it up.
///
/// # Errors
/// A wrong option or configuration, a dataset that cannot be read or fitted, an output that is refused, a checkpoint from which
/// the fit cannot go on.
pub fn run(options: &FitOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let began = Instant::now();
    let path = resolve::dataset(&options.dataset, &std::env::current_dir()?)?;
    let settings = settings::effective(&options.keys, &options.config, global, &path, console)?;
    if options.config.print_config() {
        console.print(&settings.config.to_toml())?;
        return Ok(Outcome::Done);
    }
    output::spare(options.output.out.as_deref(), settings.inputs())?;
    let stop = interrupt::flag()?;
    let (place, dataset) = if options.resume() {
        let dataset = read_dataset(&path)?;
        match resume::go_on(&options.output, &path, &dataset, console) {
            Ok(place) => (place, dataset),
            Err(error) => return has_ended(error, &settings, dataset, console),
        }
    } else {
        // what is refused is refused before any work
        let place = resume::begin(&options.output, &path)?;
        (place, read_dataset(&path)?)
    };
    let dataset = settings::observed(&settings.config, dataset)?;
    let deadline = settings.config.max_time;
    let deadline = deadline.and_then(|limit| deadline_of(began, limit.get()));
    let stopped = Fit {
        settings: &settings,
        dataset: &dataset,
        place: &place,
        stop: &stop,
        deadline,
        console,
    }
    .run()?;
    if settings.config.report {
        write_report(place.output.path(), console);
    }
    let summary = summary::read(&StoredFile::open(place.output.path())?)?;
    for warning in summary.warnings() {
        console.warn(warning);
    }
    if let Some(reason) = stopped {
        say_how_to_go_on(reason, &place, console);
    }
    console.result(&summary, summary::text)?;
    // a signal that came when the fit had ended has stopped nothing
    Ok(if stopped.is_some() && stop.load(Ordering::SeqCst) {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

/// Where nothing is left to do since the same fit has ended: says so, and writes its report if that is missing.
fn has_ended(
    error: anyhow::Error,
    settings: &Settings,
    dataset: Dataset,
    console: &Console,
) -> Result<Outcome> {
    let Some(ResumeError::HasEnded { result, .. }) = error.downcast_ref() else {
        return Err(error);
    };
    let dataset = settings::observed(&settings.config, dataset)?;
    if !resume::is_of(result, &settings.config, &dataset).unwrap_or(false) {
        return Err(error);
    }
    console.note(format!(
        "{} is there and complete: nothing is left to do",
        result.display()
    ));
    if settings.config.report && report::beside(result).is_none() {
        write_report(result, console);
    }
    let summary = summary::read(&StoredFile::open(result)?)?;
    console.result(&summary, summary::text)?;
    Ok(Outcome::Done)
}

/// The page of the result. The result is safe by now: whatever goes wrong here is said and no more.
fn write_report(result: &Path, console: &Console) {
    if let Err(error) = report::write_beside(result) {
        let result = result.display();
        console.warn(format!(
            "no report was written: {error}; the result is complete, and `tauscope report {result}` writes one elsewhere"
        ));
    }
}

fn say_how_to_go_on(reason: HaltReason, place: &Place, console: &Console) {
    let path = place.checkpoint_path();
    if !path.exists() {
        return;
    }
    let by = match reason {
        HaltReason::Stop => "on request",
        HaltReason::Deadline => "by --max-time",
    };
    console.note(format!(
        "stopped {by}; {} holds the state, and this goes on from it:\n  {}",
        path.display(),
        resume::command(std::env::args(), place.output.path())
    ));
}

/// One fit, with all that it needs.
struct Fit<'a> {
    settings: &'a Settings,
    dataset: &'a Dataset,
    place: &'a Place,
    stop: &'a Arc<AtomicBool>,
    deadline: Option<Instant>,
    console: &'a Console,
}

impl Fit<'_> {
    /// Fits and writes; what stopped it before its end.
    fn run(&self) -> Result<Option<HaltReason>> {
        let config = &self.settings.config;
        let (dataset, console) = (self.dataset, self.console);
        let plan = settings::plan(config, dataset)?;
        let provenance = self.provenance(&plan)?;
        if let Some(reason) = plan.method_reason(dataset) {
            console.note(format!("method: {} ({reason})", plan.integrator().name()));
        }
        let result = self.minimise(&plan, &provenance)?;
        let output = self.place.output.path();
        driver::write_result(output, &result, &plan, dataset, &provenance)?;
        // only now, when the result is safe
        if result.stopped().is_none()
            && let Err(error) = self.place.discard_checkpoint()
        {
            let path = self.place.checkpoint_path();
            console.warn(format!(
                "{} could not be removed ({error}); the fit has ended, and nothing needs it any more",
                path.display()
            ));
        }
        Ok(result.stopped())
    }

    /// Of this run, or of the one that it goes on with, which must be of the same problem.
    fn provenance(&self, plan: &FitPlan) -> Result<Provenance> {
        // set by the build script
        let commit = option_env!("TAUSCOPE_GIT_COMMIT");
        let n_threads = threads::wanted(&self.settings.config);
        let files = &self.settings.files;
        let provenance = Provenance::begin(std::env::args(), files, n_threads, commit);
        let Some(checkpoint) = &self.place.checkpoint else {
            // of a former fit, given up by --force
            self.place.discard_checkpoint()?;
            return Ok(provenance);
        };
        checkpoint.check(&Identity::of(plan, self.dataset, provenance.commit()), plan)?;
        Ok(provenance.going_on_from(&checkpoint.about))
    }

    fn minimise(&self, plan: &FitPlan, provenance: &Provenance) -> Result<FitResult> {
        let config = &self.settings.config;
        let progress = Progress::new(self.console, config.max_time.map(|limit| limit.get()));
        let path = self.place.checkpoint_path();
        let resumed = self.place.checkpoint.as_ref();
        let interval = config.checkpoint_interval.get();
        let notify = |notice: &Notice<'_>| progress.aside(|| self.say(notice, interval));
        let saving = Saving {
            path: &path,
            interval: Duration::try_from_secs_f64(interval).unwrap_or(Duration::MAX),
            about: About::new(plan, self.dataset, provenance, resumed),
            resumed,
            notify: &notify,
        };
        let control = Control {
            stop: self.stop,
            deadline: self.deadline,
            progress: &|at: &driver::Position| progress.show(&position(at)),
            judging: &|at: &identify::Position| progress.say(|| judging(at)),
            saving: Some(&saving),
        };
        let pool = threads::pool(threads::wanted(config))?;
        let result = pool.install(|| driver::fit(plan, self.dataset, &control));
        progress.clear();
        result.with_context(|| settings::name(self.dataset))
    }

    fn say(&self, notice: &Notice<'_>, interval: f64) {
        let console = self.console;
        match notice {
            Notice::Saved(path) => console.note(format!(
                "the state is saved every {} to {}; if this run is killed, go on with it by\n  {}",
                duration(interval),
                path.display(),
                self.command()
            )),
            Notice::Failed(error) => console.warn(format!(
                "the state could not be saved: {error}; the fit goes on, and what it reaches until the next time would be lost with it"
            )),
        }
    }

    fn command(&self) -> String {
        let result: &Path = self.place.output.path();
        resume::command(std::env::args(), result)
    }
}

/// None where the limit is beyond what a clock can tell.
fn deadline_of(began: Instant, seconds: f64) -> Option<Instant> {
    began.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
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

fn judging(at: &identify::Position) -> String {
    format!(
        "judging the time constants {}/{}: {}",
        (at.done + 1).min(at.total),
        at.total,
        at.task
    )
}
