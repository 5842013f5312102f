//! Configured names and labels.

use std::convert::Infallible;
use std::future::ready;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use metrics_runtime::http::{HttpError, RequestHead, ResponseHead};
use metrics_runtime::{Label, Metrics};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::outcomes::{Polled, answer, step};
use super::routes::send;
use super::*;

/// Returns the series of this metric, without values.
fn series(registry: &Registry, metric: &str) -> Vec<String> {
    let page = registry.render();
    let mut series: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with(&format!("{metric}{{")))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0[metric.len()..].to_owned()))
        .collect();
    series.sort();
    series
}

fn with_status(status: u16) -> http::Response<Script> {
    let mut response = http::Response::new(Script::default().sized());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

#[tokio::test]
async fn every_metric_can_be_switched_off_and_renamed() {
    let off = HttpMetric::ALL.iter().fold(Http::new(), |http, &metric| http.without(metric));
    let (registry, layer) = instruments_of(&off);
    let app = layer.install(Router::new().route("/", get(|| async {})));
    assert_eq!(send(&app, "GET", "/").await, StatusCode::OK);
    assert!(!registry.render().contains("http"), "{}", registry.render());

    let (registry, layer) = instruments_of(&off.named(HttpMetric::InFlight, "open_requests"));
    let app = layer.install(Router::new().route("/", get(|| async {})));
    send(&app, "GET", "/").await;
    assert_eq!(series(&registry, "open_requests"), [r#"{method="GET",endpoint="/"}"#]);
}

#[tokio::test]
async fn every_metric_can_have_a_legacy_name() {
    let legacy = |http: Http, &metric: &HttpMetric| http.legacy_named(metric, format!("{metric:?}_count"));
    let (registry, layer) = instruments_of(&HttpMetric::ALL.iter().fold(Http::new(), legacy));
    let app = layer.install(Router::new().route("/", get(|| async { "hello" })));
    send(&app, "GET", "/").await;
    assert_eq!(series(&registry, "Requests_count"), [r#"{method="GET",endpoint="/",status="200"}"#]);
    assert_eq!(series(&registry, "Duration_count_count"), [r#"{method="GET",endpoint="/"}"#]);
    assert_eq!(value(&registry, r#"ResponseBodySize_count_sum{method="GET",endpoint="/"}"#), 5.0);

    let named = Http::new().legacy_named(HttpMetric::Duration, "a:seconds").named(HttpMetric::Duration, "b:seconds");
    assert!(named.layer(&Registry::new()).is_err(), "the last name decides");
    let suffixed = Http::new().legacy_named(HttpMetric::ResponseBodySize, "sent:total_bytes");
    let metrics = Metrics::builder().registry(&Registry::new()).http(suffixed).build().unwrap();
    let described = metrics.describe().metrics;
    assert!(
        described.iter().any(|metric| metric.name == "sent:total_bytes" && metric.unit.as_deref() == Some("bytes"))
    );
}

#[test]
fn statuses_can_be_recorded_as_classes() {
    let (registry, layer) = instruments_of(&Http::new().status_classes(true).duration_status(true));
    for status in [200, 201, 302, 404, 418, 503, 999] {
        drop(answer(&layer, "GET", with_status(status)));
    }
    // The client disconnects within the body, and another one before the response.
    let mut body = answer(&layer, "GET", http::Response::new(Script::new([Step::Stall]))).into_body();
    assert_eq!(step(&mut body), Polled::Pending);
    drop(body);
    let mut silent = layer.layer(service_fn(|_| std::future::pending::<Result<Response, Infallible>>()));
    drop(silent.call(request("GET", "/")));
    for (class, count) in [("2xx", 3), ("3xx", 1), ("4xx", 3), ("5xx", 1), ("9xx", 1)] {
        assert_eq!(requests(&registry, "GET", "unmatched", class), count, "{class}");
    }
    assert_eq!(all_requests(&registry), 9);
    let count = r#"http_request_duration_seconds_count{method="GET",endpoint="unmatched",status="4xx"}"#;
    assert_eq!(value(&registry, count), 2.0);
}

#[tokio::test]
async fn opentelemetry_is_recorded_alone_or_with_the_default_metrics() {
    let name = "http_server_request_duration_seconds_count";
    let (registry, layer) = instruments_of(&Http::opentelemetry());
    let (other_registry, both) = instruments_of(&Http::new().with(HttpMetric::OpenTelemetry));
    for (layer, registry) in [(layer, &registry), (both, &other_registry)] {
        let app = Router::new()
            .route("/users/{id}", get(|| async { "hello" }))
            .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }));
        let app = layer.install(app);
        for (method, path) in
            [("GET", "/users/1"), ("GET", "/users/2"), ("BREW", "/users/3"), ("GET", "/broken"), ("GET", "/x")]
        {
            send(&app, method, path).await;
        }
        assert_eq!(
            series(registry, name),
            [
                r#"{http_request_method="GET",http_route="",http_response_status_code="404",error_type=""}"#,
                r#"{http_request_method="GET",http_route="/broken",http_response_status_code="502",error_type="502"}"#,
                r#"{http_request_method="GET",http_route="/users/{id}",http_response_status_code="200",error_type=""}"#,
                r#"{http_request_method="_OTHER",http_route="/users/{id}",http_response_status_code="405",error_type=""}"#,
            ]
        );
        let buckets =
            registry.render().lines().filter(|line| line.contains("_bucket{http_request_method=\"_OTHER\"")).count();
        assert_eq!(buckets, 15);
    }
    assert_eq!(all_requests(&registry), 0);
    assert_eq!(all_requests(&other_registry), 5);
}

#[test]
fn opentelemetry_records_the_reason_of_an_incomplete_response() {
    let (registry, layer) = instruments_of(&Http::opentelemetry());
    let mut failing = layer.layer(service_fn(|_| ready(Err::<Response, _>("refused"))));
    drop(poll_once(std::pin::pin!(failing.call(request("GET", "/")))));
    let mut silent = layer.layer(service_fn(|_| std::future::pending::<Result<Response, Infallible>>()));
    drop(silent.call(request("GET", "/")));
    for broken in [Step::Stall, Step::Error, Step::Panic] {
        let mut body = answer(&layer, "GET", http::Response::new(Script::new([broken]))).into_body();
        assert_ne!(step(&mut body), Polled::Frame);
    }
    let found = series(&registry, "http_server_request_duration_seconds_count");
    let reasons: Vec<_> =
        found.iter().filter_map(|labels| labels.split_once("http_response")?.1.strip_suffix('}')).collect();
    assert_eq!(
        reasons,
        [
            r#"_status_code="",error_type="_OTHER""#,
            r#"_status_code="",error_type="cancelled""#,
            r#"_status_code="200",error_type="_OTHER""#,
            r#"_status_code="200",error_type="cancelled""#,
            r#"_status_code="200",error_type="panic""#,
        ]
    );
}

fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
    Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
}

fn cache(response: ResponseHead<'_>) -> Option<Label<'_>> {
    Some(Label::from(response.headers().get("x-cache")?.to_str().ok()?))
}

#[tokio::test]
async fn extracted_labels_have_at_most_the_declared_number_of_values() {
    let http = Http::new().request_label("plan", 2, plan).response_label("cache", 1, cache);
    let (registry, layer) = instruments_of(&http);
    let app = layer.install(Router::new().route("/", get(|| async { [("x-cache", "hit")] })));
    let long = "x".repeat(129);
    for plan in [long.as_str(), "_overflow", "free", "paid", "free", "made-up", "", "free"] {
        let mut request = request("GET", "/");
        request.headers_mut().insert("x-plan", plan.parse().expect("a value"));
        drop(app.clone().oneshot(request).await.expect("routers do not fail"));
    }
    send(&app, "GET", "/nowhere").await;
    let of = |endpoint: &str, status: u16, plan: &str, cache: &str| {
        let labels = format!(r#"method="GET",endpoint="{endpoint}",status="{status}",plan="{plan}",cache="{cache}""#);
        value(&registry, &format!("http_requests_total{{{labels}}}"))
    };
    assert_eq!(of("/", 200, "free", "hit"), 3.0);
    assert_eq!(of("/", 200, "paid", "hit"), 1.0);
    assert_eq!(of("/", 200, "_overflow", "hit"), 3.0);
    assert_eq!(of("/", 200, "", "hit"), 1.0);
    assert_eq!(of("unmatched", 404, "", ""), 1.0);
    assert_eq!(all_requests(&registry), 9);
    let count = r#"http_request_duration_seconds_count{method="GET",endpoint="/",plan="free",cache="hit"}"#;
    assert_eq!(value(&registry, count), 3.0);
}

#[tokio::test]
async fn series_of_an_extracted_label_are_removed_and_start_again() {
    let http = Http::new().request_label("plan", 2, plan);
    let (registry, layer) = instruments_of(&http);
    let app = layer.install(Router::new().route("/", get(|| async {})));
    let sample = |plan| format!(r#"http_requests_total{{method="GET",endpoint="/",status="200",plan="{plan}"}}"#);
    for round in [3, 1] {
        for plan in ["free", "free", "free", "paid"].into_iter().rev().take(round + 1) {
            let mut request = request("GET", "/");
            request.headers_mut().insert("x-plan", plan.parse().expect("a value"));
            drop(app.clone().oneshot(request).await.expect("routers do not fail"));
        }
        assert_eq!(value(&registry, &sample("free")), round as f64);
        registry.remove_series("plan", "free");
        assert!(!registry.render().contains(r#"plan="free""#));
    }
    assert_eq!(value(&registry, &sample("paid")), 2.0);
}

#[tokio::test]
async fn an_extractor_that_panics_loses_its_label_only() {
    fn bomb(_: RequestHead<'_>) -> Option<Label<'_>> {
        panic!("scripted")
    }
    let http = Http::new().request_label("bomb", 2, bomb).route(bomb).skip(|_| panic!("scripted"));
    let (registry, layer) = instruments_of(&http);
    let app = layer.install(Router::new().route("/", get(|| async {})));
    assert_eq!(send(&app, "GET", "/").await, StatusCode::OK);
    let sample = r#"http_requests_total{method="GET",endpoint="/",status="200",bomb=""}"#;
    assert_eq!(value(&registry, sample), 1.0);
}

#[tokio::test]
async fn services_without_a_router_extract_their_routes() {
    fn grpc(request: RequestHead<'_>) -> Option<Label<'_>> {
        ["/shop.Cart/Add", "/shop.Cart/Pay"].into_iter().find(|known| *known == request.uri().path()).map(Label::from)
    }
    let (registry, layer) = instruments_of(&Http::new().route(grpc));
    let service = layer.layer(service_fn(|_| ready(Ok::<_, Infallible>(Script::default().sized().response()))));
    for path in ["/shop.Cart/Add", "/shop.Cart/Add", "/shop.Cart/Pay", "/shop.Cart/Steal"] {
        drop(service.clone().oneshot(request("POST", path)).await.expect("it does not fail"));
    }
    for (endpoint, count) in [("/shop.Cart/Add", 2), ("/shop.Cart/Pay", 1), ("unmatched", 1)] {
        assert_eq!(requests(&registry, "POST", endpoint, "200"), count, "{endpoint}");
    }
}

#[tokio::test]
async fn extracted_routes_are_bounded() {
    #[expect(clippy::unnecessary_wraps, reason = "the signature of an extractor")]
    fn path(request: RequestHead<'_>) -> Option<Label<'_>> {
        Some(Label::from(request.uri().path()))
    }
    let (registry, layer) = instruments_of(&Http::new().route(path));
    let service = layer.layer(service_fn(|_| ready(Ok::<_, Infallible>(Script::default().sized().response()))));
    for i in 0..1_500 {
        drop(service.clone().oneshot(request("GET", &format!("/{i}"))).await.expect("it does not fail"));
    }
    drop(service.clone().oneshot(request("GET", "/999")).await.expect("it does not fail"));
    assert_eq!(requests(&registry, "GET", "/999", "200"), 2);
    assert_eq!(requests(&registry, "GET", "_overflow", "200"), 500);
    assert_eq!(all_requests(&registry), 1_501);
}

#[test]
fn invalid_settings_are_errors_of_the_layer() {
    let registry = Registry::new();
    let message = |http: Http| http.layer(&registry).expect_err("invalid").to_string();
    assert_eq!(
        message(Http::new().skip_path("health")),
        "the pattern \"health\" of paths to skip never matches: expected a pattern that starts with `/` or `*`, such as \
         `/health` or `/internal/*`"
    );
    assert!(message(Http::new().skip_path("/users/{id}")).contains("no parameters"));
    assert_eq!(
        message(Http::new().request_label("plan", 0, plan)),
        "the label `plan` may have 0 values; expected at least 1"
    );
    assert_eq!(
        message(Http::new().request_label_values("plan", Vec::<String>::new(), plan)),
        "the label `plan` may have 0 values; expected at least 1"
    );
    assert_eq!(
        message(Http::new().response_label_values("cache", ["hit", "_overflow"], cache)),
        "the label `cache` may have the value \"_overflow\", but it stands for all values that are not allowed; remove \
         the value"
    );
    assert!(message(Http::new().request_label_values("plan", [""], plan)).contains("without the label has it already"));
    assert!(message(Http::new().request_label_values("plan", ["x".repeat(129)], plan)).contains("at most 128 bytes"));
    let many = (0..70_000).map(|i| i.to_string());
    assert!(message(Http::new().request_label_values("plan", many, plan)).contains("at most 65533 are allowed"));
    let five = ["a", "b", "c", "d", "e"].into_iter().fold(Http::new(), |http, name| http.request_label(name, 1, plan));
    assert!(message(five).contains("5 labels are added to the HTTP metrics (a, b, c, d, e); at most 4 are allowed"));
    for invalid in [
        Http::new().request_label("status", 1, plan),
        Http::new().request_label("le", 1, plan),
        Http::new().request_label("a", 1, plan).response_label("a", 1, cache),
        Http::new().named(HttpMetric::ResponseBodySize, "http_response_size"),
        Http::new().named(HttpMetric::Aborted, "aborted"),
        Http::new().with(HttpMetric::RequestBodySize).size_buckets(&[]),
        Http::new().named(HttpMetric::Upgrades, "upgrades-total"),
    ] {
        let error = invalid.layer(&registry).expect_err("invalid");
        assert!(matches!(error, HttpError::Registry(_)), "{error}");
    }
}
