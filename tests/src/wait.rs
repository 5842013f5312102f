//! Conditions with a deadline, instead of sleeps.
//!
//! No test depends on the speed of the machine: a condition is checked until it holds. The deadline only ends a test
//! that would otherwise hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

/// The time after which a condition that does not hold fails its test. Longer than a busy machine needs for anything.
pub const DEADLINE: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(20);

/// The number of attempts of [`undisturbed`], and the time between two of them, after which most disturbances are over.
const ATTEMPTS: u32 = 6;
const REST: Duration = Duration::from_millis(500);

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

/// Repeats a test that panics, some times. For steps that have to follow each other within a time: the machine may stop
/// between any two of them. A test that never passes fails with the panic of its last attempt.
pub fn undisturbed(mut test: impl FnMut()) {
    for attempt in 1..ATTEMPTS {
        if catch_unwind(AssertUnwindSafe(&mut test)).is_ok() {
            return;
        }
        eprintln!("attempt {attempt} of {ATTEMPTS} has failed");
        thread::sleep(REST);
    }
    test();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturbed_test_is_repeated() {
        let mut attempts = 0;
        undisturbed(|| {
            attempts += 1;
            assert!(attempts == 3, "the machine stopped");
        });
        assert_eq!(attempts, 3);
    }

    #[test]
    #[should_panic = "wrong"]
    fn a_test_that_never_passes_fails() {
        undisturbed(|| panic!("wrong"));
    }
}
