//! Which targets belong to a trial that ends early.

use tauscope_dynamics::Interpolation;

use super::RawDataset;

/// Whether target `k` at time `t` belongs to a trial of `length` samples.
///
/// Targets that lie on the samples of the inputs share their end. Others belong while the input is known: up to the
/// last sample, and up to the next one where inputs are held. At that next sample itself nothing is known of a trial
/// that ended before it.
pub(super) fn is_within(raw: &RawDataset, length: usize, t: f64, k: usize) -> bool {
    if raw.target_time.is_none() {
        return k < length;
    }
    if length == raw.time.len() || t <= raw.time[length - 1] {
        return true;
    }
    raw.interpolation == Interpolation::Hold && t < raw.time[length]
}

/// The last time at which a target may lie: the last sample, and one last interval beyond where inputs are held.
pub(super) fn end_of_inputs(time: &[f64], interpolation: Interpolation) -> f64 {
    let last = time[time.len() - 1];
    match interpolation {
        Interpolation::Linear => last,
        Interpolation::Hold => last + (last - time[time.len() - 2]),
    }
}
