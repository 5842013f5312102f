//! Conditions with a deadline, instead of sleeps.
//!
//! No test depends on the speed of the machine: a condition is checked until it holds. The deadline only ends a test
//! that would otherwise hang.

use std::thread;
use std::time::{Duration, Instant};

/// The time after which a condition that does not hold fails its test.
pub const DEADLINE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Repeats `condition` until it returns a value. At the [`DEADLINE`], fails the test with `what` in the message.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    try_until(|| condition().ok_or_else(|| "it never held".to_owned())).unwrap_or_else(|last| {
        panic!("waited {DEADLINE:?} for {what}: {last}");
    })
}

/// Repeats `condition` until it returns `Ok`, or until the [`DEADLINE`].
///
/// # Errors
/// Returns the last error of `condition`.
pub fn try_until<T, E>(mut condition: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let started = Instant::now();
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() >= DEADLINE => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
