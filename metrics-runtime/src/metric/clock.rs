//! Monotonic time as one integer, so that guards stay small.
//!
//! Two clock readings are most of the cost of a recorded call. The clock therefore reads the time-stamp counter of the
//! processor if the counter is reliable, and the standard clock otherwise.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The time-stamp counter, once it was found to be reliable.
static COUNTER: OnceLock<quanta::Clock> = OnceLock::new();

/// The standard clock in place of the counter: nanoseconds since this instant. `None` if the counter is reliable.
static STANDARD: OnceLock<Option<Instant>> = OnceLock::new();

/// Initializes the clock. Called together with the creation of the registry, so that calibration (about a millisecond)
/// does not delay a recorded call.
#[cold]
pub(crate) fn start() -> Option<Instant> {
    *STANDARD.get_or_init(|| {
        let counter = is_counter_trusted().then(quanta::Clock::new);
        let calibrated = counter.filter(|counter| is_calibrated(|| counter.raw(), |from, to| counter.delta(from, to)));
        let Some(counter) = calibrated else { return Some(Instant::now()) };
        COUNTER.get_or_init(|| counter);
        None
    })
}

/// Reads the clock if it is not the counter, or not initialized yet.
#[inline(never)]
fn other_now() -> u64 {
    match (start(), COUNTER.get()) {
        // 2^64 nanoseconds are 584 years.
        (Some(start), _) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        (None, Some(counter)) => counter.raw(),
        (None, None) => 0,
    }
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

/// Returns `true` if the counter runs as fast as the standard clock, to about a thousandth.
///
/// `quanta` measures the rate once, by pairs of readings. If the system suspends the thread within the first pair, the
/// rate is wrong for as long as the program runs: by a twentieth for ten milliseconds.
fn is_calibrated(ticks: impl Fn() -> u64, between: impl Fn(u64, u64) -> Duration) -> bool {
    const TIME: Duration = Duration::from_micros(500);
    let read = |_| {
        let before = Instant::now();
        (before, ticks(), Instant::now())
    };
    // The shortest of several pairs was not suspended, and a longer one only makes the check less strict.
    let shortest = || (0..5).map(read).min_by_key(|(before, _, after)| *after - *before).unwrap_or_else(|| read(0));
    let start = shortest();
    while start.2.elapsed() < TIME {}
    let end = shortest();
    let measured = between(start.1, end.1);
    let error = measured / 1_000;
    measured + error >= end.0 - start.2 && measured <= end.2 - start.0 + error
}

/// A reading of the clock, in ticks of the counter or in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The start of calls that are not timed.
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        Self(match COUNTER.get() {
            Some(counter) => counter.raw(),
            None => other_now(),
        })
    }

    /// Returns the ticks from this moment to a later one, or 0 if that is earlier.
    #[inline]
    pub(crate) fn until(self, later: Self) -> Ticks {
        Ticks(later.0.saturating_sub(self.0))
    }

    /// Returns the ticks since this moment, or 0 if the clock has not advanced.
    #[inline]
    pub(crate) fn elapsed(self) -> Ticks {
        self.until(Self::now())
    }

    /// Returns the nanoseconds since this moment, or 0 if the clock has not advanced.
    #[inline]
    pub(crate) fn elapsed_nanos(self) -> u64 {
        self.elapsed().nanos()
    }
}

/// A duration in ticks of the counter, or in nanoseconds. A tick has the same length for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(super) u64);

impl Ticks {
    /// The duration of calls that are not timed.
    pub(crate) const ZERO: Self = Self(0);

    /// Returns a duration of this many ticks.
    #[inline]
    pub(crate) const fn of(count: u64) -> Self {
        Self(count)
    }

    /// Returns the number of ticks.
    #[inline]
    pub(crate) const fn count(self) -> u64 {
        self.0
    }

    /// Returns the whole nanoseconds.
    #[inline]
    pub(crate) fn nanos(self) -> u64 {
        match COUNTER.get() {
            Some(counter) => counter.delta_as_nanos(0, self.0),
            None => self.other_nanos(),
        }
    }

    #[cold]
    fn other_nanos(self) -> u64 {
        match (start(), COUNTER.get()) {
            (None, Some(counter)) => counter.delta_as_nanos(0, self.0),
            _ => self.0,
        }
    }

    /// Returns the nanoseconds of a sum of ticks. A larger sum never has fewer nanoseconds.
    pub(super) fn sum_nanos(sum: u128) -> u128 {
        // A part is converted without an overflow, whatever the frequency of the counter. It takes minutes, so that the
        // fraction of a nanosecond that is lost for each part does not matter.
        const PART: u64 = 1 << 40;
        let nanos = |ticks: u128| u128::from(Self(u64::try_from(ticks).unwrap_or(u64::MAX)).nanos());
        let (parts, rest) = (sum / u128::from(PART), sum % u128::from(PART));
        parts * nanos(PART.into()) + nanos(rest)
    }

    /// Returns the shortest duration of at least this many nanoseconds, or the longest duration for more than a century.
    pub(crate) fn at_least(nanos: u64) -> Self {
        if nanos > 1 << 62 {
            return Self(u64::MAX);
        }
        let mut above = 1u64;
        while Self(above).nanos() < nanos {
            match above.checked_mul(2) {
                Some(twice) => above = twice,
                None => return Self(u64::MAX),
            }
        }
        let mut below = if nanos == 0 { return Self(0) } else { above / 2 };
        // `below` is shorter, `above` is long enough.
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if Self(middle).nanos() < nanos { below = middle } else { above = middle }
        }
        Self(above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_was_measured_wrongly_is_noticed() {
        let start = Instant::now();
        let is_calibrated = |percent: u64| {
            let ticks = || u64::try_from(start.elapsed().as_nanos()).unwrap() * percent / 100;
            is_calibrated(ticks, |from, to| Duration::from_nanos(to - from))
        };
        assert!(is_calibrated(100));
        // A suspended thread makes one check less strict.
        for percent in [95, 105] {
            assert!((0..100).any(|_| !is_calibrated(percent)), "{percent} %");
        }
    }

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
    fn the_shortest_duration_of_some_nanoseconds_has_no_shorter_one() {
        for nanos in [0, 1, 2, 999, 1_000, 5_000_001, 1_000_000_000, 86_400_000_000_000, 1 << 60] {
            let Ticks(ticks) = Ticks::at_least(nanos);
            assert!(Ticks(ticks).nanos() >= nanos, "{nanos}");
            assert!(ticks == 0 || Ticks(ticks - 1).nanos() < nanos, "{nanos}");
        }
        assert_eq!(Ticks::at_least(u64::MAX), Ticks(u64::MAX));
    }

    #[test]
    fn a_sum_of_ticks_has_the_nanoseconds_of_its_parts() {
        let century = Duration::from_secs(100 * 365 * 86_400).as_nanos();
        let Ticks(year) = Ticks::at_least(u64::try_from(century / 100).unwrap());
        let nanos = Ticks::sum_nanos(u128::from(year) * 100);
        assert!(nanos.abs_diff(century) < century / 1_000_000_000, "{nanos}");
        let mut last = 0;
        for sum in [0, 1, 2, (1 << 40) - 1, 1 << 40, (1 << 40) + 1, 1 << 64, 1 << 70] {
            let nanos = Ticks::sum_nanos(sum);
            assert!(nanos >= last, "{sum}");
            last = nanos;
        }
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
