//! The labels of requests to an axum router.

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::{any, get, post};
use http::StatusCode;
use metrics_runtime::RegistryError;
use metrics_runtime::http::HttpError;
use tower::ServiceExt;

use super::*;

async fn ok() -> &'static str {
    "ok"
}

/// Sends one request and reads the response to its end.
pub(super) async fn send(app: &Router, method: &str, uri: &str) -> StatusCode {
    let response = app.clone().oneshot(request(method, uri)).await.expect("routers do not fail");
    let status = response.status();
    axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    status
}

#[tokio::test]
async fn the_endpoint_is_the_route_template() {
    let (registry, layer) = instruments();
    let books = Router::new().route("/", get(ok)).route("/{isbn}", get(ok));
    let app = Router::new()
        .route("/users/{id}", get(ok).post(ok))
        .route("/files/{*path}", get(ok))
        .route_service("/service", any(ok))
        .nest("/shop/{shop}/books", books)
        .merge(Router::new().route("/merged", post(ok)))
        .layer(layer);
    for (method, path, endpoint) in [
        ("GET", "/users/7", "/users/{id}"),
        ("POST", "/users/8", "/users/{id}"),
        ("GET", "/files/a/b/c?d=e", "/files/{*path}"),
        ("GET", "/service", "/service"),
        ("GET", "/shop/1/books", "/shop/{shop}/books"),
        ("GET", "/shop/1/books/2", "/shop/{shop}/books/{isbn}"),
        ("POST", "/merged", "/merged"),
    ] {
        assert_eq!(send(&app, method, path).await, StatusCode::OK, "{path}");
        assert_eq!(requests(&registry, method, endpoint, "200"), 1, "{path}");
        assert_eq!(durations(&registry, method, endpoint), 1, "{path}");
    }
    assert_eq!(send(&app, "DELETE", "/users/7").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(requests(&registry, "DELETE", "/users/{id}", "405"), 1);
    assert_eq!(all_requests(&registry), 8);
}

#[tokio::test]
async fn hundreds_of_routes_are_told_apart_also_within_a_nested_service() {
    const ROUTES: usize = 600;
    const ROUNDS: usize = 3;
    let (registry, layer) = instruments();
    let routes = (0..ROUTES).fold(Router::new(), |app, i| app.route(&format!("/{i}/{{id}}"), get(ok)));
    let inner = layer.install(routes);
    // Within a nested service, each request has a new text of its route.
    let app = inner.clone().nest_service("/v1", inner);
    for _ in 0..ROUNDS {
        for i in 0..ROUTES {
            for prefix in ["", "/v1"] {
                assert_eq!(send(&app, "GET", &format!("{prefix}/{i}/7")).await, StatusCode::OK);
            }
        }
    }
    let page = registry.render();
    let counted: BTreeSet<_> = page.lines().filter(|line| line.starts_with("http_requests_total{")).collect();
    let expected = |prefix, i| {
        format!(r#"http_requests_total{{method="GET",endpoint="{prefix}/{i}/{{id}}",status="200"}} {ROUNDS}"#)
    };
    let expected: Vec<_> = (0..ROUTES).flat_map(|i| ["", "/v1"].map(|prefix| expected(prefix, i))).collect();
    assert_eq!(counted, expected.iter().map(String::as_str).collect());
}

#[tokio::test]
async fn all_unmatched_requests_share_one_endpoint() {
    let (registry, layer) = instruments();
    let inner = Router::new().route("/known", get(ok)).fallback(ok);
    let app = Router::new().route("/", get(ok)).nest("/inner", inner).layer(layer);
    for path in ["/canary", "/canary/canary?canary=canary", "/inner/canary", "/inner/known/canary"] {
        send(&app, "GET", path).await;
    }
    assert_eq!(requests(&registry, "GET", "unmatched", "404"), 2);
    assert_eq!(requests(&registry, "GET", "unmatched", "200"), 2);
    assert_eq!(all_requests(&registry), 4);
    assert!(!registry.render().contains("canary"));
}

#[tokio::test]
async fn all_requests_to_a_nested_service_share_its_prefix() {
    let (registry, layer) = instruments();
    let files = std::env!("CARGO_MANIFEST_DIR");
    let inner = Router::new().route("/{x}", get(ok)).nest_service("/deep", Router::new().fallback(ok));
    let app = Router::new()
        .nest_service("/opaque", inner.clone())
        .nest_service("/tenants/{tenant}/opaque", inner.clone())
        .nest_service("/files", tower_http::services::ServeDir::new(files))
        .merge(Router::new().nest("/v1", Router::new().nest_service("/opaque", inner)))
        .fallback_service(tower_http::services::ServeDir::new(files));
    let app = layer.install(app);
    for (path, endpoint, status) in [
        ("/opaque/canary", "/opaque/*", "200"),
        ("/opaque/deep/canary", "/opaque/*", "200"),
        ("/opaque/canary/canary", "/opaque/*", "404"),
        ("/opaque", "/opaque", "404"),
        ("/tenants/canary/opaque/canary", "/tenants/{tenant}/opaque/*", "200"),
        ("/v1/opaque/canary?canary", "/v1/opaque/*", "200"),
        ("/files/Cargo.toml", "/files/*", "200"),
        ("/files/canary", "/files/*", "404"),
        ("/Cargo.toml", "unmatched", "200"),
        ("/canary", "unmatched", "404"),
    ] {
        let before = requests(&registry, "GET", endpoint, status);
        assert_eq!(send(&app, "GET", path).await.as_str(), status, "{path}");
        assert_eq!(requests(&registry, "GET", endpoint, status), before + 1, "{path}\n{}", registry.render());
    }
    assert_eq!(all_requests(&registry), 10);
    assert!(!registry.render().contains("canary"));
}

#[tokio::test]
async fn a_layer_within_nested_services_knows_the_whole_route() {
    let (registry, layer) = instruments();
    let inner = layer.install(Router::new().route("/users/{id}", get(ok)).nest_service("/opaque", any(ok)));
    let app = Router::new().nest_service("/a", inner.clone()).nest_service("/b", inner);
    for (path, endpoint) in [
        ("/a/users/1", "/a/users/{id}"),
        ("/b/users/1", "/b/users/{id}"),
        ("/a/opaque/x", "/a/opaque/*"),
        ("/b/opaque/x", "/b/opaque/*"),
    ] {
        assert_eq!(send(&app, "GET", path).await, StatusCode::OK, "{path}");
        assert_eq!(requests(&registry, "GET", endpoint, "200"), 1, "{path}\n{}", registry.render());
    }
    // The router has no route for it, but is itself a nested service.
    send(&app, "GET", "/b/canary").await;
    assert_eq!(requests(&registry, "GET", "/b/*", "404"), 1, "{}", registry.render());
}

#[tokio::test]
async fn fallbacks_that_were_added_before_the_layer_are_recorded() {
    let (registry, layer) = instruments();
    let app = Router::new()
        .route("/users/{id}", get(ok))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing here") })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "not so") });
    let app = layer.install(app);
    assert_eq!(send(&app, "DELETE", "/users/7").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(&app, "GET", "/nowhere").await, StatusCode::NOT_FOUND);
    assert_eq!(requests(&registry, "DELETE", "/users/{id}", "405"), 1);
    assert_eq!(requests(&registry, "GET", "unmatched", "404"), 1);
}

#[tokio::test]
async fn a_connect_request_without_a_path_is_recorded() {
    let (registry, layer) = instruments();
    let app = Router::new().fallback(ok).layer(layer);
    assert_eq!(send(&app, "CONNECT", "example.com:443").await, StatusCode::OK);
    assert_eq!(requests(&registry, "CONNECT", "unmatched", "200"), 1);
}

#[tokio::test]
async fn unknown_methods_share_one_value() {
    let (registry, layer) = instruments();
    let app = Router::new().route("/", any(ok)).layer(layer);
    for method in ["QUERY", "PROPFIND", "get", "CANARY-1", "CANARY-2"] {
        send(&app, method, "/").await;
    }
    assert_eq!(requests(&registry, "QUERY", "/", "200"), 1);
    assert_eq!(requests(&registry, "_OTHER", "/", "200"), 4);
    assert!(!registry.render().contains("CANARY"));
}

#[tokio::test]
async fn each_layer_has_its_own_registry_names_and_buckets() {
    let (inner, layer) = instruments();
    let outer = Registry::new();
    let named = Http::new()
        .requests("edge_requests_total")
        .duration("edge_seconds")
        .method_label("verb")
        .endpoint_label("path")
        .status_label("code")
        .duration_status(true)
        .buckets(vec![60.0])
        .layer(&outer)
        .expect("valid");
    let app = Router::new().route("/a", get(ok)).layer(layer).route("/b", get(ok)).layer(named);
    send(&app, "GET", "/a").await;
    send(&app, "GET", "/b").await;
    assert_eq!((all_requests(&inner), requests(&inner, "GET", "/a", "200")), (1, 1));
    let page = outer.render();
    for line in [
        r#"edge_requests_total{verb="GET",path="/a",code="200"} 1"#,
        r#"edge_requests_total{verb="GET",path="/b",code="200"} 1"#,
        r#"edge_seconds_bucket{verb="GET",path="/b",code="200",le="60"} 1"#,
        r#"edge_seconds_count{verb="GET",path="/a",code="200"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

#[tokio::test]
async fn layers_with_the_same_definition_share_their_metrics() {
    let (registry, layer) = instruments();
    let again = Http::new().layer(&registry).expect("the same definition");
    let (a, b) = (Router::new().route("/", get(ok)).layer(layer), Router::new().route("/", get(ok)).layer(again));
    send(&a, "GET", "/").await;
    send(&b, "GET", "/").await;
    assert_eq!(requests(&registry, "GET", "/", "200"), 2);
}

#[tokio::test]
async fn a_disabled_layer_records_nothing() {
    let app = Router::new().route("/", get(ok)).layer(HttpLayer::disabled());
    assert_eq!(send(&app, "GET", "/").await, StatusCode::OK);
}

#[test]
fn invalid_definitions_are_errors() {
    let registry = Registry::new();
    for invalid in [
        Http::new().requests("http_requests"),
        Http::new().requests("1_total"),
        Http::new().duration("http_request_duration"),
        Http::new().endpoint_label("le"),
        Http::new().endpoint_label("method"),
        Http::new().buckets(&[]),
        Http::new().buckets(&[2.0, 1.0]),
    ] {
        let error = invalid.layer(&registry).expect_err("invalid");
        assert!(matches!(error, HttpError::Registry(RegistryError::Invalid { .. })), "{invalid:?}: {error}");
    }
    Http::new().layer(&registry).expect("valid");
    let other = Http::new().buckets(&[1.0]).layer(&registry).expect_err("other buckets");
    assert!(matches!(other, HttpError::Registry(RegistryError::Conflict { what: "buckets", .. })), "{other}");
    // The error names the location of the caller.
    assert!(other.to_string().contains(file!()), "{other}");
}

#[tokio::test]
async fn random_requests_do_not_add_series() {
    let (registry, layer) = instruments();
    let app = Router::new().route("/users/{id}", get(ok)).layer(layer);
    for i in 0..3_000 {
        let request = Request::builder()
            .method(format!("M{i}").as_str())
            .uri(format!("http://host{i}/users/{i}/{i}?q={i}"))
            .body(Body::empty())
            .expect("a request");
        app.clone().oneshot(request).await.expect("routers do not fail");
        send(&app, "GET", &format!("/users/{i}")).await;
    }
    assert_eq!(all_requests(&registry), 6_000);
    let series = registry.render().lines().filter(|line| line.starts_with("http_requests_total{")).count();
    // Two endpoints. The unread responses add no third series, because a 404 of the router has no body.
    assert_eq!(series, 2, "{}", registry.render());
}
