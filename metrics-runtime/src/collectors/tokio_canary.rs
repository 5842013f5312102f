//! `tokio_canary_*`: the delay of tasks of a tokio runtime, measured by a task.
//!
//! One blocked worker of several does not delay a task on another. So the canary also looks whether workers make progress:
//! a worker publishes the number of times that it went to sleep and woke, and the time that it was busy, whenever it comes
//! back to the scheduler.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::task::AbortHandle;

use crate::contained::contained;
use crate::error::debug_as_display;
use crate::family::computed::{Computed, Samples};
use crate::family::{Family, LabelCountError, OwnedSeries, Owner};
use crate::instrument::durations::default_buckets;
use crate::metric::{Histogram, Moment};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, Number, Source};

/// The mean time between two probes.
const PERIOD: Duration = Duration::from_millis(100);

/// The time by which a timer of an idle runtime can be late: timers of tokio and the wait for events of the system each
/// end at the next millisecond.
const GRANULARITY: Duration = Duration::from_millis(2);

/// The number of rounds after which the times between two probes repeat.
const ROUNDS: u32 = 41;

/// A problem with the runtime of a canary.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// Metrics are built outside of a runtime.
    #[error(
        "there is no tokio runtime here; build the metrics inside of one, or give a handle to `Builder::runtime_canary_on`"
    )]
    NoRuntime,
    /// The runtime has no timers.
    #[error("the runtime has no timers; build it with `enable_time` or `enable_all`")]
    NoTimers,
    /// Another canary has the name.
    #[error("two canaries have one name; give each of them a name of its own")]
    Repeated,
}

debug_as_display!(CanaryError);

/// Returns the runtime of a canary: this one, or the current one.
pub(crate) fn runtime(handle: Option<Handle>) -> Result<Handle, CanaryError> {
    let handle = handle.or_else(|| Handle::try_current().ok()).ok_or(CanaryError::NoRuntime)?;
    let has_timers = {
        let _entered = handle.enter();
        // A runtime says so in no other way.
        contained(|| drop(tokio::time::sleep(PERIOD))).is_some()
    };
    if has_timers { Ok(handle) } else { Err(CanaryError::NoTimers) }
}

/// Returns the delays of canaries by runtime and probe.
pub(super) fn delays(registry: &Registry, source: Source) -> Result<Family<Histogram>, RegistryError> {
    let help = "Delay of a task of a tokio runtime: the time between that at which it should have run and that at which \
                it did.";
    let descriptor = Descriptor::histogram("tokio_canary_delay_seconds", help, default_buckets());
    registry.family_of(Owner::Library, descriptor.unit("seconds").labels(["runtime", "probe"]), source)
}

/// The canaries, by the value of the label `runtime`.
#[derive(Debug, Default)]
pub(super) struct Canaries(Mutex<BTreeMap<String, Canary>>);

