//! The server of the page on a separate address.
//!
//! It uses hyper directly, because `axum::serve` has no timeout for request headers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::access::Access;
use super::connections::{Activity, Connections, Room};
use super::response::text_response;
use super::scraper::Scraper;

/// The path of the health check.
const HEALTH: &str = "/health";

/// The time limit for the TLS handshake of a connection.
#[cfg(feature = "tls")]
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for the head of a request, including the idle time before it. A scraper that is idle for longer
/// reconnects.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of a request head, in bytes. A larger one gets the response 431.
const MAX_HEAD_SIZE: usize = 64 << 10;

/// The time limit for a client to read a page, in addition to the time limit of the page. The default timeout of
/// Prometheus is shorter.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of connections.
const MAX_CONNECTIONS: usize = 512;

/// The pause before another attempt to make room for a new connection.
const ROOM_RETRY_DELAY: Duration = Duration::from_millis(5);

/// The size of a connection's send buffer in bytes.
const SEND_BUFFER: u32 = 256 << 10;

/// The number of connections that wait to be accepted, for example while all others wait for a page.
const BACKLOG: u32 = 4096;

/// The delay after a failure of `accept`, for example because no file descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// An error of `Metrics::serve` and `Metrics::listen`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not a loopback address, and the page has no access control.
    #[error(
        "{address} can be reached from other machines, and the page has neither a token, a user, client certificates nor \
         allowed networks; set one (METRICS_TOKEN, METRICS_ALLOW; `Endpoint::token`, `Endpoint::allow`), use a loopback \
         address, or call `Endpoint::open_to_everyone`"
    )]
    #[non_exhaustive]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses to listen on the address.
    #[error("cannot listen on {address}: {reason}{}", hint(*.kind))]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The kind of the system's error: [`AddrInUse`](io::ErrorKind::AddrInUse) if another socket listens there.
        kind: io::ErrorKind,
        /// The message of the system's error.
        reason: String,
    },
    /// The path of the page is that of the health check.
    #[error("the metrics page cannot have the path `/health`, which is the health check on the same address")]
    HealthTaken,
    /// The call is outside a tokio runtime.
    #[error("no tokio runtime is running; call this from within one")]
    NoRuntime,
}

crate::error::debug_as_display!(ServeError);

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            "; the service may be running already; set another address with METRICS_LISTEN, or port 0 for any free port"
        }
        _ => "",
    }
}

/// A running server of the page. Created by [`Metrics::serve`](crate::Metrics::serve).
///
/// Dropping it does not stop the server, which runs until [`shutdown`](Self::shutdown) or the end of the runtime.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    url: String,
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<()>,
}

impl Server {
    /// Returns the address on which the server listens. If port 0 was requested, it has the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the page, such as `http://127.0.0.1:9464/metrics`, or `https://..` with TLS.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops accepting connections, waits up to `grace` for active scrapes, and closes all connections. Those without an
    /// active scrape are closed at once.
    pub async fn shutdown(self, grace: Duration) {
        // Both fail only if the runtime has already stopped the task.
        let _ = self.stop.send(grace);
        let _ = self.task.await;
    }
}

/// Checks that the page is restricted or explicitly open if the address is not a loopback address.
pub(crate) fn check_exposure(access: &Access, address: SocketAddr) -> Result<(), ServeError> {
    // `::ffff:127.0.0.1` is loopback as well.
    let is_loopback = address.ip().to_canonical().is_loopback();
    if is_loopback || access.may_be_public() { Ok(()) } else { Err(ServeError::Open { address }) }
}

/// Starts a server for the page on `address`, at `path`.
pub(crate) async fn serve(scraper: Arc<Scraper>, path: String, address: SocketAddr) -> Result<Server, ServeError> {
    // If metrics are switched off, there is no page: only the health check is served.
    if scraper.is_enabled() {
        if path == HEALTH {
            return Err(ServeError::HealthTaken);
        }
        check_exposure(scraper.access(), address)?;
    }
    let runtime = Handle::try_current().map_err(|_| ServeError::NoRuntime)?;
    let failed = |error: io::Error| ServeError::Bind { address, kind: error.kind(), reason: error.to_string() };
    let listener = listen(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let scheme = if scraper.access().tls().is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}{path}");
    let (stop, stopped) = oneshot::channel();
    let pages = Arc::new(Pages { scraper, path });
    let task = runtime.spawn(run(listener, pages, stopped));
    Ok(Server { address, url, stop, task })
}

