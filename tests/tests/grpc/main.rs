//! gRPC servers and clients over sockets: each call that starts is handled once, with the code that the client saw.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "the values are counts")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod documents;
mod functions;
mod load;
mod opentelemetry;
mod shop;

use std::future::ready;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use metrics_runtime::Registry;
use metrics_runtime::grpc::{Grpc, GrpcLayer, MethodKind};
use metrics_runtime::http::Http;
use shop::{Shop, of_a_stranger, serve, serve_within, with_methods};
use tests::page::{Page, Sample};
use tests::server::free_address;
use tonic::body::Body;
use tonic::{Code, Request, Status};
use tower::{Layer as _, Service as _, service_fn};

/// A server and a client, each with its metrics.
struct Calls {
    server: Registry,
    client: Registry,
    shop: Shop,
}

impl Calls {
    async fn new() -> Self {
        let (server, client) = (Registry::new(), Registry::new());
        let address = serve(layer(Grpc::server(), &server)).await;
        let shop = Shop::at(address, layer(Grpc::client(), &client));
        Self { server, client, shop }
    }

    /// Returns the calls of a method that the server has handled with this code.
    fn served(&self, method: &str, code: &str) -> f64 {
        handled(&self.server, "server", method, code)
    }

    /// Returns the calls of a method that have ended for the client with this code.
    fn ended(&self, method: &str, code: &str) -> f64 {
        handled(&self.client, "client", method, code)
    }

    fn messages(&self, method: &str) -> [f64; 4] {
        let of = |registry: &Registry, name: &str| sum(registry, name, &[("grpc_method", method)]);
        [
            of(&self.client, "grpc_client_msg_sent_total"),
            of(&self.server, "grpc_server_msg_received_total"),
            of(&self.server, "grpc_server_msg_sent_total"),
            of(&self.client, "grpc_client_msg_received_total"),
        ]
    }
}

fn layer(grpc: Grpc, registry: &Registry) -> GrpcLayer {
    with_methods(grpc).layer(registry).expect("the settings are valid")
}

/// Returns the sum of the samples that have these labels.
fn sum(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    let page = page(registry);
    let samples = page.samples().filter(|sample| sample.name == name);
    let has =
        |sample: &Sample, (name, value): &(&str, &str)| sample.labels.get(*name).is_some_and(|found| found == value);
    samples.filter(|sample| labels.iter().all(|label| has(sample, label))).map(|sample| sample.value).sum()
}

fn page(registry: &Registry) -> Page {
    Page::parse_text(&registry.render()).expect("the page is valid")
}

/// Waits for what the server does after the client has its answer.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(tests::wait::DEADLINE, wait).await.expect("the condition holds in the end");
}

fn handled(registry: &Registry, side: &str, method: &str, code: &str) -> f64 {
    sum(registry, &format!("grpc_{side}_handled_total"), &[("grpc_method", method), ("grpc_code", code)])
}

#[tokio::test]
async fn a_unary_call_is_counted_with_its_code() {
    let calls = Calls::new().await;
    assert_eq!(calls.shop.place("tea").await.unwrap(), "tea");
    assert_eq!(calls.shop.place("not_found").await.unwrap_err().code(), Code::NotFound);
    for code in ["OK", "NotFound"] {
        assert_eq!((calls.served("Place", code), calls.ended("Place", code)), (1.0, 1.0), "{code}");
    }
    // An error has no message.
    assert_eq!(calls.messages("Place"), [2.0, 2.0, 1.0, 1.0]);
    let labels = [("grpc_type", "unary"), ("grpc_service", "shop.Orders"), ("grpc_method", "Place")];
    assert_eq!(sum(&calls.server, "grpc_server_started_total", &labels), 2.0);
    assert_eq!(sum(&calls.client, "grpc_client_handling_seconds_count", &labels), 2.0);
}

