//! The foreign collectors of a registry, each held apart from the others: one that panics, blocks or says what no page
//! can have costs its own families only.

#![cfg_attr(not(feature = "axum"), allow(dead_code, reason = "the endpoint alone has a deadline"))]

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, Metric, MetricFamily};

use super::prometheus::problem;

/// After so long without progress, another thread goes on with the collectors that wait. It decides how many threads
/// there are and nothing else.
const STALL: Duration = Duration::from_millis(10);

/// All foreign collectors of a registry, and the registries included in it.
#[derive(Default)]
pub(crate) struct Collectors {
    /// Whether what collectors describe goes together is for the `prometheus` crate to say. It is never gathered from:
    /// one collector that blocks would hold its lock, and with it everything.
    described: prometheus::Registry,
    units: Mutex<Vec<Arc<Unit>>>,
    done: Arc<Done>,
}

/// What is called, and fails, as one.
struct Unit {
    /// What it describes, for the log.
    name: String,
    source: Theirs,
    /// The call that is under way or about to be.
    current: Mutex<Option<Arc<Run>>>,
}

enum Theirs {
    Collector(Arc<dyn Collector>),
    Registry(prometheus::Registry),
}

/// One call of a collector, for all who wait for it at the same time.
#[derive(Default)]
struct Run {
    claimed: AtomicBool,
    since: OnceLock<Instant>,
    /// Nothing in it where the collector panicked.
    families: OnceLock<Option<Vec<MetricFamily>>>,
}

/// Changes whenever a call has ended.
#[derive(Default)]
struct Done {
    calls: Mutex<u64>,
    changed: Condvar,
}

type Queue = Mutex<VecDeque<(Arc<Unit>, Arc<Run>)>>;

/// How long to wait for collectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The page is written then, with what there is.
    pub(crate) deadline: Instant,
    /// A collector that an earlier page has waited for in vain, for so long, is not waited for again.
    pub(crate) overdue: Duration,
}

/// What the collectors say.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Those of collectors sorted by name, then those of included registries.
    pub(crate) families: Vec<MetricFamily>,
    pub(crate) problems: Vec<Problem>,
}

/// Why a collector or one of its families is left out.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) cause: Cause,
    /// What happened to whom, for the log. Nothing of what a panic said.
    pub(crate) what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Panic,
    Timeout,
    Invalid,
}

