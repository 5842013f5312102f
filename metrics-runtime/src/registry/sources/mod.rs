//! The sources of a registry: collectors of the `prometheus` crate, included registries, and sources of computed
//! families. They run code of others, so they are isolated from each other: one that panics, blocks, renders the
//! registry again or gives invalid data loses only its own families.

pub(crate) mod calls;
mod nested;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

#[cfg(feature = "prometheus")]
use prometheus::core::{Collector, Desc};
#[cfg(feature = "prometheus")]
use prometheus::proto::MetricFamily;

use super::gathered::{Cause, Gathered, Gatherer};
use super::hook::Refresh;
use crate::contained::contained;
use crate::family::computed::{ComputedSource, Group, Samples};

/// All sources of a registry.
#[derive(Default)]
pub(crate) struct Sources {
    /// Checks that the descriptions of collectors are compatible, by the rules of the `prometheus` crate. It is never
    /// gathered, because a collector that blocks would hold its lock and so block all other collectors.
    #[cfg(feature = "prometheus")]
    checked: prometheus::Registry,
    #[cfg(feature = "prometheus")]
    descriptions: Mutex<Vec<Desc>>,
    /// The families, without series, of collectors that included registries have.
    #[cfg(feature = "prometheus")]
    declared: Mutex<Vec<MetricFamily>>,
    units: Mutex<Vec<Arc<Unit>>>,
    finished: Arc<calls::Finished>,
}

/// A source, which is called and fails as a whole.
pub(super) struct Unit {
    /// Its description, for the log.
    pub(super) name: String,
    kind: UnitKind,
    /// The call that is running or queued.
    current: Mutex<Option<Arc<calls::Call>>>,
    /// The call for which the last walk did not wait. The next one takes its answer if a new call has none.
    late: Mutex<Option<Arc<calls::Call>>>,
}

enum UnitKind {
    #[cfg(feature = "prometheus")]
    Collector(Arc<dyn Collector>),
    #[cfg(feature = "prometheus")]
    Registry(prometheus::Registry),
    Computed(Group, Box<dyn ComputedSource>),
    Hook(Weak<Refresh>),
}

/// The families or samples of a source.
#[derive(Clone)]
pub(super) enum Answer {
    #[cfg(feature = "prometheus")]
    Collector(Vec<MetricFamily>),
    #[cfg(feature = "prometheus")]
    Registry(Vec<MetricFamily>),
    Computed(Group, Samples),
    /// The metrics are set.
    Refreshed,
}

/// The reason why a source has no answer.
#[derive(Clone, Copy)]
pub(in crate::registry) enum Failure {
    Panic,
    #[cfg_attr(
        not(any(feature = "axum", feature = "push")),
        allow(dead_code, reason = "other calls do not end by themselves")
    )]
    Timeout,
    /// It rendered the registry that called it.
    Nested,
}

impl Failure {
    pub(super) const fn cause(self) -> Cause {
        match self {
            Self::Panic => Cause::Panic,
            Self::Timeout => Cause::Timeout,
            Self::Nested => Cause::Recursion,
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Panic => "panicked",
            Self::Timeout => "did not answer in time",
            Self::Nested => "rendered the registry that called it",
        }
    }
}

/// A collector for the check of descriptions.
#[cfg(feature = "prometheus")]
struct Described(Arc<dyn Collector>);

#[cfg(feature = "prometheus")]
impl Collector for Described {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect()
    }
}

impl Sources {
    #[cfg(feature = "prometheus")]
    pub(super) fn register(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        let collector: Arc<dyn Collector> = Arc::from(collector);
        let descriptions: Vec<Desc> = collector.desc().into_iter().cloned().collect();
        self.checked.register(Box::new(Described(Arc::clone(&collector))))?;
        let names: Vec<_> = descriptions.iter().map(|desc| format!("`{}`", desc.fq_name)).collect();
        let name = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        lock(&self.descriptions).extend(descriptions);
        self.add(format!("the collector{name}"), UnitKind::Collector(collector));
        Ok(())
    }

    #[cfg(feature = "prometheus")]
    pub(super) fn include(&self, registry: prometheus::Registry) {
        self.add("an included registry".to_owned(), UnitKind::Registry(registry));
    }

