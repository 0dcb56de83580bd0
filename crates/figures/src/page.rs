//! Pages: one HTML file that needs neither network nor scripts.

mod table;

use crate::figure::Figure;
use crate::text::escaped;
use std::fmt::Write as _;

pub use table::{Align, Table};

const STYLE: &str = include_str!("page/style.css");

/// How a statement is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be known before the result is used.
    Caution,
    /// Reason not to use it.
    Bad,
    /// Neither.
    Plain,
}

/// A statement with its tone, in words too: colour alone would not reach everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    tone: Tone,
    text: String,
}

impl Note {
    /// A statement.
    pub fn new(tone: Tone, text: impl Into<String>) -> Note {
        Note {
            tone,
            text: text.into(),
        }
    }

    /// How it is meant.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    fn html(&self) -> String {
        let (class, word) = match self.tone {
            Tone::Good => ("good", "✓ good"),
            Tone::Caution => ("caution", "! note"),
            Tone::Bad => ("bad", "✗ bad"),
            Tone::Plain => ("plain", ""),
        };
        format!(
            "<li class=\"{class}\"><b>{word}</b> <span>{}</span></li>\n",
            escaped(&self.text)
        )
    }
}

#[derive(Debug, Clone)]
enum Block {
    Text(String),
    Notes(Vec<Note>),
    Facts(Vec<[String; 2]>),
    Table(Table),
    Figures(Vec<Figure>),
    Listing { title: String, text: String },
}

/// A part of a page under a heading. Everything given is plain text.
#[derive(Debug, Clone)]
pub struct Section {
    title: String,
    blocks: Vec<Block>,
}

impl Section {
    /// An empty section.
    pub fn new(title: &str) -> Section {
        Section {
            title: title.to_owned(),
            blocks: Vec::new(),
        }
    }

    /// A paragraph.
    pub fn text(self, text: impl Into<String>) -> Section {
        self.block(Block::Text(text.into()))
    }

    /// Statements, one below the other.
    pub fn notes(self, notes: Vec<Note>) -> Section {
        self.block(Block::Notes(notes))
    }

    /// Names and what they are, in two columns.
    pub fn facts<N: Into<String>>(self, facts: impl IntoIterator<Item = (N, String)>) -> Section {
        self.block(Block::Facts(
            facts
                .into_iter()
                .map(|(name, fact)| [name.into(), fact])
                .collect(),
        ))
    }

    /// A table.
    pub fn table(self, table: Table) -> Section {
        self.block(Block::Table(table))
    }

    /// A figure; figures in a row stand side by side where the window is wide.
    pub fn figure(mut self, figure: Figure) -> Section {
        match self.blocks.last_mut() {
            Some(Block::Figures(figures)) => figures.push(figure),
            _ => self.blocks.push(Block::Figures(vec![figure])),
        }
        self
    }

    /// Text as it is, in a fixed pitch, to be unfolded.
    pub fn listing(self, title: &str, text: &str) -> Section {
        self.block(Block::Listing {
            title: title.to_owned(),
            text: text.to_owned(),
        })
    }

    fn block(mut self, block: Block) -> Section {
        self.blocks.push(block);
        self
    }

    fn html(&self, id: &str) -> String {
        let blocks: String = self.blocks.iter().map(Block::html).collect();
        format!(
            "<section id=\"{id}\">\n<h2>{}</h2>\n{blocks}</section>\n",
            escaped(&self.title)
        )
    }
}

impl Block {
    fn html(&self) -> String {
        match self {
            Block::Text(text) => format!("<p>{}</p>\n", escaped(text)),
            Block::Notes(notes) => format!(
                "<ul class=\"notes\">\n{}</ul>\n",
                notes.iter().map(Note::html).collect::<String>()
            ),
            Block::Facts(facts) => {
                let fact = |[name, fact]: &[String; 2]| {
                    format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(fact))
                };
                format!(
                    "<dl>\n{}</dl>\n",
                    facts.iter().map(fact).collect::<String>()
                )
            }
            Block::Table(table) => table.html(),
            Block::Figures(figures) => format!(
                "<div class=\"figures\">\n{}</div>\n",
                figures.iter().map(Figure::html).collect::<String>()
            ),
            Block::Listing { title, text } => {
                format!(
                    "<details><summary>{}</summary><pre>{}</pre></details>\n",
                    escaped(title),
                    escaped(text)
                )
            }
        }
    }
}

/// A page of sections.
///
/// The file loads nothing and runs nothing: its policy forbids both. It has a style for narrow windows, one for print, and colours for
/// a light and a dark ground.
///
/// ```
/// use tauscope_figures::{Note, Page, Section, Tone};
/// let page = Page::new("fit of <x>", "made by a test")
///     .section(Section::new("How far to trust it").notes(vec![Note::new(Tone::Good, "converged")]));
/// assert!(page.html().contains("fit of &lt;x&gt;"));
/// ```
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    subtitle: String,
    sections: Vec<Section>,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str, subtitle: &str) -> Page {
        Page {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            sections: Vec::new(),
        }
    }

    /// One more section.
    pub fn section(mut self, section: Section) -> Page {
        self.sections.push(section);
        self
    }

    /// The whole file.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"{GENERATOR}\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<h1>{title}</h1>\n<p>{}</p>\n<nav aria-label=\"sections\">",
            escaped(&self.subtitle)
        );
        for (i, section) in self.sections.iter().enumerate() {
            let _ = write!(
                out,
                "<a href=\"#part-{i}\">{}</a> ",
                escaped(&section.title)
            );
        }
        out.push_str("</nav>\n</header>\n<main>\n");
        for (i, section) in self.sections.iter().enumerate() {
            out.push_str(&section.html(&format!("part-{i}")));
        }
        out + "</main>\n</body>\n</html>\n"
    }
}

/// What a page says that it was made by; a program may replace a file that says so.
pub const GENERATOR: &str = concat!("tauscope ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_markup_stay_text_wherever_they_stand() {
        let evil = "<img src=x onerror=\"alert('&')\">";
        let page = Page::new(evil, evil).section(
            Section::new(evil)
                .text(evil)
                .notes(vec![Note::new(Tone::Bad, evil)])
                .facts([(evil, evil.to_owned())])
                .listing(evil, evil)
                .table(Table::new(evil, &[(evil, Align::Left)]).row([evil.to_owned()]))
                .figure(
                    Figure::new(evil, evil).panel(
                        crate::Chart::new(
                            crate::Axis::linear(evil, evil),
                            crate::Axis::names(evil, [evil]),
                        )
                        .title(evil)
                        .points(
                            evil,
                            vec![[0.0, 0.0]],
                            crate::Style::ink(),
                        ),
                    ),
                ),
        );
        assert!(!page.html().contains("<img"));
    }
}
