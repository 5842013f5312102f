//! The page has all that libraries record with the facade `metrics`.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder,
};
use metrics_runtime::facade::{Facade, Names};
use metrics_runtime::{Descriptor, Metrics, Registry};
use support::{openmetrics_of, page_of};
use tests::log::{Log, subscribe};
use tests::page::Page;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The page, in both formats, after a library has recorded.
#[track_caller]
fn recorded(record: impl FnOnce()) -> [Page; 2] {
    let registry = Registry::new();
    with_local_recorder(&Facade::new(&registry), record);
    [page_of(&registry), openmetrics_of(&registry)]
}

#[test]
fn counters_gauges_and_histograms_keep_their_names_and_labels() {
    let pages = recorded(|| {
        describe_counter!("db.requests", "Requests.");
        describe_gauge!("queue_bytes", Unit::Bytes, "Size.");
        describe_histogram!("query_seconds", Unit::Seconds, "Queries.");
        counter!("db.requests", "service.name" => "a\"\\\n", "le" => "x").increment(2);
        gauge!("queue_bytes").increment(5.0);
        gauge!("queue_bytes").decrement(1.5);
        histogram!("query_seconds", "table" => "orders").record(0.3);
        histogram!("query_seconds", "table" => "orders").record_many(7.0, 3);
    });
    for page in pages {
        assert_eq!(page.value("db_requests", [("service_name", "a\"\\\n"), ("label_le", "x")]), 2.0);
        assert_eq!(page.family("db_requests").unwrap().help.as_deref(), Some("Requests."));
        assert_eq!(page.value("queue_bytes", []), 3.5);
        assert_eq!(page.value("query_seconds_count", [("table", "orders")]), 4.0);
        assert_eq!(page.value("query_seconds_bucket", [("table", "orders"), ("le", "0.5")]), 1.0);
    }
}

#[test]
fn the_unit_is_on_the_page_if_the_name_ends_in_it() {
    let registry = Registry::new();
    with_local_recorder(&Facade::new(&registry), || {
        describe_gauge!("queue_bytes", Unit::Bytes, "Size.");
        describe_gauge!("latency", Unit::Milliseconds, "Latency.");
        gauge!("queue_bytes").set(1.0);
        gauge!("latency").set(1.0);
    });
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let described = metrics.describe().metrics;
    let unit = |name: &str| described.iter().find(|metric| metric.name == name).unwrap().unit.as_deref();
    assert_eq!((unit("queue_bytes"), unit("latency")), (Some("bytes"), None));
}

#[test]
fn an_absolute_counter_never_goes_back() {
    let [page, _] = recorded(|| {
        let total = counter!("reads");
        for value in [5, 3, u64::MAX, 9] {
            total.absolute(value);
        }
        counter!("others").increment(2);
        counter!("others").absolute(1);
        counter!("others").absolute(7);
    });
    assert_eq!((page.value("reads", []), page.value("others", [])), (u64::MAX as f64, 7.0));
}

#[test]
fn a_label_that_is_missing_is_empty_and_one_that_is_new_is_left_out_and_logged() {
    let registry = Registry::new();
    let (log, _logging) = Log::start();
    with_local_recorder(&Facade::new(&registry), || {
        for _ in 0..2 {
            counter!("jobs", "queue" => "a", "kind" => "x").increment(1);
            counter!("jobs", "kind" => "y").increment(10);
            counter!("jobs", "kind" => "x", "queue" => "a").increment(100);
            counter!("jobs", "kind" => "x", "queue" => "a", "host" => "h").increment(1000);
            gauge!("depth", "queue" => "a").set(1.0);
            gauge!("depth", "queue" => "a", "host" => "h").set(5.0);
        }
    });
    let page = page_of(&registry);
    assert_eq!(page.value("jobs", [("queue", "a"), ("kind", "x")]), 2.0 * 1101.0);
    assert_eq!(page.value("jobs", [("queue", ""), ("kind", "y")]), 20.0);
    assert_eq!(page.value("depth", [("queue", "a")]), 1.0, "the last value of another series is not taken");
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("jobs") && lines[0].contains("host") && lines[0].contains("left out"), "{lines:?}");
}

#[test]
fn a_name_with_another_kind_or_a_taken_one_is_logged_once_and_not_recorded() {
    let registry = Registry::new();
    let taken = Descriptor::gauge("taken", "Ours.");
    registry.gauge(taken).unwrap().get_or_create(&[]).unwrap().set(4.0);
    let (log, _logging) = Log::start();
    with_local_recorder(&Facade::new(&registry), || {
        for _ in 0..3 {
            counter!("x").increment(1);
            gauge!("x").set(9.0);
            counter!("taken").increment(1);
            counter!("metrics_runtime_x").increment(1);
        }
    });
    let page = page_of(&registry);
    assert_eq!((page.value("x", []), page.value("taken", [])), (3.0, 4.0));
    assert_eq!(log.lines().len(), 3, "{:?}", log.lines());
}

