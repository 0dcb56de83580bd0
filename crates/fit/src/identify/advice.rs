//! What input would tell more: the fitted network is simulated with inputs that were not given.
//!
//! The order of tau_s and tau_r is told by the curvature of f that the data visit, so that larger inputs tell more of it, up to where f
//! saturates. How much is predicted, not assumed: of each order by how far the swapped twin would be from the network, of each constant by
//! its Fisher information, for a recording with the same trials, samples and noise.

use super::curvature::UNDETERMINED;
use super::information::{PART_IN_NULL, gram};
use super::inputs::Change;
use super::ordered::Pair;
use super::request::{Depth, IdentifyError};
use super::twin::Twin;
use super::unit::{Estimate, IntervalSource, UnitJudgement, Verdict};
use super::verdict::{Evidence, TauGroup};
use crate::dataset::{Dataset, Split};
use crate::objective::FitObjective;
use crate::optimizer::{Arrow, SolveFailure};
use crate::plan::{FitPlan, trials_of};
use nalgebra::DMatrix;
use tauscope_dynamics::Activation;

/// A standard error of log tau beyond which a constant is weakly determined: 95 % span a factor of seven.
const WEAK: f64 = 0.5;
/// Twice the log likelihood ratio from which an order is told: its probability is then 0.95.
const TELLS_ORDER: f64 = 5.889;
/// Less than this gain, all concerns together, is not worth an experiment.
const LEAST_GAIN: f64 = 1.5;
/// Of the diagonal, added to it: singular directions have no information then.
const DAMPING: f64 = 1e-12;

/// Something that the recording tells badly.
#[derive(Debug, Clone, PartialEq)]
pub struct Concern {
    /// `tau_s[3]`, or `order of 3`.
    pub what: String,
    /// Whether it is which of two constants is which, rather than the value of one.
    pub is_order: bool,
    /// What this recording tells: the information `1 / variance` of log tau, or of an order the expected twice log likelihood ratio.
    pub now: f64,
}

/// Inputs that were simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// In words.
    pub words: String,
    /// `amplitude` or `steps`.
    pub shape: &'static str,
    /// Their deviations in units of those of the recording.
    pub factor: f64,
    /// What a recording with them would tell of each concern, in the units of [`Concern::now`]; NaN where the network cannot be
    /// integrated with them.
    pub then: Vec<f64>,
}

/// What is told badly, and which inputs would tell more.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// What is told badly.
    pub concerns: Vec<Concern>,
    /// The inputs that were simulated, the least change first.
    pub tried: Vec<Tried>,
    /// The inputs that settle most of it; none where none tells notably more.
    pub best: Option<usize>,
}

impl Advice {
    /// Whether the inputs number `input` would tell more of concern number `concern`, and enough of it to be of use.
    pub fn tells_more(&self, input: usize, concern: usize) -> bool {
        gains(&self.concerns[concern], self.tried[input].then[concern])
    }

    /// The gain of information about each concern from the inputs number `input`; infinite where there was none.
    pub fn gains(&self, input: usize) -> Vec<f64> {
        let then = self.tried[input].then.iter();
        self.concerns
            .iter()
            .zip(then)
            .map(|(c, then)| then / c.now)
            .collect()
    }
}

/// A concern with what its information is computed from.
struct Asked<'a> {
    what: String,
    of: Of<'a>,
}

enum Of<'a> {
    /// A time constant, by its place in theta.
    Constant(usize),
    Order(Pair, &'a Twin),
}

/// What advice is made from.
pub(super) struct Adviser<'a> {
    pub(super) evidence: &'a Evidence<'a>,
    /// The plan at tight tolerances.
    pub(super) fine: &'a FitPlan,
    pub(super) free: &'a [bool],
    pub(super) names: &'a [String],
}

