//! The cells and their colours.

use super::{Frame, HeatMap, SHADES};
use crate::canvas::{Anchor, Canvas, TEXT, px, symbol};
use crate::palette::Style;
use crate::text;
use std::fmt::Write as _;

impl HeatMap {
    /// Cells of one shade are one path.
    pub(super) fn cells(&self, frame: &Frame, canvas: &mut Canvas) {
        let limit = self.limit();
        let shade = |v: &f64| (v / limit * f64::from(SHADES)).round() as i32;
        let [w, h] = frame.cell;
        let at = |index: usize| {
            let (row, column) = (index / frame.columns, index % frame.columns);
            [frame.left + column as f64 * w, frame.top + row as f64 * h]
        };
        let (width, height) = (w * frame.columns as f64, h * frame.rows as f64);
        let (left, top) = (px(frame.left), px(frame.top));
        canvas.raw(&format!(
            "<path d=\"M{left} {top}h{}v{}h{}z\" class=\"cells\" fill=\"{}\"/>",
            px(width),
            px(height),
            px(-width),
            colour(0)
        ));
        for level in (-SHADES..=SHADES).filter(|level| *level != 0) {
            let of_level = self
                .values
                .iter()
                .enumerate()
                .filter(|(_, v)| v.is_finite() && shade(v) == level);
            let mut d = String::new();
            for (index, _) in of_level {
                let [x, y] = at(index);
                let _ = write!(d, "M{:.2} {:.2}h{w:.2}v{h:.2}h-{w:.2}z", x, y);
            }
            if !d.is_empty() {
                canvas.raw(&format!(
                    "<path d=\"{d}\" fill=\"{}\" shape-rendering=\"crispEdges\"/>",
                    colour(level)
                ));
            }
        }
        self.dashes(frame, limit, &at, canvas);
        let missing = self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.is_finite());
        let middles = missing
            .map(|(index, _)| at(index))
            .map(|[x, y]| [x + 0.5 * w, y + 0.5 * h]);
        canvas.markers(
            middles,
            Style::reference().marker(crate::Marker::Cross),
            0.25 * w.min(h),
        );
    }

    /// The marks on the cells: dark with a light border, in every theme as the cells are.
    pub(super) fn marks(&self, frame: &Frame, canvas: &mut Canvas) {
        let [w, h] = frame.cell;
        let radius = (0.4 * w.min(h)).clamp(4.0, 8.0);
        for mark in &self.marks {
            let [row, column] = mark.at;
            let at = [frame.left + (column + 0.5) * w, frame.top + (row + 0.5) * h];
            let d = symbol(mark.marker, at, radius);
            for (colour, width) in [("#ffffff", 4.0), ("#10202c", 1.8)] {
                canvas.raw(&format!(
                    "<path d=\"{d}\" class=\"mark\" stroke=\"{colour}\" stroke-width=\"{width}\" fill=\"none\"/>"
                ));
            }
        }
    }

    /// What the marks are, from `top` on; returns where it ends.
    pub(super) fn legend(&self, top: f64, canvas: &mut Canvas) -> f64 {
        let mut left = 0.0;
        for mark in &self.marks {
            let style = Style::ink().marker(mark.marker);
            canvas.markers(std::iter::once([left + 6.0, top + 8.0]), style, 5.0);
            canvas.text([left + 16.0, top + 12.0], &mark.label, Anchor::Start);
            left += 16.0 + text::width(&mark.label, TEXT) + 18.0;
        }
        if self.marks.is_empty() {
            top
        } else {
            top + 20.0
        }
    }

    /// A dash in every cell that is visibly below zero: in black and white, blue and orange look alike.
    fn dashes(
        &self,
        frame: &Frame,
        limit: f64,
        at: &dyn Fn(usize) -> [f64; 2],
        canvas: &mut Canvas,
    ) {
        let [w, h] = frame.cell;
        if w.min(h) < 5.0 {
            return;
        }
        let negative = self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v < -0.1 * limit);
        let mut d = String::new();
        for (index, _) in negative {
            let [x, y] = at(index);
            let _ = write!(
                d,
                "M{} {}h{}",
                px(x + 0.25 * w),
                px(y + 0.5 * h),
                px(0.5 * w)
            );
        }
        canvas.raw(&format!(
            "<path d=\"{d}\" stroke=\"#10202c\" stroke-opacity=\"0.75\" fill=\"none\"/>"
        ));
    }
}

/// From blue by white to orange; lightness falls evenly on both sides.
pub(super) fn colour(level: i32) -> String {
    let (end, at) = if level < 0 {
        ([0.0, 88.0, 150.0], -level)
    } else {
        ([204.0, 76.0, 2.0], level)
    };
    let t = f64::from(at) / f64::from(SHADES);
    let mix = |i: usize| (250.0 + (end[i] - 250.0) * t).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}
