//! Long lines are thinned to what a screen can show.

/// Keeps of all points in a column of pixels the first, lowest, highest and last: the drawn line looks the same. Points without a
/// place (NaN) stay, since they end a line. For lines that run from left to right; others, and short ones, are left alone.
pub(super) fn thinned(points: Vec<Option<[f64; 2]>>) -> Vec<Option<[f64; 2]>> {
    const SHORT: usize = 1200;
    let column = |p: &Option<[f64; 2]>| p.map(|[x, _]| x.floor());
    let runs_right = points
        .iter()
        .flatten()
        .zip(points.iter().flatten().skip(1))
        .all(|(a, b)| a[0] <= b[0]);
    if points.len() <= SHORT || !runs_right {
        return points;
    }
    points
        .chunk_by(|a, b| column(a) == column(b))
        .flat_map(kept)
        .collect()
}

fn kept(column: &[Option<[f64; 2]>]) -> Vec<Option<[f64; 2]>> {
    if column.len() <= 4 || column[0].is_none() {
        // of a run of missing points one is enough
        let n = if column[0].is_none() { 1 } else { column.len() };
        return column[..n].to_vec();
    }
    let height = |&i: &usize| column[i].map_or(f64::NAN, |p| p[1]);
    let by_height = |a: &usize, b: &usize| height(a).total_cmp(&height(b));
    let ends = [0, column.len() - 1];
    let extremes = [
        (0..column.len()).min_by(by_height),
        (0..column.len()).max_by(by_height),
    ];
    let mut at: Vec<usize> = ends
        .into_iter()
        .chain(extremes.into_iter().flatten())
        .collect();
    at.sort_unstable();
    at.dedup();
    at.into_iter().map(|i| column[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn a_spike_among_many_points_survives_and_a_gap_stays_a_gap() {
        let mut points: Vec<_> = (0..100_000)
            .map(|i| Some([f64::from(i) * 0.004, 5.0]))
            .collect();
        points[54_321] = Some([54_321.0 * 0.004, -7.0]);
        points[70_000..70_500].fill(None);
        let thin = thinned(points);
        assert!(thin.len() < 2000, "{}", thin.len());
        assert!(thin.iter().flatten().any(|p| p[1] == -7.0));
        assert_eq!(thin.iter().filter(|p| p.is_none()).count(), 1);
    }
}
