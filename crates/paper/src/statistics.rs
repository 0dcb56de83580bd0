//! Means, medians, and Welch's test.

use statrs::function::beta::beta_reg;

/// Arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation with n - 1.
pub fn std(values: &[f64]) -> f64 {
    let m = mean(values);
    let sum: f64 = values.iter().map(|v| (v - m) * (v - m)).sum();
    (sum / (values.len() as f64 - 1.0)).sqrt()
}

/// The middle of the finite values, or the mean of the two in the middle; NaN without any.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

/// The least of the finite values; NaN without any.
pub fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// Welch's test of equal means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Difference of the means in units of its standard error.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Two-sided probability of a `t` as large.
    pub p: f64,
}

/// Welch's test on two samples of at least two values each.
///
/// # Reference
/// Welch, Biometrika 34 (1947), doi:10.1093/biomet/34.1-2.28.
pub fn welch(a: &[f64], b: &[f64]) -> Welch {
    let squared_error = |values: &[f64]| std(values).powi(2) / values.len() as f64;
    let (of_a, of_b) = (squared_error(a), squared_error(b));
    let total = of_a + of_b;
    let t = (mean(a) - mean(b)) / total.sqrt();
    let part = |v: f64, n: usize| v * v / (n as f64 - 1.0);
    let df = total * total / (part(of_a, a.len()) + part(of_b, b.len()));
    let p = if t.is_finite() && df.is_finite() {
        // the tail of Student's t: I_x(df/2, 1/2) at x = df / (df + t^2)
        beta_reg(0.5 * df, 0.5, df / (df + t * t))
    } else {
        f64::NAN
    };
    Welch { t, df, p }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_agrees_with_the_integral_of_the_density_of_t() {
        // the reference summed the density of Student's t over 200 000 points of the tail
        let test = welch(&[1.0, 2.0, 3.0, 4.5], &[7.0, 9.0, 9.5, 14.0, 12.0]);
        assert!((test.t + 5.363_997_0).abs() < 1e-6, "{test:?}");
        assert!((test.p - 0.001_426_47).abs() < 1e-6, "{test:?}");
    }

    #[test]
    fn the_median_passes_over_what_is_not_finite() {
        assert_eq!(median(&[3.0, f64::NAN, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert!(median(&[]).is_nan());
    }
}
