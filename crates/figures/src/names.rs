//! Names along an axis.

use crate::canvas::{Anchor, Canvas, TEXT};
use crate::scale::Tick;
use crate::text;

/// Names are cut beyond this width.
const LONGEST: f64 = 110.0;
/// The least room in which a line of text can stand.
const LINE: f64 = 15.0;

/// Names below an axis: side by side where all fit, upright where each has room for a line, else every k-th side by side.
#[derive(Debug)]
pub(crate) struct Across {
    pub ticks: Vec<Tick>,
    upright: bool,
}

impl Across {
    pub fn new(names: &[String], length: f64) -> Across {
        let slot = length / names.len().max(1) as f64;
        let fit = widest(names) + 8.0 <= slot;
        let upright = !fit && slot >= LINE;
        // the first may be moved a little, to where it begins within the drawing
        let size = if upright {
            LINE
        } else {
            widest(names) + if fit { 8.0 } else { 26.0 }
        };
        Across {
            ticks: spaced(names, slot, size),
            upright,
        }
    }

    /// Numbers side by side, which have been chosen to fit.
    pub fn numbers(ticks: Vec<Tick>) -> Across {
        Across {
            ticks,
            upright: false,
        }
    }

    /// Writes the names below `y`, each at its place, and returns where they end.
    pub fn draw(&self, canvas: &mut Canvas, y: f64, place: impl Fn(f64) -> Option<f64>) -> f64 {
        for tick in &self.ticks {
            match place(tick.value) {
                Some(x) if self.upright => canvas.text_upwards([x + 4.0, y + 8.0], &tick.label),
                Some(x) => {
                    // the first may be wider than what lies left of it
                    let half = 0.5 * text::width(&tick.label, TEXT);
                    canvas.text([x.max(half), y + 17.0], &tick.label, Anchor::Middle);
                }
                None => {}
            }
        }
        let longest = self
            .ticks
            .iter()
            .map(|t| text::width(&t.label, TEXT))
            .fold(0.0, f64::max);
        y + if self.upright { longest + 12.0 } else { 20.0 }
    }

    /// Half the width of the last name, which may stand out beyond the axis.
    pub fn overhang(&self) -> f64 {
        let last = self.ticks.last().filter(|_| !self.upright);
        last.map_or(0.0, |tick| 0.5 * text::width(&tick.label, TEXT))
    }
}

/// Every k-th name beside an axis, the least k at which they do not touch.
pub(crate) fn down(names: &[String], length: f64) -> Vec<Tick> {
    spaced(names, length / names.len().max(1) as f64, LINE)
}

fn widest(names: &[String]) -> f64 {
    names
        .iter()
        .map(|name| text::width(name, TEXT))
        .fold(0.0, f64::max)
        .min(LONGEST)
}

fn spaced(names: &[String], slot: f64, size: f64) -> Vec<Tick> {
    let every = (size / slot).ceil().max(1.0) as usize;
    let tick = |(i, name): (usize, &String)| Tick {
        value: i as f64,
        label: text::abridged(name, TEXT, LONGEST),
    };
    names.iter().enumerate().step_by(every).map(tick).collect()
}
