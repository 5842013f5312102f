//! Circuit breakers, and gauges that show the true state of any breaker at the moment of the scrape.
//!
//! Closed, calls pass; failures open it. Open, calls are rejected for a while; then it is half-open: a few calls pass as
//! probes, whose successes close it and whose first failure opens it again. [`Settings`] say when, and for how long.
//!
//! - [`#[circuit_breaker]`](macro@crate::circuit_breaker) on an async function, with one breaker for each service name.
//! - [`CircuitBreaker`] for everything else: [`call`](CircuitBreaker::call), or [`acquire`](CircuitBreaker::acquire) a
//!   [`Permit`] and say how the call went; [`find`](CircuitBreaker::find) the one that an attribute has made.
//! - [`CircuitBreakerLayer`] for tower's services: clients and routes (feature `tower`, part of `axum`).
//! - [`BreakerSource`] shows the breakers of others; `failsafe` and `tower-resilience-circuitbreaker` are adapted behind
//!   features.
//!
//! # What holds
//!
//! - A half-open breaker never has more than [`half_open`](Settings::half_open) calls under way and succeeded.
//! - A call counts for the state that admitted it. When it ends in another one it is counted, and changes nothing.
//! - A call that is dropped counts as `cancelled`, frees its place, and says nothing about the service. A panic is a
//!   failure. A probe that never ends loses its place after its [`lease`](Settings::lease).
//! - Time is monotonic, arithmetic saturates, nothing panics, and no lock is held while a call runs, a listener is
//!   called, or anybody waits.
//! - While all is well, a call costs one atomic load before and one after, beside the counter of its thread; policies
//!   with a window add to one more counter.
//!
//! # Metrics
//!
//! | metric | meaning |
//! |---|---|
//! | gauge `circuit_breaker_state{service}` | 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open |
//! | counter `circuit_breaker_failures_total{service}` | failures the breaker has counted |
//! | counter `circuit_breaker_calls_total{service, result}` | calls by `success`, `failure`, `ignored`, `cancelled`, `rejected` |
//! | counter `circuit_breaker_transitions_total{service, from, to}` | changes of state |
//! | gauge `circuit_breaker_last_transition_timestamp_seconds{service}` | when the last one was; 0 before the first |
//! | gauge `circuit_breaker_failure_ratio{service}` | the part of the window that failed, while closed; absent below the minimum, and for policies without a ratio |
//! | gauge `circuit_breaker_failure_ratio_threshold{service}` | the part that opens it; absent for policies without a ratio |
//! | gauge `circuit_breaker_probes_in_flight{service}` | probes under way |
//!
//! They are computed when the page is written, and computing them changes nothing: a breaker whose wait has passed shows
//! half-open with no call made. All are there at zero from registration, and gone when the breaker is dropped.

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
#[cfg(all(test, not(models)))]
mod tests;
#[cfg(feature = "tower-resilience")]
pub mod tower_resilience;
mod window;

pub use breaker::CircuitBreaker;
pub use clock::{Clock, ManualClock};
pub use handle::BreakerHandle;
#[cfg(feature = "tower")]
pub use layer::{
    Breaking, BreakingFuture, ByStatus, CircuitBreakerLayer, ErrorsFail, Judge, Reject, Rejected, Respond,
};
pub use open::CircuitOpen;
pub use permit::{Calling, Guarded, Permit};
pub use registered::BreakerError;
pub use settings::{Settings, SettingsError};
pub use source::{BreakerSource, Calls, Shown, Snapshot, show, show_in};

use std::fmt;

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls pass: 0.
    Closed = 0,
    /// Calls are rejected: 1.
    Open = 1,
    /// A few calls pass, to find out whether the service is back: 2.
    HalfOpen = 2,
    /// Calls pass, whatever becomes of them: 3.
    Disabled = 3,
    /// Calls are rejected until somebody says otherwise: 4.
    ForcedOpen = 4,
}

impl State {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 5] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Disabled, Self::ForcedOpen];

    /// The value of the gauge.
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

    /// The label: `closed`, `open`, `half_open`, `disabled` or `forced_open`.
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

    /// The pairs of states that a breaker can go between.
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

/// What a call says about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is well.
    Success,
    /// It is not.
    Failure,
    /// Nothing: the call counts neither way, and frees its place.
    Ignored,
}

/// What `failure_if` says: `true` is a failure, `false` a success.
impl From<bool> for Verdict {
    fn from(failure: bool) -> Self {
        if failure { Self::Failure } else { Self::Success }
    }
}

/// A change of state, as listeners are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state that it was in.
    pub from: State,
    /// The state that it is in.
    pub to: State,
}

/// How a call that was admitted has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Success,
    Failure,
    Ignored,
    Cancelled,
}

impl Ended {
    const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Ignored, Self::Cancelled];
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Success => Self::Success,
            Verdict::Failure => Self::Failure,
            Verdict::Ignored => Self::Ignored,
        }
    }
}
