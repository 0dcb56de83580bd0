//! Ctrl-C and SIGTERM.

use crate::{exit, output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that the first signal sets; a second signal ends the program at once.
///
/// # Errors
/// When the system takes no handler.
pub fn flag() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            end();
        }
    })?;
    Ok(flag)
}

/// For commands that have nothing to save: the first signal ends the program.
///
/// # Errors
/// When the system takes no handler.
pub fn end_at_once() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(end)
}

fn end() {
    output::abandon_all();
    std::process::exit(i32::from(exit::INTERRUPTED));
}
