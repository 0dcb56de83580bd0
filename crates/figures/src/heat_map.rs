//! Matrices as coloured cells.

mod cells;

use crate::canvas::{Anchor, Canvas, Drawing, TEXT};
use crate::chart::WIDTH;
use crate::names::{self, Across};
use crate::number::significant;
use crate::palette::{Colour, Marker, Style};
use crate::scale::Tick;
use crate::text;
use cells::colour;
use std::fmt::Write as _;

/// More rows or columns than this are drawn in blocks.
const FINEST: usize = 200;
/// Shades on either side of zero.
const SHADES: i32 = 24;

/// A matrix of signed numbers: blue below zero, orange above, white at zero, and cells below zero have a dash where there is
/// room for one. What is NaN is left open.
#[derive(Debug, Clone)]
pub struct HeatMap {
    rows: Names,
    columns: Names,
    values: Vec<f64>,
    quantity: String,
    /// Whether the colours are only those above zero.
    is_one_sided: bool,
    marks: Vec<Mark>,
}

/// A place on the cells.
#[derive(Debug, Clone)]
struct Mark {
    label: String,
    /// Row and column from 0; a place between cells is a part of one.
    at: [f64; 2],
    marker: Marker,
}

#[derive(Debug, Clone)]
struct Names {
    title: String,
    names: Vec<String>,
}

impl Names {
    fn every(&self, k: usize) -> Names {
        Names {
            title: self.title.clone(),
            names: self.names.iter().step_by(k).cloned().collect(),
        }
    }
}

/// The value farthest from zero; NaN where there is none.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let finite = values.filter(|v| v.is_finite());
    finite.fold(f64::NAN, |a, v| {
        if a.is_nan() || v.abs() > a.abs() {
            v
        } else {
            a
        }
    })
}

/// Where the cells lie.
struct Frame {
    left: f64,
    top: f64,
    cell: [f64; 2],
    rows: usize,
    columns: usize,
}

impl HeatMap {
    /// `values` row by row; the first row is at the top. `quantity` names what the colours measure, with its unit. Missing values
    /// at the end are NaN.
    pub fn new(
        (row_title, rows): (&str, Vec<String>),
        (column_title, columns): (&str, Vec<String>),
        mut values: Vec<f64>,
        quantity: &str,
    ) -> HeatMap {
        values.resize(rows.len() * columns.len(), f64::NAN);
        HeatMap {
            rows: Names {
                title: row_title.to_owned(),
                names: rows,
            },
            columns: Names {
                title: column_title.to_owned(),
                names: columns,
            },
            values,
            quantity: quantity.to_owned(),
            is_one_sided: false,
            marks: Vec::new(),
        }
    }

    /// For values that are nowhere below zero: the colours begin at zero, and none is wasted.
    pub fn one_sided(mut self) -> HeatMap {
        self.is_one_sided = true;
        self
    }

    /// A mark on the cells, named above them. `at`: row and column from 0, the middle of a cell; a part of one lies between
    /// two. Not drawn where a map is so large that cells stand for blocks.
    pub fn mark(mut self, label: &str, at: [f64; 2], marker: Marker) -> HeatMap {
        self.marks.push(Mark {
            label: label.to_owned(),
            at,
            marker,
        });
        self
    }

    /// The largest absolute value; at least a number that can be divided by.
    fn limit(&self) -> f64 {
        let sizes = self
            .values
            .iter()
            .filter(|v| v.is_finite())
            .map(|v| v.abs());
        let largest = sizes.fold(0.0, f64::max);
        if largest > 0.0 { largest } else { 1.0 }
    }

    pub(crate) fn draw(&self) -> Drawing {
        if self.values.is_empty() {
            let mut canvas = Canvas::new();
            canvas.text_in(
                [0.5 * WIDTH, 30.0],
                "no values to show",
                Anchor::Middle,
                Colour::Muted,
                false,
            );
            return canvas.finish(WIDTH, 48.0);
        }
        let (map, block) = self.in_blocks();
        let mut canvas = Canvas::new();
        let bar = map.colour_bar(&mut canvas);
        let top = map.legend(bar, &mut canvas);
        canvas.text([0.0, top + 11.0], &map.rows.title, Anchor::Start);
        let frame = map.frame(top + 23.0);
        map.cells(&frame, &mut canvas);
        map.marks(&frame, &mut canvas);
        let bottom = map.names(&frame, &mut canvas);
        let mut title = map.columns.title.clone();
        if block != [1, 1] {
            let [rows, columns] = block;
            let _ = write!(
                title,
                "; a cell is the largest of {rows} × {columns} by size"
            );
        }
        let middle = frame.left + 0.5 * frame.cell[0] * frame.columns as f64;
        let half = 0.5 * text::width(&title, TEXT);
        canvas.text(
            [middle.clamp(half, (WIDTH - half).max(half)), bottom + 14.0],
            &title,
            Anchor::Middle,
        );
        canvas.finish(WIDTH, bottom + 22.0)
    }

    /// Smaller where it has too many rows or columns to see, and how many of them stand for one.
    fn in_blocks(&self) -> (HeatMap, [usize; 2]) {
        let (n, m) = (self.rows.names.len(), self.columns.names.len());
        let [rows, columns] = [n, m].map(|length| length.div_ceil(FINEST).max(1));
        if rows == 1 && columns == 1 {
            return (self.clone(), [1, 1]);
        }
        let starts = (0..n)
            .step_by(rows)
            .flat_map(|i| (0..m).step_by(columns).map(move |j| (i, j)));
        let values = starts.map(|(i, j)| {
            let block =
                (i..n.min(i + rows)).flat_map(|row| &self.values[row * m..][j..m.min(j + columns)]);
            largest(block.copied())
        });
        let map = HeatMap {
            rows: self.rows.every(rows),
            columns: self.columns.every(columns),
            values: values.collect(),
            quantity: self.quantity.clone(),
            is_one_sided: self.is_one_sided,
            marks: Vec::new(),
        };
        (map, [rows, columns])
    }

