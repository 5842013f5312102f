//! Breakers of the crate `failsafe` (feature `failsafe`).
//!
//! A breaker of that crate has no state that could be read. It has hooks, which [`Hooks`] listens to, so what is shown is
//! approximate:
//!
//! - The state is that of the last hook. A breaker whose wait has passed shows open until the next call comes.
//! - `failsafe` calls its hooks after it has released its lock, so two at the same moment can arrive in the wrong order,
//!   and the state is then wrong until the next.
//! - Of calls, it tells only the rejected ones: there are no failures on the page, no other calls, and no failure ratio.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::Manual;
use super::{BreakerSource, Calls, Snapshot, State};

/// Listens to the hooks of one breaker, and is the [`BreakerSource`] that shows it. Clones are the same.
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
/// show("theirs", hooks)?.forever();
///
/// breaker.call(|| Err::<(), _>("down")).unwrap_err();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"theirs\"} 1\n"));
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hooks {
    told: Arc<Told>,
}

#[derive(Debug)]
struct Told {
    state: Manual,
    rejected: AtomicU64,
}

impl Hooks {
    /// For a breaker that is to be built.
    #[must_use]
    pub fn new() -> Self {
        Self { told: Arc::new(Told { state: Manual::new(), rejected: AtomicU64::new(0) }) }
    }
}

impl Default for Hooks {
    fn default() -> Self {
        Self::new()
    }
}

impl failsafe::Instrument for Hooks {
    fn on_call_rejected(&self) {
        self.told.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn on_open(&self) {
        self.told.state.set_state(State::Open);
    }

    fn on_half_open(&self) {
        self.told.state.set_state(State::HalfOpen);
    }

    fn on_closed(&self) {
        self.told.state.set_state(State::Closed);
    }
}

impl BreakerSource for Hooks {
    fn snapshot(&self) -> Snapshot {
        let rejected = Some(self.told.rejected.load(Ordering::Relaxed));
        self.told.state.known().calls(Calls { rejected, ..Calls::default() })
    }
}
