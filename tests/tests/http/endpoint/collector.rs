//! Foreign collectors of the tests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use metrics_runtime::Registry;

/// A collector that calls a closure.
struct Closure<F> {
    description: Desc,
    collect: F,
}

impl<F: Fn() -> Vec<MetricFamily> + Send + Sync> Collector for Closure<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.collect)()
    }
}

pub(super) fn register(
    registry: &Registry,
    name: &str,
    collect: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static,
) {
    let description = Desc::new(name.to_owned(), "Foreign.".to_owned(), Vec::new(), HashMap::new()).expect("valid");
    registry.register(Box::new(Closure { description, collect })).expect("not registered yet");
}

pub(super) fn families(name: &str) -> Vec<MetricFamily> {
    let gauge = IntGauge::new(name, "Foreign.").expect("valid");
    gauge.set(1);
    gauge.collect()
}

/// The number of calls of a collector.
pub(super) struct CallCount(pub(super) Arc<AtomicUsize>);

impl CallCount {
    pub(super) fn register(registry: &Registry, name: &'static str) -> Self {
        let times = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&times);
        register(registry, name, move || {
            count.fetch_add(1, Ordering::Relaxed);
            families(name)
        });
        Self(times)
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
