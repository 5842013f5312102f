//! A shop that sends its metrics, and what its own page says about sending.

use std::time::Duration;

use metrics_runtime::{Counter, Descriptor, Family, Metrics, Registry};
use tests::page::Page;
use tests::wait;

/// An interval between walks of which a test waits for several.
pub(super) const SOON: Duration = Duration::from_millis(20);
/// An interval longer than any test.
pub(super) const NEVER: Duration = Duration::from_secs(1_000_000_000);

/// Returns the metrics of a shop with three new orders.
pub(super) fn shop() -> (Metrics, Family<Counter>) {
    let registry = Registry::new();
    let metrics =
        Metrics::builder().registry(&registry).namespace("shop").constant_label("region", "eu").build().unwrap();
    let orders = registry.counter(Descriptor::counter("orders_total", "Orders.").labels(["state"])).unwrap();
    orders.get_or_create(&["new"]).unwrap().inc_by(3);
    (metrics, orders)
}

/// Returns a value of the metrics about sending of the task `test`.
pub(super) fn own(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> f64 {
    let page = Page::parse_text(&metrics.render()).unwrap();
    let labels = [("region", "eu"), ("remote_name", "test")].into_iter().chain(labels.iter().copied());
    page.value(&format!("shop_remote_storage_{name}"), labels)
}

pub(super) fn is_about_sending(name: &str) -> bool {
    name.contains("remote_storage_") || name.contains("metrics_runtime_")
}

/// Waits for a condition, on a thread for blocking work.
pub(super) fn until(what: &str, condition: impl Fn() -> bool) {
    tokio::task::block_in_place(|| wait::until(what, || condition().then_some(())));
}
