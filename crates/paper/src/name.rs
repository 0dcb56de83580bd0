//! The experiments by name.

use crate::effort::{Effort, Model};
use crate::experiment::{
    Experiment,
    elman::Elman,
    exchange::Exchange,
    grid::{Grid, Way},
    hierarchy::Hierarchy,
    limits::Limits,
    local::Local,
    memory::Memory,
    recovery::Recovery,
    relu::Relu,
};

/// An experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// alpha = 1 is the Elman network; the one-constant models are limits of the other (C7).
    Limits,
    /// Exchange of the two constants (C6).
    Exchange,
    /// Constants converge from any start (C3).
    Recovery,
    /// The same in continuous time.
    RecoveryContinuous,
    /// Learned constants beat the Elman network (C4).
    Elman,
    /// relu recovers the constants worse (C5).
    Relu,
    /// The loss is least near the true pair, and weights do not make up for wrong constants (C1, C2).
    Grid,
    /// The same with weights trained to convergence.
    GridConverged,
    /// Constants of each unit for heterogeneous teachers (C9).
    Local,
    /// Memory (C8).
    Memory,
    /// A hierarchy of time scales (C10).
    Hierarchy,
}

impl Name {
    /// All, the quick ones first.
    pub const ALL: [Name; 11] = [
        Name::Limits,
        Name::Exchange,
        Name::Recovery,
        Name::Elman,
        Name::Relu,
        Name::Local,
        Name::Memory,
        Name::Hierarchy,
        Name::Grid,
        Name::RecoveryContinuous,
        Name::GridConverged,
    ];

    /// The name on the command line and of the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::Limits => "limits",
            Name::Exchange => "exchange",
            Name::Recovery => "recovery",
            Name::RecoveryContinuous => "recovery-continuous",
            Name::Elman => "elman",
            Name::Relu => "relu",
            Name::Grid => "grid",
            Name::GridConverged => "grid-converged",
            Name::Local => "local",
            Name::Memory => "memory",
            Name::Hierarchy => "hierarchy",
        }
    }

    /// The experiment with that [name](Self::as_str), if there is one.
    pub fn from_name(name: &str) -> Option<Name> {
        Name::ALL.into_iter().find(|n| n.as_str() == name)
    }

    /// The experiment, at some effort.
    pub fn experiment(self, effort: Effort) -> Box<dyn Experiment> {
        match self {
            Name::Limits => Box::new(Limits(effort)),
            Name::Exchange => Box::new(Exchange(effort)),
            Name::Recovery => Box::new(Recovery {
                effort,
                model: Model::Discrete,
            }),
            Name::RecoveryContinuous => Box::new(Recovery {
                effort,
                model: Model::Continuous,
            }),
            Name::Elman => Box::new(Elman(effort)),
            Name::Relu => Box::new(Relu(effort)),
            Name::Grid => Box::new(Grid {
                effort,
                way: Way::Recipe,
            }),
            Name::GridConverged => Box::new(Grid {
                effort,
                way: Way::Converged,
            }),
            Name::Local => Box::new(Local(effort)),
            Name::Memory => Box::new(Memory(effort)),
            Name::Hierarchy => Box::new(Hierarchy(effort)),
        }
    }
}
