//! End-to-end tests of Neurectomy: requests to the real binary over HTTP, and the resulting metrics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use serde_json::{Value, json};
use tests::canned::{self, COMPLETION};
use tests::client::{Client, Response};
use tests::page::{Kind, Page};
use tests::prometheus::Target;
use tests::service::{Service, Stopped};
use tests::{tools, wait};

const BINARY: &str = env!("CARGO_BIN_EXE_neurectomy");
const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];
const IN_MEMORY: (&str, &str) = ("SIGMAVAULT_URL", "memory:///");

fn start(env: &[(&str, &str)]) -> Service {
    let env: Vec<_> = [IN_MEMORY].iter().chain(env).copied().collect();
    Service::start(BINARY, &ANY_PORT, &env)
}

/// Runs the service with settings it must reject. Returns the exit code and stderr.
fn start_error(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let Stopped { status, stderr, .. } = Service::run(BINARY, args, env);
    (status.code(), stderr)
}

fn page(service: &Client) -> Page {
    Page::parse_text(service.get("/metrics").expect(200).text()).unwrap()
}

fn put(service: &Client, path: &str, body: impl AsRef<[u8]>) -> Response {
    service.request("PUT", path, &[], body.as_ref())
}

fn delete(service: &Client, path: &str) -> Response {
    service.request("DELETE", path, &[], b"")
}

fn generate(service: &Client, max_tokens: u32) -> Response {
    let body = json!({ "prompt": "The keeper", "max_tokens": max_tokens, "seed": 7 });
    service.post_json("/v1/generate", &body)
}

fn key(service: &Client, user: &str) -> String {
    let answer = service.post_json("/v1/keys", &json!({ "user": user }));
    answer.expect(201).json()["key"].as_str().unwrap().to_owned()
}

fn open_session(service: &Client, key: &str) -> Response {
    let bearer = format!("Bearer {key}");
    service.request("POST", "/v1/sessions", &[("authorization", &bearer)], b"")
}

