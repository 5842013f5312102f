//! All of it as one collector of the `prometheus` crate.

use prometheus::core::Collector;

use super::Metrics;
use crate::registry::prometheus::to_proto;

/// All metrics of a [`Metrics`] as one collector of the `prometheus` crate.
#[derive(Debug)]
pub struct MetricsCollector {
    metrics: Metrics,
    description: Option<prometheus::core::Desc>,
}

impl MetricsCollector {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { description: describe(&metrics.inner.naming.prefix), metrics }
    }
}

/// A collector has to describe something to have an identity. The families come and go, so it is this one.
fn describe(prefix: &str) -> Option<prometheus::core::Desc> {
    let name = format!("{prefix}metrics_runtime_collector");
    prometheus::core::Desc::new(name, "Families of metrics-runtime.".into(), Vec::new(), [].into()).ok()
}

impl Collector for MetricsCollector {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        self.description.iter().collect()
    }

    fn collect(&self) -> Vec<prometheus::proto::MetricFamily> {
        let (families, _) = self.metrics.inner.registry.snapshot();
        families.iter().map(|family| to_proto(&**family, &self.metrics.inner.naming)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::shop;
    use crate::registry::Registry;
    use crate::schema::Descriptor;

    #[test]
    fn a_prometheus_registry_shows_what_our_page_shows() {
        let metrics = shop(&Registry::new());
        let sizes = Descriptor::histogram("size_bytes", "Sizes.", &[1.0, 2.0][..]).labels(["kind"]);
        metrics.registry().histogram(sizes).unwrap().get_or_create(&["a\"b"]).unwrap().observe(1.5);
        let theirs = prometheus::Registry::new();
        theirs.register(Box::new(metrics.collector())).unwrap();
        let page = prometheus::TextEncoder::new().encode_to_string(&theirs.gather()).unwrap();
        for line in [
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"2\"} 1",
            "shop_size_bytes_bucket{kind=\"a\\\"b\",region=\"eu\",le=\"+Inf\"} 1",
            "shop_size_bytes_sum{kind=\"a\\\"b\",region=\"eu\"} 1.5",
        ] {
            assert!(page.contains(line), "{line} is missing:\n{page}");
        }
    }
}