#[tokio::test]
async fn streams_count_their_messages() {
    let calls = Calls::new().await;
    assert_eq!(calls.shop.upload(&["a", "b", "c"]).await.unwrap(), "abc");
    assert_eq!(calls.messages("Upload"), [3.0, 3.0, 1.0, 1.0]);
    assert_eq!(calls.shop.watch("1 2 3 4").await.unwrap().count().await, 4);
    assert_eq!(calls.messages("Watch"), [1.0, 1.0, 4.0, 4.0]);
    assert_eq!(calls.shop.chat(&["x", "y"]).await.unwrap().count().await, 2);
    assert_eq!(calls.messages("Chat"), [2.0, 2.0, 2.0, 2.0]);
    for method in ["Upload", "Watch", "Chat"] {
        assert_eq!((calls.served(method, "OK"), calls.ended(method, "OK")), (1.0, 1.0), "{method}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_has_the_code_of_its_trailers() {
    let calls = Calls::new().await;
    let answers: Vec<_> = calls.shop.watch("1 2 not_found 4").await.unwrap().collect().await;
    assert_eq!(answers.len(), 3);
    assert_eq!((calls.served("Watch", "NotFound"), calls.ended("Watch", "NotFound")), (1.0, 1.0));
    assert_eq!(calls.messages("Watch"), [1.0, 1.0, 2.0, 2.0]);
}

#[tokio::test]
async fn a_stream_that_the_client_drops_is_cancelled() {
    let calls = Calls::new().await;
    let mut answers = calls.shop.watch("1 hang").await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), "1");
    drop(answers);
    assert_eq!(calls.ended("Watch", "Canceled"), 1.0);
    until(|| calls.served("Watch", "Canceled") == 1.0).await;
    // Before the response.
    tokio::select! {
        _ = calls.shop.place("hang") => unreachable!("it hangs"),
        () = until(|| calls.messages("Place")[1] == 1.0) => {}
    }
    assert_eq!(calls.ended("Place", "Canceled"), 1.0);
    until(|| calls.served("Place", "Canceled") == 1.0).await;
}

#[tokio::test]
async fn a_call_that_the_client_resets_before_its_message_is_cancelled() {
    let server = Registry::new();
    let address = serve(layer(Grpc::server(), &server)).await;
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    for (i, (method, expected)) in
        [("Place", "Canceled"), ("Watch", "Canceled"), ("Place", "Internal")].into_iter().enumerate()
    {
        let request = http::Request::post(format!("http://{address}/shop.Orders/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        until(|| sum(&server, "grpc_server_started_total", &[]) == (i + 1) as f64).await;
        if expected == "Canceled" {
            body.send_reset(h2::Reason::CANCEL);
        } else {
            // A client that waits for the answer gets an error.
            body.send_data(tonic::codegen::Bytes::new(), true).unwrap();
            assert_eq!(answer.await.unwrap().headers()["grpc-status"], "13");
        }
        until(|| sum(&server, "grpc_server_handled_total", &[]) == (i + 1) as f64).await;
        assert!(handled(&server, "server", method, expected) > 0.0, "{method} {expected}");
    }
}

#[tokio::test]
async fn an_abort_is_counted_once_in_each_kind_of_call() {
    let calls = Calls::new().await;
    // Each call has reached the server, and nothing comes back.
    for method in ["Place", "Upload", "Watch", "Chat"] {
        let shop = calls.shop.clone();
        let call = tokio::spawn(async move {
            match method {
                "Place" => drop(shop.place("hang").await),
                "Upload" => drop(shop.upload_all(stream::iter(["a".to_owned()]).chain(stream::pending())).await),
                "Watch" => drop(shop.watch("hang").await.unwrap().next().await),
                _ => drop(shop.chat(&["hang"]).await.unwrap().next().await),
            }
        });
        until(|| calls.messages(method)[1] == 1.0).await;
        call.abort();
        call.await.unwrap_err();
        assert_eq!(calls.ended(method, "Canceled"), 1.0, "{method}");
        until(|| calls.served(method, "Canceled") == 1.0).await;
    }
    // Within the stream of answers.
    let mut answers = calls.shop.chat(&["a", "hang"]).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), "a");
    drop(answers);
    assert_eq!(calls.ended("Chat", "Canceled"), 2.0);
    until(|| calls.served("Chat", "Canceled") == 2.0).await;
    for (registry, side) in [(&calls.server, "server"), (&calls.client, "client")] {
        let totals = ["started_total", "handled_total", "handling_seconds_count"];
        assert_eq!(totals.map(|name| sum(registry, &format!("grpc_{side}_{name}"), &[])), [5.0; 3], "{side}");
    }
}

