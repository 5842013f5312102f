//! `Metrics::describe`: the settings, the registered metrics, and those that attributes and modules declare.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use metrics_runtime::description::{MetricDescription, MetricKind, Origin, RouteObjective};
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, LabelValue, Metrics, Objective, Registry, metrics, track};
use prometheus::core::Collector;

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

/// Creates metrics of this registry, with a namespace and a constant label.
fn shop(registry: &Registry) -> Metrics {
    Metrics::builder().registry(registry).namespace("shop").constant_label("region", "eu").build().unwrap()
}

fn described(metrics: &Metrics, base_name: &str) -> MetricDescription {
    let metrics = metrics.describe().metrics;
    metrics.into_iter().find(|metric| metric.base_name == base_name).unwrap_or_else(|| panic!("no {base_name}"))
}

fn label_names(metric: &MetricDescription) -> Vec<&str> {
    metric.labels.iter().map(|label| label.name.as_str()).collect()
}

/// Returns the number of label sets that exist, the number of those that are known, and whether there can be others.
fn label_sets(metric: &MetricDescription) -> (usize, usize, bool) {
    (metric.label_sets.current, metric.label_sets.known, metric.label_sets.open)
}

/// Returns the labels with their values, `*` for a label that can have any value.
fn labels(metric: &MetricDescription) -> Vec<String> {
    let values = |values: &Option<Vec<String>>| values.as_ref().map_or_else(|| "*".to_owned(), |all| all.join(" "));
    metric.labels.iter().map(|label| format!("{}: {}", label.name, values(&label.values))).collect()
}

#[test]
fn a_metric_of_two_functions_has_both_declarations() {
    let orders = described(&shop(Registry::global()), "orders_total");
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
    assert_eq!(label_sets(&orders), (8, 8, false));
    order();
    order_by_phone();
}

#[test]
fn a_label_that_can_have_any_value_has_no_known_ones() {
    assert_eq!(warehouse::Size::VALUES, ["small", "large"]);
    warehouse::parcels_total(warehouse::Size::Small, "Rome").inc();
    warehouse::parcels_total(warehouse::Size::Large, "Rome").inc();
    let parcels = described(&shop(Registry::global()), "parcels_total");
    assert_eq!(labels(&parcels), ["size: large small", "destination: *"]);
    assert_eq!(label_sets(&parcels), (2, 0, true));
}

#[test]
fn the_settings_of_the_service_are_described() {
    let description = shop(&Registry::new()).describe();
    assert_eq!((description.namespace.as_str(), description.path.as_str()), ("shop", "/metrics"));
    assert_eq!(description.constant_labels, [("region".to_owned(), "eu".to_owned())]);
    assert_eq!((description.requires_token, description.listen), (false, None));
    assert_eq!((description.objectives.len(), description.series_limit), (0, 2_000));
    let names: Vec<_> = description.metrics.iter().map(|metric| &metric.name).collect();
    assert!(names.is_sorted() && !names.is_empty(), "{names:?}");
    let plain = Metrics::builder().registry(&Registry::new()).build().unwrap().describe();
    assert_eq!(plain.namespace, "");
}

