//! Pages in the protobuf format, as Prometheus asks for them when it stores native histograms.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::read::GzDecoder;
use metrics_runtime::exemplars::{self, Exemplar};
use metrics_runtime::http::Server;
use metrics_runtime::{Descriptor, Format, Metrics, Registry, track};
use tests::client::{Client, Response};
use tests::page::protobuf::{self, Histogram, Metric, MetricFamily, Timestamp};
use tests::page::{Page, as_stored, difference};
use tests::prometheus::Target;
use tests::tools;
use tests::wait::undisturbed;
use tokio::runtime::Runtime;

/// The header of Prometheus 2.42 with `--enable-feature=native-histograms`.
const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                      application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A service with its page on a free port.
struct Service {
    registry: Registry,
    metrics: Metrics,
    server: Server,
    _runtime: Runtime,
}

impl Service {
    fn start() -> Self {
        let registry = Registry::new();
        let metrics = Metrics::builder().registry(&registry).namespace("shop").constant_label("region", "eu");
        let metrics = metrics.info("build", [("version", "1")]).build().unwrap();
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(metrics.serve((Ipv4Addr::LOCALHOST, 0))).unwrap();
        Self { registry, metrics, server, _runtime: runtime }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        Client::new(self.server.address()).request("GET", path, headers, b"")
    }

    /// Registers metrics of each kind, and records values with many digits and escapes.
    fn record(&self) {
        let jobs = Descriptor::counter("jobs_total", "Jobs \"by\" state.\nSecond line.").labels(["state", "queue"]);
        let jobs = self.registry.counter(jobs).unwrap();
        jobs.get_or_create(&["done", "a\"b\\c\nd"]).unwrap().inc_by((1 << 53) + 1);
        jobs.get_or_create(&["failed", "é"]).unwrap().add(0.1);
        let size = Descriptor::histogram("size_bytes", "Sizes.", &[-1.0, 0.1, 1e6][..]).unit("bytes").labels(["kind"]);
        let size = self.registry.histogram(size).unwrap();
        for value in [-2.0, 0.1, 0.3, 1e7] {
            size.get_or_create(&["x"]).unwrap().observe(value);
        }
        self.registry.gauge(Descriptor::gauge("depth", "Depth.")).unwrap().get_or_create(&[]).unwrap().set(f64::NAN);
        self.registry.counter(Descriptor::counter("idle_total", "No series.").labels(["x"])).unwrap();
        let collected = prometheus::Counter::new("tasks", "A counter without suffix.").unwrap();
        collected.inc_by(2.5);
        self.registry.register(Box::new(collected)).unwrap();
    }

    fn families(&self) -> Vec<MetricFamily> {
        protobuf::families(&self.metrics.render_as(Format::Protobuf)).unwrap()
    }
}

fn family<'a>(families: &'a [MetricFamily], name: &str) -> &'a MetricFamily {
    families.iter().find(|family| family.name.as_deref() == Some(name)).unwrap_or_else(|| panic!("{name} is missing"))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

