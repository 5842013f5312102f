//! The collectors of the `prometheus` crate in a registry, isolated from each other: one that panics, blocks or gives
//! invalid data loses only its own families.

#[cfg(feature = "axum")]
pub(crate) mod calls;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{LabelPair, Metric, MetricFamily};

use super::gathered::{Cause, Gathered, Problem};
use super::prometheus::problem;
use crate::contained::contained;

/// All collectors of a registry, and the registries included in it.
#[derive(Default)]
pub(crate) struct Collectors {
    /// Checks that the descriptions of collectors are compatible, by the rules of the `prometheus` crate. It is never
    /// gathered, because a collector that blocks would hold its lock and so block all other collectors.
    checked: prometheus::Registry,
    descriptions: Mutex<Vec<Desc>>,
    units: Mutex<Vec<Arc<Unit>>>,
    #[cfg(feature = "axum")]
    finished: Arc<calls::Finished>,
}

/// A collector or an included registry, which is called and fails as a whole.
struct Unit {
    /// Its description, for the log.
    name: String,
    source: UnitSource,
    /// The call that is running or queued.
    #[cfg(feature = "axum")]
    current: Mutex<Option<Arc<calls::Call>>>,
}

enum UnitSource {
    Collector(Arc<dyn Collector>),
    Registry(prometheus::Registry),
}

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
    pub(in crate::registry) fn register(&self, collector: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        let collector: Arc<dyn Collector> = Arc::from(collector);
        let descriptions: Vec<Desc> = collector.desc().into_iter().cloned().collect();
        self.checked.register(Box::new(Described(Arc::clone(&collector))))?;
        let names: Vec<_> = descriptions.iter().map(|desc| format!("`{}`", desc.fq_name)).collect();
        let name = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        lock(&self.descriptions).extend(descriptions);
        self.add(format!("the collector{name}"), UnitSource::Collector(collector));
        Ok(())
    }

    pub(in crate::registry) fn include(&self, registry: prometheus::Registry) {
        self.add("an included registry".to_owned(), UnitSource::Registry(registry));
    }

    fn add(&self, name: String, source: UnitSource) {
        let unit = Unit {
            name,
            source,
            #[cfg(feature = "axum")]
            current: Mutex::default(),
        };
        lock(&self.units).push(Arc::new(unit));
    }

    /// Returns the descriptions of the registered collectors.
    pub(in crate::registry) fn descriptions(&self) -> Vec<Desc> {
        lock(&self.descriptions).clone()
    }

    /// Calls every collector on this thread.
    pub(in crate::registry) fn gather(&self) -> Gathered {
        let units = lock(&self.units).clone();
        let mut merged = Merged::default();
        for unit in units {
            let families = unit.collect();
            merged.add(&unit, families);
        }
        merged.finish()
    }
}

impl Unit {
    /// Returns the families, or `None` if the collector panics.
    fn collect(&self) -> Option<Vec<MetricFamily>> {
        contained(|| match &self.source {
            UnitSource::Collector(collector) => collector.collect(),
            UnitSource::Registry(registry) => registry.gather(),
        })
    }
}

/// The answers of all collectors. Families of one name are merged, as in a registry of the `prometheus` crate.
#[derive(Default)]
struct Merged {
    by_name: BTreeMap<String, MetricFamily>,
    included: Vec<MetricFamily>,
    problems: Vec<Problem>,
    unanswered: Vec<String>,
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
        let Self { mut by_name, included, mut problems, unanswered } = self;
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
        Gathered { families, problems, unanswered }
    }
}

fn values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No collector runs while a lock is held, and nothing else here panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
