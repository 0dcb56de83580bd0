//! C3: learned constants converge from any start (Fig 3A), and what our own optimizer makes of the same problem.

use super::{Claim, Conclusion, Experiment, NamedFigure, Part, PartResult, Verdict};
use crate::adam::{Recipe, train};
use crate::converge::gauss_newton;
use crate::effort::{Effort, Model, student, teacher};
use crate::part::Numbers;
use crate::statistics::{least, median};
use crate::student::Constants;
use crate::teacher::{Teacher, stream};
use tauscope_dynamics::Activation;
use tauscope_figures::{Axis, Chart, Figure, Marker, Style};
use tauscope_fit::store::{Group, Variable};

/// The experiment, with one of the two models.
pub struct Recovery {
    /// How much is done.
    pub effort: Effort,
    /// The model of teachers and students.
    pub model: Model,
}

const SEED: u64 = 3;
/// alpha_s and alpha_r of the teachers.
pub(super) const TARGETS: [[f64; 2]; 2] = [[0.684, 0.342], [0.342, 0.684]];
/// Within this of the target in both constants counts as recovered.
pub(super) const NEAR: f64 = 0.1;

/// Who fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The paper's recipe.
    Adam,
    /// This project's own optimizer.
    GaussNewton,
}

const WAYS: [Way; 2] = [Way::Adam, Way::GaussNewton];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Adam => "adam",
            Way::GaussNewton => "gauss-newton",
        }
    }
}

/// Larger of the two errors of a pair of constants.
pub(super) fn error(alphas: [f64; 2], target: [f64; 2]) -> f64 {
    // a missing pair (NaN) must not count as a small error
    let [s, r] = [0, 1].map(|k| (alphas[k] - target[k]).abs());
    if s.is_nan() || r.is_nan() {
        f64::NAN
    } else {
        s.max(r)
    }
}

/// Start `index` of a sequence that fills the unit square evenly (its additive constants: powers of the plastic number).
pub(super) fn start_alphas(index: usize) -> [f64; 2] {
    [0.754_877_666_246_693, 0.569_840_290_998_053]
        .map(|step| 0.05 + 0.9 * (0.5 + step * (index as f64 + 1.0)).fract())
}

impl Recovery {
    fn starts(&self) -> usize {
        let all = self.effort.repetitions(12, 2);
        match self.model {
            Model::Discrete => all,
            Model::Continuous => self.effort.in_continuous_time(all),
        }
    }

    fn epochs(&self) -> usize {
        self.effort.epochs(50)
    }

    fn iterations(&self) -> u64 {
        if self.effort.small { 5 } else { 1000 }
    }

    /// Train sequences of Gauss-Newton: the data are noiseless, and an eighth of them holds every weight many times over, so that
    /// iterations are better spent than sequences.
    fn sequences(&self) -> usize {
        let [train, _] = self.effort.sequences();
        train.div_ceil(8)
    }

    fn fit(
        &self,
        target: usize,
        way: Way,
        start: usize,
        stop: &std::sync::atomic::AtomicBool,
    ) -> PartResult {
        let spec = teacher(
            self.model,
            Activation::Sigmoid,
            TARGETS[target],
            &self.effort,
        );
        let mut data = Teacher::draw(&spec, self.effort.seed_of(SEED, target))?;
        let student = student(self.model, Activation::Sigmoid, Constants::Global);
        let seed = self.effort.seed_of(SEED, 100 + start);
        let mut theta = student.start(&mut stream(seed, 1));
        student.set_alphas_by_unit(&mut theta, &[start_alphas(start)]);
        if way == Way::GaussNewton {
            data.train.truncate(self.sequences());
            let Some(fit) = gauss_newton(&student, &theta, &data, self.iterations(), stop)? else {
                return Ok(None);
            };
            return Ok(Some(
                Numbers::default()
                    .with("alphas", fit.alphas.unwrap_or([f64::NAN; 2]))
                    .with("loss", [fit.loss])
                    .with("iterations", [fit.iterations as f64]),
            ));
        }
        let recipe = Recipe::paper(self.epochs());
        let sequences = [&data.train[..], &data.valid];
        let trained = train(
            &student,
            theta,
            sequences,
            &recipe,
            &mut stream(seed, 2),
            stop,
        )?;
        Ok(trained.map(|trained| {
            Numbers::default()
                .with("alphas", student.alphas(&trained.theta)[0])
                .with("loss", [trained.loss])
                .with("iterations", [recipe.epochs as f64])
                .with("path_s", trained.path.iter().map(|pair| pair[0]))
                .with("path_r", trained.path.iter().map(|pair| pair[1]))
        }))
    }

