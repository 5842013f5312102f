//! All families that make up one page, and the foreign collectors beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;

use crate::cell::{Counter, First, Gauge, Histogram, InFlight, REJECTED, Striped, clock};
use crate::descriptor::{Descriptor, Kind, Naming, Source};
use crate::encode::{Format, Header, Number, Page, Type};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Info, Metric};
use crate::foreign;
use crate::label;
use crate::name::{self, NameError};

/// How the names of the toolkit's own metrics begin.
const OWN: &str = "metrics_runtime_";

/// Why a metric cannot be registered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Prometheus does not allow its name, labels, unit or buckets.
    #[error("{source_place}: {problem}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong.
        problem: NameError,
        /// Where it is declared.
        source_place: Source,
    },
    /// The name is declared at two places, and the definitions differ.
    #[error(
        "metric `{metric}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Conflict {
        /// The metric, without namespace.
        metric: String,
        /// What differs: kind, labels, buckets, unit or help.
        what: &'static str,
        /// Where it was declared first.
        first: Box<Source>,
        /// Where it is declared again.
        second: Box<Source>,
    },
    /// Another metric writes a sample of this name.
    #[error(
        "metric `{metric}` at {second} would write samples of the name `{sample}`, and so does `{other}` at {first}; \
         give one of them another name"
    )]
    #[non_exhaustive]
    SampleTaken {
        /// The metric, without namespace.
        metric: String,
        /// The name both would write.
        sample: String,
        /// The metric that has it.
        other: String,
        /// Where that one is declared.
        first: Box<Source>,
        /// Where this one is declared.
        second: Box<Source>,
    },
    /// A name of the toolkit's own metrics.
    #[error("metric `{metric}` at {source_place}: names that start with `metrics_runtime_` are the toolkit's own")]
    #[non_exhaustive]
    Reserved {
        /// The metric.
        metric: String,
        /// Where it is declared.
        source_place: Source,
    },
    /// The `prometheus` crate refused a collector.
    #[error("the collector was refused: {reason}")]
    #[non_exhaustive]
    Collector {
        /// What it said.
        reason: String,
    },
}

/// A set of metric families and foreign collectors. Cheap to clone: clones are the same registry.
///
/// Attributes record into [`Registry::global`]. A registry of one's own is for metrics that must not share a page with
/// it, or for tests.
///
/// ```
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let depth = registry.gauge(Descriptor::gauge("queue_depth", "Jobs that wait."))?;
/// depth.get(&[])?.set(3.0);
/// assert!(registry.render().contains("queue_depth 3\n"));
///
/// // Any collector of the `prometheus` crate can be added ..
/// let theirs = prometheus::IntCounter::new("theirs_total", "Theirs.")?;
/// registry.register(Box::new(theirs.clone()))?;
/// // .. and our families to its registry.
/// prometheus::Registry::new().register(Box::new(depth))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    families: Mutex<Families>,
    collectors: prometheus::Registry,
    included: Mutex<Vec<prometheus::Registry>>,
    limit: Arc<AtomicUsize>,
    errors: ScrapeErrors,
    /// What registered collectors say they will have, before they have a series.
    #[cfg(feature = "export")]
    described: Mutex<Vec<Described>>,
}

/// A metric as a foreign collector describes it.
#[cfg(feature = "export")]
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) labels: Vec<String>,
}

#[derive(Default)]
struct Families {
    by_name: BTreeMap<String, Arc<dyn AnyFamily>>,
    /// Every name that some family writes, with the name of the family.
    claims: BTreeMap<String, String>,
    /// What was declared and could not be registered.
    problems: Vec<RegistryError>,
}

/// What went wrong while pages were written, by cause.
#[derive(Default)]
struct ScrapeErrors {
    panic: Counted,
    duplicate: Counted,
}

struct Counted {
    count: Striped,
    warned: First,
}

