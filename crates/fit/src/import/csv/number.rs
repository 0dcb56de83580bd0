//! Cells as numbers.

use super::TableError;

/// Cells that stand for no value, in any case.
const MISSING: [&str; 6] = ["", "nan", "na", "n/a", "null", "none"];

/// How numbers are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberFormat {
    pub decimal_comma: bool,
    /// Further words for no value.
    pub missing: Vec<String>,
}

impl NumberFormat {
    /// True when the cell stands for no value.
    pub(super) fn is_missing(&self, cell: &str) -> bool {
        let cell = cell.trim();
        MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
            || self.missing.iter().any(|word| cell == word)
    }

    /// The number in the cell of `column`; `None` where there is none.
    pub(super) fn parse(&self, cell: &str, column: &str) -> Result<Option<f64>, TableError> {
        if self.is_missing(cell) {
            return Ok(None);
        }
        let text = cell.trim();
        let parsed = if self.decimal_comma {
            text.replace(',', ".").parse::<f64>()
        } else {
            text.parse::<f64>()
        };
        match parsed {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            Ok(_) => Err(wrong(
                column,
                text,
                "write a finite number, or leave the cell empty where nothing was observed",
            )),
            Err(_) => Err(wrong(column, text, self.remedy(text))),
        }
    }

    fn remedy(&self, text: &str) -> &'static str {
        if !self.decimal_comma && has_decimal_comma(text) {
            "if the comma is the decimal sign, say --decimal comma"
        } else {
            "correct it, leave the cell empty where nothing was observed, or choose columns with --targets and --inputs; --missing names further words for no value"
        }
    }
}

fn wrong(column: &str, value: &str, remedy: &'static str) -> TableError {
    TableError::NotNumber {
        column: column.to_owned(),
        value: value.chars().take(80).collect(),
        remedy,
    }
}

/// True for a number with one comma and no point, as 0,5 or -1,25e-3.
pub(super) fn has_decimal_comma(text: &str) -> bool {
    text.matches(',').count() == 1
        && !text.contains('.')
        && text.replace(',', ".").trim().parse::<f64>().is_ok()
}

/// Beyond this many decimals a time is not exact as a number either.
const MOST_DECIMALS: usize = 15;

/// How many decimals a number is written with; `None` for one with an exponent, or with more than a number keeps.
pub(super) fn decimals(text: &str) -> Option<usize> {
    if text.contains(['e', 'E']) {
        return None;
    }
    let fraction = text.trim().split(['.', ',']).nth(1);
    Some(fraction.map_or(0, str::len)).filter(|&n| n <= MOST_DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::{NumberFormat, decimals, has_decimal_comma};

    fn format(decimal_comma: bool) -> NumberFormat {
        NumberFormat {
            decimal_comma,
            missing: vec!["-999".to_owned()],
        }
    }

    #[test]
    fn words_for_no_value_are_no_value_and_other_words_are_refused() {
        for cell in ["", " ", "NaN", "na", "N/A", "NULL", "-999"] {
            assert_eq!(format(false).parse(cell, "a"), Ok(None), "{cell:?}");
        }
        for cell in ["x", "inf", "-Infinity", "1,5", "1 000", "0x10"] {
            assert!(format(false).parse(cell, "a").is_err(), "{cell:?}");
        }
        assert_eq!(format(false).parse(" -1.5e-3 ", "a"), Ok(Some(-1.5e-3)));
    }

    #[test]
    fn a_decimal_comma_is_read_where_it_is_one_and_suggested_where_it_is_not() {
        assert_eq!(format(true).parse("-1,25", "a"), Ok(Some(-1.25)));
        let message = format(false).parse("1,25", "a").unwrap_err().to_string();
        assert!(message.contains("--decimal comma"), "{message}");
        assert!(
            has_decimal_comma("3,0e-2")
                && !has_decimal_comma("1,2.5")
                && !has_decimal_comma("1,2,3")
        );
    }

    #[test]
    fn decimals_are_counted_as_written() {
        assert_eq!(decimals("12.250"), Some(3));
        assert_eq!(decimals("-3"), Some(0));
        assert_eq!(decimals("1e-3"), None);
        assert_eq!(decimals(&format!("0.{}", "1".repeat(70_000))), None);
    }
}
