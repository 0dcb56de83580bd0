use tauscope_figures::{
    Align, Axis, Chart, Direction, Figure, Marker, Section, Style, Table, significant,
};
use tauscope_fit::compare::{Comparison, Contender, LawRole, Refit, Resolution, Start};
use tauscope_fit::dataset::Dataset;

/// Rows of the table of data, law and deviation; more are left to the file.
const MOST_ROWS: usize = 160;

/// A fitted time constant beside that of the adaptive fit.
struct Drifted {
    unit: usize,
    constant: &'static str,
    /// step / adaptive time constant
    q: f64,
    /// fitted / adaptive time constant
    ratio: f64,
    law: Option<f64>,
}

/// Drift against step / time constant, with the closed form where it has something to say.
pub fn section(comparison: &Comparison, dataset: &Dataset) -> Section {
    let role = match comparison.law_role {
        LawRole::Exact => "The line is the law of a pure decay, which must hold here.",
        LawRole::Guide => {
            "The line is the law of a pure decay: for driven units a guide, not a law."
        }
        LawRole::None => {
            "No law is drawn: the closed form belongs to a decay, and these inputs jump or change from sample to sample."
        }
    };
    let caption = format!(
        "Fitted time constant / that of the adaptive fit, against step / adaptive time constant; one point a unit, fits from the adaptive optimum. {role}"
    );
    let mut figure = Figure::new("What the step does to the time constants", &caption);
    let mut table = Table::new(
        match comparison.law_role {
            LawRole::None => "Data; no law of a decay applies to these inputs",
            _ => "Data, law of a pure decay, and deviation of the data from the law",
        },
        &[
            ("method", Align::Left),
            ("step", Align::Right),
            ("unit", Align::Left),
            ("constant", Align::Left),
            ("step / tau", Align::Right),
            ("fitted / adaptive", Align::Right),
            ("law", Align::Right),
            ("deviation %", Align::Right),
            ("the fit", Align::Left),
        ],
    );
    let mut rows = 0;
    for contender in with_steps(comparison) {
        let fits = fits_of(comparison, contender);
        let points: Vec<Drifted> = fits
            .iter()
            .flat_map(|refit| drifted(comparison, refit))
            .collect();
        if points.is_empty() {
            continue;
        }
        figure = figure.panel(chart(comparison, contender, &fits, &points));
        for refit in fits {
            for point in drifted(comparison, refit) {
                rows += 1;
                if rows <= MOST_ROWS {
                    table = table.row(row(comparison, refit, &point, dataset));
                }
            }
        }
    }
    let section = Section::new("Drift of the time constants").figure(figure);
    let section = match rows > MOST_ROWS {
        true => section.text(format!(
            "The first {MOST_ROWS} of {rows} rows; all are in the HDF5 file."
        )),
        false => section,
    };
    section.table(table)
}

/// Fixed-step methods that have a time constant.
fn with_steps(comparison: &Comparison) -> Vec<Contender> {
    let mut all = Vec::new();
    for refit in &comparison.refits {
        let is_step = matches!(refit.resolution, Resolution::Step(_));
        if is_step && refit.contender.is_scheme() && !all.contains(&refit.contender) {
            all.push(refit.contender);
        }
    }
    all
}

fn fits_of(comparison: &Comparison, contender: Contender) -> Vec<&Refit> {
    let refits = comparison.refits.iter();
    refits
        .filter(|refit| {
            refit.contender == contender
                && refit.start == Start::Optimum
                && matches!(refit.resolution, Resolution::Step(_))
        })
        .collect()
}

