//! Requests that pass two layers, and requests within requests.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use metrics_runtime::http::Skip;
use tests::log::Log;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt};

use super::routes::send;
use super::sockets::{Client, serve};
use super::*;

async fn ok() -> &'static str {
    "ok"
}

fn users() -> Router {
    Router::new().route("/users/{id}", get(ok))
}

#[tokio::test]
async fn a_request_that_passes_two_layers_of_a_registry_is_counted_once_with_one_warning() {
    let twice = |layer: HttpLayer| layer.clone().install(layer.install(users()));
    let nested = |layer: HttpLayer| {
        let inner = layer.clone().install(users());
        layer.install(Router::new().nest("/v1", inner))
    };
    let nested_service = |layer: HttpLayer| {
        let inner = layer.clone().install(users());
        layer.install(Router::new().nest_service("/v1", inner))
    };
    let plain = |layer: HttpLayer| users().layer(layer.clone()).layer(layer);
    for (what, build, path, endpoint) in [
        ("the same layer twice", &twice as &dyn Fn(HttpLayer) -> Router, "/users/1", "/users/{id}"),
        ("an instrumented router in one", &nested, "/v1/users/1", "/v1/users/{id}"),
        ("an instrumented router as a service", &nested_service, "/v1/users/1", "/v1/*"),
        ("plain layers", &plain, "/users/1", "/users/{id}"),
    ] {
        let (log, _logging) = Log::start();
        let (registry, layer) = instruments_of(&everything());
        let app = build(layer);
        for round in 1..4 {
            assert_eq!(send(&app, "GET", path).await, StatusCode::OK, "{what}");
            assert_eq!(requests(&registry, "GET", endpoint, "200"), round, "{what}\n{}", registry.render());
            assert_eq!((all_requests(&registry), durations(&registry, "GET", endpoint)), (round, round), "{what}");
        }
        assert_eq!(sum(&registry, "http_requests_in_flight{"), 0, "{what}");
        let warnings = log.lines().iter().filter(|line| line.contains("has passed two layers")).count();
        assert_eq!(warnings, 1, "{what}: {:?}", log.lines());
    }
}

#[tokio::test]
async fn layers_of_the_same_definition_are_one_and_layers_of_others_are_not() {
    let registry = Registry::new();
    let layer = |http: Http| http.layer(&registry).expect("valid");
    // Created in two places, as by two libraries.
    let (first, second) = (layer(Http::new()), layer(Http::new()));
    let app = first.install(second.install(users()));
    send(&app, "GET", "/users/1").await;
    assert_eq!((all_requests(&registry), durations(&registry, "GET", "/users/{id}")), (1, 1));
    // Other metrics of the same registry are recorded too.
    let other = layer(Http::new().requests("edge_requests_total").duration("edge_seconds"));
    let app = other.install(app);
    send(&app, "GET", "/users/1").await;
    assert_eq!((all_requests(&registry), sum(&registry, "edge_requests_total{")), (2, 1));
    // So are those of another registry.
    let (another, outermost) = instruments();
    send(&outermost.install(app), "GET", "/users/1").await;
    assert_eq!((all_requests(&registry), sum(&registry, "edge_requests_total{"), all_requests(&another)), (3, 2, 1));
}

#[tokio::test]
async fn a_request_of_a_handler_to_its_own_application_is_a_request_of_its_own() {
    let (registry, layer) = instruments();
    let inner = layer.clone().install(users());
    let call = async move || send(&inner, "GET", "/users/1").await;
    let app = layer.install(Router::new().route("/all", get(call)));
    for round in 1..4 {
        assert_eq!(send(&app, "GET", "/all").await, StatusCode::OK);
        assert_eq!(requests(&registry, "GET", "/all", "200"), round);
        assert_eq!(requests(&registry, "GET", "/users/{id}", "200"), round);
    }
}

