//! What a comparison comes to, in sentences made from its numbers.

use super::certificate::CertificateRefit;
use super::contender::Resolution;
use super::integration::CellState;
use super::refit::{Refit, Start};
use super::run::{Comparison, LawRole};
use crate::dataset::Dataset;
use crate::optimizer::Termination;

/// A drift that is worth a sentence.
const WORTH_TELLING: f64 = 0.1;
/// A drift that is none.
const NEGLIGIBLE: f64 = 0.01;

/// Two or three sentences: what fixed steps do to the time constants, what to use, and whether the fit is one of the differential
/// equation.
pub(super) fn sentences(comparison: &Comparison, dataset: &Dataset) -> Vec<String> {
    let words = Words {
        comparison,
        dataset,
    };
    let all = [words.bias(), words.advice(), words.certificate()];
    all.into_iter().flatten().collect()
}

/// What the verdict leaves out: how far it can be trusted, where no time constant exists, and where nothing is stable.
pub(super) fn notes(comparison: &Comparison, dataset: &Dataset) -> Vec<String> {
    let words = Words {
        comparison,
        dataset,
    };
    let all = [
        words.spread(),
        words.no_tau(),
        words.unstable(),
        words.partial(),
    ];
    all.into_iter().flatten().collect()
}

struct Words<'a> {
    comparison: &'a Comparison,
    dataset: &'a Dataset,
}

/// The drifts of one refit over all its time constants that the adaptive fit has as well.
fn all_drifts(comparison: &Comparison, refit: &Refit) -> Option<Vec<f64>> {
    let fitted = refit.fitted()?;
    let [s, r] = comparison.drifts(&fitted.tau_s, &fitted.tau_r);
    let all: Vec<f64> = s.into_iter().chain(r).filter(|d| d.is_finite()).collect();
    (!all.is_empty()).then_some(all)
}

/// The middle of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n % 2 {
        1 => values[n / 2],
        _ => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

fn largest(drifts: &[f64]) -> f64 {
    drifts.iter().fold(0.0, |worst, d| f64::max(worst, d.abs()))
}

fn percent(fraction: f64) -> String {
    let value = 100.0 * fraction;
    match value.abs() {
        size if size >= 10.0 => format!("{value:.0} %"),
        size if size >= 0.1 => format!("{value:.1} %"),
        size if size >= 1e-3 => format!("{value:.3} %"),
        0.0 => "0 %".to_owned(),
        _ => format!("{value:.0e} %"),
    }
}

