//! Calls of collectors on other threads, with a deadline.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::proto::MetricFamily;

use super::{Collectors, Merged, Unit, lock};
use crate::registry::gathered::{Cause, CollectorTimeouts, Gathered};

/// After this time without progress, one more thread takes collectors from the queue. The value affects only the number
/// of threads.
const STALL: Duration = Duration::from_millis(10);

/// One call of a collector, shared by all pages that wait for it at the same time.
#[derive(Default)]
pub(super) struct Call {
    claimed: AtomicBool,
    started: OnceLock<Instant>,
    /// The answer: `None` if the collector panicked.
    families: OnceLock<Option<Vec<MetricFamily>>>,
}

/// Signals the end of a call.
#[derive(Default)]
pub(super) struct Finished {
    calls: Mutex<u64>,
    changed: Condvar,
}

type Queue = Mutex<VecDeque<(Arc<Unit>, Arc<Call>)>>;

impl Collectors {
    /// Calls every collector on other threads. Joins calls that are running for another page. Leaves out collectors
    /// that have not answered by the deadline, and does not call them again until they have.
    pub(in crate::registry) fn gather_within(&self, timeouts: CollectorTimeouts) -> Gathered {
        let units = lock(&self.units).clone();
        let queue = Arc::new(Queue::default());
        let calls: Vec<_> = units.into_iter().map(|unit| unit.call(&queue)).collect();
        self.wait(&calls, &queue, timeouts);
        let mut merged = Merged::default();
        for (unit, call) in calls {
            let families = match Arc::try_unwrap(call) {
                Ok(call) => call.families.into_inner(),
                // Another page waits for the same call.
                Err(call) => call.families.get().cloned(),
            };
            match families {
                Some(families) => merged.add(&unit, families),
                None => merged.problem(Cause::Timeout, format!("{} did not answer in time", unit.name)),
            }
        }
        merged.finish()
    }

    fn wait(&self, calls: &[(Arc<Unit>, Arc<Call>)], queue: &Arc<Queue>, timeouts: CollectorTimeouts) {
        let requested = Instant::now();
        let is_overdue = |call: &Call| {
            let started = call.started.get().copied().unwrap_or(requested);
            requested.saturating_duration_since(started) >= timeouts.overdue
        };
        let awaited: Vec<_> = calls.iter().map(|(_, call)| call).filter(|call| !is_overdue(call)).collect();
        if !lock(queue).is_empty() {
            self.add_thread(queue);
        }
        let mut finished = lock(&self.finished.calls);
        while !awaited.iter().all(|call| call.families.get().is_some()) {
            let left = timeouts.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let before = *finished;
            let is_queued = !lock(queue).is_empty();
            let pause = if is_queued { left.min(STALL) } else { left };
            finished = self.finished.changed.wait_timeout(finished, pause).unwrap_or_else(PoisonError::into_inner).0;
            if is_queued && *finished == before {
                drop(finished);
                self.add_thread(queue);
                finished = lock(&self.finished.calls);
            }
        }
    }

    /// Starts one more thread for the queue. It is never joined, so a collector cannot keep the process alive.
    fn add_thread(&self, queue: &Arc<Queue>) {
        let (queue, finished) = (Arc::clone(queue), Arc::clone(&self.finished));
        let work = move || {
            let next = || lock(&queue).pop_front();
            while let Some((unit, call)) = next() {
                if !call.claimed.swap(true, Ordering::Relaxed) {
                    unit.answer(&call);
                    // Released first, so that a page that is the only one to wait takes the answer without a copy.
                    drop(call);
                    *lock(&finished.calls) += 1;
                    finished.changed.notify_all();
                }
            }
        };
        // Without another thread, queued collectors are left out unless a running thread takes them in time.
        let _ = thread::Builder::new().name("metrics-collect".to_owned()).spawn(work);
    }
}

impl Unit {
    /// Returns the running call, or a new one. A call that has not started is queued, even if it belongs to another
    /// page: the first thread that takes it starts it.
    fn call(self: Arc<Self>, queue: &Queue) -> (Arc<Self>, Arc<Call>) {
        let call = Arc::clone(lock(&self.current).get_or_insert_default());
        if !call.claimed.load(Ordering::Relaxed) {
            lock(queue).push_back((Arc::clone(&self), Arc::clone(&call)));
        }
        (self, call)
    }

    fn answer(&self, call: &Call) {
        let _ = call.started.set(Instant::now());
        let families = self.collect();
        // The next page starts a new call.
        *lock(&self.current) = None;
        let _ = call.families.set(families);
    }
}
