//! Recorded times, compared with the standard clock.
//!
//! The toolkit reads the time-stamp counter, whose rate it measures when a process starts. The standard clock is adjusted
//! by the system. So the same time differs between the two by up to a thousandth: see `metrics_runtime`'s `metric/clock.rs`.

use std::thread;
use std::time::{Duration, Instant};

/// Returns a time that is as long as this one on both clocks.
fn on_both(time: Duration) -> Duration {
    time + time / 1_000
}

/// Keeps the thread busy for at least this time, which is also the least that is recorded for it.
pub fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < on_both(time) {}
}

/// Sleeps for at least this time, which is also the least that is recorded for it.
pub fn sleep(time: Duration) {
    thread::sleep(on_both(time));
}

/// A time that runs.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the most seconds that can be recorded for the time since the start.
    #[must_use]
    pub fn at_most(self) -> f64 {
        on_both(self.0.elapsed()).as_secs_f64()
    }
}
