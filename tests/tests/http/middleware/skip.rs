//! Skipped requests.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::routing::get;
use axum::{Extension, Router};
use http::StatusCode;
use metrics_runtime::http::Skip;
use tower::{Service, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

use super::routes::send;
use super::*;

fn in_flight(registry: &Registry) -> u64 {
    sum(registry, "http_requests_in_flight{")
}

#[tokio::test]
async fn requests_are_skipped_by_path_and_by_predicate() {
    let http = everything()
        .skip_path("/health")
        .skip_path("/internal/*")
        .skip(|request| request.headers().contains_key("x-probe"));
    let (registry, layer) = instruments_of(&http);
    let app = layer.install(Router::new().route("/{*all}", get(|| async { "ok" })));
    for path in ["/health", "/internal/", "/internal/a/b?c=d"] {
        assert_eq!(send(&app, "GET", path).await, StatusCode::OK, "{path}");
    }
    let mut probe = request("GET", "/other");
    probe.headers_mut().insert("x-probe", "1".parse().expect("a value"));
    drop(app.clone().oneshot(probe).await.expect("routers do not fail"));
    assert_eq!(all_requests(&registry), 0);
    for path in ["/healthy", "/internal"] {
        send(&app, "GET", path).await;
    }
    assert_eq!((all_requests(&registry), in_flight(&registry)), (2, 0));
}

fn routes() -> Router {
    Router::new()
        .route("/counted", get(|| async { "ok" }))
        .route("/layer", get(|| async { "ok" }).layer(Skip))
        .route("/response", get(|| async { (Extension(Skip), "ok") }))
        .route("/wait", get(pending::<()>).layer(Skip))
        .route("/panic", get(|| async { panic!("scripted") as &'static str }).layer(Skip))
        .nest("/inner", Router::new().route("/layer", get(|| async { "ok" })).layer(Skip))
}

#[tokio::test]
async fn a_route_is_skipped_by_layer_and_by_response_extension() {
    let (registry, layer) = instruments_of(&everything());
    let (outer_registry, outer) = instruments_of(&everything());
    let app = outer.install(layer.install(routes()));
    for path in ["/layer", "/response", "/inner/layer"] {
        assert_eq!(send(&app, "GET", path).await, StatusCode::OK, "{path}");
    }
    for registry in [&registry, &outer_registry] {
        assert_eq!((all_requests(registry), in_flight(registry)), (0, 0));
    }
    send(&app, "GET", "/counted").await;
    for registry in [&registry, &outer_registry] {
        assert_eq!((all_requests(registry), in_flight(registry)), (1, 0));
        // Skipped requests have no other observation either.
        assert_eq!(sum(registry, "http_response_body_size_bytes_count{"), 1);
        assert_eq!(sum(registry, "http_response_first_byte_seconds_count{"), 1);
    }
}

#[tokio::test]
async fn a_route_is_skipped_however_its_requests_end() {
    let (registry, layer) = instruments_of(&everything());
    let mut app = layer.install(routes());
    let mut waiting = Box::pin(Service::<Request<Body>>::call(&mut app, request("GET", "/wait")));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(in_flight(&registry), 0);
    drop(waiting);
    let mut panicking = Box::pin(Service::<Request<Body>>::call(&mut app, request("GET", "/panic")));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(panicking.as_mut()).is_ready())).is_err());
    drop(panicking);
    let caught = app.clone().layer(CatchPanicLayer::new());
    assert_eq!(send(&caught, "GET", "/panic").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!((all_requests(&registry), in_flight(&registry)), (0, 0));
    // The next request on this thread is recorded.
    send(&app, "GET", "/counted").await;
    assert_eq!(requests(&registry, "GET", "/counted", "200"), 1);
}

#[tokio::test]
async fn requests_marked_by_an_outer_layer_are_skipped() {
    let marked = |request: metrics_runtime::http::RequestHead<'_>| request.extensions().get::<Skip>().is_some();
    let (registry, layer) = instruments_of(&everything().skip(marked));
    let app = layer.install(routes());
    send(&app.clone().layer(Extension(Skip)), "GET", "/counted").await;
    assert_eq!((all_requests(&registry), in_flight(&registry)), (0, 0));
    send(&app, "GET", "/counted").await;
    assert_eq!(all_requests(&registry), 1);
}
