//! Clients that reset their connections after a random number of bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn};
use axum::routing::{get, post};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::sockets::serve;
use super::*;

/// A connection that fails after a number of bytes, sent and received together.
struct FailingStream {
    stream: TcpStream,
    remaining: usize,
}

impl FailingStream {
    /// Returns the number of bytes that may still pass.
    fn allowed(&self) -> io::Result<usize> {
        if self.remaining == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.remaining) }
    }
}

impl AsyncRead for FailingStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let allowed = self.allowed()?;
        let mut part = out.take(allowed);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        self.remaining -= read;
        // The bytes were read into the unfilled part of `out`.
        let end = out.filled().len() + read;
        out.initialize_unfilled_to(read);
        out.set_filled(end);
        polled
    }
}

impl AsyncWrite for FailingStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.allowed()?.min(bytes.len());
        let polled = Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]);
        if let Poll::Ready(Ok(written)) = polled {
            self.remaining -= written;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A pseudo-random sequence that is the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// Returns a number below `limit`, by the generator `splitmix64`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("below a usize")
    }
}

const PATHS: [&str; 6] = ["/text", "/large", "/stream", "/upload", "/panic", "/nowhere"];

/// Creates an application, and the count of requests that it has received.
fn application(layer: &HttpLayer) -> (Router, Arc<AtomicU64>) {
    let started = Arc::new(AtomicU64::new(0));
    let count = started.clone();
    let counted = from_fn(move |request: AxumRequest, next: Next| {
        count.fetch_add(1, Ordering::SeqCst);
        next.run(request)
    });
    let stream = || async {
        let steps = (0..20).flat_map(|_| [Step::Data("0123456789"), Step::Wait]);
        Script::new(steps).response()
    };
    let app = Router::new()
        .route("/text", get(|| async { "hello" }))
        .route("/large", get(|| async { "x".repeat(100_000) }))
        .route("/stream", get(stream))
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/panic", get(|| async { panic!("scripted") as &'static str }));
    (layer.clone().install(app).layer(counted), started)
}

fn any_request(random: &mut Random) -> Request<Full<Bytes>> {
    let path = PATHS[random.below(PATHS.len())];
    let body = if path == "/upload" { "y".repeat(random.below(5_000)) } else { String::new() };
    let method = if path == "/upload" { "POST" } else { "GET" };
    let request = Request::builder().method(method).uri(format!("http://localhost{path}")).header("host", "localhost");
    request.body(Full::from(body)).expect("a request")
}

/// Sends some requests on one connection, which fails after a random number of bytes.
async fn send_requests(address: std::net::SocketAddr, seed: u64, http2: bool) {
    let mut random = Random(seed);
    let stream = TcpStream::connect(address).await.expect("a connection");
    // Dropping the stream resets the connection instead of closing it.
    stream.set_zero_linger().expect("an option of every socket");
    let limit = [200, 2_000, 300_000][random.below(3)];
    let remaining = 1 + random.below(limit);
    let io = TokioIo::new(FailingStream { stream, remaining });
    if http2 {
        let Ok((mut client, connection)) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await else {
            return;
        };
        let connection = tokio::spawn(connection);
        for _ in 0..3 {
            let request = any_request(&mut random);
            if let Ok(response) = client.send_request(request).await {
                let _ = response.into_body().collect().await;
            }
        }
        connection.abort();
    } else {
        let Ok((mut client, connection)) = hyper::client::conn::http1::handshake(io).await else { return };
        let connection = tokio::spawn(connection);
        for _ in 0..3 {
            if client.ready().await.is_err() {
                break;
            }
            let request = any_request(&mut random);
            if let Ok(response) = client.send_request(request).await {
                let _ = response.into_body().collect().await;
            }
        }
        connection.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_received_request_is_recorded_once_when_clients_reset_connections() {
    let (registry, layer) = instruments_of(&everything());
    let (app, started) = application(&layer);
    let address = serve(app).await;
    for round in 0..10 {
        let clients: Vec<_> =
            (0..60).map(|i| tokio::spawn(send_requests(address, round * 1_000 + i, i % 2 == 0))).collect();
        for client in clients {
            client.await.expect("no panic");
        }
    }
    // The server may still handle a request that it has read from a closed connection, so all conditions are checked
    // together.
    let over = || {
        let finished = all_requests(&registry);
        let sizes = ["http_request_body_size_bytes_count{", "http_response_body_size_bytes_count{"];
        sum(&registry, "http_requests_in_flight{") == 0
            && sizes.iter().all(|size| sum(&registry, size) == finished)
            && finished == started.load(Ordering::SeqCst)
    };
    eventually("all received requests are over and recorded", over).await;
    assert!(all_requests(&registry) > 300, "{}", all_requests(&registry));
    let broken = registry.render().lines().filter(|line| line.contains(r#"phase="body""#)).count();
    assert!(broken > 0, "{}", registry.render());
}
