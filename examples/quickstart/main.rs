//! A service in thirty lines: annotate a function, install the metrics, and serve them at `/metrics`.

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Router, routing::get};
use metrics_runtime::{Metrics, track};
use tokio::net::TcpListener;

/// Greetings.
#[track(name = "greetings")]
async fn greet(Path(name): Path<String>) -> Result<String, StatusCode> {
    match name.as_str() {
        "nobody" => Err(StatusCode::NOT_FOUND),
        name => Ok(format!("Hello, {name}!\n")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let metrics = Metrics::builder().namespace("quickstart").from_env()?.install()?;
    metrics.listen().await?;
    let app = metrics.instrument(Router::new().route("/hello/{name}", get(greet)))?;
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
