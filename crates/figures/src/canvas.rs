//! SVG markup, element by element.

use crate::palette::{Colour, Marker, Style};
use crate::text::escaped;
use std::fmt::Write as _;

/// The size of most text, in pixels.
pub(crate) const TEXT: f64 = 12.0;

/// Where text stands in relation to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A finished drawing: what stands between `<svg>` and `</svg>`, and how large it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drawing {
    pub width: f64,
    pub height: f64,
    pub body: String,
}

/// Collects elements.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

/// A coordinate, to a tenth of a pixel.
pub(crate) fn px(value: f64) -> String {
    let text = format!("{:.1}", value.clamp(-1e6, 1e6));
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

fn stroke(style: Style) -> String {
    let colour = style.colour;
    let mut out = format!(
        "class=\"{}-line\" stroke=\"{}\" stroke-width=\"{}\" fill=\"none\"",
        colour.class(),
        colour.hex(),
        style.width
    );
    if style.opacity < 1.0 {
        let _ = write!(out, " stroke-opacity=\"{}\"", style.opacity);
    }
    out
}

fn fill(colour: Colour, opacity: f64) -> String {
    let mut out = format!("class=\"{}\" fill=\"{}\"", colour.class(), colour.hex());
    if opacity < 1.0 {
        let _ = write!(out, " fill-opacity=\"{opacity}\"");
    }
    out
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas::default()
    }

    pub fn finish(self, width: f64, height: f64) -> Drawing {
        Drawing {
            width,
            height,
            body: self.body,
        }
    }

    /// Markup as it is.
    pub fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    pub fn text(&mut self, [x, y]: [f64; 2], text: &str, anchor: Anchor) {
        self.text_in([x, y], text, anchor, Colour::Ink, false);
    }

    pub fn text_in(
        &mut self,
        [x, y]: [f64; 2],
        text: &str,
        anchor: Anchor,
        colour: Colour,
        bold: bool,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if bold { " font-weight=\"600\"" } else { "" };
        let _ = write!(
            self.body,
            "<text x=\"{}\" y=\"{}\"{anchor}{weight} {}>{}</text>",
            px(x),
            px(y),
            fill(colour, 1.0),
            escaped(text)
        );
    }

    /// Text that runs upwards and ends at its place.
    pub fn text_upwards(&mut self, [x, y]: [f64; 2], text: &str) {
        let (x, y) = (px(x), px(y));
        let _ = write!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\" text-anchor=\"end\" {}>{}</text>",
            fill(Colour::Ink, 1.0),
            escaped(text)
        );
    }

    /// A straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], style: Style) {
        self.path(
            &format!(
                "M{} {}L{} {}",
                px(from[0]),
                px(from[1]),
                px(to[0]),
                px(to[1])
            ),
            style,
        );
    }

    /// The outline `d`.
    pub fn path(&mut self, d: &str, style: Style) {
        let dash = if style.dash.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{}\"", style.dash)
        };
        let _ = write!(
            self.body,
            "<path d=\"{d}\" {}{dash} stroke-linejoin=\"round\"/>",
            stroke(style)
        );
    }

    /// The area `d`.
    pub fn area(&mut self, d: &str, colour: Colour, opacity: f64) {
        let _ = write!(self.body, "<path d=\"{d}\" {}/>", fill(colour, opacity));
    }

    /// All of `points` with the same marker, as one element.
    pub fn markers(&mut self, points: impl Iterator<Item = [f64; 2]>, style: Style, radius: f64) {
        let d: String = points.map(|at| symbol(style.marker, at, radius)).collect();
        if d.is_empty() {
            return;
        }
        match style.marker {
            Marker::Cross | Marker::Ring => self.path(
                &d,
                Style {
                    dash: "",
                    width: 1.4,
                    ..style
                },
            ),
            _ => self.area(&d, style.colour, style.opacity),
        }
    }

    /// A nested picture that cuts off what lies outside of it; coordinates inside are those outside.
    pub fn clipped(&mut self, [x, y]: [f64; 2], [w, h]: [f64; 2], inside: Canvas) {
        let (x, y, w, h) = (px(x), px(y), px(w), px(h));
        let _ = write!(
            self.body,
            "<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\" overflow=\"hidden\">{}</svg>",
            inside.body
        );
    }

    /// A drawing with its top left corner at `at`.
    pub fn place(&mut self, at: [f64; 2], drawing: &Drawing) {
        let _ = write!(
            self.body,
            "<g transform=\"translate({} {})\">{}</g>",
            px(at[0]),
            px(at[1]),
            drawing.body
        );
    }
}

/// The outline of a marker; its area is about the same for all.
pub(crate) fn symbol(marker: Marker, [x, y]: [f64; 2], r: f64) -> String {
    let at = |dx: f64, dy: f64| format!("{} {}", px(x + dx), px(y + dy));
    let circle = |r: f64| {
        let (left, d, back) = (at(-r, 0.0), px(2.0 * r), px(-2.0 * r));
        let r = px(r);
        format!("M{left}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 {back} 0z")
    };
    match marker {
        Marker::Circle => circle(r),
        Marker::Ring => circle(0.9 * r),
        Marker::Square => {
            let s = 0.88 * r;
            format!(
                "M{}h{}v{}h{}z",
                at(-s, -s),
                px(2.0 * s),
                px(2.0 * s),
                px(-2.0 * s)
            )
        }
        Marker::Triangle => format!(
            "M{}L{}L{}z",
            at(0.0, -1.25 * r),
            at(1.15 * r, 0.85 * r),
            at(-1.15 * r, 0.85 * r)
        ),
        Marker::Diamond => {
            let s = 1.25 * r;
            format!(
                "M{}L{}L{}L{}z",
                at(0.0, -s),
                at(s, 0.0),
                at(0.0, s),
                at(-s, 0.0)
            )
        }
        Marker::Cross => format!("M{}L{}M{}L{}", at(-r, -r), at(r, r), at(-r, r), at(r, -r)),
    }
}

impl Drawing {
    /// A whole `<svg>` element for use inside a page.
    pub fn inline(&self, name: &str) -> String {
        let (w, h) = (px(self.width.ceil()), px(self.height.ceil()));
        let name = escaped(name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{name}\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\" font-size=\"{TEXT}\">{}</svg>\n",
            self.body
        )
    }
}
