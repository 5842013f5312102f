//! The metrics of a request besides its count and its duration.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use metrics_runtime::http::{RequestBody, RequestBodyLayer};
use proptest::prelude::*;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::outcomes::{Polled, answer, step};
use super::*;

const LABELS: &str = r#"{method="GET",endpoint="unmatched"}"#;

fn in_flight(registry: &Registry) -> f64 {
    value(registry, &format!("http_requests_in_flight{LABELS}"))
}

/// Returns the number of observed times to the first byte.
fn first_bytes(registry: &Registry) -> f64 {
    value(registry, &format!("http_response_first_byte_seconds_count{LABELS}"))
}

fn aborted(registry: &Registry, phase: &str) -> f64 {
    let series = format!(r#"http_responses_aborted_total{{method="GET",endpoint="unmatched",phase="{phase}""#);
    sum(registry, &series) as f64
}

/// Returns the number of observed response sizes, and their sum in bytes.
fn response_sizes(registry: &Registry, method: &str) -> (f64, f64) {
    let of = |what| {
        value(registry, &format!(r#"http_response_body_size_bytes_{what}{{method="{method}",endpoint="unmatched"}}"#))
    };
    (of("count"), of("sum"))
}

#[test]
fn a_request_is_in_flight_until_its_body_has_ended() {
    let (registry, layer) = instruments_of(&everything());
    let mut service = layer.layer(service_fn(|_| ready(Ok::<_, Infallible>(Script::new([Step::Wait]).response()))));
    assert_eq!(in_flight(&registry), 0.0);
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert_eq!((in_flight(&registry), first_bytes(&registry)), (1.0, 0.0));
    let Poll::Ready(Ok(response)) = poll_once(future.as_mut()) else { panic!("the service responds at once") };
    drop(future);
    assert_eq!((in_flight(&registry), first_bytes(&registry)), (1.0, 1.0));
    let mut body = response.into_body();
    assert_eq!(step(&mut body), Polled::Pending);
    assert_eq!(in_flight(&registry), 1.0);
    assert_eq!(step(&mut body), Polled::End);
    assert_eq!((in_flight(&registry), all_requests(&registry)), (0.0, 1));
    drop(body);
    assert_eq!((in_flight(&registry), all_requests(&registry)), (0.0, 1));
}

#[test]
fn aborted_responses_are_counted_by_phase() {
    let (registry, layer) = instruments_of(&everything());
    let mut silent = layer.layer(service_fn(|_| pending::<Result<Response, Infallible>>()));
    drop(silent.call(request("GET", "/")));
    assert_eq!((aborted(&registry, "headers"), aborted(&registry, "body")), (1.0, 0.0));
    assert_eq!(first_bytes(&registry), 0.0);
    for (steps, broken) in [
        ([Step::Data("1"), Step::Stall], 1.0),
        ([Step::Data("1"), Step::Error], 2.0),
        ([Step::Data("1"), Step::Panic], 3.0),
        ([Step::Data("1"), Step::Trailers], 3.0),
    ] {
        let mut body = answer(&layer, "GET", http::Response::new(Script::new(steps))).into_body();
        while step(&mut body) == Polled::Frame {}
        drop(body);
        assert_eq!((aborted(&registry, "headers"), aborted(&registry, "body")), (1.0, broken), "{steps:?}");
    }
    // An error before the headers is not an aborted response: an outer layer may still respond.
    let mut failing = layer.layer(service_fn(|_| ready(Err::<Response, _>("refused"))));
    drop(poll_once(std::pin::pin!(failing.call(request("GET", "/")))));
    assert_eq!((aborted(&registry, "headers"), aborted(&registry, "body")), (1.0, 3.0));
    assert_eq!((in_flight(&registry), first_bytes(&registry)), (0.0, 4.0));
}

#[test]
fn the_size_of_a_response_is_the_number_of_bytes_sent() {
    for (what, method, status, body, bytes) in [
        ("of known length", "GET", 200, Script::new([Step::Data("12"), Step::Data("345")]).sized(), 5.0),
        ("a stream", "GET", 200, Script::new([Step::Data("12"), Step::Wait, Step::Data("345")]), 5.0),
        ("with trailers", "GET", 200, Script::new([Step::Data("12"), Step::Trailers]), 2.0),
        ("aborted", "GET", 200, Script::new([Step::Data("12"), Step::Error, Step::Data("345")]), 2.0),
        ("events until the client disconnects", "GET", 200, Script::new([Step::Data("data: 1\n\n"), Step::Stall]), 9.0),
        ("nothing", "GET", 200, Script::default().sized(), 0.0),
        ("HEAD", "HEAD", 200, Script::new([Step::Data("12")]).sized(), 0.0),
        ("204", "GET", 204, Script::new([Step::Data("12")]), 0.0),
        ("304", "GET", 304, Script::new([Step::Data("12")]), 0.0),
    ] {
        let (registry, layer) = instruments_of(&everything());
        let mut response = http::Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        let mut body = answer(&layer, method, response).into_body();
        // Like a server: does not poll after the end. A body that stalls is dropped after a few polls.
        for _ in 0..4 {
            if all_requests(&registry) == 1 || matches!(step(&mut body), Polled::End | Polled::Error | Polled::Panic) {
                break;
            }
        }
        drop(body);
        assert_eq!(response_sizes(&registry, method), (1.0, bytes), "{what}");
    }
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

#[tokio::test]
async fn the_size_of_a_request_is_the_number_of_bytes_read() {
    let (registry, layer) = instruments_of(&everything());
    let app = layer.install(Router::new().route("/read", post(length)).route("/unread", post(|| async {})));
    let send = async |path: &str, text: &'static str| {
        let request = Request::post(path).body(Body::new(Full::<Bytes>::from(text))).expect("a request");
        app.clone().oneshot(request).await.expect("routers do not fail").into_body().collect().await.expect("a body")
    };
    assert_eq!(send("/read", "12345").await.to_bytes(), "5");
    assert_eq!(send("/read", "").await.to_bytes(), "0");
    send("/unread", "123456789").await;
    let of = |path, what| {
        value(&registry, &format!(r#"http_request_body_size_bytes_{what}{{method="POST",endpoint="{path}"}}"#))
    };
    assert_eq!((of("/read", "count"), of("/read", "sum")), (2.0, 5.0));
    assert_eq!((of("/unread", "count"), of("/unread", "sum")), (1.0, 0.0));
}

#[tokio::test]
async fn request_bodies_of_any_service_are_counted_by_the_inner_layer() {
    let (registry, layer) = instruments_of(&everything());
    let read = async |request: Request<RequestBody<Full<Bytes>>>| {
        let (size, text) = (request.body().size_hint(), request.into_body().collect().await?.to_bytes());
        assert_eq!(size.exact(), Some(text.len() as u64));
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::from(text)))
    };
    let service = ServiceBuilder::new().layer(layer).layer(RequestBodyLayer).service(service_fn(read));
    let request = Request::new(Full::from("12345"));
    let response = service.oneshot(request).await.expect("the service does not fail");
    assert_eq!(response.into_body().collect().await.expect("a body").to_bytes(), "12345");
    assert_eq!(value(&registry, &format!("http_request_body_size_bytes_sum{LABELS}")), 5.0);
    assert_eq!(response_sizes(&registry, "GET"), (1.0, 5.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_shows_requests_in_flight() {
    let (registry, layer) = instruments_of(&everything());
    let (stay, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, enter) = (stay.clone(), entered.clone());
    let wait = async move || {
        enter.notify_one();
        inside.notified().await;
    };
    let app = layer.install(Router::new().route("/wait", get(wait)));
    let running = tokio::spawn(app.oneshot(request("GET", "/wait")));
    entered.notified().await;
    let gauge = || value(&registry, r#"http_requests_in_flight{method="GET",endpoint="/wait"}"#);
    assert_eq!(gauge(), 1.0);
    stay.notify_one();
    running.await.expect("no panic").expect("routers do not fail");
    eventually("it is over", || gauge() == 0.0 && requests(&registry, "GET", "/wait", "200") == 1).await;
}

#[test]
fn totals_are_exact_if_a_family_is_full_or_has_extracted_labels() {
    let with_label = everything().request_label("plan", 1, |_| Some("free".into()));
    let with_route = everything().route(|_| Some("/extracted".into()));
    let overflow = r#"{method="GET",endpoint="_overflow"}"#;
    for (http, room, gauge) in [(everything(), 0, LABELS), (with_label, 0, LABELS), (with_route, 0, overflow)] {
        let (registry, layer) = instruments_of(&http);
        registry.set_series_limit(room);
        let gauge = || value(&registry, &format!("http_requests_in_flight{gauge}"));
        for round in 1..4 {
            let mut body = answer(&layer, "GET", http::Response::new(Script::new([Step::Data("1")]))).into_body();
            assert_eq!(step(&mut body), Polled::Frame);
            assert_eq!((gauge(), all_requests(&registry)), (1.0, round - 1));
            drop(body);
            assert_eq!((gauge(), all_requests(&registry)), (0.0, round));
        }
        let all = ["http_response_body_size_bytes_count{", "http_server_request_duration_seconds_count{"];
        assert!(all.iter().all(|metric| sum(&registry, metric) == 3), "{}", registry.render());
        assert_eq!(sum(&registry, "http_responses_aborted_total{"), 3);
    }
}

/// The behavior of one request.
#[derive(Clone, Debug)]
enum Ending {
    NeverPolled,
    Waiting(usize),
    Failing,
    Panicking,
    Answered { status: u16, steps: Vec<Step>, sized: bool, polls: usize },
}

fn endings() -> impl Strategy<Value = Ending> {
    let any_step = proptest::sample::select(vec![
        Step::Data("a"),
        Step::Data("bcd"),
        Step::Wait,
        Step::Trailers,
        Step::Stall,
        Step::Error,
        Step::Panic,
    ]);
    let status = proptest::sample::select(vec![101_u16, 103, 200, 204, 304, 404, 500, 599, 999]);
    prop_oneof![
        Just(Ending::NeverPolled),
        (1usize..3).prop_map(Ending::Waiting),
        Just(Ending::Failing),
        Just(Ending::Panicking),
        (status, proptest::collection::vec(any_step, 0..5), any::<bool>(), 0usize..7)
            .prop_map(|(status, steps, sized, polls)| Ending::Answered { status, steps, sized, polls }),
    ]
}

/// Runs a request up to the last poll of its future or body, and returns what is still held of it.
fn begin(layer: &HttpLayer, ending: &Ending) -> Box<dyn std::any::Any> {
    let response = |status: u16, steps: &[Step], sized: bool| {
        let mut response = http::Response::new(Script { sized, ..Script::new(steps.iter().copied()) });
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        response
    };
    match ending {
        Ending::NeverPolled | Ending::Waiting(_) => {
            let mut service = layer.layer(service_fn(|_| pending::<Result<Response, Infallible>>()));
            let mut future = Box::pin(service.call(request("GET", "/")));
            if let Ending::Waiting(polls) = ending {
                (0..*polls).for_each(|_| assert!(poll_once(future.as_mut()).is_pending()));
            }
            Box::new(future)
        }
        Ending::Failing => {
            let mut service = layer.layer(service_fn(|_| ready(Err::<Response, _>("refused"))));
            let mut future = Box::pin(service.call(request("GET", "/")));
            assert!(poll_once(future.as_mut()).is_ready());
            Box::new(future)
        }
        Ending::Panicking => {
            let mut service = layer.layer(service_fn(|_| async { panic!("scripted") as Result<Response, Infallible> }));
            let mut future = Box::pin(service.call(request("GET", "/")));
            assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()).is_ready())).is_err());
            Box::new(future)
        }
        Ending::Answered { status, steps, sized, polls } => {
            let mut body = answer(layer, "GET", response(*status, steps, *sized)).into_body();
            for _ in 0..*polls {
                if matches!(step(&mut body), Polled::End | Polled::Error | Polled::Panic) {
                    break;
                }
            }
            Box::new(body)
        }
    }
}

proptest! {
    #[test]
    fn started_requests_equal_finished_ones_plus_those_in_flight(endings in proptest::collection::vec(endings(), 0..12)) {
        let (registry, layer) = instruments_of(&everything());
        let mut held = Vec::new();
        for (started, ending) in endings.iter().enumerate() {
            held.push(begin(&layer, ending));
            let (finished, open) = (all_requests(&registry), in_flight(&registry));
            prop_assert_eq!((started + 1) as f64, finished as f64 + open, "after {:?}", ending);
        }
        // They end in another order than they began.
        while !held.is_empty() {
            drop(held.swap_remove(held.len() / 2));
            let (finished, open) = (all_requests(&registry), in_flight(&registry));
            prop_assert_eq!(endings.len() as f64, finished as f64 + open);
        }
        prop_assert_eq!(in_flight(&registry), 0.0);
        let upgrades = endings.iter().filter(|ending| matches!(ending, Ending::Answered { status: 101, .. })).count();
        prop_assert_eq!(value(&registry, &format!("http_upgrades_total{LABELS}")), upgrades as f64);
        // One observation for each request that is not an upgrade.
        prop_assert_eq!(response_sizes(&registry, "GET").0, (endings.len() - upgrades) as f64);
        prop_assert_eq!(sum(&registry, "http_server_request_duration_seconds_count"), (endings.len() - upgrades) as u64);
    }
}
