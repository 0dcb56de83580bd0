use super::aligned::Aligned;
use super::kernels;
use super::program::Register;
use super::scheme::Estimate;
use tauscope_dynamics::RateNetwork;

/// Turns what a step knows of its error into an error of the rates (of the currents in the `current` model).
pub(super) struct ErrorOfStep<'a> {
    network: &'a RateNetwork,
    /// How far rates follow a change of I, by unit, for steps of length `h`.
    followed: Vec<f64>,
    h: f64,
    slopes: Aligned,
    error: Aligned,
}

impl<'a> ErrorOfStep<'a> {
    /// For blocks (unit, trial) of `block` entries.
    pub(super) fn new(network: &'a RateNetwork, block: usize) -> Self {
        ErrorOfStep {
            network,
            followed: Vec::new(),
            h: f64::NAN,
            slopes: Aligned::zeros(block),
            error: Aligned::zeros(block),
        }
    }

    /// The error of a step of length `h`, or of its tangent where `block` reads that; `activity` is f(I) at its end.
    pub(super) fn get<'b>(
        &mut self,
        estimate: Estimate,
        h: f64,
        activity: &[f64],
        block: impl Fn(Register) -> &'b [f64],
    ) -> &[f64] {
        match estimate {
            Estimate::Difference(predicted, corrected) => {
                let both = block(predicted).iter().zip(block(corrected));
                for (error, (predicted, corrected)) in self.error.iter_mut().zip(both) {
                    *error = predicted - corrected;
                }
            }
            Estimate::Change(change) => self.error.copy_from_slice(block(change)),
            Estimate::Changes { current, rate } => {
                self.follow(h);
                let activation = self.network.activation();
                activation.slopes_of_values(activity, &mut self.slopes);
                kernels::elementwise(&self.slopes, block(current), &mut self.error);
                let n_units = self.followed.len();
                let trials = self.error.chunks_exact_mut(n_units);
                for (errors, rates) in trials.zip(block(rate).chunks_exact(n_units)) {
                    for ((error, followed), rate) in
                        errors.iter_mut().zip(&self.followed).zip(rates)
                    {
                        *error = (*error * followed).abs() + rate.abs();
                    }
                }
            }
        }
        &self.error
    }

    /// A change of I that lasts for `tau_s` (zero in the `rate` model), but for the step at least, moves r by about
    /// `(tau_s + h) / (tau_s + h + tau_r)` of what it would after long.
    fn follow(&mut self, h: f64) {
        if h == self.h {
            return;
        }
        self.h = h;
        let of_current = self.network.decay_s().iter().map(|decay| decay.recip());
        let of_current = of_current.chain(std::iter::repeat(0.0));
        let decays = of_current.zip(self.network.decay_r());
        self.followed.clear();
        self.followed.extend(decays.map(|(tau_s, decay_r)| {
            let lasts = tau_s + h;
            lasts / (lasts + decay_r.recip())
        }));
    }
}
