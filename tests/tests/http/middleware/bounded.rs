//! A hundred thousand requests with random methods, paths and headers.

use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use metrics_runtime::Label;
use metrics_runtime::http::RequestHead;
use tower::{Service, ServiceExt};

use super::resets::Random;
use super::*;

const ROUTES: usize = 3;
const METHODS: usize = 11;
const PLANS: usize = 4;

static STATUS: AtomicU16 = AtomicU16::new(200);

async fn any_status() -> StatusCode {
    StatusCode::from_u16(STATUS.load(Ordering::Relaxed)).expect("a status")
}

fn text(random: &mut Random) -> String {
    (0..=random.below(8)).map(|_| char::from(b"abcxyzABCXYZ0189-._~"[random.below(20)])).collect()
}

fn any_request(random: &mut Random) -> Request<Body> {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    let method = if random.below(3) == 0 { text(random) } else { known[random.below(10)].to_owned() };
    let path = match random.below(4) {
        0 => format!("/users/{}", text(random)),
        1 => format!("/shops/{}/items/{}", text(random), text(random)),
        2 => format!("/files/{}/{}", text(random), text(random)),
        _ => format!("/{}/{}", text(random), text(random)),
    };
    Request::builder()
        .method(method.as_str())
        .uri(format!("http://{}:80{path}?{}={}", random.below(1 << 20), text(random), text(random)))
        .header("x-plan", text(random))
        .body(Body::empty())
        .expect("a request")
}

#[tokio::test]
async fn the_number_of_series_stays_within_the_documented_bound() {
    fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
        Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
    }
    let statuses = [200, 201, 204, 301, 404, 429, 500, 503];
    let registry = Registry::new();
    registry.set_series_limit(1_000_000);
    let plain = everything().layer(&registry).expect("valid");
    let labelled = Registry::new();
    labelled.set_series_limit(1_000_000);
    let with_label = Http::new().request_label("plan", PLANS, plan).layer(&labelled).expect("valid");
    let items = Router::new().route("/items/{item}", any(any_status));
    let app = Router::new()
        .route("/users/{id}", any(any_status))
        .route("/files/{*path}", any(any_status))
        .nest("/shops/{shop}", items);
    let mut app = with_label.install(plain.install(app));
    let mut random = Random(4);
    for _ in 0..100_000 {
        STATUS.store(statuses[random.below(statuses.len())], Ordering::Relaxed);
        let response = app.as_service().ready().await.expect("ready").call(any_request(&mut random)).await;
        drop(response.expect("routers do not fail"));
    }
    assert_eq!((all_requests(&registry), all_requests(&labelled)), (100_000, 100_000));
    let count = |registry: &Registry, metric: &str| {
        let page = registry.render();
        page.lines().filter(|line| line.starts_with(&format!("{metric}{{"))).count()
    };
    let route_methods = (ROUTES + 1) * METHODS;
    // One more status than the application's own, for cancelled requests; there are none here.
    assert!(count(&registry, "http_requests_total") <= route_methods * (statuses.len() + 1));
    assert!(count(&labelled, "http_requests_total") <= route_methods * (statuses.len() + 1) * (PLANS + 2));
    for metric in [
        "http_requests_in_flight",
        "http_request_duration_seconds_count",
        "http_response_first_byte_seconds_count",
        "http_request_body_size_bytes_count",
        "http_response_body_size_bytes_count",
        "http_upgrades_total",
    ] {
        let series = count(&registry, metric);
        assert!(series > 0 && series <= route_methods, "{metric}: {series}");
    }
    assert!(count(&registry, "http_server_request_duration_seconds_count") <= route_methods * (statuses.len() + 1));
    assert_eq!(sum(&registry, "http_requests_in_flight{"), 0);
}
