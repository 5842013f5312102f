//! The registry: the families of one page, and the collectors beside them.

#[cfg(feature = "prometheus")]
mod describe;
mod error;
mod family_set;
mod gathered;
mod hook;
#[cfg(feature = "prometheus")]
mod merged;
mod observed;
mod own_metrics;
mod page;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
#[cfg(feature = "prometheus")]
mod register;
mod scrape_errors;
#[cfg(feature = "axum")]
mod scrape_metrics;
mod snapshot;
pub(crate) mod sources;
#[cfg(feature = "prometheus")]
mod validity;
mod walk;

#[cfg(feature = "prometheus")]
pub(crate) use describe::CollectedMetric;
pub use error::RegistryError;
pub(crate) use gathered::Gathered;
pub use hook::ScrapeHook;
pub(crate) use observed::ObservedMetrics;
pub use observed::{Observed, Observer};
#[cfg(feature = "axum")]
pub(crate) use page::Page;
#[cfg(feature = "axum")]
pub(crate) use scrape_metrics::ScrapeMetrics;
pub(crate) use sources::calls::Gathering;
#[cfg(feature = "test")]
pub(crate) use walk::Walk;

use std::borrow::Cow;
#[cfg(feature = "axum")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, iter};

use family_set::FamilySet;
use scrape_errors::ScrapeErrors;

#[cfg(feature = "circuit-breaker")]
use crate::family::computed::ComputedSource;
use crate::family::computed::{Computed, Group};
use crate::family::{AnyFamily as _, DEFAULT_SERIES_LIMIT, Family, Info, Metric, Owner, Shared};
use crate::metric::{Counter, Gauge, Histogram, InFlight};
use crate::schema::objective::RouteObjective;
use crate::schema::{Descriptor, Kind, NameError, Naming, NativeHistograms, Source, name};

/// A set of metric families, and of collectors of the `prometheus` crate.
///
/// Cloning is cheap: clones are handles of the same registry.
///
/// Attributes record into [`Registry::global`]. Create another registry for metrics that must not share a page with the
/// global one, or for tests.
///
/// ```
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let depth = registry.gauge(Descriptor::gauge("queue_depth", "Waiting jobs."))?;
/// depth.get_or_create(&[])?.set(3.0);
/// assert!(registry.render().contains("queue_depth 3\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The `prometheus` crate
///
/// With the feature `prometheus` (on by default) a registry takes collectors of the `prometheus` crate
/// (`Registry::register`) and whole registries (`Registry::include`), and families can be registered there.
///
/// ```
/// # #[cfg(feature = "prometheus")] {
/// use metrics_runtime::{Descriptor, Registry};
///
/// let registry = Registry::new();
/// let tasks = prometheus::IntCounter::new("tasks_total", "Tasks.")?;
/// registry.register(Box::new(tasks))?;
///
/// let depth = registry.gauge(Descriptor::gauge("queue_depth", "Waiting jobs."))?;
/// prometheus::Registry::new().register(Box::new(depth))?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    families: Mutex<FamilySet>,
    sources: sources::Sources,
    shared: Shared,
    errors: ScrapeErrors,
    /// Registered by the first endpoint.
    #[cfg(feature = "axum")]
    scrapes: OnceLock<ScrapeMetrics>,
}

