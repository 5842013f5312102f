//! A listener, and a server with timeouts and graceful shutdown.
//!
//! It uses hyper directly, because `axum::serve` waits without a limit for clients that do not send or do not read.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use metrics_live::{Live, LiveError};
use metrics_runtime::Metrics;
use metrics_runtime::http::{ServeError, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower_service::Service as _;

use crate::log;
use crate::run::Args;

/// The maximum number of connections. Further ones wait. Each can have a file open too, and the usual limit is 1,024
/// descriptors.
const MAX_CONNECTIONS: usize = 400;

/// The delay after a failure of `accept`.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The time that requests in progress may take after a signal to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Binds `address`.
///
/// # Errors
/// Returns an error if the address cannot be bound. The message suggests a fix.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; is the service already running? Use --listen with another address, or with port 0 for a free port"
            }
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{hint}"))
    })
}

/// Serves the metrics page on a separate address, if `METRICS_LISTEN` is set.
///
/// Prints one line to stdout if it does: `metrics on http://ADDRESS/PATH`, or `https://..` with TLS.
///
/// # Errors
/// Returns an error if the page cannot be served on that address.
pub async fn serve_metrics(metrics: &Metrics) -> Result<Option<Server>, ServeError> {
    let server = metrics.listen().await?;
    if let Some(server) = &server {
        let _ = writeln!(io::stdout(), "metrics on {}", server.url());
    }
    Ok(server)
}

/// Adds the live page of the metrics to the router, if the command line asks for it, and opens a browser if it asks for
/// that as well.
///
/// Prints one line to stdout if it does: `live page on http://ADDRESS/PATH`.
///
/// # Errors
/// Returns an error if the page cannot have its path.
pub fn with_live_page(
    metrics: &Metrics,
    router: Router,
    address: SocketAddr,
    args: &Args,
) -> Result<(Router, Option<Live>), LiveError> {
    if !args.live {
        return Ok((router, None));
    }
    let live = Live::new(metrics);
    let router = router.merge(live.router()?);
    let url = format!("http://{address}{}", live.path());
    let _ = writeln!(io::stdout(), "live page on {url}");
    if args.open {
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        // The line above has the address, if there is no browser.
        let _ = Command::new(opener).arg(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
    Ok((router, Some(live)))
}

/// Serves `app` until SIGINT or SIGTERM, then completes the requests in progress. The live page is closed first, because
/// its streams have no end. Closes the connection of a client that does not send the head of a request, or does not read a
/// response, for `patience`.
///
/// Prints one line to stdout once it accepts requests and handles signals: `listening on http://ADDRESS`.
///
/// # Errors
/// Returns an error if the signal handlers cannot be installed, or if the address of the listener is unknown.
pub async fn serve(listener: TcpListener, app: Router, patience: Duration, live: Option<Live>) -> io::Result<()> {
    let mut signals = Signals::new()?;
    announce(listener.local_addr()?);

    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let room = Arc::clone(&room).acquire_owned().await;
            listener.accept().await.map(|(stream, peer)| (stream, peer, room))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = signals.next() => break,
        };
        match accepted {
            Ok((stream, peer, room)) => {
                let connection = graceful.watch(connection(stream, peer, app.clone(), patience));
                tokio::spawn(async move {
                    // An error of a connection is its client's.
                    let _ = connection.await;
                    drop(room);
                });
            }
            // For example because no file descriptor is free.
            Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
        }
    }
    drop(listener);
    if let Some(live) = live {
        live.close();
    }
    signals.drain(graceful.shutdown()).await;
    Ok(())
}

/// Prints to stdout that the service accepts requests.
pub fn announce(address: SocketAddr) {
    // An error is ignored: stdout may be closed.
    let _ = writeln!(io::stdout(), "listening on http://{address}");
}

/// Returns the future of a connection.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    patience: Duration,
) -> impl GracefulConnection<Error = hyper::Error> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        // For `METRICS_ALLOW`, and for the quotas of callers.
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// The signals SIGINT and SIGTERM. They are caught from construction on, so that none is lost before the first poll.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Catches the signals.
    ///
    /// # Errors
    /// Returns an error if the handlers cannot be installed.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for a signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signal of Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Catches the signal.
    ///
    /// # Errors
    /// Returns no error.
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the signal.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Signals {
    /// Waits for the end of the requests in progress, after a first signal.
    pub async fn drain(&mut self, requests: impl Future<Output = ()>) {
        tokio::select! {
            () = requests => return,
            // A client that never completes its request must not block the shutdown.
            () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => {}
            // A second signal stops the service at once.
            () = self.next() => {}
        }
        log::line("stopped with requests in progress");
    }
}
