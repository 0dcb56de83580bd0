use crate::{Phase, SolveError, Stops};
use std::ops::Range;
use tauscope_dynamics::InputSignal;

/// One step, which lies within one sample interval of the input unless it `crosses` samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) t0: f64,
    pub(crate) t1: f64,
    /// Length: `t1 - t0` but for round-off, equal for all parts of a stretch.
    pub(crate) h: f64,
    /// The sample at or before the step.
    pub(crate) interval: usize,
    /// Whether `t1` is the time of the next sample.
    pub(crate) ends_interval: bool,
    /// Whether `t1` lies beyond the next sample.
    pub(crate) crosses: bool,
}

impl Step {
    /// This step and the next in one, where both are whole sample intervals of the same length and need not end at the sample
    /// between them.
    pub(crate) fn with(&self, next: &Step, input: &InputSignal) -> Option<Step> {
        let slack = SAME_TIME * self.h;
        let fits = self.is_interval(input)
            && next.ends_interval
            && next.interval == self.interval + 1
            && !input.is_firm(next.interval)
            && (next.h - self.h).abs() <= slack;
        fits.then_some(Step {
            t1: next.t1,
            h: self.h + next.h,
            ends_interval: false,
            crosses: true,
            ..*self
        })
    }

    /// Whether it goes from one sample to the next.
    pub(crate) fn is_interval(&self, input: &InputSignal) -> bool {
        let start = input.time()[self.interval];
        self.ends_interval && (self.t0 - start).abs() <= SAME_TIME * self.h
    }

    /// Sets where the step lies among the sample times `time`.
    fn place_in(&mut self, time: &[f64]) {
        let last = time.len() - 1;
        let slack = SAME_TIME * self.h;
        let after = time.partition_point(|&t| t <= self.t0 + slack);
        self.interval = after.saturating_sub(1).min(last);
        if let Some(&next) = time.get(self.interval + 1) {
            self.ends_interval = (self.t1 - next).abs() <= slack;
            self.crosses = self.t1 > next + slack;
        }
    }
}

/// The steps of a solve. Node `n` is the state before step `n`, so there is one node more than steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Grid {
    pub(crate) steps: Vec<Step>,
    /// The node of every evaluation time.
    pub(crate) eval_nodes: Vec<usize>,
}

/// Times that differ by less than this part of a sample interval are one: two computations of the same
/// time differ by round-off, and a step from one to the other would meet the wrong sample.
const SAME_TIME: f64 = 1e-9;
/// More steps than this are a mistake in the step, not a wish.
const MAX_STEPS: f64 = 1e8;

impl Grid {
    /// Every stretch between neighbouring `stops` cut into `ceil(length / step)` equal parts; ends at the last evaluation
    /// time, for nothing after it counts.
    pub(crate) fn new(
        input: &InputSignal,
        t_eval: &[f64],
        step: Option<f64>,
        stops: Stops,
    ) -> Result<Grid, SolveError> {
        let step = step.unwrap_or(f64::INFINITY);
        let span = t_eval.last().map_or(0.0, |last| last - input.start());
        if step.is_nan() || step <= 0.0 || span / step > MAX_STEPS {
            return Err(SolveError::Stalled {
                phase: Phase::Forward,
                time: input.start(),
                step,
                reason: format!(
                    "the step must be positive and cut {span} into at most {MAX_STEPS:e} parts"
                ),
            });
        }
        let mut grid = Grid::default();
        if stops == Stops::Evaluations {
            grid.add_across(input, t_eval, step);
            return Ok(grid);
        }
        for interval in 0..input.time().len() {
            grid.add_interval(input, interval, t_eval, step);
        }
        // What is left lies within round-off of the end.
        grid.eval_nodes.resize(t_eval.len(), grid.steps.len());
        Ok(grid)
    }

    /// Whether most neighbouring steps may be [taken in one](Step::with).
    pub(crate) fn is_regular(&self, input: &InputSignal) -> bool {
        let pairs = self.steps.windows(2);
        let fit = pairs.filter(|pair| pair[0].with(&pair[1], input).is_some());
        2 * fit.count() > self.steps.len()
    }