#[tokio::test]
async fn a_response_that_has_only_trailers_has_their_code() {
    let registry = Registry::new();
    // tonic writes the code into the head.
    let refuse = service_fn(async |_| Ok::<_, Status>(Status::resource_exhausted("no more").into_http::<Body>()));
    let mut service = layer(Grpc::server(), &registry).layer(refuse);
    let request = http::Request::post("/shop.Orders/Watch").header("content-type", "application/grpc");
    let response = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
    assert!(response.body().is_end_stream());
    assert_eq!(handled(&registry, "server", "Watch", "ResourceExhausted"), 1.0);
    drop(response);
    assert_eq!(sum(&registry, "grpc_server_handled_total", &[]), 1.0);
}

#[tokio::test]
async fn a_call_after_its_deadline_has_exceeded_it() {
    let mut deadline = Duration::from_millis(30);
    // On a busy machine, the head of a response may be later than a short deadline.
    let (calls, mut answers) = loop {
        let mut calls = Calls::new().await;
        calls.shop.deadline = Some(deadline);
        match calls.shop.watch("1 hang").await {
            Ok(answers) => break (calls, answers),
            Err(_) => deadline *= 2,
        }
    };
    calls.shop.place("hang").await.unwrap_err();
    assert_eq!(calls.ended("Place", "DeadlineExceeded"), 1.0);
    assert_eq!(answers.next().await.unwrap().unwrap(), "1");
    tokio::time::sleep(deadline + deadline / 4).await;
    drop(answers);
    until(|| calls.served("Watch", "DeadlineExceeded") == 1.0).await;
    // The clock of the client starts earlier, so the server may hear of the end before its own has reached the deadline,
    // or not hear of the call at all.
    let started = || sum(&calls.server, "grpc_server_started_total", &[("grpc_method", "Place")]);
    until(|| calls.served("Place", "DeadlineExceeded") + calls.served("Place", "Canceled") == started()).await;
}

#[tokio::test]
async fn a_server_call_that_is_dropped_after_its_deadline_has_exceeded_it() {
    for (timeout, code) in [("1m", "DeadlineExceeded"), ("1H", "Canceled")] {
        let registry = Registry::new();
        let never = service_fn(async |_| std::future::pending::<Result<http::Response<Body>, Status>>().await);
        let mut service = layer(Grpc::server(), &registry).layer(never);
        let request = http::Request::post("/shop.Orders/Place").header("content-type", "application/grpc");
        let call = service.call(request.header("grpc-timeout", timeout).body(Body::empty()).unwrap());
        tokio::time::timeout(Duration::from_millis(5), call).await.unwrap_err();
        assert_eq!(handled(&registry, "server", "Place", code), 1.0, "{timeout}");
    }
}

