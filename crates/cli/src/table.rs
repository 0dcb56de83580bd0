//! Plain text tables.

/// Rows of cells, aligned: columns of numbers to the right, others to the left.
#[derive(Debug, Default)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Width of a column, and where its cells go.
#[derive(Debug, Clone, Copy)]
struct Column {
    width: usize,
    is_numeric: bool,
}

impl Table {
    /// A table with a row of headings.
    pub fn new(headings: &[&str]) -> Table {
        Table {
            headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The text, each line ended.
    pub fn text(&self) -> String {
        let headings = (!self.headings.is_empty()).then_some(&self.headings);
        let lines = || headings.into_iter().chain(&self.rows);
        let n_columns = lines().map(Vec::len).max().unwrap_or(0);
        let column = |index: usize| Column {
            width: lines()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0),
            is_numeric: self
                .rows
                .iter()
                .filter_map(|row| row.get(index))
                .all(|cell| is_number(cell)),
        };
        let columns: Vec<Column> = (0..n_columns).map(column).collect();
        lines().map(|row| line(row, &columns)).collect()
    }
}

fn is_number(cell: &str) -> bool {
    cell.is_empty() || cell == "-" || cell.parse::<f64>().is_ok()
}

fn line(row: &[String], columns: &[Column]) -> String {
    let cells = row
        .iter()
        .zip(columns)
        .map(|(cell, &Column { width, is_numeric })| {
            if is_numeric {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
}

/// A number with four significant digits; `-` where there is none.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let magnitude = if value == 0.0 {
        0.0
    } else {
        value.abs().log10().floor()
    };
    if (-3.0..6.0).contains(&magnitude) {
        let decimals = if magnitude < 3.0 {
            3.0 - magnitude
        } else {
            0.0
        };
        // between 0 and 6
        format!("{value:.0$}", decimals as usize)
    } else {
        format!("{value:.3e}")
    }
}

/// A number as [`number`], or `-` for none.
pub fn optional(value: Option<f64>) -> String {
    number(value.unwrap_or(f64::NAN))
}

/// A duration in words that fit its size.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => "-".to_owned(),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!(
            "{:.0} min {:02.0} s",
            (s / 60.0).floor(),
            (s % 60.0).floor()
        ),
        s => format!(
            "{:.0} h {:02.0} min",
            (s / 3600.0).floor(),
            ((s % 3600.0) / 60.0).floor()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        let mut table = Table::new(&["", "cost", "R2"]);
        table.row(["train", "0.5", "0.93"]);
        table.row(["validation", "12.25", ""]);
        assert_eq!(
            table.text(),
            "             cost    R2\ntrain         0.5  0.93\nvalidation  12.25\n"
        );
    }

    #[test]
    fn columns_of_words_begin_at_the_left() {
        let mut table = Table::default();
        table.row(["seed", "7"]);
        table.row(["dataset", "fish.h5"]);
        assert_eq!(table.text(), "seed     7\ndataset  fish.h5\n");
    }

    #[test]
    fn numbers_keep_four_digits_and_gaps_are_dashes() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.93125, "0.9313"),
            (-2.5, "-2.500"),
            (123_456.0, "123456"),
            (1.5e-7, "1.500e-7"),
            (2e9, "2.000e9"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(optional(None), "-");
    }

    #[test]
    fn durations_are_given_in_their_two_largest_units() {
        assert_eq!(duration(5.25), "5.2 s");
        assert_eq!(duration(75.9), "1 min 15 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
