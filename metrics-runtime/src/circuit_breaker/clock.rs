//! The time that breakers go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::metric::Moment;

/// The time that a breaker goes by: monotonic, so that setting the system's clock opens and closes nothing.
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
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Monotonic(Moment),
    Manual(ManualClock),
}

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn monotonic() -> Self {
        Self(Kind::Monotonic(Moment::now()))
    }

    /// Nanoseconds since the clock began. They last for 584 years.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match &self.0 {
            Kind::Monotonic(start) => start.elapsed_nanos(),
            Kind::Manual(clock) => clock.nanos.load(Ordering::Acquire),
        }
    }

    /// Seconds since 1970, for people: what stands beside a transition.
    pub(super) fn timestamp(&self) -> f64 {
        match &self.0 {
            Kind::Monotonic(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            Kind::Manual(_) => Duration::from_nanos(self.now()).as_secs_f64(),
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
        Self(Kind::Manual(clock))
    }
}

/// A clock for tests that stands still until it is advanced. It begins in 1970. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass. At the end of time, 584 years on, it stays there.
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // The closure never declines, so the update cannot fail.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }

    /// How far it was advanced.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

/// Whole nanoseconds, as many as there can be.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
