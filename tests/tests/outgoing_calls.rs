//! The layer for outgoing requests, with the clients of hyper-util and reqwest, over sockets.
#![allow(clippy::float_cmp, reason = "the tests compare exact numbers")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::join_all;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, Settings};
use metrics_runtime::client::{
    Attempts, Cause, Client, ClientError, ClientLayer, ClientMetric, ClientService, ResponseBody,
};
use metrics_runtime::{Metrics, Registry};
use tests::page::{Page, Sample};
use tests::server::free_address;
use tests::wait::DEADLINE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Hyper = ClientService<HyperClient<HttpConnector, Full<Bytes>>>;
type Reqwest = ClientService<reqwest::Client>;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A registry with the metrics of the upstream `ryot`.
struct Recorded {
    registry: Registry,
    layer: ClientLayer,
}

impl Recorded {
    fn new(client: &Client) -> Self {
        let registry = Registry::new();
        let layer = client.layer("ryot", &registry).expect("the settings are valid");
        Self { registry, layer }
    }

    fn everything() -> Self {
        Self::new(&ClientMetric::ALL.iter().copied().fold(Client::new(), Client::with))
    }

    fn hyper(&self) -> Hyper {
        self.layer.layer(HyperClient::builder(TokioExecutor::new()).build_http())
    }

    fn reqwest(&self) -> Reqwest {
        self.reqwest_of(reqwest::Client::builder())
    }

    fn reqwest_of(&self, builder: reqwest::ClientBuilder) -> Reqwest {
        self.layer.layer(builder.no_proxy().build().expect("a client"))
    }

    fn page(&self) -> Page {
        Page::parse_text(&self.registry.render()).expect("a valid page")
    }

    /// Returns the sum of all series of a metric with these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let page = self.page();
        let has = |sample: &&Sample, (name, value): &(&str, &str)| {
            sample.labels.get(*name).is_some_and(|found| found == value)
        };
        let series =
            page.samples().filter(|sample| sample.name == name && labels.iter().all(|label| has(sample, label)));
        series.map(|sample| sample.value).sum()
    }

    fn requests(&self, status: &str) -> f64 {
        self.sum("http_client_requests_total", &[("status", status)])
    }

    fn errors(&self, cause: &str) -> f64 {
        self.sum("http_client_errors_total", &[("cause", cause)])
    }

    /// Checks that exactly these requests and errors were counted, that nothing is in flight, and the number of
    /// durations.
    #[track_caller]
    fn expect(&self, requests: &[(&str, u32)], errors: &[(&str, u32)], durations: u32) {
        for (name, label, expected) in
            [("http_client_requests_total", "status", requests), ("http_client_errors_total", "cause", errors)]
        {
            let all: u32 = expected.iter().map(|(_, count)| count).sum();
            assert_eq!(self.sum(name, &[]), f64::from(all), "{name}: {}", self.registry.render());
            for (value, count) in expected {
                assert_eq!(self.sum(name, &[(label, value)]), f64::from(*count), "{name}, {value}");
            }
        }
        assert_eq!(self.sum("http_client_request_duration_seconds_count", &[]), f64::from(durations), "durations");
        assert_eq!(self.sum("http_client_requests_in_flight", &[]), 0.0, "in flight");
    }
}

/// The answer of a server to a connection of which it has read the head of a request.
#[derive(Clone)]
enum Answer {
    /// Sends this, and closes the connection.
    Bytes(Vec<u8>),
    /// Sends this, and resets the connection.
    Reset(Vec<u8>),
    /// Sends this, and then nothing.
    Hang(Vec<u8>),
}

fn sends(text: &str) -> Answer {
    Answer::Bytes(text.into())
}

/// Starts a server that gives the answers one after the other, and the last one again.
async fn serve(answers: Vec<Answer>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answers.next().expect("an answer");
            if answers.peek().is_none() {
                answers = vec![answer.clone()].into_iter().peekable();
            }
            tokio::spawn(give(stream, answer));
        }
    });
    address
}