#[tokio::test]
async fn a_handler_that_calls_a_skipped_route_is_recorded() {
    let (outer_registry, outer) = instruments_of(&everything());
    let (registry, layer) = instruments_of(&everything());
    let bare = Router::new().route("/health", get(ok).layer(Skip));
    for health in [bare.clone(), layer.clone().install(bare)] {
        let (before, outer_before) = (all_requests(&registry), all_requests(&outer_registry));
        let (status, response, panicking) = (health.clone(), health.clone(), health);
        let app = Router::new()
            .route("/ready", get(async move || send(&status, "GET", "/health").await))
            // Passes the response on as it is.
            .route("/same", get(async move || response.oneshot(request("GET", "/health")).await))
            .route(
                "/panic",
                get(async move || {
                    send(&panicking, "GET", "/health").await;
                    panic!("scripted") as &'static str
                }),
            );
        let app = outer.clone().install(layer.clone().install(app));
        assert_eq!(send(&app, "GET", "/ready").await, StatusCode::OK);
        assert_eq!(send(&app, "GET", "/same").await, StatusCode::OK);
        let caught = app.layer(tower_http::catch_panic::CatchPanicLayer::new());
        assert_eq!(send(&caught, "GET", "/panic").await, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!((all_requests(&registry), all_requests(&outer_registry)), (before + 3, outer_before + 3));
    }
    assert_eq!(sum(&registry, r#"http_requests_total{method="GET",endpoint="/health""#), 0);
    assert_eq!((sum(&registry, "http_requests_in_flight{"), sum(&outer_registry, "http_requests_in_flight{")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cancelled_within_a_call_of_a_skipped_route_is_recorded() {
    let (registry, layer) = instruments_of(&everything());
    let entered = Arc::new(Notify::new());
    let enter = entered.clone();
    let wait = async move || {
        enter.notify_one();
        pending::<()>().await;
    };
    let health = Router::new().route("/health", get(wait).layer(Skip));
    let app = Router::new().route("/ready", get(async move || send(&health, "GET", "/health").await));
    let mut client = Client::connect(serve(layer.install(app)).await).await;
    client.send("GET", "/ready").await;
    entered.notified().await;
    drop(client);
    eventually("499", || requests(&registry, "GET", "/ready", "499") == 1).await;
}

#[tokio::test]
async fn a_request_that_an_outer_layer_skips_is_recorded_by_an_inner_one() {
    let (registry, inner) = instruments();
    let outer = Http::new().skip_path("/users/1").layer(&registry).expect("valid");
    let app = outer.install(inner.install(users()));
    for path in ["/users/1", "/users/2"] {
        send(&app, "GET", path).await;
    }
    assert_eq!(requests(&registry, "GET", "/users/{id}", "200"), 2);
}

#[tokio::test]
async fn a_service_is_recorded_once_by_the_same_layer_twice() {
    let (registry, layer) = instruments();
    let service = tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(Script::default().sized().response()));
    let mut service = layer.layer(layer.layer(service));
    drop(service.call(request("GET", "/")).await);
    assert_eq!(requests(&registry, "GET", "unmatched", "200"), 1);
}

#[tokio::test]
async fn each_metric_of_two_layers_counts_a_request_once() {
    let registry = Registry::new();
    let layer = |http: Http| http.layer(&registry).expect("valid");
    let inner = layer(everything().requests("inner_requests_total"));
    let app = layer(Http::new()).install(inner.install(users()));
    for round in 1..4 {
        send(&app, "GET", "/users/1").await;
        assert_eq!((all_requests(&registry), sum(&registry, "inner_requests_total{")), (round, round));
        assert_eq!(durations(&registry, "GET", "/users/{id}"), round);
        assert_eq!(sum(&registry, "http_response_body_size_bytes_count{"), round);
    }
    // Both lose the response.
    let mut response = app.oneshot(request("GET", "/users/1")).await.expect("routers do not fail");
    *response.body_mut() = Body::empty();
    assert_eq!((all_requests(&registry), sum(&registry, "http_requests_in_flight{")), (4, 0));
}
