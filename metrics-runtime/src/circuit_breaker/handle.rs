//! A breaker that is told its state.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::State;
use super::clock::Clock;
use super::registered::{Breakers, Held, KIND, Live};
use super::source::{BreakerSource, Snapshot};
use crate::registry::{Registry, RegistryError};
use crate::schema::Source;

/// The gauges of a circuit breaker that somebody else runs and that cannot be asked: it is told. Where it can be asked,
/// a [`BreakerSource`] is true at any moment. Cheap to clone: clones show the same breaker, whose series go with the last
/// of them.
///
/// ```
/// use metrics_runtime::circuit_breaker::{BreakerHandle, State};
///
/// let ryot = BreakerHandle::register("ryot")?;
/// ryot.record_failure();
/// ryot.set_state(State::Open);
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 1\n"));
/// assert!(page.contains("circuit_breaker_failures_total{service=\"ryot\"} 1\n"));
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BreakerHandle {
    service: Arc<str>,
    told: Arc<Manual>,
}

/// What it was told.
#[derive(Debug)]
pub(super) struct Manual {
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

impl Manual {
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
            Some((.., times)) => *times += 1,
            None => changes.transitions.push((from, to, 1)),
        }
        changes.last = self.clock.timestamp();
        self.state.store(to as u8, Ordering::Release);
    }

    /// All that it knows, failures left out.
    pub(super) fn known(&self) -> Snapshot {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let times = |from, to| {
            let told = changes.transitions.iter().find(|(f, t, _)| (*f, *t) == (from, to));
            told.map_or(0, |(.., times)| *times)
        };
        let mut snapshot = Snapshot::new(self.state()).last_transition(changes.last);
        for (from, to) in State::transitions() {
            snapshot = snapshot.transition(from, to, times(from, to));
        }
        // Another breaker may go ways that ours does not.
        for &(from, to, times) in &changes.transitions {
            if !snapshot.transitions.iter().any(|(f, t, _)| (*f, *t) == (from, to)) {
                snapshot = snapshot.transition(from, to, times);
            }
        }
        snapshot
    }
}

impl BreakerSource for Manual {
    fn snapshot(&self) -> Snapshot {
        self.known().failures(self.failures.load(Ordering::Relaxed))
    }
}

impl BreakerHandle {
    /// Registers a service with the global registry, closed and without failures. A service that has a handle already has
    /// the same one, with its numbers.
    ///
    /// # Errors
    /// The service has another breaker, or another metric one of the names of the families.
    #[track_caller]
    pub fn register(service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        Self::register_in(Registry::global(), service)
    }

    /// Like [`register`](Self::register), with a registry of one's own.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    #[track_caller]
    pub fn register_in(registry: &Registry, service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        let (service, place) = (service.into(), Source::caller());
        let make = || {
            let told = Arc::new(Manual::new());
            let held = Held::Handle(Arc::downgrade(&told));
            (told, held)
        };
        let told = Breakers::of(registry, place)?.add(Arc::clone(&service), place, make, |there| match there {
            Live::Handle(told) => Ok(told),
            Live::Ours(_) | Live::Other => Err(KIND),
        })?;
        Ok(Self { service, told })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Shows a state.
    pub fn set_state(&self, state: State) {
        self.told.set_state(state);
    }

    /// Counts a failure.
    pub fn record_failure(&self) {
        self.told.failures.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_is_on_the_page_from_registration_and_shows_what_it_is_told() {
        let registry = Registry::new();
        let shows = |state: f64, failures: u64| {
            let page = registry.render();
            page.contains(&format!("circuit_breaker_state{{service=\"vault\"}} {state}\n"))
                && page.contains(&format!("circuit_breaker_failures_total{{service=\"vault\"}} {failures}\n"))
        };
        let vault = BreakerHandle::register_in(&registry, "vault").unwrap();
        assert!(shows(0.0, 0));
        vault.record_failure();
        vault.set_state(State::Open);
        assert!(shows(1.0, 1));
        BreakerHandle::register_in(&registry, "vault").unwrap().set_state(State::HalfOpen);
        assert!(shows(2.0, 1));
        vault.set_state(State::HalfOpen);
        let page = registry.render();
        assert!(page.contains("_transitions_total{service=\"vault\",from=\"open\",to=\"half_open\"} 1\n"), "{page}");
        drop(vault);
        assert!(!registry.render().contains("vault"));
    }
}
