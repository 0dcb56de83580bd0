//! Intervals of time constants from the inverse Fisher information, and where they come from the profile instead.

use super::Z95;
use super::ordered::Pair;
use super::request::Depth;
use super::ridge::ridge_intervals;
use super::unit::{Estimate, IntervalSource, Verdict};
use super::verdict::{Evidence, Found};

/// Within so many standard errors of tau_s = tau_r intervals come from the profile.
const NEAR_RIDGE: f64 = 3.0;
/// A standard error of log tau beyond which a time constant is not determined: its interval spans two decades.
pub(super) const UNDETERMINED: f64 = 1.2;

/// Intervals of the smaller and the larger constant; open ends are 0 and infinite.
pub(super) struct Intervals {
    pub(super) source: IntervalSource,
    pub(super) smaller: [f64; 2],
    pub(super) larger: [f64; 2],
}

const INTERRUPTED: &str = "no interval: the judgement was interrupted before the profile near tau_s = tau_r had come to its end";
const ON_NEITHER_SIDE: &str = "no interval: the data bound it on neither side";

impl Evidence<'_> {
    /// The value of a parameter that is a log time constant, with its interval where curvature gives one.
    pub(super) fn estimate(&self, parameter: usize) -> Estimate {
        let log = self.theta[parameter];
        let row = self.information.row(parameter);
        let error = row
            .filter(|_| self.nothing_counts().is_none())
            .map(|row| self.information.standard_error(&[(row, 1.0)]));
        let trusted = error.filter(|error| *error <= UNDETERMINED);
        let interval = trusted.map(|error| [log - Z95 * error, log + Z95 * error].map(f64::exp));
        Estimate {
            value: log.exp(),
            log_error: error,
            interval: interval.and_then(|interval| self.reach.told(interval)),
        }
    }

    /// The interval of the only constant of a unit, or why there is none.
    pub(super) fn single_interval(&self, tau: &Estimate) -> Result<[f64; 2], String> {
        if let Some(reason) = self.refusal() {
            return Err(reason);
        }
        tau.interval.ok_or_else(|| match tau.log_error {
            Some(error) if error > UNDETERMINED => beyond_curvature(error),
            _ => ON_NEITHER_SIDE.to_owned(),
        })
    }

    pub(super) fn intervals(&self, pair: Pair, found: &Found) -> Result<Intervals, String> {
        if let Some(reason) = self.refusal() {
            return Err(reason);
        }
        let row = |p| {
            self.information
                .row(p)
                .ok_or_else(|| "no interval: it lies on a bound".to_owned())
        };
        let (s, r) = (row(pair.s)?, row(pair.r)?);
        let ratio_error = self.information.standard_error(&[(s, 1.0), (r, -1.0)]);
        let is_ridge = self
            .null
            .iter()
            .any(|null| null.is_exchange && null.taus.contains(&pair.s));
        let ratio = pair.log_ratio(self.theta).abs();
        if is_ridge || ratio < NEAR_RIDGE * ratio_error {
            return self.near_ridge(pair, [s, r], ratio_error);
        }
        let errors = [s, r].map(|row| self.information.standard_error(&[(row, 1.0)]));
        let largest = errors[0].max(errors[1]);
        if largest > UNDETERMINED {
            return Err(beyond_curvature(largest));
        }
        let [of_s, of_r] = [0, 1].map(|k| {
            let log = self.theta[[pair.s, pair.r][k]];
            [log - Z95 * errors[k], log + Z95 * errors[k]]
        });
        let (mut smaller, mut larger) = if pair.log_ratio(self.theta) > 0.0 {
            (of_r, of_s)
        } else {
            (of_s, of_r)
        };
        if let (Verdict::OrderUnknown, Some(twin)) = (found.verdict, &found.twin) {
            // the twin has a smaller and a larger one of its own, of about the same error
            let widen = |[low, high]: [f64; 2], value: f64| {
                let half = 0.5 * (high - low);
                [low.min(value - half), high.max(value + half)]
            };
            smaller = widen(smaller, twin.tau_s.min(twin.tau_r).ln());
            larger = widen(larger, twin.tau_s.max(twin.tau_r).ln());
        }
        self.told(
            IntervalSource::Curvature,
            [smaller, larger].map(|ends| ends.map(f64::exp)),
        )
    }

    /// With ends that the recording cannot tell opened.
    fn told(&self, source: IntervalSource, pair: [[f64; 2]; 2]) -> Result<Intervals, String> {
        let told = |interval| {
            self.reach
                .told(interval)
                .ok_or_else(|| ON_NEITHER_SIDE.to_owned())
        };
        Ok(Intervals {
            source,
            smaller: told(pair[0])?,
            larger: told(pair[1])?,
        })
    }

    fn near_ridge(
        &self,
        pair: Pair,
        [s, r]: [usize; 2],
        ratio_error: f64,
    ) -> Result<Intervals, String> {
        if self.judge.control.is_stopped() {
            return Err(INTERRUPTED.to_owned());
        }
        if self.depth != Depth::Full {
            return Err("no interval: tau_s and tau_r are too close for curvature to give one; `tauscope identify` profiles them".to_owned());
        }
        // standard error of the mean of both logarithms at a fixed ratio
        let c = &self.information.covariance;
        let mean = 0.25 * (c[(s, s)] + 2.0 * c[(s, r)] + c[(r, r)]);
        let with_ratio = 0.5 * (c[(s, s)] - c[(r, r)]);
        let at_fixed = if ratio_error > 0.0 {
            mean - (with_ratio / ratio_error).powi(2)
        } else {
            mean
        };
        let found = ridge_intervals(
            self.judge,
            pair,
            self.theta,
            self.cost,
            at_fixed.max(0.0).sqrt(),
        );
        let found = found.ok_or_else(|| match self.judge.control.is_stopped() {
            true => INTERRUPTED.to_owned(),
            false => "no interval: the profile near tau_s = tau_r does not end within the bounds, or a refit failed".to_owned(),
        })?;
        self.told(IntervalSource::Profile, [found.smaller, found.larger])
    }
}

fn beyond_curvature(error: f64) -> String {
    format!(
        "no interval: the standard error of log tau is {error:.2}, beyond what curvature can tell; --profile shows what the data allow"
    )
}
