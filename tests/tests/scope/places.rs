//! The places that record into a scope, and those that do not.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, State};
use metrics_runtime::test::Scope;
use metrics_runtime::{
    Descriptor, Metrics, Outcome, Registry, Timer, assert_metric, assert_no_metric, circuit_breaker, eventually, time,
    track, track_in_flight,
};
use tests::wait::DEADLINE;
use tower::ServiceExt as _;

use crate::{Size, message, order, things};

#[track(name = "placed", labels(kind = kind, size = |r: &usize| if *r > 9 { "large" } else { "small" }), in_flight)]
async fn placed(kind: &str, size: usize) -> usize {
    tokio::task::yield_now().await;
    size
}

#[metrics_runtime::test]
async fn tasks_and_blocking_threads_are_in_the_scope(metrics: Scope) {
    placed("test", 1).await;
    tokio::spawn(placed("task", 10)).await.unwrap();
    tokio::task::spawn_blocking(|| order("a", true)).await.unwrap().unwrap();
    let mut set = tokio::task::JoinSet::new();
    set.spawn(placed("set", 1));
    set.join_all().await;
    for (kind, size) in [("test", "small"), ("task", "large"), ("set", "small")] {
        assert_metric!(metrics, placed_total { kind = kind, size = size, status = "success" } == 1);
        assert_metric!(metrics, placed_in_flight { kind = kind } == 0);
    }
    assert_metric!(metrics, order_total { shop = "a" } == 1);
}

#[metrics_runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_threads_of_the_runtime_are_in_the_scope(metrics: Scope) {
    let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(placed("task", 1))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    tokio::task::block_in_place(|| order("a", true)).unwrap();
    tokio::task::spawn_blocking(|| order("b", true)).await.unwrap().unwrap();
    assert_metric!(metrics, placed_total { kind = "task" } == 100);
    assert_metric!(metrics, order_total == 2);
}

#[metrics_runtime::test]
fn other_threads_record_into_the_process(metrics: Scope) {
    #[track(name = "lost_call")]
    fn lost() {}

    thread::spawn(lost).join().unwrap();
    metrics.spawn(lost).join().unwrap();
    thread::scope(|threads| threads.spawn(|| metrics.enter(lost)).join().unwrap());
    assert_metric!(metrics, lost_call_total == 2);
    let page = thread::spawn(|| Registry::global().render()).join().unwrap();
    assert!(page.contains("lost_call_total{status=\"success\"} 1\n"), "{page}");
    let message = message(|| assert_metric!(metrics, lost_call_total == 3));
    assert!(message.contains("the registry of the process has 1: "), "{message}");
}

#[metrics_runtime::test]
fn a_scope_within_a_scope_is_another_one(outer: Scope) {
    let inner = Scope::new();
    order("a", true).unwrap();
    inner.enter(|| order("a", false)).unwrap_err();
    order("a", true).unwrap();
    assert_metric!(outer, order_total { status = "success" } == 2);
    assert_metric!(outer, order_total { status = "error" } == 0);
    assert_metric!(inner, order_total { status = "success" } == 0);
    assert_metric!(inner, order_total { status = "error" } == 1);
}

#[metrics_runtime::test]
fn a_panic_leaves_the_scope(outer: Scope) {
    let inner = Scope::new();
    message(|| inner.enter(|| panic!("{}", 1)));
    order("a", true).unwrap();
    assert_metric!(outer, order_total == 1);
}

