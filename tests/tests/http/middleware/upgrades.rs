//! Upgraded connections.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, StatusCode, Version};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics_runtime::http::OpenUpgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::sockets::serve;
use super::*;

/// Echoes the bytes of the upgraded connection.
async fn echo(open: OpenUpgrade, mut request: axum::extract::Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(connection) = upgrade.await {
            let (mut read, mut write) = tokio::io::split(TokioIo::new(connection));
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
        drop(open);
    });
    let mut response = Response::new(Body::empty());
    if request.version() < Version::HTTP_2 {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
    }
    response
}

struct Upgrades {
    registry: Registry,
    method: &'static str,
}

impl Upgrades {
    fn of(&self, metric: &str) -> f64 {
        value(&self.registry, &format!(r#"{metric}{{method="{}",endpoint="/ws"}}"#, self.method))
    }

    /// Waits until this number of upgrades was counted and this number is open.
    async fn are(&self, total: f64, open: f64) {
        let what = format!("{total} upgrades, {open} of them open");
        eventually(&what, || self.of("http_upgrades_total") == total && self.of("http_upgrades_open") == open).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_is_open_until_its_guard_is_dropped_and_has_no_duration() {
    let (registry, layer) = instruments_of(&everything());
    let upgrades = Upgrades { registry: registry.clone(), method: "GET" };
    let address = serve(layer.install(Router::new().route("/ws", any(echo)))).await;
    let mut connections = Vec::new();
    for count in [1.0, 2.0] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let head = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(b"hello").await.expect("sent");
        let mut read = Vec::new();
        while !read.ends_with(b"hello") {
            assert!(stream.read_buf(&mut read).await.expect("read") > 0);
        }
        upgrades.are(count, count).await;
        connections.push(stream);
    }
    assert_eq!(requests(&registry, "GET", "/ws", "101"), 2);
    drop(connections.pop());
    upgrades.are(2.0, 1.0).await;
    drop(connections);
    upgrades.are(2.0, 0.0).await;
    assert_eq!((all_requests(&registry), sum(&registry, "http_requests_in_flight{")), (2, 0));
    for latency in ["http_request_duration", "http_response_first_byte", "http_server_request_duration"] {
        assert_eq!(sum(&registry, &format!("{latency}_seconds_count{{")), 0, "{latency}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_connect_is_an_upgrade() {
    let (registry, layer) = instruments_of(&everything());
    let upgrades = Upgrades { registry: registry.clone(), method: "CONNECT" };
    let address = serve(layer.install(Router::new().route("/ws", any(echo)))).await;
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    client.ready().await.expect("ready");
    let mut response = loop {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = http::Method::CONNECT;
        *request.uri_mut() = format!("http://{address}/ws").parse().expect("an address");
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        // The server's settings, which permit extended CONNECT, may not have arrived yet.
        match client.send_request(request).await {
            Ok(response) => break response,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(response.status(), StatusCode::OK);
    let mut tunnel = TokioIo::new(hyper::upgrade::on(&mut response).await.expect("an upgrade"));
    tunnel.write_all(b"hello").await.expect("sent");
    let mut read = [0; 5];
    tunnel.read_exact(&mut read).await.expect("read");
    assert_eq!(&read, b"hello");
    upgrades.are(1.0, 1.0).await;
    assert_eq!(requests(&registry, "CONNECT", "/ws", "200"), 1);
    drop((tunnel, response, client));
    upgrades.are(1.0, 0.0).await;
    assert_eq!(sum(&registry, "http_request_duration_seconds_count{"), 0);
    connection.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_is_recorded_as_an_ordinary_request() {
    let (registry, layer) = instruments_of(&everything());
    let upgrades = Upgrades { registry: registry.clone(), method: "GET" };
    let leave = Arc::new(Notify::new());
    let release = leave.clone();
    let refuse = async move |open: OpenUpgrade| {
        tokio::spawn(async move {
            leave.notified().await;
            drop(open);
        });
        StatusCode::FORBIDDEN
    };
    let address = serve(layer.install(Router::new().route("/ws", any(refuse)))).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    eventually("403", || requests(&registry, "GET", "/ws", "403") == 1).await;
    upgrades.are(0.0, 0.0).await;
    assert_eq!(durations(&registry, "GET", "/ws"), 1);
    release.notify_one();
}
