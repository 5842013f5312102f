//! The clock of circuit breakers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::metric::Moment;

/// The clock of a circuit breaker. It is monotonic, so changes of the system time do not affect the breaker.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::circuit_breaker::{CircuitBreaker, ManualClock, Settings, State};
///
/// let clock = ManualClock::new();
/// let settings = Settings::consecutive(1).open(Duration::from_secs(30));
/// let breaker = CircuitBreaker::with_clock("ryot", settings, clock.clone())?;
/// breaker.acquire()?.failure();
/// assert_eq!(breaker.state(), State::Open);
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(breaker.state(), State::HalfOpen);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clock(TimeSource);

#[derive(Clone, Debug)]
enum TimeSource {
    Monotonic(Moment),
    Manual(ManualClock),
}

impl Clock {
    /// Creates a clock that reads the system's monotonic clock.
    #[must_use]
    pub fn monotonic() -> Self {
        Self(TimeSource::Monotonic(Moment::now()))
    }

    /// Returns the nanoseconds since the clock was created. The range is 584 years.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match &self.0 {
            TimeSource::Monotonic(start) => start.elapsed_nanos(),
            TimeSource::Manual(clock) => clock.nanos.load(Ordering::Acquire),
        }
    }

    /// Returns the seconds since 1970, for the timestamps of transitions.
    pub(super) fn timestamp(&self) -> f64 {
        match &self.0 {
            TimeSource::Monotonic(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            TimeSource::Manual(_) => Duration::from_nanos(self.now()).as_secs_f64(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::monotonic()
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(TimeSource::Manual(clock))
    }
}

/// A clock for tests that changes only when it is advanced. It starts at the beginning of 1970. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// Creates a clock at its start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Advances the clock. It saturates after 584 years.
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // The closure never returns `None`, so the update cannot fail.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }

    /// Returns the total time that the clock was advanced.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// Converts a duration to nanoseconds, saturating.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
