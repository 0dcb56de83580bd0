//! The marks of each layer.

use super::layout::Frame;
use super::thin::thinned;
use super::{Chart, Direction, Interval, Layer, Marks, Point};
use crate::canvas::{Canvas, px};
use crate::palette::Style;
use std::fmt::Write as _;

const RADIUS: f64 = 3.0;

pub(super) fn draw(chart: &Chart, frame: &Frame, canvas: &mut Canvas) {
    for (at, layer) in chart.layers.iter().enumerate() {
        match &layer.marks {
            Marks::Line(points) => line(frame, points, layer.style, canvas),
            Marks::Points(points) => canvas.markers(
                points.iter().filter_map(|p| place(frame, p)),
                layer.style,
                RADIUS,
            ),
            Marks::Intervals(all, direction) => intervals(frame, all, *direction, layer, canvas),
            Marks::Bars(bars, direction) => {
                self::bars(chart, frame, (bars, *direction), at, canvas)
            }
            Marks::Band(all) => band(frame, all, layer.style, canvas),
            Marks::Rule(value, direction) => rule(frame, *value, *direction, layer.style, canvas),
        }
    }
}

fn place(frame: &Frame, point: &Point) -> Option<[f64; 2]> {
    Some([frame.x(point[0])?, frame.y(point[1])?])
}

fn line(frame: &Frame, points: &[Point], style: Style, canvas: &mut Canvas) {
    let places = thinned(points.iter().map(|p| place(frame, p)).collect());
    canvas.path(&outline(&places), style);
    // a point between two gaps has no line to be seen by
    let alone = |i: usize| {
        let missing =
            |j: Option<usize>| j.is_none_or(|j| places.get(j).is_none_or(Option::is_none));
        missing(i.checked_sub(1)) && missing(Some(i + 1))
    };
    let shown = places
        .iter()
        .enumerate()
        .filter(|(i, _)| style.marked || alone(*i));
    canvas.markers(
        shown.filter_map(|(_, p)| *p),
        style,
        if style.marked {
            RADIUS
        } else {
            0.9 * style.width
        },
    );
}

fn outline(places: &[Option<[f64; 2]>]) -> String {
    let mut d = String::new();
    let mut pen_down = false;
    for place in places {
        if let Some([x, y]) = place {
            let _ = write!(
                d,
                "{}{} {}",
                if pen_down { 'L' } else { 'M' },
                px(*x),
                px(*y)
            );
        }
        pen_down = place.is_some();
    }
    d
}

fn intervals(
    frame: &Frame,
    all: &[Interval],
    direction: Direction,
    layer: &Layer,
    canvas: &mut Canvas,
) {
    let at = |value: f64, along: f64| match direction {
        Direction::Horizontal => place(frame, &[value, along]),
        Direction::Vertical => place(frame, &[along, value]),
    };
    let mut d = String::new();
    for interval in all {
        if let (Some(low), Some(high)) = (
            at(interval.low, interval.at),
            at(interval.high, interval.at),
        ) {
            d += &outline(&[Some(low), Some(high)]);
            for end in [low, high] {
                let (dx, dy) = if direction == Direction::Horizontal {
                    (0.0, 3.0)
                } else {
                    (3.0, 0.0)
                };
                d += &outline(&[
                    Some([end[0] - dx, end[1] - dy]),
                    Some([end[0] + dx, end[1] + dy]),
                ]);
            }
        }
    }
    if !d.is_empty() {
        canvas.path(&d, layer.style.solid());
    }
    canvas.markers(
        all.iter().filter_map(|i| at(i.value, i.at)),
        layer.style,
        RADIUS + 0.4,
    );
}

fn bars(
    chart: &Chart,
    frame: &Frame,
    (bars, direction): (&[Point], Direction),
    layer: usize,
    canvas: &mut Canvas,
) {
    // bars of several layers stand side by side
    let same = |l: &Layer| matches!(&l.marks, Marks::Bars(_, d) if *d == direction);
    let n = chart.layers.iter().filter(|l| same(l)).count() as f64;
    let before = chart.layers[..layer].iter().filter(|l| same(l)).count() as f64;
    let thickness = 0.8 / n;
    let mut d = String::new();
    for [at, length] in bars {
        let from = at - 0.4 + before * thickness;
        let corners = match direction {
            Direction::Vertical => [
                frame.x(from),
                frame.x(from + thickness),
                Some(base(frame, direction)),
                frame.y(*length),
            ],
            Direction::Horizontal => [
                Some(base(frame, direction)),
                frame.x(*length),
                frame.y(from),
                frame.y(from + thickness),
            ],
        };
        if let [Some(x0), Some(x1), Some(y0), Some(y1)] = corners {
            let _ = write!(d, "M{0} {2}H{1}V{3}H{0}z", px(x0), px(x1), px(y0), px(y1));
        }
    }
    let style = chart.layers[layer].style;
    canvas.area(&d, style.colour, style.opacity);
}

/// Where bars begin: at zero, or at the low end where the axis has no zero.
fn base(frame: &Frame, direction: Direction) -> f64 {
    match direction {
        Direction::Vertical => frame.y(0.0).unwrap_or(frame.top + frame.height),
        Direction::Horizontal => frame.x(0.0).unwrap_or(frame.left),
    }
}

fn band(frame: &Frame, all: &[Interval], style: Style, canvas: &mut Canvas) {
    let ends = |i: &Interval| {
        Some([
            place(frame, &[i.at, i.low])?,
            place(frame, &[i.at, i.high])?,
        ])
    };
    let ends: Vec<Option<[[f64; 2]; 2]>> = all.iter().map(ends).collect();
    let mut d = String::new();
    for piece in ends
        .split(Option::is_none)
        .filter(|piece| !piece.is_empty())
    {
        let lows = piece.iter().flatten().map(|e| Some(e[0]));
        let highs = piece.iter().rev().flatten().map(|e| Some(e[1]));
        d += &outline(&lows.chain(highs).collect::<Vec<_>>());
        d.push('z');
    }
    canvas.area(&d, style.colour, style.opacity);
}

fn rule(frame: &Frame, value: f64, direction: Direction, style: Style, canvas: &mut Canvas) {
    let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
    match direction {
        Direction::Horizontal => {
            if let Some(y) = frame.y(value) {
                canvas.line([frame.left, y], [right, y], style);
            }
        }
        Direction::Vertical => {
            if let Some(x) = frame.x(value) {
                canvas.line([x, frame.top], [x, bottom], style);
            }
        }
    }
}