/// Everything that was registered at one time.
pub(crate) struct Checkpoint(FamilySet);

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
    /// Creates an empty registry.
    #[must_use]
    pub fn new() -> Self {
        let errors = ScrapeErrors::new();
        let mut families = FamilySet::default();
        families.insert(errors.family());
        let inner = Inner {
            families: Mutex::new(families),
            sources: sources::Sources::default(),
            shared: Arc::new(AtomicUsize::new(DEFAULT_SERIES_LIMIT)).into(),
            errors,
            #[cfg(feature = "axum")]
            scrapes: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns `true` if both are handles of the same registry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Returns the counter family of this definition. Creates it if it is new.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the definition, or if the name has another definition.
    #[track_caller]
    pub fn counter(&self, descriptor: Descriptor) -> Result<Family<Counter>, RegistryError> {
        self.registered(descriptor)
    }

    /// Returns the gauge family of this definition. Creates it if it is new.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter).
    #[track_caller]
    pub fn gauge(&self, descriptor: Descriptor) -> Result<Family<Gauge>, RegistryError> {
        self.registered(descriptor)
    }

    /// Returns the family of in-flight gauges of this definition. Creates it if it is new.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter).
    #[track_caller]
    pub fn in_flight(&self, descriptor: Descriptor) -> Result<Family<InFlight>, RegistryError> {
        self.registered(descriptor)
    }

    /// Returns the histogram family of this definition. Creates it if it is new.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter).
    #[track_caller]
    pub fn histogram(&self, descriptor: Descriptor) -> Result<Family<Histogram>, RegistryError> {
        self.registered(descriptor)
    }

    /// Returns the info family of this definition. Creates it if it is new.
    ///
    /// # Errors
    /// Returns the errors of [`counter`](Self::counter).
    #[track_caller]
    pub fn info(&self, descriptor: Descriptor) -> Result<Family<Info>, RegistryError> {
        self.registered(descriptor)
    }

    #[track_caller]
    fn registered<M: Metric>(&self, descriptor: Descriptor) -> Result<Family<M>, RegistryError> {
        self.registered_at(descriptor, Source::caller())
    }

    /// Returns the family of this definition for a caller that gives label values by position: unlike in a declaration,
    /// the order of the labels has to match.
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

    /// Returns the family of this definition. Creates it if it is new.
    pub(crate) fn family<M: Metric>(&self, descriptor: Descriptor, source: Source) -> Result<Family<M>, RegistryError> {
        self.family_of(Owner::Service, descriptor, source)
    }

    /// Returns the family of this definition, which has no namespace if its owner is a library. Creates it if it is new.
    pub(crate) fn family_of<M: Metric>(
        &self,
        owner: Owner,
        descriptor: Descriptor,
        source: Source,
    ) -> Result<Family<M>, RegistryError> {
        let is_reserved = |name: &&Cow<'_, str>| name.starts_with(own_metrics::PREFIX);
        if let Some(name) = iter::once(&descriptor.name).chain(&descriptor.replaces).find(is_reserved) {
            return Err(RegistryError::Reserved { metric: name.to_string(), source_place: source });
        }
        let valid = if descriptor.kind == M::KIND { descriptor.check() } else { Err(wrong_kind(&descriptor, M::KIND)) };
        valid.map_err(|problem| RegistryError::Invalid { problem, source_place: source })?;
        let mut families = self.families();
        if let Some(registered) = families.by_name.get(&*descriptor.name) {
            let family = registered.as_any().downcast_ref::<Family<M>>();
            return match (family, registered.descriptor().difference(&descriptor)) {
                (Some(family), None) => {
                    // The first declaration with a limit decides.
                    if let (Some(limit), None) = (descriptor.series_limit, family.own_limit()) {
                        family.set_series_limit(limit);
                    }
                    Ok(family.clone())
                }
                // Both are gauges, but one is set and the other counts operations in progress.
                (_, difference) => Err(RegistryError::Conflict {
                    metric: descriptor.name.into_owned(),
                    what: difference.unwrap_or("kind of gauge"),
                    first: Box::new(registered.source()),
                    second: Box::new(source),
                }),
            };
        }
        families.check_claims(&descriptor, source)?;
        let family = Family::of(owner, descriptor, source, self.inner.shared.clone());
        families.insert(Arc::new(family.clone()));
        Ok(family)
    }

    /// Returns the group of computed families of this type. Registers it if it is new.
    #[cfg_attr(
        not(any(feature = "circuit-breaker", feature = "process", feature = "tokio-runtime")),
        allow(dead_code, reason = "only these features register computed families")
    )]
    pub(crate) fn computed<C: Computed + Default>(&self, source: Source) -> Result<Arc<C>, RegistryError> {
        let mut families = self.families();
        if let Some(registered) = families.computed.iter().find_map(Group::downcast::<C>) {
            return Ok(registered);
        }
        let computed = Arc::new(C::default());
        let group = Group::new(Arc::clone(&computed) as _, source);
        families.add_group(group, source)?;
        Ok(computed)
    }

    /// Returns the family of this definition. If it cannot be registered, stores the problem for
    /// [`problems`](Self::problems) and returns a family that records like any other but is not on a page.
    pub(crate) fn family_or_detached<M: Metric>(&self, descriptor: &Descriptor, source: Source) -> Family<M> {
        self.family(descriptor.clone(), source).unwrap_or_else(|problem| {
            self.keep_problem(problem);
            Family::new(descriptor.clone(), source, self.inner.shared.clone())
        })
    }

    /// Returns what is registered at this time.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.families().clone())
    }

    /// Removes everything that was registered after the checkpoint.
    pub(crate) fn roll_back(&self, checkpoint: Checkpoint) {
        *self.families() = checkpoint.0;
    }

    /// Stores a problem for [`problems`](Self::problems).
    pub(crate) fn keep_problem(&self, problem: RegistryError) {
        let mut families = self.families();
        if !families.problems.contains(&problem) {
            families.problems.push(problem);
        }
    }

    /// Returns the declarations of this binary that could not be registered. `install` reports them.
    #[must_use]
    pub fn problems(&self) -> Vec<RegistryError> {
        self.families().problems.clone()
    }

    /// Keeps the objective of a gRPC method for the description. Returns `false` if the method has another one.
    #[cfg(feature = "grpc")]
    pub(crate) fn promise(&self, promised: RouteObjective) -> bool {
        let methods = &mut self.families().methods;
        match methods.iter().find(|other| other.route == promised.route) {
            Some(other) => *other == promised,
            None => {
                methods.push(promised);
                true
            }
        }
    }

    /// Returns the objectives of gRPC methods.
    pub(crate) fn promised_methods(&self) -> Vec<RouteObjective> {
        self.families().methods.clone()
    }

    /// Returns the conflicts between the names that the families have on a page with this naming.
    pub(crate) fn naming_conflicts(&self, naming: &Naming) -> Vec<RegistryError> {
        self.families().naming_conflicts(naming)
    }

    /// Sets the limit of series: the largest number of series of each family with label values that are only known at
    /// run time. The default is 2,000.
    ///
    /// A family can have [its own limit](Family::set_series_limit). See [`Family`](Family#limit-of-series) for operations
    /// beyond the limit.
    pub fn set_series_limit(&self, limit: usize) {
        self.inner.shared.limit.store(limit, Ordering::Relaxed);
    }

    /// Removes all series with this label value, of all families but those of the toolkit, as [`Family::remove`] does: for
    /// a tenant that leaves, or a connection that ends. It looks at every series that has the label.
    ///
    /// ```
    /// use metrics_runtime::{Registry, track};
    ///
    /// #[track(name = "login", labels(tenant = tenant))]
    /// fn login(tenant: &str) {}
    ///
    /// login("acme");
    /// login("other");
    /// Registry::global().remove_series("tenant", "acme");
    /// let page = Registry::global().render();
    /// assert!(page.contains("login_total{tenant=\"other\",status=\"success\"} 1\n"));
    /// assert!(!page.contains("tenant=\"acme\""));
    /// ```
    pub fn remove_series(&self, label: &str, value: &str) {
        // The lock of the registry is not held meanwhile.
        let families: Vec<_> = self.families().by_name.values().cloned().collect();
        for family in families.iter().filter(|family| family.owner() != Owner::Toolkit) {
            family.remove_series(label, value);
        }
    }

    pub(crate) fn series_limit(&self) -> usize {
        self.inner.shared.limit.load(Ordering::Relaxed)
    }

    /// Decides the buckets of durations. Returns `false` if another decision was made, by a call of this or by the first
    /// duration.
    pub(crate) fn decide_native_durations(&self, setting: NativeHistograms) -> bool {
        *self.inner.shared.native_durations.get_or_init(|| setting) == setting
    }

    fn families(&self) -> MutexGuard<'_, FamilySet> {
        // No code panics while the lock is held, so the data behind a poisoned lock is consistent.
        self.inner.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the metrics of the scrape endpoint. The first call registers them.
    #[cfg(feature = "axum")]
    pub(crate) fn scrapes(&self) -> &ScrapeMetrics {
        self.inner.scrapes.get_or_init(|| {
            let scrapes = ScrapeMetrics::new();
            let mut families = self.families();
            for family in scrapes.families() {
                families.insert(family);
            }
            scrapes
        })
    }

    /// Adds a source of samples of the group of computed families of this type, which is registered.
    #[cfg(feature = "circuit-breaker")]
    pub(crate) fn add_source<C: Computed>(&self, source: Box<dyn ComputedSource>) {
        let group = self.families().computed.iter().find(|group| group.downcast::<C>().is_some()).cloned();
        if let Some(group) = group {
            self.inner.sources.add_computed(group, source);
        }
    }

    /// Calls all sources on this thread.
    pub(crate) fn gather(&self) -> Gathered {
        self.inner.sources.gather()
    }

    /// Calls the sources of computed families on this thread.
    #[cfg(feature = "prometheus")]
    pub(crate) fn gather_computed(&self) -> Gathered {
        self.inner.sources.gather_computed()
    }

    /// Starts to call all sources on other threads. A call is overdue after this duration. `is_early` is `true` for a walk
    /// that does not wait for it.
    pub(crate) fn start_gathering(&self, overdue: Duration, is_early: bool) -> Gathering {
        self.inner.sources.start_gathering(overdue, is_early)
    }
}

fn wrong_kind(descriptor: &Descriptor, expected: Kind) -> NameError {
    name::wrong_kind(&descriptor.name, descriptor.kind, expected).into()
}
