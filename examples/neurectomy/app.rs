//! Shared state, routes and body limits.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
use examples::body::BodyLimits;
use examples::error::with_json_fallbacks;

use crate::api;
use crate::ryot::client::Ryot;
use crate::sessions::Sessions;
use crate::sigmavault::{HELD_BYTES, MAX_FILE_BYTES, Vault};

/// The maximum size of a JSON body, enough for a prompt written by hand.
const MAX_JSON_BYTES: usize = 256 << 10;

/// The maximum size of a body to compress. It is held in memory together with its result.
const MAX_ORIGINAL_BYTES: usize = 16 << 20;

/// The state shared by all handlers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) ryot: Ryot,
    pub(crate) vault: Vault,
    pub(crate) sessions: Sessions,
}

/// Returns the router of the service.
pub(crate) fn router(app: Arc<App>, limits: &BodyLimits) -> Router {
    let json = Router::new()
        .route("/health", get(api::health))
        .route("/v1/generate", post(api::generate))
        .route("/v1/keys", post(api::issue_key))
        .route("/v1/keys/{key}", delete(api::revoke_key))
        .route("/v1/sessions", post(api::open_session))
        .route("/v1/sessions/{id}", delete(api::end_session));
    let compress = Router::new().route("/v1/compress", post(api::compress));
    let files = get(api::retrieve_file).put(api::store_file).delete(api::delete_file);
    let files = Router::new().route("/v1/files/{*path}", files);
    let router = limits
        .apply(json, MAX_JSON_BYTES, MAX_JSON_BYTES)
        .merge(limits.apply(compress, MAX_ORIGINAL_BYTES, MAX_ORIGINAL_BYTES))
        .merge(limits.apply(files, MAX_FILE_BYTES, HELD_BYTES));
    with_json_fallbacks(router).with_state(app)
}
