//! Helpers of these tests: lookups on the page of this process by name and labels.
//!
//! Attributes record into the global registry of the process, and the tests of a file share a process. Therefore every
//! test has its own metrics, and no metric is ever reset.
#![allow(dead_code, reason = "no file uses all of them")]
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "as in the tests themselves")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Metrics, Outcome, Registry};
use tests::page::Page;
use tower::ServiceExt as _;
use tracing::span::{Attributes, Id, Record};

/// A subscriber that calls a function with every event.
pub(crate) struct OnEvent<F>(pub(crate) F);

impl<F: Fn(&tracing::Event<'_>) + Send + Sync + 'static> tracing::Subscriber for OnEvent<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        (self.0)(event);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The page of the global registry, which must have no problems.
#[track_caller]
pub(crate) fn page() -> Page {
    assert_eq!(Registry::global().problems(), []);
    page_of(Registry::global())
}

/// The page of a registry, in the text format.
#[track_caller]
pub(crate) fn page_of(registry: &Registry) -> Page {
    let text = registry.render();
    Page::parse_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The page of a registry, as OpenMetrics.
#[track_caller]
pub(crate) fn openmetrics_of(registry: &Registry) -> Page {
    let metrics = Metrics::builder().registry(registry).build().unwrap();
    let text = String::from_utf8(metrics.render_as(metrics_runtime::Format::OpenMetrics)).unwrap();
    Page::parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The page of an endpoint that waits this long for sources.
pub(crate) async fn scrape(registry: &Registry, deadline: Duration) -> Page {
    let endpoint = Endpoint::new().deadline(deadline);
    let metrics = Metrics::builder().registry(registry).endpoint(endpoint).build().unwrap();
    let request = http::Request::get("/").body(()).unwrap();
    let body = metrics.endpoint().oneshot(request).await.unwrap().into_body();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Page::parse_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The value of the series with exactly these labels.
#[track_caller]
pub(crate) fn sample<const N: usize>(name: &str, labels: [(&str, &str); N]) -> f64 {
    page().value(name, labels)
}

/// Asserts that a function with `#[track(name = .., in_flight)]` has recorded exactly these outcomes, a duration for
/// each call that was not cancelled, and no call in flight.
#[track_caller]
pub(crate) fn assert_recorded(name: &str, outcomes: &[Outcome]) {
    assert_in_flight(name, 0, outcomes);
}

/// As [`assert_recorded`], while this number of calls is in flight.
#[track_caller]
pub(crate) fn assert_in_flight(name: &str, in_flight: u32, outcomes: &[Outcome]) {
    let page = page();
    let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count() as f64;
    let calls =
        Outcome::ALL.map(|outcome| (outcome, page.value(&format!("{name}_total"), [("status", outcome.as_str())])));
    assert_eq!(calls, Outcome::ALL.map(|outcome| (outcome, count(outcome))), "{name}: calls");
    let timed = page.value(&format!("{name}_duration_seconds_count"), []);
    assert_eq!(timed, outcomes.len() as f64 - count(Outcome::Cancelled), "{name}: durations");
    assert_eq!(page.value(&format!("{name}_in_flight"), []), f64::from(in_flight), "{name}: in flight");
}

/// The calls of a function with `#[track]` without a name, by outcome.
#[track_caller]
pub(crate) fn calls(module: &str, function: &str) -> [f64; 4] {
    let page = page();
    Outcome::ALL.map(|outcome| {
        let labels = [("function", function), ("module", module), ("status", outcome.as_str())];
        page.value("function_calls_total", labels)
    })
}

/// The payload of a panic.
#[derive(Debug, PartialEq)]
pub(crate) struct Payload(pub(crate) u8);

/// Panics without a message on standard error.
pub(crate) fn quiet_panic() -> ! {
    resume_unwind(Box::new(Payload(7)))
}

/// A payload that panics when it is dropped, with a payload of the same kind.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(Self));
    }
}

/// Panics without a message, with a payload that panics when it is dropped.
pub(crate) fn bomb() -> ! {
    resume_unwind(Box::new(Bomb))
}

/// Returns the payload of the panic in `run`.
#[track_caller]
pub(crate) fn panics<R>(run: impl FnOnce() -> R) -> Payload {
    let payload = catch_unwind(AssertUnwindSafe(run)).err().expect("a panic");
    payload_of(payload)
}

/// Returns the payload of the panic in the future.
pub(crate) async fn panics_async<R>(future: impl Future<Output = R>) -> Payload {
    payload_of(AssertUnwindSafe(future).catch_unwind().await.err().expect("a panic"))
}

#[track_caller]
fn payload_of(payload: Box<dyn Any + Send>) -> Payload {
    *payload.downcast().expect("the payload of `quiet_panic`, untouched")
}

/// Polls the future once, asserts that it is pending, and drops it.
#[track_caller]
pub(crate) fn abandon(future: impl Future) {
    assert!(future.now_or_never().is_none(), "the future was ready at once");
}

/// Returns the value of a future that is ready at once.
#[track_caller]
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the future is ready")
}