    /// Adds the descriptions of a collector that an included registry has.
    #[cfg(feature = "prometheus")]
    pub(super) fn declare(&self, collector: &dyn Collector) {
        let mut families = collector.collect();
        for family in &mut families {
            family.mut_metric().clear();
        }
        lock(&self.declared).extend(families);
        lock(&self.descriptions).extend(collector.desc().into_iter().cloned());
    }

    /// Adds a source of samples of a group, until it has ended.
    pub(super) fn add_computed(&self, group: Group, source: Box<dyn ComputedSource>) {
        self.add(source.name(), UnitKind::Computed(group, source));
    }

    /// Adds a function that sets metrics before each page, until it is dropped.
    pub(super) fn add_hook(&self, refresh: Weak<Refresh>) {
        self.add("a function before scrapes".to_owned(), UnitKind::Hook(refresh));
    }

    fn add(&self, name: String, kind: UnitKind) {
        let mut units = lock(&self.units);
        units.retain(|unit| !unit.has_ended());
        units.push(Arc::new(Unit { name, kind, current: Mutex::default(), late: Mutex::default() }));
    }

    /// Returns the descriptions of the registered and declared collectors.
    #[cfg(feature = "prometheus")]
    pub(super) fn descriptions(&self) -> Vec<Desc> {
        lock(&self.descriptions).clone()
    }

    /// Returns the families of declared collectors, without series.
    #[cfg(feature = "prometheus")]
    pub(super) fn declared(&self) -> Vec<MetricFamily> {
        lock(&self.declared).clone()
    }

    fn units(&self) -> Vec<Arc<Unit>> {
        lock(&self.units).iter().filter(|unit| !unit.has_ended()).cloned().collect()
    }

    /// Calls every source on this thread.
    pub(super) fn gather(&self) -> Gathered {
        self.gather_from(self.units())
    }

    /// Calls every source of computed families, and every hook, on this thread.
    #[cfg(feature = "prometheus")]
    pub(super) fn gather_computed(&self) -> Gathered {
        let mut units = self.units();
        units.retain(|unit| matches!(unit.kind, UnitKind::Computed(..) | UnitKind::Hook(_)));
        self.gather_from(units)
    }

    fn gather_from(&self, units: Vec<Arc<Unit>>) -> Gathered {
        let mut gatherer = Gatherer::default();
        // A source that renders the registry gets a page without sources: they would call each other without end.
        let nested = !units.is_empty() && nested::note(&self.finished);
        for unit in units {
            if nested {
                gatherer.unanswered(unit.name.clone());
            } else {
                let answer = unit.ask(&self.finished, None);
                gatherer.add(&unit.name, answer);
            }
        }
        gatherer.finish()
    }
}

impl Unit {
    /// Returns `true` if the source has no samples any more.
    fn has_ended(&self) -> bool {
        match &self.kind {
            #[cfg(feature = "prometheus")]
            UnitKind::Collector(_) | UnitKind::Registry(_) => false,
            UnitKind::Computed(_, source) => source.has_ended(),
            UnitKind::Hook(refresh) => refresh.strong_count() == 0,
        }
    }

    /// Calls the source. `registry` identifies the registry that it belongs to; the page is written without the source at
    /// the deadline.
    fn ask(&self, registry: &Arc<calls::Finished>, deadline: Option<Instant>) -> Result<Answer, Failure> {
        let call = || match &self.kind {
            #[cfg(feature = "prometheus")]
            UnitKind::Collector(collector) => Ok(Answer::Collector(collector.collect())),
            #[cfg(feature = "prometheus")]
            UnitKind::Registry(registry) => Ok(Answer::Registry(registry.gather())),
            UnitKind::Computed(group, source) => {
                let mut samples = group.no_samples();
                source.compute(&mut samples);
                Ok(Answer::Computed(group.clone(), samples))
            }
            UnitKind::Hook(refresh) => {
                refresh.upgrade().map_or(Ok(()), |refresh| refresh(deadline)).map(|()| Answer::Refreshed)
            }
        };
        match nested::calling(registry, || contained(call)) {
            (_, true) => Err(Failure::Nested),
            (answer, false) => answer.unwrap_or(Err(Failure::Panic)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No source runs while a lock is held, and nothing else here panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
