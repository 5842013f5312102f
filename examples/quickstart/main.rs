//! A service in thirty lines.

use std::error::Error;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Router, routing::get};
use tokio::net::TcpListener;

/// Greetings.
async fn greet(Path(name): Path<String>) -> Result<String, StatusCode> {
    match name.as_str() {
        "nobody" => Err(StatusCode::NOT_FOUND),
        name => Ok(format!("Hello, {name}!\n")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new().route("/hello/{name}", get(greet));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