#[tokio::test]
async fn a_response_without_a_code_has_that_of_its_http_status() {
    // An HTTP server polls no body again that has reported its end, and drops it.
    for (status, code) in [(503, "Unavailable"), (404, "Unimplemented"), (200, "Unknown")] {
        for text in ["", "overloaded"] {
            let registry = Registry::new();
            let refuse = service_fn(move |_| {
                let response = http::Response::builder().status(status).body(text.to_owned()).unwrap();
                ready(Ok::<_, Status>(response))
            });
            let mut service = layer(Grpc::server(), &registry).layer(refuse);
            let request = http::Request::post("/shop.Orders/Place").header("content-type", "application/grpc");
            let mut body = service.call(request.body(Body::empty()).unwrap()).await.unwrap().into_body();
            while !body.is_end_stream() {
                body.frame().await.unwrap().unwrap();
            }
            drop(body);
            assert_eq!(handled(&registry, "server", "Place", code), 1.0, "{status} {text:?}");
            assert_eq!(sum(&registry, "grpc_server_handled_total", &[]), 1.0, "{status} {text:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_grpc_passes_unchanged() {
    let registry = Registry::new();
    let refuse = service_fn(async |_| Err::<http::Response<Body>, _>(Wrapped(Status::not_found("no page"))));
    let mut service = layer(Grpc::server(), &registry).layer(refuse);
    let error = service.call(http::Request::get("/page").body(Body::empty()).unwrap()).await.unwrap_err();
    assert!(error.is::<Wrapped>(), "{error:?}");
    assert_eq!(sum(&registry, "grpc_server_started_total", &[]), 0.0);
}

/// An error with a status as its source.
#[derive(Debug)]
struct Wrapped(Status);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the page is missing")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_the_server() {
    let calls = Calls::new().await;
    calls.shop.place("panic").await.unwrap_err();
    until(|| calls.served("Place", "Internal") == 1.0).await;
    // The stream has begun.
    drop(calls.shop.watch("1 panic").await.unwrap().collect::<Vec<_>>().await);
    until(|| calls.served("Watch", "Internal") == 1.0).await;
}

#[tokio::test]
async fn a_rejection_by_an_interceptor_is_counted() {
    let calls = Calls::new().await;
    let rejected = calls.shop.call("/shop.Orders/Place", of_a_stranger("tea")).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unauthenticated);
    assert_eq!((calls.served("Place", "Unauthenticated"), calls.ended("Place", "Unauthenticated")), (1.0, 1.0));
}

#[tokio::test]
async fn unknown_methods_share_one_series() {
    let calls = Calls::new().await;
    let before = page(&calls.server).samples().count();
    for number in 0..500 {
        let (service, method) = if number % 2 == 0 {
            ("shop.Orders".to_owned(), format!("M{number}"))
        } else {
            (format!("s{number}"), "Place".to_owned())
        };
        let request = Request::new(String::new());
        let error = calls.shop.call(&format!("/{service}/{method}"), request).await.unwrap_err();
        assert_eq!(error.code(), Code::Unimplemented);
    }
    assert_eq!(calls.served("unknown", "Unimplemented"), 500.0);
    assert_eq!(calls.ended("unknown", "Unimplemented"), 500.0);
    let unknown = [("grpc_type", "unknown"), ("grpc_service", "unknown")];
    assert_eq!(sum(&calls.server, "grpc_server_started_total", &unknown), 500.0);
    let added = page(&calls.server).samples().count() - before;
    // Three counters, the code, and the 11 buckets, sum and count of the duration.
    assert!(added <= 3 + 1 + 14, "{added} more samples");
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let client = Registry::new();
    let address = free_address();
    let shop = Shop::at(address, layer(Grpc::client(), &client));
    assert_eq!(shop.place("tea").await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(handled(&client, "client", "Place", "Unavailable"), 1.0);
}

#[tokio::test]
async fn the_health_service_is_known() {
    let calls = Calls::new().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(calls.shop.channel());
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    let mut watched = health.watch(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner();
    watched.next().await.unwrap().unwrap();
    drop(watched);
    assert_eq!(calls.served("Check", "OK"), 1.0);
    until(|| calls.served("Watch", "Canceled") == 1.0).await;
}

#[tokio::test]
async fn the_reflection_service_is_known() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let calls = Calls::new().await;
    let mut reflection = ServerReflectionClient::new(calls.shop.channel());
    let services = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(services) };
    let mut answers = reflection.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    assert!(matches!(answer.message_response, Some(MessageResponse::ListServicesResponse(_))), "{answer:?}");
    assert!(answers.next().await.is_none());
    let labels = [("grpc_type", "bidi_stream"), ("grpc_service", "grpc.reflection.v1.ServerReflection")];
    assert_eq!(sum(&calls.server, "grpc_server_handled_total", &labels), 1.0);
    assert_eq!(calls.messages("ServerReflectionInfo"), [1.0; 4]);
    assert_eq!(calls.served("ServerReflectionInfo", "OK"), 1.0);
}

#[test]
fn the_methods_of_descriptors_are_known() {
    let registry = Registry::new();
    let descriptors = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;
    Grpc::server().descriptors(descriptors).layer(&registry).unwrap();
    let labels = [("grpc_type", "bidi_stream"), ("grpc_method", "ServerReflectionInfo")];
    let page = page(&registry);
    let started: Vec<_> = page.samples().filter(|sample| sample.name == "grpc_server_started_total").collect();
    assert_eq!(started.len(), 1);
    assert!(labels.iter().all(|(name, value)| started[0].labels[*name] == *value), "{:?}", started[0].labels);
}

#[tokio::test]
async fn a_call_is_not_counted_as_an_http_request_too() {
    for with_http in [false, true] {
        let registry = Registry::new();
        let grpc = with_methods(Grpc::server().with_http(with_http)).layer(&registry).unwrap();
        let address = serve_within(Http::new().layer(&registry).unwrap(), grpc).await;
        let shop = Shop::at(address, GrpcLayer::disabled());
        shop.place("tea").await.unwrap();
        shop.place("not_found").await.unwrap_err();
        shop.watch("1 2").await.unwrap().count().await;
        assert_eq!(sum(&registry, "grpc_server_handled_total", &[]), 3.0);
        let expected = if with_http { 3.0 } else { 0.0 };
        assert_eq!(sum(&registry, "http_requests_total", &[]), expected, "with_http: {with_http}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_starts_is_handled_once() {
    let calls = Calls::new().await;
    let tasks = (0..8).map(|client| {
        let shop = calls.shop.clone();
        tokio::spawn(async move {
            for call in 0..100 {
                match (client + call) % 4 {
                    0 => drop(shop.place("tea").await),
                    1 => drop(shop.place("not_found").await),
                    2 => drop(shop.chat(&["a", "b", "c"]).await.unwrap().next().await),
                    _ => drop(shop.watch("1 2 3").await.unwrap().collect::<Vec<_>>().await),
                }
            }
        })
    });
    futures::future::join_all(tasks).await;
    assert_eq!(sum(&calls.client, "grpc_client_started_total", &[]), 800.0);
    assert_eq!(sum(&calls.client, "grpc_client_handled_total", &[]), 800.0);
    until(|| sum(&calls.server, "grpc_server_handled_total", &[]) == 800.0).await;
    assert_eq!(sum(&calls.server, "grpc_server_started_total", &[]), 800.0);
    for (method, code, expected) in [("Place", "OK", 200.0), ("Place", "NotFound", 200.0), ("Watch", "OK", 200.0)] {
        assert_eq!((calls.served(method, code), calls.ended(method, code)), (expected, expected), "{method} {code}");
    }
}

#[test]
fn mistakes_in_the_settings_are_errors() {
    let error = |grpc: Grpc| grpc.layer(&Registry::new()).unwrap_err().to_string();
    assert!(error(Grpc::server()).starts_with("found no method; name the methods"));
    assert!(error(Grpc::server().descriptors(b"proto".as_slice())).starts_with("the descriptors cannot be read"));
    assert!(error(Grpc::server().method("shop", MethodKind::Unary)).starts_with("found the path `shop`"));
    let twice = Grpc::client().method("/a.B/C", MethodKind::Unary).method("/a.B/C", MethodKind::BidiStream);
    assert_eq!(error(twice), "`/a.B/C` is unary and bidi_stream; a method has one kind");
    assert!(error(with_methods(Grpc::server()).buckets(&[2.0, 1.0])).contains("bucket"));
}
