//! What an experiment is: parts that are computed each on their own, and what follows from them.

pub(crate) mod elman;
pub(crate) mod exchange;
pub(crate) mod grid;
pub(crate) mod hierarchy;
pub(crate) mod limits;
pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod recovery;
pub(crate) mod relu;

use crate::converge::ConvergeError;
use crate::part::Numbers;
use crate::student::StudentError;
use std::sync::atomic::AtomicBool;
use tauscope_figures::Figure;
use tauscope_fit::store::Group;
use thiserror::Error;

/// Why a part has no numbers.
#[derive(Debug, Error)]
pub enum PartError {
    /// A network that cannot be built or solved.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// A fit that cannot be made.
    #[error(transparent)]
    Converge(#[from] ConvergeError),
}

/// What a part computes; nothing when it was stopped.
pub type PartResult = Result<Option<Numbers>, PartError>;

type Work<'a> = Box<dyn Fn(&AtomicBool) -> PartResult + Send + Sync + 'a>;

/// One part: the unit of work, of parallelism and of resumption.
pub struct Part<'a> {
    /// Its name, which is that of its file.
    pub name: String,
    /// Computes it.
    pub work: Work<'a>,
}

impl<'a> Part<'a> {
    /// A part.
    pub fn new(
        name: String,
        work: impl Fn(&AtomicBool) -> PartResult + Send + Sync + 'a,
    ) -> Part<'a> {
        Part {
            name,
            work: Box::new(work),
        }
    }
}

/// How a claim fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The numbers say the same.
    Reproduced,
    /// Some of it.
    Partly,
    /// The numbers say otherwise.
    Refuted,
    /// Too few repetitions to say.
    Open,
}

impl Verdict {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::Partly => "partly",
            Verdict::Refuted => "refuted",
            Verdict::Open => "open: too few repetitions",
        }
    }

    /// From the two halves of a claim.
    pub fn of(both: [bool; 2]) -> Verdict {
        match both {
            [true, true] => Verdict::Reproduced,
            [false, false] => Verdict::Refuted,
            _ => Verdict::Partly,
        }
    }
}

/// A claim of the paper, or of this project, with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its number, `C1` to `C10`.
    pub id: &'static str,
    /// What is claimed.
    pub statement: String,
    /// Our number.
    pub number: String,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from all parts.
pub struct Conclusion {
    /// The numbers, for the result file.
    pub data: Group,
    /// Figures, by the end of their file's name.
    pub figures: Vec<NamedFigure>,
    /// What became of the claims.
    pub claims: Vec<Claim>,
    /// Further numbers: lines of Markdown.
    pub notes: String,
}

/// A figure with its place.
pub struct NamedFigure {
    /// End of the name of its file.
    pub name: &'static str,
    /// The figure.
    pub figure: Figure,
}

/// An experiment of the paper.
pub trait Experiment: Sync {
    /// What is done, in words for people.
    fn protocol(&self) -> String;

    /// All that the numbers of one part depend on, besides its name: parts of other settings are not taken for its own. How
    /// many parts there are is not among it, so that repetitions can be added.
    fn settings(&self) -> String;

    /// The parts, in the order in which [`conclude`](Self::conclude) takes them.
    fn parts(&self) -> Vec<Part<'_>>;

    /// What follows from the numbers of all parts.
    fn conclude(&self, parts: &[Numbers]) -> Conclusion;
}
