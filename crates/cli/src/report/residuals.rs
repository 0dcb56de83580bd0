//! What the network does not predict.

use super::contents::{Contents, SplitData};
use tauscope_figures::{Axis, Chart, Direction, Figure, Interval, Point, Style};

/// Lags of the autocorrelation.
const LAGS: usize = 40;
const BINS: usize = 45;

/// Residuals of a split in units of each output's deviation on the train trials: a series a trial and output.
struct Standardised {
    split: &'static str,
    series: Vec<Vec<f64>>,
}

fn standardised(contents: &Contents) -> Vec<Standardised> {
    let Some(first) = contents.predictions.first() else {
        return Vec::new();
    };
    let deviations: Vec<f64> = (0..first.outputs.len())
        .map(|output| deviation(first, output))
        .collect();
    let of = |data: &SplitData| {
        let pairs = (0..data.trials.len())
            .flat_map(|trial| (0..data.outputs.len()).map(move |output| (trial, output)));
        let scaled = |(trial, output): (usize, usize)| {
            data.residual(trial, output)
                .into_iter()
                .map(|e| e / deviations[output])
                .collect()
        };
        Standardised {
            split: data.split,
            series: pairs.map(scaled).collect(),
        }
    };
    contents.predictions.iter().map(of).collect()
}

/// Standard deviation of an output over all trials; NaN where it does not vary.
fn deviation(data: &SplitData, output: usize) -> f64 {
    let values: Vec<f64> = (0..data.trials.len())
        .flat_map(|trial| data.target(trial, output))
        .filter(|v| v.is_finite())
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    if variance > 0.0 {
        variance.sqrt()
    } else {
        f64::NAN
    }
}

impl Standardised {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.series
            .iter()
            .flatten()
            .copied()
            .filter(|e| e.is_finite())
    }
}

/// How residuals are spread, and where in a trial they are large.
pub fn residuals(contents: &Contents) -> Option<Figure> {
    let splits = standardised(contents);
    let spread = distribution(&splits)?;
    let figure = Figure::new(
        "Residuals",
        "Target minus prediction, in units of each output's standard deviation over the train trials. First: how often; a mean away from zero or a long tail is structure \
         that the network missed. Second: root mean square over the course of a trial; a rise says that predictions drift away.",
    );
    Some(figure.panel(spread).panel(course(contents, &splits)))
}

fn distribution(splits: &[Standardised]) -> Option<Chart> {
    let sizes: Vec<f64> = splits
        .iter()
        .flat_map(Standardised::values)
        .map(f64::abs)
        .collect();
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let rms = (sizes.iter().map(|e| e * e).sum::<f64>() / sizes.len() as f64).sqrt();
    if rms.is_nan() {
        return None;
    }
    let limit = if rms > 0.0 {
        largest.min(5.0 * rms)
    } else {
        1.0
    };
    let width = 2.0 * limit / BINS as f64;
    let mut chart = Chart::new(
        Axis::linear("residual", "standard deviations"),
        Axis::linear("probability density", "1").including(0.0),
    );
    for (i, split) in splits.iter().enumerate() {
        let mut counts = [0.0; BINS];
        let mut n = 0.0;
        for e in split.values() {
            n += 1.0;
            if e.abs() <= limit {
                counts[(((e + limit) / width) as usize).min(BINS - 1)] += 1.0;
            }
        }
        let bin = |(k, count): (usize, &f64)| [k as f64 * width - limit, count / (n * width)];
        let mut steps: Vec<Point> = counts.iter().enumerate().map(bin).collect();
        steps.push([limit, 0.0]);
        chart = chart.steps(split.split, &steps, Style::series(i));
    }
    Some(chart.rule("", 0.0, Direction::Vertical, Style::reference()))
}

fn course(contents: &Contents, splits: &[Standardised]) -> Chart {
    let mut chart = Chart::new(
        Axis::linear("time", &contents.time_units),
        Axis::linear("root mean square residual", "standard deviations").including(0.0),
    );
    for (i, (split, data)) in splits.iter().zip(&contents.predictions).enumerate() {
        let at = |k: usize| {
            let here = split
                .series
                .iter()
                .filter_map(|series| series.get(k))
                .filter(|e| e.is_finite());
            let (sum, n) = here.fold((0.0, 0.0), |(sum, n), e| (sum + e * e, n + 1.0));
            (sum / n).sqrt()
        };
        let points = data
            .times
            .iter()
            .enumerate()
            .map(|(k, &t)| [t, at(k)])
            .collect();
        chart = chart.line(split.split, points, Style::series(i));
    }
    chart
}

