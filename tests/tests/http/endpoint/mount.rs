//! The page in a router.

use axum::Router;
use axum::routing::{any, get, get_service, post};
use metrics_runtime::InstallError;
use metrics_runtime::http::{EndpointError, HttpLayer};

use super::*;
use crate::{all_requests, instruments, request};

async fn ok() -> &'static str {
    "ok"
}

fn mounted(router: Router, path: &str) -> Result<Router, EndpointError> {
    Metrics::builder().registry(&Registry::new()).path(path).build().expect("a valid path").instrument(router)
}

async fn get_text(app: &Router, uri: &str) -> (StatusCode, String) {
    let response = app.clone().oneshot(request("GET", uri)).await.expect("routers do not fail");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn scrapes_are_not_recorded_as_requests() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).build().expect("the defaults are valid");
    let app = metrics.instrument(Router::new().route("/a/{*all}", get(ok))).expect("free");
    get_text(&app, "/metrics").await;
    get_text(&app, "/a/b").await;
    let (status, page) = get_text(&app, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(r#"http_requests_total{method="GET",endpoint="/a/{*all}",status="200"} 1"#), "{page}");
    assert_eq!(all_requests(&registry), 1);
}

#[test]
fn a_path_with_a_route_of_the_application_is_an_error() {
    let inner = || Router::new().route("/", get(ok)).route("/metrics", get(ok));
    for (what, router, path) in [
        ("route", Router::new().route("/metrics", get(ok)), "/metrics"),
        ("another method", Router::new().route("/metrics", post(ok)), "/metrics"),
        ("any method", Router::new().route("/metrics", any(ok)), "/metrics"),
        ("service", Router::new().route_service("/metrics", get_service(any(ok))), "/metrics"),
        ("merged", Router::new().merge(inner()), "/metrics"),
        ("nested", Router::new().nest("/admin", inner()), "/admin/metrics"),
        ("root of a nested one", Router::new().nest("/metrics", inner()), "/metrics"),
        ("nested service", Router::new().nest_service("/metrics", inner()), "/metrics"),
        ("root", Router::new().route("/", get(ok)), "/"),
        ("with a slash", Router::new().route("/metrics/", get(ok)), "/metrics/"),
        ("beside a wildcard", Router::new().route("/{*all}", get(ok)).route("/metrics", get(ok)), "/metrics"),
        ("layered", Router::new().route("/metrics", get(ok)).layer(HttpLayer::disabled()), "/metrics"),
        ("with a fallback", Router::new().route("/metrics", get(ok)).fallback(ok), "/metrics"),
        ("with state", Router::new().route("/metrics", get(ok)).with_state(()), "/metrics"),
    ] {
        let error = mounted(router, path).expect_err(what);
        assert!(matches!(error, EndpointError::PathTaken { path: taken, .. } if taken == path), "{what}");
    }
}

/// The router would prefer the page, which would then hide what the application serves there.
#[test]
fn a_path_that_another_route_serves_is_an_error_that_names_the_route() {
    let inner = || Router::new().route("/", get(ok)).route("/other", get(ok));
    for (router, path, route) in [
        (Router::new().route("/v1/files/{*path}", get(ok)), "/v1/files/x", Some("/v1/files/{*path}")),
        (Router::new().route("/v1/files/{*path}", post(ok)), "/v1/files/x/y", Some("/v1/files/{*path}")),
        (Router::new().route("/{page}", get(ok)), "/metrics", Some("/{page}")),
        (Router::new().route("/{a}/metrics", get(ok)), "/a/metrics", Some("/{a}/metrics")),
        (Router::new().route("/{*all}", get(ok)), "/metrics", Some("/{*all}")),
        (Router::new().nest("/{a}", Router::new().route("/{b}", get(ok))), "/a/metrics", Some("/{a}/{b}")),
        (Router::new().nest_service("/admin", inner()), "/admin/metrics", None),
        (Router::new().nest_service("/{a}", inner()), "/admin/metrics", None),
    ] {
        let EndpointError::PathTaken { path: taken, route: found, .. } = mounted(router, path).expect_err(path) else {
            panic!("{path}: another error");
        };
        assert_eq!((taken.as_str(), found.as_deref()), (path, route));
    }
}

#[tokio::test]
async fn routes_beside_the_page_and_fallbacks_serve_their_paths() {
    let inner = || Router::new().route("/", get(ok)).route("/other", get(ok));
    for (what, router, path, beside) in [
        ("nothing", Router::new(), "/metrics", None),
        ("beside a parameter", Router::new().route("/a/{page}", get(ok)), "/metrics", Some("/a/metrics")),
        ("above a wildcard", Router::new().route("/metrics/{*all}", get(ok)), "/metrics", Some("/metrics/other")),
        ("below a route", Router::new().route("/a", get(ok)), "/a/metrics", Some("/a")),
        ("fallback service", Router::new().fallback_service(get_service(any(ok))), "/metrics", Some("/other")),
        ("fallback", Router::new().fallback(ok), "/metrics", Some("/other")),
        (
            "nested",
            Router::new().nest("/metrics", Router::new().route("/other", get(ok))),
            "/metrics",
            Some("/metrics/other"),
        ),
        ("beside nested", Router::new().nest("/admin", inner()), "/admin/metrics", Some("/admin/other")),
        (
            "nested with fallback",
            Router::new().nest("/admin", inner().fallback(ok)),
            "/admin/metrics",
            Some("/admin/x"),
        ),
        ("nested below a parameter", Router::new().nest("/{a}", inner()), "/admin/metrics", Some("/a/other")),
        ("beside a nested service", Router::new().nest_service("/admin", inner()), "/metrics", Some("/admin/other")),
        ("without the slash", Router::new().route("/metrics", get(ok)), "/metrics/", Some("/metrics")),
        ("with the slash", Router::new().route("/metrics/", get(ok)), "/metrics", Some("/metrics/")),
        ("a literal brace", Router::new().route("/{{metrics}}", get(ok)), "/metrics", None),
        ("old syntax", Router::new().without_v07_checks().route("/:metrics", get(ok)), "/metrics", Some("/:metrics")),
    ] {
        let app = mounted(router, path).expect(what);
        assert!(get_text(&app, path).await.1.starts_with("# HELP "), "{what}");
        if let Some(beside) = beside {
            assert_eq!(get_text(&app, beside).await.1, "ok", "{what}");
        }
    }
}

#[test]
fn checking_the_path_calls_no_handler() {
    async fn bomb() -> &'static str {
        panic!("a handler was called")
    }
    let (registry, layer) = instruments();
    let router = Router::new().route("/metrics", any(bomb)).fallback(bomb).layer(layer);
    mounted(router.clone(), "/metrics").expect_err("taken");
    assert!(mounted(router, "/other").is_ok());
    assert_eq!(all_requests(&registry), 0);
}

