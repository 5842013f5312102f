//! Foreign collectors beside the families.

#[cfg(feature = "export")]
use std::sync::PoisonError;

use prometheus::core::Collector;

#[cfg(feature = "axum")]
use super::collectors::{Gathered, Patience};
use super::{Registry, RegistryError};

/// A metric as a foreign collector describes it.
#[cfg(feature = "export")]
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) labels: Vec<String>,
}

impl Registry {
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
