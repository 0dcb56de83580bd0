use tauscope_dynamics::{InputSignal, Linearization, RateNetwork};

/// The steps of a forward solve, in blocks: what the backward solve reads the state from.
#[derive(Debug, Clone, Default)]
pub(crate) struct DenseTape {
    /// By step, in order of time. Neighbours meet in time and state, but not in the derivative where the
    /// input jumps.
    pub(super) steps: Vec<TapeStep>,
}

/// One accepted step.
#[derive(Debug, Clone)]
pub(super) struct TapeStep {
    /// The smooth segment of the input that it lies in.
    pub(super) segment: usize,
    pub(super) t0: f64,
    pub(super) t1: f64,
    pub(super) y0: Vec<f64>,
    pub(super) dy0: Vec<f64>,
    pub(super) y1: Vec<f64>,
    pub(super) dy1: Vec<f64>,
}

impl DenseTape {
    pub(crate) fn bytes(&self) -> usize {
        let arrays = self
            .steps
            .first()
            .map_or(0, |step| 4 * size_of_val(&step.y0[..]));
        self.steps.len() * (size_of::<TapeStep>() + arrays)
    }

    /// The step that holds `t`; at a border the earlier one.
    pub(super) fn step_before(&self, t: f64) -> usize {
        self.steps
            .partition_point(|s| s.t1 < t)
            .min(self.steps.len() - 1)
    }
}

/// The drive `U x + b` of one smooth segment of the input, linear in time.
#[derive(Debug, Clone, Default)]
pub(super) struct SegmentDrive {
    t0: f64,
    start: Vec<f64>,
    /// Change per unit of time; empty where the drive is constant.
    slope: Vec<f64>,
}

impl SegmentDrive {
    /// Prepares segment `index` of `input`.
    pub(super) fn set(&mut self, network: &RateNetwork, input: &InputSignal, index: usize) {
        let segment = input.segment(index);
        let n = network.n_units() * input.n_trials();
        self.t0 = segment.t0;
        self.start.resize(n, 0.0);
        network.drive(segment.x0, &mut self.start);
        self.slope.clear();
        if segment.x0 != segment.x1 {
            self.slope.resize(n, 0.0);
            network.drive(segment.x1, &mut self.slope);
            let h = segment.t1 - segment.t0;
            for (s, d) in self.slope.iter_mut().zip(&self.start) {
                *s = (*s - d) / h;
            }
        }
    }

    /// The drive at `t`, (unit, trial).
    pub(super) fn at(&self, t: f64, out: &mut Vec<f64>) {
        out.clear();
        out.extend_from_slice(&self.start);
        let s = t - self.t0;
        for (o, slope) in out.iter_mut().zip(&self.slope) {
            *o += s * slope;
        }
    }

    /// How the drive changes; `None` where it is constant.
    pub(super) fn slope(&self) -> Option<&[f64]> {
        (!self.slope.is_empty()).then_some(self.slope.as_slice())
    }
}

/// The state over one step as the quintic through value, first and second derivative at both ends: its
/// error is O(h^6), so that what is read back does not cap the order of any method here. The second
/// derivative is `J dy + (df/d drive) d drive/dt`: two products, no new stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Quintic {
    /// Which step of the tape it is.
    step: Option<usize>,
    t0: f64,
    h: f64,
    /// Coefficients of s^0..s^5, s = (t - t0) / h, each state-shaped.
    coefficients: [Vec<f64>; 6],
    at: Linearization,
    drive: Vec<f64>,
    second: [Vec<f64>; 2],
}

impl Quintic {
    /// Prepares step `index`; `drive` must be that of the step's segment.
    pub(super) fn set(
        &mut self,
        network: &RateNetwork,
        drive: &SegmentDrive,
        tape: &DenseTape,
        index: usize,
    ) {
        if self.step == Some(index) {
            return;
        }
        self.step = Some(index);
        let step = &tape.steps[index];
        (self.t0, self.h) = (step.t0, step.t1 - step.t0);
        let [second0, second1] = &mut self.second;
        for (t, y, dy, out) in [
            (step.t0, &step.y0, &step.dy0, second0),
            (step.t1, &step.y1, &step.dy1, second1),
        ] {
            drive.at(t, &mut self.drive);
            network.linearize(y, &self.drive, &mut self.at);
            out.resize(y.len(), 0.0);
            network.jac_mul(&mut self.at, dy, out);
            if let Some(slope) = drive.slope() {
                network.add_drive_forcing(&self.at, slope, out);
            }
        }
        self.fit(step);
    }

    fn fit(&mut self, step: &TapeStep) {
        let n = step.y0.len();
        for c in &mut self.coefficients {
            c.resize(n, 0.0);
        }
        let h = self.h;
        let [c0, c1, c2, c3, c4, c5] = &mut self.coefficients;
        for i in 0..n {
            let (y0, d0, e0) = (step.y0[i], h * step.dy0[i], h * h * self.second[0][i]);
            let (y1, d1, e1) = (step.y1[i], h * step.dy1[i], h * h * self.second[1][i]);
            // what is left at s = 1 of value, slope and curvature after the Taylor part from s = 0
            let a = y1 - y0 - d0 - 0.5 * e0;
            let b = d1 - d0 - e0;
            let c = e1 - e0;
            (c0[i], c1[i], c2[i]) = (y0, d0, 0.5 * e0);
            c3[i] = 10.0 * a - 4.0 * b + 0.5 * c;
            c4[i] = -15.0 * a + 7.0 * b - c;
            c5[i] = 6.0 * a - 3.0 * b + 0.5 * c;
        }
    }

    /// The state at `t`.
    pub(super) fn value(&self, t: f64, out: &mut [f64]) {
        let s = (t - self.t0) / self.h;
        let [c0, c1, c2, c3, c4, c5] = &self.coefficients;
        for (i, o) in out.iter_mut().enumerate() {
            *o = c0[i] + s * (c1[i] + s * (c2[i] + s * (c3[i] + s * (c4[i] + s * c5[i]))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quintic_reproduces_a_polynomial_of_degree_five() {
        let p = |t: f64| 1.0 + t - 2.0 * t.powi(2) + 0.5 * t.powi(3) + t.powi(4) - 0.3 * t.powi(5);
        let dp = |t: f64| 1.0 - 4.0 * t + 1.5 * t.powi(2) + 4.0 * t.powi(3) - 1.5 * t.powi(4);
        let ddp = |t: f64| -4.0 + 3.0 * t + 12.0 * t.powi(2) - 6.0 * t.powi(3);
        let (t0, t1) = (0.3, 1.1);
        let step = TapeStep {
            segment: 0,
            t0,
            t1,
            y0: vec![p(t0)],
            dy0: vec![dp(t0)],
            y1: vec![p(t1)],
            dy1: vec![dp(t1)],
        };
        let mut quintic = Quintic {
            t0,
            h: t1 - t0,
            second: [vec![ddp(t0)], vec![ddp(t1)]],
            ..Quintic::default()
        };
        quintic.fit(&step);
        for t in [0.3, 0.5, 0.7, 1.0, 1.1] {
            let mut out = [0.0];
            quintic.value(t, &mut out);
            assert!((out[0] - p(t)).abs() < 1e-13, "{t}");
        }
    }
}
