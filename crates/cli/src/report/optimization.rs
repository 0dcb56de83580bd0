//! How the optimizer came to where it is.

use super::contents::{Contents, ascending};
use tauscope_figures::{Axis, Chart, Direction, Figure, Point, Style, significant};

/// Starts in the order of the cost that chose among them.
#[derive(Debug)]
pub struct Ranking {
    /// The cost that decides, by start; NaN where the start failed.
    pub costs: Vec<f64>,
    /// Starts that ended, the best first.
    pub order: Vec<usize>,
    /// What the cost is measured on.
    pub measured: &'static str,
    labels: Vec<String>,
}

impl Ranking {
    /// Labels of the starts that ended, the best first.
    pub fn names(&self) -> Vec<String> {
        self.order
            .iter()
            .map(|&start| self.labels[start].clone())
            .collect()
    }

    /// Starts whose cost lies within `fraction` of the best.
    pub fn close(&self, fraction: f64) -> Vec<usize> {
        let Some(&best) = self.order.first() else {
            return Vec::new();
        };
        let limit = self.costs[best] + fraction * self.costs[best].abs();
        self.order
            .iter()
            .copied()
            .filter(|&start| self.costs[start] <= limit)
            .collect()
    }
}

/// The starts, ranked by validation cost where the fit chose by it, else by the objective.
pub fn ranking(contents: &Contents) -> Option<Ranking> {
    let starts = contents.group("starts")?;
    let objective = starts.vector("objective")?;
    let valid = starts
        .vector("cost_valid")
        .filter(|costs| costs.iter().any(|c| !c.is_nan()));
    let by_train = contents
        .configuration()
        .is_some_and(|c| c.get("select_by").and_then(toml::Value::as_str) == Some("train"));
    let (costs, measured) = match valid {
        Some(valid) if !by_train && valid.len() == objective.len() => (valid, "valid"),
        _ => (objective.clone(), "train"),
    };
    let labels = starts.labels("start", objective.len());
    Some(Ranking {
        order: ascending(&costs),
        costs,
        measured,
        labels,
    })
}

/// Cost and gradient norm over the iterations of the best start.
pub fn convergence(contents: &Contents) -> Option<Figure> {
    let history = contents.group("history")?;
    let iterations = history.vector("iteration")?;
    let line = |name: &str| -> Option<Vec<Point>> {
        let values = history
            .reals(name)
            .filter(|v| v.len() == iterations.len() && v.iter().any(|x| !x.is_nan()))?;
        Some(
            iterations
                .iter()
                .copied()
                .zip(values)
                .map(|(at, value)| [at, value])
                .collect(),
        )
    };
    let kept = contents
        .group("certificate")
        .and_then(|c| c.number("kept_iteration"));
    let mut figure = Figure::new(
        "Cost and gradient norm over iterations",
        "Of the best start. The gradient norm is the largest component of the projected gradient of the objective: at a minimum it is zero.",
    );
    let train = line("cost")?;
    let valid = line("cost_valid");
    let both = train.iter().chain(valid.iter().flatten()).map(|p| p[1]);
    let axis = Axis::fitting("cost", contents.cost_in_words(), both);
    let mut chart =
        Chart::new(Axis::counted("iteration"), axis).line("train", train, Style::series(0));
    if let Some(valid) = valid {
        chart = chart.line("valid", valid, Style::series(1));
    }
    figure = figure.panel(with_kept(chart, kept));
    if let Some(norm) = line("gradient_norm") {
        let chart = Chart::new(Axis::counted("iteration"), Axis::log("gradient norm", "1")).line(
            "gradient norm",
            norm,
            Style::series(0),
        );
        figure = figure.panel(with_kept(chart, kept));
    }
    Some(figure)
}

fn with_kept(chart: Chart, kept: Option<f64>) -> Chart {
    match kept {
        Some(at) => chart.rule(
            "iterate that was kept",
            at,
            Direction::Vertical,
            Style::reference(),
        ),
        None => chart,
    }
}

/// The starts from the best to the worst.
pub fn waterfall(contents: &Contents) -> Option<Figure> {
    let ranking = ranking(contents)?;
    let starts = contents.group("starts")?;
    let column = |name: &str| -> Vec<Point> {
        let values = starts.reals(name).unwrap_or_default();
        let of = |start: usize| values.get(start).copied().unwrap_or(f64::NAN);
        ranking
            .order
            .iter()
            .enumerate()
            .map(|(at, &start)| [at as f64, of(start)])
            .collect()
    };
    let (train, valid) = (column("cost"), column("cost_valid"));
    let axis = Axis::fitting(
        "cost",
        contents.cost_in_words(),
        train.iter().chain(&valid).map(|p| p[1]),
    );
    let mut chart = Chart::new(Axis::names("start", ranking.names()), axis).line(
        "train",
        train,
        Style::series(0).marked(),
    );
    if valid.iter().any(|p| !p[1].is_nan()) {
        chart = chart.line("valid", valid, Style::series(1).marked());
    }
    let failed = ranking.costs.len() - ranking.order.len();
    let failures = if failed > 0 {
        format!(" {failed} starts failed and are not shown.")
    } else {
        String::new()
    };
    let caption = format!(
        "{} of {} starts ended within 1 % of the best. A plateau at the left says that several random starts found the same minimum; a best start that stands alone may not \
         be the best there is. In the order of the cost that chose: {}.{failures}",
        ranking.close(0.01).len(),
        ranking.costs.len(),
        if ranking.measured == "valid" {
            "that on the validation trials"
        } else {
            "the objective on the train trials"
        },
    );
    Some(Figure::new("Waterfall of the starts", &caption).panel(chart))
}

/// What the ladder of penalties reached.
pub fn penalties(contents: &Contents) -> Option<Figure> {
    let group = contents.group("penalties")?;
    let ladder = group.vector("l2")?;
    if ladder.len() < 2 {
        return None;
    }
    let order = ascending(&ladder);
    let column = |name: &str| -> Vec<Point> {
        let values = group.reals(name).unwrap_or_default();
        order
            .iter()
            .enumerate()
            .map(|(at, &rung)| [at as f64, values.get(rung).copied().unwrap_or(f64::NAN)])
            .collect()
    };
    let (train, valid) = (column("cost"), column("cost_valid"));
    let axis = Axis::fitting(
        "cost",
        contents.cost_in_words(),
        train.iter().chain(&valid).map(|p| p[1]),
    );
    let names: Vec<String> = order
        .iter()
        .map(|&rung| significant(ladder[rung], 1))
        .collect();
    let chart = Chart::new(Axis::names("penalty l2", names), axis)
        .line("train", train, Style::series(0).marked())
        .line("valid", valid, Style::series(1).marked());
    let caption = "Each penalty was tried on the first start; the one with the lowest cost on the validation trials was taken for all.";
    Some(Figure::new("Ladder of penalties", caption).panel(chart))
}
