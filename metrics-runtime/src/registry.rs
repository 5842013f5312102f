//! All families that make up one page, and the foreign collectors beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
#[cfg(feature = "axum")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;

use crate::cell::{Counter, First, Gauge, Histogram, InFlight, REJECTED, Striped, clock};
use crate::collectors::{Cause, Collectors, Gathered};
use crate::computed::{Computed, Group};
use crate::descriptor::{Descriptor, Kind, Naming, Source};
use crate::encode::{Format, Header, Number, Page, Type};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Info, Metric};
use crate::foreign;
use crate::label;
use crate::name::{self, NameError};
#[cfg(feature = "axum")]
use crate::{collectors::Patience, scrapes::Scrapes};

/// Room for the comments of a family.
const HEADERS: usize = 512;

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
    /// A service has a circuit breaker already, and it is another one.
    #[error(
        "circuit breaker `{service}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Breaker {
        /// The service.
        service: String,
        /// What differs: settings, or kind of breaker.
        what: &'static str,
        /// Where it was declared first.
        first: Box<Source>,
        /// Where it is declared again.
        second: Box<Source>,
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
    collectors: Collectors,
    limit: Arc<AtomicUsize>,
    errors: ScrapeErrors,
    /// What registered collectors say they will have, before they have a series.
    #[cfg(feature = "export")]
    described: Mutex<Vec<Described>>,
    /// From when on there is an endpoint.
    #[cfg(feature = "axum")]
    scrapes: OnceLock<Scrapes>,
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
    /// What computes the samples of families, which are in `by_name` without any.
    computed: Vec<Group>,
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
    invalid: Counted,
    timeout: Counted,
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

impl Families {
    /// Whether all names that the metric would write are free.
    fn check_claims(&self, descriptor: &Descriptor, source: Source) -> Result<(), RegistryError> {
        let claims = descriptor.claims();
        match claims.iter().find_map(|claim| self.claims.get_key_value(claim)) {
            None => Ok(()),
            Some((sample, other)) => Err(RegistryError::SampleTaken {
                metric: descriptor.name.to_string(),
                sample: sample.clone(),
                other: other.clone(),
                first: Box::new(self.by_name.get(other).map_or(source, |family| family.source())),
                second: Box::new(source),
            }),
        }
    }

