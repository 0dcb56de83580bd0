use tauscope_figures::{Axis, Chart, Figure, Section, Style};
use tauscope_fit::compare::{Cell, CellState, Comparison, Contender, Measure, Resolution};

/// Time against error, of trajectories and of gradients.
pub fn section(comparison: &Comparison) -> Section {
    let trajectory = figure(
        comparison,
        "Time against the error of the trajectory",
        "Wall-clock time of one forward solve of all train trials; error of all rates at the samples, root mean square, relative to the rates. \
         Every point of a line is one step or one tolerance. What came out unstable is not drawn: the table below names it.",
        "error of the rates",
        |m| [m.seconds, m.trajectory_error],
    );
    let gradient = figure(
        comparison,
        "Time against the error of the gradient",
        "Wall-clock time of one cost with its gradient; error of the worst block of the gradient, relative to that block, near the optimum.",
        "error of the worst gradient block",
        |m| [m.gradient_seconds, m.worst_gradient_error()],
    );
    Section::new("Work and precision")
        .figure(trajectory)
        .figure(gradient)
}

fn figure(
    comparison: &Comparison,
    title: &str,
    caption: &str,
    error: &str,
    point: impl Fn(&Measure) -> [f64; 2],
) -> Figure {
    let is_step = |resolution: Resolution| matches!(resolution, Resolution::Step(_));
    let mut figure = Figure::new(title, caption);
    for (name, steps) in [
        ("steps of given length", true),
        ("steps from tolerances", false),
    ] {
        let mut chart = Chart::new(Axis::log("time", "s"), Axis::log(error, "1")).title(name);
        for (series, contender) in contenders(comparison).into_iter().enumerate() {
            let cells = comparison
                .cells
                .iter()
                .filter(|cell| cell.contender == contender && is_step(cell.resolution) == steps);
            let points: Vec<_> = cells.filter_map(measured).map(&point).collect();
            if !points.is_empty() {
                chart = chart.line(contender.name(), points, Style::series(series).marked());
            }
        }
        figure = figure.panel(chart);
    }
    figure
}

fn measured(cell: &Cell) -> Option<&Measure> {
    match &cell.state {
        CellState::Done(measure) => Some(measure),
        _ => None,
    }
}

/// All that were integrated: a method looks the same wherever it is drawn.
fn contenders(comparison: &Comparison) -> Vec<Contender> {
    let mut all = Vec::new();
    for cell in &comparison.cells {
        if !all.contains(&cell.contender) {
            all.push(cell.contender);
        }
    }
    all
}
