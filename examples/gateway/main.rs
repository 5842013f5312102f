//! Gateway: gRPC in, HTTP out. A service with a streaming API in front of Neurectomy, and with metrics for both sides.
//!
//! Run `cargo run --bin neurectomy` and `cargo run --bin gateway`, then `curl http://127.0.0.1:9464/metrics`.

mod config;
mod deadline;
mod neurectomy;
mod service;
mod traffic;

/// The code that `tonic-prost-build` generates from `completions.proto`. It is committed, so that a build needs no
/// `protoc`.
mod completions {
    #![allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        rust_2018_idioms,
        clippy::pedantic,
        reason = "generated code"
    )]
    include!("completions.rs");
}

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use examples::run::{Args, Cli, run};
use examples::serve::{Signals, announce, listen, serve_metrics};
use metrics_runtime::circuit_breaker::CircuitBreaker;
use metrics_runtime::client::Client;
use metrics_runtime::grpc::GrpcLayer;
use metrics_runtime::{Http, Metrics};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::completions::completions_server::CompletionsServer;
use crate::config::Config;
use crate::neurectomy::Neurectomy;
use crate::service::{Gateway, MAX_MESSAGE_BYTES};

const CLI: Cli = Cli {
    name: "gateway",
    about: "Serves Neurectomy's completions over gRPC. Metrics are on http://127.0.0.1:9464/metrics.",
    listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051),
    traffic: true,
    live: false,
    environment: config::VARIABLES,
};

/// The port of the metrics page: clients of gRPC and scrapers do not share a port.
const METRICS_PORT: u16 = 9464;

/// The maximum number of calls in progress on a connection. Further ones wait at the client.
const MAX_STREAMS: u32 = 100;

/// The time after which a client that does not answer a ping has left.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    run(&CLI, gateway)
}

async fn gateway(args: Args) -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    let metrics = Metrics::builder()
        .namespace("gateway")
        .info("app", [("version", env!("CARGO_PKG_VERSION"))])
        .process()
        .runtime_canary()
        .http(Http::none())
        .client(Client::new().buckets(service::SECONDS))
        .listen_on((Ipv4Addr::LOCALHOST, METRICS_PORT))
        .from_env()?
        .install()?;
    let calls = metrics.grpc_layer(&service::methods())?;
    let breaker = CircuitBreaker::register("neurectomy", config.breaker)?;
    let requests = metrics.client_layer("neurectomy")?;
    if let Some(command) = args.metrics {
        return Ok(command.run(&metrics, &mut std::io::stdout().lock())?);
    }
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    let neurectomy = Arc::new(Neurectomy::new(&config.url, config.timeout, breaker, &requests)?);
    let page = serve_metrics(&metrics).await?;

    let checked = Arc::clone(&neurectomy);
    tokio::spawn(async move { checked.check().await });
    let traffic = tokio::spawn(traffic::send(address, args.traffic));
    let outcome = serve(listener, calls, Gateway::new(neurectomy), config.patience).await;
    traffic.abort();
    if let Some(page) = page {
        page.shutdown(Duration::from_secs(1)).await;
    }
    outcome
}

/// Serves the calls until SIGINT or SIGTERM, then completes those in progress. Closes the connection of a client that
/// does not answer a ping, which it is sent after `patience` of silence.
async fn serve(
    listener: TcpListener,
    calls: GrpcLayer,
    gateway: Gateway,
    patience: Duration,
) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new()?;
    announce(listener.local_addr()?);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<CompletionsServer<Gateway>>().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(patience))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .layer(calls)
        .add_service(health_service)
        .add_service(CompletionsServer::new(gateway).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async {
            let _ = stopped.await;
        });
    tokio::pin!(server);
    tokio::select! {
        outcome = &mut server => return Ok(outcome?),
        () = signals.next() => {}
    }
    // Clients that watch the health send their further calls elsewhere.
    health.set_not_serving::<CompletionsServer<Gateway>>().await;
    let _ = stop.send(());
    let mut outcome = Ok(());
    signals.drain(async { outcome = server.await }).await;
    Ok(outcome?)
}
