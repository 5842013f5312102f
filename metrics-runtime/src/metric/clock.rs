//! Monotonic time as one integer, so that guards stay small.
//!
//! Two clock readings are most of the cost of a recorded call. The clock therefore reads the time-stamp counter of the
//! processor if the counter is reliable, and the standard clock otherwise.

use std::sync::OnceLock;
use std::time::Instant;

pub(crate) enum Clock {
    Counter(quanta::Clock),
    /// Nanoseconds since this instant.
    Standard(Instant),
}

static CLOCK: OnceLock<Clock> = OnceLock::new();

/// Returns the clock. Inlined into every annotated function, so it is only a few instructions after the first call.
#[inline]
fn clock() -> &'static Clock {
    CLOCK.get().unwrap_or_else(|| start())
}

/// Initializes the clock. Called together with the creation of the registry, so that calibration (under a millisecond)
/// does not delay a recorded call.
#[cold]
pub(crate) fn start() -> &'static Clock {
    CLOCK.get_or_init(|| {
        if is_counter_trusted() { Clock::Counter(quanta::Clock::new()) } else { Clock::Standard(Instant::now()) }
    })
}

/// Returns `true` if the time-stamp counter is reliable.
///
/// Linux stops using the counter as its clock source if the counter is unstable or not synchronized across processors.
/// Other systems do not report this, and `quanta` checks the features of the processor.
fn is_counter_trusted() -> bool {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return true;
    }
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim() == "tsc")
}

/// A reading of the clock, in ticks of the counter or in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The start of calls that are not timed.
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        clock().now()
    }

    /// Returns the nanoseconds since this moment, or 0 if the clock has not advanced.
    #[inline]
    pub(crate) fn elapsed_nanos(self) -> u64 {
        let clock = clock();
        clock.nanos_between(self, clock.now())
    }
}

impl Clock {
    #[inline]
    fn now(&self) -> Moment {
        Moment(match self {
            Self::Counter(clock) => clock.raw(),
            Self::Standard(start) => nanos_since(*start),
        })
    }

    #[inline]
    fn nanos_between(&self, start: Moment, end: Moment) -> u64 {
        match self {
            Self::Counter(clock) => clock.delta_as_nanos(start.0, end.0.max(start.0)),
            Self::Standard(_) => end.0.saturating_sub(start.0),
        }
    }
}

#[inline(never)]
fn nanos_since(start: Instant) -> u64 {
    // 2^64 nanoseconds are 584 years.
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_agrees_with_the_standard_clock() {
        // The readings are nested, so delays between them are within the bounds.
        let outer = Instant::now();
        let moment = Moment::now();
        let inner = Instant::now();
        std::thread::sleep(Duration::from_millis(300));
        let low = inner.elapsed();
        let measured = Duration::from_nanos(moment.elapsed_nanos());
        let high = outer.elapsed();
        // A thousandth: the system adjusts the standard clock by up to 500 ppm to keep it on time (`adjtimex`), and the
        // calibration of the counter adds some hundredths of a percent on a busy machine.
        let drift = measured / 1_000;
        assert!(measured + drift >= low && measured <= high + drift, "{low:?} <= {measured:?} <= {high:?}");
    }

    #[test]
    fn it_never_goes_back() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last = Moment::now();
                    for _ in 0..200_000 {
                        let next = Moment::now();
                        assert!(next >= last);
                        last = next;
                    }
                });
            }
        });
    }
}