    fn frame(&self, top: f64) -> Frame {
        let widest = self
            .rows
            .names
            .iter()
            .map(|n| text::width(n, TEXT))
            .fold(0.0, f64::max)
            .min(110.0);
        let left = widest + 8.0;
        let (rows, columns) = (self.rows.names.len(), self.columns.names.len());
        // square, unless that would be a ribbon
        let room = WIDTH - left - 16.0;
        // the last name may stand out beyond the cells
        let overhang = Across::new(&self.columns.names, room.min(40.0 * columns as f64)).overhang();
        let width = (room.min(WIDTH - left - overhang) / columns as f64).min(40.0);
        let height = width
            .clamp((150.0 / rows as f64).min(18.0), 26.0)
            .min((640.0 / rows as f64).max(2.0));
        Frame {
            left,
            top,
            cell: [width, height],
            rows,
            columns,
        }
    }

    fn names(&self, frame: &Frame, canvas: &mut Canvas) -> f64 {
        let [w, h] = frame.cell;
        let (width, height) = (w * frame.columns as f64, h * frame.rows as f64);
        for Tick { value, label } in names::down(&self.rows.names, height) {
            canvas.text(
                [frame.left - 6.0, frame.top + (value + 0.5) * h + 4.0],
                &label,
                Anchor::End,
            );
        }
        let columns = Across::new(&self.columns.names, width);
        columns.draw(canvas, frame.top + height - 3.0, |value| {
            Some(frame.left + (value + 0.5) * w)
        }) + 1.0
    }

    /// The scale of the colours, above the cells; returns where it ends.
    fn colour_bar(&self, canvas: &mut Canvas) -> f64 {
        let limit = self.limit();
        let (width, height, top) = (180.0, 10.0, 22.0);
        canvas.text(
            [0.0, 12.0],
            &text::shortened(&self.quantity, TEXT, WIDTH),
            Anchor::Start,
        );
        let lowest = if self.is_one_sided { 0 } else { -SHADES };
        let low = if self.is_one_sided { 0.0 } else { -limit };
        let ends = [significant(low, 2), significant(limit, 2)];
        let left = text::width(&ends[0], TEXT) + 6.0;
        let step = width / f64::from(SHADES - lowest + 1);
        for level in lowest..=SHADES {
            let x = left + f64::from(level - lowest) * step;
            canvas.raw(&format!(
                "<rect x=\"{x:.2}\" y=\"{top}\" width=\"{step:.2}\" height=\"{height}\" fill=\"{}\" shape-rendering=\"crispEdges\"/>",
                colour(level)
            ));
        }
        canvas.text([left - 6.0, top + 9.5], &ends[0], Anchor::End);
        canvas.text([left + width + 6.0, top + 9.5], &ends[1], Anchor::Start);
        if self.is_one_sided {
            return top + height + 8.0;
        }
        canvas.line(
            [left + 0.5 * width, top + height],
            [left + 0.5 * width, top + height + 3.0],
            Style::ink().width(1.0),
        );
        canvas.text(
            [left + 0.5 * width, top + height + 15.0],
            "0",
            Anchor::Middle,
        );
        top + height + 22.0
    }
}

#[cfg(test)]
mod tests {
    use super::{HeatMap, Marker};

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("unit {i}")).collect()
    }

    #[test]
    fn a_large_matrix_is_drawn_in_blocks_that_keep_the_largest_by_size() {
        let n = 450;
        let mut values = vec![0.1; n * n];
        values[n * 200 + 301] = -5.0;
        let map = HeatMap::new(("to", names(n)), ("from", names(n)), values, "W");
        let (small, block) = map.in_blocks();
        assert_eq!((block, small.values.len()), ([3, 3], 150 * 150));
        assert_eq!(small.values[66 * 150 + 100], -5.0);
        assert!(small.draw().body.len() < 2_000_000);
    }

    #[test]
    fn a_one_sided_map_wastes_no_colour_and_marks_lie_on_their_cells() {
        let values: Vec<f64> = (0..6).map(f64::from).collect();
        let map = HeatMap::new(("s", names(2)), ("r", names(3)), values, "loss");
        let both = map.draw().body;
        assert!(both.contains("−5") && !both.contains("least"));
        let one = map
            .one_sided()
            .mark("least", [0.0, 0.0], Marker::Cross)
            .mark("truth", [0.5, 1.5], Marker::Ring)
            .draw()
            .body;
        assert!(!one.contains("−5"), "{one}");
        for word in ["least", "truth"] {
            assert!(one.contains(word), "{word}");
        }
        // a halo and a line for each mark
        assert_eq!(one.matches("class=\"mark\"").count(), 4);
    }

    #[test]
    fn nothing_and_nothing_but_nan_can_be_drawn() {
        let empty = HeatMap::new(("to", vec![]), ("from", vec![]), vec![], "W");
        assert!(empty.draw().body.contains("no values"));
        let nan = HeatMap::new(("to", names(2)), ("from", names(2)), vec![f64::NAN; 4], "W");
        assert!(nan.draw().body.contains("unit 1"));
    }
}
