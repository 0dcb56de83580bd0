/// Highest power of `s` that is integrated: the polynomials have one less, the rest serves the derivative.
const POWERS: usize = 6;
/// Where the recurrence upwards takes over from the series.
const SERIES_BELOW: f64 = 3.0;
/// Terms of the series: at [`SERIES_BELOW`] the first one left out is below 1e-17 of the sum.
const TERMS: usize = 28;

/// The integrals of a first-order filter over part of a step, by unit:
/// `p_j(y) = integral_0^1 exp(-y (1 - s)) s^j ds`, with `y` the length of that part over the time constant.
///
/// `y p_j = 1 - j p_(j-1)` upwards for large `y`; the series of the highest and the same recurrence downwards for
/// small. `d p_j / dy = p_(j+1) - p_j`.
///
/// # Reference
/// Hochbruck & Ostermann, *Exponential integrators*, Acta Numerica 19 (2010), doi:10.1017/S0962492910000048.
#[derive(Debug, Clone)]
pub(super) struct FilterIntegrals {
    y: Vec<f64>,
    keep: Vec<f64>,
    p: Vec<[f64; POWERS]>,
}

impl FilterIntegrals {
    /// For units that decay at rate `decay`, over a time `length`.
    pub(super) fn new(decay: &[f64], length: f64) -> FilterIntegrals {
        let y: Vec<f64> = decay.iter().map(|d| d * length).collect();
        FilterIntegrals {
            keep: y.iter().map(|y| (-y).exp()).collect(),
            p: y.iter().map(|&y| integrals(y)).collect(),
            y,
        }
    }

    /// The weight `exp(-y)` of the state at the start.
    pub(super) fn keep(&self, unit: usize) -> f64 {
        self.keep[unit]
    }

    /// Derivative of [`keep`](Self::keep) with respect to log tau: `-y d/dy`.
    pub(super) fn keep_by_log_tau(&self, unit: usize) -> f64 {
        self.y[unit] * self.keep[unit]
    }

    /// The weight `y sum_j c_j p_j(y)` of a polynomial forcing `sum_j c_j s^j`.
    pub(super) fn weight(&self, unit: usize, coefficients: &[f64]) -> f64 {
        let sum: f64 = coefficients
            .iter()
            .zip(&self.p[unit])
            .map(|(c, p)| c * p)
            .sum();
        self.y[unit] * sum
    }

    /// Derivative of [`weight`](Self::weight) with respect to log tau:
    /// `-y d(y p_j)/dy = -y (p_j + y (p_(j+1) - p_j))`.
    pub(super) fn weight_by_log_tau(&self, unit: usize, coefficients: &[f64]) -> f64 {
        let (y, p) = (self.y[unit], &self.p[unit]);
        let sum: f64 = coefficients
            .iter()
            .enumerate()
            .map(|(j, c)| c * (p[j] + y * (p[j + 1] - p[j])))
            .sum();
        -y * sum
    }
}

fn integrals(y: f64) -> [f64; POWERS] {
    let mut p = [0.0; POWERS];
    if y > SERIES_BELOW {
        p[0] = -(-y).exp_m1() / y;
        for j in 1..POWERS {
            p[j] = (1.0 - j as f64 * p[j - 1]) / y;
        }
        return p;
    }
    let highest = POWERS - 1;
    let mut term = 1.0 / (highest + 1) as f64;
    for i in 0..TERMS {
        p[highest] += term;
        term *= -y / (highest + i + 2) as f64;
    }
    for j in (1..POWERS).rev() {
        p[j - 1] = (1.0 - y * p[j]) / j as f64;
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gauss-Legendre with 5 nodes on many panels: independent of both recurrences.
    fn by_quadrature(y: f64, j: i32) -> f64 {
        const NODES: [(f64, f64); 5] = [
            (0.0, 0.568_888_888_888_888_9),
            (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
            (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
            (0.906_179_845_938_664, 0.236_926_885_056_189_08),
            (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
        ];
        let panels = 400;
        let width = 1.0 / f64::from(panels);
        (0..panels)
            .flat_map(|k| {
                NODES
                    .iter()
                    .map(move |&(x, w)| ((f64::from(k) + 0.5 + 0.5 * x) * width, 0.5 * w * width))
            })
            .map(|(s, w)| w * (-y * (1.0 - s)).exp() * s.powi(j))
            .sum()
    }

    #[test]
    fn integrals_agree_with_quadrature_on_both_sides_of_the_switch() {
        for y in [1e-9, 1e-3, 0.3, 1.0, 2.9, 3.1, 10.0, 50.0] {
            let p = integrals(y);
            for (j, &p) in p.iter().enumerate() {
                let wanted = by_quadrature(y, j as i32);
                assert!(
                    (p / wanted - 1.0).abs() < 1e-13,
                    "p_{j}({y}) = {p}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn a_constant_forcing_and_the_state_share_all_weight() {
        let filter = FilterIntegrals::new(&[0.01, 1.0, 1e4], 1.0);
        for unit in 0..3 {
            assert!((filter.keep(unit) + filter.weight(unit, &[1.0]) - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn derivatives_by_log_tau_agree_with_differences() {
        const H: f64 = 1e-6;
        let c = [0.3, -1.0, 2.0, 0.7];
        for log_tau in [-3.0, -1.05, 0.0, 4.0] {
            let at = |log_tau: f64| FilterIntegrals::new(&[(-log_tau).exp()], 1.0);
            let (low, high, here) = (at(log_tau - H), at(log_tau + H), at(log_tau));
            let difference = (high.weight(0, &c) - low.weight(0, &c)) / (2.0 * H);
            assert!((difference - here.weight_by_log_tau(0, &c)).abs() < 1e-8);
            let difference = (high.keep(0) - low.keep(0)) / (2.0 * H);
            assert!((difference - here.keep_by_log_tau(0)).abs() < 1e-8);
        }
    }
}