async fn give(mut stream: TcpStream, answer: Answer) {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => head.extend_from_slice(&buffer[..bytes]),
        }
    }
    let (Answer::Bytes(bytes) | Answer::Reset(bytes) | Answer::Hang(bytes)) = &answer;
    if stream.write_all(bytes).await.is_err() {
        return;
    }
    match answer {
        Answer::Bytes(_) => drop(stream.shutdown().await),
        Answer::Reset(_) => stream.set_zero_linger().expect("a socket"),
        Answer::Hang(_) => drop(stream.read_to_end(&mut Vec::new()).await),
    }
}

fn request(method: &str, address: SocketAddr) -> Request<Full<Bytes>> {
    let uri = format!("http://{address}/v1/secret-path?secret=query");
    Request::builder().method(method).uri(uri).body(Full::default()).expect("a request")
}

fn reqwest_get(address: SocketAddr) -> reqwest::Request {
    let url = format!("http://{address}/v1/secret-path?secret=query");
    reqwest::Request::new(Method::GET, url.parse().expect("a URL"))
}

/// Sends a request and reads the response to its end.
async fn fetch<S, B, E>(client: &mut S, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = E>,
    B: Body<Error: std::fmt::Debug>,
    E: std::fmt::Debug,
{
    let response = client.call(request).await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?;
    Ok((status, body.to_bytes()))
}

/// Resolves when nobody waits for time any more, so that a test does not depend on it.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

#[tokio::test]
async fn a_request_is_counted_by_upstream_method_and_class_of_status() {
    let recorded = Recorded::everything();
    let address = serve(vec![
        sends(OK),
        sends("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        sends("HTTP/1.1 503 Service Unavailable\r\n\r\nuntil the end"),
        sends("HTTP/1.1 799 Strange\r\ncontent-length: 0\r\n\r\n"),
        sends(OK),
    ])
    .await;
    let mut hyper = recorded.hyper();
    for (method, expected) in [("GET", 200), ("GET", 404), ("POST", 503), ("GET", 799), ("PROPFIND", 200)] {
        let (status, _) = fetch(&mut hyper, request(method, address)).await.expect("a response");
        assert_eq!(status.as_u16(), expected);
    }
    recorded.expect(&[("2xx", 2), ("4xx", 1), ("5xx", 2)], &[], 5);
    let page = recorded.page();
    let labels = |method, status| [("upstream", "ryot"), ("method", method), ("status", status)];
    assert_eq!(page.value("http_client_requests_total", labels("GET", "2xx")), 1.0);
    assert_eq!(page.value("http_client_requests_total", labels("POST", "5xx")), 1.0);
    assert_eq!(page.value("http_client_requests_total", labels("_OTHER", "2xx")), 1.0);
    assert_eq!(page.value("http_client_requests_total", labels("POST", "error")), 0.0, "known from the first request");
    assert_eq!(page.sample("http_client_requests_total", labels("GET", "1xx")), None, "cannot occur");
    assert_eq!(recorded.sum("http_client_response_first_byte_seconds_count", &[]), 5.0);
    assert_eq!(recorded.sum("http_client_response_body_size_bytes_sum", &[]), 5.0 + 13.0 + 5.0);
    let text = recorded.registry.render();
    for secret in ["127.0.0.1", "secret-path", "secret=query", "PROPFIND", &address.port().to_string()] {
        assert!(!text.contains(&format!("\"{secret}")) && !text.contains(&format!("{secret}\"")), "{secret}: {text}");
    }
}

#[tokio::test]
async fn responses_without_a_body_end_with_their_head() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![
        sends("HTTP/1.1 204 No Content\r\n\r\n"),
        sends("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        sends("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        sends("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
    ])
    .await;
    let mut hyper = recorded.hyper();
    let mut kept = Vec::new();
    for method in ["GET", "HEAD", "GET", "GET"] {
        kept.push(hyper.call(request(method, address)).await.expect("a response"));
    }
    recorded.expect(&[("2xx", 3), ("3xx", 1)], &[], 4);
    drop(kept);
    recorded.expect(&[("2xx", 3), ("3xx", 1)], &[], 4);
}

#[tokio::test]
async fn a_server_that_refuses_is_a_connect_error() {
    let recorded = Recorded::new(&Client::new());
    let address = free_address();
    fetch(&mut recorded.hyper(), request("GET", address)).await.expect_err("nobody listens");
    let error = recorded.reqwest().call(reqwest_get(address)).await.expect_err("nobody listens");
    assert!(error.is_connect());
    recorded.expect(&[("error", 2)], &[("connect", 2)], 2);
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout_of_the_client_or_cancelled_by_the_caller() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![Answer::Hang(Vec::new())]).await;
    let short = Duration::from_millis(20);
    let mut reqwest = recorded.reqwest_of(reqwest::Client::builder().timeout(short));
    assert!(reqwest.call(reqwest_get(address)).await.expect_err("it hangs").is_timeout());
    recorded.expect(&[("error", 1)], &[("timeout", 1)], 1);
    timeout(short, recorded.hyper().call(request("GET", address))).await.expect_err("it hangs");
    recorded.expect(&[("error", 1), ("cancelled", 1)], &[("timeout", 1), ("cancelled", 1)], 1);
    // A timeout inside of the layer, whose errors are boxed.
    let layer = recorded.layer.clone().error_cause(|error: &BoxError| {
        if error.is::<tower::timeout::error::Elapsed>() { Cause::Timeout } else { Cause::of(&**error) }
    });
    let inner = HyperClient::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut limited = ServiceBuilder::new().layer(layer).timeout(short).service(inner);
    limited.call(request("GET", address)).await.expect_err("it hangs");
    recorded.expect(&[("error", 2), ("cancelled", 1)], &[("timeout", 2), ("cancelled", 1)], 2);
}

#[tokio::test]
async fn a_server_that_hangs_in_the_body_has_its_status_and_a_cause() {
    let recorded = Recorded::new(&Client::new());
    let half = Answer::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel".to_vec());
    let address = serve(vec![half]).await;
    // On a busy machine, the head may take longer than the timeout too.
    let mut late = 0;
    let response = loop {
        let patience = Duration::from_millis(50 << late);
        let mut reqwest = recorded.reqwest_of(reqwest::Client::builder().read_timeout(patience));
        match reqwest.call(reqwest_get(address)).await {
            Ok(response) => break response,
            Err(error) => assert!(error.is_timeout(), "{error:?}"),
        }
        late += 1;
    };
    let error = response.bytes().await.expect_err("the body hangs");
    assert!(error.is_timeout(), "{error:?}");
    recorded.expect(&[("2xx", 1), ("error", late)], &[("timeout", late + 1)], late + 1);
    let mut body = recorded.hyper().call(request("GET", address)).await.expect("a head").into_body();
    assert_eq!(body.frame().await.expect("a frame").expect("data").into_data().ok(), Some(Bytes::from("hel")));
    assert_eq!(recorded.sum("http_client_requests_in_flight", &[]), 1.0);
    drop(body);
    recorded.expect(&[("2xx", 2), ("error", late)], &[("timeout", late + 1), ("cancelled", 1)], late + 1);
}

#[tokio::test]
async fn a_response_that_is_dropped_unread_is_complete() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![sends(OK)]).await;
    drop(recorded.hyper().call(request("GET", address)).await.expect("a head"));
    drop(recorded.reqwest().call(reqwest_get(address)).await.expect("a head"));
    recorded.expect(&[("2xx", 2)], &[], 2);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_decode_error() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![
        sends("220 mail.example.org ESMTP\r\n\r\n"),
        sends("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n"),
    ])
    .await;
    let mut hyper = recorded.hyper();
    fetch(&mut hyper, request("GET", address)).await.expect_err("it is not HTTP");
    recorded.expect(&[("error", 1)], &[("decode", 1)], 1);
    fetch(&mut hyper, request("GET", address)).await.expect_err("it is not a chunk");
    recorded.expect(&[("error", 1), ("2xx", 1)], &[("decode", 2)], 2);
}

