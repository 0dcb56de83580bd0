//! Which line is what.

use crate::canvas::{Anchor, Canvas, Drawing, TEXT};
use crate::palette::Style;
use crate::text;

/// What stands for a series in a legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    Line,
    Marker,
    Interval,
    Area,
}

/// A line of the legend.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub label: String,
    pub style: Style,
    pub sample: Sample,
}

pub(crate) const ROW: f64 = 18.0;
const SAMPLE: f64 = 30.0;
const GAP: f64 = 16.0;

/// Entries in rows of at most `width`; labels that are longer are cut.
pub(crate) fn legend(entries: &[Entry], width: f64) -> Drawing {
    let mut canvas = Canvas::new();
    let (mut x, mut y, mut right) = (0.0, 0.0, 0.0_f64);
    for entry in entries {
        let label = text::shortened(&entry.label, TEXT, width - SAMPLE - 6.0);
        let needed = SAMPLE + 6.0 + text::width(&label, TEXT);
        if x > 0.0 && x + needed > width {
            (x, y) = (0.0, y + ROW);
        }
        sample(&mut canvas, entry, [x, y + 0.5 * ROW]);
        canvas.text(
            [x + SAMPLE + 6.0, y + 0.5 * ROW + 4.0],
            &label,
            Anchor::Start,
        );
        x += needed + GAP;
        right = right.max(x - GAP);
    }
    let rows = if entries.is_empty() { 0.0 } else { y + ROW };
    canvas.finish(right, rows)
}

fn sample(canvas: &mut Canvas, entry: &Entry, [x, y]: [f64; 2]) {
    let middle = [x + 0.5 * SAMPLE, y];
    let line = |canvas: &mut Canvas| canvas.line([x, y], [x + SAMPLE, y], entry.style);
    match entry.sample {
        Sample::Line => {
            line(canvas);
            if entry.style.marked {
                canvas.markers([middle].into_iter(), entry.style, 3.2);
            }
        }
        Sample::Marker => canvas.markers([middle].into_iter(), entry.style, 3.6),
        Sample::Interval => {
            canvas.line([x + 4.0, y], [x + SAMPLE - 4.0, y], entry.style.solid());
            canvas.markers([middle].into_iter(), entry.style, 3.6);
        }
        Sample::Area => {
            let (left, top) = (crate::canvas::px(x + 4.0), crate::canvas::px(y - 5.0));
            canvas.area(
                &format!("M{left} {top}h22v10h-22z"),
                entry.style.colour,
                entry.style.opacity,
            );
        }
    }
}
