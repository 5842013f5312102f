//! The settings of a breaker.

use std::time::Duration;

use crate::schema::name;

/// The settings of a circuit breaker: the failures that open it, the time in the open state, and the probes that close
/// it. Plain data that a `const` can hold.
///
/// There is a constructor for each of the three policies:
///
/// | policy | opens after |
/// |---|---|
/// | [`consecutive`](Self::consecutive) | a number of consecutive failures |
/// | [`ratio_of_calls`](Self::ratio_of_calls) | a ratio of failures among the last calls |
/// | [`ratio_over_time`](Self::ratio_over_time) | a ratio of failures among the calls of a time window |
///
/// Only a failure opens a breaker, never a success, even if the success is the call that reaches the minimum. Ignored
/// and cancelled calls do not count for any policy.
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

/// An error for a setting that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum SettingsError {
    /// `failures` is 0.
    Failures,
    /// `ratio` is not above 0 and at most 1.
    Ratio,
    /// `calls` is 0 or above 65,536.
    Calls,
    /// `window` is 0.
    Window,
    /// `minimum` is 0 or above `calls`.
    Minimum,
    /// `open` is 0.
    Open,
    /// `open_at_most` is shorter than `open`.
    OpenAtMost,
    /// `jitter` is not from 0 to 1.
    Jitter,
    /// `half_open` is 0.
    HalfOpen,
    /// `lease` is 0.
    Lease,
}

/// The largest window of calls. It is limited because each failure is stored.
const MAX_CALLS: u32 = 1 << 16;

