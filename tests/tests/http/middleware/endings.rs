//! The table of endings in the documentation: every row, as it is documented.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use futures::future::BoxFuture;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use metrics_runtime::http::LongLived;
use metrics_runtime::{Metrics, Objective};
use tests::page::{Page, Sample};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::outcomes::{Polled, answer, step};
use super::sockets::{Client, serve};
use super::*;

/// A status that no layer invents, so that it is the response's own.
const OWN: StatusCode = StatusCode::IM_A_TEAPOT;

/// Ends one request that the layer records.
type Scenario = fn(HttpLayer) -> BoxFuture<'static, ()>;

/// The rows of the table, each with requests that end in this way.
const ROWS: &[(&str, &[(&str, Scenario)])] = &[
    (
        "the response was sent to its end, or has no body",
        &[
            ("a text", |layer| Box::pin(read_to_end(layer, "GET", "/text"))),
            ("a text of a service", |layer| {
                Box::pin(async move { drop(read(respond(&layer, "GET", [Step::Data("1")]))) })
            }),
            ("HEAD", |layer| Box::pin(read_to_end(layer, "HEAD", "/text"))),
            ("a stream", |layer| Box::pin(read_to_end(layer, "GET", "/stream"))),
            ("HEAD of server-sent events", |layer| Box::pin(read_to_end(layer, "HEAD", "/events"))),
        ],
    ),
    ("the client disconnects before the response", &[("HTTP/1", |layer| Box::pin(leave_before_the_response(layer)))]),
    (
        "an outer layer, such as a timeout, gives up before the response",
        &[
            ("a timeout", |layer| {
                Box::pin(async move {
                    let app = layer.install(Router::new().route("/", get(pending::<()>)));
                    let response = tokio::time::timeout(Duration::from_millis(1), app.oneshot(request("GET", "/")));
                    assert!(response.await.is_err());
                })
            }),
            ("dropped unpolled", |layer| {
                Box::pin(async move {
                    let mut service = layer.layer(service_fn(|_| pending::<Result<Response, Infallible>>()));
                    drop(service.call(request("GET", "/")));
                })
            }),
        ],
    ),
    (
        "the service returns an error",
        &[("an error", |layer| {
            Box::pin(async move {
                let mut service = layer.layer(service_fn(|_| ready(Err::<Response, _>("refused"))));
                assert!(service.call(request("GET", "/")).await.is_err());
            })
        })],
    ),
    (
        "the service panics",
        &[
            ("in the handler", |layer| Box::pin(read_what_comes(layer, "/panic"))),
            ("in the call", |layer| {
                Box::pin(async move {
                    let call = |_| -> std::future::Ready<Result<Response, Infallible>> { panic!("scripted") };
                    let mut service = layer.layer(service_fn(call));
                    let called = catch_unwind(AssertUnwindSafe(|| drop(service.call(request("GET", "/")))));
                    assert!(called.is_err());
                })
            }),
        ],
    ),
    (
        "the client disconnects within the body",
        &[
            ("of unknown length", |layer| Box::pin(leave_within(layer, "/stalled"))),
            ("of known length", |layer| Box::pin(leave_within(layer, "/sized"))),
        ],
    ),
    (
        "an outer layer drops the body after it has read a part",
        &[("a part", |layer| {
            Box::pin(async move {
                let mut body = respond(&layer, "GET", [Step::Data("1"), Step::Data("2")]).into_body();
                assert_eq!(step(&mut body), Polled::Frame);
            })
        })],
    ),
    (
        "an outer layer or the caller drops the body unread, for example to replace it",
        &[
            ("another body", |layer| {
                Box::pin(replaced(layer, |response| {
                    let mut another = Response::new(Body::from("another"));
                    *another.status_mut() = response.status();
                    another
                }))
            }),
            ("another response", |layer| Box::pin(replaced(layer, |_| Response::new(Body::from("another"))))),
            ("304", |layer| Box::pin(replaced(layer, |_| StatusCode::NOT_MODIFIED.into_response()))),
            ("oneshot", |layer| {
                Box::pin(async move {
                    let app = layer.install(app());
                    drop(app.oneshot(request("GET", "/text")).await);
                })
            }),
            ("a service", |layer| Box::pin(async move { drop(respond(&layer, "GET", [Step::Data("1")])) })),
        ],
    ),
    (
        "the body returns an error",
        &[
            ("at once", |layer| Box::pin(async move { drop(read(respond(&layer, "GET", [Step::Error]))) })),
            ("after a part", |layer| Box::pin(read_what_comes(layer, "/error"))),
        ],
    ),
    ("the body panics", &[("after a part", |layer| Box::pin(read_what_comes(layer, "/body-panic")))]),
    (
        "the connection is upgraded: `101`, or `CONNECT` with 2xx",
        &[
            ("101", |layer| Box::pin(async move { drop(upgrade(&layer, "GET", StatusCode::SWITCHING_PROTOCOLS)) })),
            ("CONNECT", |layer| Box::pin(async move { drop(upgrade(&layer, "CONNECT", StatusCode::ACCEPTED)) })),
        ],
    ),
    (
        "a long-lived stream ends, or its client disconnects",
        &[
            ("events that end", |layer| Box::pin(read_to_end(layer, "GET", "/events"))),
            ("a client that leaves", |layer| Box::pin(leave_within(layer, "/endless-events"))),
            ("with a charset", |layer| Box::pin(leave_within(layer, "/endless-events-with-charset"))),
            ("frames of a camera", |layer| Box::pin(leave_within(layer, "/camera"))),
            ("a marked response", |layer| Box::pin(leave_within(layer, "/marked"))),
        ],
    ),
    ("a long-lived stream returns an error", &[("events", |layer| Box::pin(read_what_comes(layer, "/events-error")))]),
    ("a long-lived stream panics", &[("events", |layer| Box::pin(read_what_comes(layer, "/events-panic")))]),
];

