//! Which optimizer, and when it stops.

use serde::{Deserialize, Serialize};

/// The optimizers, by the names of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Gauss-Newton with Levenberg-Marquardt damping: for least squares, the surest way to the time
    /// constants. Not for objectives without a residual.
    GaussNewton,
    /// Limited-memory BFGS: one gradient an iteration, for many parameters. Slow along the
    /// ill-conditioned directions in which time constants lie.
    Lbfgs,
    /// Adam with a cosine schedule: robust far from the optimum, never exact near it.
    Adam,
}

impl Optimizer {
    /// The name of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GaussNewton => "gauss-newton",
            Self::Lbfgs => "lbfgs",
            Self::Adam => "adam",
        }
    }
}

impl std::fmt::Display for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A setting with which no optimizer can work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, got {value}")]
pub struct SettingError {
    /// Name of the setting.
    pub name: &'static str,
    /// What it must be.
    pub expected: &'static str,
    /// What it was.
    pub value: f64,
}

/// When a run ends, whatever the optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Largest number of iterations.
    pub max_iterations: u64,
    /// Stop (`gradient`) once the largest component of the projected gradient is at most this many
    /// times the objective: a unit change of no parameter would then gain more than that fraction.
    pub gradient_tolerance: f64,
    /// Stop (`cost`) once the objective fell by at most this fraction of itself over `cost_window`
    /// iterations.
    pub cost_tolerance: f64,
    /// Number of those iterations; `None`: never stop for this reason.
    pub cost_window: Option<usize>,
    /// Stop (`cost`) also where the objective lies above this and, at the pace of the last `cost_window` iterations, would still do so
    /// after `max_iterations`: how far above is then not asked.
    #[serde(default)]
    pub goal: Option<f64>,
    /// Keep the iterate with the lowest validation cost, where there are validation trials.
    pub early_stopping: bool,
    /// Stop (`early_stopping`) after so many iterations without a lower validation cost; `None`:
    /// keep the best iterate but go on.
    pub patience: Option<u64>,
}

/// Settings of Gauss-Newton.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaussNewtonSettings {
    /// Up to this number of parameters the normal equations are formed and factorised, above it
    /// they are solved by conjugate gradients.
    pub dense_limit: usize,
    /// Damping at the start, in units of the diagonal of H.
    pub initial_damping: f64,
    /// Largest number of products with H in one conjugate-gradient solve.
    pub max_products: usize,
}

/// Settings of L-BFGS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LbfgsSettings {
    /// Number of step and gradient-change pairs remembered.
    pub memory: usize,
    /// Largest number of points tried in one line search.
    pub max_trials: usize,
}

/// Settings of Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdamSettings {
    /// Rate at the start; falls to 0 over `max_iterations` along a cosine.
    pub learning_rate: f64,
    /// Longest gradient, by its Euclidean norm; a longer one is scaled down to it.
    pub clip: Option<f64>,
}

/// An optimizer with its own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "optimizer", rename_all = "kebab-case")]
pub enum Algorithm {
    /// Gauss-Newton with Levenberg-Marquardt damping.
    GaussNewton(GaussNewtonSettings),
    /// Limited-memory BFGS.
    Lbfgs(LbfgsSettings),
    /// Adam.
    Adam(AdamSettings),
}

/// The whole configuration of a minimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptimizerSettings {
    /// Which optimizer, and its own settings.
    pub algorithm: Algorithm,
    /// When it ends.
    pub stopping: Stopping,
}

impl OptimizerSettings {
    /// The defaults of an optimizer:
    ///
    /// | | gauss-newton | lbfgs | adam |
    /// |---|---|---|---|
    /// | `max_iterations` | 500 | 5000 | 5000 |
    /// | `gradient_tolerance` | 1e-9 | 1e-9 | 1e-9 |
    /// | `cost_tolerance` over `cost_window` | 1e-9 over 5 | 1e-9 over 20 | never |
    /// | `patience` | 30 | 300 | 1000 |
    pub fn new(optimizer: Optimizer) -> Self {
        let (algorithm, max_iterations, cost_window, patience) = match optimizer {
            Optimizer::GaussNewton => (
                Algorithm::GaussNewton(GaussNewtonSettings {
                    dense_limit: 2000,
                    initial_damping: 1.0,
                    max_products: 100,
                }),
                500,
                Some(5),
                30,
            ),
            Optimizer::Lbfgs => (
                Algorithm::Lbfgs(LbfgsSettings {
                    memory: 20,
                    max_trials: 25,
                }),
                5000,
                Some(20),
                300,
            ),
            Optimizer::Adam => (
                Algorithm::Adam(AdamSettings {
                    learning_rate: 0.01,
                    clip: None,
                }),
                5000,
                None,
                1000,
            ),
        };
        Self {
            algorithm,
            stopping: Stopping {
                max_iterations,
                gradient_tolerance: 1e-9,
                cost_tolerance: 1e-9,
                cost_window,
                goal: None,
                early_stopping: true,
                patience: Some(patience),
            },
        }
    }

    /// Which optimizer these are for.
    pub fn optimizer(&self) -> Optimizer {
        match self.algorithm {
            Algorithm::GaussNewton(_) => Optimizer::GaussNewton,
            Algorithm::Lbfgs(_) => Optimizer::Lbfgs,
            Algorithm::Adam(_) => Optimizer::Adam,
        }
    }

    /// Whether the optimizer can work with these numbers.
    ///
    /// # Errors
    /// [`SettingError`] names the first setting that is out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        let stopping = &self.stopping;
        not_negative("gradient_tolerance", stopping.gradient_tolerance)?;
        not_negative("cost_tolerance", stopping.cost_tolerance)?;
        if let Some(window) = stopping.cost_window {
            at_least_one("cost_window", window)?;
        }
        match &self.algorithm {
            Algorithm::GaussNewton(settings) => {
                positive("initial_damping", settings.initial_damping)?;
                at_least_one("max_products", settings.max_products)
            }
            Algorithm::Lbfgs(settings) => {
                at_least_one("memory", settings.memory)?;
                at_least_one("max_trials", settings.max_trials)
            }
            Algorithm::Adam(settings) => {
                positive("learning_rate", settings.learning_rate)?;
                settings.clip.map_or(Ok(()), |clip| positive("clip", clip))
            }
        }
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), SettingError> {
    let expected = "positive and finite";
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(SettingError {
        name,
        expected,
        value,
    })
}

fn not_negative(name: &'static str, value: f64) -> Result<(), SettingError> {
    let expected = "zero or positive, and finite";
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(SettingError {
        name,
        expected,
        value,
    })
}

fn at_least_one(name: &'static str, value: usize) -> Result<(), SettingError> {
    if value >= 1 {
        return Ok(());
    }
    Err(SettingError {
        name,
        expected: "at least 1",
        value: value as f64,
    })
}