#[tokio::test]
async fn an_error_of_the_request_body_is_not_one_of_the_upstream() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![Answer::Hang(Vec::new())]).await;
    let broken = futures::stream::once(ready(Err::<Frame<Bytes>, _>(std::io::Error::other("the file is gone"))));
    let eof = futures::stream::once(ready(Err::<Frame<Bytes>, _>(std::io::ErrorKind::UnexpectedEof.into())));
    for stream in [broken, eof] {
        let body = http_body_util::StreamBody::new(stream);
        let inner = HyperClient::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("http://{address}/")).body(body).expect("a request");
        recorded.layer.layer(inner).call(request).await.expect_err("the body fails");
    }
    recorded.expect(&[("error", 2)], &[("other", 2)], 2);
}

/// The state of a generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn resets_at_random_bytes_have_exact_totals_whatever_the_client_sees() {
    let recorded = Recorded::new(&Client::new());
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2000));
    let mut numbers = Numbers(7);
    let cut = |bytes: usize| whole.as_bytes()[..bytes].to_vec();
    let answers = (0..400).map(|i| match i % 4 {
        0 => Answer::Reset(cut(numbers.below(whole.len()))),
        1 => Answer::Bytes(cut(numbers.below(whole.len()))),
        2 => Answer::Reset(cut(numbers.below(60))),
        _ => Answer::Bytes(cut(whole.len())),
    });
    let address = serve(answers.collect()).await;
    let calls = (0..400).map(|i| {
        let (mut hyper, mut reqwest) = (recorded.hyper(), recorded.reqwest());
        tokio::spawn(async move {
            if i % 2 == 0 {
                let Ok(response) = hyper.call(request("GET", address)).await else { return "error" };
                if response.into_body().collect().await.is_ok() { "complete" } else { "cut" }
            } else {
                let Ok(response) = reqwest.call(reqwest_get(address)).await else { return "error" };
                if response.bytes().await.is_ok() { "complete" } else { "cut" }
            }
        })
    });
    let seen: Vec<_> = join_all(calls).await.into_iter().map(|call| call.expect("no panic")).collect();
    let count = |what| u32::try_from(seen.iter().filter(|seen| **seen == what).count()).expect("400");
    let (complete, cut, error) = (count("complete"), count("cut"), count("error"));
    assert!(complete >= 100 && cut > 0 && error > 0, "{complete} {cut} {error}");
    let failed = cut + error;
    recorded.expect(&[("2xx", complete + cut), ("error", error)], &[("reset", failed)], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_are_dropped_at_random_count_once_and_leave_nothing_in_flight() {
    let recorded = Recorded::everything();
    let address =
        serve(vec![sends(OK), Answer::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())]).await;
    let mut numbers = Numbers(3);
    let calls = (0..300).map(|_| {
        let (mut hyper, micros) = (recorded.hyper(), numbers.below(20_000));
        tokio::spawn(async move {
            let call = fetch(&mut hyper, request("GET", address));
            drop(timeout(Duration::from_micros(micros as u64 + 1), call).await);
        })
    });
    for call in join_all(calls).await {
        call.expect("no panic");
    }
    assert_eq!(recorded.requests("2xx") + recorded.requests("cancelled"), 300.0, "{}", recorded.registry.render());
    let complete = recorded.sum("http_client_request_duration_seconds_count", &[]);
    assert_eq!(recorded.errors("cancelled") + complete, 300.0);
    assert_eq!(recorded.sum("http_client_requests_in_flight", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn totals_are_exact_under_concurrency_and_keep_alive() {
    use axum::routing::{get, post};
    let app = axum::Router::new()
        .route("/ok", get(|| async { "hello" }))
        .route("/bad", post(|| async { (StatusCode::BAD_GATEWAY, "no") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let recorded = Recorded::everything();
    let (hyper, reqwest) = (recorded.hyper(), recorded.reqwest());
    let calls = (0..8).map(|_| {
        let (mut hyper, mut reqwest) = (hyper.clone(), reqwest.clone());
        tokio::spawn(async move {
            for _ in 0..100 {
                let ok = Request::get(format!("http://{address}/ok")).body(Full::default()).expect("a request");
                assert_eq!(fetch(&mut hyper, ok).await, Ok((StatusCode::OK, Bytes::from("hello"))));
                let mut bad =
                    reqwest::Request::new(Method::POST, format!("http://{address}/bad").parse().expect("a URL"));
                *bad.body_mut() = Some("1234567".into());
                let response = reqwest.call(bad).await.expect("a response");
                assert_eq!(
                    (response.status(), response.text().await.expect("a body")),
                    (StatusCode::BAD_GATEWAY, "no".into())
                );
            }
        })
    });
    for call in join_all(calls).await {
        call.expect("no panic");
    }
    recorded.expect(&[("2xx", 800), ("5xx", 800)], &[], 1600);
    assert_eq!(recorded.sum("http_client_request_body_size_bytes_sum", &[("method", "POST")]), 5600.0);
    assert_eq!(recorded.sum("http_client_request_body_size_bytes_count", &[("method", "GET")]), 800.0);
    assert_eq!(recorded.sum("http_client_response_body_size_bytes_sum", &[]), 800.0 * 7.0);
    assert_eq!(recorded.sum("http_client_response_first_byte_seconds_count", &[]), 1600.0);
}

#[tokio::test]
async fn http_2_is_recorded_like_http_1() {
    let app = axum::Router::new().route("/", axum::routing::any(|body: Bytes| async { body }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let recorded = Recorded::new(&Client::new());
    let inner = HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
    let client = recorded.layer.layer(inner);
    let calls = (0..50).map(|_| {
        let mut client = client.clone();
        let request = Request::post(format!("http://{address}/")).body(Full::from("echo")).expect("a request");
        async move { fetch(&mut client, request).await }
    });
    for answer in join_all(calls).await {
        assert_eq!(answer, Ok((StatusCode::OK, Bytes::from("echo"))));
    }
    recorded.expect(&[("2xx", 50)], &[], 50);
}

#[tokio::test]
async fn redirects_that_the_client_follows_are_one_request() {
    let recorded = Recorded::new(&Client::new());
    let target = serve(vec![sends(OK)]).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/there\r\ncontent-length: 0\r\n\r\n");
    let address = serve(vec![sends(&moved)]).await;
    let response = recorded.reqwest().call(reqwest_get(address)).await.expect("a response");
    assert_eq!(response.url().path(), "/there");
    assert_eq!(response.text().await.expect("a body"), "hello");
    recorded.expect(&[("2xx", 1)], &[], 1);
    assert_eq!(fetch(&mut recorded.hyper(), request("GET", address)).await.expect("a response").0, StatusCode::FOUND);
    recorded.expect(&[("2xx", 1), ("3xx", 1)], &[], 2);
    let around = serve(vec![sends("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")]).await;
    let error = recorded.reqwest().call(reqwest_get(around)).await.expect_err("it never ends");
    assert!(error.is_redirect());
    recorded.expect(&[("2xx", 1), ("3xx", 1), ("error", 1)], &[("other", 1)], 3);
}

#[tokio::test]
async fn a_response_of_reqwest_keeps_everything_that_it_had() {
    let recorded = Recorded::new(&Client::new());
    let address = serve(vec![sends("HTTP/1.1 200 OK\r\nx-name: value\r\ncontent-length: 5\r\n\r\nhello")]).await;
    let plain = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (mut expected, mut found) = (
        plain.execute(reqwest_get(address)).await.expect("a response"),
        recorded.reqwest().call(reqwest_get(address)).await.expect("a response"),
    );
    assert_eq!(found.url(), expected.url());
    assert_eq!(found.headers(), expected.headers());
    assert_eq!(found.content_length(), expected.content_length());
    assert_eq!(found.version(), expected.version());
    assert_eq!(found.remote_addr(), Some(address));
    assert_eq!(found.chunk().await.expect("a chunk"), expected.chunk().await.expect("a chunk"));
    assert_eq!(found.chunk().await.expect("the end"), None);
    recorded.expect(&[("2xx", 1)], &[], 1);
}

#[tokio::test]
async fn a_slow_answer_is_in_flight_until_the_end_of_its_body() {
    let recorded = Recorded::everything();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut hyper = recorded.hyper();
    let in_flight = || recorded.sum("http_client_requests_in_flight", &[]);
    let first_bytes = || recorded.sum("http_client_response_first_byte_seconds_count", &[]);
    let call = tokio::spawn(async move { fetch(&mut hyper, request("GET", address)).await });
    let (mut stream, _) = listener.accept().await.expect("a connection");
    until("the request to start", || in_flight() == 1.0).await;
    assert_eq!(first_bytes(), 0.0);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel").await.expect("the client reads");
    until("the head", || first_bytes() == 1.0).await;
    assert_eq!((in_flight(), recorded.requests("2xx")), (1.0, 0.0));
    stream.write_all(b"lo").await.expect("the client reads");
    assert_eq!(call.await.expect("no panic"), Ok((StatusCode::OK, Bytes::from("hello"))));
    recorded.expect(&[("2xx", 1)], &[], 1);
}

#[tokio::test]
async fn a_request_that_is_never_polled_counts_nothing() {
    let recorded = Recorded::new(&Client::new());
    drop(recorded.hyper().call(request("GET", free_address())));
    recorded.expect(&[], &[], 0);
}

/// A body that panics.
struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a body")
    }
}

#[tokio::test]
async fn panics_of_the_client_count_once_and_reach_the_caller() {
    let recorded = Recorded::new(&Client::new());
    let layer = &recorded.layer;
    let in_call = service_fn(|_: Request<Empty<Bytes>>| -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
        panic!("a call")
    });
    let in_future =
        service_fn(async |_: Request<Empty<Bytes>>| -> Result<Response<Empty<Bytes>>, Infallible> { panic!("a poll") });
    let in_body = service_fn(async |_: Request<Empty<Bytes>>| Ok::<_, Infallible>(Response::new(Panics)));
    let (mut call, mut future, mut body) = (layer.layer(in_call), layer.layer(in_future), layer.layer(in_body));
    let request = || Request::new(Empty::new());
    let panics = [
        tokio::spawn(async move { drop(call.call(request()).await) }).await,
        tokio::spawn(async move { drop(future.call(request()).await) }).await,
        tokio::spawn(async move { drop(body.call(request()).await.expect("a head").into_body().frame().await) }).await,
    ];
    assert!(panics.iter().all(|outcome| outcome.as_ref().is_err_and(tokio::task::JoinError::is_panic)));
    recorded.expect(&[("error", 2), ("2xx", 1)], &[("panic", 3)], 3);
}

#[tokio::test]
async fn a_panic_of_a_classification_stays_inside() {
    let recorded = Recorded::new(&Client::new());
    let layer = recorded.layer.clone().error_cause(|_: &hyper_util::client::legacy::Error| panic!("a classification"));
    let mut client = layer.layer(HyperClient::builder(TokioExecutor::new()).build_http());
    client.call(request("GET", free_address())).await.expect_err("nobody listens");
    recorded.expect(&[("error", 1)], &[("other", 1)], 1);
}

/// A policy that repeats a request until it has a response.
#[derive(Clone)]
struct Again;

impl<B, E> tower::retry::Policy<Request<Full<Bytes>>, Response<B>, E> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<Full<Bytes>>, result: &mut Result<Response<B>, E>) -> Option<Ready<()>> {
        result.is_err().then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retries_are_seen_by_the_extension_that_all_attempts_share() {
    let recorded = Recorded::everything();
    let address = serve(vec![Answer::Reset(Vec::new()), Answer::Reset(Vec::new()), sends(OK)]).await;
    let mut client = ServiceBuilder::new().retry(Again).service(recorded.hyper());
    let mut marked = request("GET", address);
    let attempts = Attempts::new();
    marked.extensions_mut().insert(attempts.clone());
    assert_eq!(fetch(&mut client, marked).await.expect("the third attempt").0, StatusCode::OK);
    recorded.expect(&[("2xx", 1), ("error", 2)], &[("reset", 2)], 3);
    assert_eq!(recorded.sum("http_client_retries_total", &[]), 2.0);
    assert_eq!(attempts.count(), 3);
    fetch(&mut client, request("GET", address)).await.expect("a response");
    assert_eq!(recorded.sum("http_client_retries_total", &[]), 2.0, "a request without the extension is a new one");
}

#[tokio::test]
async fn layers_of_one_upstream_share_their_series_and_other_upstreams_have_their_own() {
    let registry = Registry::new();
    let address = serve(vec![sends(OK)]).await;
    for upstream in ["ryot", "vault", "ryot"] {
        let layer = Client::new().layer(upstream, &registry).expect("a layer");
        let mut client = layer.layer(HyperClient::builder(TokioExecutor::new()).build_http());
        fetch(&mut client, request("GET", address)).await.expect("a response");
    }
    let page = Page::parse_text(&registry.render()).expect("a valid page");
    let count = |upstream| {
        page.value("http_client_requests_total", [("upstream", upstream), ("method", "GET"), ("status", "2xx")])
    };
    assert_eq!((count("ryot"), count("vault")), (2.0, 1.0));
}

#[tokio::test]
async fn metrics_that_are_switched_off_are_on_no_page() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).enabled(false).build().expect("metrics");
    let mut client = metrics.client_layer("ryot").expect("a layer").layer(recorded_by_nothing());
    client.call(Request::new(Empty::new())).await.expect("a response");
    assert!(matches!(metrics.client_layer(""), Err(ClientError::Upstream { .. })), "names are checked nevertheless");
    assert!(!registry.render().contains("http_client"));
    let settings = Client::new().without(ClientMetric::Duration).without(ClientMetric::InFlight);
    let metrics = Metrics::builder().registry(&registry).client(settings).build().expect("metrics");
    let mut client = metrics.client_layer("ryot").expect("a layer").layer(recorded_by_nothing());
    client.call(Request::new(Empty::new())).await.expect("a response");
    let page = Page::parse_text(&metrics.render()).expect("a valid page");
    let names: Vec<_> =
        page.names().into_iter().filter(|name| name.starts_with("http_client")).map(str::to_owned).collect();
    assert_eq!(names, ["http_client_errors_total", "http_client_requests_total"]);
}

fn recorded_by_nothing() -> tower::util::BoxCloneSyncService<Request<Empty<Bytes>>, Response<Empty<Bytes>>, Infallible>
{
    tower::util::BoxCloneSyncService::new(service_fn(async |_| Ok(Response::new(Empty::new()))))
}

#[test]
fn a_name_that_cannot_be_a_label_value_is_an_error_with_the_reason() {
    let registry = Registry::new();
    let error = |name: &str| Client::new().layer(name.to_owned(), &registry).expect_err("not a name").to_string();
    assert_eq!(
        error(""),
        "\"\" is not the name of an upstream: it is empty; give it the name of its circuit breaker, such as `ryot`"
    );
    assert!(error("_overflow").contains("reserved"));
    assert!(error(&"x".repeat(2000)).contains("it has 2000 bytes; at most 1024 are allowed"));
    let other = Client::new().buckets(&[1.0]).layer("vault", &registry);
    Client::new().layer("ryot", &registry).expect_err("the buckets differ from those of the first layer");
    other.expect("the first layer");
    assert!(Client::new().buckets(&[2.0, 1.0]).layer("ryot", &Registry::new()).is_err());
}

#[tokio::test]
async fn calls_that_a_breaker_rejects_are_not_requests() {
    let recorded = Recorded::new(&Client::new());
    let breaker = CircuitBreaker::register_in(&recorded.registry, "ryot", Settings::consecutive(2)).expect("a breaker");
    let hyper = recorded.hyper().map_err(BoxError::from);
    let mut client = ServiceBuilder::new().layer(CircuitBreakerLayer::new(breaker)).service(hyper);
    let address = free_address();
    for _ in 0..5 {
        client.call(request("GET", address)).await.expect_err("nobody listens");
    }
    recorded.expect(&[("error", 2)], &[("connect", 2)], 2);
    let rejected = [("service", "ryot"), ("result", "rejected")];
    assert_eq!(recorded.sum("circuit_breaker_calls_total", &rejected), 3.0);
}

#[tokio::test]
async fn a_stream_of_events_has_no_duration_and_its_reader_leaves_when_it_likes() {
    let recorded = Recorded::new(&Client::new());
    let events = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n".to_vec();
    let address = serve(vec![Answer::Hang(events)]).await;
    let response: Response<ResponseBody<Incoming>> =
        recorded.hyper().call(request("GET", address)).await.expect("a head");
    let mut body = response.into_body();
    body.frame().await.expect("an event").expect("data");
    drop(body);
    recorded.expect(&[("2xx", 1)], &[], 0);
}

#[test]
fn the_layer_keeps_the_traits_of_a_client() {
    fn is_shared<T: Send + Sync + Unpin + Clone + 'static>() {}
    fn is_body<T: Send + Sync + 'static>() {}
    is_shared::<Hyper>();
    is_shared::<Reqwest>();
    is_body::<ResponseBody<Incoming>>();
}
