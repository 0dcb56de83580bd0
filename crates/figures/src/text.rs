//! How wide text is, and how it is written into markup.
//!
//! Figures name only the generic family "sans-serif", so the reader's own font is used. Widths are those of DejaVu Sans, which
//! is as wide as common sans-serif fonts get: what does not collide in it does not collide in Arial or Roboto.

use std::sync::LazyLock;
use ttf_parser::Face;

/// DejaVu Sans, reduced to Latin, Greek, Cyrillic and mathematical signs (`fonts/README.md`).
pub(crate) const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans-subset.ttf");

/// The family that the font calls itself.
pub(crate) const FONT_FAMILY: &str = "DejaVu Sans";

static FACE: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(FONT, 0).ok());

/// True when the font that comes with the program has a glyph for `character`.
pub(crate) fn has_glyph(character: char) -> bool {
    FACE.as_ref()
        .is_some_and(|face| face.glyph_index(character).is_some())
}

/// The width of `text` in pixels at a font size of `size` pixels. A character that the font lacks counts as a full square, as
/// ideographs are.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let Some(face) = FACE.as_ref() else {
        return size * text.chars().count() as f64;
    };
    let em = f64::from(face.units_per_em());
    let advance = |c: char| {
        let glyph = face.glyph_index(c)?;
        face.glyph_hor_advance(glyph).map(|a| f64::from(a) / em)
    };
    text.chars().map(|c| advance(c).unwrap_or(1.0)).sum::<f64>() * size
}

/// `text`, cut with an ellipsis to at most `limit` pixels.
pub(crate) fn shortened(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while !short.is_empty() && width(&short, size) + size > limit {
        short.pop();
    }
    short.trim_end().to_owned() + "…"
}

/// A name, cut in its middle to at most `limit` pixels: names of one recording often differ at their ends only.
pub(crate) fn abridged(name: &str, size: f64, limit: f64) -> String {
    if width(name, size) <= limit {
        return name.to_owned();
    }
    let characters: Vec<char> = name.chars().collect();
    let cut = |kept: usize| -> String {
        let (start, end) = (kept / 2, kept - kept / 2);
        let parts = [
            &characters[..start],
            &['…'],
            &characters[characters.len() - end..],
        ];
        parts.concat().into_iter().collect()
    };
    let fitting = (0..characters.len()).rev().map(cut);
    fitting
        .into_iter()
        .find(|short| width(short, size) <= limit)
        .unwrap_or_default()
}

/// `text` broken between words into lines of at most `limit` pixels; a longer word is cut.
pub(crate) fn wrapped(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = shortened(word, size, limit);
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= limit => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Text for an element or an attribute in quotes. Characters that XML does not know at all become the replacement character.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            // neither control characters nor the two that are no characters can stand in XML
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_written_as_text() {
        assert_eq!(
            escaped("<a href=\"x\">&'\u{0}\u{b}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn widths_are_those_of_the_font() {
        // the advance of an m in DejaVu Sans is 1995 of 2048
        assert!((width("mm", 10.0) - 2.0 * 10.0 * 1995.0 / 2048.0).abs() < 1e-9);
        assert!((width("漢", 10.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis_within_the_limit() {
        let short = shortened("a rather long label", 12.0, 60.0);
        assert!(
            short.ends_with('…') && width(&short, 12.0) <= 60.0,
            "{short}"
        );
        assert_eq!(shortened("short", 12.0, 60.0), "short");
        assert_eq!(shortened("日本語日本語", 12.0, 1.0), "…");
    }

    #[test]
    fn a_name_is_cut_in_its_middle() {
        let short = abridged("left hemisphere area 12", 12.0, 80.0);
        assert!(
            short.starts_with("left") && short.ends_with("12") && width(&short, 12.0) <= 80.0,
            "{short}"
        );
        assert_eq!(abridged("short", 12.0, 60.0), "short");
        assert_eq!(abridged("日本語", 12.0, 1.0), "");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let lines = wrapped("one two three four", 12.0, 60.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 12.0) <= 60.0));
        assert_eq!(lines.join(" "), "one two three four");
    }
}
