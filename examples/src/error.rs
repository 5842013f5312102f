//! One shape for everything that is not a success: `{"error": {"status": 404, "message": "…"}}`.
//!
//! [`Checked`] brings axum's own rejections into it, [`with_json_fallbacks`] the routes and methods that are not there.

use std::fmt::Display;
use std::time::Duration;

use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;

/// An answer that is not a success.
#[derive(Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with `status` that tells the client `message`.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// 400: the request cannot be what the client meant.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: what the request names is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 500: the cause goes to the operator on stderr and not to the client, since it may speak of local paths or hosts.
    pub fn internal(doing: &str, cause: impl Display) -> Self {
        eprintln!("{doing}: {cause}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{doing} failed; the service's log says why"))
    }

    /// Adds a `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The status code this error answers with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "error": { "status": self.status.as_u16(), "message": self.message }
        });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(delay) = self.retry_after {
            // The header counts whole seconds; rounding up keeps an obedient client from coming back too early.
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

macro_rules! from_rejection {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), rejection.body_text())
            }
        }
    )+};
}

from_rejection!(BytesRejection, JsonRejection, MultipartRejection, PathRejection);

impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        let status = match error.status() {
            // The stream that could not be read comes from the client: it hung up, or garbled its chunks.
            status if status.is_server_error() => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::new(status, error.body_text())
    }
}

/// Any extractor, with its rejection turned into an [`ApiError`].
#[derive(Debug)]
pub struct Checked<E>(pub E);

impl<S, E> FromRequest<S> for Checked<E>
where
    S: Send + Sync,
    E: FromRequest<S>,
    ApiError: From<E::Rejection>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Ok(Self(E::from_request(request, state).await?))
    }
}

impl<S, E> FromRequestParts<S> for Checked<E>
where
    S: Send + Sync,
    E: FromRequestParts<S>,
    ApiError: From<E::Rejection>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(E::from_request_parts(parts, state).await?))
    }
}

/// Answers unknown paths and methods in the same shape as every other error.
pub fn with_json_fallbacks<S>(router: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router
        .fallback(|| async { ApiError::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(method_not_allowed)
}

/// 405, as a fallback.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take this method; the Allow header lists those it takes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(delay: Duration) -> Option<String> {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "later").retry_after(delay);
        let response = error.into_response();
        let value = response.headers().get(header::RETRY_AFTER)?;
        value.to_str().ok().map(str::to_owned)
    }

    #[test]
    fn retry_after_rounds_up_and_is_never_zero() {
        assert_eq!(retry_after(Duration::ZERO).as_deref(), Some("1"));
        assert_eq!(retry_after(Duration::from_millis(1)).as_deref(), Some("1"));
        assert_eq!(retry_after(Duration::from_secs(2)).as_deref(), Some("2"));
        assert_eq!(retry_after(Duration::from_millis(2001)).as_deref(), Some("3"));
    }

    #[test]
    fn the_cause_of_a_500_stays_in_the_log() {
        let error = ApiError::internal("reading", "/home/ada/secret: denied");
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}
