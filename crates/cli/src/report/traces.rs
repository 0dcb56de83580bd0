//! Data against prediction.

use super::contents::{Contents, SplitData, ascending};
use tauscope_figures::{Axis, Chart, Figure, Marker, Point, Style, significant};

/// Fewer samples than this are drawn as dots, which one can tell apart.
const FEW: usize = 60;

/// An output of a trial that is shown, and why.
struct Choice {
    trial: usize,
    output: usize,
    why: String,
}

/// The best, the median and the worst output, each in its median trial; of a single output, its best, median and worst trial. Of every
/// split that there is.
pub fn prediction(contents: &Contents) -> Option<Figure> {
    let means = train_means(contents)?;
    let mut figure = Figure::new(
        "Data against prediction",
        "Train trials were fitted; valid trials chose among iterates, penalties or starts where the fit used them so; test trials were not used at all. \
         R² is that of the trace shown, about the output's mean over the train trials. Choices are by rank, not by eye.",
    );
    let outputs = chosen_outputs(contents);
    for data in &contents.predictions {
        for choice in choices(data, &outputs, &means) {
            figure = figure.panel(panel(contents, data, &choice, &means));
        }
    }
    let legend = chart(
        contents,
        &contents.predictions[0],
        &Choice {
            trial: 0,
            output: 0,
            why: String::new(),
        },
    );
    (!figure.is_empty()).then(|| figure.legend_of(&legend))
}

fn train_means(contents: &Contents) -> Option<Vec<f64>> {
    let data = contents.predictions.first()?;
    let mean = |output: usize| {
        let observed = (0..data.trials.len())
            .flat_map(|trial| data.target(trial, output))
            .filter(|v| !v.is_nan());
        let (sum, count) = observed.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        sum / count
    };
    Some((0..data.outputs.len()).map(mean).collect())
}

/// Output and rank, judged on the most telling split that has scores.
fn chosen_outputs(contents: &Contents) -> Vec<(usize, &'static str)> {
    let n = contents.predictions[0].outputs.len();
    let stored = contents
        .group("metrics")
        .and_then(|m| m.reals("r2_by_output"))
        .unwrap_or_default();
    let rows: Vec<&[f64]> = stored.chunks(n.max(1)).collect();
    let scores = [2, 1, 0]
        .into_iter()
        .filter_map(|i| rows.get(i))
        .find(|row| row.iter().any(|r2| !r2.is_nan()));
    let order = scores.map_or_else(|| (0..n).collect(), |row| ascending(row));
    match order[..] {
        [] => vec![(0, "")],
        [only] => vec![(only, "")],
        [worst, best] => vec![(best, "better output"), (worst, "worse output")],
        [worst, .., best] => vec![
            (best, "best output"),
            (order[order.len() / 2], "median output"),
            (worst, "worst output"),
        ],
    }
}

fn choices(data: &SplitData, outputs: &[(usize, &str)], means: &[f64]) -> Vec<Choice> {
    let trials = |output: usize| {
        let scores: Vec<f64> = (0..data.trials.len())
            .map(|trial| r2(data, trial, output, means))
            .collect();
        ascending(&scores)
    };
    let single = data.outputs.len() == 1;
    let mut all = Vec::new();
    for &(output, rank) in outputs {
        let order = trials(output);
        let picked: Vec<(usize, &str)> = match order[..] {
            [] => continue,
            [.., best] if single && order.len() > 2 => {
                vec![
                    (best, "best trial"),
                    (order[order.len() / 2], "median trial"),
                    (order[0], "worst trial"),
                ]
            }
            [..] if single => order.iter().rev().map(|&trial| (trial, "")).collect(),
            [..] => vec![(order[order.len() / 2], rank)],
        };
        all.extend(picked.into_iter().map(|(trial, why)| Choice {
            trial,
            output,
            why: why.to_owned(),
        }));
    }
    all
}

fn r2(data: &SplitData, trial: usize, output: usize, means: &[f64]) -> f64 {
    let target = data.target(trial, output);
    let pairs = target
        .iter()
        .zip(data.prediction(trial, output))
        .filter(|(t, z)| !t.is_nan() && !z.is_nan());
    let (mut squared, mut about_mean) = (0.0, 0.0);
    for (t, z) in pairs {
        squared += (t - z).powi(2);
        about_mean += (t - means[output]).powi(2);
    }
    if about_mean > 0.0 {
        1.0 - squared / about_mean
    } else {
        f64::NAN
    }
}

fn panel(contents: &Contents, data: &SplitData, choice: &Choice, means: &[f64]) -> Chart {
    let score = significant(r2(data, choice.trial, choice.output, means), 2);
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
    let shown = format!("activity{of}, trial {}", data.trials[choice.trial]);
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
