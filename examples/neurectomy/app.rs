//! The service put together: what it is made of, its routes, and how much each of them takes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use examples::error::with_json_fallbacks;

use crate::api;
use crate::ryot::client::Ryot;
use crate::sessions::Sessions;
use crate::sigmavault::{LARGEST_FILE, Vault};

/// The largest JSON body. A prompt is text that somebody wrote.
const LARGEST_JSON: usize = 256 << 10;

/// The largest body to compress. It is held in memory together with its result.
const LARGEST_ORIGINAL: usize = 16 << 20;

/// What the handlers work with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) ryot: Ryot,
    pub(crate) vault: Vault,
    pub(crate) sessions: Sessions,
}

/// All routes of the service.
pub(crate) fn router(app: Arc<App>) -> Router {
    let limit = DefaultBodyLimit::max;
    let files = get(api::retrieve_file).put(api::store_file).delete(api::delete_file);
    let router = Router::new()
        .route("/health", get(api::health))
        .route("/v1/generate", post(api::generate))
        .route("/v1/keys", post(api::issue_key))
        .route("/v1/keys/{key}", delete(api::revoke_key))
        .route("/v1/sessions", post(api::open_session))
        .route("/v1/sessions/{id}", delete(api::end_session))
        .layer(limit(LARGEST_JSON))
        .merge(Router::new().route("/v1/compress", post(api::compress)).layer(limit(LARGEST_ORIGINAL)))
        .merge(Router::new().route("/v1/files/{*path}", files).layer(limit(LARGEST_FILE)));
    with_json_fallbacks(router).with_state(app)
}
