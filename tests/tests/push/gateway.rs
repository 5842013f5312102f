//! Pushing the metrics of batch jobs: to a real Pushgateway and to servers that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use metrics_runtime::push::{ConfigError, Method, Push, PushError};
use metrics_runtime::{Counter, Descriptor, Family, Gauge, Metrics, Registry};
use prometheus::core::Collector;
use tests::collector::Fixed;
use tests::page::{Labels, difference};
use tests::pushgateway::Gateway;
use tests::{tools, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// An interval shorter than any push, so that pushes follow each other immediately.
const AT_ONCE: Duration = Duration::from_millis(1);
/// An interval longer than any test.
const NEVER: Duration = Duration::from_secs(100_000);

fn metrics() -> (Metrics, Family<Counter>) {
    let metrics = Metrics::builder().registry(&Registry::new()).namespace("import").build().unwrap();
    let rows = metrics.registry().counter(Descriptor::counter("rows_total", "Rows.").labels(["table"])).unwrap();
    rows.get_or_create(&["users"]).unwrap().inc_by(3);
    (metrics, rows)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rows(gateway: &Gateway) -> Option<f64> {
    let labels = [("table", "users"), ("job", "nightly"), ("instance", "")];
    gateway.page().sample("import_rows_total", labels)
}

/// Waits for a condition on the gateway, on a thread for blocking work.
fn until(gateway: &Gateway, what: &str, condition: impl Fn(&Gateway) -> bool) {
    tokio::task::block_in_place(|| wait::until(what, || condition(gateway).then_some(())));
}

#[tokio::test(flavor = "multi_thread")]
async fn put_replaces_the_group_post_replaces_names_and_delete_removes_the_group() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let push = Push::new(&gateway.url(), "nightly").unwrap();
    let (metrics, users) = metrics();
    push.put(&metrics).await.unwrap();
    assert_eq!(rows(&gateway), Some(3.0));
    assert_eq!(gateway.groups(), [labels(&[("job", "nightly")])]);

    let other = Metrics::builder().registry(&Registry::new()).build().unwrap();
    other.registry().gauge(Descriptor::gauge("depth", "Depth.")).unwrap().get_or_create(&[]).unwrap().set(7.5);
    push.post(&other).await.unwrap();
    let depth = || gateway.page().sample("depth", [("job", "nightly"), ("instance", "")]);
    assert_eq!((rows(&gateway), depth()), (Some(3.0), Some(7.5)));

    users.get_or_create(&["users"]).unwrap().inc();
    push.put(&metrics).await.unwrap();
    assert_eq!((rows(&gateway), depth()), (Some(4.0), None));

    push.delete().await.unwrap();
    // A gateway answers before it deletes.
    until(&gateway, "the group to go", |gateway| rows(gateway).is_none() && gateway.groups().is_empty());
    push.delete().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_in_protobuf_has_the_samples_of_one_in_text() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let push = Push::new(&gateway.url(), "nightly").unwrap();
    let (metrics, _) = metrics();
    let sizes = metrics.registry().histogram(Descriptor::histogram("sizes", "Sizes.", &[0.5, 2.0][..])).unwrap();
    sizes.get_or_create(&[]).unwrap().observe(1.0);
    let points = || -> BTreeSet<_> {
        let points = gateway.page().points().into_iter();
        points.filter(|point| point.name.starts_with("import_")).collect()
    };
    push.put(&metrics).await.unwrap();
    let text = points();
    assert_eq!(text.len(), 6, "{text:?}");
    push.delete().await.unwrap();
    until(&gateway, "the group to go", |gateway| gateway.groups().is_empty());
    push.protobuf().put(&metrics).await.unwrap();
    assert_eq!(difference(&text, &points()), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_grouping_key_arrives_unchanged() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let (metrics, _) = metrics();
    let values = [
        "",
        "/",
        "/var/tmp",
        "a b",
        "a+b%20c",
        "größe 漢",
        ".",
        "..",
        "a?b#c&d=e",
        "\"quoted\"\n\\",
        "@base64",
        "=",
        "??>>//~~",
    ];
    let mut expected = Vec::new();
    for value in values {
        // Only the job must not be empty.
        let job = if value.is_empty() { "job" } else { value };
        let push = Push::new(&gateway.url(), job).unwrap();
        let push = push.grouping("instance", value).unwrap().grouping("last", "x").unwrap();
        push.put(&metrics).await.unwrap_or_else(|error| panic!("{value:?}: {error}"));
        let key = labels(&[("job", job), ("instance", value), ("last", "x")]);
        let found = gateway.page();
        let sample = key.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("table", "users")]);
        assert_eq!(found.sample("import_rows_total", sample), Some(3.0), "{value:?}");
        expected.push(key);
    }
    let mut found = gateway.groups();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for value in values {
        let job = if value.is_empty() { "job" } else { value };
        let push = Push::new(&gateway.url(), job).unwrap();
        push.grouping("instance", value).unwrap().grouping("last", "x").unwrap().delete().await.unwrap();
    }
    until(&gateway, "all groups to go", |gateway| gateway.groups().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_the_reason_of_the_gateway() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let (metrics, _) = metrics();
    Push::new(&gateway.url(), "nightly").unwrap().put(&metrics).await.unwrap();
    // Another job pushes the same name with another type.
    let other = Metrics::builder().registry(&Registry::new()).build().unwrap();
    let gauge = prometheus::Gauge::new("import_rows_total", "Rows.").unwrap();
    other.registry().register(Box::new(gauge)).unwrap();
    let push = Push::new(&gateway.url(), "other").unwrap();
    match push.put(&other).await {
        Err(PushError::Refused { status, body, url, .. }) => {
            assert_eq!((status, url), (400, format!("{}/metrics/job/other", gateway.url())));
            assert!(body.contains("import_rows_total"), "{body}");
        }
        answer => panic!("{answer:?}"),
    }
    assert_eq!(rows(&gateway), Some(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_finishes_loses_nothing() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let (metrics, table) = metrics();
    let push = Push::new(&gateway.url(), "nightly").unwrap();

    let pushing = push.every(AT_ONCE, Method::Put, &metrics).unwrap();
    until(&gateway, "the first push", |gateway| rows(gateway) == Some(3.0));
    table.get_or_create(&["users"]).unwrap().inc_by(10);
    until(&gateway, "the next push", |gateway| rows(gateway) == Some(13.0));
    for _ in 0..50 {
        table.get_or_create(&["users"]).unwrap().inc();
        tokio::task::yield_now().await;
    }
    pushing.finish().await.unwrap();
    assert_eq!(rows(&gateway), Some(63.0));

    // A job that ends before its first interval.
    let pushing = push.every(NEVER, Method::Post, &metrics).unwrap();
    table.get_or_create(&["users"]).unwrap().inc();
    pushing.finish().await.unwrap();
    assert_eq!(rows(&gateway), Some(64.0));

    // Dropped without `finish` while the runtime continues.
    let pushing = push.every(NEVER, Method::Put, &metrics).unwrap();
    table.get_or_create(&["users"]).unwrap().inc();
    drop(pushing);
    until(&gateway, "the push of what was dropped", |gateway| rows(gateway) == Some(65.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_pushed_metrics_after_the_end_of_the_job() {
    let (Some(pushgateway), Some(prometheus)) = (tools::pushgateway(), tools::prometheus()) else { return };
    let gateway = pushgateway.start();
    let (metrics, _) = metrics();
    let push = Push::new(&gateway.url(), "nightly").unwrap().grouping("path", "/var/tmp").unwrap();
    push.every(NEVER, Method::Put, &metrics).unwrap().finish().await.unwrap();
    tokio::task::block_in_place(|| {
        let server = prometheus.scrape(&[tests::prometheus::Target::new("gateway", gateway.address())]);
        let query = "import_rows_total{table=\"users\", exported_job=\"nightly\", path=\"/var/tmp\"}";
        server.wait_until(query, |found| found.values().eq([&3.0]));
    });
}

/// A server of one connection, which sends this answer. Returns its URL and the request.
async fn answering(answer: Vec<u8>) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sent, received) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        let _ = sent.send(request);
        // The client may disconnect before it has read everything.
        let _ = stream.write_all(&answer).await;
        let _ = stream.read(&mut [0]).await;
    });
    (url, received)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        assert!(stream.read_buf(&mut request).await.unwrap() > 0, "incomplete request: {text}");
    }
}

#[tokio::test]
async fn a_request_has_the_page_and_the_credentials() {
    let (url, received) = answering(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let (metrics, _) = metrics();
    let push = Push::new(&format!("{url}/prefix"), "nightly").unwrap().basic_auth("me", "secret:ü");
    assert!(!format!("{push:?}").contains("secret"));
    push.post(&metrics).await.unwrap();
    let request = received.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /prefix/metrics/job/nightly HTTP/1.1"));
    let headers: BTreeMap<_, _> = lines.filter_map(|line| line.split_once(": ")).collect();
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(headers["authorization"], "Basic bWU6c2VjcmV0OsO8");
    assert_eq!(body, metrics.render());
}

#[tokio::test]
async fn an_error_keeps_only_the_beginning_of_an_endless_answer() {
    let mut answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\nbusy ".to_vec();
    answer.resize(10 << 20, b'x');
    let (url, _received) = answering(answer).await;
    let (metrics, _) = metrics();
    match Push::new(&url, "nightly").unwrap().put(&metrics).await {
        Err(PushError::Refused { status: 503, body, .. }) => {
            assert_eq!(body.len(), 1024);
            assert!(body.starts_with("busy xxx"), "{body}");
        }
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_silent_gateway_is_a_timeout_and_a_missing_one_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, _) = metrics();
    let push = Push::new(&format!("http://{address}"), "nightly").unwrap().timeout(Duration::from_millis(50));
    let error = push.put(&metrics).await.unwrap_err();
    assert_eq!(error.to_string(), format!("pushing to http://{address}/metrics/job/nightly took longer than 50ms"));
    // The end of a job does not hang either.
    let finished = push.every(NEVER, Method::Put, &metrics).unwrap().finish().await;
    assert!(matches!(finished, Err(PushError::TimedOut { .. })), "{finished:?}");

    drop(listener);
    let push = push.timeout(Duration::from_secs(60));
    let error = push.delete().await.unwrap_err();
    assert!(matches!(error, PushError::Failed { .. }), "{error:?}");
    let begin = format!("cannot push to http://{address}/metrics/job/nightly: Connection refused");
    assert!(error.to_string().starts_with(&begin), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn the_last_push_waits_for_the_push_in_progress() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (metrics, table) = metrics();
    let pushing = Push::new(&url, "nightly").unwrap().every(AT_ONCE, Method::Put, &metrics).unwrap();
    let (mut first, _) = listener.accept().await.unwrap();
    assert!(read_request(&mut first).await.contains("import_rows_total{table=\"users\"} 3\n"));
    table.get_or_create(&["users"]).unwrap().inc();
    let finished = tokio::spawn(pushing.finish());
    // The last push waits for the answer to the one before.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!finished.is_finished());
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    first.write_all(ok).await.unwrap();
    let (mut last, _) = listener.accept().await.unwrap();
    assert!(read_request(&mut last).await.contains("import_rows_total{table=\"users\"} 4\n"));
    last.write_all(ok).await.unwrap();
    finished.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_label_of_the_grouping_key_is_never_overwritten() {
    // No server listens on this port: nothing is sent.
    let (metrics, _) = metrics();
    let push = Push::new("http://127.0.0.1:9", "nightly").unwrap().grouping("table", "x").unwrap();
    let error = push.put(&metrics).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "metric `import_rows_total` has the label `table`, which the gateway would overwrite with that of the grouping \
         key; rename one of the two"
    );
}

#[tokio::test]
async fn metrics_that_are_switched_off_push_nothing() {
    let metrics = Metrics::builder().registry(&Registry::new()).enabled(false).build().unwrap();
    Push::new("http://127.0.0.1:9", "nightly").unwrap().put(&metrics).await.unwrap();
}

#[test]
fn a_program_without_a_runtime_pushes_too() {
    let Some(pushgateway) = tools::pushgateway() else { return };
    let gateway = pushgateway.start();
    let push = Push::new(&gateway.url(), "nightly").unwrap();
    let (metrics, users) = metrics();
    push.put_blocking(&metrics).unwrap();
    assert_eq!(rows(&gateway), Some(3.0));
    users.get_or_create(&["users"]).unwrap().inc();
    push.post_blocking(&metrics).unwrap();
    assert_eq!(rows(&gateway), Some(4.0));
    push.delete_blocking().unwrap();
    assert!(gateway.groups().is_empty());
}

#[test]
fn a_blocking_push_fails_as_others_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, _) = metrics();
    let push = Push::new(&format!("http://{address}"), "nightly").unwrap().timeout(Duration::from_millis(50));
    let error = push.put_blocking(&metrics).unwrap_err();
    assert!(matches!(error, PushError::TimedOut { .. }), "{error:?}");
    drop(listener);
    let error = push.timeout(Duration::from_secs(60)).delete_blocking().unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let error = Push::new("http://127.0.0.1:9", "nightly").unwrap().grouping("table", "x").unwrap();
    let error = error.put_blocking(&metrics).unwrap_err();
    assert!(matches!(error, PushError::LabelTaken { .. }), "{error:?}");
}

/// Async code should not call it, and may reach it through a library.
#[tokio::test]
async fn a_blocking_push_within_a_runtime_does_not_panic() {
    let (url, received) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let read = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            read
        });
        (url, received)
    };
    Push::new(&url, "nightly").unwrap().delete_blocking().unwrap();
    assert!(received.join().unwrap() > 0);
}

