//! Exemplars: the traces of calls beside the samples that they changed.
//!
//! A process has one source of exemplars. The one of these tests returns an id that is set for the current thread.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::cell::{Cell, RefCell};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Request;
use axum::{Router, routing::get};
use http_body_util::BodyExt as _;
use metrics_runtime::client::Client;
use metrics_runtime::exemplars::{self, Exemplar, ExemplarError};
use metrics_runtime::http::Http;
use metrics_runtime::{Metrics, Registry, track, track_counter, track_histogram};
use support::{abandon, bomb, openmetrics_of, panics, quiet_panic, ready};
use tests::page::{Page, Sample};
use tower::{Layer as _, Service as _, ServiceExt as _};

thread_local! {
    static TRACE_ID: RefCell<Option<String>> = const { RefCell::new(None) };
    static SOURCE_PANICS: Cell<bool> = const { Cell::new(false) };
    static SOURCE_BOMBS: Cell<bool> = const { Cell::new(false) };
    static SOURCE_CALLS: Cell<bool> = const { Cell::new(false) };
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| exemplars::install(source).unwrap());
}

fn source() -> Option<Exemplar> {
    if SOURCE_PANICS.get() {
        quiet_panic();
    }
    if SOURCE_BOMBS.get() {
        bomb();
    }
    if SOURCE_CALLS.get() {
        called_by_the_source();
    }
    TRACE_ID.with_borrow(|id| Exemplar::new([("id", id.as_deref()?)]).ok())
}

#[track(name = "called_by_the_source")]
fn called_by_the_source() {}

/// Runs `run` with this exemplar.
fn with_trace<R>(id: &str, run: impl FnOnce() -> R) -> R {
    install();
    TRACE_ID.set(Some(id.to_owned()));
    let returned = run();
    TRACE_ID.set(None);
    returned
}

fn page() -> Page {
    openmetrics_of(Registry::global())
}

fn id(sample: &Sample) -> Option<&str> {
    sample.exemplar.as_ref().map(|exemplar| exemplar.labels["id"].as_str())
}

/// The exemplars of a sample name: label values, id and value.
fn found(page: &Page, name: &str) -> Vec<(String, String, f64)> {
    let samples = page.series(name).into_iter().filter_map(|sample| {
        let labels: Vec<_> = sample.labels.values().map(String::as_str).collect();
        Some((labels.join(","), id(sample)?.to_owned(), sample.exemplar.as_ref()?.value))
    });
    samples.collect()
}

#[track(name = "order")]
fn order(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[test]
fn a_call_adds_its_trace_to_its_count_and_its_duration() {
    let before = SystemTime::now();
    order(false).unwrap();
    with_trace("first", || order(false)).unwrap();
    with_trace("failed", || order(true)).unwrap_err();
    with_trace("last", || order(false)).unwrap();
    order(false).unwrap();
    let page = page();
    let counted = found(&page, "order_total");
    assert_eq!(counted, [("success".into(), "last".into(), 1.0), ("error".into(), "failed".into(), 1.0)]);
    let timed = found(&page, "order_duration_seconds_bucket");
    assert!(timed.iter().any(|(_, id, _)| id == "last"), "{timed:?}");

    let sample = page.series("order_total").into_iter().find(|sample| id(sample) == Some("last")).unwrap();
    let seconds: f64 = sample.exemplar.as_ref().unwrap().timestamp.as_ref().unwrap().parse().unwrap();
    let unix = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    // The timestamp has milliseconds.
    assert!(seconds >= unix(before) - 0.001 && seconds <= unix(SystemTime::now()), "{seconds}");

    let text = support::page();
    assert!(text.samples().all(|sample| sample.exemplar.is_none()), "the text format has none");
}

#[track_histogram(name = "size_bytes", buckets = [1.0, 10.0, 100.0], value = |size| *size)]
fn size(size: f64) -> f64 {
    size
}

#[track_counter(name = "sent_bytes_total", value = |size| *size)]
fn sent(size: f64) -> f64 {
    size
}

#[test]
fn each_bucket_keeps_its_last_exemplar() {
    for (id, value) in [("a", 0.5), ("b", 1.0), ("c", 1.5), ("d", 100.0), ("e", 10.0), ("refused", f64::NAN)] {
        with_trace(id, || (size(value), sent(value)));
    }
    let page = page();
    let sizes = found(&page, "size_bytes_bucket");
    assert_eq!(
        sizes,
        [("1.0".into(), "b".into(), 1.0), ("10.0".into(), "e".into(), 10.0), ("100.0".into(), "d".into(), 100.0)]
    );
    assert_eq!(found(&page, "sent_bytes_total"), [(String::new(), "e".into(), 10.0)]);
}

#[track(name = "export")]
async fn export() {
    std::future::pending::<()>().await;
}

#[track(name = "broken")]
fn broken() {
    quiet_panic();
}

#[test]
fn cancelled_and_panicked_calls_have_exemplars() {
    with_trace("cancelled", || abandon(export()));
    with_trace("panicked", || panics(broken));
    let page = page();
    assert_eq!(found(&page, "export_total"), [("cancelled".into(), "cancelled".into(), 1.0)]);
    assert_eq!(found(&page, "export_duration_seconds_bucket"), []);
    assert_eq!(found(&page, "broken_total"), [("panic".into(), "panicked".into(), 1.0)]);
}

#[track(name = "fragile")]
fn fragile() {}

#[test]
fn a_source_may_panic_or_call_recorded_functions() {
    with_trace("x", || {
        SOURCE_PANICS.set(true);
        fragile();
        SOURCE_PANICS.set(false);
        SOURCE_BOMBS.set(true);
        fragile();
        SOURCE_BOMBS.set(false);
        SOURCE_CALLS.set(true);
        fragile();
        SOURCE_CALLS.set(false);
    });
    let page = page();
    assert_eq!(page.value("fragile_total", [("status", "success")]), 3.0);
    assert_eq!(found(&page, "fragile_total"), [("success".into(), "x".into(), 1.0)]);
    // The last call asked the source once.
    assert_eq!(page.value("called_by_the_source_total", [("status", "success")]), 1.0);
    assert_eq!(found(&page, "called_by_the_source_total"), []);
}

#[test]
fn a_second_source_is_an_error() {
    install();
    let error = exemplars::install(|| None).unwrap_err();
    assert_eq!(error.to_string(), "a source of exemplars is already installed; call `install` once");
}

#[test]
fn requests_have_the_trace_of_the_thread_that_polls_them() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let app = Router::new().route("/", get(|| async { "hello" })).layer(metrics.http_layer());
    let body = with_trace("request", || {
        let response = ready(app.oneshot(Request::new(Body::empty()))).unwrap();
        ready(axum::body::to_bytes(response.into_body(), 100)).unwrap()
    });
    assert_eq!(body, "hello");
    let page = openmetrics_of(&registry);
    assert_eq!(found(&page, "http_requests_total"), [("/,GET,200".into(), "request".into(), 1.0)]);
    let timed = found(&page, "http_request_duration_seconds_bucket");
    assert_eq!(timed.iter().map(|(_, id, _)| id.as_str()).collect::<Vec<_>>(), ["request"]);
}

