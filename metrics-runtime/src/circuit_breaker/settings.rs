//! The settings of a breaker.

use std::time::Duration;

use super::Completion;
use super::clock::nanos;
use super::window::Ratios;
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
/// Only a failure or a slow call opens a breaker, never a success in time, even if it is the call that reaches the
/// minimum. Ignored calls do not count for any policy, and cancelled calls only with
/// [`cancelled_fails`](Self::cancelled_fails), unless they take longer than [`slow`](Self::slow). Such calls count as
/// failures however they end, or for a ratio of their own ([`slow_ratio`](Self::slow_ratio)).
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::circuit_breaker::Settings;
///
/// const RYOT: Settings = Settings::ratio_of_calls(0.5, 100)
///     .minimum(20)
///     .open(Duration::from_secs(1))
///     .max_open(Duration::from_secs(60))
///     .jitter(0.1)
///     .half_open(2)
///     .slow(Duration::from_secs(5));
/// assert!(RYOT.check().is_ok());
/// assert!(RYOT.half_open(0).check().is_err());
/// ```
#[must_use = "settings do nothing by themselves"]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub(super) policy: Policy,
    pub(super) open: Duration,
    pub(super) max_open: Option<Duration>,
    pub(super) jitter: f64,
    pub(super) half_open: u32,
    pub(super) lease: Duration,
    pub(super) slow: Option<Duration>,
    pub(super) slow_ratio: Option<f64>,
    pub(super) cancelled_fails: bool,
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
    /// `max_open` is shorter than `open`.
    MaxOpen,
    /// `jitter` is not from 0 to 1.
    Jitter,
    /// `half_open` is 0.
    HalfOpen,
    /// `lease` is 0.
    Lease,
    /// `slow` is 0.
    Slow,
    /// `slow_ratio` is not above 0 and at most 1.
    SlowRatio,
    /// `slow_ratio` is set and `slow` is not.
    SlowRatioWithoutSlow,
    /// `slow_ratio` is set, and the policy has no ratio.
    SlowRatioWithoutRatio,
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
            Self::MaxOpen => "`max_open` is shorter than `open`: expected at least `open`",
            Self::Jitter => "`jitter` is out of range: expected 0 to 1",
            Self::HalfOpen => "`half_open` is 0: expected at least 1",
            Self::Lease => "`lease` is 0: expected a duration above 0",
            Self::Slow => "`slow` is 0: expected a duration above 0",
            Self::SlowRatio => "`slow_ratio` is out of range: expected above 0 and at most 1",
            Self::SlowRatioWithoutSlow => "`slow_ratio` needs `slow`, the duration of a call from which on it is slow",
            Self::SlowRatioWithoutRatio => {
                "`slow_ratio` needs a policy with a window: expected a ratio of calls or over time"
            }
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
            Self::MaxOpen => "max_open",
            Self::Jitter => "jitter",
            Self::HalfOpen => "half_open",
            Self::Lease => "lease",
            Self::Slow => "slow",
            Self::SlowRatio | Self::SlowRatioWithoutSlow | Self::SlowRatioWithoutRatio => "slow_ratio",
        }
    }
}