fn session(service: &Client, key: &str) -> String {
    let answer = open_session(service, key).expect(201).json();
    answer["session"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_error(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    let body = response.json();
    assert_eq!(body["error"]["status"], status, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.len() > 10, "the message {message:?} is too short");
}

#[test]
fn every_metric_is_on_the_page_before_the_first_request() {
    let service = start(&[]);
    let page = page(&service);
    for (name, kind) in [
        ("neurectomy_ryot_requests_total", Kind::Counter),
        ("neurectomy_ryot_request_duration_seconds", Kind::Histogram),
        ("neurectomy_sigmalang_compression_ratio", Kind::Histogram),
        ("neurectomy_sigmavault_operations_total", Kind::Counter),
        ("neurectomy_circuit_breaker_state", Kind::Gauge),
        ("neurectomy_circuit_breaker_failures_total", Kind::Counter),
        ("neurectomy_circuit_breaker_calls_total", Kind::Counter),
        ("neurectomy_circuit_breaker_transitions_total", Kind::Counter),
        ("neurectomy_circuit_breaker_last_transition_timestamp_seconds", Kind::Gauge),
        ("neurectomy_circuit_breaker_probes_in_flight", Kind::Gauge),
        ("neurectomy_circuit_breaker_failure_ratio_threshold", Kind::Gauge),
        ("neurectomy_active_users", Kind::Gauge),
        ("neurectomy_api_keys_active", Kind::Gauge),
        ("neurectomy_system_info", Kind::Gauge),
    ] {
        let family = page.family(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        assert!(!family.samples.is_empty(), "{name} has no sample");
    }
    for status in ["success", "error", "panic", "cancelled"] {
        let requests = page.value("neurectomy_ryot_requests_total", [("status", status)]);
        assert_eq!(requests, 0.0, "{status}");
        for operation in ["store", "retrieve", "delete"] {
            let labels = [("operation", operation), ("status", status)];
            let operations = page.value("neurectomy_sigmavault_operations_total", labels);
            assert_eq!(operations, 0.0, "{labels:?}");
        }
    }
    let info = page.series("neurectomy_system_info");
    assert_eq!(info.len(), 1);
    assert_eq!(info[0].labels["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info[0].value, 1.0);
}

#[test]
fn generating_records_requests_tokens_and_durations() {
    let service = start(&[]);
    let completions = [generate(&service, 5), generate(&service, 50)];
    let completions = completions.map(|answer| answer.expect(200).json());
    let tokens: f64 = completions.iter().map(|c| c["tokens"].as_f64().unwrap()).sum();
    assert!(tokens > 0.0);
    assert!(completions.iter().all(|c| c["text"].as_str().is_some_and(|text| !text.is_empty())));
    assert_error(&generate(&service, 1_000_000), 400);

    let page = page(&service);
    let requests = |status| page.value("neurectomy_ryot_requests_total", [("status", status)]);
    assert_eq!((requests("success"), requests("error")), (2.0, 1.0));
    let generated = page.value("neurectomy_tokens_generated_total", [("model", "ryot-tiny")]);
    assert_eq!(generated, tokens);
    assert_eq!(page.value("neurectomy_ryot_request_duration_seconds_count", []), 3.0);
    let bounds = ["0.1", "0.5", "1", "2", "5", "10", "30", "+Inf"];
    assert_bounds(&page, "neurectomy_ryot_request_duration_seconds", &bounds);
    let http = |status| {
        let labels = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", status)];
        page.value("neurectomy_http_requests_total", labels)
    };
    assert_eq!((http("200"), http("400")), (2.0, 1.0));
    let labels = [("method", "POST"), ("endpoint", "/v1/generate")];
    let duration = "neurectomy_http_request_duration_seconds";
    assert_eq!(page.value(&format!("{duration}_count"), labels), 3.0);
    let bounds = ["0.01", "0.05", "0.1", "0.5", "1", "2.5", "5", "10", "+Inf"];
    assert_bounds(&page, duration, &bounds);
}

/// Compares the bucket bounds of the histogram's first series, in the order of the page.
#[track_caller]
fn assert_bounds(page: &Page, name: &str, expected: &[&str]) {
    let buckets = page.series(&format!("{name}_bucket"));
    let found: Vec<_> = buckets.iter().map(|bucket| bucket.labels["le"].as_str()).collect();
    assert_eq!(found[..expected.len()], *expected, "{name}");
}

#[test]
fn compressing_records_the_ratio() {
    let service = start(&[]);
    let text = "a counter only goes up. ".repeat(500);
    let summary = service.post("/v1/compress", "text/plain", &text).expect(200).json();
    assert_eq!(summary["original_size"], text.len());
    let ratio = summary["ratio"].as_f64().unwrap();
    assert!(ratio > 30.0, "{summary}");
    let headers = [("accept", "application/zstd")];
    let answer = service.request("POST", "/v1/compress", &headers, text.as_bytes());
    assert_eq!(answer.header("content-type"), Some("application/zstd"));
    assert_eq!(answer.header("x-original-size"), Some("12000"));
    let restored = zstd::bulk::decompress(&answer.expect(200).body, text.len()).unwrap();
    assert_eq!(restored, text.as_bytes());
    assert_error(&service.post("/v1/compress", "text/plain", ""), 400);

    let page = page(&service);
    let name = "neurectomy_sigmalang_compression_ratio";
    assert_eq!(page.value(&format!("{name}_count"), []), 2.0);
    let sum = page.value(&format!("{name}_sum"), []);
    assert!((sum - 2.0 * ratio).abs() < 1e-9, "{sum}");
    assert_eq!(page.value(&format!("{name}_bucket"), [("le", "30")]), 0.0);
    assert_bounds(&page, name, &["5", "10", "15", "20", "25", "30", "+Inf"]);
}

#[test]
fn files_are_stored_and_each_operation_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("SIGMAVAULT_DIR", folder.path().to_str().unwrap())];
    let service = Service::start(BINARY, &ANY_PORT, &env);
    let content: Vec<u8> = (0..=255).collect();
    let stored = put(&service, "/v1/files/a/b%20c.bin", &content).expect(201).json();
    assert_eq!(stored, json!({ "path": "a/b c.bin", "size": 256 }));
    let answer = service.get("/v1/files/a/b%20c.bin").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.body, content);
    assert_error(&service.get("/v1/files/other"), 404);
    let _ = delete(&service, "/v1/files/a/b%20c.bin").expect(204);
    assert_error(&delete(&service, "/v1/files/a/b%20c.bin"), 404);
    let kept = put(&service, "/v1/files//kept/", "!").expect(201).json();
    assert_eq!(kept["path"], "kept");
    // Invalid paths never reach the store.
    for path in ["/v1/files/%2e%2e/%2e%2e/etc/passwd", "/v1/files/../../etc/passwd", "/v1/files/a//b"] {
        assert_error(&service.get(path), 400);
    }

    let page = page(&service);
    let operations = |operation| {
        ["success", "error"].map(|status| {
            let labels = [("operation", operation), ("status", status)];
            page.value("neurectomy_sigmavault_operations_total", labels)
        })
    };
    // A missing file counts as a success: the store has answered.
    assert_eq!(operations("store"), [2.0, 0.0]);
    assert_eq!(operations("retrieve"), [2.0, 0.0]);
    assert_eq!(operations("delete"), [2.0, 0.0]);

    let _ = service.stop();
    let service = Service::start(BINARY, &ANY_PORT, &env);
    assert_eq!(service.get("/v1/files/kept").expect(200).text(), "!");
}

#[test]
fn the_breaker_of_the_store_opens_while_the_store_fails() {
    let folder = tempfile::tempdir().unwrap();
    // A symbolic link to itself: opening a path below it fails for every user.
    let broken = folder.path().join("broken");
    std::os::unix::fs::symlink(&broken, &broken).unwrap();
    let service = Service::start(BINARY, &ANY_PORT, &[("SIGMAVAULT_DIR", folder.path().to_str().unwrap())]);
    let breaker = || {
        let page = page(&service);
        let of = |name: &str| page.sample(&format!("neurectomy_circuit_breaker_{name}"), [("service", "sigmavault")]);
        (of("state"), of("failures_total"), of("failure_ratio"))
    };
    // A missing file is not a failure of the store.
    for _ in 0..10 {
        assert_error(&service.get("/v1/files/missing"), 404);
    }
    for failures in 1..=10u8 {
        assert_eq!(breaker(), (Some(0.0), Some(f64::from(failures - 1)), None));
        assert_error(&service.get("/v1/files/broken/file"), 500);
    }
    assert_eq!(breaker(), (Some(1.0), Some(10.0), None));
    for rejected in [service.get("/v1/files/missing"), put(&service, "/v1/files/new", "!")] {
        assert_error(&rejected, 503);
        let seconds: u8 = rejected.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&seconds), "{seconds}");
    }
    // The breaker of Ryot is not affected.
    let _ = generate(&service, 5).expect(200);

    let _ = wait::until("the store to be called again", || {
        let stored = put(&service, "/v1/files/new", "!");
        (stored.status == 201).then_some(stored)
    });
    assert_eq!(breaker().0, Some(0.0));
    let page = page(&service);
    let operations = |operation| {
        let labels = [("operation", operation), ("status", "error")];
        page.value("neurectomy_sigmavault_operations_total", labels)
    };
    // Rejected calls are not operations of the store.
    assert_eq!((operations("store"), operations("retrieve")), (0.0, 10.0));
    let threshold = page.value("neurectomy_circuit_breaker_failure_ratio_threshold", [("service", "sigmavault")]);
    assert_eq!(threshold, 0.5);
}

