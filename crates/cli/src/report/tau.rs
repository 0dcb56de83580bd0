//! Time constants: by unit, over iterations, by start.

use super::contents::{Contents, Tau, ascending, median};
use super::node::Node;
use super::optimization::ranking;
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Point, Style};

/// Up to this many units each have a line in the legend.
const NAMED: usize = 6;

/// More units than this are shown by the bands that hold them.
const SEPARATE: usize = 100;

/// Time constants by unit, with intervals where the file has them.
pub fn forest(contents: &Contents) -> Option<Figure> {
    let first = contents.taus.first()?;
    let order = ascending(&first.values);
    let names: Vec<&str> = order
        .iter()
        .map(|&unit| contents.units[unit].as_str())
        .collect();
    let all = || {
        contents
            .taus
            .iter()
            .flat_map(|tau| tau.values.iter().copied())
    };
    let axis = Axis::fitting("time constant", &contents.time_units, all());
    let mut chart = Chart::new(axis, Axis::names("unit", names));
    let n = contents.taus.len() as f64;
    let edge = edge(contents);
    for (i, tau) in contents.taus.iter().enumerate() {
        let shift = 0.36 * ((i as f64 + 0.5) / n - 0.5);
        let interval = |(at, &unit): (usize, &usize)| {
            let [low, high] = tau
                .intervals
                .as_ref()
                .map_or([f64::NAN; 2], |all| all[unit]);
            Interval {
                at: at as f64 + shift,
                value: tau.values[unit],
                low,
                high: if high.is_infinite() { edge } else { high },
            }
        };
        chart = chart.intervals(
            tau.name,
            order.iter().enumerate().map(interval).collect(),
            Direction::Horizontal,
            Style::series(i),
        );
    }
    if let Some(step) = contents.sample_interval() {
        chart = chart.rule(
            "interval of the targets",
            step,
            Direction::Vertical,
            Style::reference(),
        );
    }
    Some(
        Figure::new("Time constants by unit", &caption(contents, first))
            .panel(with_bounds(contents, chart)),
    )
}

/// As far as an interval without an upper end is drawn: twice the largest number that is shown.
fn edge(contents: &Contents) -> f64 {
    let ends = contents
        .taus
        .iter()
        .flat_map(|tau| tau.intervals.iter().flatten().flatten());
    let values = contents.taus.iter().flat_map(|tau| &tau.values);
    2.0 * values
        .chain(ends)
        .copied()
        .filter(|v| v.is_finite())
        .fold(0.0, f64::max)
}

fn caption(contents: &Contents, first: &Tau) -> String {
    let kinds: Vec<String> = contents
        .taus
        .iter()
        .map(|tau| format!("{}: {}", tau.name, tau.what))
        .collect();
    let intervals = if contents.taus.iter().any(|tau| tau.intervals.is_some()) {
        "Bars are the intervals that the file holds; one without an upper end goes on beyond the figure."
    } else {
        "The file holds no intervals: these are point values, and say nothing about how well the data determine them."
    };
    format!(
        "{}. Units in the order of {}. {intervals}",
        kinds.join("; "),
        first.name
    )
}

/// Bounds are drawn where a time constant comes near one; else they would only press the others together.
fn with_bounds(contents: &Contents, chart: Chart) -> Chart {
    let Some(bounds) = contents.tau_bounds() else {
        return chart;
    };
    let mut values = contents
        .taus
        .iter()
        .flat_map(|tau| tau.values.iter().copied());
    let near = |bound: f64, value: f64| (value / bound).ln().abs() < 0.05;
    let [low, high] = bounds.map(|bound| values.clone().any(|value| near(bound, value)));
    let _ = values.next();
    let style = Style::reference().solid().width(1.4);
    let chart = if low {
        chart.rule("bound", bounds[0], Direction::Vertical, style)
    } else {
        chart
    };
    if high {
        chart.rule(
            if low { "" } else { "bound" },
            bounds[1],
            Direction::Vertical,
            style,
        )
    } else {
        chart
    }
}

/// Time constants over the iterations of the best start.
pub fn history(contents: &Contents) -> Option<Figure> {
    let history = contents.group("history")?;
    let iterations = history.vector("iteration")?;
    let mut figure = Figure::new(
        "Time constants over iterations",
        "Of the best start. Time constants that still move at the end are those that the optimizer had not settled.",
    );
    for tau in &contents.taus {
        if let Some(values) = rows(history, tau.name, iterations.len()) {
            figure = figure.panel(lines(contents, tau, &iterations, &values));
        }
    }
    (!figure.is_empty()).then_some(figure)
}