#[metrics_runtime::test]
fn what_starts_in_the_scope_ends_there(metrics: Scope) {
    #[track_in_flight(name = "started_in_flight")]
    async fn started() {
        std::future::pending::<()>().await;
    }

    let mut calls = (Box::pin(placed("dropped", 1)), Box::pin(started()));
    let mut timed = Box::pin(time!(|_| things::pack_duration_seconds(Size::Large), async {
        tokio::task::yield_now().await;
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(calls.0.as_mut().poll(&mut cx).is_pending());
    assert!(calls.1.as_mut().poll(&mut cx).is_pending());
    assert_eq!(timed.as_mut().poll(&mut cx), Poll::Pending);
    let open = things::orders_open().guard();
    let stopwatch = Timer::start(things::pack_duration_seconds(Size::Small));
    assert_metric!(metrics, placed_in_flight { kind = "dropped" } == 1);
    assert_metric!(metrics, started_in_flight == 1);
    assert_metric!(metrics, orders_open == 1);
    thread::scope(|threads| {
        threads.spawn(move || {
            drop((calls, open, stopwatch));
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(timed.as_mut().poll(&mut cx), Poll::Ready(()));
        });
    });
    assert_metric!(metrics, placed_total { kind = "dropped", status = "cancelled" } == 1);
    assert_metric!(metrics, placed_in_flight { kind = "dropped" } == 0);
    assert_metric!(metrics, started_in_flight == 0);
    assert_metric!(metrics, orders_open == 0);
    assert_metric!(metrics, pack_duration_seconds { size = Size::Small } count == 1);
    assert_metric!(metrics, pack_duration_seconds { size = Size::Large } count == 1);
}

#[circuit_breaker(service = "scoped", failures = 1, open = "1h")]
async fn protected(fails: bool) -> Result<(), ProtectedError> {
    if fails { Err(ProtectedError) } else { Ok(()) }
}

#[derive(Debug)]
struct ProtectedError;

impl From<CircuitOpen> for ProtectedError {
    fn from(_: CircuitOpen) -> Self {
        Self
    }
}

#[metrics_runtime::test]
async fn a_breaker_has_its_own_state_in_each_scope(metrics: Scope) {
    protected(true).await.unwrap_err();
    protected(false).await.unwrap_err();
    assert_metric!(metrics, circuit_breaker_state { service = "scoped" } == 1);
    assert_metric!(metrics, circuit_breaker_calls_total { service = "scoped", result = "rejected" } == 1);
    let other = Scope::new();
    let call = other.enter(|| pin!(protected(false)).poll(&mut Context::from_waker(Waker::noop())).map(|r| r.is_ok()));
    assert_eq!(call, Poll::Ready(true));
    assert_metric!(other, circuit_breaker_state { service = "scoped" } == 0);
    assert_eq!(CircuitBreaker::find("scoped").unwrap().state(), State::Open);
    assert_eq!(other.enter(|| CircuitBreaker::find("scoped")).unwrap().state(), State::Closed);
}

#[metrics_runtime::test]
async fn every_scope_installs_metrics_of_its_own(scope: Scope) {
    let metrics = Metrics::builder().namespace("shop").constant_label("region", "eu").install().unwrap();
    assert!(Metrics::builder().install().is_err(), "they are installed in this scope");
    let router = Router::new().route("/orders/{id}", get(|| async { order("web", true).map_err(drop).unwrap() }));
    let app = metrics.instrument(router).unwrap();
    let request = Request::get("/orders/1").body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap();
    assert_metric!(scope, http_requests_total { method = "GET", endpoint = "/orders/{id}", status = 200 } == 1);
    assert_metric!(scope, order_total { shop = "web", status = Outcome::Success } == 1);
    assert!(scope.page().contains("shop_order_total{region=\"eu\",shop=\"web\",status=\"success\"} 1\n"));
    let body = app.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap().into_body();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    assert!(
        String::from_utf8(body.to_vec()).unwrap().contains("shop_http_requests_total{region=\"eu\",method=\"GET\"")
    );
    assert!(thread::spawn(Metrics::installed).join().unwrap().is_none(), "the process has none");
}

#[metrics_runtime::test]
fn a_scope_without_metrics_does_not_switch_off_others(scope: Scope) {
    Metrics::builder().enabled(false).install().unwrap();
    order("a", true).unwrap();
    things::boxes_total(Size::Large).inc();
    let other = Scope::new();
    other.enter(|| order("a", true)).unwrap();
    assert_metric!(scope, order_total == 0);
    assert_metric!(scope, boxes_total == 0);
    assert_metric!(other, order_total == 1);
}

#[metrics_runtime::test]
fn observed_metrics_are_asked_in_their_scope(scope: Scope) {
    let length = things::queue_length("a").observe(|| 7.0);
    let registered = Registry::global().gauge_fn(Descriptor::gauge("registered", "R."), || 2.0).unwrap();
    assert_metric!(scope, queue_length { shop = "a" } == 7);
    assert_metric!(scope, registered == 2);
    assert_eq!(Scope::new().value("queue_length", &[]), None);
    drop((length, registered));
    assert_no_metric!(scope, queue_length { shop = "a" });
}

#[metrics_runtime::test]
async fn a_scrape_calls_sources_in_the_scope(scope: Scope) {
    let hook = Registry::global().before_scrape(|_| things::letters_total("se").inc());
    let endpoint = Metrics::builder().build().unwrap().endpoint();
    let response = endpoint.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(hook);
    assert_metric!(scope, letters_total { country = "se" } == 1);
}

#[metrics_runtime::test]
fn series_are_removed_in_the_scope_only(scope: Scope) {
    let other = Scope::new();
    for scope in [&scope, &other] {
        scope.enter(|| order("a", true)).unwrap();
    }
    Registry::global().remove_series("shop", "a");
    assert_no_metric!(scope, order_total { shop = "a" });
    assert_metric!(other, order_total { shop = "a" } == 1);
    order("a", true).unwrap();
    assert_metric!(scope, order_total { shop = "a" } == 1);
}

#[metrics_runtime::test]
fn a_test_waits_for_threads(scope: Scope) {
    let (go, may_go) = mpsc::channel();
    let thread = scope.spawn(move || {
        may_go.recv().unwrap();
        order("late", true).unwrap();
    });
    assert_metric!(scope, order_total == 0);
    go.send(()).unwrap();
    eventually!(scope, order_total { shop = "late" } == 1).within(DEADLINE).wait();
    thread.join().unwrap();
}

#[metrics_runtime::test(start_paused = true)]
async fn a_test_waits_for_tasks_with_a_paused_clock(scope: Scope) {
    tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        order("late", true).unwrap();
    });
    eventually!(scope, order_total { shop = "late" } == 1).within(DEADLINE).await;
}

#[metrics_runtime::test]
fn default_buckets_are_those_of_the_scope(metrics: Scope) {
    let buckets = |scope: &Scope, name: &str| scope.page().matches(&format!("\n{name}_bucket{{shop=\"a\",le=")).count();
    Metrics::builder().namespace("test").duration_buckets([0.5, 1.0]).install().unwrap();
    order("a", true).unwrap();
    assert_eq!(buckets(&metrics, "test_order_duration_seconds"), 3);
    let other = Scope::new();
    other.enter(|| order("a", true)).unwrap();
    assert_eq!(buckets(&other, "order_duration_seconds"), 12);
}
