//! All families that make up one page, and the foreign collectors beside them.

pub(crate) mod collectors;
mod error;
mod families;
mod page;
pub(crate) mod prometheus;
mod register;
mod scrape_errors;
#[cfg(feature = "axum")]
pub(crate) mod scrape_metrics;

pub use error::RegistryError;

use std::fmt;
#[cfg(feature = "axum")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use families::Families;
#[cfg(feature = "export")]
use register::Described;
use scrape_errors::ScrapeErrors;

use crate::family::computed::{Computed, Group};
use crate::family::{AnyFamily as _, DEFAULT_SERIES_LIMIT, Family, Info, Metric};
use crate::metric::{Counter, Gauge, Histogram, InFlight};
use crate::registry::collectors::Collectors;
#[cfg(feature = "axum")]
use crate::registry::scrape_metrics::Scrapes;
use crate::schema::name::{self, NameError};
use crate::schema::{Descriptor, Kind, Source};

/// How the names of the toolkit's own metrics begin.
const OWN: &str = "metrics_runtime_";

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
/// depth.get_or_create(&[])?.set(3.0);
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
    /// From when on there are metrics that have an endpoint.
    #[cfg(feature = "axum")]
    scrapes: OnceLock<Scrapes>,
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

    /// Returns `true` if both handles are of one registry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
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

    fn families(&self) -> MutexGuard<'_, Families> {
        // Nothing panics while it is held, so what a poisoned lock guards is whole.
        self.inner.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is counted of scrapes. It is on the page from the first call on.
    #[cfg(feature = "axum")]
    pub(crate) fn scrapes(&self) -> &Scrapes {
        self.inner.scrapes.get_or_init(Scrapes::new)
    }
}

fn wrong_kind(descriptor: &Descriptor, wanted: Kind) -> NameError {
    name::wrong_kind(&descriptor.name, descriptor.kind, wanted).into()
}
