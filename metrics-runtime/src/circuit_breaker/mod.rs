//! Circuit breakers, and metrics of their state.
//!
//! A circuit breaker stops calls to a service that fails. While it is closed, it admits calls, and failures open it.
//! While it is open, it rejects calls. After some time it is half-open: it admits a few calls as probes. Enough
//! successful probes close it, and the first failed probe opens it again.
//!
//! The metrics of a breaker are computed on each scrape, so they show its state at that moment.
//!
//! # Example
//!
//! The attribute [`#[circuit_breaker]`](macro@crate::circuit_breaker) puts an async function behind a breaker:
//!
//! ```standalone_crate
//! use metrics_runtime::circuit_breaker::CircuitOpen;
//! use metrics_runtime::{circuit_breaker, track_ryot};
//!
//! #[derive(Debug)]
//! enum RyotError {
//!     Open(CircuitOpen),
//!     Refused,
//! }
//!
//! impl From<CircuitOpen> for RyotError {
//!     fn from(open: CircuitOpen) -> Self {
//!         Self::Open(open)
//!     }
//! }
//!
//! #[circuit_breaker(
//!     service = "ryot", failures = 5, open = "30s", slow = "10s", ignore_if = |e| matches!(e, RyotError::Refused)
//! )]
//! #[track_ryot]
//! async fn generate(prompt: &str) -> Result<String, RyotError> {
//!     if prompt.is_empty() { Err(RyotError::Refused) } else { Ok(format!("{prompt} ..")) }
//! }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! assert!(generate("Once").await.is_ok());
//! assert!(matches!(generate("").await, Err(RyotError::Refused)));
//! # let _ = |error| if let RyotError::Open(open) = error { drop(open) };
//! # });
//! ```
//!
//! After five consecutive failures, the body does not run for 30 seconds. Calls return the error that
//! `From<CircuitOpen>` creates; the arguments `on_reject` and `fallback` replace it. With the feature `axum`,
//! [`CircuitOpen`] is a response: 503, with `Retry-After`. After the 30 seconds, one call is admitted as a probe.
//!
//! - A call is a failure if its [outcome](macro@crate::track#outcomes) is an error: what carries an HTTP status is judged
//!   by the status, 5xx is an error, everything else is not, and an `Err` of any other type is an error. `impl Classify`
//!   and the arguments `failure_if`, `ignore_if` and `classify` decide otherwise. [Results](#results) lists all ends of a
//!   call.
//! - All functions that name a service share its breaker. The argument `breaker = self.breaker` takes a breaker that
//!   the program holds.
//! - The breaker encloses the code that [`macro@crate::track`] and the other attributes record, in any order of the
//!   attributes. `ryot_requests_total` counts only the calls that reached the service.
//! - A breaker also works if metrics are switched off by `METRICS_ENABLED` or `--cfg metrics_off`.
//!
//! # Ways to use a breaker
//!
//! - [`#[circuit_breaker]`](macro@crate::circuit_breaker) on an async function, with one breaker for each service name.
//!   [`CircuitBreaker::find`] returns that breaker.
//! - [`CircuitBreaker`] without an attribute: [`call`](CircuitBreaker::call) runs a future. Or
//!   [`acquire`](CircuitBreaker::acquire) a [`Permit`] and report the result of the call on it.
//! - [`CircuitBreakerLayer`] for tower services, clients and routes (feature `tower`, part of `axum`).
//! - [`BreakerSource`] for the state of breakers that other crates implement, and [`BreakerHandle`] for breakers whose
//!   state cannot be read. The features `failsafe` and `tower-resilience` have a source for the crates `failsafe` and
//!   `tower-resilience-circuitbreaker`; the modules of the same names list what is approximate.
//!
//! # Settings
//!
//! [`Settings`] has three policies for opening a breaker:
//!
//! | policy | arguments of the attribute | opens after |
//! |---|---|---|
//! | [`consecutive`](Settings::consecutive) | `failures = 5` | this number of consecutive failures |
//! | [`ratio_of_calls`](Settings::ratio_of_calls) | `ratio = 0.5, calls = 100` | this ratio of failures among the last calls |
//! | [`ratio_over_time`](Settings::ratio_over_time) | `ratio = 0.5, window = "10s"` | this ratio of failures within a time window |
//!
//! Each method of [`Settings`] has the name of its argument: the time in the open state ([`open`](Settings::open)) can
//! double each time up to [`max_open`](Settings::max_open) and can vary randomly ([`jitter`](Settings::jitter)).
//! [`slow`](Settings::slow), [`slow_ratio`](Settings::slow_ratio) and [`cancelled_fails`](Settings::cancelled_fails) decide
//! about calls that take too long or are cancelled.
//!
//! # Results
//!
//! | the call | `result` | for the breaker |
//! |---|---|---|
//! | returned, and is a success | `success` | a success |
//! | returned, and is a failure; or panicked | `failure` | a failure |
//! | returned, and is ignored (`ignore_if`, [`Verdict::Ignored`]) | `ignored` | nothing |
//! | was dropped before its end: by a timeout, `select!`, an abort, a client that disconnected | `cancelled` | nothing; a failure with `cancelled_fails` |
//! | took longer than `slow`, and is not a failure by the rows above | `slow` | a failure; with `slow_ratio` only a slow call |
//! | was rejected | `rejected` | nothing |
//!
//! - Ignore what says nothing about the service, such as a request that was refused before it was sent. As a success, it
//!   would end a run of failures, and close a half-open breaker while the service is down. An ignored or cancelled probe
//!   lets another call be a probe.
//! - The duration of a call is decided at its end. A call that hangs counts when it is cancelled, so set `slow` below the
//!   timeouts of the callers. A call that failed late is a failure, and also counts for `slow_ratio`.
//! - `circuit_breaker_failures_total` counts the failures of this table: the results `failure`, `slow` without
//!   `slow_ratio`, and `cancelled` with `cancelled_fails`.
//!
//! # Guarantees
//!
//! - The probes in progress and the successful probes of a half-open breaker together never exceed
//!   [`half_open`](Settings::half_open).
//! - The result of a call counts for the state that admitted the call. A call that ends in a later state is counted in
//!   the metrics and changes nothing else.
//! - A probe that does not end within its [`lease`](Settings::lease) expires, so that another call can be a probe.
//! - Time is monotonic, arithmetic saturates, and the breaker never panics.
//! - No lock is held while a call runs, while a listener runs, or across an `.await`.
//! - A successful call through a closed breaker costs one atomic load before and one after, and one addition to a
//!   counter of its thread. Policies with a ratio add to a second counter.
//!   [`ratio_over_time`](Settings::ratio_over_time) also reads the clock, and takes the lock once for each of its ten
//!   steps. [`slow`](Settings::slow) reads the clock before and after the call.
//!
//! # Metrics
//!
//! | metric | kind | meaning |
//! |---|---|---|
//! | `circuit_breaker_state{service}` | gauge | 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open |
//! | `circuit_breaker_failures_total{service}` | counter | failures that the breaker has counted |
//! | `circuit_breaker_calls_total{service, result}` | counter | calls by [result](#results); `slow` exists only with the setting |
//! | `circuit_breaker_transitions_total{service, from, to}` | counter | transitions |
//! | `circuit_breaker_last_transition_timestamp_seconds{service}` | gauge | time of the last transition; 0 before the first |
//! | `circuit_breaker_failure_ratio{service}` | gauge | ratio of failures in the window while closed; absent below the minimum, and for policies without a ratio |
//! | `circuit_breaker_failure_ratio_threshold{service}` | gauge | ratio that opens the breaker; absent for policies without a ratio |
//! | `circuit_breaker_slow_ratio{service}` | gauge | with `slow_ratio`: ratio of slow calls in the window while closed; absent below the minimum |
//! | `circuit_breaker_slow_ratio_threshold{service}` | gauge | with `slow_ratio`: ratio of slow calls that opens the breaker |
//! | `circuit_breaker_probes_in_flight{service}` | gauge | probes in progress |
//! | `circuit_breaker_transitions_dropped_total{service}` | counter | transitions that listeners were too slow to receive; only for breakers with a listener |
//!
//! A scrape computes the values and does not change the breaker. A breaker whose time in the open state has passed
//! shows half-open, even before the next call. The series exist from registration, at zero, and disappear when the
//! breaker is dropped.

