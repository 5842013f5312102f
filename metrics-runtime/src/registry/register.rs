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

    /// Includes a whole registry of the `prometheus` crate, such as the default one:
    /// `registry.include(prometheus::default_registry().clone())`.
    pub fn include(&self, registry: prometheus::Registry) {
        self.inner.sources.include(registry);
    }

    /// Returns the descriptions of the registered collectors. They exist before a collector has a series.
    pub(crate) fn descriptions(&self) -> Vec<prometheus::core::Desc> {
        self.inner.sources.descriptions()
    }
}
