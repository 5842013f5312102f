//! Clients that reset their connections, after any byte they have sent or received.

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

/// A connection that breaks after so many bytes, in whichever direction they went.
struct Breaking {
    stream: TcpStream,
    left: usize,
}

impl Breaking {
    /// How many more bytes may pass, if any.
    fn allowed(&self) -> io::Result<usize> {
        if self.left == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.left) }
    }
}

impl AsyncRead for Breaking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let allowed = self.allowed()?;
        let mut part = out.take(allowed);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        self.left -= read;
        // Read into the front of what `out` has left.
        let end = out.filled().len() + read;
        out.initialize_unfilled_to(read);
        out.set_filled(end);
        polled
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.allowed()?.min(bytes.len());
        let polled = Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]);
        if let Poll::Ready(Ok(written)) = polled {
            self.left -= written;
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

/// The numbers of one sequence, the same in every run.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    /// One below `limit`. The generator is `splitmix64`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("below a usize")
    }
}

const PATHS: [&str; 6] = ["/text", "/large", "/stream", "/upload", "/panic", "/nowhere"];

/// An application, and how many requests came to it.
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
        .route("/panic", get(|| async { panic!("as told") as &'static str }));
    (layer.clone().install(app).layer(counted), started)
}

fn any_request(numbers: &mut Numbers) -> Request<Full<Bytes>> {
    let path = PATHS[numbers.below(PATHS.len())];
    let body = if path == "/upload" { "y".repeat(numbers.below(5_000)) } else { String::new() };
    let method = if path == "/upload" { "POST" } else { "GET" };
    let request = Request::builder().method(method).uri(format!("http://localhost{path}")).header("host", "localhost");
    request.body(Full::from(body)).expect("a request")
}

/// Some requests on one connection, which ends after a number of bytes that nobody has chosen.
async fn visit(address: std::net::SocketAddr, seed: u64, http2: bool) {
    let mut numbers = Numbers(seed);
    let stream = TcpStream::connect(address).await.expect("a connection");
    // Dropped is reset, not closed.
    stream.set_zero_linger().expect("an option of every socket");
    let most = [200, 2_000, 300_000][numbers.below(3)];
    let left = 1 + numbers.below(most);
    let io = TokioIo::new(Breaking { stream, left });
    if http2 {
        let Ok((mut client, connection)) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await else {
            return;
        };
        let connection = tokio::spawn(connection);
        for _ in 0..3 {
            let request = any_request(&mut numbers);
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
            let request = any_request(&mut numbers);
            if let Ok(response) = client.send_request(request).await {
                let _ = response.into_body().collect().await;
            }
        }
        connection.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_client_resets_every_request_that_came_is_counted_once() {
    let (registry, layer) = instruments_of(&everything());
    let (app, started) = application(&layer);
    let address = serve(app).await;
    for round in 0..10 {
        let visits: Vec<_> = (0..60).map(|i| tokio::spawn(visit(address, round * 1_000 + i, i % 2 == 0))).collect();
        for visit in visits {
            visit.await.expect("no panic");
        }
    }
    // The server may still find a request among what it has read of a connection that is gone: what is read here together
    // is waited for together.
    let over = || {
        let finished = all_requests(&registry);
        let sizes = ["http_request_body_size_bytes_count{", "http_response_body_size_bytes_count{"];
        sum(&registry, "http_requests_in_flight{") == 0
            && sizes.iter().all(|size| sum(&registry, size) == finished)
            && finished == started.load(Ordering::SeqCst)
    };
    eventually("all requests that came are over, and were measured", over).await;
    assert!(all_requests(&registry) > 300, "{}", all_requests(&registry));
    let broken = registry.render().lines().filter(|line| line.contains(r#"phase="body"} "#)).count();
    assert!(broken > 0, "{}", registry.render());
}
