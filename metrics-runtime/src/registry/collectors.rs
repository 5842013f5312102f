//! The collectors of the `prometheus` crate in a registry, isolated from each other: one that panics, blocks or gives
//! invalid data loses only its own families.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, Metric, MetricFamily};

use super::gathered::{Cause, Gathered, Problem};
use super::prometheus::problem;

/// After this time without progress, one more thread takes collectors from the queue. It affects only the number of
/// threads.
const STALL: Duration = Duration::from_millis(10);

/// All collectors of a registry, and the registries included in it.
#[derive(Default)]
pub(crate) struct Collectors {
    /// Checks that the descriptions of collectors are compatible, by the rules of the `prometheus` crate. It is never
    /// gathered from: a collector that blocks would hold its lock, and with it all others.
    checked: prometheus::Registry,
    descriptions: Mutex<Vec<Desc>>,
    units: Mutex<Vec<Arc<Unit>>>,
    finished: Arc<Finished>,
}

/// A collector or an included registry: it is called, and fails, as one.
struct Unit {
    /// Its description, for the log.
    name: String,
    source: UnitSource,
    /// The call that is running or queued.
    current: Mutex<Option<Arc<Call>>>,
}

enum UnitSource {
    Collector(Arc<dyn Collector>),
    Registry(prometheus::Registry),
}

/// One call of a collector, shared by all pages that wait for it at the same time.
#[derive(Default)]
struct Call {
    claimed: AtomicBool,
    started: OnceLock<Instant>,
    /// The answer: `None` if the collector panicked.
    families: OnceLock<Option<Vec<MetricFamily>>>,
}

/// Signals the end of a call.
#[derive(Default)]
struct Finished {
    calls: Mutex<u64>,
    changed: Condvar,
}

type Queue = Mutex<VecDeque<(Arc<Unit>, Arc<Call>)>>;

/// A collector for the check of descriptions.
struct Described(Arc<dyn Collector>);

impl Collector for Described {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect()
    }
}

impl Collectors {
    pub(super) fn register(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        let collector: Arc<dyn Collector> = Arc::from(collector);
        let descriptions: Vec<Desc> = collector.desc().into_iter().cloned().collect();
        self.checked.register(Box::new(Described(Arc::clone(&collector))))?;
        let names: Vec<_> = descriptions.iter().map(|desc| format!("`{}`", desc.fq_name)).collect();
        let name = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        lock(&self.descriptions).extend(descriptions);
        self.add(format!("the collector{name}"), UnitSource::Collector(collector));
        Ok(())
    }

    pub(super) fn include(&self, registry: prometheus::Registry) {
        self.add("an included registry".to_owned(), UnitSource::Registry(registry));
    }

    fn add(&self, name: String, source: UnitSource) {
        lock(&self.units).push(Arc::new(Unit { name, source, current: Mutex::default() }));
    }

    /// Returns the descriptions that the registered collectors gave.
    pub(super) fn descriptions(&self) -> Vec<Desc> {
        lock(&self.descriptions).clone()
    }

    /// Calls every collector on this thread.
    pub(super) fn gather(&self) -> Gathered {
        let units = lock(&self.units).clone();
        let mut merged = Merged::default();
        for unit in units {
            let families = unit.collect();
            merged.add(&unit, families);
        }
        merged.finish()
    }

