//! C1 and C2: the loss is least near the true pair of constants, and weights do not make up for wrong ones (Fig 2).

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::converge::gauss_newton;
use crate::effort::{Effort, Model, student, teacher};
use crate::part::Numbers;
use crate::student::{Constants, StudentError};
use crate::teacher::{Teacher, stream};
use std::sync::atomic::AtomicBool;
use tauscope_dynamics::Activation;
use tauscope_figures::{Figure, HeatMap, Marker, significant};
use tauscope_fit::store::{Group, Variable};

/// The experiment, with one way to find the weights.
pub struct Grid {
    /// How much is done.
    pub effort: Effort,
    /// How the weights are found.
    pub way: Way,
}

const SEED: u64 = 1;
const TARGETS: [[f64; 2]; 6] = [
    [0.137, 0.137],
    [0.342, 0.684],
    [0.684, 0.342],
    [0.342, 1.0],
    [0.684, 0.684],
    [0.889, 0.889],
];
const FIRST: f64 = 0.001;
const STEP: f64 = 0.1367;

/// How the weights at a grid point are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The paper's recipe.
    Recipe,
    /// Gauss-Newton until nothing is left to gain, or the iterations are spent.
    Converged,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Recipe => "recipe",
            Way::Converged => "converged",
        }
    }
}

impl Grid {
    fn points(&self) -> usize {
        if self.effort.small { 3 } else { 10 }
    }

    fn step(&self) -> f64 {
        if self.effort.small { 0.45 } else { STEP }
    }

    fn alpha(&self, index: usize) -> f64 {
        FIRST + self.step() * index as f64
    }

    fn targets(&self) -> usize {
        if self.effort.small { 2 } else { TARGETS.len() }
    }

    fn epochs(&self) -> usize {
        self.effort.epochs(30)
    }

    fn iterations(&self) -> u64 {
        if self.effort.small { 5 } else { 200 }
    }

    /// The losses at one alpha_s and every alpha_r.
    fn row(&self, target: usize, row: usize, stop: &AtomicBool) -> PartResult {
        let spec = teacher(
            Model::Discrete,
            Activation::Sigmoid,
            TARGETS[target],
            &self.effort,
        );
        let spec = match self.way {
            Way::Recipe => spec,
            // an eighth of the sequences still has ten times as many targets as there are weights
            Way::Converged => crate::TeacherSpec {
                n_train: spec.n_train.div_ceil(8),
                ..spec
            },
        };
        let data = Teacher::draw(&spec, self.effort.seed_of(SEED, target))?;
        let (mut losses, mut converged) = (Vec::new(), Vec::new());
        for column in 0..self.points() {
            let alphas = [self.alpha(row), self.alpha(column)];
            let student = student(
                Model::Discrete,
                Activation::Sigmoid,
                Constants::Held(alphas),
            );
            let theta = student.start(&mut stream(self.effort.seed_of(SEED, 100), 1));
            match self.way {
                Way::Recipe => {
                    let recipe = Recipe::paper(self.epochs());
                    let sequences = [&data.train[..], &data.valid];
                    let mut order = stream(self.effort.seed_of(SEED, 100), 2);
                    match train(&student, theta, sequences, &recipe, &mut order, stop) {
                        Ok(Some(trained)) => losses.push(trained.loss),
                        Ok(None) => return Ok(None),
                        Err(StudentError::Solve(_)) => losses.push(f64::NAN),
                        Err(error) => return Err(error.into()),
                    }
                    converged.push(0.0);
                }
                Way::Converged => {
                    let Some(fit) = gauss_newton(&student, &theta, &data, self.iterations(), stop)?
                    else {
                        return Ok(None);
                    };
                    losses.push(fit.loss);
                    converged.push(f64::from(u8::from(fit.converged)));
                }
            }
        }
        Ok(Some(
            Numbers::default()
                .with("loss", losses)
                .with("converged", converged),
        ))
    }

    fn map<'n>(&self, parts: &'n [Numbers], target: usize) -> Map<'n> {
        let n = self.points();
        Map {
            rows: &parts[target * n..][..n],
        }
    }

    /// Whether the least loss of a map lies within one step of its target.
    fn is_near(&self, map: &Map<'_>, target: usize) -> bool {
        let [row, column] = map.argmin();
        let slack = 1e-9;
        let close =
            |index: usize, alpha: f64| (self.alpha(index) - alpha).abs() <= self.step() + slack;
        close(row, TARGETS[target][0]) && close(column, TARGETS[target][1])
    }

    fn claims(&self, parts: &[Numbers]) -> Vec<Claim> {
        let maps: Vec<Map<'_>> = (0..self.targets())
            .map(|target| self.map(parts, target))
            .collect();
        let near = maps
            .iter()
            .enumerate()
            .filter(|(target, map)| self.is_near(map, *target))
            .count();
        let ends: Vec<[f64; 2]> = maps.iter().map(Map::span).collect();
        let low = ends.iter().map(|e| e[0]).fold(f64::INFINITY, f64::min);
        let high = ends.iter().map(|e| e[1]).fold(f64::NEG_INFINITY, f64::max);
        let narrowest = ends
            .iter()
            .map(|e| e[1] - e[0])
            .fold(f64::INFINITY, f64::min);
        let effort = match self.way {
            Way::Recipe => format!("{} epochs", self.epochs()),
            Way::Converged => "converged".to_owned(),
        };
        vec![
            Claim {
                id: "C1",
                statement: format!(
                    "{effort}: the loss is least within one grid step of the true pair"
                ),
                number: format!("{near} of {} targets", maps.len()),
                verdict: Verdict::of([near == maps.len(), near > 0]),
            },
            Claim {
                id: "C2",
                statement: format!("{effort}: weights do not make up for wrong constants"),
                number: format!(
                    "ln loss {low:.1} .. {high:.1}; within a target it spans at least {narrowest:.1}"
                ),
                // a factor of e^2 between the best and the worst constants, in every target
                verdict: Verdict::of([narrowest > 2.0, narrowest > 2.0]),
            },
        ]
    }
}

