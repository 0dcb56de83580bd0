use std::time::{Duration, Instant};

/// Wall-clock and processor times of equal runs.
#[derive(Debug, Default)]
pub struct Stopwatch {
    seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
}

impl Stopwatch {
    /// Runs and times `work`.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (start, cpu_start) = (Instant::now(), processor_time());
        let done = work();
        self.seconds.push(start.elapsed().as_secs_f64());
        if let (Some(start), Some(end)) = (cpu_start, processor_time()) {
            self.cpu_seconds
                .push(end.saturating_sub(start).as_secs_f64());
        }
        done
    }

    /// Median of the wall-clock seconds.
    pub fn seconds_median(&self) -> f64 {
        median(&self.seconds).unwrap_or(f64::NAN)
    }

    /// Median of the seconds of all processors; none where the system does not tell.
    pub fn cpu_seconds_median(&self) -> Option<f64> {
        median(&self.cpu_seconds)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(0.5 * (lower + upper))
}

/// Time that all threads of this process have used.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(
        u64::try_from(time.tv_sec).ok()?,
        u32::try_from(time.tv_nsec).ok()?,
    ))
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_the_mean_of_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
