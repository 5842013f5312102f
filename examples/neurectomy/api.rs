//! Handlers: one for each route, between HTTP and the domain.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use examples::error::{ApiError, Checked};
use examples::run::chain;
use metrics_runtime::circuit_breaker::CircuitOpen;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::ryot::client::{Completion, Prompt, RyotError};
use crate::sessions::SessionError;
use crate::sigmalang;
use crate::sigmavault::{VaultError, file};

type Shared = State<Arc<App>>;

/// The default of `max_tokens`.
const DEFAULT_TOKENS: u32 = 64;

const ZSTD: &str = "application/zstd";
const ORIGINAL_SIZE: HeaderName = HeaderName::from_static("x-original-size");

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

#[derive(Deserialize)]
pub(crate) struct GenerateRequest {
    prompt: String,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    seed: Option<u64>,
}

pub(crate) async fn generate(
    State(app): Shared,
    Checked(Json(request)): Checked<Json<GenerateRequest>>,
) -> Result<Json<Completion>, ApiError> {
    let prompt = Prompt {
        text: request.prompt,
        max_tokens: request.max_tokens.unwrap_or(DEFAULT_TOKENS),
        temperature: request.temperature,
        seed: request.seed,
    };
    Ok(Json(app.ryot.generate(&prompt).await?))
}

/// Returns the error for a call that a circuit breaker rejected.
fn rejected(service: &str, open: &CircuitOpen) -> ApiError {
    let message = format!("{service} failed too often; try again later");
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message);
    open.retry_after().into_iter().fold(error, ApiError::retry_after)
}

impl From<RyotError> for ApiError {
    fn from(error: RyotError) -> Self {
        let status = match &error {
            RyotError::Open(open) => return rejected("Ryot", open),
            RyotError::Refused(_) => StatusCode::BAD_REQUEST,
            RyotError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            RyotError::Status(..) | RyotError::Unreachable(_) | RyotError::Malformed(_) => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, chain(&error))
    }
}

/// Returns sizes and ratio, or the compressed bytes if the client accepts `application/zstd`.
pub(crate) async fn compress(headers: HeaderMap, Checked(original): Checked<Bytes>) -> Result<Response, ApiError> {
    if original.is_empty() {
        return Err(ApiError::bad_request("the body is empty; send the bytes to compress"));
    }
    let compressed = sigmalang::compress(original).await.map_err(|error| ApiError::internal("compressing", error))?;
    let accept = headers.get(header::ACCEPT);
    if accept.is_some_and(|accept| accept.as_bytes().starts_with(ZSTD.as_bytes())) {
        let headers = [(header::CONTENT_TYPE, ZSTD.to_owned()), (ORIGINAL_SIZE, compressed.original_size.to_string())];
        return Ok((headers, compressed.data).into_response());
    }
    let summary = json!({
        "original_size": compressed.original_size,
        "compressed_size": compressed.data.len(),
        "ratio": compressed.ratio(),
    });
    Ok(Json(summary).into_response())
}

pub(crate) async fn store_file(
    State(app): Shared,
    Checked(Path(path)): Checked<Path<String>>,
    Checked(content): Checked<Bytes>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (file, size) = (file(&path)?, content.len());
    app.vault.store(&file, content).await?;
    // The normalized path: without slashes at the ends.
    let stored = json!({ "path": file.as_ref(), "size": size });
    Ok((StatusCode::CREATED, Json(stored)))
}

pub(crate) async fn retrieve_file(
    State(app): Shared,
    Checked(Path(path)): Checked<Path<String>>,
) -> Result<Response, ApiError> {
    let content = app.vault.retrieve(&file(&path)?).await?;
    // Clients upload the files, so browsers must not render one as a page of this service.
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, content).into_response())
}

pub(crate) async fn delete_file(
    State(app): Shared,
    Checked(Path(path)): Checked<Path<String>>,
) -> Result<StatusCode, ApiError> {
    app.vault.delete(&file(&path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        let status = match error {
            VaultError::Open(open) => return rejected("ΣVAULT", &open),
            VaultError::Path(_) => StatusCode::BAD_REQUEST,
            VaultError::NotFound => StatusCode::NOT_FOUND,
            VaultError::Conflict => StatusCode::CONFLICT,
            VaultError::TooLarge(_) => StatusCode::BAD_GATEWAY,
            VaultError::Store(_) => return Self::internal("ΣVAULT", chain(&error)),
        };
        Self::new(status, error.to_string())
    }
}

#[derive(Deserialize)]
pub(crate) struct KeyRequest {
    user: String,
}

pub(crate) async fn issue_key(
    State(app): Shared,
    Checked(Json(request)): Checked<Json<KeyRequest>>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let user = request.user.trim();
    if user.is_empty() || user.len() > 64 || user.chars().any(char::is_control) {
        return Err(ApiError::bad_request("`user` must be a name of 1 to 64 bytes without control characters"));
    }
    let key = app.sessions.issue_key(user.to_owned())?;
    Ok((StatusCode::CREATED, Json(json!({ "key": key }))))
}

pub(crate) async fn revoke_key(
    State(app): Shared,
    Checked(Path(key)): Checked<Path<String>>,
) -> Result<StatusCode, ApiError> {
    match app.sessions.revoke_key(&key) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // The key is the resource here, not the credential of the request: 404 and not 401.
        Err(error @ SessionError::UnknownKey) => Err(ApiError::not_found(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn open_session(
    State(app): Shared,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let key = bearer(&headers).ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "send the key as `Authorization: Bearer KEY`; POST /v1/keys issues one")
    })?;
    let session = app.sessions.open(key)?;
    let opened = json!({
        "session": session,
        "expires_in": app.sessions.lifetime().as_secs_f64(),
    });
    Ok((StatusCode::CREATED, Json(opened)))
}

pub(crate) async fn end_session(
    State(app): Shared,
    Checked(Path(id)): Checked<Path<String>>,
) -> Result<StatusCode, ApiError> {
    app.sessions.end(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        let status = match error {
            SessionError::UnknownKey => StatusCode::UNAUTHORIZED,
            SessionError::UnknownSession => StatusCode::NOT_FOUND,
            SessionError::Full => StatusCode::SERVICE_UNAVAILABLE,
            SessionError::NoRandomness(_) => return Self::internal("issuing a secret", error),
        };
        Self::new(status, error.to_string())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn bearer_tokens_are_read_from_the_header() {
        let token = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        for none in ["Basic abc", "Bearer", "Bearer  ", "abc", ""] {
            assert_eq!(token(none), None, "{none}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