    fn insert(&mut self, family: Arc<dyn AnyFamily>) {
        let descriptor = family.descriptor();
        let name = descriptor.name.to_string();
        self.claims.extend(descriptor.claims().into_iter().map(|claim| (claim, name.clone())));
        self.by_name.insert(name, family);
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

    /// Whether this is the one of the whole program.
    #[cfg(any(feature = "http", feature = "export"))]
    pub(crate) fn is_global(&self) -> bool {
        Arc::ptr_eq(&self.inner, &Self::global().inner)
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

    #[track_caller]
    fn registered<M: Metric>(&self, descriptor: Descriptor) -> Result<Family<M>, RegistryError> {
        self.registered_at(descriptor, Source::caller())
    }

    /// Here, other than in a declaration, the caller gives values by position: the order of the labels matters.
    pub(crate) fn registered_at<M: Metric>(
        &self,
        descriptor: Descriptor,
        source: Source,
    ) -> Result<Family<M>, RegistryError> {
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
        families.check_claims(&descriptor, source)?;
        let family = Family::new(descriptor, source, Arc::clone(&self.inner.limit));
        families.insert(Arc::new(family.clone()));
        Ok(family)
    }

    /// What computes families: the one of its type that this registry has, made now if it is the first time.
    pub(crate) fn computed<C: Computed + Default>(&self, source: Source) -> Result<Arc<C>, RegistryError> {
        let mut families = self.families();
        if let Some(there) = families.computed.iter().find_map(Group::is::<C>) {
            return Ok(there);
        }
        let computed = Arc::new(C::default());
        let group = Group::new(Arc::clone(&computed) as _, source);
        // Without samples, they are there for their names.
        let placeholders = group.empty();
        for family in &placeholders {
            let descriptor = family.descriptor();
            descriptor.check().map_err(|problem| RegistryError::Invalid { problem, source_place: source })?;
            if let Some(there) = families.by_name.get(&*descriptor.name) {
                return Err(RegistryError::Conflict {
                    metric: descriptor.name.to_string(),
                    what: there.descriptor().difference(descriptor).unwrap_or("kind of family"),
                    first: Box::new(there.source()),
                    second: Box::new(source),
                });
            }
            families.check_claims(descriptor, source)?;
        }
        for family in placeholders {
            families.insert(family);
        }
        families.computed.push(group);
        Ok(computed)
    }

    /// The family of this definition. Where it cannot be registered, the problem is kept for [`problems`](Self::problems)
    /// and a family is returned that records as any other and is on no page.
    pub(crate) fn family_or_detached<M: Metric>(&self, descriptor: &Descriptor, source: Source) -> Family<M> {
        self.family(descriptor.clone(), source).unwrap_or_else(|problem| {
            self.keep_problem(problem);
            Family::new(descriptor.clone(), source, Arc::clone(&self.inner.limit))
        })
    }

    /// Keeps what [`problems`](Self::problems) lists.
    pub(crate) fn keep_problem(&self, problem: RegistryError) {
        let mut families = self.families();
        if !families.problems.contains(&problem) {
            families.problems.push(problem);
        }
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
        let registered = self.inner.collectors.register(collector);
        registered.map_err(|error| RegistryError::Collector { reason: error.to_string() })?;
        #[cfg(feature = "export")]
        self.inner.described.lock().unwrap_or_else(PoisonError::into_inner).extend(described);
        Ok(())
    }

    /// What the registered collectors have said of themselves.
    #[cfg(feature = "export")]
    pub(crate) fn described(&self) -> Vec<Described> {
        self.inner.described.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Includes a whole registry of the `prometheus` crate, the default one for instance:
    /// `registry.include(prometheus::default_registry().clone())`.
    pub fn include(&self, registry: prometheus::Registry) {
        self.inner.collectors.include(registry);
    }

    /// The page of this registry in the Prometheus text format 0.0.4, without namespace.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text, &Naming::default())
    }

    /// All families, sorted by name; those that are computed as they are now.
    pub(crate) fn snapshot(&self) -> (Vec<Arc<dyn AnyFamily>>, bool) {
        let mut whole = true;
        let (mut by_name, groups) = {
            let families = self.families();
            (families.by_name.clone(), families.computed.clone())
        };
        for group in groups {
            let (families, computed) = group.families();
            whole &= computed;
            if !computed {
                let what = "a computed metric panicked; the rest of the page is served";
                self.inner.errors.of(Cause::Panic).record(|| what.to_owned());
            }
            by_name.extend(families.into_iter().map(|family| (family.descriptor().name.to_string(), family)));
        }
        (by_name.into_values().collect(), whole)
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        // Nothing panics while it is held, so what a poisoned lock guards is whole.
        self.inner.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page, written here and now.
    pub(crate) fn page(&self, format: Format, naming: &Naming) -> String {
        self.page_of(format, naming, self.inner.collectors.gather()).0
    }

    /// The foreign part of a page.
    #[cfg(feature = "axum")]
    pub(crate) fn gather_within(&self, patience: Patience) -> Gathered {
        self.inner.collectors.gather_within(patience)
    }

    /// Whether no foreign collector is being called.
    #[cfg(all(test, feature = "axum"))]
    pub(crate) fn collectors_are_idle(&self) -> bool {
        self.inner.collectors.are_idle()
    }

    /// What is counted of scrapes. It is on the page from the first call on.
    #[cfg(feature = "axum")]
    pub(crate) fn scrapes(&self) -> &Scrapes {
        self.inner.scrapes.get_or_init(Scrapes::new)
    }

    /// The page with this foreign part, and whether all of that is on it. No lock is held while series are read.
    pub(crate) fn page_of(&self, format: Format, naming: &Naming, gathered: Gathered) -> (String, bool) {
        let (mut families, mut whole) = self.snapshot();
        whole &= gathered.problems.is_empty();
        for problem in gathered.problems {
            self.inner.errors.of(problem.cause).record(|| format!("{}; the rest of the page is served", problem.what));
        }
        let gathered = gathered.families;
        let constant = naming.constant_text(&[]);
        // Those that keep their names come behind those with a namespace, which may make the same name.
        families.sort_by_key(|family| family.prefix(naming).is_empty());
        let beside =
            |family: &dyn AnyFamily| family.prefix(naming).len() + family.descriptor().name.len() + constant.len();
        // All of it at once: a page of many megabytes that grows is copied, and each time the kernel maps fresh memory.
        let len = families.iter().map(|family| HEADERS + family.page_len(beside(&**family))).sum::<usize>();
        let mut page = Page::new(format, HEADERS + len);
        let mut written: BTreeSet<String> = BTreeSet::new();
        families.retain(|family| {
            let prefix = family.prefix(naming);
            let claims: Vec<_> = family.descriptor().claims().iter().map(|claim| format!("{prefix}{claim}")).collect();
            if claims.iter().any(|claim| written.contains(claim)) {
                self.inner.errors.left_out(&family.descriptor().name);
                whole = false;
                return false;
            }
            written.extend(claims);
            write_family(&mut page, &**family, prefix, &naming.constant_text(&family.descriptor().labels));
            true
        });
        let theirs: BTreeSet<&str> = gathered.iter().map(MetricFamily::name).collect();
        for family in &gathered {
            let claims = foreign::claims(family);
            if claims.iter().any(|claim| claim.starts_with(OWN) || written.contains(claim)) {
                self.inner.errors.left_out(family.name());
                whole = false;
                continue;
            }
            // OpenMetrics calls a counter's family by the counter's name without `_total`. Where another has that name,
            // the counter keeps its own and loses its type.
            let stem = name::stem(family.name());
            let taken = stem != family.name() && (theirs.contains(stem) || written.contains(stem));
            foreign::write(family, &mut page, format == Format::OpenMetrics && taken);
            written.extend(claims);
        }
        self.write_self_metrics(&mut page, &families, naming, &constant);
        (page.finish(), whole)
    }

    fn write_self_metrics(&self, page: &mut Page, families: &[Arc<dyn AnyFamily>], naming: &Naming, constant: &str) {
        let header = |name, help| Header { name, kind: Type::Counter, help, unit: None, constant };
        page.family(header(
            "metrics_runtime_label_overflow_total",
            "Operations that went to the `_overflow` series because their metric had reached its limit of series.",
        ));
        for family in families.iter().filter(|family| !family.descriptor().labels.is_empty()) {
            let mut labels = String::new();
            label::push_pair(&mut labels, "metric", &format!("{}{}", family.prefix(naming), family.descriptor().name));
            page.sample(&labels, Number::Whole(family.overflowed()));
        }
        page.family(header(
            "metrics_runtime_rejected_values_total",
            "Increments and observations that were refused: NaN, infinite, or negative where nothing may be.",
        ));
        page.sample("", Number::Whole(REJECTED.sum()));
        page.family(header(
            "metrics_runtime_scrape_errors_total",
            "What was left out of a page: collectors that panicked, did not answer in time or said what no page can \
             have, and metrics whose name was taken.",
        ));
        let errors = &self.inner.errors;
        for (cause, counted) in [
            ("duplicate", &errors.duplicate),
            ("invalid", &errors.invalid),
            ("panic", &errors.panic),
            ("timeout", &errors.timeout),
        ] {
            page.sample(&format!("cause=\"{cause}\""), Number::Whole(counted.count.sum()));
        }
        #[cfg(feature = "axum")]
        if let Some(scrapes) = self.inner.scrapes.get() {
            scrapes.write(page, constant);
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
    fn of(&self, cause: Cause) -> &Counted {
        match cause {
            Cause::Panic => &self.panic,
            Cause::Timeout => &self.timeout,
            Cause::Invalid => &self.invalid,
        }
    }

    fn left_out(&self, metric: &str) {
        self.duplicate.record(|| format!("`{metric}` is left out: the page has that name already"));
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