impl Settings {
    const fn new(policy: Policy) -> Self {
        let (open, lease) = (Duration::from_secs(30), Duration::from_secs(60));
        Self {
            policy,
            open,
            max_open: None,
            jitter: 0.0,
            half_open: 1,
            lease,
            slow: None,
            slow_ratio: None,
            cancelled_fails: false,
        }
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
    ///
    /// The limit includes the [`jitter`](Self::jitter).
    pub const fn max_open(mut self, wait: Duration) -> Self {
        self.max_open = Some(wait);
        self
    }

    /// Extends the time in the open state by a random fraction of it, from 0 to `fraction`, so that many processes do
    /// not send their probes at the same moment. The default is 0.
    ///
    /// [`max_open`](Self::max_open) is never exceeded. To leave room for the extension, the time doubles only up to
    /// `max_open / (1 + fraction)`, but is not shorter than [`open`](Self::open).
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

    /// Makes calls that take longer than this failures, however they end: with a success, ignored or cancelled. By
    /// default, the duration of calls is not measured.
    ///
    /// A call lasts from its permit to its end, so a call that hangs counts when it is cancelled. Choose a time that is
    /// shorter than the timeouts of the callers and than the [`lease`](Self::lease). Admitting and ending a call read
    /// the clock.
    ///
    /// With [`slow_ratio`](Self::slow_ratio), slow calls are no failures and have a ratio of their own.
    pub const fn slow(mut self, after: Duration) -> Self {
        self.slow = Some(after);
        self
    }

    /// Opens if at least this ratio of the calls in the window were [`slow`](Self::slow), whether or not they failed.
    ///
    /// The window and the minimum are those of the policy, which must have a ratio. A slow call that did not fail counts
    /// for the ratio of failures as a call that worked. A slow probe opens a half-open breaker.
    ///
    /// ```
    /// use std::time::Duration;
    /// use metrics_runtime::circuit_breaker::Settings;
    ///
    /// /// Opens if half of the calls of 10 seconds fail, or if 80% of them take longer than 2 seconds.
    /// const VAULT: Settings =
    ///     Settings::ratio_over_time(0.5, Duration::from_secs(10)).slow(Duration::from_secs(2)).slow_ratio(0.8);
    /// assert!(VAULT.check().is_ok());
    /// ```
    pub const fn slow_ratio(mut self, ratio: f64) -> Self {
        self.slow_ratio = Some(ratio);
        self
    }

    /// Makes cancelled calls failures. By default, they are neither successes nor failures, because callers also cancel
    /// calls to a service that works.
    pub const fn cancelled_fails(mut self) -> Self {
        self.cancelled_fails = true;
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
        match self.max_open {
            Some(longest) if longest.as_nanos() < self.open.as_nanos() => return Err(SettingsError::MaxOpen),
            _ => {}
        }
        if !is_fraction(self.jitter) {
            return Err(SettingsError::Jitter);
        }
        if self.half_open == 0 {
            return Err(SettingsError::HalfOpen);
        }
        if self.lease.is_zero() {
            return Err(SettingsError::Lease);
        }
        match (self.slow, self.slow_ratio, self.policy) {
            (Some(slow), ..) if slow.is_zero() => Err(SettingsError::Slow),
            (_, Some(ratio), _) if !is_fraction(ratio) || ratio == 0.0 => Err(SettingsError::SlowRatio),
            (None, Some(_), _) => Err(SettingsError::SlowRatioWithoutSlow),
            (_, Some(_), Policy::Consecutive { .. }) => Err(SettingsError::SlowRatioWithoutRatio),
            _ => Ok(()),
        }
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

    /// Returns the ratios that open the breaker.
    pub(super) const fn thresholds(&self) -> Ratios {
        let failed = match self.policy {
            Policy::Consecutive { .. } => None,
            Policy::OfCalls { ratio, .. } | Policy::OverTime { ratio, .. } => Some(ratio),
        };
        Ratios { failed, slow: self.slow_ratio }
    }

    /// Returns `true` if calls with this result count as failures.
    #[inline]
    pub(super) const fn is_failure(&self, result: Completion) -> bool {
        match result {
            Completion::Failure => true,
            Completion::Slow => self.slow_ratio.is_none(),
            Completion::Cancelled => self.cancelled_fails,
            Completion::Success | Completion::Ignored => false,
        }
    }

    /// Returns the time in the open state for the `times`th opening since the breaker was last closed. `random` is from
    /// 0 to 1.
    pub(super) fn wait(&self, times: u32, random: f64) -> Duration {
        let extended =
            |wait: Duration| wait.checked_add(wait.saturating_mul_f64(self.jitter * random)).unwrap_or(Duration::MAX);
        let Some(longest) = self.max_open else { return extended(self.open) };
        let doublings = times.saturating_sub(1).min(63);
        let doubled = Duration::from_nanos(nanos(self.open).saturating_mul(1 << doublings));
        // Room for the extension below the limit. Many processes at their limit would otherwise probe at one moment.
        let highest = longest.saturating_mul_f64(1.0 / (1.0 + self.jitter)).max(self.open);
        extended(doubled.min(highest)).min(longest)
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
        let settings = Settings::consecutive(1).open(SECOND).max_open(SECOND * 5);
        let waits = [1, 2, 3, 4, 100, u32::MAX].map(|times| settings.wait(times, 0.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 5, 5, 5]);
        assert_eq!(Settings::consecutive(1).open(SECOND).wait(9, 1.0), SECOND);
    }

    #[test]
    fn jitter_never_exceeds_the_limit_and_still_spreads_the_probes_there() {
        let settings = Settings::consecutive(1).open(SECOND).max_open(SECOND * 4).jitter(1.0);
        let waits = |random| [1, 2, 3, 100].map(|times| settings.wait(times, random).as_secs());
        assert_eq!(waits(0.0), [1, 2, 2, 2]);
        assert_eq!(waits(1.0), [2, 4, 4, 4]);
        assert_eq!(settings.wait(3, 0.5), SECOND * 3);
        // The time in the open state is never shorter than `open`.
        let narrow = Settings::consecutive(1).open(SECOND * 4).max_open(SECOND * 4).jitter(1.0);
        assert_eq!([0.0, 0.99].map(|random| narrow.wait(7, random)), [SECOND * 4; 2]);
        let widest = Settings::consecutive(1).open(SECOND).max_open(Duration::MAX).jitter(1.0);
        assert!(widest.wait(u32::MAX, 1.0) > SECOND);
    }

    #[test]
    fn jitter_only_extends_the_time_open_and_the_arithmetic_saturates() {
        let settings = Settings::consecutive(1).open(SECOND).jitter(0.5);
        assert_eq!(settings.wait(1, 0.0), SECOND);
        assert_eq!(settings.wait(1, 1.0), SECOND * 3 / 2);
        assert_eq!(Settings::consecutive(1).open(Duration::MAX).jitter(1.0).wait(u32::MAX, 1.0), Duration::MAX);
    }
}