    /// Errors of all starts, by way, of one target.
    fn errors(&self, parts: &[Numbers], target: usize, way: usize) -> Vec<f64> {
        self.of(parts, target, way)
            .iter()
            .map(|n| error(n.pair("alphas"), TARGETS[target]))
            .collect()
    }

    fn of<'n>(&self, parts: &'n [Numbers], target: usize, way: usize) -> &'n [Numbers] {
        let n = self.starts();
        &parts[(target * WAYS.len() + way) * n..][..n]
    }

    fn figure(&self, parts: &[Numbers]) -> Figure {
        let mut figure = Figure::new(
            &format!(
                "Rate constants during training, {} model",
                self.model.name()
            ),
            "Each line is one start, trained with the paper's recipe; rings: where it ends; squares: the same starts by Gauss-Newton; \
             cross: the teacher.",
        );
        for (target, alphas) in TARGETS.into_iter().enumerate() {
            let axis = |name: &str| Axis::linear(name, "1").between(0.0, 1.0);
            let mut chart = Chart::new(axis("alpha_s"), axis("alpha_r"))
                .title(&format!("teacher ({}, {})", alphas[0], alphas[1]))
                .plot_height(330.0);
            for numbers in self.of(parts, target, 0) {
                let path = numbers.all("path_s").iter().zip(numbers.all("path_r"));
                let path = path.map(|(&s, &r)| [s, r]).collect();
                chart = chart.line("", path, Style::series(0).width(0.9).opacity(0.6));
            }
            let ends = |way: usize| {
                self.of(parts, target, way)
                    .iter()
                    .map(|n| n.pair("alphas"))
                    .collect()
            };
            chart = chart
                .points("adam", ends(0), Style::series(0).marker(Marker::Ring))
                .points("gauss-newton", ends(1), Style::series(1))
                .points("teacher", vec![alphas], Style::ink().marker(Marker::Cross));
            figure = figure.panel(chart);
        }
        figure
    }

    /// Whether the paper's recipe finds the constants from every start.
    fn convergence(&self, adam: &[Vec<f64>; 2]) -> Claim {
        let counts = [0, 1].map(|target| adam[target].iter().filter(|e| **e < NEAR).count());
        let worst = adam.iter().flatten().copied().fold(0.0, f64::max);
        Claim {
            id: "C3",
            statement: format!(
                "{}: learned constants converge from any start (paper's recipe)",
                self.model.name()
            ),
            number: format!(
                "within {NEAR} of the teacher: {} and {} of {} starts; median error {:.4} and {:.4}, largest {worst:.3}",
                counts[0],
                counts[1],
                self.starts(),
                median(&adam[0]),
                median(&adam[1]),
            ),
            verdict: Verdict::of(counts.map(|n| n == self.starts())),
        }
    }

    /// How much smaller the errors of our own optimizer are.
    fn gain(&self, adam: &[Vec<f64>; 2], own: &[Vec<f64>; 2]) -> Claim {
        let gain = |of: fn(&[f64]) -> f64| [0, 1].map(|k| of(&adam[k]) / of(&own[k]));
        let (best, middle) = (gain(least), gain(median));
        let far = [0, 1].map(|target| own[target].iter().filter(|e| **e >= NEAR).count());
        Claim {
            id: "C3",
            statement: format!(
                "{}: our optimizer's error in alpha is at least 10 times smaller, best and median (own)",
                self.model.name()
            ),
            number: format!(
                "error {:.1e} and {:.1e} (best), {:.1e} and {:.1e} (median); {:.0} and {:.0} times smaller (best), {:.0} and {:.0} (median); \
                 {} and {} of {} starts ended in another minimum",
                least(&own[0]),
                least(&own[1]),
                median(&own[0]),
                median(&own[1]),
                best[0],
                best[1],
                middle[0],
                middle[1],
                far[0],
                far[1],
                self.starts(),
            ),
            verdict: Verdict::of([best, middle].map(|pair| pair.iter().all(|g| *g >= 10.0))),
        }
    }
}

