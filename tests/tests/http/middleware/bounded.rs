//! The bounds of series: what the program has never loses its place to what clients send.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get};
use http::StatusCode;
use metrics_runtime::Label;
use metrics_runtime::http::RequestHead;
use tower::{Layer, Service, ServiceExt};

use super::resets::Random;
use super::routes::send;
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
async fn a_long_route_of_an_extractor_keeps_its_series_when_there_is_no_room_for_further_ones() {
    let (registry, layer) = instruments_of(&Http::new().route(|request| Some(Label::from(request.uri().path()))));
    registry.set_series_limit(10_000);
    let app = layer.layer(tower::service_fn(async |_| Ok::<_, Infallible>(Response::new(Body::empty()))));
    let answer = async |path: &str| drop(app.clone().oneshot(request("GET", path)).await.expect("an answer"));
    let long = |last: char| format!("/{}{last}", "x".repeat(5_000));
    let series_of = |beginning: &str| {
        let page = registry.render();
        let lines = page.lines().filter(|line| line.starts_with("http_requests_total{") && line.contains(beginning));
        lines.map(|line| line.rsplit_once(' ').expect("a value").1.to_owned()).collect::<Vec<_>>()
    };
    for last in ['a', 'b', 'a', 'b', 'b'] {
        answer(&long(last)).await;
    }
    let mut both = series_of("endpoint=\"/xxx");
    both.sort_unstable();
    assert_eq!(both, ["2", "3"], "they differ beyond the length of a label");
    for number in 0..2_000 {
        answer(&format!("/{number}")).await;
    }
    assert_eq!(series_of("endpoint=\"_overflow\""), ["1002"]);
    answer(&long('a')).await;
    answer("/7").await;
    answer(&long('c')).await;
    let mut both = series_of("endpoint=\"/xxx");
    both.sort_unstable();
    assert_eq!(both, ["3", "3"], "a known route stays known");
    assert_eq!(series_of("endpoint=\"/7\""), ["2"]);
    assert_eq!(series_of("endpoint=\"_overflow\""), ["1003"]);
    assert_eq!(all_requests(&registry), 2_008);
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

/// Returns the number of operations that a metric has counted beyond a bound.
fn overflowed(registry: &Registry, metric: &str) -> u64 {
    sum(registry, &format!(r#"metrics_runtime_label_overflow_total{{metric="{metric}"}}"#))
}

fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
    Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
}

async fn send_plan(app: &Router, plan: &str, path: &str) {
    let mut request = request("GET", path);
    request.headers_mut().insert("x-plan", plan.parse().expect("a value"));
    drop(app.clone().oneshot(request).await.expect("routers do not fail"));
}

/// Sends requests to a service without a router.
async fn send_to(layer: &HttpLayer, paths: impl IntoIterator<Item = String>) {
    use tower::Layer;
    let answer = |_| std::future::ready(Ok::<_, Infallible>(Script::default().sized().response()));
    let mut service = layer.layer(tower::service_fn(answer));
    for path in paths {
        drop(service.call(request("GET", &path)).await.expect("it does not fail"));
    }
}

#[tokio::test]
async fn routes_methods_and_statuses_of_the_program_have_their_places_however_many_they_are() {
    const ROUTES: usize = 1_100;
    let (registry, layer) = instruments_of(&everything());
    let app = (0..ROUTES).fold(Router::new(), |app, i| {
        let by_status = async |Path(status): Path<u16>| StatusCode::from_u16(status).expect("a status");
        app.route(&format!("/{i}/{{status}}"), get(by_status).post(by_status))
    });
    let app = layer.install(app);
    for i in 0..ROUTES {
        for method in ["GET", "POST"] {
            for status in ["200", "503"] {
                send(&app, method, &format!("/{i}/{status}")).await;
            }
        }
    }
    assert_eq!(sum(&registry, r#"http_requests_total{method="_overflow""#), 0);
    assert_eq!(requests(&registry, "POST", "/1099/{status}", "503"), 1);
    assert_eq!(durations(&registry, "POST", "/1099/{status}"), 2);
    assert_eq!(sum(&registry, "metrics_runtime_label_overflow_total{"), 0);
}

#[tokio::test]
async fn methods_that_no_route_serves_take_the_place_of_none_that_one_serves() {
    const ROUTES: usize = 200;
    let (registry, layer) = instruments();
    registry.set_series_limit(100);
    let by_status = async |Path(status): Path<u16>| StatusCode::from_u16(status).expect("a status");
    let app = (0..ROUTES).fold(Router::new(), |app, i| app.route(&format!("/{i}/{{status}}"), get(by_status)));
    let app = layer.install(app);
    let others = ["POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "BREW", "get"];
    for i in 0..ROUTES {
        for method in others {
            assert_eq!(send(&app, method, &format!("/{i}/200")).await, StatusCode::METHOD_NOT_ALLOWED);
        }
    }
    for i in 0..ROUTES {
        for status in ["200", "404", "503"] {
            send(&app, "GET", &format!("/{i}/{status}")).await;
        }
        for status in ["200", "404", "503"] {
            assert_eq!(requests(&registry, "GET", &format!("/{i}/{{status}}"), status), 1);
        }
    }
    // The first of the others are as they are, the rest keep their route and their status.
    assert_eq!(requests(&registry, "POST", "/0/{status}", "405"), 1);
    assert_eq!(requests(&registry, "_OTHER", "/199/{status}", "405"), others.len() as u64);
    assert_eq!(all_requests(&registry), (ROUTES * (others.len() + 3)) as u64);
    assert_eq!(sum(&registry, r#"http_requests_total{method="_overflow""#), 0);
    // Two of the others are `_OTHER` anyway, and a hundred series are within the limit.
    for metric in ["http_requests_total", "http_request_duration_seconds"] {
        assert_eq!(overflowed(&registry, metric), (ROUTES * (others.len() - 2) - 100) as u64, "{metric}");
    }
}

#[tokio::test]
async fn a_listed_label_value_has_its_place_whatever_clients_send() {
    let http = Http::new().request_label_values("plan", ["free", "paid"], plan);
    let (registry, layer) = instruments_of(&http);
    registry.set_series_limit(0);
    let app = layer.install(Router::new().route("/", get(|| async {})));
    for i in 0..1_000 {
        send_plan(&app, &format!("junk-{i}"), "/").await;
    }
    for plan in ["free", "paid", "paid", ""] {
        send_plan(&app, plan, "/").await;
    }
    let of = |plan: &str| {
        let labels = format!(r#"method="GET",endpoint="/",status="200",plan="{plan}""#);
        value(&registry, &format!("http_requests_total{{{labels}}}"))
    };
    assert_eq!(["free", "paid", "", "_overflow"].map(of), [1.0, 2.0, 1.0, 1_000.0]);
    for metric in ["http_requests_total", "http_request_duration_seconds"] {
        assert_eq!(overflowed(&registry, metric), 1_000, "{metric}");
    }
    assert_eq!(overflowed(&registry, "http_responses_aborted_total"), 0);
}

#[tokio::test]
async fn the_status_stays_if_clients_fill_a_family_with_label_values() {
    let http = Http::new().request_label("plan", 50, plan);
    let (registry, layer) = instruments_of(&http);
    registry.set_series_limit(20);
    let by_status = async |Path(status): Path<u16>| StatusCode::from_u16(status).expect("a status");
    let app = layer.install(Router::new().route("/{status}", get(by_status)));
    for i in 0..100 {
        send_plan(&app, &format!("junk-{i}"), "/200").await;
    }
    for _ in 0..3 {
        send_plan(&app, "junk-1", "/503").await;
    }
    let of = |status: u16, plan: &str| {
        let labels = format!(r#"method="GET",endpoint="/{{status}}",status="{status}",plan="{plan}""#);
        value(&registry, &format!("http_requests_total{{{labels}}}"))
    };
    assert_eq!((of(200, "junk-1"), of(200, "_overflow"), of(503, "_overflow")), (1.0, 80.0, 3.0));
    assert_eq!(overflowed(&registry, "http_requests_total"), 83);
    assert_eq!(all_requests(&registry), 103);
}

#[tokio::test]
async fn extracted_routes_beyond_their_bounds_are_counted_with_method_and_status() {
    #[expect(clippy::unnecessary_wraps, reason = "the signature of an extractor")]
    fn path(request: RequestHead<'_>) -> Option<Label<'_>> {
        Some(Label::from(request.uri().path()))
    }
    let (registry, layer) = instruments_of(&everything().route(path));
    registry.set_series_limit(10);
    send_to(&layer, (0..1_500).map(|i| format!("/{i}"))).await;
    assert_eq!(requests(&registry, "GET", "/9", "200"), 1);
    assert_eq!(requests(&registry, "GET", "_overflow", "200"), 1_490);
    assert_eq!(all_requests(&registry), 1_500);
    for metric in [
        "http_requests_total",
        "http_request_duration_seconds",
        "http_requests_in_flight",
        "http_response_first_byte_seconds",
        "http_response_body_size_bytes",
        "http_server_request_duration_seconds",
    ] {
        assert_eq!(overflowed(&registry, metric), 1_490, "{metric}");
    }
    assert_eq!(sum(&registry, "http_requests_in_flight{"), 0);
}
