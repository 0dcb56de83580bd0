//! SVG to PNG, with the font that comes with the program.

use crate::text::{FONT, FONT_FAMILY, has_glyph};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree};
use thiserror::Error;

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum RasterError {
    /// It is not SVG.
    #[error("the figure is no valid SVG: {0}")]
    Svg(#[from] usvg::Error),
    /// It is too large.
    #[error("a picture of {width} x {height} pixels is too large; write it as SVG")]
    TooLarge {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// It could not be compressed.
    #[error("the picture could not be encoded: {0}")]
    Encoding(String),
}

/// The picture of `svg` as a PNG file, `scale` pixels a unit: 2 is sharp on paper.
///
/// Text is drawn in DejaVu Sans; fonts of the machine are used only for characters that it lacks.
///
/// # Errors
/// [`RasterError`] where `svg` is none, or its picture would not fit into memory.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, RasterError> {
    let tree = Tree::from_str(svg, &options(svg))?;
    let size = tree.size().to_int_size().scale_by(scale);
    let (width, height) = size.map_or((0, 0), |s| (s.width(), s.height()));
    let fits = u64::from(width) * u64::from(height) < 1 << 28;
    let pixmap = if fits {
        Pixmap::new(width, height)
    } else {
        None
    };
    let Some(mut pixmap) = pixmap else {
        return Err(RasterError::TooLarge { width, height });
    };
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    pixmap
        .encode_png()
        .map_err(|error| RasterError::Encoding(error.to_string()))
}

fn options(svg: &str) -> Options<'static> {
    let mut options = Options {
        font_family: FONT_FAMILY.to_owned(),
        ..Options::default()
    };
    let fonts = options.fontdb_mut();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FONT_FAMILY);
    if svg.chars().any(|c| !c.is_control() && !has_glyph(c)) {
        fonts.load_system_fonts();
        fonts.set_sans_serif_family(FONT_FAMILY);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark_pixels(text: &str) -> usize {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"30\" font-family=\"sans-serif\" font-size=\"12\">\
             <rect width=\"100\" height=\"30\" fill=\"#fff\"/><text x=\"5\" y=\"20\">{text}</text></svg>"
        );
        let png = png(&svg, 1.0).unwrap();
        let pixmap = Pixmap::decode_png(&png).unwrap();
        pixmap.pixels().iter().filter(|p| p.red() < 128).count()
    }

    #[test]
    fn text_is_drawn_without_fonts_of_the_machine() {
        assert_eq!(dark_pixels(""), 0);
        assert!(dark_pixels("τ = 10⁻³ s") > 30);
    }

    #[test]
    fn a_picture_that_is_too_large_is_refused() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100000\" height=\"100000\"/>";
        assert!(matches!(png(svg, 1.0), Err(RasterError::TooLarge { .. })));
    }
}