/// A matrix of `n` rows.
fn rows(group: Node<'_>, name: &str, n: usize) -> Option<Vec<Vec<f64>>> {
    let values = group.reals(name)?;
    let width = values.len().checked_div(n)?;
    (width > 0 && width * n == values.len())
        .then(|| values.chunks(width).map(<[f64]>::to_vec).collect())
}

fn lines(contents: &Contents, tau: &Tau, iterations: &[f64], values: &[Vec<f64>]) -> Chart {
    let n = values[0].len();
    let axis = Axis::fitting(
        &format!("{}: {}", tau.name, tau.what),
        &contents.time_units,
        values.iter().flatten().copied(),
    );
    let chart = Chart::new(Axis::counted("iteration"), axis);
    let chart = match n {
        n if n > SEPARATE => bands(chart, iterations, values),
        n => each(chart, contents, iterations, values, n),
    };
    if n <= NAMED {
        return chart;
    }
    let middle = iterations
        .iter()
        .zip(values)
        .map(|(&at, row)| [at, median(row.iter().copied())]);
    chart.line("median", middle.collect(), Style::ink().width(2.2))
}

/// A line a unit.
fn each(
    mut chart: Chart,
    contents: &Contents,
    iterations: &[f64],
    values: &[Vec<f64>],
    n: usize,
) -> Chart {
    let line = |unit: usize| -> Vec<Point> {
        iterations
            .iter()
            .zip(values)
            .map(|(&at, row)| [at, row[unit]])
            .collect()
    };
    for unit in 0..n {
        let (label, style) = if n <= NAMED {
            (
                contents.units.get(unit).map_or("", String::as_str),
                Style::series(unit),
            )
        } else {
            (
                if unit == 0 { "each unit" } else { "" },
                Style::series(0).solid().width(0.9).opacity(0.5),
            )
        };
        chart = chart.line(label, line(unit), style);
    }
    chart
}

/// Where all and where half of the units lie.
fn bands(chart: Chart, iterations: &[f64], values: &[Vec<f64>]) -> Chart {
    let between = |low: f64, high: f64| -> Vec<Interval> {
        let at = |(&at, row): (&f64, &Vec<f64>)| {
            let order = ascending(row);
            let rank = |part: f64| {
                order.get((part * order.len().saturating_sub(1) as f64).round() as usize)
            };
            let [low, high] =
                [low, high].map(|part| rank(part).map_or(f64::NAN, |&unit| row[unit]));
            Interval {
                at,
                value: f64::NAN,
                low,
                high,
            }
        };
        iterations.iter().zip(values).map(at).collect()
    };
    chart
        .band(
            "all units",
            between(0.0, 1.0),
            Style::series(0).opacity(0.2),
        )
        .band(
            "half of the units",
            between(0.25, 0.75),
            Style::series(0).opacity(0.35),
        )
}

/// Time constants that each start ended with: do starts of the same cost agree?
pub fn by_start(contents: &Contents) -> Option<Figure> {
    let ranking = ranking(contents)?;
    let starts = contents.group("starts")?;
    if ranking.order.len() < 2 {
        return None;
    }
    let mut figure = Figure::new(
        "Time constants by start",
        "Every dot is a unit; starts in the order of their cost, the best at the left. Starts that end at the same cost with the same time constants are evidence that \
         the data determine these; hidden units may come in another order.",
    );
    for tau in &contents.taus {
        let Some(values) = rows(starts, tau.name, ranking.costs.len()) else {
            continue;
        };
        let shown = ranking.order.iter().enumerate();
        let points = shown
            .flat_map(|(at, &start)| values[start].iter().map(move |&value| [at as f64, value]))
            .collect();
        let axis = Axis::fitting(
            &format!("{}: {}", tau.name, tau.what),
            &contents.time_units,
            values.iter().flatten().copied(),
        );
        let chart = Chart::new(Axis::names("start", ranking.names()), axis);
        figure = figure.panel(chart.points("", points, Style::series(0).opacity(0.6)));
    }
    (!figure.is_empty()).then_some(figure)
}