impl Adviser<'_> {
    /// None where all is told, or it was not asked for.
    pub(super) fn advice(
        &self,
        groups: &[TauGroup],
        units: &[UnitJudgement],
    ) -> Result<Option<Advice>, IdentifyError> {
        let Evidence { judge, depth, .. } = self.evidence;
        let is_possible = *depth == Depth::Full
            && judge.dataset.n_inputs() > 0
            && self.evidence.nothing_counts().is_none();
        if !is_possible || judge.control.is_stopped() {
            return Ok(None);
        }
        let asked: Vec<Asked<'_>> = groups
            .iter()
            .flat_map(|group| self.asked(group, &units[group.units[0]]))
            .collect();
        if asked.is_empty() {
            return Ok(None);
        }
        judge.say(|| "inputs that would tell more".to_owned());
        let now = self
            .told(judge.dataset, &asked)
            .map_err(IdentifyError::Solve)?;
        let concerns: Vec<Concern> = asked
            .iter()
            .zip(now)
            .map(|(asked, now)| Concern {
                what: asked.what.clone(),
                is_order: matches!(asked.of, Of::Order(..)),
                now,
            })
            .collect();
        let trials = trials_of(&judge.plan.split, Split::Train);
        let tried: Vec<Tried> = Change::TRIED
            .into_iter()
            .filter(|_| !judge.control.is_stopped())
            .map(|change| self.tried(change, &trials, &asked))
            .collect();
        let best = best(&concerns, &tried);
        Ok(Some(Advice {
            concerns,
            tried,
            best,
        }))
    }

    fn tried(&self, change: Change, trials: &[usize], asked: &[Asked<'_>]) -> Tried {
        let judge = self.evidence.judge;
        let told = change
            .of(judge.dataset, trials, judge.plan.config.seed)
            .ok()
            .and_then(|dataset| self.told(&dataset, asked).ok());
        Tried {
            words: change.words(),
            shape: change.shape(),
            factor: change.factor(),
            then: told.unwrap_or_else(|| vec![f64::NAN; asked.len()]),
        }
    }

    /// What is told badly of a group, `unit` being one of it.
    fn asked<'b>(&self, group: &TauGroup, unit: &'b UnitJudgement) -> Vec<Asked<'b>> {
        let constants = [(group.s, unit.tau_s), (group.r, unit.tau_r)];
        let weak = constants.into_iter().filter_map(|(p, estimate)| {
            let p = p?;
            let is_asked = unit.source != IntervalSource::Profile && self.is_weak(p, estimate?);
            is_asked.then(|| Asked {
                what: self.names[p].clone(),
                of: Of::Constant(p),
            })
        });
        let mut asked: Vec<Asked<'b>> = weak.collect();
        // two orders of linear units are the same network, whatever drives it
        let is_open = unit.verdict == Verdict::OrderUnknown
            && self.evidence.judge.plan.layout.activation != Activation::Identity;
        if let (true, Some(s), Some(r), Some(twin)) = (is_open, group.s, group.r, &unit.twin) {
            asked.push(Asked {
                what: format!("order of {}", unit.unit),
                of: Of::Order(Pair { s, r }, twin),
            });
        }
        asked
    }

    /// Whether an input could help: a constant on a bound, or one that the equations leave open, is no concern.
    fn is_weak(&self, p: usize, estimate: Estimate) -> bool {
        let (information, null) = (self.evidence.information, self.evidence.null);
        let Some(row) = information.row(p) else {
            return false;
        };
        if null.iter().any(|n| n.is_structural && n.taus.contains(&p)) {
            return false;
        }
        let is_unknown =
            information.scale[row] == 0.0 || information.part_in_null(row) > PART_IN_NULL;
        let is_open = estimate
            .interval
            .is_some_and(|[low, high]| low == 0.0 || high.is_infinite());
        is_unknown || is_open || estimate.log_error.is_some_and(|error| error > WEAK)
    }

    /// What `dataset` tells of each concern.
    fn told(&self, dataset: &Dataset, asked: &[Asked<'_>]) -> Result<Vec<f64>, SolveFailure> {
        let objective = self
            .fine
            .objective(dataset, 0.0)
            .map_err(|error| SolveFailure::new(error.to_string()))?;
        let hessian = gram(&objective, self.evidence.theta)?;
        asked
            .iter()
            .map(|asked| match asked.of {
                Of::Constant(p) => Ok(self.of_constant(&hessian, p)),
                Of::Order(pair, twin) => self.of_order(&objective, &hessian, pair, twin),
            })
            .collect()
    }

    fn solve(&self, hessian: &Arrow, free: &[bool], rhs: &[f64]) -> Option<Vec<f64>> {
        let diagonal = hessian.diagonal();
        let damping = |i: usize| (DAMPING * diagonal[i]).max(f64::MIN_POSITIVE);
        hessian.solve(damping, free, rhs)
    }

    /// `1 / variance` of a log time constant, all else fitted along.
    fn of_constant(&self, hessian: &Arrow, p: usize) -> f64 {
        let mut unit = vec![0.0; self.free.len()];
        unit[p] = 1.0;
        let column = self.solve(hessian, self.free, &unit);
        column.map_or(0.0, |column| {
            1.0 / (column[p] * self.evidence.judge.noise.variance)
        })
    }

    /// Expected twice log likelihood ratio of both orders: the squared distance of the twin's predictions, less what a refit of all else
    /// at the twin's ratio would take from it to first order, `|d|^2 - (J^T d)^T (J^T J)^-1 J^T d`.
    fn of_order(
        &self,
        objective: &FitObjective<'_>,
        hessian: &Arrow,
        pair: Pair,
        twin: &Twin,
    ) -> Result<f64, SolveFailure> {
        let at = objective.unpack(self.evidence.theta)?;
        let other = objective.unpack(&twin.theta)?;
        let here = objective.solve_all(&at, &objective.train)?;
        let there = objective.solve_all(&other, &objective.train)?;
        let mut square = 0.0;
        let mut gradient = vec![0.0; self.free.len()];
        for ((batch, here), there) in objective.train.iter().zip(&here).zip(&there) {
            let pairs = here.residuals.iter().zip(&there.residuals);
            let apart: Vec<DMatrix<f64>> = pairs.map(|(here, there)| there - here).collect();
            square += apart.iter().map(DMatrix::norm_squared).sum::<f64>();
            let (part, _) = objective.pull_back(&at, batch, here, &apart)?;
            gradient.iter_mut().zip(&part).for_each(|(g, p)| *g += p);
        }
        let mut ordered = hessian.clone();
        pair.into_ordered(&mut ordered);
        gradient[pair.r] += gradient[pair.s];
        let mut free = self.free.to_vec();
        free[pair.s] = false;
        let taken = self.solve(&ordered, &free, &gradient).map_or(0.0, |step| {
            step.iter().zip(&gradient).map(|(s, g)| s * g).sum::<f64>()
        });
        Ok((square - taken).max(0.0) / self.evidence.judge.noise.variance)
    }
}