impl Words<'_> {
    fn at(&self, refit: &Refit) -> String {
        match refit.resolution {
            Resolution::Step(step) => {
                format!(
                    "{} at a step of {} {}",
                    refit.contender.name(),
                    short(step),
                    self.dataset.time_units()
                )
            }
            Resolution::Tolerance(rtol) => {
                format!("{} at a tolerance of {rtol:e}", refit.contender.name())
            }
        }
    }

    fn fixed_step_refits(&self) -> impl Iterator<Item = &Refit> {
        let refits = self.comparison.refits.iter();
        refits.filter(|refit| {
            refit.start == Start::Optimum
                && refit.contender.is_scheme()
                && matches!(refit.resolution, Resolution::Step(_))
        })
    }

    /// Of the fixed-step fits, forward Euler where it took part, else the one that is furthest off.
    fn bias(&self) -> Option<String> {
        let judged: Vec<(&Refit, Vec<f64>)> = self
            .fixed_step_refits()
            .filter_map(|refit| Some((refit, all_drifts(self.comparison, refit)?)))
            .collect();
        let (refit, drifts) = judged
            .iter()
            .max_by(|a, b| largest(&a.1).total_cmp(&largest(&b.1)))?;
        let euler = judged.iter().find(|(refit, drifts)| {
            refit.contender.name() == "euler" && largest(drifts) > WORTH_TELLING
        });
        let (refit, drifts) = euler.map_or((refit, drifts), |(refit, drifts)| (refit, drifts));
        let n = drifts.len();
        let over = drifts.iter().filter(|d| **d > WORTH_TELLING).count();
        let under = drifts.iter().filter(|d| **d < -WORTH_TELLING).count();
        let middle = percent(median(drifts.clone()));
        let converged = if refit.converged() {
            ""
        } else {
            " (a fit that did not converge)"
        };
        let what = match (over, under) {
            (0, 0) => format!(
                "moves no time constant by more than {}",
                percent(largest(drifts))
            ),
            (over, 0) => format!(
                "overestimates {over} of {n} time constants by more than 10 % (median drift {middle})"
            ),
            (0, under) => format!(
                "underestimates {under} of {n} time constants by more than 10 % (median drift {middle})"
            ),
            (over, under) => format!(
                "overestimates {over} and underestimates {under} of {n} time constants by more than 10 % (median drift {middle})"
            ),
        };
        let others = judged
            .iter()
            .filter(|(_, drifts)| largest(drifts) > WORTH_TELLING)
            .count();
        let among = match judged.len() {
            1 => String::new(),
            _ if others == 0 => String::new(),
            all => format!(
                "; {others} of {all} fixed-step fits move a time constant by more than 10 %"
            ),
        };
        Some(format!(
            "Compared with the adaptive fit, {}{converged} {what}{among}.",
            self.at(refit)
        ))
    }

    /// What the adaptive method itself finds from the perturbed start.
    fn spread(&self) -> Option<String> {
        let own = self.comparison.refits.iter().find(|refit| {
            refit.start == Start::Perturbed
                && refit.contender.name() == self.comparison.adaptive.name()
                && refit.resolution == Resolution::Tolerance(self.comparison.rtol)
        })?;
        let worst = largest(&all_drifts(self.comparison, own)?);
        let was_cut_short = matches!(
            own.fitted()?.termination,
            Termination::TimeLimit | Termination::Interrupted | Termination::MaxIterations
        );
        (worst > NEGLIGIBLE && !was_cut_short).then(|| {
            format!(
                "Begun at other time constants, the adaptive fit itself ends up to {} away, so these data and this optimizer do not tell smaller drifts from none.",
                percent(worst)
            )
        })
    }

    fn no_tau(&self) -> Option<String> {
        let mut found = Vec::new();
        for refit in self.fixed_step_refits() {
            let units = self.comparison.units_without_tau(refit);
            let count = units.iter().filter(|without| **without).count();
            if count > 0 {
                found.push(format!(
                    "{} ({count} of {} units)",
                    self.at(refit),
                    units.len()
                ));
            }
        }
        let exact = match self.comparison.law_role {
            LawRole::Exact => "",
            _ => " of units that decay freely",
        };
        (!found.is_empty()).then(|| {
            format!(
                "No time constant passes through the samples{exact} with {}.",
                found.join(", ")
            )
        })
    }

    fn unstable(&self) -> Option<String> {
        let interval = self.comparison.sample_interval;
        let cells = self.comparison.cells.iter().filter(|cell| {
            matches!(cell.resolution, Resolution::Step(step) if step <= interval * 1.000_001)
                && matches!(cell.state, CellState::Unstable { .. })
        });
        let mut names: Vec<String> = Vec::new();
        for cell in cells {
            let Resolution::Step(step) = cell.resolution else {
                continue;
            };
            names.push(format!("{} at {}", cell.contender.name(), short(step)));
        }
        (!names.is_empty()).then(|| {
            format!(
                "Unstable at a step (in {}) of one sample interval or less: {}.",
                self.dataset.time_units(),
                names.join(", ")
            )
        })
    }

    /// The fastest integration with a trajectory error below a thousandth.
    fn advice(&self) -> Option<String> {
        const ENOUGH: f64 = 1e-3;
        let accurate = self.comparison.cells.iter().filter_map(|cell| {
            let CellState::Done(measure) = &cell.state else {
                return None;
            };
            let good = measure.trajectory_error < ENOUGH && measure.worst_gradient_error() < ENOUGH;
            // a longer step leaves samples out
            let takes_all = match cell.resolution {
                Resolution::Step(step) => step <= self.comparison.sample_interval * 1.000_001,
                Resolution::Tolerance(_) => true,
            };
            (good && takes_all).then_some((cell, measure))
        });
        let (cell, measure) =
            accurate.min_by(|a, b| a.1.gradient_seconds.total_cmp(&b.1.gradient_seconds))?;
        let how = match cell.resolution {
            Resolution::Step(step) => {
                format!("a step of {} {}", short(step), self.dataset.time_units())
            }
            Resolution::Tolerance(rtol) => format!("a tolerance of {rtol:e}"),
        };
        let also = self.comparison.refits.iter().find(|refit| {
            refit.contender == cell.contender
                && refit.resolution == cell.resolution
                && refit.start == Start::Optimum
        });
        let drift = also
            .and_then(|refit| all_drifts(self.comparison, refit))
            .map(|d| largest(&d));
        let drift = drift.filter(|d| *d > 0.0).map_or_else(String::new, |d| {
            format!(
                ", and its fit moves no time constant by more than {}",
                percent(d)
            )
        });
        Some(format!(
            "Use {} with {how}: of all that keep trajectory and gradient within 0.1 % of the solution it gives the fastest gradient (errors of {:.1e}, and of {:.1e} in the worst block){drift}.",
            cell.contender.name(),
            measure.trajectory_error,
            measure.worst_gradient_error()
        ))
    }

    fn certificate(&self) -> Option<String> {
        let rows = &self.comparison.certificate;
        let refits: Vec<_> = rows
            .iter()
            .skip(1)
            .filter_map(|row| row.refit.as_ref())
            .collect();
        let last = rows.last()?;
        if refits.is_empty() {
            let (first, now) = (rows.first()?.cost, last.cost);
            return Some(format!(
                "At a tolerance of {:e} instead of {:e} the cost of the adaptive fit changes by {}; nothing was refitted.",
                last.tolerance,
                self.comparison.rtol,
                percent(((now - first) / first).abs())
            ));
        }
        let first = rows.first().and_then(|row| row.refit.as_ref())?;
        // what stopped after another number of iterations, short of a minimum, differs for that reason
        let is_comparable = |refit: &CertificateRefit| {
            let both = refit.converged && first.converged;
            both || (refit.iterations == first.iterations && first.iterations > 0)
        };
        let worst = refits.iter().map(|r| r.largest_drift()).fold(0.0, f64::max);
        let went_on = refits
            .iter()
            .all(|refit| refit.converged || refit.iterations > 0);
        let is_judged = worst <= NEGLIGIBLE || refits.iter().all(|refit| is_comparable(refit));
        if rows.len() < 3 || !went_on || !is_judged {
            return Some("Whether the adaptive fit is one of the differential equation stays open: the budget did not suffice to fit it again at tighter tolerances.".to_owned());
        }
        let converged = refits.iter().all(|refit| refit.converged);
        let not = if converged {
            ""
        } else {
            ", though not all of these refits got to a minimum"
        };
        Some(match worst <= NEGLIGIBLE {
            true => format!(
                "The adaptive fit is one of the differential equation: fitted again at tolerances down to {:e}, no time constant moves by more than {}{not}.",
                last.tolerance,
                percent(worst)
            ),
            false => format!(
                "The adaptive fit is not certified: fitted again at tolerances down to {:e}, a time constant moves by {}{not}.",
                last.tolerance,
                percent(worst)
            ),
        })
    }

    fn partial(&self) -> Option<String> {
        let ended = |reason: Termination| {
            let refits = self.comparison.refits.iter().filter_map(Refit::fitted);
            refits.filter(|fitted| fitted.termination == reason).count()
        };
        let all = self.comparison.refits.len();
        let mut parts = Vec::new();
        if self.comparison.interrupted {
            parts.push("the comparison was stopped before its end".to_owned());
        }
        for (reason, what) in [
            (
                Termination::TimeLimit,
                "ran out of their share of the budget",
            ),
            (Termination::MaxIterations, "used up their iterations"),
            (
                Termination::EarlyStopping,
                "ended where the validation trials told them to, short of a minimum",
            ),
        ] {
            match ended(reason) {
                0 => {}
                count => parts.push(format!("{count} of {all} refits {what}")),
            }
        }
        (!parts.is_empty()).then(|| format!("To be kept in mind: {}.", parts.join("; ")))
    }
}

/// A number without the noise of its last digits.
fn short(value: f64) -> String {
    let digits = format!("{value:.5e}");
    digits
        .parse::<f64>()
        .map_or(digits, |value| value.to_string())
}