#[test]
fn the_gauges_show_the_current_users_and_keys() {
    let service = start(&[]);
    let counts = || {
        let page = page(&service);
        let users = page.value("neurectomy_active_users", []);
        (users, page.value("neurectomy_api_keys_active", []))
    };
    let [ada, ada_too, bob] = ["ada", "ada", "bob"].map(|user| key(&service, user));
    assert_eq!(counts(), (0.0, 3.0));
    let first = session(&service, &ada);
    let _ = session(&service, &ada_too);
    let _ = session(&service, &bob);
    assert_eq!(counts(), (2.0, 3.0));
    let _ = delete(&service, &format!("/v1/sessions/{first}")).expect(204);
    assert_eq!(counts(), (2.0, 3.0));
    let _ = delete(&service, &format!("/v1/keys/{ada_too}")).expect(204);
    assert_eq!(counts(), (1.0, 2.0));
    for failed in [delete(&service, &format!("/v1/keys/{ada_too}")), delete(&service, &format!("/v1/sessions/{first}"))]
    {
        assert_error(&failed, 404);
    }
    let refused = open_session(&service, &ada_too);
    assert_error(&refused, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(counts(), (1.0, 2.0));
}

#[test]
fn an_expired_session_decrements_the_gauge() {
    let service = start(&[("SESSION_SECONDS", "0.5")]);
    let key = key(&service, "ada");
    let _ = session(&service, &key);
    // No request updates the gauge: it must change without one.
    wait::until("the session to end", || {
        let users = page(&service).value("neurectomy_active_users", []);
        (users == 0.0).then_some(())
    });
}

/// A server in place of Ryot whose behaviour the test controls.
struct FakeRyot {
    url: String,
    answers: Arc<AtomicBool>,
    /// Receives a message for each connection that is kept open without an answer.
    held: mpsc::Receiver<()>,
}

impl FakeRyot {
    /// Starts a server that does not answer yet. If `holds` is true, it keeps connections open, else it closes them.
    fn start(holds: bool) -> Self {
        let (listener, address) = listener();
        let answers = Arc::new(AtomicBool::new(false));
        let (holding, held) = mpsc::channel();
        let answering = Arc::clone(&answers);
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if answering.load(Ordering::SeqCst) {
                    answer(&mut stream);
                } else if holds {
                    open.push(stream);
                    let _ = holding.send(());
                }
            }
        });
        Self { url: format!("http://{address}/v1"), answers, held }
    }
}

