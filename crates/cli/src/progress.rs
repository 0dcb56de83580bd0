//! One line on a terminal that says how far the fit is.

use crate::console::Console;
use crate::table::{duration, number};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How far a fit is.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// Starts that have ended.
    pub starts_done: usize,
    /// All starts.
    pub starts: usize,
    /// Iterations of the start that reports.
    pub iteration: u64,
    /// Most iterations of a start.
    pub max_iterations: u64,
    /// Cost on the train trials.
    pub cost: f64,
    /// Largest component of the projected gradient.
    pub gradient_norm: f64,
}

/// A progress line; nothing at all where stderr is no terminal or nothing may be said.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    limit: Option<f64>,
}

impl Progress {
    /// A line for a fit that ends after `limit` seconds at the latest.
    pub fn new(console: &Console, limit: Option<f64>) -> Progress {
        let target = if console.may_draw() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        // an invalid template leaves indicatif's own style: still a progress line
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        if console.may_draw() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress {
            bar,
            started: Instant::now(),
            limit,
        }
    }

    /// Shows `position`.
    pub fn show(&self, position: &Position) {
        if self.bar.is_hidden() {
            return;
        }
        let left = time_left(self.started.elapsed().as_secs_f64(), position, self.limit);
        self.bar.set_message(message(position, left));
    }

    /// Shows a line of text.
    pub fn say(&self, text: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
        }
    }

    /// Says something above the line.
    pub fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Removes the line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// At most this many seconds: what the remaining iterations would take, within the limit.
fn time_left(elapsed: f64, position: &Position, limit: Option<f64>) -> Option<f64> {
    let of_start = position.iteration as f64 / position.max_iterations.max(1) as f64;
    let done = (position.starts_done as f64 + of_start.min(1.0)) / position.starts.max(1) as f64;
    let by_iterations = (done > 0.0).then(|| elapsed * (1.0 - done.min(1.0)) / done);
    let by_limit = limit.map(|limit| (limit - elapsed).max(0.0));
    match (by_iterations, by_limit) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn message(position: &Position, left: Option<f64>) -> String {
    let left = left.map_or_else(String::new, |left| {
        format!("  at most {} left", duration(left))
    });
    format!(
        "start {}/{}  iteration {}  cost {}  gradient {}{left}",
        (position.starts_done + 1).min(position.starts),
        position.starts,
        position.iteration,
        number(position.cost),
        number(position.gradient_norm),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALFWAY: Position = Position {
        starts_done: 1,
        starts: 4,
        iteration: 100,
        max_iterations: 100,
        cost: 0.5,
        gradient_norm: 2e-9,
    };

    #[test]
    fn the_time_left_counts_starts_and_iterations() {
        assert_eq!(time_left(10.0, &HALFWAY, None), Some(10.0));
        assert_eq!(time_left(10.0, &HALFWAY, Some(13.0)), Some(3.0));
        let unknown = Position {
            starts_done: 0,
            iteration: 0,
            ..HALFWAY
        };
        assert_eq!(time_left(10.0, &unknown, None), None);
    }

    #[test]
    fn the_line_shows_cost_gradient_and_time() {
        assert_eq!(
            message(&HALFWAY, Some(61.0)),
            "start 2/4  iteration 100  cost 0.5000  gradient 2.000e-9  at most 1 min 01 s left"
        );
    }
}