#[test]
fn the_endpoint_serves_it_whole_compressed_and_by_families() {
    let service = Service::start();
    service.record();
    let content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let whole = service.get("/metrics", &[("accept", ACCEPT)]);
    assert_eq!((whole.status, header(&whole, "content-type")), (200, Some(content_type)));
    let page = Page::parse_protobuf(&whole.body).unwrap();
    assert_eq!(page.value("shop_jobs_total", [("state", "failed"), ("queue", "é"), ("region", "eu")]), 0.1);

    let zipped = service.get("/metrics", &[("accept", ACCEPT), ("accept-encoding", "gzip")]);
    assert_eq!(header(&zipped, "content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    GzDecoder::new(&*zipped.body).read_to_end(&mut body).unwrap();
    assert_eq!(Page::parse_protobuf(&body).unwrap().names(), page.names());

    let selected = service
        .get("/metrics?name[]=shop_size_bytes_count&name[]=shop_jobs&name[]=shop_idle_total", &[("accept", ACCEPT)]);
    assert_eq!(header(&selected, "content-type"), Some(content_type));
    let selected = protobuf::families(&selected.body).unwrap();
    assert_eq!(
        selected.iter().map(|family| family.name.as_deref().unwrap()).collect::<Vec<_>>(),
        ["shop_jobs_total", "shop_size_bytes"]
    );
    let text = service.get("/metrics", &[("accept", "text/plain, */*")]);
    assert!(text.body.starts_with(b"# HELP"));
    // A page shows the number of samples of the one before, which is the same in both formats.
    let samples = |body: &[u8], format| {
        Page::parse(format, body).unwrap().value("metrics_runtime_scrape_series", [("region", "eu")])
    };
    let after_text = service.get("/metrics", &[("accept", ACCEPT)]);
    let after_protobuf = service.get("/metrics", &[("accept", "text/plain")]);
    let expected = Page::parse_protobuf(&after_text.body).unwrap().samples().count() as f64;
    assert_eq!(samples(&after_text.body, Format::Protobuf), expected);
    assert_eq!(samples(&after_protobuf.body, Format::Text), expected);
}

#[test]
fn families_have_help_kind_and_unit_and_labels_are_in_order() {
    let service = Service::start();
    service.record();
    let families = service.families();
    let size = family(&families, "shop_size_bytes");
    assert_eq!((size.help.as_deref(), size.unit.as_deref()), (Some("Sizes."), Some("bytes")));
    let jobs = family(&families, "shop_jobs_total");
    assert_eq!(jobs.help.as_deref(), Some("Jobs \"by\" state.\nSecond line."));
    let names: Vec<_> = jobs.metric[0].label.iter().map(|pair| pair.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["queue", "region", "state"]);
    assert_eq!(family(&families, "shop_build_info").r#type, Some(1), "the format has no infos");
    let Some(Histogram { sample_count, sample_sum, bucket, schema, .. }) = &size.metric[0].histogram else {
        panic!("a histogram")
    };
    assert_eq!((*sample_count, *sample_sum, *schema), (Some(4), Some(-2.0 + 0.1 + 0.3 + 1e7), None));
    assert_eq!(bucket.last().and_then(|bucket| bucket.upper_bound), Some(f64::INFINITY));
}

#[test]
fn a_series_tells_when_it_started_from_zero() {
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let created =
        |metric: &Metric| -> Option<Timestamp> { metric.counter.as_ref().expect("a counter").created_timestamp };
    let before = seconds();
    let service = Service::start();
    service.record();
    let families = service.families();
    let times = |name: &str| family(&families, name).metric.iter().map(created).collect::<Vec<_>>();
    for time in times("shop_jobs_total").into_iter().chain(times("metrics_runtime_scrapes_total")) {
        let at = time.expect("a counter of the toolkit's").seconds.cast_unsigned();
        assert!((before..=seconds()).contains(&at), "{at}");
    }
    let histogram = family(&families, "shop_size_bytes").metric[0].histogram.as_ref().unwrap();
    assert!(histogram.created_timestamp.is_some());
    assert_eq!(times("tasks"), [None], "a collector does not tell");

    // A series that comes later, and one that was removed and comes again, start then.
    std::thread::sleep(Duration::from_millis(1_100));
    let later = seconds();
    let jobs = service
        .registry
        .counter(Descriptor::counter("jobs_total", "Jobs \"by\" state.\nSecond line.").labels(["state", "queue"]));
    let jobs = jobs.unwrap();
    assert!(jobs.remove(&["failed", "é"]));
    for values in [["failed", "é"], ["new", "a"]] {
        jobs.get_or_create(&values).unwrap().inc();
    }
    let families = service.families();
    let mut times: Vec<_> =
        family(&families, "shop_jobs_total").metric.iter().map(|metric| created(metric).unwrap().seconds).collect();
    times.sort_unstable();
    assert!(
        times[0].cast_unsigned() < later && times[1..].iter().all(|time| time.cast_unsigned() >= later),
        "{times:?}"
    );
}

#[test]
fn prometheus_reads_the_same_samples_as_from_the_text_page() {
    let Some(prometheus) = tools::prometheus() else { return };
    let service = Service::start();
    service.record();
    let target = [Target::new("shop", service.server.address())];
    let text = prometheus.scrape(&target);
    let protobuf = prometheus.with_native_histograms().scrape(&target);
    let points = |server: &tests::prometheus::Server| {
        let points = server.points("shop").into_iter();
        as_stored(points.filter(|point| !point.name.starts_with("metrics_runtime_scrape")).collect())
    };
    // A busy machine is late for a scrape, and then there are no samples until the next one.
    undisturbed(|| {
        let expected = points(&text);
        assert!(expected.len() > 10, "{expected:?}");
        // OpenMetrics has no sum and no count if a bound is negative.
        let mut found = points(&protobuf);
        let extra: Vec<_> = found
            .extract_if(.., |point| point.name.starts_with("shop_size_bytes_") && !point.name.ends_with("_bucket"))
            .collect();
        assert_eq!(extra.len(), 2, "{extra:?}");
        assert_eq!(difference(&expected, &found), "");
    });
    let families = |server: &tests::prometheus::Server| {
        server.metadata("shop").into_iter().map(|family| family.family).collect::<Vec<_>>()
    };
    assert!(families(&text).contains(&"shop_jobs".to_owned()));
    assert!(families(&protobuf).contains(&"shop_jobs_total".to_owned()), "it has read the protobuf page");
}

#[track(name = "order")]
fn order() {}

#[test]
fn exemplars_are_on_counters_and_buckets_and_prometheus_stores_them() {
    exemplars::install(|| Exemplar::new([("id", "a\"b")]).ok()).unwrap();
    order();
    let metrics = Metrics::builder().build().unwrap();
    let families = protobuf::families(&metrics.render_as(Format::Protobuf)).unwrap();
    let with_call = |metric: &&Metric| metric.counter.as_ref().is_some_and(|counter| counter.exemplar.is_some());
    let counter = family(&families, "order_total").metric.iter().find(with_call).expect("a counter with an exemplar");
    let buckets = &family(&families, "order_duration_seconds").metric[0].histogram.as_ref().unwrap().bucket;
    let of_bucket = buckets.iter().find_map(|bucket| bucket.exemplar.as_ref());
    for exemplar in [counter.counter.as_ref().unwrap().exemplar.as_ref(), of_bucket] {
        let exemplar = exemplar.expect("an exemplar");
        assert_eq!(exemplar.label[0].value.as_deref(), Some("a\"b"));
        assert!(exemplar.timestamp.is_some_and(|time| time.seconds > 0), "{exemplar:?}");
    }

    let Some(prometheus) = tools::prometheus() else { return };
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(metrics.serve((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let prometheus = prometheus.with_native_histograms().scrape(&[Target::new("orders", server.address())]);
    let found = prometheus.exemplars("order_duration_seconds_bucket");
    assert!(found.iter().any(|(_, labels, _)| labels["id"] == "a\"b"), "{found:?}");
}