fn answer(stream: &mut TcpStream) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let length = COMPLETION.len();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{COMPLETION}");
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn the_breaker_of_ryot_opens_while_ryot_is_down() {
    let ryot = FakeRyot::start(false);
    let service = start(&[("RYOT_URL", &ryot.url), ("RYOT_MODEL", "other"), ("RYOT_COOLDOWN", "3")]);
    let breaker = || {
        let page = page(&service);
        let of = |name: &str| page.value(name, [("service", "ryot")]);
        let state = of("neurectomy_circuit_breaker_state");
        (state, of("neurectomy_circuit_breaker_failures_total"))
    };
    assert_eq!(breaker(), (0.0, 0.0));
    for failures in 1..=5u8 {
        assert_error(&generate(&service, 5), 502);
        let state = if failures == 5 { 1.0 } else { 0.0 };
        assert_eq!(breaker(), (state, f64::from(failures)));
    }
    let rejected = generate(&service, 5);
    assert_error(&rejected, 503);
    let seconds: u8 = rejected.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&seconds), "{seconds}");

    ryot.answers.store(true, Ordering::SeqCst);
    let completion = wait::until("Ryot to be called again", || {
        let answer = generate(&service, 5);
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(completion["text"], "so it is.");
    assert_eq!(breaker(), (0.0, 5.0));
    let page = page(&service);
    let requests = |status| page.value("neurectomy_ryot_requests_total", [("status", status)]);
    // Rejected calls are not requests to Ryot.
    assert_eq!((requests("success"), requests("error")), (1.0, 5.0));
    let tokens = page.value("neurectomy_tokens_generated_total", [("model", "other")]);
    assert_eq!(tokens, 4.0);
}

#[test]
fn prometheus_scrapes_the_states_of_the_breaker_while_ryot_is_down_and_back() {
    let Some(prometheus) = tools::prometheus() else { return };
    let mut ryot = canned::Server::start("application/json", COMPLETION);
    let url = format!("http://{}", ryot.address());
    let service = start(&[("RYOT_URL", &url), ("RYOT_COOLDOWN", "2")]);
    let server = prometheus.scrape(&[Target::new("neurectomy", service.address())]);
    let _ = generate(&service, 5).expect(200);
    let state = "neurectomy_circuit_breaker_state{service=\"ryot\"}";
    let is = |found: f64| move |values: &std::collections::BTreeMap<_, f64>| values.values().eq([&found]);
    server.wait_until(state, is(0.0));

    ryot.kill();
    for _ in 0..5 {
        assert_error(&generate(&service, 5), 502);
    }
    // Calls go on until a scrape sees it open: each failed probe keeps it open for longer.
    wait::until("Prometheus to see it open", || {
        let answer = generate(&service, 5);
        assert!([502, 503].contains(&answer.status), "{}", answer.text());
        (server.value(state) == 1.0).then_some(())
    });
    // Without a call.
    server.wait_until(state, is(2.0));

    ryot.restart();
    let _ = generate(&service, 5).expect(200);
    server.wait_until(state, is(0.0));
    let counted = |name: &str, labels: &str| {
        server.value(&format!("neurectomy_circuit_breaker_{name}{{service=\"ryot\",{labels}}}"))
    };
    assert_eq!(counted("transitions_total", "from=\"closed\",to=\"open\""), 1.0);
    assert_eq!(counted("transitions_total", "from=\"half_open\",to=\"closed\""), 1.0);
    assert_eq!(counted("calls_total", "result=\"success\""), 2.0);
    let page = page(&service);
    let upstream = page.value("neurectomy_ryot_requests_total", [("status", "error")]);
    let failures = page.value("neurectomy_circuit_breaker_failures_total", [("service", "ryot")]);
    assert_eq!(upstream, failures, "only calls that reached Ryot are its requests");
    let rejected = page.value("neurectomy_circuit_breaker_calls_total", [("service", "ryot"), ("result", "rejected")]);
    let answered = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", "503")];
    let answered = page.sample("neurectomy_http_requests_total", answered).unwrap_or(0.0);
    assert_eq!(answered, rejected);
}

#[test]
fn a_client_that_disconnects_cancels_the_call() {
    let ryot = FakeRyot::start(true);
    let service = start(&[("RYOT_URL", &ryot.url)]);
    let body = json!({ "prompt": "The keeper" }).to_string();
    let headers = [("content-type", "application/json")];
    let mut stream = service.open("POST", "/v1/generate", &headers, body.len()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    ryot.held.recv_timeout(wait::DEADLINE).unwrap();
    drop(stream);
    // The call ends before the request does, so a scrape can see one without the other.
    let page = wait::until("the call and its request to be cancelled", || {
        let page = page(&service);
        let call = page.sample("neurectomy_ryot_requests_total", [("status", "cancelled")]);
        let labels = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", "499")];
        let request = page.sample("neurectomy_http_requests_total", labels);
        (call == Some(1.0) && request == Some(1.0)).then_some(page)
    });
    let breaker = page.value("neurectomy_circuit_breaker_failures_total", [("service", "ryot")]);
    let cancelled = [("service", "ryot"), ("result", "cancelled")];
    let cancelled = page.value("neurectomy_circuit_breaker_calls_total", cancelled);
    assert_eq!((breaker, cancelled), (0.0, 1.0));
    assert_eq!(page.value("neurectomy_ryot_request_duration_seconds_count", []), 0.0);
}

#[test]
fn a_slow_ryot_times_out() {
    let ryot = FakeRyot::start(true);
    let service = start(&[("RYOT_URL", &ryot.url), ("RYOT_TIMEOUT", "0.2")]);
    assert_error(&generate(&service, 5), 504);
    let page = page(&service);
    let errors = page.value("neurectomy_ryot_requests_total", [("status", "error")]);
    assert_eq!(errors, 1.0);
}

#[test]
fn malformed_input_is_a_client_error_in_json() {
    let service = start(&[]);
    let json = "application/json";
    let too_large = vec![b' '; 33 << 20];
    for (status, method, path, content_type, body) in [
        (400, "POST", "/v1/generate", json, &b"{"[..]),
        (400, "POST", "/v1/generate", json, b""),
        (400, "POST", "/v1/generate", json, b"\xff\xfe"),
        (422, "POST", "/v1/generate", json, b"{}"),
        (422, "POST", "/v1/generate", json, br#"{"prompt":1}"#),
        (422, "POST", "/v1/generate", json, b"null"),
        (422, "POST", "/v1/generate", json, &b"[".repeat(100_000)),
        (400, "POST", "/v1/generate", json, b"{\"prompt\":\"\xff\"}"),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":-1}"#),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":1.5}"#),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":99999999999999999999}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":4294967295}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":NaN}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":1e999}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":9}"#),
        (415, "POST", "/v1/generate", "text/plain", br#"{"prompt":"a"}"#),
        (413, "POST", "/v1/generate", json, &too_large),
        (413, "POST", "/v1/compress", "text/plain", &too_large),
        (413, "PUT", "/v1/files/a", "text/plain", &too_large),
        (405, "GET", "/v1/generate", "", b""),
        (405, "POST", "/v1/files/a", "", b""),
        (405, "BREW", "/health", "", b""),
        (404, "GET", "/", "", b""),
        (404, "GET", &format!("/{}", "p".repeat(60_000)), "", b""),
        (404, "GET", "/v1/files/", "", b""),
        (400, "GET", "/v1/files/%ff", "", b""),
        (400, "PUT", "/v1/files/a%00b", "", b""),
        (400, "PUT", "/v1/files/..%2f..%2fetc%2fpasswd", "", b""),
        (400, "DELETE", "/v1/files/%2e%2e/secret", "", b""),
        (400, "PUT", &format!("/v1/files/{}", "p".repeat(60_000)), "", b""),
        (400, "POST", "/v1/keys", json, br#"{"user":"a\nb"}"#),
        (422, "POST", "/v1/keys", json, br#"{"user":1}"#),
        (400, "DELETE", "/v1/keys/%ff", "", b""),
        (404, "DELETE", "/v1/keys/none", "", b""),
        (400, "POST", "/v1/keys", json, br#"{"user":" "}"#),
        (401, "POST", "/v1/sessions", "", b""),
        (404, "DELETE", "/v1/sessions/none", "", b""),
    ] {
        let response = service.request(method, path, &[("content-type", content_type)], body);
        eprintln!("{method} {path} {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        assert_error(&response, status);
    }
    let _ = service.request("POST", "/metrics", &[], b"").expect(405);
    let health = service.get("/health").expect(200).json();
    assert_eq!(health, json!({ "status": "ok" }));

    let page = page(&service);
    let refused = [("method", "GET"), ("endpoint", "/v1/generate"), ("status", "405")];
    assert_eq!(page.value("neurectomy_http_requests_total", refused), 1.0);
    let unmatched = page.series("neurectomy_http_requests_total").into_iter();
    let unmatched: Vec<_> = unmatched.filter(|s| s.labels["status"] == "404").collect();
    assert!(unmatched.iter().all(|s| !s.labels["endpoint"].contains("none")), "a path became a label: {unmatched:?}");
}

#[test]
fn metrics_can_be_switched_off() {
    let service = start(&[("METRICS_ENABLED", "false")]);
    let _ = generate(&service, 5).expect(200);
    let _ = put(&service, "/v1/files/a", "!").expect(201);
    assert_error(&service.get("/metrics"), 404);
}

#[test]
fn the_path_of_the_page_can_be_changed() {
    let service = start(&[("METRICS_PATH", "/internal/metrics")]);
    let text = service.get("/internal/metrics").expect(200);
    assert!(Page::parse_text(text.text()).unwrap().family("neurectomy_active_users").is_some());
    assert_error(&service.get("/metrics"), 404);
}

#[test]
fn an_invalid_variable_is_an_error_that_names_its_value_and_the_expected_one() {
    for (name, value, hint) in [
        ("METRICS_ENABLED", "maybe", "false"),
        ("METRICS_PATH", "metrics", "/"),
        ("METRICS_PATH", "/health", "/health"),
        ("RYOT_URL", "nowhere", "URL"),
        ("RYOT_URL", "ftp://nowhere", "http"),
        ("RYOT_TIMEOUT", "soon", "seconds"),
        ("RYOT_COOLDOWN", "-1", "seconds"),
        ("SESSION_SECONDS", "0", "seconds"),
        ("SIGMAVAULT_URL", "gopher://files", "memory:///"),
        ("SIGMAVAULT_DIR", "/dev/null/files", "/dev/null/files"),
    ] {
        let (code, text) = start_error(&ANY_PORT, &[(name, value)]);
        assert_eq!(code, Some(1), "{name}={value}: {text}");
        assert!(text.contains(value) && text.contains(hint), "{name}={value}: {text}");
    }
    let both = [IN_MEMORY, ("SIGMAVAULT_DIR", "files")];
    let (code, text) = start_error(&ANY_PORT, &both);
    assert!(code == Some(1) && text.contains("SIGMAVAULT_DIR"), "{text}");
}

#[test]
fn an_invalid_command_line_is_an_error_with_a_hint() {
    for (args, hint) in [
        (&["--listen", "8000"][..], "127.0.0.1:8000"),
        (&["--listen"], "--listen"),
        (&["--traffic", "lots"], "requests a second"),
        (&["--port", "1"], "--port"),
        (&["now"], "now"),
    ] {
        let (code, text) = start_error(args, &[]);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(hint), "{args:?}: {text}");
    }
    let help = Service::run(BINARY, &["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    for part in
        ["--traffic", "RYOT_URL", "SIGMAVAULT_URL", "METRICS_PATH", "METRICS_BASIC_AUTH", "METRICS_TLS_KEY_FILE"]
    {
        assert!(help.stdout.contains(part), "{}", help.stdout);
    }
}

#[test]
fn a_port_in_use_is_an_error_with_a_hint() {
    let (_taken, address) = listener();
    let address = address.to_string();
    let (code, text) = start_error(&["--listen", &address], &[IN_MEMORY]);
    assert_eq!(code, Some(1));
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn a_request_in_progress_is_completed_before_shutdown() {
    let service = start(&[]);
    let mut stream = service.open("PUT", "/v1/files/slow", &[("expect", "100-continue")], 4).unwrap();
    // The service now waits for the body: the request is in progress.
    let mut waits = [0; 25];
    stream.read_exact(&mut waits).unwrap();
    assert_eq!(&waits, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ab").unwrap();
    let client = Client::new(service.address());
    let stopping = thread::spawn(move || service.stop());
    wait::until("new connections to be refused", || {
        client.try_request("GET", "/health", &[], b"").is_err().then_some(())
    });
    stream.write_all(b"cd").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(stopping.join().unwrap().status.code(), Some(0));
}

#[test]
fn a_shutdown_under_load_truncates_no_response() {
    let service = start(&[]);
    let client = Client::new(service.address());
    let answered = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = Arc::clone(&answered);
            thread::spawn(move || {
                let body = json!({ "prompt": "The keeper", "max_tokens": 100 }).to_string();
                let headers = [("content-type", "application/json")];
                loop {
                    match client.try_request("POST", "/v1/generate", &headers, body.as_bytes()) {
                        Ok(answer) => assert_eq!(answer.expect(200).json()["model"], "ryot-tiny"),
                        Err(error) => return error,
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    wait::until("requests to be answered", || (answered.load(Ordering::SeqCst) > 50).then_some(()));
    let stopped = service.stop();
    assert_eq!((stopped.status.code(), stopped.stderr.as_str()), (Some(0), ""));
    for client in clients {
        let error = client.join().unwrap();
        // The connection was not accepted, or closed before a request: no part of an answer was received.
        let empty = error.to_string() == "the connection ended in \"\"";
        let refused = [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(empty || refused.contains(&error.kind()), "{error}");
    }
}

#[test]
fn an_interrupt_stops_it() {
    let mut command = Command::new(BINARY);
    command.args(ANY_PORT).envs([IN_MEMORY]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"listening ");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = wait::until("it to stop", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn traffic_changes_every_family_that_does_not_count_failures() {
    let args = [&ANY_PORT[..], &["--traffic", "20"]].concat();
    let service = Service::start(BINARY, &args, &[IN_MEMORY]);
    let changing = BTreeSet::from([
        "neurectomy_http_requests_total",
        "neurectomy_http_request_duration_seconds",
        "neurectomy_ryot_requests_total",
        "neurectomy_ryot_request_duration_seconds",
        "neurectomy_tokens_generated_total",
        "neurectomy_circuit_breaker_calls_total",
        "neurectomy_sigmalang_compression_ratio",
        "neurectomy_sigmavault_operations_total",
        "neurectomy_active_users",
        "neurectomy_api_keys_active",
    ]);
    let idle = |page: &Page, name: &str| {
        let samples = page.family(name).map(|family| family.samples.as_slice());
        samples.unwrap_or_default().iter().all(|sample| sample.value == 0.0)
    };
    let page = wait::try_until(|| {
        let page = page(&service);
        let still: Vec<_> = changing.iter().copied().filter(|name| idle(&page, name)).collect();
        if still.is_empty() { Ok(page) } else { Err(still) }
    });
    let page = page.unwrap_or_else(|still| panic!("traffic does not change {still:?}"));
    // The other families stay at zero because nothing fails. The lists are complete.
    let ours = |name: &&str| name.starts_with("neurectomy_") && !changing.contains(name);
    let others: BTreeSet<_> = page.names().into_iter().filter(ours).collect();
    let breaker =
        ["failures_total", "state", "transitions_total", "last_transition_timestamp_seconds", "probes_in_flight"];
    // The ratio has a sample from the twentieth call of the store on.
    let ratio = ["failure_ratio", "failure_ratio_threshold"];
    // Without samples: no breaker here has a ratio of slow calls, or a listener.
    let unused = ["slow_ratio", "slow_ratio_threshold", "transitions_dropped_total"];
    let names = breaker.iter().chain(&ratio).chain(&unused).map(|name| format!("neurectomy_circuit_breaker_{name}"));
    let rest =
        ["system_info", "http_responses_aborted_total", "http_requests_overdue_total", "ryot_request_overdue_total"];
    let rest = rest.map(|name| format!("neurectomy_{name}"));
    let names: BTreeSet<_> = names.chain(rest).collect();
    assert_eq!(others.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), names);
    for name in breaker.into_iter().chain(["failure_ratio"]) {
        let series = page.series(&format!("neurectomy_circuit_breaker_{name}"));
        assert!(series.iter().all(|sample| sample.value == 0.0), "{series:?}");
        let services: BTreeSet<_> = series.iter().map(|sample| sample.labels["service"].as_str()).collect();
        assert!(name == "failure_ratio" || services.into_iter().eq(["ryot", "sigmavault"]), "{name}: {series:?}");
    }
    assert_eq!(service.stop().status.code(), Some(0));
}

#[test]
fn it_starts_with_an_empty_environment() {
    let mut command = Command::new(BINARY);
    command.args(ANY_PORT).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    let client = Client::new(address);
    let _ = generate(&client, 5).expect(200);
    let file = format!("/v1/files/tests/{}", running.0.id());
    let _ = put(&client, &file, "!").expect(201);
    let _ = delete(&client, &file).expect(204);
    assert_eq!(page(&client).value("neurectomy_ryot_requests_total", [("status", "success")]), 1.0);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_same_seed_gives_the_same_text_over_http() {
    let service = start(&[]);
    let text = || -> Value { generate(&service, 40).expect(200).json() };
    assert_eq!(text(), text());
}
