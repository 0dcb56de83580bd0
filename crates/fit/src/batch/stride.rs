//! How steps of given length fit the sample times.

use crate::dataset::Dataset;
use tauscope_adjoint::Integrator;
use thiserror::Error;

/// A step that does not fit the sampling.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StepError {
    /// Larger than the sample interval, which is not regular.
    #[error(
        "step {step} is longer than the shortest sample interval {interval} and the samples are not regular: choose a step of at most {interval}"
    )]
    Irregular {
        /// The step.
        step: f64,
        /// Shortest interval.
        interval: f64,
    },
    /// Larger than the sample interval but no whole multiple of it.
    #[error(
        "step {step} is no whole multiple of the sample interval {interval}: choose {below} or {above}"
    )]
    NoMultiple {
        /// The step.
        step: f64,
        /// The interval.
        interval: f64,
        /// Next lower multiple.
        below: f64,
        /// Next higher multiple.
        above: f64,
    },
    /// A method of one step a sample on samples that are not regular.
    #[error(
        "elman takes one step a sample whatever its length, and the sample intervals are not equal: {shortest} to {longest}; choose another method"
    )]
    ElmanIrregular {
        /// Shortest interval.
        shortest: f64,
        /// Longest interval.
        longest: f64,
    },
    /// A method of one step a sample and a step that is shorter.
    #[error(
        "elman takes one step a sample, and step {step} is shorter than the sample interval {interval}; leave --step out"
    )]
    ElmanStep {
        /// The step.
        step: f64,
        /// The interval.
        interval: f64,
    },
    /// A method of one step a sample and targets between the samples.
    #[error(
        "elman has no value between samples, and target time {time} lies there; choose another method"
    )]
    ElmanTarget {
        /// The first such target time.
        time: f64,
    },
    /// Longer than the recording.
    #[error(
        "step {step} is longer than the whole recording, {span}: choose a step of at most a sample interval, or leave --step out"
    )]
    LongerThanAll {
        /// The step.
        step: f64,
        /// Time between the first and the last sample.
        span: f64,
    },
    /// No target lies on the remaining samples.
    #[error("step {step} leaves no target on the samples that remain: choose a shorter step")]
    NoTargets {
        /// The step.
        step: f64,
    },
}

impl StepError {
    /// The configuration key at fault.
    pub fn key(&self) -> &'static str {
        match self {
            StepError::ElmanIrregular { .. } | StepError::ElmanTarget { .. } => "method",
            _ => "step",
        }
    }
}

/// How the integrator sees the sample times: all of them, or every m-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride(pub(super) usize);

impl Stride {
    /// A step longer than a regular sample interval takes every m-th sample.
    ///
    /// # Errors
    /// [`StepError`] where such a step is no whole multiple of a regular interval, and where a method without time constants
    /// would take a step of another length than one interval.
    pub fn new(dataset: &Dataset, integrator: &Integrator) -> Result<Stride, StepError> {
        if !integrator.has_time_constants() {
            check_steps_are_samples(dataset, integrator.step())?;
        }
        let Some(step) = integrator.step() else {
            return Ok(Stride(1));
        };
        let intervals = Intervals::of(dataset);
        let Intervals {
            shortest,
            longest,
            mean: interval,
        } = intervals;
        if step <= longest * (1.0 + SLACK) {
            return Ok(Stride(1));
        }
        if !intervals.are_equal() {
            return Err(StepError::Irregular {
                step,
                interval: shortest,
            });
        }
        let time = dataset.time();
        let span = time[time.len() - 1] - time[0];
        if step > span * (1.0 + SLACK) {
            return Err(StepError::LongerThanAll { step, span });
        }
        let ratio = step / interval;
        if (ratio - ratio.round()).abs() > SLACK * ratio {
            let (below, above) = (ratio.floor() * interval, ratio.ceil() * interval);
            return Err(StepError::NoMultiple {
                step,
                interval,
                below,
                above,
            });
        }
        Ok(Stride(ratio.round() as usize))
    }
}

/// Part of an interval by which times may miss each other.
const SLACK: f64 = 1e-6;

/// The intervals between samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Shortest.
    pub shortest: f64,
    /// Longest.
    pub longest: f64,
    /// Mean: single differences of times carry their round-off into messages.
    pub mean: f64,
}

impl Intervals {
    /// Those of `dataset`, which has at least two samples.
    pub fn of(dataset: &Dataset) -> Intervals {
        let time = dataset.time();
        let all = || time.windows(2).map(|w| w[1] - w[0]);
        Intervals {
            shortest: all().fold(f64::INFINITY, f64::min),
            longest: all().fold(0.0, f64::max),
            mean: (time[time.len() - 1] - time[0]) / (time.len() - 1) as f64,
        }
    }

    /// Whether they are one but for round-off.
    pub fn are_equal(&self) -> bool {
        self.longest - self.shortest <= SLACK * self.longest
    }
}

/// Whether steps from sample to sample are all there is: equal intervals, targets on samples, no shorter step.
fn check_steps_are_samples(dataset: &Dataset, step: Option<f64>) -> Result<(), StepError> {
    let intervals = Intervals::of(dataset);
    let Intervals {
        shortest,
        longest,
        mean,
    } = intervals;
    if !intervals.are_equal() {
        return Err(StepError::ElmanIrregular { shortest, longest });
    }
    if let Some(step) = step.filter(|step| *step < mean * (1.0 - SLACK)) {
        return Err(StepError::ElmanStep {
            step,
            interval: mean,
        });
    }
    let start = dataset.time()[0];
    let between = |time: f64| {
        let at = (time - start) / mean;
        (at - at.round()).abs() > SLACK * at.max(1.0)
    };
    match dataset.target_time().iter().find(|time| between(**time)) {
        Some(&time) => Err(StepError::ElmanTarget { time }),
        None => Ok(()),
    }
}
