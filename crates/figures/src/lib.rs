//! Charts as SVG and PNG, and self-contained HTML pages that hold them.
//!
//! A [`Chart`] is built of layers between two [`Axis`]; a matrix is a [`HeatMap`]. One or more of them make a [`Figure`], which becomes an SVG
//! file ([`Figure::svg`]), a picture ([`png`]) or a part of a [`Page`]. Names are plain text everywhere and are escaped here.
//!
//! Knows nothing of networks or files: whoever has numbers can draw them. The drawing is our own because the labels must be selectable text
//! in the reader's font, must not collide at any number of units, and must follow the page's light, dark and print colours.

mod axis;
mod canvas;
mod chart;
mod figure;
mod heat_map;
mod legend;
mod names;
mod number;
mod page;
mod palette;
mod raster;
mod scale;
mod text;

pub use axis::Axis;
pub use chart::{Chart, Direction, Interval, Point};
pub use figure::{Figure, Panel};
pub use heat_map::HeatMap;
pub use number::{concise, significant};
pub use page::{Align, GENERATOR, Note, Page, Section, Table, Tone};
pub use palette::{Colour, Marker, Style};
pub use raster::{RasterError, png};
