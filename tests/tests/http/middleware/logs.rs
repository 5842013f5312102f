//! Log events of the layer, and the absence of client data in them.

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;
use metrics_runtime::Label;
use metrics_runtime::http::RequestHead;
use tests::log::Log;
use tower::{Service, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

use super::routes::send;
use super::*;

#[tokio::test]
async fn a_layer_that_knows_no_routes_logs_one_warning() {
    let (log, _logging) = Log::start();
    let (_registry, layer) = instruments();
    // A layer around the router knows no routes.
    let mut around = tower::Layer::layer(&layer, Router::new().route("/users/{id}", get(|| async { "hello" })));
    for i in 0..250 {
        around.call(request("GET", &format!("/users/{i}"))).await.expect("routers do not fail");
    }
    let warnings: Vec<_> = log.lines().into_iter().filter(|line| line.contains("matched a route")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("none of the first 100 HTTP requests"), "{warnings:?}");
    assert!(warnings[0].contains("HttpLayer::install"), "{warnings:?}");
}

#[tokio::test]
async fn a_layer_that_has_matched_a_route_logs_nothing() {
    let (log, _logging) = Log::start();
    let (_registry, layer) = instruments();
    let app = layer.install(Router::new().route("/", get(|| async { "hello" })));
    for i in 0..99 {
        send(&app, "GET", &format!("/missing/{i}")).await;
    }
    send(&app, "GET", "/").await;
    for i in 0..250 {
        send(&app, "GET", &format!("/missing/{i}")).await;
    }
    assert_eq!(log.lines(), [] as [String; 0]);
}

#[test]
fn an_objective_of_a_route_that_the_router_does_not_have_is_logged_once() {
    let objective = || metrics_runtime::Objective::new().success(99.0);
    let metrics = metrics_runtime::Metrics::builder().registry(&Registry::new());
    let metrics = metrics.objective("/users/{id}", objective()).objective("/nowhere", objective()).build().unwrap();
    let users = Router::new().route("/{id}", get(|| async { "hello" }));
    let (log, _logging) = Log::start();
    let _: Router = metrics.instrument(Router::new().nest("/users", users)).unwrap();
    let lines = log.lines();
    assert!(matches!(&*lines, [line] if line.contains("/nowhere") && line.contains("no such route")), "{lines:?}");
}

#[tokio::test]
async fn data_of_clients_is_in_no_metric_and_no_log() {
    const CANARY: &str = "CANARY-7f3a";
    let (log, _logging) = Log::start();
    let http =
        everything().skip_path("/skipped").skip(|_| false).route(|_: RequestHead<'_>| -> Option<Label<'_>> { None });
    let (registry, layer) = instruments_of(&http);
    let repeat = |body: String| async move { body };
    let fail = |body: String| async move { (StatusCode::INTERNAL_SERVER_ERROR, body) };
    let panic = |body: String| async move { panic!("{body}") as &'static str };
    let broken = |_: String| async { Script::new([Step::Data(CANARY), Step::Error]).response() };
    let app = Router::new()
        .route("/repeat/{it}", post(repeat))
        .route("/fail/{it}", post(fail))
        .route("/panic/{it}", post(panic))
        .route("/broken/{it}", post(broken));
    let app = layer.clone().install(app).layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        Response::new(Body::from(text))
    }));
    // Low enough to cause the warning about the limit.
    registry.set_series_limit(2);
    for path in ["repeat", "fail", "panic", "broken", "nowhere"] {
        for method in ["POST", CANARY, "PUT", "DELETE", "PATCH"] {
            for _ in 0..12 {
                let request = Request::builder()
                    .method(method)
                    .uri(format!("http://{CANARY}/{path}/{CANARY}?{CANARY}={CANARY}"))
                    .header("host", CANARY)
                    .header("x-canary", CANARY)
                    .header("user-agent", CANARY)
                    .header("upgrade", CANARY);
                let request = request.body(Body::from(CANARY)).expect("a request");
                let response = app.clone().oneshot(request).await.expect("routers do not fail");
                let _ = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            }
        }
    }
    assert_eq!(all_requests(&registry), 300);
    assert!(!registry.render().contains(CANARY), "{}", registry.render());
    assert!(!format!("{registry:?} {layer:?} {http:?}").contains(CANARY));
    let lines = log.lines();
    assert!(lines.iter().any(|line| line.contains("limit of series")), "something was logged: {lines:?}");
    assert!(lines.iter().all(|line| !line.contains(CANARY)), "{lines:?}");
}