/// More than now; of a constant, so much that its standard error is one that says something.
fn gains(concern: &Concern, then: f64) -> bool {
    then > concern.now && (concern.is_order || then >= UNDETERMINED.powi(-2))
}

fn is_settled(concern: &Concern, information: f64) -> bool {
    information
        >= if concern.is_order {
            TELLS_ORDER
        } else {
            WEAK.powi(-2)
        }
}

/// How much inputs are worth.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Worth {
    settled: usize,
    /// Sum of the logarithms of the gains, each no more than that of an undetermined constant that becomes a good one.
    gain: f64,
}

fn worth(concerns: &[Concern], tried: &Tried) -> Worth {
    let pairs = || concerns.iter().zip(&tried.then);
    let most = (UNDETERMINED / 0.01).ln() * 2.0;
    // from one useless error to another nothing is gained
    let gain = |(concern, then): (&Concern, &f64)| match *then >= concern.now {
        true if !gains(concern, *then) => 0.0,
        _ => (then / concern.now).ln().clamp(-most, most),
    };
    let settles =
        |(concern, then): &(&Concern, &f64)| gains(concern, **then) && is_settled(concern, **then);
    Worth {
        settled: pairs().filter(settles).count(),
        gain: pairs().map(gain).sum(),
    }
}

/// The inputs that settle most, of equals those that gain most.
fn best(concerns: &[Concern], tried: &[Tried]) -> Option<usize> {
    let all = tried.iter().map(|tried| worth(concerns, tried));
    let known = all.enumerate().filter(|(_, worth)| !worth.gain.is_nan());
    let (at, worth) = known.fold(
        None,
        |best: Option<(usize, Worth)>, (at, worth)| match best {
            Some((_, known)) if worth <= known => best,
            _ => Some((at, worth)),
        },
    )?;
    (worth.settled > 0 || worth.gain > LEAST_GAIN.ln()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(then: &[f64]) -> Tried {
        Tried {
            words: String::new(),
            shape: "steps",
            factor: 1.0,
            then: then.to_vec(),
        }
    }

    #[test]
    fn inputs_that_settle_more_win_and_the_least_change_among_equals() {
        let concern = |is_order, now| Concern {
            what: String::new(),
            is_order,
            now,
        };
        let concerns = [concern(true, 0.5), concern(false, 1.0)];
        let all = [[0.6, 1.1], [6.0, 1.0], [3.0, 3.9], [7.0, 5.0], [7.0, 5.0]];
        let all = all.map(|then| tried(&then));
        assert_eq!(best(&concerns, &all), Some(3));
        assert_eq!(best(&concerns, &all[..3]), Some(1));
        // hardly more than now, and what cannot be integrated
        assert_eq!(best(&concerns, &all[..1]), None);
        assert_eq!(best(&concerns, &[tried(&[f64::NAN, 9.0])]), None);
    }

    #[test]
    fn what_loses_or_stays_useless_is_no_gain() {
        let concern = |is_order, now| Concern {
            what: String::new(),
            is_order,
            now,
        };
        let useless = [concern(false, 1e-36)];
        assert_eq!(best(&useless, &[tried(&[1e-12])]), None);
        assert_eq!(best(&useless, &[tried(&[100.0])]), Some(0));
        let advice = Advice {
            concerns: vec![
                concern(false, 0.5),
                concern(true, 7.0),
                concern(false, 1e-36),
            ],
            tried: vec![tried(&[4.0, 0.7, 1e-12])],
            best: Some(0),
        };
        let listed = [0, 1, 2].map(|k| advice.tells_more(0, k));
        assert_eq!(listed, [true, false, false]);
        // an order that is expected to be told already is not settled by less
        assert_eq!(best(&[concern(true, 9.0)], &[tried(&[6.0])]), None);
    }
}
