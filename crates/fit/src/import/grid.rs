//! Times of several recordings on one axis.

/// Strictly increasing times that stand for all times that were put in, each within a tolerance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    times: Vec<f64>,
    tolerance: f64,
}

impl Grid {
    /// The union of `lists`; times within `tolerance` of the first of their kind are the same.
    pub(super) fn union<'a>(lists: impl Iterator<Item = &'a [f64]>, tolerance: f64) -> Self {
        let mut times: Vec<f64> = Vec::new();
        let mut last: Option<&[f64]> = None;
        for list in lists {
            // Most recordings repeat one list of times: do not sort it again for every trial.
            if last != Some(list) {
                times.extend_from_slice(list);
            }
            last = Some(list);
        }
        times.sort_by(f64::total_cmp);
        times.dedup_by(|later, kept| *later - *kept <= tolerance);
        Self { times, tolerance }
    }

    /// The times.
    pub(super) fn times(&self) -> &[f64] {
        &self.times
    }

    /// The index of the time that stands for `t`, where one does.
    pub(super) fn index(&self, t: f64) -> Option<usize> {
        let after = self.times.partition_point(|&g| g < t);
        let near = |k: usize| (self.times[k] - t).abs() <= self.tolerance;
        // The grid keeps the earliest of times that are the same, so the one before comes first.
        [
            after.checked_sub(1),
            (after < self.times.len()).then_some(after),
        ]
        .into_iter()
        .flatten()
        .find(|&k| near(k))
    }

    /// The same times, those that `other` has too written as `other` writes them.
    pub(super) fn snapped_to(mut self, other: &Self) -> Self {
        for t in &mut self.times {
            if let Some(k) = other.index(*t) {
                *t = other.times[k];
            }
        }
        self
    }

    /// How many times are at or before `t`.
    pub(super) fn count_to(&self, t: f64) -> usize {
        self.times.partition_point(|&g| g <= t + self.tolerance)
    }
}

/// The shortest interval between neighbours of all `lists`; infinite where there is none.
pub(super) fn shortest_interval<'a>(lists: impl Iterator<Item = &'a [f64]>) -> f64 {
    lists
        .flat_map(|list| list.windows(2).map(|pair| pair[1] - pair[0]))
        .fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::{Grid, shortest_interval};

    #[test]
    fn times_that_differ_by_rounding_are_one_and_others_are_kept() {
        let lists = [vec![0.0, 0.1, 0.2], vec![0.0, 0.1 + 1e-12, 0.15]];
        let grid = Grid::union(lists.iter().map(Vec::as_slice), 1e-9);
        assert_eq!(grid.times(), [0.0, 0.1, 0.15, 0.2]);
        assert_eq!(grid.index(0.1 + 1e-12), Some(1));
        assert_eq!(grid.index(0.12), None);
        assert_eq!(grid.count_to(0.15), 3);
    }

    #[test]
    fn the_shortest_interval_is_of_neighbours_in_one_list() {
        let lists = [vec![0.0, 1.0], vec![0.5, 1.0, 3.0], vec![7.0]];
        assert_eq!(shortest_interval(lists.iter().map(Vec::as_slice)), 0.5);
    }
}