/// Correlation of residuals with those of the same trial and output some samples later.
#[derive(Debug)]
pub struct Autocorrelation {
    /// Which split.
    pub split: &'static str,
    /// By lag, from 1 on; NaN where no pair was observed.
    pub values: Vec<f64>,
    /// What white noise would stay within in 95 of 100 cases, by lag.
    pub white: Vec<f64>,
}

/// By split, pooled over trials and outputs; the mean of each output is taken away first.
pub fn autocorrelations(contents: &Contents) -> Vec<Autocorrelation> {
    let n_outputs = contents
        .predictions
        .first()
        .map_or(1, |data| data.outputs.len());
    standardised(contents)
        .iter()
        .map(|split| autocorrelation(split, n_outputs))
        .collect()
}

fn autocorrelation(split: &Standardised, n_outputs: usize) -> Autocorrelation {
    let longest = split.series.first().map_or(0, Vec::len);
    let mut sums = vec![0.0; LAGS.min(longest.saturating_sub(1) / 2 + 1) + 1];
    let mut counts = vec![0.0; sums.len()];
    for output in 0..n_outputs {
        let of_output = || split.series.iter().skip(output).step_by(n_outputs);
        let (sum, n) = of_output()
            .flatten()
            .filter(|e| e.is_finite())
            .fold((0.0, 0.0), |(s, n), e| (s + e, n + 1.0));
        let mean: f64 = sum / f64::max(n, 1.0);
        for series in of_output() {
            for lag in 0..sums.len() {
                let pairs = series
                    .iter()
                    .zip(series.iter().skip(lag))
                    .map(|(a, b)| (a - mean) * (b - mean))
                    .filter(|p| p.is_finite());
                let (sum, n) = pairs.fold((0.0, 0.0), |(s, n), p| (s + p, n + 1.0));
                sums[lag] += sum;
                counts[lag] += n;
            }
        }
    }
    let variance: f64 = sums[0] / counts[0];
    let lags = 1..sums.len();
    Autocorrelation {
        split: split.split,
        values: lags
            .clone()
            .map(|lag| sums[lag] / counts[lag] / variance)
            .collect(),
        white: lags.map(|lag| 1.96 / f64::sqrt(counts[lag])).collect(),
    }
}

/// The autocorrelation of the residuals.
pub fn autocorrelation_figure(contents: &Contents) -> Option<Figure> {
    let all = autocorrelations(contents);
    if all.iter().all(|a| a.values.iter().all(|v| v.is_nan())) {
        return None;
    }
    let step = contents.sample_interval().filter(|_| is_regular(contents));
    let axis = match step {
        Some(_) => Axis::linear("lag", &contents.time_units),
        None => Axis::linear("lag (samples; their intervals differ)", "1"),
    };
    let place = |k: usize| (k + 1) as f64 * step.unwrap_or(1.0);
    let mut chart = Chart::new(
        axis,
        Axis::linear("autocorrelation of the residuals", "1").including(0.0),
    );
    if let Some(first) = all.first() {
        let band = first.white.iter().enumerate().map(|(k, &w)| Interval {
            at: place(k),
            value: 0.0,
            low: -w,
            high: w,
        });
        chart = chart.band(
            "white noise, 95 % (train)",
            band.collect(),
            Style::ink().opacity(0.13),
        );
    }
    for (i, one) in all.iter().enumerate() {
        let points = one
            .values
            .iter()
            .enumerate()
            .map(|(k, &v)| [place(k), v])
            .collect();
        chart = chart.line(one.split, points, Style::series(i).marked());
    }
    let caption = "Pooled over trials and outputs. Residuals outside of the band go on from one sample to the next: there is activity that the network did not follow, or noise with a \
                   memory. Then the samples are not independent, and the data say less than their number suggests.";
    Some(Figure::new("Autocorrelation of the residuals", caption).panel(chart))
}

fn is_regular(contents: &Contents) -> bool {
    let Some(step) = contents.sample_interval() else {
        return false;
    };
    let times = &contents.predictions[0].times;
    times
        .windows(2)
        .all(|pair| (pair[1] - pair[0] - step).abs() <= 1e-3 * step)
}
