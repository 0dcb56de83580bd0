//! Every kind of chart on one page, to look at: `cargo run -p tauscope-figures --example gallery > gallery.html`.

use tauscope_figures::{
    Align, Axis, Chart, Direction, Figure, HeatMap, Interval, Note, Page, Section, Style, Table,
    Tone,
};

fn work_precision() -> Figure {
    let line = |offset: f64, order: f64| {
        (0..6)
            .map(|i| 10f64.powf(f64::from(i) / 2.5 - 3.0))
            .map(|h| [h, offset * h.powf(order)])
            .collect()
    };
    let mut chart = Chart::new(
        Axis::log("CPU time", "s"),
        Axis::log("error of the worst gradient block", "1"),
    );
    for (i, name) in [
        "rk4",
        "exp-hermite",
        "tsit45",
        "a method of a rather long name",
        "euler",
        "bdf",
    ]
    .iter()
    .enumerate()
    {
        chart = chart.line(
            name,
            line(0.3 / (i + 1) as f64, -1.0 - i as f64 / 3.0),
            Style::series(i).marked(),
        );
    }
    Figure::new(
        "Work and precision",
        "Lines, markers and dashes on logarithmic axes.",
    )
    .panel(chart)
}

fn forest() -> Figure {
    let intervals = |shift: f64| {
        let one = move |i: u32| {
            let value = 0.02 * 1.2f64.powi(i as i32 % 7) + 0.03 * shift;
            Interval {
                at: f64::from(i) + shift,
                value,
                low: value / 1.4,
                high: value * 1.7,
            }
        };
        (0..12).map(one).collect()
    };
    let names: Vec<String> = (0..12)
        .map(|i| {
            if i == 5 {
                "a very long name <of> a unit & more".to_owned()
            } else {
                format!("left-{i}")
            }
        })
        .collect();
    let chart = Chart::new(Axis::log("time constant", "s"), Axis::names("unit", names))
        .intervals(
            "tau_s",
            intervals(-0.17),
            Direction::Horizontal,
            Style::series(0),
        )
        .intervals(
            "tau_r",
            intervals(0.17),
            Direction::Horizontal,
            Style::series(1),
        )
        .rule(
            "sample interval",
            0.01,
            Direction::Vertical,
            Style::reference(),
        );
    Figure::new("Forest plot", "Values with intervals by unit.").panel(chart)
}

fn bars_and_steps() -> Figure {
    let bars = |f: f64| {
        (0..4)
            .map(|i| [f64::from(i), f * (f64::from(i) - 1.2)])
            .collect()
    };
    let names = Chart::new(
        Axis::names("split", ["train", "valid", "test", "all"]),
        Axis::linear("R²", "1"),
    )
    .title("Bars")
    .bars("ours", bars(0.3), Direction::Vertical, Style::series(0))
    .bars("peer", bars(0.2), Direction::Vertical, Style::series(4));
    let steps: Vec<_> = (0..40)
        .map(|i| [f64::from(i), (f64::from(i) / 5.0).sin() * 2e-5])
        .collect();
    let band = steps
        .iter()
        .map(|p| Interval {
            at: p[0],
            value: p[1],
            low: p[1] - 4e-6,
            high: p[1] + 4e-6,
        })
        .collect();
    let curve = Chart::new(Axis::linear("time", "ms"), Axis::linear("a signal", "mV"))
        .title("Steps")
        .band("95 %", band, Style::series(2).opacity(0.25))
        .steps("value", &steps, Style::series(2));
    Figure::new("Two panels", "Bars side by side; steps in a band.")
        .panel(names)
        .panel(curve)
}

fn matrix(n: usize) -> Figure {
    let names: Vec<String> = (0..n).map(|i| format!("unit-{i}")).collect();
    let values = (0..n * n)
        .map(|k| ((k * 7919 % 1009) as f64 / 504.0 - 1.0).powi(3))
        .collect();
    let map = HeatMap::new(
        ("target unit", names.clone()),
        ("source unit", names),
        values,
        "weight W",
    );
    Figure::new(&format!("Matrix of {n}"), "Signed weights.").panel(map)
}

fn main() {
    let table = Table::new(
        "A table",
        &[("method", Align::Left), ("error", Align::Right)],
    )
    .row(["rk4".to_owned(), tauscope_figures::significant(3.2e-7, 3)]);
    let empty = Figure::new("Nothing", "A chart without data.")
        .panel(Chart::new(Axis::log("x", "s"), Axis::log("y", "s")));
    let page = Page::new("Gallery", "every kind of chart")
        .section(
            Section::new("Statements")
                .notes(vec![
                    Note::new(Tone::Good, "as it should be"),
                    Note::new(Tone::Caution, "to be known before use"),
                    Note::new(Tone::Bad, "a reason not to use it"),
                ])
                .table(table),
        )
        .section(
            Section::new("Charts")
                .figure(work_precision())
                .figure(forest())
                .figure(bars_and_steps())
                .figure(matrix(8))
                .figure(matrix(64))
                .figure(empty),
        );
    print!("{}", page.html());
}
