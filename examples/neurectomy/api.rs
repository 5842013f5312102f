//! Handlers: one for each route, between HTTP and the domain.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use examples::body::BodyError;
use examples::error::{ApiError, Checked};
use examples::json::Object;
use examples::run::chain;
use headers::authorization::Bearer;
use headers::{Authorization, HeaderMapExt as _};
use headers_accept::Accept;
use mediatype::names::{APPLICATION, JSON};
use mediatype::{MediaType, Name};
use metrics_runtime::circuit_breaker::CircuitOpen;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::ryot::client::{Completion, Prompt, RyotError};
use crate::sessions::SessionError;
use crate::sigmalang;
use crate::sigmavault::{Download, VaultError, file};

type Shared = State<Arc<App>>;

/// The default of `max_tokens`.
const DEFAULT_TOKENS: u32 = 64;

/// The maximum of `max_tokens`. Without one, a client could keep Ryot busy for longer than the timeout, which counts as
/// Ryot's error.
const MAX_TOKENS: u32 = 2048;

/// The formats of a compressed body: its sizes, if the client has no preference, and its bytes.
const SUMMARY: MediaType<'_> = MediaType::new(APPLICATION, JSON);
const ZSTD: MediaType<'_> = MediaType::new(APPLICATION, Name::new_unchecked("zstd"));

const ORIGINAL_SIZE: HeaderName = HeaderName::from_static("x-original-size");

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateRequest {
    prompt: String,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    seed: Option<u64>,
}

pub(crate) async fn generate(
    State(app): Shared,
    Checked(Json(Object(request))): Checked<Json<Object<GenerateRequest>>>,
) -> Result<Json<Completion>, ApiError> {
    if let Some(tokens) = request.max_tokens.filter(|tokens| !(1..=MAX_TOKENS).contains(tokens)) {
        let message = format!("`max_tokens` is {tokens}; expected a number from 1 to {MAX_TOKENS}");
        return Err(ApiError::bad_request(message));
    }
    if let Some(temperature) = request.temperature.filter(|temperature| !(0.0..=2.0).contains(temperature)) {
        let message = format!("`temperature` is {temperature}; expected a number from 0 to 2");
        return Err(ApiError::bad_request(message));
    }
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
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(open.retry_after())
}

impl From<RyotError> for ApiError {
    fn from(error: RyotError) -> Self {
        let (status, message, retry_after) = match &error {
            RyotError::Open(open) => return rejected("Ryot", open),
            RyotError::Refused(_) => {
                (StatusCode::BAD_REQUEST, "Ryot rejected the request; is the prompt too long for it?", None)
            }
            RyotError::Limited { retry_after, .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "Ryot limits the rate of requests; try again later", *retry_after)
            }
            RyotError::Status { status: StatusCode::SERVICE_UNAVAILABLE, retry_after, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "Ryot is not available; try again later", *retry_after)
            }
            RyotError::TimedOut(_) => (StatusCode::GATEWAY_TIMEOUT, "Ryot did not answer in time", None),
            RyotError::Status { .. } => (StatusCode::BAD_GATEWAY, "Ryot answered with an error", None),
            RyotError::Unreachable(_) => (StatusCode::BAD_GATEWAY, "the connection to Ryot failed", None),
            RyotError::Malformed(_) => (StatusCode::BAD_GATEWAY, "Ryot's answer is not a completion", None),
        };
        Self::logged(status, message, chain(&error)).retry_after(retry_after)
    }
}

