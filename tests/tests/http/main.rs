//! The HTTP middleware and the endpoint of the metrics page: with routers, as services and over real sockets.
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod endpoint;
mod middleware;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use metrics_runtime::Registry;
use metrics_runtime::http::{Http, HttpLayer};

/// Creates a registry, and a layer with the default settings that records into it.
fn instruments() -> (Registry, HttpLayer) {
    instruments_of(&Http::new())
}

/// Creates a registry, and a layer with these settings that records into it.
fn instruments_of(http: &Http) -> (Registry, HttpLayer) {
    let registry = Registry::new();
    let layer = http.layer(&registry).expect("valid");
    (registry, layer)
}

fn request(method: &str, uri: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    request.body(Body::empty()).expect("a request")
}

/// Returns the number of recorded requests.
fn all_requests(registry: &Registry) -> u64 {
    sum(registry, "http_requests_total{")
}

/// Returns the sum of the samples whose lines start with this text.
fn sum(registry: &Registry, series: &str) -> u64 {
    let page = registry.render();
    let samples = page.lines().filter(|line| line.starts_with(series));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(_, value)| value.parse::<u64>().expect("a whole number"))
        .sum()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits until the condition is `true`. A server gives no signal when it has handled a disconnected client.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + tests::wait::DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