pub(crate) mod attribute;
mod breaker;
mod clock;
#[cfg(feature = "failsafe")]
pub mod failsafe;
mod handle;
#[cfg(feature = "tower")]
mod layer;
mod machine;
mod metrics;
#[cfg(all(test, models))]
mod models;
mod open;
mod permit;
mod registered;
mod settings;
mod source;
#[cfg(feature = "tower-resilience")]
pub mod tower_resilience;
mod window;

pub use breaker::CircuitBreaker;
pub use clock::{Clock, ManualClock};
pub use handle::BreakerHandle;
#[cfg(feature = "tower")]
pub use layer::{
    ByStatus, CircuitBreakerLayer, CircuitBreakerService, ErrorsFail, FailureIf, IgnoreIf, Judge, Reject, Rejected,
    Respond, ResponseFuture,
};
pub use open::CircuitOpen;
pub use permit::{Calling, Guarded, Permit};
pub use registered::{BreakerError, Shown, show, show_in};
pub use settings::{Settings, SettingsError};
pub use source::{BreakerSource, Calls, Snapshot};

use std::fmt;

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls are admitted. The value of the gauge is 0.
    Closed = 0,
    /// Calls are rejected. The value of the gauge is 1.
    Open = 1,
    /// A few calls are admitted as probes. The value of the gauge is 2.
    HalfOpen = 2,
    /// Calls are admitted, and failures do not open the breaker. The value of the gauge is 3.
    Disabled = 3,
    /// Calls are rejected until the program closes, disables or resets the breaker. The value of the gauge is 4.
    ForcedOpen = 4,
}

