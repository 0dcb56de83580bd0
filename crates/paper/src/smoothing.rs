//! The paper's inputs: smoothed noise.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// `n` independent uniform numbers in [0, 1), smoothed along time by Savitzky-Golay with window 7 and order 2, times 10;
/// `n` is at least 7.
///
/// # Reference
/// Quax et al. 2020, doi:10.1038/s41598-020-68169-x.
pub fn smoothed(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let raw: Vec<f64> = (0..n).map(|_| rng.random()).collect();
    savitzky_golay(&raw)
        .into_iter()
        .map(|value| 10.0 * value)
        .collect()
}

/// At every sample the value of the parabola fitted to the seven around it; at both ends, to the outermost seven.
fn savitzky_golay(raw: &[f64]) -> Vec<f64> {
    let smooth = |k: usize| {
        let first = k.saturating_sub(3).min(raw.len() - 7);
        let window = &raw[first..first + 7];
        window
            .iter()
            .enumerate()
            .map(|(j, value)| parabola_weight(k - first, j) * value)
            .sum()
    };
    (0..raw.len()).map(smooth).collect()
}

/// Weight of sample `j` in the fitted parabola's value at sample `i` of seven, from the orthogonal polynomials
/// 1, m and m^2 - 4 on m = -3 .. 3, whose squares sum to 7, 28 and 84.
fn parabola_weight(i: usize, j: usize) -> f64 {
    let (a, b) = (i as f64 - 3.0, j as f64 - 3.0);
    1.0 / 7.0 + a * b / 28.0 + (a * a - 4.0) * (b * b - 4.0) / 84.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_has_the_published_central_weights_and_keeps_parabolas() {
        let central: Vec<f64> = (0..7).map(|j| 21.0 * parabola_weight(3, j)).collect();
        for (weight, published) in central.iter().zip([-2.0, 3.0, 6.0, 7.0, 6.0, 3.0, -2.0]) {
            assert!((weight - published).abs() < 1e-12);
        }
        let parabola: Vec<f64> = (0..12)
            .map(|k| 3.0 - 2.0 * k as f64 + 0.5 * (k * k) as f64)
            .collect();
        for (smooth, exact) in savitzky_golay(&parabola).iter().zip(&parabola) {
            assert!((smooth - exact).abs() < 1e-10);
        }
    }
}
