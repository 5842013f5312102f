//! `DynoAI`: a service that reads dyno logs and computes corrections of an engine's fuel table, with metrics.
//!
//! Run `cargo run --bin dynoai`, then `curl http://127.0.0.1:5001/metrics`.

mod analysis;
mod app;
mod csv;
mod jetstream;
mod log;
mod runs;
mod upload;
mod ve;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use examples::body::BodyLimits;
use examples::env;
use examples::run::{Args, Cli, run};
use examples::serve::{listen, serve, serve_metrics, with_live_page};
use metrics_runtime::{Http, Metrics};

const CLI: Cli = Cli {
    name: "dynoai",
    about: "Reads dyno logs and computes corrections of the fuel table. Metrics are on /metrics.",
    listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5001),
    traffic: false,
    live: true,
    environment: &[env::CLIENT_TIMEOUT],
};

fn main() -> ExitCode {
    run(&CLI, dynoai)
}

async fn dynoai(args: Args) -> Result<(), Box<dyn Error>> {
    let patience = env::client_timeout()?;
    let metrics = Metrics::builder()
        .namespace("dynoai")
        .info("app", [("version", env!("CARGO_PKG_VERSION"))])
        .process()
        .http(
            Http::new()
                .requests("requests_total")
                .duration("request_duration_seconds")
                .endpoint_label("path")
                .duration_status(true),
        )
        .from_env()?
        .install()?;
    if let Some(command) = &args.metrics {
        return Ok(command.run(&metrics, &mut std::io::stdout().lock())?);
    }
    let _page = serve_metrics(&metrics).await?;
    let app = metrics.instrument(app::router(&BodyLimits::new(patience)))?;
    let listener = listen(args.listen).await?;
    let (app, live) = with_live_page(&metrics, app, listener.local_addr()?, &args)?;
    serve(listener, app, patience, live).await?;
    Ok(())
}