#[test]
fn names_and_series_are_bounded() {
    let registry = Registry::new();
    registry.set_series_limit(5);
    let (log, _logging) = Log::start();
    with_local_recorder(&Facade::new(&registry), || {
        for i in 0..50 {
            counter!("jobs", "tenant" => i.to_string()).increment(1);
            gauge!("depth", "tenant" => i.to_string()).set(1.0);
        }
        for i in 0..1_500 {
            counter!(format!("name_{i}")).increment(1);
        }
    });
    let page = page_of(&registry);
    assert_eq!((page.series("jobs").len(), page.value("jobs", [("tenant", "_overflow")])), (6, 45.0));
    assert_eq!(page.series("depth").len(), 5);
    for metric in ["jobs", "depth"] {
        assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", metric)]), 45.0, "{metric}");
    }
    let names = (0..1_500).filter(|i| page.family(&format!("name_{i}")).is_some()).count();
    assert_eq!(names, 998);
    assert!(log.lines().iter().filter(|line| line.contains("further names")).count() == 1);
}

#[test]
fn buckets_follow_rules_and_units() {
    let registry = Registry::new();
    let facade = Facade::new(&registry)
        .buckets(Names::Is("exact"), [1.0])
        .and_then(|facade| facade.buckets(Names::Prefix("db."), [2.0]))
        .and_then(|facade| facade.buckets(Names::Suffix("_size"), vec![3.0]))
        .unwrap()
        .native(Names::Prefix("wait"));
    assert!(Facade::new(&registry).buckets(Names::All, [2.0, 1.0]).is_err());
    with_local_recorder(&facade, || {
        describe_histogram!("described", Unit::Bytes, "Bytes.");
        for name in ["exact", "db.time", "page_size", "described", "wait_seconds", "other"] {
            histogram!(name).record(0.5);
        }
    });
    let page = page_of(&registry);
    let first = |name: &str| {
        let buckets = page.series(&format!("{name}_bucket"));
        buckets.into_iter().map(|sample| sample.labels["le"].parse::<f64>().unwrap()).fold(f64::INFINITY, f64::min)
    };
    let names = ["exact", "db_time", "page_size", "described", "wait_seconds", "other"];
    assert_eq!(names.map(first), [1.0, 2.0, 3.0, 256.0, 0.005, 0.001]);
    let described = Metrics::builder().registry(&registry).build().unwrap().describe().metrics;
    let native: Vec<_> = described.iter().filter(|metric| metric.native).map(|metric| metric.name.as_str()).collect();
    assert_eq!(native, ["wait_seconds"]);
}

#[test]
fn a_handle_that_is_kept_records_into_the_same_series_from_all_threads() {
    let registry = Registry::new();
    let handle = with_local_recorder(&Facade::new(&registry), || counter!("kept", "a" => "b"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| handle.increment(1)));
        }
    });
    assert_eq!(page_of(&registry).value("kept", [("a", "b")]), 40_000.0);
    registry.remove_series("a", "b");
    assert!(page_of(&registry).series("kept").is_empty());
    handle.increment(1);
    assert_eq!(
        page_of(&registry).value("kept", [("a", "b")]),
        1.0,
        "what a handle records after a removal is not lost"
    );
}

#[test]
fn its_metrics_are_described_once_they_are_used() {
    let registry = Registry::new();
    with_local_recorder(&Facade::new(&registry), || counter!("seen").increment(1));
    let metrics = Metrics::builder().registry(&registry).namespace("shop").build().unwrap();
    assert!(metrics.describe().metrics.iter().any(|metric| metric.name == "shop_seen"));
    assert!(metrics.render().contains("\nshop_seen 1\n"));
}

#[test]
fn an_absolute_counter_that_was_removed_starts_again_at_its_value() {
    let registry = Registry::new();
    let facade = Facade::new(&registry);
    let total = || with_local_recorder(&facade, || counter!("reads", "disk" => "a"));
    let kept = total();
    kept.absolute(100);
    registry.remove_series("disk", "a");
    for (handle, value, expected) in
        [(&kept, 150, 150.0), (&total(), 160, 160.0), (&kept, 170, 170.0), (&total(), 165, 170.0)]
    {
        handle.absolute(value);
        assert_eq!(page_of(&registry).value("reads", [("disk", "a")]), expected);
    }
}

/// Counts what is logged, with the facade.
struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        counter!("events", "level" => event.metadata().level().as_str()).increment(1);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_subscriber_of_the_log_may_record() {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("taken", "Ours.")).unwrap();
    let _logging = subscribe(Counting);
    with_local_recorder(&Facade::new(&registry), || {
        // Refused, with another kind, with another label, and beyond the most names.
        counter!("taken").increment(1);
        gauge!("events").set(1.0);
        counter!("events", "level" => "x", "host" => "h").increment(1);
        (0..1_500).for_each(|i| counter!(format!("name_{i}")).increment(1));
    });
    assert_eq!(page_of(&registry).value("events", [("level", "WARN")]), 4.0);
}
