//! Tests of both services with a real Prometheus, promtool and Python's reference parsers: every metric is scraped with
//! its value, every page is valid, and scrapes under load are consistent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use axum::Router;
use axum::routing::get;
use metrics_runtime::{Descriptor, Metrics, Registry};
use serde_json::{Value, json};
use tests::client::{Client, Response};
use tests::page::{Family, Kind, Page, Point, canonical_bound, difference};
use tests::prometheus::{Metadata, Server, Target};
use tests::service::Service;
use tests::{tools, wait};
use tokio::task::spawn_blocking;

const NEURECTOMY: &str = env!("CARGO_BIN_EXE_neurectomy");
const DYNOAI: &str = env!("CARGO_BIN_EXE_dynoai");
const VERSION: &str = env!("CARGO_PKG_VERSION");

const FORM: &str = "multipart/form-data; boundary=edge";
const SUCCESSFUL_LOG: &str = "rpm,load,measured_afr,target_afr\n3000,80,12.6,12\n3000,80,12.6,12\n3000,80,12.6,12\n";

fn start(binary: &str, env: &[(&str, &str)]) -> Service {
    let env: Vec<_> = [("SIGMAVAULT_URL", "memory:///")].iter().chain(env).copied().collect();
    Service::start(binary, &["--listen", "127.0.0.1:0"], &env)
}

/// Starts a Neurectomy whose Ryot closes every connection. Its breaker stays open once it has opened.
fn start_without_ryot() -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(drop));
    start(NEURECTOMY, &[("RYOT_URL", &url), ("RYOT_COOLDOWN", "3600")])
}

fn text(client: &Client) -> String {
    client.get("/metrics").expect(200).text().to_owned()
}

fn openmetrics(client: &Client) -> String {
    let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = client.request("GET", "/metrics", &accept, b"").expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    answer.text().to_owned()
}

/// Returns points as Prometheus stores them: with float values, and with the same bounds for both formats.
fn stored(points: BTreeSet<Point>) -> BTreeSet<Point> {
    let stored = points.into_iter().map(|mut point| {
        // For Prometheus, a label with an empty value does not exist.
        point.labels.retain(|_, value| !value.is_empty());
        if let Some(bound) = point.labels.get_mut("le") {
            *bound = canonical_bound(bound.parse().unwrap());
        }
        let labels = point.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Point::new(&point.name, labels, point.value.parse::<f64>().unwrap())
    });
    stored.collect()
}

fn put(service: &Client, path: &str) -> Response {
    service.request("PUT", path, &[], b"content")
}

fn delete(service: &Client, path: &str) -> Response {
    service.request("DELETE", path, &[], b"")
}

fn generate(service: &Client, max_tokens: u32) -> Response {
    service.post_json("/v1/generate", &json!({ "prompt": "The keeper", "max_tokens": max_tokens }))
}

fn field(response: Response, status: u16, name: &str) -> String {
    response.expect(status).json()[name].as_str().unwrap().to_owned()
}

fn open_session(service: &Client, key: &str) -> Response {
    service.request("POST", "/v1/sessions", &[("authorization", &format!("Bearer {key}"))], b"")
}

fn analyze(service: &Client, log: &str) -> Response {
    let head = "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"log.csv\"\r\n\r\n";
    service.post("/api/analyze", FORM, format!("{head}{log}\r\n--edge--\r\n"))
}

fn jetstream(service: &Client, body: &Value) -> Response {
    service.post_json("/api/jetstream/run", body)
}

