//! The page on an address of its own.
//!
//! Plain hyper rather than `axum::serve`, which lets a client take for ever over its headers.

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
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::coalesce::Scraper;
use super::connections::{Busy, Connections};
use super::response::plain;

/// Where it says that it is there.
const HEALTH: &str = "/health";

/// How long a client may take to send the head of a request, the pause before it included: a scraper whose pauses are
/// longer comes again over a new connection.
const HEADERS: Duration = Duration::from_secs(5);

/// The largest head of a request; one beyond it is answered with 431.
const LARGEST_HEAD: usize = 64 << 10;

/// How long a client may take to read a page, after the time that the page may take. Prometheus itself gives up earlier.
const READING: Duration = Duration::from_secs(10);

/// How many connections there may be.
const CONNECTIONS: usize = 128;

/// After the system has refused a connection, for want of file descriptors for instance.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the page cannot have an address of its own.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Whoever can reach that address could have the page.
    #[error(
        "{address} can be reached from elsewhere, and the page has neither a token nor a list of addresses; give it one \
         (METRICS_TOKEN, METRICS_ALLOW; `Endpoint::token`, `Endpoint::allow`), take a loopback address, or say \
         `Endpoint::open_to_everyone`"
    )]
    #[non_exhaustive]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The system does not give it.
    #[error("cannot listen on {address}: {reason}{}", hint(*.kind))]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What kind of problem: [`AddrInUse`](io::ErrorKind::AddrInUse) where something listens there already.
        kind: io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// The path of the page is that of the health check.
    #[error(
        "the metrics page cannot have the path `/health`, which says on the same address that the service is there"
    )]
    HealthTaken,
    /// There is nothing that could run it.
    #[error("there is no tokio runtime here; call it from within one")]
    NoRuntime,
}

crate::error::debug_as_display!(ServeError);

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            "; is the service running already? METRICS_LISTEN takes another address, port 0 any free one"
        }
        _ => "",
    }
}

/// What serves the page on an address of its own, made by [`Metrics::serve`](crate::Metrics::serve). It goes on when this
/// is dropped, for as long as the runtime does.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens. Where port 0 was asked for, this is the one that was free.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets scrapes that are under way come to their end, and after `grace` ends those that
    /// have not.
    pub async fn shutdown(self, grace: Duration) {
        // Neither fails unless the runtime has ended it already.
        let _ = self.stop.send(grace);
        let _ = self.task.await;
    }
}

/// Whether the page may be served there.
pub(crate) fn check_exposure(scraper: &Scraper, address: SocketAddr) -> Result<(), ServeError> {
    // `::ffff:127.0.0.1` is loopback as well.
    let ours = address.ip().to_canonical().is_loopback();
    if ours || scraper.may_be_public() { Ok(()) } else { Err(ServeError::Open { address }) }
}

/// Serves the page on `address`, at `path`.
pub(crate) async fn serve(scraper: Arc<Scraper>, path: String, address: SocketAddr) -> Result<Server, ServeError> {
    if path == HEALTH {
        return Err(ServeError::HealthTaken);
    }
    check_exposure(&scraper, address)?;
    let runtime = Handle::try_current().map_err(|_| ServeError::NoRuntime)?;
    let failed = |error: io::Error| ServeError::Bind { address, kind: error.kind(), reason: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    let site = Arc::new(Site { scraper, path });
    let task = runtime.spawn(run(listener, site, stopped));
    Ok(Server { address, stop, task })
}

struct Site {
    scraper: Arc<Scraper>,
    path: String,
}

async fn run(listener: TcpListener, site: Arc<Site>, stopped: oneshot::Receiver<Duration>) {
    let mut stopped = pin!(async {
        match stopped.await {
            Ok(grace) => grace,
            // The handle was dropped: nobody will stop it.
            Err(_) => std::future::pending().await,
        }
    });
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(CONNECTIONS);
    let grace = loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            grace = &mut stopped => break grace,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (site, watcher) = (Arc::clone(&site), graceful.watcher());
                connections.open(|busy| connection(stream, peer, site, busy, watcher));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    };
    drop(listener);
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    connections.close();
}

async fn connection(stream: TcpStream, peer: SocketAddr, site: Arc<Site>, busy: Busy, watcher: Watcher) {
    let longest = site.scraper.longest().saturating_add(READING);
    let requests = service_fn({
        let busy = busy.clone();
        move |request: Request<Incoming>| {
            let working = busy.work();
            let (parts, _) = request.into_parts();
            let head = parts.method == Method::HEAD;
            let answer = match parts.uri.path() {
                path if path == site.path => Ok(Arc::clone(&site.scraper).answer(&parts, Some(peer.ip()))),
                HEALTH if head || parts.method == Method::GET => Err((StatusCode::OK, "ok\n")),
                HEALTH => Err((StatusCode::METHOD_NOT_ALLOWED, "it answers GET and HEAD\n")),
                _ => Err((StatusCode::NOT_FOUND, "there is nothing at this path\n")),
            };
            async move {
                let response = match answer {
                    Ok(page) => page.await,
                    Err((code, text)) => plain(code, text, head),
                };
                Ok::<_, Infallible>(response.map(|body| body.keeping(working)))
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), requests);
    tokio::select! {
        // What goes wrong on a connection is the client's to know.
        _ = watcher.watch(connection) => {}
        // A client that does not read its page keeps nobody else from theirs.
        () = busy.longer_than(longest) => {}
    }
}
