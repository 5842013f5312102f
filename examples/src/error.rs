//! The JSON body of all error responses: `{"error": {"status": 404, "message": "…"}}`.
//!
//! [`Checked`] converts axum's rejections to it, and [`with_json_fallbacks`] adds it for unknown paths and methods.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;

use crate::body::BodyError;
use crate::log;

/// An error response.
#[derive(Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// Creates an error with this status code and message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// Creates a 400: the request is malformed.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Creates a 404: the requested resource does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Creates a 500. The cause is only [logged](Self::logged).
    pub fn internal(operation: &str, cause: impl Display) -> Self {
        let message = format!("{operation} failed; see the service's log for the cause");
        Self::logged(StatusCode::INTERNAL_SERVER_ERROR, message, cause)
    }

    /// Creates an error whose cause is logged and not sent to the client, since it may contain secrets, local paths or
    /// hosts. The log gets the start of it.
    pub fn logged(status: StatusCode, message: impl Into<String>, cause: impl Display) -> Self {
        let message = message.into();
        log::line(format_args!("{message}: {}", log::excerpt(&cause.to_string())));
        Self::new(status, message)
    }

    /// Adds a `Retry-After` header, if the delay is known.
    #[must_use]
    pub fn retry_after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.retry_after = delay.into();
        self
    }

    /// Returns the status code.
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
            // The header has whole seconds. Rounded up, so that clients do not retry too early.
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

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let answer = |status| Self::new(status, error.to_string());
        match error {
            BodyError::TooLarge(_) => answer(StatusCode::PAYLOAD_TOO_LARGE),
            BodyError::TooSlow => answer(StatusCode::REQUEST_TIMEOUT),
            BodyError::Incomplete => answer(client_closed_request()),
            BodyError::Busy => answer(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_secs(1)),
        }
    }
}

/// Returns the status 499, which has no name in the standard. The middleware counts a request with it if the client
/// left and the handler did not notice.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

macro_rules! from_rejection {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                Self::rejection(&rejection, rejection.status(), &rejection.body_text())
            }
        }
    )+};
}

from_rejection!(BytesRejection, JsonRejection, MultipartRejection, MultipartError, PathRejection);

impl ApiError {
    fn rejection(rejection: &(dyn Error + 'static), status: StatusCode, text: &str) -> Self {
        match BodyError::find(rejection) {
            Some(error) => error.into(),
            // A body that cannot be read, for example because of invalid chunks.
            None if status.is_server_error() => Self::bad_request("the body cannot be read"),
            // The text quotes the request.
            None => Self::new(status, log::excerpt(text)),
        }
    }
}

/// An extractor that wraps another one and converts its rejection to an [`ApiError`].
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

/// Adds fallbacks to the router that answer unknown paths and methods with an [`ApiError`].
pub fn with_json_fallbacks<S>(router: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router
        .fallback(|| async { ApiError::not_found("there is no resource at this path") })
        .method_not_allowed_fallback(method_not_allowed)
}

/// Returns a 405, as a fallback handler.
async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not support this method; the Allow header lists the supported ones",
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
    fn the_cause_of_a_500_is_not_sent_to_the_client() {
        let error = ApiError::internal("reading", "/home/ada/secret: denied");
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}
