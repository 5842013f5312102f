//! The server of the page, over real sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use metrics_runtime::http::{Http, HttpMetric, ServeError, Server};
use metrics_runtime::{Builder, InstallError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::request;

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn builder(endpoint: Endpoint) -> Builder {
    Metrics::builder().registry(&Registry::new()).endpoint(endpoint)
}

fn metrics(endpoint: Endpoint) -> Metrics {
    builder(endpoint).build().expect("valid settings")
}

/// Sends a request, and reads until the server closes the connection.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    // The server may refuse the request before all of it is sent.
    let _ = stream.write_all(request).await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

async fn get(server: &Server, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: metrics\r\nconnection: close\r\n{headers}\r\n");
    exchange(server.address(), request.as_bytes()).await
}

#[tokio::test]
async fn the_page_and_the_health_check_are_the_only_paths() {
    let server = metrics(Endpoint::new()).serve(ANY).await.expect("a free port");
    let page = get(&server, "/metrics", "accept: application/openmetrics-text\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    let health = get(&server, "/health", "").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    for path in ["/", "/metrics/", "/health/", "/other"] {
        assert!(get(&server, path, "").await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    for path in ["/metrics", "/health"] {
        let request = format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc");
        let refused = exchange(server.address(), request.as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nallow: GET,HEAD\r\n"), "{refused}");
    }
}

#[tokio::test]
async fn invalid_requests_do_not_disturb_the_server() {
    let server = metrics(Endpoint::new().token("t")).serve(ANY).await.expect("a free port");
    let huge = format!("authorization: Bearer {}\r\n", "x".repeat(1 << 20));
    assert!(get(&server, "/metrics", &huge).await.starts_with("HTTP/1.1 431 "));
    let large = format!("authorization: Bearer t\r\naccept: {}\r\n", "a/b,".repeat(10_000));
    assert!(get(&server, "/metrics", &large).await.starts_with("HTTP/1.1 200 "));
    let large = format!("authorization: Bearer {}\r\n", "x".repeat(40_000));
    assert!(get(&server, "/metrics", &large).await.starts_with("HTTP/1.1 401 "));
    let many = "accept: text/plain\r\n".repeat(200);
    assert!(get(&server, "/metrics", &many).await.starts_with("HTTP/1.1 431 "));
    for junk in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let response = exchange(server.address(), junk).await;
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 400 "), "{response}");
    }
    assert!(get(&server, "/health", "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_user_with_a_password_may_scrape_a_public_address() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let endpoint = Endpoint::new().basic_auth("ada", "first").basic_auth("bob", "pass:word").token("t");
    let server = metrics(endpoint).serve(everywhere).await.expect("a free port");
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address().port()));
    let get = async |authorization: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{authorization}\r\n");
        exchange(local, request.as_bytes()).await
    };
    // ada:first, bob:pass:word
    for valid in ["Basic YWRhOmZpcnN0", "basic Ym9iOnBhc3M6d29yZA==", "Bearer t"] {
        assert!(get(&format!("authorization: {valid}\r\n")).await.starts_with("HTTP/1.1 200 "), "{valid}");
    }
    // ada:, ada:pass:word, bob
    for invalid in
        ["Basic YWRhOg==", "Basic YWRhOnBhc3M6d29yZA==", "Basic Ym9i", "Basic t", "Bearer YWRhOmZpcnN0", "Basic"]
    {
        assert!(get(&format!("authorization: {invalid}\r\n")).await.starts_with("HTTP/1.1 401 "), "{invalid}");
    }
    let refused = get("").await;
    assert!(refused.contains("\r\nwww-authenticate: Bearer realm=\"metrics\"\r\n"), "{refused}");
    assert!(refused.contains("\r\nwww-authenticate: Basic realm=\"metrics\", charset=\"UTF-8\"\r\n"), "{refused}");
}

#[tokio::test]
async fn the_peer_of_the_connection_is_checked() {
    let allowed = metrics(Endpoint::new().allow(["127.0.0.0/8"])).serve(ANY).await.expect("a free port");
    assert!(get(&allowed, "/metrics", "").await.starts_with("HTTP/1.1 200 "));
    let refused = metrics(Endpoint::new().allow(["10.0.0.0/8"])).serve(ANY).await.expect("a free port");
    assert!(get(&refused, "/metrics", "x-forwarded-for: 10.0.0.1\r\n").await.starts_with("HTTP/1.1 403 "));
    assert!(get(&refused, "/health", "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_port_in_use_is_an_error_and_a_later_call_can_succeed() {
    let metrics = metrics(Endpoint::new());
    let taken = TcpListener::bind(ANY).await.expect("a free port");
    let address = taken.local_addr().expect("an address");
    let error = metrics.serve(address).await.expect_err("it is taken");
    assert!(matches!(error, ServeError::Bind { kind: std::io::ErrorKind::AddrInUse, .. }), "{error}");
    assert!(error.to_string().contains(&format!("cannot listen on {address}")), "{error}");
    assert!(error.to_string().contains("set another address with METRICS_LISTEN"), "{error}");
    drop(taken);
    let server = metrics.serve(ANY).await.expect("a free port");
    assert!(get(&server, "/metrics", "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_public_address_requires_access_control_or_explicit_consent() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let error = metrics(Endpoint::new()).serve(everywhere).await.expect_err("open to everyone");
    assert!(matches!(error, ServeError::Open { address, .. } if address == everywhere), "{error}");
    assert!(error.to_string().contains("METRICS_TOKEN"), "{error}");
    for address in [IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from([192, 168, 0, 1]), IpAddr::from([0, 0, 0, 1])] {
        let refused = builder(Endpoint::new()).listen_on((address, 0)).build().expect_err("open to everyone");
        assert!(matches!(refused, InstallError::Serve(ServeError::Open { .. })), "{refused}");
    }
    for address in [IpAddr::from(Ipv6Addr::LOCALHOST), IpAddr::from([127, 0, 0, 9])] {
        assert!(builder(Endpoint::new()).listen_on((address, 0)).build().is_ok());
    }
    for endpoint in
        [Endpoint::new().token("t"), Endpoint::new().allow(["127.0.0.1"]), Endpoint::new().open_to_everyone()]
    {
        let server = metrics(endpoint).serve(everywhere).await.expect("a free port");
        server.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_page_with_its_own_address_is_not_in_the_router() {
    let metrics = builder(Endpoint::new()).listen_on(ANY).build().expect("valid settings");
    let error = metrics.instrument(axum::Router::new()).expect_err("no server listens yet");
    assert!(error.to_string().contains("call `Metrics::listen` before"), "{error}");
    let server = metrics.listen().await.expect("a free port").expect("an address is set");
    let app = metrics.instrument(axum::Router::new()).expect("something listens");
    let response = tower::ServiceExt::oneshot(app, request("GET", "/metrics")).await.expect("routers do not fail");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let page = get(&server, "/metrics", "").await;
    assert!(page.contains(r#"http_requests_total{method="GET",endpoint="unmatched",status="404"} 1"#), "{page}");
    assert!(self::metrics(Endpoint::new()).listen().await.expect("nothing to do").is_none());
}

#[tokio::test]
async fn the_same_metrics_are_recorded_wherever_the_page_is() {
    let http = HttpMetric::ALL.iter().fold(Http::new(), |http, &metric| http.with(metric));
    let in_the_router = builder(Endpoint::new()).http(http.clone()).build().expect("valid settings");
    let elsewhere = builder(Endpoint::new()).http(http).listen_on(ANY).build().expect("valid settings");
    let _server = elsewhere.listen().await.expect("a free port").expect("an address is set");
    let series = async |metrics: Metrics| {
        let upload = axum::routing::post(|body: axum::body::Bytes| async move { body.len().to_string() });
        let app = metrics.instrument(axum::Router::new().route("/upload", upload)).expect("something listens");
        let mut upload = request("POST", "/upload");
        *upload.body_mut() = "12345".into();
        let response = tower::ServiceExt::oneshot(app, upload).await.expect("routers do not fail");
        axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let page = metrics.registry().render();
        assert!(page.contains("http_request_body_size_bytes_sum{method=\"POST\",endpoint=\"/upload\"} 5\n"), "{page}");
        let lines = page.lines().filter_map(|line| line.rsplit_once(' '));
        lines.map(|(series, _)| series.to_owned()).filter(|series| series.starts_with("http_")).collect::<Vec<_>>()
    };
    assert_eq!(series(in_the_router).await, series(elsewhere).await);
}

#[tokio::test]
async fn a_page_that_is_served_by_hand_is_not_in_the_router() {
    let metrics = metrics(Endpoint::new());
    let server = metrics.serve(ANY).await.expect("a free port");
    // The path is free for the application.
    let app = axum::Router::new().route("/{*all}", axum::routing::get(|| async { "mine" }));
    let app = metrics.instrument(app).expect("nothing is mounted");
    let response = tower::ServiceExt::oneshot(app, request("GET", "/metrics")).await.expect("routers do not fail");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    assert_eq!(body, "mine");
    assert!(get(&server, "/metrics", "").await.contains(r#"endpoint="/{*all}",status="200"} 1"#));
}

#[tokio::test]
async fn switched_off_it_serves_the_health_check_only() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    for (path, status) in [("/metrics", "404"), ("/health", "200")] {
        let metrics = builder(Endpoint::new()).path(path).enabled(false).build().expect("valid settings");
        // The page is not exposed, so it needs no token.
        let server = metrics.serve(everywhere).await.expect("a free port");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address().port()));
        let get = async |path: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            exchange(local, request.as_bytes()).await
        };
        assert!(get("/health").await.ends_with("\r\n\r\nok\n"));
        assert!(get(path).await.starts_with(&format!("HTTP/1.1 {status} ")));
    }
}

#[tokio::test]
async fn a_page_cannot_have_the_path_of_the_health_check() {
    let metrics = builder(Endpoint::new()).path("/health").build().expect("valid in a router");
    assert_eq!(metrics.serve(ANY).await.expect_err("taken"), ServeError::HealthTaken);
}

#[test]
fn without_a_runtime_serving_is_an_error_and_not_a_panic() {
    let metrics = metrics(Endpoint::new());
    let mut serving = std::pin::pin!(metrics.serve(ANY));
    let polled = serving.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Err(ServeError::NoRuntime))));
}

#[tokio::test]
async fn a_shutdown_waits_for_active_scrapes_and_closes_all_other_connections_at_once() {
    let metrics = metrics(Endpoint::new());
    let server = metrics.serve(ANY).await.expect("a free port");
    let address = server.address();
    let connect = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(bytes).await.expect("sent");
        stream
    };
    // A page that is not read to its end.
    let mut reading = connect(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await;
    reading.read_exact(&mut [0; 12]).await.expect("a response");
    // No byte, the beginning of a request, and that of a second one.
    let idle = [connect(b"").await, connect(b"GET /metrics HTTP/1.1\r\nhost: ").await];
    let mut kept = connect(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\nGET /metrics HTTP/1.1\r\nhost: ").await;
    let mut health = Vec::new();
    while !health.ends_with(b"ok\n") {
        health.push(kept.read_u8().await.expect("a response"));
    }
    assert_eq!(shutdown_time(server, Duration::from_secs(600)).await, Duration::ZERO);
    let mut rest = String::new();
    reading.read_to_string(&mut rest).await.expect("the rest of the page");
    assert!(rest.contains("metrics_runtime_scrapes_in_flight 1\n"), "{rest}");
    for mut idle in idle.into_iter().chain([kept]) {
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
    assert!(TcpStream::connect(address).await.is_err(), "the server no longer listens");
}

#[tokio::test]
async fn a_client_that_opens_connections_and_sends_nothing_does_not_block_others() {
    let server = metrics(Endpoint::new()).serve(ANY).await.expect("a free port");
    let mut silent = Vec::new();
    for i in 0..400 {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        if i % 2 == 0 {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nx-slow: ").await;
        }
        silent.push(stream);
    }
    assert!(get(&server, "/metrics", "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn clients_that_wait_for_a_hung_collector_do_not_keep_others_out() {
    let registry = Registry::new();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    collector::register(&registry, "hung", move || {
        let _ = released.lock().expect("not poisoned").recv();
        collector::families("hung")
    });
    // The collector is awaited for as long as the test takes.
    let endpoint = Endpoint::new().deadline(Duration::from_secs(3_600));
    let metrics = Metrics::builder().registry(&registry).endpoint(endpoint).build().expect("valid settings");
    let server = metrics.serve(ANY).await.expect("a free port");
    let request = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
    let connect = async || {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).expect("a loopback address");
        let mut stream = socket.connect(server.address()).await.expect("the server listens");
        let _ = stream.write_all(request).await;
        stream
    };
    let mut waiting = Vec::new();
    for _ in 0..700 {
        waiting.push(connect().await);
    }
    let honest = get(&server, "/metrics", "x-prometheus-scrape-timeout-seconds: 1\r\n");
    let page = tokio::time::timeout(tests::wait::DEADLINE, honest).await.expect("an answer within its own time");
    assert!(page.starts_with("HTTP/1.1 200 ") && !page.contains("\nhung 1\n"), "{page}");
    drop((release, waiting));
}

#[tokio::test]
async fn a_request_head_that_never_ends_times_out() {
    let server = metrics(Endpoint::new()).serve(ANY).await.expect("a free port");
    let response = exchange(server.address(), b"GET /metrics HTTP/1.1\r\nhost: a\r\nx-slow: a").await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
}
