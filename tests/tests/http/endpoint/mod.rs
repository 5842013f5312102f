//! Tests of the endpoint, in routers, as a service and over real sockets.

mod collector;
mod collectors;
mod mount;
mod scrapes;
mod server;
mod tls;

use std::time::Duration;

use axum::http::request::Builder as RequestBuilder;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use metrics_runtime::Metrics;
use metrics_runtime::Registry;
use metrics_runtime::http::{Endpoint, EndpointService, PageBody, Server};

/// Creates a registry and its endpoint.
fn endpoint(settings: Endpoint) -> (EndpointService, Registry) {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).endpoint(settings).build().expect("valid settings");
    (metrics.endpoint(), registry)
}

async fn send(page: &EndpointService, request: RequestBuilder) -> Response<PageBody> {
    let request = request.body(()).expect("a request");
    page.clone().oneshot(request).await.expect("the endpoint does not fail")
}

async fn body(response: Response<PageBody>) -> Vec<u8> {
    response.into_body().collect().await.expect("pages do not fail").to_bytes().to_vec()
}

async fn text(response: Response<PageBody>) -> String {
    String::from_utf8(body(response).await).expect("text")
}

async fn get(page: &EndpointService, uri: &str) -> String {
    let response = send(page, Request::get(uri)).await;
    assert_eq!(response.status(), StatusCode::OK);
    text(response).await
}

/// Returns the value of a series on the registry's page.
fn value(registry: &Registry, series: &str) -> f64 {
    let page = registry.render();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing:\n{page}")).parse().expect("a number")
}

/// Shuts a server down, and returns how far the clock was set forward for it. A stopped clock goes to the next timer
/// when no task can run.
async fn shutdown_time(server: Server, grace: Duration) -> Duration {
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    server.shutdown(grace).await;
    let passed = started.elapsed();
    tokio::time::resume();
    passed
}
