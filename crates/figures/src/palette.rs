//! How series differ: by colour, dash and marker at once, so that a figure survives colour blindness and black-and-white print.

/// A symbol at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle that points up.
    Triangle,
    /// A square on its corner.
    Diamond,
    /// A diagonal cross.
    Cross,
    /// An open circle.
    Ring,
}

/// Which colour a mark has; pages replace the colours by their class where the reader prefers a dark ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The colour of text.
    Ink,
    /// The colour of what stands back: references, grids.
    Muted,
    /// Colour `i` of the series, counted round.
    Series(usize),
}

/// The palette of Okabe and Ito (<https://jfly.uni-koeln.de/color/>) without black, which is the colour of text, and without
/// yellow, which cannot be seen on white.
const SERIES: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const DASHES: [&str; 6] = ["", "7 3", "2 2.5", "9 3 2 3", "12 3", "4 2 1 2 1 2"];
const MARKERS: [Marker; 6] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Cross,
    Marker::Ring,
];

impl Colour {
    /// The class by which a page's style sheet knows it.
    pub(crate) fn class(self) -> String {
        match self {
            Colour::Ink => "ink".to_owned(),
            Colour::Muted => "muted".to_owned(),
            Colour::Series(i) => format!("s{}", i % SERIES.len()),
        }
    }

    /// The colour on a white ground.
    pub(crate) fn hex(self) -> &'static str {
        match self {
            Colour::Ink => "#1b1f24",
            Colour::Muted => "#767d86",
            Colour::Series(i) => SERIES[i % SERIES.len()],
        }
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub(crate) colour: Colour,
    pub(crate) dash: &'static str,
    pub(crate) marker: Marker,
    pub(crate) width: f64,
    pub(crate) opacity: f64,
    /// Whether a line has its marker at every point.
    pub(crate) marked: bool,
}

impl Style {
    /// The look of series `i`: its colour, dash and marker. Up to 6 differ in all three, up to 36 in a pair of them.
    pub fn series(i: usize) -> Style {
        let round = i / SERIES.len();
        Style {
            colour: Colour::Series(i),
            dash: DASHES[(i + round) % DASHES.len()],
            marker: MARKERS[(i + round) % MARKERS.len()],
            ..Style::ink()
        }
    }

    /// Solid, in the colour of text.
    pub fn ink() -> Style {
        Style {
            colour: Colour::Ink,
            dash: "",
            marker: Marker::Circle,
            width: 1.6,
            opacity: 1.0,
            marked: false,
        }
    }

    /// Thin, dashed and grey: a reference.
    pub fn reference() -> Style {
        Style {
            colour: Colour::Muted,
            dash: "4 3",
            width: 1.0,
            ..Style::ink()
        }
    }

    /// The width of the line in pixels.
    pub fn width(self, width: f64) -> Style {
        Style { width, ..self }
    }

    /// Without dashes.
    pub fn solid(self) -> Style {
        Style { dash: "", ..self }
    }

    /// 1 is opaque.
    pub fn opacity(self, opacity: f64) -> Style {
        Style { opacity, ..self }
    }

    /// With a marker at every point of the line.
    pub fn marked(self) -> Style {
        Style {
            marked: true,
            ..self
        }
    }

    /// With another symbol.
    pub fn marker(self, marker: Marker) -> Style {
        Style { marker, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::Style;

    #[test]
    fn six_series_differ_without_their_colours() {
        let looks: Vec<_> = (0..6).map(Style::series).collect();
        for (i, a) in looks.iter().enumerate() {
            for b in &looks[..i] {
                assert!(a.dash != b.dash && a.marker != b.marker);
            }
        }
    }

    #[test]
    fn thirty_six_series_all_look_different() {
        let looks: Vec<_> = (0..36).map(Style::series).collect();
        for (i, a) in looks.iter().enumerate() {
            assert!(
                looks[..i]
                    .iter()
                    .all(|b| a.colour.class() != b.colour.class() || a.dash != b.dash)
            );
        }
    }
}
