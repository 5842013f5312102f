//! Metrics of circuit breakers of the crate `tower-resilience-circuitbreaker` (feature `tower-resilience`).
//!
//! The state is read from the handle of the breaker, and its events are counted. The metrics are approximate:
//!
//! - A breaker whose time in the open state has passed shows open until the next call.
//! - The failure ratio is the one that the breaker computes. In version 0.14 its window of calls does not slide: it
//!   grows from one change of state to the next. The ratio is absent before the first call, and if a call holds the
//!   breaker's lock at the moment of the scrape.
//! - The threshold of the ratio, the minimum and the probes cannot be read.
//! - There is no event for a dropped call, and the breaker has no ignored calls. The page has no cancelled and no
//!   ignored calls.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tower_resilience_circuitbreaker::{CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitState};

use super::handle::ReportedState;
use super::{BreakerSource, Calls, Snapshot, State};

/// A counter of the events of one breaker. Clones share the same data.
///
/// ```
/// use metrics_runtime::circuit_breaker::{show, tower_resilience::Events};
/// use tower_resilience_circuitbreaker::CircuitBreakerLayer;
///
/// let events = Events::new();
/// let builder = events.of(CircuitBreakerLayer::builder().consecutive_failures(5));
/// let (layer, handle) = builder.build_with_handle()?;
/// show("ryot", events.source(handle))?.forever();
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 0\n"));
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    reported: Arc<Reported>,
}

#[derive(Debug)]
struct Reported {
    state: ReportedState,
    success: AtomicU64,
    failure: AtomicU64,
    rejected: AtomicU64,
}

/// The [`BreakerSource`] of a breaker, from its handle and its events.
pub struct Source<C> {
    handle: CircuitBreakerHandle<C>,
    reported: Arc<Reported>,
}

impl Events {
    /// Creates a counter for a breaker that is built later.
    #[must_use]
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let state = ReportedState::new();
        Self { reported: Arc::new(Reported { state, success: zero(), failure: zero(), rejected: zero() }) }
    }

    /// Adds listeners for the events to the builder of a breaker. Set the classifier of the builder before, because it
    /// changes the type.
    #[must_use]
    pub fn of<C>(&self, builder: CircuitBreakerConfigBuilder<C>) -> CircuitBreakerConfigBuilder<C> {
        let [transitions, success, failure, rejected] = [(); 4].map(|()| Arc::clone(&self.reported));
        builder
            .on_state_transition(move |_, to| transitions.state.set_state(convert(to)))
            .on_success(move |_| count(&success.success))
            .on_failure(move |_| count(&failure.failure))
            .on_call_rejected(move || count(&rejected.rejected))
    }

    /// Returns the source of the metrics of the built breaker, for [`show`](super::show).
    #[must_use]
    pub fn source<C>(&self, handle: CircuitBreakerHandle<C>) -> Source<C> {
        Source { handle, reported: Arc::clone(&self.reported) }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> std::fmt::Debug for Source<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("reported", &self.reported).finish_non_exhaustive()
    }
}

fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

const fn convert(state: CircuitState) -> State {
    match state {
        CircuitState::Closed => State::Closed,
        CircuitState::Open => State::Open,
        CircuitState::HalfOpen => State::HalfOpen,
    }
}

impl<C: Send + Sync> BreakerSource for Source<C> {
    fn snapshot(&self) -> Snapshot {
        let load = |number: &AtomicU64| Some(number.load(Ordering::Relaxed));
        let reported = &*self.reported;
        let failures = reported.failure.load(Ordering::Relaxed);
        let calls = Calls {
            success: load(&reported.success),
            failure: Some(failures),
            rejected: load(&reported.rejected),
            ..Calls::default()
        };
        let mut snapshot = reported.state.state_snapshot().failures(failures).calls(calls);
        snapshot.state = convert(self.handle.state());
        // `metrics` waits for an async lock. A single poll returns the metrics if the lock is free, and never blocks.
        if let Poll::Ready(metrics) = pin!(self.handle.metrics()).poll(&mut Context::from_waker(Waker::noop()))
            && metrics.total_calls > 0
        {
            snapshot = snapshot.failure_ratio(metrics.failure_rate);
        }
        snapshot
    }
}