/// Listens with a small send buffer, which accepted connections inherit: a client that does not read costs the time of
/// filling it. The kernel would let it grow to megabytes.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does: a restarted service gets its address although old connections linger.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The state that all connections share.
struct Pages {
    scraper: Arc<Scraper>,
    path: String,
}

async fn run(listener: TcpListener, pages: Arc<Pages>, stopped: oneshot::Receiver<Duration>) {
    let mut stopped = pin!(async {
        match stopped.await {
            Ok(grace) => grace,
            // The `Server` was dropped, so no shutdown will be requested.
            Err(_) => std::future::pending().await,
        }
    });
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(MAX_CONNECTIONS);
    let grace = loop {
        let accepted = async {
            let (stream, peer) = listener.accept().await?;
            loop {
                match connections.make_room(peer.ip()) {
                    Room::Free => return Ok(Some((stream, peer))),
                    Room::Soon => tokio::time::sleep(ROOM_RETRY_DELAY).await,
                    // Closes it, so that it does not keep waiting those that come after it.
                    Room::Refused => return Ok::<_, io::Error>(None),
                }
            }
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            grace = &mut stopped => break grace,
        };
        match accepted {
            Ok(None) => {}
            Ok(Some((stream, peer))) => {
                let (pages, watcher) = (Arc::clone(&pages), graceful.watcher());
                connections.open(peer.ip(), |activity| connection(stream, peer, pages, activity, watcher));
                // The connection reads its request before it can be closed for the next one.
                tokio::task::yield_now().await;
            }
            Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
        }
    };
    drop(listener);
    // The others close themselves after their active request.
    connections.close_opening();
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    connections.close();
}

async fn connection(stream: TcpStream, peer: SocketAddr, pages: Arc<Pages>, activity: Activity, watcher: Watcher) {
    #[cfg(feature = "tls")]
    if let Some(tls) = &pages.scraper.access().tls {
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(stream, peer, Arc::clone(&pages), activity, watcher).await,
            // Most are the fault of the client, but a certificate that all clients refuse is not.
            Ok(Err(error)) => tracing::debug!(%error, %peer, "the TLS handshake with a scraper failed"),
            Err(_) => {}
        }
        return;
    }
    requests(stream, peer, pages, activity, watcher).await;
}

/// Responds to the requests of a connection.
async fn requests<S>(stream: S, peer: SocketAddr, pages: Arc<Pages>, activity: Activity, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let limit = pages.scraper.time_limit().saturating_add(READ_TIMEOUT);
    let requests = service_fn({
        let activity = activity.clone();
        move |request: Request<Incoming>| {
            let active = activity.begin_request();
            let (parts, _) = request.into_parts();
            let is_head = parts.method == Method::HEAD;
            let response = match parts.uri.path() {
                path if path == pages.path && path != HEALTH => {
                    Ok(Arc::clone(&pages.scraper).respond(&parts, Some(peer.ip())))
                }
                HEALTH if is_head || parts.method == Method::GET => Err((StatusCode::OK, "ok\n")),
                HEALTH => Err((StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n")),
                _ => Err((StatusCode::NOT_FOUND, "not found\n")),
            };
            async move {
                let response = match response {
                    Ok(page) => page.await,
                    Err((code, text)) => text_response(code, text, is_head),
                };
                Ok::<_, Infallible>(response.map(|body| body.with_active_request(active)))
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), requests);
    tokio::select! {
        // Errors of a connection are not logged: they are caused by the client.
        _ = watcher.watch(connection) => {}
        // Closes the connection of a client that does not read its page.
        () = activity.exceeds(limit) => {}
    }
}
