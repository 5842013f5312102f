//! Gauges of circuit breakers, whoever breaks.
//!
//! A handle per service shows the state that a breaker tells it:
//!
//! | metric | meaning |
//! |---|---|
//! | gauge `circuit_breaker_state{service}` | 0 closed, 1 open, 2 half-open |
//! | counter `circuit_breaker_failures_total{service}` | failures the breaker has counted |
//!
//! Both are on the page from the moment a service is registered.

use std::sync::Arc;

use crate::cell::{Counter, Gauge};
use crate::descriptor::Descriptor;
use crate::family::Family;
use crate::registry::{Registry, RegistryError};

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls pass: 0.
    Closed,
    /// Calls are rejected: 1.
    Open,
    /// A few calls pass, to find out whether the service is back: 2.
    HalfOpen,
}

impl State {
    /// The value of the gauge.
    #[must_use]
    pub const fn value(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::Open => 1.0,
            Self::HalfOpen => 2.0,
        }
    }
}

/// The gauges of one service's circuit breaker. Cheap to clone: clones show the same breaker.
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
    state: Family<Gauge>,
    failures: Family<Counter>,
}

impl BreakerHandle {
    /// Registers a service with the global registry, closed and without failures. A service that is there already is
    /// the same one, and keeps its numbers.
    ///
    /// # Errors
    /// Another metric has one of the two names.
    pub fn register(service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        Self::register_in(Registry::global(), service)
    }

    /// Like [`register`](Self::register), with a registry of one's own.
    ///
    /// # Errors
    /// Another metric has one of the two names.
    pub fn register_in(registry: &Registry, service: impl Into<Arc<str>>) -> Result<Self, RegistryError> {
        let state = Descriptor::gauge(
            "circuit_breaker_state",
            "State of a service's circuit breaker: 0 closed, 1 open, 2 half-open.",
        );
        let failures = Descriptor::counter(
            "circuit_breaker_failures_total",
            "Failures that a service's circuit breaker has counted.",
        );
        let handle = Self {
            service: service.into(),
            state: registry.gauge(state.labels(["service"]))?,
            failures: registry.counter(failures.labels(["service"]))?,
        };
        // Asked for once, so that both are on the page from now on.
        handle.state();
        handle.failures();
        Ok(handle)
    }

    fn state(&self) -> &Gauge {
        self.state.series(&[&self.service])
    }

    fn failures(&self) -> &Counter {
        self.failures.series(&[&self.service])
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Shows a state.
    pub fn set_state(&self, state: State) {
        self.state().set(state.value());
    }

    /// Counts a failure.
    pub fn record_failure(&self) {
        self.failures().inc();
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
    }
}
