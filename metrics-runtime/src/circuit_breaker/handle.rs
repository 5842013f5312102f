//! Breakers whose state is set from outside.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::State;
use super::clock::Clock;
use super::registered::Breakers;
use super::source::{BreakerSource, Snapshot};
use crate::registry::{Registry, RegistryError};
use crate::schema::Source;

/// The metrics of a circuit breaker whose state cannot be read. The program sets the state instead.
///
/// Prefer a [`BreakerSource`] if the state can be read, because its metrics are correct at every moment. Clones are
/// cheap and share the same breaker. Its series disappear when the last clone is dropped.
///
/// ```
/// use metrics_runtime::circuit_breaker::{BreakerHandle, State};
///
/// let mailer = BreakerHandle::register("mailer")?;
/// mailer.record_failure();
/// mailer.set_state(State::Open);
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"mailer\"} 1\n"));
/// assert!(page.contains("circuit_breaker_failures_total{service=\"mailer\"} 1\n"));
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BreakerHandle {
    service: Arc<str>,
    reported: Arc<ReportedState>,
}

/// A state, its transitions and failures, as reported by the user or by another crate.
#[derive(Debug)]
pub(super) struct ReportedState {
    state: AtomicU8,
    failures: AtomicU64,
    changes: Mutex<Changes>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Changes {
    transitions: Vec<(State, State, u64)>,
    last: f64,
}

impl ReportedState {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(State::Closed as u8),
            failures: AtomicU64::new(0),
            changes: Mutex::default(),
            clock: Clock::monotonic(),
        }
    }

    fn state(&self) -> State {
        let value = self.state.load(Ordering::Acquire);
        State::ALL.into_iter().find(|state| *state as u8 == value).unwrap_or(State::Closed)
    }

    pub(super) fn set_state(&self, to: State) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.state();
        if from == to {
            return;
        }
        match changes.transitions.iter_mut().find(|(f, t, _)| (*f, *t) == (from, to)) {
            Some((.., count)) => *count += 1,
            None => changes.transitions.push((from, to, 1)),
        }
        changes.last = self.clock.timestamp();
        self.state.store(to as u8, Ordering::Release);
    }

    /// Returns the state and the transitions, without the failures.
    pub(super) fn state_snapshot(&self) -> Snapshot {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |from, to| {
            let reported = changes.transitions.iter().find(|(f, t, _)| (*f, *t) == (from, to));
            reported.map_or(0, |(.., count)| *count)
        };
        let mut snapshot = Snapshot::new(self.state()).last_transition(changes.last);
        for (from, to) in State::transitions() {
            snapshot = snapshot.transition(from, to, count(from, to));
        }
        // Other breakers can make transitions that `CircuitBreaker` does not make.
        for &(from, to, count) in &changes.transitions {
            if !snapshot.transitions.iter().any(|(f, t, _)| (*f, *t) == (from, to)) {
                snapshot = snapshot.transition(from, to, count);
            }
        }
        snapshot
    }
}

impl BreakerSource for ReportedState {
    fn snapshot(&self) -> Snapshot {
        self.state_snapshot().failures(self.failures.load(Ordering::Relaxed))
    }
}

impl BreakerHandle {
    /// Registers a closed breaker without failures in the global registry. Returns the existing handle, with its
    /// counts, if the service has one.
    ///
    /// # Errors
    /// Returns an error if the service has a breaker that is not a handle, or if another metric has the name of one of
    /// the families.
    #[track_caller]
    pub fn register(service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        Self::register_in(Registry::global(), service)
    }

    /// Like [`register`](Self::register), in the given registry.
    ///
    /// # Errors
    /// See [`register`](Self::register).
    #[track_caller]
    pub fn register_in(registry: &Registry, service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        let (service, place) = (service.into(), Source::caller());
        let create = || Arc::new(ReportedState::new());
        let reported = Breakers::of(registry, place)?.get_or_add(Arc::clone(&service), place, create, |_| Ok(()))?;
        Ok(Self { service, reported })
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Sets the state. A change of state counts as a transition.
    pub fn set_state(&self, state: State) {
        self.reported.set_state(state);
    }

    /// Counts a failure. Does not change the state.
    pub fn record_failure(&self) {
        self.reported.failures.fetch_add(1, Ordering::Relaxed);
    }
}
