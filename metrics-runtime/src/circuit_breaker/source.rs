//! Snapshots of circuit breakers, and the trait of their sources.

use std::sync::Arc;

use super::State;

/// A source of the metrics of a circuit breaker.
///
/// Implement it for a breaker of another crate, and register it with [`show`](super::show).
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::sync::Arc;
/// use metrics_runtime::circuit_breaker::{BreakerSource, Snapshot, State, show};
///
/// struct Fuse(AtomicBool);
///
/// impl BreakerSource for Fuse {
///     fn snapshot(&self) -> Snapshot {
///         Snapshot::new(if self.0.load(Ordering::Relaxed) { State::Open } else { State::Closed })
///     }
/// }
///
/// let fuse = Arc::new(Fuse(AtomicBool::new(false)));
/// let shown = show("kitchen", Arc::clone(&fuse))?;
/// fuse.0.store(true, Ordering::Relaxed);
/// let page = || metrics_runtime::Registry::global().render();
/// assert!(page().contains("circuit_breaker_state{service=\"kitchen\"} 1\n"));
/// drop(shown);
/// assert!(!page().contains("kitchen"));
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
pub trait BreakerSource: Send + Sync {
    /// Returns the current state and counts.
    ///
    /// Called on every scrape. It must not change the breaker, and should not block. A source that panics, blocks beyond
    /// the deadline of the page, or renders the registry is left out and counted in
    /// `metrics_runtime_scrape_errors_total`; all others are on the page. [`Registry::render`](crate::Registry::render)
    /// has no deadline.
    fn snapshot(&self) -> Snapshot;
}

impl<S: BreakerSource + ?Sized> BreakerSource for Arc<S> {
    fn snapshot(&self) -> Snapshot {
        (**self).snapshot()
    }
}

/// The state and counts of a circuit breaker at one moment.
///
/// Fields that are `None` have no series.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// The number of failures since the breaker was created.
    pub failures: Option<u64>,
    /// The number of calls since the breaker was created, by result.
    pub calls: Calls,
    /// The number of transitions between each pair of states since the breaker was created.
    pub transitions: Vec<(State, State, u64)>,
    /// The time of the last transition, in seconds since 1970; 0 before the first one.
    pub last_transition: Option<f64>,
    /// The ratio of failed calls in the window, from 0 to 1; `None` if there are too few calls.
    pub failure_ratio: Option<f64>,
    /// The failure ratio that opens the breaker, from 0 to 1.
    pub failure_ratio_threshold: Option<f64>,
    /// The ratio of slow calls in the window, from 0 to 1; `None` if there are too few calls.
    pub slow_ratio: Option<f64>,
    /// The ratio of slow calls that opens the breaker, from 0 to 1.
    pub slow_ratio_threshold: Option<f64>,
    /// The number of probes in progress.
    pub probes_in_flight: Option<u64>,
    /// The number of transitions that the listeners did not receive, because they are slower than the transitions.
    pub transitions_dropped: Option<u64>,
}

/// The number of calls by result. Fields that are `None` have no series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Successful calls.
    pub success: Option<u64>,
    /// Failed calls.
    pub failure: Option<u64>,
    /// Calls that took too long and did not fail otherwise.
    pub slow: Option<u64>,
    /// Calls that count as neither a success nor a failure.
    pub ignored: Option<u64>,
    /// Calls that were dropped before they finished, unless they count as slow.
    pub cancelled: Option<u64>,
    /// Calls that were not admitted.
    pub rejected: Option<u64>,
}

impl Snapshot {
    /// Creates a snapshot with only a state.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            failures: None,
            calls: Calls { success: None, failure: None, slow: None, ignored: None, cancelled: None, rejected: None },
            transitions: Vec::new(),
            last_transition: None,
            failure_ratio: None,
            failure_ratio_threshold: None,
            slow_ratio: None,
            slow_ratio_threshold: None,
            probes_in_flight: None,
            transitions_dropped: None,
        }
    }

    /// Sets the number of failures since the breaker was created.
    pub fn failures(mut self, failures: u64) -> Self {
        self.failures = Some(failures);
        self
    }

    /// Sets the number of calls since the breaker was created.
    pub const fn calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// Adds the number of transitions from one state to another since the breaker was created. Call it once for each
    /// pair of states.
    pub fn transition(mut self, from: State, to: State, count: u64) -> Self {
        self.transitions.push((from, to, count));
        self
    }

    /// Sets the time of the last transition, in seconds since 1970; 0 before the first one.
    pub fn last_transition(mut self, timestamp: f64) -> Self {
        self.last_transition = Some(timestamp);
        self
    }

    /// Sets the ratio of failed calls in the window, from 0 to 1. Leave it unset if there are too few calls.
    pub fn failure_ratio(mut self, ratio: f64) -> Self {
        self.failure_ratio = Some(ratio);
        self
    }

    /// Sets the failure ratio that opens the breaker, from 0 to 1.
    pub fn failure_ratio_threshold(mut self, ratio: f64) -> Self {
        self.failure_ratio_threshold = Some(ratio);
        self
    }

    /// Sets the ratio of slow calls in the window, from 0 to 1. Leave it unset if there are too few calls.
    pub fn slow_ratio(mut self, ratio: f64) -> Self {
        self.slow_ratio = Some(ratio);
        self
    }

    /// Sets the ratio of slow calls that opens the breaker, from 0 to 1.
    pub fn slow_ratio_threshold(mut self, ratio: f64) -> Self {
        self.slow_ratio_threshold = Some(ratio);
        self
    }

    /// Sets the number of transitions that listeners did not receive.
    pub fn transitions_dropped(mut self, transitions: u64) -> Self {
        self.transitions_dropped = Some(transitions);
        self
    }

    /// Sets the number of probes in progress.
    pub fn probes_in_flight(mut self, probes: u64) -> Self {
        self.probes_in_flight = Some(probes);
        self
    }
}
