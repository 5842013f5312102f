//! Neurectomy: a service with a language model, compression, an object store and sessions, and with metrics for all of
//! them.
//!
//! Run `cargo run --bin neurectomy`, then `curl http://127.0.0.1:8000/metrics`.

mod api;
mod app;
mod config;
mod expiring;
mod ryot;
mod sessions;
mod sigmalang;
mod sigmavault;
mod traffic;

use std::env::consts::{ARCH, OS};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use examples::body::BodyLimits;
use examples::log;
use examples::run::{Args, Cli, run};
use examples::serve::{listen, serve, serve_metrics, with_live_page};
use metrics_runtime::circuit_breaker::CircuitBreaker;
use metrics_runtime::{Metrics, Objective};

use crate::app::App;
use crate::config::Config;
use crate::ryot::client::{self, Ryot};
use crate::sessions::Sessions;
use crate::sigmavault::Vault;

const CLI: Cli = Cli {
    name: "neurectomy",
    about: "Generates text (Ryot), compresses (ΣLANG) and stores files (ΣVAULT). Metrics are on /metrics.",
    listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
    traffic: true,
    live: true,
    environment: config::VARIABLES,
};

fn main() -> ExitCode {
    run(&CLI, neurectomy)
}

async fn neurectomy(args: Args) -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    let system = [
        ("version", config.version.as_str()),
        ("environment", &config.environment),
        ("cluster", &config.cluster),
        ("os", OS),
        ("arch", ARCH),
    ];
    let metrics = Metrics::builder()
        .namespace("neurectomy")
        .info("system", system)
        .process()
        .objective("/v1/files/{*path}", Objective::new().success(99.9).latency(Duration::from_millis(500), 99.0))
        .from_env()?
        .install()?;
    let ryot_breaker = CircuitBreaker::register("ryot", config.ryot_breaker)?;
    let ryot_requests = metrics.client_layer("ryot")?;
    let vault_breaker = CircuitBreaker::register("sigmavault", sigmavault::BREAKER)?;
    if let Some(command) = &args.metrics {
        return Ok(command.run(&metrics, &mut std::io::stdout().lock())?);
    }
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;

    let url = match config.ryot_url {
        Some(url) => url,
        None => ryot::server::start(&config.ryot_model).await?,
    };
    let ryot =
        client::Config { url, model: config.ryot_model, api_key: config.ryot_api_key, timeout: config.ryot_timeout };
    let app = Arc::new(App {
        ryot: Ryot::new(ryot, ryot_breaker, &ryot_requests)?,
        vault: Vault::open(config.vault, config.vault_timeout, vault_breaker)?,
        sessions: Sessions::new(config.lifetimes),
    });
    let page = serve_metrics(&metrics).await?;
    let router = metrics.instrument(app::router(Arc::clone(&app), &BodyLimits::new(config.patience)))?;
    let (router, live) = with_live_page(&metrics, router, address, &args)?;

    let expiring = tokio::spawn(async move { app.sessions.expire().await });
    let traffic = tokio::spawn(async move {
        if args.traffic > 0
            && let Err(error) = traffic::send(address, args.traffic).await
        {
            log::line(format_args!("cannot send traffic: {error}"));
        }
    });
    let outcome = serve(listener, router, config.patience, live).await;
    expiring.abort();
    traffic.abort();
    if let Some(page) = page {
        page.shutdown(Duration::from_secs(1)).await;
    }
    Ok(outcome?)
}