/// Registers what a batch job has: one metric that it uses, and others that it does not.
fn job() -> (Metrics, Metrics) {
    let registry = Registry::new();
    let count = |name: &'static str| registry.counter(Descriptor::counter(name, "C.")).unwrap();
    count("rows_total").get_or_create(&[]).unwrap().inc_by(7);
    count("skipped_total").get_or_create(&[]).unwrap();
    count("never_created_total");
    let gauge = |name: &'static str, change: fn(&Gauge)| {
        let family = registry.gauge(Descriptor::gauge(name, "G.")).unwrap();
        change(&family.get_or_create(&[]).unwrap());
    };
    gauge("left", |left| left.set(0.0));
    gauge("never_set", |_| ());
    gauge("changed", |changed| {
        changed.inc();
        changed.dec();
    });
    let time = |name: &'static str| registry.histogram(Descriptor::histogram(name, "H.", vec![1.0])).unwrap();
    time("waits").get_or_create(&[]).unwrap().observe(0.0);
    time("never_waited").get_or_create(&[]).unwrap();
    registry.in_flight(Descriptor::gauge("imports_in_flight", "I.")).unwrap().get_or_create(&[]).unwrap();
    let builder = Metrics::builder().registry(&registry).namespace("shop").info("build", [("version", "1")]);
    let lean = builder.clone().own_metrics(false).unused_metrics(false).build().unwrap();
    (lean, builder.build().unwrap())
}

