//! Breakers of the crate `tower-resilience-circuitbreaker` (feature `tower-resilience`).
//!
//! Its handle can be asked for the state, and its events are counted. What is approximate:
//!
//! - A breaker whose wait has passed shows open until the next call comes.
//! - The failure ratio is the one that it computes itself. In version 0.14 its window of calls does not slide: it grows
//!   from one change of state to the next. It is left out at a moment when a call has the breaker's lock, and before the
//!   first call.
//! - Its threshold, its minimum and its probes cannot be asked for.
//! - A call that is dropped is not told: there are no cancelled calls on the page, and it knows no ignored ones.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tower_resilience_circuitbreaker::{CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitState};

use super::handle::Manual;
use super::{BreakerSource, Calls, Snapshot, State};

/// Counts the events of one breaker. Clones are the same.
///
/// ```
/// use metrics_runtime::circuit_breaker::{show, tower_resilience::Events};
/// use tower_resilience_circuitbreaker::CircuitBreakerLayer;
///
/// let events = Events::new();
/// let builder = events.of(CircuitBreakerLayer::builder().consecutive_failures(5));
/// let (layer, handle) = builder.build_with_handle()?;
/// show("theirs", events.source(handle))?.forever();
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"theirs\"} 0\n"));
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    told: Arc<Told>,
}

#[derive(Debug)]
struct Told {
    changes: Manual,
    success: AtomicU64,
    failure: AtomicU64,
    rejected: AtomicU64,
}

/// A breaker that can be asked, and whose events are counted.
pub struct Source<C> {
    handle: CircuitBreakerHandle<C>,
    told: Arc<Told>,
}

impl Events {
    /// For a breaker that is to be built.
    #[must_use]
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { told: Arc::new(Told { changes: Manual::new(), success: zero(), failure: zero(), rejected: zero() }) }
    }

    /// Listens to the events of the breaker that is built. Its type of classifier has to be decided before.
    #[must_use]
    pub fn of<C>(&self, builder: CircuitBreakerConfigBuilder<C>) -> CircuitBreakerConfigBuilder<C> {
        let [changes, success, failure, rejected] = [(); 4].map(|()| Arc::clone(&self.told));
        builder
            .on_state_transition(move |_, to| changes.changes.set_state(state(to)))
            .on_success(move |_| count(&success.success))
            .on_failure(move |_| count(&failure.failure))
            .on_call_rejected(move || count(&rejected.rejected))
    }

    /// The breaker that was built, for [`show`](super::show).
    #[must_use]
    pub fn source<C>(&self, handle: CircuitBreakerHandle<C>) -> Source<C> {
        Source { handle, told: Arc::clone(&self.told) }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> std::fmt::Debug for Source<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("told", &self.told).finish_non_exhaustive()
    }
}

fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

const fn state(theirs: CircuitState) -> State {
    match theirs {
        CircuitState::Closed => State::Closed,
        CircuitState::Open => State::Open,
        CircuitState::HalfOpen => State::HalfOpen,
    }
}

impl<C: Send + Sync> BreakerSource for Source<C> {
    fn snapshot(&self) -> Snapshot {
        let of = |number: &AtomicU64| Some(number.load(Ordering::Relaxed));
        let told = &*self.told;
        let failures = told.failure.load(Ordering::Relaxed);
        let calls = Calls {
            success: of(&told.success),
            failure: Some(failures),
            rejected: of(&told.rejected),
            ..Calls::default()
        };
        let mut snapshot = told.changes.known().failures(failures).calls(calls);
        snapshot.state = state(self.handle.state());
        // Its lock is one to wait for; asked once, it is had or not.
        if let Poll::Ready(metrics) = pin!(self.handle.metrics()).poll(&mut Context::from_waker(Waker::noop()))
            && metrics.total_calls > 0
        {
            snapshot = snapshot.failure_ratio(metrics.failure_rate);
        }
        snapshot
    }
}
