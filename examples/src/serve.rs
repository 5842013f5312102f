//! From an address to a server that drains before it stops.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use metrics_runtime::Metrics;
use metrics_runtime::http::{ServeError, Server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::error::method_not_allowed;

/// How long requests that are under way may take once the service was asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Binds `address`.
///
/// # Errors
/// If that is not possible; the message says what can be done about it.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; is it running already? --listen takes another address, port 0 any free one",
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{hint}"))
    })
}

/// Gives the metrics page its own address, if the environment (`METRICS_LISTEN`) says so.
///
/// Prints one line then, `metrics on http://ADDRESS/PATH`, to stdout.
///
/// # Errors
/// If that address cannot be had.
pub async fn serve_metrics(metrics: &Metrics) -> Result<Option<Server>, ServeError> {
    let server = metrics.listen().await?;
    if let Some(server) = &server {
        let _ = writeln!(io::stdout(), "metrics on http://{}{}", server.address(), metrics.path());
    }
    Ok(server)
}

/// Serves `app` until SIGINT or SIGTERM, then finishes what is under way.
///
/// Prints one line, `listening on http://ADDRESS`, to stdout once requests and signals are taken.
///
/// # Errors
/// If the signals cannot be listened for or the listener is broken.
pub async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let address = listener.local_addr()?;
    // Routes have theirs; the metrics page, mounted after them, has not.
    let app = app.method_not_allowed_fallback(method_not_allowed);
    // Nobody may be reading; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "listening on http://{address}");

    let (stopping, stopped) = oneshot::channel();
    // With the peer's address, which the metrics page may want to know.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        signals.next().await;
        let _ = stopping.send(signals);
    });
    let deadline = async {
        match stopped.await {
            // Whoever asks a second time does not want to wait.
            Ok(mut signals) => tokio::select! {
                () = tokio::time::sleep(DRAIN) => {}
                () = signals.next() => {}
            },
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = server => outcome,
        // A client that never finishes its request must not keep the process from stopping.
        () = deadline => {
            eprintln!("stopped while requests were still open");
            Ok(())
        }
    }
}

/// The signals that ask a service to stop. They are caught from construction on, so none is lost before the first poll.
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
    #[expect(clippy::unnecessary_wraps, reason = "same signature as on Unix")]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