/// A canary, until its runtime is shut down.
#[derive(Debug)]
struct Canary {
    /// Held by the task.
    progress: Weak<Progress>,
    task: AbortHandle,
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Canaries {
    pub(super) fn insert(&self, name: &str, handle: &Handle, delays: &Family<Histogram>) {
        // The labels are those of `delays`.
        let Ok(series) = DelaySeries::new(delays, name) else { return };
        let progress = Arc::new(Progress::new(handle.metrics()));
        let weak = Arc::downgrade(&progress);
        let task = handle.spawn(run(progress, series)).abort_handle();
        self.canaries().insert(name.to_owned(), Canary { progress: weak, task });
    }

    fn canaries(&self) -> MutexGuard<'_, BTreeMap<String, Canary>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a canary.
async fn run(progress: Arc<Progress>, series: DelaySeries) {
    for round in (0..ROUNDS).cycle() {
        let period = period(round);
        let start = Moment::now();
        tokio::time::sleep(period).await;
        series.timer.observe_duration(elapsed(start).saturating_sub(period + GRANULARITY));
        let spawned = Moment::now();
        let probe = tokio::spawn(async move { elapsed(spawned) });
        // A worker runs the last task that it has spawned first. This one takes that place, so that the probe is at the end
        // of the queue.
        tokio::spawn(async {});
        let Ok(delay) = probe.await else { return };
        series.spawn.observe_duration(delay);
        progress.look();
    }
}

fn elapsed(start: Moment) -> Duration {
    Duration::from_nanos(start.elapsed_nanos())
}

/// Returns the time to the next probe. It differs from one to the next, so that no other periodic work keeps step with it.
fn period(round: u32) -> Duration {
    PERIOD * (80 + round * 13 % ROUNDS) / 100
}

/// The series of one canary. They are removed when its task ends, unless another canary has them too.
#[derive(Debug)]
struct DelaySeries {
    timer: OwnedSeries<Histogram>,
    spawn: OwnedSeries<Histogram>,
}

impl DelaySeries {
    fn new(delays: &Family<Histogram>, name: &str) -> Result<Self, LabelCountError> {
        Ok(Self { timer: delays.owned(&[name, "timer"])?, spawn: delays.owned(&[name, "spawn"])? })
    }
}

/// The progress of the workers of a runtime.
#[derive(Debug)]
struct Progress {
    runtime: RuntimeMetrics,
    /// The last look at each worker.
    seen: Mutex<Vec<Seen>>,
}

/// A worker at the first look that found it like this.
#[derive(Clone, Copy, Debug)]
struct Seen {
    worker: WorkerState,
    since: Moment,
}

/// The numbers that a worker publishes whenever it comes back to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WorkerState {
    /// The number of times that it went to sleep and woke, odd while it sleeps.
    parks: u64,
    busy: Duration,
}

impl Progress {
    fn new(runtime: RuntimeMetrics) -> Self {
        let progress = Self { runtime, seen: Mutex::default() };
        progress.look();
        progress
    }

    /// Looks at all workers, and returns for each of them the time for which it is stuck.
    fn look(&self) -> Vec<Duration> {
        let now = Moment::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let workers: Vec<_> = (0..self.runtime.num_workers()).map(|worker| self.state(worker)).collect();
        if seen.len() != workers.len() {
            *seen = workers.iter().map(|worker| Seen { worker: *worker, since: now }).collect();
        }
        let stuck = seen.iter_mut().zip(workers).map(|(seen, worker)| {
            if seen.worker != worker {
                *seen = Seen { worker, since: now };
            }
            let is_asleep = worker.parks % 2 == 1;
            let stuck = Duration::from_nanos(seen.since.until(now).nanos());
            // It may have worked on many short tasks since the last look, and come back just before that.
            if is_asleep || stuck < 2 * PERIOD { Duration::ZERO } else { stuck }
        });
        stuck.collect()
    }

    #[cfg(target_has_atomic = "64")]
    fn state(&self, worker: usize) -> WorkerState {
        WorkerState {
            parks: self.runtime.worker_park_unpark_count(worker),
            busy: self.runtime.worker_total_busy_duration(worker),
        }
    }

    #[cfg(not(target_has_atomic = "64"))]
    fn state(&self, _worker: usize) -> WorkerState {
        WorkerState { parks: 1, busy: Duration::ZERO }
    }
}

impl Computed for Canaries {
    fn descriptors(&self) -> Vec<Descriptor> {
        let help =
            "Time since a worker of a tokio runtime that is not asleep has come back to the scheduler, in seconds.";
        let stuck = Descriptor::gauge("tokio_worker_stuck_seconds", help).unit("seconds").labels(["runtime", "worker"]);
        if cfg!(target_has_atomic = "64") { vec![stuck] } else { Vec::new() }
    }

    fn owner(&self) -> Owner {
        Owner::Library
    }

    fn compute(&self, samples: &mut Samples) {
        let mut canaries = self.canaries();
        canaries.retain(|_, canary| canary.progress.strong_count() > 0);
        if !cfg!(target_has_atomic = "64") {
            return;
        }
        for (name, canary) in &*canaries {
            let Some(progress) = canary.progress.upgrade() else { continue };
            for (worker, stuck) in progress.look().into_iter().enumerate() {
                samples.add(0, &[name, &worker.to_string()], Number::Float(stuck.as_secs_f64()));
            }
        }
    }
}
