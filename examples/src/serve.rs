//! A listener and a server with graceful shutdown.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use metrics_runtime::Metrics;
use metrics_runtime::http::{ServeError, Server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

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

/// Serves `app` until SIGINT or SIGTERM, then completes the requests in progress.
///
/// Prints one line to stdout once it accepts requests and handles signals: `listening on http://ADDRESS`.
///
/// # Errors
/// Returns an error if the signal handlers cannot be installed, or if the listener fails.
pub async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let address = listener.local_addr()?;
    // An error is ignored: stdout may be closed.
    let _ = writeln!(io::stdout(), "listening on http://{address}");

    let (stopping, stopped) = oneshot::channel();
    // The metrics page compares the peer's address with `METRICS_ALLOW`.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        signals.next().await;
        let _ = stopping.send(signals);
    });
    let deadline = async {
        match stopped.await {
            // A second signal stops the service at once.
            Ok(mut signals) => tokio::select! {
                () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => {}
                () = signals.next() => {}
            },
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = server => outcome,
        // A client that never completes its request must not block the shutdown.
        () = deadline => {
            eprintln!("stopped with requests in progress");
            Ok(())
        }
    }
}

/// The signals SIGINT and SIGTERM. They are caught from construction on, so that none is lost before the first poll.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
