//! Metrics whose values are asked for on each page.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::{Registry, RegistryError, wrong_kind};
use crate::family::computed::{Computed, ComputedFamily, ComputedSource, Group, Samples};
use crate::family::{AnyFamily as _, LabelCountError, SharedLimit};
use crate::metric::reject;
use crate::schema::{Descriptor, Kind, Number, Source, name};

/// The function that gives the current values of a group of metrics.
type Observe = dyn Fn(&mut [Observer<'_>]) -> Result<(), ObserveError> + Send + Sync;

/// The reason why a function has no values.
type ObserveError = Box<dyn Error + Send + Sync>;

/// Metrics whose values are asked for on each page, until this handle is dropped. See [`Registry::gauge_fn`].
///
/// The handle owns the function, and the registry does not. So the registry keeps nothing alive that the function uses.
#[must_use = "the metric has values only until this handle is dropped"]
pub struct Observed {
    observe: Arc<Observe>,
    /// Their names.
    metrics: String,
}

impl Observed {
    /// Creates a handle without a metric.
    pub(crate) fn detached(metric: &str, observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static) -> Self {
        Self { observe: each(observe), metrics: format!("`{metric}`") }
    }

    /// Keeps the function, and the values on the page, until the process ends.
    pub fn forever(self) {
        std::mem::forget(self.observe);
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

/// Takes the current values of an observed metric. See [`Registry::observe`].
pub struct Observer<'s> {
    family: &'s mut ComputedFamily,
}

impl Observer<'_> {
    /// Sets the value of the series with these label values, given in the order of the declared labels.
    ///
    /// A series that has a value already keeps it, which counts as an error `duplicate` in
    /// `metrics_runtime_scrape_errors_total`. A value of a counter that is negative or not finite is left out, and counted in
    /// `metrics_runtime_rejected_values_total`.
    ///
    /// # Errors
    /// Returns an error if the number of values differs from the number of labels.
    pub fn observe(&mut self, values: &[&str], value: impl Into<Number>) -> Result<(), LabelCountError> {
        LabelCountError::check(self.family.descriptor(), values)?;
        self.set(values, value.into());
        Ok(())
    }

    /// Sets the value of a series. The caller gives one value for each label.
    pub(crate) fn set(&mut self, values: &[&str], value: Number) {
        let is_counter = self.family.descriptor().kind == Kind::Counter;
        if is_counter && !(value.as_f64().is_finite() && value.as_f64() >= 0.0) {
            reject("rejected the value of an observed counter that is negative or not finite", value.as_f64());
        } else {
            self.family.add(values, value);
        }
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("metric", &self.family.descriptor().name).finish_non_exhaustive()
    }
}

/// The group of the metrics that one function observes. Their samples come from sources.
#[derive(Debug)]
pub(crate) struct ObservedMetrics {
    descriptors: Vec<Descriptor>,
    limit: SharedLimit,
    /// The number of values of each metric beyond its limit of series.
    overflowed: Vec<AtomicU64>,
}

impl ObservedMetrics {
    /// Returns the labels of the first metric.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.descriptors.iter().take(1).flat_map(|descriptor| descriptor.labels.iter().map(AsRef::as_ref))
    }

    /// Returns the names for the log.
    fn names(&self) -> String {
        let names: Vec<_> = self.descriptors.iter().map(|descriptor| format!("`{}`", descriptor.name)).collect();
        names.join(", ")
    }
}

impl Computed for ObservedMetrics {
    fn descriptors(&self) -> Vec<Descriptor> {
        self.descriptors.clone()
    }

    fn compute(&self, _: &mut Samples) {}

    fn settle(&self, samples: &mut Samples) -> usize {
        let mut repeated = 0;
        for (family, overflowed) in samples.families_mut().zip(&self.overflowed) {
            repeated += family.remove_repeated();
            let descriptor = family.descriptor();
            if !descriptor.labels.is_empty() {
                let limit = descriptor.series_limit.unwrap_or_else(|| self.limit.load(Ordering::Relaxed));
                overflowed.fetch_add(family.truncate(limit) as u64, Ordering::Relaxed);
            }
        }
        repeated
    }

    fn overflowed(&self, metric: &str) -> u64 {
        let index = self.descriptors.iter().position(|descriptor| descriptor.name == metric);
        index.and_then(|index| self.overflowed.get(index)).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// A function that observes a group of metrics.
struct ObservedSource {
    metrics: Arc<ObservedMetrics>,
    observe: Weak<Observe>,
}

impl ComputedSource for ObservedSource {
    fn name(&self) -> String {
        format!("the function of {}", self.metrics.names())
    }

    fn has_ended(&self) -> bool {
        self.observe.strong_count() == 0
    }

    fn compute(&self, samples: &mut Samples) {
        let Some(observe) = self.observe.upgrade() else { return };
        let mut observers: Vec<_> = samples.families_mut().map(|family| Observer { family }).collect();
        if let Err(error) = observe(&mut observers) {
            for family in samples.families_mut() {
                family.truncate(0);
            }
            samples.unreadable(format!("{}: {error}", self.metrics.names()));
        }
    }
}

/// Returns a function that observes each metric by itself.
fn each(observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static) -> Arc<Observe> {
    Arc::new(move |observers: &mut [Observer<'_>]| {
        observers.iter_mut().for_each(&observe);
        Ok(())
    })
}

const HAS_LABELS: &str = "has labels, and a function of one value has none: use `Registry::observe`";

impl Registry {
    /// Registers a gauge whose value is asked for on each page, until the returned handle is dropped.
    ///
    /// The function is called by itself, like a collector: if it panics or does not answer within the deadline of the
    /// page, only its metric is left out, and `metrics_runtime_scrape_errors_total` counts it. It must not render this
    /// registry.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let queue = Arc::new(Mutex::new(vec!["mail"]));
    /// let weak = Arc::downgrade(&queue);
    /// let depth = registry.gauge_fn(Descriptor::gauge("queue_depth", "Waiting jobs."), move || {
    ///     weak.upgrade().map_or(0.0, |queue| queue.lock().unwrap().len() as f64)
    /// })?;
    /// assert!(registry.render().contains("queue_depth 1\n"));
    /// queue.lock().unwrap().clear();
    /// assert!(registry.render().contains("queue_depth 0\n"));
    /// drop(depth);
    /// assert!(!registry.render().contains("\nqueue_depth "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the definition, if it has labels, or if the name has another
    /// definition.
    #[track_caller]
    pub fn gauge_fn(
        &self,
        descriptor: Descriptor,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<Observed, RegistryError> {
        let source = Source::caller();
        check_single(&descriptor, Kind::Gauge, source)?;
        self.observe_at(vec![descriptor], source, each(single(move || value().into())))
    }

    /// Registers a counter whose value is asked for on each page, until the returned handle is dropped. The value must not
    /// decrease while the program runs: Prometheus takes that as a restart.
    ///
    /// See [`gauge_fn`](Self::gauge_fn).
    ///
    /// # Errors
    /// Returns the errors of [`gauge_fn`](Self::gauge_fn).
    #[track_caller]
    pub fn counter_fn(
        &self,
        descriptor: Descriptor,
        value: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Observed, RegistryError> {
        let source = Source::caller();
        check_single(&descriptor, Kind::Counter, source)?;
        self.observe_at(vec![descriptor], source, each(single(move || Number::Whole(value()))))
    }

    /// Registers a gauge or a counter whose values, one for each tuple of labels, are asked for on each page, until the
    /// returned handle is dropped. Several functions can observe series of one metric.
    ///
    /// A metric has at most as many series as its [limit](crate::Family#limit-of-series) allows; the values beyond it are
    /// left out and counted. See [`gauge_fn`](Self::gauge_fn) for the calls of the function.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let descriptor = Descriptor::gauge("pool_connections", "Connections by state.").labels(["state"]);
    /// let pool = registry.observe(descriptor, |observer| {
    ///     for (state, connections) in [("idle", 3.0), ("used", 5.0)] {
    ///         observer.observe(&[state], connections).expect("one label");
    ///     }
    /// })?;
    /// assert!(registry.render().contains("pool_connections{state=\"used\"} 5\n"));
    /// # drop(pool);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the definition, if it is neither a gauge nor a counter, or if the name
    /// has another definition.
    #[track_caller]
    pub fn observe(
        &self,
        descriptor: Descriptor,
        observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static,
    ) -> Result<Observed, RegistryError> {
        self.observe_at(vec![descriptor], Source::caller(), each(observe))
    }

    /// Registers gauges and counters whose values one function gives on each page, until the returned handle is dropped: for
    /// an exporter, which asks another system for its numbers once for a page. The function gets an [`Observer`] for each
    /// metric, in the order of the definitions. A pattern names them, such as `[up, size, counters @ ..]`.
    ///
    /// If it returns an error, the page has none of the metrics' values. The error is logged, and counted as `unreadable` in
    /// `metrics_runtime_scrape_errors_total`.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// # fn query() -> std::io::Result<Vec<(&'static str, u64, u64)>> {
    /// #     Ok(vec![("shop", 70_412, 12)])
    /// # }
    /// let registry = Registry::new();
    /// let commits = Descriptor::counter("db_commits_total", "Commits.").labels(["database"]);
    /// let connections = Descriptor::gauge("db_connections", "Connections.").labels(["database"]);
    /// let database = registry.observe_all([commits, connections], |[commits, connections]| {
    ///     for (database, committed, connected) in query()? {
    ///         commits.observe(&[database], committed)?;
    ///         connections.observe(&[database], connected)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert!(registry.render().contains("db_commits_total{database=\"shop\"} 70412\n"));
    /// # drop(database);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// See [`gauge_fn`](Self::gauge_fn) for the calls of the function, and [`observe`](Self::observe) for the limit of series.
    ///
    /// # Errors
    /// Returns the errors of [`observe`](Self::observe). None of the metrics is registered then.
    #[track_caller]
    pub fn observe_all<const N: usize>(
        &self,
        descriptors: [Descriptor; N],
        observe: impl Fn(&mut [Observer<'_>; N]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Result<Observed, RegistryError> {
        self.observe_at(
            descriptors.into(),
            Source::caller(),
            Arc::new(move |observers: &mut [Observer<'_>]| {
                // There is one for each metric.
                <&mut [_; N]>::try_from(observers).map_or(Ok(()), &observe)
            }),
        )
    }

    fn observe_at(
        &self,
        descriptors: Vec<Descriptor>,
        source: Source,
        observe: Arc<Observe>,
    ) -> Result<Observed, RegistryError> {
        let labels: Vec<_> = descriptors.iter().map(|descriptor| descriptor.labels.clone()).collect();
        let metrics = self.observed_metrics(descriptors, source)?;
        let mut registered = metrics.descriptors.iter().zip(labels);
        let Some((conflict, _)) = registered.find(|(registered, labels)| registered.labels != *labels) else {
            return Ok(self.observed(&metrics, observe));
        };
        let first = self.families().by_name.get(&*conflict.name).map_or(source, |family| family.source());
        Err(RegistryError::Conflict {
            metric: conflict.name.to_string(),
            what: "order of labels",
            first: Box::new(first),
            second: Box::new(source),
        })
    }

    /// Adds a function that observes a registered metric.
    pub(crate) fn observed_by(
        &self,
        metric: &Arc<ObservedMetrics>,
        observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static,
    ) -> Observed {
        self.observed(metric, each(observe))
    }

    fn observed(&self, metrics: &Arc<ObservedMetrics>, observe: Arc<Observe>) -> Observed {
        let source = ObservedSource { metrics: Arc::clone(metrics), observe: Arc::downgrade(&observe) };
        let is_group = |group: &&Group| {
            group.downcast::<ObservedMetrics>().is_some_and(|registered| Arc::ptr_eq(&registered, metrics))
        };
        let group = self.families().computed.iter().find(is_group).cloned();
        if let Some(group) = group {
            self.inner.sources.add_computed(group, Box::new(source));
        }
        Observed { observe, metrics: metrics.names() }
    }

    /// Returns the group of observed metrics with these definitions. Registers it if it is new.
    pub(crate) fn observed_metrics(
        &self,
        descriptors: Vec<Descriptor>,
        source: Source,
    ) -> Result<Arc<ObservedMetrics>, RegistryError> {
        let other = descriptors.iter().find(|descriptor| !matches!(descriptor.kind, Kind::Gauge | Kind::Counter));
        if let Some(other) = other {
            let problem = wrong_kind(other, Kind::Gauge);
            return Err(RegistryError::Invalid { problem, source_place: source });
        }
        let mut families = self.families();
        let is_same = |(registered, new): (&Descriptor, &Descriptor)| {
            registered.name == new.name && registered.difference(new).is_none()
        };
        let mut observed = families.computed.iter().filter_map(Group::downcast::<ObservedMetrics>);
        let registered = observed.find(|metrics| {
            metrics.descriptors.len() == descriptors.len() && metrics.descriptors.iter().zip(&descriptors).all(is_same)
        });
        if let Some(metrics) = registered {
            return Ok(metrics);
        }
        let limit = Arc::clone(&self.inner.shared.limit);
        let overflowed = descriptors.iter().map(|_| AtomicU64::new(0)).collect();
        let metrics = Arc::new(ObservedMetrics { descriptors, limit, overflowed });
        families.add_group(Group::new(Arc::clone(&metrics) as _, source), source)?;
        Ok(metrics)
    }
}

fn check_single(descriptor: &Descriptor, kind: Kind, source: Source) -> Result<(), RegistryError> {
    let problem = if descriptor.kind != kind {
        wrong_kind(descriptor, kind)
    } else if !descriptor.labels.is_empty() {
        name::Problem::new(&["`", &descriptor.name, "` ", HAS_LABELS]).into()
    } else {
        return Ok(());
    };
    Err(RegistryError::Invalid { problem, source_place: source })
}

/// Returns a function that observes the only series of a metric.
fn single(value: impl Fn() -> Number + Send + Sync + 'static) -> impl Fn(&mut Observer<'_>) + Send + Sync + 'static {
    move |observer| observer.set(&[], value())
}
