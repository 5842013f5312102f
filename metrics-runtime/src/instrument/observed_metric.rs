//! The metrics of `#[metrics]` modules whose values are asked for on each page.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use super::catalog::{registry_of, warn_incomplete};
use super::declaration::{Declaration, Declare};
use super::metrics_mod::MetricSite;
use super::switch::enabled;
use crate::registry::{Observed, ObservedMetrics, Observer, Registry};
use crate::schema::{Kind, Number, Ordinal};
use crate::scope::{self, PerScope};

/// A gauge of a `#[metrics]` module whose value is asked for on each page.
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use metrics_runtime::metrics;
///
/// #[metrics]
/// mod sizes {
///     /// Entries of a cache.
///     pub fn cache_entries(cache: &str) -> ObservedGauge;
/// }
///
/// let users = Arc::new(RwLock::new(vec!["ada", "grace"]));
/// let weak = Arc::downgrade(&users);
/// let observed = sizes::cache_entries("users").observe(move || {
///     weak.upgrade().map_or(0.0, |users| users.read().unwrap().len() as f64)
/// });
/// let page = || metrics_runtime::Registry::global().render();
/// assert!(page().contains("cache_entries{cache=\"users\"} 2\n"));
/// drop(observed);
/// assert!(!page().contains("cache_entries{"));
/// ```
#[must_use = "the gauge has a value only after `observe`"]
pub struct ObservedGauge(Series);

/// A counter of a `#[metrics]` module whose value is asked for on each page. See [`ObservedGauge`].
#[must_use = "the counter has a value only after `observe`"]
pub struct ObservedCounter(Series);

impl ObservedGauge {
    /// Asks for the value of the series on each page, until the returned handle is dropped. See
    /// [`Registry::gauge_fn`](crate::Registry::gauge_fn) for the calls of the function.
    pub fn observe(self, value: impl Fn() -> f64 + Send + Sync + 'static) -> Observed {
        self.0.observe(move || value().into())
    }
}

impl ObservedCounter {
    /// Asks for the value of the series on each page, until the returned handle is dropped. The value must not decrease.
    /// See [`Registry::counter_fn`](crate::Registry::counter_fn) for the calls of the function.
    pub fn observe(self, value: impl Fn() -> u64 + Send + Sync + 'static) -> Observed {
        self.0.observe(move || Number::Whole(value()))
    }
}

/// A series that will be observed.
struct Series {
    name: &'static str,
    /// The registry and the metric, if both exist.
    metric: Option<(&'static Registry, Arc<ObservedMetrics>)>,
    /// The label values, in the order of the metric's labels.
    values: Vec<String>,
}

impl Series {
    fn observe(self, value: impl Fn() -> Number + Send + Sync + 'static) -> Observed {
        let Self { name, metric, values } = self;
        let observe = move |observer: &mut Observer<'_>| {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            observer.set(&values, value());
        };
        match metric {
            Some((registry, metric)) => registry.observed_by(&metric, observe),
            None => Observed::detached(name, observe),
        }
    }
}

macro_rules! handles {
    ($($ty:ident: $kind:ident)*) => {$(
        impl ObservedKind for $ty {
            const KIND: Kind = Kind::$kind;

            fn of(series: Observable) -> Self {
                Self(series.0)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ty)).field("metric", &self.0.name).finish_non_exhaustive()
            }
        }
    )*};
}
handles! { ObservedGauge: Gauge ObservedCounter: Counter }

/// [`ObservedGauge`] or [`ObservedCounter`].
pub trait ObservedKind: Sized + 'static {
    /// The kind on the page.
    const KIND: Kind;

    /// Returns the handle of a series.
    fn of(series: Observable) -> Self;
}

/// A series, whose type is not public.
pub struct Observable(Series);

impl fmt::Debug for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observable").finish_non_exhaustive()
    }
}

/// One function of a `#[metrics]` module that returns an observed metric.
#[derive(Debug)]
pub struct DeclaredObserved<K> {
    site: MetricSite,
    resolved: OnceLock<Option<Arc<ObservedMetrics>>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: ObservedKind> DeclaredObserved<K> {
    /// Creates a metric. It is registered when the registry is built.
    #[must_use]
    pub const fn new(site: MetricSite) -> Self {
        Self { site, resolved: OnceLock::new(), kind: PhantomData }
    }

    /// Returns the series of a metric without labels.
    pub fn only(&'static self) -> K {
        self.series(&[])
    }

    /// Returns `None`. Series of other kinds are found by ordinals.
    pub fn bounded(&'static self, _: &[Option<Ordinal>]) -> Option<K> {
        None
    }

    /// Returns the series for these label values, in the order of the parameters.
    pub fn series(&'static self, values: &[&str]) -> K {
        let metric = if enabled() { scope::current(self).resolved_globally() } else { None };
        let labels = self.site.labels.iter().map(|(label, _)| *label);
        let labels: Vec<_> = labels.zip(values).collect();
        let values = match metric {
            Some((_, metric)) => metric.labels().filter_map(|name| labels.iter().find(|(label, _)| *label == name)),
            None => return K::of(Observable(Series { name: self.site.name, metric: None, values: Vec::new() })),
        };
        let values = values.map(|(_, value)| (**value).to_owned()).collect();
        let metric = metric.map(|(registry, metric)| (registry, Arc::clone(metric)));
        K::of(Observable(Series { name: self.site.name, metric, values }))
    }

    fn resolved_globally(&'static self) -> Option<(&'static Registry, &'static Arc<ObservedMetrics>)> {
        // Building the registry resolves every metric of the catalog, including this one.
        let registry = registry_of(self);
        if self.resolved.get().is_none() {
            warn_incomplete(self.site.source);
        }
        self.resolve(registry).map(|metric| (registry, metric))
    }

    fn resolve(&self, registry: &Registry) -> Option<&Arc<ObservedMetrics>> {
        let registered = || registry.observed_metrics(vec![self.site.descriptor()], self.site.source);
        let resolved =
            self.resolved.get_or_init(|| registered().map_err(|problem| registry.keep_problem(problem)).ok());
        resolved.as_ref()
    }
}

impl<K: ObservedKind> PerScope for DeclaredObserved<K> {
    fn fresh(&self) -> Self {
        Self::new(self.site)
    }
}

impl<K: ObservedKind> Declare for DeclaredObserved<K> {
    fn declarations(&self) -> Vec<Declaration> {
        vec![self.site.declaration()]
    }

    fn declare(&'static self, registry: &Registry) {
        scope::current(self).resolve(registry);
    }
}
