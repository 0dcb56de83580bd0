//! `tauscope reproduce`: the experiments of Quax et al. 2020.

use crate::args::{Global, ReproduceOptions};
use crate::console::Console;
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::table::{Table, duration};
use crate::{interrupt, threads};
use anyhow::Result;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::time::Instant;
use tauscope_fit::config::{EffectiveConfig, Layer};
use tauscope_paper::{Claim, Control, Effort, Name, Origin, Position, Ran, run as reproduce};

#[derive(Debug, Serialize)]
struct Summary {
    folder: String,
    page: String,
    claims: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    experiment: &'static str,
    claim: &'static str,
    statement: String,
    number: String,
    verdict: &'static str,
}

impl Row {
    fn new(name: Name, claim: Claim) -> Row {
        Row {
            experiment: name.as_str(),
            claim: claim.id,
            statement: claim.statement,
            number: claim.number,
            verdict: claim.verdict.name(),
        }
    }
}

/// Computes what is missing and writes files, figures and page.
///
/// # Errors
/// A wrong option, a folder that cannot be written, parts of other settings, a part that cannot be computed.
pub fn run(options: &ReproduceOptions, global: &Global, console: &Console) -> Result<Outcome> {
    let given = [("seed", &global.seed), ("threads", &global.threads)];
    let given = given
        .into_iter()
        .filter_map(|(key, text)| Some((key, text.as_deref()?)));
    let config = EffectiveConfig::merge(&[Layer::from_options(given)?])?;
    let effort = Effort {
        small: options.small(),
        repetitions: options.repetitions.map(NonZeroUsize::get),
        epochs: options.epochs.map(NonZeroUsize::get),
        seed: config.seed,
    };
    let stop = interrupt::flag()?;
    let progress = Progress::new(console, None);
    let origin = origin();
    let pool = threads::pool(threads::wanted(&config))?;
    let mut claims = Vec::new();
    for name in names(&options.name) {
        let started = Instant::now();
        let control = Control {
            stop: &stop,
            progress: &|at: &Position| progress.say(|| line(at, started.elapsed().as_secs_f64())),
        };
        let ran = pool.install(|| reproduce(name, &effort, &options.out, &origin, &control))?;
        match ran {
            Ran::Finished(of_name) => claims.extend(of_name.into_iter().map(|c| Row::new(name, c))),
            Ran::Interrupted(at) => {
                progress.clear();
                console.note(format!(
                    "{}: interrupted with {} of {} parts done; the same command goes on",
                    name.as_str(),
                    at.done,
                    at.total
                ));
                return Ok(Outcome::Interrupted);
            }
        }
    }
    progress.clear();
    let summary = Summary {
        folder: options.out.display().to_string(),
        page: options.out.join("README.md").display().to_string(),
        claims,
    };
    console.result(&summary, text)?;
    Ok(Outcome::Done)
}

/// The experiments of a name: some names stand for two.
fn names(name: &str) -> Vec<Name> {
    match Name::from_name(name) {
        Some(Name::Grid) => vec![Name::Grid, Name::GridConverged],
        Some(Name::Recovery) => vec![Name::Recovery, Name::RecoveryContinuous],
        Some(name) => vec![name],
        None => Name::ALL.to_vec(),
    }
}

fn origin() -> Origin {
    let words = std::env::args().skip(1);
    Origin {
        command: ["tauscope".to_owned()]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(" "),
        date: jiff::Zoned::now().date().to_string(),
        // set by the build script
        commit: option_env!("TAUSCOPE_GIT_COMMIT")
            .unwrap_or("unknown")
            .to_owned(),
    }
}

fn line(at: &Position, elapsed: f64) -> String {
    let left = match at.computed {
        0 => String::new(),
        n => {
            let each = elapsed / n as f64;
            format!(
                "  about {} left",
                duration(each * (at.total - at.done) as f64)
            )
        }
    };
    format!(
        "{}  {}/{} parts{left}",
        at.experiment.as_str(),
        at.done,
        at.total
    )
}

fn text(summary: &Summary) -> String {
    let mut table = Table::new(&["claim", "verdict", "our number"]);
    for row in &summary.claims {
        table.row([row.claim, row.verdict, &row.number]);
    }
    format!("{}\npage: {}\n", table.text(), summary.page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_parts_and_estimates_from_those_of_this_run() {
        let at = Position {
            experiment: Name::Limits,
            done: 6,
            computed: 2,
            total: 8,
        };
        assert_eq!(line(&at, 10.0), "limits  6/8 parts  about 10.0 s left");
    }
}
