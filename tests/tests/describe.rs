//! `Metrics::describe` of metrics that attributes and modules declare.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use metrics_runtime::description::{MetricDescription, MetricKind, Origin};
use metrics_runtime::{LabelValue, Metrics, Objective, metrics, track};

/// Orders.
#[track(name = "orders", labels(channel = "web"), objective(success = 99.9))]
fn order() {}

/// Orders.
#[track(name = "orders", labels(channel = "phone"))]
fn order_by_phone() {}

#[metrics]
mod warehouse {
    use metrics_runtime::{Counter, LabelValue};

    #[derive(LabelValue)]
    pub(super) enum Size {
        Small,
        Large,
    }

    /// Parcels by size and destination.
    pub(super) fn parcels_total(size: Size, destination: &str) -> Counter;
}

fn described(base_name: &str) -> MetricDescription {
    let metrics = Metrics::builder().namespace("shop").build().unwrap().describe().metrics;
    metrics.into_iter().find(|metric| metric.base_name == base_name).unwrap()
}

/// Returns the labels with their values, `*` for a label that can have any value.
fn labels(metric: &MetricDescription) -> Vec<String> {
    let values = |values: &Option<Vec<String>>| values.as_ref().map_or_else(|| "*".to_owned(), |all| all.join(" "));
    metric.labels.iter().map(|label| format!("{}: {}", label.name, values(&label.values))).collect()
}

#[test]
fn a_metric_of_two_functions_has_both_declarations() {
    let orders = described("orders_total");
    assert_eq!(
        (orders.name.as_str(), orders.kind, orders.origin),
        ("shop_orders_total", MetricKind::Counter, Origin::Family)
    );
    assert_eq!(orders.help, "Orders (calls by status).");
    assert_eq!(labels(&orders), ["channel: phone web", "status: cancelled error panic success"]);
    let declarations: Vec<_> =
        orders.declarations.iter().map(|declaration| (declaration.source.function, declaration.objective)).collect();
    let objective = Objective::new().success(99.9);
    assert_eq!(declarations, [("order", Some(objective)), ("order_by_phone", None)]);
    assert_eq!(orders.declarations[0].fixed_labels(), [("channel", "web")]);
    assert!(orders.places.iter().eq(orders.declarations.iter().map(|declaration| &declaration.source)));
    assert_eq!((orders.label_sets.current, orders.label_sets.known, orders.label_sets.open), (8, 8, false));
    order();
    order_by_phone();
}

#[test]
fn a_label_that_can_have_any_value_has_no_known_ones() {
    assert_eq!(warehouse::Size::VALUES, ["small", "large"]);
    warehouse::parcels_total(warehouse::Size::Small, "Rome").inc();
    warehouse::parcels_total(warehouse::Size::Large, "Rome").inc();
    let parcels = described("parcels_total");
    assert_eq!(labels(&parcels), ["size: large small", "destination: *"]);
    assert_eq!((parcels.label_sets.current, parcels.label_sets.known, parcels.label_sets.open), (2, 0, true));
}
