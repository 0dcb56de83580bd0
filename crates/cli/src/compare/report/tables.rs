use super::super::text::spread;
use super::drift::stopped;
use tauscope_figures::{Align, Section, Table, significant};
use tauscope_fit::compare::{Comparison, Fitted, Refit, Resolution, Start};
use tauscope_fit::dataset::Dataset;

/// The time constants of one kind.
type TauOf = fn(&Fitted) -> &[f64];

fn at(resolution: Resolution, dataset: &Dataset) -> String {
    match resolution {
        Resolution::Step(step) => format!("{}\u{a0}{}", significant(step, 3), dataset.time_units()),
        Resolution::Tolerance(rtol) => format!("rtol\u{a0}{}", significant(rtol, 1)),
    }
}

/// Every fit in a row, and every time constant of those from the adaptive optimum.
pub fn fits(comparison: &Comparison, dataset: &Dataset) -> Section {
    let mut table = Table::new(
        "Fits: drift is value / adaptive value - 1, median over the units and, in parentheses, the largest; cost on the train trials",
        &[
            ("method", Align::Left),
            ("at", Align::Left),
            ("start", Align::Left),
            ("tau_s drift %", Align::Right),
            ("tau_r drift %", Align::Right),
            ("cost", Align::Right),
            ("under the reference", Align::Right),
            ("R² train", Align::Right),
            ("R² valid", Align::Right),
            ("R² test", Align::Right),
            ("ended", Align::Left),
        ],
    );
    for refit in &comparison.refits {
        table = table.row(fit_row(comparison, refit, dataset));
    }
    let mut section = Section::new("Recovered time constants").table(table);
    let kinds: [(&str, &[f64], TauOf); 2] = [
        ("tau_s", &comparison.adaptive_tau_s, |f| &f.tau_s),
        ("tau_r", &comparison.adaptive_tau_r, |f| &f.tau_r),
    ];
    for (name, adaptive, of) in kinds {
        if !adaptive.is_empty() {
            section = section.table(by_unit(comparison, dataset, name, adaptive, of));
        }
    }
    section
}

fn fit_row(comparison: &Comparison, refit: &Refit, dataset: &Dataset) -> [String; 11] {
    let fitted = refit.fitted();
    let number =
        |of: &dyn Fn(&Fitted) -> f64, digits| significant(fitted.map_or(f64::NAN, of), digits);
    let drifts = fitted.map(|f| comparison.drifts(&f.tau_s, &f.tau_r));
    let drift = |kind: usize| {
        drifts
            .as_ref()
            .map_or_else(|| "-".to_owned(), |d| spread(&d[kind]))
    };
    [
        refit.contender.name().to_owned(),
        at(refit.resolution, dataset),
        refit.start.name().to_owned(),
        drift(0).replace('-', "−"),
        drift(1).replace('-', "−"),
        number(&|f| f.cost, 3),
        number(&|f| f.cost_reference, 3),
        number(&|f| f.r2[0], 3),
        number(&|f| f.r2[1], 3),
        number(&|f| f.r2[2], 3),
        ended(comparison, refit),
    ]
}

fn ended(comparison: &Comparison, refit: &Refit) -> String {
    let mut words = vec![match (refit.fitted(), refit.reason()) {
        (Some(fitted), _) => match fitted.termination.converged() {
            true => "converged".to_owned(),
            false => format!(
                "not converged: {}",
                fitted.termination.as_str().replace('_', " ")
            ),
        },
        (None, Some(reason)) => format!("{}: {reason}", refit.state_name()),
        (None, None) => refit.state_name().replace('-', " "),
    }];
    let without = comparison.units_without_tau(refit);
    let count = without.iter().filter(|none| **none).count();
    if count > 0 {
        words.push(format!(
            "no time constant fits {count} of {} units",
            without.len()
        ));
    }
    words.join("; ")
}

