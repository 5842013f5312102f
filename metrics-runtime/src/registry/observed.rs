//! Metrics whose values are asked for on each page.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::{Registry, RegistryError, wrong_kind};
use crate::family::computed::{Computed, ComputedSource, Group, Samples};
use crate::family::{LabelCountError, SharedLimit};
use crate::metric::reject;
use crate::schema::{Descriptor, Kind, Number, Source, name};

/// The function that gives the current values of a metric.
type Observe = dyn Fn(&mut Observer<'_>) + Send + Sync;

/// A metric whose values are asked for on each page, until this handle is dropped. See
/// [`Registry::gauge_fn`].
///
/// The handle owns the function, and the registry does not. So the registry keeps nothing alive that the function uses.
#[must_use = "the metric has values only until this handle is dropped"]
pub struct Observed {
    observe: Arc<Observe>,
    metric: String,
}

impl Observed {
    /// Creates a handle without a metric.
    pub(crate) fn detached(metric: &str, observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static) -> Self {
        Self { observe: Arc::new(observe), metric: metric.to_owned() }
    }

    /// Keeps the function, and the values on the page, until the process ends.
    pub fn forever(self) {
        std::mem::forget(self.observe);
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("metric", &self.metric).finish_non_exhaustive()
    }
}

/// Takes the current values of an observed metric. See [`Registry::observe`].
pub struct Observer<'s> {
    samples: &'s mut Samples,
    descriptor: &'s Descriptor,
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
        LabelCountError::check(self.descriptor, values)?;
        self.set(values, value.into());
        Ok(())
    }

    /// Sets the value of a series. The caller gives one value for each label.
    pub(crate) fn set(&mut self, values: &[&str], value: Number) {
        if self.descriptor.kind == Kind::Counter && !(value.as_f64().is_finite() && value.as_f64() >= 0.0) {
            reject("rejected the value of an observed counter that is negative or not finite", value.as_f64());
        } else {
            self.samples.add(0, values, value);
        }
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("metric", &self.descriptor.name).finish_non_exhaustive()
    }
}

/// The group of one observed metric. Its samples come from sources.
#[derive(Debug)]
pub(crate) struct ObservedMetric {
    descriptor: Descriptor,
    limit: SharedLimit,
    /// The number of values beyond the limit of series.
    overflowed: AtomicU64,
}

impl ObservedMetric {
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.descriptor.labels.iter().map(AsRef::as_ref)
    }
}

impl Computed for ObservedMetric {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.descriptor.clone()]
    }

    fn compute(&self, _: &mut Samples) {}

    fn settle(&self, samples: &mut Samples) -> usize {
        let mut seen = HashSet::new();
        let before = samples.len(0);
        samples.retain(0, |labels| seen.insert(labels.to_owned()));
        let distinct = samples.len(0);
        if !self.descriptor.labels.is_empty() {
            let limit = self.descriptor.series_limit.unwrap_or_else(|| self.limit.load(Ordering::Relaxed));
            samples.truncate(0, limit);
            self.overflowed.fetch_add((distinct - samples.len(0)) as u64, Ordering::Relaxed);
        }
        before - distinct
    }

    fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

/// A function that observes a metric.
struct ObservedSource {
    metric: Arc<ObservedMetric>,
    observe: Weak<Observe>,
}

impl ComputedSource for ObservedSource {
    fn name(&self) -> String {
        format!("the function of `{}`", self.metric.descriptor.name)
    }

    fn has_ended(&self) -> bool {
        self.observe.strong_count() == 0
    }

    fn compute(&self, samples: &mut Samples) {
        if let Some(observe) = self.observe.upgrade() {
            observe(&mut Observer { samples, descriptor: &self.metric.descriptor });
        }
    }
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
        self.observe_at(descriptor, source, single(move || value().into()))
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
        self.observe_at(descriptor, source, single(move || Number::Whole(value())))
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
        self.observe_at(descriptor, Source::caller(), observe)
    }

    fn observe_at(
        &self,
        descriptor: Descriptor,
        source: Source,
        observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static,
    ) -> Result<Observed, RegistryError> {
        let labels = descriptor.labels.clone();
        let metric = self.observed_metric(descriptor, source)?;
        if metric.descriptor.labels == labels {
            return Ok(self.observed_by(&metric, observe));
        }
        Err(RegistryError::Conflict {
            metric: metric.descriptor.name.to_string(),
            what: "order of labels",
            first: Box::new(
                self.families().by_name.get(&*metric.descriptor.name).map_or(source, |family| family.source()),
            ),
            second: Box::new(source),
        })
    }

    /// Adds a function that observes a registered metric.
    pub(crate) fn observed_by(
        &self,
        metric: &Arc<ObservedMetric>,
        observe: impl Fn(&mut Observer<'_>) + Send + Sync + 'static,
    ) -> Observed {
        let observed = Observed::detached(&metric.descriptor.name, observe);
        let source = ObservedSource { metric: Arc::clone(metric), observe: Arc::downgrade(&observed.observe) };
        let is_metric = |group: &&Group| {
            group.downcast::<ObservedMetric>().is_some_and(|registered| Arc::ptr_eq(&registered, metric))
        };
        let group = self.families().computed.iter().find(is_metric).cloned();
        if let Some(group) = group {
            self.inner.sources.add_computed(group, Box::new(source));
        }
        observed
    }

    /// Returns the observed metric of this definition. Registers it if it is new.
    pub(crate) fn observed_metric(
        &self,
        descriptor: Descriptor,
        source: Source,
    ) -> Result<Arc<ObservedMetric>, RegistryError> {
        if !matches!(descriptor.kind, Kind::Gauge | Kind::Counter) {
            let problem = wrong_kind(&descriptor, Kind::Gauge);
            return Err(RegistryError::Invalid { problem, source_place: source });
        }
        let mut families = self.families();
        let mut observed = families.computed.iter().filter_map(Group::downcast::<ObservedMetric>);
        let registered = observed.find(|metric| metric.descriptor.name == descriptor.name);
        if let Some(metric) = registered
            && metric.descriptor.difference(&descriptor).is_none()
        {
            return Ok(metric);
        }
        let limit = Arc::clone(&self.inner.shared.limit);
        let metric = Arc::new(ObservedMetric { descriptor, limit, overflowed: AtomicU64::new(0) });
        families.add_group(Group::new(Arc::clone(&metric) as _, source), source)?;
        Ok(metric)
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
