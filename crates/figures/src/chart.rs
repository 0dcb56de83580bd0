//! Charts: layers of marks between two axes.

mod layout;
mod marks;
mod thin;
mod ticks;

use crate::axis::Axis;
use crate::canvas::Drawing;
use crate::legend::{Entry, Sample};
use crate::palette::Style;

pub(crate) use layout::WIDTH;

/// A place in the units of the axes.
pub type Point = [f64; 2];

/// A value with the interval that may hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Where it stands on the other axis.
    pub at: f64,
    /// The value itself.
    pub value: f64,
    /// The lower end; NaN where there is none.
    pub low: f64,
    /// The upper end; NaN where there is none.
    pub high: f64,
}

/// The direction of intervals and bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Values along the horizontal axis: a forest plot.
    Horizontal,
    /// Values along the vertical axis.
    Vertical,
}

#[derive(Debug, Clone)]
enum Marks {
    Line(Vec<Point>),
    Points(Vec<Point>),
    Intervals(Vec<Interval>, Direction),
    Bars(Vec<Point>, Direction),
    Band(Vec<Interval>),
    Rule(f64, Direction),
}

#[derive(Debug, Clone)]
struct Layer {
    marks: Marks,
    style: Style,
    label: String,
}

/// A chart, built layer by layer; later layers lie on top.
///
/// NaN ends a line and begins it anew; on a logarithmic axis what is not positive is left out. A layer with an empty label has no
/// line in the legend. Everything given as text is plain text.
///
/// ```
/// use tauscope_figures::{Axis, Chart, Style};
/// let error = vec![[1e-3, 2e-5], [1e-2, 3e-4], [1e-1, 4e-2]];
/// let chart = Chart::new(Axis::log("step", "s"), Axis::log("error of the gradient", "1"))
///     .line("rk4", error, Style::series(0).marked());
/// assert!(chart.svg("work and precision").contains("step (s)"));
/// ```
#[derive(Debug, Clone)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    layers: Vec<Layer>,
    plot_height: Option<f64>,
    with_legend: bool,
}

impl Chart {
    /// An empty chart.
    pub fn new(x: Axis, y: Axis) -> Chart {
        Chart {
            title: String::new(),
            x,
            y,
            layers: Vec::new(),
            plot_height: None,
            with_legend: true,
        }
    }

    /// A line of bold text above it, for one of several panels.
    pub fn title(mut self, title: &str) -> Chart {
        title.clone_into(&mut self.title);
        self
    }

    /// The height between the axes in pixels; the default follows from the kind of the vertical axis.
    pub fn plot_height(mut self, pixels: f64) -> Chart {
        self.plot_height = Some(pixels);
        self
    }

    /// No legend of its own: the figure has one for all panels.
    pub fn without_legend(mut self) -> Chart {
        self.with_legend = false;
        self
    }

    /// Points joined in order.
    pub fn line(self, label: &str, points: Vec<Point>, style: Style) -> Chart {
        self.layer(Marks::Line(points), label, style)
    }

    /// Steps: each value holds until the next.
    pub fn steps(self, label: &str, points: &[Point], style: Style) -> Chart {
        let corner = |pair: &[Point]| [pair[0], [pair[1][0], pair[0][1]]];
        let mut corners: Vec<Point> = points.windows(2).flat_map(corner).collect();
        corners.extend(points.last());
        self.layer(Marks::Line(corners), label, style)
    }

    /// Markers.
    pub fn points(self, label: &str, points: Vec<Point>, style: Style) -> Chart {
        self.layer(Marks::Points(points), label, style)
    }

    /// Markers with error bars; where an interval has no end, the marker alone.
    pub fn intervals(
        self,
        label: &str,
        intervals: Vec<Interval>,
        direction: Direction,
        style: Style,
    ) -> Chart {
        self.layer(Marks::Intervals(intervals, direction), label, style)
    }

    /// Bars from zero, or from the low end of a logarithmic axis: (place, length).
    pub fn bars(self, label: &str, bars: Vec<Point>, direction: Direction, style: Style) -> Chart {
        self.layer(Marks::Bars(bars, direction), label, style)
    }

    /// The area between the lower and upper ends, along the horizontal axis.
    pub fn band(self, label: &str, intervals: Vec<Interval>, style: Style) -> Chart {
        self.layer(Marks::Band(intervals), label, style)
    }

    /// A line across the whole chart: horizontal at a height, vertical at a place.
    pub fn rule(self, label: &str, at: f64, direction: Direction, style: Style) -> Chart {
        self.layer(Marks::Rule(at, direction), label, style)
    }

    fn layer(mut self, marks: Marks, label: &str, style: Style) -> Chart {
        self.layers.push(Layer {
            marks,
            style,
            label: label.to_owned(),
        });
        self
    }

    /// The chart alone as an SVG element; `name` is read aloud by screen readers.
    pub fn svg(&self, name: &str) -> String {
        self.draw().inline(name)
    }

    pub(crate) fn draw(&self) -> Drawing {
        layout::draw(self)
    }

    /// Lines of the legend.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let labelled = self.layers.iter().filter(|layer| !layer.label.is_empty());
        let entry = |layer: &Layer| Entry {
            label: layer.label.clone(),
            style: layer.style,
            sample: layer.marks.sample(),
        };
        labelled.map(entry).collect()
    }
}

impl Marks {
    fn sample(&self) -> Sample {
        match self {
            Marks::Line(_) | Marks::Rule(..) => Sample::Line,
            Marks::Points(_) => Sample::Marker,
            Marks::Intervals(..) => Sample::Interval,
            Marks::Bars(..) | Marks::Band(_) => Sample::Area,
        }
    }

    /// The horizontal values that the axis must show.
    fn xs(&self) -> Vec<f64> {
        match self {
            Marks::Line(points) | Marks::Points(points) => points.iter().map(|p| p[0]).collect(),
            Marks::Intervals(all, Direction::Horizontal) => {
                all.iter().flat_map(|i| [i.value, i.low, i.high]).collect()
            }
            Marks::Intervals(all, Direction::Vertical) | Marks::Band(all) => {
                all.iter().map(|i| i.at).collect()
            }
            Marks::Bars(bars, Direction::Horizontal) => {
                bars.iter().map(|b| b[1]).chain([0.0]).collect()
            }
            Marks::Bars(bars, Direction::Vertical) => {
                bars.iter().flat_map(|b| [b[0] - 0.5, b[0] + 0.5]).collect()
            }
            Marks::Rule(at, Direction::Vertical) => vec![*at],
            Marks::Rule(..) => Vec::new(),
        }
    }

    /// The vertical values that the axis must show.
    fn ys(&self) -> Vec<f64> {
        match self {
            Marks::Line(points) | Marks::Points(points) => points.iter().map(|p| p[1]).collect(),
            Marks::Intervals(all, Direction::Vertical) | Marks::Band(all) => {
                all.iter().flat_map(|i| [i.value, i.low, i.high]).collect()
            }
            Marks::Intervals(all, Direction::Horizontal) => all.iter().map(|i| i.at).collect(),
            Marks::Bars(bars, Direction::Vertical) => {
                bars.iter().map(|b| b[1]).chain([0.0]).collect()
            }
            Marks::Bars(bars, Direction::Horizontal) => {
                bars.iter().flat_map(|b| [b[0] - 0.5, b[0] + 0.5]).collect()
            }
            Marks::Rule(at, Direction::Horizontal) => vec![*at],
            Marks::Rule(..) => Vec::new(),
        }
    }
}
