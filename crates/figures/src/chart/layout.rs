//! Where the parts of a chart lie, so that none covers another.

use super::{Chart, marks, ticks};
use crate::axis::Kind;
use crate::canvas::{Anchor, Canvas, Drawing, TEXT};
use crate::legend;
use crate::names::Across;
use crate::palette::{Colour, Style};
use crate::scale::{Span, Tick};
use crate::text;

/// The width of every chart in pixels: that of a telephone, and a third of a wide page.
pub(crate) const WIDTH: f64 = 430.0;
/// Bold text is wider than the font by which text is measured.
const BOLD: f64 = 1.15;
const LINE: f64 = 17.0;
const GAP: f64 = 8.0;

/// The rectangle between the axes, and what its sides measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: Span,
    pub y: Span,
    /// Whether the vertical axis counts downwards, as names do.
    pub downwards: bool,
}

impl Frame {
    pub fn x(&self, value: f64) -> Option<f64> {
        Some(self.left + self.x.place(value)? * self.width)
    }

    pub fn y(&self, value: f64) -> Option<f64> {
        let at = self.y.place(value)?;
        Some(self.top + if self.downwards { at } else { 1.0 - at } * self.height)
    }
}

pub(super) fn draw(chart: &Chart) -> Drawing {
    let mut canvas = Canvas::new();
    let xs = chart.layers.iter().flat_map(|layer| layer.marks.xs());
    let ys = chart.layers.iter().flat_map(|layer| layer.marks.ys());
    let top = head(chart, &mut canvas);
    let spans = chart.x.span(xs, 0.03).zip(chart.y.span(ys, 0.06));
    let has_data = chart.layers.iter().any(|l| !l.marks.xs().is_empty());
    let (Some((x, y)), true) = (spans, has_data) else {
        return nothing(chart, canvas, top);
    };
    let height = plot_height(chart);
    let y_ticks = ticks::down(&chart.y, &y, height);
    let left = y_ticks
        .iter()
        .map(|t| text::width(&t.label, TEXT))
        .fold(0.0, f64::max)
        + GAP
        + 4.0;
    let downwards = matches!(chart.y.kind, Kind::Names(_));
    // the last label may stand half beyond the right end
    let mut frame = Frame {
        left,
        top,
        width: WIDTH - left - 14.0,
        height,
        x,
        y,
        downwards,
    };
    let overhang = ticks::across(&chart.x, &x, frame.width).overhang();
    frame.width = frame.width.min(WIDTH - left - overhang - 1.0);
    let x_ticks = ticks::across(&chart.x, &x, frame.width);
    grid(&mut canvas, &frame, &x_ticks.ticks, &y_ticks);
    let mut inside = Canvas::new();
    marks::draw(chart, &frame, &mut inside);
    let margin = 4.0;
    canvas.clipped(
        [frame.left - margin, frame.top - margin],
        [frame.width + 2.0 * margin, frame.height + 2.0 * margin],
        inside,
    );
    let bottom = labels(&mut canvas, &frame, &x_ticks, &y_ticks);
    let bottom = x_title(chart, &mut canvas, bottom, left);
    canvas.finish(WIDTH, bottom + 4.0)
}

/// Title, legend and the title of the vertical axis, one below the other; returns where the plot begins.
fn head(chart: &Chart, canvas: &mut Canvas) -> f64 {
    let mut top = 2.0;
    if !chart.title.is_empty() {
        let title = text::shortened(&chart.title, BOLD * TEXT, WIDTH);
        canvas.text_in([0.0, top + 12.0], &title, Anchor::Start, Colour::Ink, true);
        top += LINE + 2.0;
    }
    let entries = chart.entries();
    if chart.with_legend && !entries.is_empty() {
        let drawing = legend::legend(&entries, WIDTH);
        canvas.place([0.0, top], &drawing);
        top += drawing.height + 4.0;
    }
    for line in text::wrapped(&chart.y.title, TEXT, WIDTH) {
        canvas.text([0.0, top + 11.0], &line, Anchor::Start);
        top += LINE;
    }
    top + 7.0
}

fn x_title(chart: &Chart, canvas: &mut Canvas, mut bottom: f64, left: f64) -> f64 {
    let lines = text::wrapped(&chart.x.title, TEXT, WIDTH);
    for line in lines {
        // in the middle of the plot, but within the drawing
        let half = 0.5 * text::width(&line, TEXT);
        let middle = (0.5 * (left + WIDTH)).clamp(half, (WIDTH - half).max(half));
        canvas.text([middle, bottom + 13.0], &line, Anchor::Middle);
        bottom += LINE;
    }
    bottom
}

fn nothing(chart: &Chart, mut canvas: Canvas, top: f64) -> Drawing {
    canvas.text_in(
        [0.5 * WIDTH, top + 30.0],
        "no values to show",
        Anchor::Middle,
        Colour::Muted,
        false,
    );
    let bottom = x_title(chart, &mut canvas, top + 48.0, 0.0);
    canvas.finish(WIDTH, bottom + 4.0)
}

/// Rows of names are as high as a line of text up to 80 of them, and less high beyond.
fn plot_height(chart: &Chart) -> f64 {
    match (&chart.y.kind, chart.plot_height) {
        (_, Some(height)) => height,
        (Kind::Names(names), None) => {
            let n = names.len() as f64;
            (n * 17.0)
                .min((80.0 * 17.0_f64).max(6.0 * n))
                .clamp(40.0, 4000.0)
        }
        (Kind::Numbers { .. }, None) => 210.0,
    }
}

fn grid(canvas: &mut Canvas, frame: &Frame, x_ticks: &[Tick], y_ticks: &[Tick]) {
    let fine = Style::reference().solid().width(0.6).opacity(0.35);
    let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
    for x in x_ticks.iter().filter_map(|t| frame.x(t.value)) {
        canvas.line([x, frame.top], [x, bottom], fine);
    }
    for y in y_ticks.iter().filter_map(|t| frame.y(t.value)) {
        canvas.line([frame.left, y], [right, y], fine);
    }
}

/// The axes themselves with their ticks; returns where the labels end.
fn labels(canvas: &mut Canvas, frame: &Frame, x_ticks: &Across, y_ticks: &[Tick]) -> f64 {
    let axis = Style::reference().solid();
    let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
    canvas.line([frame.left, bottom], [right, bottom], axis);
    canvas.line([frame.left, frame.top], [frame.left, bottom], axis);
    for x in frame.x.minor_ticks().into_iter().filter_map(|v| frame.x(v)) {
        canvas.line([x, bottom], [x, bottom + 2.5], axis);
    }
    for y in frame.y.minor_ticks().into_iter().filter_map(|v| frame.y(v)) {
        canvas.line([frame.left - 2.5, y], [frame.left, y], axis);
    }
    for x in x_ticks.ticks.iter().filter_map(|t| frame.x(t.value)) {
        canvas.line([x, bottom], [x, bottom + 5.0], axis);
    }
    for tick in y_ticks {
        let Some(y) = frame.y(tick.value) else {
            continue;
        };
        canvas.line([frame.left - 5.0, y], [frame.left, y], axis);
        canvas.text([frame.left - GAP, y + 4.0], &tick.label, Anchor::End);
    }
    x_ticks.draw(canvas, bottom, |value| frame.x(value))
}