#[test]
fn requests_that_are_recorded_into_shards_have_their_trace() {
    let registry = Registry::global();
    let app = Router::new().route("/", get(|| async { "hello" })).layer(Http::new().layer(registry).unwrap());
    let mut client = Client::new().layer("shop", registry).unwrap().layer(app);
    for id in ["first", "second", "third"] {
        with_trace(id, || {
            let response = ready(client.call(Request::new(Body::empty()))).unwrap();
            ready(response.into_body().collect()).unwrap();
        });
    }
    let page = page();
    for (name, labels) in [("http_requests_total", "/,GET,200"), ("http_client_requests_total", "GET,2xx,shop")] {
        assert_eq!(found(&page, name), [(labels.into(), "third".into(), 1.0)]);
    }
    for name in ["http_request_duration_seconds_bucket", "http_client_request_duration_seconds_bucket"] {
        assert!(found(&page, name).iter().any(|(_, id, _)| id == "third"), "{name}");
    }
}

#[track_histogram(name = "spread", buckets = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], value = |value| *value)]
fn spread(value: f64) -> f64 {
    value
}

#[test]
fn under_load_every_exemplar_is_in_the_bucket_that_counted_it() {
    const THREADS: usize = 4;
    const CALLS_EACH: usize = 3_000;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for call in 0..CALLS_EACH {
                        let value = ((call * 7 + thread) % 900) as f64 / 100.0;
                        with_trace(&format!("{value}"), || spread(value));
                    }
                })
            })
            .collect();
        let pages = scope.spawn(|| {
            let mut pages = 0;
            while !done.load(Ordering::Relaxed) {
                check_spread(&page());
                pages += 1;
            }
            pages
        });
        for thread in threads {
            thread.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(pages.join().unwrap() > 0);
    });
    let page = page();
    check_spread(&page);
    assert_eq!(page.value("spread_count", []), (THREADS * CALLS_EACH) as f64);
    assert_eq!(found(&page, "spread_bucket").len(), 9, "one for each bucket");
}

fn check_spread(page: &Page) {
    let (mut below, mut lower) = (0.0, f64::NEG_INFINITY);
    for sample in page.series("spread_bucket") {
        let upper: f64 = sample.labels["le"].parse().unwrap();
        if let Some(exemplar) = &sample.exemplar {
            assert!(exemplar.value > lower && exemplar.value <= upper, "{sample:?}");
            assert_eq!(exemplar.labels["id"], exemplar.value.to_string(), "{sample:?}");
            assert!(sample.value > below, "an exemplar without a count: {sample:?}");
        }
        (below, lower) = (sample.value, upper);
    }
}

#[test]
fn the_reference_parser_accepts_the_page() {
    with_trace("a \"quoted\"\\ one", || order(false)).unwrap();
    let Some(python) = tests::tools::python() else {
        return;
    };
    let metrics = Metrics::builder().build().unwrap();
    let text = String::from_utf8(metrics.render_as(metrics_runtime::Format::OpenMetrics)).unwrap();
    assert!(text.contains(" # {id=\""), "{text}");
    python.parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
}

#[test]
fn the_limit_counts_characters_and_not_bytes_or_escapes() {
    let names = "id".len();
    for character in ["x", "漢", "\"", "\u{1F600}"] {
        assert!(Exemplar::new([("id", character.repeat(128 - names).as_str())]).is_ok());
        let error = Exemplar::new([("id", character.repeat(128 - names + 1).as_str())]).unwrap_err();
        assert!(matches!(error, ExemplarError::TooLong { found: 129, .. }), "{error}");
    }
    let error = Exemplar::new([("a", "x".repeat(64).as_str()), ("b", "y".repeat(63).as_str())]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "exemplar: label names and values have 129 characters together; expected at most 128"
    );
}

#[test]
fn names_are_checked() {
    assert!(matches!(Exemplar::new([("a-b", "x")]), Err(ExemplarError::Label(_))));
    assert_eq!(Exemplar::new([("a", "x"), ("a", "y")]), Err(ExemplarError::Repeated("a".to_owned())));
    assert_eq!(Exemplar::new([("a", "x\0")]), Err(ExemplarError::Nul("a".to_owned())));
}
