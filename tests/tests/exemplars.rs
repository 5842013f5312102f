//! The traces of calls, beside the numbers that they led to.
//!
//! A process has one source of exemplars. Here it says what the thread that asks was told to be working for.
#![cfg(not(feature = "off"))]
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]
#![allow(clippy::float_cmp, reason = "a page is compared as it is written")]

mod support;

use std::cell::{Cell, RefCell};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Request;
use axum::{Router, routing::get};
use metrics_runtime::exemplars::{self, Exemplar};
use metrics_runtime::{Metrics, Registry, track, track_counter, track_histogram};
use support::{abandon, openmetrics_of, panics, quiet_panic, ready};
use tests::page::{Page, Sample};
use tower::ServiceExt as _;

thread_local! {
    static WORKS_FOR: RefCell<Option<String>> = const { RefCell::new(None) };
    static BREAKS: Cell<bool> = const { Cell::new(false) };
    static CALLS: Cell<bool> = const { Cell::new(false) };
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| exemplars::install(source).unwrap());
}

fn source() -> Option<Exemplar> {
    if BREAKS.get() {
        quiet_panic();
    }
    if CALLS.get() {
        asked_by_the_source();
    }
    WORKS_FOR.with_borrow(|id| Exemplar::new([("id", id.as_deref()?)]).ok())
}

#[track(name = "asked_by_the_source")]
fn asked_by_the_source() {}

/// What `run` records has this exemplar.
fn working_for<R>(id: &str, run: impl FnOnce() -> R) -> R {
    install();
    WORKS_FOR.set(Some(id.to_owned()));
    let returned = run();
    WORKS_FOR.set(None);
    returned
}

fn page() -> Page {
    openmetrics_of(Registry::global())
}

fn id(sample: &Sample) -> Option<&str> {
    sample.exemplar.as_ref().map(|exemplar| exemplar.labels["id"].as_str())
}

/// The exemplars of a sample's name: labels' values, id and value.
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
fn a_call_leaves_its_trace_beside_its_count_and_its_duration() {
    let before = SystemTime::now();
    order(false).unwrap();
    working_for("first", || order(false)).unwrap();
    working_for("failed", || order(true)).unwrap_err();
    working_for("last", || order(false)).unwrap();
    order(false).unwrap();
    let page = page();
    let counted = found(&page, "order_total");
    assert_eq!(counted, [("success".into(), "last".into(), 1.0), ("error".into(), "failed".into(), 1.0)]);
    let timed = found(&page, "order_duration_seconds_bucket");
    assert!(timed.iter().any(|(_, id, _)| id == "last"), "{timed:?}");

    let sample = page.series("order_total").into_iter().find(|sample| id(sample) == Some("last")).unwrap();
    let seconds: f64 = sample.exemplar.as_ref().unwrap().timestamp.as_ref().unwrap().parse().unwrap();
    let unix = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    // Written in milliseconds.
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
fn each_bucket_has_the_last_value_that_fell_into_it() {
    for (id, value) in [("a", 0.5), ("b", 1.0), ("c", 1.5), ("d", 100.0), ("e", 10.0), ("refused", f64::NAN)] {
        working_for(id, || (size(value), sent(value)));
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
fn calls_that_end_badly_have_a_trace_too() {
    working_for("cancelled", || abandon(export()));
    working_for("panicked", || panics(broken));
    let page = page();
    assert_eq!(found(&page, "export_total"), [("cancelled".into(), "cancelled".into(), 1.0)]);
    assert_eq!(found(&page, "export_duration_seconds_bucket"), []);
    assert_eq!(found(&page, "broken_total"), [("panic".into(), "panicked".into(), 1.0)]);
}

#[track(name = "fragile")]
fn fragile() {}

#[test]
fn a_source_that_panics_or_is_itself_recorded_harms_nobody() {
    working_for("x", || {
        BREAKS.set(true);
        fragile();
        BREAKS.set(false);
        CALLS.set(true);
        fragile();
        CALLS.set(false);
    });
    let page = page();
    assert_eq!(page.value("fragile_total", [("status", "success")]), 2.0);
    assert_eq!(found(&page, "fragile_total"), [("success".into(), "x".into(), 1.0)]);
    // Asked once for each of the series' calls that came with a source that calls.
    assert_eq!(page.value("asked_by_the_source_total", [("status", "success")]), 1.0);
    assert_eq!(found(&page, "asked_by_the_source_total"), []);
}

#[test]
fn a_second_source_is_an_error() {
    install();
    let error = exemplars::install(|| None).unwrap_err();
    assert_eq!(error.to_string(), "a source of exemplars is already installed; call `install` once");
}

#[test]
fn requests_have_the_trace_of_what_polls_them() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let app = Router::new().route("/", get(|| async { "hello" })).layer(metrics.http_layer());
    let body = working_for("request", || {
        let response = ready(app.oneshot(Request::new(Body::empty()))).unwrap();
        ready(axum::body::to_bytes(response.into_body(), 100)).unwrap()
    });
    assert_eq!(body, "hello");
    let page = openmetrics_of(&registry);
    assert_eq!(found(&page, "http_requests_total"), [("/,GET,200".into(), "request".into(), 1.0)]);
    let timed = found(&page, "http_request_duration_seconds_bucket");
    assert_eq!(timed.iter().map(|(_, id, _)| id.as_str()).collect::<Vec<_>>(), ["request"]);
}

#[track_histogram(name = "spread", buckets = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], value = |value| *value)]
fn spread(value: f64) -> f64 {
    value
}

#[test]
fn under_load_every_page_is_whole_and_every_exemplar_in_a_bucket_that_has_counted_it() {
    const THREADS: usize = 4;
    const CALLS_EACH: usize = 3_000;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for call in 0..CALLS_EACH {
                        let value = ((call * 7 + thread) % 900) as f64 / 100.0;
                        working_for(&format!("{value}"), || spread(value));
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
            assert!(sample.value > below, "an exemplar of what is not counted: {sample:?}");
        }
        (below, lower) = (sample.value, upper);
    }
}

#[test]
fn the_reference_parser_sees_the_same_page() {
    working_for("a \"quoted\"\\ one", || order(false)).unwrap();
    let Some(python) = tests::tools::python() else {
        return;
    };
    let metrics = Metrics::builder().build().unwrap();
    let text = metrics.render_as(metrics_runtime::Format::OpenMetrics);
    assert!(text.contains(" # {id=\""), "{text}");
    python.parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
}
