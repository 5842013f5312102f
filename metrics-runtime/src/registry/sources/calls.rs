//! Calls of sources on other threads, with a deadline.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::{Answer, Failure, Sources, Unit, lock};
use crate::registry::gathered::{Cause, Gathered, Gatherer};
use crate::scope;

/// After this time without progress, one more thread takes sources from the queue. The value affects only the number
/// of threads.
const STALL: Duration = Duration::from_millis(10);

/// One call of a source, shared by all pages that wait for it at the same time.
#[derive(Default)]
pub(super) struct Call {
    claimed: AtomicBool,
    started: OnceLock<Instant>,
    answer: OnceLock<Result<Answer, Failure>>,
}

impl Call {
    /// Returns the answer if the call has one, and started at this time or later.
    fn answer_since(&self, time: Instant) -> Option<Result<Answer, Failure>> {
        let started = self.started.get()?;
        self.answer.get().filter(|_| *started >= time).cloned()
    }
}

/// Signals the end of a call.
#[derive(Default)]
pub(super) struct Finished {
    calls: Mutex<u64>,
    changed: Condvar,
    /// The number of threads that call sources.
    threads: AtomicUsize,
}

/// A running thread, which is counted until this is dropped.
struct Running(Arc<Finished>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::Relaxed);
    }
}

type Queue = Mutex<VecDeque<(Arc<Unit>, Arc<Call>)>>;

/// The calls of all sources for one or more pages.
#[derive(Clone)]
pub(crate) struct Gathering {
    calls: Vec<(Arc<Unit>, Arc<Call>)>,
    queue: Arc<Queue>,
    finished: Arc<Finished>,
    started: Instant,
    /// The duration after which a call is overdue.
    overdue: Duration,
    /// `true` for a walk that is repeated and does not wait until calls are overdue. If no walk waits when a call is
    /// answered, the next one has the answer: otherwise a source that is always slow would never be seen.
    is_early: bool,
}

impl Gathering {
    /// Returns the time at which a call is overdue. It may have started earlier, for another page.
    fn overdue_at(&self, call: &Call) -> Instant {
        let started = call.started.get().map_or(self.started, |started| self.started.min(*started));
        // A time beyond the range of `Instant` becomes one day.
        started.checked_add(self.overdue).unwrap_or(started + Duration::from_secs(86_400))
    }

    /// Waits until each source has answered or is overdue, and returns `true`. Returns `false` if that is not so at
    /// the given time.
    pub(crate) fn wait(&self, until: Instant) -> bool {
        let mut finished = lock(&self.finished.calls);
        loop {
            let now = Instant::now();
            let open = self.calls.iter().filter(|(_, call)| call.answer.get().is_none());
            let overdue = open.map(|(_, call)| self.overdue_at(call)).filter(|overdue| *overdue > now).min();
            let Some(overdue) = overdue else { return true };
            if now >= until {
                return false;
            }
            let before = *finished;
            let is_queued = !lock(&self.queue).is_empty();
            let left = until.min(overdue).saturating_duration_since(now);
            let pause = if is_queued { left.min(STALL) } else { left };
            finished = self.finished.changed.wait_timeout(finished, pause).unwrap_or_else(PoisonError::into_inner).0;
            if is_queued && *finished == before {
                drop(finished);
                self.add_thread();
                finished = lock(&self.finished.calls);
            }
        }
    }

    /// Returns the answers so far. Leaves out sources that have not answered, and reports those that are overdue.
    pub(crate) fn answers(self) -> Gathered {
        let mut gatherer = Gatherer::default();
        let now = Instant::now();
        let overdue: Vec<_> = self.calls.iter().map(|(_, call)| now >= self.overdue_at(call)).collect();
        for ((unit, call), is_overdue) in self.calls.into_iter().zip(overdue) {
            let late = if self.is_early { unit.keep_late(&call) } else { None };
            let answer = match Arc::try_unwrap(call) {
                Ok(call) => call.answer.into_inner(),
                // Another page waits for the same call.
                Err(call) => call.answer.get().cloned(),
            };
            let late = || late?.answer_since(now.checked_sub(self.overdue)?);
            match answer.or_else(late) {
                Some(answer) => gatherer.add(&unit.name, answer),
                None if is_overdue => gatherer.problem(Cause::Timeout, format!("{} did not answer in time", unit.name)),
                None => gatherer.unanswered(unit.name.clone()),
            }
        }
        gatherer.finish()
    }

    /// Starts one more thread for the queue, unless there is one for each source. It is never joined, so a source
    /// cannot keep the process alive.
    ///
    /// Each thread is in a source that is not queued, or is about to end. So a source that is queued waits for
    /// other sources only until the next attempt.
    fn add_thread(&self) {
        let limit = self.calls.len();
        let add = |threads| (threads < limit).then_some(threads + 1);
        if self.finished.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_err() {
            return;
        }
        let running = Running(Arc::clone(&self.finished));
        let (queue, finished, overdue) = (Arc::clone(&self.queue), Arc::clone(&self.finished), self.overdue);
        let work = move || {
            let next = || lock(&queue).pop_front();
            while let Some((unit, call)) = next() {
                if !call.claimed.swap(true, Ordering::Relaxed) {
                    unit.answer(&call, &finished, overdue);
                    // Released first, so that a page that is the only one to wait takes the answer without a copy.
                    drop(call);
                    *lock(&finished.calls) += 1;
                    finished.changed.notify_all();
                }
            }
            drop(running);
        };
        // Without another thread, queued sources are left out unless a running thread takes them in time.
        let _ = scope::spawn("metrics-collect", work);
    }
}

impl Sources {
    /// Starts to call every source on other threads. Joins calls that are running for another page: a source is not
    /// called again until it has answered.
    pub(in crate::registry) fn start_gathering(&self, overdue: Duration, is_early: bool) -> Gathering {
        let queue = Arc::new(Queue::default());
        let calls = self.units().into_iter().map(|unit| unit.call(&queue)).collect();
        let finished = Arc::clone(&self.finished);
        let gathering = Gathering { calls, queue, finished, started: Instant::now(), overdue, is_early };
        if !lock(&gathering.queue).is_empty() {
            gathering.add_thread();
        }
        gathering
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

    /// Keeps a call that has no answer yet, and returns the one that was kept before.
    fn keep_late(&self, call: &Arc<Call>) -> Option<Arc<Call>> {
        let late = call.answer.get().is_none().then(|| Arc::clone(call));
        std::mem::replace(&mut *lock(&self.late), late)
    }

    fn answer(&self, call: &Call, finished: &Arc<Finished>, overdue: Duration) {
        let now = Instant::now();
        let _ = call.started.set(now);
        let answer = self.ask(finished, now.checked_add(overdue));
        // The next page starts a new call.
        *lock(&self.current) = None;
        let _ = call.answer.set(answer);
    }
}