#[test]
fn an_invalid_path_is_an_error_at_build_and_a_taken_one_names_the_fix() {
    for path in ["", "metrics", "/{*all}", "/:metrics"] {
        let built = Metrics::builder().registry(&Registry::new()).path(path).build();
        assert!(matches!(built, Err(InstallError::Path(_))), "{path}");
    }
    let taken = mounted(Router::new().route("/metrics", get(ok)), "/metrics").expect_err("taken");
    assert_eq!(
        taken.to_string(),
        "the application serves `/metrics`, the path of the metrics page, with its route `/metrics`; set another path for \
         the page (METRICS_PATH), move the route, or, if it serves all other paths, make it the fallback"
    );
}

/// As on a separate address: the access is checked before the method, and every response is counted.
#[tokio::test]
async fn a_mounted_page_refuses_all_methods_itself() {
    for (endpoint, code) in [
        (Endpoint::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Endpoint::new().token("t"), StatusCode::UNAUTHORIZED),
        // The server does not provide the address of the peer.
        (Endpoint::new().allow(["127.0.0.1"]), StatusCode::FORBIDDEN),
    ] {
        let registry = Registry::new();
        let metrics = Metrics::builder().registry(&registry).endpoint(endpoint).build().expect("valid settings");
        let app = Router::new().route("/a", get(ok)).method_not_allowed_fallback(|| async { StatusCode::IM_A_TEAPOT });
        let app = metrics.instrument(app).expect("free");
        let methods = ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY", "PURGE"];
        for method in methods {
            let response = app.clone().oneshot(request(method, "/metrics")).await.expect("routers do not fail");
            assert_eq!(response.status(), code, "{method}");
        }
        let counted = format!("metrics_runtime_scrapes_total{{code=\"{}\"}}", code.as_str());
        assert_eq!(value(&registry, &counted), methods.len() as f64);
        assert_eq!(all_requests(&registry), 0);
    }
}