const USED: [&str; 5] = ["shop_build_info", "shop_changed", "shop_left", "shop_rows_total", "shop_waits"];

fn names(page: &str) -> BTreeSet<String> {
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn a_page_can_leave_out_what_a_job_does_not_use() {
    let (lean, full) = job();
    let used: BTreeSet<_> = USED.map(str::to_owned).into();
    assert_eq!(names(&lean.render()), used);
    let open = String::from_utf8(lean.render_as(metrics_runtime::Format::OpenMetrics)).unwrap();
    assert_eq!(names(&open).len(), used.len());
    assert!(lean.render().contains("\nshop_left 0\n"), "a gauge that was set to zero: {}", lean.render());
    // Others see everything: the service, its documents, and other pages of the same registry.
    assert!(names(&full.render()).is_superset(&used));
    assert!(full.render().contains("\nshop_never_set 0\n") && full.render().contains("\nshop_skipped_total 0\n"));
    assert_eq!(lean.describe(), full.describe());
    let [locked, all] = [&lean, &full].map(|metrics| metrics_export::Export::new(metrics).lock());
    assert_eq!(locked, all);
    lean.registry().counter(Descriptor::counter("skipped_total", "C.")).unwrap().get_or_create(&[]).unwrap().inc();
    assert!(lean.render().contains("\nshop_skipped_total 1\n"), "it is used now");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_and_a_push_leave_out_the_same() {
    let (lean, _) = job();
    let used: BTreeSet<_> = USED.map(str::to_owned).into();
    let server = lean.serve((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let page = tokio::task::spawn_blocking(move || {
        let page = tests::client::Client::new(server.address()).get("/metrics").text().to_owned();
        drop(server);
        page
    });
    assert_eq!(names(&page.await.unwrap()), used);
    let (url, received) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    Push::new(&url, "nightly").unwrap().put(&lean).await.unwrap();
    assert_eq!(names(&received.await.unwrap()), used);
}

#[test]
fn invalid_settings_are_errors() {
    let (metrics, _) = metrics();
    let push = Push::new("http://127.0.0.1:9", "nightly").unwrap();
    assert_eq!(push.every(NEVER, Method::Put, &metrics).unwrap_err(), ConfigError::NoRuntime);
    assert_eq!(push.every(Duration::ZERO, Method::Put, &metrics).unwrap_err(), ConfigError::Interval);
    let error = Push::new("https://gateway", "nightly").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the push address \"https://gateway\" is not plain HTTP; for TLS, use `Push::with_connector`; expected an \
         address such as http://pushgateway:9091"
    );
}

#[test]
fn an_invalid_address_or_label_is_an_error_that_names_the_problem() {
    for (url, part) in [
        ("gateway:9091", "does not begin with http"),
        ("", "is not a valid URL"),
        ("ftp://gateway", "does not begin with http"),
        ("http://", "is not a valid URL"),
        ("http://gateway:9091?x=1", "query"),
        ("http://gateway:9091/#x", "fragment"),
        ("http://gate way", "is not a valid URL"),
        ("http://gateway:99999", "has no port from 0 to 65535"),
    ] {
        let error = Push::new(url, "job").unwrap_err().to_string();
        assert!(
            error.contains(part) && error.ends_with("expected an address such as http://pushgateway:9091"),
            "{error}"
        );
    }
    for url in ["http://me:secret@gateway", "http://me:secret@gate way", "http://gateway?token=secret"] {
        let error = Push::new(url, "job").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    assert_eq!(Push::new("http://gateway", "").unwrap_err(), ConfigError::Job);
    let push = || Push::new("http://gateway", "job").unwrap();
    let repeated = push().grouping("job", "x").unwrap_err().to_string();
    assert!(repeated.starts_with("grouping key: label `job` "), "{repeated}");
    assert!(matches!(push().grouping("not-a-name", "x"), Err(ConfigError::Label(_))));
    assert!(matches!(push().grouping("a", &"x".repeat(70_000)), Err(ConfigError::Url { problem: "is too long", .. })));
}

/// A collector that blocks until it is told to go on.
struct Blocked {
    gauge: prometheus::IntGauge,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Blocked {
    /// Registers such a collector. It goes on when the returned value is dropped.
    fn register(metrics: &Metrics) -> GoOn {
        let gate = Arc::default();
        let gauge = prometheus::IntGauge::new("blocked", "Blocked.").unwrap();
        metrics.registry().register(Box::new(Self { gauge, gate: Arc::clone(&gate) })).unwrap();
        GoOn(gate)
    }
}

impl Collector for Blocked {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<prometheus::proto::MetricFamily> {
        drop(self.gate.1.wait_while(self.gate.0.lock().unwrap(), |open| !*open).unwrap());
        self.gauge.collect()
    }
}

struct GoOn(Arc<(Mutex<bool>, Condvar)>);

impl Drop for GoOn {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Accepts a push, answers it with success, and returns it.
async fn accept(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = read_request(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    request
}

#[test]
fn a_collector_that_blocks_costs_a_push_only_its_own_metrics() {
    let (metrics, _) = metrics();
    let go_on = Blocked::register(&metrics);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let push = Push::new(&url, "nightly").unwrap().timeout(Duration::from_secs(4));
        let pushing = push.every(AT_ONCE, Method::Put, &metrics).unwrap();
        for _ in 0..3 {
            let request = accept(&listener).await;
            assert!(request.contains("import_rows_total{table=\"users\"} 3\n"), "{request}");
            assert!(!request.contains("\nblocked "), "{request}");
            assert!(!request.contains("{cause=\"timeout\"} 0\n"), "{request}");
        }
        // The application's blocking threads are free, and the last push arrives.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        let finished = tokio::spawn(pushing.finish());
        while !finished.is_finished() {
            tokio::select! {
                request = accept(&listener) => assert!(request.contains("import_rows_total"), "{request}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
        finished.await.unwrap().unwrap();
    });
    // A thread of the runtime that waits for the collector would block here.
    drop(runtime);
    drop(go_on);
}

#[tokio::test]
async fn a_push_has_no_timestamps_which_a_gateway_refuses() {
    let (metrics, _) = metrics();
    let gauge = prometheus::IntGauge::new("stale", "Stale.").unwrap();
    let mut families = gauge.collect();
    families[0].mut_metric()[0].set_timestamp_ms(1_700_000_000_000);
    metrics.registry().register(Box::new(Fixed { description: gauge.desc()[0].clone(), families })).unwrap();
    assert!(metrics.render().contains("\nstale 0 1700000000000\n"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let push = Push::new(&format!("http://{}", listener.local_addr().unwrap()), "nightly").unwrap();
    let (pushed, request) = tokio::join!(push.put(&metrics), accept(&listener));
    pushed.unwrap();
    assert!(!request.contains("stale"), "{request}");
    assert!(request.contains("metrics_runtime_scrape_errors_total{cause=\"invalid\"} 1\n"), "{request}");
}

#[tokio::test]
async fn an_answer_that_stalls_still_has_its_status() {
    let (metrics, _) = metrics();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let push = Push::new(&format!("http://{}", listener.local_addr().unwrap()), "nightly").unwrap();
    let stalls = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\ndisk full").await.unwrap();
        stream
    };
    let push = push.timeout(Duration::from_secs(2));
    let (pushed, _stream) = tokio::join!(push.put(&metrics), stalls);
    let Err(PushError::Refused { status, body, .. }) = pushed else { panic!("{pushed:?}") };
    assert_eq!((status, body.as_str()), (500, "disk full"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_end_of_the_page_still_has_its_status() {
    let (metrics, rows) = metrics();
    rows.set_series_limit(20_000);
    for row in 0..20_000 {
        rows.get_or_create(&[&format!("{row}{}", "x".repeat(500))]).unwrap().inc();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let push = Push::new(&format!("http://{}", listener.local_addr().unwrap()), "nightly").unwrap();
    for _ in 0..10 {
        let refuses = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 100];
            stream.read_exact(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 413 No\r\nconnection: close\r\ncontent-length: 5\r\n\r\nlarge").await.unwrap();
        };
        let (pushed, ()) = tokio::join!(push.put(&metrics), refuses);
        let Err(PushError::Refused { status, body, .. }) = pushed else { panic!("{pushed:?}") };
        assert_eq!((status, body.as_str()), (413, "large"));
    }
    // A connection that breaks without an answer has none.
    let breaks = async { drop(listener.accept().await.unwrap()) };
    let (pushed, ()) = tokio::join!(push.put(&metrics), breaks);
    assert!(matches!(pushed, Err(PushError::Failed { .. })), "{pushed:?}");
}

#[test]
fn a_runtime_that_ends_first_is_an_error() {
    let (metrics, _) = metrics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let push = Push::new("http://127.0.0.1:9", "nightly").unwrap();
    let pushing = {
        let _guard = runtime.enter();
        push.every(NEVER, Method::Put, &metrics).unwrap()
    };
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let finished = other.block_on(pushing.finish());
    assert!(matches!(finished, Err(PushError::Stopped)), "{finished:?}");
}
