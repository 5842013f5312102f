//! Requests that are cancelled after the latency that their route promises.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::Request;
use metrics_runtime::http::{Http, HttpMetric, LongLived};
use metrics_runtime::{Label, Metrics, Objective, Registry};
use tower::Service as _;

use super::sockets::{Client, serve};
use super::{Body, Script, Step, durations, eventually, poll_once, request, requests, value};

/// A latency that every request exceeds, and one that none does.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

const BUCKETS: &[f64] = &[0.001, 1.0, 3600.0];

async fn late_and_pending() {
    late();
    std::future::pending::<()>().await;
}

/// Takes longer than [`SHORT`].
fn late() {
    std::thread::sleep(Duration::from_millis(3));
}

fn objective(within: Duration) -> Objective {
    Objective::new().latency(within, 99.0)
}

/// Returns a router with routes that hang or stall, with these settings and with objectives for two of them.
fn app(http: Http) -> (Registry, Router) {
    let registry = Registry::new();
    let stalls = || async {
        late();
        Script::new([Step::Data("first"), Step::Stall]).response()
    };
    let stream = || async {
        late();
        let mut response = Script::new([Step::Data("first"), Step::Stall]).response();
        response.extensions_mut().insert(LongLived);
        response
    };
    let router = Router::new()
        .route("/hangs/{id}", get(late_and_pending).post(late_and_pending))
        .route("/patient", get(late_and_pending))
        .route("/free", get(late_and_pending))
        .route("/stalls", get(stalls))
        .route("/stream", get(stream))
        .route("/works", get(|| async { late() }));
    let metrics = Metrics::builder()
        .registry(&registry)
        .http(http.buckets(BUCKETS))
        .objective("/hangs/{id}", objective(SHORT))
        .objective("/patient", objective(LONG))
        .objective("/stalls", objective(SHORT))
        .objective("/stream", objective(SHORT))
        .objective("/works", objective(SHORT));
    let app = metrics.build().expect("valid").instrument(router).expect("the path is free");
    (registry, app)
}

/// Sends a request, and leaves before the response.
fn leave(app: &mut Router, path: &str) {
    let response = pin!(app.call(request("GET", path)));
    assert!(poll_once(response).is_pending());
}

/// Sends a request, reads the first frame of the response, and leaves.
async fn leave_within_the_body(app: &mut Router, path: &str) {
    use http_body_util::BodyExt as _;
    let response = app.call(request("GET", path)).await.expect("no error");
    let mut body = response.into_body();
    body.frame().await.expect("a frame").expect("no error");
}

