//! `tauscope`: fit continuous-time rate networks with learned time constants to neural recordings.

mod args;
mod check;
mod compare;
mod console;
mod exit;
mod export;
mod fit;
mod generate;
mod gradient;
mod identify;
mod import;
mod inspect;
mod interrupt;
mod output;
mod plot;
mod probe;
mod progress;
mod report;
mod reproduce;
mod resolve;
mod resume;
mod settings;
mod simulate;
mod summary;
mod table;
mod threads;

use args::{Cli, Command};
use console::Console;
use exit::Outcome;
use std::process::ExitCode;

fn main() -> ExitCode {
    if probe::is_asked_for() {
        return ExitCode::SUCCESS;
    }
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return exit::refused(&error),
    };
    let console = Console::new(cli.global.quiet(), cli.global.json());
    match run(&cli, &console) {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            console.error(&error);
            exit::code(&error)
        }
    }
}

fn run(cli: &Cli, console: &Console) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Fit(options) => fit::run(options, &cli.global, console),
        Command::Check(options) => check::run(options, &cli.global, console),
        Command::Compare(options) => compare::run(options, &cli.global, console),
        Command::Generate(options) => generate::run(options, &cli.global, console),
        Command::Import(options) => import::run(options, &cli.global, console),
        Command::Simulate(options) => simulate::run(options, &cli.global, console),
        Command::Reproduce(options) => reproduce::run(options, &cli.global, console),
        Command::Identify(options) => identify::run(options, &cli.global, console),
        Command::Inspect(options) => inspect::run(options, &cli.global, console),
        Command::Gradient(options) => gradient::run(options, &cli.global, console),
        Command::Report(options) => report::run(options, &cli.global, console),
        Command::Export(options) => export::run(options, &cli.global, console),
        Command::Plot(options) => plot::run(options, &cli.global, console),
    }
}
