//! Ending a solve early, on request or at a deadline.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::SolveError;

/// Steps between two looks at flag and clock: a look costs as much as a step of a very small network.
const LOOK_EVERY: u32 = 32;

/// What asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltReason {
    /// The flag.
    Stop,
    /// The deadline.
    Deadline,
}

/// Asks solves to end early with [`SolveError::Halted`]: once a flag is set, or a deadline has passed. A solve that is not
/// ended has the same bits as one that nobody watches.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    stop: Option<Arc<AtomicBool>>,
    /// When the flag was first seen.
    seen: Arc<Mutex<Option<Instant>>>,
    deadline: Option<Instant>,
    grace: Duration,
}

impl Halt {
    /// Asks once `stop` is set or `deadline` has passed.
    pub fn new(stop: Option<Arc<AtomicBool>>, deadline: Option<Instant>) -> Halt {
        Halt {
            stop,
            deadline,
            ..Halt::default()
        }
    }

    /// The same, but later by `grace`: for what is worth finishing.
    #[must_use]
    pub fn with_grace(&self, grace: Duration) -> Halt {
        Halt {
            grace,
            ..self.clone()
        }
    }

    /// Whether it asks now.
    pub fn asks(&self) -> Option<HaltReason> {
        let stopped = self
            .stop
            .as_ref()
            .is_some_and(|stop| stop.load(Ordering::Relaxed));
        if stopped && self.seen_at().elapsed() >= self.grace {
            return Some(HaltReason::Stop);
        }
        let late = self.deadline.is_some_and(|deadline| {
            let beyond = Instant::now().checked_duration_since(deadline);
            beyond.is_some_and(|beyond| beyond >= self.grace)
        });
        late.then_some(HaltReason::Deadline)
    }

    fn seen_at(&self) -> Instant {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.get_or_insert_with(Instant::now)
    }

    /// Does `work`, all solves of which on this thread this halt ends.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let _outer = Outer(CURRENT.replace(Some(self.clone())));
        work()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Halt>> = const { RefCell::new(None) };
    static STEPS: Cell<u32> = const { Cell::new(0) };
}

/// Puts back what was watched before.
struct Outer(Option<Halt>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Called at every step of every solve.
pub(crate) fn check() -> Result<(), SolveError> {
    let steps = STEPS.get();
    STEPS.set(steps.wrapping_add(1));
    if !steps.is_multiple_of(LOOK_EVERY) {
        return Ok(());
    }
    let asks = CURRENT.with_borrow(|halt| halt.as_ref().and_then(Halt::asks));
    match asks {
        Some(_) => Err(SolveError::Halted),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> bool {
        (0..LOOK_EVERY).any(|_| check().is_err())
    }

    #[test]
    fn a_solve_is_halted_by_the_flag_or_after_the_deadline_and_only_while_watched() {
        let stop = Arc::new(AtomicBool::new(false));
        let halt = Halt::new(Some(Arc::clone(&stop)), None);
        assert!(!halt.during(checks));
        stop.store(true, Ordering::Relaxed);
        assert!(halt.during(checks));
        assert!(!checks());
        let late = Halt::new(None, Some(Instant::now()));
        assert_eq!(late.asks(), Some(HaltReason::Deadline));
        assert!(!Halt::default().during(checks));
    }

    #[test]
    fn grace_counts_from_the_deadline_and_from_the_flag() {
        let stop = Arc::new(AtomicBool::new(true));
        let hour = Duration::from_secs(3600);
        let halt = Halt::new(Some(stop), Some(Instant::now()));
        assert_eq!(halt.asks(), Some(HaltReason::Stop));
        assert_eq!(halt.with_grace(hour).asks(), None);
    }
}