/// Expected samples: metric, labels, value.
type Expected = Vec<(&'static str, String, f64)>;

fn expected(rows: &[(&'static str, &str, f64)]) -> Expected {
    rows.iter().map(|(name, labels, value)| (*name, (*labels).to_owned(), *value)).collect()
}

/// Sends valid and invalid requests to every endpoint of Neurectomy, and returns the expected samples.
fn use_neurectomy(service: &Client) -> Expected {
    let _ = service.get("/health").expect(200);
    let _ = service.get("/nothing").expect(404);
    let _ = service.request("BREW", "/health", &[], b"").expect(405);

    let tokens = [5, 50].map(|length| generate(service, length).expect(200).json()["tokens"].as_f64().unwrap());
    let _ = generate(service, 1_000_000).expect(400);
    let _ = service.post("/v1/generate", "application/json", "{").expect(400);
    let _ = service.post_json("/v1/generate", &json!({})).expect(422);

    let original = "a counter only goes up. ".repeat(500);
    let compress = || service.post("/v1/compress", "text/plain", &original).expect(200).json();
    let ratios = [compress(), compress()].map(|summary| summary["ratio"].as_f64().unwrap());
    let _ = service.post("/v1/compress", "text/plain", "").expect(400);

    let _ = put(service, "/v1/files/a/b").expect(201);
    let _ = service.get("/v1/files/a/b").expect(200);
    let _ = service.get("/v1/files/other").expect(404);
    let _ = service.get("/v1/files/a//b").expect(400);
    let _ = delete(service, "/v1/files/a/b").expect(204);
    let _ = delete(service, "/v1/files/a/b").expect(404);

    let keys = ["ada", "bob", "eve"].map(|user| {
        let answer = service.post_json("/v1/keys", &json!({ "user": user }));
        field(answer, 201, "key")
    });
    let sessions = keys.each_ref().map(|key| field(open_session(service, key), 201, "session"));
    let _ = delete(service, &format!("/v1/sessions/{}", sessions[0])).expect(204);
    let _ = delete(service, &format!("/v1/keys/{}", keys[2])).expect(204);
    let _ = open_session(service, &keys[2]).expect(401);

    let info = format!(
        r#"version="{VERSION}",environment="development",cluster="local",os="{}",arch="{}""#,
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let mut expected = expected(&[
        ("neurectomy_http_requests_total", r#"method="GET",endpoint="/health",status="200""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="GET",endpoint="unmatched",status="404""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="_OTHER",endpoint="/health",status="405""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/generate",status="200""#, 2.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/generate",status="400""#, 2.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/generate",status="422""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/compress",status="200""#, 2.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/compress",status="400""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="PUT",endpoint="/v1/files/{*path}",status="201""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="GET",endpoint="/v1/files/{*path}",status="200""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="GET",endpoint="/v1/files/{*path}",status="404""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="GET",endpoint="/v1/files/{*path}",status="400""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="DELETE",endpoint="/v1/files/{*path}",status="204""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="DELETE",endpoint="/v1/files/{*path}",status="404""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/keys",status="201""#, 3.0),
        ("neurectomy_http_requests_total", r#"method="DELETE",endpoint="/v1/keys/{key}",status="204""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/sessions",status="201""#, 3.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/sessions",status="401""#, 1.0),
        ("neurectomy_http_requests_total", r#"method="DELETE",endpoint="/v1/sessions/{id}",status="204""#, 1.0),
        ("neurectomy_http_request_duration_seconds_count", r#"method="POST",endpoint="/v1/generate""#, 5.0),
        ("neurectomy_http_request_duration_seconds_count", r#"method="GET",endpoint="/v1/files/{*path}""#, 3.0),
        ("neurectomy_http_request_duration_seconds_count", r#"method="GET",endpoint="unmatched""#, 1.0),
        ("neurectomy_ryot_requests_total", r#"status="success""#, 2.0),
        // A mistake of the client does not reach Ryot.
        ("neurectomy_ryot_requests_total", r#"status="error""#, 0.0),
        ("neurectomy_ryot_requests_total", r#"status="panic""#, 0.0),
        ("neurectomy_ryot_requests_total", r#"status="cancelled""#, 0.0),
        ("neurectomy_ryot_request_duration_seconds_count", "", 2.0),
        ("neurectomy_tokens_generated_total", r#"model="ryot-tiny""#, tokens.iter().sum()),
        ("neurectomy_sigmalang_compression_ratio_count", "", 2.0),
        ("neurectomy_sigmalang_compression_ratio_sum", "", ratios.iter().sum()),
        ("neurectomy_sigmavault_operations_total", r#"operation="store",status="success""#, 1.0),
        ("neurectomy_sigmavault_operations_total", r#"operation="store",status="error""#, 0.0),
        ("neurectomy_sigmavault_operations_total", r#"operation="retrieve",status="success""#, 2.0),
        ("neurectomy_sigmavault_operations_total", r#"operation="retrieve",status="error""#, 0.0),
        ("neurectomy_sigmavault_operations_total", r#"operation="delete",status="success""#, 2.0),
        ("neurectomy_sigmavault_operations_total", r#"operation="delete",status="error""#, 0.0),
        ("neurectomy_circuit_breaker_state", r#"service="ryot""#, 0.0),
        ("neurectomy_circuit_breaker_failures_total", r#"service="ryot""#, 0.0),
        ("neurectomy_circuit_breaker_calls_total", r#"service="ryot",result="success""#, 2.0),
        ("neurectomy_active_users", "", 1.0),
        ("neurectomy_api_keys_active", "", 2.0),
        ("neurectomy_system_info", &info, 1.0),
    ]);
    let requests = expected.iter().filter(|(name, ..)| *name == "neurectomy_http_requests_total");
    let requests = requests.map(|(_, _, value)| value).sum();
    expected.push(("sum(neurectomy_http_requests_total)", String::new(), requests));
    expected
}

/// Sends requests to a Neurectomy whose Ryot is down, until its breaker rejects one. Returns the expected samples.
fn use_without_ryot(service: &Client) -> Expected {
    for _ in 0..5 {
        let _ = generate(service, 5).expect(502);
    }
    let _ = generate(service, 5).expect(503);
    expected(&[
        ("neurectomy_circuit_breaker_state", r#"service="ryot""#, 1.0),
        ("neurectomy_circuit_breaker_failures_total", r#"service="ryot""#, 5.0),
        ("neurectomy_circuit_breaker_calls_total", r#"service="ryot",result="failure""#, 5.0),
        ("neurectomy_circuit_breaker_calls_total", r#"service="ryot",result="rejected""#, 1.0),
        ("neurectomy_circuit_breaker_transitions_total", r#"service="ryot",from="closed",to="open""#, 1.0),
        ("neurectomy_ryot_requests_total", r#"status="success""#, 0.0),
        ("neurectomy_ryot_requests_total", r#"status="error""#, 5.0),
        ("neurectomy_ryot_request_duration_seconds_count", "", 5.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/generate",status="502""#, 5.0),
        ("neurectomy_http_requests_total", r#"method="POST",endpoint="/v1/generate",status="503""#, 1.0),
    ])
}

/// Sends valid and invalid requests to every endpoint of `DynoAI`, and returns the expected samples.
fn use_dynoai(service: &Client) -> Expected {
    let _ = service.get("/api/health").expect(200);
    let _ = service.get("/nothing").expect(404);
    let partial = format!("{SUCCESSFUL_LOG}NaN,1,2,3\n");
    let broken = "a,b,c\n1,2,3\n";
    let run = field(analyze(service, SUCCESSFUL_LOG), 200, "run_id");
    assert_eq!(field(analyze(service, &partial), 200, "status"), "partial");
    let _ = analyze(service, broken).expect(422);
    let _ = service.post("/api/analyze", FORM, "--edge--\r\n").expect(400);
    assert_eq!(field(jetstream(service, &json!({ "run_id": run })), 200, "status"), "success");
    let sample = json!({ "rpm": 3000, "load": 80, "measured_afr": 12.6, "target_afr": 12 });
    assert_eq!(field(jetstream(service, &json!({ "samples": [sample] })), 200, "status"), "partial");
    let _ = jetstream(service, &json!({ "run_id": "none" })).expect(404);
    let _ = jetstream(service, &json!({})).expect(400);

    let bytes = (SUCCESSFUL_LOG.len() + partial.len() + broken.len()) as f64;
    let mut all = expected(&[
        ("dynoai_app_info", &format!("version={VERSION:?}"), 1.0),
        ("dynoai_analysis_total", r#"status="success",source="upload""#, 1.0),
        ("dynoai_analysis_total", r#"status="success",source="jetstream""#, 1.0),
        ("dynoai_analysis_total", r#"status="partial",source="upload""#, 1.0),
        ("dynoai_analysis_total", r#"status="partial",source="jetstream""#, 1.0),
        ("dynoai_analysis_total", r#"status="error",source="upload""#, 1.0),
        ("dynoai_analysis_total", r#"status="error",source="jetstream""#, 0.0),
        ("dynoai_analysis_duration_seconds_count", r#"status="success""#, 2.0),
        ("dynoai_analysis_duration_seconds_count", r#"status="partial""#, 2.0),
        ("dynoai_analysis_duration_seconds_count", r#"status="error""#, 1.0),
        ("dynoai_file_upload_bytes_count", "", 3.0),
        ("dynoai_file_upload_bytes_sum", "", bytes),
        ("dynoai_jetstream_runs_total", r#"status="success""#, 1.0),
        ("dynoai_jetstream_runs_total", r#"status="partial""#, 1.0),
        ("dynoai_jetstream_runs_total", r#"status="error""#, 1.0),
        // One correction each, except for the single sample, which gives none.
        ("dynoai_ve_corrections_count_count", "", 4.0),
        ("dynoai_ve_corrections_count_sum", "", 3.0),
    ]);
    let requests = [
        (r#"method="GET",path="/api/health",status="200""#, 1.0),
        (r#"method="GET",path="unmatched",status="404""#, 1.0),
        (r#"method="POST",path="/api/analyze",status="200""#, 2.0),
        (r#"method="POST",path="/api/analyze",status="422""#, 1.0),
        (r#"method="POST",path="/api/analyze",status="400""#, 1.0),
        (r#"method="POST",path="/api/jetstream/run",status="200""#, 2.0),
        (r#"method="POST",path="/api/jetstream/run",status="404""#, 1.0),
        (r#"method="POST",path="/api/jetstream/run",status="400""#, 1.0),
    ];
    for (labels, count) in requests {
        all.push(("dynoai_requests_total", labels.to_owned(), count));
        all.push(("dynoai_request_duration_seconds_count", labels.to_owned(), count));
    }
    all.push(("sum(dynoai_requests_total)", String::new(), requests.iter().map(|(_, count)| count).sum()));
    all
}

#[track_caller]
fn assert_value(server: &Server, job: &str, (name, labels, value): &(&str, String, f64)) {
    let selector = format!("{{job={job:?},{labels}}}");
    let expression = match name.strip_suffix(')') {
        Some(call) => format!("{call}{selector})"),
        None => format!("{name}{selector}"),
    };
    let found = server.value(&expression);
    assert!((found - value).abs() <= value.abs() * 1e-12, "{expression} is {found}, not {value}");
}

/// Compares the bucket bounds of a histogram with these and `+Inf`.
#[track_caller]
fn assert_bounds(server: &Server, job: &str, name: &str, bounds: &[f64]) {
    server.wait_until(&format!("count by (le) ({name}_bucket{{job={job:?}}})"), |found| {
        let mut found: Vec<f64> = found.keys().map(|labels| labels["le"].parse().unwrap()).collect();
        found.sort_by(f64::total_cmp);
        found == [bounds, &[f64::INFINITY]].concat()
    });
}

/// Removes the metrics of scrapes and of the process, which differ between two pages.
fn lasting(mut points: BTreeSet<Point>) -> BTreeSet<Point> {
    let changes =
        ["metrics_runtime_scrapes_", "metrics_runtime_scrape_bytes_", "metrics_runtime_scrape_duration_", "process_"];
    points.retain(|point| {
        point.name != "metrics_runtime_scrape_series" && !changes.iter().any(|name| point.name.starts_with(name))
    });
    points
}

/// Waits until Prometheus has exactly the samples of the page.
#[track_caller]
fn assert_scraped(server: &Server, job: &str, page: &Page) {
    let page = lasting(stored(page.points()));
    let equal = wait::try_until(|| match difference(&page, &lasting(stored(server.points(job)))) {
        found if found.is_empty() => Ok(()),
        found => Err(found),
    });
    equal.unwrap_or_else(|found| panic!("the samples of {job} in Prometheus differ from its page:\n{found}"));
}

#[track_caller]
fn assert_metadata(server: &Server, job: &str, page: &Page) {
    let kind_name = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
        Kind::Unknown => "unknown",
        other => panic!("no metric of ours is a {other:?}"),
    };
    let of = |family: &Family| Metadata {
        family: family.name.clone(),
        kind: kind_name(family.kind).to_owned(),
        help: family.help.clone().unwrap(),
        unit: family.unit.clone().unwrap_or_default(),
    };
    let expected: BTreeSet<_> = page.families().iter().map(of).collect();
    assert_eq!(server.metadata(job), expected, "{job}");
}

/// Serves an application until the process of the test ends.
fn serve(app: Router) -> Client {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    Client::new(receive.recv_timeout(wait::DEADLINE).unwrap())
}

/// Serves a service's page in the text format for every `Accept`, since Prometheus prefers OpenMetrics.
fn in_text_only(service: Client) -> Client {
    let fetch = move || {
        let answer = service.get("/metrics").expect(200);
        ([("content-type", answer.header("content-type").unwrap().to_owned())], answer.body)
    };
    serve(Router::new().route("/metrics", get(move || async move { spawn_blocking(fetch).await.unwrap() })))
}

#[test]
fn prometheus_has_every_metric_of_both_services_with_the_expected_values() {
    let Some(prometheus) = tools::prometheus() else { return };
    let (neurectomy, without_ryot, dynoai) = (start(NEURECTOMY, &[]), start_without_ryot(), start(DYNOAI, &[]));
    let [neurectomy_text, dynoai_text] = [&neurectomy, &dynoai].map(|service| in_text_only(**service));
    let server = prometheus.scrape(&[
        Target::new("neurectomy", neurectomy.address()),
        Target::new("without_ryot", without_ryot.address()),
        Target::new("dynoai", dynoai.address()),
        Target::new("neurectomy_text", neurectomy_text.address()),
        Target::new("dynoai_text", dynoai_text.address()),
    ]);
    // Prometheus scrapes during the requests, so that it sees values increase.
    let jobs = [
        ("neurectomy", "neurectomy_text", &neurectomy, use_neurectomy(&neurectomy)),
        ("without_ryot", "", &without_ryot, use_without_ryot(&without_ryot)),
        ("dynoai", "dynoai_text", &dynoai, use_dynoai(&dynoai)),
    ];

    for (job, text_job, service, expected) in &jobs {
        let page = Page::parse_openmetrics(&openmetrics(service)).unwrap();
        assert_scraped(&server, job, &page);
        assert_metadata(&server, job, &page);
        let mut formats = vec![*job];
        if !text_job.is_empty() {
            let page = Page::parse_text(&text(service)).unwrap();
            assert_scraped(&server, text_job, &page);
            assert_metadata(&server, text_job, &page);
            formats.push(text_job);
        }
        for job in formats {
            for row in expected {
                assert_value(&server, job, row);
            }
        }
    }
    for (job, name, bounds) in [
        ("neurectomy", "neurectomy_http_request_duration_seconds", &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0][..]),
        ("neurectomy", "neurectomy_ryot_request_duration_seconds", &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]),
        ("neurectomy", "neurectomy_sigmalang_compression_ratio", &[5.0, 10.0, 15.0, 20.0, 25.0, 30.0]),
        ("dynoai", "dynoai_file_upload_bytes", &[1024.0, 10240.0, 102_400.0, 1_048_576.0, 10_485_760.0, 52_428_800.0]),
        ("dynoai", "dynoai_ve_corrections_count", &[0.0, 10.0, 50.0, 100.0, 500.0, 1000.0]),
    ] {
        assert_bounds(&server, job, name, bounds);
    }
    // A busy machine may be too late for a scrape, which has a second. No other scrape fails.
    let failed = server.query("count_over_time((up == 0 and scrape_duration_seconds < 0.9)[1h:200ms]) > 0");
    assert!(failed.is_empty(), "a scrape failed: {failed:?}");
}

/// Returns metrics of each kind, from this toolkit and from the `prometheus` crate, with texts that need escaping.
fn every_kind() -> Metrics {
    let registry = Registry::new();
    let help = "Says \"a\\b\"\nand ΣLANG.";
    let labels = ["plain", "a\"b\\c\nd", "ü 🦀 {}=,# ", ""];
    let counter = Descriptor::counter("jobs_done_total", help).labels(["kind"]);
    let counter = registry.counter(counter).unwrap();
    for (count, label) in (1..).zip(labels) {
        counter.get_or_create(&[label]).unwrap().inc_by(count);
    }
    let bytes = registry.counter(Descriptor::counter("sent_bytes_total", help).unit("bytes")).unwrap();
    bytes.get_or_create(&[]).unwrap().inc_by((1 << 53) + 1);
    let seconds = registry.counter(Descriptor::counter("busy_seconds_total", help).unit("seconds")).unwrap();
    seconds.get_or_create(&[]).unwrap().add(0.1);
    let gauge = registry.gauge(Descriptor::gauge("level_ratio", help).labels(["kind"]).unit("ratio")).unwrap();
    for (kind, value) in [("below", -0.5), ("most", f64::INFINITY), ("least", f64::NEG_INFINITY), ("none", f64::NAN)] {
        gauge.get_or_create(&[kind]).unwrap().set(value);
    }
    let _ = registry.in_flight(Descriptor::gauge("jobs_in_flight", help)).unwrap().get_or_create(&[]);
    let duration = Descriptor::histogram("wait_seconds", help, &[1e-6, 0.25, 1.0, 1e6][..]).unit("seconds");
    let duration = registry.histogram(duration.labels(["kind"])).unwrap();
    for (label, value) in labels.into_iter().flat_map(|label| [0.0, 1e-6, 0.3, 2e6].map(|value| (label, value))) {
        duration.get_or_create(&[label]).unwrap().observe(value);
    }
    let below = Descriptor::histogram("temperature_celsius", help, &[-10.0, 0.0, 10.0][..]);
    let below = registry.histogram(below.unit("celsius")).unwrap();
    for value in [-20.0, -10.0, 5.0, 50.0] {
        below.get_or_create(&[]).unwrap().observe(value);
    }

    let collector = prometheus::IntCounterVec::new(prometheus::Opts::new("theirs_total", help), &["kind"]).unwrap();
    for label in labels {
        collector.with_label_values(&[label]).inc();
    }
    registry.register(Box::new(collector)).unwrap();
    let options = prometheus::HistogramOpts::new("theirs_seconds", help).buckets(vec![0.5, 1e6]);
    let collector = prometheus::Histogram::with_opts(options).unwrap();
    collector.observe(0.75);
    registry.register(Box::new(collector)).unwrap();
    // In OpenMetrics, the family names of these two counters are taken by other families.
    for taken in ["kinds_jobs_in_flight_total", "theirs_here_total"] {
        let collector = prometheus::IntCounter::new(taken, help).unwrap();
        collector.inc();
        registry.register(Box::new(collector)).unwrap();
    }
    registry.register(Box::new(prometheus::Gauge::new("theirs_here", help).unwrap())).unwrap();

    let builder = Metrics::builder().registry(&registry).namespace("kinds").constant_label("region", "eu \"west\"");
    builder.info("build", [("version", "1.0"), ("commit", "a\\b")]).build().unwrap()
}

#[test]
fn prometheus_has_every_kind_of_metric_as_it_was_recorded() {
    let Some(prometheus) = tools::prometheus() else { return };
    let client = serve(every_kind().instrument(Router::new()).unwrap());
    let text_only = in_text_only(client);
    let targets = [Target::new("openmetrics", client.address()), Target::new("text", text_only.address())];
    let server = prometheus.scrape(&targets);
    for (job, page) in [
        ("openmetrics", Page::parse_openmetrics(&openmetrics(&client)).unwrap()),
        ("text", Page::parse_text(&text(&client)).unwrap()),
    ] {
        assert_scraped(&server, job, &page);
        assert_metadata(&server, job, &page);
    }
    let kind_and_unit = |metadata: BTreeSet<Metadata>, family: &str| {
        let found = metadata.into_iter().find(|metadata| metadata.family == family);
        found.map(|metadata| (metadata.kind, metadata.unit)).unwrap_or_default()
    };
    let expected = |kind: &str, unit: &str| (kind.to_owned(), unit.to_owned());
    assert_eq!(kind_and_unit(server.metadata("openmetrics"), "kinds_build"), expected("info", ""));
    assert_eq!(kind_and_unit(server.metadata("openmetrics"), "kinds_sent_bytes"), expected("counter", "bytes"));
    assert_eq!(kind_and_unit(server.metadata("openmetrics"), "kinds_level_ratio"), expected("gauge", "ratio"));
    assert_eq!(kind_and_unit(server.metadata("openmetrics"), "kinds_wait_seconds"), expected("histogram", "seconds"));
    assert_eq!(kind_and_unit(server.metadata("openmetrics"), "theirs_here_total"), expected("unknown", ""));
    assert_eq!(kind_and_unit(server.metadata("text"), "theirs_here_total"), expected("counter", ""));
    assert_eq!(kind_and_unit(server.metadata("text"), "kinds_build_info"), expected("gauge", ""));
    assert_eq!(kind_and_unit(server.metadata("text"), "kinds_sent_bytes_total"), expected("counter", ""));
}

/// Returns pages of both services in both formats, and one with every kind of metric.
fn pages() -> Vec<(&'static str, String, String)> {
    let (neurectomy, without_ryot, dynoai) = (start(NEURECTOMY, &[]), start_without_ryot(), start(DYNOAI, &[]));
    let unused = start(NEURECTOMY, &[]);
    let _ = use_neurectomy(&neurectomy);
    let _ = use_without_ryot(&without_ryot);
    let _ = use_dynoai(&dynoai);
    let every_kind = serve(every_kind().instrument(Router::new()).unwrap());
    let clients = [
        ("neurectomy", *neurectomy),
        ("neurectomy without Ryot", *without_ryot),
        ("neurectomy before use", *unused),
        ("dynoai", *dynoai),
        ("every kind", every_kind),
    ];
    clients.map(|(name, client)| (name, text(&client), openmetrics(&client))).into()
}

#[test]
fn promtool_accepts_every_page() {
    let Some(promtool) = tools::promtool() else { return };
    for (name, text, _) in pages() {
        assert_eq!(promtool.check_metrics(&text), Ok(()), "{name}");
    }
}

#[test]
fn the_reference_parsers_and_the_strict_parser_agree_on_every_page() {
    let Some(python) = tools::python() else { return };
    for (name, text, openmetrics) in pages() {
        let in_text = Page::parse_text(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}")).points();
        let by_python = python.parse_text(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(difference(&stored(in_text.clone()), &stored(by_python)), "", "{name}");

        let in_openmetrics = Page::parse_openmetrics(&openmetrics);
        let in_openmetrics = in_openmetrics.unwrap_or_else(|error| panic!("{name}: {error}\n{openmetrics}")).points();
        let by_python = python.parse_openmetrics(&openmetrics);
        let by_python = by_python.unwrap_or_else(|error| panic!("{name}: {error}\n{openmetrics}"));
        assert_eq!(difference(&stored(in_openmetrics.clone()), &stored(by_python)), "", "{name}");

        // A sum that can decrease is not a counter: OpenMetrics omits it, and the count with it.
        let omitted =
            |point: &Point| point.name.starts_with("kinds_temperature_celsius_") && !point.labels.contains_key("le");
        let in_text = in_text.into_iter().filter(|point| !omitted(point)).collect();
        assert_eq!(difference(&lasting(stored(in_text)), &lasting(stored(in_openmetrics))), "", "{name}");
    }
}

/// Returns the samples of a page that never decrease.
fn growing(page: &Page) -> BTreeMap<Point, f64> {
    let families = page.families().iter().filter(|family| matches!(family.kind, Kind::Counter | Kind::Histogram));
    let samples = families.flat_map(|family| &family.samples).map(|sample| {
        let labels = sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        (Point::new(&sample.name, labels, 0), sample.value)
    });
    samples.map(|(series, value)| (stored([series].into()).pop_first().unwrap(), value)).collect()
}

/// Scrapes repeatedly while clients send requests, then compares the counters with the number of requests sent.
fn scrape_under_load(service: &Client, requests: &str, duration: &str, work: &[fn(&Client) -> u64]) {
    const SCRAPES: u32 = 100;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = work
            .iter()
            .map(|work| {
                scope.spawn(|| {
                    let mut done = 0;
                    while !stop.load(Ordering::Relaxed) {
                        done += work(service);
                    }
                    done
                })
            })
            .collect();

        let (mut last, mut changed, mut scrapes) = (BTreeMap::new(), 0, 0);
        let stopping = StopOnDrop(&stop);
        wait::until("enough scrapes with changes between them", || {
            let page = match scrapes % 2 {
                0 => Page::parse_text(&text(service)),
                _ => Page::parse_openmetrics(&openmetrics(service)),
            };
            // The parser checks that buckets are cumulative and that the last one equals the count.
            let now = growing(&page.expect("a whole page"));
            for (series, before) in &last {
                let after = now.get(series).unwrap_or_else(|| panic!("{series} is missing"));
                assert!(after >= before, "{series} decreased from {before} to {after}");
            }
            changed += u32::from(now != last);
            last = now;
            scrapes += 1;
            (scrapes >= SCRAPES && changed > SCRAPES / 2).then_some(())
        });
        drop(stopping);

        let done: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let page = Page::parse_text(&text(service)).unwrap();
        let total = |name: &str| page.series(name).iter().map(|sample| sample.value).sum::<f64>();
        assert_eq!(total(requests), done as f64);
        assert_eq!(total(duration), done as f64);
    });
}

/// Stops the clients when an assertion fails, since the scope waits for them.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn scrapes_of_neurectomy_under_load_are_consistent() {
    let service = start(NEURECTOMY, &[]);
    let work: &[fn(&Client) -> u64] = &[
        |service| {
            let _ = generate(service, 20).expect(200);
            1
        },
        |service| {
            let _ = service.post("/v1/compress", "", "a counter only goes up. ".repeat(500)).expect(200);
            let _ = service.post("/v1/compress", "", "").expect(400);
            2
        },
        |service| {
            let _ = put(service, "/v1/files/a").expect(201);
            let _ = service.get("/v1/files/a").expect(200);
            let _ = delete(service, "/v1/files/a").expect(204);
            let _ = service.get("/nothing").expect(404);
            4
        },
        |service| {
            let key = field(service.post_json("/v1/keys", &json!({ "user": "ada" })), 201, "key");
            let _ = open_session(service, &key).expect(201);
            let _ = delete(service, &format!("/v1/keys/{key}")).expect(204);
            3
        },
    ];
    let duration = "neurectomy_http_request_duration_seconds_count";
    scrape_under_load(&service, "neurectomy_http_requests_total", duration, work);
}

#[test]
fn scrapes_of_dynoai_under_load_are_consistent() {
    let service = start(DYNOAI, &[]);
    let work: &[fn(&Client) -> u64] = &[
        |service| {
            let _ = analyze(service, SUCCESSFUL_LOG).expect(200);
            let _ = analyze(service, "a,b,c\n1,2,3\n").expect(422);
            2
        },
        |service| {
            let run = field(analyze(service, SUCCESSFUL_LOG), 200, "run_id");
            let _ = jetstream(service, &json!({ "run_id": run })).expect(200);
            let _ = jetstream(service, &json!({})).expect(400);
            3
        },
        |service| {
            let _ = service.get("/api/health").expect(200);
            1
        },
    ];
    scrape_under_load(&service, "dynoai_requests_total", "dynoai_request_duration_seconds_count", work);
}
