//! Remote write to a real Prometheus and a real VictoriaMetrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics_runtime::{Descriptor, Metrics, Registry};
use metrics_send::RemoteWrite;
use tests::page::{Page, Point, as_stored, difference};
use tests::{tools, wait};

/// An interval between writes of which a test waits for several.
const SOON: Duration = Duration::from_millis(50);
/// An interval longer than any test.
const NEVER: Duration = Duration::from_secs(1_000_000_000);

fn shop() -> Metrics {
    let registry = Registry::new();
    let metrics =
        Metrics::builder().registry(&registry).namespace("shop").constant_label("region", "eu").build().unwrap();
    let orders = registry.counter(Descriptor::counter("orders_total", "Orders.").labels(["state"])).unwrap();
    for (state, count) in [("new", 3), ("say \"é\\\n", 5)] {
        orders.get_or_create(&[state]).unwrap().inc_by(count);
    }
    let sizes = registry.histogram(Descriptor::histogram("sizes", "Sizes.", &[0.5, 2.0, 1e9][..])).unwrap();
    for size in [0.1, 1.0, 3.0] {
        sizes.get_or_create(&[]).unwrap().observe(size);
    }
    let waits = Descriptor::native_histogram("wait_seconds", "Waits.").labels(["kind"]);
    let waits = registry.histogram(waits).unwrap();
    for i in 1..=100 {
        waits.get_or_create(&["a"]).unwrap().observe(f64::from(i) / 100.0);
    }
    metrics
}

fn write(url: &str, instance: &str) -> RemoteWrite {
    RemoteWrite::new(url, "shop").unwrap().instance(instance).interval(NEVER).backoff(SOON..=SOON)
}

fn is_constant(point: &Point) -> bool {
    !point.name.contains("remote_storage_") && !point.name.contains("metrics_runtime_")
}

fn page(metrics: &Metrics) -> BTreeSet<Point> {
    let page = Page::parse_text(&metrics.render()).unwrap();
    as_stored(page.points()).into_iter().filter(is_constant).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    tokio::task::block_in_place(|| wait::until(what, || condition().then_some(())));
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_stores_the_page_and_ends_its_series() {
    let Some(prometheus) = tools::prometheus() else { return };
    let server = prometheus.receive();
    let metrics = shop();
    // Without native histograms, which this server refuses.
    write(&server.write_url(), "a").stale_markers(false).start(&metrics).unwrap().finish().await.unwrap();
    let stored = as_stored(server.points("shop")).into_iter().filter(is_constant).collect();
    assert_eq!(difference(&page(&metrics), &stored), "");

    write(&server.write_url(), "b").start(&metrics).unwrap().finish().await.unwrap();
    let ended = "{job=\"shop\", instance=\"b\"}";
    server.wait_until(ended, BTreeMap::is_empty);
    let last = server.value("last_over_time(shop_orders_total{instance=\"b\", state=\"new\"}[5m])");
    assert_eq!(last, 3.0, "its samples are there");
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_stores_native_histograms_and_ends_them() {
    let Some(prometheus) = tools::prometheus() else { return };
    let server = prometheus.with_native_histograms().receive();
    let metrics = shop();
    let writing = write(&server.write_url(), "a").native_histograms(true).start(&metrics).unwrap();
    server.wait_until("histogram_count(shop_wait_seconds)", |found| found.values().eq([&100.0]));
    let median = server.value("histogram_quantile(0.5, shop_wait_seconds)");
    assert!((median / 0.5 - 1.0).abs() < 0.05, "{median}");
    assert!((server.value("histogram_sum(shop_wait_seconds)") / 50.5 - 1.0).abs() < 1e-12);
    assert!(server.query("shop_wait_seconds_count").is_empty(), "it has no classic form");
    assert_eq!(server.value("shop_sizes_count"), 3.0, "classic histograms stay classic");
    writing.finish().await.unwrap();
    server.wait_until("shop_wait_seconds", BTreeMap::is_empty);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_restarts_loses_no_samples() {
    let Some(prometheus) = tools::prometheus() else { return };
    let server = prometheus.receive();
    let metrics = shop();
    let url = server.write_url();
    let own = |name: &str| {
        let page = Page::parse_text(&metrics.render()).unwrap();
        page.value(&format!("shop_remote_storage_{name}"), [("region", "eu"), ("remote_name", "prometheus")])
    };
    let writing = write(&url, "a").name("prometheus").interval(SOON).start(&metrics).unwrap();
    until("the first samples", || own("samples_total") > 0.0);
    let killed = server.kill();
    until("failed attempts", || own("samples_retried_total") > 0.0 && own("samples_pending") > 500.0);
    let server = prometheus.restart(killed);
    let written = writing.finish().await.unwrap();
    // The expression `{job="shop"}[1h]`: all samples, without the stale marker of each series.
    let found = server.get("/api/v1/query?query=%7Bjob%3D%22shop%22%7D%5B1h%5D");
    let series = found["result"].as_array().unwrap();
    let stored = series.iter().map(|series| series["values"].as_array().unwrap().len()).sum::<usize>() + series.len();
    assert_eq!(stored as u64, written.samples);
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_stores_the_page_and_ends_its_series() {
    let Some(victoria) = tools::victoria() else { return };
    let store = victoria.start();
    let url = format!("http://{}/api/v1/write", store.client().address());
    let metrics = shop();
    write(&url, "a").stale_markers(false).start(&metrics).unwrap().finish().await.unwrap();
    store.flush();
    let points = |instance: &str| -> BTreeSet<Point> {
        let found = store.query_at(&format!("{{job=\"shop\", instance=\"{instance}\"}}"), now() + 1);
        let points = found.into_iter().map(|(mut labels, value)| {
            let name = labels.remove("__name__").unwrap();
            labels.retain(|label, _| label != "job" && label != "instance");
            Point::new(&name, labels.iter().map(|(name, value)| (name.as_str(), value.as_str())), value)
        });
        as_stored(points.collect()).into_iter().filter(is_constant).collect()
    };
    assert_eq!(difference(&page(&metrics), &points("a")), "");

    write(&url, "b").start(&metrics).unwrap().finish().await.unwrap();
    store.flush();
    assert_eq!(points("b"), BTreeSet::new(), "it has ended");
}