impl SettingsError {
    /// Returns the setting, its problem, and the expected values.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "`failures` is 0: expected at least 1",
            Self::Ratio => "`ratio` is out of range: expected above 0 and at most 1",
            Self::Calls => "`calls` is out of range: expected 1 to 65536",
            Self::Window => "`window` is 0: expected a duration above 0",
            Self::Minimum => "`minimum` is out of range: expected at least 1, and at most `calls`",
            Self::Open => "`open` is 0: expected a duration above 0",
            Self::OpenAtMost => "`max_open` is shorter than `open`: expected at least `open`",
            Self::Jitter => "`jitter` is out of range: expected 0 to 1",
            Self::HalfOpen => "`half_open` is 0: expected at least 1",
            Self::Lease => "`lease` is 0: expected a duration above 0",
        }
    }

    /// Returns the argument of `#[circuit_breaker]` that has the problem.
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

    /// Opens after this number of consecutive failures.
    ///
    /// This is the cheapest policy: a success after a success costs one atomic load before the call and one after it.
    pub const fn consecutive(failures: u32) -> Self {
        Self::new(Policy::Consecutive { failures })
    }

    /// Opens if at least `ratio` of the last `calls` calls have failed, and there were at least
    /// [`minimum`](Self::minimum) calls. The default minimum is `calls`.
    ///
    /// A success adds to a counter of its thread.
    pub const fn ratio_of_calls(ratio: f64, calls: u32) -> Self {
        Self::new(Policy::OfCalls { ratio, calls, minimum: calls })
    }

    /// Opens if at least `ratio` of the calls that ended within `window` have failed, and there were at least
    /// [`minimum`](Self::minimum) calls. The default minimum is 10.
    ///
    /// The window advances in steps of a tenth of its length. A success reads the clock and adds to a counter of its
    /// thread. It takes a lock once in each step.
    pub const fn ratio_over_time(ratio: f64, window: Duration) -> Self {
        Self::new(Policy::OverTime { ratio, window, minimum: 10 })
    }

    /// Sets the number of calls below which the ratio is ignored. Has no effect on [`consecutive`](Self::consecutive).
    pub const fn minimum(mut self, calls: u32) -> Self {
        match &mut self.policy {
            Policy::Consecutive { .. } => {}
            Policy::OfCalls { minimum, .. } | Policy::OverTime { minimum, .. } => *minimum = calls,
        }
        self
    }

    /// Sets the time in the open state. The default is 30 seconds.
    pub const fn open(mut self, wait: Duration) -> Self {
        self.open = wait;
        self
    }

    /// Doubles the time in the open state each time the breaker opens without having been closed in between, up to this
    /// limit. By default, the time does not change.
    pub const fn open_at_most(mut self, wait: Duration) -> Self {
        self.open_at_most = Some(wait);
        self
    }

    /// Extends the time in the open state by a random fraction of it, from 0 to `fraction`, so that many processes do
    /// not send their probes at the same moment. The default is 0.
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Sets the number of probes that a half-open breaker admits. The same number of successes closes it. The default
    /// is 1.
    pub const fn half_open(mut self, probes: u32) -> Self {
        self.half_open = probes;
        self
    }

    /// Sets the time after which a probe that has not ended expires, so that another call can be a probe. The default
    /// is 60 seconds.
    ///
    /// Choose a time that is longer than any call should take. The lease is for calls that never end.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Checks that all settings are in range.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of range.
    pub const fn check(&self) -> Result<(), SettingsError> {
        match self.policy {
            Policy::Consecutive { failures: 0 } => return Err(SettingsError::Failures),
            Policy::OfCalls { ratio, .. } | Policy::OverTime { ratio, .. } if !is_fraction(ratio) || ratio == 0.0 => {
                return Err(SettingsError::Ratio);
            }
            Policy::OfCalls { calls, .. } if calls == 0 || calls > MAX_CALLS => return Err(SettingsError::Calls),
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
        if !is_fraction(self.jitter) {
            return Err(SettingsError::Jitter);
        }
        if self.half_open == 0 {
            return Err(SettingsError::HalfOpen);
        }
        if self.lease.is_zero() { Err(SettingsError::Lease) } else { Ok(()) }
    }

    /// Checks one argument of the attribute. Generated code calls it at compile time with the span of the argument, so
    /// that the compile error points to it.
    ///
    /// # Panics
    /// Panics if [`check`](Self::check) fails because of this argument.
    #[doc(hidden)]
    pub const fn expect(&self, argument: &str) {
        if let Err(error) = self.check()
            && name::equal(error.argument(), argument)
        {
            panic!("{}", error.as_str());
        }
    }

    /// Returns the ratio that opens the breaker, or `None` for [`consecutive`](Self::consecutive).
    pub(super) const fn ratio(&self) -> Option<f64> {
        match self.policy {
            Policy::Consecutive { .. } => None,
            Policy::OfCalls { ratio, .. } | Policy::OverTime { ratio, .. } => Some(ratio),
        }
    }

    /// Returns the time in the open state for the `times`th opening since the breaker was last closed. `random` is from
    /// 0 to 1.
    pub(super) fn wait(&self, times: u32, random: f64) -> Duration {
        let doublings = times.saturating_sub(1).min(63);
        let wait = match self.open_at_most {
            Some(longest) => {
                Duration::from_nanos(super::clock::nanos(self.open).saturating_mul(1 << doublings)).min(longest)
            }
            None => self.open,
        };
        wait.checked_add(wait.saturating_mul_f64(self.jitter * random)).unwrap_or(Duration::MAX)
    }
}

/// Returns `true` if the number is from 0 to 1, and not NaN.
const fn is_fraction(number: f64) -> bool {
    number >= 0.0 && number <= 1.0
}

/// Multiplication that saturates. [`Duration::mul_f64`] panics if the product is too large.
trait SaturatingMul {
    fn saturating_mul_f64(self, by: f64) -> Duration;
}

impl SaturatingMul for Duration {
    fn saturating_mul_f64(self, by: f64) -> Duration {
        Duration::try_from_secs_f64(self.as_secs_f64() * by).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_open_doubles_up_to_its_limit() {
        let settings = Settings::consecutive(1).open(SECOND).open_at_most(SECOND * 5);
        let waits = [1, 2, 3, 4, 100, u32::MAX].map(|times| settings.wait(times, 0.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 5, 5, 5]);
        assert_eq!(Settings::consecutive(1).open(SECOND).wait(9, 1.0), SECOND);
    }

    #[test]
    fn jitter_only_extends_the_time_open_and_the_arithmetic_saturates() {
        let settings = Settings::consecutive(1).open(SECOND).jitter(0.5);
        assert_eq!(settings.wait(1, 0.0), SECOND);
        assert_eq!(settings.wait(1, 1.0), SECOND * 3 / 2);
        assert_eq!(Settings::consecutive(1).open(Duration::MAX).jitter(1.0).wait(u32::MAX, 1.0), Duration::MAX);
    }
}
