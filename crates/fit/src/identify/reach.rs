//! How short and how long a time constant a recording can tell.

use crate::dataset::Dataset;
use crate::plan::tau_reach;

/// An interval that ends beyond it is open there: the recording does not tell that constant from 0, or from infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    shortest: f64,
    longest: f64,
}

impl Reach {
    pub(super) fn of(dataset: &Dataset) -> Reach {
        let [shortest, longest] = tau_reach(dataset);
        Reach { shortest, longest }
    }

    /// The interval with ends beyond the reach opened: the lower is 0, the upper infinite. None where both are open, so that it says nothing.
    pub(super) fn told(self, [low, high]: [f64; 2]) -> Option<[f64; 2]> {
        let ends = [
            if low < self.shortest { 0.0 } else { low },
            if high > self.longest {
                f64::INFINITY
            } else {
                high
            },
        ];
        (ends != [0.0, f64::INFINITY]).then_some(ends)
    }

    /// What is to be said of intervals that are open; empty where none is.
    pub(super) fn words(self, intervals: &[(&str, [f64; 2])], time_units: &str) -> String {
        let side = |(name, [low, high]): &(&str, [f64; 2])| match (*low == 0.0, high.is_infinite())
        {
            (true, _) => Some(format!(
                "the data do not bound {name} below: its interval would end under {:.4} {time_units}, a tenth of the shortest sample interval",
                self.shortest
            )),
            (_, true) => Some(format!(
                "the data do not bound {name} above: its interval would end beyond {:.4} {time_units}, ten times the longest trial",
                self.longest
            )),
            _ => None,
        };
        intervals
            .iter()
            .filter_map(side)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_20_S: Reach = Reach {
        shortest: 0.001,
        longest: 200.0,
    };

    #[test]
    fn ends_that_a_recording_cannot_tell_are_open() {
        assert_eq!(OF_20_S.told([0.03, 1e7]), Some([0.03, f64::INFINITY]));
        assert_eq!(OF_20_S.told([1e-6, 0.2]), Some([0.0, 0.2]));
        assert_eq!(OF_20_S.told([0.03, 0.2]), Some([0.03, 0.2]));
        assert_eq!(OF_20_S.told([1e-6, 1e7]), None);
    }

    #[test]
    fn open_ends_are_told_in_words() {
        let words = OF_20_S.words(
            &[("tau_s", [0.03, f64::INFINITY]), ("tau_r", [0.1, 0.2])],
            "s",
        );
        assert_eq!(
            words,
            "the data do not bound tau_s above: its interval would end beyond 200.0000 s, ten times the longest trial"
        );
        assert_eq!(OF_20_S.words(&[("tau_r", [0.1, 0.2])], "s"), "");
    }
}
