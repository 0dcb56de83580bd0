//! Figures: panels with a caption.

use crate::canvas::{Anchor, Canvas, Drawing, TEXT};
use crate::chart::{Chart, WIDTH};
use crate::heat_map::HeatMap;
use crate::legend::{Entry, legend};
use crate::palette::Colour;
use crate::text::{self, escaped};

/// A picture of its own.
#[derive(Debug, Clone)]
pub enum Panel {
    /// Marks between axes.
    Chart(Box<Chart>),
    /// A matrix.
    HeatMap(HeatMap),
}

impl From<Chart> for Panel {
    fn from(chart: Chart) -> Panel {
        Panel::Chart(Box::new(chart))
    }
}

impl From<HeatMap> for Panel {
    fn from(map: HeatMap) -> Panel {
        Panel::HeatMap(map)
    }
}

impl Panel {
    fn draw(&self) -> Drawing {
        match self {
            Panel::Chart(chart) => chart.draw(),
            Panel::HeatMap(map) => map.draw(),
        }
    }
}

/// One or more panels under a title, with what the reader should see in them.
///
/// On a page the panels flow side by side as the window allows; as one SVG file they form a grid.
#[derive(Debug, Clone)]
pub struct Figure {
    title: String,
    caption: String,
    panels: Vec<Panel>,
    shared: Vec<Entry>,
}

impl Figure {
    /// A figure without panels yet.
    pub fn new(title: &str, caption: &str) -> Figure {
        Figure {
            title: title.to_owned(),
            caption: caption.to_owned(),
            panels: Vec::new(),
            shared: Vec::new(),
        }
    }

    /// One more panel.
    pub fn panel(mut self, panel: impl Into<Panel>) -> Figure {
        self.panels.push(panel.into());
        self
    }

    /// The legend of `chart` once for all panels; give these [`Chart::without_legend`].
    pub fn legend_of(mut self, chart: &Chart) -> Figure {
        self.shared = chart.entries();
        self
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// True when it has no panel.
    pub fn is_empty(&self) -> bool {
        self.panels.is_empty()
    }

    /// The figure as an SVG file: title, legend, panels in a grid, caption.
    pub fn svg(&self) -> String {
        let drawing = self.sheet();
        let ground = format!(
            "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>",
            drawing.width.ceil(),
            drawing.height.ceil()
        );
        Drawing {
            body: ground + &drawing.body,
            ..drawing
        }
        .inline(&self.title)
    }

    fn sheet(&self) -> Drawing {
        const MARGIN: f64 = 14.0;
        const BETWEEN: f64 = 26.0;
        let drawings: Vec<Drawing> = self.panels.iter().map(Panel::draw).collect();
        let columns = match drawings.len() {
            0 | 1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let width = columns as f64 * (WIDTH + BETWEEN) - BETWEEN;
        let mut canvas = Canvas::new();
        let mut y = MARGIN;
        let title = text::shortened(&self.title, 1.15 * TEXT, width);
        canvas.text_in([MARGIN, y + 12.0], &title, Anchor::Start, Colour::Ink, true);
        y += 24.0;
        let key = legend(&self.shared, width);
        canvas.place([MARGIN, y], &key);
        y += key.height + if self.shared.is_empty() { 0.0 } else { 10.0 };
        for row in drawings.chunks(columns) {
            for (column, drawing) in row.iter().enumerate() {
                canvas.place([MARGIN + column as f64 * (WIDTH + BETWEEN), y], drawing);
            }
            y += row.iter().map(|d| d.height).fold(0.0, f64::max) + 14.0;
        }
        for line in text::wrapped(&self.caption, TEXT, width) {
            canvas.text_in([MARGIN, y + 12.0], &line, Anchor::Start, Colour::Ink, false);
            y += 16.0;
        }
        canvas.finish(width + 2.0 * MARGIN, y + MARGIN)
    }

    /// The figure as an element of a page.
    pub(crate) fn html(&self) -> String {
        let several = match self.panels.len() {
            0 | 1 => "",
            2 => " class=\"two\"",
            _ => " class=\"several\"",
        };
        let key = if self.shared.is_empty() {
            String::new()
        } else {
            legend(&self.shared, WIDTH).inline("legend")
        };
        let panels: String = self
            .panels
            .iter()
            .map(|panel| panel.draw().inline(&self.title))
            .collect();
        format!(
            "<figure{several}>\n<h3>{}</h3>\n{key}<div class=\"panels\">\n{panels}</div>\n<figcaption>{}</figcaption>\n</figure>\n",
            escaped(&self.title),
            escaped(&self.caption)
        )
    }
}
