//! Tables of a page.

use crate::text::escaped;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table with a caption.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(caption: &str, columns: &[(&str, Align)]) -> Table {
        let columns = columns
            .iter()
            .map(|(name, align)| ((*name).to_owned(), *align))
            .collect();
        Table {
            caption: caption.to_owned(),
            columns,
            rows: Vec::new(),
        }
    }

    /// One more row, a cell a column.
    pub fn row(mut self, cells: impl IntoIterator<Item = String>) -> Table {
        self.rows.push(cells.into_iter().collect());
        self
    }

    pub(super) fn html(&self) -> String {
        let class = |align: Align| {
            if align == Align::Right {
                " class=\"number\""
            } else {
                ""
            }
        };
        let head: String = self
            .columns
            .iter()
            .map(|(name, align)| {
                format!("<th scope=\"col\"{}>{}</th>", class(*align), escaped(name))
            })
            .collect();
        let cell = |(cell, (_, align)): (&String, &(String, Align))| {
            format!("<td{}>{}</td>", class(*align), escaped(cell))
        };
        let row = |row: &Vec<String>| {
            format!(
                "<tr>{}</tr>\n",
                row.iter().zip(&self.columns).map(cell).collect::<String>()
            )
        };
        let rows: String = self.rows.iter().map(row).collect();
        format!(
            "<div class=\"table\"><table>\n<caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
            escaped(&self.caption)
        )
    }
}
