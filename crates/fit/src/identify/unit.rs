//! What is known of the time constants of one unit.

use super::twin::Twin;

/// Whether the two constants of a unit can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Determined, and which is which too; of a model with one constant a unit: determined.
    Ordered,
    /// The unordered pair is determined, its order is not.
    OrderUnknown,
    /// Not determined.
    NotIdentifiable,
}

impl Verdict {
    /// All, in the order of files.
    pub const ALL: [Verdict; 3] = [
        Verdict::Ordered,
        Verdict::OrderUnknown,
        Verdict::NotIdentifiable,
    ];

    /// The word in files and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ordered => "ordered",
            Verdict::OrderUnknown => "order-unknown",
            Verdict::NotIdentifiable => "not-identifiable",
        }
    }
}

/// What intervals come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalSource {
    /// The inverse Fisher information.
    Curvature,
    /// The profile of the likelihood over `log(tau_s / tau_r)`, near `tau_s = tau_r`.
    Profile,
    /// There are none; the reason says why.
    Refused,
}

impl IntervalSource {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            IntervalSource::Curvature => "curvature",
            IntervalSource::Profile => "profile",
            IntervalSource::Refused => "refused",
        }
    }
}

/// One time constant: estimate at the unpenalised minimum, standard error of its logarithm, interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// In the dataset's time unit.
    pub value: f64,
    /// Standard error of log tau; none where it is not determined or curvature does not give it.
    pub log_error: Option<f64>,
    /// Interval, in the dataset's time unit; of a unit whose order is unknown that of the smaller or the larger of its pair, whichever
    /// this constant is at the estimate.
    pub interval: Option<[f64; 2]>,
}

/// What is known of one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitJudgement {
    /// Its label.
    pub unit: String,
    /// Its index.
    pub index: usize,
    /// Synaptic constant, where the model has one.
    pub tau_s: Option<Estimate>,
    /// Rate constant, where the model has one.
    pub tau_r: Option<Estimate>,
    /// Smaller and larger; of a model with one constant, that one.
    pub pair: Vec<f64>,
    /// Intervals of smaller and larger, whatever the order.
    pub pair_intervals: Option<Vec<[f64; 2]>>,
    /// What the intervals come from.
    pub source: IntervalSource,
    /// Probability that tau_s and tau_r are in the order of the estimate, both orders being equally likely beforehand:
    /// `1 / (1 + exp(-X/2))`, X the twin's cost minus the cost, as log likelihood ratio under Gaussian noise.
    pub order_probability: Option<f64>,
    /// The swapped twin, where it was fitted.
    pub twin: Option<Twin>,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether tau_s and tau_r are in the other order here than in the result that is judged.
    pub is_reversed: bool,
    /// What a person should know about it; empty where nothing.
    pub reason: String,
}