/// A collector in the registry that only looks at what it describes.
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
    pub(crate) fn register(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        let collector: Arc<dyn Collector> = Arc::from(collector);
        let names: Vec<_> = collector.desc().iter().map(|desc| format!("`{}`", desc.fq_name)).collect();
        self.described.register(Box::new(Described(Arc::clone(&collector))))?;
        let name = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        self.add(format!("the foreign collector{name}"), Theirs::Collector(collector));
        Ok(())
    }

    pub(crate) fn include(&self, registry: prometheus::Registry) {
        self.add("an included registry".to_owned(), Theirs::Registry(registry));
    }

    fn add(&self, name: String, source: Theirs) {
        lock(&self.units).push(Arc::new(Unit { name, source, current: Mutex::default() }));
    }

    /// Calls every collector, here and now.
    pub(crate) fn gather(&self) -> Gathered {
        let units = lock(&self.units).clone();
        let mut merged = Merged::default();
        for unit in units {
            let families = unit.collect();
            merged.add(&unit, families);
        }
        merged.finish()
    }

    /// Calls every collector on other threads. Those that are under way for somebody else are joined; those that have
    /// not answered by the deadline are left out, and left alone until they have.
    pub(crate) fn gather_within(&self, patience: Patience) -> Gathered {
        let units = lock(&self.units).clone();
        let queue = Arc::new(Queue::default());
        let runs: Vec<_> = units.into_iter().map(|unit| unit.run(&queue)).collect();
        self.wait(&runs, &queue, patience);
        let mut merged = Merged::default();
        for (unit, run) in runs {
            let families = match Arc::try_unwrap(run) {
                Ok(run) => run.families.into_inner(),
                // Somebody else waits for it, too.
                Err(run) => run.families.get().cloned(),
            };
            match families {
                Some(families) => merged.add(&unit, families),
                None => merged.problem(Cause::Timeout, format!("{} did not answer in time", unit.name)),
            }
        }
        merged.finish()
    }

    #[cfg(all(test, feature = "axum"))]
    pub(crate) fn are_idle(&self) -> bool {
        lock(&self.units).iter().all(|unit| lock(&unit.current).is_none())
    }

    fn wait(&self, runs: &[(Arc<Unit>, Arc<Run>)], queue: &Arc<Queue>, patience: Patience) {
        let started = Instant::now();
        let overdue = |run: &Run| {
            let since = run.since.get().copied().unwrap_or(started);
            started.saturating_duration_since(since) >= patience.overdue
        };
        let awaited: Vec<_> = runs.iter().map(|(_, run)| run).filter(|run| !overdue(run)).collect();
        if !lock(queue).is_empty() {
            self.help(queue);
        }
        let mut calls = lock(&self.done.calls);
        while !awaited.iter().all(|run| run.families.get().is_some()) {
            let left = patience.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let before = *calls;
            let waiting = !lock(queue).is_empty();
            let pause = if waiting { left.min(STALL) } else { left };
            calls = self.done.changed.wait_timeout(calls, pause).unwrap_or_else(PoisonError::into_inner).0;
            if waiting && *calls == before {
                drop(calls);
                self.help(queue);
                calls = lock(&self.done.calls);
            }
        }
    }

    /// One thread more for the queue. It is not waited for, so that nothing a collector does can keep a process alive.
    fn help(&self, queue: &Arc<Queue>) {
        let (queue, done) = (Arc::clone(queue), Arc::clone(&self.done));
        let work = move || {
            let next = || lock(&queue).pop_front();
            while let Some((unit, run)) = next() {
                if !run.claimed.swap(true, Ordering::Relaxed) {
                    unit.answer(&run);
                    // Whoever waits for it can then have what it found as its own.
                    drop(run);
                    *lock(&done.calls) += 1;
                    done.changed.notify_all();
                }
            }
        };
        // Without another thread, those that wait are left out unless one of the threads there are gets to them.
        let _ = thread::Builder::new().name("metrics-collect".to_owned()).spawn(work);
    }
}

impl Unit {
    /// The call that is under way, or a new one. One that nobody has begun is in the queue, be it somebody else's:
    /// whoever comes first begins it.
    fn run(self: Arc<Self>, queue: &Queue) -> (Arc<Self>, Arc<Run>) {
        let run = Arc::clone(lock(&self.current).get_or_insert_default());
        if !run.claimed.load(Ordering::Relaxed) {
            lock(queue).push_back((Arc::clone(&self), Arc::clone(&run)));
        }
        (self, run)
    }

    fn answer(&self, run: &Run) {
        let _ = run.since.set(Instant::now());
        let families = self.collect();
        // From here on, the next page calls again.
        *lock(&self.current) = None;
        let _ = run.families.set(families);
    }

    /// What it says; nothing where it panics.
    fn collect(&self) -> Option<Vec<MetricFamily>> {
        let collect = || match &self.source {
            Theirs::Collector(collector) => collector.collect(),
            Theirs::Registry(registry) => registry.gather(),
        };
        catch_unwind(AssertUnwindSafe(collect)).ok()
    }
}

/// The families of collectors become one where they have one name, as in a registry of the `prometheus` crate.
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
        if let Theirs::Registry(_) = unit.source {
            self.included.extend(families);
            return;
        }
        for mut family in families.into_iter().filter(|family| !family.get_metric().is_empty()) {
            match self.by_name.entry(family.name().to_owned()) {
                Entry::Vacant(entry) => {
                    entry.insert(family);
                }
                Entry::Occupied(mut there) => {
                    if there.get().get_field_type() == family.get_field_type() {
                        let metrics = family.take_metric();
                        there.get_mut().mut_metric().extend(metrics);
                    } else {
                        let what =
                            format!("{} has a {:?} of another type than the one there is", unit.name, family.name());
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
                let what = format!("a foreign collector's {:?} is left out: {what}", family.name());
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
    // No collector runs while one of these is held, and nothing else here panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