fn respond<const N: usize>(
    layer: &HttpLayer,
    method: &str,
    steps: [Step; N],
) -> http::Response<impl http_body::Body + Unpin> {
    let mut response = http::Response::new(Script::new(steps));
    *response.status_mut() = OWN;
    answer(layer, method, response)
}

fn upgrade(layer: &HttpLayer, method: &str, status: StatusCode) -> http::Response<impl http_body::Body> {
    let mut response = http::Response::new(Script::default());
    *response.status_mut() = status;
    answer(layer, method, response)
}

/// Polls a body until it ends or fails.
fn read(response: http::Response<impl http_body::Body + Unpin>) -> impl Sized {
    let mut body = response.into_body();
    while step(&mut body) == Polled::Frame {}
    body
}

fn app() -> Router {
    const DATA: Step = Step::Data("data: first\n\n");
    let own = |script: Script| async move { (OWN, script.response().into_body()) };
    let typed = |content_type: &'static str, script: Script| async move {
        let mut response = (OWN, script.response().into_body()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    let events = "text/event-stream";
    Router::new()
        .route("/text", get(|| async { (OWN, "the end") }))
        .route("/stream", get(move || own(Script::new([DATA, Step::Wait, DATA]))))
        .route("/stalled", get(move || own(Script::new([DATA, Step::Stall]))))
        .route("/sized", get(move || own(Script::new([DATA, Step::Stall, DATA]).sized())))
        .route("/error", get(move || own(Script::new([DATA, Step::Error]))))
        .route("/body-panic", get(move || own(Script::new([DATA, Step::Panic]))))
        .route("/panic", get(|| async { panic!("scripted") as &'static str }))
        .route("/events", get(move || typed(events, Script::new([DATA, Step::Wait, DATA]))))
        .route("/endless-events", get(move || typed(events, Script::new([DATA, Step::Stall]))))
        .route(
            "/endless-events-with-charset",
            get(move || typed("Text/Event-Stream ; charset=utf-8", Script::new([DATA, Step::Stall]))),
        )
        .route("/camera", get(move || typed("multipart/x-mixed-replace;boundary=b", Script::new([DATA, Step::Stall]))))
        .route("/marked", {
            let script = || Script::new([DATA, Step::Stall]).response().into_body();
            get(move || async move { (OWN, axum::Extension(LongLived), script()) })
        })
        .route("/events-error", get(move || typed(events, Script::new([DATA, Step::Error]))))
        .route("/events-panic", get(move || typed(events, Script::new([DATA, Step::Panic]))))
}

async fn read_to_end(layer: HttpLayer, method: &'static str, path: &'static str) {
    let response = layer.install(app()).oneshot(request(method, path)).await.expect("routers do not fail");
    axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
}

async fn leave_before_the_response(layer: HttpLayer) {
    let entered = Arc::new(Notify::new());
    let enter = entered.clone();
    let wait = async move || {
        enter.notify_one();
        pending::<()>().await;
    };
    let mut client = Client::connect(serve(layer.install(Router::new().route("/", get(wait)))).await).await;
    client.send("GET", "/").await;
    entered.notified().await;
}

async fn leave_within(layer: HttpLayer, path: &'static str) {
    let mut client = Client::connect(serve(layer.install(app())).await).await;
    client.send("GET", path).await;
    client.read_to("first").await;
}

/// Reads until the server closes the connection.
async fn read_what_comes(layer: HttpLayer, path: &'static str) {
    let mut client = Client::connect(serve(layer.install(app())).await).await;
    client.send("GET", path).await;
    client.read_to_close().await;
}

/// Sends a request to a server with a layer outside of ours that replaces the response.
async fn replaced(layer: HttpLayer, replace: fn(Response) -> Response) {
    let app = layer.install(app()).layer(map_response(move |response: Response| ready(replace(response))));
    let mut client = Client::connect(serve(app).await).await;
    client.send("GET", "/text").await;
    let read = client.read_to("\r\n\r\n").await;
    assert!(!read.contains("the end"), "{read}");
}

/// Returns the last four cells of a row, as the only request of this registry has ended.
fn recorded(registry: &Registry) -> [String; 4] {
    let page = Page::parse_text(&registry.render()).expect("a valid page");
    let counted =
        |name: &str| page.samples().filter(|found| found.name == name && found.value != 0.0).collect::<Vec<_>>();
    let label = |sample: &Sample, name: &str| sample.labels.get(name).cloned();
    let none = || "-".to_owned();
    let code = |text: &str| format!("`{text}`");
    let requests = counted("http_requests_total");
    assert_eq!(requests.iter().map(|point| point.value).collect::<Vec<_>>(), [1.0], "one request");
    let status = match label(requests[0], "status").as_deref() {
        Some("418" | "101" | "202") => "that of the response".to_owned(),
        Some(status) => code(status),
        None => none(),
    };
    let overdue = sum(registry, "http_requests_overdue_total{");
    let duration = match (counted("http_request_duration_seconds_count").as_slice(), overdue) {
        ([], 0) => none(),
        ([], 1) => "-, may be overdue".to_owned(),
        ([one], 0) if one.value == 1.0 => "observed".to_owned(),
        more => panic!("more than one duration: {more:?}"),
    };
    let aborted = match counted("http_responses_aborted_total").as_slice() {
        [] => none(),
        [one] if one.value == 1.0 => {
            ["phase", "cause"].map(|name| code(&label(one, name).expect("the label"))).join(", ")
        }
        more => panic!("aborted more than once: {more:?}"),
    };
    let error = match counted("http_server_request_duration_seconds_count").as_slice() {
        [] => "not observed".to_owned(),
        [one] if one.value == 1.0 => {
            label(one, "error_type").filter(|error| !error.is_empty()).map_or_else(none, |error| code(&error))
        }
        more => panic!("more than one duration: {more:?}"),
    };
    let is_upgrade = sum(registry, "http_upgrades_total{") == 1;
    assert_eq!(sum(registry, "http_response_body_size_bytes_count{"), u64::from(!is_upgrade), "one size");
    let has_response = status == "that of the response";
    assert_eq!(
        sum(registry, "http_response_first_byte_seconds_count{"),
        u64::from(has_response && !is_upgrade),
        "one time to the first byte of a response"
    );
    assert_eq!(sum(registry, "http_requests_in_flight{"), 0);
    [status, duration, aborted, error]
}

/// Returns the rows of the table in the documentation.
fn documented() -> Vec<(String, [String; 4])> {
    let docs = include_str!("../../../../metrics-runtime/src/http/mod.rs");
    let lines = docs.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows = lines.skip_while(|line| !line.starts_with("| the request ends when")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let when = cells.next().expect("a cell");
            (when, cells.collect::<Vec<_>>().try_into().expect("five cells"))
        })
        .collect()
}

/// Creates a registry, and a layer that records everything into it. Each route promises a latency that no request keeps.
fn promising_too_much() -> (Registry, HttpLayer) {
    let registry = Registry::new();
    let promise = Objective::new().latency(Duration::from_nanos(1), 99.0);
    let routes = ["unmatched", "/", "/text", "/stream", "/stalled", "/sized", "/error", "/body-panic", "/panic"];
    let streams = ["events", "endless-events", "endless-events-with-charset", "camera", "marked", "events-error"];
    let streams = streams.into_iter().chain(["events-panic"]).map(|route| format!("/{route}"));
    let routes = routes.into_iter().map(str::to_owned).chain(streams);
    let metrics = Metrics::builder().registry(&registry).http(everything().buckets(&[1e-9, 1.0]));
    let metrics = routes.fold(metrics, |metrics, route| metrics.objective(route, promise));
    let layer = metrics.build().expect("valid").http_layer();
    (registry, layer)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_documented_table_holds() {
    let documented = documented();
    let rows: Vec<_> = ROWS.iter().map(|(when, _)| (*when).to_owned()).collect();
    assert_eq!(documented.iter().map(|(when, _)| when.clone()).collect::<Vec<_>>(), rows);
    for ((when, expected), (_, scenarios)) in documented.iter().zip(ROWS) {
        for (what, scenario) in *scenarios {
            let (registry, layer) = promising_too_much();
            scenario(layer).await;
            eventually(&format!("{when}: {what}"), || all_requests(&registry) == 1).await;
            assert_eq!(&recorded(&registry), expected, "{when}: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_with_its_status_whatever_an_outer_layer_does_with_its_body() {
    let (registry, layer) = instruments_of(&everything());
    let app = Router::new().route("/", any(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "details") }));
    let hide = async |response: Response| (response.status(), "sorry").into_response();
    let mut client = Client::connect(serve(layer.install(app).layer(map_response(hide))).await).await;
    client.send("GET", "/").await;
    assert!(client.read_to("sorry").await.starts_with("HTTP/1.1 500 "));
    assert_eq!((requests(&registry, "GET", "/", "500"), durations(&registry, "GET", "/")), (1, 1));
    assert_eq!(sum(&registry, "http_responses_aborted_total{"), 0);
    let error = r#"{http_request_method="GET",http_route="/",http_response_status_code="500",error_type="500"}"#;
    assert_eq!(value(&registry, &format!("http_server_request_duration_seconds_count{error}")), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outer_layer_that_reads_the_body_ends_the_request_with_it() {
    let (registry, layer) = instruments_of(&everything());
    let buffer = from_fn(async |request: AxumRequest, next: Next| {
        let (parts, body) = next.run(request).await.into_parts();
        let text = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        Response::from_parts(parts, Body::from(text.to_ascii_uppercase()))
    });
    let mut client = Client::connect(serve(layer.install(app()).layer(buffer)).await).await;
    client.send("GET", "/stream").await;
    client.read_to("FIRST").await;
    assert_eq!(requests(&registry, "GET", "/stream", "418"), 1);
    assert_eq!((durations(&registry, "GET", "/stream"), sum(&registry, "http_responses_aborted_total{")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_events_do_not_change_the_latency() {
    let (registry, layer) = instruments();
    let address = serve(layer.install(app())).await;
    for _ in 0..10 {
        let mut client = Client::connect(address).await;
        client.send("GET", "/endless-events").await;
        client.read_to("first").await;
    }
    eventually("all streams", || requests(&registry, "GET", "/endless-events", "418") == 10).await;
    assert_eq!((all_requests(&registry), sum(&registry, "http_request_duration_seconds_count{")), (10, 0));
    assert_eq!(sum(&registry, "http_responses_aborted_total{"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_an_upload_is_the_400_of_the_extractor() {
    let (registry, layer) = instruments_of(&everything());
    let app = layer.install(Router::new().route("/upload", post(|body: Bytes| async move { body.len().to_string() })));
    let mut client = Client::connect(serve(app).await).await;
    let head = format!("POST /upload HTTP/1.1\r\nhost: localhost\r\n{CONTENT_LENGTH}: 100\r\n\r\npart");
    client.0.write_all(head.as_bytes()).await.expect("sent");
    eventually("the request", || sum(&registry, "http_requests_in_flight{") == 1).await;
    drop(client);
    eventually("the end", || all_requests(&registry) == 1).await;
    assert_eq!(requests(&registry, "POST", "/upload", "400"), 1);
    assert_eq!(sum(&registry, "http_responses_aborted_total{"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_an_upload_that_is_not_read_is_a_499() {
    let (registry, layer) = instruments_of(&everything());
    let app = layer.install(Router::new().route("/upload", post(pending::<()>)));
    let mut client = Client::connect(serve(app).await).await;
    let head = format!("POST /upload HTTP/1.1\r\nhost: localhost\r\n{CONTENT_LENGTH}: 4\r\n\r\npart");
    client.0.write_all(head.as_bytes()).await.expect("sent");
    eventually("the request", || sum(&registry, "http_requests_in_flight{") == 1).await;
    drop(client);
    eventually("the end", || requests(&registry, "POST", "/upload", "499") == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_within_an_upload_is_the_400_of_the_extractor_or_else_a_499() {
    let (registry, layer) = instruments_of(&everything());
    let read = post(|body: Bytes| async move { body.len().to_string() });
    let app = layer.install(Router::new().route("/read", read).route("/unread", post(pending::<()>)));
    let address = serve(app).await;
    for path in ["/read", "/unread"] {
        let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let io = hyper_util::rt::TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await;
        let (mut client, connection) = handshake.expect("a handshake");
        tokio::spawn(connection);
        let upload = Request::post(format!("http://localhost{path}"));
        let upload = upload.body(Script::new([Step::Data("part"), Step::Stall])).expect("a request");
        let response = tokio::spawn(client.send_request(upload));
        eventually("the request", || sum(&registry, "http_requests_in_flight{") == 1).await;
        response.abort();
        drop(client);
        eventually("the end", || sum(&registry, "http_requests_in_flight{") == 0).await;
    }
    assert_eq!(requests(&registry, "POST", "/read", "400"), 1);
    assert_eq!(requests(&registry, "POST", "/unread", "499"), 1);
    assert_eq!(sum(&registry, "http_responses_aborted_total{"), 1);
}
