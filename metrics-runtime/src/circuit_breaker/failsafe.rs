//! Metrics of circuit breakers of the crate `failsafe` (feature `failsafe`).
//!
//! The state of such a breaker cannot be read. [`Hooks`] receives its hooks instead, so the metrics are approximate:
//!
//! - The state is that of the last hook. A breaker whose time in the open state has passed shows open until the next
//!   call.
//! - `failsafe` calls its hooks after it has released its lock. Two hooks at the same moment can arrive in the wrong
//!   order. The state is wrong then until the next hook.
//! - There are hooks only for rejected calls. The page has no failures, no other calls, and no failure ratio.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::ReportedState;
use super::{BreakerSource, Calls, Snapshot, State};

/// A receiver of the hooks of one breaker, and the [`BreakerSource`] of its metrics. Clones share the same data.
///
/// ```
/// use failsafe::{CircuitBreaker as _, Config, backoff, failure_policy};
/// use metrics_runtime::circuit_breaker::failsafe::Hooks;
/// use metrics_runtime::circuit_breaker::show;
/// use std::time::Duration;
///
/// let hooks = Hooks::new();
/// let policy = failure_policy::consecutive_failures(1, backoff::constant(Duration::from_secs(30)));
/// let breaker = Config::new().failure_policy(policy).instrument(hooks.clone()).build();
/// show("ryot", hooks)?.forever();
///
/// breaker.call(|| Err::<(), _>("down")).unwrap_err();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 1\n"));
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hooks {
    reported: Arc<Reported>,
}

#[derive(Debug)]
struct Reported {
    state: ReportedState,
    rejected: AtomicU64,
}

impl Hooks {
    /// Creates hooks to pass to the builder of a breaker.
    #[must_use]
    pub fn new() -> Self {
        Self { reported: Arc::new(Reported { state: ReportedState::new(), rejected: AtomicU64::new(0) }) }
    }
}

impl Default for Hooks {
    fn default() -> Self {
        Self::new()
    }
}

impl failsafe::Instrument for Hooks {
    fn on_call_rejected(&self) {
        self.reported.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn on_open(&self) {
        self.reported.state.set_state(State::Open);
    }

    fn on_half_open(&self) {
        self.reported.state.set_state(State::HalfOpen);
    }

    fn on_closed(&self) {
        self.reported.state.set_state(State::Closed);
    }
}

impl BreakerSource for Hooks {
    fn snapshot(&self) -> Snapshot {
        let rejected = Some(self.reported.rejected.load(Ordering::Relaxed));
        self.reported.state.state_snapshot().calls(Calls { rejected, ..Calls::default() })
    }
}