fn drifted(comparison: &Comparison, refit: &Refit) -> Vec<Drifted> {
    let (Some(fitted), Resolution::Step(step)) = (refit.fitted(), refit.resolution) else {
        return Vec::new();
    };
    let kinds = [
        ("tau_s", &comparison.adaptive_tau_s, &fitted.tau_s),
        ("tau_r", &comparison.adaptive_tau_r, &fitted.tau_r),
    ];
    let of_kind = |(constant, adaptive, found): (&'static str, &Vec<f64>, &Vec<f64>)| {
        let pairs = adaptive.iter().zip(found).enumerate();
        let one = |(unit, (adaptive, found)): (usize, (&f64, &f64))| Drifted {
            unit,
            constant,
            q: step / adaptive,
            ratio: found / adaptive,
            law: refit
                .contender
                .law(refit.resolution, *adaptive)
                .and_then(|law| law.ratio()),
        };
        pairs.map(one).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// The name of the method, and that its points are of fits that stopped early, where all or some are.
fn title(contender: Contender, fits: &[&Refit]) -> String {
    let name = contender.name();
    let early = fits.iter().filter(|refit| stopped(refit).is_some()).count();
    match early {
        0 => name.to_owned(),
        _ if early == fits.len() => format!("{name} (stopped early)"),
        _ => format!("{name} ({early} of {} fits stopped early)", fits.len()),
    }
}

fn chart(
    comparison: &Comparison,
    contender: Contender,
    fits: &[&Refit],
    points: &[Drifted],
) -> Chart {
    let of = |constant: &str| -> Vec<[f64; 2]> {
        let own = points.iter().filter(|point| point.constant == constant);
        own.map(|point| [point.q, point.ratio]).collect()
    };
    let low = points.iter().map(|p| p.q).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| p.q).fold(0.0, f64::max);
    let (low, high) = (0.7 * low, 1.4 * high);
    let mut chart = Chart::new(
        Axis::log("step / time constant", "1"),
        Axis::log("fitted / adaptive", "1")
            .including(0.9)
            .including(1.1),
    )
    .title(&title(contender, fits))
    .rule("", 1.0, Direction::Horizontal, Style::reference());
    if comparison.law_role != LawRole::None {
        let at = (0..=120).map(|i| low * (high / low).powf(f64::from(i) / 120.0));
        let law = at.map(|q| {
            let ratio = contender
                .law(Resolution::Step(q), 1.0)
                .and_then(|law| law.ratio());
            [q, ratio.unwrap_or(f64::NAN)]
        });
        let (label, style) = match comparison.law_role {
            LawRole::Exact => ("law of a decay", Style::ink()),
            _ => ("law of a decay (a guide)", Style::reference().width(1.6)),
        };
        chart = chart.line(label, law.collect(), style);
    }
    for (series, constant) in ["tau_s", "tau_r"].into_iter().enumerate() {
        let marker = if series == 0 {
            Marker::Circle
        } else {
            Marker::Triangle
        };
        let own = of(constant);
        if !own.is_empty() {
            chart = chart.points(constant, own, Style::series(series).marker(marker));
        }
    }
    chart
}

/// Why a fit stopped before it converged, in words.
pub(super) fn stopped(refit: &Refit) -> Option<String> {
    let termination = refit.fitted()?.termination;
    (!termination.converged()).then(|| termination.as_str().replace('_', " "))
}

fn row(comparison: &Comparison, refit: &Refit, point: &Drifted, dataset: &Dataset) -> [String; 9] {
    let (law, deviation) = match (comparison.law_role, point.law) {
        (LawRole::None, _) => ("–".to_owned(), "–".to_owned()),
        (_, None) => ("none fits".to_owned(), "–".to_owned()),
        (_, Some(law)) => (
            significant(law, 4),
            significant(100.0 * (point.ratio / law - 1.0), 2),
        ),
    };
    [
        refit.contender.name().to_owned(),
        format!(
            "{} {}",
            significant(refit.resolution.value(), 3),
            dataset.time_units()
        ),
        comparison.units[point.unit].clone(),
        point.constant.to_owned(),
        significant(point.q, 3),
        significant(point.ratio, 4),
        law,
        deviation,
        stopped(refit).map_or_else(
            || "converged".to_owned(),
            |why| format!("stopped early: {why}"),
        ),
    ]
}
