//! When a breaker opens, for how long, and how it finds its way back.

use std::time::Duration;

use crate::schema::name;

/// When a breaker opens, for how long, and how it finds its way back: plain data that a `const` can hold.
///
/// Begins with one of three policies:
///
/// | | opens when |
/// |---|---|
/// | [`consecutive`](Self::consecutive) | so many calls in a row have failed |
/// | [`ratio_of_calls`](Self::ratio_of_calls) | of the last so many calls, this part has failed |
/// | [`ratio_over_time`](Self::ratio_over_time) | of the calls of the last while, this part has failed |
///
/// It is always a failure that opens a breaker, never a success, even where a success completes the minimum. Calls that
/// were ignored or cancelled are no calls to any policy.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::circuit_breaker::Settings;
///
/// const RYOT: Settings = Settings::ratio_of_calls(0.5, 100)
///     .minimum(20)
///     .open(Duration::from_secs(1))
///     .open_at_most(Duration::from_secs(60))
///     .jitter(0.1)
///     .half_open(2);
/// assert!(RYOT.check().is_ok());
/// assert!(RYOT.half_open(0).check().is_err());
/// ```
#[must_use = "settings do nothing by themselves"]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub(super) policy: Policy,
    pub(super) open: Duration,
    pub(super) open_at_most: Option<Duration>,
    pub(super) jitter: f64,
    pub(super) half_open: u32,
    pub(super) lease: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    Consecutive { failures: u32 },
    OfCalls { ratio: f64, calls: u32, minimum: u32 },
    OverTime { ratio: f64, window: Duration, minimum: u32 },
}

/// Settings that no breaker can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum SettingsError {
    /// Opens after no failure at all.
    Failures,
    /// Not above 0 and at most 1.
    Ratio,
    /// A window without room for a call, or beyond 65,536.
    Calls,
    /// No time at all.
    Window,
    /// No call, or more than the window has room for.
    Minimum,
    /// Stays open for no time at all.
    Open,
    /// Shorter than what it begins with.
    OpenAtMost,
    /// Not from 0 to 1.
    Jitter,
    /// No probe.
    HalfOpen,
    /// No time for a probe at all.
    Lease,
}

/// The largest window of calls: failures are remembered one by one.
const MOST_CALLS: u32 = 1 << 16;

impl SettingsError {
    /// What is wrong, and what is allowed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "`failures` is 0: a breaker opens after at least 1 failure",
            Self::Ratio => "`ratio` is out of range: it has to be above 0 and at most 1",
            Self::Calls => "`calls` is out of range: the window has room for 1 to 65536 calls",
            Self::Window => "`window` is 0: the window has to span some time",
            Self::Minimum => "`minimum` is out of range: it has to be at least 1, and at most `calls`",
            Self::Open => "`open` is 0: a breaker stays open for some time",
            Self::OpenAtMost => "`max_open` is shorter than `open`: it is what the time open grows to",
            Self::Jitter => "`jitter` is out of range: it has to be from 0 to 1",
            Self::HalfOpen => "`half_open` is 0: it takes at least 1 probe to close a breaker",
            Self::Lease => "`lease` is 0: a probe needs some time",
        }
    }

    /// The argument of the attribute that it is about.
    const fn argument(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Ratio => "ratio",
            Self::Calls => "calls",
            Self::Window => "window",
            Self::Minimum => "minimum",
            Self::Open => "open",
            Self::OpenAtMost => "max_open",
            Self::Jitter => "jitter",
            Self::HalfOpen => "half_open",
            Self::Lease => "lease",
        }
    }
}

impl Settings {
    const fn new(policy: Policy) -> Self {
        let (open, lease) = (Duration::from_secs(30), Duration::from_secs(60));
        Self { policy, open, open_at_most: None, jitter: 0.0, half_open: 1, lease }
    }

    /// Opens when this many calls in a row have failed. The cheapest policy: a success after a success is one atomic
    /// load before and one after.
    pub const fn consecutive(failures: u32) -> Self {
        Self::new(Policy::Consecutive { failures })
    }

