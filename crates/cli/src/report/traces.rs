//! Data against prediction.

use super::choice::{self, Choice};
use super::contents::{Contents, SplitData, ascending};
use tauscope_figures::{Axis, Chart, Figure, Marker, Point, Style, significant};

/// Fewer samples than this are drawn as dots, which one can tell apart.
const FEW: usize = 60;

/// Chosen outputs in chosen trials of every split that there is.
pub fn prediction(contents: &Contents) -> Option<Figure> {
    let means = choice::train_means(contents)?;
    let mut figure = Figure::new(
        "Data against prediction",
        "Train trials were fitted; valid trials chose among iterates, penalties or starts where the fit used them so; test trials were not used at all. \
         R² is that of the trace shown, about the output's mean over the train trials. Choices are by rank, not by eye, where --trials and --outputs do not name them.",
    );
    for (split, choice) in choice::all(contents, &means) {
        figure = figure.panel(panel(contents, &contents.predictions[split], &choice));
    }
    let any = Choice {
        trial: 0,
        output: 0,
        why: String::new(),
        r2: f64::NAN,
    };
    let legend = chart(contents, &contents.predictions[0], &any);
    (!figure.is_empty()).then(|| figure.legend_of(&legend))
}

fn panel(contents: &Contents, data: &SplitData, choice: &Choice) -> Chart {
    let score = significant(choice.r2, 2);
    let why = if choice.why.is_empty() {
        String::new()
    } else {
        format!(" ({})", choice.why)
    };
    let title = format!("{}: R² {score}{why}", data.split);
    chart(contents, data, choice)
        .title(&title)
        .without_legend()
        .plot_height(150.0)
}

fn chart(contents: &Contents, data: &SplitData, choice: &Choice) -> Chart {
    let along = |values: Vec<f64>| -> Vec<Point> {
        data.times
            .iter()
            .zip(values)
            .map(|(&t, v)| [t, v])
            .collect()
    };
    let target = along(data.target(choice.trial, choice.output));
    let prediction = along(data.prediction(choice.trial, choice.output));
    let of = if data.outputs.len() > 1 {
        format!(" of {}", data.outputs[choice.output])
    } else {
        String::new()
    };
    let what = match contents.is_of_counts() {
        true => "spikes a bin",
        false => "activity",
    };
    let shown = format!("{what}{of}, trial {}", data.trials[choice.trial]);
    let axes = Chart::new(
        Axis::linear("time", &contents.time_units),
        Axis::linear(&shown, &data.units),
    );
    let with_data = if data.times.len() < FEW {
        axes.points("data", target, Style::ink().marker(Marker::Ring))
    } else {
        axes.line("data", target, Style::ink().width(1.0).opacity(0.75))
    };
    with_data.line(
        "prediction",
        prediction,
        Style::series(1).solid().width(2.0),
    )
}

/// R² of every output, by split.
pub fn scores(contents: &Contents) -> Option<Figure> {
    let metrics = contents.group("metrics")?;
    let stored = metrics.reals("r2_by_output")?;
    let n = stored.len() / 3;
    if n < 2 || stored.len() % 3 != 0 {
        return None;
    }
    let labels = metrics.labels("output", n);
    let mut order: Vec<usize> = ascending(&stored[..n]);
    order.reverse();
    let names: Vec<&str> = order
        .iter()
        .map(|&output| labels[output].as_str())
        .collect();
    // a hopeless output must not press all others together
    let low = stored
        .iter()
        .copied()
        .filter(|r2| r2.is_finite())
        .fold(0.0, f64::min)
        .max(-1.0);
    let mut chart = Chart::new(
        Axis::names("output, by R² on the train trials", names),
        Axis::linear("R²", "1").between(low - 0.05, 1.05),
    );
    for (i, (split, values)) in super::contents::SPLITS
        .iter()
        .zip(stored.chunks(n))
        .enumerate()
    {
        let points: Vec<Point> = order
            .iter()
            .enumerate()
            .map(|(at, &output)| [at as f64, values[output]])
            .collect();
        if points.iter().any(|p| !p[1].is_nan()) {
            chart = chart.points(split, points, Style::series(i));
        }
    }
    Some(Figure::new(
        "R² by output",
        "1 is a perfect prediction, 0 is that of the output's mean over the train trials. Values below −1 are cut off.",
    ).panel(chart))
}
