//! Conditions with a deadline, in place of sleeps.
//!
//! No test's verdict hangs on how fast a machine is: a condition is asked again until it holds, and the deadline is
//! only there so that a broken build ends.

use std::thread;
use std::time::{Duration, Instant};

/// How long any condition may take before its test fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until `condition` gives a value; fails the test, saying what it waited for, at the [`DEADLINE`].
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    try_until(|| condition().ok_or_else(|| "it never held".to_owned())).unwrap_or_else(|last| {
        panic!("waited {DEADLINE:?} for {what}: {last}");
    })
}

/// Asks until `condition` is `Ok`; at the [`DEADLINE`], its last error.
///
/// # Errors
/// The last error of `condition`.
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