fn overdue(registry: &Registry, method: &str, endpoint: &str) -> f64 {
    value(registry, &format!(r#"http_requests_overdue_total{{method="{method}",endpoint="{endpoint}"}}"#))
}

fn has_overdue(registry: &Registry, text: &str) -> bool {
    let page = registry.render();
    page.lines().any(|line| line.starts_with("http_requests_overdue_total{") && line.contains(text))
}

#[tokio::test]
async fn a_client_that_leaves_after_the_promised_latency_is_counted_by_route() {
    let (registry, mut app) = app(Http::new());
    for id in 0..3 {
        leave(&mut app, &format!("/hangs/{id}"));
    }
    assert_eq!(overdue(&registry, "GET", "/hangs/{id}"), 3.0);
    assert_eq!(requests(&registry, "GET", "/hangs/{id}", "499"), 3);
    assert_eq!(durations(&registry, "GET", "/hangs/{id}"), 0);
    assert!(!has_overdue(&registry, "POST"), "no request has this method");
}

#[tokio::test]
async fn the_series_is_zero_while_the_first_request_runs() {
    let (registry, mut app) = app(Http::new());
    let mut response = Box::pin(app.call(request("GET", "/hangs/1")));
    assert!(poll_once(response.as_mut()).is_pending());
    assert!(has_overdue(&registry, r#"endpoint="/hangs/{id}"} 0"#), "{}", registry.render());
    drop(response);
    assert_eq!(overdue(&registry, "GET", "/hangs/{id}"), 1.0);
}

#[tokio::test]
async fn a_client_that_leaves_early_is_not_counted() {
    let (registry, mut app) = app(Http::new());
    leave(&mut app, "/patient");
    assert!(has_overdue(&registry, r#"endpoint="/patient"} 0"#));
    assert_eq!(requests(&registry, "GET", "/patient", "499"), 1);
}

#[tokio::test]
async fn a_request_that_ends_late_has_a_duration_and_is_not_counted() {
    let (registry, mut app) = app(Http::new());
    app.call(request("GET", "/works")).await.expect("no error");
    assert!(has_overdue(&registry, r#"endpoint="/works"} 0"#));
    assert_eq!(durations(&registry, "GET", "/works"), 1);
}

#[tokio::test]
async fn a_body_that_stalls_until_the_client_leaves_is_overdue_and_a_stream_is_not() {
    let (registry, mut app) = app(Http::new());
    for path in ["/stalls", "/stream"] {
        leave_within_the_body(&mut app, path).await;
        assert_eq!(requests(&registry, "GET", path, "200"), 1);
        assert_eq!(durations(&registry, "GET", path), 0);
    }
    assert_eq!(overdue(&registry, "GET", "/stalls"), 1.0);
    assert_eq!(overdue(&registry, "GET", "/stream"), 0.0);
}

#[tokio::test]
async fn routes_without_a_latency_objective_have_no_series() {
    let (registry, mut app) = app(Http::new());
    leave(&mut app, "/free");
    assert!(!has_overdue(&registry, "/free"), "{}", registry.render());

    // Without any latency objective there is no family.
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).objective("/hangs", Objective::new().success(99.0));
    let router = Router::new().route("/hangs", get(late_and_pending));
    let mut app = metrics.build().expect("valid").instrument(router).expect("the path is free");
    leave(&mut app, "/hangs");
    assert!(!registry.render().contains("overdue"), "{}", registry.render());
}

#[tokio::test]
async fn the_counter_can_be_renamed_and_switched_off_and_needs_the_histogram() {
    let (registry, mut renamed) = app(Http::new().named(HttpMetric::Overdue, "late_total"));
    leave(&mut renamed, "/hangs/1");
    assert_eq!(value(&registry, r#"late_total{method="GET",endpoint="/hangs/{id}"}"#), 1.0);
    for http in [Http::new().without(HttpMetric::Overdue), Http::opentelemetry()] {
        let (registry, mut app) = app(http);
        leave(&mut app, "/hangs/1");
        assert!(!registry.render().contains("overdue"), "{}", registry.render());
    }
}

#[tokio::test]
async fn the_labels_are_those_of_the_histogram() {
    let http = Http::new()
        .duration_status(true)
        .request_label_values("plan", ["free", "paid"], |request| {
            Some(Label::from(request.headers().get("x-plan")?.to_str().ok()?))
        })
        .response_label("cache", 2, |_| Some(Label::from("hit")));
    let (registry, mut app) = app(http);
    let request = Request::get("/hangs/1").header("x-plan", "paid").body(Body::empty()).expect("a request");
    let mut response = Box::pin(app.call(request));
    assert!(poll_once(response.as_mut()).is_pending());
    drop(response);
    let page = registry.render();
    let labels = r#"method="GET",endpoint="/hangs/{id}",status="499",plan="paid",cache="""#;
    let found: Vec<_> = page.lines().filter(|line| line.starts_with("http_requests_overdue_total{")).collect();
    assert_eq!(found, [format!("http_requests_overdue_total{{{labels}}} 1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_server_that_give_up_are_counted() {
    let (registry, app) = app(Http::new());
    let address = serve(app).await;
    let mut client = Client::connect(address).await;
    client.send("GET", "/hangs/7").await;
    // The handler runs longer than promised before it waits.
    eventually("the request runs", || has_overdue(&registry, r#"endpoint="/hangs/{id}"} 0"#)).await;
    drop(client);
    eventually("499", || requests(&registry, "GET", "/hangs/{id}", "499") == 1).await;
    assert_eq!(overdue(&registry, "GET", "/hangs/{id}"), 1.0);
}
