//! A circuit breaker: after a row of failures it stops asking, and after a while it asks once, gently.
//!
//! Closed: calls go through; [`Settings::failures`] of them failing in a row open it. Open: calls are rejected until
//! [`Settings::cooldown`] is over. Half-open: one call at a time goes through as a probe; its success closes the
//! breaker, its failure opens it again, and a probe that is dropped without an answer makes room for the next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics_runtime::circuit_breaker::{BreakerHandle, State};
use tokio::time::Instant;

/// When to open and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Failures in a row that open the breaker.
    pub(crate) failures: u32,
    /// How long it stays open before it lets a probe through.
    pub(crate) cooldown: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { probing: bool },
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Counts the changes of phase, so that an answer to a call of an earlier phase is recognised as old news.
    epoch: u64,
    gauge: BreakerHandle,
}

impl Inner {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        // Under the lock, or two changes could be shown in the wrong order.
        self.gauge.set_state(match phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        });
    }
}

/// A breaker for one service.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: Settings,
    inner: Mutex<Inner>,
}

/// The call is not to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// When asking again makes sense.
    pub(crate) retry_after: Duration,
}

/// Leave to make one call. Dropped without a verdict (a cancelled call) it counts neither way.
#[derive(Debug)]
pub(crate) struct Permit<'breaker> {
    breaker: &'breaker Breaker,
    epoch: u64,
}

impl Breaker {
    /// A closed breaker that shows itself on `gauge`.
    pub(crate) fn new(settings: Settings, gauge: BreakerHandle) -> Self {
        Self { settings, inner: Mutex::new(Inner { phase: Phase::Closed { failures: 0 }, epoch: 0, gauge }) }
    }

    /// Asks for leave to make a call now.
    pub(crate) fn admit(&self) -> Result<Permit<'_>, Rejected> {
        let mut inner = self.lock();
        match inner.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(Rejected { retry_after: left });
                }
                inner.enter(Phase::HalfOpen { probing: true });
            }
            Phase::HalfOpen { probing: false } => {
                inner.phase = Phase::HalfOpen { probing: true };
            }
            Phase::HalfOpen { probing: true } => {
                // Nobody knows how long the probe takes; a second is when looking again costs little.
                let retry_after = Duration::from_secs(1);
                return Err(Rejected { retry_after });
            }
        }
        Ok(Permit { breaker: self, epoch: inner.epoch })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that holds the lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call was answered.
    pub(crate) fn succeeded(self) {
        let mut inner = self.breaker.lock();
        if inner.epoch != self.epoch {
            return;
        }
        match inner.phase {
            Phase::Closed { .. } => inner.phase = Phase::Closed { failures: 0 },
            _ => inner.enter(Phase::Closed { failures: 0 }),
        }
    }

    /// The call failed in a way that says something about the service.
    pub(crate) fn failed(self) {
        let mut inner = self.breaker.lock();
        inner.gauge.record_failure();
        if inner.epoch != self.epoch {
            return;
        }
        match inner.phase {
            Phase::Closed { failures } if failures + 1 < self.breaker.settings.failures => {
                inner.phase = Phase::Closed { failures: failures + 1 };
            }
            _ => {
                let until = Instant::now() + self.breaker.settings.cooldown;
                inner.enter(Phase::Open { until });
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut inner = self.breaker.lock();
        // After a verdict the phase has moved on or is closed, and there is no slot of this permit's to free.
        if inner.epoch == self.epoch && inner.phase == (Phase::HalfOpen { probing: true }) {
            inner.phase = Phase::HalfOpen { probing: false };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_secs(10);

    fn breaker() -> Breaker {
        let gauge = BreakerHandle::register("test").expect("a handle");
        Breaker::new(Settings { failures: 3, cooldown: COOLDOWN }, gauge)
    }

    fn admit(breaker: &Breaker) -> Permit<'_> {
        breaker.admit().expect("the breaker lets calls through")
    }

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            admit(breaker).failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it() {
        let breaker = breaker();
        fail(&breaker, 2);
        admit(&breaker).succeeded();
        fail(&breaker, 2);
        admit(&breaker).failed();
        let rejected = breaker.admit().expect_err("three in a row are enough");
        assert_eq!(rejected.retry_after, COOLDOWN);
        tokio::time::advance(Duration::from_secs(4)).await;
        let rejected = breaker.admit().expect_err("the cooldown is not over");
        assert_eq!(rejected.retry_after, Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_and_its_success_closes() {
        let breaker = breaker();
        fail(&breaker, 3);
        tokio::time::advance(COOLDOWN).await;
        let probe = admit(&breaker);
        assert!(breaker.admit().is_err(), "a second probe");
        probe.succeeded();
        let calls = [admit(&breaker), admit(&breaker)];
        drop(calls);
        fail(&breaker, 2);
        assert!(breaker.admit().is_ok(), "the count began again from zero");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_opens_it_for_another_cooldown() {
        let breaker = breaker();
        fail(&breaker, 3);
        tokio::time::advance(COOLDOWN).await;
        admit(&breaker).failed();
        assert_eq!(breaker.admit().expect_err("open again").retry_after, COOLDOWN);
        tokio::time::advance(COOLDOWN).await;
        admit(&breaker).succeeded();
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_probe_makes_room_for_the_next() {
        let breaker = breaker();
        fail(&breaker, 3);
        tokio::time::advance(COOLDOWN).await;
        drop(admit(&breaker));
        let probe = admit(&breaker);
        assert!(breaker.admit().is_err());
        probe.succeeded();
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_call_counts_neither_way() {
        let breaker = breaker();
        fail(&breaker, 2);
        drop(admit(&breaker));
        admit(&breaker).failed();
        assert!(breaker.admit().is_err(), "the cancelled call broke the row of failures");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_from_an_earlier_phase_are_old_news() {
        let breaker = breaker();
        let [late_success, late_failure, dropped] = std::array::from_fn(|_| admit(&breaker));
        fail(&breaker, 3);
        late_success.succeeded();
        assert!(breaker.admit().is_err(), "a late success closed it");

        tokio::time::advance(COOLDOWN).await;
        let probe = admit(&breaker);
        late_failure.failed();
        drop(dropped);
        assert!(breaker.admit().is_err(), "a call of long ago freed the probe's slot");
        probe.succeeded();
        assert!(breaker.admit().is_ok());
    }
}