impl Experiment for Recovery {
    fn protocol(&self) -> String {
        let tolerances = match self.model {
            Model::Discrete => "",
            Model::Continuous => " rtol 1e-4 (Adam), 1e-6 (Gauss-Newton), 1e-10 (teachers).",
        };
        format!(
            "Sigmoid teachers (.684, .342) and (.342, .684), one each; {} starts with random weights and alphas spread evenly over the unit \
             square. Paper's recipe: Adam, one sequence an update, rate 5e-3 and {} epochs (ours), best validation epoch. Own optimizer: \
             Gauss-Newton on the first {} train sequences, at most {} iterations.{tolerances} Error: the larger of the two in alpha. {}.",
            self.starts(),
            self.epochs(),
            self.sequences(),
            self.iterations(),
            self.effort.words()
        )
    }

    fn settings(&self) -> String {
        format!(
            "{} epochs, {} iterations on {} sequences; {}",
            self.epochs(),
            self.iterations(),
            self.sequences(),
            self.effort.words()
        )
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for target in 0..TARGETS.len() {
            for way in WAYS {
                for start in 0..self.starts() {
                    let name = format!("{target}-{}-{start}", way.name());
                    parts.push(Part::new(name, move |stop| {
                        self.fit(target, way, start, stop)
                    }));
                }
            }
        }
        parts
    }

    fn conclude(&self, parts: &[Numbers]) -> Conclusion {
        let errors = |way: usize| [0, 1].map(|target| self.errors(parts, target, way));
        let (adam, own) = (errors(0), errors(1));
        let list =
            |name: &str, k: usize| parts.iter().map(|n| n.all(name)[k]).collect::<Vec<f64>>();
        let dims = ["target", "way", "start"];
        let variable = |name: &str, values, long_name: &str| {
            Variable::new(name, &dims, values)
                .units("1")
                .long_name(long_name)
        };
        let ways: Vec<String> = WAYS.map(|w| w.name().to_owned()).to_vec();
        let starts: Vec<[f64; 2]> = (0..self.starts()).map(start_alphas).collect();
        let data = Group::new()
            .indices("target", TARGETS.len())
            .coordinate(Variable::new("way", &["way"], ways).long_name("optimizer"))
            .indices("start", self.starts())
            .variable(
                Variable::new("true_alpha_s", &["target"], TARGETS.map(|t| t[0]).to_vec())
                    .units("1")
                    .long_name("dt / tau_s of the teacher"),
            )
            .variable(
                Variable::new("true_alpha_r", &["target"], TARGETS.map(|t| t[1]).to_vec())
                    .units("1")
                    .long_name("dt / tau_r of the teacher"),
            )
            .variable(
                Variable::new(
                    "start_alpha_s",
                    &["start"],
                    starts.iter().map(|p| p[0]).collect::<Vec<f64>>(),
                )
                .units("1")
                .long_name("dt / tau_s at the start"),
            )
            .variable(
                Variable::new(
                    "start_alpha_r",
                    &["start"],
                    starts.iter().map(|p| p[1]).collect::<Vec<f64>>(),
                )
                .units("1")
                .long_name("dt / tau_r at the start"),
            )
            .variable(variable(
                "alpha_s",
                list("alphas", 0),
                "recovered dt / tau_s",
            ))
            .variable(variable(
                "alpha_r",
                list("alphas", 1),
                "recovered dt / tau_r",
            ))
            .variable(variable(
                "loss",
                list("loss", 0),
                "validation loss, 10 x mean squared error",
            ))
            .variable(variable(
                "iterations",
                list("iterations", 0),
                "epochs, or iterations of Gauss-Newton",
            ));
        Conclusion {
            data,
            figures: vec![NamedFigure {
                name: "paths",
                figure: self.figure(parts),
            }],
            claims: vec![self.convergence(&adam), self.gain(&adam, &own)],
            notes: String::new(),
        }
    }
}