/// Returns sizes and ratio, or the compressed bytes if the client prefers `application/zstd`.
pub(crate) async fn compress(headers: HeaderMap, Checked(original): Checked<Bytes>) -> Result<Response, ApiError> {
    if original.is_empty() {
        return Err(ApiError::bad_request("the body is empty; send the bytes to compress"));
    }
    let compressed = sigmalang::compress(original).await.map_err(|error| ApiError::internal("compressing", error))?;
    let accept = headers.typed_get::<Accept>();
    if accept.is_some_and(|accept| accept.negotiate(&[SUMMARY, ZSTD]) == Some(&ZSTD)) {
        let headers = [(header::CONTENT_TYPE, ZSTD.to_string()), (ORIGINAL_SIZE, compressed.original_size.to_string())];
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
    content: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let file = file(&path)?;
    let size = app.vault.store(&file, content).await?;
    // The normalized path: without slashes at the ends.
    let stored = json!({ "path": file.as_ref(), "size": size });
    Ok((StatusCode::CREATED, Json(stored)))
}

pub(crate) async fn retrieve_file(
    State(app): Shared,
    Checked(Path(path)): Checked<Path<String>>,
) -> Result<Response, ApiError> {
    let Download { size, content } = app.vault.retrieve(file(&path)?).await?;
    // Clients upload the files, so browsers must not render one as a page of this service.
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok(([(header::CONTENT_LENGTH, size)], headers, content).into_response())
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
        let text = error.to_string();
        let status = match error {
            VaultError::Open(open) => return rejected("ΣVAULT", &open),
            VaultError::Path(_) => StatusCode::BAD_REQUEST,
            VaultError::NotFound => StatusCode::NOT_FOUND,
            VaultError::Conflict => StatusCode::CONFLICT,
            VaultError::Body(body) => {
                return BodyError::find(&body).map_or_else(|| Self::bad_request(text), Self::from);
            }
            VaultError::TimedOut(_) => {
                return Self::logged(StatusCode::GATEWAY_TIMEOUT, "ΣVAULT did not answer in time", text);
            }
            VaultError::Missing(_) | VaultError::Short | VaultError::Store(_) => {
                return Self::internal("ΣVAULT", chain(&error));
            }
        };
        Self::new(status, text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    user: String,
}

pub(crate) async fn issue_key(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Checked(Json(Object(request))): Checked<Json<Object<KeyRequest>>>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let user = request.user.trim();
    if user.is_empty() || user.len() > 64 || user.chars().any(char::is_control) {
        return Err(ApiError::bad_request("`user` must be a name of 1 to 64 bytes without control characters"));
    }
    let key = app.sessions.issue_key(user.to_owned(), peer.ip().into())?;
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
    let Authorization(key) = headers.typed_get::<Authorization<Bearer>>().ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "send the key as `Authorization: Bearer KEY`; POST /v1/keys issues one")
    })?;
    let session = app.sessions.open(key.token())?;
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
            SessionError::TooManyKeys | SessionError::TooManySessions => StatusCode::TOO_MANY_REQUESTS,
            SessionError::Full { room_in } => {
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(room_in);
            }
            SessionError::NoRandomness(_) => return Self::internal("issuing a secret", error),
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[tokio::test]
    async fn the_compressed_bytes_are_for_clients_that_prefer_them() {
        let format = async |accept: &[&'static str]| {
            let headers = accept.iter().map(|value| (header::ACCEPT, HeaderValue::from_static(value))).collect();
            let answer = compress(headers, Checked("text".into())).await.expect("memory");
            answer.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned()
        };
        for accept in [
            &["application/zstd"][..],
            &["APPLICATION/ZSTD"],
            &["text/html, application/zstd;q=0.1"],
            &["application/json;q=0.5, application/zstd"],
            &["application/json;q=0", "application/*"],
            &["text/html", "application/zstd"],
        ] {
            assert_eq!(format(accept).await, "application/zstd", "{accept:?}");
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["application/zstd;q=0"],
            &["application/zstd;q=0, */*"],
            &["application/zstdfoo"],
            &["application/zstd;q=0.5, application/json"],
            &["text/html"],
            &["nonsense"],
            &[""],
        ] {
            assert_eq!(format(accept).await, "application/json", "{accept:?}");
        }
    }
}
