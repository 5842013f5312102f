//! Monotonic time as one integer, small enough to travel in a guard.
//!
//! Two readings of the clock are most of what a recorded call costs, so the processor's time-stamp counter is read where
//! it can be trusted: where the kernel itself keeps time by it. Elsewhere it is the standard clock.

use std::sync::OnceLock;
use std::time::Instant;

pub(crate) enum Clock {
    Counter(quanta::Clock),
    /// Nanoseconds since then.
    Standard(Instant),
}

static CLOCK: OnceLock<Clock> = OnceLock::new();

/// The clock. Outside of the rare cases, a few instructions, which stand in every annotated function.
#[inline]
fn clock() -> &'static Clock {
    CLOCK.get().unwrap_or_else(|| start())
}

/// Makes the clock ready: with the registry, so that calibrating it (under a millisecond) is no part of a recorded call.
#[cold]
pub(crate) fn start() -> &'static Clock {
    CLOCK.get_or_init(|| {
        if is_counter_trusted() { Clock::Counter(quanta::Clock::new()) } else { Clock::Standard(Instant::now()) }
    })
}

/// Linux watches the counter and drops it as its clock when it finds it unstable, or not in step across processors.
/// Other systems say nothing, and `quanta` asks the processor.
fn is_counter_trusted() -> bool {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return true;
    }
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim() == "tsc")
}

/// A reading, in units of the clock's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// The moment of what is not measured.
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        clock().now()
    }

    /// The nanoseconds from this moment to now; none if the clock says that now is not later.
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
    fn it_runs_as_the_standard_clock_does() {
        // The one is read within the other, so what the machine did in between is within the bounds.
        let outer = Instant::now();
        let moment = Moment::now();
        let inner = Instant::now();
        std::thread::sleep(Duration::from_millis(300));
        let low = inner.elapsed();
        let measured = Duration::from_nanos(moment.elapsed_nanos());
        let high = outer.elapsed();
        // A tenth of a per mille: the clocks of two computers differ by more.
        let drift = measured / 10_000;
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
