//! The metrics that are sent.

use std::io;
use std::time::Duration;

use metrics_runtime::visit::Visitor;
use metrics_runtime::{Metrics, Registry};

/// The metrics that [`Sender::start`](crate::Sender::start) sends: those of a service, with its names and constant
/// labels, or those of a registry.
///
/// ```
/// use metrics_send::Source;
/// use metrics_runtime::Registry;
///
/// let source = Source::from(&Registry::new());
/// # drop(source);
/// ```
#[derive(Clone, Debug)]
pub struct Source(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Metrics(Metrics),
    Registry(Registry),
}

impl From<&Metrics> for Source {
    fn from(metrics: &Metrics) -> Self {
        Self(Kind::Metrics(metrics.clone()))
    }
}

impl From<&Registry> for Source {
    fn from(registry: &Registry) -> Self {
        Self(Kind::Registry(registry.clone()))
    }
}

impl Source {
    /// Returns the namespace, or an empty text.
    #[cfg(feature = "otlp")]
    pub(crate) fn namespace(&self) -> &str {
        match &self.0 {
            Kind::Metrics(metrics) => metrics.namespace(),
            Kind::Registry(_) => "",
        }
    }

    /// Returns `false` if metrics are switched off.
    pub(crate) fn is_enabled(&self) -> bool {
        match &self.0 {
            Kind::Metrics(metrics) => metrics.is_enabled(),
            Kind::Registry(_) => true,
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        match &self.0 {
            Kind::Metrics(metrics) => metrics.registry(),
            Kind::Registry(registry) => registry,
        }
    }

    pub(crate) fn visit_within<V: Visitor + Send + 'static>(
        &self,
        deadline: Duration,
        visitor: V,
        then: impl FnOnce(V) + Send + 'static,
    ) -> io::Result<()> {
        match &self.0 {
            Kind::Metrics(metrics) => metrics.visit_within(deadline, visitor, then),
            Kind::Registry(registry) => registry.visit_within(deadline, visitor, then),
        }
    }
}
