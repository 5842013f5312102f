//! Helpers of the tests of the middleware and of the endpoint.

use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;

use super::{Http, HttpLayer};
use crate::registry::Registry;

/// Creates a registry, and a layer with the default settings that records into it.
pub(super) fn instruments() -> (Registry, HttpLayer) {
    instruments_of(&Http::new())
}

/// Creates a registry, and a layer with these settings that records into it.
pub(super) fn instruments_of(http: &Http) -> (Registry, HttpLayer) {
    let registry = Registry::new();
    let layer = http.layer(&registry).expect("valid");
    (registry, layer)
}

pub(super) fn request(method: &str, uri: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    request.body(Body::empty()).expect("a request")
}

/// Returns the number of recorded requests.
pub(super) fn all_requests(registry: &Registry) -> u64 {
    sum(registry, "http_requests_total{")
}

/// Returns the sum of the samples whose lines start with this text.
pub(super) fn sum(registry: &Registry, series: &str) -> u64 {
    let page = registry.render();
    let samples = page.lines().filter(|line| line.starts_with(series));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(_, value)| value.parse::<u64>().expect("a whole number"))
        .sum()
}

/// Waits until the condition is `true`. A server gives no signal when it has handled a disconnected client.
pub(super) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not so after 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
