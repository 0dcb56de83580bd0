//! Numbers as people read them.

/// A tick of an axis whose ticks are `step` apart and at most `largest` from zero.
pub(crate) fn on_axis(value: f64, step: f64, largest: f64) -> String {
    // a tick at zero is often some rounding away from it
    let value = if value.abs() < 1e-9 * step {
        0.0
    } else {
        value
    };
    if !(1e-3..1e6).contains(&largest) {
        if value == 0.0 {
            return "0".to_owned();
        }
        let power = largest.log10().floor() as i32;
        let decimals = (power - step.log10().floor() as i32).clamp(0, 12) as usize;
        let mantissa = value / 10f64.powi(power);
        return format!(
            "{}×10{}",
            trimmed(minus(format!("{mantissa:.decimals$}"))),
            superscript(power)
        );
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 15.0) as usize;
    minus(format!("{value:.decimals$}"))
}

/// A tick of a logarithmic axis: `0.01` where `plain`, else `10⁻²` or `3×10⁻²`.
pub(crate) fn of_decade(value: f64, plain: bool) -> String {
    let power = (value.log10() + 1e-9).floor() as i32;
    let mantissa = (value / 10f64.powi(power)).round();
    match (plain, mantissa == 1.0) {
        (true, _) => format!("{:.*}", (-power).max(0) as usize, value),
        (false, true) => format!("10{}", superscript(power)),
        (false, false) => format!("{mantissa}×10{}", superscript(power)),
    }
}

/// `value` with about `digits` significant digits, for tables and captions: `0.0312`, `1.2×10⁻⁷`, `not a number` as a dash.
pub fn significant(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "∞".to_owned()
        } else {
            "−∞".to_owned()
        };
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.max(1);
    // by way of the text, which rounds 9.996 to 10.0 and not to 9.100
    let text = format!("{value:.*e}", digits - 1);
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if !(-4..6).contains(&power) {
        return format!("{}×10{}", minus(mantissa.to_owned()), superscript(power));
    }
    let decimals = (digits as i32 - 1 - power).max(0) as usize;
    minus(format!("{value:.decimals$}"))
}

/// As [`significant`], without zeros at the end: for running text.
pub fn concise(value: f64, digits: usize) -> String {
    let text = significant(value, digits);
    match text.split_once('×') {
        Some((mantissa, power)) => format!("{}×{power}", trimmed(mantissa.to_owned())),
        None => trimmed(text),
    }
}

/// Without zeros at the end of its decimals.
fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A hyphen in front becomes a minus sign.
fn minus(text: String) -> String {
    text.strip_prefix('-')
        .map(|rest| format!("−{rest}"))
        .unwrap_or(text)
}

fn superscript(power: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    power.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_are_kept_and_extremes_get_a_power_of_ten() {
        let cases = [
            (0.031249, "0.0312"),
            (9.996, "10.0"),
            (123456.7, "123457"),
            (-1.5, "−1.50"),
            (1.23e-7, "1.23×10⁻⁷"),
            (4.5e12, "4.50×10¹²"),
            (0.0, "0"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value, 3), text);
        }
    }

    #[test]
    fn running_text_has_no_zeros_that_say_nothing() {
        let cases = [
            (1.0, "1"),
            (0.5, "0.5"),
            (100.0, "100"),
            (1.5e-7, "1.5×10⁻⁷"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(concise(value, 4), text);
        }
    }

    #[test]
    fn ticks_of_one_axis_share_their_power_of_ten() {
        assert_eq!(on_axis(2e-5, 2e-5, 1e-4), "0.2×10⁻⁴");
        assert_eq!(on_axis(1e-4, 2e-5, 1e-4), "1×10⁻⁴");
        assert_eq!(on_axis(-1e-12, 0.1, 1.0), "0.0");
    }
}
