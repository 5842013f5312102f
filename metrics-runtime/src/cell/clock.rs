//! Monotonic time as one integer, small enough to travel in a guard.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since the first call in this process.
#[inline]
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    // 2^64 nanoseconds are 584 years.
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
