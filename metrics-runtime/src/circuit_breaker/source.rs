//! What breakers show of themselves, whoever wrote them.

use std::sync::Arc;

use super::State;
use super::registered::{Breakers, Held, KIND};
use crate::registry::{Registry, RegistryError};
use crate::schema::Source;

/// A circuit breaker that can say how it is. Implement it for breakers of others, and [`show`] them.
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
    /// How it is at this moment. Called on every scrape; changes nothing, and does not wait.
    fn snapshot(&self) -> Snapshot;
}

impl<S: BreakerSource + ?Sized> BreakerSource for Arc<S> {
    fn snapshot(&self) -> Snapshot {
        (**self).snapshot()
    }
}

/// How a circuit breaker is at one moment. What is not known has no series.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// Failures it has counted since it was made.
    pub failures: Option<u64>,
    /// Calls since it was made, by how they ended.
    pub calls: Calls,
    /// How often it went from one state to another since it was made.
    pub transitions: Vec<(State, State, u64)>,
    /// When it did last, in seconds since 1970; 0 before the first time.
    pub last_transition: Option<f64>,
    /// The part of the calls in its window that has failed, where there are enough of them.
    pub failure_ratio: Option<f64>,
    /// The part that opens it.
    pub failure_ratio_threshold: Option<f64>,
    /// Probes that are under way.
    pub probes_in_flight: Option<u64>,
}

/// Calls by how they ended. What is not known has no series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The service is well.
    pub success: Option<u64>,
    /// It is not.
    pub failure: Option<u64>,
    /// They say nothing about the service.
    pub ignored: Option<u64>,
    /// They were dropped before they were done.
    pub cancelled: Option<u64>,
    /// They were not made.
    pub rejected: Option<u64>,
}

impl Snapshot {
    /// A breaker of which nothing but its state is known.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            failures: None,
            calls: Calls { success: None, failure: None, ignored: None, cancelled: None, rejected: None },
            transitions: Vec::new(),
            last_transition: None,
            failure_ratio: None,
            failure_ratio_threshold: None,
            probes_in_flight: None,
        }
    }

    /// Failures it has counted since it was made.
    pub fn failures(mut self, failures: u64) -> Self {
        self.failures = Some(failures);
        self
    }

    /// Calls since it was made.
    pub const fn calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// How often it went from one state to another since it was made; each pair once.
    pub fn transition(mut self, from: State, to: State, times: u64) -> Self {
        self.transitions.push((from, to, times));
        self
    }

    /// When it last went from one state to another, in seconds since 1970; 0 before the first time.
    pub fn last_transition(mut self, timestamp: f64) -> Self {
        self.last_transition = Some(timestamp);
        self
    }

    /// The part of the calls in its window that has failed. Leave it out where there are too few to say.
    pub fn failure_ratio(mut self, ratio: f64) -> Self {
        self.failure_ratio = Some(ratio);
        self
    }

    /// The part that opens it.
    pub fn failure_ratio_threshold(mut self, ratio: f64) -> Self {
        self.failure_ratio_threshold = Some(ratio);
        self
    }

    /// Probes that are under way.
    pub fn probes_in_flight(mut self, probes: u64) -> Self {
        self.probes_in_flight = Some(probes);
        self
    }
}

/// Keeps the series of a breaker on the page. They go when it is dropped.
#[must_use = "the breaker is on the page for as long as this lives"]
pub struct Shown {
    source: Arc<dyn BreakerSource>,
}

impl Shown {
    /// Keeps the breaker, and its series, for as long as the process runs.
    pub fn forever(self) {
        std::mem::forget(self.source);
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("snapshot", &self.source.snapshot()).finish()
    }
}

/// Shows a breaker in the global registry, for as long as what is returned lives.
///
/// # Errors
/// Another breaker has the name of the service, or another metric one of the names of the families.
#[track_caller]
pub fn show(service: impl Into<Arc<str>>, source: impl BreakerSource + 'static) -> Result<Shown, RegistryError> {
    show_in(Registry::global(), service, source)
}

/// Like [`show`], with a registry of one's own.
///
/// # Errors
/// As [`show`].
#[track_caller]
pub fn show_in(
    registry: &Registry,
    service: impl Into<Arc<str>>,
    source: impl BreakerSource + 'static,
) -> Result<Shown, RegistryError> {
    let place = Source::caller();
    let shown = Shown { source: Arc::new(source) };
    let there = Breakers::of(registry, place)?;
    there.add(service.into(), place, || ((), Held::Other(Arc::downgrade(&shown.source))), |_| Err(KIND))?;
    Ok(shown)
}