    /// Calls every collector on other threads. Joins calls that are running for another page. Leaves out collectors that
    /// have not answered by the deadline, and does not call them again until they have.
    #[cfg(feature = "axum")]
    pub(super) fn gather_within(&self, patience: super::Patience) -> Gathered {
        let units = lock(&self.units).clone();
        let queue = Arc::new(Queue::default());
        let calls: Vec<_> = units.into_iter().map(|unit| unit.call(&queue)).collect();
        self.wait(&calls, &queue, patience);
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

    #[cfg(all(test, feature = "axum"))]
    pub(super) fn are_idle(&self) -> bool {
        lock(&self.units).iter().all(|unit| lock(&unit.current).is_none())
    }

    #[cfg(feature = "axum")]
    fn wait(&self, calls: &[(Arc<Unit>, Arc<Call>)], queue: &Arc<Queue>, patience: super::Patience) {
        let requested = Instant::now();
        let is_overdue = |call: &Call| {
            let started = call.started.get().copied().unwrap_or(requested);
            requested.saturating_duration_since(started) >= patience.overdue
        };
        let awaited: Vec<_> = calls.iter().map(|(_, call)| call).filter(|call| !is_overdue(call)).collect();
        if !lock(queue).is_empty() {
            self.add_thread(queue);
        }
        let mut finished = lock(&self.finished.calls);
        while !awaited.iter().all(|call| call.families.get().is_some()) {
            let left = patience.deadline.saturating_duration_since(Instant::now());
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
    #[cfg(feature = "axum")]
    fn add_thread(&self, queue: &Arc<Queue>) {
        let (queue, finished) = (Arc::clone(queue), Arc::clone(&self.finished));
        let work = move || {
            let next = || lock(&queue).pop_front();
            while let Some((unit, call)) = next() {
                if !call.claimed.swap(true, Ordering::Relaxed) {
                    unit.answer(&call);
                    // Released first, so that a page that waits alone takes the answer without a copy.
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
    /// Returns the running call, or a new one. A call that has not started is queued, also if it is another page's: the
    /// first thread that takes it starts it.
    #[cfg(feature = "axum")]
    fn call(self: Arc<Self>, queue: &Queue) -> (Arc<Self>, Arc<Call>) {
        let call = Arc::clone(lock(&self.current).get_or_insert_default());
        if !call.claimed.load(Ordering::Relaxed) {
            lock(queue).push_back((Arc::clone(&self), Arc::clone(&call)));
        }
        (self, call)
    }

    #[cfg(feature = "axum")]
    fn answer(&self, call: &Call) {
        let _ = call.started.set(Instant::now());
        let families = self.collect();
        // The next page starts a new call.
        *lock(&self.current) = None;
        let _ = call.families.set(families);
    }

    /// Returns the families, or `None` if the collector panics.
    fn collect(&self) -> Option<Vec<MetricFamily>> {
        let collect = || match &self.source {
            UnitSource::Collector(collector) => collector.collect(),
            UnitSource::Registry(registry) => registry.gather(),
        };
        catch_unwind(AssertUnwindSafe(collect)).ok()
    }
}

/// The answers of all collectors. Families of one name are merged, as a registry of the `prometheus` crate does.
#[derive(Default)]
struct Merged {
    by_name: BTreeMap<String, MetricFamily>,
    included: Vec<MetricFamily>,
    problems: Vec<Problem>,
}

impl Merged {
    fn add(&mut self, unit: &Unit, families: Option<Vec<MetricFamily>>) {
        let Some(families) = families else {
            return self.problem(Cause::Panic, format!("{} panicked", unit.name));
        };
        if let UnitSource::Registry(_) = unit.source {
            self.included.extend(families);
            return;
        }
        for mut family in families.into_iter().filter(|family| !family.get_metric().is_empty()) {
            match self.by_name.entry(family.name().to_owned()) {
                Entry::Vacant(entry) => {
                    entry.insert(family);
                }
                Entry::Occupied(mut merged) => {
                    if merged.get().get_field_type() == family.get_field_type() {
                        let metrics = family.take_metric();
                        merged.get_mut().mut_metric().extend(metrics);
                    } else {
                        let what = format!(
                            "{} has {:?} with another type than an earlier collector",
                            unit.name,
                            family.name()
                        );
                        self.problem(Cause::Invalid, what);
                    }
                }
            }
        }
    }

    fn problem(&mut self, cause: Cause, what: String) {
        self.problems.push(Problem { cause, what });
    }

    fn finish(self) -> Gathered {
        let Self { mut by_name, included, mut problems } = self;
        for family in by_name.values_mut() {
            family.mut_metric().sort_by(|a, b| values(a).cmp(values(b)));
        }
        let mut families: Vec<_> = by_name.into_values().chain(included).collect();
        families.retain(|family| match problem(family) {
            None => true,
            Some(what) => {
                let what = format!("{:?} of a collector is left out: {what}", family.name());
                problems.push(Problem { cause: Cause::Invalid, what });
                false
            }
        });
        Gathered { families, problems }
    }
}

fn values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No collector runs while a lock is held, and nothing else here panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