#[test]
fn the_endpoint_is_described() {
    let objective = Objective::new().success(99.9);
    let builder = Metrics::builder().registry(&Registry::new()).path("/numbers").objective("/buy", objective);
    let endpoint = Endpoint::new().token("hush");
    let description = builder.endpoint(endpoint).listen_on(([127, 0, 0, 1], 9464)).build().unwrap().describe();
    assert_eq!((description.path.as_str(), description.requires_token), ("/numbers", true));
    assert_eq!(description.listen, Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
    let [RouteObjective { route, objective: described, .. }] = description.objectives.as_slice() else {
        panic!("{description:?}")
    };
    assert_eq!((route.as_str(), *described), ("/buy", objective));
}

#[test]
fn a_family_is_described_by_its_definition() {
    let metrics = shop(&Registry::new());
    let wait = Descriptor::histogram("wait_seconds", "Waiting.", &[0.5, 1.0][..]).unit("seconds");
    let line = line!() + 1;
    let wait = metrics.registry().histogram(wait.labels(["queue", "kind"])).unwrap();
    wait.get_or_create(&["a", "b"]).unwrap();
    let wait = described(&metrics, "wait_seconds");
    assert_eq!(
        (wait.name.as_str(), wait.kind, wait.origin),
        ("shop_wait_seconds", MetricKind::Histogram, Origin::Family)
    );
    assert_eq!((wait.unit.as_deref(), wait.help.as_str()), (Some("seconds"), "Waiting."));
    assert_eq!((label_names(&wait), wait.buckets.as_slice()), (vec!["queue", "kind"], &[0.5, 1.0][..]));
    assert_eq!(label_sets(&wait), (1, 0, true));
    assert_eq!(wait.places.iter().map(|place| place.line).collect::<Vec<_>>(), [line]);
}

#[test]
fn every_metric_of_the_page_is_described() {
    let metrics = shop(&Registry::new());
    metrics.registry().gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
    let page = metrics.render();
    let on_page: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let description = metrics.describe();
    let described: BTreeSet<_> = description.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(described, on_page);
}

#[test]
fn the_toolkits_own_metrics_have_known_values_and_no_place() {
    let metrics = shop(&Registry::new());
    let errors = described(&metrics, "metrics_runtime_scrape_errors_total");
    assert_eq!(labels(&errors), ["cause: duplicate invalid panic recursion timeout unreadable"]);
    assert_eq!((errors.origin, errors.places.len()), (Origin::Toolkit, 0));
    assert_eq!(label_sets(&errors), (6, 6, false));
    metrics.registry().gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
    let overflow = described(&metrics, "metrics_runtime_label_overflow_total");
    assert!(overflow.labels[0].values.as_ref().is_some_and(|values| values.contains(&"shop_depth".to_owned())));
}

#[test]
fn collectors_are_described_before_and_after_they_have_a_series() {
    let metrics = shop(&Registry::new());
    let options = prometheus::Opts::new("jobs_total", "Jobs.").const_label("zone", "a");
    let jobs = prometheus::IntCounterVec::new(options, &["kind"]).unwrap();
    let options = prometheus::HistogramOpts::new("wait_seconds", "Waiting.").buckets(vec![0.5, 1.0]);
    let wait = prometheus::Histogram::with_opts(options).unwrap();
    let included = prometheus::Registry::new();
    included.register(Box::new(prometheus::Gauge::new("shop_build_info", "Build.").unwrap())).unwrap();
    metrics.registry().register(Box::new(jobs.clone())).unwrap();
    metrics.registry().register(Box::new(wait)).unwrap();
    metrics.registry().include(included);

    let before = described(&metrics, "jobs_total");
    assert_eq!((before.kind, before.help.as_str(), before.origin), (MetricKind::Counter, "Jobs.", Origin::Collector));
    assert_eq!(label_names(&before), ["zone", "kind"]);
    assert_eq!(label_sets(&before), (0, 0, true));
    jobs.with_label_values(&["x"]).inc();
    let after = described(&metrics, "jobs_total");
    assert_eq!((label_names(&after), after.label_sets.current), (vec!["zone", "kind"], 1));
    let wait = described(&metrics, "wait_seconds");
    assert_eq!((wait.kind, wait.buckets.as_slice()), (MetricKind::Histogram, &[0.5, 1.0][..]));
    assert_eq!(label_sets(&wait), (1, 1, false));
    let build = described(&metrics, "build_info");
    assert_eq!((build.name.as_str(), build.kind), ("shop_build_info", MetricKind::Info));
}

#[test]
fn declared_collectors_of_included_registries_are_described_as_registered_ones() {
    let options = || prometheus::Opts::new("jobs_total", "Jobs.").const_label("zone", "a");
    let jobs = || prometheus::IntCounterVec::new(options(), &["kind"]).unwrap();
    let options = || prometheus::HistogramOpts::new("wait_seconds", "Waiting.").buckets(vec![0.5, 1.0]);
    let wait = || prometheus::HistogramVec::new(options(), &["queue"]).unwrap();
    let depth = || prometheus::GaugeVec::new(prometheus::Opts::new("depth", "Depth."), &["queue"]).unwrap();
    let registered = shop(&Registry::new());
    registered.registry().register(Box::new(jobs())).unwrap();
    registered.registry().register(Box::new(wait())).unwrap();
    registered.registry().register(Box::new(depth())).unwrap();

    let declared = shop(&Registry::new());
    let included = prometheus::Registry::new();
    let (jobs, wait, depth) = (jobs(), wait(), depth());
    declared.registry().include(included.clone());
    for collector in [Box::new(jobs.clone()) as Box<dyn Collector>, Box::new(wait.clone()), Box::new(depth)] {
        declared.registry().declare(&*collector);
        included.register(collector).unwrap();
    }
    assert_eq!(declared.describe(), registered.describe());
    assert_eq!(described(&declared, "wait_seconds").kind, MetricKind::Histogram);
    assert!(!declared.render().contains("jobs_total"), "only the documents change");

    jobs.with_label_values(&["x"]).inc();
    wait.with_label_values(&["mail"]).observe(0.7);
    let jobs = described(&declared, "jobs_total");
    assert_eq!((label_names(&jobs), label_sets(&jobs)), (vec!["zone", "kind"], (1, 0, true)));
    assert_eq!(described(&declared, "wait_seconds").buckets, [0.5, 1.0]);
    assert!(declared.render().contains("jobs_total{kind=\"x\",zone=\"a\"} 1\n"));
}

#[test]
fn a_collector_whose_name_is_taken_is_not_described() {
    let metrics = shop(&Registry::new());
    metrics.registry().gauge(Descriptor::gauge("depth", "Ours.")).unwrap();
    for name in ["shop_depth", "metrics_runtime_x"] {
        let collector = prometheus::Gauge::new(name, "Another.").unwrap();
        metrics.registry().register(Box::new(collector)).unwrap();
    }
    assert_eq!(described(&metrics, "depth").help, "Ours.");
    assert!(!metrics.describe().metrics.iter().any(|metric| metric.name == "metrics_runtime_x"));
}
