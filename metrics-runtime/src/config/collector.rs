//! All metrics as one collector of the `prometheus` crate.

use prometheus::core::{Collector, Desc};

use super::Metrics;
use crate::registry::prometheus::to_proto;

/// All metrics of a [`Metrics`] as one collector of the `prometheus` crate. Created by [`Metrics::collector`].
#[derive(Debug)]
pub struct MetricsCollector {
    metrics: Metrics,
    description: Option<Desc>,
}

impl MetricsCollector {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { description: describe(&metrics), metrics }
    }
}

/// Returns the description that identifies the collector: that of one of the toolkit's own metrics, which every such
/// collector writes. A `prometheus::Registry` therefore refuses a second collector that would write the same series.
/// The families of the registry are not listed, because more of them can be registered later.
fn describe(metrics: &Metrics) -> Option<Desc> {
    let name = "metrics_runtime_rejected_values_total".to_owned();
    let constant = metrics.inner.naming.constant.iter().cloned().collect();
    Desc::new(name, "Families of metrics-runtime.".to_owned(), Vec::new(), constant).ok()
}

impl Collector for MetricsCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.description.iter().collect()
    }

    fn collect(&self) -> Vec<prometheus::proto::MetricFamily> {
        let naming = &self.metrics.inner.naming;
        let snapshot = self.metrics.inner.registry.snapshot(naming);
        snapshot.families.iter().map(|family| to_proto(&**family, naming)).collect()
    }
}
