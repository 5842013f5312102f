//! Registration of collectors of the `prometheus` crate.

use prometheus::core::Collector;

use super::{Registry, RegistryError};

impl Registry {
    /// Adds a collector of the `prometheus` crate: a metric, a vector, or any other. Its metrics keep their names, and
    /// their timestamps if they have any.
    ///
    /// A page leaves out the collector if it panics, does not answer within the page's deadline, or renders this registry.
    /// It leaves out a family whose name is taken, and a family that scrapers would refuse or misread: an invalid or
    /// reserved label, a series that occurs twice, a timestamp before 1970, a negative counter, a histogram whose bounds
    /// or counts do not ascend, a summary with a quantile twice or not from 0 to 1, an untyped value that cannot be read
    /// (feature `protobuf` of `prometheus`). `metrics_runtime_scrape_errors_total` counts them.
    ///
    /// A page in OpenMetrics has less where this format does not allow more: a counter has no type if its name does not
    /// end in `_total`, or if a family has its name without this suffix or with `_created` in place of it; a histogram has
    /// no sum and no count if its sum is negative or NaN, a summary no such sum and no quantile with a negative value.
    ///
    /// # Errors
    /// Returns an error if another registered collector has a metric with the same description.
    pub fn register(&self, collector: Box<dyn Collector>) -> Result<(), RegistryError> {
        let registered = self.inner.sources.register(collector);
        registered.map_err(|error| RegistryError::Collector { reason: error.to_string() })
    }

    /// Includes a whole registry of the `prometheus` crate, such as the default one. It may get further collectors later.
    ///
    /// ```
    /// use std::sync::LazyLock;
    /// use metrics_runtime::{Metrics, Registry};
    /// use prometheus::{IntCounterVec, register_int_counter_vec};
    ///
    /// static JOBS: LazyLock<IntCounterVec> =
    ///     LazyLock::new(|| register_int_counter_vec!("jobs_total", "Jobs by queue.", &["queue"]).unwrap());
    ///
    /// let registry = Registry::new();
    /// registry.include(prometheus::default_registry().clone());
    /// registry.declare(&*JOBS);
    /// JOBS.with_label_values(&["mail"]).inc();
    /// assert!(registry.render().contains("jobs_total{queue=\"mail\"} 1\n"));
    /// ```
    ///
    /// The documents of [`Metrics::describe`](crate::Metrics::describe) have a metric of an included registry once it has
    /// a series, or from the start if it is [declared](Self::declare).
    pub fn include(&self, registry: prometheus::Registry) {
        self.inner.sources.include(registry);
    }

    /// Describes a collector that an included registry has, as [`register`](Self::register) describes a registered one. Its
    /// metrics are then in the documents of [`Metrics::describe`](crate::Metrics::describe) before they have a series: a
    /// registry of the `prometheus` crate does not say which collectors it has.
    ///
    /// Calls the collector once, on this thread. The page does not change. For a registry with a prefix or labels
    /// (`Registry::new_custom`), give the metrics a series instead: a collector knows neither of them.
    pub fn declare(&self, collector: &dyn Collector) {
        self.inner.sources.declare(collector);
    }

    /// Returns the descriptions of registered and declared collectors. They exist before a collector has a series.
    pub(crate) fn descriptions(&self) -> Vec<prometheus::core::Desc> {
        self.inner.sources.descriptions()
    }

    /// Returns the families of declared collectors, without series.
    pub(crate) fn declared(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.inner.sources.declared()
    }
}