fn by_unit(
    comparison: &Comparison,
    dataset: &Dataset,
    name: &str,
    adaptive: &[f64],
    of: TauOf,
) -> Table {
    let from_optimum = comparison
        .refits
        .iter()
        .filter(|refit| refit.start == Start::Optimum);
    let fits: Vec<(&Refit, &[f64])> = from_optimum
        .filter_map(|refit| Some((refit, of(refit.fitted()?))))
        .filter(|(_, tau)| !tau.is_empty())
        .collect();
    let mut headings = vec![
        ("unit".to_owned(), Align::Left),
        ("adaptive fit".to_owned(), Align::Right),
    ];
    let heading = |refit: &Refit| {
        let mark = if stopped(refit).is_some() { "*" } else { "" };
        (format!("{}{mark}", refit.contender.name()), Align::Right)
    };
    headings.extend(fits.iter().map(|(refit, _)| heading(refit)));
    let borrowed: Vec<(&str, Align)> = headings
        .iter()
        .map(|(text, align)| (text.as_str(), *align))
        .collect();
    let note = match fits.iter().any(|(refit, _)| stopped(refit).is_some()) {
        true => "; * stopped before it converged",
        false => "",
    };
    let caption = format!(
        "{name} in {}, fits from the adaptive optimum{note}",
        dataset.time_units()
    );
    let mut table = Table::new(&caption, &borrowed);
    for (unit, label) in comparison.units.iter().enumerate() {
        let values = fits.iter().map(|(_, tau)| significant(tau[unit], 3));
        table = table.row(
            [label.clone(), significant(adaptive[unit], 3)]
                .into_iter()
                .chain(values),
        );
    }
    table
}

/// Is it a fit of the differential equation?
pub fn certificate(comparison: &Comparison) -> Section {
    let mut table = Table::new(
        "The adaptive optimum re-evaluated and fitted again at tighter tolerances, without early stopping; drift against the first row",
        &[
            ("relative tolerance", Align::Right),
            ("cost", Align::Right),
            ("cost, fitted again", Align::Right),
            ("largest drift of a time constant %", Align::Right),
            ("ended", Align::Left),
        ],
    );
    for row in &comparison.certificate {
        let refit = row.refit.as_ref();
        let ended = match refit.map(|r| r.converged) {
            Some(true) => "converged",
            Some(false) => "not converged",
            None => "not fitted again",
        };
        table = table.row([
            significant(row.tolerance, 1),
            significant(row.cost, 6),
            significant(refit.map_or(f64::NAN, |r| r.cost), 6),
            significant(refit.map_or(f64::NAN, |r| 100.0 * r.largest_drift()), 2),
            ended.to_owned(),
        ]);
    }
    Section::new("Is it a fit of the differential equation?").table(table)
}

/// Every integration in a row.
pub fn integrations(comparison: &Comparison, dataset: &Dataset) -> Section {
    let mut table = Table::new(
        "Integration of the train trials at the parameters at hand, against the reference",
        &[
            ("method", Align::Left),
            ("at", Align::Left),
            ("trajectory error", Align::Right),
            ("cost error", Align::Right),
            ("worst gradient error", Align::Right),
            ("time (s)", Align::Right),
            ("gradient time (s)", Align::Right),
            ("right-hand sides", Align::Right),
            ("steps", Align::Right),
            ("rejected", Align::Right),
            ("", Align::Left),
        ],
    );
    for cell in &comparison.cells {
        let measure = cell.state.measure();
        let real = |value: Option<f64>| significant(value.unwrap_or(f64::NAN), 2);
        let count = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |n| n.to_string());
        let note = match cell.state.reason() {
            Some(reason) => format!("{}: {reason}", cell.state.name().replace('-', " ")),
            None => String::new(),
        };
        table = table.row([
            cell.contender.name().to_owned(),
            at(cell.resolution, dataset),
            real(measure.map(|m| m.trajectory_error)),
            real(measure.map(|m| m.cost_error)),
            real(measure.map(|m| m.worst_gradient_error())),
            real(measure.map(|m| m.seconds)),
            real(measure.map(|m| m.gradient_seconds)),
            count(measure.map(|m| m.statistics.rhs_evaluations)),
            count(measure.map(|m| m.statistics.steps)),
            count(measure.map(|m| m.statistics.rejected)),
            note,
        ]);
    }
    Section::new("Integrations").table(table)
}