/// The losses over the grid for one target.
struct Map<'n> {
    rows: &'n [Numbers],
}

impl Map<'_> {
    fn log_losses(&self) -> Vec<f64> {
        self.rows
            .iter()
            .flat_map(|row| row.all("loss").iter().map(|l| l.ln()))
            .collect()
    }

    /// Row and column of the least loss.
    fn argmin(&self) -> [usize; 2] {
        let all = self.log_losses();
        let finite = all.iter().enumerate().filter(|(_, l)| l.is_finite());
        let best = finite
            .min_by(|a, b| a.1.total_cmp(b.1))
            .map_or(0, |(at, _)| at);
        [best / self.rows.len(), best % self.rows.len()]
    }

    /// Least and largest ln loss.
    fn span(&self) -> [f64; 2] {
        let all = self.log_losses();
        let finite = || all.iter().copied().filter(|l| l.is_finite());
        [
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        ]
    }
}

impl Experiment for Grid {
    fn protocol(&self) -> String {
        let how = match self.way {
            Way::Recipe => format!(
                "the paper's recipe with rate 5e-3 and {} epochs (ours)",
                self.epochs()
            ),
            Way::Converged => format!(
                "Gauss-Newton on the first eighth of the train sequences, at most {} iterations",
                self.iterations()
            ),
        };
        format!(
            "Discrete model, {} sigmoid teachers; alpha_s and alpha_r held at {} x {} points from {FIRST} in steps of {}; weights, readout and I0 found \
             anew from the same start at each point, by {how}. {}.",
            self.targets(),
            self.points(),
            self.points(),
            self.step(),
            self.effort.words()
        )
    }

    fn settings(&self) -> String {
        let effort = match self.way {
            Way::Recipe => format!("{} epochs", self.epochs()),
            Way::Converged => format!("{} iterations", self.iterations()),
        };
        format!(
            "{effort}, {} points; {}",
            self.points(),
            self.effort.words()
        )
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for target in 0..self.targets() {
            for row in 0..self.points() {
                parts.push(Part::new(format!("{target}-{row}"), move |stop| {
                    self.row(target, row, stop)
                }));
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let names: Vec<String> = (0..self.points())
            .map(|i| significant(self.alpha(i), 3))
            .collect();
        let mut figure = Figure::new(
            &format!("ln loss over the constants, {}", self.way.name()),
            "Relative to the least of each teacher; rows alpha_s, columns alpha_r.",
        );
        for (target, [true_s, true_r]) in TARGETS.into_iter().enumerate().take(self.targets()) {
            let map = self.map(parts, target);
            let [low, _] = map.span();
            let values = map.log_losses().into_iter().map(|l| l - low).collect();
            let place = |alpha: f64| (alpha - FIRST) / self.step();
            let heat = HeatMap::new(
                ("alpha_s", names.clone()),
                ("alpha_r", names.clone()),
                values,
                &format!("ln (loss / least), teacher ({true_s}, {true_r})"),
            );
            figure = figure.panel(
                heat.one_sided()
                    .mark("teacher", [place(true_s), place(true_r)], Marker::Ring)
                    .mark("least loss", map.argmin().map(|i| i as f64), Marker::Cross),
            );
        }
        let alphas: Vec<f64> = (0..self.points()).map(|i| self.alpha(i)).collect();
        let list = |name: &str| {
            parts
                .iter()
                .flat_map(|n| n.all(name).to_vec())
                .collect::<Vec<f64>>()
        };
        let dims = ["target", "alpha_s", "alpha_r"];
        let truth = |k: usize| {
            TARGETS
                .iter()
                .take(self.targets())
                .map(|t| t[k])
                .collect::<Vec<f64>>()
        };
        let data = Group::new()
            .indices("target", self.targets())
            .coordinate(
                Variable::new("alpha_s", &["alpha_s"], alphas.clone())
                    .units("1")
                    .long_name("dt / tau_s"),
            )
            .coordinate(
                Variable::new("alpha_r", &["alpha_r"], alphas)
                    .units("1")
                    .long_name("dt / tau_r"),
            )
            .variable(
                Variable::new("true_alpha_s", &["target"], truth(0))
                    .units("1")
                    .long_name("dt / tau_s of the teacher"),
            )
            .variable(
                Variable::new("true_alpha_r", &["target"], truth(1))
                    .units("1")
                    .long_name("dt / tau_r of the teacher"),
            )
            .variable(
                Variable::new("loss", &dims, list("loss"))
                    .units("1")
                    .long_name("validation loss, 10 x mean squared error"),
            )
            .variable(
                Variable::new("converged", &dims, list("converged"))
                    .units("1")
                    .long_name("1 where nothing was left to gain"),
            );
        let notes = match self.way {
            Way::Recipe => String::new(),
            Way::Converged => format!(
                "Of the {} fits {} ended because nothing was left to gain, the others after {} iterations.",
                list("converged").len(),
                list("converged").iter().sum::<f64>(),
                self.iterations()
            ),
        };
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "losses",
                figure,
            }],
            claims: self.claims(parts),
            notes,
        }
    }
}