    /// Whether step `n` is the last one of its sample interval, or of all.
    pub(crate) fn completes_interval(&self, n: usize) -> bool {
        let next = self.steps.get(n + 1);
        next.is_none_or(|next| next.interval != self.steps[n].interval)
    }

    /// Indices of the evaluation times at `node`.
    pub(crate) fn evaluations_at(&self, node: usize) -> Range<usize> {
        let first = self.eval_nodes.partition_point(|&at| at < node);
        first..self.eval_nodes.partition_point(|&at| at <= node)
    }

    fn add_interval(&mut self, input: &InputSignal, interval: usize, t_eval: &[f64], step: f64) {
        let start = input.time()[interval];
        let next = input.time().get(interval + 1);
        let end = next.copied().unwrap_or(input.end());
        let same = SAME_TIME * (end - start);
        let mut from = start;
        while let Some(&time) = t_eval.get(self.eval_nodes.len()) {
            if time > start + same {
                let to = if time < end - same { time } else { end };
                self.cut(from, to, step, interval);
                from = to;
                if to == end {
                    self.end_interval(next.is_some());
                    return;
                }
            }
            self.eval_nodes.push(self.steps.len());
        }
    }

    /// Steps that stop at evaluation times only.
    fn add_across(&mut self, input: &InputSignal, t_eval: &[f64], step: f64) {
        let mut from = input.start();
        for &to in t_eval {
            if to > from {
                let first = self.steps.len();
                self.cut(from, to, step, 0);
                for step in &mut self.steps[first..] {
                    step.place_in(input.time());
                }
                from = to;
            }
            self.eval_nodes.push(self.steps.len());
        }
    }

    fn end_interval(&mut self, at_sample: bool) {
        if let Some(last) = self.steps.last_mut() {
            last.ends_interval = at_sample;
        }
    }