    /// Opens when of the last `calls` calls at least the part `ratio` has failed, as soon as there were
    /// [`minimum`](Self::minimum): all of `calls` unless said otherwise. A success adds to a number of its thread's own.
    pub const fn ratio_of_calls(ratio: f64, calls: u32) -> Self {
        Self::new(Policy::OfCalls { ratio, calls, minimum: calls })
    }

    /// Opens when of the calls that ended within `window` at least the part `ratio` has failed, as soon as there were
    /// [`minimum`](Self::minimum): 10 unless said otherwise. The window moves on in tenths of itself. A success reads the
    /// clock and adds to a number of its thread's own; once in each tenth it takes a lock.
    pub const fn ratio_over_time(ratio: f64, window: Duration) -> Self {
        Self::new(Policy::OverTime { ratio, window, minimum: 10 })
    }

    /// How many calls a ratio takes to mean anything. Nothing to [`consecutive`](Self::consecutive).
    pub const fn minimum(mut self, calls: u32) -> Self {
        match &mut self.policy {
            Policy::Consecutive { .. } => {}
            Policy::OfCalls { minimum, .. } | Policy::OverTime { minimum, .. } => *minimum = calls,
        }
        self
    }

    /// How long it stays open: 30 seconds unless said otherwise.
    pub const fn open(mut self, wait: Duration) -> Self {
        self.open = wait;
        self
    }

    /// Each time it opens without having been closed in between, it stays open for twice as long, up to this.
    pub const fn open_at_most(mut self, wait: Duration) -> Self {
        self.open_at_most = Some(wait);
        self
    }

    /// Makes each time open longer by a random part of it, from nothing to this, so that the breakers of many processes
    /// do not ask at the same moment. 0 unless said otherwise.
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// How many probes a half-open breaker admits, and how many successes close it: 1 unless said otherwise.
    pub const fn half_open(mut self, probes: u32) -> Self {
        self.half_open = probes;
        self
    }

    /// How long a probe may take before its place goes to another one: 60 seconds unless said otherwise. Longer than any
    /// call is meant to take; it is for those that never end.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Whether a breaker can have them.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub const fn check(&self) -> Result<(), SettingsError> {
        match self.policy {
            Policy::Consecutive { failures: 0 } => return Err(SettingsError::Failures),
            Policy::OfCalls { ratio, .. } | Policy::OverTime { ratio, .. } if !is_part(ratio) || ratio == 0.0 => {
                return Err(SettingsError::Ratio);
            }
            Policy::OfCalls { calls, .. } if calls == 0 || calls > MOST_CALLS => return Err(SettingsError::Calls),
            Policy::OfCalls { calls, minimum, .. } if minimum == 0 || minimum > calls => {
                return Err(SettingsError::Minimum);
            }
            Policy::OverTime { window, .. } if window.is_zero() => return Err(SettingsError::Window),
            Policy::OverTime { minimum: 0, .. } => return Err(SettingsError::Minimum),
            Policy::Consecutive { .. } | Policy::OfCalls { .. } | Policy::OverTime { .. } => {}
        }
        if self.open.is_zero() {
            return Err(SettingsError::Open);
        }
        match self.open_at_most {
            Some(longest) if longest.as_nanos() < self.open.as_nanos() => return Err(SettingsError::OpenAtMost),
            _ => {}
        }
        if !is_part(self.jitter) {
            return Err(SettingsError::Jitter);
        }
        if self.half_open == 0 {
            return Err(SettingsError::HalfOpen);
        }
        if self.lease.is_zero() { Err(SettingsError::Lease) } else { Ok(()) }
    }

    /// Fails to compile where what is wrong is this argument of the attribute; so that it is said where it stands.
    ///
    /// # Panics
    /// When the setting is out of range: at compile time, where generated code calls it.
    #[doc(hidden)]
    pub const fn expect(&self, argument: &str) {
        if let Err(error) = self.check()
            && name::equal(error.argument(), argument)
        {
            panic!("{}", error.as_str());
        }
    }

    /// The ratio that opens it.
    pub(super) const fn ratio(&self) -> Option<f64> {
        match self.policy {
            Policy::Consecutive { .. } => None,
            Policy::OfCalls { ratio, .. } | Policy::OverTime { ratio, .. } => Some(ratio),
        }
    }

    /// How long it stays open for the `times`th time in a row; `random` is from 0 to 1.
    pub(super) fn wait(&self, times: u32, random: f64) -> Duration {
        let doublings = times.saturating_sub(1).min(63);
        let wait = match self.open_at_most {
            Some(longest) => {
                Duration::from_nanos(super::clock::nanos(self.open).saturating_mul(1 << doublings)).min(longest)
            }
            None => self.open,
        };
        wait.checked_add(wait.checked_mul_f64(self.jitter * random)).unwrap_or(Duration::MAX)
    }
}

