//! Worker threads.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tauscope_fit::config::{Auto, EffectiveConfig};

/// A pool of `threads` threads.
///
/// # Errors
/// When the system gives no more threads.
pub fn pool(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(threads).build()
}

/// The number of threads that `config` asks for; all cores where it leaves the choice.
pub fn wanted(config: &EffectiveConfig) -> usize {
    match config.threads {
        Auto::Set(threads) => threads.get(),
        Auto::Auto => std::thread::available_parallelism().map_or(1, usize::from),
    }
}