    fn cut(&mut self, from: f64, to: f64, step: f64, interval: usize) {
        let length = to - from;
        // The factor forgives round-off: 0.03 - 0.02 is a little longer than a step of 0.01.
        let parts = (length / step * (1.0 - SAME_TIME)).ceil().max(1.0);
        let h = length / parts;
        let mut t0 = from;
        for part in 1..=parts as usize {
            let t1 = if part as f64 == parts {
                to
            } else {
                from + h * part as f64
            };
            self.steps.push(Step {
                t0,
                t1,
                h,
                interval,
                ends_interval: false,
                crosses: false,
            });
            t0 = t1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use tauscope_dynamics::Interpolation;

    fn input(time: &[f64], end: f64) -> InputSignal {
        let samples = DMatrix::zeros(1, time.len());
        InputSignal::new(time.to_vec(), end, samples, 1, Interpolation::Hold).expect("valid")
    }

    fn ends(grid: &Grid) -> Vec<f64> {
        grid.steps.iter().map(|s| s.t1).collect()
    }

    #[test]
    fn a_step_of_one_sample_interval_is_one_step_an_interval() {
        let time: Vec<f64> = (0..200).map(|k| k as f64 * 0.01).collect();
        let grid = Grid::new(&input(&time, 1.99), &time, Some(0.01), Stops::Knots).expect("valid");
        assert_eq!(ends(&grid), time[1..]);
        assert_eq!(grid.eval_nodes, (0..200).collect::<Vec<_>>());
        assert!(grid.steps.iter().all(|s| s.ends_interval));
    }

    #[test]
    fn evaluation_times_cut_intervals_and_the_parts_are_equal() {
        let grid = Grid::new(
            &input(&[0.0, 1.0, 3.0], 3.0),
            &[0.5, 2.0],
            Some(0.4),
            Stops::Knots,
        )
        .expect("valid");
        let expected = [0.25, 0.5, 0.75, 1.0, 1.0 + 1.0 / 3.0, 1.0 + 2.0 / 3.0, 2.0];
        assert_eq!(ends(&grid), expected);
        assert_eq!(grid.eval_nodes, [2, 7]);
        let intervals: Vec<usize> = grid.steps.iter().map(|s| s.interval).collect();
        assert_eq!(intervals, [0, 0, 0, 0, 1, 1, 1]);
        assert!(grid.steps[3].ends_interval && !grid.steps[6].ends_interval);
    }

    #[test]
    fn an_evaluation_time_off_a_sample_by_round_off_is_the_sample() {
        let time = [0.0, 0.1, 0.2, 0.3];
        let t_eval = [0.1 + 1e-16, 0.2 - 1e-16, 0.1 * 3.0 - 1e-16];
        let grid = Grid::new(&input(&time, 0.3), &t_eval, None, Stops::Knots).expect("valid");
        assert_eq!(ends(&grid), time[1..]);
        assert_eq!(grid.eval_nodes, [1, 2, 3]);
    }

    #[test]
    fn the_last_bin_goes_to_the_end_without_another_sample() {
        let grid =
            Grid::new(&input(&[0.0, 1.0], 2.0), &[0.0, 2.0], None, Stops::Knots).expect("valid");
        assert_eq!(ends(&grid), [1.0, 2.0]);
        assert_eq!(grid.eval_nodes, [0, 2]);
        assert!(grid.steps[0].ends_interval && !grid.steps[1].ends_interval);
    }

    #[test]
    fn steps_across_knots_know_where_they_begin_and_whether_they_cross() {
        let input = input(&[0.0, 1.0, 3.0], 3.0);
        let grid = Grid::new(&input, &[0.0, 3.0], Some(0.75), Stops::Evaluations).expect("valid");
        assert_eq!(ends(&grid), [0.75, 1.5, 2.25, 3.0]);
        assert_eq!(grid.eval_nodes, [0, 4]);
        let places: Vec<_> = grid.steps.iter().map(|s| (s.interval, s.crosses)).collect();
        assert_eq!(places, [(0, false), (0, true), (1, false), (1, false)]);
        assert!(grid.steps[3].ends_interval);
    }

    #[test]
    fn two_sample_intervals_are_one_step_where_they_are_whole_and_equal() {
        let time = [0.0, 0.1, 0.2, 0.3, 0.5];
        let input = input(&time, 0.5);
        let whole = Grid::new(&input, &[0.5], None, Stops::Knots).expect("valid");
        let pairs = whole
            .steps
            .windows(2)
            .map(|pair| pair[0].with(&pair[1], &input));
        let ends: Vec<_> = pairs
            .map(|two| two.map(|two| (two.interval, two.t1)))
            .collect();
        assert_eq!(ends, [Some((0, 0.2)), Some((1, 0.3)), None]);
        // an evaluation time within an interval cuts it
        let cut = Grid::new(&input, &[0.15, 0.5], None, Stops::Knots).expect("valid");
        let two = |n: usize| cut.steps[n].with(&cut.steps[n + 1], &input);
        assert_eq!([two(0), two(1), two(2)], [None; 3]);
        let halved = input.with_samples_at(&[0.05, 0.15, 0.25]);
        let finer = Grid::new(&halved, &[0.5], None, Stops::Knots).expect("valid");
        let pairs = finer.steps.windows(2);
        let starts = pairs.filter_map(|pair| pair[0].with(&pair[1], &halved).map(|two| two.t0));
        // across samples that were there, not those that halve
        assert_eq!(starts.collect::<Vec<_>>(), [0.05, 0.15]);
    }

    #[test]
    fn steps_that_make_no_progress_are_refused() {
        for (step, stops) in [0.0, -1.0, f64::NAN, 1e-300]
            .into_iter()
            .flat_map(|step| [Stops::Knots, Stops::Evaluations].map(|stops| (step, stops)))
        {
            assert!(Grid::new(&input(&[0.0, 1.0], 1.0), &[1.0], Some(step), stops).is_err());
        }
    }
}
