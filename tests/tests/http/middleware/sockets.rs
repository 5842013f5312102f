//! A real server and real clients.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower_http::catch_panic::CatchPanicLayer;

use super::*;

/// Serves the router until the runtime of the test ends.
pub(super) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A connection that sends requests one after the other.
pub(super) struct Client(pub(super) TcpStream);

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    pub(super) async fn send(&mut self, method: &str, path: &str) {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.0.write_all(head.as_bytes()).await.expect("sent");
    }

    /// Reads until the received bytes contain this text.
    pub(super) async fn read_to(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(end) {
            let n = self.0.read_buf(&mut read).await.expect("read");
            assert!(n > 0, "closed before {end:?}: {:?}", String::from_utf8_lossy(&read));
        }
        String::from_utf8(read).expect("text")
    }

    /// Reads until the server closes the connection.
    pub(super) async fn read_to_close(&mut self) -> String {
        let mut read = Vec::new();
        // A reset also closes it.
        let _ = self.0.read_to_end(&mut read).await;
        String::from_utf8(read).expect("text")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_of_known_length_complete_on_a_connection_that_stays_open() {
    let (registry, layer) = instruments();
    // The response of a reverse proxy or a file server: a stream, and a header with its length.
    let proxied = || async {
        let mut response = Script::new([Step::Data("12"), Step::Wait, Step::Data("34end"), Step::Stall]).response();
        response.headers_mut().insert(CONTENT_LENGTH, 7.into());
        response
    };
    let app = Router::new()
        .route("/text", get(|| async { "the end" }))
        .route("/sized", get(|| async { Script::new([Step::Data("the end"), Step::Stall]).sized().response() }))
        .route("/proxied", get(proxied))
        .route("/empty", get(|| async {}))
        .layer(layer);
    let mut client = Client::connect(serve(app).await).await;
    for round in 1..=3 {
        for path in ["/text", "/sized", "/proxied"] {
            client.send("GET", path).await;
            client.read_to("end").await;
            eventually(path, || requests(&registry, "GET", path, "200") == round).await;
        }
        client.send("GET", "/empty").await;
        client.read_to("\r\n\r\n").await;
        eventually("empty", || requests(&registry, "GET", "/empty", "200") == round).await;
    }
    drop(client);
    assert_eq!(all_requests(&registry), 12);
    assert_eq!(durations(&registry, "GET", "/proxied"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_without_a_body_complete_on_a_connection_that_stays_open() {
    let (registry, layer) = instruments();
    let with = |status| move || async move { (status, Script::new([Step::Stall]).response().into_body()) };
    let app = Router::new()
        .route("/200", get(with(StatusCode::OK)))
        .route("/204", get(with(StatusCode::NO_CONTENT)))
        .route("/304", get(with(StatusCode::NOT_MODIFIED)))
        .layer(layer);
    let mut client = Client::connect(serve(app).await).await;
    for (method, path) in [("HEAD", "/200"), ("GET", "/204"), ("GET", "/304"), ("HEAD", "/304")] {
        client.send(method, path).await;
        client.read_to("\r\n\r\n").await;
        eventually(path, || requests(&registry, method, path, &path[1..]) == 1).await;
    }
    client.send("HEAD", "/missing").await;
    client.read_to("\r\n\r\n").await;
    eventually("404", || requests(&registry, "HEAD", "unmatched", "404") == 1).await;
    assert_eq!(all_requests(&registry), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_completes_at_its_end_with_and_without_trailers() {
    let (registry, layer) = instruments();
    let steps = [Step::Data("1"), Step::Wait, Step::Data("2")];
    let app = Router::new()
        .route("/plain", get(move || async move { Script::new(steps).response() }))
        .route("/trailers", get(move || async move { Script::new([steps[0], Step::Trailers, Step::Stall]).response() }))
        .layer(layer);
    let mut client = Client::connect(serve(app).await).await;
    for path in ["/plain", "/trailers", "/plain"] {
        client.send("GET", path).await;
        client.read_to("\r\n0\r\n").await;
    }
    eventually("streams", || requests(&registry, "GET", "/plain", "200") == 2).await;
    eventually("trailers", || requests(&registry, "GET", "/trailers", "200") == 1).await;
    assert_eq!(all_requests(&registry), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_before_the_headers_is_a_499() {
    let (registry, layer) = instruments();
    let (entered, inside) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, stay) = (entered.clone(), inside.clone());
    let app = Router::new().route(
        "/wait",
        get(async move || {
            enter.notify_one();
            stay.notified().await;
        }),
    );
    let address = serve(app.layer(layer)).await;
    let mut client = Client::connect(address).await;
    client.send("GET", "/wait").await;
    entered.notified().await;
    assert_eq!(all_requests(&registry), 0, "it is not over");
    drop(client);
    eventually("499", || requests(&registry, "GET", "/wait", "499") == 1).await;
    // A client that stays connected gets a 200.
    let mut client = Client::connect(address).await;
    client.send("GET", "/wait").await;
    entered.notified().await;
    // The permit of `notify_one` is stored if no handler waits yet.
    inside.notify_one();
    client.read_to("200 OK").await;
    eventually("200", || requests(&registry, "GET", "/wait", "200") == 1).await;
    assert_eq!(all_requests(&registry), 2);
    assert_eq!(durations(&registry, "GET", "/wait"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_within_the_body_has_received_the_status() {
    let (registry, layer) = instruments();
    let app = Router::new()
        .route("/stream", get(|| async { Script::new([Step::Data("first"), Step::Stall]).response() }))
        .route(
            "/sized",
            get(|| async { Script::new([Step::Data("first"), Step::Stall, Step::Data("x")]).sized().response() }),
        )
        .layer(layer);
    let address = serve(app).await;
    for path in ["/stream", "/sized"] {
        let mut client = Client::connect(address).await;
        client.send("GET", path).await;
        client.read_to("first").await;
        assert_eq!(requests(&registry, "GET", path, "200"), 0, "it is not over");
        drop(client);
        eventually(path, || requests(&registry, "GET", path, "200") == 1).await;
        let labels = format!(r#"method="GET",endpoint="{path}",phase="body",cause="cancelled""#);
        assert_eq!(value(&registry, &format!("http_responses_aborted_total{{{labels}}}")), 1.0);
        assert_eq!(durations(&registry, "GET", path), 0);
    }
    assert_eq!(all_requests(&registry), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_recorded_even_if_the_client_only_sees_a_closed_connection() {
    let (registry, layer) = instruments();
    let app = Router::new()
        .route("/handler", get(|| async { panic!("scripted") as &'static str }))
        .route("/body", get(|| async { Script::new([Step::Data("first"), Step::Panic]).response() }))
        .route("/error", get(|| async { Script::new([Step::Data("first"), Step::Error]).response() }));
    let address = serve(app.clone().layer(layer.clone())).await;
    for (path, status) in [("/handler", "500"), ("/body", "200"), ("/error", "200")] {
        let mut client = Client::connect(address).await;
        client.send("GET", path).await;
        let read = client.read_to_close().await;
        assert!(!read.ends_with("\r\n0\r\n\r\n"), "cut short: {read:?}");
        eventually(path, || requests(&registry, "GET", path, status) == 1).await;
    }
    for (path, cause) in [("/body", "panic"), ("/error", "error")] {
        let labels = format!(r#"method="GET",endpoint="{path}",phase="body",cause="{cause}""#);
        assert_eq!(value(&registry, &format!("http_responses_aborted_total{{{labels}}}")), 1.0);
    }
    let caught = serve(app.layer(layer).layer(CatchPanicLayer::new())).await;
    let mut client = Client::connect(caught).await;
    client.send("GET", "/handler").await;
    client.read_to("500 Internal Server Error").await;
    eventually("caught", || requests(&registry, "GET", "/handler", "500") == 2).await;
    assert_eq!(all_requests(&registry), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_at_random_are_each_recorded_once() {
    let (registry, layer) = instruments();
    let app = Router::new()
        .route("/known", get(|| async { "x".repeat(100_000) }))
        .route("/stream", get(|| async { Script::new([Step::Data("y"), Step::Wait, Step::Data("z")]).response() }))
        .route("/panic", get(|| async { panic!("scripted") as &'static str }))
        .layer(layer);
    let address = serve(app).await;
    let clients: Vec<_> = (0..120_usize)
        .map(|i| {
            tokio::spawn(async move {
                let path = ["/known", "/stream", "/panic", "/nowhere"][i % 4];
                let mut client = Client::connect(address).await;
                let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
                client.0.write_all(head.as_bytes()).await.expect("sent");
                // Each client reads a different part of the response, at least one byte: hyper does not call the application
                // if it reads the request and the end of the connection at the same time.
                let mut part = vec![0; 1 + (i / 4) * 3_500];
                let _ = client.0.read_exact(&mut part).await;
                // Closing a socket with unread bytes resets the connection.
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no panic");
    }
    eventually("120 requests", || all_requests(&registry) == 120).await;
    for path in ["/known", "/stream", "/panic"] {
        let over: u64 = ["200", "499", "500"].iter().map(|status| requests(&registry, "GET", path, status)).sum();
        assert_eq!(over, 30, "{path}");
    }
}