/// Of something: from 0 to 1, and no NaN.
const fn is_part(number: f64) -> bool {
    number >= 0.0 && number <= 1.0
}

/// `mul_f64` panics where the product is too large.
trait CheckedMul {
    fn checked_mul_f64(self, by: f64) -> Duration;
}

impl CheckedMul for Duration {
    fn checked_mul_f64(self, by: f64) -> Duration {
        Duration::try_from_secs_f64(self.as_secs_f64() * by).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_no_breaker_can_have_is_refused() {
        let good = Settings::consecutive(1);
        for (settings, error) in [
            (Settings::consecutive(0), SettingsError::Failures),
            (Settings::ratio_of_calls(0.0, 5), SettingsError::Ratio),
            (Settings::ratio_of_calls(1.1, 5), SettingsError::Ratio),
            (Settings::ratio_over_time(f64::NAN, SECOND), SettingsError::Ratio),
            (Settings::ratio_of_calls(0.5, 0), SettingsError::Calls),
            (Settings::ratio_of_calls(0.5, u32::MAX), SettingsError::Calls),
            (Settings::ratio_of_calls(0.5, 5).minimum(6), SettingsError::Minimum),
            (Settings::ratio_over_time(0.5, SECOND).minimum(0), SettingsError::Minimum),
            (Settings::ratio_over_time(0.5, Duration::ZERO), SettingsError::Window),
            (good.open(Duration::ZERO), SettingsError::Open),
            (good.open(SECOND).open_at_most(SECOND / 2), SettingsError::OpenAtMost),
            (good.jitter(-0.1), SettingsError::Jitter),
            (good.jitter(f64::NAN), SettingsError::Jitter),
            (good.half_open(0), SettingsError::HalfOpen),
            (good.lease(Duration::ZERO), SettingsError::Lease),
        ] {
            assert_eq!(settings.check(), Err(error));
            assert!(error.to_string().starts_with(&format!("`{}` ", error.argument())), "{error}");
        }
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Settings::ratio_of_calls(1.0, 1).check(), Ok(()));
    }

    #[test]
    fn the_time_open_doubles_up_to_its_limit() {
        let settings = Settings::consecutive(1).open(SECOND).open_at_most(SECOND * 5);
        let waits = [1, 2, 3, 4, 100, u32::MAX].map(|times| settings.wait(times, 0.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 5, 5, 5]);
        assert_eq!(Settings::consecutive(1).open(SECOND).wait(9, 1.0), SECOND);
    }

    #[test]
    fn jitter_only_makes_it_longer_and_nothing_overflows() {
        let settings = Settings::consecutive(1).open(SECOND).jitter(0.5);
        assert_eq!(settings.wait(1, 0.0), SECOND);
        assert_eq!(settings.wait(1, 1.0), SECOND * 3 / 2);
        assert_eq!(Settings::consecutive(1).open(Duration::MAX).jitter(1.0).wait(u32::MAX, 1.0), Duration::MAX);
    }
}
