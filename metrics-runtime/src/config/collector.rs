//! All metrics as one collector of the `prometheus` crate.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::Metrics;
use crate::family::Owner;
use crate::registry::prometheus::{Bridge, describe};
use crate::visit::Visitor;

/// All metrics of a [`Metrics`] as one collector of the `prometheus` crate. Created by [`Metrics::collector`].
#[derive(Debug)]
pub struct MetricsCollector {
    metrics: Metrics,
    /// The descriptions of the toolkit's own families, which every such collector has. A `prometheus::Registry` therefore
    /// refuses a second collector that would write the same series. Other families are not described, because more of
    /// them can be registered later.
    descriptions: Vec<Desc>,
}

impl MetricsCollector {
    pub(super) fn new(metrics: Metrics) -> Self {
        let naming = &metrics.inner.naming;
        let families = metrics.inner.registry.snapshot(naming, Vec::new()).families;
        let own = families.iter().filter(|family| family.owner() == Owner::Toolkit);
        Self { descriptions: own.map(|family| describe(family.descriptor(), naming)).collect(), metrics }
    }
}

impl Collector for MetricsCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (registry, naming) = (&self.metrics.inner.registry, &self.metrics.inner.naming);
        // Collectors of the `prometheus` crate are registered there as well, so they are not gathered.
        let walk = registry.walk(naming, registry.gather_computed());
        registry.report(&walk);
        let mut bridge = Bridge::default();
        walk.visit::<dyn Visitor>(&mut bridge);
        bridge.families
    }
}
