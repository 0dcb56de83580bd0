//! How the cells of a table are separated and its numbers written.

use super::number::has_decimal_comma;

/// The decimal sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// 0.5
    Point,
    /// 0,5
    Comma,
}

/// How cells are separated and numbers written; `None`: as the first lines suggest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dialect {
    /// The byte between cells.
    pub delimiter: Option<u8>,
    /// The decimal sign.
    pub decimal: Option<Decimal>,
    /// Further words for no value, as they are written.
    pub missing: Vec<String>,
}

/// Candidates, the more usual first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// The lines that are looked at.
const LINES: usize = 100;

impl Dialect {
    /// The delimiter: given, or the one that cuts the first lines of `start` into the same number of cells, the most of
    /// them; else the one that cuts the header into the most.
    pub(super) fn delimiter(&self, start: &[u8]) -> u8 {
        if let Some(delimiter) = self.delimiter {
            return delimiter;
        }
        let best = |widths: Vec<usize>| {
            let most = widths.iter().copied().max().filter(|&n| n > 1)?;
            let at = widths.iter().position(|&n| n == most)?;
            Some(DELIMITERS[at])
        };
        let even = DELIMITERS.map(|d| even_width(&records(start, d))).to_vec();
        let header = DELIMITERS
            .map(|d| records(start, d).first().map_or(0, csv::StringRecord::len))
            .to_vec();
        best(even).or_else(|| best(header)).unwrap_or(b',')
    }

    /// Whether numbers have a decimal comma: said, or where commas do not separate cells and the first lines have numbers
    /// with a comma and none with a point.
    pub(super) fn has_decimal_comma(&self, start: &[u8], delimiter: u8) -> bool {
        if let Some(decimal) = self.decimal {
            return decimal == Decimal::Comma;
        }
        let records = records(start, delimiter);
        let cells = || records.iter().skip(1).flatten();
        delimiter != b','
            && cells().any(has_decimal_comma)
            && !cells().any(|c| c.contains('.') && c.trim().parse::<f64>().is_ok())
    }
}

/// The first lines, but the last of them, which may be cut.
fn records(start: &[u8], delimiter: u8) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(start);
    let mut records: Vec<_> = reader.records().map_while(Result::ok).take(LINES).collect();
    if records.len() > 2 {
        records.pop();
    }
    records
}

/// The number of cells where all lines have the same, else 0.
fn even_width(records: &[csv::StringRecord]) -> usize {
    let width = records.first().map_or(0, csv::StringRecord::len);
    if records.iter().all(|r| r.len() == width) {
        width
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn the_separator_is_found_even_where_cells_contain_others() {
        for (text, expected) in [
            ("time,a\n0,1\n1,2\n", b','),
            ("time\ta, left\n0\t1\n1\t2\n", b'\t'),
            ("time;a\n0,5;1,5\n1,5;2,5\n", b';'),
            ("time|\"a|b\"\n0|1\n", b'|'),
            ("time,\"a;b;c;d\"\n0,1\n", b','),
            ("time;a;b\n0;1;2\n1;2\n", b';'),
        ] {
            assert_eq!(
                Dialect::default().delimiter(text.as_bytes()),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_decimal_comma_is_seen_only_where_commas_do_not_separate() {
        let dialect = Dialect::default();
        assert!(dialect.has_decimal_comma(b"time;a\n0,5;1\n", b';'));
        assert!(!dialect.has_decimal_comma(b"time;a\n0.5;1,5\n", b';'));
        assert!(!dialect.has_decimal_comma(b"time;a\n0;1\n", b';'));
    }
}