impl State {
    /// All states, in the order of their values.
    pub const ALL: [Self; 5] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Disabled, Self::ForcedOpen];

    /// Returns the value of the gauge `circuit_breaker_state`.
    #[must_use]
    pub const fn value(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::Open => 1.0,
            Self::HalfOpen => 2.0,
            Self::Disabled => 3.0,
            Self::ForcedOpen => 4.0,
        }
    }

    /// Returns the value of the labels `from` and `to`: `closed`, `open`, `half_open`, `disabled` or `forced_open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::ForcedOpen => "forced_open",
        }
    }

    /// Returns the transitions that a [`CircuitBreaker`] can make, as pairs of states.
    fn transitions() -> impl Iterator<Item = (Self, Self)> {
        let pairs = Self::ALL.into_iter().flat_map(|from| Self::ALL.map(|to| (from, to)));
        pairs.filter(|pair| match pair {
            (Self::Closed | Self::HalfOpen, Self::Open) | (Self::Open, Self::HalfOpen) => true,
            (_, Self::Open | Self::HalfOpen) => false,
            (from, to) => from != to,
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "forced open",
            state => state.as_str(),
        })
    }
}

/// The classification of a finished call.
///
/// With [`Settings::slow`], a call that took too long counts as slow, whatever its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The service works.
    Success,
    /// The service fails.
    Failure,
    /// The call says nothing about the service, such as a request that was refused before it was sent. It is neither a
    /// success nor a failure. If it was a probe, another call can be a probe.
    Ignored,
}

/// Converts the result of `failure_if`: `true` is a failure, `false` a success.
impl From<bool> for Verdict {
    fn from(failure: bool) -> Self {
        if failure { Self::Failure } else { Self::Success }
    }
}

/// A transition: a change of the state, as passed to the listeners of [`CircuitBreaker::on_transition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The previous state.
    pub from: State,
    /// The new state.
    pub to: State,
}

/// The result of an admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Completion {
    Success,
    Failure,
    /// It took longer than [`Settings::slow`], and would not be a failure otherwise.
    Slow,
    Ignored,
    Cancelled,
}

impl Completion {
    const ALL: [Self; 5] = [Self::Success, Self::Failure, Self::Slow, Self::Ignored, Self::Cancelled];
}

impl From<Verdict> for Completion {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Success => Self::Success,
            Verdict::Failure => Self::Failure,
            Verdict::Ignored => Self::Ignored,
        }
    }
}
