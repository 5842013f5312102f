//! Registration of collectors of the `prometheus` crate.

#[cfg(feature = "axum")]
use std::time::Duration;

use prometheus::core::Collector;

#[cfg(feature = "axum")]
use super::Gathering;
use super::gathered::Gathered;
use super::{Registry, RegistryError};

impl Registry {
    /// Adds a collector of the `prometheus` crate: a metric, a vector, or any other. Its metrics keep their names.
    ///
    /// # Errors
    /// Returns an error if another registered collector has a metric with the same description.
    pub fn register(&self, collector: Box<dyn Collector>) -> Result<(), RegistryError> {
        let registered = self.inner.collectors.register(collector);
        registered.map_err(|error| RegistryError::Collector { reason: error.to_string() })
    }

    /// Includes a whole registry of the `prometheus` crate, such as the default one:
    /// `registry.include(prometheus::default_registry().clone())`.
    pub fn include(&self, registry: prometheus::Registry) {
        self.inner.collectors.include(registry);
    }

    /// Returns the descriptions of the registered collectors. They exist before a collector has a series.
    pub(crate) fn descriptions(&self) -> Vec<prometheus::core::Desc> {
        self.inner.collectors.descriptions()
    }

    /// Calls all collectors on this thread.
    pub(crate) fn gather(&self) -> Gathered {
        self.inner.collectors.gather()
    }

    /// Starts to call all collectors on other threads. A call is overdue after this duration.
    #[cfg(feature = "axum")]
    pub(crate) fn start_gathering(&self, overdue: Duration) -> Gathering {
        self.inner.collectors.start_gathering(overdue)
    }
}