impl Default for Counted {
    fn default() -> Self {
        Self { count: Striped::new(), warned: First::new() }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = self.families();
        f.debug_struct("Registry").field("families", &families.by_name.keys()).finish_non_exhaustive()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner { limit: Arc::new(AtomicUsize::new(DEFAULT_SERIES_LIMIT)), ..Inner::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The registry that attributes and `#[metrics]` modules record into: everything this binary declares.
    #[must_use]
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Registry> = LazyLock::new(|| {
            clock::start();
            let registry = Registry::new();
            crate::catalog::declare_all(&registry);
            registry
        });
        &GLOBAL
    }

    /// A counter family. The same definition twice is the same family.
    ///
    /// # Errors
    /// The definition is refused by Prometheus' rules, or the name is taken by another definition.
    #[track_caller]
    pub fn counter(&self, descriptor: Descriptor) -> Result<Family<Counter>, RegistryError> {
        self.registered(descriptor)
    }

    /// A gauge family. The same definition twice is the same family.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    #[track_caller]
    pub fn gauge(&self, descriptor: Descriptor) -> Result<Family<Gauge>, RegistryError> {
        self.registered(descriptor)
    }

    /// A family of gauges of what is under way. The same definition twice is the same family.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    #[track_caller]
    pub fn in_flight(&self, descriptor: Descriptor) -> Result<Family<InFlight>, RegistryError> {
        self.registered(descriptor)
    }

    /// A histogram family. The same definition twice is the same family.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    #[track_caller]
    pub fn histogram(&self, descriptor: Descriptor) -> Result<Family<Histogram>, RegistryError> {
        self.registered(descriptor)
    }

    /// An info family. The same definition twice is the same family.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    #[track_caller]
    pub fn info(&self, descriptor: Descriptor) -> Result<Family<Info>, RegistryError> {
        self.registered(descriptor)
    }

    /// Here, other than in a declaration, the caller gives values by position: the order of the labels matters.
    #[track_caller]
    fn registered<M: Metric>(&self, descriptor: Descriptor) -> Result<Family<M>, RegistryError> {
        let source = Source::caller();
        let labels = descriptor.labels.clone();
        let family = self.family::<M>(descriptor, source)?;
        if family.descriptor().labels == labels {
            return Ok(family);
        }
        Err(RegistryError::Conflict {
            metric: family.descriptor().name.to_string(),
            what: "order of labels",
            first: Box::new(family.source()),
            second: Box::new(source),
        })
    }

    /// The family of this definition: the one that is there, or a new one.
    pub(crate) fn family<M: Metric>(&self, descriptor: Descriptor, source: Source) -> Result<Family<M>, RegistryError> {
        if descriptor.name.starts_with(OWN) {
            return Err(RegistryError::Reserved { metric: descriptor.name.into_owned(), source_place: source });
        }
        let valid = if descriptor.kind == M::KIND { descriptor.check() } else { Err(wrong_kind(&descriptor, M::KIND)) };
        valid.map_err(|problem| RegistryError::Invalid { problem, source_place: source })?;
        let mut families = self.families();
        if let Some(there) = families.by_name.get(&*descriptor.name) {
            let ours = there.as_any().downcast_ref::<Family<M>>();
            return match (ours, there.descriptor().difference(&descriptor)) {
                (Some(family), None) => Ok(family.clone()),
                // Of one kind and yet not the same: one is set, the other counts what is in flight.
                (_, difference) => Err(RegistryError::Conflict {
                    metric: descriptor.name.into_owned(),
                    what: difference.unwrap_or("kind of gauge"),
                    first: Box::new(there.source()),
                    second: Box::new(source),
                }),
            };
        }
        let claims = descriptor.claims();
        if let Some((sample, other)) = claims.iter().find_map(|claim| families.claims.get_key_value(claim)) {
            return Err(RegistryError::SampleTaken {
                metric: descriptor.name.to_string(),
                sample: sample.clone(),
                other: other.clone(),
                first: Box::new(families.by_name.get(other).map_or(source, |family| family.source())),
                second: Box::new(source),
            });
        }
        let family = Family::new(descriptor, source, Arc::clone(&self.inner.limit));
        let name = family.descriptor().name.to_string();
        families.claims.extend(claims.into_iter().map(|claim| (claim, name.clone())));
        families.by_name.insert(name, Arc::new(family.clone()));
        Ok(family)
    }

    /// The family of this definition. Where it cannot be registered, the problem is kept for [`problems`](Self::problems)
    /// and a family is returned that records as any other and is on no page.
    pub(crate) fn family_or_detached<M: Metric>(&self, descriptor: &Descriptor, source: Source) -> Family<M> {
        self.family(descriptor.clone(), source).unwrap_or_else(|problem| {
            let mut families = self.families();
            if !families.problems.contains(&problem) {
                families.problems.push(problem);
            }
            Family::new(descriptor.clone(), source, Arc::clone(&self.inner.limit))
        })
    }

    /// What this binary declares and cannot have: what `install` reports.
    #[must_use]
    pub fn problems(&self) -> Vec<RegistryError> {
        self.families().problems.clone()
    }

    /// How many series each family takes from label values that are only known at run time. 2,000 unless set.
    ///
    /// See [`Family`] for what happens beyond.
    pub fn set_series_limit(&self, limit: usize) {
        self.inner.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn series_limit(&self) -> usize {
        self.inner.limit.load(Ordering::Relaxed)
    }

    /// Adds a collector of the `prometheus` crate: a metric, a vector, or one's own. It keeps its names as they are.
    ///
    /// # Errors
    /// The collector describes what another one does already.
    pub fn register(&self, collector: Box<dyn Collector>) -> Result<(), RegistryError> {
        #[cfg(feature = "export")]
        let described = described(&*collector);
        self.inner
            .collectors
            .register(Box::new(Guarded { collector, registry: Arc::downgrade(&self.inner) }))
            .map_err(|error| RegistryError::Collector { reason: error.to_string() })?;
        #[cfg(feature = "export")]
        self.inner.described.lock().unwrap_or_else(PoisonError::into_inner).extend(described);
        Ok(())
    }

    /// What the registered collectors have said of themselves.
    #[cfg(feature = "export")]
    pub(crate) fn described(&self) -> Vec<Described> {
        self.inner.described.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether attributes record into this one.
    #[cfg(feature = "export")]
    pub(crate) fn is_global(&self) -> bool {
        Arc::ptr_eq(&self.inner, &Self::global().inner)
    }

    /// Includes a whole registry of the `prometheus` crate, the default one for instance:
    /// `registry.include(prometheus::default_registry().clone())`.
    pub fn include(&self, registry: prometheus::Registry) {
        self.inner.included.lock().unwrap_or_else(PoisonError::into_inner).push(registry);
    }

    /// The page of this registry in the Prometheus text format 0.0.4, without namespace.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text, &Naming::default())
    }

    /// All families, sorted by name.
    pub(crate) fn snapshot(&self) -> Vec<Arc<dyn AnyFamily>> {
        self.families().by_name.values().cloned().collect()
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        // Nothing panics while it is held, so what a poisoned lock guards is whole.
        self.inner.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page. No lock is held while series are read or foreign collectors run.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> String {
        let mut page = Page::new(format);
        let constant = naming.constant_text(&[]);
        let families = self.snapshot();
        let mut written: BTreeSet<String> = BTreeSet::new();
        for family in &families {
            written.extend(family.descriptor().claims().iter().map(|claim| format!("{}{claim}", naming.prefix)));
            let own = naming.constant_text(&family.descriptor().labels);
            write_family(&mut page, &**family, &naming.prefix, &own);
        }
        let gathered = self.gather();
        let theirs: BTreeSet<&str> = gathered.iter().map(MetricFamily::name).collect();
        for family in &gathered {
            let claims = foreign::claims(family);
            if claims.iter().any(|claim| claim.starts_with(OWN) || written.contains(claim)) {
                self.inner.errors.duplicate.record(|| {
                    format!("a foreign collector's `{}` is left out: the page has that name already", family.name())
                });
                continue;
            }
            // OpenMetrics calls a counter's family by the counter's name without `_total`. Where another has that name,
            // the counter keeps its own and loses its type.
            let stem = name::stem(family.name());
            let taken = stem != family.name() && (theirs.contains(stem) || written.contains(stem));
            foreign::write(family, &mut page, format == Format::OpenMetrics && taken);
            written.extend(claims);
        }
        self.write_self_metrics(&mut page, &families, &naming.prefix, &constant);
        page.finish()
    }

    /// What the foreign collectors say, each guarded against the panics of the others.
    fn gather(&self) -> Vec<MetricFamily> {
        let mut gathered = self.inner.collectors.gather();
        let included = self.inner.included.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for registry in included {
            match catch_unwind(AssertUnwindSafe(|| registry.gather())) {
                Ok(families) => gathered.extend(families),
                Err(_) => self.inner.errors.panicked(),
            }
        }
        gathered
    }

    fn write_self_metrics(&self, page: &mut Page, families: &[Arc<dyn AnyFamily>], prefix: &str, constant: &str) {
        let header = |name, help| Header { name, kind: Type::Counter, help, unit: None, constant };
        page.family(header(
            "metrics_runtime_label_overflow_total",
            "Operations that went to the `_overflow` series because their metric had reached its limit of series.",
        ));
        for family in families.iter().filter(|family| !family.descriptor().labels.is_empty()) {
            let mut labels = String::new();
            label::push_pair(&mut labels, "metric", &format!("{prefix}{}", family.descriptor().name));
            page.sample(&labels, Number::Whole(family.overflowed()));
        }
        page.family(header(
            "metrics_runtime_rejected_values_total",
            "Increments and observations that were refused: NaN, infinite, or negative where nothing may be.",
        ));
        page.sample("", Number::Whole(REJECTED.sum()));
        page.family(header(
            "metrics_runtime_scrape_errors_total",
            "Foreign collectors left out of a page: they panicked, or their name was taken.",
        ));
        let errors = &self.inner.errors;
        for (cause, counted) in [("duplicate", &errors.duplicate), ("panic", &errors.panic)] {
            page.sample(&format!("cause=\"{cause}\""), Number::Whole(counted.count.sum()));
        }
    }
}

#[cfg(feature = "export")]
fn described(collector: &dyn Collector) -> Vec<Described> {
    let described = collector.desc().into_iter().map(|desc| {
        let constant = desc.const_label_pairs.iter().map(|pair| pair.name().to_owned());
        Described {
            name: desc.fq_name.clone(),
            help: desc.help.clone(),
            labels: constant.chain(desc.variable_labels.iter().cloned()).collect(),
        }
    });
    described.collect()
}

/// A family without a series yet has its header all the same: whoever looks at the page sees what there will be.
fn write_family(page: &mut Page, family: &dyn AnyFamily, prefix: &str, constant: &str) {
    let descriptor = family.descriptor();
    page.family(Header {
        name: &format!("{prefix}{}", descriptor.name),
        kind: descriptor.kind.into(),
        help: &descriptor.help,
        unit: descriptor.unit.as_deref(),
        constant,
    });
    if descriptor.kind == Kind::Histogram {
        page.bounds(family.bounds());
    }
    family.write(page);
}

fn wrong_kind(descriptor: &Descriptor, wanted: Kind) -> NameError {
    name::wrong_kind(&descriptor.name, descriptor.kind, wanted).into()
}

impl ScrapeErrors {
    fn panicked(&self) {
        self.panic.record(|| "a foreign collector panicked; the rest of the page is served".to_owned());
    }
}

impl Counted {
    fn record(&self, what: impl FnOnce() -> String) {
        self.count.add(1);
        if self.warned.is_now() {
            tracing::warn!("{}; further ones are only counted, in metrics_runtime_scrape_errors_total", what());
        }
    }
}

/// A foreign collector whose panics cost its own families only.
struct Guarded {
    collector: Box<dyn Collector>,
    registry: std::sync::Weak<Inner>,
}

impl Collector for Guarded {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        self.collector.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        catch_unwind(AssertUnwindSafe(|| self.collector.collect())).unwrap_or_else(|_| {
            if let Some(registry) = self.registry.upgrade() {
                registry.errors.panicked();
            }
            Vec::new()
        })
    }
}
