//! `tauscope gradient`: cost and gradient of a gradient problem, with times.

mod answer;
mod pass;
mod stopwatch;

use crate::args::{Global, GradientOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::table::{Table, duration};
use crate::{interrupt, output, settings, threads};
use anyhow::{Context, Result};
use pass::{Pass, Problem};
use serde::Serialize;
use stopwatch::Stopwatch;
use tauscope_fit::config::{Auto, EffectiveConfig};
use tauscope_fit::store::read_gradient_problem;

#[derive(Debug, Serialize)]
struct Summary {
    answer: String,
    method: &'static str,
    cost: f64,
    seconds_median: f64,
    cpu_seconds_median: Option<f64>,
    rhs_evaluations: u64,
    rhs_evaluations_backward: u64,
    threads: usize,
    /// Of the worst block, relative.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_estimate: Option<f64>,
}

/// Reads the problem, computes its gradient once uncounted and `--repeat` times counted, writes the answer.
///
/// # Errors
/// A wrong option, a problem that cannot be read, an output that is refused, a solve that fails.
pub fn run(options: &GradientOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let config = EffectiveConfig::merge(&[settings::command_line(&options.keys, global)?])?;
    interrupt::end_at_once()?;
    let file = read_gradient_problem(&options.problem)?;
    let of_problem = || options.problem.display().to_string();
    let time_units = file.dataset.time_units().to_owned();
    let problem = Problem::new(file, &config).with_context(of_problem)?;
    let output = output::reserve(&options.output, "gradient", &options.problem)?;
    let threads = threads::pool(match config.threads {
        Auto::Auto => 1,
        Auto::Set(threads) => threads.get(),
    })?;
    let (pass, stopwatch) = threads
        .install(|| repeat(&problem, options.repeat.get()))
        .with_context(of_problem)?;
    let estimate = threads.install(|| problem.error_estimate(&pass));
    let error_estimate = estimate.unwrap_or_else(|failure| {
        console.warn(format!("no estimate of the error: {failure:#}"));
        None
    });
    if let Some(error) = error_estimate.filter(|error| is_unresolved(*error)) {
        console.warn(unresolved(error));
    }
    if let Some(warning) = &problem.warning {
        console.warn(warning);
    }
    answer::write(output.path(), &problem, &pass, &time_units)?;
    let summary = Summary {
        answer: output.path().display().to_string(),
        method: problem.integrator().name(),
        cost: pass.cost,
        seconds_median: stopwatch.seconds_median(),
        cpu_seconds_median: stopwatch.cpu_seconds_median(),
        rhs_evaluations: pass.forward.rhs_evaluations,
        rhs_evaluations_backward: pass.backward.rhs_evaluations,
        threads: threads.current_num_threads(),
        error_estimate,
    };
    console.result(&summary, text)?;
    Ok(Outcome::Done)
}

/// Whether a gradient of that estimated relative error is no more than a direction. One that is no number is no small error.
pub fn is_unresolved(error: f64) -> bool {
    const MOST: f64 = 0.1;
    error.is_nan() || error > MOST
}

/// That it is, and the way out.
pub fn unresolved(error: f64) -> String {
    format!(
        "the solves do not resolve the gradient, whose error is estimated at {error:.1e} of its size: lower --rtol, or choose another --method"
    )
}

fn repeat(problem: &Problem, times: usize) -> Result<(Pass, Stopwatch)> {
    let mut pass = problem.pass()?;
    let mut stopwatch = Stopwatch::default();
    for _ in 0..times {
        pass = stopwatch.time(|| problem.pass())?;
    }
    Ok((pass, stopwatch))
}

fn text(summary: &Summary) -> String {
    let mut table = Table::default();
    table.row(["method".to_owned(), summary.method.to_owned()]);
    table.row(["cost".to_owned(), format!("{:.12e}", summary.cost)]);
    table.row(["time (median)".to_owned(), seconds(summary.seconds_median)]);
    table.row([
        "cpu time (median)".to_owned(),
        seconds(summary.cpu_seconds_median.unwrap_or(f64::NAN)),
    ]);
    table.row([
        "right-hand sides, forward".to_owned(),
        summary.rhs_evaluations.to_string(),
    ]);
    table.row([
        "right-hand sides, backward".to_owned(),
        summary.rhs_evaluations_backward.to_string(),
    ]);
    table.row(["threads".to_owned(), summary.threads.to_string()]);
    if let Some(error) = summary.error_estimate {
        table.row([
            "relative error, estimated".to_owned(),
            format!("{error:.1e}"),
        ]);
    }
    format!("{}\nanswer: {}\n", table.text(), summary.answer)
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.2} ms", 1e3 * seconds)
    } else {
        duration(seconds)
    }
}
